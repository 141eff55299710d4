/* dev_irq.c - tests of the interrupt controllers: PIC, IOAPIC, local APICs. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#include <string.h>

#include "dev_kit.h"
#include "mem/mem.h"

/* ---- i8259 ---- */

static struct dev pic_ready(struct clock *c)
{
	struct dev d = kit_dev(&pic_ops, c, 0);

	pic_ops.reset(&d);
	out8(&d, 0x20, 0x11);
	out8(&d, 0x21, 0x20);
	out8(&d, 0x21, 4);
	out8(&d, 0x21, 1);
	out8(&d, 0xa0, 0x11);
	out8(&d, 0xa1, 0x28);
	out8(&d, 0xa1, 2);
	out8(&d, 0xa1, 1);
	return d;
}

static void pic_serves_by_priority(void **unused)
{
	struct dev d = pic_ready(NULL);

	(void)unused;
	assert_int_equal(pic_ack(&d), -1);
	pic_set(&d, 4, true);
	pic_set(&d, 1, true);
	pic_set(&d, 8, true);
	assert_true(pic_out(&d));
	assert_int_equal(pic_ack(&d), 0x21);
	assert_false(pic_out(&d));
	out8(&d, 0x20, 0x20);
	assert_int_equal(pic_ack(&d), 0x28); /* line 8 comes in on line 2 */
	assert_int_equal(pic_ack(&d), -1);
	out8(&d, 0xa0, 0x20);
	out8(&d, 0x20, 0x20);
	assert_int_equal(pic_ack(&d), 0x24);
	out8(&d, 0x20, 0x0b);
	assert_int_equal(in8(&d, 0x20), 1 << 4);
	out8(&d, 0x20, 0x64); /* specific EOI of line 4 */
	assert_int_equal(in8(&d, 0x20), 0);
	dev_fini(&d);
}

static void pic_masks_and_latches(void **unused)
{
	struct dev d = pic_ready(NULL);

	(void)unused;
	out8(&d, 0x21, 0x10);
	pic_set(&d, 4, true);
	pic_set(&d, 4, false);
	assert_false(pic_out(&d));
	out8(&d, 0x20, 0x0a);
	assert_int_equal(in8(&d, 0x20), 0x10);
	out8(&d, 0x21, 0);
	assert_int_equal(pic_ack(&d), 0x24);
	out8(&d, 0x20, 0x20);
	pic_set(&d, 4, true);
	assert_int_equal(pic_ack(&d), 0x24);
	out8(&d, 0x20, 0x20);
	pic_set(&d, 4, true); /* no new edge */
	assert_int_equal(pic_ack(&d), -1);
	dev_fini(&d);
}

static void pic_levels_repeat(void **unused)
{
	struct dev d = pic_ready(NULL);

	(void)unused;
	out8(&d, 0x4d1, 0xff);
	assert_int_equal(in8(&d, 0x4d1), 0xde);
	pic_set(&d, 10, true);
	assert_int_equal(pic_ack(&d), 0x2a);
	out8(&d, 0xa0, 0x20);
	out8(&d, 0x20, 0x20);
	assert_int_equal(pic_ack(&d), 0x2a);
	pic_set(&d, 10, false);
	out8(&d, 0xa0, 0x20);
	out8(&d, 0x20, 0x20);
	assert_int_equal(pic_ack(&d), -1);
	dev_fini(&d);
}

static void pic_rotates_and_polls(void **unused)
{
	struct dev d = pic_ready(NULL);

	(void)unused;
	pic_set(&d, 3, true);
	assert_int_equal(pic_ack(&d), 0x23);
	out8(&d, 0x20, 0xa0); /* rotate on EOI: 3 is lowest now, 4 highest */
	pic_set(&d, 3, false);
	pic_set(&d, 3, true);
	pic_set(&d, 5, true);
	assert_int_equal(pic_ack(&d), 0x25);
	out8(&d, 0x20, 0x20);
	out8(&d, 0x20, 0x0c);
	assert_int_equal(in8(&d, 0x20), 0x83);
	dev_fini(&d);
}

/* ---- local APICs and the IOAPIC ---- */

#define CPUS 4

struct apics {
	struct clock *clock;
	struct mem *mem;
	struct dev lapic[CPUS], ioapic;
	struct apic_bus bus;
	u64 tsc;
	unsigned raised[CPUS], nmi[CPUS], init[CPUS], sipi[CPUS];
};

static void note_raise(void *ctx, unsigned cpu) { ((struct apics *)ctx)->raised[cpu]++; }
static void note_nmi(void *ctx, unsigned cpu) { ((struct apics *)ctx)->nmi[cpu]++; }
static void note_init(void *ctx, unsigned cpu) { ((struct apics *)ctx)->init[cpu]++; }
static void note_sipi(void *ctx, unsigned cpu, u8 vec) { ((struct apics *)ctx)->sipi[cpu] = vec; }
static u64 note_tsc(void *ctx, unsigned cpu)
{
	struct apics *a = ctx;

	(void)cpu;
	return clock_now(a->clock) * 2; /* 2 GHz */
}

static void enable(struct dev *d)
{
	lapic_ops.write(d, 0, 0xf0, 4, 0x1ff);
}

static void apics_init(struct apics *a)
{
	struct err e;

	memset(a, 0, sizeof(*a));
	a->clock = kit_clock();
	assert_int_equal(mem_new(MIB(1), &a->mem, &e), 0);
	a->ioapic = kit_dev(&ioapic_ops, a->clock, 0);
	a->bus = (struct apic_bus){
		.sink = { a, note_raise, note_nmi, note_init, note_sipi, note_tsc },
		.lapic = a->lapic, .n = CPUS, .ioapic = &a->ioapic, .mem = a->mem,
		.tsc_hz = 2000000000,
	};
	for (unsigned i = 0; i < CPUS; i++)
		a->lapic[i] = kit_dev(&lapic_ops, a->clock, 0);
	for (unsigned i = 0; i < CPUS; i++) {
		lapic_wire(&a->lapic[i], &a->bus, i);
		lapic_ops.reset(&a->lapic[i]);
		enable(&a->lapic[i]);
	}
	ioapic_wire(&a->ioapic, &a->bus);
	ioapic_ops.reset(&a->ioapic);
}

static void apics_fini(struct apics *a)
{
	for (unsigned i = 0; i < CPUS; i++)
		dev_fini(&a->lapic[i]);
	dev_fini(&a->ioapic);
	mem_free(a->mem);
	clock_free(a->clock);
}

static u32 reg(struct apics *a, unsigned cpu, unsigned off)
{
	return (u32)lapic_ops.read(&a->lapic[cpu], 0, off, 4);
}

static void set_reg(struct apics *a, unsigned cpu, unsigned off, u32 val)
{
	lapic_ops.write(&a->lapic[cpu], 0, off, 4, val);
}

static bool send_to(struct apics *a, u32 dest, bool logical, u8 vector)
{
	return apic_send(&a->bus, &(struct apic_msg){ .dest = dest, .logical = logical,
						      .vector = vector });
}

static void lapic_serves_by_priority(void **unused)
{
	struct apics a;

	(void)unused;
	apics_init(&a);
	assert_false(lapic_ready(&a.lapic[0]));
	send_to(&a, 0, false, 0x41);
	send_to(&a, 0, false, 0x61);
	assert_true(lapic_ready(&a.lapic[0]));
	assert_int_equal(a.raised[0], 2);
	assert_int_equal(lapic_ack(&a.lapic[0]), 0x61);
	assert_int_equal(lapic_ack(&a.lapic[0]), -1); /* the class in service is higher */
	assert_int_equal(reg(&a, 0, 0xa0), 0x60);
	send_to(&a, 0, false, 0x71);
	assert_int_equal(lapic_ack(&a.lapic[0]), 0x71);
	set_reg(&a, 0, 0xb0, 0);
	set_reg(&a, 0, 0xb0, 0);
	assert_int_equal(lapic_ack(&a.lapic[0]), 0x41);
	set_reg(&a, 0, 0xb0, 0);
	lapic_cr8_write(&a.lapic[0], 5);
	assert_int_equal(reg(&a, 0, 0x80), 0x50);
	send_to(&a, 0, false, 0x52);
	assert_false(lapic_ready(&a.lapic[0]));
	lapic_cr8_write(&a.lapic[0], 4);
	assert_true(lapic_ready(&a.lapic[0]));
	assert_int_equal(lapic_ack(&a.lapic[0]), 0x52);
	apics_fini(&a);
}

static void lapic_off_takes_nothing(void **unused)
{
	struct apics a;

	(void)unused;
	apics_init(&a);
	set_reg(&a, 1, 0xf0, 0xff);
	assert_false(send_to(&a, 1, false, 0x41));
	assert_int_equal(reg(&a, 1, 0x320), 0x10000);
	set_reg(&a, 1, 0x320, 0x40); /* stays masked while off */
	assert_int_equal(reg(&a, 1, 0x320), 0x10040);
	apic_send(&a.bus, &(struct apic_msg){ .dest = 1, .mode = APIC_NMI });
	assert_int_equal(a.nmi[1], 1);
	apics_fini(&a);
}

static void lapic_notes_errors(void **unused)
{
	struct apics a;

	(void)unused;
	apics_init(&a);
	set_reg(&a, 0, 0x370, 0xfe);
	set_reg(&a, 0, 0x300, 0x0000000f); /* fixed, vector 15 */
	assert_int_equal(reg(&a, 0, 0x280), 0);
	set_reg(&a, 0, 0x280, 0);
	assert_int_equal(reg(&a, 0, 0x280), 0x20);
	assert_int_equal(lapic_ack(&a.lapic[0]), 0xfe);
	set_reg(&a, 0, 0x370, 0x05); /* an error interrupt that is an error itself */
	send_to(&a, 0, false, 3);
	set_reg(&a, 0, 0x280, 0);
	assert_int_equal(reg(&a, 0, 0x280), 0x40);
	reg(&a, 0, 0x40);
	set_reg(&a, 0, 0x280, 0);
	assert_int_equal(reg(&a, 0, 0x280), 0x80);
	apics_fini(&a);
}

/* Vectors taken by each APIC since the last call, as bits 0..3. */
static unsigned who(struct apics *a)
{
	unsigned set = 0;

	for (unsigned i = 0; i < CPUS; i++)
		while (lapic_ack(&a->lapic[i]) >= 0) {
			set |= 1u << i;
			set_reg(a, i, 0xb0, 0);
		}
	return set;
}

static void icr(struct apics *a, unsigned from, u8 dest, u32 low)
{
	set_reg(a, from, 0x310, (u32)dest << 24);
	set_reg(a, from, 0x300, low);
}

static void apic_sends_by_every_destination_mode(void **unused)
{
	struct apics a;

	(void)unused;
	apics_init(&a);
	icr(&a, 0, 2, 0x4041);
	assert_int_equal(who(&a), 4);
	icr(&a, 0, 0xff, 0x4041);
	assert_int_equal(who(&a), 15);
	for (unsigned i = 0; i < CPUS; i++)
		set_reg(&a, i, 0xd0, 1u << (24 + i));
	icr(&a, 0, 6, 0x4841); /* logical, flat */
	assert_int_equal(who(&a), 6);
	for (unsigned i = 0; i < CPUS; i++) {
		set_reg(&a, i, 0xe0, 0x0fffffff);
		set_reg(&a, i, 0xd0, (i / 2 << 4 | 1u << i % 2) << 24);
	}
	icr(&a, 0, 0x13, 0x4841); /* logical, cluster 1 */
	assert_int_equal(who(&a), 12);
	icr(&a, 0, 0xf1, 0x4841); /* first of all clusters */
	assert_int_equal(who(&a), 5);
	icr(&a, 1, 0, 0x44041);
	assert_int_equal(who(&a), 2);
	icr(&a, 1, 0, 0x84041);
	assert_int_equal(who(&a), 15);
	icr(&a, 1, 0, 0xc4041);
	assert_int_equal(who(&a), 13);
	icr(&a, 0, 0, 0xc4500); /* INIT to the others */
	icr(&a, 0, 3, 0x8500);  /* INIT de-assert: nothing */
	icr(&a, 0, 3, 0x4699);
	assert_int_equal(a.init[0] + a.init[1] * 2 + a.init[3] * 4, 6);
	assert_int_equal(a.sipi[3], 0x99);
	apics_fini(&a);
}

static void apic_lowest_takes_turns(void **unused)
{
	struct apics a;
	unsigned seen = 0;

	(void)unused;
	apics_init(&a);
	for (unsigned i = 0; i < CPUS; i++)
		set_reg(&a, i, 0xd0, 1u << (24 + i));
	lapic_cr8_write(&a.lapic[2], 3);
	for (unsigned i = 0; i < 3; i++) {
		unsigned got;

		apic_msi(&a.bus, 0xfeeff004, 0x4151); /* logical 0xff is everyone */
		got = who(&a);
		assert_true(got == 1 || got == 2 || got == 8);
		seen |= got;
	}
	assert_int_equal(seen, 11);
	apics_fini(&a);
}

static void lapic_x2apic_has_msrs(void **unused)
{
	struct apics a;
	u64 val = 0;

	(void)unused;
	apics_init(&a);
	assert_false(lapic_msr_read(&a.lapic[3], 0x802, &val));
	assert_false(lapic_msr_write(&a.lapic[3], 0x1b, 0xfee00400)); /* x2APIC but off */
	assert_true(lapic_msr_write(&a.lapic[3], 0x1b, 0xfee00c00));
	assert_false(lapic_hit(&a.lapic[3], 0xfee00000));
	assert_true(lapic_msr_read(&a.lapic[3], 0x802, &val));
	assert_int_equal(val, 3);
	assert_true(lapic_msr_read(&a.lapic[3], 0x80d, &val));
	assert_int_equal(val, 8);
	assert_false(lapic_msr_write(&a.lapic[3], 0x80d, 1));
	assert_false(lapic_msr_read(&a.lapic[3], 0x80e, &val));
	assert_false(lapic_msr_write(&a.lapic[3], 0x80b, 1));
	assert_false(lapic_msr_write(&a.lapic[3], 0x1b, 0xfee00800)); /* back only over off */
	assert_true(lapic_msr_write(&a.lapic[3], 0x830, 0x100004041)); /* to id 1 */
	assert_int_equal(who(&a), 2);
	assert_true(lapic_msr_write(&a.lapic[3], 0x830, 0xffffffff00004041));
	assert_int_equal(who(&a) & 7, 7);
	assert_true(lapic_msr_write(&a.lapic[3], 0x80b, 0));
	assert_true(lapic_msr_write(&a.lapic[3], 0x83f, 0x77));
	assert_int_equal(lapic_ack(&a.lapic[3]), 0x77);
	assert_true(lapic_msr_write(&a.lapic[3], 0x1b, 0xfee00000));
	assert_true(lapic_takes_pic(&a.lapic[3]));
	apics_fini(&a);
}

static void lapic_pv_eoi_ends_without_exit(void **unused)
{
	struct apics a;
	u8 *byte;

	(void)unused;
	apics_init(&a);
	byte = mem_host_w(a.mem, GPA(0x1000), 1);
	assert_true(lapic_msr_write(&a.lapic[0], 0x4b564d04, 0x1001));
	send_to(&a, 0, false, 0x41);
	assert_int_equal(lapic_ack(&a.lapic[0]), 0x41);
	assert_int_equal(*byte, 1);
	*byte = 0; /* the guest's EOI */
	send_to(&a, 0, false, 0x42);
	assert_true(lapic_ready(&a.lapic[0]));
	assert_true(lapic_check(&a.lapic[0]));
	assert_int_equal(lapic_ack(&a.lapic[0]), 0x42);
	assert_int_equal(*byte, 1);
	send_to(&a, 0, false, 0x43); /* the guest has not ended 0x42 yet: it must do so by register */
	assert_true(lapic_ready(&a.lapic[0]));
	assert_false(lapic_check(&a.lapic[0]));
	assert_int_equal(*byte, 0);
	set_reg(&a, 0, 0xb0, 0);
	assert_int_equal(lapic_ack(&a.lapic[0]), 0x43);
	apics_fini(&a);
}

static void lapic_deadline_fires_in_time(void **unused)
{
	struct apics a;
	u64 val;

	(void)unused;
	apics_init(&a);
	assert_true(lapic_msr_write(&a.lapic[0], 0x6e0, 5000)); /* not in that mode: ignored */
	set_reg(&a, 0, 0x320, 0x400ec);
	assert_true(lapic_msr_write(&a.lapic[0], 0x6e0, 2000000));
	kit_pass(a.clock, 999999);
	assert_false(lapic_ready(&a.lapic[0]));
	kit_pass(a.clock, 1);
	assert_int_equal(lapic_ack(&a.lapic[0]), 0xec);
	set_reg(&a, 0, 0xb0, 0);
	assert_true(lapic_msr_read(&a.lapic[0], 0x6e0, &val));
	assert_int_equal(val, 0);
	assert_true(lapic_msr_write(&a.lapic[0], 0x6e0, 1)); /* long past */
	assert_int_equal(lapic_ack(&a.lapic[0]), 0xec);
	assert_true(lapic_msr_write(&a.lapic[0], 0x6e0, UINT64_MAX / 2));
	assert_true(lapic_msr_write(&a.lapic[0], 0x6e0, 0));
	assert_true(clock_next(a.clock) == UINT64_MAX);
	apics_fini(&a);
}

static void lapic_timer_counts(void **unused)
{
	struct apics a;

	(void)unused;
	apics_init(&a);
	set_reg(&a, 0, 0x320, 0xec);
	set_reg(&a, 0, 0x3e0, 0x3); /* by 16 */
	set_reg(&a, 0, 0x380, 100000);
	kit_pass(a.clock, 800000);
	assert_int_equal(reg(&a, 0, 0x390), 50000);
	kit_pass(a.clock, 800000);
	assert_int_equal(reg(&a, 0, 0x390), 0);
	assert_int_equal(who(&a), 1);
	set_reg(&a, 0, 0x320, 0x200ec); /* periodic */
	set_reg(&a, 0, 0x380, 100000);
	for (unsigned i = 0; i < 5; i++) {
		kit_pass(a.clock, 1600000);
		assert_int_equal(who(&a), 1);
	}
	set_reg(&a, 0, 0x380, 0);
	assert_true(clock_next(a.clock) == UINT64_MAX);
	apics_fini(&a);
}

/* A period of one nanosecond keeps no host busy. */
static void lapic_timer_has_a_shortest_period(void **unused)
{
	struct apics a;

	(void)unused;
	apics_init(&a);
	set_reg(&a, 0, 0x320, 0x200ec);
	set_reg(&a, 0, 0x3e0, 0xb);
	set_reg(&a, 0, 0x380, 1);
	assert_int_equal(clock_next(a.clock), TIMER_PERIOD_MIN_NS);
	kit_pass(a.clock, 10 * TIMER_PERIOD_MIN_NS);
	assert_int_equal(a.raised[0], 10);
	apics_fini(&a);
}

static void rte(struct apics *a, unsigned pin, u32 low, u8 dest)
{
	dev_write(&a->ioapic, DEV_MMIO, IOAPIC_BASE, 4, 0x11 + 2 * pin);
	dev_write(&a->ioapic, DEV_MMIO, IOAPIC_BASE + 0x10, 4, (u32)dest << 24);
	dev_write(&a->ioapic, DEV_MMIO, IOAPIC_BASE, 4, 0x10 + 2 * pin);
	dev_write(&a->ioapic, DEV_MMIO, IOAPIC_BASE + 0x10, 4, low);
}

static void ioapic_edge_sends_once(void **unused)
{
	struct apics a;

	(void)unused;
	apics_init(&a);
	ioapic_set(&a.ioapic, 4, true); /* masked: lost */
	rte(&a, 4, 0x31, 1);
	assert_int_equal(who(&a), 0);
	ioapic_set(&a.ioapic, 4, true);
	assert_int_equal(who(&a), 0);
	ioapic_set(&a.ioapic, 4, false);
	ioapic_set(&a.ioapic, 4, true);
	assert_int_equal(who(&a), 2);
	dev_write(&a.ioapic, DEV_MMIO, IOAPIC_BASE, 4, 1);
	assert_int_equal(dev_read(&a.ioapic, DEV_MMIO, IOAPIC_BASE + 0x10, 4), 0x170011);
	apics_fini(&a);
}

static void ioapic_level_waits_for_eoi(void **unused)
{
	struct apics a;

	(void)unused;
	apics_init(&a);
	rte(&a, 16, 0x8031, 0);
	ioapic_set(&a.ioapic, 16, true);
	assert_int_equal(lapic_ack(&a.lapic[0]), 0x31);
	ioapic_set(&a.ioapic, 16, true);
	assert_int_equal(dev_read(&a.ioapic, DEV_MMIO, IOAPIC_BASE + 0x10, 4), 0xc031);
	assert_int_equal(lapic_ack(&a.lapic[0]), -1);
	set_reg(&a, 0, 0xb0, 0); /* still high: again */
	assert_int_equal(lapic_ack(&a.lapic[0]), 0x31);
	ioapic_set(&a.ioapic, 16, false);
	set_reg(&a, 0, 0xb0, 0);
	assert_int_equal(lapic_ack(&a.lapic[0]), -1);
	assert_int_equal(dev_read(&a.ioapic, DEV_MMIO, IOAPIC_BASE + 0x10, 4), 0x8031);
	apics_fini(&a);
}

static void pic_reaches_lint0(void **unused)
{
	struct apics a;

	(void)unused;
	apics_init(&a);
	set_reg(&a, 0, 0x350, 0x700);
	set_reg(&a, 1, 0x350, 0x10700);
	assert_true(lapic_takes_pic(&a.lapic[0]));
	assert_false(lapic_takes_pic(&a.lapic[1]));
	apic_lint0(&a.bus, true);
	assert_int_equal(a.raised[0], 1);
	assert_int_equal(a.raised[1], 0);
	set_reg(&a, 1, 0x350, 0x44); /* fixed: a vector of its own */
	apic_lint0(&a.bus, true);
	assert_int_equal(lapic_ack(&a.lapic[1]), 0x44);
	apics_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pic_serves_by_priority),
		cmocka_unit_test(pic_masks_and_latches),
		cmocka_unit_test(pic_levels_repeat),
		cmocka_unit_test(pic_rotates_and_polls),
		cmocka_unit_test(lapic_serves_by_priority),
		cmocka_unit_test(lapic_off_takes_nothing),
		cmocka_unit_test(lapic_notes_errors),
		cmocka_unit_test(apic_sends_by_every_destination_mode),
		cmocka_unit_test(apic_lowest_takes_turns),
		cmocka_unit_test(lapic_x2apic_has_msrs),
		cmocka_unit_test(lapic_pv_eoi_ends_without_exit),
		cmocka_unit_test(lapic_deadline_fires_in_time),
		cmocka_unit_test(lapic_timer_counts),
		cmocka_unit_test(lapic_timer_has_a_shortest_period),
		cmocka_unit_test(ioapic_edge_sends_once),
		cmocka_unit_test(ioapic_level_waits_for_eoi),
		cmocka_unit_test(pic_reaches_lint0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
