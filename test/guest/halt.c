/* halt.c - HLT with interrupts off: nothing wakes it, and the machine says so. */
#include "guest.h"

const char test_name[] = "halt";

void test_main(void)
{
	check("about to halt for good", true);
	asm volatile("cli\n hlt");
	check("not reached", false);
}
