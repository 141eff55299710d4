/* doctor.h - front of this folder: what is wrong with a kernel file, why, and what fixes it. */
#ifndef PANDOK_DOCTOR_DOCTOR_H
#define PANDOK_DOCTOR_DOCTOR_H

#include <stdio.h>

#include "base/err.h"
#include "base/types.h"
#include "elf/elf.h"

/* Boot protocols, as bits. */
enum {
	DOCTOR_XEN = 1, DOCTOR_PVH = 2, DOCTOR_MULTIBOOT = 4, DOCTOR_MULTIBOOT2 = 8, DOCTOR_LINUX = 16,
	DOCTOR_ANY = 31,
};

enum doctor_severity { DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_FATAL };

#define DOCTOR_FINDINGS 128

struct doctor;

/* One thing that is looked for; the rows are in checks.c. */
struct doctor_check {
	unsigned id;
	const char *name;
	u8 severity;  /* the worst it can be */
	u8 protocols; /* those it can stop; DOCTOR_ANY: it does not depend on them */
	void (*look)(struct doctor *d, const struct doctor_check *c);
	const char *why, *fix; /* a sentence each, without a full stop */
};

struct doctor_finding {
	const struct doctor_check *check;
	u8 severity;
	char where[48]; /* section, symbol, segment; "" for the file as a whole */
	u64 addr;       /* as linked; 0 none */
	char text[320];
};

/* Where a Multiboot header is, or would be if it were right. */
struct doctor_header {
	bool found;    /* valid */
	u64 at;
	u32 flags;
	bool late, misaligned, bad_sum; /* a header there is, but for this */
};

struct doctor {
	const u8 *data;
	u64 len;
	const char *kind; /* "ELF64 x86-64 executable", "bzImage" … */
	bool is_elf, is_bzimage;
	struct elf elf;
	struct elf_symtab symbols;
	bool has_xen, has_dynamic, has_pvh;
	struct elf_xen xen;
	struct elf_dynamic dynamic;
	u64 pvh_entry;
	struct doctor_header multiboot, multiboot2;
	unsigned can;     /* protocols that the file names */
	unsigned want;    /* protocols it is judged for: those asked for, or can */
	unsigned n;
	struct doctor_finding finding[DOCTOR_FINDINGS]; /* worst first */
};

/*
 * doctor_look - examine len bytes of a kernel file, which have to stay as long as *ret.
 *   want   DOCTOR_ bits that the file is asked to be startable by; 0: whatever it names
 * Cannot fail: a file that is no kernel is a finding. Free with doctor_free(); NULL: out of memory.
 */
struct doctor *doctor_look(const u8 *data, u64 len, unsigned want);
void doctor_free(struct doctor *d);

/* doctor_worst - the severest finding, NULL when there is none. */
const struct doctor_finding *doctor_worst(const struct doctor *d);

/* doctor_protocol - name of one DOCTOR_ bit, "Xen PV" and so on. */
const char *doctor_protocol(unsigned bit);

/* doctor_checks - the rows, ends with id 0. */
extern const struct doctor_check doctor_checks[];

/* doctor_trap - the file died of a trap at rip under Xen: a finding that explains it, or NULL. */
const struct doctor_finding *doctor_trap(const struct doctor *d, u64 rip);

/* ---- pictures ---- */

/* doctor_layout - sections, segments, notes and symbols on one address axis, as text or SVG. */
void doctor_layout(const struct doctor *d, FILE *to);
void doctor_layout_svg(const struct doctor *d, const char *title, FILE *to);

/* doctor_relocs - each dynamic relocation: what, where, what it will hold. doctor_got - each slot. */
void doctor_relocs(const struct doctor *d, FILE *to);
void doctor_got(const struct doctor *d, FILE *to);

#endif
