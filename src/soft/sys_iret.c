/* sys_iret.c - back from an interrupt or a far call: iret in all modes, far ret, int n. */
#include "soft/ops.h"

/*E:620 Back from an interrupt
 * A return reads the frame, checks the code and stack segments it names against the privilege that
 * is left, and changes state only when nothing can fail any more. In 64-bit mode rsp and ss are
 * always part of the frame. Linux returns from each interrupt this way, and from many system calls.
 * @test iret_to_user_and_back
 */

/* What a far return goes to. */
struct way_back {
	u64 rip, rsp;
	u16 cs_sel, ss_sel;
	struct desc cs, ss;
	unsigned cpl;
};

/* SDM 2A IRET, RET: the checks of the code segment. */
static enum step back_code(struct soft_vcpu *s, struct way_back *w)
{
	const struct vcpu *v = cpu_of(s);
	const struct seg *g = &w->cs.seg;
	u32 err = sel_index(w->cs_sel);

	if (sel_is_null(w->cs_sel))
		return fault_gp(s, 0);
	if (desc_read(s, w->cs_sel, EXC_GP, 0, &w->cs))
		return STEP_FAULT;
	w->cpl = w->cs_sel & 3;
	if (!seg_is_code(g) || w->cpl < v->cpl)
		return fault_gp(s, err);
	if (seg_is_conforming(g) ? seg_dpl(g) > w->cpl : seg_dpl(g) != w->cpl)
		return fault_gp(s, err);
	if (in_lma(v) && (g->attr & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB))
		return fault_gp(s, err);
	if (!(g->attr & SEG_P))
		return soft_fault(s, EXC_NP, true, err);
	return desc_mark(s, &w->cs);
}

static enum step back_stack(struct soft_vcpu *s, struct way_back *w)
{
	const struct vcpu *v = cpu_of(s);
	const struct seg *g = &w->ss.seg;
	u32 err = sel_index(w->ss_sel);

	if (sel_is_null(w->ss_sel)) {
		if (!in_lma(v) || !(w->cs.seg.attr & SEG_L) || w->cpl == 3 ||
		    (w->ss_sel & 3u) != w->cpl)
			return fault_gp(s, 0);
		w->ss.seg.sel = w->ss_sel;
		w->ss.seg.attr = 0;
		w->ss.seg.limit = 0;
		w->ss.seg.base = 0;
		return STEP_NEXT;
	}
	if (desc_read(s, w->ss_sel, EXC_GP, 0, &w->ss))
		return STEP_FAULT;
	if ((w->ss_sel & 3u) != w->cpl || seg_dpl(g) != w->cpl || !seg_is_writable(g))
		return fault_gp(s, err);
	if (!(g->attr & SEG_P))
		return soft_fault(s, EXC_SS, true, err);
	return desc_mark(s, &w->ss);
}

/* Data segments that the outer level may not hold become null. The bases of FS and GS stay. */
static void drop_inner_segments(struct vcpu *v, unsigned cpl)
{
	static const u8 data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

	for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
		struct seg *g = &v->seg[data[i]];

		if (!(g->attr & SEG_P) || seg_is_conforming(g) || seg_dpl(g) >= cpl)
			continue;
		g->sel = 0;
		g->attr = 0;
	}
}

/* Load SS and rsp as the frame has them, with as much of rsp as the stack is wide. */
static void back_set_stack(struct vcpu *v, const struct way_back *w)
{
	bool wide = in_lma(v) && (w->cs.seg.attr & SEG_L);

	v->seg[SEG_SS] = w->ss.seg;
	if (wide)
		v->gpr[RSP] = w->rsp;
	else if (w->ss.seg.attr & SEG_DB)
		v->gpr[RSP] = (u32)w->rsp;
	else
		reg_write(v, RSP, 2, w->rsp);
}

/* ---- iret ---- */

/* Real mode, and virtual-8086 mode with IOPL 3. */
static enum step iret_real(struct soft_vcpu *s, unsigned size)
{
	struct vcpu *v = cpu_of(s);
	u64 mask = flags_poppable(v, size) | (size > 2 ? soft_rf(s) : 0), frame[3];
	struct stack st;

	if (in_v86(v) && iopl(v) < 3)
		return fault_gp(s, 0);
	stack_open(v, &st);
	if (stack_pop_n(s, &st, size, frame, 3))
		return STEP_FAULT;
	if (frame[0] > v->seg[SEG_CS].limit)
		return fault_gp(s, 0);
	stack_commit(v, &st);
	seg_set_real(v, SEG_CS, (u16)frame[1]);
	v->rip = frame[0];
	v->nmi_masked = false;
	flags_write(s, frame[2], mask);
	soft_mode_changed(s);
	return STEP_JUMP;
}

/* From CPL 0 to virtual-8086 mode: the frame goes on with esp, ss and the data segments. */
static enum step iret_to_v86(struct soft_vcpu *s, struct stack *st, const u64 frame[3])
{
	static const u8 order[] = { SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	struct vcpu *v = cpu_of(s);
	u64 rest[6];

	if (stack_pop_n(s, st, 4, rest, 6))
		return STEP_FAULT;
	if ((u32)frame[0] > 0xffff)
		return fault_gp(s, 0);
	v->rflags = (frame[2] & 0x3f7fd5) | FL_1;
	seg_set_real(v, SEG_CS, (u16)frame[1]);
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		seg_set_real(v, order[i], (u16)rest[i + 1]);
	v->gpr[RSP] = rest[0];
	v->cpl = 3;
	v->rip = frame[0];
	v->nmi_masked = false;
	soft_mode_changed(s);
	return STEP_JUMP;
}

static enum step iret_protected(struct soft_vcpu *s, unsigned size)
{
	struct vcpu *v = cpu_of(s);
	u64 mask, frame[5];
	bool wide = in_64bit(v), with_stack;
	struct way_back w;
	struct stack st;

	if (v->rflags & FL_NT)
		return in_lma(v) ? fault_gp(s, 0) : no_task_switch(s, SYS_TASK, 0);
	stack_open(v, &st);
	if (stack_pop_n(s, &st, size, frame, wide ? 5 : 3))
		return STEP_FAULT;
	if (!in_lma(v) && size == 4 && (frame[2] & FL_VM) && !v->cpl)
		return iret_to_v86(s, &st, frame);
	w.rip = frame[0];
	w.cs_sel = (u16)frame[1];
	if (back_code(s, &w))
		return STEP_FAULT;
	with_stack = wide || w.cpl > v->cpl;
	if (with_stack) {
		if (!wide && stack_pop_n(s, &st, size, frame + 3, 2))
			return STEP_FAULT;
		w.rsp = frame[3];
		w.ss_sel = (u16)frame[4];
		if (back_stack(s, &w))
			return STEP_FAULT;
	}
	if (!rip_ok(v, &w.cs.seg, w.rip))
		return fault_gp(s, 0);
	mask = flags_poppable(v, size) | (size > 2 ? soft_rf(s) : 0);
	if (size > 2 && !v->cpl)
		mask |= FL_VIF | FL_VIP;
	v->rflags = (v->rflags & ~mask) | (frame[2] & mask) | FL_1;
	if (with_stack)
		back_set_stack(v, &w);
	else
		stack_commit(v, &st);
	if (w.cpl > v->cpl)
		drop_inner_segments(v, w.cpl);
	v->nmi_masked = false;
	cs_set(s, &w.cs.seg, w.cpl, w.rip);
	return STEP_JUMP;
}

static enum step iret(struct soft_vcpu *s, unsigned size)
{
	return in_protected(cpu_of(s)) ? iret_protected(s, size) : iret_real(s, size);
}

enum step op_iret(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return iret(s, 2);
}

enum step op_iretd(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return iret(s, 4);
}

enum step op_iretq(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return iret(s, 8);
}

/* ---- far ret ---- */

static enum step retf_real(struct soft_vcpu *s, unsigned size, u64 drop)
{
	struct vcpu *v = cpu_of(s);
	struct stack st;
	u64 frame[2];

	stack_open(v, &st);
	if (stack_pop_n(s, &st, size, frame, 2))
		return STEP_FAULT;
	if (frame[0] > v->seg[SEG_CS].limit)
		return fault_gp(s, 0);
	st.sp += drop;
	reg_write(v, RSP, st.mask == 0xffff ? 2 : 4, st.sp);
	seg_set_real(v, SEG_CS, (u16)frame[1]);
	v->rip = frame[0];
	soft_mode_changed(s);
	return STEP_JUMP;
}

static enum step retf_protected(struct soft_vcpu *s, unsigned size, u64 drop)
{
	struct vcpu *v = cpu_of(s);
	struct way_back w;
	struct stack st;
	u64 frame[2];
	bool outer;

	stack_open(v, &st);
	if (stack_pop_n(s, &st, size, frame, 2))
		return STEP_FAULT;
	w.rip = frame[0];
	w.cs_sel = (u16)frame[1];
	if (back_code(s, &w))
		return STEP_FAULT;
	st.sp += drop;
	outer = w.cpl > v->cpl;
	if (outer) {
		if (stack_pop_n(s, &st, size, frame, 2))
			return STEP_FAULT;
		w.rsp = frame[0] + drop;
		w.ss_sel = (u16)frame[1];
		if (back_stack(s, &w))
			return STEP_FAULT;
	}
	if (!rip_ok(v, &w.cs.seg, w.rip))
		return fault_gp(s, 0);
	if (outer) {
		back_set_stack(v, &w);
		drop_inner_segments(v, w.cpl);
	} else if (st.mask == 0xffff) {
		reg_write(v, RSP, 2, st.sp);
	} else {
		v->gpr[RSP] = st.sp & st.mask;
	}
	cs_set(s, &w.cs.seg, w.cpl, w.rip);
	return STEP_JUMP;
}

enum step retf(struct soft_vcpu *s, const struct insn *in, u64 drop)
{
	return in_protected(cpu_of(s)) ? retf_protected(s, in->opsize, drop) :
					 retf_real(s, in->opsize, drop);
}

/* ---- int n ---- */

static enum step int_soft(struct soft_vcpu *s, const struct insn *in, u8 vec)
{
	const struct fault f = { .vec = vec };

	soft_no_step(s);
	return intr_try(s, INTR_SOFT, &f, cpu_of(s)->rip + in->len);
}

enum step op_int(struct soft_vcpu *s, const struct insn *in)
{
	return int_soft(s, in, (u8)in->imm);
}

enum step op_int3(struct soft_vcpu *s, const struct insn *in)
{
	return int_soft(s, in, EXC_BP);
}

enum step op_into(struct soft_vcpu *s, const struct insn *in)
{
	if (in_64bit(cpu_of(s)))
		return fault_ud(s);
	return cpu_of(s)->rflags & FL_OF ? int_soft(s, in, EXC_OF) : STEP_NEXT;
}

/* ICEBP: a debug exception, whose gate's DPL does not matter. SDM 2A INT1. */
enum step op_int1(struct soft_vcpu *s, const struct insn *in)
{
	const struct fault f = { .vec = EXC_DB, .trap = true };

	soft_no_step(s);
	return intr_try(s, INTR_EXCEPTION, &f, cpu_of(s)->rip + in->len);
}
