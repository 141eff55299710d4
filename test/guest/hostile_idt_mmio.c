/* hostile_idt_mmio.c - the IDT in a device's registers: its gates are no gates. A triple fault. */
#include "guest.h"

const char test_name[] = "hostile_idt_mmio";

#define LAPIC 0xfee00000ull

void test_main(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) bad = { 4095, LAPIC };

	check("about to use an IDT in the local APIC", true);
	asm volatile("lidt %0\n ud2" : : "m"(bad));
	check("not reached", false);
}
