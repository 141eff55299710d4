/* dev_screen.c - tests of screen and keyboard. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#include <string.h>

#include "dev/keyboard.h"
#include "dev_kit.h"
#include "mem/mem.h"

/* ---- VGA ---- */

static void crtc(struct dev *d, u8 reg, u8 val) { dev_write(d, DEV_PIO, 0x3d4, 2, reg | val << 8); }

static void vga_shows_text(void **unused)
{
	struct clock *c = kit_clock();
	struct dev d = kit_dev(&vga_ops, c, 0);
	static struct vga_text t;
	struct mem *m;
	struct err e;

	(void)unused;
	assert_int_equal(mem_new(MIB(1), &m, &e), 0);
	d.ops->reset(&d);
	assert_int_equal(mem_write(m, GPA(0xb8000), 4, "H\x07i\x1e"), 0);
	assert_int_equal(mem_write(m, GPA(0xb8000 + 160), 2, "!\x07"), 0);
	assert_int_equal(mem_write(m, GPA(0xa0000 + 'H' * 32), 2, "\x18\x81"), 0);
	assert_true(vga_text(&d, m, &t));
	assert_int_equal(t.columns, 80);
	assert_int_equal(t.rows, 25);
	assert_int_equal(t.height, 16);
	assert_memory_equal(t.cell[0][1], "i\x1e", 2);
	assert_memory_equal(t.cell[1][0], "!\x07", 2);
	assert_int_equal(t.font['H'][1], 0x81);
	assert_memory_equal(t.color[7], "\xaa\xaa\xaa", 3);
	assert_memory_equal(t.color[6], "\xaa\x55\x00", 3); /* brown */
	/* A screen is scrolled by moving its start, and the cursor counts from the buffer's. */
	crtc(&d, 13, 80);
	crtc(&d, 15, 83);
	assert_true(vga_text(&d, m, &t));
	assert_memory_equal(t.cell[0][0], "!\x07", 2);
	assert_int_equal(t.cursor_x, 3);
	assert_int_equal(t.cursor_y, 0);
	crtc(&d, 10, 0x20);
	assert_true(vga_text(&d, m, &t));
	assert_true(t.cursor_y >= t.rows);
	/* Graphics. */
	dev_write(&d, DEV_PIO, 0x3ce, 2, 0x0506);
	assert_false(vga_text(&d, m, &t));
	mem_free(m);
	dev_fini(&d);
	clock_free(c);
}

/* Any registers and any memory give some screen, inside its bounds. */
static void vga_bears_any_registers(void **unused)
{
	struct clock *c = kit_clock();
	struct dev d = kit_dev(&vga_ops, c, 0);
	static struct vga_text t;
	struct mem *m;
	struct err e;

	(void)unused;
	assert_int_equal(mem_new(MIB(1), &m, &e), 0);
	d.ops->reset(&d);
	for (unsigned i = 0; i < 2000; i++) {
		crtc(&d, (u8)(i * 7 % 32), (u8)(i * 37));
		dev_write(&d, DEV_PIO, 0x3c4, 2, 3 | (i & 0xff) << 8);
		if (vga_text(&d, m, &t)) {
			assert_true(t.columns <= VGA_COLUMNS_MAX && t.rows <= VGA_ROWS_MAX);
			assert_true(t.height >= 1 && t.height <= 32);
		}
	}
	mem_free(m);
	dev_fini(&d);
	clock_free(c);
}

static void vga_registers_read_back(void **unused)
{
	struct clock *c = kit_clock();
	struct dev d = kit_dev(&vga_ops, c, 0);
	u8 seen = 0;

	(void)unused;
	d.ops->reset(&d);
	in8(&d, 0x3da);
	out8(&d, 0x3c0, 0x10);
	out8(&d, 0x3c0, 0x5a);
	in8(&d, 0x3da);
	out8(&d, 0x3c0, 0x30); /* index 16, screen on */
	assert_int_equal(in8(&d, 0x3c1), 0x5a);
	out8(&d, 0x3c8, 200);
	for (u8 i = 0; i < 6; i++)
		out8(&d, 0x3c9, 10 + i);
	out8(&d, 0x3c7, 201);
	assert_int_equal(in8(&d, 0x3c9), 13);
	for (unsigned i = 0; i < 3000; i++, kit_pass(c, 10000))
		seen |= in8(&d, 0x3da);
	assert_int_equal(seen & 9, 9); /* retraces come by */
	dev_fini(&d);
	clock_free(c);
}

/* ---- keyboard ---- */

struct desk {
	struct dev d;
	struct spy irq;
};

static void key(struct desk *k, u16 code) { assert_true(kbd_keys(&k->d, &code, 1)); }
static void desk_reset(void *ctx, const char *how) { (void)ctx; (void)how; }

static void desk_init(struct desk *k)
{
	*k = (struct desk){ .d = kit_dev(&kbd_ops, NULL, 0), .irq = SPY };
	kbd_wire(&k->d, &k->irq.irq, desk_reset, NULL);
	kbd_plug(&k->d);
	k->d.ops->reset(&k->d);
	out8(&k->d, 0x64, 0xae);
	out8(&k->d, 0x60, 0xf4);
	assert_int_equal(in8(&k->d, 0x60), 0xfa);
	k->irq.rises = 0;
}

/* Each byte raises the line anew, or an edge-triggered controller would lose it. */
static void keyboard_types_scan_codes(void **unused)
{
	static const u8 want[] = { 0x1e, 0x9e, 0xe0, 0x4b, 0xe0, 0xcb };
	struct desk k;

	(void)unused;
	desk_init(&k);
	key(&k, 0x1e);
	key(&k, 0x1e | KBD_UP);
	key(&k, 0x14b);
	key(&k, 0x14b | KBD_UP);
	for (unsigned i = 0; i < sizeof(want); i++) {
		assert_true(k.irq.level);
		assert_int_equal(k.irq.rises, i + 1);
		assert_int_equal(in8(&k.d, 0x64) & 1, 1);
		assert_int_equal(in8(&k.d, 0x60), want[i]);
	}
	assert_int_equal(in8(&k.d, 0x64) & 1, 0);
	/* The same without the controller's translation: set 2. */
	out8(&k.d, 0x64, 0x60);
	out8(&k.d, 0x60, 0x05);
	key(&k, 0x1e | KBD_UP);
	assert_int_equal(in8(&k.d, 0x60), 0xf0);
	assert_int_equal(in8(&k.d, 0x60), 0x1c);
	dev_fini(&k.d);
}

static void keyboard_answers(void **unused)
{
	struct desk k;

	(void)unused;
	desk_init(&k);
	out8(&k.d, 0x60, 0xff);
	assert_int_equal(in8(&k.d, 0x60), 0xfa);
	assert_int_equal(in8(&k.d, 0x60), 0xaa);
	out8(&k.d, 0x60, 0xf2);
	assert_int_equal(in8(&k.d, 0x60), 0xfa);
	assert_int_equal(in8(&k.d, 0x60), 0xab);
	assert_int_equal(in8(&k.d, 0x60), 0x41); /* 0x83, translated */
	out8(&k.d, 0x60, 0xf5);
	assert_int_equal(in8(&k.d, 0x60), 0xfa);
	assert_false(kbd_keys(&k.d, (u16[]){ 0x1e }, 1)); /* it waits outside */
	assert_int_equal(in8(&k.d, 0x64) & 1, 0);
	for (unsigned i = 0; i < 500; i++) /* more than anybody keeps */
		out8(&k.d, 0x60, 0xf2);
	for (unsigned i = 0; i < 500; i++)
		in8(&k.d, 0x60);
	assert_int_equal(in8(&k.d, 0x64) & 1, 0);
	dev_fini(&k.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vga_shows_text),
		cmocka_unit_test(vga_bears_any_registers),
		cmocka_unit_test(vga_registers_read_back),
		cmocka_unit_test(keyboard_types_scan_codes),
		cmocka_unit_test(keyboard_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
