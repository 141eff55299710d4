/* udloop.c - an exception whose handler is that exception again, on a fresh stack each
 * time: not one instruction completes. Only a time limit ends it. */
#include "guest.h"

const char test_name[] = "udloop";

void ud(void);
asm(".text\nud: ud2");

void test_main(void)
{
	check("about to raise exceptions for ever", true);
	idt_set(UD, (ulong)ud, 0xe, 0, 3);
	ud();
	check("not reached", false);
}
