/* boot_segment.c - the loadable segments of an ELF kernel, by physical address. */
#include "vm/boot_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool loads(const struct elf_segment *s)
{
	return s->type == PT_LOAD && s->memsz;
}

static int overlap_check(const struct elf *elf, unsigned i, const struct elf_segment *s,
			 struct err *e)
{
	struct elf_segment o;

	for (unsigned j = 0; j < i; j++) {
		elf_segment(elf, j, &o);
		if (!loads(&o) || s->paddr > o.paddr + (o.memsz - 1) ||
		    o.paddr > s->paddr + (s->memsz - 1))
			continue;
		return err_set(e, -ENOEXEC, "segments %u (0x%llx-0x%llx) and %u (0x%llx-0x%llx) "
			       "overlap in physical memory", j, (unsigned long long)o.paddr,
			       (unsigned long long)(o.paddr + o.memsz - 1), i,
			       (unsigned long long)s->paddr,
			       (unsigned long long)(s->paddr + s->memsz - 1));
	}
	return 0;
}

int boot_elf_span(const struct elf *elf, u64 *lo, u64 *hi, struct err *e)
{
	u64 first = UINT64_MAX, last = 0;
	struct elf_segment s;
	bool any = false;
	int rc;

	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &s);
		if (!loads(&s))
			continue;
		rc = elf_segment_check(elf, i, e);
		if (!rc)
			rc = overlap_check(elf, i, &s, e);
		if (rc)
			return rc;
		if (s.paddr + (s.memsz - 1) >= 1ull << 52)
			return err_set(e, -ENOEXEC, "segment %u has the physical address 0x%llx, "
				       "which no processor can reach (is it a virtual one?)", i,
				       (unsigned long long)s.paddr);
		any = true;
		first = s.paddr < first ? s.paddr : first;
		last = s.paddr + s.memsz > last ? s.paddr + s.memsz : last;
	}
	if (!any)
		return err_set(e, -ENOEXEC, "the ELF file has nothing to load: no PT_LOAD "
			       "segment%s", elf->type == ET_REL ? " (it is an object file)" : "");
	*lo = first;
	*hi = last;
	return 0;
}

int boot_elf_plan(struct boot *b, const struct elf *elf, struct err *e)
{
	struct elf_segment s;
	int rc;

	for (unsigned i = 0; i < elf->nseg; i++) {
		struct boot_piece piece = { 0 };

		elf_segment(elf, i, &s);
		if (!loads(&s))
			continue;
		piece.at = s.paddr;
		piece.len = s.memsz;
		piece.data = elf->data + s.offset;
		piece.data_len = s.filesz;
		snprintf(piece.what, sizeof(piece.what), "segment %u", i);
		rc = boot_plan_add(&b->plan, &piece, e);
		if (rc)
			return rc;
	}
	return 0;
}

/* The loadable segment with the lowest address from at on. */
static bool segment_from(const struct elf *elf, u64 at, struct elf_segment *ret)
{
	struct elf_segment s, best = { .paddr = UINT64_MAX };

	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &s);
		if (loads(&s) && s.paddr >= at && s.paddr < best.paddr)
			best = s;
	}
	*ret = best;
	return best.memsz;
}

void boot_elf_copy(const struct elf *elf, u64 lo, u8 *host, u64 len)
{
	struct elf_segment s;
	u64 done = 0;

	while (segment_from(elf, lo + done, &s)) {
		u64 at = s.paddr - lo;

		memset(host + done, 0, at - done);
		memcpy(host + at, elf->data + s.offset, s.filesz);
		done = at + s.filesz;
		memset(host + done, 0, s.memsz - s.filesz);
		done = at + s.memsz;
	}
	memset(host + done, 0, len - done);
}

bool boot_elf_physical(const struct elf *elf, u64 at)
{
	struct elf_segment s;

	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &s);
		if (loads(&s) && at >= s.paddr && at - s.paddr < s.filesz)
			return true;
	}
	return false;
}

int boot_elf_entry(const struct elf *elf, u64 entry, u64 *ret, struct err *e)
{
	struct elf_segment s;

	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &s);
		if (!loads(&s) || entry < s.vaddr || entry - s.vaddr >= s.filesz)
			continue;
		*ret = s.paddr + (entry - s.vaddr);
		return 0;
	}
	if (!boot_elf_physical(elf, entry))
		return err_set(e, -ENOEXEC, "no segment brings code to the entry point 0x%llx",
			       (unsigned long long)entry);
	*ret = entry;
	return 0;
}
