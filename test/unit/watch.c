/* watch.c - panics seen on a console, our keys, and the ring between threads.
 * @links src/vm/watch.c src/cli/keys.c src/cli/ring.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/keys.h"
#include "cli/ring.h"
#include "vm/watch.h"

/* The last event that is not WATCH_NOTHING. */
static enum watch_event print(struct watch *w, const char *s)
{
	enum watch_event last = WATCH_NOTHING, now;

	for (; *s; s++) {
		now = watch_byte(w, (u8)*s);
		last = now ? now : last;
	}
	return last;
}

static void watch_finds_panics(void **unused)
{
	static const char *const lines[] = {
		"[    1.234567] Kernel panic - not syncing: VFS: no root\r\n",
		"Kernel panic - not syncing: VFS: no root\n",
		"[    1.234567][    T1] Kernel panic - not syncing: VFS: no root\n",
	};

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		struct watch w = { .len = 0 };

		assert_int_equal(print(&w, lines[i]), WATCH_PANIC);
		assert_string_equal(w.text, "VFS: no root");
		assert_int_equal(print(&w, "[    1.3] more\n"), WATCH_NOTHING);
		assert_int_equal(print(&w, "[    1.4] ---[ end Kernel panic - not syncing: VFS ]---\n"),
				 WATCH_END);
	}
}

static void watch_is_not_fooled(void **unused)
{
	static const char *const lines[] = {
		"# echo Kernel panic - not syncing: x\n",
		"Nov 22 12:00:00 host kernel: [ 1.0] Kernel panic - not syncing: x\n",
		"[    1.0] x: Kernel panic - not syncing\n",
		"[    1.0 Kernel panic - not syncing\n",
		"---[ end Kernel panic - not syncing ]---\n",
	};
	struct watch w = { .len = 0 };

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(print(&w, lines[i]), WATCH_NOTHING);
}

static void watch_takes_back(void **unused)
{
	struct watch w = { .len = 0 };

	(void)unused;
	assert_int_equal(print(&w, "[    1.0] Kernel panic - not syncing: x\n"), WATCH_PANIC);
	assert_int_equal(print(&w, "[    1.1] CPU: 0\n"), WATCH_NOTHING);
	assert_int_equal(print(&w, "# "), WATCH_ALIVE);
	assert_int_equal(print(&w, "\n[    1.0] Kernel panic - not syncing: y\n"), WATCH_PANIC);
	assert_string_equal(w.text, "y");
}

/* On several processors a program may go on printing for a while. */
static void watch_believes_the_end(void **unused)
{
	struct watch w = { .len = 0 };

	(void)unused;
	assert_int_equal(print(&w, "[    1.0] Kernel panic - not syncing: x\n"), WATCH_PANIC);
	assert_int_equal(print(&w, "text of a program\n"), WATCH_ALIVE);
	assert_int_equal(print(&w, "[    1.1] ---[ end Kernel panic - not syncing: x ]---\n"), WATCH_PANIC);
	assert_string_equal(w.text, "x");
	assert_int_equal(print(&w, "# "), WATCH_ALIVE);
}

static void watch_survives_noise(void **unused)
{
	struct watch w = { .len = 0 };

	(void)unused;
	srand(1);
	for (unsigned i = 0; i < 1000000; i++)
		watch_byte(&w, (u8)rand());
	for (unsigned i = 0; i < 2 * WATCH_LINE; i++)
		watch_byte(&w, 'x');
	print(&w, "\n");
	assert_int_equal(print(&w, "Kernel panic - not syncing: \1\xff\n"), WATCH_PANIC);
	assert_string_equal(w.text, "??");
}

static void keys_have_a_prefix(void **unused)
{
	struct keys k = { false };

	(void)unused;
	assert_int_equal(keys_take(&k, 'x'), KEY_GUEST);
	assert_int_equal(keys_take(&k, KEY_PREFIX), KEY_NOTHING);
	assert_int_equal(keys_take(&k, 'x'), KEY_QUIT);
	assert_int_equal(keys_take(&k, 'x'), KEY_GUEST);
	assert_int_equal(keys_take(&k, KEY_PREFIX), KEY_NOTHING);
	assert_int_equal(keys_take(&k, KEY_PREFIX), KEY_GUEST);
	assert_int_equal(keys_take(&k, KEY_PREFIX), KEY_NOTHING);
	assert_int_equal(keys_take(&k, '?'), KEY_HELP);
	assert_int_equal(keys_take(&k, 3), KEY_GUEST);
}

static void ring_keeps_order(void **unused)
{
	struct ring *r = calloc(1, sizeof(*r));
	const u8 *p;
	size_t n;
	u8 in = 0, out = 0;

	(void)unused;
	assert_int_equal(ring_peek(r, &p), 0);
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < RING_SIZE - 7; i++)
			ring_put(r, in++);
		assert_true(ring_full(r));
		while ((n = ring_peek(r, &p))) {
			for (size_t i = 0; i < n; i++)
				if (p[i] != out++)
					fail();
			ring_skip(r, n);
		}
		assert_false(ring_full(r));
	}
	for (unsigned i = 0; i < RING_SIZE + 9; i++)
		ring_put(r, 1); /* what does not fit is dropped, nothing else is hurt */
	n = ring_peek(r, &p);
	ring_skip(r, n);
	assert_int_equal(n + ring_peek(r, &p), RING_SIZE);
	free(r);
}

static void watch_finds_oopses(void **unused)
{
	static const char oops[] =
		"[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000008\r\n"
		"[    1.0] #PF: supervisor read access in kernel mode\r\n"
		"[    1.0] Oops: 0000 [#1] PREEMPT SMP\r\n"
		"[    1.0] Call Trace:\r\n";
	struct watch w = { .len = 0 };

	(void)unused;
	assert_int_equal(print(&w, "[    1.0] WARNING: CPU: 0 PID: 1\n[    1.0] ---[ end trace 0 ]---\n"),
			 WATCH_NOTHING);
	assert_int_equal(print(&w, oops), WATCH_NOTHING);
	assert_int_equal(print(&w, "[    1.0] ---[ end trace 0000000000000000 ]---\n"), WATCH_OOPS);
	assert_string_equal(w.oops, "BUG: kernel NULL pointer dereference, address: 0000000000000008");
	w.oops[0] = 0;
	assert_int_equal(print(&w, "[   30.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!\n"),
			 WATCH_OOPS);
	assert_string_equal(w.oops, "soft lockup - CPU#0 stuck for 26s!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watch_finds_panics),
		cmocka_unit_test(watch_is_not_fooled),
		cmocka_unit_test(watch_finds_oopses),
		cmocka_unit_test(watch_takes_back),
		cmocka_unit_test(watch_believes_the_end),
		cmocka_unit_test(watch_survives_noise),
		cmocka_unit_test(keys_have_a_prefix),
		cmocka_unit_test(ring_keeps_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
