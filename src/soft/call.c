/* call.c - instructions done in C, in the middle of a block or at its end, and exceptions.
 * General registers only. */
#include "soft/state.h"

/* ---- exceptions ---- */

void soft_deliver(struct soft_vcpu *s, enum intr_kind kind, const struct fault *f)
{
	s->budget--; /* time goes on even where every instruction faults */
	s->v.stats.n[kind == INTR_EXTERNAL ? STAT_irq : STAT_exception]++;
	if (kind == INTR_EXCEPTION && f->vec == EXC_PF)
		s->v.stats.n[STAT_page_fault]++;
	if (intr_deliver(s, kind, f) == STEP_EXIT)
		s->exiting = true;
}

void soft_deliver_fault(struct soft_vcpu *s)
{
	struct fault f = s->fault;

	s->faulted = true;
	s->inhibit = s->ss_shadow = false;
	soft_deliver(s, INTR_EXCEPTION, &f);
}

/* ---- instructions done in C ---- */

/* Vector instructions while CR0.TS, CR0.EM or CR4.OSFXSR say no. SDM 3A 2.5, tables 2-2 and 2-3. */
static enum step fpu_check(struct soft_vcpu *s, const struct insn *in)
{
	bool fwait = in->x87 && in->map == 0 && in->opcode == 0x9b;
	u64 cr0 = s->v.cr0;

	if (fwait && !(cr0 & CR0_MP))
		cr0 &= ~(u64)CR0_TS;
	if (fwait || in->vlen)
		cr0 &= ~(u64)CR0_EM;
	if (!in->x87 && !in->vlen && ((cr0 & CR0_EM) || (!in->mmx && !(s->v.cr4 & CR4_OSFXSR))))
		return fault_ud(s);
	if (cr0 & (CR0_EM | CR0_TS))
		return soft_fault(s, EXC_NM, false, 0);
	s->one_mode = M_ONE;
	return STEP_AGAIN;
}

static enum step insn_run(struct soft_vcpu *s, const struct insn *in)
{
	s->v.stats.n[STAT_helper]++;
	s->v.rip = in->pc;
	s->insn_left = in->left;
	if (in->asks_fpu)
		return fpu_check(s, in);
	if (!in->row)
		return fault_ud(s);
	if (!(in->row->flags & ROW_LIGHT))
		vec_save(s);
	return in->row->fn(s, in);
}

/* What every ending has in common; false: the instruction did not complete. */
static bool insn_done(struct soft_vcpu *s, const struct insn *in, enum step step)
{
	switch (step) {
	case STEP_EXIT:
		s->exiting = true;
		/* fall through */
	case STEP_NEXT:
		s->v.rip = in->pc + in->len;
		if (!in_64bit(&s->v))
			s->v.rip = (u32)s->v.rip;
		return true;
	case STEP_JUMP:
		return true;
	case STEP_FAULT:
		s->budget += in->left;
		s->insn_left = 0;
		if (s->fault.trap) { /* rip is past the instruction already */
			s->budget--;
		}
		soft_deliver_fault(s);
		return false;
	case STEP_AGAIN:
		s->budget += in->left;
		s->again = true;
		return false;
	}
	return true;
}

u64 soft_call(struct soft_vcpu *s, const struct insn *in)
{
	u32 mode = s->mode;
	bool done;

	soft_flags_pack(s);
	done = insn_done(s, in, insn_run(s, in));
	s->insn_left = 0;
	if (!done)
		return 1;
	if (s->exiting || s->left || s->inhibit || s->mode != mode ||
	    (s->soft->deterministic && !s->vec_live)) {
		s->budget += in->left - 1;
		return 1;
	}
	soft_flags_unpack(s);
	vec_load(s);
	return 0;
}

void soft_ras_apply(struct soft_vcpu *s)
{
	if (!s->ras_reset)
		return;
	s->ras_reset = false;
	s->ras_rsp = s->ras_top;
}

/* Is there anything for the dispatcher to look at before the next block? */
static bool must_leave(const struct soft_vcpu *s)
{
	return s->exiting || s->left || s->inhibit || s->again || s->one_mode || s->run_one ||
	       s->v.events || (s->v.rflags & FL_TF) || (s->irq_waits && (s->v.rflags & FL_IF)) ||
	       break_any(s) || s->soft->single_step || s->soft->deterministic || (s->mode & M_CS_BASE);
}

u64 soft_end(struct soft_vcpu *s, const struct insn *in)
{
	u64 to;

	soft_flags_pack(s);
	if (insn_done(s, in, insn_run(s, in)))
		s->budget += in->left - 1;
	s->insn_left = 0;
	soft_mode_changed(s);
	if (must_leave(s))
		return 0;
	to = *(u64 *)((u8 *)s + s->jc_now + (s->v.rip & (JC_N - 1)) * 8);
	if (to == (u64)(uintptr_t)s->soft->code_rx + s->soft->thunk.jump)
		return 0;
	soft_ras_apply(s);
	soft_flags_unpack(s);
	vec_load(s);
	return to;
}
