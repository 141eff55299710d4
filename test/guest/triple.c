/* triple.c - a fault with no IDT at all: the processor shuts down. The machine must end
 * with a sentence and its status for a triple fault. Source: SDM 3A 6.15, interrupt 8. */
#include "guest.h"

const char test_name[] = "triple";

void test_main(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) none = { 0, 0 };

	check("about to triple fault", true);
	asm volatile("lidt %0\n ud2" : : "m"(none));
	check("not reached", false);
}
