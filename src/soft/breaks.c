/* breaks.c - a debugger's breakpoints, watchpoints and steps; the guest's own are in sys_debug.c.
 * General registers only. */
#include <errno.h>

#include "soft/state.h"

/*E:675 A breakpoint is where no block goes on
 * A debugger's breakpoint writes nothing into the guest. When one is set, the blocks made from that
 * address are dropped, and from then on a block ends before it and none that begins there is linked or
 * kept in a jump cache: whoever gets there comes by the dispatcher, which looks. To go on, the one
 * instruction runs alone. A watchpoint puts the processor into the mode of its own debug
 * registers, every instruction alone and every access slow. Without any, this is one test of a
 * counter in the dispatcher.
 * @test soft_break_stops_before
 */
bool break_at(const struct soft *so, u64 lin)
{
	for (unsigned i = 0; i < so->nbreaks; i++)
		if (so->breaks[i].kind == BREAK_EXEC && so->breaks[i].at.at == lin)
			return true;
	return false;
}

static void stop(struct soft_vcpu *s, unsigned hit)
{
	s->v.debug_hit = (u8)hit;
	s->debug_stop = true;
}

void break_begin(struct soft_vcpu *s)
{
	s->debug_stop = false;
	s->break_passed &= !!s->soft->nbreaks;
	/* An interrupt now would take the step elsewhere, or come back to the breakpoint. */
	if (s->v.debug_step || s->break_passed)
		s->inhibit = true;
}

bool break_stops(struct soft_vcpu *s, u32 *mode)
{
	struct soft *so = s->soft;
	u64 lin = soft_linear_pc(&s->v);

	if (s->v.debug_step)
		*mode |= M_ONE;
	if (!break_at(so, lin))
		return false;
	*mode |= M_ONE;
	/* RF: the instruction was begun and faulted, and the handler is back. */
	if ((s->v.rflags & FL_RF) || (s->break_passed && s->break_pc == lin))
		return false;
	for (unsigned i = 0; i < so->nbreaks; i++)
		if (so->breaks[i].kind == BREAK_EXEC && so->breaks[i].at.at == lin)
			stop(s, DEBUG_BREAK + i);
	return true;
}

/* After a turn; rf: RF was set before it. */
void break_turned(struct soft_vcpu *s, bool rf)
{
	bool faulted = s->faulted || s->fault_waits;
	u64 hits = faulted ? 0 : s->break_hits;

	if (s->debug_stop)
		return; /* nothing was run */
	s->break_hits = 0;
	if (hits)
		stop(s, DEBUG_BREAK + (unsigned)__builtin_ctzll(hits));
	if (s->exit_kind == X_BUDGET || s->again || s->one_mode)
		return;
	s->break_passed = false;
	if (rf && !faulted)
		s->v.rflags &= ~(u64)FL_RF;
	if (s->v.debug_step && !hits)
		stop(s, DEBUG_STEPPED);
}

void break_end(struct soft_vcpu *s)
{
	s->break_passed = true;
	s->break_pc = soft_linear_pc(&s->v);
}

void break_access(struct soft_vcpu *s, u64 lin, unsigned len, bool write)
{
	const struct soft *so = s->soft;

	for (unsigned i = 0; i < so->nbreaks; i++) {
		const struct engine_break *b = &so->breaks[i];

		if (b->kind != BREAK_EXEC && (write || b->kind == BREAK_ACCESS) &&
		    lin <= b->at.at + b->len - 1 && b->at.at <= lin + len - 1)
			s->break_hits |= 1ull << i;
	}
}

/* ---- setting them ---- */

static bool covers(const struct block *b, u64 lin)
{
	return lin - (b->cs_base + b->pc) < b->len;
}

static void blocks_drop(struct soft *so, u64 lin)
{
	for (unsigned r = 0; r < REGIONS; r++)
		for (u32 k = 0; k < so->region[r].n; k++) {
			struct block *b = so->region[r].blocks[k];

			if (!b->dead && covers(b, lin))
				block_drop(so, b);
		}
}

int soft_breaks(struct engine *en, const struct engine_break *b, unsigned n, struct err *e)
{
	struct soft *so = container_of(en, struct soft, en);

	if (n > ENGINE_BREAKS)
		return err_set(e, -ENOSPC, "there is room for %d breakpoints and watchpoints",
			       ENGINE_BREAKS);
	spin_lock(&so->lock);
	so->nbreaks = so->nwatches = 0;
	for (unsigned i = 0; i < n; i++) {
		if (b[i].kind == BREAK_EXEC)
			blocks_drop(so, b[i].at.at);
		so->nwatches += b[i].kind != BREAK_EXEC;
		so->breaks[so->nbreaks++] = b[i];
	}
	spin_unlock(&so->lock);
	for (unsigned i = 0; i < so->nvcpus; i++) {
		so->vcpu[i]->ras_reset = true;
		soft_mode_changed(so->vcpu[i]);
	}
	return 0;
}
