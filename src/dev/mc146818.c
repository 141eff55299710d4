/* mc146818.c - the battery-backed clock and its memory. Source: Motorola MC146818A data sheet;
 * the PC's use of the memory: the IBM PC AT's, as SeaBIOS and Linux read it. */
#include <time.h>

#include "dev/dev.h"

#define NS 1000000000u
#define UPDATE_NS 244000u /* an update is announced (UIP) this long before the second changes */
#define DAY_S 86400u

enum {
	RTC_SEC, RTC_SEC_ALARM, RTC_MIN, RTC_MIN_ALARM, RTC_HOUR, RTC_HOUR_ALARM, RTC_WEEKDAY,
	RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_A, RTC_B, RTC_C, RTC_D, RTC_CENTURY = 0x32,
};
enum { A_UIP = 0x80 };
enum { B_24H = 0x02, B_BINARY = 0x04, B_SET = 0x80 };
enum { F_UPDATE = 0x10, F_ALARM = 0x20, F_PERIODIC = 0x40, F_ALL = 0x70, C_IRQ = 0x80 };

struct rtc {
	u8 index;
	u8 cmos[128];  /* with B_SET the time registers stand still here */
	i64 base_s;    /* the date, seconds since 1970, at base_ns of rtc_now() */
	i64 base_ns;
	u64 seen_ns;   /* flags are up to date to here; rtc_now() */
	struct timer timer;
	struct irq *irq8;
};

static const struct dev_field rtc_fields[] = {
	FIELD(rtc, index, U8), FIELD(rtc, cmos, BYTES), FIELD(rtc, base_s, U64),
	FIELD(rtc, base_ns, U64), FIELD(rtc, seen_ns, U64), { 0 }
};

static bool is_time(unsigned index)
{
	return index == RTC_CENTURY || (index <= RTC_YEAR && index != RTC_SEC_ALARM &&
					index != RTC_MIN_ALARM && index != RTC_HOUR_ALARM);
}

static u8 encode(const struct rtc *r, int n)
{
	return (u8)(r->cmos[RTC_B] & B_BINARY ? n : n / 10 % 10 << 4 | n % 10);
}

static int decode(const struct rtc *r, u8 val)
{
	return r->cmos[RTC_B] & B_BINARY ? val : (val >> 4) * 10 + (val & 15);
}

/* Hours run 1..12 with bit 7 for the afternoon, or 0..23. */
static u8 encode_hour(const struct rtc *r, int hour)
{
	if (r->cmos[RTC_B] & B_24H)
		return encode(r, hour);
	return (u8)(encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}

static int decode_hour(const struct rtc *r, u8 val)
{
	if (r->cmos[RTC_B] & B_24H)
		return decode(r, val);
	return decode(r, val & 0x7f) % 12 + (val & 0x80 ? 12 : 0);
}

/* What the clock counts on: the host's date, ns since 1970. It goes on while the machine stands. */
static u64 rtc_now(const struct rtc *r)
{
	return clock_wall(r->timer.clock) + clock_now(r->timer.clock);
}

/* Whole seconds of the guest's date. */
static i64 rtc_date(const struct rtc *r, u64 now)
{
	i64 ns = (i64)now - r->base_ns;

	return r->base_s + (ns < 0 ? -1 : ns / (i64)NS);
}

/* Nanoseconds since the second changed last. */
static u64 rtc_fraction(const struct rtc *r, u64 now)
{
	i64 ns = ((i64)now - r->base_ns) % (i64)NS;

	return (u64)(ns < 0 ? ns + (i64)NS : ns);
}

static void rtc_show(struct rtc *r, u64 now)
{
	time_t date = (time_t)rtc_date(r, now);
	struct tm tm;
	int year;

	gmtime_r(&date, &tm);
	year = ((tm.tm_year + 1900) % 10000 + 10000) % 10000;
	r->cmos[RTC_SEC] = encode(r, tm.tm_sec);
	r->cmos[RTC_MIN] = encode(r, tm.tm_min);
	r->cmos[RTC_HOUR] = encode_hour(r, tm.tm_hour);
	r->cmos[RTC_WEEKDAY] = encode(r, tm.tm_wday + 1);
	r->cmos[RTC_DAY] = encode(r, tm.tm_mday);
	r->cmos[RTC_MONTH] = encode(r, tm.tm_mon + 1);
	r->cmos[RTC_YEAR] = encode(r, year % 100);
	r->cmos[RTC_CENTURY] = encode(r, year / 100);
}

/* Take the date from the registers; what is out of range carries over, as timegm() does it. */
static void rtc_adopt(struct rtc *r, u64 now)
{
	struct tm tm = {
		.tm_sec = decode(r, r->cmos[RTC_SEC]),
		.tm_min = decode(r, r->cmos[RTC_MIN]),
		.tm_hour = decode_hour(r, r->cmos[RTC_HOUR]),
		.tm_mday = decode(r, r->cmos[RTC_DAY]),
		.tm_mon = decode(r, r->cmos[RTC_MONTH]) - 1,
		.tm_year = decode(r, r->cmos[RTC_CENTURY]) * 100 + decode(r, r->cmos[RTC_YEAR]) -
			   1900,
	};

	r->base_s = timegm(&tm);
	r->base_ns = (i64)now;
}

/* An alarm register with its two top bits set matches any value. */
static bool alarm_field(u8 reg, int wanted, int have)
{
	return (reg & 0xc0) == 0xc0 || wanted == have;
}

/*
 * The first second after "after" that the alarm names, at most a day ahead; INT64_MAX none.
 * A field that does not match skips to the next value of that field, so few steps are made.
 */
static i64 rtc_next_alarm(const struct rtc *r, i64 after)
{
	const u8 *c = r->cmos;
	int hour = decode_hour(r, c[RTC_HOUR_ALARM]), min = decode(r, c[RTC_MIN_ALARM]);
	int sec = decode(r, c[RTC_SEC_ALARM]);

	for (i64 t = after + 1; t <= after + DAY_S;) {
		int of_day = (int)(((t % DAY_S) + DAY_S) % DAY_S);

		if (!alarm_field(c[RTC_HOUR_ALARM], hour, of_day / 3600))
			t += 3600 - of_day % 3600;
		else if (!alarm_field(c[RTC_MIN_ALARM], min, of_day / 60 % 60))
			t += 60 - of_day % 60;
		else if (!alarm_field(c[RTC_SEC_ALARM], sec, of_day % 60))
			t++;
		else
			return t;
	}
	return INT64_MAX;
}

/* Period of the square wave and the periodic flag in 32768ths of a second; 0: none. */
static u64 rtc_period(const struct rtc *r)
{
	unsigned rate = r->cmos[RTC_A] & 15;

	if (!rate)
		return 0;
	return 1ull << ((rate <= 2 ? rate + 7 : rate) - 1);
}

/* Set the flags of what happened between seen_ns and now. */
static void rtc_catch_up(struct rtc *r)
{
	u64 now = rtc_now(r), period = rtc_period(r);
	i64 was = rtc_date(r, r->seen_ns), is = rtc_date(r, now);
	bool runs = !(r->cmos[RTC_B] & B_SET);

	if (period && mul_div(now, 32768, NS) / period != mul_div(r->seen_ns, 32768, NS) / period)
		r->cmos[RTC_C] |= F_PERIODIC;
	if (runs && is > was) {
		r->cmos[RTC_C] |= F_UPDATE;
		if (rtc_next_alarm(r, was) <= is)
			r->cmos[RTC_C] |= F_ALARM;
	}
	r->seen_ns = now;
}

/* rtc_now() when second t of the date begins. */
static u64 rtc_ns_of(const struct rtc *r, i64 t)
{
	return (u64)((t - r->base_s) * (i64)NS + r->base_ns);
}

/* When the flag is set next; asked only for flags that are clear. */
static u64 rtc_next(const struct rtc *r, u8 flag)
{
	u64 now = r->seen_ns, period = rtc_period(r);
	i64 date = rtc_date(r, now), at;

	if (flag == F_PERIODIC)
		return period ? mul_div((mul_div(now, 32768, NS) / period + 1) * period, NS, 32768) + 1
			      : UINT64_MAX;
	if (r->cmos[RTC_B] & B_SET)
		return UINT64_MAX;
	at = flag == F_UPDATE ? date + 1 : rtc_next_alarm(r, date);
	return at == INT64_MAX ? UINT64_MAX : rtc_ns_of(r, at);
}

/*D:900 A clock that costs nothing while nobody asks
 * Reading the date computes it. Only for an interrupt that is enabled and not yet pending is a
 * timer armed, for the moment its flag will be set; polling finds the flags by comparing now with
 * the last look.
 * @test rtc_periodic_interrupt_waits_for_read
 */
static void rtc_update(struct rtc *r)
{
	u8 enabled = r->cmos[RTC_B] & F_ALL, pending = enabled & r->cmos[RTC_C];
	u64 next = UINT64_MAX;

	for (u8 flag = F_UPDATE; flag <= F_PERIODIC; flag = (u8)(flag << 1))
		if (enabled & flag & (u8)~pending) {
			u64 at = rtc_next(r, flag);

			next = at < next ? at : next;
		}
	if (next < r->seen_ns + TIMER_PERIOD_MIN_NS)
		next = r->seen_ns + TIMER_PERIOD_MIN_NS;
	timer_arm(&r->timer, next == UINT64_MAX ? next : next - clock_wall(r->timer.clock));
	irq_set(r->irq8, pending != 0);
}

static void rtc_fire(struct timer *t)
{
	struct rtc *r = container_of(t, struct rtc, timer);

	rtc_catch_up(r);
	rtc_update(r);
}

static u8 rtc_read_c(struct rtc *r)
{
	u8 flags;

	rtc_catch_up(r);
	flags = r->cmos[RTC_C] & F_ALL;
	r->cmos[RTC_C] = 0;
	flags |= flags & r->cmos[RTC_B] ? C_IRQ : 0;
	rtc_update(r);
	return flags;
}

static u8 rtc_read_register(struct rtc *r)
{
	u64 now = rtc_now(r);
	bool set = r->cmos[RTC_B] & B_SET;

	if (r->index == RTC_C)
		return rtc_read_c(r);
	if (r->index == RTC_A)
		return r->cmos[RTC_A] | (!set && rtc_fraction(r, now) >= NS - UPDATE_NS ? A_UIP : 0);
	if (is_time(r->index) && !set)
		rtc_show(r, now);
	return r->cmos[r->index];
}

static void rtc_write_b(struct rtc *r, u8 val, u64 now)
{
	bool was = r->cmos[RTC_B] & B_SET;

	if (!was && (val & B_SET))
		rtc_show(r, now);
	r->cmos[RTC_B] = val;
	if (was && !(val & B_SET))
		rtc_adopt(r, now);
}

static void rtc_write_register(struct rtc *r, u8 val)
{
	u64 now = rtc_now(r);

	if (r->index == RTC_C || r->index == RTC_D)
		return;
	rtc_catch_up(r);
	if (r->index == RTC_A) {
		r->cmos[RTC_A] = val & (u8)~A_UIP;
	} else if (r->index == RTC_B) {
		rtc_write_b(r, val, now);
	} else if (is_time(r->index) && !(r->cmos[RTC_B] & B_SET)) {
		rtc_show(r, now);
		r->cmos[r->index] = val;
		rtc_adopt(r, now);
	} else {
		r->cmos[r->index] = val;
	}
	rtc_update(r);
}

static u64 rtc_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	(void)region;
	(void)size;
	return offset ? rtc_read_register(d->state) : 0xff;
}

static void rtc_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct rtc *r = d->state;

	(void)region;
	(void)size;
	if (offset)
		rtc_write_register(r, (u8)val);
	else
		r->index = val & 0x7f; /* bit 7 holds off NMI: nothing here raises one by itself */
}

/* RESET clears the interrupt enables and flags; date and memory live on the battery. */
static void rtc_reset(struct dev *d)
{
	struct rtc *r = d->state;

	r->cmos[RTC_A] = 0x26;
	r->cmos[RTC_B] = B_24H;
	r->cmos[RTC_C] = 0;
	r->cmos[RTC_D] = 0x80;
	r->index = 0;
	r->seen_ns = rtc_now(r);
	rtc_update(r);
}

void rtc_wire(struct dev *d, struct irq *irq8)
{
	struct rtc *r = d->state;

	timer_init(&r->timer, d->clock, rtc_fire);
	r->irq8 = irq8;
}

void rtc_cmos_set(struct dev *d, unsigned index, u8 val)
{
	struct rtc *r = d->state;

	BUG_ON(index <= RTC_D || index > 127 || index == RTC_CENTURY);
	r->cmos[index] = val;
}

const struct dev_ops rtc_ops = {
	.name = "rtc",
	.help = "MC146818 clock and CMOS memory",
	.state_size = sizeof(struct rtc),
	.region = { { DEV_PIO, 1, 1, .base = 0x70, .size = 2 } },
	.fields = rtc_fields,
	.reset = rtc_reset,
	.read = rtc_read,
	.write = rtc_write,
};
