/* virtio_balloon.c - memory that the guest does not need goes back to the host: pages it reports as free,
 * and pages it gives up when it is asked to. Source: virtio 1.2, 5.5. */
#include <linux/virtio_balloon.h>

#include "dev/dev.h"
#include "mem/mem.h"

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_REPORT, QUEUES };
#define PFNS 256 /* read at a time */

struct balloon {
	struct virtio virtio;
	struct virtio_balloon_config config;
};

static const struct dev_field balloon_fields[] = {
	VIRTIO_FIELDS(balloon), FIELD(balloon, config.num_pages, U32),
	FIELD(balloon, config.actual, U32), { 0 }
};

/* Page numbers, four bytes each. */
static void give_up(struct mem *m, const struct vq_chain *c)
{
	u32 pfn[PFNS];
	u64 off = 0;
	size_t n;

	while ((n = vq_read(c, off, pfn, sizeof(pfn)) / sizeof(*pfn))) {
		for (size_t i = 0; i < n; i++)
			mem_discard(m, GPA((u64)pfn[i] << VIRTIO_BALLOON_PFN_SHIFT), GUEST_PAGE_SIZE);
		off += n * sizeof(*pfn);
	}
}

/* The buffers themselves are free pages; the guest takes none of them before it is answered. */
static void report(struct mem *m, const struct vq_chain *c)
{
	for (unsigned i = 0; i < c->nw; i++)
		mem_discard(m, c->at[i], c->iov[c->nr + i].iov_len);
}

/*D:1350 Memory that comes back
 * A guest that has freed memory goes on holding it as far as the host can see. Linux therefore tells
 * of free pages from time to time, in pieces of 2 MiB and more, and they are given back: the host has
 * the room, and the guest finds zeroes there when it takes the page again.
 * @test balloon_gives_pages_back
 */
static void balloon_notify(struct virtio *v, unsigned queue)
{
	struct virtq *q = &v->queue[queue];
	struct vq_chain *c;

	while ((c = vq_pop(q))) {
		if (queue == QUEUE_INFLATE)
			give_up(v->host.mem, c);
		else if (queue == QUEUE_REPORT)
			report(v->host.mem, c);
		vq_push(c, 0);
	}
	vq_signal(q);
}

void virtio_balloon_set(struct dev *d, u64 bytes)
{
	struct balloon *b = d->state;

	b->config.num_pages = (u32)(bytes >> VIRTIO_BALLOON_PFN_SHIFT);
	virtio_config_changed(&b->virtio);
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_BALLOON,
	.pci_class = 0x00ff00,
	.legacy = true,
	.queue_size = 128,
	.notify = balloon_notify,
};

void virtio_balloon_wire(struct dev *d, const struct virtio_host *h)
{
	static const struct virtio_balloon_config writable = { .actual = UINT32_MAX };
	struct balloon *b = d->state;

	virtio_wire(d, h, &(struct virtio_setup){
		.ops = &ops, .nqueues = QUEUES,
		.features = 1ull << VIRTIO_BALLOON_F_DEFLATE_ON_OOM | 1ull << VIRTIO_BALLOON_F_REPORTING,
		.config = &b->config, .config_writable = (const u8 *)&writable,
		.config_len = sizeof(b->config),
	});
}

const struct dev_ops virtio_balloon_ops =
	VIRTIO_DEV_OPS("virtio-balloon", "memory the guest gives back", balloon, balloon_fields);
