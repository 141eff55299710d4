/* elfsyms.c - the symbol table of an ELF file that the user names. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/elf.h"
#include "know/kernel.h"

static char type_char(const Elf64_Sym *y)
{
	static const char by_type[] = "?dt??????????????";
	char c = by_type[ELF64_ST_TYPE(y->st_info)];

	if (y->st_shndx == SHN_ABS)
		c = 'a';
	return ELF64_ST_BIND(y->st_info) == STB_LOCAL || c == '?' ? c : c - 32;
}

static void sym_take(const struct elf *elf, const struct elf_section *strings, const Elf64_Sym *y,
		     struct symtab *ret)
{
	const char *name = (const char *)elf->data + strings->offset + y->st_name;
	u8 type = ELF64_ST_TYPE(y->st_info);

	if (y->st_shndx == SHN_UNDEF || type > STT_FUNC || y->st_name >= strings->size)
		return;
	symtab_add(ret, name, strnlen(name, strings->size - y->st_name), y->st_value,
		   type == STT_FUNC ? y->st_size : 0, type_char(y));
}

static Elf64_Sym widen(const struct elf *elf, const u8 *p)
{
	Elf64_Sym y;
	Elf32_Sym y32;

	if (elf->is64) {
		memcpy(&y, p, sizeof(y));
		return y;
	}
	memcpy(&y32, p, sizeof(y32));
	return (Elf64_Sym){ y32.st_name, y32.st_info, y32.st_other, y32.st_shndx, y32.st_value,
			    y32.st_size };
}

static bool in_file(const struct elf *elf, const struct elf_section *s)
{
	return s->offset <= elf->len && s->size <= elf->len - s->offset;
}

static void table_take(const struct elf *elf, const struct elf_section *tab,
		       const struct elf_section *strings, struct symtab *ret)
{
	u64 size = elf->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

	if (!in_file(elf, tab) || !in_file(elf, strings))
		return;
	for (u64 i = 1; i < tab->size / size; i++) {
		Elf64_Sym y = widen(elf, elf->data + tab->offset + i * size);

		sym_take(elf, strings, &y, ret);
	}
}

void elfsyms_take(const struct elf *elf, struct symtab *ret)
{
	struct elf_section s, strings;

	for (unsigned i = 0; i < elf->nsec; i++) {
		elf_section(elf, i, &s);
		if (s.type != SHT_SYMTAB)
			continue;
		for (unsigned j = 0; j < elf->nsec; j++) {
			elf_section(elf, j, &strings);
			if (strings.type == SHT_STRTAB && !strcmp(strings.name, ".strtab"))
				table_take(elf, &s, &strings, ret);
		}
	}
	symtab_done(ret);
	if (ret->n)
		ret->end = ret->sym[ret->n - 1].at + ret->sym[ret->n - 1].size + 1;
}

int elfsyms_read(const char *path, struct symtab *ret, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct stat st;
	struct elf elf;
	void *p;

	if (fd < 0)
		return err_sys(e, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0 || !st.st_size) {
		close(fd);
		return err_set(e, -EINVAL, "'%s' is empty", path);
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return err_sys(e, "cannot read '%s'", path);
	rc = elf_open(p, (u64)st.st_size, &elf, e);
	if (!rc)
		elfsyms_take(&elf, ret);
	if (!rc && !ret->n)
		rc = err_set(e, -EINVAL, "it has no symbol table");
	munmap(p, (size_t)st.st_size);
	return rc ? err_in(e, rc, "'%s'", path) : 0;
}
