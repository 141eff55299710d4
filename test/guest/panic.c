/* panic.c - pvpanic: the guest tells that it panicked. Source: QEMU docs/specs/pvpanic. */
#include "guest.h"

const char test_name[] = "panic";

void test_main(void)
{
	check("about to panic", true);
	outb(0x505, 1);
	for (;;)
		asm volatile("sti\n\thlt");
}
