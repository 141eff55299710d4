/* board.h - the machine around the processors: devices, interrupt routing, ACPI, guest time. */
#ifndef PANDOK_VM_BOARD_H
#define PANDOK_VM_BOARD_H

#include "base/err.h"
#include "dev/dev.h"
#include "mem/mem.h"
#include "vm/vm.h"
#include "x86/x86.h"

#define BOARD_CPUS_MAX 240 /* local APIC ids stay below 255, which is broadcast */

/* The board's tables in guest RAM: report [at, at+len) as reserved, load nothing over it. */
#define BOARD_TABLES_AT 0xe0000u
#define BOARD_TABLES_LEN 0x20000u

/* Deterministic mode: one instruction, one TSC tick and one nanosecond are the same. */
#define BOARD_DETERMINISTIC_HZ 1000000000u

/*
 * What the board tells the machine. Called on any vCPU thread or the timer thread with the board's
 * lock held: note it, post to the vCPUs and return; call nothing of board.h from inside.
 */
struct board_calls {
	void *ctx;
	void (*power_off)(void *ctx);              /* ACPI S5 */
	void (*reset)(void *ctx, const char *how); /* how: "port 0xcf9" and the like, static text */
	void (*panic)(void *ctx, u8 events);       /* pvpanic: bit 0 panicked, bit 1 crash kernel runs */
	void (*debug_exit)(void *ctx, u32 value);  /* port 0xf4, only with config.debug_exit */
	void (*debug_byte)(void *ctx, u8 byte);    /* port 0xe9; may be NULL */
	/* Serial port i can take bytes again after board_serial_in() took fewer; may be NULL. */
	void (*serial_room)(void *ctx, unsigned i);
	/* engine_host.digest, handed on without the lock; may be NULL. */
	void (*digest)(void *ctx, struct vcpu *v, u64 icount);
};

struct board_config {
	struct mem *mem;
	unsigned ncpus;      /* 1..BOARD_CPUS_MAX */
	bool irqchip;        /* the engine's engine_ops.irqchip: it has PIC, IOAPIC and local APICs */
	bool deterministic;  /* time comes from engine_ops.icount; no timer thread */
	bool debug_exit;     /* port 0xf4 ends the run */
	bool bios;           /* what a BIOS asks for is there: fw_cfg, a 440FX, a keyboard, a screen */
	u16 boot_order;      /* vm_config.boot_order */
	u64 tsc_hz;          /* of the guest's TSC; BOARD_DETERMINISTIC_HZ when deterministic */
	struct serial_backend *serial[VM_PORTS]; /* NULL: a port with nothing plugged in */
	struct vm_cards cards;
	struct board_calls calls;
};

struct board;

/*
 * board_new - make all devices, in the state after power-on.
 * -EINVAL, -ENOMEM or errno (timer thread) with a sentence.
 */
MUST_CHECK int board_new(const struct board_config *c, struct board **ret, struct err *e);
/* board_free - after every vCPU thread has ended. */
void board_free(struct board *b);

/* board_host - fill in the engine's call-outs; before engine_ops.new. */
void board_host(struct board *b, struct engine_host *ret);

/* board_attach - hand over engine and vCPUs (ncpus of them, kept by pointer) before the first run. */
void board_attach(struct board *b, struct engine *en, struct vcpu *const *v);

/*
 * board_tables - write the ACPI tables into guest RAM (below 1 MiB; with a BIOS at the end of low
 * RAM); again after RAM was cleared for a reboot. ret: where the RSDP is, for boot_config.acpi_rsdp.
 */
MUST_CHECK int board_tables(struct board *b, gpa_t *ret, struct err *e);

/*
 * board_firmware - config.bios: what the BIOS will ask; once, after board_tables().
 *   vga_rom   vga_len bytes: the screen's own BIOS; 0: no screen
 */
MUST_CHECK int board_firmware(struct board *b, const void *vga_rom, u32 vga_len, struct err *e);

/* board_reset - devices as after RESET; every vCPU is outside run(). Time goes on. */
void board_reset(struct board *b);

/* board_balloon - ask the guest to give up so many bytes of its memory. Any thread but a vCPU's. */
void board_balloon(struct board *b, u64 bytes);

/* board_power_button - press it: an ACPI fixed event. Any thread. */
void board_power_button(struct board *b);

/* board_screen - what the VGA shows; false: graphics. Any thread. */
bool board_screen(struct board *b, struct vga_text *ret);

/* board_keys - as kbd_keys(). Any thread. */
MUST_CHECK bool board_keys(struct board *b, const u16 *key, unsigned n);

/*
 * board_serial_in - bytes from outside for port i, as vm_config.serial counts them.
 * Returns how many the receive buffer took, perhaps 0; board_calls.serial_room tells when to go on.
 * Any thread.
 */
size_t board_serial_in(struct board *b, unsigned i, const u8 *buf, size_t len);

/* board_console_size - of the virtio console's terminal. Any thread. */
void board_console_size(struct board *b, u16 cols, u16 rows);

/* board_serial_break - a break condition on the line (as sysrq needs it). Any thread. */
void board_serial_break(struct board *b, unsigned i);

/* board_serial_lines - what the other end of serial port i drives: LINE_CTS and others. Any thread. */
void board_serial_lines(struct board *b, unsigned i, u8 lines);

/*
 * board_pause/board_resume - stop guest time while the machine does not run. Resume also tells the
 * guest that it was stopped, so that its watchdogs keep still; without a pause before it does only
 * that (after SIGCONT, say). Any thread; vCPUs outside run().
 */
void board_pause(struct board *b);
void board_resume(struct board *b);

u64 board_now_ns(struct board *b); /* guest time since power-on; any thread */

/*
 * board_unhalt - was v kicked (KVM_HC_KICK_CPU) since the last call? Then a halted v goes on with
 * no interrupt. The run loop asks after RUN_HALT before it sleeps, and when it wakes.
 * Threads: v's own.
 */
bool board_unhalt(struct board *b, struct vcpu *v);

/*
 * Deterministic mode. board_advance - guest time is now icount retired instructions (plus what was
 * skipped in halts); fires the timers that are due. Returns the icount at which the next timer is
 * due (UINT64_MAX: none), to be asked again after any call-out to the board, since a device access
 * may arm an earlier one. Every call-out advances time by itself through engine_ops.icount.
 */
u64 board_advance(struct board *b, struct vcpu *v, u64 icount);

/*
 * board_skip - v halts: let guest time jump to the next timer and fire it; the jump is added to
 * v->tsc_offset. false: no timer is armed, only input from outside can wake v.
 */
bool board_skip(struct board *b, struct vcpu *v);

#endif
