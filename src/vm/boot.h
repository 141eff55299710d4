/* boot.h - put a kernel into guest memory and a vCPU at its entry. */
#ifndef PANDOK_VM_BOOT_H
#define PANDOK_VM_BOOT_H

#include "base/err.h"
#include "mem/mem.h"
#include "x86/x86.h"

struct boot_config {
	const char *kernel;          /* path */
	const char *cmdline;
	const char *const *initrd;   /* paths; concatenated for Linux, modules for Multiboot and PVH */
	unsigned ninitrd;
	const char *const *library;  /* paths; shared objects that the kernel is bound to */
	unsigned nlibrary;
	bool bind_lazy;              /* bind functions of libraries at their first call */
	u64 load_at;                 /* where a position-independent kernel goes; 0: we choose */
	bool load_random;            /* at random, by random_seed */
	/* Told of each relocation in a line; NULL: not asked for. */
	void (*explain)(void *ctx, const char *line);
	void *explain_ctx;
	gpa_t acpi_rsdp;             /* where the board put it; 0 none */
	u64 random_seed;             /* KASLR and setup_data RNG seed come from it; deterministic runs fix it */
};

struct boot_report {
	const char *protocol; /* "Linux 64-bit", "PVH", "Multiboot 1" … */
	gpa_t entry;
	char detail[128];     /* for the log */
};

/*
 * boot_load - recognize the kernel file, write it and its tables into guest RAM, and set v (after
 * vcpu_reset) to what its protocol promises at entry. Nothing of the guest's memory map that
 * the board uses is overwritten.
 * Errors: a sentence naming what is wrong with which file, -ENOEXEC, -ENOMEM, -EINVAL or errno.
 * Threads: before any vCPU runs.
 */
MUST_CHECK int boot_load(const struct boot_config *c, struct mem *m, struct vcpu *v,
			 struct boot_report *ret, struct err *e);

/*
 * boot_extract - the vmlinux inside a bzImage, for tests and tools.
 *   relocs   with the relocation table that Linux keeps behind it
 *   ret      malloc()ed
 * Errors as boot_load().
 */
MUST_CHECK int boot_extract(const char *path, bool relocs, u8 **ret, u64 *len, struct err *e);

#endif
