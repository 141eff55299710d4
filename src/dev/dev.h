/* dev.h - front of this folder: the bus, interrupt lines, timers, and how a device is made. */
#ifndef PANDOK_DEV_DEV_H
#define PANDOK_DEV_DEV_H

#include "base/err.h"
#include "base/types.h"

/* ---- interrupt lines: a device raises a line, it never knows a CPU ---- */
struct irq {
	void (*set)(struct irq *irq, bool level);
};
static inline void irq_set(struct irq *irq, bool level) { if (irq) irq->set(irq, level); }
static inline void irq_pulse(struct irq *irq) { irq_set(irq, true); irq_set(irq, false); }

/* ---- time: the machine's, never the host's directly ---- */
struct clock; /* guest time in ns since power-on, and timers on it */

struct timer {
	void (*fire)(struct timer *t); /* with the board's lock held; any thread */
	u64 at_ns;                     /* UINT64_MAX: not armed */
	struct timer *next;
	struct clock *clock;
};

u64 clock_now(struct clock *c);
void timer_arm(struct timer *t, u64 at_ns); /* moves it when it was armed */
void timer_cancel(struct timer *t);

/* ---- devices ---- */
enum dev_space { DEV_NONE, DEV_PIO, DEV_MMIO };

#define DEV_REGIONS 4

struct dev_region {
	enum dev_space space;
	u8 size_min, size_max; /* bytes a single access may have; others are split or read all ones */
	u64 base, size;
};

enum field_kind { FIELD_U8 = 1, FIELD_U16 = 2, FIELD_U32 = 4, FIELD_U64 = 8, FIELD_BYTES };
struct dev_field { /* what a snapshot saves and `info dev` shows */
	const char *name;
	u16 offset; /* in the state */
	u16 size;   /* bytes; a multiple of the kind's */
	u8 kind;
};

struct dev;
struct dev_ops {
	const char *name, *help;
	size_t state_size;
	struct dev_region region[DEV_REGIONS];
	const struct dev_field *fields; /* ends with name NULL */
	void (*reset)(struct dev *d);
	u64 (*read)(struct dev *d, unsigned region, u64 offset, unsigned size);
	void (*write)(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val);
};

struct dev {
	const struct dev_ops *ops;
	void *state;
	struct clock *clock;
};

#endif
