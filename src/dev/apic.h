/* apic.h - local APICs, the messages between them, and the IOAPIC. Include dev/dev.h instead. */
#ifndef PANDOK_DEV_APIC_H
#define PANDOK_DEV_APIC_H

#include "dev/dev.h"

struct mem;

extern const struct dev_ops lapic_ops, ioapic_ops;

#define LAPIC_BASE 0xfee00000u
#define IOAPIC_BASE 0xfec00000u
#define IOAPIC_PINS 24

/* How the local APICs reach the processors. */
struct apic_sink {
	void *ctx;
	void (*raise)(void *ctx, unsigned cpu); /* lapic_ready() has become true, perhaps again */
	void (*nmi)(void *ctx, unsigned cpu);
	void (*init)(void *ctx, unsigned cpu);
	void (*sipi)(void *ctx, unsigned cpu, u8 vector);
	u64 (*tsc)(void *ctx, unsigned cpu);    /* cpu's TSC now */
};

struct apic_bus {
	struct apic_sink sink;
	struct dev *lapic;  /* n of them; index and APIC id are the same */
	unsigned n;
	struct dev *ioapic; /* gets the EOIs of level-triggered interrupts; NULL: none */
	struct mem *mem;    /* where the guest's PV EOI bytes are */
	u64 tsc_hz;
	unsigned turn;      /* lowest priority: where the search starts */
};

enum apic_mode {
	APIC_FIXED = 0, APIC_LOWEST = 1, APIC_SMI = 2, APIC_NMI = 4, APIC_INIT = 5, APIC_SIPI = 6,
	APIC_EXTINT = 7,
};
enum { APIC_ALL = 0xffffffff }; /* destination: everyone */

struct apic_msg {
	u32 dest;
	bool logical;
	bool level;   /* trigger mode: needs an EOI to the IOAPIC */
	bool wide;    /* dest has 32 bits (x2APIC) */
	u8 mode, vector;
};

/* apic_send - deliver to every local APIC that dest names (one of them for APIC_LOWEST).
 * Did one take it? */
bool apic_send(struct apic_bus *bus, const struct apic_msg *m);
/* apic_msi - a device's write of data to 0xfeexxxxx. SDM 3A 11.11. */
void apic_msi(struct apic_bus *bus, u64 at, u32 data);
/* apic_lint0 - the PIC's INT output, wired to every local APIC's LINT0. */
void apic_lint0(struct apic_bus *bus, bool level);

/* ---- one local APIC ---- */
void lapic_wire(struct dev *d, struct apic_bus *bus, unsigned cpu);
/* lapic_hit - is at in the page where cpu's own registers are now? Own thread, no lock. */
bool lapic_hit(const struct dev *d, u64 at);
bool lapic_owns(u32 msr); /* APIC base, x2APIC range, TSC deadline, PV EOI */
bool lapic_msr_read(struct dev *d, u32 msr, u64 *ret); /* false: #GP */
bool lapic_msr_write(struct dev *d, u32 msr, u64 val); /* false: #GP */
bool lapic_ready(const struct dev *d);  /* lapic_check() may be true; any thread, no lock */
bool lapic_check(struct dev *d);        /* would lapic_ack() give a vector? own thread */
bool lapic_takes_pic(const struct dev *d); /* LINT0 is ExtINT; any thread, no lock */
int lapic_ack(struct dev *d); /* take the highest vector into service, -1 none; own thread */
u8 lapic_cr8_read(const struct dev *d);
void lapic_cr8_write(struct dev *d, u8 val);

/* ---- the IOAPIC ---- */
void ioapic_wire(struct dev *d, struct apic_bus *bus);
void ioapic_set(struct dev *d, unsigned pin, bool level);
void ioapic_eoi(struct dev *d, u8 vector);

#endif
