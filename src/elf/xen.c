/* xen.c - Xen's notes and the __xen_guest section; Xen's own rules for them. */
#include "elf/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/elfnote.h>

#define N(field) { #field, offsetof(struct elf_xen, field), 0 }
#define T(field) { #field, offsetof(struct elf_xen, field), sizeof(((struct elf_xen *)0)->field) }
#define PAGE_SHIFT_LEGACY 12

/* One row for each thing that can be said: by note, by word, and where it goes (size 0: a number). */
static const struct {
	u32 note;
	const char *word; /* of __xen_guest; NULL: not in it */
	struct { const char *field; size_t at, size; } to;
} rows[] = {
	{ XEN_ELFNOTE_ENTRY, "VIRT_ENTRY", N(entry) },
	{ XEN_ELFNOTE_HYPERCALL_PAGE, "HYPERCALL_PAGE", N(hypercall_page) },
	{ XEN_ELFNOTE_VIRT_BASE, "VIRT_BASE", N(virt_base) },
	{ XEN_ELFNOTE_PADDR_OFFSET, "ELF_PADDR_OFFSET", N(paddr_offset) },
	{ XEN_ELFNOTE_INIT_P2M, NULL, N(init_p2m) },
	{ XEN_ELFNOTE_HV_START_LOW, NULL, N(hv_start_low) },
	{ XEN_ELFNOTE_MOD_START_PFN, NULL, N(mod_start_pfn) },
	{ XEN_ELFNOTE_SUPPORTED_FEATURES, NULL, N(supported_features) },
	{ XEN_ELFNOTE_PHYS32_ENTRY, NULL, N(phys32_entry) },
	{ XEN_ELFNOTE_GUEST_OS, "GUEST_OS", T(guest_os) },
	{ XEN_ELFNOTE_GUEST_VERSION, "GUEST_VER", T(guest_version) },
	{ XEN_ELFNOTE_XEN_VERSION, "XEN_VER", T(xen_version) },
	{ XEN_ELFNOTE_LOADER, "LOADER", T(loader) },
	{ XEN_ELFNOTE_PAE_MODE, "PAE", T(pae) },
	{ XEN_ELFNOTE_FEATURES, "FEATURES", T(features) },
};

static void put_text(struct elf_xen *x, unsigned row, const char *text, size_t len)
{
	char *to = (char *)x + rows[row].to.at;
	size_t room = rows[row].to.size - 1;

	len = strnlen(text, len < room ? len : room);
	memcpy(to, text, len);
	to[len] = 0;
}

static void put_number(struct elf_xen *x, unsigned row, u64 v)
{
	*(struct elf_xen_number *)((char *)x + rows[row].to.at) = (struct elf_xen_number){ true, v };
}

static bool name_is_xen(const struct elf_note *n)
{
	return n->namesz == 4 && !memcmp(n->name, "Xen", 4);
}

static bool read_notes(const struct elf *elf, struct elf_xen *x)
{
	struct elf_walk w = { 0 };
	struct elf_note n;
	bool any = false;
	u64 v;

	while (elf_note_next(elf, &w, &n)) {
		if (!name_is_xen(&n))
			continue;
		if (any && w.sec && x->in_segment)
			break; /* the sections name the same bytes once more */
		any = true;
		x->in_segment |= !w.sec;
		for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
			if (rows[i].note != n.type)
				continue;
			if (rows[i].to.size)
				put_text(x, i, (const char *)n.desc, n.descsz);
			else if (elf_note_number(&n, &v))
				put_number(x, i, v);
		}
	}
	return any;
}

/* The old section: "GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0x0". */
static bool read_legacy(const struct elf *elf, struct elf_xen *x)
{
	struct elf_section s;
	char text[1024];
	size_t len;

	if (!elf_section_find(elf, "__xen_guest", &s) || s.type == SHT_NOBITS ||
	    s.offset > elf->len || s.size > elf->len - s.offset)
		return false;
	len = s.size < sizeof(text) - 1 ? s.size : sizeof(text) - 1;
	memcpy(text, elf->data + s.offset, len);
	text[len] = 0;
	x->legacy = true;
	for (char *save, *p = strtok_r(text, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		char *value = strchr(p, '=');

		if (!value)
			continue;
		*value++ = 0;
		for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
			if (!rows[i].word || strcmp(rows[i].word, p))
				continue;
			if (rows[i].to.size)
				put_text(x, i, value, strlen(value));
			else
				put_number(x, i, strtoull(value, NULL, 0));
		}
	}
	return true;
}

/* What Xen makes of what is missing. */
static void work_out(const struct elf *elf, struct elf_xen *x)
{
	if (!x->entry.given)
		x->entry.v = elf->entry;
	x->base = x->virt_base.v;
	x->offset = x->paddr_offset.given ? x->paddr_offset.v : x->legacy ? x->base : 0;
	if (x->legacy && x->hypercall_page.given)
		x->hypercall_page.v = (x->hypercall_page.v << PAGE_SHIFT_LEGACY) + x->base;
}

bool elf_xen(const struct elf *elf, struct elf_xen *ret)
{
	struct elf_xen x = { 0 };

	if (!read_notes(elf, &x)) {
		if (!read_legacy(elf, &x))
			return false;
	} else if (!x.guest_os[0] && !x.loader[0] && !x.xen_version[0] && !x.entry.given) {
		*ret = x;
		return false;
	}
	work_out(elf, &x);
	*ret = x;
	return true;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

int elf_xen_check(const struct elf *elf, const struct elf_xen *x, struct err *e)
{
	u64 lo = UINT64_MAX, hi = 0;
	struct elf_segment s;

	if (!begins(x->loader, "generic") && !begins(x->guest_os, "linux"))
		return err_set(e, -ENOEXEC, "it tells Xen the loader '%s' and the guest '%s', and Xen "
			       "wants LOADER=generic", x->loader, x->guest_os);
	if (!begins(x->xen_version, "xen-3.0"))
		return err_set(e, -ENOEXEC, "it tells Xen the interface version '%s', and Xen wants "
			       "xen-3.0", x->xen_version);
	if (x->paddr_offset.given && !x->virt_base.given)
		return err_set(e, -ENOEXEC, "it tells Xen a PADDR_OFFSET but no VIRT_BASE");
	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &s);
		if (s.type != PT_LOAD || !s.memsz)
			continue;
		s.paddr = s.paddr - x->offset + x->base;
		lo = s.paddr < lo ? s.paddr : lo;
		hi = s.paddr + s.memsz > hi ? s.paddr + s.memsz : hi;
	}
	if (x->entry.v < lo || x->entry.v > hi)
		return err_set(e, -ENOEXEC, "its entry 0x%llx is outside what is loaded, "
			       "0x%llx-0x%llx", (unsigned long long)x->entry.v,
			       (unsigned long long)lo, (unsigned long long)hi);
	return 0;
}
