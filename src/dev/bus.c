/* bus.c - who answers at which address. Knows no device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dev/dev.h"

#define BUS_SLOTS 192 /* regions in one space: all PC devices and every BAR of 31 functions fit */

struct slot {
	u64 first, last;
	struct dev *dev;
	u8 number, size_min, size_max;
};

struct space {
	unsigned n;
	struct slot slot[BUS_SLOTS]; /* sorted, none overlaps another */
};

struct bus {
	struct space pio, mmio;
};

static const char *const space_name[] = { "none", "port", "memory" };

int bus_new(struct bus **ret, struct err *e)
{
	struct bus *b = calloc(1, sizeof(*b));

	if (!b)
		return err_set(e, -ENOMEM, "out of memory");
	*ret = b;
	return 0;
}

void bus_free(struct bus *b)
{
	free(b);
}

static struct space *space_of(struct bus *b, enum dev_space space)
{
	return space == DEV_PIO ? &b->pio : &b->mmio;
}

/* Index of the first slot that ends at or after at. */
static unsigned space_find(const struct space *s, u64 at)
{
	unsigned lo = 0, hi = s->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (s->slot[mid].last < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct slot *space_hit(const struct space *s, u64 at)
{
	unsigned i = space_find(s, at);

	return i < s->n && s->slot[i].first <= at ? &s->slot[i] : NULL;
}

static struct slot slot_of(const struct dev_region *r, struct dev *d, unsigned number)
{
	u64 first = r->base + d->at;

	return (struct slot){
		.first = first, .last = first + r->size - 1, .dev = d, .number = (u8)number,
		.size_min = r->size_min, .size_max = r->size_max,
	};
}

int bus_map(struct bus *b, const struct dev_region *r, struct dev *d, unsigned number)
{
	struct space *s = space_of(b, r->space);
	struct slot new = slot_of(r, d, number);
	unsigned i = space_find(s, new.first);

	if (!r->size || new.last < new.first || (i < s->n && s->slot[i].first <= new.last))
		return -EBUSY;
	if (s->n == BUS_SLOTS)
		return -ENOSPC;
	memmove(&s->slot[i + 1], &s->slot[i], (s->n - i) * sizeof(s->slot[0]));
	s->slot[i] = new;
	s->n++;
	return 0;
}

static void space_unmap(struct space *s, const struct dev *d, unsigned number)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->slot[i].dev == d && s->slot[i].number == number) {
			s->n--;
			memmove(&s->slot[i], &s->slot[i + 1], (s->n - i) * sizeof(s->slot[0]));
			return;
		}
}

void bus_unmap(struct bus *b, struct dev *d, unsigned number)
{
	space_unmap(&b->pio, d, number);
	space_unmap(&b->mmio, d, number);
}

int bus_add(struct bus *b, struct dev *d, struct err *e)
{
	for (unsigned i = 0; i < DEV_REGIONS; i++) {
		const struct dev_region *r = &d->ops->region[i];
		int rc = r->space == DEV_NONE ? 0 : bus_map(b, r, d, i);

		if (rc)
			return err_set(e, rc, "device %s: %s region 0x%llx is taken", d->ops->name,
				       space_name[r->space],
				       (unsigned long long)(r->base + d->at));
	}
	return 0;
}

static u64 ones(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

/* How many of the bytes at at one call may have; 0 when the region allows none that small. */
static unsigned slot_piece(const struct slot *s, u64 at, unsigned size)
{
	unsigned piece = s->size_max;

	while (piece > size || (at & (piece - 1)) || at + piece - 1 > s->last)
		piece /= 2;
	return piece < s->size_min ? 0 : piece;
}

/* Read the next piece of an access; returns its bytes. */
static unsigned space_read_piece(const struct space *s, u64 at, unsigned size, u64 *val)
{
	const struct slot *hit = space_hit(s, at);
	unsigned piece = hit ? slot_piece(hit, at, size) : 0;

	if (!piece) {
		*val = 0xff;
		return 1;
	}
	*val = hit->dev->ops->read(hit->dev, hit->number, at - hit->first, piece) & ones(piece);
	return piece;
}

static unsigned space_write_piece(const struct space *s, u64 at, unsigned size, u64 val)
{
	const struct slot *hit = space_hit(s, at);
	unsigned piece = hit ? slot_piece(hit, at, size) : 0;

	if (!piece)
		return 1;
	hit->dev->ops->write(hit->dev, hit->number, at - hit->first, piece, val & ones(piece));
	return piece;
}

/*D:100 A load goes out on the bus
 * The address is physical by now, no RAM is there, and the size is 1, 2, 4 or 8. The bus looks
 * for the one region that is home. A region names the sizes its registers have; a wider access
 * is done in pieces, each looked up again, as an ISA bus splits a word for a byte-wide card. If
 * nobody is home, or a register cannot be touched in such small parts, the guest reads all ones:
 * what open wires give.
 * @test bus_splits_wide_accesses
 */
static u64 space_read(const struct space *s, u64 at, unsigned size)
{
	u64 val = 0, part;

	for (unsigned done = 0; done < size;) {
		unsigned piece = space_read_piece(s, at + done, size - done, &part);

		val |= part << done * 8;
		done += piece;
	}
	return val;
}

static void space_write(const struct space *s, u64 at, unsigned size, u64 val)
{
	for (unsigned done = 0; done < size;)
		done += space_write_piece(s, at + done, size - done, val >> done * 8);
}

u64 bus_read(const struct bus *b, enum dev_space space, u64 at, unsigned size)
{
	u64 val = space_read(space == DEV_PIO ? &b->pio : &b->mmio, at, size);

	LOG(dev, TRACE, "%s 0x%llx/%u -> 0x%llx", space_name[space], (unsigned long long)at, size,
	    (unsigned long long)val);
	return val;
}

void bus_write(const struct bus *b, enum dev_space space, u64 at, unsigned size, u64 val)
{
	LOG(dev, TRACE, "%s 0x%llx/%u <- 0x%llx", space_name[space], (unsigned long long)at, size,
	    (unsigned long long)val);
	space_write(space == DEV_PIO ? &b->pio : &b->mmio, at, size, val);
}

/* A space that holds the regions of one device alone. */
static void space_of_dev(struct dev *d, enum dev_space space, struct space *ret)
{
	ret->n = 0;
	for (unsigned i = 0; i < DEV_REGIONS; i++) {
		const struct dev_region *r = &d->ops->region[i];
		unsigned at = r->space == space ? space_find(ret, r->base + d->at) : 0;

		if (r->space != space)
			continue;
		memmove(&ret->slot[at + 1], &ret->slot[at], (ret->n - at) * sizeof(ret->slot[0]));
		ret->slot[at] = slot_of(r, d, i);
		ret->n++;
	}
}

u64 dev_read(struct dev *d, enum dev_space space, u64 at, unsigned size)
{
	struct space s;

	space_of_dev(d, space, &s);
	return space_read(&s, at, size);
}

void dev_write(struct dev *d, enum dev_space space, u64 at, unsigned size, u64 val)
{
	struct space s;

	space_of_dev(d, space, &s);
	space_write(&s, at, size, val);
}

int dev_init(struct dev *d, const struct dev_ops *ops, struct clock *c, u64 at, struct err *e)
{
	*d = (struct dev){ .ops = ops, .clock = c, .at = at };
	d->state = calloc(1, ops->state_size);
	return d->state ? 0 : err_set(e, -ENOMEM, "out of memory");
}

void dev_fini(struct dev *d)
{
	free(d->state);
	d->state = NULL;
}
