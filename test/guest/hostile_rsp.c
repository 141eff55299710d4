/* hostile_rsp.c - a stack where nothing is, then an exception: its frame is swallowed, but the
 * handler runs. It must not return. */
#include "guest.h"

const char test_name[] = "hostile_rsp";

#define HOLE 0xd0000000ull

/* Ends the run with status 33, as finish() does, and touches no stack. */
void raw_handler(void);
asm(".text\nraw_handler: movb $0x10, %al\n outb %al, $0xf4\n1: cli\n hlt\n jmp 1b");

void test_main(void)
{
	check("about to use a stack in the hole", true);
	idt_set(UD, (ulong)raw_handler, 0xe, 0, 0);
	asm volatile("movq %0, %%rsp\n ud2" : : "r"(HOLE + 0x800));
	check("not reached", false);
}
