/* target.h - a stopped machine as the files of this folder see it: pages, processors, page tables. */
#ifndef PANDOK_KNOW_TARGET_H
#define PANDOK_KNOW_TARGET_H

#include "know/know.h"

#define TARGET_RAMS 64
#define TARGET_TLB 4096

/* What a linear address means depends on these. */
struct space {
	u64 cr0, cr3, cr4, efer;
};

/* How a walk went: one entry a level. */
struct trail {
	u64 pa;       /* of the byte asked for, when it is mapped */
	u64 page_len; /* bytes of the page that maps it */
	unsigned n;
	u64 entry_at[5], entry[5];
};

struct target {
	struct vm *vm;
	unsigned ncpus;
	struct vcpu **vcpu;
	unsigned nram;
	struct { u64 at, len; } ram[TARGET_RAMS]; /* whole pages, ascending */
	/* A page of guest memory, good until the next call; NULL: not there. */
	const u8 *(*page)(struct target *t, u64 pfn);
	void (*close)(struct target *t); /* NULL: nothing to do */
	void *back; /* for the two above */
	u64 reads, reads_max; /* left of the present look; 0: nothing is there any more */
	char *note; /* VMCOREINFO a file brought, NUL-ended; NULL: none */
	unsigned nstatus, ncpu_notes; /* notes of each kind seen in a file */
	struct { u64 va, cr3, pa; } tlb[TARGET_TLB]; /* page numbers + 1; 0: empty */
};

/* target_new - an empty one with ncpus processors; target_free() frees it. */
MUST_CHECK int target_new(unsigned ncpus, struct target **ret, struct err *e);

/* target_look - begin to look: from now on so many reads are answered as a sane guest needs at most.
 * What chases pointers for longer finds memory that is not there, and says so. */
void target_look(struct target *t);

struct space target_space(const struct target *t, unsigned cpu);

/* space_walk - translate; false: not mapped (tr->n tells how far it went). */
bool space_walk(struct target *t, const struct space *s, u64 va, struct trail *tr);

/* space_read - false, with ret partly written, when a byte is not there. */
bool space_read(struct target *t, const struct space *s, u64 va, u64 len, void *ret);

/* core_elf.c and core_kdump.c: fill a target from a file; -ENOEXEC: not of this form. */
MUST_CHECK int core_elf_open(struct target *t, int fd, u64 len, struct err *e);
MUST_CHECK int core_kdump_open(struct target *t, int fd, u64 len, struct err *e);

#endif
