/* hostile_cr3.c - page tables where nothing is: the next fetch faults, and its handler
 * too. A triple fault. */
#include "guest.h"

const char test_name[] = "hostile_cr3";

#define HOLE 0xd0000000ull

void test_main(void)
{
	check("about to use page tables in the hole", true);
	cr3_set(HOLE);
	check("not reached", false);
}
