/* name.c - from names to addresses and back, over every table there is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "know/unwind.h"

static void symbol_fill(const struct symtab *s, const struct sym *y, u64 size, const char *module,
			struct symbol *ret)
{
	*ret = (struct symbol){ .at = GVA(y->at), .size = size };
	snprintf(ret->name, sizeof(ret->name), "%s", sym_name(s, y));
	snprintf(ret->module, sizeof(ret->module), "%s", module);
}

static bool table_symbol(const struct symtab *s, const char *name, const char *module,
			 struct symbol *ret)
{
	const struct sym *y = symtab_name(s, name);
	u64 size = 0;

	if (!y)
		return false;
	symtab_at(s, y->at, &size);
	symbol_fill(s, y, size, module, ret);
	return true;
}

static bool modules_symbol(struct kernel *k, const char *name, size_t module_len, struct symbol *ret)
{
	for (unsigned i = 0; i < k->nmod; i++) {
		struct module *m = module_at(k, k->mod[i].base);
		const char *in = module_len ? name + module_len + 1 : name;

		if (!m || (module_len && (strncmp(m->name, name, module_len) || m->name[module_len])))
			continue;
		if (table_symbol(&m->syms, in, m->name, ret))
			return true;
	}
	return false;
}

bool kernel_symbol(struct kernel *k, const char *name, struct symbol *ret)
{
	const char *colon = strchr(name, ':');

	if (colon)
		return modules_symbol(k, name, (size_t)(colon - name), ret);
	return table_symbol(&k->syms, name, "", ret) || table_symbol(&k->given, name, "", ret) ||
	       modules_symbol(k, name, 0, ret);
}

bool kernel_at(struct kernel *k, gva_t at, struct symbol *ret)
{
	const struct symtab *s = &k->syms;
	const char *module = "";
	const struct sym *y;
	struct module *m;
	u64 size;

	if (!k->end || at.at - k->base >= k->end - k->base) {
		m = module_at(k, at.at);
		s = m ? &m->syms : &k->given;
		module = m ? m->name : "";
	} else if (!s->n) {
		s = &k->given;
	}
	y = symtab_at(s, at.at, &size);
	if (!y)
		return false;
	symbol_fill(s, y, size, module, ret);
	return true;
}

const char *kernel_place(struct kernel *k, gva_t at, char *buf, size_t len)
{
	struct symbol y;

	if (!kernel_at(k, at, &y))
		snprintf(buf, len, "0x%" PRIx64, at.at);
	else
		snprintf(buf, len, "%s+0x%" PRIx64 "/0x%" PRIx64 "%s%s%s", y.name, at.at - y.at.at,
			 y.size, *y.module ? " [" : "", y.module, *y.module ? "]" : "");
	return buf;
}

static bool table_complete(const struct symtab *s, const char *word, unsigned *i, char *ret, size_t len)
{
	size_t n = strlen(word);

	for (u32 j = 0; j < s->n; j++) {
		if (strncmp(sym_name(s, &s->sym[j]), word, n) || (*i)--)
			continue;
		snprintf(ret, len, "%s", sym_name(s, &s->sym[j]));
		return true;
	}
	return false;
}

bool kernel_complete(struct kernel *k, const char *word, unsigned i, char *ret, size_t len)
{
	if (table_complete(&k->syms, word, &i, ret, len) || table_complete(&k->given, word, &i, ret, len))
		return true;
	for (unsigned m = 0; m < k->nmod; m++)
		if (table_complete(&k->mod[m].syms, word, &i, ret, len))
			return true;
	return false;
}

/* A call that never returns may be a function's last instruction: the place is looked for before
 * the return address, and told as of it. */
const char *unwind_place(struct kernel *k, u64 ip, bool exact, char *buf, size_t len)
{
	struct symbol y;

	if (exact || !kernel_at(k, GVA(ip - 1), &y))
		return kernel_place(k, GVA(ip), buf, len);
	snprintf(buf, len, "%s+0x%" PRIx64 "/0x%" PRIx64 "%s%s%s", y.name, ip - y.at.at, y.size,
		 *y.module ? " [" : "", y.module, *y.module ? "]" : "");
	return buf;
}
