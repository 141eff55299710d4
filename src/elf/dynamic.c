/* dynamic.c - reads the dynamic section; knows where relocations are, not who wants them. */
#include "elf/elf.h"

#include <string.h>

static bool dynamic_table(const struct elf *elf, const u8 **at, u64 *len)
{
	struct elf_segment s;

	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &s);
		if (s.type != PT_DYNAMIC)
			continue;
		*at = elf_at(elf, s.vaddr, s.filesz);
		*len = s.filesz;
		return *at;
	}
	return false;
}

static void take(struct elf_dynamic *d, const Elf64_Dyn *dyn)
{
	u64 v = dyn->d_un.d_val;

	switch (dyn->d_tag) {
	case DT_RELA: d->rela.at = v; break;
	case DT_RELASZ: d->rela.len = v; break;
	case DT_JMPREL: d->jmprel.at = v; break;
	case DT_PLTRELSZ: d->jmprel.len = v; break;
	case DT_RELR: d->relr.at = v; break;
	case DT_RELRSZ: d->relr.len = v; break;
	case DT_INIT_ARRAY: d->init_array.at = v; break;
	case DT_INIT_ARRAYSZ: d->init_array.len = v; break;
	case DT_STRTAB: d->names.at = v; break;
	case DT_STRSZ: d->names.len = v; break;
	case DT_SYMTAB: d->symbols = v; break;
	case DT_PLTGOT: d->got = v; break;
	case DT_TEXTREL: d->textrel = true; break;
	case DT_FLAGS: d->textrel |= v & DF_TEXTREL; break;
	case DT_FLAGS_1: d->pie = v & DF_1_PIE; break;
	case DT_REL: d->rel = true; break;
	case DT_NEEDED:
		if (d->nneeded < ARRAY_SIZE(d->needed))
			d->needed[d->nneeded++] = v;
		break;
	}
}

bool elf_dynamic(const struct elf *elf, struct elf_dynamic *ret)
{
	struct elf_dynamic d = { 0 };
	Elf64_Dyn dyn;
	const u8 *at;
	u64 len;

	if (!elf->is64 || !dynamic_table(elf, &at, &len))
		return false;
	for (u64 i = 0; len - i >= sizeof(dyn); i += sizeof(dyn)) {
		memcpy(&dyn, at + i, sizeof(dyn));
		if (dyn.d_tag == DT_NULL)
			break;
		take(&d, &dyn);
	}
	*ret = d;
	return true;
}

const char *elf_dynamic_name(const struct elf *elf, const struct elf_dynamic *d, u64 at)
{
	const u8 *names = elf_at(elf, d->names.at, d->names.len);

	if (!names || at >= d->names.len || !memchr(names + at, 0, d->names.len - at))
		return "";
	return (const char *)names + at;
}

bool elf_dynamic_symbol(const struct elf *elf, const struct elf_dynamic *d, u32 i,
			struct elf_symbol *ret)
{
	const u8 *at = elf_at(elf, d->symbols + (u64)i * sizeof(Elf64_Sym), sizeof(Elf64_Sym));
	Elf64_Sym s;

	if (!d->symbols || !at)
		return false;
	memcpy(&s, at, sizeof(s));
	*ret = (struct elf_symbol){ elf_dynamic_name(elf, d, s.st_name), s.st_value, s.st_size,
				    ELF64_ST_TYPE(s.st_info), ELF64_ST_BIND(s.st_info), s.st_shndx };
	return true;
}

static bool rela_next(const struct elf *elf, const struct elf_table *t, struct elf_reloc_walk *w,
		      struct elf_reloc *ret)
{
	const u8 *at;
	Elf64_Rela r;

	if (w->i >= t->len || t->len - w->i < sizeof(r))
		return false;
	at = elf_at(elf, t->at + w->i, sizeof(r));
	if (!at)
		return false;
	memcpy(&r, at, sizeof(r));
	*ret = (struct elf_reloc){ .index = w->i / sizeof(r), .at = r.r_offset, .type = (u32)ELF64_R_TYPE(r.r_info),
				   .sym = (u32)ELF64_R_SYM(r.r_info), .addend = r.r_addend,
				   .lazy = w->table == 2 };
	w->i += sizeof(r);
	return true;
}

/*B:1150 A list of places in one bit each
 * Nearly all relocations of a position-independent kernel are of one kind: "add the base here". RELR
 * writes them down in a word for an address and a word for each run of up to 63 words behind it, a bit
 * each. The addend stays where the value goes.
 * @test relr_bitmaps
 */
static bool relr_next(const struct elf *elf, const struct elf_table *t, struct elf_reloc_walk *w,
		      struct elf_reloc *ret)
{
	while (!w->bits) {
		const u8 *at;
		u64 word;

		if (w->i >= t->len || t->len - w->i < sizeof(word))
			return false;
		at = elf_at(elf, t->at + w->i, sizeof(word));
		if (!at)
			return false;
		memcpy(&word, at, sizeof(word));
		w->i += sizeof(word);
		if (word & 1) {
			w->bits = word >> 1;
			w->base += 63 * 8;
			continue;
		}
		*ret = (struct elf_reloc){ .at = word, .type = R_X86_64_RELATIVE, .in_place = true };
		w->base = word + 8 - 63 * 8;
		return true;
	}
	*ret = (struct elf_reloc){ .at = w->base + 8 * (u64)__builtin_ctzll(w->bits),
				   .type = R_X86_64_RELATIVE, .in_place = true };
	w->bits &= w->bits - 1;
	return true;
}

bool elf_reloc_next(const struct elf *elf, const struct elf_dynamic *d, struct elf_reloc_walk *w,
		    struct elf_reloc *ret)
{
	const struct elf_table *t[] = { &d->rela, &d->relr, &d->jmprel };

	for (; w->table < ARRAY_SIZE(t); *w = (struct elf_reloc_walk){ .table = w->table + 1 })
		if (w->table == 1 ? relr_next(elf, t[1], w, ret) :
				    rela_next(elf, t[w->table], w, ret))
			return true;
	return false;
}

#define TYPES(X) X(NONE) X(64) X(PC32) X(GOT32) X(PLT32) X(COPY) X(GLOB_DAT) X(JUMP_SLOT) X(RELATIVE) \
	X(GOTPCREL) X(32) X(32S) X(16) X(PC16) X(8) X(PC8) X(DTPMOD64) X(DTPOFF64) X(TPOFF64)      \
	X(PC64) X(SIZE32) X(SIZE64) X(TLSDESC) X(IRELATIVE) X(RELATIVE64)

const char *elf_reloc_name(u32 type)
{
	switch (type) {
#define X(name) case R_X86_64_##name: return "R_X86_64_" #name;
	TYPES(X)
#undef X
	}
	return NULL;
}

bool elf_reloc_symbolic(const struct elf_reloc *r)
{
	return r->type == R_X86_64_64 || r->type == R_X86_64_GLOB_DAT ||
	       r->type == R_X86_64_JUMP_SLOT || r->type == R_X86_64_PC32 ||
	       r->type == R_X86_64_32 || r->type == R_X86_64_32S || r->type == R_X86_64_PC64;
}

bool elf_reloc_value(const struct elf_reloc *r, u64 bias, u64 symbol, u64 old, u64 *ret,
		     unsigned *size)
{
	*size = 8;
	switch (r->type) {
	case R_X86_64_NONE: *size = 0; *ret = 0; return true;
	case R_X86_64_RELATIVE:
	case R_X86_64_RELATIVE64: *ret = bias + (r->in_place ? old : (u64)r->addend); return true;
	case R_X86_64_64: *ret = symbol + (u64)r->addend; return true;
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT: *ret = symbol; return true;
	}
	return false;
}
