/* dev_pc.c - tests of serial port, keyboard controller, resets, ACPI, PCI and debug ports. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "dev_kit.h"

/* ---- 16550 ---- */

struct peer {
	u8 sent[64];
	unsigned n, rooms;
	bool patient;
	struct serial_line line;
};

static void peer_put(void *ctx, u8 byte)
{
	struct peer *p = ctx;

	if (p->n < sizeof(p->sent))
		p->sent[p->n++] = byte;
}

static void peer_room(void *ctx) { ((struct peer *)ctx)->rooms++; }

static void peer_line(void *ctx, const struct serial_line *l) { ((struct peer *)ctx)->line = *l; }

static struct dev uart_ready(struct clock *c, struct spy *irq, struct peer *p)
{
	struct dev d = kit_dev(&uart_ops, c, 0x3f8);

	uart_wire(&d, &irq->irq, &(struct uart_peer){ p, true, p->patient, peer_put, peer_room, peer_line });
	d.ops->reset(&d);
	return d;
}

/* The order of accesses is that of Linux' 8250 driver when it finds and starts a port. */
static void uart_is_found_by_linux(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq = SPY;
	struct peer p = { .n = 0 };
	struct dev d = uart_ready(c, &irq, &p);

	(void)unused;
	out8(&d, 0x3f9, 0);
	assert_int_equal(in8(&d, 0x3f9), 0);
	out8(&d, 0x3f9, 0xff);
	assert_int_equal(in8(&d, 0x3f9), 0x0f);
	out8(&d, 0x3f9, 0);
	out8(&d, 0x3fc, 0x1a); /* loop, OUT2 and RTS: DCD and CTS come back */
	assert_int_equal(in8(&d, 0x3fe) & 0xf0, 0x90);
	out8(&d, 0x3fc, 0);
	out8(&d, 0x3fb, 0xbf);
	out8(&d, 0x3fb, 0);
	out8(&d, 0x3fa, 1);
	assert_int_equal(in8(&d, 0x3fa) >> 6, 3);
	out8(&d, 0x3fa, 7);
	out8(&d, 0x3fa, 0);
	assert_int_equal(in8(&d, 0x3fa) >> 6, 0);
	assert_int_equal(in8(&d, 0x3fd), 0x60);
	for (unsigned i = 0; i < 2; i++) { /* enabling the interrupt raises it each time */
		out8(&d, 0x3f9, 2);
		assert_int_equal(in8(&d, 0x3fa), 2);
		out8(&d, 0x3f9, 0);
		assert_int_equal(in8(&d, 0x3fa), 1);
	}
	out8(&d, 0x3ff, 0x5a);
	assert_int_equal(in8(&d, 0x3ff), 0x5a);
	out8(&d, 0x3fb, 0x83);
	out8(&d, 0x3f8, 0x0c);
	out8(&d, 0x3f9, 0x01);
	assert_int_equal(in8(&d, 0x3f8), 0x0c);
	assert_int_equal(in8(&d, 0x3f9), 0x01);
	assert_int_equal(p.n, 0);
	dev_fini(&d);
	clock_free(c);
}

static void uart_sends_and_asks_for_more(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq = SPY;
	struct peer p = { .n = 0 };
	struct dev d = uart_ready(c, &irq, &p);

	(void)unused;
	out8(&d, 0x3f9, 2);
	assert_true(irq.level);
	assert_int_equal(in8(&d, 0x3fa), 2);
	assert_false(irq.level);
	out8(&d, 0x3f8, 'h');
	out8(&d, 0x3f8, 'i');
	assert_true(irq.level);
	assert_int_equal(in8(&d, 0x3fd) & 0x60, 0x60);
	assert_int_equal(p.n, 2);
	assert_memory_equal(p.sent, "hi", 2);
	dev_fini(&d);
	clock_free(c);
}

static void uart_receives_with_back_pressure(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq = SPY;
	struct peer p = { .n = 0 };
	struct dev d = uart_ready(c, &irq, &p);
	const u8 text[] = "0123456789abcdefXYZ";

	(void)unused;
	assert_int_equal(uart_in(&d, text, 19), 1); /* no FIFO yet */
	out8(&d, 0x3fa, 0x81);                      /* FIFO, trigger 8 */
	assert_int_equal(p.rooms, 1);
	assert_int_equal(uart_in(&d, text, 19), 16);
	out8(&d, 0x3f9, 1);
	assert_int_equal(in8(&d, 0x3fa), 0xc4);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(in8(&d, 0x3fd) & 1, 1);
		assert_int_equal(in8(&d, 0x3f8), text[i]);
	}
	assert_int_equal(in8(&d, 0x3fd) & 1, 0);
	assert_int_equal(p.rooms, 2);
	assert_false(irq.level);
	assert_int_equal(uart_in(&d, text + 16, 3), 3);
	assert_false(irq.level); /* below the trigger: only after four characters' time */
	kit_pass(c, 40ull * 1000000000 / 115200 + 1);
	assert_int_equal(in8(&d, 0x3fa), 0xcc);
	assert_int_equal(in8(&d, 0x3f8), 'X');
	assert_false(irq.level);
	dev_fini(&d);
	clock_free(c);
}

static void uart_keeps_input_for_who_listens(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq = SPY;
	struct peer p = { .n = 0, .patient = true };
	struct dev d = uart_ready(c, &irq, &p);
	const u8 text[] = "ab";

	(void)unused;
	assert_int_equal(uart_in(&d, text, 2), 0);
	out8(&d, 0x3f9, 0xf); /* a driver looks whether there is a port */
	assert_int_equal(uart_in(&d, text, 2), 0);
	out8(&d, 0x3f9, 0);
	assert_int_equal(p.rooms, 0);
	out8(&d, 0x3f9, 5);
	assert_int_equal(p.rooms, 1);
	assert_int_equal(uart_in(&d, text, 1), 1);
	out8(&d, 0x3fa, 1); /* the FIFO, after the fact */
	assert_int_equal(in8(&d, 0x3f8), 'a');
	out8(&d, 0x3f9, 0);
	assert_int_equal(uart_in(&d, text + 1, 1), 0);
	for (unsigned i = 0; i < 16; i++) /* polls */
		assert_int_equal(in8(&d, 0x3fd) & 1, 0);
	assert_int_equal(p.rooms, 2);
	assert_int_equal(uart_in(&d, text + 1, 1), 1);
	dev_fini(&d);
	clock_free(c);
}

static void uart_loops_back(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq = SPY;
	struct peer p = { .n = 0 };
	struct dev d = uart_ready(c, &irq, &p);

	(void)unused;
	out8(&d, 0x3fc, 0x10);
	assert_int_equal(uart_in(&d, (const u8 *)"x", 1), 0);
	out8(&d, 0x3f8, 0xae);
	out8(&d, 0x3f8, 0xaf);
	assert_int_equal(p.n, 0);
	assert_int_equal(in8(&d, 0x3fd) & 3, 3); /* overrun */
	assert_int_equal(in8(&d, 0x3fd) & 3, 1);
	assert_int_equal(in8(&d, 0x3f8), 0xae);
	out8(&d, 0x3fc, 0);
	assert_int_equal(p.rooms, 1);
	dev_fini(&d);
	clock_free(c);
}

static void uart_tells_breaks_and_modem_lines(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq = SPY;
	struct peer p = { .n = 0 };
	struct dev d = uart_ready(c, &irq, &p);

	(void)unused;
	out8(&d, 0x3fa, 1);
	out8(&d, 0x3f9, 4);
	uart_break(&d);
	assert_true(irq.level);
	assert_int_equal(in8(&d, 0x3fa), 0xc6);
	assert_int_equal(in8(&d, 0x3fd) & 0x11, 0x11);
	assert_false(irq.level);
	assert_int_equal(in8(&d, 0x3f8), 0);
	assert_int_equal(in8(&d, 0x3fe), 0xb0);
	out8(&d, 0x3f9, 8);
	out8(&d, 0x3fc, 0x10); /* the loop drops all lines */
	assert_true(irq.level);
	assert_int_equal(in8(&d, 0x3fa), 0xc0);
	assert_int_equal(in8(&d, 0x3fe), 0x0b);
	assert_false(irq.level);
	dev_fini(&d);
	clock_free(c);
}

static void uart_passes_its_settings_on(void **unused)
{
	struct clock *c = kit_clock();
	struct spy irq = SPY;
	struct peer p = { .n = 0 };
	struct dev d = uart_ready(c, &irq, &p);

	(void)unused;
	out8(&d, 0x3fb, 0x80);
	out8(&d, 0x3f8, 12);
	out8(&d, 0x3f9, 0);
	out8(&d, 0x3fb, 0x1e); /* 7 bits, even parity, two stop bits */
	assert_int_equal(p.line.speed, 9600);
	assert_int_equal(p.line.bits, 7);
	assert_int_equal(p.line.parity, 'E');
	assert_true(p.line.two_stops);
	out8(&d, 0x3fb, 0x43);
	assert_int_equal(p.line.lines, LINE_BREAK);
	out8(&d, 0x3fb, 3);
	out8(&d, 0x3fc, 3);
	assert_int_equal(p.line.lines, LINE_DTR | LINE_RTS);
	assert_int_equal(p.line.parity, 'N');
	out8(&d, 0x3fc, 0x13); /* in the loop nothing leaves */
	assert_int_equal(p.line.lines, 0);
	out8(&d, 0x3fc, 3);
	in8(&d, 0x3fe);
	uart_lines(&d, LINE_CTS | LINE_DSR);
	assert_int_equal(in8(&d, 0x3fe), 0x38); /* the carrier was lost */
	dev_fini(&d);
	clock_free(c);
}

/* ---- ways to reset and to end ---- */

static const char *reset_by;
static unsigned told;
static u32 told_value;

static void note_reset(void *ctx, const char *how) { (void)ctx; reset_by = how; }
static void note_call(void *ctx) { (void)ctx; told++; }
static void note_byte(void *ctx, u8 byte) { (void)ctx; told++; told_value = byte; }
static void note_value(void *ctx, u32 value) { (void)ctx; told++; told_value = value; }

static void kbd_answers_without_a_keyboard(void **unused)
{
	struct spy irq1 = SPY;
	struct dev d = kit_dev(&kbd_ops, NULL, 0);

	(void)unused;
	kbd_wire(&d, &irq1.irq, note_reset, NULL);
	d.ops->reset(&d);
	assert_int_equal(in8(&d, 0x64) & 3, 0); /* nothing to flush, ready to be written */
	out8(&d, 0x64, 0x20);
	assert_int_equal(in8(&d, 0x64) & 1, 1);
	assert_int_equal(in8(&d, 0x60) & 1, 1);
	out8(&d, 0x64, 0x60);
	out8(&d, 0x60, 0x44); /* no interrupt */
	irq1.rises = 0;
	out8(&d, 0x64, 0xaa);
	assert_int_equal(in8(&d, 0x60), 0x55);
	out8(&d, 0x64, 0xd3); /* loop through a mouse port that is not there */
	out8(&d, 0x60, 0x5a);
	assert_int_not_equal(in8(&d, 0x60), 0x5a);
	out8(&d, 0x64, 0xa9);
	assert_int_equal(in8(&d, 0x60), 1);
	assert_int_equal(irq1.rises, 0);
	out8(&d, 0x64, 0x60);
	out8(&d, 0x60, 0x45);
	out8(&d, 0x60, 0xf2); /* identify: the controller answers for the missing keyboard */
	assert_int_equal(irq1.rises, 1);
	assert_int_equal(in8(&d, 0x64) & 0x41, 0x41);
	assert_int_equal(in8(&d, 0x60), 0xfe);
	assert_false(irq1.level);
	dev_fini(&d);
}

static void resets_are_told(void **unused)
{
	struct spy irq1 = SPY;
	struct dev d = kit_dev(&kbd_ops, NULL, 0), r = kit_dev(&reset_ops, NULL, 0);

	(void)unused;
	kbd_wire(&d, &irq1.irq, note_reset, NULL);
	d.ops->reset(&d);
	reset_wire(&r, note_reset, NULL);
	r.ops->reset(&r);
	reset_by = NULL;
	out8(&d, 0x64, 0xff);
	assert_null(reset_by);
	out8(&d, 0x64, 0xfe);
	assert_string_equal(reset_by, "keyboard controller");
	reset_by = NULL;
	out8(&d, 0x64, 0xd1);
	out8(&d, 0x60, 0xdf);
	assert_null(reset_by);
	out8(&d, 0x64, 0xd1);
	out8(&d, 0x60, 0xde);
	assert_non_null(reset_by);
	reset_by = NULL;
	out8(&r, 0x92, 2);
	assert_null(reset_by);
	assert_int_equal(in8(&r, 0x92), 2);
	out8(&r, 0x92, 3);
	assert_string_equal(reset_by, "port 0x92");
	reset_by = NULL;
	reset_control_write(&r, 2);
	assert_null(reset_by);
	reset_control_write(&r, 6);
	assert_string_equal(reset_by, "port 0xcf9");
	dev_fini(&d);
	dev_fini(&r);
}

static void pm_s5_powers_off(void **unused)
{
	struct spy sci = SPY;
	struct dev d = kit_dev(&pm_ops, NULL, 0);

	(void)unused;
	pm_wire(&d, &sci.irq, note_call, NULL);
	d.ops->reset(&d);
	told = 0;
	assert_int_equal(dev_read(&d, DEV_PIO, 0x604, 2), 1);
	dev_write(&d, DEV_PIO, 0x604, 2, PM_SLEEP_S5 << 10);
	dev_write(&d, DEV_PIO, 0x604, 2, 3 << 10 | 1 << 13);
	assert_int_equal(told, 0);
	dev_write(&d, DEV_PIO, 0x604, 2, PM_SLEEP_S5 << 10 | 1 << 13);
	assert_int_equal(told, 1);
	dev_fini(&d);
}

static void pm_power_button_interrupts(void **unused)
{
	struct spy sci = SPY;
	struct dev d = kit_dev(&pm_ops, NULL, 0);

	(void)unused;
	pm_wire(&d, &sci.irq, note_call, NULL);
	d.ops->reset(&d);
	pm_power_button(&d);
	assert_false(sci.level);
	dev_write(&d, DEV_PIO, 0x602, 2, 0x0120);
	assert_true(sci.level);
	assert_int_equal(dev_read(&d, DEV_PIO, 0x600, 4), 0x01200100);
	out8(&d, 0x600, 0xff);
	assert_true(sci.level);
	out8(&d, 0x601, 1);
	assert_false(sci.level);
	dev_fini(&d);
}

static void debug_ports_tell(void **unused)
{
	struct dev con = kit_dev(&debugcon_ops, NULL, 0), end = kit_dev(&debugexit_ops, NULL, 0);
	struct dev pv = kit_dev(&pvpanic_ops, NULL, 0);

	(void)unused;
	debugcon_wire(&con, note_byte, NULL);
	debugexit_wire(&end, note_value, NULL);
	pvpanic_wire(&pv, note_byte, NULL);
	assert_int_equal(in8(&con, 0xe9), 0xe9);
	out8(&con, 0xe9, 'x');
	assert_int_equal(told_value, 'x');
	dev_write(&end, DEV_PIO, 0xf4, 4, 0x12345);
	assert_int_equal(told_value, 0x12345);
	assert_int_equal(in8(&pv, 0x505), 3);
	told = 0;
	out8(&pv, 0x505, 0x80); /* an event nobody offered */
	assert_int_equal(told, 0);
	out8(&pv, 0x505, 1);
	assert_int_equal(told_value, 1);
	dev_fini(&con);
	dev_fini(&end);
	dev_fini(&pv);
}

/* ---- PCI ---- */

static u64 fn_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	(void)d;
	(void)size;
	return region << 16 | offset;
}

static void fn_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	(void)d;
	(void)region;
	(void)offset;
	(void)size;
	(void)val;
}

static const struct dev_ops fn_ops = {
	.name = "fn", .help = "a PCI function", .state_size = 1, .read = fn_read, .write = fn_write,
};

struct pci_kit {
	struct bus *bus;
	struct dev host, reset, fn[2];
	struct pci_dev p[2];
	struct spy intx[4];
	u64 msi_at;
	u32 msi_data;
};

static void note_msi(void *ctx, u64 at, u32 data)
{
	struct pci_kit *k = ctx;

	k->msi_at = at;
	k->msi_data = data;
}

static void pci_kit_init(struct pci_kit *k)
{
	struct pci_wiring w = { .msi = note_msi, .ctx = k, .reset = &k->reset };
	struct err e;

	memset(k, 0, sizeof(*k));
	assert_int_equal(bus_new(&k->bus, &e), 0);
	k->host = kit_dev(&pci_ops, NULL, 0);
	k->reset = kit_dev(&reset_ops, NULL, 0);
	reset_wire(&k->reset, note_reset, NULL);
	w.bus = k->bus;
	for (unsigned i = 0; i < 4; i++) {
		k->intx[i] = (struct spy)SPY;
		w.intx[i] = &k->intx[i].irq;
	}
	pci_wire(&k->host, &w);
	for (unsigned i = 0; i < 2; i++) {
		k->fn[i] = kit_dev(&fn_ops, NULL, 0);
		k->p[i] = (struct pci_dev){ .dev = &k->fn[i] };
		k->p[i].bar[0] = (struct pci_bar){ .size = 0x20, .io = true };
		k->p[i].bar[1] = (struct pci_bar){ .size = 0x1000 };
		k->p[i].bar[4] = (struct pci_bar){ .size = 0x4000, .wide = true, .prefetch = true };
		pci_put32(k->p[i].initial, 0, 0x10421af4);
		assert_int_equal(pci_add(&k->host, 1 + 4 * i, &k->p[i], &e), 0);
	}
	assert_int_equal(pci_add(&k->host, 1, &k->p[1], &e), -EBUSY);
	assert_int_equal(bus_add(k->bus, &k->host, &e), 0);
	k->host.ops->reset(&k->host);
}

static void pci_kit_fini(struct pci_kit *k)
{
	bus_free(k->bus);
	dev_fini(&k->host);
	dev_fini(&k->reset);
	dev_fini(&k->fn[0]);
	dev_fini(&k->fn[1]);
}

static u32 cfg(struct pci_kit *k, unsigned slot, unsigned off)
{
	bus_write(k->bus, DEV_PIO, 0xcf8, 4, 0x80000000 | slot << 11 | off);
	return (u32)bus_read(k->bus, DEV_PIO, 0xcfc, 4);
}

static void cfg_set(struct pci_kit *k, unsigned slot, unsigned off, u32 val)
{
	bus_write(k->bus, DEV_MMIO, PCI_ECAM_BASE + (slot << 15) + off, 4, val);
}

static void pci_finds_functions(void **unused)
{
	struct pci_kit k;

	(void)unused;
	pci_kit_init(&k);
	assert_int_equal(cfg(&k, 0, 0), 0x29c08086);
	assert_int_equal(cfg(&k, 0, 8) >> 16, 0x600);
	assert_int_equal(cfg(&k, 1, 0), 0x10421af4);
	assert_int_equal(cfg(&k, 2, 0), 0xffffffff);
	bus_write(k.bus, DEV_PIO, 0xcf8, 4, 0x80000000);
	assert_int_equal(bus_read(k.bus, DEV_PIO, 0xcfe, 2), 0x29c0);
	assert_int_equal(bus_read(k.bus, DEV_MMIO, PCI_ECAM_BASE + 2, 1), 0xc0);
	assert_int_equal(bus_read(k.bus, DEV_MMIO, PCI_ECAM_BASE + 0x100, 4), 0);
	assert_int_equal(bus_read(k.bus, DEV_MMIO, PCI_ECAM_BASE + 0x100000, 4), 0xffffffff);
	bus_write(k.bus, DEV_PIO, 0xcf8, 4, 0);
	assert_int_equal(bus_read(k.bus, DEV_PIO, 0xcfc, 4), 0xffffffff);
	reset_by = NULL;
	bus_write(k.bus, DEV_PIO, 0xcf9, 1, 6);
	assert_non_null(reset_by);
	pci_kit_fini(&k);
}

static void pci_bar_moves(void **unused)
{
	struct pci_kit k;

	(void)unused;
	pci_kit_init(&k);
	cfg_set(&k, 1, 0x10, 0xffffffff);
	assert_int_equal(cfg(&k, 1, 0x10), 0xffffffe1);
	cfg_set(&k, 1, 0x14, 0xffffffff);
	assert_int_equal(cfg(&k, 1, 0x14), 0xfffff000);
	cfg_set(&k, 1, 0x20, 0xffffffff);
	cfg_set(&k, 1, 0x24, 0xffffffff);
	assert_int_equal(cfg(&k, 1, 0x20), 0xffffc00c);
	cfg_set(&k, 1, 0x10, 0xc001);
	cfg_set(&k, 1, 0x14, 0xd0000000);
	cfg_set(&k, 1, 0x20, 0);
	cfg_set(&k, 1, 0x24, 0x80);
	assert_int_equal(bus_read(k.bus, DEV_PIO, 0xc004, 2), 0xffff);
	cfg_set(&k, 1, 4, 3);
	assert_int_equal(bus_read(k.bus, DEV_PIO, 0xc004, 2), 4);
	assert_int_equal(bus_read(k.bus, DEV_MMIO, 0xd0000010, 4), 0x10010);
	assert_int_equal(bus_read(k.bus, DEV_MMIO, 0x8000000010, 8), 0x40010);
	cfg_set(&k, 1, 0x14, 0xd1000000);
	assert_int_equal(bus_read(k.bus, DEV_MMIO, 0xd0000010, 4), 0xffffffff);
	assert_int_equal(bus_read(k.bus, DEV_MMIO, 0xd1000010, 4), 0x10010);
	cfg_set(&k, 1, 4, 0);
	assert_int_equal(bus_read(k.bus, DEV_MMIO, 0xd1000010, 4), 0xffffffff);
	pci_kit_fini(&k);
}

/* A BAR put over another, over ECAM or past the last port answers nowhere until there is room. */
static void pci_bars_may_not_overlap(void **unused)
{
	struct pci_kit k;

	(void)unused;
	pci_kit_init(&k);
	cfg_set(&k, 1, 4, 3);
	cfg_set(&k, 5, 4, 3);
	cfg_set(&k, 1, 0x14, 0xd0000000);
	cfg_set(&k, 5, 0x14, 0xd0000000);
	assert_true(k.p[0].mapped[1]);
	assert_false(k.p[1].mapped[1]);
	cfg_set(&k, 1, 0x14, PCI_ECAM_BASE);
	assert_false(k.p[0].mapped[1]);
	assert_true(k.p[1].mapped[1]);
	assert_int_equal(cfg(&k, 0, 0), 0x29c08086);
	cfg_set(&k, 1, 0x10, 0x10001);
	assert_false(k.p[0].mapped[0]);
	cfg_set(&k, 1, 0x10, 0xcf0);
	assert_false(k.p[0].mapped[0]);
	pci_kit_fini(&k);
}

static void pci_interrupts(void **unused)
{
	struct pci_kit k;

	(void)unused;
	pci_kit_init(&k);
	pci_intx(&k.p[0], true);
	pci_intx(&k.p[1], true); /* slots 1 and 5 share wire 1 */
	assert_true(k.intx[1].level);
	assert_int_equal(cfg(&k, 1, 4) >> 16 & 8, 8);
	pci_intx(&k.p[0], false);
	assert_true(k.intx[1].level);
	cfg_set(&k, 5, 4, 1 << 10);
	assert_false(k.intx[1].level);
	pci_msi(&k.p[0], 0xfee00000, 0x41); /* not a bus master yet */
	assert_int_equal(k.msi_at, 0);
	cfg_set(&k, 1, 4, 4);
	pci_msi(&k.p[0], 0xfee00000, 0x41);
	assert_int_equal(k.msi_data, 0x41);
	k.host.ops->reset(&k.host);
	assert_int_equal(cfg(&k, 1, 4), 0);
	pci_kit_fini(&k);
}

/* ---- ACPI ---- */

static u8 sum(const u8 *p, size_t len)
{
	u8 n = 0;

	while (len--)
		n = (u8)(n + *p++);
	return n;
}

static u64 num(const u8 *p, unsigned n)
{
	u64 val = 0;

	memcpy(&val, p, n);
	return val;
}

static u8 tables[ACPI_TABLES_MAX];
#define TABLES_AT 0xe0000u

static const u8 *at(u64 where)
{
	assert_in_range(where, TABLES_AT, TABLES_AT + sizeof(tables) - 36);
	return tables + (where - TABLES_AT);
}

static const u8 *table(const char *name)
{
	const u8 *xsdt = at(num(tables + 24, 8));

	for (unsigned i = 36; i < num(xsdt + 4, 4); i += 8)
		if (!memcmp(at(num(xsdt + i, 8)), name, 4))
			return at(num(xsdt + i, 8));
	return NULL;
}

static void acpi_tables_have_checksums(void **unused)
{
	struct acpi_config c = { .ncpus = 240, .at = TABLES_AT, .mmio64_at = GIB(32) };
	static const char *const names[] = { "FACP", "APIC", "MCFG" };
	const u8 *fadt, *dsdt, *madt;
	size_t used;
	u64 mark = GIB(32);

	(void)unused;
	memset(tables, 0, sizeof(tables));
	used = acpi_build(&c, tables);
	assert_in_range(used, 2000, sizeof(tables));
	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_int_equal(sum(tables, 20), 0);
	assert_int_equal(sum(tables, 36), 0);
	assert_int_equal(sum(at(num(tables + 24, 8)), num(at(num(tables + 24, 8)) + 4, 4)), 0);
	assert_int_equal(sum(at(num(tables + 16, 4)), num(at(num(tables + 16, 4)) + 4, 4)), 0);
	for (unsigned i = 0; i < 3; i++) {
		const u8 *t = table(names[i]);

		assert_non_null(t);
		assert_int_equal(sum(t, num(t + 4, 4)), 0);
	}
	fadt = table("FACP");
	dsdt = at(num(fadt + 140, 8));
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_int_equal(sum(dsdt, num(dsdt + 4, 4)), 0);
	assert_non_null(memmem(dsdt, num(dsdt + 4, 4), &mark, 8));
	assert_memory_equal(at(num(fadt + 36, 4)), "FACS", 4);
	assert_int_equal(num(fadt + 36, 4) % 64, 0);
	madt = table("APIC");
	assert_int_equal(madt[44], 0);
	assert_int_equal(madt[44 + 239 * 8 + 3], 239);
	assert_int_equal(madt[44 + 240 * 8], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uart_is_found_by_linux),
		cmocka_unit_test(uart_sends_and_asks_for_more),
		cmocka_unit_test(uart_receives_with_back_pressure),
		cmocka_unit_test(uart_keeps_input_for_who_listens),
		cmocka_unit_test(uart_loops_back),
		cmocka_unit_test(uart_tells_breaks_and_modem_lines),
		cmocka_unit_test(uart_passes_its_settings_on),
		cmocka_unit_test(kbd_answers_without_a_keyboard),
		cmocka_unit_test(resets_are_told),
		cmocka_unit_test(pm_s5_powers_off),
		cmocka_unit_test(pm_power_button_interrupts),
		cmocka_unit_test(debug_ports_tell),
		cmocka_unit_test(pci_finds_functions),
		cmocka_unit_test(pci_bar_moves),
		cmocka_unit_test(pci_bars_may_not_overlap),
		cmocka_unit_test(pci_interrupts),
		cmocka_unit_test(acpi_tables_have_checksums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
