/* elf.h - front of this folder: a reader of ELF files in memory that trusts no byte of them. */
#ifndef PANDOK_ELF_ELF_H
#define PANDOK_ELF_ELF_H

#include <elf.h>

#include "base/err.h"
#include "base/types.h"

/* The flags of a segment, by names that do not meet those of page faults. */
#undef PF_X
#undef PF_W
#undef PF_R
enum { ELF_X = 1, ELF_W = 2, ELF_R = 4 };

/* An opened file; its bytes stay the caller's and must outlive it. */
struct elf {
	const u8 *data;
	u64 len;
	bool is64;
	u16 type;    /* ET_ */
	u16 machine; /* EM_ */
	u64 entry;   /* as in the file: physical or virtual, the kernel's choice */
	u64 phoff, shoff;
	unsigned nseg, nsec; /* nsec is 0 when the section table is absent or outside the file */
	unsigned shstrndx;
};

/* A program header, either class widened. */
struct elf_segment {
	u32 type, flags; /* PT_, ELF_X and so on */
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

/* A section header, either class widened. */
struct elf_section {
	const char *name; /* "" when it has none that can be read */
	u32 type;         /* SHT_ */
	u64 flags, addr, offset, size, align;
	u32 link; /* another section: a symbol table's names */
};

struct elf_note {
	const char *name; /* namesz bytes, as a rule with a final NUL */
	u32 namesz, type, descsz;
	const u8 *desc;
};

/* Where a walk over notes stands; all zero at its start. */
struct elf_walk {
	unsigned seg, sec;
	u64 at, end; /* file offsets inside the current run of notes */
	u64 align;
};

/* elf_is - does the file begin with ELF's magic? */
bool elf_is(const void *data, u64 len);

/*
 * elf_open - check the header and that the program headers lie within the file.
 *   data   len bytes, kept by reference
 * Little-endian ELF32 and ELF64 only. A bad section table is not an error: nsec becomes 0.
 * -ENOEXEC with what is wrong. Source: System V ABI, chapter 4.
 */
MUST_CHECK int elf_open(const void *data, u64 len, struct elf *ret, struct err *e);

/* elf_segment, elf_section - number i, which is below nseg or nsec. Cannot fail. */
void elf_segment(const struct elf *elf, unsigned i, struct elf_segment *ret);
void elf_section(const struct elf *elf, unsigned i, struct elf_section *ret);

/*
 * elf_segment_check - is segment i sound: contents within the file, not more of them than memory,
 * and no address that wraps around?
 * -ENOEXEC with what is wrong.
 */
MUST_CHECK int elf_segment_check(const struct elf *elf, unsigned i, struct err *e);

/*
 * elf_note_next - the next note of the PT_NOTE segments, then of the SHT_NOTE sections (which
 * mostly name the same bytes once more). A run of notes that is cut short ends quietly.
 * Returns false at the end.
 */
bool elf_note_next(const struct elf *elf, struct elf_walk *w, struct elf_note *ret);

/* elf_note_find - the first note of that name and type; false when there is none. */
bool elf_note_find(const struct elf *elf, const char *name, u32 type, struct elf_note *ret);

/* elf_note_number - the little-endian number of 4 or 8 bytes that a note carries. */
bool elf_note_number(const struct elf_note *note, u64 *ret);

/*
 * elf_extent - file offset behind everything the headers name; bytes after it were appended by
 * someone else (Linux appends its relocation table). Never more than len. Not elf_end: libelf has one.
 */
u64 elf_extent(const struct elf *elf);

/* elf_machine_name - "x86-64" and the like, for a sentence. */
const char *elf_machine_name(u16 machine);

/*
 * elf_at - the len bytes of the file that a PT_LOAD brings to virtual address vaddr; NULL when none
 * does.
 */
const u8 *elf_at(const struct elf *elf, u64 vaddr, u64 len);

/* elf_section_find - the first section of that name; false when there is none. */
bool elf_section_find(const struct elf *elf, const char *name, struct elf_section *ret);

/* A symbol table; n is 0 when the file has none that can be read. */
struct elf_symtab {
	bool is64;
	const u8 *at;
	u64 n;
	const char *names;
	u64 names_len;
};

struct elf_symbol {
	const char *name; /* "" when it has none that can be read */
	u64 value, size;
	u8 type, bind;    /* STT_, STB_ */
	u16 section;      /* SHN_UNDEF: defined elsewhere */
};

/* elf_symtab - the full symbol table, or the dynamic one of a stripped file. */
void elf_symtab(const struct elf *elf, struct elf_symtab *ret);

/* elf_symbol - number i, which is below n. elf_symbol_find - the first defined one of that name. */
void elf_symbol(const struct elf_symtab *t, u64 i, struct elf_symbol *ret);
bool elf_symbol_find(const struct elf_symtab *t, const char *name, struct elf_symbol *ret);

/* elf_symbol_at - the function or object that holds addr; else the nearest label before it. */
bool elf_symbol_at(const struct elf_symtab *t, u64 addr, struct elf_symbol *ret);

#include "elf/dynamic.h"
#include "elf/xen.h"

#endif
