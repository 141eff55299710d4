/* frame.c - machine frames: who owns them, and as what the guest may use them. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>

/*H:200 Page tables that are the guest's own
 * A paravirtual guest writes the page tables that the processor walks. What keeps it inside its domain
 * is a type on every frame: a frame is a table of one level, or a segment table, or writable memory,
 * never two of these at once, and it can change only when nothing uses it as what it was. To become a
 * table of level 2 each of its entries must name a frame that is, or can become, a table of level 1;
 * so the check runs down to the data. From then on every change of an entry goes through Xen.
 * @test hostile.sh
 */

#define PTE_KERNEL (1ull << 52) /* in an entry: the guest did not ask for user access; Xen's mark */
#define SLOT_XEN_FIRST 256      /* of an L4: Xen's, whatever the guest writes there */
#define SLOT_XEN_LAST 271
#define SLOT_DOMAIN 260
#define PTE_BAD ((((1ull << 52) - 1) & ~((1ull << CPUID_PHYS_BITS) - 1)))

struct frame *frame_of(struct xen *x, u64 mfn)
{
	return mfn < x->nframes && x->frame[mfn].owner != OWN_NOBODY ? &x->frame[mfn] : NULL;
}

u8 *frame_host(struct xen *x, u64 mfn)
{
	u8 *p = mfn < x->nframes ? mem_host(x->mem, GPA(mfn << GUEST_PAGE_SHIFT), GUEST_PAGE_SIZE) :
				   NULL;

	BUG_ON(!p);
	return p;
}

void m2p_set(struct xen *x, u64 mfn, u64 pfn)
{
	u64 at = (x->m2p_mfn << GUEST_PAGE_SHIFT) + mfn * 8;

	memcpy(mem_host(x->mem, GPA(at), 8), &pfn, 8);
}

u64 m2p_get(struct xen *x, u64 mfn)
{
	u64 at = (x->m2p_mfn << GUEST_PAGE_SHIFT) + mfn * 8, pfn;

	memcpy(&pfn, mem_host(x->mem, GPA(at), 8), 8);
	return pfn;
}

static u64 *table(struct xen *x, u64 mfn)
{
	return (u64 *)(void *)frame_host(x, mfn);
}

/* The low entries of an L4 are the guest's, those in the middle Xen's. */
static bool is_xens(enum type t, unsigned index)
{
	return t == T_L4 && index >= SLOT_XEN_FIRST && index <= SLOT_XEN_LAST;
}

static int leaf_get(struct xen *x, u64 entry)
{
	struct frame *f = frame_of(x, ENTRY_MFN(entry));
	int rc = 0;

	if (!f || (f->owner != OWN_GUEST && f->owner != OWN_SHARED))
		return -EPERM;
	if ((entry & PTE_W) && f->owner == OWN_GUEST)
		rc = type_get(x, ENTRY_MFN(entry), T_WRITABLE);
	if (!rc)
		f->refs++;
	return rc;
}

int entry_get(struct xen *x, enum type t, u64 *entry)
{
	int rc;

	if (!(*entry & PTE_P))
		return 0;
	if (*entry & PTE_BAD)
		return -EINVAL;
	if (t == T_L1) {
		rc = leaf_get(x, *entry);
		if (!rc && !(*entry & PTE_U))
			*entry |= PTE_U | PTE_KERNEL;
		return rc;
	}
	if (*entry & PTE_PS)
		return -EINVAL;
	rc = type_get(x, ENTRY_MFN(*entry), t - 1);
	if (!rc) {
		x->frame[ENTRY_MFN(*entry)].refs++;
		*entry |= PTE_U;
	}
	return rc;
}

void entry_put(struct xen *x, enum type t, u64 entry)
{
	struct frame *f = frame_of(x, ENTRY_MFN(entry));

	if (!(entry & PTE_P) || !f)
		return;
	f->refs--;
	if (t != T_L1 || ((entry & PTE_W) && f->owner == OWN_GUEST))
		type_put(x, ENTRY_MFN(entry));
}

static void xen_slots(struct xen *x, u64 *l4)
{
	for (unsigned i = SLOT_XEN_FIRST; i <= SLOT_XEN_LAST; i++)
		l4[i] = 0;
	l4[SLOT_XEN_FIRST] = x->l3_m2p << GUEST_PAGE_SHIFT | PTE_P | PTE_U | PTE_A;
	l4[SLOT_DOMAIN] = x->l3_domain << GUEST_PAGE_SHIFT | PTE_P | PTE_W | PTE_A;
}

int descriptor_fix(u64 *d)
{
	u32 hi = (u32)(*d >> 32);

	if (!(hi & 1 << 15))
		return 0;
	if (!(hi & 1 << 12))
		return -EINVAL;
	*d |= 3ull << (32 + 13);
	return 0;
}

static int entries_get(struct xen *x, u64 mfn, enum type t)
{
	u64 *e = table(x, mfn);
	unsigned i;
	int rc = 0;

	for (i = 0; i < 512 && !rc; i++) {
		u64 now = e[i];

		if (t == T_SEGMENT)
			rc = descriptor_fix(&now);
		else if (!is_xens(t, i))
			rc = entry_get(x, t, &now);
		if (!rc)
			e[i] = now;
	}
	if (!rc)
		return 0;
	for (i--; i-- > 0;)
		if (t != T_SEGMENT && !is_xens(t, i))
			entry_put(x, t, e[i]);
	return rc;
}

static void entries_put(struct xen *x, u64 mfn, enum type t)
{
	u64 *e = table(x, mfn);

	for (unsigned i = 0; i < 512; i++)
		if (!is_xens(t, i))
			entry_put(x, t, e[i]);
	if (t == T_L4)
		memset(e + SLOT_XEN_FIRST, 0, (SLOT_XEN_LAST - SLOT_XEN_FIRST + 1) * 8);
}

/* From no type to t: a table's entries are looked at, and nobody may have it in a TLB as writable. */
static int become(struct xen *x, u64 mfn, struct frame *f, enum type t)
{
	int rc;

	f->type = t;
	if (t == T_WRITABLE)
		return 0;
	f->busy = true;
	f->count = 1; /* so that a loop meets a type in use */
	rc = entries_get(x, mfn, t);
	f->busy = false;
	f->count = 0;
	if (rc) {
		f->type = T_NONE;
		return rc;
	}
	if (t == T_L4)
		xen_slots(x, table(x, mfn));
	x->flush = true;
	return 0;
}

int type_get(struct xen *x, u64 mfn, enum type t)
{
	struct frame *f = frame_of(x, mfn);
	int rc;

	if (!f || f->owner != OWN_GUEST)
		return -EPERM;
	if (f->busy || (f->count && f->type != t))
		return -EBUSY;
	if (!f->count) {
		rc = become(x, mfn, f, t);
		if (rc)
			return rc;
	}
	f->count++;
	return 0;
}

void type_put(struct xen *x, u64 mfn)
{
	struct frame *f = &x->frame[mfn];

	BUG_ON(!f->count);
	if (--f->count)
		return;
	x->flush = true;
	if (f->type >= T_L1 && f->type <= T_L4)
		entries_put(x, mfn, f->type);
	f->type = T_NONE;
}

int entry_set(struct xen *x, u64 mfn, unsigned index, u64 entry, bool keep_ad)
{
	struct frame *f = &x->frame[mfn];
	enum type t = f->type;
	u64 *at = table(x, mfn) + index, old = *at;
	int rc;

	if (is_xens(t, index))
		return -EPERM;
	if (keep_ad)
		entry |= old & (PTE_A | PTE_D);
	/* The same frame with the same rights: nothing to count. */
	if ((old & PTE_P) && (entry & PTE_P) && !((old ^ entry) & ~(u64)(PTE_A | PTE_D | PTE_U | PTE_G |
									 PTE_NX | PTE_KERNEL))) {
		*at = entry | PTE_U | (t == T_L1 && !(entry & PTE_U) ? PTE_KERNEL : 0);
		return 0;
	}
	rc = entry_get(x, t, &entry);
	if (rc)
		return rc;
	__atomic_store_n(at, entry, __ATOMIC_RELAXED);
	entry_put(x, t, old);
	if (t != T_L1)
		x->flush = true;
	return 0;
}
