/* virtio_queue.c - queues whatever their ring looks like: chains are made, checked, given back. Source:
 * virtio 1.2, 2.6. */
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "dev/virtio_int.h"
#include "mem/mem.h"

void vq_enable(struct virtq *q)
{
	const struct ring_ops *r = vq_ring(q);
	const struct mem *m = q->v->host.mem;
	bool packed = r == &ring_packed;

	q->desc_p = q->driver_p = q->device_p = NULL;
	if (!q->enabled)
		return;
	/* A ring's memory lies in one piece of RAM and is aligned. 2.7, 2.8. */
	if (!(q->desc % 16) && !(q->driver % (packed ? 4 : 2)) && !(q->device % 4)) {
		q->desc_p = mem_host_w(m, GPA(q->desc), r->desc_len(q->size));
		q->driver_p = mem_host_w(m, GPA(q->driver), r->driver_len(q->size));
		q->device_p = mem_host_w(m, GPA(q->device), r->device_len(q->size));
	}
	if (q->desc_p && q->driver_p && q->device_p) {
		q->next_avail = q->next_used = packed ? VQ_PACKED_WRAP : 0;
		return;
	}
	q->desc_p = NULL;
	virtio_broken(q->v, "a queue is not in memory, or not aligned");
}

void vq_ring_written(struct virtq *q, const void *area, u64 area_at, const void *p, u64 len)
{
	mem_written(q->v->host.mem, GPA(area_at + (u64)((const u8 *)p - (const u8 *)area)), len);
}

static int broken(struct virtq *q, const char *how)
{
	virtio_broken(q->v, how);
	return -1;
}

int build_add(struct virtq *q, struct build *b, u64 at, u32 len, bool write)
{
	const struct mem *m = q->v->host.mem;
	unsigned n = b->nr + b->nw;
	u8 *p;

	if (n == VQ_SIZE_MAX)
		return broken(q, "a chain has too many descriptors");
	if (!len)
		return broken(q, "a buffer has no length");
	if (!write && b->nw)
		return broken(q, "a readable buffer is behind a writable one");
	if (b->rlen + b->wlen + len > UINT32_MAX)
		return broken(q, "a chain is longer than 4 GiB");
	p = write ? mem_host_w(m, GPA(at), len) : mem_host(m, GPA(at), len);
	if (!p)
		return broken(q, "a buffer is not in memory");
	b->iov[n] = (struct iovec){ p, len };
	b->at[n] = GPA(at);
	if (write) {
		b->nw++;
		b->wlen += len;
	} else {
		b->nr++;
		b->rlen += len;
	}
	return 0;
}

int build_indirect(struct virtq *q, u64 at, u32 len, const u8 **table, unsigned *n)
{
	if (!virtio_has(q->v, VIRTIO_RING_F_INDIRECT_DESC))
		return broken(q, "an indirect descriptor was not agreed on");
	if (!len || len % sizeof(struct vring_desc) || len / sizeof(struct vring_desc) > VQ_SIZE_MAX)
		return broken(q, "an indirect table has a wrong length");
	*table = mem_host(q->v->host.mem, GPA(at), len);
	if (!*table)
		return broken(q, "an indirect table is not in memory");
	*n = len / sizeof(struct vring_desc);
	return 0;
}

static struct vq_chain *chain_new(struct virtq *q, const struct build *b)
{
	unsigned n = b->nr + b->nw;
	struct vq_chain *c = malloc(sizeof(*c) + n * sizeof(struct iovec) + b->nw * sizeof(gpa_t));

	if (!c)
		return NULL;
	*c = (struct vq_chain){
		.q = q, .generation = q->v->generation, .id = b->id, .nslots = b->nslots,
		.nr = b->nr, .nw = b->nw, .rlen = b->rlen, .wlen = b->wlen,
		.at = (gpa_t *)(c->iov + n),
	};
	memcpy(c->iov, b->iov, n * sizeof(struct iovec));
	memcpy(c->at, b->at + b->nr, b->nw * sizeof(gpa_t));
	return c;
}

/*
 * The driver is asked to notify only when its ring was found empty, and the ring is looked at once
 * more after that: what it put there just before it could know is found so.
 */
bool vq_more(struct virtq *q)
{
	const struct ring_ops *r = vq_ring(q);

	if (!q->desc_p || !virtio_running(q->v))
		return false;
	if (r->more(q))
		return true;
	r->arm(q);
	atomic_thread_fence(memory_order_seq_cst);
	return r->more(q);
}

/*D:1310 A request is taken from a queue
 * Driver and device share rings in the guest's memory. The driver describes a request as a chain
 * of buffers, some for the device to read and then some for it to write, and puts the chain's
 * number where the device looks next. Everything there is the guest's and may change while it is read.
 * So each descriptor is copied out once; the copy is checked, and what comes out is a list of host
 * addresses of real RAM, never more than a ring may hold. A chain that does not make sense costs the
 * guest its device, until its driver resets it.
 * @test virtio_refuses_bad_chains
 */
struct vq_chain *vq_pop(struct virtq *q)
{
	const struct ring_ops *r = vq_ring(q);
	struct vq_chain *c;
	struct build b;

	if (!vq_more(q))
		return NULL;
	b.nr = b.nw = 0;
	b.rlen = b.wlen = 0;
	if (r->next(q, &b))
		return NULL;
	c = chain_new(q, &b);
	if (!c)
		return NULL; /* the host has no memory; the next notification tries again */
	r->taken(q, c);
	q->v->held++;
	return c;
}

/* The chain is the driver's again. true: it is void, and gone. */
static bool chain_let_go(struct vq_chain *c)
{
	struct virtio *v = c->q->v;
	bool is_void = c->generation != v->generation;

	if (is_void)
		v->stale--;
	if (!--v->held)
		pthread_cond_broadcast(&v->idle);
	if (is_void)
		free(c);
	return is_void;
}

void vq_unpop(struct vq_chain *c)
{
	if (chain_let_go(c))
		return;
	vq_ring(c->q)->untaken(c->q, c);
	free(c);
}

static void tell_written(const struct vq_chain *c, u64 written)
{
	for (unsigned i = 0; i < c->nw && written; i++) {
		u64 len = c->iov[c->nr + i].iov_len;

		if (len > written)
			len = written;
		mem_written(c->q->v->host.mem, c->at[i], len);
		written -= len;
	}
}

void vq_push(struct vq_chain *c, u32 written)
{
	struct virtq *q = c->q;

	tell_written(c, written);
	if (chain_let_go(c))
		return;
	vq_ring(q)->put(q, c, written);
	free(c);
}

void vq_signal(struct virtq *q)
{
	if (!q->unsignalled || !q->desc_p)
		return;
	atomic_thread_fence(memory_order_seq_cst); /* what was put, before what the driver wants */
	if (vq_ring(q)->wants(q))
		virtio_interrupt(q->v, q->vector, 1);
	q->unsignalled = 0;
}

/* Copy between buf and iov[0..n) from off on. */
static size_t copy(const struct iovec *iov, unsigned n, u64 off, u8 *buf, size_t len, bool write)
{
	size_t done = 0;

	for (unsigned i = 0; i < n && done < len; i++) {
		size_t part = iov[i].iov_len;

		if (off >= part) {
			off -= part;
			continue;
		}
		part -= off;
		if (part > len - done)
			part = len - done;
		if (write)
			memcpy((u8 *)iov[i].iov_base + off, buf + done, part);
		else
			guest_copy(buf + done, (u8 *)iov[i].iov_base + off, part);
		done += part;
		off = 0;
	}
	return done;
}

size_t vq_read(const struct vq_chain *c, u64 off, void *buf, size_t len)
{
	return copy(c->iov, c->nr, off, buf, len, false);
}

size_t vq_write(struct vq_chain *c, u64 off, const void *buf, size_t len)
{
	return copy(c->iov + c->nr, c->nw, off, (u8 *)buf, len, true);
}
