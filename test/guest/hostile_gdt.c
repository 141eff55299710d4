/* hostile_gdt.c - the GDT where nothing is, then an exception: every gate names a code
 * segment of ones. A triple fault. */
#include "guest.h"

const char test_name[] = "hostile_gdt";

#define HOLE 0xd0000000ull

void test_main(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) bad = { 0xffff, HOLE };

	check("about to use a GDT in the hole", true);
	asm volatile("lgdt %0\n ud2" : : "m"(bad));
	check("not reached", false);
}
