/* dev_kit.h - what the device tests share: a clock they move, a line they watch. */
#ifndef TEST_DEV_KIT_H
#define TEST_DEV_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dev/dev.h"

struct spy { /* the far end of an interrupt line */
	struct irq irq;
	bool level;
	unsigned rises;
};

static inline void spy_set(struct irq *irq, bool level)
{
	struct spy *s = container_of(irq, struct spy, irq);

	s->rises += level && !s->level;
	s->level = level;
}

#define SPY { .irq = { spy_set } }

static inline struct clock *kit_clock(void)
{
	struct clock *c = NULL;
	struct err e;

	assert_int_equal(clock_new(true, NULL, &c, &e), 0);
	return c;
}

static inline struct dev kit_dev(const struct dev_ops *ops, struct clock *c, u64 at)
{
	struct dev d;
	struct err e;

	assert_int_equal(dev_init(&d, ops, c, at, &e), 0);
	return d;
}

static inline void kit_pass(struct clock *c, u64 ns) { clock_set(c, clock_now(c) + ns); }

static inline u8 in8(struct dev *d, u16 port) { return (u8)dev_read(d, DEV_PIO, port, 1); }
static inline void out8(struct dev *d, u16 port, u8 val) { dev_write(d, DEV_PIO, port, 1, val); }

#endif
