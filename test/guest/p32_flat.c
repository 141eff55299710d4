/* p32_flat.c - the 32-bit image itself works. */
#include "guest.h"

const char test_name[] = "p32_flat";

void test_main(void)
{
	TRY("ud2", MEM);
	check_fault("ud2", UD, 0);
	check("ram", ram_top() > 0x1000000);
}
