/* symtab.h - names of addresses, whoever gave them: kallsyms, a module, an ELF file. */
#ifndef PANDOK_KNOW_SYMTAB_H
#define PANDOK_KNOW_SYMTAB_H

#include "base/types.h"

#define SYMTAB_NAME 512 /* longest name kept, with its NUL: KSYM_NAME_LEN of newer kernels */

struct sym {
	u64 at, size; /* size 0: up to the next */
	u32 name;     /* offset in names */
	char type;    /* as nm prints it */
};

struct symtab {
	struct sym *sym; /* by address, of equals the first one added first */
	char *names;
	u32 *hash;       /* index + 1 by name; 0: empty */
	u32 n, room, names_len, names_room, nhash;
	u64 end;         /* what is below ends below; 0: not known */
	bool failed;     /* out of memory: it is empty then */
};

void symtab_fini(struct symtab *s);

/* symtab_add - one more, in any order; name need not end in NUL. No names of 0 bytes. */
void symtab_add(struct symtab *s, const char *name, size_t len, u64 at, u64 size, char type);

/* symtab_done - all are added: now it can be asked. */
void symtab_done(struct symtab *s);

const struct sym *symtab_name(const struct symtab *s, const char *name); /* NULL: none */

/* symtab_at - the one that covers an address, and the bytes it covers; NULL: none. */
const struct sym *symtab_at(const struct symtab *s, u64 at, u64 *size);

static inline const char *sym_name(const struct symtab *s, const struct sym *y)
{
	return s->names + y->name;
}

#endif
