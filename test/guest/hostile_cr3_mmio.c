/* hostile_cr3_mmio.c - page tables in a device's registers, with an entry there that says present:
 * the walk must end, and then the machine with a triple fault. */
#include "guest.h"

const char test_name[] = "hostile_cr3_mmio";

#define IOAPIC 0xfec00000ull

void test_main(void)
{
	*(volatile u32 *)IOAPIC = 7; /* the index register: present, writable, user; frame 0 */
	check("about to use page tables in the IOAPIC", true);
	cr3_set(IOAPIC);
	check("not reached", false);
}
