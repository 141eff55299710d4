/* signal.c - faults that the host takes inside translated code: polls, the return stack's end, and
 * what the guest's own instructions raise. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "soft/state.h"

#define ALT_STACK_SIZE 65536

static const int greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static _Thread_local struct soft_vcpu *present;

static bool in_cache(const struct soft *so, u64 pc)
{
	return pc - (u64)(uintptr_t)so->code_rx < CACHE_SIZE;
}

static void keep_host_registers(struct soft_vcpu *s, const greg_t *g)
{
	u64 f = (u64)g[REG_EFL];

	for (unsigned i = 0; i < 16; i++)
		s->hreg[i] = (u64)g[greg_of[i]];
	s->hflags_ax = (f & 0xff) << 8 | !!(f & FL_OF);
}

/* Go on in the dispatcher with the guest's state complete. */
static void leave(struct soft_vcpu *s, greg_t *g)
{
	s->ras_rsp = (u64)g[REG_RSP];
	if (s->ras_rsp > s->ras_top || s->ras_rsp < s->ras_top - RAS_SIZE)
		s->ras_rsp = s->ras_top;
	g[REG_RIP] = (greg_t)(uintptr_t)(s->soft->code_rx + s->soft->thunk.state);
}

#define POLL_BYTES 2 /* mov ecx, [rcx] */

/* A poll read the page that says "look up". In the common thunk all is at home and T0 is the rip. */
static void poll_fault(struct soft_vcpu *s, greg_t *g)
{
	s->v.stats.n[STAT_poll_fault]++;
	s->site = NULL;
	if (soft_state_at(s, (u64)g[REG_RIP])) {
		/* The poll comes before IF is set: a second sti has no shadow. */
		if (s->site->flags & SITE_STI) {
			s->inhibit = !(s->v.rflags & FL_IF);
			s->v.rflags |= FL_IF;
		}
	} else {
		for (unsigned r = 0; r < 16; r++)
			if (soft_home[r] != LOC_MEM)
				s->v.gpr[r] = s->hreg[soft_home[r]];
		s->flags_ax = (u32)s->hflags_ax;
		soft_flags_pack(s);
		s->v.rip = s->hreg[T0];
	}
	if (in_64bit(&s->v) && !canonical(s->v.rip)) { /* the branch faults first */
		g[REG_RIP] += POLL_BYTES;
		return;
	}
	if (s->site)
		s->budget += s->site_left - 1;
	leave(s, g);
}

/* The exception a guest instruction raised on the host is the guest's. SDM 3A 6.15. */
static bool guest_fault(struct soft_vcpu *s, int sig, const siginfo_t *si, greg_t *g)
{
	int trap = (int)g[REG_TRAPNO];

	if (!soft_state_at(s, (u64)g[REG_RIP]))
		return false;
	switch (sig) {
	case SIGFPE:
		if (trap == EXC_XM && !(s->v.cr4 & CR4_OSXMMEXCPT)) /* SDM 3A 2.5 */
			trap = EXC_UD;
		soft_fault(s,
			   (u8)(trap == EXC_UD || trap == EXC_XM || trap == EXC_MF ? trap : EXC_DE),
			   false, 0);
		break;
	case SIGILL:
		soft_fault(s, EXC_UD, false, 0);
		break;
	case SIGSEGV:
		if (trap != EXC_GP && trap != EXC_SS)
			return false;
		soft_fault(s, EXC_GP, true, 0);
		break;
	default:
		(void)si;
		return false;
	}
	s->v.stats.n[STAT_native_fault]++;
	s->budget += s->site_left;
	s->fault_waits = true;
	leave(s, g);
	return true;
}

static void give_up(int sig, const siginfo_t *si, const greg_t *g)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "pandok: bug: signal %d at %llx, address %llx\r\n",
			 sig, (unsigned long long)g[REG_RIP],
			 (unsigned long long)(uintptr_t)si->si_addr);

	if (write(2, line, (size_t)n) < 0)
		_exit(1);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct soft_vcpu *s = present;
	u64 at = (u64)(uintptr_t)si->si_addr, bad, guard;

	if (!s || !in_cache(s->soft, (u64)g[REG_RIP])) {
		give_up(sig, si, g);
		return;
	}
	bad = (u64)(uintptr_t)s->soft->poll_page + GUEST_PAGE_SIZE;
	guard = (u64)(uintptr_t)s->ras;
	if (sig == SIGSEGV &&
	    at - guard < GUEST_PAGE_SIZE) { /* the return stack is full: begin anew */
		g[REG_RSP] = (greg_t)s->ras_top;
		return;
	}
	keep_host_registers(s, g);
	if (sig == SIGSEGV && at - bad < GUEST_PAGE_SIZE)
		poll_fault(s, g);
	else if (!guest_fault(s, sig, si, g))
		give_up(sig, si, g);
}

int traps_init(struct err *e)
{
	static const int sigs[] = { SIGSEGV, SIGFPE, SIGILL, SIGBUS };
	struct sigaction sa = {.sa_sigaction = on_fault,
			       .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		if (sigaction(sigs[i], &sa, NULL) < 0)
			return err_sys(e, "cannot catch signal %d", sigs[i]);
	return 0;
}

int traps_thread(struct soft_vcpu *s, struct err *e)
{
	u64 size = (u64)sysconf(_SC_MINSIGSTKSZ) + ALT_STACK_SIZE;
	stack_t st = { .ss_size = size };

	if (present == s)
		return 0;
	if (!s->alt_stack) {
		s->alt_stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0);
		if (s->alt_stack == MAP_FAILED)
			return err_sys(e, "cannot map a signal stack");
	}
	st.ss_sp = s->alt_stack;
	if (sigaltstack(&st, NULL) < 0)
		return err_sys(e, "cannot set the signal stack");
	present = s;
	return 0;
}
