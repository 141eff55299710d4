/* dev_bus.c - tests of the bus, the clock and the list of devices. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#include <string.h>
#include <errno.h>

#include "dev_kit.h"

/* A device that remembers how it was asked. */
struct echo {
	unsigned reads, size;
	u64 offset, val;
};

static u64 echo_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct echo *s = d->state;

	s->reads++;
	s->size = size;
	s->offset = offset;
	return 0x8877665544332211u >> (offset & 7) * 8 | (u64)region << 60;
}

static void echo_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct echo *s = d->state;

	(void)region;
	s->size = size;
	s->offset = offset;
	s->val = val;
}

static void echo_reset(struct dev *d) { (void)d; }

static const struct dev_ops byte_ops = {
	.name = "bytes", .help = "byte-wide ports", .state_size = sizeof(struct echo),
	.region = { { DEV_PIO, 1, 1, .base = 0x100, .size = 4 } },
	.reset = echo_reset, .read = echo_read, .write = echo_write,
};
static const struct dev_ops word_ops = {
	.name = "words", .help = "one dword register", .state_size = sizeof(struct echo),
	.region = { { DEV_PIO, 4, 4, .base = 0x104, .size = 4 } },
	.reset = echo_reset, .read = echo_read, .write = echo_write,
};

static struct bus *two_devices(struct dev *bytes, struct dev *words)
{
	struct bus *b = NULL;
	struct err e;

	*bytes = kit_dev(&byte_ops, NULL, 0);
	*words = kit_dev(&word_ops, NULL, 0);
	assert_int_equal(bus_new(&b, &e), 0);
	assert_int_equal(bus_add(b, words, &e), 0);
	assert_int_equal(bus_add(b, bytes, &e), 0);
	return b;
}

static void bus_splits_wide_accesses(void **unused)
{
	struct dev bytes, words;
	struct bus *b = two_devices(&bytes, &words);

	(void)unused;
	assert_int_equal(bus_read(b, DEV_PIO, 0x100, 4), 0x44332211);
	assert_int_equal(((struct echo *)bytes.state)->reads, 4);
	/* the last byte of one device and the first of a register that takes no bytes */
	assert_int_equal(bus_read(b, DEV_PIO, 0x103, 2), 0xff44);
	bus_write(b, DEV_PIO, 0x102, 2, 0xabcd);
	assert_int_equal(((struct echo *)bytes.state)->offset, 3);
	assert_int_equal(((struct echo *)bytes.state)->val, 0xab);
	bus_free(b);
	dev_fini(&bytes);
	dev_fini(&words);
}

static void bus_open_wires_read_ones(void **unused)
{
	struct dev bytes, words;
	struct bus *b = two_devices(&bytes, &words);

	(void)unused;
	assert_int_equal(bus_read(b, DEV_PIO, 0x80, 1), 0xff);
	assert_int_equal(bus_read(b, DEV_PIO, 0xffff, 4), 0xffffffff);
	assert_true(bus_read(b, DEV_MMIO, ~7ull, 8) == UINT64_MAX);
	bus_write(b, DEV_MMIO, 0x1000, 8, 0);
	assert_int_equal(bus_read(b, DEV_PIO, 0x104, 1), 0xff);
	assert_int_equal(bus_read(b, DEV_PIO, 0x104, 4), 0x44332211);
	bus_free(b);
	dev_fini(&bytes);
	dev_fini(&words);
}

static void bus_refuses_overlap(void **unused)
{
	struct dev bytes, words;
	struct bus *b = two_devices(&bytes, &words);
	struct dev_region r = { DEV_PIO, 1, 1, .base = 0x0ff, .size = 2 };
	struct err e;

	(void)unused;
	assert_int_equal(bus_map(b, &r, &words, 3), -EBUSY);
	r.base = 0x103;
	assert_int_equal(bus_map(b, &r, &words, 3), -EBUSY);
	r.base = UINT64_MAX;
	assert_int_equal(bus_map(b, &r, &words, 3), -EBUSY);
	assert_int_equal(bus_add(b, &bytes, &e), -EBUSY);
	assert_string_equal(e.text, "device bytes: port region 0x100 is taken");
	bus_unmap(b, &bytes, 0);
	assert_int_equal(bus_read(b, DEV_PIO, 0x100, 1), 0xff);
	assert_int_equal(bus_add(b, &bytes, &e), 0);
	bus_free(b);
	dev_fini(&bytes);
	dev_fini(&words);
}

struct note {
	struct timer t;
	unsigned fired;
	u64 when, again;
};

static unsigned order;

static void note_fire(struct timer *t)
{
	struct note *n = container_of(t, struct note, t);

	n->fired = ++order;
	n->when = clock_now(t->clock);
	if (n->again)
		timer_arm(t, n->when + n->again);
}

static void clock_fires_in_order(void **unused)
{
	struct clock *c = kit_clock();
	struct note n[3] = { 0 };

	(void)unused;
	order = 0;
	for (unsigned i = 0; i < 3; i++)
		timer_init(&n[i].t, c, note_fire);
	timer_arm(&n[0].t, 300);
	timer_arm(&n[1].t, 100);
	timer_arm(&n[2].t, 200);
	assert_int_equal(clock_next(c), 100);
	timer_arm(&n[1].t, 250);
	timer_cancel(&n[0].t);
	clock_set(c, 1000);
	assert_int_equal(n[0].fired, 0);
	assert_int_equal(n[2].fired, 1);
	assert_int_equal(n[1].fired, 2);
	assert_int_equal(n[1].when, 250);
	assert_int_equal(clock_now(c), 1000);
	assert_true(clock_next(c) == UINT64_MAX);
	clock_set(c, 500);
	assert_int_equal(clock_now(c), 1000);
	clock_free(c);
}

static void clock_catches_up_with_periods(void **unused)
{
	struct clock *c = kit_clock();
	struct note n = { .again = 10 };

	(void)unused;
	order = 0;
	timer_init(&n.t, c, note_fire);
	timer_arm(&n.t, 10);
	clock_set(c, 105);
	assert_int_equal(n.fired, 10);
	assert_int_equal(n.when, 100);
	clock_free(c);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;

static void wake_fire(struct timer *t)
{
	note_fire(t);
	pthread_cond_signal(&woken);
}

/* The thread takes the lock and fires; a stopped clock stands. */
static void clock_thread_fires(void **unused)
{
	struct clock *c = NULL;
	struct note n = { 0 };
	struct err e;
	u64 stood;

	(void)unused;
	assert_int_equal(clock_new(false, &lock, &c, &e), 0);
	timer_init(&n.t, c, wake_fire);
	pthread_mutex_lock(&lock);
	timer_arm(&n.t, clock_now(c) + 1000000);
	while (!n.fired)
		pthread_cond_wait(&woken, &lock);
	clock_stop(c);
	stood = clock_now(c);
	assert_int_equal(clock_now(c), stood);
	n.fired = 0;
	timer_arm(&n.t, stood + 1000);
	clock_start(c);
	while (!n.fired)
		pthread_cond_wait(&woken, &lock);
	assert_true(n.when >= stood + 1000);
	pthread_mutex_unlock(&lock);
	clock_free(c);
}

static void check_fields(const struct dev_ops *ops)
{
	const struct dev_field *f = ops->fields;

	for (; f->name; f++) {
		unsigned unit = f->kind == FIELD_BYTES ? 1 : f->kind;

		assert_int_equal(f->size % unit, 0);
		assert_true(f->offset + f->size + (f->n ? f->n - 1u : 0) * f->stride <=
			    ops->state_size);
		for (const struct dev_field *g = ops->fields; g < f; g++) {
			assert_string_not_equal(g->name, f->name);
			assert_true(g->offset + g->size <= f->offset ||
				    f->offset + f->size <= g->offset);
		}
	}
}

/* Every row of the list is whole: a name of its own, fields that fit, regions that make sense. */
static void every_kind_is_whole(void **unused)
{
	(void)unused;
	for (unsigned i = 0; dev_kinds[i]; i++) {
		const struct dev_ops *ops = dev_kinds[i];

		assert_non_null(ops->help);
		assert_non_null(ops->reset);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(dev_kinds[k]->name, ops->name);
		for (unsigned k = 0; k < DEV_REGIONS; k++) {
			const struct dev_region *r = &ops->region[k];

			if (r->space == DEV_NONE)
				continue;
			assert_non_null(ops->read);
			assert_non_null(ops->write);
			assert_true(r->size_min && r->size_min <= r->size_max);
			assert_true(r->size >= r->size_max);
		}
		check_fields(ops);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bus_splits_wide_accesses),
		cmocka_unit_test(bus_open_wires_read_ones),
		cmocka_unit_test(bus_refuses_overlap),
		cmocka_unit_test(clock_fires_in_order),
		cmocka_unit_test(clock_catches_up_with_periods),
		cmocka_unit_test(clock_thread_fires),
		cmocka_unit_test(every_kind_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
