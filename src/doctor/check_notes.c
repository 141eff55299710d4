/* check_notes.c - notes: where they are, whether they can be found, whether they can be read. */
#include <string.h>

#include "doctor/int.h"

CHECK(check_note_first)
{
	struct elf_section text, s;
	struct elf_segment load;

	if (!d->is_elf || !elf_section_find(&d->elf, ".text", &text) || !load_of(d, text.addr, &load))
		return;
	for (unsigned i = 0; alloc_next(d, &i, &s);)
		if (s.type == SHT_NOTE && s.addr >= load.vaddr && s.addr < text.addr)
			doctor_add(d, c, s.name, s.addr, "section %s (0x%llx bytes at 0x%llx) stands "
				   "before .text, which begins at 0x%llx", s.name, (ull)s.size,
				   (ull)s.addr, (ull)text.addr);
}

static bool in_note_segment(const struct doctor *d, u64 offset, u64 len)
{
	struct elf_segment s;

	for (unsigned i = 0; i < d->elf.nseg; i++) {
		elf_segment(&d->elf, i, &s);
		if (s.type == PT_NOTE && offset >= s.offset && offset - s.offset < s.filesz &&
		    len <= s.filesz - (offset - s.offset))
			return true;
	}
	return false;
}

static bool names_xen(const struct doctor *d, const struct elf_section *s)
{
	return s->offset <= d->len && s->size <= d->len - s->offset && s->size >= 16 &&
	       !memcmp(d->data + s->offset + sizeof(Elf64_Nhdr), "Xen", 4);
}

CHECK(check_note_segment)
{
	struct elf_section s;

	for (unsigned i = 0; d->is_elf && i < d->elf.nsec; i++) {
		elf_section(&d->elf, i, &s);
		if (s.type == SHT_NOTE && names_xen(d, &s) && !in_note_segment(d, s.offset, s.size))
			doctor_add(d, c, s.name, s.addr, "no PT_NOTE segment covers the note in "
				   "section %s", s.name);
	}
}

/* Bytes of [at, at+len) that are well-formed notes. */
static u64 notes_end(const struct doctor *d, u64 at, u64 len, u64 align)
{
	Elf64_Nhdr h;
	u64 i = 0;

	while (len - i >= sizeof(h)) {
		u64 desc, next;

		memcpy(&h, d->data + at + i, sizeof(h));
		desc = (sizeof(h) + h.n_namesz + align - 1) & ~(align - 1);
		if (desc > len - i || h.n_descsz > len - i - desc)
			return i;
		next = (desc + h.n_descsz + align - 1) & ~(align - 1);
		i = next < len - i ? i + next : len;
	}
	return i;
}

static void note_check(struct doctor *d, const struct doctor_check *c, const struct elf_segment *s)
{
	u64 align = s->align == 8 ? 8 : 4;

	if (!s->offset && s->filesz) {
		doctor_add(d, c, "PT_NOTE", s->vaddr, "a PT_NOTE segment at file offset 0 is ignored "
			   "by Xen");
	} else if (s->offset > d->len || s->filesz > d->len - s->offset) {
		doctor_add(d, c, "PT_NOTE", s->vaddr, "a PT_NOTE segment (0x%llx bytes at offset "
			   "0x%llx) is not all in the file", (ull)s->filesz, (ull)s->offset);
	} else if (notes_end(d, s->offset, s->filesz, align) < s->filesz) {
		doctor_add(d, c, "PT_NOTE", s->vaddr, "the note 0x%llx bytes into a PT_NOTE segment "
			   "claims more than the segment has%s",
			   (ull)notes_end(d, s->offset, s->filesz, align),
			   align == 8 && notes_end(d, s->offset, s->filesz, 4) == s->filesz ?
			   " (the segment says alignment 8, its notes have 4)" : "");
	}
}

CHECK(check_note_damaged)
{
	struct elf_segment s;

	for (unsigned i = 0; d->is_elf && i < d->elf.nseg; i++) {
		elf_segment(&d->elf, i, &s);
		if (s.type == PT_NOTE)
			note_check(d, c, &s);
	}
}
