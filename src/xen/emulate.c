/* emulate.c - the few instructions of ring 0 that a paravirtual kernel may still use. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>

#define MSR_FS 0xc0000100u
#define MSR_GS 0xc0000101u
#define MSR_KERNEL_GS 0xc0000102u
#define MSR_EFER 0xc0000080u
#define MSR_TSC_AUX 0xc0000103u

static const u8 prefix[] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };

/* ud2a, "xen", cpuid: CPUID as Xen says it, also on processors that would not ask Xen. */
static bool forced_cpuid(struct xen *x, const u8 *code)
{
	if (memcmp(code, prefix, sizeof(prefix)))
		return false;
	xen_cpuid(x);
	x->v->rip += sizeof(prefix);
	return true;
}

static bool cr_read(struct xen *x, unsigned cr, u64 *ret)
{
	switch (cr) {
	case 0: *ret = x->v->cr0; return true;
	case 2: *ret = x->cr2; return true;
	case 3: *ret = x->kernel_base << GUEST_PAGE_SHIFT; return true;
	case 4: *ret = x->v->cr4 & ~(u64)CR4_PCIDE; return true;
	}
	return false;
}

#define CR4_GUEST (CR4_OSXSAVE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PAE | CR4_DE)

static bool cr_write(struct xen *x, unsigned cr, u64 v)
{
	switch (cr) {
	case 0:
		if ((v ^ x->v->cr0) & ~(u64)CR0_TS)
			return false;
		x->v->cr0 = v;
		return true;
	case 2:
		x->cr2 = v;
		return true;
	case 4: /* the guest owns some of the bits; the rest stays */
		x->v->cr4 = (x->v->cr4 & ~(u64)CR4_OSXSAVE) | (v & CR4_OSXSAVE);
		return true;
	}
	return false;
}

static bool msr_read(struct xen *x, u32 msr, u64 *ret)
{
	switch (msr) {
	case MSR_EFER: *ret = x->v->efer & ~(u64)(EFER_LME | EFER_LMA); return true;
	case MSR_FS: *ret = x->v->seg[SEG_FS].base; return true;
	case MSR_GS: *ret = x->v->seg[SEG_GS].base; return true;
	case MSR_KERNEL_GS: *ret = x->v->kernel_gs_base; return true;
	case 0x1b: *ret = 0xfee00900; return true; /* APIC base: boot processor, enabled */
	case 0x1a0: *ret = 1; return true;
	case 0x277: *ret = 0x0007010600070106ull; return true;
	}
	return false;
}

static bool msr_write(struct xen *x, u32 msr, u64 v)
{
	const u64 a[6] = { msr == MSR_FS ? SEGBASE_FS : msr == MSR_GS ? SEGBASE_GS_KERNEL :
			   SEGBASE_GS_USER, v };

	if (msr == MSR_FS || msr == MSR_GS || msr == MSR_KERNEL_GS)
		return !hc_segment_base(x, a);
	return msr == MSR_EFER || msr == 0x8b || msr == 0x277;
}

static bool xcr_write(struct xen *x)
{
	struct vcpu *v = x->v;
	u64 val = (u32)v->gpr[RAX] | v->gpr[RDX] << 32;
	struct cpuid_config c = { .ncpus = 1, .soft = true };

	if ((u32)v->gpr[RCX] || !(val & 1) || val & ~cpuid_xcr0(&c) || (val & 6) == 4)
		return false;
	v->xcr0 = val;
	v->engine->ops->put_state(v);
	return true;
}

static bool msr_do(struct xen *x, bool write)
{
	struct vcpu *v = x->v;
	u64 val;

	if (write)
		return msr_write(x, (u32)v->gpr[RCX], (u32)v->gpr[RAX] | v->gpr[RDX] << 32);
	if (!msr_read(x, (u32)v->gpr[RCX], &val))
		return false;
	v->gpr[RAX] = (u32)val;
	v->gpr[RDX] = val >> 32;
	return true;
}

static u64 *reg(struct xen *x, const u8 *code, unsigned rex)
{
	return &x->v->gpr[(code[0] & 7) | (rex & 1 ? 8 : 0)];
}

/* Two-byte opcodes; code is behind 0f. Returns bytes taken, 0 for one that is not ours. */
static unsigned two_byte(struct xen *x, const u8 *code, unsigned rex)
{
	unsigned n = (code[1] >> 3 & 7) | (rex & 4 ? 8 : 0);
	u64 v;

	switch (code[0]) {
	case 0x20:
		if (!cr_read(x, n, reg(x, code + 1, rex)))
			return 0;
		return 2;
	case 0x22: return cr_write(x, n, *reg(x, code + 1, rex)) ? 2 : 0;
	case 0x21: *reg(x, code + 1, rex) = x->dr[n & 7]; return 2;
	case 0x23:
		v = *reg(x, code + 1, rex);
		return (n & 7) == 7 && v & 0xff ? 0 : (x->dr[n & 7] = v, 2);
	case 0x06: x->v->cr0 &= ~(u64)CR0_TS; return 1;
	case 0x09: return 1;
	case 0x30: return msr_do(x, true) ? 1 : 0;
	case 0x32: return msr_do(x, false) ? 1 : 0;
	case 0x01: return code[1] == 0xd1 && xcr_write(x) ? 2 : 0;
	}
	return 0;
}

/* Ports of a PC that is not there: reads give all ones, writes go nowhere. */
static unsigned port(struct xen *x, const u8 *code, bool small)
{
	struct vcpu *v = x->v;
	bool imm = !(code[0] & 8), wide = code[0] & 1;
	u64 mask = !wide ? 0xff : small ? 0xffff : 0xffffffff;

	if (code[0] < 0xe4 || (code[0] > 0xe7 && code[0] < 0xec) || code[0] > 0xef || !x->iopl)
		return 0;
	if (!(code[0] & 2))
		v->gpr[RAX] = wide && !small ? mask : v->gpr[RAX] | mask;
	return imm ? 2 : 1;
}

bool emulate_insn(struct xen *x)
{
	u8 code[16] = { 0 };
	unsigned i = 0, rex = 0, n = 0;
	bool small = false;

	for (unsigned k = 0; k < sizeof(code); k++)
		if (guest_read(x, x->v->rip + k, &code[k], 1))
			break;
	if (forced_cpuid(x, code))
		return true;
	if (!x->kernel)
		return false;
	for (; code[i] == 0x66 || code[i] == 0xf2 || code[i] == 0xf3; i++)
		small |= code[i] == 0x66;
	if ((code[i] & 0xf0) == 0x40)
		rex = code[i++];
	if (i > 4)
		return false;
	if (code[i] == 0x0f) {
		n = two_byte(x, code + i + 1, rex);
		n += !!n;
	} else if (code[i] == 0xfa || code[i] == 0xfb) {
		n = x->iopl ? 1 : 0; /* cli and sti: without meaning here */
	} else {
		n = port(x, code + i, small);
	}
	if (!n)
		return false;
	x->v->rip += i + n;
	return true;
}
