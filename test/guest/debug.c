/* debug.c - single stepping and the debug registers. Source: SDM 3B 17.2, 17.3. */
#include "guest.h"

const char test_name[] = "debug";

enum { DR6_BS = 1 << 14, DR6_BD = 1 << 13 };
#define DR6_FIXED 0xffff0ff0ull

#define DR_ACCESS(n)                                                                          \
	static inline ulong dr##n##_get(void)                                                 \
	{                                                                                     \
		ulong v;                                                                      \
		asm volatile("mov %%db" #n ", %0" : "=r"(v));                                 \
		return v;                                                                     \
	}                                                                                     \
	static inline void dr##n##_set(ulong v)                                               \
	{                                                                                     \
		asm volatile("mov %0, %%db" #n : : "r"(v) : "memory");                        \
	}
DR_ACCESS(0)
DR_ACCESS(1)
DR_ACCESS(2)
DR_ACCESS(3)
DR_ACCESS(6)
DR_ACCESS(7)

#define STEPS 64
static struct {
	ulong ip, cx, dr6, flags;
} step[STEPS];
static unsigned steps, stop_after;
static bool set_rf;

/* Record a #DB; end single stepping after stop_after of them, or when asked by RF. */
static bool db_hook(struct frame *f)
{
	if (steps < STEPS) {
		step[steps].ip = f->ip;
		step[steps].cx = f->cx;
		step[steps].flags = f->flags;
		step[steps].dr6 = dr6_get();
	}
	steps++;
	dr6_set(DR6_FIXED);
	if (steps >= stop_after)
		f->flags &= ~(ulong)FL_TF;
	if (set_rf)
		f->flags |= FL_RF;
	return true;
}

static void start(unsigned n)
{
	steps = 0;
	stop_after = n;
	set_rf = false;
	dr6_set(DR6_FIXED);
}

#define TF_ON "pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
#define TF_OFF "pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq\n\t"
#define MARK(n) ".globl mark" #n "\nmark" #n ":\n\t"
extern char mark0[], mark1[], mark2[], mark3[], mark4[], mark5[], mark6[], mark7[], mark8[],
	mark9[], mark20[], mark21[], mark22[], mark23[], mark24[], mark25[], mark26[], mark27[];

static void single_step(void)
{
	u8 to[8], from[8];
	u64 c = 3;
	void *d = to, *s = from;

	start(4);
	asm volatile(TF_ON MARK(0) "nop\n" MARK(1) "jmp 1f\n nop\n1:" MARK(2) "nop\n" MARK(3) "nop\n"
		     MARK(4) "nop" : : : "memory", "cc");
	check("TF: first trap after the instruction that follows popf", step[0].ip == (ulong)mark1);
	check("TF: a jump traps at its target", step[1].ip == (ulong)mark2);
	check("TF: each instruction traps", step[2].ip == (ulong)mark3 && step[3].ip == (ulong)mark4);
	check_eq("TF: as many traps as instructions", steps, 4);
	check("TF: DR6.BS", step[0].dr6 == (DR6_FIXED | DR6_BS));
	check("TF: saved flags have TF", step[0].flags & FL_TF);

	start(9);
	asm volatile(TF_ON MARK(5) "rep movsb\n" MARK(6) "nop\n nop\n" TF_OFF
		     : "+c"(c), "+S"(s), "+D"(d) : : "memory", "cc");
	check("TF: rep traps after each iteration",
	      step[0].ip == (ulong)mark5 && step[0].cx == 2 && step[1].ip == (ulong)mark5 &&
	      step[1].cx == 1 && step[2].ip == (ulong)mark6 && step[2].cx == 0);
	check("TF: the popf that clears it still traps", steps == 8);

	start(9);
	asm volatile("movl %%ss, %%eax\n" TF_ON MARK(7) "movl %%eax, %%ss\n" MARK(8) "nop\n" MARK(9)
		     "nop\n" TF_OFF : : : "rax", "memory", "cc");
	check("TF: none after mov to ss, one after the next", step[0].ip == (ulong)mark9);

	start(1);
	asm volatile("subq $8, %%rsp\n movq %%rsp, %%rax\n movl %%ss, %%ecx\n pushq %%rcx\n pushq %%rax\n"
		     " pushfq\n orl $0x100, (%%rsp)\n movl %%cs, %%ecx\n pushq %%rcx\n pushq $mark20\n"
		     " iretq\n" MARK(20) "nop\n" MARK(21) "nop\n addq $8, %%rsp"
		     : : : "rax", "rcx", "memory", "cc");
	check("TF: set by iret, first trap after one instruction",
	      steps == 1 && step[0].ip == (ulong)mark21);

	start(2);
	asm volatile(TF_ON "int3\n" MARK(22) "nop\n" : : : "memory", "cc");
	/* The handler runs without TF; then one trap after the instruction at int3's end. */
	check("TF: not in a handler", step[0].ip >= (ulong)mark22 && steps <= 2);
	asm volatile(TF_OFF : : : "memory", "cc");
}

static bool bp_hook(struct frame *f)
{
	(void)f;
	return true;
}

static void code_breakpoints(void)
{
	start(99);
	set_rf = true;
	dr0_set((ulong)mark23);
	dr7_set(0x400 | 1);
	asm volatile("nop\n" MARK(23) "nop\n" : : : "memory");
	check("DR0: stops before the instruction", steps == 1 && step[0].ip == (ulong)mark23);
	check("DR0: DR6.B0", (step[0].dr6 & 0xf00f) == 1);
	check("DR0: a code breakpoint saves RF", on_tcg() || step[0].flags & FL_RF);
	start(99);
	set_rf = true;
	dr3_set((ulong)mark24);
	dr7_set(0x400 | 1 << 7);
	asm volatile("movl $5, %%ecx\n1:\n" MARK(24) "decl %%ecx\n jnz 1b" : : : "rcx", "cc", "memory");
	check("DR3: RF lets one instruction pass, each time", steps == 5 && step[4].cx == 1);
	check("DR3: DR6.B3", (step[0].dr6 & 0xf00f) == 8);
	dr7_set(0x400);
	start(99);
	asm volatile("nop\n" : : : "memory");
	check("DR7 clear: no breakpoint", steps == 0);
}

static u64 watched[4];

#define WATCH(n, rw, len) (0x400 | 1 << ((n) * 2) | (rw) << (16 + (n) * 4) | (len) << (18 + (n) * 4))

static void data_breakpoints(void)
{
	u64 v;

	start(99);
	dr1_set((ulong)&watched[0] + 4);
	dr7_set(WATCH(1, 1, 3)); /* writes, 4 bytes */
	asm volatile("movl $1, 4+%0\n" MARK(25) "nop" : "=m"(watched[0]) : : "memory");
	check("watch: a store traps past the instruction",
	      steps == 1 && step[0].ip == (ulong)mark25 && (step[0].dr6 & 0xf00f) == 2);
	start(99);
	asm volatile("movl $1, %0\n nop" : "=m"(watched[0]) : : "memory");
	check("watch: the store before it does not", steps == 0);
	asm volatile("movq $1, %0\n nop" : "=m"(watched[0]) : : "memory");
	check("watch: an overlapping store does", steps == 1);
	asm volatile("movb $1, 7+%0\n nop" : "=m"(watched[0]) : : "memory");
	check("watch: its last byte does", steps == 2);
	asm volatile("movb $1, 8+%0\n nop" : "=m"(watched[0]) : : "memory");
	check("watch: the byte behind does not", steps == 2);
	asm volatile("movl 4+%1, %k0\n nop" : "=r"(v) : "m"(watched[0]) : "memory");
	check("watch on writes: a load does not", steps == 2);
	asm volatile("addl $1, 4+%0\n nop" : "+m"(watched[0]) : : "memory", "cc");
	check("watch: read-modify-write", steps == 3);
	asm volatile("lock xaddl %%eax, 4+%0\n nop" : "+m"(watched[0]) : : "rax", "memory", "cc");
	check("watch: lock xadd", steps == 4);

	start(99);
	dr7_set(WATCH(1, 3, 3)); /* reads and writes */
	asm volatile("movl 4+%1, %k0\n" MARK(26) "nop" : "=r"(v) : "m"(watched[0]) : "memory");
	check("watch on accesses: a load traps", steps == 1 && step[0].ip == (ulong)mark26);
	asm volatile("cmpb $0, 5+%0\n nop" : : "m"(watched[0]) : "cc", "memory");
	check("watch on accesses: cmp", steps == 2);
	dr7_set(0x400);

	start(99);
	dr2_set((ulong)&watched[1]);
	dr7_set(WATCH(2, 1, 2)); /* 8 bytes */
	asm volatile("rep stosq" : : "D"(watched), "a"(0), "c"(4) : "memory");
	asm volatile("nop");
	check("watch: rep stos", steps == 1 && (step[0].dr6 & 0xf) == 4);
	start(99);
	asm volatile("xchgq %0, %%rsp\n pushq $7\n xchgq %0, %%rsp" : : "r"(&watched[2]) : "memory");
	check("watch: push", steps == 1);
	dr7_set(0x400);

	start(99);
	dr0_set(0x80);
	cr4_set(cr4_get() | CR4_DE);
	dr7_set(WATCH(0, 2, 0));
	asm volatile("outb %%al, $0x80\n" MARK(27) "nop" : : "a"(0) : "memory");
	check("watch: an I/O port", steps == 1 && step[0].ip == (ulong)mark27);
	dr7_set(0x400);
	cr4_set(cr4_get() & ~(ulong)CR4_DE);
}

USER(user_dr_write, "mov %rax, %db7");

static void registers(void)
{
	check_eq("DR6 at rest", dr6_get(), DR6_FIXED);
	dr6_set(0);
	check_eq("DR6 fixed bits", dr6_get(), DR6_FIXED);
	dr7_set(0);
	check_eq("DR7 bit 10 is one", dr7_get(), 0x400);
	dr0_set(0x1234567812345678);
	check_eq("DR0 keeps 64 bits", dr0_get(), 0x1234567812345678);
	TRY("mov %0, %%db7", : : "r"(1ull << 32) : "memory");
	check_fault_hw("#GP: DR7 upper half", GP, 0);
	TRY("mov %0, %%db6", : : "r"(1ull << 32) : "memory");
	check_fault_hw("#GP: DR6 upper half", GP, 0);
	TRY(".byte 0x0f, 0x21, 0xe0", MEM); /* mov dr4 to rax */
	check_none("DR4 is DR6 without CR4.DE");
	cr4_set(cr4_get() | CR4_DE);
	TRY(".byte 0x0f, 0x21, 0xe0", MEM);
	check_fault("#UD: DR4 with CR4.DE", UD, 0);
	TRY(".byte 0x0f, 0x23, 0xe8", MEM);
	check_fault("#UD: DR5 with CR4.DE", UD, 0);
	cr4_set(cr4_get() & ~(ulong)CR4_DE);
	user_run(user_dr_write, 0, 0);
	check_fault("#GP in ring 3: mov to DR7", GP, 0);
	on_trap(DB, NULL);
	dr7_set(0x400 | 1 << 13);
	TRY("mov %%db0, %%rax", : : : "rax", "memory");
	check_hw("DR7.GD: #DB before the access", last.vec == DB && last.ip == try_at);
	if (!on_tcg()) {
		check("DR7.GD: DR6.BD", dr6_get() & DR6_BD);
		check_eq("DR7.GD is cleared for the handler", dr7_get(), 0x400);
	}
	on_trap(DB, db_hook);
}

USER(user_step, "nop; nop; nop");

static void ring3(void)
{
	on_trap(DB, NULL);
	user_run_flags(user_step, 0, 0, FL_1 | FL_TF);
	check("TF in ring 3", last.vec == DB && last.ip == (ulong)user_step + 1 && last.flags & FL_TF);
	dr0_set((ulong)user_step + 2);
	dr7_set(0x402);
	user_run(user_step, 0, 0);
	check("code breakpoint in ring 3", last.vec == DB && last.ip == (ulong)user_step + 2);
	dr7_set(0x400);
	dr6_set(DR6_FIXED);
	on_trap(DB, db_hook);
}

void test_main(void)
{
	on_trap(DB, db_hook);
	on_trap(BP, bp_hook);
	registers();
	single_step();
	code_breakpoints();
	data_breakpoints();
	ring3();
}
