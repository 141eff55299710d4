/* reset.c - the keyboard controller's reset line. With --no-reboot the machine ends. */
#include "guest.h"

const char test_name[] = "reset";

void test_main(void)
{
	check("about to reset", true);
	outb(0x64, 0xfe);
	for (;;)
		asm volatile("sti\n\thlt");
}
