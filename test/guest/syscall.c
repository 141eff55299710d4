/* syscall.c - SYSCALL, SYSRET, SYSENTER and SYSEXIT in 64-bit mode.
 * Source: SDM 2B SYSCALL, SYSRET; AMD APM 3 for what AMD does otherwise. */
#include "guest.h"

const char test_name[] = "syscall";

u64 sc_rcx, sc_r11, sc_rsp, sc_flags, sc_n, sc_ret, sc_retflags;
u64 sc_user_rsp;
u16 sc_cs, sc_ss;

/* Notes what it finds, then SYSRETs to sc_ret with flags sc_retflags. */
extern char sc_entry[], sc_entry32[], sc_to_kernel[];
asm(".text\n"
    "sc_note:\n"
    "	movq %rcx, sc_rcx\n	movq %r11, sc_r11\n	movq %rsp, sc_rsp\n"
    "	leaq -8(%rsp), %rax\n	movq %rax, sc_user_rsp\n	movq $stack_top - 4096, %rsp\n"
    "	pushfq\n	popq sc_flags\n"
    "	movw %cs, sc_cs\n	movw %ss, sc_ss\n	incq sc_n\n"
    "	jmp *%rbp\n"
    "sc_entry:\n	movq $1f, %rbp\n	jmp sc_note\n"
    "1:	movq sc_rsp, %rsp\n	movq sc_ret, %rcx\n	movq sc_retflags, %r11\n"
    "	.globl sc_sysret\n"
    "sc_sysret:\n	sysretq\n"
    "sc_entry32:\n	movq $1f, %rbp\n	jmp sc_note\n"
    "1:	movq sc_rsp, %rsp\n	movq sc_ret, %rcx\n	movq sc_retflags, %r11\n"
    "	sysretl\n"
    "sc_to_kernel:\n	movq $1f, %rbp\n	jmp sc_note\n"
    "1:	movq sc_rsp, %rsp\n	pushq %r11\n	popfq\n	jmp *%rcx\n");
extern char sc_sysret[];

USER(user_syscall, "stc; syscall\nuser_after: nop");
extern char user_after[];
USER(user_sysret, "sysretq");
USER(user_sysexit, "sysexitl");
USER(user_sysenter, "sysenter");
/* 32-bit code: sysretl comes here, and syscall or sysenter leave from here. */
asm(".pushsection .user, \"ax\"\n.code32\n"
    "user32_end: .globl user32_end\n	pushl %eax\n	int $0x80\n"
    "user32_syscall: .globl user32_syscall\n	syscall\n	int $0x80\n"
    "user32_sysenter: .globl user32_sysenter\n	sysenter\n	int $0x80\n"
    ".code64\n.popsection");
extern char user32_end[], user32_syscall[], user32_sysenter[];

static void run32(const char *code)
{
	struct user_start s = { (u64)code, SEL_UCODE32, FL_1, USER_STACK, SEL_UDATA, .ax = 0 };

	last.vec = NO_FAULT;
	try_at = (ulong)code;
	user_enter(&s);
}

static void from_ring3(void)
{
	wrmsr(MSR_SFMASK, FL_CF | FL_IF | FL_TF);
	sc_ret = (u64)user_after;
	sc_retflags = FL_1 | FL_ZF;
	sc_n = 0;
	user_run_flags(user_syscall, 0, 0, FL_1 | FL_IF | FL_PF);
	check("SYSCALL enters at LSTAR", sc_n == 1);
	check_eq("SYSCALL: rcx is the next instruction", sc_rcx, (u64)user_after);
	check_eq("SYSCALL: r11 is the flags", sc_r11, FL_1 | FL_IF | FL_PF | FL_CF);
	check_hw("SYSCALL: SFMASK clears flags", sc_flags == (FL_1 | FL_PF));
	check_eq("SYSCALL: rsp stays", sc_rsp, USER_STACK);
	check_eq("SYSCALL: cs", sc_cs, SEL_CODE64);
	check_eq("SYSCALL: ss", sc_ss, SEL_DATA);
	check("SYSRET: rip", last.vec == 0x80 && last.ip == (ulong)user_after + 3);
	check_eq("SYSRET: cs", last.cs, SEL_UCODE64);
	check_eq("SYSRET: ss", last.ss, SEL_UDATA);
	check_eq("SYSRET: flags from r11", last.flags & ~(u64)FL_RF, FL_1 | FL_ZF);
	check_eq("SYSRET: rsp stays", last.sp, USER_STACK);
	sc_retflags = ~(u64)(FL_TF | FL_AC | FL_IF | FL_IOPL | (on_tcg() ? FL_VM : 0));
	user_run(user_syscall, 0, 0);
	check("SYSRET: RF, VM and reserved bits are dropped",
	      last.vec == 0x80 && !(last.flags & (FL_VM | 0xffffffffffc08028)) &&
	      last.flags & FL_NT && last.flags & FL_DF && last.flags & FL_ID);
	sc_retflags = FL_1 | FL_IOPL | FL_IF;
	user_run(user_syscall, 0, 0);
	check_eq("SYSRET: IOPL and IF from r11", last.flags & (FL_IOPL | FL_IF), FL_IOPL | FL_IF);
	sc_retflags = FL_1;
}

static void many(void)
{
	USER(user_loop, "movl $1000, %ebx\n1: syscall\nuser_loop_after: decl %ebx\n jnz 1b");
	extern char user_loop_after[];

	sc_ret = (u64)user_loop_after;
	sc_n = 0;
	user_run(user_loop, 0, 0);
	check("SYSCALL and SYSRET a thousand times", sc_n == 1000 && last.vec == 0x80);
	sc_ret = (u64)user_after;
}

static void ring0(void)
{
	u64 back;

	wrmsr(MSR_LSTAR, (u64)sc_to_kernel);
	sc_n = 0;
	asm volatile("leaq 1f(%%rip), %0\n syscall\n1:" : "=&r"(back)
		     : : "rax", "rcx", "r11", "rbp", "memory", "cc");
	check("SYSCALL from ring 0", sc_n == 1 && sc_rcx == back && sc_cs == SEL_CODE64);
	wrmsr(MSR_LSTAR, (u64)sc_entry);
}

static void refused(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~1ull);
	user_run(user_syscall, 0, 0);
	check("#UD: SYSCALL without SCE", last.vec == UD && last.ip == (ulong)user_syscall + 1);
	TRY("sysretq", MEM);
	check_fault("#UD: SYSRET without SCE", UD, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1);
	user_run(user_sysret, 0, 0);
	check_fault("#GP: SYSRET in ring 3", GP, 0);
	TRY("wrmsr", : : "c"(MSR_LSTAR), "a"(0), "d"(0x8000) : "memory");
	check_fault_hw("#GP: LSTAR not canonical", GP, 0);
	TRY("wrmsr", : : "c"(MSR_CSTAR), "a"(0), "d"(0x8000) : "memory");
	check_fault_hw("#GP: CSTAR not canonical", GP, 0);
	wrmsr(MSR_SFMASK, 0);
	wrmsr(MSR_LSTAR, (u64)sc_entry);
	wrmsr(MSR_STAR, rdmsr(MSR_STAR));
	check_eq("STAR reads back", rdmsr(MSR_STAR), (u64)SEL_CODE64 << 32 | 0x18ull << 48);
	check_eq("LSTAR reads back", rdmsr(MSR_LSTAR), (u64)sc_entry);
}

/* Intel: #GP in SYSRET, still in ring 0. AMD: ring 3 is entered and the fetch faults. */
static void sysret_noncanonical(void)
{
	sc_ret = 1ull << 47;
	idt_set(GP, (ulong)trap_stubs + GP * 16, 0xe, 0, 2);
	user_run(user_syscall, 0, 0);
	if (cpu_is_amd())
		check_hw("SYSRET to a non-canonical address: #GP in ring 3",
			 last.vec == GP && last.err == 0 && last.cs == SEL_UCODE64 &&
			 last.ip == 1ull << 47);
	else
		check("SYSRET to a non-canonical address: #GP in ring 0",
		      last.vec == GP && last.err == 0 && last.cs == SEL_CODE64 &&
		      last.ip == (ulong)sc_sysret);
	sc_ret = (u64)user_after;
	idt_default(GP);
}

static void compat(void)
{
	wrmsr(MSR_LSTAR, (u64)sc_entry32);
	sc_ret = (u64)user32_end | 0xabull << 32;
	user_run(user_syscall, 0, 0);
	check("SYSRET to 32-bit code", last.vec == 0x80 && last.cs == SEL_UCODE32 &&
	      last.ip == (ulong)user32_end + 3 && last.sp == USER_STACK - 4);
	wrmsr(MSR_CSTAR, (u64)sc_entry32);
	wrmsr(MSR_LSTAR, 0);
	sc_n = 0;
	sc_ret = (u64)user32_end;
	run32(user32_syscall);
	if (cpu_is_amd()) {
		check("SYSCALL in compatibility mode enters at CSTAR",
		      sc_n == 1 && sc_rcx == (ulong)user32_syscall + 2);
		check("and SYSRET goes back", last.vec == 0x80 && last.cs == SEL_UCODE32);
	} else {
		check_fault("#UD: SYSCALL in compatibility mode", UD, 0);
	}
	wrmsr(MSR_LSTAR, (u64)sc_entry);
}

extern char se_entry[], se_back[];
asm(".text\n"
    "se_entry:\n	movq %rsp, sc_rsp\n	pushfq\n	popq sc_flags\n"
    "	movw %cs, sc_cs\n	movw %ss, sc_ss\n	incq sc_n\n"
    "	movq $user_after, %rdx\n	movq $0x5ff000, %rcx\n	sysexitq\n");

static void sysenter(void)
{
	wrmsr(0x174, SEL_CODE64);
	wrmsr(0x175, (u64)stack_top - 8192);
	wrmsr(0x176, (u64)se_entry);
	sc_n = 0;
	if (cpu_is_amd()) {
		user_run(user_sysenter, 0, 0);
		check_fault("#UD: SYSENTER in long mode", UD, 0);
		TRY("sysexitl", MEM);
		check_fault("#UD: SYSEXIT in long mode", UD, 0);
		run32(user32_sysenter);
		check_fault_hw("#UD: SYSENTER in compatibility mode", UD, 0);
		return;
	}
	user_run_flags(user_sysenter, 0, 0, FL_1 | FL_IF);
	check("SYSENTER", sc_n == 1 && sc_rsp == (u64)stack_top - 8192 && sc_cs == SEL_CODE64 &&
	      sc_ss == SEL_CODE64 + 8 && !(sc_flags & FL_IF));
	check("SYSEXIT", last.vec == 0x80 && last.cs == SEL_UCODE64 && last.sp == 0x5ff000);
	user_run(user_sysexit, 0, 0);
	check_fault("#GP: SYSEXIT in ring 3", GP, 0);
	wrmsr(0x174, 0);
	user_run(user_sysenter, 0, 0);
	check_fault("#GP: SYSENTER with a null CS", GP, 0);
}

void test_main(void)
{
	wrmsr(MSR_STAR, (u64)SEL_CODE64 << 32 | 0x18ull << 48);
	wrmsr(MSR_LSTAR, (u64)sc_entry);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	from_ring3();
	many();
	ring0();
	refused();
	sysret_noncanonical();
	compat();
	sysenter();
}
