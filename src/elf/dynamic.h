/* dynamic.h - the dynamic section and the relocations that it names. */
#ifndef PANDOK_ELF_DYNAMIC_H
#define PANDOK_ELF_DYNAMIC_H

#include "base/err.h"
#include "base/types.h"

struct elf;

/* A table in memory as linked: virtual address and bytes; len 0: there is none. */
struct elf_table {
	u64 at, len;
};

/* What the dynamic section of a 64-bit file says. */
struct elf_dynamic {
	struct elf_table rela, jmprel, relr, init_array, names;
	u64 symbols;    /* address of the symbol table, 0 none */
	u64 got;        /* DT_PLTGOT, 0 none */
	bool textrel;   /* relocations write into what is mapped read-only */
	bool pie;       /* DF_1_PIE */
	bool rel;       /* tables without addends, which x86-64 does not use */
	unsigned nneeded;
	u64 needed[8];  /* offsets into names */
};

/* elf_dynamic - false when a file has no dynamic section, is 32-bit, or its section cannot be read. */
bool elf_dynamic(const struct elf *elf, struct elf_dynamic *ret);

/* elf_dynamic_name - text number at of the dynamic names, "" when it cannot be read. */
const char *elf_dynamic_name(const struct elf *elf, const struct elf_dynamic *d, u64 at);

/* elf_dynamic_symbol - number i of the dynamic symbols; false when it cannot be read. */
struct elf_symbol;
bool elf_dynamic_symbol(const struct elf *elf, const struct elf_dynamic *d, u32 i,
			struct elf_symbol *ret);

/* One place to patch, as linked. */
struct elf_reloc {
	u64 at;
	u32 type, sym; /* R_X86_64_; number of a dynamic symbol */
	i64 addend;    /* RELR keeps it in place: in_place */
	u64 index;     /* in its table, but for RELR */
	bool in_place, lazy; /* lazy: out of the PLT's table */
};

struct elf_reloc_walk {
	unsigned table; /* which of the three */
	u64 i;          /* bytes into it */
	u64 base, bits; /* RELR: what is left of a bitmap */
};

/*
 * elf_reloc_next - the next relocation of DT_RELA, DT_RELR, DT_JMPREL, in this order. One that lies
 * outside the file ends its table. false at the end.
 * Source: System V ABI, chapter 5, and its proposal for RELR.
 */
bool elf_reloc_next(const struct elf *elf, const struct elf_dynamic *d, struct elf_reloc_walk *w,
		    struct elf_reloc *ret);

/* elf_reloc_name - "R_X86_64_RELATIVE" and the like; NULL for one that is not known. */
const char *elf_reloc_name(u32 type);

/*
 * elf_reloc_value - what a relocation writes: 8 bytes, or fewer for *size.
 *   bias    how far the file was moved from where it was linked
 *   symbol  address (after moving) of the symbol, 0 when it has none
 *   old     what stands there, for those that keep their addend in place
 * false: no loader can do it from outside the guest.
 * Source: System V ABI, AMD64 supplement, table 4.9.
 */
bool elf_reloc_value(const struct elf_reloc *r, u64 bias, u64 symbol, u64 old, u64 *ret,
		     unsigned *size);

/* elf_reloc_symbolic - does its value depend on a symbol? */
bool elf_reloc_symbolic(const struct elf_reloc *r);

#endif
