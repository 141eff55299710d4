/* dev_time.c - tests of what tells the time: i8254, RTC, PM timer, kvmclock. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#include <string.h>

#include "dev_kit.h"
#include "mem/mem.h"

#define NS 1000000000u
#define MS 1000000u

static void pmtimer_counts_one_second(void **unused)
{
	struct clock *c = kit_clock();
	struct dev d;

	(void)unused;
	clock_set(c, 5);
	d = kit_dev(&pmtimer_ops, c, 0);
	d.ops->reset(&d);
	kit_pass(c, NS);
	assert_int_equal(dev_read(&d, DEV_PIO, 0x608, 4), 3579545);
	assert_int_equal(dev_read(&d, DEV_PIO, 0x608, 1), 0xff);
	kit_pass(c, 1300ull * NS); /* past 32 bits */
	assert_int_equal(dev_read(&d, DEV_PIO, 0x608, 4), (u32)(1301ull * 3579545));
	dev_fini(&d);
	clock_free(c);
}

/* ---- i8254 ---- */

static struct dev pit_ready(struct clock *c, struct spy *irq0)
{
	struct dev d = kit_dev(&pit_ops, c, 0);

	pit_wire(&d, &irq0->irq);
	d.ops->reset(&d);
	return d;
}

static void pit_load(struct dev *d, unsigned n, u8 control, u16 count)
{
	out8(d, 0x43, (u8)(n << 6 | 0x30 | control));
	out8(d, (u16)(0x40 + n), (u8)count);
	out8(d, (u16)(0x40 + n), (u8)(count >> 8));
}

static unsigned pit_count(struct dev *d, unsigned n)
{
	unsigned low;

	out8(d, 0x43, (u8)(n << 6));
	low = in8(d, (u16)(0x40 + n));
	return low | (unsigned)in8(d, (u16)(0x40 + n)) << 8;
}

static void pit_ticks_a_hundred_times(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq0 = SPY;
	struct dev d = pit_ready(c, &irq0);

	(void)unused;
	kit_pass(c, NS);
	assert_int_equal(irq0.rises, 0);
	pit_load(&d, 0, 4, 11932); /* mode 2, 100 Hz */
	irq0.rises = 0;
	kit_pass(c, NS + MS);
	assert_int_equal(irq0.rises, 100);
	pit_load(&d, 0, 6, 11932); /* mode 3 */
	irq0.rises = 0;
	kit_pass(c, NS + MS);
	assert_int_equal(irq0.rises, 100);
	pit_load(&d, 0, 0, 1193); /* mode 0: once, after a millisecond */
	assert_false(irq0.level);
	irq0.rises = 0;
	kit_pass(c, MS - 1000);
	assert_int_equal(irq0.rises, 0);
	kit_pass(c, NS);
	assert_int_equal(irq0.rises, 1);
	assert_true(clock_next(c) == UINT64_MAX);
	dev_fini(&d);
	clock_free(c);
}

/* As a kernel calibrates its TSC: counter 2 in mode 0 behind port 0x61's gate, OUT in bit 5. */
static void pit_gates_the_speaker_counter(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq0 = SPY;
	struct dev d = pit_ready(c, &irq0);

	(void)unused;
	out8(&d, 0x61, 1);
	pit_load(&d, 2, 0, 11932); /* ten milliseconds */
	kit_pass(c, 9 * MS);
	assert_int_equal(in8(&d, 0x61) & 0x20, 0);
	out8(&d, 0x61, 0);
	kit_pass(c, 100 * MS); /* the gate holds it */
	assert_int_equal(in8(&d, 0x61) & 0x20, 0);
	out8(&d, 0x61, 1);
	kit_pass(c, 900000);
	assert_int_equal(in8(&d, 0x61) & 0x20, 0);
	kit_pass(c, 200000);
	assert_int_equal(in8(&d, 0x61) & 0x23, 0x21);
	dev_fini(&d);
	clock_free(c);
}

static void pit_latches_counts(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq0 = SPY;
	struct dev d = pit_ready(c, &irq0);
	unsigned low;

	(void)unused;
	pit_load(&d, 0, 4, 0); /* 65536 */
	kit_pass(c, MS);
	assert_in_range(pit_count(&d, 0), 65536 - 1194, 65536 - 1192);
	out8(&d, 0x43, 0);
	kit_pass(c, MS); /* the latch stands still */
	low = in8(&d, 0x40);
	assert_in_range(low | (unsigned)in8(&d, 0x40) << 8, 65536 - 1194, 65536 - 1192);
	out8(&d, 0x43, 0xe2); /* read back: status of counter 0 */
	assert_int_equal(in8(&d, 0x40), 0xb4);
	pit_load(&d, 0, 5, 0x1000); /* BCD: a thousand */
	kit_pass(c, 10ull * NS / 1193182 + 1);
	assert_int_equal(pit_count(&d, 0), 0x990);
	dev_fini(&d);
	clock_free(c);
}

static void pit_has_a_shortest_period(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq0 = SPY;
	struct dev d = pit_ready(c, &irq0);

	(void)unused;
	for (u8 mode = 0; mode < 8; mode++)
		pit_load(&d, 0, (u8)(mode << 1), 1);
	pit_load(&d, 0, 4, 1);
	irq0.rises = 0;
	kit_pass(c, 10 * TIMER_PERIOD_MIN_NS);
	assert_in_range(irq0.rises, 1, 10);
	dev_fini(&d);
	clock_free(c);
}

/* ---- MC146818 ---- */

static struct dev rtc_ready(struct clock *c, struct spy *irq8)
{
	struct dev d = kit_dev(&rtc_ops, c, 0);

	rtc_wire(&d, &irq8->irq);
	d.ops->reset(&d);
	return d;
}

static u8 cmos(struct dev *d, u8 index)
{
	out8(d, 0x70, index);
	return in8(d, 0x71);
}

static void cmos_set(struct dev *d, u8 index, u8 val)
{
	out8(d, 0x70, index);
	out8(d, 0x71, val);
}

static void assert_date(struct dev *d, u8 century, u8 year, u8 month, u8 day, u8 hour, u8 min,
			u8 sec)
{
	assert_int_equal(cmos(d, 0x32), century);
	assert_int_equal(cmos(d, 9), year);
	assert_int_equal(cmos(d, 8), month);
	assert_int_equal(cmos(d, 7), day);
	assert_int_equal(cmos(d, 4), hour);
	assert_int_equal(cmos(d, 2), min);
	assert_int_equal(cmos(d, 0), sec);
}

static void rtc_tells_the_date(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq8 = SPY;
	struct dev d = rtc_ready(c, &irq8);

	(void)unused;
	assert_date(&d, 0x20, 0x25, 0x01, 0x01, 0x00, 0x00, 0x00);
	assert_int_equal(cmos(&d, 6), 4); /* a Wednesday */
	kit_pass(c, (86400ull * 58 + 3600 * 23 + 59) * NS);
	assert_date(&d, 0x20, 0x25, 0x02, 0x28, 0x23, 0x00, 0x59);
	cmos_set(&d, 0xb, 0x06); /* binary */
	assert_int_equal(cmos(&d, 9), 25);
	cmos_set(&d, 0xb, 0); /* twelve hours */
	assert_int_equal(cmos(&d, 4), 0x91);
	kit_pass(c, 3600ull * NS);
	assert_int_equal(cmos(&d, 4), 0x12);
	assert_int_equal(cmos(&d, 0xd), 0x80);
	dev_fini(&d);
	clock_free(c);
}

static void rtc_announces_updates(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq8 = SPY;
	struct dev d = rtc_ready(c, &irq8);

	(void)unused;
	assert_int_equal(cmos(&d, 0xa), 0x26);
	kit_pass(c, NS - 100000);
	assert_int_equal(cmos(&d, 0xa), 0xa6);
	kit_pass(c, 100000);
	assert_int_equal(cmos(&d, 0xa), 0x26);
	dev_fini(&d);
	clock_free(c);
}

static void rtc_can_be_set(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq8 = SPY;
	struct dev d = rtc_ready(c, &irq8);
	static const u8 row[][2] = {
		{ 0, 0x58 }, { 2, 0x59 }, { 4, 0x23 }, { 7, 0x31 }, { 8, 0x12 }, { 9, 0x99 },
		{ 0x32, 0x19 },
	};

	(void)unused;
	kit_pass(c, 700 * MS);
	cmos_set(&d, 0xb, 0x82);
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++)
		cmos_set(&d, row[i][0], row[i][1]);
	kit_pass(c, 5ull * NS);
	assert_int_equal(cmos(&d, 0), 0x58); /* stands still */
	cmos_set(&d, 0xb, 0x02);
	kit_pass(c, 2ull * NS);
	assert_date(&d, 0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00);
	cmos_set(&d, 4, 0x12); /* without SET */
	assert_date(&d, 0x20, 0x00, 0x01, 0x01, 0x12, 0x00, 0x00);
	for (unsigned i = 0; i < 14; i++) /* nonsense is survived */
		cmos_set(&d, (u8)i, 0xff);
	cmos_set(&d, 0x32, 0xff);
	cmos_set(&d, 0xb, 0);
	cmos(&d, 0);
	dev_fini(&d);
	clock_free(c);
}

static void rtc_periodic_interrupt_waits_for_read(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq8 = SPY;
	struct dev d = rtc_ready(c, &irq8);

	(void)unused;
	cmos_set(&d, 0xb, 0x42); /* 1024 Hz */
	kit_pass(c, 10 * MS);
	assert_int_equal(irq8.rises, 1);
	assert_true(clock_next(c) == UINT64_MAX);
	assert_int_equal(cmos(&d, 0xc), 0xc0);
	assert_false(irq8.level);
	for (unsigned i = 0; i < 10; i++) {
		kit_pass(c, MS);
		cmos(&d, 0xc);
	}
	assert_in_range(irq8.rises, 10, 12);
	dev_fini(&d);
	clock_free(c);
}

static void rtc_update_and_alarm(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq8 = SPY;
	struct dev d = rtc_ready(c, &irq8);

	(void)unused;
	cmos_set(&d, 1, 0x05);
	cmos_set(&d, 3, 0xff);
	cmos_set(&d, 5, 0xc0);
	cmos(&d, 0xc);
	kit_pass(c, 1500 * MS);
	assert_int_equal(cmos(&d, 0xc) & 0xb0, 0x10); /* polled: no alarm, no interrupt */
	cmos_set(&d, 0xb, 0x22);
	kit_pass(c, 3400 * MS);
	assert_int_equal(irq8.rises, 0);
	kit_pass(c, 200 * MS);
	assert_int_equal(irq8.rises, 1);
	assert_int_equal(cmos(&d, 0xc) & 0xa0, 0xa0);
	kit_pass(c, 59ull * NS);
	assert_int_equal(irq8.rises, 1);
	kit_pass(c, 1ull * NS); /* every minute */
	assert_int_equal(irq8.rises, 2);
	cmos(&d, 0xc);
	cmos_set(&d, 0xb, 0x12);
	kit_pass(c, NS);
	assert_int_equal(irq8.rises, 3);
	dev_fini(&d);
	clock_free(c);
}

static void rtc_keeps_memory_over_reset(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq8 = SPY;
	struct dev d = rtc_ready(c, &irq8);

	(void)unused;
	rtc_cmos_set(&d, 0x15, 0x80);
	cmos_set(&d, 0x40, 0x5a);
	cmos_set(&d, 0xb, 0x7a);
	kit_pass(c, NS);
	d.ops->reset(&d);
	assert_int_equal(cmos(&d, 0x15), 0x80);
	assert_int_equal(cmos(&d, 0x40), 0x5a);
	assert_int_equal(cmos(&d, 0xb), 0x02);
	assert_false(irq8.level);
	assert_int_equal(cmos(&d, 0), 0x01);
	dev_fini(&d);
	clock_free(c);
}

/* ---- kvmclock ---- */

static bool pair(void *ctx, unsigned cpu, u64 *tsc, u64 *ns)
{
	const struct clock *c = ctx;

	(void)c;
	*tsc = 1000000 + cpu;
	*ns = 5000;
	return cpu == 0;
}

static u64 get(struct mem *m, u64 at, unsigned len)
{
	u64 val = 0;

	assert_int_equal(mem_read(m, GPA(at), len, &val), 0);
	return val;
}

/* What a guest computes from the page at TSC value tsc. */
static u64 guest_ns(struct mem *m, u64 at, u64 tsc)
{
	u64 delta = tsc - get(m, at + 8, 8);
	i8 shift = (i8)get(m, at + 28, 1);

	delta = shift < 0 ? delta >> -shift : delta << shift;
	return get(m, at + 16, 8) + (u64)((unsigned __int128)delta * get(m, at + 24, 4) >> 32);
}

static void kvmclock_publishes_rate(void **unused)
{
	static const u64 hz[] = { 1000000000, 2400000000, 3700123456, 999, 33000000 };
	struct clock *c = kit_clock();
	struct mem *m = NULL;
	struct err e;

	(void)unused;
	assert_int_equal(mem_new(MIB(1), &m, &e), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(hz); i++) {
		struct kvmclock_rate rate = { m, hz[i], pair, c };
		struct dev d = kit_dev(&kvmclock_ops, c, 0);
		u64 ns;

		kvmclock_wire(&d, &rate, 0);
		assert_true(kvmclock_msr_write(&d, 0x4b564d01, 0x2001));
		assert_int_equal(get(m, 0x2000, 4) & 1, 0);
		assert_int_equal(get(m, 0x2000 + 29, 1), 1);
		ns = guest_ns(m, 0x2000, 1000000 + 10 * hz[i]);
		assert_in_range(ns, 5000 + 10ull * NS - 100, 5000 + 10ull * NS + 100);
		kvmclock_refresh(&d, true);
		assert_int_equal(get(m, 0x2000 + 29, 1), 3);
		assert_int_equal(get(m, 0x2000, 4), 4);
		dev_fini(&d);
	}
	mem_free(m);
	clock_free(c);
}

static void kvmclock_tells_the_date_and_bears_nonsense(void **unused)
{
	struct clock *c = kit_clock();
	struct mem *m = NULL;
	struct kvmclock_rate rate = { NULL, NS, pair, c };
	struct dev d = kit_dev(&kvmclock_ops, c, 0);
	struct err e;
	u64 val;

	(void)unused;
	assert_int_equal(mem_new(MIB(1), &m, &e), 0);
	rate.mem = m;
	kvmclock_wire(&d, &rate, 1);
	assert_true(kvmclock_msr_write(&d, 0x11, 0x3000));
	assert_int_equal(get(m, 0x3004, 4), 1735689600);
	assert_true(kvmclock_msr_write(&d, 0x4b564d01, MIB(1) - 8 + 1));
	assert_true(kvmclock_msr_write(&d, 0x4b564d01, UINT64_MAX));
	assert_true(kvmclock_msr_read(&d, 0x12, &val));
	assert_true(val == UINT64_MAX);
	assert_true(kvmclock_msr_write(&d, 0x4b564d01, 0x2001));
	assert_int_equal(get(m, 0x2000 + 29, 1), 0); /* TSCs differ: not stable */
	assert_false(kvmclock_owns(0x4b564d02));
	mem_free(m);
	dev_fini(&d);
	clock_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pmtimer_counts_one_second),
		cmocka_unit_test(pit_ticks_a_hundred_times),
		cmocka_unit_test(pit_gates_the_speaker_counter),
		cmocka_unit_test(pit_latches_counts),
		cmocka_unit_test(pit_has_a_shortest_period),
		cmocka_unit_test(rtc_tells_the_date),
		cmocka_unit_test(rtc_announces_updates),
		cmocka_unit_test(rtc_can_be_set),
		cmocka_unit_test(rtc_periodic_interrupt_waits_for_read),
		cmocka_unit_test(rtc_update_and_alarm),
		cmocka_unit_test(rtc_keeps_memory_over_reset),
		cmocka_unit_test(kvmclock_publishes_rate),
		cmocka_unit_test(kvmclock_tells_the_date_and_bears_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
