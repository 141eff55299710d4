/* walk.c - linear to physical, as the processor does it. Knows no vCPU and calls nothing. */
#include "mem/mem.h"

#include <errno.h>

#include "x86/x86.h"

/*M:200 A page walk
 * The processor reads one entry a level, from CR3 down to the page; each level may narrow what the
 * levels above it allow. Only when the access is allowed in the end are the accessed bits (and,
 * for a write, the dirty bit of the last entry) set, each with a compare-and-exchange on guest
 * memory: if another vCPU changed an entry meanwhile, the walk starts again.
 * @test walk_sets_accessed_and_dirty
 */

/* Every walk is written once and compiled once a format: what follows is inlined into mem_walk(). */
#define ALWAYS static inline __attribute__((always_inline))

struct format {
	u8 levels;     /* how many entries to read */
	u8 bits;       /* index bits of a level */
	u8 entry_size; /* bytes */
	bool pae;      /* entries of 8 bytes, with NX and reserved address bits */
};

static const struct format format_32 = { 2, 10, 4, false };
static const struct format format_pae = { 3, 9, 8, true };
static const struct format format_long = { 4, 9, 8, true };

/* What the walk found so far. */
struct trail {
	u8 *host[4];   /* where entry i is in our memory, NULL when it cannot be written */
	bool w, u, nx; /* what all levels read so far allow */
};

/* The entry at a guest-physical address; zero (not present) when it is not memory. */
ALWAYS u64 entry_read(const struct mem *m, u64 at, unsigned size, u8 **host)
{
	*host = NULL;
	for (unsigned i = 0; i < m->n; i++) {
		const struct mem_block *b = &m->block[i];
		u64 off = at - b->at.at;
		u8 *p = b->host + off;

		if (off >= b->len)
			continue;
		if (!b->rom)
			*host = p;
		if (size == 4)
			return __atomic_load_n((u32 *)p, __ATOMIC_RELAXED);
		return __atomic_load_n((u64 *)p, __ATOMIC_RELAXED);
	}
	return 0;
}

/* Set bits in an entry that still is what was read. false: it changed, walk again. */
ALWAYS bool entry_mark(u8 *host, unsigned size, u64 old, u64 bits)
{
	u32 old32 = (u32)old;

	if (!host || (old & bits) == bits)
		return true;
	if (size == 4)
		return __atomic_compare_exchange_n((u32 *)host, &old32, (u32)(old | bits), false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n((u64 *)host, &old, old | bits, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Bits of a PAE or 4-level entry that must be zero. level 1 is the page table. SDM 3A 4.4, 4.5. */
ALWAYS u64 reserved_pae(const struct paging *p, const struct format *f, unsigned level, bool leaf)
{
	u64 mask = ((1ull << 52) - 1) & ~((1ull << CPUID_PHYS_BITS) - 1);

	if (!(p->efer & EFER_NXE))
		mask |= PTE_NX;
	if (f == &format_pae) {
		mask |= 0x7ffull << 52;
		if (level == 3)
			return mask | PTE_NX | 0x1e6;
	}
	if (level == 4)
		return mask | PTE_PS;
	if (leaf && level == 3)
		return mask | 0x3fffe000;
	if (leaf && level == 2)
		return mask | 0x1fe000;
	return mask;
}

/* PSE-36: bits 13 to 20 of a 4 MiB page's entry are address bits 32 to 39. SDM 3A 4.3. */
static u64 reserved_32(unsigned level, bool leaf)
{
	return level == 2 && leaf ? 1 << 21 : 0;
}

ALWAYS bool is_leaf(const struct paging *p, const struct format *f, unsigned level, u64 entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS))
		return false;
	if (!f->pae)
		return p->cr4 & CR4_PSE;
	return level == 2 || (level == 3 && f == &format_long);
}

/* Physical base of a page whose last entry is this. */
ALWAYS u64 leaf_base(const struct format *f, u64 entry, u64 page)
{
	if (f->pae)
		return entry & ((1ull << 52) - 1) & ~(page - 1);
	if (page == GUEST_PAGE_SIZE)
		return entry & 0xfffff000;
	return (entry & 0xffc00000) | (entry & 0x1fe000) << 19;
}

/* Fold one level's entry into what is allowed. A PAE directory pointer has no such bits. */
ALWAYS void trail_add(struct trail *t, const struct format *f, unsigned level, u64 entry)
{
	if (f == &format_pae && level == 3)
		return;
	t->w &= !!(entry & PTE_W);
	t->u &= !!(entry & PTE_U);
	if (f->pae && (entry & PTE_NX))
		t->nx = true;
}

/* Read entries down to the page. 0, or -EFAULT with w->error's P and RSVD bits. */
ALWAYS int descend(struct mem *m, const struct paging *p, const struct format *f, u64 lin,
		   struct walk *w, struct trail *t)
{
	u64 table = f->pae ? p->cr3 & ((1ull << 52) - 1) & ~0xfffull : p->cr3 & 0xfffff000;
	unsigned level = f->levels;

	if (f == &format_pae)
		table = p->cr3 & 0xffffffe0;
	for (;; level--) {
		unsigned shift = 12 + (level - 1) * f->bits, i = f->levels - level;
		u64 index = lin >> shift & ((1u << f->bits) - 1), entry, rsvd;
		bool leaf;

		if (f == &format_pae && level == 3)
			index &= 3;
		w->entry_at[i].at = table + index * f->entry_size;
		entry = entry_read(m, w->entry_at[i].at, f->entry_size, &t->host[i]);
		w->entry[i] = entry;
		w->levels = (u8)(i + 1);
		if (!(entry & PTE_P))
			return -EFAULT;
		leaf = is_leaf(p, f, level, entry);
		rsvd = f->pae ? reserved_pae(p, f, level, leaf) : reserved_32(level, leaf);
		if (entry & rsvd) {
			w->error = PF_P | PF_RSVD;
			return -EFAULT;
		}
		trail_add(t, f, level, entry);
		if (leaf) {
			w->page = 1ull << shift;
			w->at.at = leaf_base(f, entry, w->page) | (lin & (w->page - 1));
			return 0;
		}
		table = f->pae ? entry & ((1ull << 52) - 1) & ~0xfffull : entry & 0xfffff000;
	}
}

/* Do protection keys forbid a data access to a user page? SDM 3A 4.6.2. */
static bool pkey_forbids(const struct paging *p, const struct walk *w, unsigned acc)
{
	u32 rights = p->pkru >> (w->pkey * 2);

	if (!(p->cr4 & CR4_PKE) || !(p->efer & EFER_LMA) || !w->user || (acc & ACC_X))
		return false;
	if (rights & 1)
		return true;
	return (rights & 2) && (acc & ACC_W) && ((acc & ACC_USER) || (p->cr0 & CR0_WP));
}

/* Do the rights of the page forbid the access? SDM 3A 4.6.1. */
static bool rights_forbid(const struct paging *p, const struct walk *w, unsigned acc)
{
	if ((acc & ACC_X) && w->nx)
		return true;
	if (acc & ACC_USER)
		return !w->user || ((acc & ACC_W) && !w->writable);
	if (w->user && (acc & ACC_X) && (p->cr4 & CR4_SMEP))
		return true;
	if (w->user && !(acc & ACC_X) && (p->cr4 & CR4_SMAP) &&
	    (!p->ac || (acc & ACC_IMPLICIT)))
		return true;
	return (acc & ACC_W) && !w->writable && (p->cr0 & CR0_WP);
}

static u32 error_code(const struct paging *p, unsigned acc, u32 why)
{
	bool fetch = (acc & ACC_X) && ((p->cr4 & CR4_SMEP) ||
				       ((p->efer & EFER_NXE) && (p->cr4 & CR4_PAE)));

	return why | (acc & ACC_W ? PF_W : 0) | (acc & ACC_USER ? PF_U : 0) | (fetch ? PF_I : 0);
}

/* Set accessed and dirty bits. false: an entry changed under us. */
ALWAYS bool mark(const struct format *f, unsigned acc, struct walk *w, const struct trail *t)
{
	unsigned last = w->levels - 1u;

	for (unsigned i = 0; i <= last; i++) {
		u64 bits = PTE_A | (i == last && (acc & ACC_W) ? PTE_D : 0);

		if (f == &format_pae && i == 0)
			continue;
		if (!entry_mark(t->host[i], f->entry_size, w->entry[i], bits))
			return false;
		w->entry[i] |= bits;
	}
	return true;
}

static int walk_off(gva_t at, struct walk *w)
{
	w->at.at = at.at;
	w->page = GUEST_PAGE_SIZE;
	w->writable = w->user = w->dirty = true;
	w->nx = w->global = false;
	w->pkey = 0;
	return 0;
}

/* One try. 0, or -EFAULT with w->error; *again when an entry changed under us. */
ALWAYS int walk_once(struct mem *m, const struct paging *p, const struct format *f, gva_t at,
		     unsigned acc, struct walk *w, bool *again)
{
	struct trail t;
	u64 last;

	t.w = t.u = true;
	t.nx = false;
	w->error = 0;
	if (descend(m, p, f, at.at, w, &t)) {
		w->error = error_code(p, acc, w->error);
		return -EFAULT;
	}
	last = w->entry[w->levels - 1];
	w->writable = t.w;
	w->user = t.u;
	w->nx = t.nx;
	w->global = (last & PTE_G) && (p->cr4 & CR4_PGE);
	w->pkey = f == &format_long ? last >> 59 & 15 : 0;
	if (pkey_forbids(p, w, acc))
		w->error = PF_P | PF_PK;
	else if (rights_forbid(p, w, acc))
		w->error = PF_P;
	if (w->error) {
		w->error = error_code(p, acc, w->error);
		return -EFAULT;
	}
	*again = !(acc & ACC_QUIET) && !mark(f, acc, w, &t);
	w->dirty = w->entry[w->levels - 1] & PTE_D;
	return 0;
}

ALWAYS int walk_as(struct mem *m, const struct paging *p, const struct format *f, gva_t at,
		   unsigned acc, struct walk *w)
{
	bool again = false;
	int rc;

	do
		rc = walk_once(m, p, f, at, acc, w, &again);
	while (!rc && again);
	return rc;
}

int mem_walk(struct mem *m, const struct paging *p, gva_t at, unsigned acc, struct walk *w)
{
	w->levels = 0;
	w->error = 0;
	if (!(p->cr0 & CR0_PG))
		return walk_off(at, w);
	if (!(p->cr4 & CR4_PAE))
		return walk_as(m, p, &format_32, at, acc, w);
	if (p->efer & EFER_LMA)
		return walk_as(m, p, &format_long, at, acc, w);
	return walk_as(m, p, &format_pae, at, acc, w);
}
