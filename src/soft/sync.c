/* sync.c - vCPUs that wait for each other: a lock, a page that becomes code, the world stopped.
 * General registers only. */
#include "soft/state.h"

#include <sys/syscall.h>

/*E:800 Several processors, one cache
 * All vCPUs run from one cache of blocks. Finding, linking and dropping them happens under one lock,
 * and nobody waits for a vCPU while holding it. Two things need more than a lock, because translated
 * code asks nobody: a page must have no writer left before it is read as code, and a slice of the
 * cache must have nobody inside before it is used again. Both are asked of each vCPU, and answered
 * where it is outside translated code anyway: code_enter() and code_leave() say when that is.
 * @test stress
 */
static void host_yield(void)
{
	long rc;

	__asm__ volatile("syscall" : "=a"(rc) : "0"((long)SYS_sched_yield) : "rcx", "r11", "memory");
}

#define SPINS 200

void spin_lock(struct spin *l)
{
	for (unsigned n = 1; __atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE); n++)
		if (n % SPINS)
			__builtin_ia32_pause();
		else
			host_yield();
}

void spin_unlock(struct spin *l) { __atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE); }

/* ---- what others ask of a vCPU ---- */

static bool stopped_for(const struct soft_vcpu *s)
{
	const struct soft_vcpu *by = __atomic_load_n(&s->soft->stopper, __ATOMIC_SEQ_CST);

	return by && by != s;
}

/* Answer what was asked; s is outside translated code. */
static void serve(struct soft_vcpu *s)
{
	struct soft *so = s->soft;

	spin_lock(&so->lock);
	__atomic_store_n(&s->asked, 0, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < s->nprotect && i < PROTECT_MAX; i++)
		tlb_protect(s, s->protect[i]);
	if (s->nprotect > PROTECT_MAX)
		tlb_protect_all(s);
	s->nprotect = 0;
	__atomic_store_n(&s->served, s->ticket, __ATOMIC_RELEASE);
	spin_unlock(&so->lock);
	while (stopped_for(s))
		host_yield();
}

void code_enter(struct soft_vcpu *s)
{
	for (;;) {
		__atomic_store_n(&s->in_code, 1, __ATOMIC_SEQ_CST);
		if (likely(!__atomic_load_n(&s->asked, __ATOMIC_SEQ_CST)))
			return;
		code_leave(s);
		serve(s);
	}
}

void code_leave(struct soft_vcpu *s) { __atomic_store_n(&s->in_code, 0, __ATOMIC_RELEASE); }

static void ask(struct soft_vcpu *c)
{
	__atomic_store_n(&c->asked, 1, __ATOMIC_SEQ_CST);
}

static bool inside(const struct soft_vcpu *c)
{
	return __atomic_load_n(&c->in_code, __ATOMIC_SEQ_CST);
}

static void call_out_of_code(struct soft_vcpu *c)
{
	__atomic_fetch_or((u32 *)&c->v.events, EV_SYNC, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->poll, (u64)(uintptr_t)c->soft->poll_page + GUEST_PAGE_SIZE,
			 __ATOMIC_SEQ_CST);
}

/* Wait until c was outside once since it was asked: ticket was served, or is before it goes in. */
static void wait_served(struct soft_vcpu *c, u32 ticket)
{
	for (unsigned n = 0; inside(c); n++) {
		if ((i32)(__atomic_load_n(&c->served, __ATOMIC_ACQUIRE) - ticket) >= 0)
			return;
		if (!n)
			call_out_of_code(c);
		if (n < SPINS)
			__builtin_ia32_pause();
		else
			host_yield();
	}
}

/* ---- the world ---- */

void world_stop(struct soft_vcpu *s)
{
	struct soft *so = s->soft;
	struct soft_vcpu *none = NULL;

	while (!__atomic_compare_exchange_n(&so->stopper, &none, s, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST)) {
		none = NULL;
		host_yield();
	}
	for (unsigned i = 0; i < so->nvcpus; i++)
		if (so->vcpu[i] != s)
			ask(so->vcpu[i]);
	for (unsigned i = 0; i < so->nvcpus; i++)
		if (so->vcpu[i] != s)
			wait_served(so->vcpu[i], so->vcpu[i]->served + 1);
}

void world_go(struct soft_vcpu *s)
{
	__atomic_store_n(&s->soft->stopper, NULL, __ATOMIC_SEQ_CST);
}

/* ---- pages that become code ---- */

/* Locked. The tickets of the others that are asked are in s->asked_ticket. */
static u64 ask_writers(struct soft_vcpu *s, u64 pfn, u64 host)
{
	struct soft *so = s->soft;
	u64 all = __atomic_load_n(&so->writers[pfn], __ATOMIC_SEQ_CST);
	u64 self = 1ull << s->v.index, others = all & ~self;

	if (all & self)
		tlb_protect(s, host);
	for (u64 left = others; left; left &= left - 1) {
		struct soft_vcpu *c = so->vcpu[__builtin_ctzll(left)];

		if (c->nprotect < PROTECT_MAX)
			c->protect[c->nprotect] = host;
		if (c->nprotect <= PROTECT_MAX)
			c->nprotect++;
		s->asked_ticket[c->v.index] = ++c->ticket;
		ask(c);
	}
	__atomic_fetch_and(&so->writers[pfn], ~all, __ATOMIC_SEQ_CST);
	return others;
}

/*E:810 A page becomes code
 * First the page is marked, so that nobody gets a write tag for it any more; then who may still hold
 * one (a bit per vCPU and page tells) is asked to drop it; and only when all have answered are the
 * page's bytes read. A store that comes later finds no tag, takes the slow path, and drops what was
 * made from the bytes before it.
 */
void code_page_claim(struct soft_vcpu *s, u64 pfn)
{
	struct soft *so = s->soft;
	u64 host = (u64)(uintptr_t)mem_host(so->en.config.mem, GPA(pfn << GUEST_PAGE_SHIFT), 1);
	struct code_page *p;
	u64 others = 0;

	spin_lock(&so->claim_lock); /* one at a time: whoever finds it claimed finds it without writers */
	spin_lock(&so->lock);
	p = code_page_mark(so, pfn);
	others = ask_writers(s, pfn, host);
	spin_unlock(&so->lock);
	for (; others; others &= others - 1) {
		struct soft_vcpu *c = so->vcpu[__builtin_ctzll(others)];

		wait_served(c, s->asked_ticket[c->v.index]);
	}
	spin_lock(&so->lock);
	p->claimed = p->code; /* not when it was given up meanwhile: page_written() */
	spin_unlock(&so->lock);
	spin_unlock(&so->claim_lock);
}
