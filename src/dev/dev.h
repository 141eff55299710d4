/* dev.h - front of this folder: the bus, interrupt lines, timers, and how a device is made.
 * Everything here runs with the board's lock held unless a comment says otherwise. */
#ifndef PANDOK_DEV_DEV_H
#define PANDOK_DEV_DEV_H

#include <pthread.h>

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

/* No device asks the host for wake-ups closer together than this, whatever the guest programs. */
#define TIMER_PERIOD_MIN_NS 50000u

/*
 * clock_new - a clock at 0 ns that runs, with a thread that fires timers under lock; or a manual
 * one, moved by clock_set() alone.
 *   lock   the board's, initialized, not held
 */
MUST_CHECK int clock_new(bool manual, pthread_mutex_t *lock, struct clock **ret, struct err *e);
void clock_free(struct clock *c); /* lock not held */

/*
 * clock_on_gap - have gap called, lock held, when the host did not let this process run for seconds:
 * before a timer fires, and in clock_check(), for who may be faster. Once.
 */
void clock_on_gap(struct clock *c, void (*gap)(void *ctx), void *ctx);
void clock_check(struct clock *c);

u64 clock_now(struct clock *c);
/* clock_set - manual clocks: time is ns now (never backwards); due timers fire in their order. */
void clock_set(struct clock *c, u64 ns);
u64 clock_next(const struct clock *c); /* when the first timer is due; UINT64_MAX: none armed */
/* clock_wall - the date less guest time, in ns since 1970; the host's, fixed when manual. */
u64 clock_wall(const struct clock *c);
/* Guest time stands still between stop and start. */
void clock_stop(struct clock *c);
void clock_start(struct clock *c);

void timer_init(struct timer *t, struct clock *c, void (*fire)(struct timer *t));
void timer_arm(struct timer *t, u64 at_ns); /* moves it when it was armed; UINT64_MAX cancels */
void timer_cancel(struct timer *t);

/* mul_div - a * b / c without losing bits of the product; saturates. */
static inline u64 mul_div(u64 a, u64 b, u64 c)
{
	unsigned __int128 r = (unsigned __int128)a * b / c;

	return r > UINT64_MAX ? UINT64_MAX : (u64)r;
}

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
	u32 offset; /* in the state */
	u32 size;   /* bytes; a multiple of the kind's */
	u8 kind;
	u32 n, stride; /* the member is in each of n structs, so many bytes apart; n 0: in one */
};
#define FIELD(type, member, k) \
	{ #member, offsetof(struct type, member), sizeof(((struct type *)0)->member), FIELD_##k, 0, 0 }
#define FIELD_EACH(type, array, member, k) \
	{ #array "." #member, offsetof(struct type, array[0].member), \
	  sizeof(((struct type *)0)->array[0].member), FIELD_##k, \
	  ARRAY_SIZE(((struct type *)0)->array), sizeof(((struct type *)0)->array[0]) }

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
	u64 at; /* added to the base of each region: a kind that a machine has several of */
};

/* Every kind of device there is; ends with NULL. */
extern const struct dev_ops *const dev_kinds[];

/* dev_init - zeroed state of that kind; wire it, then reset it. -ENOMEM with a sentence. */
MUST_CHECK int dev_init(struct dev *d, const struct dev_ops *ops, struct clock *c, u64 at,
			struct err *e);
void dev_fini(struct dev *d); /* cancel no timers: the clock goes with the devices */

/* dev_read/dev_write - one access to the regions of this device alone, as the bus would do it. */
u64 dev_read(struct dev *d, enum dev_space space, u64 at, unsigned size);
void dev_write(struct dev *d, enum dev_space space, u64 at, unsigned size, u64 val);

/* ---- the bus ---- */
struct bus;

MUST_CHECK int bus_new(struct bus **ret, struct err *e);
void bus_free(struct bus *b);
/* bus_add - make all regions of d answer. -EBUSY when one overlaps, -ENOSPC. */
MUST_CHECK int bus_add(struct bus *b, struct dev *d, struct err *e);
/* bus_map - make one region answer; number is what d's functions get. -EBUSY, -ENOSPC, silently. */
MUST_CHECK int bus_map(struct bus *b, const struct dev_region *r, struct dev *d, unsigned number);
void bus_unmap(struct bus *b, struct dev *d, unsigned number);
/*
 * bus_read/bus_write - size 1, 2, 4 or 8, any address. What nobody claims reads all ones and takes
 * writes silently; an access that a region does not allow is split where it may be.
 */
u64 bus_read(const struct bus *b, enum dev_space space, u64 at, unsigned size);
void bus_write(const struct bus *b, enum dev_space space, u64 at, unsigned size, u64 val);

#include "dev/apic.h"
#include "dev/floppy.h"
#include "dev/ide.h"
#include "dev/pc.h"
#include "dev/pci.h"
#include "dev/vga.h"
#include "dev/virtio.h"

#endif
