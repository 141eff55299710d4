/* memory.c - memory_op: how much memory there is, giving frames back and asking for them again. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>
#include <xen/memory.h>

#define EXTENTS_MAX (1u << 22)
#define E820_RAM 1

static i64 map_tell(struct xen *x, u64 va)
{
	struct { u64 at, len; u32 type; } __attribute__((packed)) ram = {
		0, x->npages << GUEST_PAGE_SHIFT, E820_RAM };
	struct xen_memory_map m;

	if (GUEST_READ(x, va, &m))
		return -EFAULT;
	if (!m.nr_entries)
		return -EINVAL;
	m.nr_entries = 1;
	if (guest_write(x, (u64)(uintptr_t)m.buffer.p, &ram, sizeof(ram)) || GUEST_WRITE(x, va, &m))
		return -EFAULT;
	return 0;
}

static i64 machphys_tell(struct xen *x, u64 va)
{
	struct xen_machphys_mapping m = { HYPERVISOR_VIRT_START,
					  HYPERVISOR_VIRT_START + x->nframes * 8, x->nframes - 1 };

	return GUEST_WRITE(x, va, &m);
}

static bool give_back(struct xen *x, u64 mfn)
{
	struct frame *f = frame_of(x, mfn);

	if (!f || f->owner != OWN_GUEST || f->count || f->refs)
		return false;
	f->owner = OWN_XEN;
	f->busy = true; /* one of those that can be had again */
	m2p_set(x, mfn, MFN_NONE);
	x->owned--;
	return true;
}

static u64 take(struct xen *x, u64 pfn)
{
	if (x->owned == x->npages)
		return MFN_NONE;
	for (u64 mfn = 0; mfn < x->nframes; mfn++) {
		struct frame *f = &x->frame[mfn];

		if (f->owner != OWN_XEN || !f->busy)
			continue;
		*f = (struct frame){ .owner = OWN_GUEST };
		memset(frame_host(x, mfn), 0, GUEST_PAGE_SIZE);
		mem_written(x->mem, GPA(mfn << GUEST_PAGE_SHIFT), GUEST_PAGE_SIZE);
		m2p_set(x, mfn, pfn);
		x->owned++;
		return mfn;
	}
	return MFN_NONE;
}

/* Returns how many extents were done: all of them, or up to the first that cannot be. */
static i64 extents(struct xen *x, unsigned cmd, u64 va)
{
	struct xen_memory_reservation r;
	u64 list, i, frame;

	if (GUEST_READ(x, va, &r))
		return -EFAULT;
	if (r.extent_order || r.nr_extents > EXTENTS_MAX)
		return 0;
	if (r.domid != DOMID_SELF && r.domid != DOMID)
		return -ESRCH;
	list = (u64)(uintptr_t)r.extent_start.p;
	for (i = 0; i < r.nr_extents; i++) {
		if (guest_read(x, list + i * 8, &frame, 8))
			break;
		if (cmd == XENMEM_decrease_reservation) {
			if (!give_back(x, frame))
				break;
			continue;
		}
		frame = take(x, frame);
		if (frame == MFN_NONE || guest_write(x, list + i * 8, &frame, 8))
			break;
	}
	return (i64)i;
}

static i64 mfn_list(struct xen *x, u64 va)
{
	struct xen_machphys_mfn_list l;

	(void)x;
	if (GUEST_READ(x, va, &l))
		return -EFAULT;
	l.nr_extents = 0;
	return GUEST_WRITE(x, va, &l);
}

i64 hc_memory(struct xen *x, const u64 a[6])
{
	switch (a[0]) {
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap: return extents(x, (unsigned)a[0], a[1]);
	case XENMEM_maximum_ram_page: return (i64)x->nframes - 1;
	case XENMEM_current_reservation: return (i64)x->owned;
	case XENMEM_maximum_reservation: return (i64)x->npages;
	case XENMEM_memory_map: return map_tell(x, a[1]);
	case XENMEM_machphys_mapping: return machphys_tell(x, a[1]);
	case XENMEM_machphys_mfn_list: return mfn_list(x, a[1]);
	}
	return -ENOSYS;
}
