/* oracle_child.c - the child that runs sequences natively.
 * A sequence ends with a signal. The handler notes what the signal frame shows, writes the next
 * sequence's registers into the frame, and returns: sigreturn loads all of them at once, the code
 * segment included, so that 32-bit code runs the same way.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "oracle.h"
#include "x86/vcpu.h"

#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_RESTORE_SS 4

/* What the entry below exchanges with the handler, since fs is the sequence's at both ends. */
struct oracle_seg {
	u64 host_fs;
	u64 fsbase, gsbase;
	u16 es, ds, fs, gs;
};
struct oracle_seg oracle_seg;
void oracle_entry(int sig, siginfo_t *info, void *uc);
void oracle_handler(int sig, siginfo_t *info, void *ctx);

static struct oracle *oracle;
static bool running;

/* AC off first (a handler makes unaligned accesses), and NT and ID, which sigreturn leaves as they
 * are; then the host's thread pointer; the reverse
 * on the way out. A null selector may clear the base, so bases come last. */
__asm__(
	".text\n"
	".globl oracle_entry\n"
	"oracle_entry:\n"
	"	pushfq\n"
	"	andl $~0x244400, (%rsp)\n"
	"	popfq\n"
	"	pushq %rbx\n"
	"	leaq oracle_seg(%rip), %rbx\n"
	"	rdfsbase %rax\n"
	"	movq %rax, 8(%rbx)\n"
	"	rdgsbase %rax\n"
	"	movq %rax, 16(%rbx)\n"
	"	movw %es, 24(%rbx)\n"
	"	movw %ds, 26(%rbx)\n"
	"	movw %fs, 28(%rbx)\n"
	"	movw %gs, 30(%rbx)\n"
	"	movq (%rbx), %rax\n"
	"	wrfsbase %rax\n"
	"	call oracle_handler\n"
	"	movw 24(%rbx), %es\n"
	"	movw 26(%rbx), %ds\n"
	"	movw 28(%rbx), %fs\n"
	"	movw 30(%rbx), %gs\n"
	"	movq 8(%rbx), %rax\n"
	"	wrfsbase %rax\n"
	"	movq 16(%rbx), %rax\n"
	"	wrgsbase %rax\n"
	"	popq %rbx\n"
	"	ret\n");

/* Where each of enum RAX.. lies in gregs. */
static const u8 greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

/* A component that the frame says is in its initial state need not have been written. */
static void capture_xsave(u8 *to, const u8 *frame)
{
	u64 bv;
	u16 fcw = 0x37f;

	memcpy(&bv, frame + XSAVE_HEADER, 8);
	memset(to, 0, STATE_XSAVE);
	to[XSAVE_HEADER] = 7;
	memcpy(to + FX_MXCSR, frame + FX_MXCSR, 4);
	if (bv & 1)
		memcpy(to, frame, FX_MXCSR), memcpy(to + FX_ST, frame + FX_ST, FX_XMM - FX_ST);
	else
		memcpy(to, &fcw, 2);
	if (bv & 2)
		memcpy(to + FX_XMM, frame + FX_XMM, 256);
	if (bv & 4)
		memcpy(to + YMMH_AT, frame + YMMH_AT, 256);
}

static void capture(struct outcome *out, int sig, const ucontext_t *uc)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	struct state *s = &out->state;

	out->status = sig == SIGSYS ? OUT_SYSCALL : OUT_FAULT;
	out->vec = (u8)g[REG_TRAPNO];
	out->error = (u32)g[REG_ERR];
	out->cr2 = (u64)g[REG_CR2];
	for (unsigned i = 0; i < 16; i++)
		s->gpr[i] = (u64)g[greg_of[i]];
	s->rip = (u64)g[REG_RIP];
	s->flags = (u64)g[REG_EFL];
	s->fsbase = oracle_seg.fsbase;
	s->gsbase = oracle_seg.gsbase;
	s->sel[SEG_ES] = oracle_seg.es;
	s->sel[SEG_DS] = oracle_seg.ds;
	s->sel[SEG_FS] = oracle_seg.fs;
	s->sel[SEG_GS] = oracle_seg.gs;
	s->sel[SEG_CS] = (u16)g[REG_CSGSFS];
	s->sel[SEG_SS] = (u16)((u64)g[REG_CSGSFS] >> 48);
	capture_xsave(s->xsave, (const u8 *)uc->uc_mcontext.fpregs);
	memcpy(out->image, oracle->image, IMAGE_SIZE);
}

static void load_xsave(u8 *frame, const u8 *from)
{
	u64 bv;

	memcpy(frame, from, FX_XMM + 256); /* behind it lies the kernel's description of the frame */
	memcpy(&bv, frame + XSAVE_HEADER, 8);
	bv = 7 | (bv & 1 << 9); /* PKRU stays as it is; AVX-512 state starts out initial */
	memcpy(frame + XSAVE_HEADER, &bv, 8);
	memcpy(frame + YMMH_AT, from + YMMH_AT, 256);
}

static void load(const struct oracle_job *j, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	const struct state *s = &j->init;

	image_fill(oracle->image, j->salt, j->code, j->code_at, j->code_len);
	for (unsigned i = 0; i < 16; i++)
		g[greg_of[i]] = (greg_t)s->gpr[i];
	g[REG_RIP] = (greg_t)s->rip;
	g[REG_EFL] = (greg_t)s->flags;
	g[REG_CSGSFS] = (greg_t)(s->sel[SEG_CS] | (u64)s->sel[SEG_SS] << 48);
	uc->uc_flags |= UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	load_xsave((u8 *)uc->uc_mcontext.fpregs, s->xsave);
	oracle_seg.fsbase = s->fsbase;
	oracle_seg.gsbase = s->gsbase;
	oracle_seg.es = s->sel[SEG_ES];
	oracle_seg.ds = s->sel[SEG_DS];
	oracle_seg.fs = s->sel[SEG_FS];
	oracle_seg.gs = s->sel[SEG_GS];
}

void oracle_handler(int sig, siginfo_t *info, void *ctx)
{
	struct oracle *o = oracle;
	u32 turn;

	(void)info;
	if (running)
		capture(&o->out[o->cur++], sig, ctx);
	while (turn = o->turn, o->done == turn || o->cur >= o->n) {
		running = false;
		if (o->done != turn) {
			o->done = turn;
			futex_wake(&o->done);
		}
		futex_wait(&o->turn, turn, -1);
	}
	running = true;
	load(&o->job[o->cur], ctx);
}

static NORETURN void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void map_frames(const struct oracle *o)
{
	static const int prot[] = {
		[PROT_RW] = PROT_READ | PROT_WRITE,
		[PROT_RO] = PROT_READ,
		[PROT_RWX] = PROT_READ | PROT_WRITE | PROT_EXEC,
	};

	for (unsigned s = 0; s < SLIDE_N; s++)
		for (unsigned i = 0; i < FRAMES; i++) {
			void *at = (void *)(frames[i].va + slides[s]);

			if (mmap(at, GUEST_PAGE_SIZE, prot[frames[i].prot],
				 MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, o->memfd,
				 (off_t)(i * GUEST_PAGE_SIZE)) != at)
				die("diff: cannot map the oracle's memory");
		}
}

static void set_handlers(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	struct sigaction sa = { .sa_sigaction = oracle_entry,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	stack_t st = { .ss_size = 1 << 17 };

	st.ss_sp = mmap(NULL, st.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (st.ss_sp == MAP_FAILED || sigaltstack(&st, NULL) < 0)
		die("diff: cannot make a signal stack");
	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
}

/* Only what the handler itself calls; anything else is the sequence's doing. */
static void forbid_system_calls(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog p = { ARRAY_SIZE(f), f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		die("diff: cannot forbid system calls to the oracle");
}

NORETURN void oracle_child(struct oracle *o)
{
	oracle = o;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	__asm__ volatile("rdfsbase %0" : "=r"(oracle_seg.host_fs));
	map_frames(o);
	set_handlers();
	forbid_system_calls();
	__asm__ volatile("ud2");
	__builtin_unreachable();
}
