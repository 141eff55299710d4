/* grant.c - the grant table: which frames the guest lends to a back end. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>
#include <xen/grant_table.h>

#define ENTRIES (GUEST_PAGE_SIZE / sizeof(struct grant_entry_v1))

u64 grant_frame(struct xen *x, u32 ref, bool write)
{
	struct grant_entry_v1 g;
	struct frame *f;

	if (ref / ENTRIES >= x->grants)
		return MFN_NONE;
	memcpy(&g, frame_host(x, x->grant_mfn + ref / ENTRIES) + ref % ENTRIES * sizeof(g), sizeof(g));
	if ((g.flags & GTF_type_mask) != GTF_permit_access || g.domid)
		return MFN_NONE;
	f = frame_of(x, g.frame);
	/* Not a page table, and not to be written when it was lent for reading. */
	if (!f || f->owner != OWN_GUEST || (write && (g.flags & GTF_readonly)) ||
	    (write && f->count && f->type != T_WRITABLE))
		return MFN_NONE;
	return g.frame;
}

static i64 setup(struct xen *x, u64 va)
{
	struct gnttab_setup_table s;
	u64 mfn;

	if (GUEST_READ(x, va, &s))
		return -EFAULT;
	if (s.dom != DOMID_SELF && s.dom != DOMID) {
		s.status = GNTST_bad_domain;
	} else if (s.nr_frames > GRANT_FRAMES) {
		s.status = GNTST_general_error;
	} else {
		x->grants = s.nr_frames > x->grants ? s.nr_frames : x->grants;
		s.status = GNTST_okay;
		for (u32 i = 0; i < s.nr_frames; i++) {
			mfn = x->grant_mfn + i;
			if (guest_write(x, (u64)(uintptr_t)s.frame_list.p + i * 8, &mfn, 8))
				return -EFAULT;
		}
	}
	return GUEST_WRITE(x, va, &s);
}

static i64 size(struct xen *x, u64 va)
{
	struct gnttab_query_size q;

	if (GUEST_READ(x, va, &q))
		return -EFAULT;
	q.nr_frames = x->grants;
	q.max_nr_frames = GRANT_FRAMES;
	q.status = GNTST_okay;
	return GUEST_WRITE(x, va, &q);
}

static i64 version_set(struct xen *x, u64 va)
{
	struct gnttab_set_version v;

	if (GUEST_READ(x, va, &v))
		return -EFAULT;
	if (v.version != 1)
		return -ENOSYS;
	return GUEST_WRITE(x, va, &v);
}

i64 hc_grant(struct xen *x, const u64 a[6])
{
	struct gnttab_get_version v = { .dom = DOMID_SELF, .version = 1 };

	if (a[2] != 1)
		return -ENOSYS;
	switch (a[0]) {
	case GNTTABOP_setup_table: return setup(x, a[1]);
	case GNTTABOP_query_size: return size(x, a[1]);
	case GNTTABOP_set_version: return version_set(x, a[1]);
	case GNTTABOP_get_version: return GUEST_WRITE(x, a[1], &v);
	}
	return -ENOSYS; /* the guest has nobody's frames to map */
}
