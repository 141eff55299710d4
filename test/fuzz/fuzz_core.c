/* fuzz_core.c - any bytes as a vmcore file, ELF or kdump-compressed: what opens is looked at.
 * @links src/know src/base src/elf src/x86 src/mem */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "know/target.h"
#include "no_vm.h"

static void put(struct out *o, const char *text, size_t len)
{
	(void)o;
	(void)text;
	(void)len;
}

static void look(struct target *t)
{
	static const struct kernel_config none;
	struct out o = { put };
	struct kernel *k;
	struct err e;
	u8 page[4096];

	for (unsigned i = 0; i < t->nram; i++)
		for (u64 at = 0; at < t->ram[i].len && at < MIB(1); at += 4096)
			page[0] ^= (u8)target_phys(t, GPA(t->ram[i].at + at), sizeof(page), page);
	if (kernel_new(t, &none, &k, &e))
		abort();
	for (unsigned i = 0; i < t->ncpus && i < 4; i++) {
		struct view v = { t, k, i, &o };

		view_regs(&v);
		view_bt(&v);
	}
	kernel_free(k);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	int fd = memfd_create("core", 0);
	struct target *t;
	char path[64];
	struct err e;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!target_open(path, &t, &e)) {
		look(t);
		target_free(t);
	}
	close(fd);
	return 0;
}
