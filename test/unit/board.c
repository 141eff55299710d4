/* board.c - tests of the whole board, with an engine that runs nothing. */
/* @links src/base src/mem src/dev src/x86 src/disk src/net src/fs src/vm/board*.c */
#include <errno.h>
#include <string.h>

#include "dev_kit.h"
#include "vm/board.h"

#define CPUS 2

struct machine {
	struct engine engine;
	struct vcpu cpu[CPUS], *v[CPUS];
	struct mem *mem;
	struct board *board;
	struct engine_host host;
	struct serial_backend com1;
	u64 icount;
	unsigned kicks, line_calls, offs, resets, rooms;
	unsigned gsi;
	bool level;
	u8 last;
};

static struct machine m;

static void fake_kick(struct vcpu *v) { (void)v; m.kicks++; }
static u64 fake_icount(struct vcpu *v) { (void)v; return m.icount; }
static void fake_line(struct engine *en, unsigned gsi, bool level)
{
	(void)en;
	m.line_calls++;
	m.gsi = gsi;
	m.level = level;
}

static const struct engine_ops fake_ops = {
	.name = "fake", .kick = fake_kick, .irq_line = fake_line, .icount = fake_icount,
};

static void call_off(void *ctx) { (void)ctx; m.offs++; }
static void call_reset(void *ctx, const char *how) { (void)ctx; (void)how; m.resets++; }
static void call_panic(void *ctx, u8 events) { (void)ctx; (void)events; }
static void call_exit(void *ctx, u32 value) { (void)ctx; (void)value; }
static void call_room(void *ctx, unsigned i) { (void)ctx; (void)i; m.rooms++; }
static void com1_put(struct serial_backend *b, u8 byte) { (void)b; m.last = byte; }

static void machine_init(bool irqchip, bool deterministic)
{
	struct board_config c = {
		.ncpus = CPUS, .irqchip = irqchip, .deterministic = deterministic,
		.tsc_hz = 1000000000,
		.calls = { NULL, call_off, call_reset, call_panic, call_exit, NULL, call_room },
	};
	struct err e;

	memset(&m, 0, sizeof(m));
	m.engine.ops = &fake_ops;
	m.com1.put = com1_put;
	assert_int_equal(mem_new(MIB(4), &m.mem, &e), 0);
	c.mem = m.mem;
	c.serial[0] = &m.com1;
	assert_int_equal(board_new(&c, &m.board, &e), 0);
	board_host(m.board, &m.host);
	for (unsigned i = 0; i < CPUS; i++) {
		m.v[i] = &m.cpu[i];
		m.v[i]->index = i;
		m.v[i]->engine = &m.engine;
	}
	board_attach(m.board, &m.engine, m.v);
}

static void machine_fini(void)
{
	board_free(m.board);
	mem_free(m.mem);
}

static void out(u16 port, u32 val, unsigned size)
{
	m.host.pio_write(m.host.ctx, m.v[0], port, size, val);
}

static u32 in(u16 port, unsigned size)
{
	return m.host.pio_read(m.host.ctx, m.v[0], port, size);
}

static void store(unsigned cpu, u64 at, u32 val)
{
	m.host.mmio_write(m.host.ctx, m.v[cpu], GPA(at), 4, val);
}

static u32 load(unsigned cpu, u64 at)
{
	return (u32)m.host.mmio_read(m.host.ctx, m.v[cpu], GPA(at), 4);
}

static void route(unsigned pin, u32 low, u8 dest)
{
	store(0, IOAPIC_BASE, 0x11 + 2 * pin);
	store(0, IOAPIC_BASE + 0x10, (u32)dest << 24);
	store(0, IOAPIC_BASE, 0x10 + 2 * pin);
	store(0, IOAPIC_BASE + 0x10, low);
}

/* The vector a vCPU takes, as an engine asks: events first. */
static int take(unsigned cpu)
{
	struct vcpu *v = m.v[cpu];

	if (!(v->events & EV_IRQ))
		return -1;
	v->events = v->events & ~(u32)EV_IRQ;
	if (!m.host.irq_pending(m.host.ctx, v))
		return -1;
	return m.host.irq_ack(m.host.ctx, v);
}

static void apics_on(void)
{
	for (unsigned i = 0; i < CPUS; i++)
		store(i, LAPIC_BASE + 0xf0, 0x1ff);
	out(0x21, 0xff, 1);
	out(0xa1, 0xff, 1);
}

static void board_shares_lines(void **unused)
{
	(void)unused;
	machine_init(false, true);
	apics_on();
	route(4, 0x34, 1);
	out(0x3f9, 2, 1); /* COM1 wants to send, and so does COM3 on the same line */
	assert_int_equal(take(1), 0x34);
	store(1, LAPIC_BASE + 0xb0, 0);
	out(0x3e9, 2, 1);
	assert_int_equal(take(1), -1);
	assert_int_equal(in(0x3fa, 1), 2);
	out(0x3e9, 0, 1); /* now the line falls; the next rise is an edge */
	out(0x3e9, 2, 1);
	assert_int_equal(take(1), 0x34);
	machine_fini();
}

static void board_gives_each_cpu_its_apic(void **unused)
{
	(void)unused;
	machine_init(false, true);
	apics_on();
	assert_int_equal(load(0, LAPIC_BASE + 0x20), 0);
	assert_int_equal(load(1, LAPIC_BASE + 0x20), 1 << 24);
	m.kicks = 0;
	store(0, LAPIC_BASE + 0x310, 1 << 24);
	store(0, LAPIC_BASE + 0x300, 0x4055);
	assert_int_equal(m.kicks, 1);
	assert_int_equal(take(1), 0x55);
	store(0, LAPIC_BASE + 0x300, 0x4500);
	assert_int_equal(m.v[1]->events & EV_INIT, EV_INIT);
	store(0, LAPIC_BASE + 0x300, 0x4608);
	assert_int_equal(m.v[1]->events & EV_SIPI, EV_SIPI);
	assert_int_equal(m.v[1]->sipi_vector, 8);
	assert_true(m.host.msr_write(m.host.ctx, m.v[1], MSR_APIC_BASE, 0xfee00c00));
	assert_int_equal(load(1, LAPIC_BASE + 0x20), 0xffffffff);
	assert_false(m.host.msr_write(m.host.ctx, m.v[1], 0x4b564d09, 0));
	m.host.cr8_write(m.host.ctx, m.v[0], 7);
	assert_int_equal(m.host.cr8_read(m.host.ctx, m.v[0]), 7);
	machine_fini();
}

static void board_runs_without_apics(void **unused)
{
	(void)unused;
	machine_init(false, true);
	out(0x20, 0x11, 1);
	out(0x21, 0x08, 1);
	out(0x21, 4, 1);
	out(0x21, 1, 1);
	out(0x21, 0xfe, 1);
	out(0x43, 0x34, 1);
	out(0x40, 0xa9, 1);
	out(0x40, 4, 1); /* a millisecond */
	take(0);         /* the edge that programming made */
	out(0x20, 0x20, 1);
	assert_int_equal(take(0), -1);
	m.icount = 1100000;
	in(0x80, 1);
	assert_int_equal(take(0), 8);
	assert_int_equal(m.v[1]->events, 0);
	machine_fini();
}

static void board_presses_the_power_button(void **unused)
{
	(void)unused;
	machine_init(false, true);
	apics_on();
	route(9, 0x8039, 0);
	out(0x602, 0x100, 2);
	board_power_button(m.board);
	assert_int_equal(take(0), 0x39);
	out(0x600, 0x100, 2);
	store(0, LAPIC_BASE + 0xb0, 0);
	assert_int_equal(take(0), -1);
	out(0x604, 0x3400, 2);
	assert_int_equal(m.offs, 1);
	out(0xcf9, 6, 1);
	out(0x64, 0xfe, 1);
	assert_int_equal(m.resets, 2);
	machine_fini();
}

static void board_carries_serial_bytes(void **unused)
{
	u8 buf[32] = "hello";

	(void)unused;
	machine_init(false, true);
	out(0x3f8, 'x', 1);
	assert_int_equal(m.last, 'x');
	out(0x2f8, 'y', 1); /* nothing plugged in */
	assert_int_equal(m.last, 'x');
	assert_int_equal(in(0x2fe, 1), 0);
	out(0x3fa, 1, 1);
	assert_int_equal(board_serial_in(m.board, 0, buf, 32), 0); /* nobody listens yet */
	out(0x3f9, 1, 1);
	assert_int_equal(m.rooms, 1);
	assert_int_equal(board_serial_in(m.board, 0, buf, 32), 16);
	assert_int_equal(in(0x3f8, 1), 'h');
	for (unsigned i = 1; i < 16; i++)
		in(0x3f8, 1);
	assert_int_equal(m.rooms, 2);
	machine_fini();
}

static void board_leaves_lines_to_the_engine(void **unused)
{
	(void)unused;
	machine_init(true, false);
	assert_null(m.host.irq_ack);
	out(0x2f9, 2, 1);
	assert_int_equal(m.line_calls, 1);
	assert_int_equal(m.gsi, 3);
	assert_true(m.level);
	assert_int_equal(load(0, IOAPIC_BASE), 0xffffffff);
	board_reset(m.board);
	assert_int_equal(m.line_calls, 2);
	assert_false(m.level);
	machine_fini();
}

/* Arms cpu 0's local APIC timer, vector 0xec, at TSC at. */
static void deadline(u64 at)
{
	store(0, LAPIC_BASE + 0x320, 0x400ec);
	assert_true(m.host.msr_write(m.host.ctx, m.v[0], MSR_TSC_DEADLINE, at));
}

static void board_skips_to_next_timer(void **unused)
{
	(void)unused;
	machine_init(false, true);
	apics_on();
	m.icount = 1000;
	assert_true(board_advance(m.board, m.v[0], 1000) == UINT64_MAX);
	deadline(501000);
	assert_int_equal(board_advance(m.board, m.v[0], 1000), 501000);
	assert_true(board_skip(m.board, m.v[0]));
	assert_int_equal(board_now_ns(m.board), 501000);
	assert_int_equal(m.v[0]->tsc_offset, 500000);
	assert_int_equal(take(0), 0xec);
	store(0, LAPIC_BASE + 0xb0, 0);
	assert_false(board_skip(m.board, m.v[0]));
	deadline(502000); /* icount 1000 is TSC 501000 now */
	assert_int_equal(board_advance(m.board, m.v[0], 1500), 2000);
	assert_int_equal(take(0), -1);
	assert_true(board_advance(m.board, m.v[0], 2000) == UINT64_MAX);
	assert_int_equal(take(0), 0xec);
	machine_fini();
}

static void board_publishes_one_clock(void **unused)
{
	u64 tsc = 0, ns = 1;

	(void)unused;
	machine_init(false, true);
	m.icount = 1000;
	board_skip(m.board, m.v[0]);
	assert_true(m.host.msr_write(m.host.ctx, m.v[0], 0x4b564d01, 0x1001));
	assert_int_equal(mem_read(m.mem, GPA(0x1008), 8, &tsc), 0);
	assert_int_equal(mem_read(m.mem, GPA(0x1010), 8, &ns), 0);
	assert_int_equal(tsc, ns); /* a tick is a nanosecond, both from 0 */
	machine_fini();
}

static void board_stands_still(void **unused)
{
	u64 at, tsc, later, ns;

	(void)unused;
	machine_init(false, false);
	assert_true(m.host.msr_write(m.host.ctx, m.v[0], 0x4b564d01, 0x1001));
	board_pause(m.board);
	at = board_now_ns(m.board);
	assert_int_equal(mem_read(m.mem, GPA(0x1008), 8, &tsc), 0);
	assert_true(board_now_ns(m.board) == at);
	board_resume(m.board);
	assert_true(board_now_ns(m.board) >= at);
	assert_int_equal(mem_read(m.mem, GPA(0x1008), 8, &later), 0);
	assert_int_equal(mem_read(m.mem, GPA(0x1010), 8, &ns), 0);
	assert_true(later > tsc);
	assert_in_range(ns, 1, at + 100000000);
	machine_fini();
}

static void board_remembers_kicks(void **unused)
{
	const u64 arg[4] = { 0, 1, 0, 0 }, nobody[4] = { 0, 99, 0, 0 };

	(void)unused;
	machine_init(false, true);
	assert_int_equal(m.host.hypercall(m.host.ctx, m.v[0], 5, arg), 0);
	assert_int_equal(m.v[1]->events & EV_STOP, EV_STOP);
	assert_true(board_unhalt(m.board, m.v[1]));
	assert_false(board_unhalt(m.board, m.v[1]));
	assert_int_equal(m.host.hypercall(m.host.ctx, m.v[0], 5, nobody), 0);
	assert_true(m.host.hypercall(m.host.ctx, m.v[0], 99, arg) == (u64)-1000);
	machine_fini();
}

static void board_resets(void **unused)
{
	gpa_t rsdp;
	u8 sig[8];
	struct err e;

	(void)unused;
	machine_init(false, true);
	apics_on();
	out(0x3f9, 2, 1);
	route(4, 0x34, 0);
	deadline(1000000);
	out(0x43, 0x34, 1);
	out(0x40, 0, 1);
	out(0x40, 1, 1);
	board_reset(m.board);
	m.v[0]->events = 0;
	m.icount = 10000000;
	in(0x80, 1);
	assert_int_equal(take(0), -1);
	assert_true(board_advance(m.board, m.v[0], m.icount) == UINT64_MAX);
	assert_int_equal(load(0, LAPIC_BASE + 0xf0), 0xff);
	assert_int_equal(in(0x3f9, 1), 0);
	assert_int_equal(board_tables(m.board, &rsdp, &e), 0);
	assert_int_equal(mem_read(m.mem, rsdp, 8, sig), 0);
	assert_memory_equal(sig, "RSD PTR ", 8);
	machine_fini();
}

static void board_refuses_too_many_cpus(void **unused)
{
	struct board_config c = { .ncpus = BOARD_CPUS_MAX + 1 };
	struct board *b;
	struct err e;

	(void)unused;
	assert_int_equal(board_new(&c, &b, &e), -EINVAL);
	assert_string_equal(e.text, "a board has sockets for 1 to 240 processors");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(board_shares_lines),
		cmocka_unit_test(board_gives_each_cpu_its_apic),
		cmocka_unit_test(board_runs_without_apics),
		cmocka_unit_test(board_presses_the_power_button),
		cmocka_unit_test(board_carries_serial_bytes),
		cmocka_unit_test(board_leaves_lines_to_the_engine),
		cmocka_unit_test(board_skips_to_next_timer),
		cmocka_unit_test(board_publishes_one_clock),
		cmocka_unit_test(board_stands_still),
		cmocka_unit_test(board_remembers_kicks),
		cmocka_unit_test(board_resets),
		cmocka_unit_test(board_refuses_too_many_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
