/* stack.c - pushes and pops on the present stack or another privilege's, and the TSS they come from. */
#include "soft/sys.h"

void stack_open_at(struct stack *st, const struct seg *ss, u64 sp, unsigned cpl, bool flat, u32 err)
{
	st->ss = *ss;
	st->sp = sp;
	st->mask = flat ? ~0ull : ss->attr & SEG_DB ? 0xffffffff : 0xffff;
	st->acc = cpl == 3 ? ACC_USER : 0;
	st->flat = flat;
	st->err = err;
}

void stack_open(const struct vcpu *v, struct stack *st)
{
	stack_open_at(st, &v->seg[SEG_SS], v->gpr[RSP], v->cpl, in_64bit(v), 0);
}

static enum step stack_linear(struct soft_vcpu *s, const struct stack *st, u64 sp, unsigned size,
			      unsigned acc, u64 *ret)
{
	sp &= st->mask;
	if (st->flat ? !canonical(sp) || !canonical(sp + size - 1) :
		       !seg_check(cpu_of(s), &st->ss, sp, size, acc)) {
		soft_fault(s, EXC_SS, true, st->err);
		return STEP_FAULT;
	}
	*ret = st->flat ? sp : (u32)(st->ss.base + sp);
	return STEP_NEXT;
}

static u64 sp_add(const struct stack *st, u64 n)
{
	return (st->sp & ~st->mask) | ((st->sp + n) & st->mask);
}

enum step stack_room(struct soft_vcpu *s, const struct stack *st, unsigned size)
{
	u64 lin;

	if (stack_linear(s, st, sp_add(st, -(u64)size), size, ACC_W, &lin))
		return STEP_FAULT;
	if ((st->acc & ACC_USER) && lin_align(s, lin, size))
		return STEP_FAULT;
	return lin_probe_w(s, lin, size, st->acc);
}

enum step stack_push(struct soft_vcpu *s, struct stack *st, unsigned size, u64 val)
{
	u64 sp = sp_add(st, -(u64)size), lin;

	if (stack_linear(s, st, sp, size, ACC_W, &lin))
		return STEP_FAULT;
	if (lin_write(s, lin, &val, size, st->acc))
		return STEP_FAULT;
	st->sp = sp;
	return STEP_NEXT;
}

enum step stack_pop(struct soft_vcpu *s, struct stack *st, unsigned size, u64 *ret)
{
	u64 lin, val = 0;

	if (stack_linear(s, st, st->sp, size, ACC_R, &lin))
		return STEP_FAULT;
	if (lin_read(s, lin, &val, size, st->acc))
		return STEP_FAULT;
	st->sp = sp_add(st, size);
	*ret = val;
	return STEP_NEXT;
}

/* Of a frame each word is checked for alignment, not the frame. */
static enum step stack_align(struct soft_vcpu *s, const struct stack *st, u64 lin)
{
	return st->acc & ACC_USER ? lin_align(s, lin, 8) : STEP_NEXT;
}

/* In 64-bit mode a frame of up to six words goes in one access: the hot way of interrupts and iret. */
enum step stack_push_n(struct soft_vcpu *s, struct stack *st, unsigned size, const u64 *val, unsigned n)
{
	u64 frame[6], sp = st->sp - 8 * n, lin;

	if (!st->flat || size != 8 || n > ARRAY_SIZE(frame)) {
		for (unsigned i = 0; i < n; i++)
			if (stack_push(s, st, size, val[i]))
				return STEP_FAULT;
		return STEP_NEXT;
	}
	for (unsigned i = 0; i < n; i++)
		frame[n - 1 - i] = val[i];
	if (stack_linear(s, st, sp, 8 * n, ACC_W, &lin) || stack_align(s, st, lin) ||
	    lin_write(s, lin, frame, 8 * n, st->acc | ACC_ANY_ALIGNMENT))
		return STEP_FAULT;
	st->sp = sp;
	return STEP_NEXT;
}

enum step stack_pop_n(struct soft_vcpu *s, struct stack *st, unsigned size, u64 *ret, unsigned n)
{
	u64 lin;

	if (!st->flat || size != 8) {
		for (unsigned i = 0; i < n; i++)
			if (stack_pop(s, st, size, &ret[i]))
				return STEP_FAULT;
		return STEP_NEXT;
	}
	if (stack_linear(s, st, st->sp, 8 * n, ACC_R, &lin) || stack_align(s, st, lin) ||
	    lin_read(s, lin, ret, 8 * n, st->acc | ACC_ANY_ALIGNMENT))
		return STEP_FAULT;
	st->sp += 8 * n;
	return STEP_NEXT;
}

enum step stack_probe(struct soft_vcpu *s, const struct stack *st)
{
	u64 lin;

	return stack_linear(s, st, st->sp, 1, ACC_W, &lin) ? STEP_FAULT : lin_probe_w(s, lin, 1, st->acc);
}

void stack_commit(struct vcpu *v, const struct stack *st)
{
	v->gpr[RSP] = st->mask == 0xffff ? st->sp : st->sp & st->mask;
}

/* ---- the task-state segment. SDM 3A 8.2.1, 8.7 ---- */

static enum step tss_read(struct soft_vcpu *s, u32 off, void *buf, unsigned len, u32 ext)
{
	const struct vcpu *v = cpu_of(s);
	u64 lin = v->tr.base + off;

	if (off + len - 1 > v->tr.limit)
		return soft_fault(s, EXC_TS, true, sel_index(v->tr.sel) | ext);
	return lin_read(s, in_lma(v) ? lin : (u32)lin, buf, len, ACC_IMPLICIT);
}

enum step tss_stack(struct soft_vcpu *s, unsigned cpl, unsigned ist, u32 ext, u64 *sp, u16 *ss)
{
	const struct vcpu *v = cpu_of(s);
	u32 pair[2] = { 0 };
	u16 pair16[2];

	if (in_lma(v))
		return tss_read(s, ist ? 0x1c + 8 * ist : 4 + 8 * cpl, sp, 8, ext);
	if (seg_type(&v->tr) == SYS_TSS_BUSY) {
		if (tss_read(s, 4 + 8 * cpl, pair, 6, ext))
			return STEP_FAULT;
		*sp = pair[0];
		*ss = (u16)pair[1];
		return STEP_NEXT;
	}
	if (tss_read(s, 2 + 4 * cpl, pair16, 4, ext))
		return STEP_FAULT;
	*sp = pair16[0];
	*ss = pair16[1];
	return STEP_NEXT;
}

enum step tss_load_ss(struct soft_vcpu *s, u16 sel, unsigned cpl, u32 ext, struct seg *ret)
{
	struct desc d;

	if (sel_is_null(sel))
		return soft_fault(s, EXC_TS, true, ext);
	if (desc_read(s, sel, EXC_TS, ext, &d))
		return STEP_FAULT;
	if ((sel & 3u) != cpl || seg_dpl(&d.seg) != cpl || !seg_is_writable(&d.seg))
		return soft_fault(s, EXC_TS, true, sel_index(sel) | ext);
	if (!(d.seg.attr & SEG_P))
		return soft_fault(s, EXC_SS, true, sel_index(sel) | ext);
	if (desc_mark(s, &d))
		return STEP_FAULT;
	*ret = d.seg;
	return STEP_NEXT;
}
