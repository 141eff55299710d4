/* board_irq.c - how interrupts travel: device lines to controllers, controllers to vCPUs. */
#include <stdatomic.h>
#include <x86intrin.h>

#include "vm/board_int.h"

/* ISA interrupt 0 is wired to IOAPIC pin 2, as the MADT's override says. */
static void line_set(struct board *b, unsigned line, bool level)
{
	if (b->config.irqchip) {
		if (b->engine)
			b->engine->ops->irq_line(b->engine, line, level);
		return;
	}
	if (line < 16)
		pic_set(&b->pic, line, level);
	ioapic_set(&b->ioapic, line ? line : 2, level);
}

/*D:330 A line that several share
 * COM1 and COM3 have one interrupt, PCI functions four. A line is high while one of those that
 * share it holds it. From here it reaches the PIC and the IOAPIC at once: which of them the guest
 * listens to is its own affair. When the engine has both (KVM), the line goes there.
 * @test board_shares_lines
 */
static void source_set(struct irq *irq, bool level)
{
	struct source *s = container_of(irq, struct source, irq);
	struct board *b = s->board;

	if (s->level == level)
		return;
	s->level = level;
	for (unsigned i = 0; i < s->lines; i++) {
		u8 *n = &b->asserted[s->line[i]], was = *n;

		*n = (u8)(was + (level ? 1 : -1));
		if (!was != !*n)
			line_set(b, s->line[i], level);
	}
}

void board_lines_init(struct board *b)
{
	static const u8 isa[] = {
		[SOURCE_PIT] = 0, [SOURCE_KBD] = 1, [SOURCE_COM1] = 4, [SOURCE_COM2] = 3,
		[SOURCE_COM3] = 4, [SOURCE_COM4] = 3, [SOURCE_RTC] = 8, [SOURCE_SCI] = PM_SCI,
		[SOURCE_IDE1] = 14, [SOURCE_IDE2] = 15, [SOURCE_FLOPPY] = 6,
	};

	/* What SeaBIOS writes into interrupt line registers for slots on that wire; see dsdt.asl. */
	static const u8 pic_line[] = { 11, 10, 10, 11 };

	for (unsigned i = 0; i < SOURCES; i++) {
		struct source *s = &b->source[i];
		unsigned wire = i - SOURCE_INTA;

		*s = (struct source){ .irq.set = source_set, .board = b, .lines = 1 };
		if (i < SOURCE_INTA) {
			s->line[0] = isa[i];
			continue;
		}
		s->line[0] = (u8)(PCI_GSI_BASE + wire);
		s->line[1] = pic_line[wire];
		s->lines = 2;
	}
}

/*
 * Tell a vCPU to look. One that has been told already and has not looked yet is left alone; the
 * one whose own call-out this is needs no waking.
 */
static void sink_raise(void *ctx, unsigned cpu)
{
	struct board *b = ctx;
	struct vcpu *v = b->vcpu ? b->vcpu[cpu] : NULL;

	if (!v || (atomic_load(&v->events) & EV_IRQ))
		return;
	if (v != b->current) {
		vcpu_post(v, EV_IRQ);
		return;
	}
	atomic_fetch_or(&v->events, EV_IRQ);
	v->engine->ops->kick(v);
}

static void sink_post(struct board *b, unsigned cpu, u32 events)
{
	if (b->vcpu)
		vcpu_post(b->vcpu[cpu], events);
}

static void sink_nmi(void *ctx, unsigned cpu)
{
	sink_post(ctx, cpu, EV_NMI);
}

static void sink_init(void *ctx, unsigned cpu)
{
	sink_post(ctx, cpu, EV_INIT);
}

static void sink_sipi(void *ctx, unsigned cpu, u8 vector)
{
	struct board *b = ctx;

	if (b->vcpu)
		b->vcpu[cpu]->sipi_vector = vector;
	sink_post(b, cpu, EV_SIPI);
}

u64 board_tsc(void *ctx, unsigned cpu)
{
	struct board *b = ctx;
	struct vcpu *v = b->vcpu ? b->vcpu[cpu] : NULL;

	if (!v)
		return __rdtsc();
	if (b->config.deterministic)
		return b->engine->ops->icount(v) + v->tsc_offset;
	return __rdtsc() + v->tsc_offset;
}

bool board_clock_pair(void *ctx, unsigned cpu, u64 *tsc, u64 *ns)
{
	struct board *b = ctx;
	u64 offset = b->vcpu ? b->vcpu[cpu]->tsc_offset : 0;
	bool agree = true;

	for (unsigned i = 0; b->vcpu && i < b->config.ncpus; i++)
		agree &= b->vcpu[i]->tsc_offset == offset;
	*tsc = (b->config.deterministic ? -b->skipped : b->tsc0) + offset;
	*ns = b->config.deterministic ? 0 : b->ns0;
	return agree;
}

void board_msi(void *ctx, u64 at, u32 data)
{
	struct board *b = ctx;

	if (!b->config.irqchip)
		apic_msi(&b->apics, at, data);
	else if (b->engine)
		b->engine->ops->msi(b->engine, at, data);
}

static void pic_intr(void *ctx, bool level)
{
	struct board *b = ctx;

	apic_lint0(&b->apics, level);
}

void board_apics_init(struct board *b)
{
	b->apics = (struct apic_bus){
		.sink = {
			.ctx = b, .raise = sink_raise, .nmi = sink_nmi, .init = sink_init,
			.sipi = sink_sipi, .tsc = board_tsc,
		},
		.lapic = b->lapic, .n = b->config.ncpus, .ioapic = &b->ioapic,
		.mem = b->config.mem, .tsc_hz = b->config.tsc_hz,
	};
	pic_wire(&b->pic, pic_intr, b);
}
