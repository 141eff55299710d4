/* preserve.c - what an instruction must not touch: flags, registers, vector and x87 state stay
 * through everything that an engine does outside its fast path. */
#include "guest.h"

const char test_name[] = "preserve";

#define VA TEST_VA
#define APIC_COUNT 0xfee00380

static u8 area[4][64] __attribute__((aligned(64)));
u64 before[15], after[15], flags_before, flags_after;
static u8 *pg;

/* Each case: registers and flags are loaded, CODE runs, all are compared. What CODE itself
 * changes it lists in `out` (a bit for each of rax rbx rcx rdx rsi rdi r8..r15, rbp last). */
#define CASE(name, out, ax, bx, cx, dx, si, di, code)                                          \
	do {                                                                                   \
		u64 in_[6] = { ax, bx, cx, dx, si, di };                                       \
		prepare(in_);                                                                  \
		asm volatile("pushq %%rbp\n call load_all\n" code "\n call store_all\n popq %%rbp" \
			     : : : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", \
			       "r11", "r12", "r13", "r14", "r15", "memory", "cc");             \
		judge(name, out);                                                              \
	} while (0)

enum { RAX = 1, RBX = 2, RCX = 4, RDX = 8, RSI = 16, RDI = 32 };

asm(".text\n"
    "load_all:\n"
    "	movq before, %rax\n	movq before + 8, %rbx\n	movq before + 16, %rcx\n"
    "	movq before + 24, %rdx\n	movq before + 32, %rsi\n	movq before + 40, %rdi\n"
    "	movq before + 48, %r8\n	movq before + 56, %r9\n	movq before + 64, %r10\n"
    "	movq before + 72, %r11\n	movq before + 80, %r12\n	movq before + 88, %r13\n"
    "	movq before + 96, %r14\n	movq before + 104, %r15\n	movq before + 112, %rbp\n"
    "	pushq flags_before\n	popfq\n	ret\n"
    "store_all:\n"
    "	pushfq\n	popq flags_after\n	cld\n"
    "	movq %rax, after\n	movq %rbx, after + 8\n	movq %rcx, after + 16\n"
    "	movq %rdx, after + 24\n	movq %rsi, after + 32\n	movq %rdi, after + 40\n"
    "	movq %r8, after + 48\n	movq %r9, after + 56\n	movq %r10, after + 64\n"
    "	movq %r11, after + 72\n	movq %r12, after + 80\n	movq %r13, after + 88\n"
    "	movq %r14, after + 96\n	movq %r15, after + 104\n	movq %rbp, after + 112\n"
    "	ret\n");

static void prepare(const u64 in[6])
{
	unsigned i;

	for (i = 0; i < 15; i++)
		before[i] = i < 6 ? in[i] : 0x0101010101010101 * (i + 0x30);
}

static unsigned flag_set;

static void judge(const char *name, unsigned out)
{
	unsigned i, bad = 0;

	for (i = 0; i < 15; i++)
		if (!(out >> i & 1) && before[i] != after[i])
			bad |= 1 << i;
	if (flags_before != flags_after)
		bad |= 0x8000;
	if (bad) {
		print("note registers changed (mask, flags before, after) ");
		print_hex(bad);
		print(" ");
		print_hex(flags_before);
		print(" ");
		print_hex(flags_after);
		print("\n");
	}
	if (bad || !flag_set)
		check(name, !bad);
}

static void system_cases(void)
{
	u64 gsb = rdmsr(MSR_GS_BASE);

	CASE("cpuid", RAX | RBX | RCX | RDX, 0, 0, 0, 0, 0, 0, "cpuid");
	CASE("rdtsc", RAX | RDX, 0, 0, 0, 0, 0, 0, "rdtsc");
	CASE("in", RAX, 0, 0, 0, 0x2f0, 0, 0, "inb %%dx, %%al");
	CASE("out", 0, 0, 0, 0, 0x80, 0, 0, "outb %%al, %%dx");
	CASE("rdmsr", RAX | RDX, 0, 0, MSR_EFER, 0, 0, 0, "rdmsr");
	CASE("wrmsr", 0, (u32)gsb, 0, MSR_GS_BASE, gsb >> 32, 0, 0, "wrmsr");
	CASE("swapgs", 0, 0, 0, 0, 0, 0, 0, "swapgs\n swapgs");
	CASE("mov from cr3 and to it", RAX, 0, 0, 0, 0, 0, 0, "movq %%cr3, %%rax\n movq %%rax, %%cr3");
	CASE("invlpg", 0, 0, VA, 0, 0, 0, 0, "invlpg (%%rbx)");
	CASE("mov to ds", 0, SEL_DATA, 0, 0, 0, 0, 0, "movl %%eax, %%ds");
	CASE("push and pop of fs", 0, 0, 0, 0, 0, 0, 0, "pushq %%fs\n popq %%fs");
	CASE("sgdt", 0, 0, (u64)area, 0, 0, 0, 0, "sgdt (%%rbx)");
	CASE("mov from dr7", RAX, 0, 0, 0, 0, 0, 0, "movq %%db7, %%rax");
	CASE("mov from cr0", RAX, 0, 0, 0, 0, 0, 0, "movq %%cr0, %%rax");
	CASE("clts", 0, 0, 0, 0, 0, 0, 0, "clts");
	CASE("int and iret", 0, 0, 0, 0, 0, 0, 0, "int $0x83");
	CASE("a handled page fault", RCX, 0, VA + 4096, 0, 0, 0, 0, "movq (%%rbx), %%rcx");
	CASE("wbinvd", 0, 0, 0, 0, 0, 0, 0, "wbinvd");
	CASE("pause, nops, prefetch", 0, 0, VA + 4096, 0, 0, 0, 0,
	     "pause\n nopw (%%rbx)\n prefetcht0 (%%rbx)");
}

static void memory_cases(void)
{
	CASE("load", RAX, 0, VA, 0, 0, 0, 0, "movq (%%rbx), %%rax");
	CASE("store", 0, 0, VA, 0, 0, 0, 0, "movq %%rax, (%%rbx)");
	CASE("load after INVLPG", RAX, 0, VA, 0, 0, 0, 0, "invlpg (%%rbx)\n movq (%%rbx), %%rax");
	CASE("store after INVLPG", 0, 0, VA, 0, 0, 0, 0, "invlpg (%%rbx)\n movq %%rax, (%%rbx)");
	CASE("load across pages", RAX, 0, VA + 8189, 0, 0, 0, 0, "movq (%%rbx), %%rax");
	CASE("store across pages", 0, 0, VA + 8189, 0, 0, 0, 0, "movq %%r13, (%%rbx)");
	CASE("device load", RAX, 0, APIC_COUNT, 0, 0, 0, 0, "movl (%%rbx), %%eax");
	CASE("device store", 0, 0, APIC_COUNT, 0, 0, 0, 0, "movl %%eax, (%%rbx)");
	CASE("xchg with itself", 0, 0, VA, 0, 0, 0, 0, "xchgq %%rax, (%%rbx)\n xchgq %%rax, (%%rbx)");
	CASE("device store, high registers", 0, 0, 0, 0, 0, APIC_COUNT, 0,
	     "xchgq %%r15, %%rsi\n movl %%r13d, (%%r15)\n xchgq %%r15, %%rsi");
	CASE("store to code", 0, 0x90, (u64)pg + 4000, 0, 0, 0, 0,
	     "movb $0xc3, (%%rbx)\n call *%%rbx\n movb %%al, (%%rbx)\n movb $0xc3, (%%rbx)\n"
	     "call *%%rbx");
	CASE("mov of ah", RAX, 0x1234, VA, 0, 0, 0, 0, "movb %%ah, (%%rbx)\n movb (%%rbx), %%ah");
	CASE("bswap, not, lea", RAX, 1, 2, 0, 0, 0, 0,
	     "bswapq %%rax\n notq %%rax\n leaq 5(%%rax,%%rbx,4), %%rax");
	CASE("cmov", RAX, 1, VA, 0, 0, 0, 0, "cmovcq (%%rbx), %%rax\n cmovncq (%%rbx), %%rax");
	CASE("setcc", RAX, 0, VA, 0, 0, 0, 0, "setc (%%rbx)\n setz %%al");
	CASE("push and pop of memory", 0, 0, VA, 0, 0, 0, 0, "pushq (%%rbx)\n popq (%%rbx)");
	CASE("enter and leave", 0, 0, 0, 0, 0, 0, 0, "enter $64, $0\n leave");
	CASE("enter with a level", 0, 0, 0, 0, 0, 0, 0,
	     "pushq %%rbp\n movq %%rsp, %%rbp\n enter $64, $2\n leave\n popq %%rbp");
	CASE("call and ret", 0, 0, 0, 0, 0, 0, 0, "call 1f\n jmp 2f\n1: ret\n2:");
	CASE("ret that drops", 0, 0, 0, 0, 0, 0, 0, "pushq $1\n call 1f\n jmp 2f\n1: ret $8\n2:");
	CASE("indirect jump", RAX, 0, 0, 0, 0, 0, 0, "leaq 1f(%%rip), %%rax\n jmp *%%rax\n1:");
	CASE("jump through memory", RAX, 0, VA, 0, 0, 0, 0,
	     "leaq 1f(%%rip), %%rax\n movq %%rax, (%%rbx)\n jmp *(%%rbx)\n1:");
	CASE("loop", RCX, 0, 0, 3, 0, 0, 0, "1: loop 1b");
	CASE("jrcxz", 0, 0, 0, 0, 0, 0, 0, "jrcxz 1f\n ud2\n1:");
	CASE("xlat", RAX, 4, VA, 0, 0, 0, 0, "xlatb");
}

static void string_cases(void)
{
	CASE("rep movsb", RCX | RSI | RDI, 0, 0, 40, 0, VA, VA + 100, "cld\n rep movsb");
	CASE("rep stosq", RCX | RDI, 0, 0, 40, 0, 0, VA + 4000, "cld\n rep stosq");
	CASE("lodsb", RAX | RSI, 0, 0, 0, 0, VA, 0, "cld\n lodsb");
	CASE("rep outsb", RCX | RSI, 0, 0, 3, 0x80, VA, 0, "cld\n rep outsb");
	CASE("rep insb", RCX | RDI, 0, 0, 3, 0x80, 0, VA, "cld\n rep insb");
	CASE("repe cmpsb of nothing", 0, 0, 0, 0, 0, VA, VA, "repe cmpsb");
}

static bool iret_only(struct frame *f)
{
	(void)f;
	return true;
}

static bool map_hook(struct frame *f)
{
	map(f->cr2 & ~0xfffull, (u64)pg + 4096, PTE_P | PTE_W);
	return true;
}

static void fill_vectors(u64 seed, bool ymm)
{
	unsigned i, k;

	for (i = 0; i < 4; i++)
		for (k = 0; k < 64; k++)
			area[i][k] = seed + i * 64 + k;
	asm volatile("movups (%0), %%xmm0\n movups 16(%0), %%xmm1\n movups 32(%0), %%xmm7\n"
		     "movups 48(%0), %%xmm8\n movups 64(%0), %%xmm14\n movups 80(%0), %%xmm15\n"
		     "movups 96(%0), %%xmm4\n" : : "r"(area) : "memory");
	if (ymm)
		asm volatile("vmovups 128(%0), %%ymm2\n vmovups 160(%0), %%ymm12"
			     : : "r"(area) : "memory");
}

static bool vectors_same(bool ymm)
{
	u8 now[4][64];

	memcpy(now, area, sizeof(now));
	asm volatile("movups %%xmm0, (%0)\n movups %%xmm1, 16(%0)\n movups %%xmm7, 32(%0)\n"
		     "movups %%xmm8, 48(%0)\n movups %%xmm14, 64(%0)\n movups %%xmm15, 80(%0)\n"
		     "movups %%xmm4, 96(%0)\n" : : "r"(now) : "memory");
	if (ymm)
		asm volatile("vmovups %%ymm2, 128(%0)\n vmovups %%ymm12, 160(%0)"
			     : : "r"(now) : "memory");
	return !memcmp(now, area, sizeof(now));
}

/* Vector registers, MXCSR, the x87 stack and control word through slow instructions. */
static void vectors(void)
{
	bool ymm = cpuid(1, 0).c & 1 << 28 && cpuid(1, 0).c & 1 << 26;
	u32 mxcsr = 0x3f80, mx; /* round down */
	u16 cw = 0x077f, cw2;
	int n;

	if (ymm) {
		cr4_set(cr4_get() | CR4_OSXSAVE);
		asm volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
	}
	fill_vectors(3, ymm);
	asm volatile("ldmxcsr %0\n fninit\n fldcw %1\n fldpi\n fld1" : : "m"(mxcsr), "m"(cw));
	cpuid(0, 0);
	outb(0x80, 0);
	inb(0x2f0);
	check("vectors: cpuid and ports", vectors_same(ymm));
	asm volatile("int $0x83");
	TRY("ud2", MEM);
	check("vectors: exceptions", vectors_same(ymm));
	*(volatile u32 *)APIC_COUNT = 7;
	check("vectors: a device", vectors_same(ymm) && *(volatile u32 *)APIC_COUNT == 7);
	cr3_set(cr3_get());
	map(VA + 4096, 0, 0);
	*(volatile u8 *)(VA + 4096);
	check("vectors: a page fault", vectors_same(ymm));
	memcpy((void *)VA, area, 256);
	check("vectors: rep movs", vectors_same(ymm));
	wrmsr(MSR_KERNEL_GS_BASE, 5);
	asm volatile("mov %%cr0, %%rax\n mov %%rax, %%cr0" : : : "rax", "memory");
	check("vectors: MSRs and control registers", vectors_same(ymm));
	pg[4000] = 0xc3;
	asm volatile("call *%0" : : "r"(pg + 4000) : "memory");
	pg[4000] = 0x90;
	pg[4001] = 0xc3;
	asm volatile("call *%0" : : "r"(pg + 4000) : "memory");
	check("vectors: changed code", vectors_same(ymm));
	asm volatile("stmxcsr %0\n fnstcw %1\n fistpl %2\n" : "=m"(mx), "=m"(cw2), "=m"(n));
	check_eq("MXCSR", mx, mxcsr);
	check_eq("x87 control word", cw2, cw);
	check_eq("x87 top", n, 1);
	asm volatile("fistpl %0\n fninit" : "=m"(n));
	check_eq("x87 next: pi rounded down", n, 3);
	mxcsr = 0x1f80;
	asm volatile("ldmxcsr %0" : : "m"(mxcsr));
}

void test_main(void)
{
	static const u64 sets[] = { FL_1, FL_1 | FL_ARITH, FL_1 | FL_CF | FL_SF,
				    FL_1 | FL_ZF | FL_PF, FL_1 | FL_OF, FL_1 | FL_AF };

	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	*(volatile u32 *)0xfee00320 = 0x10000;
	on_trap(0x83, iret_only);
	on_trap(PF, map_hook);
	pg = page_alloc_n(3, 4096);
	map(VA, (u64)pg, PTE_P | PTE_W);
	map(VA + 8192, (u64)pg, PTE_P | PTE_W);
	for (flag_set = 0; flag_set < ARRAY_SIZE(sets); flag_set++) {
		flags_before = sets[flag_set];
		system_cases();
		memory_cases();
		string_cases();
	}
	vectors();
}
