/* spin.c - an endless loop with interrupts off. Only a time limit ends it. */
#include "guest.h"

const char test_name[] = "spin";

void test_main(void)
{
	check("about to spin", true);
	asm volatile("cli\n1: jmp 1b");
}
