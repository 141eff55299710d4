/* hostile_idt.c - the IDT where nothing is: the first exception finds gates of ones, and
 * so does the double fault. A triple fault. */
#include "guest.h"

const char test_name[] = "hostile_idt";

#define HOLE 0xd0000000ull

void test_main(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) bad = { 4095, HOLE };

	check("about to use an IDT in the hole", true);
	asm volatile("lidt %0\n ud2" : : "m"(bad));
	check("not reached", false);
}
