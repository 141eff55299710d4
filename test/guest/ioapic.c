/* ioapic.c - the I/O APIC: registers, edge and level interrupts. Source: 82093AA data sheet. */
#include "irq.h"

const char test_name[] = "ioapic";

enum { MASKED = 1 << 16, LEVEL = 1 << 15, REMOTE_IRR = 1 << 14, LOW = 1 << 13 };
enum { PIT_PIN = 2, COM1_PIN = 4 };

static volatile unsigned count[256];
static bool keep;
static u32 remote;

static bool hook(struct frame *f)
{
	count[f->vec]++;
	if (f->vec == 0x52) {
		remote = ioapic_read(0x10 + COM1_PIN * 2);
		if (count[0x52] >= 3)
			outb(0x3f9, 0); /* the line falls */
	}
	if (!keep)
		apic_write(APIC_EOI, 0);
	return true;
}

static void route(unsigned pin, u32 low)
{
	ioapic_write(0x10 + pin * 2 + 1, apic_read(APIC_ID));
	ioapic_write(0x10 + pin * 2, low);
}

static void registers(void)
{
	unsigned pins = (ioapic_read(1) >> 16 & 0xff) + 1;

	check("version and 24 pins", (ioapic_read(1) & 0xff) >= 0x11 && pins == 24);
	check("entries are masked at reset", ioapic_read(0x10) & MASKED);
	ioapic_write(0x10 + 20 * 2, 0x1a5a5 & ~REMOTE_IRR);
	check_eq("an entry reads back", ioapic_read(0x10 + 20 * 2) & ~(1u << 12 | REMOTE_IRR),
		 0x1a5a5 & ~(1u << 12 | REMOTE_IRR));
	ioapic_write(0x10 + 20 * 2 + 1, 0x0f000000);
	check_eq("its destination", ioapic_read(0x10 + 20 * 2 + 1) & 0xff000000, 0x0f000000);
	ioapic_write(0x10 + 20 * 2, MASKED);
	*(volatile u32 *)IOAPIC_AT = 0x12345;
	check_eq("the index has 8 bits", *(volatile u32 *)IOAPIC_AT & 0xff, 0x45);
}

static void edge(void)
{
	unsigned n;

	route(PIT_PIN, 0x51);
	pit_start(2, PIT_HZ / 1000);
	wait_for(&count[0x51], 4);
	check("the PIT on pin 2", count[0x51] >= 4);
	route(PIT_PIN, MASKED | 0x51);
	window();
	n = count[0x51];
	u64 end = rdtsc() + 10000000;
	while (rdtsc() < end)
		window();
	check_eq("masked", count[0x51], n);
	pit_start(0, 1);
}

/* The transmitter's interrupt is a level: it comes again after EOI until it is served. */
static void level(void)
{
	u64 end;

	outb(0x3fc, 0x0b);
	route(COM1_PIN, LEVEL | 0x52);
	outb(0x3f9, 2);
	end = rdtsc() + (2ull << 30);
	while (count[0x52] < 3 && rdtsc() < end)
		window();
	check_eq("a level comes again until the line falls", count[0x52], 3);
	check("remote IRR while in service", remote & REMOTE_IRR);
	window();
	check_eq("and then no more", count[0x52], 3);
	check("remote IRR clear after EOI", !(ioapic_read(0x10 + COM1_PIN * 2) & REMOTE_IRR));
	route(COM1_PIN, MASKED);
}

void test_main(void)
{
	unsigned v;

	pic_off();
	apic_on();
	for (v = 0x50; v < 0x60; v++)
		on_trap(v, hook);
	registers();
	edge();
	level();
}
