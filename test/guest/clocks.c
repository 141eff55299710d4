/* clocks.c - the clocks of the machine tell the same time: TSC, PIT, ACPI timer, local APIC
 * timer, RTC, kvmclock. Source: 8254 data sheet; ACPI 6.5 4.8.3.3; MC146818 data sheet;
 * linux/Documentation/virt/kvm/x86/msr.rst. */
#include "irq.h"

const char test_name[] = "clocks";

#define PMTIMER 0x608
#define PMTIMER_HZ 3579545

static u32 pit_count(void)
{
	u32 v;

	outb(0x43, 0);
	v = inb(0x40);
	return v | inb(0x40) << 8;
}

/* Ticks of another clock while the PIT counts 20000, about 17 ms; 1000 means exactly right. */
static u64 permille(u64 got, u64 hz)
{
	u64 want = hz * 20000 / PIT_HZ;

	return want ? got * 1000 / want : 0;
}

static void wait_pit(void)
{
	pit_start(2, 0xffff);
	while (pit_count() > 0xff00)
		;
}

static bool near(u64 v)
{
	u64 slack = on_tcg() ? 150 : 50; /* reads alone take their time there */

	if (v < 1000 - slack || v > 1000 + slack)
		note("permille", v);
	return v >= 1000 - slack && v <= 1000 + slack;
}

static u64 kvm_tsc_hz(void)
{
	return cpuid(0x40000000, 0).a >= 0x40000010 ? cpuid(0x40000010, 0).a * 1000ull : 0;
}

struct pvclock {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	signed char shift;
	u8 flags, pad2[2];
} __attribute__((packed, aligned(8)));
static volatile struct pvclock pv;

static u64 pvclock_ns(void)
{
	u64 d = rdtsc() - pv.tsc;

	d = pv.shift >= 0 ? d << pv.shift : d >> -pv.shift;
	return pv.ns + (u64)(((unsigned __int128)d * pv.mul) >> 32);
}

static void against_pit(void)
{
	u64 tsc, pm, ns = 0, tries;
	u32 start, at;

	if (cpuid(0x40000001, 0).a & 1 << 3)
		wrmsr(0x4b564d01, (u64)&pv | 1);
	for (tries = 0; tries < 20; tries++) {
		wait_pit();
		start = pit_count();
		tsc = rdtsc();
		pm = inl(PMTIMER);
		ns = pvclock_ns();
		do
			at = pit_count();
		while (start - at < 20000);
		tsc = rdtsc() - tsc;
		pm = (inl(PMTIMER) - pm) & 0xffffff;
		ns = pvclock_ns() - ns;
		if (start - at < 20400) /* nothing else held the host up */
			break;
	}
	check("ACPI timer and PIT", near(permille(pm, PMTIMER_HZ)));
	if (kvm_tsc_hz())
		check("TSC and what CPUID says of it", near(permille(tsc, kvm_tsc_hz())));
	else
		skip("TSC and what CPUID says of it", "no leaf 40000010h");
	if (pv.mul)
		check("kvmclock and PIT", near(permille(ns, 1000000000)) && !(pv.version & 1));
	else
		skip("kvmclock", "it is not offered");
}

static u8 cmos(u8 reg)
{
	outb(0x70, reg | 0x80);
	return inb(0x71);
}

static void rtc(void)
{
	u8 year, b;

	while (cmos(0xa) & 0x80)
		;
	b = cmos(0xb);
	year = cmos(9);
	check("RTC: 24 hours", b & 2);
	check("RTC: a year of this age", b & 4 ? year >= 24 && year < 99 : year >= 0x24 && year < 0x99);
	check("RTC: month and day", cmos(8) >= 1 && cmos(8) <= 0x12 && cmos(7) >= 1 && cmos(7) <= 0x31);
	check("RTC: valid RAM and time", cmos(0xd) & 0x80);
}

static volatile unsigned rtc_irqs;

static bool rtc_hook(struct frame *f)
{
	(void)f;
	rtc_irqs++;
	cmos(0xc);
	outb(PIC2, PIC_EOI);
	outb(PIC1, PIC_EOI);
	return true;
}

static void rtc_periodic(void)
{
	on_trap(PIC_BASE + 8, rtc_hook);
	pic_init(0xfb, 0xfe);
	outb(0x70, 0x8a);
	outb(0x71, 0x26); /* 1024 Hz */
	outb(0x70, 0x8b);
	outb(0x71, cmos(0xb) | 0x40);
	outb(0x70, 0x8b);
	outb(0x71, 0x42);
	cmos(0xc);
	wait_for(&rtc_irqs, 3);
	check("RTC: periodic interrupts on IRQ 8", rtc_irqs >= 3);
	outb(0x70, 0x8b);
	outb(0x71, 2);
	cmos(0xc);
	pic_off();
}

static void speaker_gate(void)
{
	u8 was = inb(0x61);
	u64 end = rdtsc() + (8ull << 30);
	bool low = false;
	unsigned i;

	outb(0x61, (was & ~2) | 1);
	outb(0x43, 0xb0); /* channel 2, mode 0 */
	for (i = 0; i < 20 && !low; i++) { /* again if we were held up for all of 55 ms */
		outb(0x42, 0xff);
		outb(0x42, 0xff);
		low = !(inb(0x61) & 0x20);
	}
	check("channel 2: low while it counts", low);
	outb(0x42, 0);
	outb(0x42, 4);
	while (!(inb(0x61) & 0x20) && rdtsc() < end)
		;
	check("channel 2: high at the end", inb(0x61) & 0x20);
	outb(0x61, was);
}

void test_main(void)
{
	pic_off();
	apic_on();
	apic_write(APIC_LVT_LINT0, 0x700);
	if (on_qemu())
		skip("clocks against each other", "QEMU's ACPI timer is elsewhere");
	else
		against_pit();
	rtc();
	rtc_periodic();
	speaker_gate();
}
