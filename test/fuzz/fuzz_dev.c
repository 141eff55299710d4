/* fuzz_dev.c - a hostile guest at the whole board: ports, device memory, MSRs, time, resets. */
/* @links src/base src/mem src/dev src/x86 src/disk src/net src/fs src/vm/board*.c */
#include <stdlib.h>
#include <string.h>

#include "vm/board.h"

#include "input.h"

#define CPUS 3
#define OPS_MAX 2000

static struct engine engine;
static struct vcpu cpu[CPUS], *cpus[CPUS];
static struct mem *mem;
static struct board *board;
static struct engine_host host;
static u64 icount;

static void fake_kick(struct vcpu *v) { (void)v; }
static u64 fake_icount(struct vcpu *v) { (void)v; return icount; }

static const struct engine_ops fake_ops = { .name = "fake", .kick = fake_kick,
					    .icount = fake_icount };

static void call_nothing(void *ctx) { (void)ctx; }
static void call_reset(void *ctx, const char *how) { (void)ctx; (void)how; }
static void call_byte(void *ctx, u8 byte) { (void)ctx; (void)byte; }
static void call_value(void *ctx, u32 value) { (void)ctx; (void)value; }
static void call_room(void *ctx, unsigned i) { (void)ctx; (void)i; }
static void com_put(struct serial_backend *b, u8 byte) { (void)b; (void)byte; }

static struct serial_backend com = { .put = com_put };

static void make(void)
{
	struct board_config c = {
		.mem = mem, .ncpus = CPUS, .deterministic = true, .debug_exit = true, .bios = true,
		.tsc_hz = BOARD_DETERMINISTIC_HZ, .serial = { &com, NULL, &com, NULL },
		.calls = { NULL, call_nothing, call_reset, call_byte, call_value, call_byte,
			   call_room },
	};
	struct err e;
	gpa_t rsdp;

	icount = 0;
	memset(cpu, 0, sizeof(cpu));
	if (board_new(&c, &board, &e))
		abort();
	board_host(board, &host);
	engine.ops = &fake_ops;
	for (unsigned i = 0; i < CPUS; i++) {
		cpus[i] = &cpu[i];
		cpu[i].index = i;
		cpu[i].engine = &engine;
	}
	board_attach(board, &engine, cpus);
	if (board_tables(board, &rsdp, &e))
		abort();
}

static const u16 ports[] = {
	0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x70, 0x71, 0x60, 0x64,
	0x92, 0xcf8, 0xcf9, 0xcfc, 0xcfe, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x2f8,
	0x3e8, 0x600, 0x602, 0x604, 0x608, 0xf4, 0xe9, 0x505, 0x80, 0x510, 0x511, 0x518, 0x3f2, 0x3f4,
	0x3f5, 0x04, 0x05, 0x0a, 0x0b, 0x0c, 0x81, 0x3c0, 0x3c5, 0x3c9, 0x3d4, 0x3d5, 0x3da,
};
static const u64 places[] = {
	LAPIC_BASE, IOAPIC_BASE, PCI_ECAM_BASE, 0xc0000000, 0xfeb00000, 0x800000000,
};
static const u32 msrs[] = {
	0x1b, 0x6e0, 0x800, 0x830, 0x4b564d00, 0x4b564d01, 0x4b564d04, 0x11, 0x12,
};

static u16 pick_port(void)
{
	u8 n = (u8)next(1);

	return n < 200 ? ports[n % ARRAY_SIZE(ports)] : (u16)next(2);
}

static u64 pick_place(void)
{
	u8 n = (u8)next(1);

	if (n < 100)
		return LAPIC_BASE + (next(1) << 4);
	return n < 240 ? places[n % ARRAY_SIZE(places)] + next(2) : next(8);
}

static u32 pick_msr(void)
{
	u8 n = (u8)next(1);

	return n < 128 ? msrs[n % ARRAY_SIZE(msrs)] + (n % 9 == 2 ? n >> 1 : 0) : 0x800u + n % 0x40;
}

static void step_access(u8 op, struct vcpu *v)
{
	unsigned size = 1u << (op >> 4 & 3);
	u64 val;

	switch (op & 7) {
	case 0:
		host.pio_read(board, v, pick_port(), size > 4 ? 4 : size);
		break;
	case 1:
	case 2:
		host.pio_write(board, v, pick_port(), size > 4 ? 4 : size, (u32)next(op & 1 ? 1 : 4));
		break;
	case 3:
		host.mmio_read(board, v, GPA(pick_place()), size);
		break;
	case 4:
	case 5:
		host.mmio_write(board, v, GPA(pick_place()), op & 1 ? 4 : size, next(4));
		break;
	case 6:
		host.msr_write(board, v, pick_msr(), next(op & 8 ? 8 : 3));
		break;
	default:
		host.msr_read(board, v, pick_msr(), &val);
	}
}

static void step_machine(u8 op, struct vcpu *v)
{
	u64 arg[4] = { 0 };
	u8 text[40] = "typed";

	switch (op & 7) {
	case 0:
		if (host.irq_pending(board, v) && host.irq_ack(board, v) > 255)
			abort();
		break;
	case 1:
		host.cr8_write(board, v, op >> 3 & 15);
		break;
	case 2:
		arg[1] = next(1);
		host.hypercall(board, v, next(1), arg);
		break;
	case 3:
		board_serial_in(board, op >> 3 & 3, text, next(1) % sizeof(text));
		break;
	case 4:
		icount += next(3);
		board_advance(board, v, icount);
		break;
	case 5:
		board_skip(board, &cpu[0]);
		break;
	case 6:
		board_power_button(board);
		board_serial_break(board, 0);
		break;
	default:
		if (op & 0x40)
			board_reset(board);
		board_now_ns(board);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct err e;

	if (!mem && mem_new(MIB(1), &mem, &e))
		abort();
	make();
	in = data;
	left = len;
	for (unsigned i = 0; left && i < OPS_MAX; i++) {
		u8 op = (u8)next(1);
		struct vcpu *v = &cpu[(op >> 6) % CPUS];

		icount += 100;
		if (op & 8)
			step_machine((u8)next(1), v);
		else
			step_access(op, v);
	}
	board_free(board);
	return 0;
}
