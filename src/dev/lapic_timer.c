/* lapic_timer.c - the local APIC's timer. Source: SDM 3A 11.5.4.
 * Its input clock is 1 GHz, as KVM's: one tick is one nanosecond of guest time. */
#include "base/log.h"
#include "dev/lapic.h"

#define NS 1000000000u

/* Divide configuration: bits 3, 1, 0 give 2, 4 ... 128, 1. SDM 3A figure 11-10. */
static u64 timer_divisor(const struct lapic *l)
{
	unsigned code = (l->timer_div & 3) | (l->timer_div >> 1 & 4);

	return 1ull << ((code + 1) & 7);
}

static u64 timer_period(const struct lapic *l)
{
	return l->timer_init * timer_divisor(l);
}

static unsigned timer_mode(const struct lapic *l)
{
	return LVT_TIMER_MODE(l->lvt[LVT_TIMER]);
}

static void timer_start(struct lapic *l)
{
	u64 period = timer_period(l);

	if (!period) {
		timer_cancel(&l->timer);
		return;
	}
	if (timer_mode(l) == TIMER_PERIODIC && period < TIMER_PERIOD_MIN_NS)
		period = TIMER_PERIOD_MIN_NS;
	timer_arm(&l->timer, clock_now(l->timer.clock) + period);
}

/*
 * The next period begins when this one should have ended, so that a late host does not slow the
 * guest's tick; when more than a whole one was missed it begins now.
 */
static void timer_next_period(struct lapic *l)
{
	u64 now = clock_now(l->timer.clock), period = timer_period(l), next;

	l->timer_start += (now - l->timer_start) / period * period;
	next = l->timer_start + period;
	if (next < now + TIMER_PERIOD_MIN_NS)
		next = now + TIMER_PERIOD_MIN_NS;
	timer_arm(&l->timer, next);
}

static void lapic_timer_fire(struct timer *t)
{
	struct lapic *l = container_of(t, struct lapic, timer);

	if (timer_mode(l) == TIMER_DEADLINE)
		l->deadline = 0;
	else if (timer_mode(l) == TIMER_PERIODIC && l->timer_init)
		timer_next_period(l);
	lapic_lvt(l, LVT_TIMER);
}

void lapic_timer_init_write(struct lapic *l, u32 val)
{
	if (timer_mode(l) == TIMER_DEADLINE)
		return;
	l->timer_init = val;
	l->timer_start = clock_now(l->timer.clock);
	timer_start(l);
}

void lapic_timer_div_write(struct lapic *l, u32 val)
{
	l->timer_div = val & 0xb;
	if (timer_mode(l) == TIMER_DEADLINE || l->timer.at_ns == UINT64_MAX)
		return;
	l->timer_start = clock_now(l->timer.clock);
	timer_start(l);
}

/* Going into or out of TSC-deadline mode disarms. SDM 3A 11.5.4.1. */
void lapic_timer_lvt_changed(struct lapic *l, u32 old)
{
	bool was = LVT_TIMER_MODE(old) == TIMER_DEADLINE;

	if (was == (timer_mode(l) == TIMER_DEADLINE))
		return;
	timer_cancel(&l->timer);
	l->timer_init = 0;
	l->deadline = 0;
}

/*D:400 A deadline in TSC ticks
 * Linux writes the TSC value at which it wants its next tick. The rest of the way is turned into
 * guest nanoseconds and armed on the machine's clock; one that has passed already fires at once,
 * without the host's timer.
 * @test lapic_deadline_fires_in_time
 */
void lapic_timer_deadline_write(struct lapic *l, u64 tsc)
{
	const struct apic_bus *bus = l->bus;
	u64 now, ns;

	if (timer_mode(l) != TIMER_DEADLINE)
		return;
	l->deadline = tsc;
	timer_cancel(&l->timer);
	if (!tsc)
		return;
	now = bus->sink.tsc(bus->sink.ctx, l->cpu);
	if ((i64)(tsc - now) <= 0) {
		lapic_timer_fire(&l->timer);
		return;
	}
	ns = mul_div(tsc - now, NS, bus->tsc_hz);
	if (ns < (u64)INT64_MAX)
		timer_arm(&l->timer, clock_now(l->timer.clock) + ns);
}

u32 lapic_timer_now(const struct lapic *l)
{
	u64 period = timer_period(l), gone;

	if (!period || timer_mode(l) == TIMER_DEADLINE)
		return 0;
	gone = clock_now(l->timer.clock) - l->timer_start;
	if (timer_mode(l) == TIMER_PERIODIC)
		gone %= period;
	return gone >= period ? 0 : (u32)((period - gone) / timer_divisor(l));
}

void lapic_timer_wire(struct lapic *l, struct clock *c)
{
	timer_init(&l->timer, c, lapic_timer_fire);
}
