/* digest.c - one number for the state of a processor, so that two runs can be compared. */
#include <string.h>

#include "vm/vm_int.h"

/* XSAVE area, standard format. SDM 1 10.5.1, 13.4. */
enum {
	XS_FCW = 0, XS_FTW = 4, XS_MXCSR = 24, XS_ST = 32, XS_XMM = 160, XS_XMM_END = 416,
	XS_BV = 512, XS_YMM = 576, XS_YMM_END = 832,
};

/* FNV-1a over 64-bit words with one more mixing step: quick, and any changed bit changes it. */
static u64 mix(u64 h, u64 x)
{
	h = (h ^ x) * 0x100000001b3;
	return h ^ h >> 29;
}

static u64 mix_bytes(u64 h, const u8 *p, size_t len)
{
	u64 x;

	for (size_t i = 0; i + sizeof(x) <= len; i += sizeof(x)) {
		memcpy(&x, p + i, sizeof(x));
		h = mix(h, x);
	}
	return h;
}

static u64 mix_seg(u64 h, const struct seg *s)
{
	return mix(mix(h, s->base), (u64)s->limit << 32 | (u32)s->sel << 16 | s->attr);
}

/* A component in its initial state may have anything in its bytes. Pointers to the last x87
 * instruction are left out: engines may keep them differently. */
static u64 mix_vectors(u64 h, const u8 *x)
{
	static const u8 zero[XS_YMM_END - XS_YMM];
	u8 bv = x[XS_BV];
	u32 mxcsr;

	memcpy(&mxcsr, x + XS_MXCSR, sizeof(mxcsr));
	h = mix(h, mxcsr);
	if (bv & 1) {
		u32 control;

		memcpy(&control, x + XS_FCW, sizeof(control));
		h = mix(mix(h, control), x[XS_FTW]);
		for (unsigned i = 0; i < 8; i++) {
			u16 high;

			memcpy(&high, x + XS_ST + 16 * i + 8, sizeof(high));
			h = mix(mix_bytes(h, x + XS_ST + 16 * i, 8), high);
		}
	} else {
		h = mix(mix(h, 0x37f), 0);
		for (unsigned i = 0; i < 16; i++)
			h = mix(h, 0);
	}
	h = mix_bytes(h, bv & 2 ? x + XS_XMM : zero, XS_XMM_END - XS_XMM);
	return mix_bytes(h, bv & 4 ? x + XS_YMM : zero, XS_YMM_END - XS_YMM);
}

u64 vm_digest_of(const struct vcpu *v)
{
	const u64 control[] = {
		v->rip, v->rflags, v->cr0, v->cr2, v->cr3, v->cr4, v->efer, v->xcr0, v->dr[0],
		v->dr[1], v->dr[2], v->dr[3], v->dr[6], v->dr[7], v->star, v->lstar, v->cstar,
		v->sfmask, v->kernel_gs_base, v->sysenter_cs, v->sysenter_esp, v->sysenter_eip, v->pat,
		v->tsc_aux, v->pkru, v->cpl, v->gdt.base, v->gdt.limit, v->idt.base, v->idt.limit,
	};
	u64 h = 0xcbf29ce484222325;

	h = mix_bytes(h, (const u8 *)v->gpr, sizeof(v->gpr));
	h = mix_bytes(h, (const u8 *)control, sizeof(control));
	for (unsigned i = 0; i < SEG_N; i++)
		h = mix_seg(h, &v->seg[i]);
	h = mix_seg(mix_seg(h, &v->ldt), &v->tr);
	return mix_vectors(h, v->xsave);
}
