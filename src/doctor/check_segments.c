/* check_segments.c - program headers: where everything goes in memory. */
#include <string.h>

#include "doctor/int.h"

#define HOLE_FIRST 0xa0000u /* video memory and ROMs of a PC */
#define HOLE_END 0x100000u
#define HIGH (1ull << 46)   /* no machine has memory there */

static bool meet(u64 a, u64 alen, u64 b, u64 blen)
{
	return a <= b + (blen - 1) && b <= a + (alen - 1);
}

/* A protocol's entry is virtual, or physical for those that start without paging. */
static bool entry_in(const struct doctor *d, unsigned protocol, u64 at, struct elf_segment *s,
		     u64 *into)
{
	if (protocol != DOCTOR_PVH && load_of(d, at, s))
		*into = at - s->vaddr;
	else if (protocol != DOCTOR_XEN && load_of_phys(d, at, s))
		*into = at - s->paddr;
	else
		return false;
	return true;
}

static void entry_check(struct doctor *d, const struct doctor_check *c, unsigned protocol)
{
	u64 at = entry_addr(d, protocol), into;
	struct elf_segment s;

	if (!entry_in(d, protocol, at, &s, &into))
		doctor_add(d, c, "entry", at, "the %s entry 0x%llx is in no PT_LOAD segment",
			   doctor_protocol(protocol), (ull)at);
	else if (into >= s.filesz)
		doctor_add(d, c, "entry", at, "the %s entry 0x%llx is in zeroed memory, behind what the "
			   "file brings", doctor_protocol(protocol), (ull)at);
	else if (!(s.flags & ELF_X))
		doctor_add_as(d, c, DOCTOR_WARNING, "entry", at, "the %s entry 0x%llx is in a segment "
			      "that is not executable", doctor_protocol(protocol), (ull)at);
}

CHECK(check_entry)
{
	unsigned want = d->want & d->can;

	if (!d->is_elf || d->elf.type == ET_REL)
		return;
	if (multiboot_flat(d))
		want &= ~DOCTOR_MULTIBOOT;
	for (unsigned bit = 1; bit < DOCTOR_ANY; bit <<= 1)
		if (want & bit)
			entry_check(d, c, bit);
	if (!d->can && d->elf.nseg)
		entry_check(d, c, 0);
}

CHECK(check_entry_first)
{
	u64 lowest = load_lowest(d);

	/* Only a file that no loader knows is used flat. */
	if (d->is_elf && !d->can && d->elf.entry && d->elf.entry != lowest && d->elf.nseg)
		doctor_add(d, c, "entry", d->elf.entry, "the entry 0x%llx is not the first byte of what "
			   "is loaded, 0x%llx", (ull)d->elf.entry, (ull)lowest);
}

static void overlap_pair(struct doctor *d, const struct doctor_check *c, unsigned i,
			 const struct elf_segment *a)
{
	struct elf_segment b;

	for (unsigned j = 0; load_next(d, &j, &b) && j < i;) {
		if (meet(a->paddr, a->memsz, b.paddr, b.memsz))
			doctor_add(d, c, "PT_LOAD", a->paddr, "two segments overlap in physical memory: "
				   "0x%llx-0x%llx and 0x%llx-0x%llx", (ull)b.paddr,
				   (ull)(b.paddr + b.memsz - 1), (ull)a->paddr,
				   (ull)(a->paddr + a->memsz - 1));
		else if (meet(a->vaddr, a->memsz, b.vaddr, b.memsz))
			doctor_add_as(d, c, DOCTOR_WARNING, "PT_LOAD", a->vaddr, "two segments overlap "
				      "in virtual memory: 0x%llx and 0x%llx", (ull)b.vaddr,
				      (ull)a->vaddr);
	}
}

CHECK(check_overlap)
{
	bool pc = d->want & (DOCTOR_PVH | DOCTOR_MULTIBOOT | DOCTOR_MULTIBOOT2 | DOCTOR_LINUX);
	struct elf_segment s;

	if (multiboot_flat(d) || d->elf.type == ET_DYN)
		pc = false;
	for (unsigned i = 0; load_next(d, &i, &s);) {
		overlap_pair(d, c, i, &s);
		if (pc && meet(s.paddr, s.memsz, HOLE_FIRST, HOLE_END - HOLE_FIRST))
			doctor_add(d, c, "PT_LOAD", s.paddr, "a segment at 0x%llx-0x%llx lies in the "
				   "hole of a PC's memory, 0xa0000-0xfffff", (ull)s.paddr,
				   (ull)(s.paddr + s.memsz - 1));
	}
}

CHECK(check_congruent)
{
	struct elf_segment s;

	for (unsigned i = 0; load_next(d, &i, &s);)
		if (s.align > 1 && (s.offset - s.vaddr) % s.align && s.filesz)
			doctor_add(d, c, "PT_LOAD", s.vaddr, "file offset 0x%llx and address 0x%llx of "
				   "a segment differ modulo its alignment 0x%llx", (ull)s.offset,
				   (ull)s.vaddr, (ull)s.align);
}

CHECK(check_page_size)
{
	struct elf_segment s;
	unsigned i = 0;

	if (load_next(d, &i, &s) && (s.offset > 0x1000 || s.align >= MIB(2)))
		doctor_add(d, c, "PT_LOAD", s.vaddr, "the first segment begins at file offset 0x%llx "
			   "with alignment 0x%llx", (ull)s.offset, (ull)s.align);
}

CHECK(check_high)
{
	struct elf_segment s;

	if (multiboot_flat(d))
		return;
	for (unsigned i = 0; load_next(d, &i, &s);)
		if (s.paddr >= HIGH)
			doctor_add(d, c, "PT_LOAD", s.paddr, "a segment wants the physical address "
				   "0x%llx%s", (ull)s.paddr,
				   s.paddr == s.vaddr ? ", the same as its virtual one" : "");
}

CHECK(check_rwx)
{
	const u32 all = ELF_R | ELF_W | ELF_X;
	struct elf_segment s;

	for (unsigned i = 0; load_next(d, &i, &s);)
		if ((s.flags & all) == all)
			doctor_add(d, c, "PT_LOAD", s.vaddr, "the segment at 0x%llx is writable and "
				   "executable", (ull)s.vaddr);
}

CHECK(check_stack_note)
{
	struct elf_segment s;

	if (!d->is_elf || d->elf.type == ET_REL)
		return;
	for (unsigned i = 0; i < d->elf.nseg; i++) {
		elf_segment(&d->elf, i, &s);
		if (s.type != PT_GNU_STACK)
			continue;
		if (s.flags & ELF_X)
			doctor_add(d, c, "PT_GNU_STACK", 0, "it asks for an executable stack");
		return;
	}
	doctor_add(d, c, "PT_GNU_STACK", 0, "it does not say whether its stack is executable");
}

static bool covered(const struct doctor *d, const struct elf_section *s)
{
	struct elf_segment load;

	for (unsigned i = 0; load_next(d, &i, &load);)
		if (s->addr >= load.vaddr && s->addr - load.vaddr < load.memsz &&
		    s->size <= load.memsz - (s->addr - load.vaddr))
			return true;
	return false;
}

CHECK(check_bss)
{
	u64 end = 0;
	struct elf_section s;
	struct elf_segment load;
	struct elf_symbol sym;

	for (unsigned i = 0; load_next(d, &i, &load);) {
		end = load.vaddr + load.memsz > end ? load.vaddr + load.memsz : end;
		if (load.filesz > load.memsz)
			doctor_add(d, c, "PT_LOAD", load.vaddr, "a segment has more bytes in the file "
				   "(0x%llx) than in memory (0x%llx)", (ull)load.filesz,
				   (ull)load.memsz);
	}
	if (!end)
		return;
	for (unsigned i = 0; alloc_next(d, &i, &s);)
		if (s.type == SHT_NOBITS && s.size && !(s.flags & SHF_TLS) && !covered(d, &s))
			doctor_add_as(d, c, DOCTOR_WARNING, s.name, s.addr, "section %s (0x%llx bytes at "
				      "0x%llx) is in no segment: nobody clears it", s.name,
				      (ull)s.size, (ull)s.addr);
	if (elf_symbol_find(&d->symbols, "_end", &sym) && sym.value < end &&
	    load_of(d, sym.value, &load))
		doctor_add_as(d, c, DOCTOR_NOTE, "_end", sym.value, "_end is 0x%llx, but segments reach "
			      "to 0x%llx", (ull)sym.value, (ull)end);
}

CHECK(check_truncated)
{
	struct elf_segment s;
	struct elf elf;
	struct err e;

	if (!d->is_elf && elf_is(d->data, d->len) && elf_open(d->data, d->len, &elf, &e))
		doctor_add(d, c, "ELF header", 0, "%s", e.text);
	for (unsigned i = 0; load_next(d, &i, &s);)
		if (s.offset > d->len || s.filesz > d->len - s.offset)
			doctor_add(d, c, "PT_LOAD", s.vaddr, "a segment's 0x%llx bytes at file offset "
				   "0x%llx are not all in the file of 0x%llx", (ull)s.filesz,
				   (ull)s.offset, (ull)d->len);
}
