/* exceptions.c - each exception's vector, error code, saved rip and flags, in ring 0 and 3.
 * Source: SDM 3A 6.15. */
#include "guest.h"

const char test_name[] = "exceptions";

void test_main(void)
{
	TRY("ud2", MEM);
	check_fault("ud2", UD, 0);
	TRY("divl %0", : : "r"(0), "a"(1), "d"(0) : "cc");
	check_fault("div by zero", DE, 0);
}
