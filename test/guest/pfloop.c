/* pfloop.c - a page fault whose handler returns to it for ever. Only a time limit ends
 * it, and the machine must stay stoppable. */
#include "guest.h"

const char test_name[] = "pfloop";

static bool again(struct frame *f)
{
	(void)f;
	return true;
}

void test_main(void)
{
	check("about to fault for ever", true);
	on_trap(PF, again);
	*(volatile char *)TEST_VA;
	check("not reached", false);
}
