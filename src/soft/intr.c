/* intr.c - how the processor enters a handler: IVT, gates, stack switches, double faults. */
#include "soft/sys.h"

/*E:600 An exception is delivered
 * intr_deliver() makes one attempt after another. Each attempt looks the vector up, checks the
 * gate, the code segment and the stack it leads to, writes the frame, and only then changes the
 * vCPU; whatever fails on the way is the next thing to deliver. What may follow what is a small
 * table: a fault while a fault of the same weight is delivered is a double fault, and a fault on
 * the way to that handler shuts the processor down.
 * @test intr_double_fault_then_shutdown
 */

/* One attempt. */
struct entry {
	const struct fault *f;
	enum intr_kind kind;
	u64 rip;   /* to be pushed */
	u64 flags; /* to be pushed */
	u32 ext;   /* EXT bit of error codes */
	u32 idt_err;
	u64 target;
	bool trap; /* trap gate: IF stays */
	u8 size;   /* bytes of a stack word */
	u8 ist;
	u16 cs_sel;
	struct desc cs;
	unsigned cpl; /* of the handler */
};

/* Faults whose pushed flags have RF set: all but traps and aborts; and, of Intel's, but instruction
 * breakpoints. SDM 3B 17.3.1.1, APM 2 3.1.6. */
static u64 pushed_flags(const struct vcpu *v, enum intr_kind kind, const struct fault *f)
{
	bool is_fault = kind == INTR_EXCEPTION && !f->trap && f->vec != EXC_BP && f->vec != EXC_OF &&
			f->vec != EXC_DF && f->vec != EXC_MC;

	if (f->vec == EXC_DB && v->vendor != VENDOR_AMD)
		is_fault = false;
	return v->rflags | (is_fault ? FL_RF : 0);
}

/* ---- real mode. SDM 3B 20.1.4 ---- */

static enum step enter_real(struct soft_vcpu *s, const struct entry *e)
{
	struct vcpu *v = cpu_of(s);
	u64 frame[3] = { (u16)v->rflags, v->seg[SEG_CS].sel, (u16)e->rip };
	struct stack st;
	u16 vec[2];

	if (e->f->vec * 4u + 3 > v->idt.limit)
		return fault_gp(s, 0);
	if (lin_read(s, (u32)(v->idt.base + e->f->vec * 4u), vec, 4, ACC_IMPLICIT))
		return STEP_FAULT;
	stack_open(v, &st);
	if (stack_push_n(s, &st, 2, frame, 3))
		return STEP_FAULT;
	if (vec[0] > v->seg[SEG_CS].limit)
		return fault_gp(s, 0);
	stack_commit(v, &st);
	seg_set_real(v, SEG_CS, vec[1]);
	v->rip = vec[0];
	flags_write(s, 0, FL_IF | FL_TF | FL_RF | FL_AC);
	soft_mode_changed(s);
	return STEP_JUMP;
}

/* ---- the gate and the code segment. SDM 3A 6.11 to 6.14, SDM 2A INT ---- */

static enum step gate_check(struct soft_vcpu *s, struct entry *e, u32 hi)
{
	const struct vcpu *v = cpu_of(s);
	unsigned type = hi >> 8 & 0x1f;
	bool ok;

	ok = type == SYS_INT || type == SYS_TRAP;
	if (!in_lma(v))
		ok |= type == SYS_INT16 || type == SYS_TRAP16;
	if (!ok)
		return in_lma(v) ? fault_gp(s, e->idt_err) : no_task_switch(s, type, e->idt_err);
	if (e->kind == INTR_SOFT && (hi >> 13 & 3) < v->cpl)
		return fault_gp(s, e->idt_err);
	if (!(hi & 1 << 15))
		return soft_fault(s, EXC_NP, true, e->idt_err);
	e->trap = type & 1;
	e->size = in_lma(v) ? 8 : type & 8 ? 4 : 2;
	return STEP_NEXT;
}

static enum step gate_read(struct soft_vcpu *s, struct entry *e)
{
	const struct vcpu *v = cpu_of(s);
	unsigned size = in_lma(v) ? 16 : 8;
	u64 at = v->idt.base + e->f->vec * size;
	u32 g[4];

	e->idt_err = e->f->vec * 8u + 2 + e->ext;
	if (e->f->vec * size + size - 1 > v->idt.limit)
		return fault_gp(s, e->idt_err);
	g[2] = 0;
	if (lin_read(s, in_lma(v) ? at : (u32)at, g, size, ACC_IMPLICIT))
		return STEP_FAULT;
	if (gate_check(s, e, g[1]))
		return STEP_FAULT;
	e->cs_sel = (u16)(g[0] >> 16);
	e->target = (g[0] & 0xffff) | (g[1] & 0xffff0000) | (u64)g[2] << 32;
	if (e->size == 2)
		e->target &= 0xffff;
	e->ist = in_lma(v) ? g[1] & 7 : 0;
	return STEP_NEXT;
}

static enum step code_check(struct soft_vcpu *s, struct entry *e)
{
	const struct vcpu *v = cpu_of(s);
	const struct seg *g = &e->cs.seg;
	u32 err = sel_index(e->cs_sel) | e->ext;

	if (sel_is_null(e->cs_sel))
		return fault_gp(s, e->ext);
	if (desc_read(s, e->cs_sel, EXC_GP, e->ext, &e->cs))
		return STEP_FAULT;
	if (!seg_is_code(g) || seg_dpl(g) > v->cpl)
		return fault_gp(s, err);
	if (in_lma(v) && (g->attr & (SEG_L | SEG_DB)) != SEG_L)
		return fault_gp(s, err);
	if (!(g->attr & SEG_P))
		return soft_fault(s, EXC_NP, true, err);
	e->cpl = seg_is_conforming(g) ? v->cpl : seg_dpl(g);
	if (in_v86(v) && e->cpl)
		return fault_gp(s, err);
	if (!rip_ok(v, g, e->target))
		return fault_gp(s, e->ext);
	return desc_mark(s, &e->cs);
}

static void enter(struct soft_vcpu *s, const struct entry *e)
{
	struct vcpu *v = cpu_of(s);

	v->rflags &= ~(u64)(FL_TF | FL_VM | FL_RF | FL_NT | (e->trap ? 0 : FL_IF));
	cs_set(s, &e->cs.seg, e->cpl, e->target);
}

/* ---- long mode ---- */

static enum step enter_long(struct soft_vcpu *s, struct entry *e)
{
	static const struct seg no_ss;
	struct vcpu *v = cpu_of(s);
	u64 frame[6] = { v->seg[SEG_SS].sel, v->gpr[RSP], e->flags, v->seg[SEG_CS].sel, e->rip,
			 e->f->err };
	u64 sp = v->gpr[RSP];
	struct stack st;
	u16 unused;

	if (gate_read(s, e) || code_check(s, e))
		return STEP_FAULT;
	if ((e->ist || e->cpl != v->cpl) && tss_stack(s, e->cpl, e->ist, e->ext, &sp, &unused))
		return STEP_FAULT;
	stack_open_at(&st, &no_ss, sp & ~15ull, e->cpl, true, e->ext);
	if (stack_push_n(s, &st, 8, frame, e->f->has_err ? 6 : 5))
		return STEP_FAULT;
	if (e->cpl != v->cpl) {
		v->seg[SEG_SS] = no_ss;
		v->seg[SEG_SS].sel = (u16)e->cpl;
	}
	v->gpr[RSP] = st.sp;
	enter(s, e);
	return STEP_JUMP;
}

/* ---- protected mode ---- */

static enum step frame_push(struct soft_vcpu *s, struct stack *st, const struct entry *e)
{
	const struct vcpu *v = cpu_of(s);
	u64 frame[4] = { e->flags, v->seg[SEG_CS].sel, e->rip, e->f->err };

	return stack_push_n(s, st, e->size, frame, e->f->has_err ? 4 : 3);
}

static enum step data_segs_push(struct soft_vcpu *s, struct stack *st, const struct entry *e)
{
	const struct vcpu *v = cpu_of(s);
	u64 frame[4] = { v->seg[SEG_GS].sel, v->seg[SEG_FS].sel, v->seg[SEG_DS].sel,
			 v->seg[SEG_ES].sel };

	return stack_push_n(s, st, e->size, frame, 4);
}

/* To a more privileged handler, perhaps out of virtual-8086 mode: a stack from the TSS. */
static enum step enter_inner(struct soft_vcpu *s, const struct entry *e)
{
	struct vcpu *v = cpu_of(s);
	u64 sp, frame[2] = { v->seg[SEG_SS].sel, v->gpr[RSP] };
	bool v86 = in_v86(v);
	struct stack st;
	struct seg ss;
	u16 sel;

	if (tss_stack(s, e->cpl, 0, e->ext, &sp, &sel) || tss_load_ss(s, sel, e->cpl, e->ext, &ss))
		return STEP_FAULT;
	/* The new stack's rights are checked as protected mode's, whatever mode is left. */
	v->rflags &= ~(u64)FL_VM;
	stack_open_at(&st, &ss, sp, e->cpl, false, sel_index(sel) | e->ext);
	if ((v86 && data_segs_push(s, &st, e)) || stack_push_n(s, &st, e->size, frame, 2) ||
	    frame_push(s, &st, e)) {
		v->rflags |= v86 ? FL_VM : 0;
		return STEP_FAULT;
	}
	if (v86) {
		for (unsigned i = 0; i < SEG_N; i++)
			if (i != SEG_CS && i != SEG_SS)
				v->seg[i] = (struct seg){ 0 };
	}
	v->seg[SEG_SS] = ss;
	v->gpr[RSP] = st.sp & 0xffffffff;
	enter(s, e);
	return STEP_JUMP;
}

static enum step enter_protected(struct soft_vcpu *s, struct entry *e)
{
	struct vcpu *v = cpu_of(s);
	struct stack st;

	/* Without the virtual-mode extension, int n in virtual-8086 mode wants IOPL 3. */
	if (in_v86(v) && e->kind == INTR_SOFT && iopl(v) < 3 && e->f->vec != EXC_BP &&
	    e->f->vec != EXC_OF)
		return fault_gp(s, 0);
	if (gate_read(s, e) || code_check(s, e))
		return STEP_FAULT;
	if (e->cpl != v->cpl)
		return enter_inner(s, e);
	stack_open(v, &st);
	st.err = e->ext;
	if (frame_push(s, &st, e))
		return STEP_FAULT;
	stack_commit(v, &st);
	enter(s, e);
	return STEP_JUMP;
}

/*E:605 Somebody else's exceptions
 * When a personality (Xen) runs the guest, no gate of the guest's is looked at: the personality is
 * told, changes the processor's state as its own protocol demands, and the guest goes on from there.
 */
static enum step ask_personality(struct soft_vcpu *s, unsigned kind, const struct fault *f, u64 rip)
{
	const struct engine_host *h = soft_host(s);
	struct engine_trap t;

	t.kind = (u8)kind;
	t.vec = f->vec;
	t.has_err = f->has_err;
	t.err = f->err;
	t.cr2 = f->cr2;
	t.rip = rip;
	soft_call_out(s);
	return soft_trapped(s, h->trap(h->ctx, cpu_of(s), &t));
}

enum step intr_try(struct soft_vcpu *s, enum intr_kind kind, const struct fault *f, u64 rip)
{
	static const u8 kinds[] = { TRAP_EXCEPTION, TRAP_IRQ, TRAP_INT, TRAP_NMI };
	struct vcpu *v = cpu_of(s);
	struct entry e;
	enum step r;

	if (unlikely(soft_host(s)->trap))
		return ask_personality(s, kinds[kind], f, rip);
	e.f = f;
	e.kind = kind;
	e.rip = rip;
	e.flags = pushed_flags(v, kind, f);
	e.ext = kind != INTR_SOFT;
	if (in_real(v))
		r = enter_real(s, &e);
	else
		r = in_lma(v) ? enter_long(s, &e) : enter_protected(s, &e);
	if (r == STEP_JUMP && kind == INTR_NMI)
		v->nmi_masked = true;
	if (r == STEP_JUMP && kind == INTR_EXCEPTION && f->vec == EXC_DB)
		v->dr[7] &= ~(u64)DR7_GD;
	return r;
}

/* ---- what follows what. SDM 3A table 6-5 ---- */

enum weight { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum weight weight_of(enum intr_kind kind, u8 vec)
{
	if (kind != INTR_EXCEPTION)
		return BENIGN;
	switch (vec) {
	case EXC_DE: case EXC_TS: case EXC_NP: case EXC_SS: case EXC_GP:
		return CONTRIBUTORY;
	case EXC_PF:
		return PAGE_FAULT;
	case EXC_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

static bool makes_double(enum weight first, enum weight second)
{
	return (first == CONTRIBUTORY && second == CONTRIBUTORY) ||
	       (first == PAGE_FAULT && second != BENIGN);
}

/* Faults that a delivery can raise follow each other only in ways that end: a guest whose handlers
 * all fault serially would go round a few times before it meets a double fault. */
enum step intr_deliver(struct soft_vcpu *s, enum intr_kind kind, const struct fault *f)
{
	struct vcpu *v = cpu_of(s);
	struct fault now;

	now.vec = f->vec;
	now.has_err = f->has_err && !in_real(v);
	now.trap = f->trap;
	now.err = f->err;
	now.cr2 = f->cr2;
	for (;;) {
		enum weight first = weight_of(kind, now.vec), second;
		const struct fault *next;

		if (kind == INTR_EXCEPTION && now.vec == EXC_PF)
			v->cr2 = now.cr2;
		if (intr_try(s, kind, &now, v->rip) == STEP_JUMP)
			return STEP_JUMP;
		next = soft_fault_noted(s);
		second = weight_of(INTR_EXCEPTION, next->vec);
		if (next->vec == EXC_PF)
			v->cr2 = next->cr2;
		if (first == DOUBLE_FAULT && second != BENIGN)
			return soft_exit(s, RUN_SHUTDOWN);
		now.trap = false;
		if (makes_double(first, second)) {
			now.vec = EXC_DF;
			now.err = 0;
			now.has_err = true;
		} else {
			now.vec = next->vec;
			now.err = next->err;
			now.has_err = next->has_err;
			now.cr2 = next->cr2;
		}
		kind = INTR_EXCEPTION;
	}
}
