/* gather.c - vector loads and stores that suppress faults per element. SDM 2C VGATHER, VMASKMOV. */
#include "soft/xstate.h"

/*E:720 Elements that are not touched
 * A gather reads each element from an address of its own, a masked move leaves out elements whose
 * mask bit is clear, and what is left out cannot fault. Redirecting one operand cannot express
 * that, so these are done in C, one element after another, on the saved vector registers. A
 * gather that faults half-way keeps what it has and clears those mask bits; that is how it goes on.
 * @test gather_stops_at_a_fault
 */

/* Bytes [0, 32) of vector register n, wherever v->xsave has them. */
static void vec_read(struct vcpu *v, unsigned n, u8 *buf)
{
	xstate_get(v, XC_SSE);
	xstate_get(v, XC_AVX);
	memcpy(buf, v->xsave + XS_XMM + 16 * n, 16);
	memcpy(buf + 16, v->xsave + XS_YMM + 16 * n, 16);
}

/* Write the whole register; 16-byte forms clear the upper half. */
static void vec_write(struct vcpu *v, unsigned n, const u8 *buf, unsigned vlen)
{
	xstate_get(v, XC_AVX);
	memcpy(v->xsave + XS_XMM + 16 * n, buf, 16);
	if (vlen == 32)
		memcpy(v->xsave + XS_YMM + 16 * n, buf + 16, 16);
	else
		memset(v->xsave + XS_YMM + 16 * n, 0, 16);
	xstate_put(v, XC_SSE);
	xstate_put(v, XC_AVX);
}

static enum step avx_check(struct soft_vcpu *s)
{
	const struct vcpu *v = cpu_of(s);

	if (!in_protected(v) || !(v->cr4 & CR4_OSXSAVE) ||
	    (v->xcr0 & (XC_SSE | XC_AVX)) != (XC_SSE | XC_AVX))
		return fault_ud(s);
	return v->cr0 & CR0_TS ? soft_fault(s, EXC_NM, false, 0) : STEP_NEXT;
}

/* Value of element i of a register image. */
static u64 element(const u8 *reg, unsigned i, unsigned size)
{
	return size == 4 ? get32(reg + 4 * i) : get64(reg + 8 * i);
}

static bool is_masked_in(const u8 *mask, unsigned i, unsigned size)
{
	return mask[(i + 1) * size - 1] & 0x80;
}

/* ---- gathers: opcodes 90 and 92 have dword indices, 91 and 93 qword ones ---- */

static u64 gather_address(const struct vcpu *v, const struct insn *in, const u8 *index, unsigned i)
{
	unsigned size = in->opcode & 1 ? 8 : 4;
	u64 ea = (u64)in->disp + size_sext(element(index, i, size), size) * in->scale;

	if (in->base != GPR_NONE)
		ea += v->gpr[in->base];
	return ea & size_mask(in->addrsize);
}

/* Before anything else a mask element becomes all ones or all zeros. */
static void mask_spread(u8 *mask, unsigned n, unsigned size)
{
	for (unsigned i = 0; i < n; i++)
		memset(mask + i * size, is_masked_in(mask, i, size) ? 0xff : 0, size);
	memset(mask + n * size, 0, 32 - n * size);
}

enum step op_gather(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned size = in->wide ? 8 : 4, isize = in->opcode & 1 ? 8 : 4;
	unsigned n = in->vlen / (size > isize ? size : isize);
	u8 dst[32], mask[32], index[32];
	enum step r = STEP_NEXT;
	u64 lin;

	if (avx_check(s))
		return STEP_FAULT;
	if (in->reg == in->vvvv || in->reg == in->index || in->vvvv == in->index)
		return fault_ud(s);
	vec_read(v, in->reg, dst);
	vec_read(v, in->vvvv, mask);
	vec_read(v, in->index, index);
	mask_spread(mask, n, size);
	for (unsigned i = 0; i < n && r == STEP_NEXT; i++) {
		if (is_masked_in(mask, i, size)) {
			r = seg_linear(s, in->seg, gather_address(v, in, index, i), size, ACC_R, &lin);
			if (r == STEP_NEXT)
				r = lin_read(s, lin, dst + i * size, size, acc_data(v) | ACC_ANY_ALIGNMENT);
		}
		if (r == STEP_NEXT)
			memset(mask + i * size, 0, size);
	}
	/* Completed elements count even when a later one faults; the rest keeps its mask. */
	if (n * size <= 8)
		memset(dst + 8, 0, 8);
	vec_write(v, in->reg, dst, n * size <= 16 ? 16 : 32);
	vec_write(v, in->vvvv, mask, 32);
	return r;
}

/* ---- vmaskmovps/pd (2C to 2F), vpmaskmovd/q (8C, 8E) ---- */

static enum step element_linear(struct soft_vcpu *s, const struct insn *in, unsigned i, unsigned size,
				unsigned acc, u64 *lin)
{
	u64 off = (insn_ea(cpu_of(s), in) + i * size) & size_mask(in->addrsize);

	return seg_linear(s, in->seg, off, size, acc, lin);
}

static enum step masked_load(struct soft_vcpu *s, const struct insn *in, const u8 *mask, unsigned size)
{
	struct vcpu *v = cpu_of(s);
	u8 buf[32] = { 0 };
	u64 lin;

	for (unsigned i = 0; i < in->vlen / size; i++) {
		if (!is_masked_in(mask, i, size))
			continue;
		if (element_linear(s, in, i, size, ACC_R, &lin) ||
		    lin_read(s, lin, buf + i * size, size, acc_data(v) | ACC_ANY_ALIGNMENT))
			return STEP_FAULT;
	}
	vec_write(v, in->reg, buf, in->vlen);
	return STEP_NEXT;
}

/* Store elements; the first pass only asks whether all of them can be. */
static enum step masked_store(struct soft_vcpu *s, const struct insn *in, const u8 *mask,
			      const u8 *data, unsigned size, unsigned n)
{
	unsigned acc = acc_data(cpu_of(s)) | ACC_ANY_ALIGNMENT;
	enum step r = STEP_NEXT;
	u64 lin;

	for (unsigned i = 0; i < 2 * n && r == STEP_NEXT; i++) {
		unsigned k = i % n;

		if (!is_masked_in(mask, k, size))
			continue;
		r = element_linear(s, in, k, size, ACC_W, &lin);
		if (r == STEP_NEXT)
			r = i < n ? lin_probe_w(s, lin, size, acc) :
				    lin_write(s, lin, data + k * size, size, acc);
	}
	return r;
}

enum step op_maskmov(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	bool store = in->opcode == 0x2e || in->opcode == 0x2f || in->opcode == 0x8e;
	bool quad = in->opcode >= 0x80 ? in->wide : in->opcode & 1;
	unsigned size = quad ? 8 : 4;
	u8 mask[32], data[32];

	if (avx_check(s))
		return STEP_FAULT;
	vec_read(v, in->vvvv, mask);
	if (!store)
		return masked_load(s, in, mask, size);
	vec_read(v, in->reg, data);
	return masked_store(s, in, mask, data, size, in->vlen / size);
}

/* ---- maskmovdqu, maskmovq: bytes to [rdi] ---- */

static enum step bytes_store(struct soft_vcpu *s, const struct insn *in, const u8 *mask,
			     const u8 *data, unsigned n)
{
	struct vcpu *v = cpu_of(s);
	struct insn at = *in;
	u64 lin;

	at.base = RDI;
	at.index = GPR_NONE;
	at.disp = 0;
	lin = insn_ea(v, &at) + (in_64bit(v) && at.seg != SEG_FS && at.seg != SEG_GS ? 0 : v->seg[at.seg].base);
	if (in_64bit(v) && !canonical(lin))
		return fault_gp(s, 0);
	if (lin_align(s, lin, 8))
		return STEP_FAULT;
	/* Within one page a Zen 5 faults whatever the mask says. */
	if ((lin & (GUEST_PAGE_SIZE - 1)) + n <= GUEST_PAGE_SIZE &&
	    lin_probe_w(s, lin, n, acc_data(v) | ACC_ANY_ALIGNMENT))
		return STEP_FAULT;
	return masked_store(s, &at, mask, data, 1, n);
}

enum step op_maskmovdqu(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u8 mask[32], data[32];

	if (in->vlen) {
		if (avx_check(s))
			return STEP_FAULT;
	} else {
		if ((v->cr0 & CR0_EM) || !(v->cr4 & CR4_OSFXSR))
			return fault_ud(s);
		if (fpu_check(s))
			return STEP_FAULT;
	}
	vec_read(v, in->reg, data);
	vec_read(v, in->rm, mask);
	return bytes_store(s, in, mask, data, 16);
}

enum step op_maskmovq(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u8 *x = v->xsave, st[128];
	unsigned top;
	u16 fsw;

	if (v->cr0 & CR0_EM)
		return fault_ud(s);
	if (fpu_check(s))
		return STEP_FAULT;
	xstate_get(v, XC_X87);
	fsw = get16(x + XS_FSW);
	if ((fsw & 0x80) && (v->cr0 & CR0_NE))
		return soft_fault(s, EXC_MF, false, 0);
	top = fsw >> 11 & 7;
	memcpy(st, x + XS_ST, sizeof(st));
	/* MM registers are numbered from the bottom, the area from the top of the stack. */
	if (bytes_store(s, in, st + 16 * ((in->rm - top) & 7), st + 16 * ((in->reg - top) & 7), 8))
		return STEP_FAULT;
	for (unsigned i = 0; i < 8; i++)
		memcpy(x + XS_ST + 16 * i, st + 16 * ((i - top) & 7), 16);
	put16(x + XS_FSW, fsw & ~0x3800);
	x[XS_FTW] = 0xff;
	xstate_put(v, XC_X87);
	return STEP_NEXT;
}
