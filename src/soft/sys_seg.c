/* sys_seg.c - the segment registers and descriptor tables as operands. */
#include "soft/ops.h"

/* ---- mov, push, pop, lds and kin ---- */

/* In 64-bit mode nothing that the translator keeps depends on the data segments. */
static void segs_changed(struct soft_vcpu *s)
{
	if (!in_64bit(cpu_of(s)))
		soft_mode_changed(s);
}

/* mov sreg, r/m16 and mov r/m, sreg. SDM 2B MOV. */
enum step mov_from_sreg(struct soft_vcpu *s, const struct insn *in)
{
	if ((in->reg & 7) >= SEG_N)
		return fault_ud(s);
	return rm_write(s, in, in->is_mem ? 2 : in->opsize, cpu_of(s)->seg[in->reg & 7].sel);
}

enum step mov_to_sreg(struct soft_vcpu *s, const struct insn *in)
{
	unsigned seg = in->reg & 7;
	u64 sel;

	if (seg >= SEG_N || seg == SEG_CS)
		return fault_ud(s);
	if (rm_read(s, in, 2, &sel) || seg_load(s, seg, (u16)sel))
		return STEP_FAULT;
	if (seg == SEG_SS)
		soft_inhibit_ss(s);
	segs_changed(s);
	return STEP_NEXT;
}

/* Which segment register a push or pop names: bits 5:3 of its opcode. */
static unsigned seg_of_opcode(const struct insn *in)
{
	return in->opcode >> 3 & 7;
}

enum step push_sreg(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 sel = v->seg[seg_of_opcode(in)].sel, sp;
	struct stack st;

	/* Of a 32-bit push of a selector Intel writes two bytes of the four, AMD all. SDM 2B PUSH, APM 3 PUSH. */
	stack_open(v, &st);
	if (in->opsize != 4 || v->vendor == VENDOR_AMD) {
		if (stack_push(s, &st, in->opsize, sel))
			return STEP_FAULT;
	} else {
		sp = st.sp;
		st.sp = (sp & ~st.mask) | ((sp - 2) & st.mask);
		if (stack_push(s, &st, 2, sel))
			return STEP_FAULT;
	}
	stack_commit(v, &st);
	return STEP_NEXT;
}

enum step pop_sreg(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned seg = seg_of_opcode(in);
	struct stack st;
	u64 sel;

	stack_open(v, &st);
	if (stack_pop(s, &st, in->opsize, &sel))
		return STEP_FAULT;
	if (seg_load(s, seg, (u16)sel))
		return STEP_FAULT;
	/* The width of the stack that was popped from counts, not that of the one just loaded. */
	stack_commit(v, &st);
	if (seg == SEG_SS)
		soft_inhibit_ss(s);
	segs_changed(s);
	return STEP_NEXT;
}

static enum step load_far(struct soft_vcpu *s, const struct insn *in, unsigned seg)
{
	struct vcpu *v = cpu_of(s);
	unsigned size = far_offset_size(v, in);
	u64 off = 0;
	u8 buf[10];

	if (!in->is_mem)
		return fault_ud(s);
	if (op_read(s, in, buf, size + 2))
		return STEP_FAULT;
	for (unsigned i = size; i-- > 0;)
		off = off << 8 | buf[i];
	if (seg_load(s, seg, (u16)(buf[size] | buf[size + 1] << 8)))
		return STEP_FAULT;
	reg_write(v, in->reg, in->opsize, off);
	segs_changed(s);
	return STEP_NEXT;
}

enum step op_lds(struct soft_vcpu *s, const struct insn *in) { return load_far(s, in, SEG_DS); }
enum step op_les(struct soft_vcpu *s, const struct insn *in) { return load_far(s, in, SEG_ES); }
enum step op_lfs(struct soft_vcpu *s, const struct insn *in) { return load_far(s, in, SEG_FS); }
enum step op_lgs(struct soft_vcpu *s, const struct insn *in) { return load_far(s, in, SEG_GS); }
enum step op_lss(struct soft_vcpu *s, const struct insn *in) { return load_far(s, in, SEG_SS); }

/* ---- the tables' registers ---- */

/* User-mode instruction prevention. SDM 3A 2.5 CR4.UMIP. */
static bool umip_forbids(const struct vcpu *v)
{
	return (v->cr4 & CR4_UMIP) && v->cpl;
}

static enum step table_load(struct soft_vcpu *s, const struct insn *in, struct dtr *t)
{
	const struct vcpu *v = cpu_of(s);
	unsigned size = in_64bit(v) ? 8 : 4;
	u64 base = 0;
	u8 buf[10];

	if (v->cpl)
		return fault_gp(s, 0);
	if (op_read(s, in, buf, size + 2))
		return STEP_FAULT;
	for (unsigned i = size; i-- > 0;)
		base = base << 8 | buf[i + 2];
	if (size == 4 && in->opsize == 2)
		base &= 0xffffff;
	if (!canonical(base))
		return fault_gp(s, 0);
	t->base = base;
	t->limit = (u16)(buf[0] | buf[1] << 8);
	return STEP_NEXT;
}

static enum step table_store(struct soft_vcpu *s, const struct insn *in, const struct dtr *t)
{
	const struct vcpu *v = cpu_of(s);
	unsigned size = in_64bit(v) ? 8 : 4;
	u8 buf[10];
	u64 lin;

	if (umip_forbids(v))
		return fault_gp(s, 0);
	buf[0] = (u8)t->limit;
	buf[1] = (u8)(t->limit >> 8);
	for (unsigned i = 0; i < size; i++)
		buf[i + 2] = (u8)(t->base >> i * 8);
	/* Never checked for alignment: measured on a Zen 5. */
	if (seg_linear(s, in->seg, insn_ea(v, in), size + 2, ACC_W, &lin))
		return STEP_FAULT;
	return lin_write(s, lin, buf, size + 2, acc_data(v) | ACC_ANY_ALIGNMENT);
}

enum step op_lgdt(struct soft_vcpu *s, const struct insn *in)
{
	return table_load(s, in, &cpu_of(s)->gdt);
}

enum step op_lidt(struct soft_vcpu *s, const struct insn *in)
{
	return table_load(s, in, &cpu_of(s)->idt);
}

enum step op_sgdt(struct soft_vcpu *s, const struct insn *in)
{
	return table_store(s, in, &cpu_of(s)->gdt);
}

enum step op_sidt(struct soft_vcpu *s, const struct insn *in)
{
	return table_store(s, in, &cpu_of(s)->idt);
}

static enum step sel_store(struct soft_vcpu *s, const struct insn *in, u16 sel)
{
	const struct vcpu *v = cpu_of(s);

	if (!in_protected(v))
		return fault_ud(s);
	if (umip_forbids(v))
		return fault_gp(s, 0);
	return rm_write(s, in, in->is_mem ? 2 : in->opsize, sel);
}

enum step op_sldt(struct soft_vcpu *s, const struct insn *in)
{
	return sel_store(s, in, cpu_of(s)->ldt.sel);
}

enum step op_str(struct soft_vcpu *s, const struct insn *in)
{
	return sel_store(s, in, cpu_of(s)->tr.sel);
}

/* Read the system descriptor that lldt or ltr loads; in long mode it has 16 bytes. */
static enum step system_desc(struct soft_vcpu *s, u16 sel, struct desc *d)
{
	const struct vcpu *v = cpu_of(s);
	u32 high;

	if (sel & 4)
		return fault_gp(s, sel_index(sel));
	if (desc_read(s, sel, EXC_GP, 0, d))
		return STEP_FAULT;
	if (in_lma(v)) {
		if (desc_read_high(s, d, &high))
			return STEP_FAULT;
		if (!canonical(d->seg.base))
			return fault_gp(s, sel_index(sel));
	}
	return STEP_NEXT;
}

enum step op_lldt(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	struct desc d;
	u64 sel;

	if (!in_protected(v))
		return fault_ud(s);
	if (v->cpl)
		return fault_gp(s, 0);
	if (rm_read(s, in, 2, &sel))
		return STEP_FAULT;
	if (sel_is_null((u16)sel)) {
		seg_set_flat(&v->ldt, (u16)sel, 0);
		v->ldt.limit = 0;
		return STEP_NEXT;
	}
	if (system_desc(s, (u16)sel, &d))
		return STEP_FAULT;
	if ((d.seg.attr & (SEG_S | SEG_TYPE)) != SYS_LDT)
		return fault_gp(s, sel_index((u16)sel));
	if (!(d.seg.attr & SEG_P))
		return soft_fault(s, EXC_NP, true, sel_index((u16)sel));
	v->ldt = d.seg;
	return STEP_NEXT;
}

enum step op_ltr(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned type;
	struct desc d;
	u64 sel;
	u8 busy;

	if (!in_protected(v))
		return fault_ud(s);
	if (v->cpl)
		return fault_gp(s, 0);
	if (rm_read(s, in, 2, &sel))
		return STEP_FAULT;
	if (sel_is_null((u16)sel))
		return fault_gp(s, 0);
	if (system_desc(s, (u16)sel, &d))
		return STEP_FAULT;
	type = d.seg.attr & (SEG_S | SEG_TYPE);
	if (type != SYS_TSS && (in_lma(v) || type != SYS_TSS16))
		return fault_gp(s, sel_index((u16)sel));
	if (!(d.seg.attr & SEG_P))
		return soft_fault(s, EXC_NP, true, sel_index((u16)sel));
	busy = (u8)(d.hi >> 8) | 2;
	if (lin_write(s, d.at + 5, &busy, 1, ACC_IMPLICIT))
		return STEP_FAULT;
	d.seg.attr |= 2;
	v->tr = d.seg;
	return STEP_NEXT;
}

/* ---- questions about selectors: lar, lsl, verr, verw, arpl ---- */

static void zf_set(struct vcpu *v, bool on)
{
	v->rflags = (v->rflags & ~(u64)FL_ZF) | (on ? FL_ZF : 0);
}

/* System types that lar and lsl know, one bit a type. SDM 2A LAR table 3-53, LSL. */
enum {
	LAR_LEGACY = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 9 | 1 << 11 | 1 << 12,
	LAR_LONG = 1 << 2 | 1 << 9 | 1 << 11 | 1 << 12,
	LSL_LEGACY = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9 | 1 << 11,
	LSL_LONG = 1 << 2 | 1 << 9 | 1 << 11,
};

/*
 * Find the descriptor a question is about. *ok false: outside its table, null, or not visible
 * from here. A page fault on the way is one.
 */
static enum step ask(struct soft_vcpu *s, const struct insn *in, struct desc *d, bool *ok)
{
	const struct vcpu *v = cpu_of(s);
	const struct seg *g = &d->seg;
	u64 sel;

	*ok = false;
	if (!in_protected(v))
		return fault_ud(s);
	if (rm_read(s, in, 2, &sel))
		return STEP_FAULT;
	if (sel_is_null((u16)sel))
		return STEP_NEXT;
	if (desc_read(s, (u16)sel, EXC_GP, 0, d)) {
		if (soft_fault_noted(s)->vec == EXC_PF)
			return STEP_FAULT;
		return STEP_NEXT;
	}
	*ok = seg_is_conforming(g) || (seg_dpl(g) >= v->cpl && seg_dpl(g) >= (sel & 3));
	return STEP_NEXT;
}

enum step op_lar(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned known = in_lma(v) ? LAR_LONG : LAR_LEGACY;
	struct desc d;
	bool ok;

	if (ask(s, in, &d, &ok))
		return STEP_FAULT;
	ok = ok && ((d.seg.attr & SEG_S) || (known >> seg_type(&d.seg) & 1));
	if (ok)
		reg_write(v, in->reg, in->opsize, d.hi & 0xffff00);
	zf_set(v, ok);
	return STEP_NEXT;
}

enum step op_lsl(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned known = in_lma(v) ? LSL_LONG : LSL_LEGACY;
	struct desc d;
	bool ok;

	if (ask(s, in, &d, &ok))
		return STEP_FAULT;
	ok = ok && ((d.seg.attr & SEG_S) || (known >> seg_type(&d.seg) & 1));
	if (ok)
		reg_write(v, in->reg, in->opsize, d.seg.limit);
	zf_set(v, ok);
	return STEP_NEXT;
}

enum step op_verr(struct soft_vcpu *s, const struct insn *in)
{
	struct desc d;
	bool ok;

	if (ask(s, in, &d, &ok))
		return STEP_FAULT;
	zf_set(cpu_of(s), ok && seg_is_readable(&d.seg));
	return STEP_NEXT;
}

enum step op_verw(struct soft_vcpu *s, const struct insn *in)
{
	struct desc d;
	bool ok;

	if (ask(s, in, &d, &ok))
		return STEP_FAULT;
	zf_set(cpu_of(s), ok && seg_is_writable(&d.seg));
	return STEP_NEXT;
}

enum step op_arpl(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 dst, src = v->gpr[in->reg];

	if (!in_protected(v))
		return fault_ud(s);
	if (rm_read(s, in, 2, &dst))
		return STEP_FAULT;
	if ((dst & 3) < (src & 3)) {
		if (rm_write(s, in, 2, (dst & ~3ull) | (src & 3)))
			return STEP_FAULT;
		zf_set(v, true);
	} else {
		zf_set(v, false);
	}
	return STEP_NEXT;
}
