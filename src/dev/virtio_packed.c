/* virtio_packed.c - the packed ring: one ring of descriptors that both sides write. Source: virtio 1.2,
 * 2.8. */
#include <linux/virtio_ring.h>

#include "dev/virtio_int.h"

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED (1u << VRING_PACKED_DESC_F_USED)

static u64 desc_len(u16 size)
{
	return size * sizeof(struct vring_packed_desc);
}

static u64 event_len(u16 size)
{
	(void)size;
	return sizeof(struct vring_packed_desc_event);
}

static unsigned index_of(u16 pos)
{
	return pos & (VQ_PACKED_WRAP - 1);
}

/* Positions are an index with a bit that turns over each time round. */
static u16 pos_add(const struct virtq *q, u16 pos, unsigned n)
{
	unsigned i = index_of(pos) + n, wrap = pos & VQ_PACKED_WRAP;

	return (u16)(i < q->size ? i | wrap : (i - q->size) | (wrap ^ VQ_PACKED_WRAP));
}

static u16 pos_sub(const struct virtq *q, u16 pos, unsigned n)
{
	unsigned i = index_of(pos), wrap = pos & VQ_PACKED_WRAP;

	return (u16)(i >= n ? (i - n) | wrap : (i + q->size - n) | (wrap ^ VQ_PACKED_WRAP));
}

static struct vring_packed_desc *slot(const struct virtq *q, u16 pos)
{
	return (struct vring_packed_desc *)q->desc_p + index_of(pos);
}

/* A descriptor is the device's to take when AVAIL says this time round and USED the last. */
static bool more(struct virtq *q)
{
	u16 flags = __atomic_load_n(&slot(q, q->next_avail)->flags, __ATOMIC_ACQUIRE);
	bool wrap = q->next_avail & VQ_PACKED_WRAP;

	return !!(flags & AVAIL) == wrap && !!(flags & USED) != wrap;
}

static int indirect(struct virtq *q, struct build *b, u64 at, u32 len)
{
	const u8 *table;
	unsigned n;

	if (build_indirect(q, at, len, &table, &n))
		return -1;
	for (unsigned i = 0; i < n; i++) {
		struct vring_packed_desc d;

		guest_copy(&d, table + i * sizeof(d), sizeof(d));
		if (build_add(q, b, d.addr, d.len, d.flags & VRING_DESC_F_WRITE))
			return -1;
	}
	return 0;
}

static int next(struct virtq *q, struct build *b)
{
	u16 pos = q->next_avail;

	for (b->nslots = 1; b->nslots <= q->size; b->nslots++) {
		struct vring_packed_desc d;
		int rc;

		guest_copy(&d, slot(q, pos), sizeof(d));
		if ((d.flags & VRING_DESC_F_INDIRECT) && (b->nslots > 1 || (d.flags & VRING_DESC_F_NEXT))) {
			virtio_broken(q->v, "an indirect table is part of a chain");
			return -1;
		}
		rc = d.flags & VRING_DESC_F_INDIRECT
		     ? indirect(q, b, d.addr, d.len)
		     : build_add(q, b, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
		if (rc)
			return rc;
		if (!(d.flags & VRING_DESC_F_NEXT)) {
			b->id = d.id; /* the last one's counts */
			return 0;
		}
		pos = pos_add(q, pos, 1);
	}
	virtio_broken(q->v, "a chain does not end");
	return -1;
}

static void taken(struct virtq *q, const struct vq_chain *c)
{
	q->next_avail = pos_add(q, q->next_avail, c->nslots);
}

static void untaken(struct virtq *q, const struct vq_chain *c)
{
	q->next_avail = pos_sub(q, q->next_avail, c->nslots);
}

static void put(struct virtq *q, const struct vq_chain *c, u32 written)
{
	struct vring_packed_desc *d = slot(q, q->next_used);
	u16 flags = q->next_used & VQ_PACKED_WRAP ? AVAIL | USED : 0;

	d->id = c->id;
	d->len = written;
	__atomic_store_n(&d->flags, flags | (written ? VRING_DESC_F_WRITE : 0), __ATOMIC_RELEASE);
	vq_ring_written(q, q->desc_p, q->desc, d, sizeof(*d));
	q->next_used = pos_add(q, q->next_used, c->nslots);
	q->unsignalled = (u16)(q->unsignalled + c->nslots);
}

static void arm(struct virtq *q)
{
	struct vring_packed_desc_event *e = q->device_p;

	if (!virtio_has(q->v, VIRTIO_RING_F_EVENT_IDX) ||
	    (e->flags == VRING_PACKED_EVENT_FLAG_DESC && e->off_wrap == q->next_avail))
		return;
	e->off_wrap = q->next_avail;
	__atomic_store_n(&e->flags, VRING_PACKED_EVENT_FLAG_DESC, __ATOMIC_RELEASE);
	vq_ring_written(q, e, q->device, e, sizeof(*e));
}

static bool wants(struct virtq *q)
{
	struct vring_packed_desc_event e;
	u16 at, now = (u16)index_of(q->next_used);

	guest_copy(&e, q->driver_p, sizeof(e));
	if (e.flags != VRING_PACKED_EVENT_FLAG_DESC || !virtio_has(q->v, VIRTIO_RING_F_EVENT_IDX))
		return e.flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	at = (u16)index_of(e.off_wrap);
	if ((e.off_wrap ^ q->next_used) & VQ_PACKED_WRAP)
		at = (u16)(at - q->size);
	return vring_need_event(at, now, (u16)(now - q->unsignalled));
}

const struct ring_ops ring_packed = {
	.desc_len = desc_len, .driver_len = event_len, .device_len = event_len,
	.more = more, .next = next, .taken = taken, .untaken = untaken,
	.put = put, .arm = arm, .wants = wants,
};
