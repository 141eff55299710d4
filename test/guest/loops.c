/* loops.c - tight loops, which a translator may repeat or keep checks for: how often they turn, what
 * the flags are behind them, faults and page ends in any turn, code that a turn rewrites. */
#include "guest.h"

const char test_name[] = "loops";

#define VA TEST_VA
#define PAGE 4096

/* Fill [VA, VA + 2 pages) with bytes that tell where they are. */
static u8 *two_pages(void)
{
	u8 *p = (u8 *)VA;

	map(VA, (u64)page_alloc(), PTE_P | PTE_W);
	map(VA + PAGE, (u64)page_alloc(), PTE_P | PTE_W);
	for (unsigned i = 0; i < 2 * PAGE; i++)
		p[i] = (u8)(i * 7 + (i >> 8));
	return p;
}

static u64 sum_by_c(const u8 *p, unsigned n, unsigned step)
{
	volatile const u8 *v = p;
	u64 s = 0;

	for (unsigned i = 0; i < n; i++)
		s += v[i * step];
	return s;
}

static u64 sum_by_loop(const u8 *p, u64 n, u64 step)
{
	u64 s = 0, b;

	asm volatile("1: movzbl (%1), %k3; add %3, %0; add %4, %1; dec %2; jnz 1b"
		     : "+r"(s), "+r"(p), "+r"(n), "=&r"(b) : "r"(step) : "memory", "cc");
	return s;
}

static void turns(const u8 *p)
{
	unsigned ok = 0;

	for (unsigned n = 1; n <= 40; n++)
		ok += sum_by_loop(p, n, 1) == sum_by_c(p, n, 1);
	check_eq("one to forty turns", ok, 40);
	ok = 0;
	for (unsigned at = PAGE - 40; at < PAGE; at++)
		ok += sum_by_loop(p + at, 40, 1) == sum_by_c(p + at, 40, 1);
	check_eq("over a page's end in any turn", ok, 40);
	check_eq("far steps", sum_by_loop(p, 30, 257), sum_by_c(p, 30, 257));
}

/* The array is written and read at an overlapping place: each turn sees the one before. */
static void overlapping(u8 *p)
{
	u64 a = (u64)p, n = 100, r;

	p[0] = 1;
	asm volatile("1: movzbl (%0), %k2; lea 3(%k2), %k2; mov %b2, 1(%0); add $1, %0; dec %1; jnz 1b"
		     : "+r"(a), "+r"(n), "=&r"(r) : : "memory", "cc");
	check_eq("a store that the next turn loads", p[100], (u8)301);
}

static void flags_behind(void)
{
	unsigned ok = 0;

	for (u64 n = 1; n <= 20; n++) {
		u64 i = n, f, sum = ~0ull;

		/* add sets CF and more; dec leaves CF alone: the last turn's must be there behind. */
		asm volatile("1: add %3, %0; dec %1; jnz 1b; pushf; pop %2"
			     : "+r"(sum), "+r"(i), "=r"(f) : "r"(n & 1 ? 1ull : ~0ull) : "cc");
		ok += (f & 0x40) && !(f & 0x880) && !!(f & 1) == (n & 1 ? n == 1 : 1);
	}
	check_eq("flags of the last turn", ok, 20);
}

/* The loop runs into a page that is not there: the frame tells which turn. */
static void faults(u8 *p)
{
	unsigned ok = 0;

	map(VA + 2 * PAGE, 0, 0);
	for (unsigned before = 1; before <= 12; before++) {
		u64 a = (u64)p + 2 * PAGE - before, n = 100, r = 0;

		TRY("1: movzbl (%%rsi), %%eax; add $1, %%rsi; dec %%rcx; jnz 1b",
		    : "+S"(a), "+c"(n), "+a"(r) : : "memory", "cc");
		ok += last.vec == PF && last.cr2 == VA + 2 * PAGE && last.si == VA + 2 * PAGE &&
		      last.cx == 100 - before;
	}
	check_eq("a fault in any turn", ok, 12);
}

/* mov imm8 to al, rewritten by the loop itself: the next turn runs the new one. SDM 3A 9.1.3. */
static void rewritten(void)
{
	static const u8 code[] = {
		0x31, 0xd2,             /*    xor %edx, %edx */
		0xb0, 0x00,             /* 1: mov $0, %al */
		0x0f, 0xb6, 0xc0,       /*    movzbl %al, %eax */
		0x01, 0xc2,             /*    add %eax, %edx */
		0xfe, 0x07,             /*    incb (%rdi) */
		0xff, 0xc9,             /*    dec %ecx */
		0x75, 0xf3,             /*    jnz 1b */
		0x89, 0xd0, 0xc3,       /*    mov %edx, %eax; ret */
	};
	u64 ax = 0, cx = 10, di = VA + 3;

	map(VA, (u64)page_alloc(), PTE_P | PTE_W);
	memcpy((void *)VA, code, sizeof(code));
	asm volatile("call *%3" : "+a"(ax), "+c"(cx), "+D"(di) : "r"(VA) : "memory", "cc", "rdx");
	check_eq("a loop that rewrites itself", ax, 45);
}

void test_main(void)
{
	u8 *p = two_pages();

	turns(p);
	overlapping(p);
	flags_behind();
	faults(p);
	rewritten();
}
