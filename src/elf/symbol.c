/* symbol.c - sections by name, bytes by address, and the symbol table. */
#include "elf/elf.h"

#include <string.h>

static bool inside(u64 len, u64 at, u64 n)
{
	return at <= len && n <= len - at;
}

const u8 *elf_at(const struct elf *elf, u64 vaddr, u64 len)
{
	struct elf_segment s;

	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &s);
		if (s.type == PT_LOAD && vaddr >= s.vaddr &&
		    inside(s.filesz, vaddr - s.vaddr, len) &&
		    inside(elf->len, s.offset, s.filesz))
			return elf->data + s.offset + (vaddr - s.vaddr);
	}
	return NULL;
}

bool elf_section_find(const struct elf *elf, const char *name, struct elf_section *ret)
{
	struct elf_section s;

	for (unsigned i = 0; i < elf->nsec; i++) {
		elf_section(elf, i, &s);
		if (strcmp(s.name, name))
			continue;
		*ret = s;
		return true;
	}
	return false;
}

static u64 symbol_size(const struct elf_symtab *t)
{
	return t->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

static bool table_read(const struct elf *elf, u32 type, struct elf_symtab *ret)
{
	struct elf_symtab t = { .is64 = elf->is64 };
	struct elf_section s, names;

	for (unsigned i = 0; i < elf->nsec; i++) {
		elf_section(elf, i, &s);
		if (s.type != type || s.link >= elf->nsec || !inside(elf->len, s.offset, s.size))
			continue;
		elf_section(elf, s.link, &names);
		if (names.type == SHT_NOBITS || !inside(elf->len, names.offset, names.size))
			continue;
		t.at = elf->data + s.offset;
		t.n = s.size / symbol_size(&t);
		t.names = (const char *)elf->data + names.offset;
		t.names_len = names.size;
		*ret = t;
		return true;
	}
	return false;
}

void elf_symtab(const struct elf *elf, struct elf_symtab *ret)
{
	*ret = (struct elf_symtab){ .is64 = elf->is64 };
	if (!table_read(elf, SHT_SYMTAB, ret))
		table_read(elf, SHT_DYNSYM, ret);
}

void elf_symbol(const struct elf_symtab *t, u64 i, struct elf_symbol *ret)
{
	const u8 *at = t->at + i * symbol_size(t);
	u32 name;

	BUG_ON(i >= t->n);
	if (t->is64) {
		Elf64_Sym s;

		memcpy(&s, at, sizeof(s));
		name = s.st_name;
		*ret = (struct elf_symbol){ "", s.st_value, s.st_size, ELF64_ST_TYPE(s.st_info),
					    ELF64_ST_BIND(s.st_info), s.st_shndx };
	} else {
		Elf32_Sym s;

		memcpy(&s, at, sizeof(s));
		name = s.st_name;
		*ret = (struct elf_symbol){ "", s.st_value, s.st_size, ELF32_ST_TYPE(s.st_info),
					    ELF32_ST_BIND(s.st_info), s.st_shndx };
	}
	if (name < t->names_len && memchr(t->names + name, 0, t->names_len - name))
		ret->name = t->names + name;
}

bool elf_symbol_find(const struct elf_symtab *t, const char *name, struct elf_symbol *ret)
{
	struct elf_symbol s;

	for (u64 i = 0; i < t->n; i++) {
		elf_symbol(t, i, &s);
		if (s.section == SHN_UNDEF || strcmp(s.name, name))
			continue;
		*ret = s;
		return true;
	}
	return false;
}

bool elf_symbol_at(const struct elf_symtab *t, u64 addr, struct elf_symbol *ret)
{
	struct elf_symbol s, best = { "", 0, 0, 0, 0, 0 };
	bool any = false;

	for (u64 i = 0; i < t->n; i++) {
		elf_symbol(t, i, &s);
		if (s.section == SHN_UNDEF || s.section == SHN_ABS || s.type == STT_SECTION ||
		    s.type == STT_FILE || !*s.name || s.value > addr)
			continue;
		if (any && (s.value < best.value || (s.value == best.value && !s.size)))
			continue;
		best = s;
		any = true;
	}
	if (any)
		*ret = best;
	return any;
}
