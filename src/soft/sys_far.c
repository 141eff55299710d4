/* sys_far.c - far jumps and calls: code segments, call gates, real mode. SDM 2A CALL, JMP. */
#include "base/log.h"
#include "soft/ops.h"

/* Where a far transfer leads; a gate may have replaced what the instruction said. */
struct far {
	bool call;
	u16 sel;
	u64 rip;
	unsigned size; /* of a stack word */
	struct desc cs;
};

static enum step far_real(struct soft_vcpu *s, const struct insn *in, const struct far *f)
{
	struct vcpu *v = cpu_of(s);
	u64 frame[2] = { v->seg[SEG_CS].sel, v->rip + in->len };
	struct stack st;

	if (f->rip > v->seg[SEG_CS].limit)
		return fault_gp(s, 0);
	if (f->call) {
		stack_open(v, &st);
		if (stack_push_n(s, &st, f->size, frame, 2))
			return STEP_FAULT;
		stack_commit(v, &st);
	}
	seg_set_real(v, SEG_CS, f->sel);
	v->rip = f->rip;
	soft_mode_changed(s);
	return STEP_JUMP;
}

/* The end of a transfer that keeps the privilege level. */
static enum step far_same(struct soft_vcpu *s, const struct insn *in, struct far *f)
{
	struct vcpu *v = cpu_of(s);
	u64 frame[2] = { v->seg[SEG_CS].sel, v->rip + in->len };
	struct stack st;

	if (!rip_ok(v, &f->cs.seg, f->rip))
		return fault_gp(s, 0);
	if (desc_mark(s, &f->cs))
		return STEP_FAULT;
	if (f->call) {
		stack_open(v, &st);
		if (stack_push_n(s, &st, f->size, frame, 2))
			return STEP_FAULT;
		stack_commit(v, &st);
	}
	cs_set(s, &f->cs.seg, v->cpl, f->rip);
	return STEP_JUMP;
}

static enum step far_code(struct soft_vcpu *s, const struct insn *in, struct far *f)
{
	const struct vcpu *v = cpu_of(s);
	const struct seg *g = &f->cs.seg;
	u32 err = sel_index(f->sel);

	if (seg_is_conforming(g) ? seg_dpl(g) > v->cpl :
				   (f->sel & 3u) > v->cpl || seg_dpl(g) != v->cpl)
		return fault_gp(s, err);
	if (in_lma(v) && (g->attr & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB))
		return fault_gp(s, err);
	if (!(g->attr & SEG_P))
		return soft_fault(s, EXC_NP, true, err);
	return far_same(s, in, f);
}

/* ---- call gates ---- */

/* Parameters that a 16- or 32-bit gate copies from the outer stack, last one first. */
static enum step gate_params(struct soft_vcpu *s, const struct far *f, unsigned n, u64 *val)
{
	struct stack st;

	stack_open(cpu_of(s), &st);
	for (unsigned i = 0; i < n; i++)
		if (stack_pop(s, &st, f->size, &val[n - 1 - i]))
			return STEP_FAULT;
	return STEP_NEXT;
}

static enum step gate_inner(struct soft_vcpu *s, const struct insn *in, struct far *f,
			    unsigned nparams)
{
	struct vcpu *v = cpu_of(s);
	unsigned cpl = seg_dpl(&f->cs.seg);
	u64 old_stack[2] = { v->seg[SEG_SS].sel, v->gpr[RSP] };
	u64 back[2] = { v->seg[SEG_CS].sel, v->rip + in->len };
	u64 params[31], sp;
	bool wide = in_lma(v);
	struct stack st;
	struct seg ss;
	u16 sel = (u16)cpl;

	if (tss_stack(s, cpl, 0, 0, &sp, &sel))
		return STEP_FAULT;
	if (wide)
		seg_set_flat(&ss, sel, 0);
	else if (tss_load_ss(s, sel, cpl, 0, &ss) || gate_params(s, f, nparams, params))
		return STEP_FAULT;
	stack_open_at(&st, &ss, sp, cpl, wide, sel_index(sel));
	if (stack_push_n(s, &st, f->size, old_stack, 2))
		return STEP_FAULT;
	if (!wide && stack_push_n(s, &st, f->size, params, nparams))
		return STEP_FAULT;
	if (stack_push_n(s, &st, f->size, back, 2))
		return STEP_FAULT;
	if (!rip_ok(v, &f->cs.seg, f->rip))
		return fault_gp(s, 0);
	if (desc_mark(s, &f->cs))
		return STEP_FAULT;
	v->seg[SEG_SS] = ss;
	v->gpr[RSP] = wide ? st.sp : (u32)st.sp;
	cs_set(s, &f->cs.seg, cpl, f->rip);
	return STEP_JUMP;
}

/* The code segment that a gate names. */
static enum step gate_code(struct soft_vcpu *s, const struct insn *in, struct far *f,
			   unsigned nparams)
{
	const struct vcpu *v = cpu_of(s);
	const struct seg *g = &f->cs.seg;
	u32 err = sel_index(f->sel);

	if (sel_is_null(f->sel))
		return fault_gp(s, 0);
	if (desc_read(s, f->sel, EXC_GP, 0, &f->cs))
		return STEP_FAULT;
	if (!seg_is_code(g) || seg_dpl(g) > v->cpl)
		return fault_gp(s, err);
	if (!f->call && !seg_is_conforming(g) && seg_dpl(g) != v->cpl)
		return fault_gp(s, err);
	if (in_lma(v) && (g->attr & (SEG_L | SEG_DB)) != SEG_L)
		return fault_gp(s, err);
	if (!(g->attr & SEG_P))
		return soft_fault(s, EXC_NP, true, err);
	if (f->call && !seg_is_conforming(g) && seg_dpl(g) < v->cpl)
		return gate_inner(s, in, f, nparams);
	return far_same(s, in, f);
}

/*
 * Task switches through a TSS or a task gate are not done: no 64-bit kernel can use them, and the
 * 32-bit ones have one for double faults only. The guest sees #GP, and a person who watches a line.
 */
enum step no_task_switch(struct soft_vcpu *s, unsigned type, u32 err)
{
	if (type == SYS_TASK || type == SYS_TSS || type == SYS_TSS16) {
		soft_call_out(s);
		LOG(sys, WARN, "hardware task switch at 0x%llx is not supported: #GP",
		    (unsigned long long)cpu_of(s)->rip);
	}
	return fault_gp(s, err);
}

static enum step far_gate(struct soft_vcpu *s, const struct insn *in, struct far *f)
{
	const struct vcpu *v = cpu_of(s);
	struct desc gate = f->cs;
	unsigned type = seg_type(&gate.seg);
	u32 err = sel_index(f->sel), high = 0;

	if (type != SYS_CALL && (in_lma(v) || type != SYS_CALL16))
		return in_lma(v) ? fault_gp(s, err) : no_task_switch(s, type, err);
	if (seg_dpl(&gate.seg) < v->cpl || seg_dpl(&gate.seg) < (f->sel & 3u))
		return fault_gp(s, err);
	if (!(gate.seg.attr & SEG_P))
		return soft_fault(s, EXC_NP, true, err);
	if (in_lma(v) && desc_read_high(s, &gate, &high))
		return STEP_FAULT;
	f->sel = (u16)(gate.lo >> 16);
	f->rip = (gate.lo & 0xffff) | (gate.hi & 0xffff0000) | (u64)high << 32;
	f->size = in_lma(v) ? 8 : 4;
	if (type == SYS_CALL16) {
		f->rip &= 0xffff;
		f->size = 2;
	}
	return gate_code(s, in, f, gate.hi & 31);
}

static enum step far_go(struct soft_vcpu *s, const struct insn *in, struct far *f)
{
	if (!in_protected(cpu_of(s)))
		return far_real(s, in, f);
	if (sel_is_null(f->sel))
		return fault_gp(s, 0);
	if (desc_read(s, f->sel, EXC_GP, 0, &f->cs))
		return STEP_FAULT;
	if (seg_is_code(&f->cs.seg))
		return far_code(s, in, f);
	if (f->cs.seg.attr & SEG_S)
		return fault_gp(s, sel_index(f->sel));
	return far_gate(s, in, f);
}

/* The far pointer of an operand: in the instruction, or offset and selector in memory. */
static enum step far_target(struct soft_vcpu *s, const struct insn *in, struct far *f)
{
	unsigned size = far_offset_size(cpu_of(s), in);
	u8 buf[10];

	f->size = in->opsize;
	if (!in->is_mem) {
		f->rip = in->imm & size_mask(in->opsize);
		f->sel = (u16)in->imm2;
		return STEP_NEXT;
	}
	if (op_read(s, in, buf, size + 2))
		return STEP_FAULT;
	f->rip = 0;
	for (unsigned i = size; i-- > 0;)
		f->rip = f->rip << 8 | buf[i];
	f->sel = (u16)(buf[size] | buf[size + 1] << 8);
	return STEP_NEXT;
}

enum step far_jump(struct soft_vcpu *s, const struct insn *in, bool call)
{
	struct far f;

	f.call = call;
	if (far_target(s, in, &f))
		return STEP_FAULT;
	return far_go(s, in, &f);
}
