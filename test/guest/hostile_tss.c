/* hostile_tss.c - the TSS where nothing is, then an exception in ring 3: the new stack is at
 * an address of ones. A triple fault. */
#include "guest.h"

const char test_name[] = "hostile_tss";

#define HOLE 0xd0000000ull

void test_main(void)
{
	static const char code[] __attribute__((section(".user"))) = { 0x0f, 0x0b };

	check("about to use a TSS in the hole", true);
	gdt_set(SEL_SPARE, 0x67 | (HOLE & 0xffffff) << 16 | 0x89ull << 40 | (HOLE >> 24 & 0xff) << 56);
	gdt_set(SEL_SPARE + 8, HOLE >> 32);
	asm volatile("ltr %w0" : : "r"(SEL_SPARE));
	user_run(code, 0, 0);
	check("not reached", false);
}
