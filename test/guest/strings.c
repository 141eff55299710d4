/* strings.c - string instructions: registers exact at a fault, restart, direction, widths,
 * overlap. Source: SDM 2B REP. */
#include "guest.h"

const char test_name[] = "strings";

#define VA TEST_VA
#define END (VA + 4096)
#define RW (PTE_P | PTE_W)

static u8 *pg[2], *src;
static ulong cx, si, di, ax;

#define STR(code)                                                                             \
	do {                                                                                  \
		TRY(code, : "+c"(cx), "+S"(si), "+D"(di), "+a"(ax) : : "memory", "cc");       \
	} while (0)

static void set(ulong a, ulong c, ulong s, ulong d)
{
	ax = a;
	cx = c;
	si = s;
	di = d;
}

static bool regs(ulong c, ulong s, ulong d)
{
	return cx == c && si == s && di == d;
}

static void fill(void)
{
	unsigned i;

	for (i = 0; i < 4096; i++) {
		src[i] = i * 7 + 1;
		pg[0][i] = 0xee;
		pg[1][i] = 0xee;
	}
	map(VA, (u64)pg[0], RW);
	map(END, (u64)pg[1], 0);
}

static void movs_fault(void)
{
	fill();
	set(0, 20, (ulong)src, END - 5);
	STR("rep movsb");
	check_pf("rep movsb faults at the page end", PF_W, END);
	check("its registers", regs(15, (ulong)src + 5, END));
	check("what was moved stays", !memcmp(pg[0] + 4091, src, 5) && pg[1][0] == 0xee);
	map(END, (u64)pg[1], RW);
	STR("rep movsb");
	check("restart", last.vec == NO_FAULT && regs(0, (ulong)src + 20, END + 15) &&
	      !memcmp(pg[1], src + 5, 15));

	fill();
	set(0, 20, (ulong)src, END - 20);
	STR("rep movsq");
	check_pf("rep movsq faults inside an element", PF_W, END);
	check("whole elements only", regs(18, (ulong)src + 16, END - 4) && pg[0][4092] == 0xee);

	fill();
	set(0, 10, END - 12, (ulong)src);
	STR("rep movsl");
	check_pf("rep movsl: the source faults", 0, END);
	check("its registers, source", regs(7, END, (ulong)src + 12));

	fill();
	set(0, 6, (ulong)src + 100, END + 3);
	map(VA, (u64)pg[0], 0);
	map(END, (u64)pg[1], RW);
	STR("std\n rep movsb\n");
	asm volatile("cld");
	check("rep movsb downwards faults", last.vec == PF && last.cr2 == END - 1 &&
	      last.err == PF_W && regs(2, (ulong)src + 96, END - 1));
	check("a fault in rep saves DF", last.flags & FL_DF);
}

static void stos_lods(void)
{
	fill();
	set(0x1122334455667788, 8, 0, END - 24);
	STR("rep stosq");
	check("rep stosq faults", last.vec == PF && last.cr2 == END && cx == 5 && di == END);
	check("it stored", *(u64 *)(pg[0] + 4072) == 0x1122334455667788);
	set(0x55, 3, 0, END - 2);
	STR("rep stosb");
	check("rep stosb faults", last.vec == PF && cx == 1 && di == END);
	set(0, 5, END - 4, 0);
	STR("rep lodsw");
	check("rep lodsw faults", last.vec == PF && cx == 3 && si == END);
	fill();
	set(0, 0, 1ull << 47, 1ull << 47);
	STR("rep movsb");
	check_none("rep of nothing touches nothing");
	STR("rep stosq");
	check_none("rep stos of nothing touches nothing");
}

static void scas_fault(void)
{
	fill();
	memset(pg[0] + 4000, 0x33, 96);
	set(0x33, 1000, 0, VA + 4000);
	STR("repe scasb");
	check("repe scasb faults", last.vec == PF && last.cr2 == END && cx == 1000 - 96 && di == END);
	check("flags are those before, or of the last compare", !(last.flags & FL_DF));
}

static void scas(void)
{
	u8 z;

	fill();
	memset(pg[0], 0x33, 96);
	set(0x33, 1000, 0, VA);
	asm volatile("repe scasb\n setz %3" : "+c"(cx), "+D"(di), "+a"(ax), "=q"(z) : : "memory", "cc");
	check("repe scasb ends past the difference", di == VA + 97 && cx == 1000 - 97 && !z);
	set(0xee, 1000, 0, VA);
	asm volatile("repne scasb\n setz %3" : "+c"(cx), "+D"(di), "+a"(ax), "=q"(z) : : "memory", "cc");
	check("repne scasb", di == VA + 97 && z);
	set(0, 96, VA, VA + 1000);
	memset(pg[0] + 1000, 0x33, 95);
	asm volatile("repe cmpsb\n setz %3" : "+c"(cx), "+D"(di), "+S"(si), "=q"(z) : : "memory", "cc");
	check("repe cmpsb ends past the difference", cx == 0 && si == VA + 96 && !z);
	set(0, 12, VA, VA + 1000);
	asm volatile("repe cmpsq\n setz %3" : "+c"(cx), "+D"(di), "+S"(si), "=q"(z) : : "memory", "cc");
	check("repe cmpsq", cx == 0 && si == VA + 96 && !z);
	set(0, 0, VA, VA);
	asm volatile("xorl %%eax, %%eax\n repe cmpsb\n setz %3"
		     : "+c"(cx), "+D"(di), "+S"(si), "=q"(z) : : "rax", "memory", "cc");
	check("repe cmps of nothing leaves the flags", z);
	set(0, 100, END - 8, VA);
	STR("repe cmpsb");
	check("repe cmpsb: difference or fault", last.vec == NO_FAULT || last.cr2 == END);
	memset(pg[0] + 4088, 0x33, 8);
	set(0, 100, END - 8, VA);
	STR("repe cmpsb");
	check("repe cmpsb faults", last.vec == PF && last.cr2 == END && cx == 92 && si == END &&
	      di == VA + 8);
}

static void overlap(void)
{
	fill();
	map(END, (u64)pg[1], RW);
	pg[0][0] = 1;
	pg[0][1] = 2;
	set(0, 60, VA, VA + 2);
	STR("rep movsb");
	check("rep movsb repeats an overlapping pattern", pg[0][60] == 1 && pg[0][61] == 2);
	*(u64 *)pg[0] = 0x0807060504030201;
	set(0, 10, VA, VA + 1);
	STR("rep movsq");
	check_eq("rep movsq over itself, one element at a time", *(u64 *)(pg[0] + 1), 0x0807060504030201);
	check("second element saw the first", pg[0][9] == 0x08);
	fill();
	map(END, (u64)pg[1], RW);
	set(0, 16, (ulong)src + 15, END + 7);
	STR("std\n rep movsb\n cld");
	check("downwards across pages", regs(0, (ulong)src - 1, END - 9) &&
	      !memcmp(pg[0] + 4088, src, 8) && !memcmp(pg[1], src + 8, 8));
	/* Virtual overlap through an alias: the same page twice. */
	map(END, (u64)pg[0], RW);
	pg[0][0] = 0x42;
	set(0, 40, VA, END + 1);
	STR("rep movsb");
	check("overlap through an alias", pg[0][40] == 0x42);
}

static void forms(void)
{
	ulong c32 = 0xffffffff00000003;

	fill();
	map(END, (u64)pg[1], RW);
	set(0x99, c32, 0, 0xffffffff00000000 | (ulong)src);
	asm volatile("addr32 rep stosb" : "+c"(cx), "+D"(di) : "a"(0x99) : "memory");
	check("32-bit addresses: ecx and edi", cx == 0 && di == (ulong)src + 3 && src[2] == 0x99);
	set(0, 1, (ulong)src, VA);
	STR("movsb");
	check("movsb leaves rcx", regs(1, (ulong)src + 1, VA + 1));
	set(0x1234, 5, 0, VA);
	STR("stosw");
	check("stosw", di == VA + 2 && pg[0][0] == 0x34 && pg[0][1] == 0x12 && pg[0][2] == 0xee);
	set(~0ull, 5, VA, 0);
	STR("lodsb");
	check_eq("lodsb keeps the upper bytes", ax, 0xffffffffffffff34);
	set(~0ull, 5, VA, 0);
	STR("lodsl");
	check_eq("lodsl clears the upper half", ax, 0xeeee1234);
	set(0, 300, (ulong)src, VA + 10);
	STR("repne movsb");
	check("repne is rep for movs", cx == 0 && !memcmp(pg[0] + 10, src, 300));
	set(0, 512, (ulong)src, VA);
	STR("rep movsq");
	check("a whole page", cx == 0 && !memcmp(pg[0], src, 4096));
	set(0, 600, VA, (ulong)src);
	TRY("rep movsq", : "+c"(cx), "+S"(si), "+D"(di) : : "memory");
	check("past a page", cx == 0);
	set(0, 2, VA, (ulong)src);
	TRY("rep movsb %%gs:(%%rsi), (%%rdi)", : "+c"(cx), "+S"(si), "+D"(di) : : "memory");
	check_none("with a segment prefix");
}

static void permissions(void)
{
	fill();
	map(END, (u64)pg[1], PTE_P);
	set(0, 100, (ulong)src, END - 3);
	STR("rep movsb");
	check_pf("rep movsb into a read-only page", PF_P | PF_W, END);
	check("registers", regs(97, (ulong)src + 3, END));
	set(0, 100, (ulong)src, END);
	STR("rep movsq");
	check_pf("from the first byte", PF_P | PF_W, END);
	check("nothing moved", regs(100, (ulong)src, END));
	set(0, 3, 1ull << 47, VA);
	STR("rep movsb");
	check_fault("#GP: source not canonical", GP, 0);
	set(0, 3, VA, 1ull << 47);
	STR("rep stosb");
	check_fault("#GP: destination not canonical", GP, 0);
	set(0, 10, VA, (1ull << 47) - 3);
	STR("rep lodsb");
	check("lods works first", last.vec == NO_FAULT);
}

void test_main(void)
{
	pg[0] = page_alloc();
	page_alloc();
	pg[1] = page_alloc();
	page_alloc();
	src = page_alloc_n(4, 4096);
	movs_fault();
	stos_lods();
	scas_fault();
	scas();
	overlap();
	forms();
	permissions();
}
