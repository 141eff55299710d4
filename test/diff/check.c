/* check.c - checks the table of forms itself. */
#include "tester.h"

unsigned check_table(void)
{
	return 0;
}
