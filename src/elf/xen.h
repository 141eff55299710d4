/* xen.h - what a kernel tells Xen about itself, in notes or in the old __xen_guest section. */
#ifndef PANDOK_ELF_XEN_H
#define PANDOK_ELF_XEN_H

#include "base/err.h"
#include "base/types.h"

struct elf;

/* A number that may be missing. */
struct elf_xen_number {
	bool given;
	u64 v;
};

struct elf_xen {
	bool legacy;      /* out of __xen_guest */
	bool in_segment;  /* a PT_NOTE names the notes */
	char guest_os[32], guest_version[32], xen_version[32], loader[32], pae[32];
	char features[256];
	struct elf_xen_number entry, hypercall_page, virt_base, paddr_offset, init_p2m, hv_start_low,
		mod_start_pfn, supported_features, phys32_entry;
	/* Worked out of the above and the segments: */
	u64 base;         /* virtual address of the domain's first page */
	u64 offset;       /* a segment's p_paddr - offset + base is where it goes */
};

/*
 * elf_xen - read the notes, else __xen_guest. hypercall_page is an address in both (the old section
 * gives a page number). false: the file speaks of neither, or only of PVH.
 * Source: Xen, xen/common/libelf/libelf-dominfo.c.
 */
bool elf_xen(const struct elf *elf, struct elf_xen *ret);

/*
 * elf_xen_check - would Xen start it as a paravirtual domain?
 * -ENOEXEC with what is wrong.
 */
MUST_CHECK int elf_xen_check(const struct elf *elf, const struct elf_xen *x, struct err *e);

#endif
