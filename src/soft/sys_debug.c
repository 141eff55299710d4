/* sys_debug.c - the debug registers at work: breakpoints on code, data and ports, and single steps. */
#include "soft/state.h"
#include "soft/sys.h"

/*E:670 Breakpoints cost nothing until one is set
 * While DR7 enables anything, the mode has M_DEBUG: each instruction is a block of its own, looked at by
 * the dispatcher before and after it runs, and its translation looks accesses up in a TLB that is
 * always empty, so that each of them passes by here. What is watched is collected while
 * the instruction runs and becomes one trap after it, together with a single step. SDM 3B 17.2, 17.3.
 * @test debug
 */
enum { DR6_BS = 1 << 14 };
enum watch { WATCH_CODE, WATCH_WRITE, WATCH_PORT, WATCH_ANY };

static bool enabled(const struct vcpu *v, unsigned n) { return v->dr[7] >> 2 * n & 3; }
static enum watch watch_of(const struct vcpu *v, unsigned n) { return v->dr[7] >> (16 + 4 * n) & 3; }

static unsigned length_of(const struct vcpu *v, unsigned n)
{
	static const u8 length[4] = { 1, 2, 8, 4 };

	return length[v->dr[7] >> (18 + 4 * n) & 3];
}

/* Breakpoint n covers aligned bytes; do [at, at+len) and they meet? */
static bool meets(const struct vcpu *v, unsigned n, u64 at, unsigned len)
{
	u64 first = v->dr[n] & ~(u64)(length_of(v, n) - 1);

	return at <= first + length_of(v, n) - 1 && first <= at + len - 1;
}

bool debug_on(const struct vcpu *v) { return v->dr[7] & 0xff; }

bool soft_steps(struct soft_vcpu *s)
{
	return (s->v.rflags & FL_TF) || (s->mode & M_DEBUG);
}

u64 soft_rf(struct soft_vcpu *s) { return debug_on(&s->v) || s->soft->nbreaks ? FL_RF : 0; }

void soft_no_step(struct soft_vcpu *s) { s->no_step = true; }

void soft_inhibit_ss(struct soft_vcpu *s)
{
	soft_inhibit(s);
	s->ss_shadow = true;
}

void debug_access(struct soft_vcpu *s, u64 lin, unsigned len, bool write)
{
	break_access(s, lin, len, write);
	for (unsigned n = 0; n < 4; n++) {
		enum watch w = watch_of(&s->v, n);

		if (enabled(&s->v, n) && (w == WATCH_ANY || (w == WATCH_WRITE && write)) &&
		    meets(&s->v, n, lin, len))
			s->watch_hits |= 1u << n;
	}
}

void soft_io_watch(struct soft_vcpu *s, u16 port, unsigned size)
{
	if (!(s->mode & M_DEBUG) || !(s->v.cr4 & CR4_DE))
		return;
	for (unsigned n = 0; n < 4; n++)
		if (enabled(&s->v, n) && watch_of(&s->v, n) == WATCH_PORT && meets(&s->v, n, port, size))
			s->watch_hits |= 1u << n;
}

/* Is there a breakpoint on the code at rip? Its #DB is noted then. SDM 3B 17.3.1.1. */
bool debug_stops(struct soft_vcpu *s)
{
	u64 lin = soft_linear_pc(&s->v);
	u32 hits = 0;

	if (s->v.rflags & FL_RF)
		return false;
	for (unsigned n = 0; n < 4; n++)
		if (enabled(&s->v, n) && watch_of(&s->v, n) == WATCH_CODE && s->v.dr[n] == lin)
			hits |= 1u << n;
	if (!hits)
		return false;
	s->v.dr[6] = (s->v.dr[6] & ~0xfull) | hits;
	soft_fault(s, EXC_DB, false, 0);
	return true;
}

/* After an instruction that completed, begun with TF as tf says: is there a trap to deliver? */
bool debug_trap(struct soft_vcpu *s, bool tf, struct fault *ret)
{
	u32 hits = s->watch_hits;

	if (s->ss_shadow) /* hits wait for the next instruction; the step is lost. SDM 3A 6.8.3 */
		return false;
	if (s->no_step)
		tf = s->v.rflags & FL_TF;
	s->watch_hits = 0;
	if (!hits && !tf)
		return false;
	s->v.dr[6] = (s->v.dr[6] & ~0xfull) | hits | (tf ? DR6_BS : 0);
	*ret = (struct fault){ .vec = EXC_DB, .trap = true };
	return true;
}
