/* pc.h - the PC's devices: how the board connects each one. Include dev/dev.h instead. */
#ifndef PANDOK_DEV_PC_H
#define PANDOK_DEV_PC_H

#include "base/serial_line.h"
#include "dev/dev.h"

struct mem;

extern const struct dev_ops pic_ops, pit_ops, rtc_ops, uart_ops, kbd_ops, reset_ops, pm_ops,
	pmtimer_ops, debugcon_ops, debugexit_ops, pvpanic_ops, kvmclock_ops, fwcfg_ops;

/* ---- i8259 pair ---- */
/* pic_wire - intr tells that the pair's INT output is high (perhaps again) or has become low. */
void pic_wire(struct dev *d, void (*intr)(void *ctx, bool level), void *ctx);
void pic_set(struct dev *d, unsigned line, bool level); /* line 0..15, not 2 */
int pic_ack(struct dev *d);         /* interrupt acknowledge: a vector; -1 when INT is low */
bool pic_out(const struct dev *d);  /* INT; any thread, no lock */

/* ---- i8254 and port 0x61 ---- */
void pit_wire(struct dev *d, struct irq *irq0);

/* ---- MC146818 ---- */
void rtc_wire(struct dev *d, struct irq *irq8);
void rtc_cmos_set(struct dev *d, unsigned index, u8 val); /* index 14..127; stays over a reset */

/* ---- 16550 ---- */
struct uart_peer { /* what is at the other end of the cable */
	void *ctx;
	bool plugged;                /* someone drives CTS, DSR and DCD */
	bool patient;                /* bytes wait outside until the guest listens */
	void (*put)(void *ctx, u8 byte); /* must not block; may be NULL */
	void (*room)(void *ctx);     /* uart_in() can take bytes again; may be NULL */
	void (*line)(void *ctx, const struct serial_line *l); /* they changed; must not block; may be NULL */
};
void uart_wire(struct dev *d, struct irq *irq, const struct uart_peer *peer);
/* uart_in - bytes from the cable; returns how many fit. After fewer than len, room() is called. */
size_t uart_in(struct dev *d, const u8 *buf, size_t len);
void uart_break(struct dev *d); /* a break condition from the cable */
void uart_lines(struct dev *d, u8 lines); /* LINE_CTS and others, as the other end drives them now */

/* ---- i8042, ports 0x92 and 0xcf9: the ways to reset a PC ---- */
typedef void reset_fn(void *ctx, const char *how);
void kbd_wire(struct dev *d, struct irq *irq1, reset_fn *reset, void *ctx);
void kbd_plug(struct dev *d); /* there is a keyboard */
/*
 * kbd_keys - keys go down, or up (KBD_UP): scan codes of set 1, with bit 8 for those behind an 0xe0.
 * false: the guest has not read enough of those before, so none is taken.
 */
#define KBD_UP 0x200u
MUST_CHECK bool kbd_keys(struct dev *d, const u16 *key, unsigned n);
void reset_wire(struct dev *d, reset_fn *reset, void *ctx);
void reset_control_write(struct dev *d, u8 val); /* port 0xcf9, which lies inside PCI's ports */
u8 reset_control_read(const struct dev *d);

/* ---- ACPI power management ---- */
#define PM_BASE 0x600u      /* PM1a events, 4 bytes */
#define PM_CONTROL 0x604u   /* PM1a control, 2 bytes */
#define PM_TIMER 0x608u
#define PM_SLEEP_S5 5       /* SLP_TYP of soft off; dsdt.asl says the same */
#define PM_SCI 9
void pm_wire(struct dev *d, struct irq *sci, void (*power_off)(void *ctx), void *ctx);
void pm_power_button(struct dev *d);

/* ---- ports for debugging ---- */
void debugcon_wire(struct dev *d, void (*put)(void *ctx, u8 byte), void *ctx);
void debugexit_wire(struct dev *d, void (*end)(void *ctx, u32 value), void *ctx);
void pvpanic_wire(struct dev *d, void (*panic)(void *ctx, u8 events), void *ctx);

/* ---- kvmclock: one a vCPU ---- */
struct kvmclock_rate {
	struct mem *mem;
	u64 tsc_hz;
	/* cpu's TSC at some guest time ns, the same ns for all vCPUs; do all TSCs agree? */
	bool (*pair)(void *ctx, unsigned cpu, u64 *tsc, u64 *ns);
	void *ctx;
};
void kvmclock_wire(struct dev *d, const struct kvmclock_rate *rate, unsigned cpu);
bool kvmclock_owns(u32 msr);
bool kvmclock_msr_read(struct dev *d, u32 msr, u64 *ret);   /* false: #GP */
bool kvmclock_msr_write(struct dev *d, u32 msr, u64 val);   /* false: #GP */
/* kvmclock_refresh - time stood still or the TSC changed: tell the guest the new relation. */
void kvmclock_refresh(struct dev *d, bool was_stopped);

/* ---- what firmware asks: items by number, files by name ---- */
#define FWCFG_ITEMS 32
enum { FWCFG_NB_CPUS = 5, FWCFG_MAX_CPUS = 15 }; /* two bytes each */
/* fwcfg_wire - memory for DMA; -ENOMEM. The items that are added stay over a reset. */
MUST_CHECK int fwcfg_wire(struct dev *d, struct mem *m, struct err *e);
MUST_CHECK int fwcfg_add(struct dev *d, u16 key, const void *data, u32 len, struct err *e);
MUST_CHECK int fwcfg_add_file(struct dev *d, const char *name, const void *data, u32 len,
			      struct err *e);
void fwcfg_fini(struct dev *d); /* before dev_fini(); a device never made is fine */

/* ---- ACPI tables ---- */
struct acpi_config {
	unsigned ncpus;
	u64 at;          /* guest-physical address the tables will have */
	u64 mmio64_at;   /* first address above RAM, for 64-bit PCI BARs */
	bool legacy;     /* there are a screen and a keyboard */
};
#define ACPI_TABLES_MAX 0x10000u
#define ACPI_RSDP_SIZE 36u
/* acpi_build - all tables into buf (ACPI_TABLES_MAX zeroed bytes); the RSDP is at its start.
 * Returns the bytes used. */
size_t acpi_build(const struct acpi_config *c, u8 *buf);

#endif
