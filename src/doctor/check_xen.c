/* check_xen.c - what Xen asks of a paravirtual kernel. */
#include <string.h>

#include "doctor/int.h"

#define HOLE_FIRST 0xffff800000000000ull
#define HOLE_END 0xffff880000000000ull

/* The symbol by which the guest calls, under the names that are in use. */
static bool page_symbol(const struct doctor *d, struct elf_symbol *ret)
{
	static const char *const names[] = { "hypercall_page", "_hypercall_page",
					     "HYPERCALL_PAGE", "xen_hypercall_page" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (elf_symbol_find(&d->symbols, names[i], ret))
			return true;
	return false;
}

/* The section that took the place of .text, for a sentence; "" when there is none. */
static void culprit(const struct doctor *d, char *buf, size_t size)
{
	struct elf_section text, s;

	buf[0] = 0;
	if (!elf_section_find(&d->elf, ".text", &text))
		return;
	for (unsigned i = 0; alloc_next(d, &i, &s);)
		if (s.size && s.addr < text.addr)
			snprintf(buf, size, ": section %s (0x%llx bytes at 0x%llx) precedes .text",
				 s.name, (ull)s.size, (ull)s.addr);
}

/*G:200 A page that moved
 * A Xen guest asks for one page to be filled with hypercalls and calls into it by its symbol. The old
 * way of asking names a page number, which is written down in the source; the symbol's address is the
 * linker's. When a note that nobody asked for is put before the code, the two part: the symbol moves
 * by 0x30 and the page does not. Nothing is wrong until the first hypercall.
 * @test xen-example
 */
CHECK(check_hypercall_moved)
{
	u64 page = d->xen.hypercall_page.v;
	struct elf_symbol s;
	char who[160];

	if (!d->has_xen || !d->xen.hypercall_page.given || !page_symbol(d, &s) || s.value == page)
		return;
	culprit(d, who, sizeof(who));
	doctor_add(d, c, s.name, s.value, "the hypercall page is declared at 0x%llx but %s is at 0x%llx "
		   "(%c0x%llx)%s", (ull)page, s.name, (ull)s.value, s.value > page ? '+' : '-',
		   (ull)(s.value > page ? s.value - page : page - s.value), who);
}

static bool filler(const u8 *at)
{
	for (unsigned i = 0; i < GUEST_PAGE_SIZE; i++)
		if (at[i] != 0 && at[i] != 0xcc && at[i] != 0x90 && at[i] != 0xc3)
			return false;
	return true;
}

CHECK(check_hypercall_shared)
{
	u64 page = d->xen.hypercall_page.v, base = page & ~(GUEST_PAGE_SIZE - 1);
	const u8 *at;

	if (!d->has_xen || !d->xen.hypercall_page.given)
		return;
	if (page != base) {
		doctor_add(d, c, "hypercall_page", page, "the hypercall page at 0x%llx is not aligned "
			   "to 4096: Xen fills 0x%llx", (ull)page, (ull)base);
		return;
	}
	at = elf_at(&d->elf, base, GUEST_PAGE_SIZE);
	if (at && !filler(at))
		doctor_add_as(d, c, DOCTOR_WARNING, "hypercall_page", base, "the hypercall page at "
			      "0x%llx also holds code or data, which Xen overwrites", (ull)base);
}

CHECK(check_xen_says)
{
	bool loader, version;

	if (!d->has_xen)
		return;
	loader = !strncmp(d->xen.loader, "generic", 7) || !strncmp(d->xen.guest_os, "linux", 5);
	version = !strncmp(d->xen.xen_version, "xen-3.0", 7);
	if (!loader)
		doctor_add(d, c, "LOADER", 0, "the loader is '%s' and the guest '%s', and Xen takes "
			   "neither", d->xen.loader, d->xen.guest_os);
	if (!version)
		doctor_add(d, c, "XEN_VERSION", 0, "the interface version is '%s', not xen-3.0",
			   d->xen.xen_version);
}

CHECK(check_xen_offset)
{
	struct elf_segment s;

	if (!d->has_xen)
		return;
	if (d->xen.paddr_offset.given && !d->xen.virt_base.given) {
		doctor_add(d, c, "PADDR_OFFSET", 0, "PADDR_OFFSET 0x%llx is given without VIRT_BASE",
			   (ull)d->xen.paddr_offset.v);
		return;
	}
	for (unsigned i = 0; load_next(d, &i, &s);)
		if (s.paddr - d->xen.offset + d->xen.base != s.vaddr)
			/* Linux links its per-CPU data at 0 and copies it by itself. */
			doctor_add_as(d, c, s.vaddr ? DOCTOR_FATAL : DOCTOR_NOTE, "PT_LOAD", s.vaddr,
				      "a segment linked at 0x%llx goes to 0x%llx (physical 0x%llx "
				      "- offset 0x%llx + base 0x%llx)", (ull)s.vaddr,
				      (ull)(s.paddr - d->xen.offset + d->xen.base), (ull)s.paddr,
				      (ull)d->xen.offset, (ull)d->xen.base);
}

CHECK(check_xen_hole)
{
	struct elf_segment s;

	if (!d->has_xen)
		return;
	for (unsigned i = 0; load_next(d, &i, &s);)
		if (s.vaddr < HOLE_END && s.vaddr + (s.memsz - 1) >= HOLE_FIRST)
			doctor_add(d, c, "PT_LOAD", s.vaddr, "a segment at 0x%llx lies in the part of "
				   "the address space that Xen keeps", (ull)s.vaddr);
}
