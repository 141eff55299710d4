/* poweroff.c - ACPI's soft off: the sleep type of \\_S5 and SLP_EN, written to PM1 control.
 * Source: ACPI 6.5 4.8.3.2. */
#include "guest.h"

const char test_name[] = "poweroff";

void test_main(void)
{
	check("about to power off", true);
	outw(0x604, 5 << 10 | 1 << 13);
	for (;;)
		asm volatile("sti\n\thlt");
}
