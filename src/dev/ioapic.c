/* ioapic.c - the I/O APIC: 24 pins, each with a message. Source: Intel 82093AA data sheet (290566). */
#include "base/log.h"
#include "dev/dev.h"

#define VERSION (0x11u | (IOAPIC_PINS - 1) << 16)

/* Redirection entry. 82093AA 3.2.4. */
enum { RTE_LOGICAL = 1 << 11, RTE_REMOTE_IRR = 1 << 14, RTE_LEVEL = 1 << 15, RTE_MASKED = 1 << 16 };
#define RTE_READ_ONLY 0x5000ull /* delivery status, remote IRR */
#define RTE_WRITABLE 0xff0000000001afffull

struct ioapic {
	u8 select;
	u8 id;
	u64 rte[IOAPIC_PINS];
	u32 level; /* of the pins */
	struct apic_bus *bus;
};

static const struct dev_field ioapic_fields[] = {
	FIELD(ioapic, select, U8), FIELD(ioapic, id, U8), FIELD(ioapic, rte, U64),
	FIELD(ioapic, level, U32), { 0 }
};

/* ExtINT would make the processor ask the PIC, whose INT has its own wire to LINT0. */
static void pin_send(struct ioapic *io, unsigned pin)
{
	u64 rte = io->rte[pin];
	struct apic_msg m = {
		.dest = (u32)(rte >> 56), .logical = rte & RTE_LOGICAL, .level = rte & RTE_LEVEL,
		.mode = rte >> 8 & 7, .vector = (u8)rte,
	};

	if (m.mode != APIC_EXTINT && apic_send(io->bus, &m) && m.level)
		io->rte[pin] |= RTE_REMOTE_IRR;
}

/* A level-triggered pin that is high sends again once its last message was ended. */
static void pin_service_level(struct ioapic *io, unsigned pin)
{
	u64 rte = io->rte[pin];

	if ((io->level >> pin & 1) && (rte & RTE_LEVEL) && !(rte & (RTE_MASKED | RTE_REMOTE_IRR)))
		pin_send(io, pin);
}

/*D:320 From a pin to a message
 * A device's line rises. An edge-triggered pin sends one message, if it is not masked; a
 * level-triggered one sends, notes "remote IRR", and keeps still until the local APIC's EOI
 * for that vector comes back. If the line is still high then, it sends again.
 * @test ioapic_level_waits_for_eoi
 */
void ioapic_set(struct dev *d, unsigned pin, bool level)
{
	struct ioapic *io = d->state;
	bool rise = level && !(io->level >> pin & 1);

	io->level = level ? io->level | 1u << pin : io->level & ~(1u << pin);
	if (io->rte[pin] & RTE_LEVEL)
		pin_service_level(io, pin);
	else if (rise && !(io->rte[pin] & RTE_MASKED))
		pin_send(io, pin);
}

/*
 * Every level entry with that vector: two pins may share one. Remote IRR is cleared on all before
 * one sends again.
 */
void ioapic_eoi(struct dev *d, u8 vector)
{
	struct ioapic *io = d->state;
	u32 ended = 0;

	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		if ((u8)io->rte[i] == vector && (io->rte[i] & RTE_REMOTE_IRR)) {
			io->rte[i] &= ~(u64)RTE_REMOTE_IRR;
			ended |= 1u << i;
		}
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		if (ended >> i & 1)
			pin_service_level(io, i);
}

static u32 register_read(const struct ioapic *io)
{
	unsigned n = io->select;

	if (n == 0 || n == 2)
		return (u32)io->id << 24;
	if (n == 1)
		return VERSION;
	if (n >= 0x10 && n < 0x10 + 2 * IOAPIC_PINS)
		return (u32)(io->rte[(n - 0x10) / 2] >> (n & 1) * 32);
	return 0;
}

/* A pin made edge-triggered forgets the message it waits for. */
static void rte_write(struct ioapic *io, unsigned pin, bool high, u32 val)
{
	u64 rte = io->rte[pin], new = high ? (u32)rte | (u64)val << 32 : (rte >> 32 << 32) | val;

	new = (new & (RTE_WRITABLE | RTE_MASKED)) | (rte & RTE_READ_ONLY);
	if (!(new & RTE_LEVEL))
		new &= ~(u64)RTE_REMOTE_IRR;
	io->rte[pin] = new;
	pin_service_level(io, pin);
}

static void register_write(struct ioapic *io, u32 val)
{
	unsigned n = io->select;

	if (n == 0)
		io->id = val >> 24 & 15;
	else if (n >= 0x10 && n < 0x10 + 2 * IOAPIC_PINS)
		rte_write(io, (n - 0x10) / 2, n & 1, val);
}

static u64 ioapic_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	const struct ioapic *io = d->state;

	(void)region;
	(void)size;
	if (offset == 0)
		return io->select;
	return offset == 0x10 ? register_read(io) : 0;
}

static void ioapic_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct ioapic *io = d->state;

	(void)region;
	(void)size;
	if (offset == 0)
		io->select = (u8)val;
	else if (offset == 0x10)
		register_write(io, (u32)val);
}

static void ioapic_reset(struct dev *d)
{
	struct ioapic *io = d->state;

	io->select = io->id = 0;
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		io->rte[i] = RTE_MASKED;
}

void ioapic_wire(struct dev *d, struct apic_bus *bus)
{
	struct ioapic *io = d->state;

	io->bus = bus;
}

const struct dev_ops ioapic_ops = {
	.name = "ioapic",
	.help = "I/O APIC",
	.state_size = sizeof(struct ioapic),
	.region = { { DEV_MMIO, 4, 4, .base = IOAPIC_BASE, .size = 0x100 } },
	.fields = ioapic_fields,
	.reset = ioapic_reset,
	.read = ioapic_read,
	.write = ioapic_write,
};
