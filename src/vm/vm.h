/* vm.h - front of this folder: a machine put together, its run loop and its end. */
#ifndef PANDOK_VM_VM_H
#define PANDOK_VM_VM_H

#include "base/err.h"
#include "base/serial_line.h"
#include "disk/disk.h"
#include "fs/fs.h"
#include "net/net.h"
#include "vm/boot.h"
#include "x86/x86.h"

enum vm_engine { VM_ENGINE_AUTO, VM_ENGINE_SOFT, VM_ENGINE_KVM };

/* What may be worth a look from outside. */
enum vm_event { VM_EV_PANIC, VM_EV_OOPS, VM_EV_TRIPLE_FAULT, VM_EV_WEDGED, VM_EV_WATCHDOG, VM_EV_BREAK,
		VM_EV_N };

/* Where a serial port's bytes go and come from; in cli or a back end. */
struct serial_backend {
	void (*put)(struct serial_backend *b, u8 byte); /* from the guest; any thread, must not block */
	/* Is the back end behind? Then the vCPUs wait until it is not. NULL: it never is. Any thread. */
	bool (*full)(struct serial_backend *b);
	/* The guest can take input again after vm_serial_in() took fewer bytes. NULL: not asked for.
	 * Any thread, must not block nor call vm_. */
	void (*room)(struct serial_backend *b);
	/* The guest has set speed or lines anew. NULL: not asked for. As put. */
	void (*line)(struct serial_backend *b, const struct serial_line *l);
};

enum vm_disk_on { VM_DISK_VIRTIO, VM_DISK_IDE, VM_DISK_CDROM, VM_DISK_FLOPPY };

#define VM_IDE_MAX 4 /* VM_DISK_IDE and VM_DISK_CDROM together */

struct vm_disk {
	struct disk *disk;
	enum vm_disk_on on;
};

struct vm_share {
	struct fs *fs;
	const char *tag; /* what the guest mounts it by, up to 36 bytes */
};

/* What is plugged into the machine, in this order. All of it outlives the machine. */
/* Serial ports: COM1 to COM4, and from VM_VPORT on those of a virtio console. */
#define VM_VPORT 4
#define VM_PORTS 20

struct vm_cards {
	const struct vm_disk *disk;
	unsigned ndisks;
	struct net *const *net;
	unsigned nnets;
	const struct vm_share *share;
	unsigned nshares;
	struct net *vsock; /* net_open_vsock(); NULL: none */
	/* Virtio ports; their other ends are vm_config.serial[VM_VPORT + i]. A console has no name. */
	const char *const *vport_name;
	unsigned nvports; /* at most VM_PORTS - VM_VPORT */
	bool packed_rings; /* virtio devices offer them */
};

/* What a BIOS may boot from. Numbers are those of CMOS bytes 0x3d and 0x38. */
enum { VM_BOOT_FLOPPY = 1, VM_BOOT_DISK, VM_BOOT_CDROM };

struct vm_config {
	u64 ram;                    /* bytes */
	unsigned ncpus;
	enum vm_engine engine;
	struct boot_config boot;    /* acpi_rsdp and random_seed are filled in here */
	bool bios;                  /* no kernel is loaded, a BIOS boots from what is plugged in */
	const char *bios_path;      /* NULL: SeaBIOS */
	u16 boot_order;             /* VM_BOOT_ numbers, the first in the lowest four bits */
	struct serial_backend *serial[VM_PORTS]; /* NULL: nothing plugged in */
	struct vm_cards cards;
	struct serial_backend *debugcon;  /* bytes of port 0xE9; only put is used; NULL: dropped */
	bool xen;                   /* start the kernel as a Xen guest, even if it could start otherwise */
	bool no_reboot;             /* a guest reset ends the run */
	bool reset_on_triple_fault;
	bool panic_continue;        /* a panic is an event but not the end of the run */
	u64 watchdog_ns;            /* so long without output or a disk's use is an event; 0: never */
	bool debug_exit;            /* port 0xF4 */
	bool single_step, deterministic;
	bool debug_exceptions;      /* log each exception the guest takes */
	u64 digest_every;           /* deterministic: instructions between digests; 0: none */
	/* A digest of the processor's state after icount instructions. The vCPU's thread. */
	void (*digest)(void *ctx, u64 icount, u64 digest, u64 rip);
	void *digest_ctx;
	/*
	 * Something happened on vCPU cpu (text says what, in a sentence). The machine is stopped as by
	 * vm_pause() and goes on, or ends, when this is back. A thread of the machine's own. NULL: not
	 * asked for.
	 */
	void (*event)(void *ctx, enum vm_event ev, unsigned cpu, const char *text);
	void *event_ctx;
};

/* How a run ended; cli turns it into the exit status. */
enum vm_end {
	VM_POWEROFF, VM_RESET /* with no_reboot */, VM_PANIC, VM_TRIPLE_FAULT, VM_WEDGED,
	VM_DEBUG_EXIT, VM_QUIT, VM_TIMEOUT, VM_ERROR,
};

struct vm;

/*
 * vm_new - choose the engine and make memory, board and vCPUs; the kernel is loaded too, so that
 * what is wrong with it is said here. c and all it points to must live as long as the machine.
 * Errors: a sentence; nothing is left behind.
 */
MUST_CHECK int vm_new(const struct vm_config *c, struct vm **ret, struct err *e);

/* vm_free - false: a vCPU's thread never ended (our bug), so nothing is freed under it, and what
 * vm_config points to has to stay, too. */
bool vm_free(struct vm *vm);

/*
 * vm_run - start the vCPU threads and wait for the end; reboots happen inside.
 * e says in one sentence how the run ended; it is empty after VM_POWEROFF and VM_DEBUG_EXIT.
 * Threads: one that is not a vCPU's; once.
 */
enum vm_end vm_run(struct vm *vm, struct err *e);

/* vm_stop - end the run; the first reason wins. Any thread, async-signal-unsafe. */
void vm_stop(struct vm *vm, enum vm_end why, const char *fmt, ...) PRINTF(3, 4);

/* vm_ended - is the run over, or about to be? urgent: and was vm_stop() called again since? Any thread. */
bool vm_ended(const struct vm *vm, bool urgent);

/* vm_reset - as the reset button. Any thread. */
void vm_reset(struct vm *vm);

u8 vm_exit_value(const struct vm *vm); /* value written to port 0xF4 */

/* vm_balloon - ask the guest to give up so many bytes of its memory; 0: it may have all of it again.
 * Any thread but a vCPU's. */
void vm_balloon(struct vm *vm, u64 bytes);

void vm_power_button(struct vm *vm); /* any thread but a vCPU's */

/* vm_serial_in - bytes for serial port i; returns how many were taken (the rest: later). Any
 * thread but a vCPU's. */
size_t vm_serial_in(struct vm *vm, unsigned i, const u8 *buf, size_t len);

/* vm_keys - as kbd_keys(). Any thread but a vCPU's. */
MUST_CHECK bool vm_keys(struct vm *vm, const u16 *key, unsigned n);

/* vm_screen - what the VGA shows; false: graphics. Any thread but a vCPU's. */
struct vga_text;
bool vm_screen(struct vm *vm, struct vga_text *ret);

/* vm_serial_break - a break condition on port i's line: Linux's magic SysRq. Any thread but a vCPU's. */
void vm_serial_break(struct vm *vm, unsigned i);

/* vm_serial_lines - what the other end of serial port i < 4 drives: LINE_CTS and others; all but the
 * ring indicator before the first call. Any thread but a vCPU's. */
void vm_serial_lines(struct vm *vm, unsigned i, u8 lines);

/* vm_console_size - the virtio console's terminal has this size now. Any thread but a vCPU's. */
void vm_console_size(struct vm *vm, u16 cols, u16 rows);

/*
 * vm_pause/vm_resume - stop every vCPU outside run() with its state in struct vcpu, and guest time
 * with them; counted, so that several may ask. Back when they all stand. Any thread but a vCPU's.
 */
void vm_pause(struct vm *vm);
void vm_resume(struct vm *vm);

/* For who has paused the machine. */
unsigned vm_ncpus(const struct vm *vm);
struct vcpu *vm_vcpu(struct vm *vm, unsigned i);
void vm_vcpu_changed(struct vm *vm, unsigned i); /* registers in struct vcpu were written */
struct mem *vm_mem(struct vm *vm);
/* vm_hold - when the machine goes on, this vCPU does not. For who has paused it. */
void vm_hold(struct vm *vm, unsigned i, bool held);
/* vm_breaks - as engine_ops.breaks. */
MUST_CHECK int vm_breaks(struct vm *vm, const struct engine_break *b, unsigned n, struct err *e);

void vm_stats(struct vm *vm, struct stats *ret); /* of all vCPUs together; any thread */

const char *vm_engine_name(const struct vm *vm); /* "soft", "kvm" */

/* vm_engine_note - why auto did not choose KVM, a sentence for the user; "" when it did or was not
 * asked to choose. */
const char *vm_engine_note(const struct vm *vm);

/* vm_boot_report - what boot_load() recognized. */
const struct boot_report *vm_boot_report(const struct vm *vm);

#endif
