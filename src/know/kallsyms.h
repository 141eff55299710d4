/* kallsyms.h - a Linux kernel's own symbol table, found in a copy of its image. */
#ifndef PANDOK_KNOW_KALLSYMS_H
#define PANDOK_KNOW_KALLSYMS_H

#include "base/types.h"
#include "know/symtab.h"

/* Part of the guest's memory, copied. */
struct bytes {
	const u8 *at;
	u64 len;
	u64 va; /* of the first byte, in the guest */
};

/*
 * kallsyms_find - look for the tables by their inner structure, whatever their order, and read all
 * names. Bounded by the image's length.
 *   why   a sentence when false comes back
 */
bool kallsyms_find(const struct bytes *image, struct symtab *ret, const char **why);

#endif
