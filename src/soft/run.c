/* run.c - the dispatcher: takes events, finds a block, enters it. General registers only. */
#include "soft/state.h"

/* ---- events ---- */

static void poll_arm(struct soft_vcpu *s)
{
	u64 good = (u64)(uintptr_t)s->soft->poll_page;

	__atomic_store_n(&s->poll, good, __ATOMIC_SEQ_CST);
	if (s->v.events)
		__atomic_store_n(&s->poll, good + GUEST_PAGE_SIZE, __ATOMIC_SEQ_CST);
}

static void look_for_irq(struct soft_vcpu *s)
{
	const struct engine_host *h = &s->soft->en.config.host;

	__atomic_fetch_and((u32 *)&s->v.events, ~(u32)EV_IRQ, __ATOMIC_SEQ_CST);
	vec_save(s);
	s->irq_waits = h->irq_pending && h->irq_pending(h->ctx, &s->v);
}

static void take_irq(struct soft_vcpu *s)
{
	const struct engine_host *h = &s->soft->en.config.host;
	struct fault f = { 0 };
	int vec;

	vec_save(s);
	vec = h->irq_ack(h->ctx, &s->v);
	s->irq_waits = h->irq_pending(h->ctx, &s->v);
	if (vec < 0)
		return;
	f.vec = (u8)vec;
	soft_deliver(s, INTR_EXTERNAL, &f);
}

/* Interrupts and requests; true: leave run() with RUN_EVENT. */
static bool take_events(struct soft_vcpu *s)
{
	u32 ev = __atomic_load_n((u32 *)&s->v.events, __ATOMIC_SEQ_CST);

	if (ev & (EV_STOP | EV_INIT | EV_SIPI))
		return true;
	if (ev & EV_SYNC) {
		__atomic_fetch_and((u32 *)&s->v.events, ~(u32)EV_SYNC, __ATOMIC_SEQ_CST);
		code_leave(s);
		code_enter(s);
	}
	if (ev & EV_IRQ)
		look_for_irq(s);
	if (!s->inhibit) {
		if ((ev & EV_NMI) && !s->v.nmi_masked) {
			struct fault f = { .vec = EXC_NMI };

			__atomic_fetch_and((u32 *)&s->v.events, ~(u32)EV_NMI, __ATOMIC_SEQ_CST);
			soft_deliver(s, INTR_NMI, &f);
		} else if (s->irq_waits && (s->v.rflags & FL_IF)) {
			take_irq(s);
		}
	}
	s->sti_poll = (u64)(uintptr_t)s->soft->poll_page + (s->irq_waits ? GUEST_PAGE_SIZE : 0);
	poll_arm(s);
	return false;
}

/* ---- finding blocks ---- */

static enum step code_gpa(struct soft_vcpu *s, gpa_t *ret)
{
	struct vcpu *v = &s->v;
	u64 lin = soft_linear_pc(v);
	u64 tag = ~s->itlb[v->cpl == 3][itlb_index(lin)];

	if (!in_64bit(v) && (u32)v->rip > v->seg[SEG_CS].limit)
		return fault_gp(s, 0);
	if (~tag && canonical(lin) && tag >> 28 == ((lin >> 12) & 0xfffffffff)) {
		*ret = GPA((tag & 0xfffffff) << 12 | (lin & (GUEST_PAGE_SIZE - 1)));
		return STEP_NEXT;
	}
	return itlb_fill(s, lin, ret);
}

static void jump_cache_add(struct soft_vcpu *s, const struct block *b)
{
	int slot;

	if ((b->mode & (M_ONE | M_NOMERGE | M_CS_BASE)) || s->soft->single_step)
		return;
	slot = soft_mode_slot(s->soft, b->mode);
	if (slot >= 0)
		s->jc[slot][b->pc & (JC_N - 1)] = (u64)(uintptr_t)s->soft->code_rx + b->indirect;
}

/* The longest time for which a full cache ever kept the guest from running. */
static void note_stall(struct soft_vcpu *s, u64 tsc)
{
	u64 ns = tsc * 1000 / (s->soft->cpuid.tsc_hz / 1000000);

	if (ns > s->v.stats.n[STAT_stall_ns])
		s->v.stats.n[STAT_stall_ns] = ns;
}

static void recycle(struct soft_vcpu *s)
{
	struct soft *so = s->soft;
	u64 start = __builtin_ia32_rdtsc();

	if (!s->alone)
		world_stop(s);
	spin_lock(&so->lock);
	if (!cache_room(so))
		cache_recycle(so);
	spin_unlock(&so->lock);
	if (!s->alone)
		world_go(s);
	note_stall(s, __builtin_ia32_rdtsc() - start);
}

/* What block_make() could not do inside: others must be asked. */
static void make_way(struct soft_vcpu *s, enum made why, gpa_t page)
{
	code_leave(s);
	if (why == MADE_CLAIM)
		code_page_claim(s, page.at >> GUEST_PAGE_SHIFT);
	else
		recycle(s);
	code_enter(s);
}

static enum made find_or_make(struct soft_vcpu *s, gpa_t gpa, u32 mode, struct block **ret,
			      gpa_t *page)
{
	struct soft *so = s->soft;
	u64 cs_base = in_64bit(&s->v) ? 0 : s->v.seg[SEG_CS].base;
	enum made made = MADE;

	spin_lock(&so->lock);
	*ret = cache_find(s, s->v.rip, gpa, mode, cs_base);
	if (!*ret) {
		vec_save(s);
		made = block_make(s, gpa, mode, ret, page);
	}
	if (made == MADE)
		jump_cache_add(s, *ret);
	if (!s->v.index) { /* what all have done together */
		s->v.stats.n[STAT_cache_drop] = so->drops;
		s->v.stats.n[STAT_smc] = so->smc;
	}
	spin_unlock(&so->lock);
	return made;
}

static struct block *find(struct soft_vcpu *s, u32 mode)
{
	struct block *b;
	gpa_t gpa, page;

	for (;;) {
		enum made made;

		if (code_gpa(s, &gpa))
			return NULL;
		made = find_or_make(s, gpa, mode, &b, &page);
		if (made == MADE)
			return b;
		if (made == MADE_FAULT)
			return NULL;
		make_way(s, made, page);
	}
}

/* ---- single steps of the guest's own ---- */

/* After an instruction that ran alone; tf: it was begun with TF. */
static void step_done(struct soft_vcpu *s, u32 mode, bool tf)
{
	struct fault f;

	if (s->faulted || s->fault_waits || s->one_mode) {
		s->watch_hits = 0;
		return;
	}
	if (mode & M_DEBUG) /* RF has let one instruction pass; an iteration of many is none */
		s->v.rflags = s->again ? s->v.rflags | FL_RF
				       : s->v.rflags & ~(s->rf ? FL_RF : 0ull);
	if (!debug_trap(s, tf, &f))
		return;
	if (s->exit_why == RUN_HALT)
		s->exiting = false; /* the trap wakes the processor */
	soft_deliver(s, INTR_EXCEPTION, &f);
}

/* ---- deterministic ---- */

static void digest_points(struct soft_vcpu *s)
{
	const struct engine_config *c = &s->soft->en.config;
	u64 now = soft_icount(&s->v);

	if (s->next_digest && now >= s->next_digest) {
		vec_save(s);
		c->host.digest(c->host.ctx, &s->v, now);
		s->next_digest += c->digest_every;
	}
	if (c->host.advance) {
		vec_save(s);
		s->next_tick = c->host.advance(c->host.ctx, &s->v, now);
	}
}

/* Set the budget so that the next thing bound to an instruction count is met exactly. */
static void budget_set(struct soft_vcpu *s)
{
	u64 now = soft_icount(&s->v), end = now + 1000000;

	if (s->next_digest && s->next_digest < end)
		end = s->next_digest;
	if (s->next_tick && s->next_tick < end)
		end = s->next_tick > now ? s->next_tick : now + 1;
	s->icount_end = end;
	s->budget = (i64)(end - now);
}

/* Timers are asked for again when they may have changed: once the board was called. */
static void deterministic_turn(struct soft_vcpu *s)
{
	if (!s->called_out && s->budget > 0 && soft_icount(&s->v) < s->next_tick)
		return;
	s->called_out = false;
	digest_points(s);
	budget_set(s);
	s->called_out = false;
}

/* ---- the dispatcher ---- */

static u64 enter(struct soft_vcpu *s, const struct block *b)
{
	struct soft *so = s->soft;
	u64 (*go)(u64) = (u64 (*)(u64))(uintptr_t)(so->code_rx + so->thunk.enter);
	u64 ret;

	soft_ras_apply(s);
	vec_load(s);
	soft_flags_unpack(s);
	s->left = s->again = s->faulted = false;
	s->v.stats.n[STAT_dispatch]++;
	ret = go((u64)(uintptr_t)(so->code_rx + b->entry));
	if (s->exit_kind != X_STATE)
		soft_flags_pack(s);
	if (s->left)
		s->ras_reset = true;
	return ret;
}

static void link(struct soft_vcpu *s, struct exit *x, struct block *b)
{
	struct soft *so = s->soft;

	spin_lock(&so->lock);
	exit_link(so, x, b);
	spin_unlock(&so->lock);
	s->v.stats.n[STAT_links]++;
}

static u32 next_mode(struct soft_vcpu *s)
{
	u32 m = s->mode | s->one_mode;

	if (s->one_mode)
		m &= ~(u32)M_FPU_TRAP;
	if (s->inhibit || (s->v.rflags & FL_TF) || (m & M_DEBUG) || s->run_one)
		m |= M_ONE;
	return m;
}

static bool pc_allowed(const struct soft_vcpu *s)
{
	return in_64bit(&s->v) ? canonical(s->v.rip) : s->v.rip <= s->v.seg[SEG_CS].limit;
}

/* The branch that ended b led to no address: it faults itself, and popped nothing. SDM 2A RET. */
static struct exit *branch_fault(struct soft_vcpu *s, const struct block *b, u64 popped)
{
	if (b) {
		s->v.rip = b->pc + b->last;
		s->v.gpr[RSP] -= popped;
		s->budget++;
	}
	fault_gp(s, 0);
	soft_deliver_fault(s);
	return NULL;
}

/* One block (and what is chained to it); x: the exit that led here, to be linked. */
static struct exit *turn(struct soft_vcpu *s, struct exit *x)
{
	u32 mode = x ? x->mode : next_mode(s);
	bool tf = s->v.rflags & FL_TF, one;
	u64 drops = s->soft->drops, ret;
	struct block *b;

	if (unlikely(break_any(s)) && break_stops(s, &mode))
		return NULL;
	if (mode & M_ONE)
		x = NULL;
	b = find(s, mode);
	if (!b) {
		soft_deliver_fault(s);
		return NULL;
	}
	if (x && s->soft->drops == drops)
		link(s, x, b);
	one = mode & M_ONE;
	if (one) {
		if ((mode & M_DEBUG) && !s->ss_shadow && debug_stops(s)) {
			soft_deliver_fault(s);
			return NULL;
		}
		s->rf = s->v.rflags & FL_RF;
		s->inhibit = s->ss_shadow = s->no_step = s->run_one = false;
		s->one_mode = 0;
	}
	ret = enter(s, b);
	soft_mode_changed(s);
	s->drops_seen = s->soft->drops;
	switch (s->exit_kind) {
	case X_LINK:
		x = (struct exit *)(uintptr_t)ret;
		s->v.rip = x->pc;
		return x;
	case X_JUMP:
		s->v.rip = ret;
		if (unlikely(!pc_allowed(s)) && s->branch) {
			b = cache_block_at(s->soft, (u64)(uintptr_t)s->soft->code_rx +
							(s->branch & (CACHE_SIZE - 1)));
			return branch_fault(s, b, s->branch >> CACHE_BITS);
		}
		s->v.stats.n[STAT_jump_miss]++;
		break;
	case X_BUDGET:
		s->v.rip = ret;
		s->run_one = s->budget > 0;
		return NULL;
	default:
		break;
	}
	if (one && (tf || (mode & M_DEBUG)))
		step_done(s, mode, tf);
	return NULL;
}

/* A locked instruction on two pages is done by parts: nobody may look meanwhile. */
static struct exit *turn_alone(struct soft_vcpu *s)
{
	code_leave(s);
	world_stop(s);
	code_enter(s);
	s->alone = s->run_one = true;
	s->alone_next = false;
	turn(s, NULL);
	s->alone = false;
	world_go(s);
	return NULL;
}

static bool linkable(struct soft_vcpu *s, const struct exit *x)
{
	return x && s->drops_seen == s->soft->drops && !s->inhibit && !s->one_mode &&
	       !s->run_one && !(s->v.rflags & FL_TF) &&
	       (x->mode & ~(u32)M_NOMERGE) == s->mode && !x->owner->dead;
}

enum run_exit soft_run(struct vcpu *v, struct err *e)
{
	struct soft_vcpu *s = soft_of(v);
	struct exit *x = NULL;
	enum run_exit why = RUN_EVENT;
	bool rf;

	(void)e;
	break_begin(s);
	v->stats.n[STAT_exits]++;
	code_enter(s);
	for (;;) {
		u64 rip = v->rip;

		if (s->fault_waits) {
			s->fault_waits = false;
			soft_deliver_fault(s);
			soft_mode_changed(s);
		}
		if (s->exiting) {
			s->exiting = false;
			why = s->exit_why;
			break;
		}
		if (unlikely(s->debug_stop)) {
			break_end(s);
			why = RUN_DEBUG;
			break;
		}
		if (s->soft->deterministic)
			deterministic_turn(s);
		if (take_events(s))
			break;
		if (s->exiting)
			continue;
		if (v->rip != rip || !linkable(s, x))
			x = NULL;
		rf = v->rflags & FL_RF;
		x = unlikely(s->alone_next) ? turn_alone(s) : turn(s, x);
		if (unlikely(break_any(s)))
			break_turned(s, rf);
	}
	code_leave(s);
	vec_save(s);
	if (s->irq_waits)
		__atomic_fetch_or((u32 *)&v->events, EV_IRQ, __ATOMIC_SEQ_CST);
	return why;
}
