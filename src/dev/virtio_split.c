/* virtio_split.c - the split ring: a table of descriptors, a ring of those offered, a ring of those used.
 * Source: virtio 1.2, 2.7. */
#include <linux/virtio_ring.h>

#include "dev/virtio_int.h"

static u64 desc_len(u16 size)
{
	return size * sizeof(struct vring_desc);
}

/* Each ring has room for an event index behind it, whether it is used or not. */
static u64 driver_len(u16 size)
{
	return sizeof(struct vring_avail) + (size + 1u) * sizeof(u16);
}

static u64 device_len(u16 size)
{
	return sizeof(struct vring_used) + size * sizeof(struct vring_used_elem) + sizeof(u16);
}

static u16 load16(const u16 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static bool more(struct virtq *q)
{
	const struct vring_avail *avail = q->driver_p;

	return load16(&avail->idx) != q->next_avail;
}

/* Descriptors linked by their next field, from at on, in a table of n. */
static int chain_walk(struct virtq *q, struct build *b, const u8 *table, unsigned n, unsigned at,
		      bool inner)
{
	for (unsigned seen = 0;; seen++) {
		struct vring_desc d;
		const u8 *inner_table;
		unsigned inner_n;

		if (at >= n || seen == n) {
			virtio_broken(q->v, "a chain leaves its table, or loops");
			return -1;
		}
		guest_copy(&d, table + at * sizeof(d), sizeof(d));
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (inner || (d.flags & VRING_DESC_F_NEXT)) {
				virtio_broken(q->v, "an indirect table is not the last in its chain");
				return -1;
			}
			if (build_indirect(q, d.addr, d.len, &inner_table, &inner_n))
				return -1;
			return chain_walk(q, b, inner_table, inner_n, 0, true);
		}
		if (build_add(q, b, d.addr, d.len, d.flags & VRING_DESC_F_WRITE))
			return -1;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		at = d.next;
	}
}

static int next(struct virtq *q, struct build *b)
{
	const struct vring_avail *avail = q->driver_p;

	if ((u16)(load16(&avail->idx) - q->next_avail) > q->size) {
		virtio_broken(q->v, "more is offered than the ring holds");
		return -1;
	}
	b->id = load16(&avail->ring[q->next_avail % q->size]);
	b->nslots = 1;
	return chain_walk(q, b, q->desc_p, q->size, b->id, false);
}

static void taken(struct virtq *q, const struct vq_chain *c)
{
	(void)c;
	q->next_avail++;
}

static void untaken(struct virtq *q, const struct vq_chain *c)
{
	(void)c;
	q->next_avail--;
}

static void put(struct virtq *q, const struct vq_chain *c, u32 written)
{
	struct vring_used *used = q->device_p;
	vring_used_elem_t *e = &used->ring[q->next_used % q->size];

	*e = (vring_used_elem_t){ c->id, written };
	q->next_used++;
	q->unsignalled++;
	__atomic_store_n(&used->idx, q->next_used, __ATOMIC_RELEASE);
	vq_ring_written(q, used, q->device, e, sizeof(*e));
	vq_ring_written(q, used, q->device, &used->idx, sizeof(used->idx));
}

static void arm(struct virtq *q)
{
	struct vring_used *used = q->device_p;
	u16 *event = (u16 *)&used->ring[q->size];

	if (!virtio_has(q->v, VIRTIO_RING_F_EVENT_IDX) || load16(event) == q->next_avail)
		return;
	__atomic_store_n(event, q->next_avail, __ATOMIC_RELEASE);
	vq_ring_written(q, used, q->device, event, sizeof(*event));
}

static bool wants(struct virtq *q)
{
	const struct vring_avail *avail = q->driver_p;

	if (!virtio_has(q->v, VIRTIO_RING_F_EVENT_IDX))
		return !(load16(&avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	return vring_need_event(load16(&avail->ring[q->size]), q->next_used,
				(u16)(q->next_used - q->unsignalled));
}

const struct ring_ops ring_split = {
	.desc_len = desc_len, .driver_len = driver_len, .device_len = device_len,
	.more = more, .next = next, .taken = taken, .untaken = untaken,
	.put = put, .arm = arm, .wants = wants,
};
