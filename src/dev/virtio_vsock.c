/* virtio_vsock.c - sockets between guest and host. Moves packets; what they mean is net's. Source:
 * virtio 1.2, 5.10. */
#include <string.h>

#include <linux/virtio_vsock.h>

#include "dev/dev.h"
#include "net/net.h"

enum { RX, TX, EVENT, QUEUES };

#define BATCH 64      /* packets taken off the queue at once */
#define BATCHES_MAX 8 /* before it is the host's turn */

struct vsock {
	struct virtio virtio;
	struct virtio_vsock_config config;
	struct net *net;
	bool live; /* a driver has started it */
};

static unsigned pop_batch(struct vsock *s, struct vq_chain **chain)
{
	unsigned n = 0;

	while (n < BATCH && (chain[n] = vq_pop(&s->virtio.queue[TX])))
		n++;
	return n;
}

/* The board's lock is held to take packets and to hand them back, not while they are sent. */
static void serve(void *ctx)
{
	static const net_meta none;
	struct vsock *s = ctx;
	struct vq_chain *chain[BATCH];
	unsigned n = 0;

	virtio_lock(&s->virtio);
	for (unsigned turn = 0; turn < BATCHES_MAX && (n = pop_batch(s, chain)); turn++) {
		virtio_unlock(&s->virtio);
		for (unsigned i = 0; i < n; i++)
			net_send(s->net, &none, chain[i]->iov, chain[i]->nr);
		virtio_lock(&s->virtio);
		for (unsigned i = 0; i < n; i++)
			vq_push(chain[i], 0);
		vq_signal(&s->virtio.queue[TX]);
	}
	virtio_unlock(&s->virtio);
	if (n)
		net_wake(s->net);
}

/* Chains with room for len bytes of data, each behind a header; 0: there are not enough, and none is
 * taken. */
static unsigned pop_room(struct vsock *s, size_t len, struct vq_chain **chain)
{
	const size_t header = sizeof(struct virtio_vsock_hdr);
	unsigned n = 0;
	u64 room = 0;

	while (n < VQ_SIZE_MAX && (chain[n] = vq_pop(&s->virtio.queue[RX]))) {
		if (chain[n++]->wlen < header) {
			virtio_broken(&s->virtio, "a receive buffer is smaller than a header");
			break;
		}
		room += chain[n - 1]->wlen - header;
		if (room >= len)
			return n;
	}
	while (n)
		vq_unpop(chain[--n]);
	return 0;
}

/* Drivers give small buffers, so the data is cut up again: each part is a packet with a header. */
static void put_parts(struct vq_chain **chain, const u8 *packet, size_t len)
{
	struct virtio_vsock_hdr h;
	const u8 *data = packet + sizeof(h);

	memcpy(&h, packet, sizeof(h));
	len -= sizeof(h);
	do {
		u64 room = (*chain)->wlen - sizeof(h);

		h.len = (u32)(room < len ? room : len);
		vq_write(*chain, 0, &h, sizeof(h));
		vq_write(*chain, sizeof(h), data, h.len);
		data += h.len;
		len -= h.len;
		vq_push(*chain++, (u32)sizeof(h) + h.len);
	} while (len);
}

static bool receive(void *ctx, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	struct vq_chain *chain[VQ_SIZE_MAX];
	struct vsock *s = ctx;
	bool taken = true;

	(void)meta;
	BUG_ON(niov != 1 || iov->iov_len < sizeof(struct virtio_vsock_hdr));
	virtio_lock(&s->virtio);
	if (virtio_running(&s->virtio) && s->virtio.queue[RX].enabled) {
		taken = pop_room(s, iov->iov_len - sizeof(struct virtio_vsock_hdr), chain);
		if (taken)
			put_parts(chain, iov->iov_base, iov->iov_len);
	}
	virtio_unlock(&s->virtio);
	return taken;
}

static void flush(void *ctx)
{
	struct vsock *s = ctx;

	virtio_lock(&s->virtio);
	vq_signal(&s->virtio.queue[RX]);
	virtio_unlock(&s->virtio);
}

static void notify(struct virtio *v, unsigned queue)
{
	if (queue != EVENT)
		net_wake(container_of(v, struct vsock, virtio)->net);
}

/* Each start ends the connections there were. */
static void start(struct vsock *s)
{
	struct net_calls calls = { s, serve, receive, flush, NULL };

	net_start(s->net, &calls, 0);
}

static void started(struct virtio *v)
{
	struct vsock *s = container_of(v, struct vsock, virtio);

	s->live = true;
	start(s);
}

/* The driver is gone, and with it what it had open: programs of the host's shall not wait. */
static void reset(struct virtio *v)
{
	struct vsock *s = container_of(v, struct vsock, virtio);

	if (s->live)
		start(s);
	s->live = false;
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_VSOCK, .pci_class = 0x028000, .queue_size = 128,
	.notify = notify, .started = started, .reset = reset,
};

void virtio_vsock_wire(struct dev *d, const struct virtio_host *h, struct net *n)
{
	struct vsock *s = d->state;
	struct virtio_setup setup = {
		.ops = &ops, .nqueues = QUEUES, .config = &s->config, .config_len = sizeof(s->config),
	};

	s->net = n;
	s->config.guest_cid = net_cid(n);
	virtio_wire(d, h, &setup);
}

void virtio_vsock_unwire(struct dev *d)
{
	struct vsock *s = d->state;

	if (s && s->net)
		net_stop(s->net);
	virtio_unwire(d);
}

static const struct dev_field fields[] = {
	VIRTIO_FIELDS(vsock), FIELD(vsock, config.guest_cid, U64), { 0 },
};

const struct dev_ops virtio_vsock_ops =
	VIRTIO_DEV_OPS("virtio-vsock", "sockets between guest and host", vsock, fields);
