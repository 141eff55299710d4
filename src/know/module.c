/* module.c - the modules a Linux kernel has loaded, with symbols and ORC tables of their own. */
#include <stdlib.h>
#include <string.h>

#include "know/list.h"

#define MODULES_MAX 1024
#define MODULE_SYMS_MAX (1u << 18)
#define SYM 24 /* bytes of an Elf64_Sym */
#define INIT_TEXT 4 /* enum mod_mem_type of 6.4 and later */

/* Where its code is: before 6.4 two areas, later one memory area a kind. */
static bool module_range(struct kernel *k, struct module *m)
{
	const struct layout *l = &k->lay;
	u32 size = 0, text = 0, init_size = 0;
	u64 each;

	if (l->module_core >= 0) {
		u64 core = m->at + (u64)l->module_core, init = m->at + (u64)l->module_init;

		if (!k_ptr(k, core, l->layout_base, &m->base) || !k_int(k, core, l->layout_size, &size) ||
		    !k_int(k, core, l->layout_text, &text))
			return false;
		if (k_ptr(k, init, l->layout_base, &m->init_base))
			k_int(k, init, l->layout_text, &init_size);
	} else if (l->module_mem >= 0) {
		u64 mem = m->at + (u64)l->module_mem;

		each = btf_size(&k->btf, btf_find(&k->btf, "module_memory", BTF_STRUCTS));
		if (!k_ptr(k, mem, l->memory_base, &m->base) || !k_int(k, mem, l->memory_size, &size))
			return false;
		text = size;
		if (k_ptr(k, mem + INIT_TEXT * each, l->memory_base, &m->init_base))
			k_int(k, mem + INIT_TEXT * each, l->memory_size, &init_size);
	}
	m->size = size;
	m->text_end = m->base + text;
	m->init_size = m->init_base ? init_size : 0;
	return m->base != 0;
}

static void module_add(struct kernel *k, u64 at)
{
	struct module m = { .at = at };
	void *p;

	if (!k_text(k, at + (u64)k->lay.module_name, m.name, 57) || !module_range(k, &m))
		return;
	p = realloc(k->mod, (k->nmod + 1) * sizeof(*k->mod));
	if (!p)
		return;
	k->mod = p;
	k->mod[k->nmod++] = m;
}

void modules_read(struct kernel *k)
{
	u64 head = k_sym(k, "modules"), at;
	struct list l;

	k->no.modules = NULL;
	if (!head || k->lay.module_list < 0 || k->lay.module_name < 0) {
		k->no.modules = k->no.syms ? "not found without symbols" : "not found without types";
		return;
	}
	list_start(&l, k, head, MODULES_MAX);
	while (list_next(&l, &at))
		module_add(k, at - (u64)k->lay.module_list);
	k->no.modules = l.broken;
}

void modules_free(struct kernel *k)
{
	for (unsigned i = 0; i < k->nmod; i++) {
		symtab_fini(&k->mod[i].syms);
		orc_fini(&k->mod[i].orc);
	}
	free(k->mod);
	k->mod = NULL;
	k->nmod = 0;
}

/* One Elf64_Sym; the name is in guest memory. */
static void sym_take(struct kernel *k, struct module *m, const u8 *sym, u64 strings, char type)
{
	char name[SYMTAB_NAME];
	u32 off;
	u16 section;
	u64 at;

	memcpy(&off, sym, 4);
	memcpy(&section, sym + 6, 2);
	memcpy(&at, sym + 8, 8);
	if (!section || !k_text(k, strings + off, name, sizeof(name)) || !*name)
		return;
	/* What an assembler marks is no function: the kernel skips it, too. */
	if (*name == '$' || !strncmp(name, ".L", 2) || !strncmp(name, "L0", 2))
		return;
	symtab_add(&m->syms, name, strlen(name), at, 0, type);
}

static void module_symbols(struct kernel *k, struct module *m)
{
	const struct layout *l = &k->lay;
	u64 ks, symtab, strtab, typetab;
	u8 sym[SYM];
	char type;
	u32 n;

	if (!k_ptr(k, m->at, l->module_kallsyms, &ks) || !k_ptr(k, ks, l->ks_symtab, &symtab) ||
	    !k_ptr(k, ks, l->ks_strtab, &strtab) || !k_int(k, ks, l->ks_num, &n))
		return;
	if (!k_ptr(k, ks, l->ks_typetab, &typetab))
		typetab = 0;
	for (u32 i = 0; i < n && i < MODULE_SYMS_MAX; i++) {
		if (!k_read(k, symtab + SYM * (u64)i, SYM, sym))
			break;
		if (!typetab || !k_read(k, typetab + i, 1, &type))
			type = '?';
		sym_take(k, m, sym, strtab, type);
	}
	m->syms.end = m->text_end;
	symtab_done(&m->syms);
}

static void module_unwinding(struct kernel *k, struct module *m)
{
	u64 arch = m->at + (u64)k->lay.module_arch, ip, entry;
	u32 n;

	if (k->lay.module_arch >= 0 && k_int(k, arch, k->lay.arch_num_orcs, &n) &&
	    k_ptr(k, arch, k->lay.arch_orc_ip, &ip) && k_ptr(k, arch, k->lay.arch_orc, &entry))
		k_orc(k, ip, entry, n, &m->orc);
}

static bool inside(u64 at, u64 base, u64 size)
{
	return at - base < size;
}

struct module *module_at(struct kernel *k, u64 at)
{
	for (unsigned i = 0; i < k->nmod; i++) {
		struct module *m = &k->mod[i];

		if (!inside(at, m->base, m->size) && !inside(at, m->init_base, m->init_size))
			continue;
		if (!m->loaded) {
			m->loaded = true;
			module_symbols(k, m);
			module_unwinding(k, m);
		}
		return m;
	}
	return NULL;
}
