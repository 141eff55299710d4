/* sys_flags.c - instructions that move the system bits of RFLAGS. */
#include "soft/sys.h"

#include "soft/ops.h"

/* Bits that the translator's block modes depend on. */
#define FL_MODE (FL_AC | FL_TF | FL_VM)

void flags_write(struct soft_vcpu *s, u64 val, u64 mask)
{
	struct vcpu *v = cpu_of(s);
	u64 old = v->rflags;

	v->rflags = (old & ~mask) | (val & mask) | FL_1;
	if ((old ^ v->rflags) & FL_MODE)
		soft_mode_changed(s);
}

u64 flags_poppable(const struct vcpu *v, unsigned size)
{
	u64 mask = FL_ARITH | FL_TF | FL_DF | FL_NT;

	if (in_real(v) || v->cpl == 0)
		mask |= FL_IOPL;
	if (in_real(v) || v->cpl <= iopl(v))
		mask |= FL_IF;
	if (size > 2)
		mask |= FL_AC | FL_ID;
	return mask;
}

/* May IF be changed: CPL against IOPL; in virtual-8086 mode IOPL must be 3. */
static bool if_forbidden(const struct vcpu *v)
{
	return !in_real(v) && v->cpl > iopl(v);
}

enum step op_cli(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	if (if_forbidden(cpu_of(s)))
		return fault_gp(s, 0);
	cpu_of(s)->rflags &= ~(u64)FL_IF;
	return STEP_NEXT;
}

enum step op_sti(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);

	(void)in;
	if (if_forbidden(v))
		return fault_gp(s, 0);
	if (!(v->rflags & FL_IF))
		soft_inhibit(s);
	v->rflags |= FL_IF;
	return STEP_NEXT;
}

enum step op_clac_stac(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	bool set = in->modrm == 0xcb;

	if (v->cpl || !(v->cr4 & CR4_SMAP))
		return fault_ud(s);
	flags_write(s, set ? FL_AC : 0, FL_AC);
	return STEP_NEXT;
}

enum step op_pushf(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	struct stack st;

	if (in_v86(v) && iopl(v) < 3)
		return fault_gp(s, 0);
	stack_open(v, &st);
	if (stack_push(s, &st, in->opsize, v->rflags & ~(u64)(FL_VM | FL_RF)))
		return STEP_FAULT;
	stack_commit(v, &st);
	return STEP_NEXT;
}

enum step op_popf(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 mask = flags_poppable(v, in->opsize), val;
	struct stack st;

	if (in_v86(v) && iopl(v) < 3)
		return fault_gp(s, 0);
	stack_open(v, &st);
	if (stack_pop(s, &st, in->opsize, &val))
		return STEP_FAULT;
	stack_commit(v, &st);
	/* VIP and VIF are cleared where they could be set, and RF always. SDM 2B POPF. */
	if (in->opsize > 2)
		mask |= FL_RF | (v->cpl ? 0 : FL_VIP | FL_VIF);
	flags_write(s, val & ~(u64)(FL_RF | FL_VIP | FL_VIF), mask);
	return STEP_NEXT;
}
