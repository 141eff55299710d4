/* unwind.c - undoes one call after another: by ORC where it covers, else by frame pointers. */
#include "know/unwind.h"

#include <string.h>

#include "know/function.h"
#include "x86/x86.h"

#define FRAMES_MAX 512
#define FUNCTION_UNKNOWN 512 /* bytes looked at of a function whose size nobody says */
#define STACK_SHIFT 14 /* Linux gives a task 16 KiB, so aligned */
#define STACK_SPAN MIB(4) /* a frame farther away than this is on another stack */

/* Linux's pt_regs: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss. */
enum { PT_R13 = 2, PT_BP = 4, PT_R10 = 7, PT_DX = 12, PT_DI = 14, PT_IP = 16, PT_CS, PT_FLAGS, PT_SP };

/* Which register of the processor stands where in pt_regs. */
static const u8 pt_gpr[] = {
	[PT_R13] = R13, [PT_BP] = RBP, [PT_R10] = R10, [PT_DX] = RDX, [PT_DI] = RDI,
};

static bool stack_u64(struct unwind *u, u64 at, u64 *ret)
{
	return space_read(u->k->t, &u->space, at, 8, ret);
}

bool unwind_is_text(struct kernel *k, u64 at)
{
	const struct sym *y;
	struct module *m;
	u64 size;

	if (k->end && at - k->base < k->end - k->base) {
		y = symtab_at(&k->syms, at, &size);
		return !k->syms.n || (y && strchr("tTwW", y->type));
	}
	m = module_at(k, at);
	if (m)
		return at - m->base < m->text_end - m->base || at - m->init_base < m->init_size;
	y = symtab_at(&k->given, at, &size);
	return y && strchr("tTwW", y->type);
}

bool unwind_is_return(struct kernel *k, u64 at)
{
	return unwind_is_text(k, at) || unwind_is_text(k, at - 1);
}

static bool orc_of(struct unwind *u, u64 ip, struct orc_entry_view *ret)
{
	struct kernel *k = u->k;
	struct module *m;

	if (k->end && ip - k->base < k->end - k->base)
		return orc_find(&k->orc, ip, ret);
	m = module_at(k, ip);
	return m && orc_find(&m->orc, ip, ret);
}

/* A register as it was in this frame: in the last full pt_regs, or still in the processor. */
static bool saved_reg(struct unwind *u, unsigned pt, u64 *ret)
{
	if (u->full_regs && u->full)
		return stack_u64(u, u->full_regs + 8 * pt, ret);
	if (u->prev_regs)
		return stack_u64(u, u->prev_regs + 8 * pt, ret);
	if (!u->have_gpr || u->n)
		return false;
	*ret = u->gpr[pt_gpr[pt]];
	return true;
}

/* The canonical frame address, as an entry says. Source: Linux arch/x86/kernel/unwind_orc.c. */
static bool orc_cfa(struct unwind *u, const struct orc_entry_view *o, u64 *ret)
{
	u64 off = (u64)(i64)o->sp_offset;

	switch (o->sp_reg) {
	case ORC_SP:
		*ret = u->f.sp + off;
		return true;
	case ORC_BP:
		*ret = u->f.bp + off;
		return true;
	case ORC_SP_INDIRECT:
		if (!stack_u64(u, u->f.sp, ret))
			return false;
		*ret += off;
		return true;
	case ORC_BP_INDIRECT:
		return stack_u64(u, u->f.bp + off, ret);
	case ORC_R10:
		return saved_reg(u, PT_R10, ret);
	case ORC_R13:
		return saved_reg(u, PT_R13, ret);
	case ORC_DI:
		return saved_reg(u, PT_DI, ret);
	case ORC_DX:
		return saved_reg(u, PT_DX, ret);
	}
	return false;
}

static bool stop(struct unwind *u, const char *why)
{
	u->end = why;
	return false;
}

static bool take_call(struct unwind *u, u64 cfa, struct frame *next)
{
	next->ret_at = cfa - 8;
	if (!stack_u64(u, next->ret_at, &next->ip))
		return stop(u, "the stack cannot be read");
	next->sp = cfa;
	u->full_regs = u->prev_regs = 0;
	return true;
}

/* An interrupt or exception: the frame under it stands in pt_regs. */
static bool take_regs(struct unwind *u, u64 regs, bool full, struct frame *next)
{
	u64 cs;

	if (!full)
		regs -= 8 * PT_IP;
	if (!stack_u64(u, regs + 8 * PT_IP, &next->ip) || !stack_u64(u, regs + 8 * PT_SP, &next->sp) ||
	    !stack_u64(u, regs + 8 * PT_CS, &cs))
		return stop(u, "the stack cannot be read");
	if (u->full)
		u->prev_regs = full ? 0 : u->full_regs;
	u->full_regs = regs;
	u->full = full;
	next->regs = regs;
	next->ret_at = regs + 8 * PT_IP;
	next->entry = true;
	next->exact = true;
	return !(cs & 3); /* below it is the user's program: the bottom */
}

static bool orc_bp(struct unwind *u, const struct orc_entry_view *o, u64 cfa, u64 *ret)
{
	switch (o->bp_reg) {
	case ORC_UNDEFINED:
		if ((u->full_regs && u->full) || u->prev_regs)
			return saved_reg(u, PT_BP, ret);
		return true;
	case ORC_PREV_SP:
		return stack_u64(u, cfa + (u64)(i64)o->bp_offset, ret);
	case ORC_BP:
		return stack_u64(u, *ret + (u64)(i64)o->bp_offset, ret);
	}
	return true;
}

static bool next_by_orc(struct unwind *u, const struct orc_entry_view *o, struct frame *next)
{
	u64 cfa;
	bool ok;

	if (o->type == ORC_END)
		return stop(u, NULL);
	if (!orc_cfa(u, o, &cfa))
		return stop(u, "a register that ORC needs is not known here");
	u->f.cfa = cfa;
	next->how = FRAME_ORC;
	next->bp = u->f.bp;
	next->exact = o->signal;
	ok = o->type == ORC_CALL ? take_call(u, cfa, next) : take_regs(u, cfa, o->type == ORC_REGS, next);
	return ok && orc_bp(u, o, cfa, &next->bp);
}

/* No table: what the function's code has done to the stack by now is undone. */
static bool next_by_code(struct unwind *u, struct frame *next)
{
	struct function fn;
	struct symbol y;
	u64 bp_at;

	if (!kernel_at(u->k, GVA(u->f.exact ? u->f.ip : u->f.ip - 1), &y) || u->k->end ||
	    !function_read(u->k->t, u->cpu, y.at.at, y.size ? y.size : FUNCTION_UNKNOWN, &fn))
		return false;
	u->f.cfa = function_cfa(&fn, u->f.ip, u->f.sp, u->f.bp, &bp_at);
	next->how = FRAME_CODE;
	next->bp = u->f.bp;
	if (bp_at && !stack_u64(u, bp_at, &next->bp))
		return false;
	return take_call(u, u->f.cfa, next) &&
	       (unwind_is_return(u->k, next->ip) || stop(u, "no code is at the return address"));
}

static bool next_by_pointer(struct unwind *u, struct frame *next)
{
	u64 bp = u->f.bp;

	if (!bp)
		return stop(u, NULL);
	u->f.cfa = bp + 16;
	next->how = FRAME_POINTER;
	if (bp < u->f.sp || bp - u->f.sp > STACK_SPAN || bp % 8)
		return stop(u, "no unwind table covers this, and rbp is no frame pointer");
	if (!stack_u64(u, bp, &next->bp) || !take_call(u, bp + 16, next))
		return stop(u, "the stack cannot be read");
	if (!next->ip)
		return stop(u, NULL);
	return unwind_is_return(u->k, next->ip) || stop(u, "rbp leads to no code");
}

static bool next_without_table(struct unwind *u, struct frame *next)
{
	const char *why;

	if (next_by_code(u, next))
		return true;
	why = u->end;
	if (next_by_pointer(u, next)) {
		u->end = NULL;
		return true;
	}
	u->end = why ? why : u->end;
	return false;
}

/* Stacks grow down, so callers are above; who comes from another stack has changed it. */
static bool is_progress(const struct unwind *u, const struct frame *next)
{
	bool same_stack = (next->sp ^ u->f.sp) >> STACK_SHIFT == 0;

	return next->entry || !same_stack || next->sp > u->f.sp;
}

/*A:500 One call after another
 * For each instruction of a kernel ORC says in six bytes how far the caller's stack pointer is, and
 * where rbp was saved. unwind_next() does with them what the guest's own oops message does, so that
 * both name the same functions. An interrupt leaves pt_regs on the stack, and the walk goes on at
 * what it interrupted. Where no table covers, frame pointers are tried, and what was found that way
 * is marked. Every stack may lie: it is followed for a bounded number of frames.
 * @test unwind_ends_on_a_cyclic_stack
 */
bool unwind_next(struct unwind *u)
{
	struct frame next = { 0 };
	struct orc_entry_view o;
	bool covered, ok;

	if (u->n >= FRAMES_MAX)
		return stop(u, "too many frames: the stack goes in circles");
	covered = u->f.ip && orc_of(u, u->f.exact ? u->f.ip : u->f.ip - 1, &o);
	ok = covered ? next_by_orc(u, &o, &next) : next_without_table(u, &next);
	if (!ok)
		return false;
	if (!is_progress(u, &next))
		return stop(u, "the stack leads back to itself");
	u->was = u->f;
	u->f = next;
	u->n++;
	return true;
}

bool unwind_cpu(struct kernel *k, unsigned cpu, struct unwind *u)
{
	const struct vcpu *v = target_vcpu(k->t, cpu);

	*u = (struct unwind){ .k = k, .cpu = cpu, .have_gpr = true };
	u->space = k->end && v->rip >> 63 ? k->space : target_space(k->t, cpu);
	memcpy(u->gpr, v->gpr, sizeof(u->gpr));
	u->f = (struct frame){
		.ip = v->rip, .sp = v->gpr[RSP], .bp = v->gpr[RBP], .exact = true, .how = FRAME_REGS
	};
	return true;
}

/* A task that sleeps left r15 r14 r13 r12 bx bp and a return address on its stack. */
bool unwind_task(struct kernel *k, u64 task, struct unwind *u)
{
	const struct layout *l = &k->lay;
	u64 sp, at[7];

	*u = (struct unwind){ .k = k, .space = k->space };
	if (l->task_thread < 0 || !k_ptr(k, task + (u64)l->task_thread, l->thread_sp, &sp) ||
	    !k_read(k, sp, sizeof(at), at))
		return stop(u, "its stack cannot be read");
	u->f = (struct frame){
		.ip = at[6], .sp = sp + sizeof(at), .bp = at[5], .how = FRAME_ORC, .ret_at = sp + 48
	};
	return true;
}
