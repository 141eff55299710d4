/* file.c - questions about the file that several checks ask. */
#include <string.h>

#include "doctor/int.h"

bool load_next(const struct doctor *d, unsigned *i, struct elf_segment *ret)
{
	while (d->is_elf && *i < d->elf.nseg) {
		elf_segment(&d->elf, (*i)++, ret);
		if (ret->type == PT_LOAD && ret->memsz)
			return true;
	}
	return false;
}

bool alloc_next(const struct doctor *d, unsigned *i, struct elf_section *ret)
{
	while (d->is_elf && *i < d->elf.nsec) {
		elf_section(&d->elf, (*i)++, ret);
		if (ret->flags & SHF_ALLOC)
			return true;
	}
	return false;
}

bool load_of(const struct doctor *d, u64 vaddr, struct elf_segment *ret)
{
	for (unsigned i = 0; load_next(d, &i, ret);)
		if (vaddr >= ret->vaddr && vaddr - ret->vaddr < ret->memsz)
			return true;
	return false;
}

bool load_of_phys(const struct doctor *d, u64 paddr, struct elf_segment *ret)
{
	for (unsigned i = 0; load_next(d, &i, ret);)
		if (paddr >= ret->paddr && paddr - ret->paddr < ret->memsz)
			return true;
	return false;
}

u64 load_lowest(const struct doctor *d)
{
	struct elf_segment s;
	u64 lowest = UINT64_MAX;

	for (unsigned i = 0; load_next(d, &i, &s);)
		lowest = s.vaddr < lowest ? s.vaddr : lowest;
	return lowest == UINT64_MAX ? 0 : lowest;
}

bool section_of(const struct doctor *d, u64 vaddr, struct elf_section *ret)
{
	for (unsigned i = 0; alloc_next(d, &i, ret);)
		if (vaddr >= ret->addr && vaddr - ret->addr < ret->size)
			return true;
	return false;
}

bool multiboot_flat(const struct doctor *d)
{
	return d->multiboot.found && d->multiboot.flags & 1u << 16;
}

u64 entry_addr(const struct doctor *d, unsigned protocol)
{
	return protocol == DOCTOR_PVH ? d->pvh_entry :
	       protocol == DOCTOR_XEN ? d->xen.entry.v : d->elf.entry;
}

u64 entry_code(const struct doctor *d, unsigned protocol, const u8 **ret, u64 max)
{
	u64 at = entry_addr(d, protocol), into, left;
	struct elf_segment s;

	if (!d->is_elf)
		return 0;
	if (load_of(d, at, &s) && protocol != DOCTOR_PVH)
		into = at - s.vaddr;
	else if (load_of_phys(d, at, &s))
		into = at - s.paddr;
	else
		return 0;
	if (into >= s.filesz || s.offset > d->len || s.filesz > d->len - s.offset)
		return 0;
	left = s.filesz - into;
	*ret = d->data + s.offset + into;
	return left < max ? left : max;
}
