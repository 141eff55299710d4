/* i8254.c - the PC's three counters, and port 0x61 that gates and shows the third.
 * Source: Intel 82C54 data sheet (231244). Counts are computed from guest time, never ticked. */
#include "dev/dev.h"

#define PIT_HZ 1193182u
#define NS 1000000000u
#define REFRESH_NS 15085u /* port 0x61 bit 4 turns over at the rate of DRAM refresh */

struct counter {
	u32 count;       /* 1..65536 */
	u64 start_ns;    /* when it was (re)loaded or triggered */
	u64 held_ns;     /* gate low in modes 0 and 4: how long it had counted */
	u16 latch;
	u8 status;
	u8 latched;      /* bytes of latch still to be read: 0..2 */
	u8 status_latched;
	u8 mode;         /* 0..5 */
	u8 bcd;
	u8 access;       /* 1 low byte, 2 high byte, 3 both */
	u8 read_high, write_high; /* the high byte is next */
	u8 low;          /* low byte written, high byte awaited */
	u8 loaded;       /* a count was written since the control word */
	u8 gate;
	u8 triggered;    /* modes 1 and 5: the gate has risen since loaded */
};

struct pit {
	struct counter c[3];
	u8 speaker; /* port 0x61 bits 0 and 1 */
	struct timer timer;
	struct irq *irq0;
};

#define COUNTER(n)                                                                          \
	FIELD(pit, c[n].count, U32), FIELD(pit, c[n].start_ns, U64),                        \
	FIELD(pit, c[n].held_ns, U64), FIELD(pit, c[n].latch, U16),                         \
	FIELD(pit, c[n].status, U8), FIELD(pit, c[n].latched, U8),                          \
	FIELD(pit, c[n].status_latched, U8), FIELD(pit, c[n].mode, U8),                     \
	FIELD(pit, c[n].bcd, U8), FIELD(pit, c[n].access, U8), FIELD(pit, c[n].read_high, U8), \
	FIELD(pit, c[n].write_high, U8), FIELD(pit, c[n].low, U8), FIELD(pit, c[n].loaded, U8), \
	FIELD(pit, c[n].gate, U8), FIELD(pit, c[n].triggered, U8)

static const struct dev_field pit_fields[] = {
	COUNTER(0), COUNTER(1), COUNTER(2), FIELD(pit, speaker, U8), { 0 }
};

static u64 ticks_of(u64 ns)
{
	return mul_div(ns, PIT_HZ, NS);
}

/* First nanosecond at which that many ticks have passed. */
static u64 ns_of(u64 ticks)
{
	return mul_div(ticks, NS, PIT_HZ) + 1;
}

static bool counter_periodic(const struct counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* Modes 0 and 4 count while the gate is high; 1 and 5 start when it rises. */
static bool counter_held(const struct counter *c)
{
	return !c->gate && (c->mode == 0 || c->mode == 4);
}

static bool counter_idle(const struct counter *c)
{
	return !c->loaded || ((c->mode == 1 || c->mode == 5) && !c->triggered);
}

/* Ticks since the count was loaded. */
static u64 counter_ticks(const struct counter *c, u64 now)
{
	return ticks_of(counter_held(c) ? c->held_ns : now - c->start_ns);
}

static bool counter_out(const struct counter *c, u64 now)
{
	u64 t = counter_ticks(c, now);

	if (counter_idle(c) || (counter_periodic(c) && !c->gate))
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1:
		return t >= c->count;
	case 2:
		return t % c->count != c->count - 1;
	case 3:
		return t % c->count < (c->count + 1) / 2;
	default:
		return t != c->count;
	}
}

static u16 to_bcd(u32 n)
{
	return (u16)(n / 1000 % 10 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10);
}

/* Digits above 9 count as what they stand for, as the chip's decrement would see them. */
static u32 from_bcd(u16 n)
{
	return (n >> 12) * 1000u + (n >> 8 & 15) * 100u + (n >> 4 & 15) * 10u + (n & 15);
}

/* What a read of the counting element gives. */
static u16 counter_value(const struct counter *c, u64 now)
{
	u64 t = counter_ticks(c, now), left;

	if (counter_idle(c) || (counter_periodic(c) && !c->gate))
		left = c->count;
	else if (c->mode == 2)
		left = c->count - t % c->count;
	else if (c->mode == 3)
		left = c->count - 2 * t % c->count;
	else
		left = c->count - t;
	return c->bcd ? to_bcd((u32)((i64)left % 10000 + 10000) % 10000) : (u16)left;
}

static u8 counter_status(const struct counter *c, u64 now)
{
	return (u8)(counter_out(c, now) << 7 | !c->loaded << 6 | c->access << 4 | c->mode << 1 |
		    c->bcd);
}

/* When OUT of counter 0 rises next after now; UINT64_MAX never. */
static u64 counter_next_edge(const struct counter *c, u64 now)
{
	u64 t = counter_ticks(c, now);

	if (counter_idle(c))
		return UINT64_MAX;
	if (counter_periodic(c))
		return c->start_ns + ns_of((t / c->count + 1) * c->count);
	if (c->mode == 0 && t < c->count)
		return c->start_ns + ns_of(c->count);
	if (c->mode == 4 && t < c->count + 1u)
		return c->start_ns + ns_of(c->count + 1u);
	return UINT64_MAX;
}

static void pit_schedule(struct pit *p)
{
	u64 now = clock_now(p->timer.clock);
	u64 next = counter_next_edge(&p->c[0], now);

	if (next != UINT64_MAX && counter_periodic(&p->c[0]) && next < now + TIMER_PERIOD_MIN_NS)
		next = now + TIMER_PERIOD_MIN_NS;
	timer_arm(&p->timer, next);
}

/* Edges that passed while the host was late are one edge: the guest's tick is late too. */
static void pit_fire(struct timer *t)
{
	struct pit *p = container_of(t, struct pit, timer);

	irq_set(p->irq0, false);
	irq_set(p->irq0, true);
	pit_schedule(p);
}

static void counter_load(struct pit *p, struct counter *c, u16 val)
{
	u32 count = c->bcd ? from_bcd(val) : val;

	c->count = count ? count : c->bcd ? 10000 : 65536;
	c->loaded = 1;
	if (c->mode == 1 || c->mode == 5)
		return; /* counts from the next rise of the gate */
	c->start_ns = clock_now(p->timer.clock);
	c->held_ns = 0;
	if (c != &p->c[0])
		return;
	irq_set(p->irq0, counter_out(c, c->start_ns));
	pit_schedule(p);
}

static void counter_write(struct pit *p, struct counter *c, u8 val)
{
	if (c->access == 1) {
		counter_load(p, c, val);
	} else if (c->access == 2) {
		counter_load(p, c, (u16)(val << 8));
	} else if (!c->write_high) {
		c->low = val;
		c->write_high = 1;
	} else {
		c->write_high = 0;
		counter_load(p, c, (u16)(val << 8 | c->low));
	}
}

static void counter_latch(struct counter *c, u64 now)
{
	if (c->latched)
		return;
	c->latch = counter_value(c, now);
	c->latched = c->access == 3 ? 2 : 1;
	if (c->access == 2)
		c->latch >>= 8;
}

static u8 counter_read(struct pit *p, struct counter *c)
{
	u16 val;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if (c->latched) {
		val = c->latch;
		c->latch >>= 8;
		c->latched--;
		return (u8)val;
	}
	val = counter_value(c, clock_now(p->timer.clock));
	if (c->access == 3)
		c->read_high ^= 1;
	return c->access == 2 || (c->access == 3 && !c->read_high) ? (u8)(val >> 8) : (u8)val;
}

/* Control word 11xxxxx0: latch counts and status of several counters at once. */
static void pit_read_back(struct pit *p, u8 val)
{
	u64 now = clock_now(p->timer.clock);

	for (unsigned i = 0; i < 3; i++) {
		struct counter *c = &p->c[i];

		if (!(val & 2 << i))
			continue;
		if (!(val & 0x20))
			counter_latch(c, now);
		if (!(val & 0x10) && !c->status_latched) {
			c->status = counter_status(c, now);
			c->status_latched = 1;
		}
	}
}

static void pit_control(struct pit *p, u8 val)
{
	struct counter *c;

	if (val >> 6 == 3) {
		pit_read_back(p, val);
		return;
	}
	c = &p->c[val >> 6];
	if (!(val & 0x30)) {
		counter_latch(c, clock_now(p->timer.clock));
		return;
	}
	*c = (struct counter){
		.count = c->count, .start_ns = c->start_ns, .gate = c->gate,
		.access = val >> 4 & 3, .bcd = val & 1,
		.mode = (val >> 1 & 7) > 5 ? val >> 1 & 3 : val >> 1 & 7,
	};
	if (c == &p->c[0]) {
		timer_cancel(&p->timer);
		irq_set(p->irq0, c->mode != 0);
	}
}

static void counter_gate(struct counter *c, bool gate, u64 now)
{
	if (c->gate == gate)
		return;
	if (!gate)
		c->held_ns = c->loaded ? now - c->start_ns : 0;
	else if (c->mode == 0 || c->mode == 4)
		c->start_ns = now - c->held_ns;
	else
		c->start_ns = now;
	c->triggered |= gate && c->loaded;
	c->gate = gate;
}

static u8 port61_read(struct pit *p)
{
	u64 now = clock_now(p->timer.clock);

	return (u8)(p->speaker | (now / REFRESH_NS & 1) << 4 | counter_out(&p->c[2], now) << 5);
}

static void port61_write(struct pit *p, u8 val)
{
	p->speaker = val & 3;
	counter_gate(&p->c[2], val & 1, clock_now(p->timer.clock));
}

static u64 pit_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct pit *p = d->state;

	(void)size;
	if (region == 1)
		return port61_read(p);
	return offset == 3 ? 0xff : counter_read(p, &p->c[offset]);
}

static void pit_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct pit *p = d->state;

	(void)size;
	if (region == 1)
		port61_write(p, (u8)val);
	else if (offset == 3)
		pit_control(p, (u8)val);
	else
		counter_write(p, &p->c[offset], (u8)val);
}

static void pit_reset(struct dev *d)
{
	struct pit *p = d->state;

	timer_cancel(&p->timer);
	for (unsigned i = 0; i < 3; i++)
		p->c[i] = (struct counter){ .count = 65536, .mode = 3, .access = 3, .gate = i < 2 };
	p->speaker = 0;
	irq_set(p->irq0, false);
}

void pit_wire(struct dev *d, struct irq *irq0)
{
	struct pit *p = d->state;

	p->irq0 = irq0;
	timer_init(&p->timer, d->clock, pit_fire);
}

const struct dev_ops pit_ops = {
	.name = "pit",
	.help = "i8254 timer and port 0x61",
	.state_size = sizeof(struct pit),
	.region = {
		{ DEV_PIO, 1, 1, .base = 0x40, .size = 4 },
		{ DEV_PIO, 1, 1, .base = 0x61, .size = 1 },
	},
	.fields = pit_fields,
	.reset = pit_reset,
	.read = pit_read,
	.write = pit_write,
};
