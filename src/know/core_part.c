/* core_part.c - a piece of a machine's memory as an ELF core file into whatever can be written to. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "know/core.h"

/* The pages of t's RAM that [at, at+len) touches. */
static void cut(const struct target *t, u64 at, u64 len, struct target *ret)
{
	u64 end = at + len < at ? UINT64_MAX : at + len;

	*ret = *t;
	ret->nram = 0;
	for (unsigned i = 0; i < t->nram; i++) {
		u64 first = t->ram[i].at, last = first + t->ram[i].len;

		first = at > first ? at & ~(GUEST_PAGE_SIZE - 1) : first;
		last = end < last ? (end + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1) : last;
		if (first >= last)
			continue;
		ret->ram[ret->nram].at = first;
		ret->ram[ret->nram++].len = last - first;
	}
}

static int copy(int from, int to, struct err *e)
{
	char buf[1 << 16];
	ssize_t n, done = 0;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n; at += done) {
			done = write(to, buf + at, (size_t)(n - at));
			if (done < 0 && errno == EINTR)
				done = 0;
			if (done < 0)
				return err_sys(e, "cannot write the core");
		}
	return n < 0 ? err_sys(e, "cannot read the core back") : 0;
}

int crash_core_part(const struct view *v, gpa_t at, u64 len, int fd, struct err *e)
{
	struct target *part = malloc(sizeof(*part));
	int file = memfd_create("pandok-core", MFD_CLOEXEC), rc;

	if (!part || file < 0) {
		rc = err_set(e, -ENOMEM, "out of memory");
	} else {
		cut(v->t, at.at, len, part);
		rc = core_elf_write(part, v->k, file, e);
		if (!rc && lseek(file, 0, SEEK_SET) < 0)
			rc = err_sys(e, "cannot read the core back");
		if (!rc)
			rc = copy(file, fd, e);
	}
	if (file >= 0)
		close(file);
	free(part);
	return rc;
}
