/* fuzz_elf.c - any bytes as an ELF file: every reader is asked about everything.
 * @links src/elf src/base/err.c */
#include <string.h>

#include "elf/elf.h"

/* Touch each byte that the reader vouches for. */
static u64 sum(const void *p, u64 len)
{
	u64 n = 0;

	for (u64 i = 0; i < len; i++)
		n += ((const u8 *)p)[i];
	return n;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	volatile u64 n = 0;
	struct elf_walk w = { 0 };
	struct elf_segment seg;
	struct elf_section sec;
	struct elf_note note;
	struct elf elf;
	struct elf_reloc_walk rw = { 0 };
	struct elf_symtab symbols;
	struct elf_dynamic dyn;
	struct elf_symbol sym;
	struct elf_reloc reloc;
	struct elf_xen xen;
	struct err e;
	u64 number;

	if (elf_open(data, size, &elf, &e))
		return 0;
	for (unsigned i = 0; i < elf.nseg; i++) {
		elf_segment(&elf, i, &seg);
		if (!elf_segment_check(&elf, i, &e))
			n += sum(data + seg.offset, seg.filesz);
	}
	for (unsigned i = 0; i < elf.nsec; i++) {
		elf_section(&elf, i, &sec);
		n += strlen(sec.name);
	}
	for (unsigned i = 0; i < 1000 && elf_note_next(&elf, &w, &note); i++)
		n += sum(note.name, note.namesz) + sum(note.desc, note.descsz);
	if (elf_note_find(&elf, "Xen", 18, &note) && elf_note_number(&note, &number))
		n += number;
	elf_symtab(&elf, &symbols);
	for (u64 i = 0; i < symbols.n; i++) {
		elf_symbol(&symbols, i, &sym);
		n += strlen(sym.name);
	}
	n += elf_symbol_at(&symbols, elf.entry, &sym);
	if (elf_dynamic(&elf, &dyn))
		for (unsigned i = 0; i < 1000 && elf_reloc_next(&elf, &dyn, &rw, &reloc); i++)
			n += elf_dynamic_symbol(&elf, &dyn, reloc.sym, &sym) ? strlen(sym.name) : 1;
	if (elf_xen(&elf, &xen))
		n += elf_xen_check(&elf, &xen, &e) != 0;
	BUG_ON(elf_extent(&elf) > size);
	return 0;
}
