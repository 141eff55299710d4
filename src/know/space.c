/* space.c - from linear addresses to bytes of a stopped machine. Sets no bits, changes nothing. */
#include <string.h>

#include "know/target.h"
#include "x86/x86.h"

#define ADDRESS 0x000ffffffffff000ull

/* One form of page tables: SDM 3A 4.2. */
struct form {
	u8 levels, bits, size; /* entries read, index bits of a level, bytes of an entry */
	u8 top_bits;           /* index bits of the first level */
};

static const struct form form_32 = { 2, 10, 4, 10 }, form_pae = { 3, 9, 8, 2 },
			 form_4 = { 4, 9, 8, 9 }, form_5 = { 5, 9, 8, 9 };

static const struct form *space_form(const struct space *s)
{
	if (!(s->cr4 & CR4_PAE))
		return &form_32;
	if (!(s->efer & EFER_LMA))
		return &form_pae;
	return s->cr4 & CR4_LA57 ? &form_5 : &form_4;
}

/* Is an entry at this level (0: the last) a page? */
static bool is_leaf(const struct form *f, const struct space *s, unsigned level, u64 entry)
{
	if (!level)
		return true;
	if (!(entry & PTE_PS))
		return false;
	if (f == &form_32)
		return s->cr4 & CR4_PSE;
	return level == 1 || (level == 2 && f != &form_pae);
}

static u64 leaf_base(const struct form *f, u64 entry, u64 len)
{
	if (f == &form_32 && len > GUEST_PAGE_SIZE) /* PSE-36 */
		return (entry & 0xffc00000) | (entry & 0x1fe000) << 19;
	return entry & ADDRESS & ~(len - 1);
}

bool space_walk(struct target *t, const struct space *s, u64 va, struct trail *tr)
{
	const struct form *f = space_form(s);
	u64 table = s->cr3 & (f == &form_pae ? 0xffffffe0 : ADDRESS);

	*tr = (struct trail){ .pa = va, .page_len = GUEST_PAGE_SIZE };
	if (!(s->cr0 & CR0_PG))
		return true;
	for (unsigned level = f->levels; level-- > 0;) {
		unsigned shift = GUEST_PAGE_SHIFT + f->bits * level;
		u64 mask = (1u << (level == f->levels - 1u ? f->top_bits : f->bits)) - 1;
		u64 entry = 0;

		tr->entry_at[tr->n] = table + (va >> shift & mask) * f->size;
		if (target_phys(t, GPA(tr->entry_at[tr->n]), f->size, &entry))
			return false;
		tr->entry[tr->n++] = entry;
		if (!(entry & PTE_P))
			return false;
		if (is_leaf(f, s, level, entry)) {
			tr->page_len = 1ull << shift;
			tr->pa = leaf_base(f, entry, tr->page_len) | (va & (tr->page_len - 1));
			return true;
		}
		table = entry & ADDRESS;
	}
	return false;
}

/* The physical address of a byte, remembered by page. */
static bool space_page(struct target *t, const struct space *s, u64 va, u64 *pa)
{
	u64 pfn = va >> GUEST_PAGE_SHIFT;
	unsigned slot = (unsigned)(pfn ^ pfn >> 18 ^ s->cr3 >> 12) % TARGET_TLB;
	struct trail tr;

	if (!(s->cr0 & CR0_PG)) {
		*pa = va;
		return true;
	}
	if (t->tlb[slot].va != pfn + 1 || t->tlb[slot].cr3 != s->cr3) {
		if (!space_walk(t, s, va, &tr))
			return false;
		t->tlb[slot].va = pfn + 1;
		t->tlb[slot].cr3 = s->cr3;
		t->tlb[slot].pa = tr.pa & ~(GUEST_PAGE_SIZE - 1);
	}
	*pa = t->tlb[slot].pa | (va & (GUEST_PAGE_SIZE - 1));
	return true;
}

bool space_read(struct target *t, const struct space *s, u64 va, u64 len, void *ret)
{
	u8 *to = ret;

	if (!t->reads)
		return false;
	t->reads--;
	while (len) {
		u64 here = GUEST_PAGE_SIZE - (va & (GUEST_PAGE_SIZE - 1)), pa;
		const u8 *p;

		if (here > len)
			here = len;
		if (!space_page(t, s, va, &pa))
			return false;
		p = t->page(t, pa >> GUEST_PAGE_SHIFT);
		if (!p)
			return false;
		memcpy(to, p + (pa & (GUEST_PAGE_SIZE - 1)), here);
		to += here;
		va += here;
		len -= here;
	}
	return true;
}
