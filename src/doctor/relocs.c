/* relocs.c - explains each dynamic relocation, and each slot of the global offset table. */
#include <string.h>

#include "doctor/int.h"

/* Who holds address at, as "symbol+0x10 in .data", or only the section. */
static void place(const struct doctor *d, u64 at, char *buf, size_t size)
{
	struct elf_section sec = { .name = "" };
	struct elf_symbol sym;

	section_of(d, at, &sec);
	if (elf_symbol_at(&d->symbols, at, &sym) && at - sym.value < (sym.size ? sym.size : 1))
		snprintf(buf, size, "%s+0x%llx in %s", sym.name, (ull)(at - sym.value), sec.name);
	else
		snprintf(buf, size, "%s", *sec.name ? sec.name : "no section");
}

/* What the place will hold, in words. */
static void meaning(const struct doctor *d, const struct elf_reloc *r, char *buf, size_t size)
{
	struct elf_symbol s = { "", 0, 0, 0, 0, 0 };
	const u8 *old = elf_at(&d->elf, r->at, 8);
	u64 v = 0;
	char where[128];

	if (r->type == R_X86_64_IRELATIVE) {
		snprintf(buf, size, "what guest code at 0x%llx answers: no loader can fill it",
			 (ull)r->addend);
	} else if (elf_reloc_symbolic(r)) {
		elf_dynamic_symbol(&d->elf, &d->dynamic, r->sym, &s);
		snprintf(buf, size, "the address of '%s'%s%s", s.name,
			 s.section == SHN_UNDEF ? ", which another file defines" : "",
			 r->lazy ? " (when it is first called, or at once)" : "");
	} else {
		if (old)
			memcpy(&v, old, 8);
		v = r->in_place ? v : (u64)r->addend;
		place(d, v, where, sizeof(where));
		snprintf(buf, size, "base + 0x%llx (%s)", (ull)v, where);
	}
}

static void show(const struct doctor *d, const struct elf_reloc *r, FILE *to)
{
	const char *name = elf_reloc_name(r->type);
	char where[128], what[256];

	place(d, r->at, where, sizeof(where));
	meaning(d, r, what, sizeof(what));
	fprintf(to, "  0x%-12llx %-20s %s: %s\n", (ull)r->at,
		r->in_place ? "RELR" : name ? name + strlen("R_X86_64_") : "unknown", where, what);
}

void doctor_relocs(const struct doctor *d, FILE *to)
{
	struct elf_reloc_walk w = { 0 };
	struct elf_reloc r;
	u64 n = 0;

	while (d->has_dynamic && elf_reloc_next(&d->elf, &d->dynamic, &w, &r)) {
		show(d, &r, to);
		n++;
	}
	fprintf(to, "  %llu dynamic relocations\n", (ull)n);
}

/* The relocation that fills the slot at, if any. */
static bool reloc_of(const struct doctor *d, u64 at, struct elf_reloc *ret)
{
	struct elf_reloc_walk w = { 0 };

	while (d->has_dynamic && elf_reloc_next(&d->elf, &d->dynamic, &w, ret))
		if (ret->at == at)
			return true;
	return false;
}

static void slot_show(const struct doctor *d, u64 at, FILE *to)
{
	const u8 *bytes = elf_at(&d->elf, at, 8);
	struct elf_reloc r;
	char what[256];
	u64 v = 0;

	if (bytes)
		memcpy(&v, bytes, 8);
	if (reloc_of(d, at, &r)) {
		show(d, &r, to);
		return;
	}
	place(d, v, what, sizeof(what));
	fprintf(to, "  0x%-12llx %-20s holds 0x%llx%s%s\n", (ull)at, "fixed", (ull)v,
		v ? ": " : "", v ? what : "");
}

void doctor_got(const struct doctor *d, FILE *to)
{
	static const char *const names[] = { ".got", ".got.plt" };
	struct elf_section s;
	u64 n = 0;

	for (unsigned i = 0; d->is_elf && d->elf.is64 && i < ARRAY_SIZE(names); i++) {
		if (!elf_section_find(&d->elf, names[i], &s) || s.size > MIB(1))
			continue;
		fprintf(to, "  %s\n", s.name);
		for (u64 at = 0; s.size - at >= 8; at += 8, n++)
			slot_show(d, s.addr + at, to);
	}
	fprintf(to, "  %llu slots in the global offset table\n", (ull)n);
}
