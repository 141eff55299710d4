/* source.c - asks libdw which source line an address comes from. The file is the user's, not the
 * guest's. */
#include "know/source.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
	Dwfl *dwfl;
	Dwfl_Module *mod;
};

/* The file is all there is: nothing else is looked for, on disk or elsewhere. */
static int no_debuginfo(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base,
			const char *file, const char *link, GElf_Word crc, char **found)
{
	(void)mod, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)found;
	return -1;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = no_debuginfo,
	.section_address = dwfl_offline_section_address,
};

struct source *source_open(const char *path)
{
	struct source *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->dwfl = dwfl_begin(&callbacks);
	if (l->dwfl)
		l->mod = dwfl_report_offline(l->dwfl, "", path, -1);
	if (!l->mod || dwfl_report_end(l->dwfl, NULL, NULL)) {
		source_close(l);
		return NULL;
	}
	return l;
}

void source_close(struct source *l)
{
	if (l && l->dwfl)
		dwfl_end(l->dwfl);
	free(l);
}

bool source_at(struct source *l, u64 at, char *ret, size_t len)
{
	GElf_Addr bias = 0;
	const char *file, *name;
	Dwfl_Line *line;
	int number;

	if (!l || !dwfl_module_getelf(l->mod, &bias))
		return false;
	line = dwfl_module_getsrc(l->mod, at + bias);
	file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	if (!file)
		return false;
	name = strrchr(file, '/');
	snprintf(ret, len, "%s:%d", name ? name + 1 : file, number);
	return true;
}
