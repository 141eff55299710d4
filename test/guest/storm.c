/* storm.c - a fast timer interrupts all kinds of code; nothing that code holds may change: carry
 * chains, vector and x87 registers, string instructions, ring 3, calls, changing code. */
#include "irq.h"

const char test_name[] = "storm";

#define VA TEST_VA
#define TIMER 0x60

static volatile unsigned ticks;
static bool deadline;
static u32 seed = 1;
static u8 fx[512] __attribute__((aligned(16)));
static u8 *pg;

/* The next interrupt, at a moment that changes. */
static void arm(void)
{
	seed = seed * 1664525 + 1013904223;
	if (deadline)
		wrmsr(0x6e0, rdtsc() + 4000 + (seed >> 16));
}

/* The handler leaves other values in everything that the exception frame does not hold. */
static bool tick(struct frame *f)
{
	(void)f;
	ticks++;
	asm volatile("fxsave64 (%0)\n pcmpeqb %%xmm0, %%xmm0\n movaps %%xmm0, %%xmm5\n"
		     "movaps %%xmm0, %%xmm11\n fninit\n fldpi\n xorl %%eax, %%eax\n stc\n std\n cld\n"
		     "fxrstor64 (%0)" : : "r"(fx) : "rax", "memory", "cc");
	apic_write(APIC_EOI, 0);
	arm();
	return true;
}

static void done(const char *name, bool right)
{
	cli();
	if (ticks < 2)
		note("few ticks", ticks);
	check(name, right);
	ticks = 0;
	sti();
}

/* The sum of a large number with carries from end to end: CF lives across the whole loop. */
static u64 carry_chain(u64 *a, const u64 *b, u64 n)
{
	u64 t;

	asm volatile("clc\n1: movq (%1), %0\n adcq %0, (%2)\n leaq 8(%1), %1\n leaq 8(%2), %2\n"
		     "decq %3\n jnz 1b\n sbbq %0, %0"
		     : "=&r"(t), "+r"(b), "+r"(a), "+r"(n) : : "memory", "cc");
	return t;
}

static void carries(void)
{
	u64 *a = (u64 *)pg, *b = (u64 *)(pg + 8192);
	unsigned i, k, bad = 0;

	for (k = 0; k < 100; k++) {
		for (i = 0; i < 1024; i++) {
			a[i] = ~0ull;
			b[i] = i == 0;
		}
		bad += carry_chain(a, b, 1024) != ~0ull;
		for (i = 0; i < 1024; i++)
			bad += a[i] != 0;
	}
	done("carry chains", !bad);
}

static void vectors(void)
{
	u64 sum[2], i = 200000;
	double third = 0;
	int x = 0;

	(void)third;
	asm volatile("movq $3, %%rax\n movq %%rax, %%xmm1\n punpcklqdq %%xmm1, %%xmm1\n"
		     "pxor %%xmm5, %%xmm5\n pxor %%xmm11, %%xmm11\n fninit\n fldz\n fld1\n"
		     "1: paddq %%xmm1, %%xmm5\n paddq %%xmm5, %%xmm11\n fadd %%st, %%st(1)\n"
		     "decq %1\n jnz 1b\n"
		     "fstp %%st(0)\n fistpl %2\n movups %%xmm11, %0\n"
		     : "=m"(sum), "+r"(i), "=m"(x) : : "rax", "memory", "cc");
	done("vector and x87 registers", sum[0] == 3ull * 200000 * 200001 / 2 && sum[1] == sum[0] &&
	     x == 200000);
}

static void strings(void)
{
	u64 c, si, di;
	unsigned k, bad = 0;
	u8 z;

	for (k = 0; k < 30; k++) {
		memset(pg, k, 65536);
		memcpy(pg + 65536, pg, 65535);
		pg[131071] = ~k;
		c = 65536;
		si = (u64)pg;
		di = (u64)pg + 65536;
		asm volatile("repe cmpsb\n setz %3" : "+c"(c), "+S"(si), "+D"(di), "=q"(z) : : "memory", "cc");
		bad += c != 0 || z || si != (u64)pg + 65536;
		c = 65536;
		di = (u64)pg + 131071;
		asm volatile("std\n repne scasb\n setz %2\n cld" : "+c"(c), "+D"(di), "=q"(z)
			     : "a"(k) : "memory", "cc");
		bad += c != 65534 || !z;
	}
	done("string instructions", !bad);
}

u64 fib(u64 n);
asm(".text\n.globl fib\nfib:\n	cmpq $2, %rdi\n	jae 1f\n	movq %rdi, %rax\n	ret\n"
    "1:	pushq %rdi\n	decq %rdi\n	call fib\n	popq %rdi\n	pushq %rax\n	subq $2, %rdi\n"
    "	call fib\n	popq %rdx\n	addq %rdx, %rax\n	ret\n");

static void calls(void)
{
	done("calls and returns", fib(23) == 28657);
}

static void changing_code(void)
{
	u64 ax = 0;
	unsigned i, bad = 0;

	pg[0] = 0xb8;
	pg[5] = 0xc3;
	for (i = 0; i < 3000; i++) {
		*(volatile u32 *)(pg + 1) = i;
		asm volatile("call *%1" : "=a"(ax) : "r"(pg) : "memory", "cc");
		bad += ax != i;
	}
	done("changing code", !bad);
}

static bool fault_in(struct frame *f)
{
	map(f->cr2 & ~0xfffull, (u64)pg + (f->cr2 & 0x1f000), PTE_P | PTE_W);
	return true;
}

static void faults(void)
{
	unsigned i, k, bad = 0;

	on_trap(PF, fault_in);
	for (k = 0; k < 10; k++) {
		for (i = 0; i < 32; i++)
			map(VA + i * 4096, 0, 0);
		for (i = 0; i < 32; i++)
			*(volatile u32 *)(VA + i * 4096 + 16) = i + k;
		for (i = 0; i < 32; i++)
			bad += *(u32 *)(pg + i * 4096 + 16) != i + k;
	}
	on_trap(PF, NULL);
	done("page faults", !bad);
}

USER(user_work, "movl $2000, %ebx; xorl %eax, %eax; 1: addq %rbx, %rax; rorq $3, %rax; pushq %rax;"
     "popq %rcx; xorq %rcx, %rdi; syscall; decl %ebx; jnz 1b");
extern char storm_syscall[];
u64 storm_calls;
asm(".text\nstorm_syscall:\n	incq storm_calls\n	sysretq\n");

static void ring3(void)
{
	u64 first = 0;
	unsigned k, bad = 0;

	wrmsr(MSR_STAR, (u64)SEL_CODE64 << 32 | 0x18ull << 48);
	wrmsr(MSR_LSTAR, (u64)storm_syscall);
	wrmsr(MSR_SFMASK, FL_IF);
	for (k = 0; k < 5; k++) {
		user_run_flags(user_work, 0, 0, FL_1 | FL_IF);
		if (!k)
			first = last.di;
		bad += last.vec != 0x80 || last.di != first;
	}
	done("ring 3 and system calls", !bad && storm_calls == 10000);
}

void test_main(void)
{
	pic_off();
	apic_on();
	pg = page_alloc_n(64, 4096);
	on_trap(TIMER, tick);
	deadline = cpuid(1, 0).c & 1 << 24;
	apic_write(APIC_LVT_TIMER, (deadline ? 0x40000 : 0x20000) | TIMER);
	apic_write(APIC_INITIAL, 20000);
	arm();
	sti();
	carries();
	vectors();
	strings();
	calls();
	changing_code();
	faults();
	ring3();
	cli();
	apic_write(APIC_LVT_TIMER, 0x10000);
}
