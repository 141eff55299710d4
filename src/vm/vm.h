/* vm.h - front of this folder: a machine put together, its run loop and its end. */
#ifndef PANDOK_VM_VM_H
#define PANDOK_VM_VM_H

#include "base/err.h"
#include "vm/boot.h"
#include "x86/x86.h"

enum vm_engine { VM_ENGINE_AUTO, VM_ENGINE_SOFT, VM_ENGINE_KVM };

/* Where a serial port's bytes go and come from; in cli or a back end. */
struct serial_backend {
	void (*put)(struct serial_backend *b, u8 byte); /* from the guest; any thread, must not block */
};

struct vm_config {
	u64 ram;                    /* bytes */
	unsigned ncpus;
	enum vm_engine engine;
	struct boot_config boot;
	struct serial_backend *serial[4]; /* NULL: nothing plugged in */
	bool no_reboot;             /* a guest reset ends the run */
	bool reset_on_triple_fault;
	bool debug_exit;            /* port 0xF4 */
	bool single_step, deterministic;
	u64 digest_every;
	void (*digest)(void *ctx, u64 icount, u64 digest);
	void *digest_ctx;
};

/* How a run ended; cli turns it into the exit status. */
enum vm_end {
	VM_POWEROFF, VM_RESET /* with no_reboot */, VM_PANIC, VM_TRIPLE_FAULT, VM_WEDGED,
	VM_DEBUG_EXIT, VM_QUIT, VM_ERROR,
};

struct vm;

int vm_new(const struct vm_config *c, struct vm **ret, struct err *e);
void vm_free(struct vm *vm);
/* vm_run - start the vCPU threads and wait for the end. e says why for VM_ERROR and the like. */
enum vm_end vm_run(struct vm *vm, struct err *e);
/* vm_stop - end the run; the first reason wins. Any thread, async-signal-unsafe. */
void vm_stop(struct vm *vm, enum vm_end why, const char *fmt, ...) PRINTF(3, 4);
u8 vm_exit_value(const struct vm *vm); /* value written to port 0xF4 */
void vm_power_button(struct vm *vm);
/* vm_serial_in - bytes for serial port i; returns how many were taken (the rest: later). */
size_t vm_serial_in(struct vm *vm, unsigned i, const u8 *buf, size_t len);
void vm_stats(struct vm *vm, struct stats *ret);
const char *vm_engine_name(const struct vm *vm);

#endif
