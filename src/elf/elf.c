/* elf.c - reads the tables of an ELF file that may lie about everything. */
#include "elf/elf.h"

#include <errno.h>
#include <string.h>

/* Kernels have a handful of program headers; a thousand is no kernel. */
#define SEGMENTS_MAX 1024

/*B:200 Reading a file that may lie
 * Every number in an ELF file was written by someone else. elf_open() checks that the tables it
 * names are inside the file; elf_segment() and elf_section() then only copy one row, whichever
 * class the file has, into a form that has one class. What a row claims about the rest of the
 * file is checked by elf_segment_check(), apart, because a loader refuses a bad segment but the
 * doctor wants to look at all of them.
 * @test elf_refuses_truncated_tables
 */

static bool inside(u64 len, u64 at, u64 n)
{
	return at <= len && n <= len - at;
}

bool elf_is(const void *data, u64 len)
{
	return len >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG);
}

static int ident_check(const struct elf *elf, struct err *e)
{
	if (!elf_is(elf->data, elf->len))
		return err_set(e, -ENOEXEC, "not an ELF file");
	if (elf->len < EI_NIDENT)
		return err_set(e, -ENOEXEC, "the ELF file ends inside its header");
	if (elf->data[EI_CLASS] != ELFCLASS32 && elf->data[EI_CLASS] != ELFCLASS64)
		return err_set(e, -ENOEXEC, "ELF class %u is neither 32 nor 64 bit",
			       elf->data[EI_CLASS]);
	if (elf->data[EI_DATA] != ELFDATA2LSB)
		return err_set(e, -ENOEXEC, "the ELF file is not little-endian");
	return 0;
}

/* The header, either class; what = bytes of one program and one section header. */
static void header_read(struct elf *elf, u64 *phentsize, u64 *shentsize)
{
	if (elf->is64) {
		Elf64_Ehdr h;

		memcpy(&h, elf->data, sizeof(h));
		elf->type = h.e_type, elf->machine = h.e_machine, elf->entry = h.e_entry;
		elf->phoff = h.e_phoff, elf->shoff = h.e_shoff;
		elf->nseg = h.e_phnum, elf->nsec = h.e_shnum, elf->shstrndx = h.e_shstrndx;
		*phentsize = h.e_phentsize, *shentsize = h.e_shentsize;
	} else {
		Elf32_Ehdr h;

		memcpy(&h, elf->data, sizeof(h));
		elf->type = h.e_type, elf->machine = h.e_machine, elf->entry = h.e_entry;
		elf->phoff = h.e_phoff, elf->shoff = h.e_shoff;
		elf->nseg = h.e_phnum, elf->nsec = h.e_shnum, elf->shstrndx = h.e_shstrndx;
		*phentsize = h.e_phentsize, *shentsize = h.e_shentsize;
	}
}

static u64 segment_size(const struct elf *elf)
{
	return elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

static u64 section_size(const struct elf *elf)
{
	return elf->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}

int elf_open(const void *data, u64 len, struct elf *ret, struct err *e)
{
	struct elf elf = { .data = data, .len = len };
	u64 phentsize, shentsize;
	int rc;

	rc = ident_check(&elf, e);
	if (rc)
		return rc;
	elf.is64 = elf.data[EI_CLASS] == ELFCLASS64;
	if (len < (elf.is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
		return err_set(e, -ENOEXEC, "the ELF file ends inside its header");
	header_read(&elf, &phentsize, &shentsize);
	if (elf.nseg && phentsize != segment_size(&elf))
		return err_set(e, -ENOEXEC, "ELF program headers have %llu bytes instead of %llu",
			       (unsigned long long)phentsize,
			       (unsigned long long)segment_size(&elf));
	if (elf.nseg > SEGMENTS_MAX)
		return err_set(e, -ENOEXEC, "%u ELF program headers are no kernel's", elf.nseg);
	if (!inside(len, elf.phoff, elf.nseg * segment_size(&elf)))
		return err_set(e, -ENOEXEC, "the ELF program headers lie outside the file "
			       "(is it truncated?)");
	if (shentsize != section_size(&elf) ||
	    !inside(len, elf.shoff, elf.nsec * section_size(&elf)))
		elf.nsec = 0;
	*ret = elf;
	return 0;
}

void elf_segment(const struct elf *elf, unsigned i, struct elf_segment *ret)
{
	const u8 *at = elf->data + elf->phoff + i * segment_size(elf);

	BUG_ON(i >= elf->nseg);
	if (elf->is64) {
		Elf64_Phdr h;

		memcpy(&h, at, sizeof(h));
		*ret = (struct elf_segment){ h.p_type, h.p_flags, h.p_offset, h.p_vaddr,
					     h.p_paddr, h.p_filesz, h.p_memsz, h.p_align };
	} else {
		Elf32_Phdr h;

		memcpy(&h, at, sizeof(h));
		*ret = (struct elf_segment){ h.p_type, h.p_flags, h.p_offset, h.p_vaddr,
					     h.p_paddr, h.p_filesz, h.p_memsz, h.p_align };
	}
}

int elf_segment_check(const struct elf *elf, unsigned i, struct err *e)
{
	u64 top = elf->is64 ? UINT64_MAX : UINT32_MAX;
	struct elf_segment s;

	elf_segment(elf, i, &s);
	if (!inside(elf->len, s.offset, s.filesz))
		return err_set(e, -ENOEXEC, "segment %u: its %llu bytes at file offset 0x%llx "
			       "are not all in the file of %llu bytes (is it truncated?)", i,
			       (unsigned long long)s.filesz, (unsigned long long)s.offset,
			       (unsigned long long)elf->len);
	if (s.type != PT_LOAD)
		return 0;
	if (s.filesz > s.memsz)
		return err_set(e, -ENOEXEC, "segment %u: %llu bytes in the file are more than "
			       "its %llu bytes of memory", i, (unsigned long long)s.filesz,
			       (unsigned long long)s.memsz);
	if (s.memsz && (s.memsz - 1 > top - s.paddr || s.memsz - 1 > top - s.vaddr))
		return err_set(e, -ENOEXEC, "segment %u: 0x%llx bytes at 0x%llx run past the "
			       "end of the address space", i, (unsigned long long)s.memsz,
			       (unsigned long long)s.paddr);
	return 0;
}

/* Section header i without its name; sh_name is handed back apart. */
static u32 section_read(const struct elf *elf, unsigned i, struct elf_section *ret)
{
	const u8 *at = elf->data + elf->shoff + i * section_size(elf);

	BUG_ON(i >= elf->nsec);
	if (elf->is64) {
		Elf64_Shdr h;

		memcpy(&h, at, sizeof(h));
		*ret = (struct elf_section){ "", h.sh_type, h.sh_flags, h.sh_addr, h.sh_offset,
					     h.sh_size, h.sh_addralign, h.sh_link };
		return h.sh_name;
	} else {
		Elf32_Shdr h;

		memcpy(&h, at, sizeof(h));
		*ret = (struct elf_section){ "", h.sh_type, h.sh_flags, h.sh_addr, h.sh_offset,
					     h.sh_size, h.sh_addralign, h.sh_link };
		return h.sh_name;
	}
}

void elf_section(const struct elf *elf, unsigned i, struct elf_section *ret)
{
	u32 name = section_read(elf, i, ret);
	struct elf_section names;
	const u8 *table;

	if (elf->shstrndx >= elf->nsec)
		return;
	section_read(elf, elf->shstrndx, &names);
	if (names.type == SHT_NOBITS || !inside(elf->len, names.offset, names.size))
		return;
	table = elf->data + names.offset;
	if (name < names.size && memchr(table + name, 0, names.size - name))
		ret->name = (const char *)table + name;
}

/* The next run of notes, or false. Notes are 4-aligned but where a segment says 8. */
static bool walk_next_run(const struct elf *elf, struct elf_walk *w)
{
	while (w->seg < elf->nseg) {
		struct elf_segment s;

		elf_segment(elf, w->seg++, &s);
		if (s.type != PT_NOTE || !inside(elf->len, s.offset, s.filesz))
			continue;
		*w = (struct elf_walk){ w->seg, 0, s.offset, s.offset + s.filesz,
					s.align == 8 ? 8 : 4 };
		return true;
	}
	while (w->sec < elf->nsec) {
		struct elf_section s;

		section_read(elf, w->sec++, &s);
		if (s.type != SHT_NOTE || !inside(elf->len, s.offset, s.size))
			continue;
		*w = (struct elf_walk){ w->seg, w->sec, s.offset, s.offset + s.size,
					s.align == 8 ? 8 : 4 };
		return true;
	}
	return false;
}

/* One note at w->at, inside [w->at, w->end), which is inside the file. */
static bool walk_note(const struct elf *elf, struct elf_walk *w, struct elf_note *ret)
{
	u64 left = w->end - w->at, name, desc, next;
	Elf64_Nhdr h; /* the same twelve bytes in both classes */

	if (left < sizeof(h))
		return false;
	memcpy(&h, elf->data + w->at, sizeof(h));
	name = sizeof(h);
	desc = (name + h.n_namesz + w->align - 1) & ~(w->align - 1);
	if (desc > left || h.n_descsz > left - desc)
		return false;
	next = (desc + h.n_descsz + w->align - 1) & ~(w->align - 1);
	*ret = (struct elf_note){ (const char *)elf->data + w->at + name, h.n_namesz, h.n_type,
				  h.n_descsz, elf->data + w->at + desc };
	w->at += next < left ? next : left;
	return true;
}

bool elf_note_next(const struct elf *elf, struct elf_walk *w, struct elf_note *ret)
{
	do {
		if (w->at < w->end && walk_note(elf, w, ret))
			return true;
	} while (walk_next_run(elf, w));
	return false;
}

bool elf_note_find(const struct elf *elf, const char *name, u32 type, struct elf_note *ret)
{
	size_t len = strlen(name) + 1;
	struct elf_walk w = { 0 };
	struct elf_note n;

	while (elf_note_next(elf, &w, &n)) {
		if (n.type != type || n.namesz != len || memcmp(n.name, name, len))
			continue;
		*ret = n;
		return true;
	}
	return false;
}

bool elf_note_number(const struct elf_note *note, u64 *ret)
{
	u64 n = 0;

	if (note->descsz != 4 && note->descsz != 8)
		return false;
	memcpy(&n, note->desc, note->descsz);
	*ret = n;
	return true;
}

static u64 larger_inside(const struct elf *elf, u64 end, u64 at, u64 n)
{
	return inside(elf->len, at, n) && at + n > end ? at + n : end;
}

u64 elf_extent(const struct elf *elf)
{
	u64 end = elf->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	struct elf_segment seg;
	struct elf_section sec;

	end = larger_inside(elf, end, elf->phoff, elf->nseg * segment_size(elf));
	end = larger_inside(elf, end, elf->shoff, elf->nsec * section_size(elf));
	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &seg);
		end = larger_inside(elf, end, seg.offset, seg.filesz);
	}
	for (unsigned i = 0; i < elf->nsec; i++) {
		section_read(elf, i, &sec);
		if (sec.type != SHT_NOBITS)
			end = larger_inside(elf, end, sec.offset, sec.size);
	}
	return end;
}

const char *elf_machine_name(u16 machine)
{
	switch (machine) {
	case EM_386: return "i386";
	case EM_X86_64: return "x86-64";
	case EM_AARCH64: return "arm64";
	case EM_ARM: return "arm";
	case EM_RISCV: return "RISC-V";
	case EM_PPC64: return "ppc64";
	case EM_S390: return "s390";
	default: return "another machine";
	}
}
