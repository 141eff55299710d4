/* board_int.h - the board's inside, for board*.c. */
#ifndef PANDOK_VM_BOARD_INT_H
#define PANDOK_VM_BOARD_INT_H

#include <pthread.h>

#include "vm/board.h"

#define BOARD_LINES IOAPIC_PINS /* GSIs; 0..15 are the ISA bus's too */

/* One device's end of an interrupt line; several may share one. */
struct source {
	struct irq irq;
	struct board *board;
	u8 line[2]; /* a PCI wire has an ISA line besides its own, for guests that use the PIC */
	u8 lines;
	bool level;
};

enum {
	SOURCE_PIT, SOURCE_KBD, SOURCE_COM1, SOURCE_COM2, SOURCE_COM3, SOURCE_COM4, SOURCE_RTC,
	SOURCE_SCI, SOURCE_IDE1, SOURCE_IDE2, SOURCE_FLOPPY, SOURCE_INTA, SOURCE_INTB,
	SOURCE_INTC, SOURCE_INTD, SOURCES,
};

struct cable { /* what a port's peer callbacks get */
	struct board *board;
	unsigned port;
};

struct card;

struct board {
	struct board_config config;
	pthread_mutex_t lock; /* everything below, and all devices */
	struct clock *clock;
	struct bus *bus;
	struct engine *engine;
	struct vcpu *const *vcpu; /* NULL until attached */
	struct vcpu *current;     /* the one whose call-out holds the lock */

	struct dev pit, rtc, uart[4], kbd, reset, pm, pmtimer, pci, pvpanic, debugcon, debugexit,
		fwcfg, vga,
		dma, floppy;
	/* Only when the engine has no interrupt controllers; else their ops are NULL. */
	struct dev pic, ioapic, *lapic, *kvmclock;
	struct apic_bus apics;
	struct kvmclock_rate rate;

	struct card *card; /* in the slots from 1 on */
	unsigned ncards;

	struct source source[SOURCES];
	u8 asserted[BOARD_LINES]; /* how many sources hold a line */
	struct cable cable[VM_PORTS];
	struct dev *vconsole; /* NULL: no virtio ports */
	_Atomic bool *kicked; /* ncpus: KVM_HC_KICK_CPU */

	u64 tsc0, ns0; /* host TSC and guest time at one moment: what all kvmclocks stand on */
	bool paused;
	u64 skipped;   /* deterministic: ns jumped over in halts */
	u64 told;      /* deterministic: the guest time that board_advance() named last */
};

/* board_irq.c */
void board_lines_init(struct board *b);
void board_apics_init(struct board *b);  /* sink and PIC output; before devices are reset */
u64 board_tsc(void *ctx, unsigned cpu);  /* ctx: board */
void board_msi(void *ctx, u64 at, u32 data);
bool board_clock_pair(void *ctx, unsigned cpu, u64 *tsc, u64 *ns);

/* board_bios.c */
struct disk *board_floppy(const struct board *b); /* NULL: none */
gpa_t board_tables_at(const struct board *b);

/* board_pci.c */
int board_cards_make(struct board *b, struct err *e); /* before wiring */
void board_cards_wire(struct board *b);
void board_cards_reset(struct board *b); /* drained before */
void board_cards_drain(struct board *b); /* wait until none reads or writes guest memory */
void board_cards_free(struct board *b);  /* lock not held */

/* board_host.c: take the lock for a call-out of v; in deterministic mode time moves up to v's. */
void board_enter(struct board *b, struct vcpu *v);
void board_leave(struct board *b);

#endif
