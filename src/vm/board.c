/* board.c - which devices a machine has, and what the machine may ask of them. */
#include "vm/board.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <x86intrin.h>

#include "vm/board_int.h"

#define NS 1000000000u

static void uart_put(void *ctx, u8 byte)
{
	const struct cable *c = ctx;
	struct serial_backend *s = c->board->config.serial[c->port];

	s->put(s, byte);
}

static void uart_room(void *ctx)
{
	const struct cable *c = ctx;
	const struct board_calls *calls = &c->board->config.calls;

	calls->serial_room(calls->ctx, c->port);
}

static void uart_line(void *ctx, const struct serial_line *l)
{
	const struct cable *c = ctx;
	struct serial_backend *s = c->board->config.serial[c->port];

	if (s->line)
		s->line(s, l);
}

/* One row a device: its place in struct board, its kind, and whether the bus carries it. */
struct part {
	size_t at;
	const struct dev_ops *ops;
	u16 ports;
	bool own_irqchip; /* only when the interrupt controllers are ours */
	u16 when;         /* only when this bool of the configuration is set; 0: always */
};
#define PART(m) offsetof(struct board, m)
#define WHEN(m) offsetof(struct board_config, m)

static const struct part parts[] = {
	{ PART(pit), &pit_ops, 0, false, 0 },
	{ PART(rtc), &rtc_ops, 0, false, 0 },
	{ PART(uart[0]), &uart_ops, 0x3f8, false, 0 },
	{ PART(uart[1]), &uart_ops, 0x2f8, false, 0 },
	{ PART(uart[2]), &uart_ops, 0x3e8, false, 0 },
	{ PART(uart[3]), &uart_ops, 0x2e8, false, 0 },
	{ PART(kbd), &kbd_ops, 0, false, 0 },
	{ PART(reset), &reset_ops, 0, false, 0 },
	{ PART(pm), &pm_ops, 0, false, 0 },
	{ PART(pmtimer), &pmtimer_ops, 0, false, 0 },
	{ PART(pci), &pci_ops, 0, false, 0 },
	{ PART(pvpanic), &pvpanic_ops, 0, false, 0 },
	{ PART(debugcon), &debugcon_ops, 0, false, 0 },
	{ PART(debugexit), &debugexit_ops, 0, false, WHEN(debug_exit) },
	{ PART(vga), &vga_ops, 0, false, 0 },
	{ PART(dma), &dma_ops, 0, false, 0 },
	{ PART(floppy), &floppy_ops, 0, false, WHEN(bios) },
	{ PART(fwcfg), &fwcfg_ops, 0, false, WHEN(bios) },
	{ PART(ioapic), &ioapic_ops, 0, true, 0 },
	{ PART(pic), &pic_ops, 0, true, 0 },
};

static struct dev *part_dev(struct board *b, unsigned i)
{
	return (struct dev *)((char *)b + parts[i].at);
}

static bool part_present(const struct board *b, unsigned i)
{
	const bool *when = (const bool *)((const char *)&b->config + parts[i].when);

	return !(parts[i].own_irqchip && b->config.irqchip) && (!parts[i].when || *when);
}

static int make_parts(struct board *b, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(parts) && !rc; i++) {
		struct dev *d = part_dev(b, i);

		if (!part_present(b, i))
			continue;
		rc = dev_init(d, parts[i].ops, b->clock, parts[i].ports, e);
		if (!rc)
			rc = bus_add(b->bus, d, e);
	}
	return rc;
}

/* Local APICs and kvmclocks, one of each per vCPU. */
static int make_per_cpu(struct board *b, struct err *e)
{
	unsigned n = b->config.ncpus;
	int rc = 0;

	b->lapic = calloc(n, sizeof(*b->lapic));
	b->kvmclock = calloc(n, sizeof(*b->kvmclock));
	if (!b->lapic || !b->kvmclock)
		return err_set(e, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < n && !rc; i++) {
		rc = dev_init(&b->lapic[i], &lapic_ops, b->clock, 0, e);
		if (!rc)
			rc = dev_init(&b->kvmclock[i], &kvmclock_ops, b->clock, 0, e);
	}
	return rc;
}

static void wire_uarts(struct board *b)
{
	for (unsigned i = 0; i < 4; i++) {
		struct cable *c = &b->cable[i];
		bool plugged = b->config.serial[i];
		struct uart_peer peer = {
			.ctx = c, .plugged = plugged, .patient = true, .put = plugged ? uart_put : NULL,
			.room = b->config.calls.serial_room ? uart_room : NULL,
			.line = plugged ? uart_line : NULL,
		};

		*c = (struct cable){ b, i };
		uart_wire(&b->uart[i], &b->source[SOURCE_COM1 + i].irq, &peer);
	}
}

static void wire_pci(struct board *b)
{
	struct pci_wiring w = { .bus = b->bus, .reset = &b->reset, .msi = board_msi, .ctx = b,
				.older = b->config.bios };

	for (unsigned i = 0; i < ARRAY_SIZE(w.intx); i++)
		w.intx[i] = &b->source[SOURCE_INTA + i].irq;
	pci_wire(&b->pci, &w);
}

static void wire_floppy(struct board *b)
{
	struct floppy_wiring w = {
		.dma = &b->dma, .irq6 = &b->source[SOURCE_FLOPPY].irq, .disk = board_floppy(b),
	};

	floppy_wire(&b->floppy, &w);
}

static void wire_per_cpu(struct board *b)
{
	b->rate = (struct kvmclock_rate){
		.mem = b->config.mem, .tsc_hz = b->config.tsc_hz, .pair = board_clock_pair, .ctx = b,
	};
	for (unsigned i = 0; i < b->config.ncpus; i++) {
		lapic_wire(&b->lapic[i], &b->apics, i);
		kvmclock_wire(&b->kvmclock[i], &b->rate, i);
	}
	ioapic_wire(&b->ioapic, &b->apics);
}

static void wire(struct board *b)
{
	const struct board_calls *c = &b->config.calls;

	board_lines_init(b);
	pit_wire(&b->pit, &b->source[SOURCE_PIT].irq);
	rtc_wire(&b->rtc, &b->source[SOURCE_RTC].irq);
	kbd_wire(&b->kbd, &b->source[SOURCE_KBD].irq, c->reset, c->ctx);
	if (b->config.bios)
		kbd_plug(&b->kbd);
	reset_wire(&b->reset, c->reset, c->ctx);
	pm_wire(&b->pm, &b->source[SOURCE_SCI].irq, c->power_off, c->ctx);
	pvpanic_wire(&b->pvpanic, c->panic, c->ctx);
	debugcon_wire(&b->debugcon, c->debug_byte, c->ctx);
	if (b->config.debug_exit)
		debugexit_wire(&b->debugexit, c->debug_exit, c->ctx);
	dma_wire(&b->dma, b->config.mem);
	if (b->config.bios)
		wire_floppy(b);
	wire_uarts(b);
	wire_pci(b);
	board_cards_wire(b);
	if (b->config.irqchip)
		return;
	board_apics_init(b);
	wire_per_cpu(b);
}

/* What firmware would have left in CMOS memory; sizes in the units each register pair has. */
static void fill_cmos(struct board *b)
{
	u64 ram = b->config.mem->ram, low = ram < MEM_LOW_MAX ? ram : MEM_LOW_MAX;
	u64 ext_k = (low - MIB(1)) >> 10, above16 = low > MIB(16) ? (low - MIB(16)) >> 16 : 0;
	u64 high = (ram - low) >> 16;
	const struct { u8 index; u64 val; } row[] = {
		{ 0x10, floppy_cmos(board_floppy(b)) },
		{ 0x14, 0x02 }, /* equipment: a mathematics coprocessor, no display, no floppy */
		{ 0x15, 640 & 0xff }, { 0x16, 640 >> 8 },
		{ 0x17, ext_k > 0xffff ? 0xff : ext_k }, { 0x18, ext_k > 0xffff ? 0xff : ext_k >> 8 },
		{ 0x30, ext_k > 0xffff ? 0xff : ext_k }, { 0x31, ext_k > 0xffff ? 0xff : ext_k >> 8 },
		{ 0x34, above16 }, { 0x35, above16 >> 8 },
		{ 0x5b, high }, { 0x5c, high >> 8 }, { 0x5d, high >> 16 },
		{ 0x5f, b->config.ncpus - 1 },
		{ 0x3d, b->config.boot_order }, { 0x38, b->config.boot_order >> 4 & 0xf0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++)
		rtc_cmos_set(&b->rtc, row[i].index, (u8)row[i].val);
}

/* Interrupt controllers last: the devices have let go of their lines by then. */
static void reset_all(struct board *b)
{
	board_cards_reset(b);
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		if (part_present(b, i))
			parts[i].ops->reset(part_dev(b, i));
	if (b->config.irqchip)
		return;
	for (unsigned i = 0; i < b->config.ncpus; i++) {
		lapic_ops.reset(&b->lapic[i]);
		kvmclock_ops.reset(&b->kvmclock[i]);
		b->kicked[i] = false;
	}
	dev_write(&b->pic, DEV_PIO, 0x4d1, 1, 0x0e); /* SCI and the PCI wires are levels */
}

/* Every kvmclock says that the guest was stopped: its watchdogs keep still then. */
static void tell_stopped(void *ctx)
{
	struct board *b = ctx;

	for (unsigned i = 0; b->kvmclock && i < b->config.ncpus; i++)
		kvmclock_refresh(&b->kvmclock[i], true);
}

int board_new(const struct board_config *c, struct board **ret, struct err *e)
{
	struct board *b;
	int rc;

	if (!c->ncpus || c->ncpus > BOARD_CPUS_MAX)
		return err_set(e, -EINVAL, "a board has sockets for 1 to %d processors", BOARD_CPUS_MAX);
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(e, -ENOMEM, "out of memory");
	b->config = *c;
	pthread_mutex_init(&b->lock, NULL);
	b->kicked = calloc(c->ncpus, sizeof(*b->kicked));
	rc = b->kicked ? clock_new(c->deterministic, &b->lock, &b->clock, e)
		       : err_set(e, -ENOMEM, "out of memory");
	if (!rc)
		rc = bus_new(&b->bus, e);
	if (!rc)
		rc = make_parts(b, e);
	if (!rc && c->bios)
		rc = fwcfg_wire(&b->fwcfg, c->mem, e);
	if (!rc && !c->irqchip)
		rc = make_per_cpu(b, e);
	if (!rc)
		rc = board_cards_make(b, e);
	if (rc) {
		board_free(b);
		return rc;
	}
	pthread_mutex_lock(&b->lock);
	clock_on_gap(b->clock, tell_stopped, b);
	wire(b);
	fill_cmos(b);
	reset_all(b);
	b->tsc0 = __rdtsc();
	b->ns0 = clock_now(b->clock);
	pthread_mutex_unlock(&b->lock);
	*ret = b;
	return 0;
}

void board_free(struct board *b)
{
	if (!b)
		return;
	board_cards_free(b);
	clock_free(b->clock);
	bus_free(b->bus);
	fwcfg_fini(&b->fwcfg);
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		dev_fini(part_dev(b, i));
	for (unsigned i = 0; i < b->config.ncpus; i++) {
		if (b->lapic)
			dev_fini(&b->lapic[i]);
		if (b->kvmclock)
			dev_fini(&b->kvmclock[i]);
	}
	free(b->lapic);
	free(b->kvmclock);
	free((void *)b->kicked);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void board_attach(struct board *b, struct engine *en, struct vcpu *const *v)
{
	pthread_mutex_lock(&b->lock);
	b->engine = en;
	b->vcpu = v;
	pthread_mutex_unlock(&b->lock);
}

/* 64-bit BARs go above RAM, on a boundary that suits large ones. */
static u64 mmio64_at(const struct board *b)
{
	u64 ram = b->config.mem->ram, end = ram > MEM_LOW_MAX ? MEM_HIGH + ram - MEM_LOW_MAX : MEM_HIGH;

	return (end + GIB(32) - 1) & ~(GIB(32) - 1);
}

int board_tables(struct board *b, gpa_t *ret, struct err *e)
{
	struct acpi_config c = {
		.ncpus = b->config.ncpus, .at = board_tables_at(b).at, .mmio64_at = mmio64_at(b),
		.legacy = b->config.bios,
	};
	u8 *buf = calloc(1, ACPI_TABLES_MAX);
	int rc;

	if (!buf)
		return err_set(e, -ENOMEM, "out of memory");
	rc = mem_write(b->config.mem, GPA(c.at), acpi_build(&c, buf), buf);
	free(buf);
	if (rc)
		return err_set(e, rc, "no room for the ACPI tables in guest memory");
	*ret = GPA(c.at);
	return 0;
}

void board_reset(struct board *b)
{
	pthread_mutex_lock(&b->lock);
	board_cards_drain(b);
	reset_all(b);
	pthread_mutex_unlock(&b->lock);
}

void board_power_button(struct board *b)
{
	pthread_mutex_lock(&b->lock);
	pm_power_button(&b->pm);
	pthread_mutex_unlock(&b->lock);
}

bool board_keys(struct board *b, const u16 *key, unsigned n)
{
	bool taken;

	pthread_mutex_lock(&b->lock);
	taken = kbd_keys(&b->kbd, key, n);
	pthread_mutex_unlock(&b->lock);
	return taken;
}

bool board_screen(struct board *b, struct vga_text *ret)
{
	bool text;

	pthread_mutex_lock(&b->lock);
	text = vga_text(&b->vga, b->config.mem, ret);
	pthread_mutex_unlock(&b->lock);
	return text;
}

size_t board_serial_in(struct board *b, unsigned i, const u8 *buf, size_t len)
{
	size_t n;

	pthread_mutex_lock(&b->lock);
	if (i < VM_VPORT)
		n = uart_in(&b->uart[i], buf, len);
	else
		n = virtio_console_in(b->vconsole, i - VM_VPORT, buf, len);
	pthread_mutex_unlock(&b->lock);
	return n;
}

void board_console_size(struct board *b, u16 cols, u16 rows)
{
	pthread_mutex_lock(&b->lock);
	if (b->vconsole)
		virtio_console_resize(b->vconsole, cols, rows);
	pthread_mutex_unlock(&b->lock);
}

void board_serial_lines(struct board *b, unsigned i, u8 lines)
{
	pthread_mutex_lock(&b->lock);
	if (i < VM_VPORT) /* virtio's ports have no such lines */
		uart_lines(&b->uart[i], lines);
	pthread_mutex_unlock(&b->lock);
}

void board_serial_break(struct board *b, unsigned i)
{
	pthread_mutex_lock(&b->lock);
	uart_break(&b->uart[i & 3]);
	pthread_mutex_unlock(&b->lock);
}

/* The guest's clock is what kvmclock says; it stops here and goes on from the same value. */
void board_pause(struct board *b)
{
	u64 tsc;

	pthread_mutex_lock(&b->lock);
	tsc = __rdtsc();
	if (!b->paused) {
		b->ns0 += mul_div(tsc - b->tsc0, NS, b->config.tsc_hz);
		b->tsc0 = tsc;
	}
	b->paused = true;
	clock_stop(b->clock);
	pthread_mutex_unlock(&b->lock);
}

/* The TSC went on meanwhile, so every kvmclock gets a new relation. */
void board_resume(struct board *b)
{
	pthread_mutex_lock(&b->lock);
	if (b->paused)
		b->tsc0 = __rdtsc();
	b->paused = false;
	clock_start(b->clock);
	tell_stopped(b);
	pthread_mutex_unlock(&b->lock);
}

u64 board_now_ns(struct board *b)
{
	u64 now;

	pthread_mutex_lock(&b->lock);
	now = clock_now(b->clock);
	pthread_mutex_unlock(&b->lock);
	return now;
}
