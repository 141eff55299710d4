/* virtio_rng.c - a source of randomness for the guest. Source: virtio 1.2, 5.4. */
#include <sys/random.h>

#include "dev/dev.h"

#define RNG_MAX 256u /* bytes a request gets; getrandom() gives so many in one piece */
#define FIXED 0x9e3779b97f4a7c15ull

struct rng {
	struct virtio virtio;
	u64 fixed; /* deterministic runs get the same bytes each time */
};

static const struct dev_field rng_fields[] = {
	VIRTIO_FIELDS(rng), FIELD(rng, fixed, U64), { 0 }
};

/* splitmix64: only for runs that shall be equal. */
static u64 fixed_next(struct rng *r)
{
	u64 x = r->fixed += FIXED;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static size_t fill(struct rng *r, u8 *buf)
{
	ssize_t n;

	if (!r->virtio.host.synchronous) {
		n = getrandom(buf, RNG_MAX, GRND_NONBLOCK);
		return n < 0 ? 0 : (size_t)n;
	}
	for (unsigned i = 0; i < RNG_MAX; i++)
		buf[i] = (u8)fixed_next(r);
	return RNG_MAX;
}

static void rng_notify(struct virtio *v, unsigned queue)
{
	struct virtq *q = &v->queue[queue];
	struct vq_chain *c;
	u8 buf[RNG_MAX];

	while ((c = vq_pop(q)))
		vq_push(c, (u32)vq_write(c, 0, buf, fill((struct rng *)v, buf)));
	vq_signal(q);
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_RNG,
	.pci_class = 0x00ff00,
	.legacy = true,
	.queue_size = 64,
	.notify = rng_notify,
};

void virtio_rng_wire(struct dev *d, const struct virtio_host *h)
{
	virtio_wire(d, h, &(struct virtio_setup){ .ops = &ops, .nqueues = 1 });
}

const struct dev_ops virtio_rng_ops =
	VIRTIO_DEV_OPS("virtio-rng", "randomness for the guest", rng, rng_fields);
