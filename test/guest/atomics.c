/* atomics.c - locked instructions: results and flags, across cache lines and pages, and at
 * faults. Source: SDM 3A 8.1.2. */
#include "guest.h"

const char test_name[] = "atomics";

#define VA TEST_VA

static u8 *pg[2];

static u64 get(u64 at)
{
	u64 v;

	memcpy(&v, (void *)at, 8);
	return v;
}

static void put(u64 at, u64 v)
{
	memcpy((void *)at, &v, 8);
}

/* Everything at an address of any alignment. */
static void at_address(const char *where, u64 p)
{
	u64 r, a;
	u8 f, g;
	unsigned bad = 0;

	put(p, 100);
	asm volatile("lock addq %1, (%0)" : : "r"(p), "r"(5ull) : "memory", "cc");
	bad += get(p) != 105;
	asm volatile("lock subl $5, (%0)" : : "r"(p) : "memory", "cc");
	bad += get(p) != 100;
	asm volatile("lock incw (%0)\n setz %1" : : "r"(p), "m"(f) : "memory", "cc");
	bad += get(p) != 101;
	asm volatile("lock orq %1, (%0)" : : "r"(p), "r"(0xf0f0000000000000) : "memory", "cc");
	bad += get(p) != 0xf0f0000000000065;
	asm volatile("lock andq $0xff, (%0)" : : "r"(p) : "memory", "cc");
	bad += get(p) != 0x65;
	asm volatile("lock xorl %1, (%0)" : : "r"(p), "r"(0x65) : "memory", "cc");
	bad += get(p) != 0;
	asm volatile("lock decq (%1)\n setc %0" : "=q"(f) : "r"(p) : "memory", "cc");
	bad += get(p) != ~0ull;
	asm volatile("lock negq (%1)\n setc %0" : "=q"(f) : "r"(p) : "memory", "cc");
	bad += get(p) != 1 || !f;
	asm volatile("lock notl (%0)" : : "r"(p) : "memory", "cc");
	bad += get(p) != 0xfffffffe;
	asm volatile("stc\n lock adcl $1, (%1)\n setc %0" : "=q"(f) : "r"(p) : "memory", "cc");
	bad += get(p) != 0 || !f;
	asm volatile("stc\n lock sbbq $0, (%1)\n setc %0" : "=q"(f) : "r"(p) : "memory", "cc");
	bad += get(p) != ~0ull || !f;
	put(p, 0x1000);
	asm volatile("lock btsq $3, (%2)\n setc %0\n lock btrq $12, (%2)\n setc %1"
		     : "=&q"(f), "=q"(g) : "r"(p) : "memory", "cc");
	bad += get(p) != 8 || f || !g;
	asm volatile("lock btcl %2, (%1)\n setc %0" : "=q"(f) : "r"(p), "r"(3) : "memory", "cc");
	bad += get(p) != 0 || !f;
	put(p, 7);
	r = 3;
	asm volatile("lock xaddq %0, (%1)" : "+r"(r) : "r"(p) : "memory", "cc");
	bad += r != 7 || get(p) != 10;
	r = 99;
	asm volatile("xchgq %0, (%1)" : "+r"(r) : "r"(p) : "memory");
	bad += r != 10 || get(p) != 99;
	a = 99;
	asm volatile("lock cmpxchgq %3, (%2)\n setz %1" : "+a"(a), "=q"(f) : "r"(p), "r"(55ull)
		     : "memory", "cc");
	bad += !f || a != 99 || get(p) != 55;
	a = 99;
	asm volatile("lock cmpxchgq %3, (%2)\n setz %1" : "+a"(a), "=q"(f) : "r"(p), "r"(66ull)
		     : "memory", "cc");
	bad += f || a != 55 || get(p) != 55;
	a = 55 | 1ull << 40;
	asm volatile("lock cmpxchgl %3, (%2)\n setz %1" : "+a"(a), "=q"(f) : "r"(p), "r"(1)
		     : "memory", "cc");
	bad += !f || get(p) != 1;
	asm volatile("lock cmpxchg8b (%1)\n setz %0" : "=q"(f)
		     : "r"(p), "a"(1), "d"(0), "b"(0x11), "c"(0x22) : "memory", "cc");
	bad += !f || get(p) != 0x2200000011;
	check_eq(where, bad, 0);
}

static void sixteen(u64 p)
{
	u64 a = 1, d = 2;
	u8 f;

	put(p, 1);
	put(p + 8, 2);
	asm volatile("lock cmpxchg16b (%3)\n setz %0" : "=q"(f), "+a"(a), "+d"(d)
		     : "r"(p), "b"(3ull), "c"(4ull) : "memory", "cc");
	check("cmpxchg16b that succeeds", f && get(p) == 3 && get(p + 8) == 4);
	asm volatile("lock cmpxchg16b (%3)\n setz %0" : "=q"(f), "+a"(a), "+d"(d)
		     : "r"(p), "b"(5ull), "c"(6ull) : "memory", "cc");
	check("cmpxchg16b that fails", !f && a == 3 && d == 4 && get(p) == 3);
	asm volatile("stc\n cmpxchg8b (%3)\n setc %0" : "=q"(f), "+a"(a), "+d"(d)
		     : "r"(p), "b"(5), "c"(6) : "memory", "cc");
	check_hw("cmpxchg8b changes ZF alone", f);
}

static void at_fault(void)
{
	u64 end = VA + 4096, r = 5;

	memset(pg[0], 0x11, 4096);
	map(end, (u64)pg[1], 0);
	TRY("lock addq $1, (%0)", : : "r"(end - 4) : "memory", "cc");
	check("lock add into an absent page", last.vec == PF && last.cr2 == end &&
	      pg[0][4092] == 0x11);
	TRY("lock xaddq %0, (%1)", : "+r"(r) : "r"(end - 1) : "memory", "cc");
	check("xadd keeps its register at a fault", last.vec == PF && r == 5);
	TRY("xchgq %0, (%1)", : "+r"(r) : "r"(end - 7) : "memory", "cc");
	check("xchg keeps its register at a fault", last.vec == PF && r == 5);
	TRY("lock cmpxchgq %0, (%1)", : "+r"(r) : "r"(end - 7), "a"(9ull) : "memory", "cc");
	check("cmpxchg keeps rax at a fault", last.vec == PF && last.ax == 9);
	map(end, (u64)pg[1], PTE_P);
	TRY("lock incl (%0)", : : "r"(end - 2) : "memory", "cc");
	check_pf_hw("lock inc into a read-only page", PF_P | PF_W, end);
	check("nothing changed", pg[0][4094] == 0x11);
	TRY("lock cmpxchg16b (%0)", : : "r"(end), "a"(9ull), "d"(0ull), "b"(0ull), "c"(0ull)
	    : "memory", "cc");
	check_pf_hw("cmpxchg16b of a read-only page", PF_P | PF_W, end);
	map(end, (u64)pg[1], PTE_P | PTE_W);
}

static void far_bits(void)
{
	u8 f;

	memset(pg[0], 0, 4096);
	memset(pg[1], 0, 4096);
	asm volatile("lock btsq %1, (%0)" : : "r"(VA), "r"(4096ull * 8 + 77) : "memory", "cc");
	check("bts reaches by its register", pg[1][9] == 1 << 5);
	asm volatile("btq %2, (%1)\n setc %0" : "=q"(f) : "r"(VA + 8192), "r"(-4096ll * 8 + 77)
		     : "memory", "cc");
	check("bt backwards", f);
	asm volatile("btcl %1, (%0)" : : "r"(VA + 4096), "r"(-1) : "memory", "cc");
	check("btc at minus one", pg[0][4095] == 0x80);
	asm volatile("btsw %w1, (%0)" : : "r"(VA), "r"(0x7fff) : "memory", "cc");
	check("bts of 16 bits: its register is signed 16 bits", pg[0][4095] == 0x80 && pg[1][0] == 0);
}

/* The register that changes is the second byte of the one that holds the address. */
static void own_base(void)
{
	u8 *p = pg[0] + 0x230;
	u64 b, got, bad = 0;
	unsigned i;

	for (i = 0; i < 8; i++) {
		*p = 0x99;
		b = (u64)p;
		asm volatile("movl (%%rbx), %%esi\n xchgb %%bh, (%%rbx)" : "+b"(b) : : "rsi", "memory");
		bad += *p != ((u64)p >> 8 & 0xff) || b != (((u64)p & ~0xff00ull) | 0x9900);
		*p = 3;
		got = (u64)p;
		asm volatile("movl (%%rcx), %%esi\n lock xaddb %%ch, (%%rcx)" : "+c"(got)
			     : : "rsi", "memory", "cc");
		bad += *p != (u8)(((u64)p >> 8) + 3) || got != (((u64)p & ~0xff00ull) | 0x300);
		*p = 7;
		got = (u64)p;
		asm volatile("movb $7, %%al\n movl (%%rdx), %%esi\n lock cmpxchgb %%dh, (%%rdx)"
			     : "+d"(got) : : "rax", "rsi", "memory", "cc");
		bad += *p != ((u64)p >> 8 & 0xff) || got != (u64)p;
		*p = 0x55;
		b = (u64)p;
		asm volatile("movb (%%rbx), %%ah\n movb (%%rbx), %%bl\n movb %%ah, %%bh" : "+b"(b)
			     : : "rax", "memory");
		bad += (b & 0xffff) != 0x5555;
	}
	check_eq("an exchange with a byte of its own address", bad, 0);
}

void test_main(void)
{
	pg[0] = page_alloc();
	page_alloc();
	pg[1] = page_alloc();
	map(VA, (u64)pg[0], PTE_P | PTE_W);
	map(VA + 4096, (u64)pg[1], PTE_P | PTE_W);
	at_address("aligned", VA + 64);
	at_address("unaligned in a line", VA + 67);
	at_address("across lines", VA + 61);
	at_address("across pages", VA + 4093);
	at_address("across pages, one byte", VA + 4089);
	sixteen(VA + 128);
	at_fault();
	far_bits();
	own_base();
}
