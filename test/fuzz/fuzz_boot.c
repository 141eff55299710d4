/* fuzz_boot.c - any bytes as a kernel file: it loads or it is refused, and either way nothing
 * outside the guest's RAM is touched.
 * @links src/vm/boot*.c src/vm/boot_bind.S src/elf src/mem src/base/err.c src/base/log.c */
#include <stdlib.h>
#include <string.h>

#include "vm/boot_int.h"

#define RAM MIB(24) /* room for a kernel at 16 MiB */

/* The RAM is one for all runs: what a refused kernel leaves in it must be nothing. */
static struct mem *ram(void)
{
	static struct mem *m;
	struct err e;

	if (!m) {
		setenv("XDG_CACHE_HOME", "/dev/null", 1);
		if (mem_new(RAM, &m, &e))
			abort();
	}
	return m;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static u8 initrd[] = "an initrd";
	struct boot_file files[2] = { { "one", initrd, 9, -1 }, { "two", initrd, 5, -1 } };
	struct boot_config c = { .cmdline = "quiet", .ninitrd = 2, .random_seed = size };
	struct vcpu *v = calloc(1, sizeof(*v));
	u8 *copy = malloc(size + 1); /* the loaders own their file's bytes */
	struct boot_report report;
	struct err e = { { 0 } };
	struct boot b = { .c = &c, .m = ram(), .v = v, .report = &report, .initrd = files };

	memset(&report, 0, sizeof(report));
	memcpy(copy, data, size);
	b.kernel = (struct boot_file){ .path = "kernel", .data = copy, .len = size, .fd = -1 };
	if (boot_load_files(&b, &e))
		BUG_ON(!e.text[0] || v->rip);
	else
		BUG_ON(!mem_host(b.m, GPA(v->rip), 1) || report.entry.at != v->rip);
	free(copy);
	free(v);
	return 0;
}
