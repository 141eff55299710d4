/* apic_bus.c - messages to local APICs: who a destination means. Source: SDM 3A 11.6, 11.11. */
#include "base/log.h"
#include "dev/lapic.h"

/* ICR. SDM 3A figure 11-12. */
enum { ICR_BUSY = 1 << 12, ICR_ASSERT = 1 << 14, ICR_LEVEL = 1 << 15, ICR_LOGICAL = 1 << 11 };
enum { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };
#define FLAT 0xf /* top bits of DFR */

/* Logical destination of eight bits against a local APIC in xAPIC mode. */
static bool match_xapic(const struct lapic *l, u8 dest)
{
	u8 ldr = (u8)(l->ldr >> 24);

	if (l->dfr >> 28 == FLAT)
		return ldr & dest;
	return (dest >> 4 == 15 || dest >> 4 == ldr >> 4) && (ldr & dest & 15);
}

/* In x2APIC mode the logical id follows from the id: cluster of 16, bit within it. */
static bool match_x2apic(const struct lapic *l, u32 dest)
{
	return dest >> 16 == l->cpu >> 4 && (dest >> (l->cpu & 15) & 1);
}

static bool match(const struct lapic *l, const struct apic_msg *m)
{
	if (m->dest == (m->wide ? (u32)APIC_ALL : 0xff))
		return true;
	if (!m->logical)
		return m->dest == l->cpu;
	return lapic_x2(l) ? match_x2apic(l, m->dest) : match_xapic(l, (u8)m->dest);
}

/*
 * The one of lowest priority, searched from a place that moves on so that equals take turns.
 * A switched-off APIC does not take part.
 */
static bool send_lowest(struct apic_bus *bus, const struct apic_msg *m)
{
	struct lapic *best = NULL;

	for (unsigned i = 0; i < bus->n; i++) {
		struct lapic *l = lapic_of(bus, (bus->turn + i) % bus->n);

		if (lapic_accepts(l) && match(l, m) && (!best || lapic_ppr(l) < lapic_ppr(best)))
			best = l;
	}
	if (!best)
		return false;
	bus->turn = (best->cpu + 1) % bus->n;
	return lapic_accept(best, APIC_FIXED, m->vector, m->level);
}

bool apic_send(struct apic_bus *bus, const struct apic_msg *m)
{
	bool taken = false;

	LOG(irq, TRACE, "apic: to 0x%x%s, mode %u vector %u", m->dest, m->logical ? " logical" : "",
	    m->mode, m->vector);
	if (m->mode == APIC_LOWEST)
		return send_lowest(bus, m);
	if (!m->logical && m->dest < bus->n)
		return lapic_accept(lapic_of(bus, m->dest), m->mode, m->vector, m->level);
	for (unsigned i = 0; i < bus->n; i++)
		if (match(lapic_of(bus, i), m))
			taken |= lapic_accept(lapic_of(bus, i), m->mode, m->vector, m->level);
	return taken;
}

void apic_msi(struct apic_bus *bus, u64 at, u32 data)
{
	apic_send(bus, &(struct apic_msg){
		.dest = at >> 12 & 0xff, .logical = at >> 2 & 1, .level = data >> 15 & 1,
		.mode = data >> 8 & 7, .vector = (u8)data,
	});
}

static void send_shorthand(struct lapic *from, unsigned which, const struct apic_msg *m)
{
	struct apic_bus *bus = from->bus;

	for (unsigned i = 0; i < bus->n; i++) {
		bool self = i == from->cpu;

		if (which == SHORT_ALL || self == (which == SHORT_SELF))
			lapic_accept(lapic_of(bus, i), m->mode, m->vector, m->level);
	}
}

/*D:310 One processor interrupts another
 * Writing the interrupt command register sends a message: to an id, to a logical group, or by
 * shorthand to itself, everyone, or everyone else. Linux wakes its other processors this way (INIT,
 * then SIPI with the page their first instruction is in) and makes them reschedule and flush.
 * @test apic_sends_by_every_destination_mode
 */
void apic_icr(struct lapic *l, u64 icr)
{
	u32 low = (u32)icr;
	struct apic_msg m = {
		.dest = lapic_x2(l) ? (u32)(icr >> 32) : (u32)(icr >> 56), .wide = lapic_x2(l),
		.logical = low & ICR_LOGICAL, .mode = low >> 8 & 7, .vector = (u8)low,
	};
	unsigned shorthand = low >> 18 & 3;

	l->icr = icr & ~(u64)ICR_BUSY;
	if (m.mode == APIC_INIT && !(low & ICR_ASSERT) && (low & ICR_LEVEL))
		return; /* INIT level de-assert only synchronized arbitration ids, long ago */
	if (m.mode <= APIC_LOWEST && m.vector < 16) {
		lapic_error(l, ESR_SEND_ILLEGAL);
		return;
	}
	if (shorthand != SHORT_NONE)
		send_shorthand(l, shorthand, &m);
	else
		apic_send(l->bus, &m);
}

void apic_lint0(struct apic_bus *bus, bool level)
{
	for (unsigned i = 0; i < bus->n; i++) {
		struct lapic *l = lapic_of(bus, i);

		if (!level)
			continue;
		if (l->takes_pic)
			bus->sink.raise(bus->sink.ctx, i);
		else
			lapic_lvt(l, LVT_LINT0);
	}
}
