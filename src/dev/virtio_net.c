/* virtio_net.c - a network card. Knows no kind of network; its queues are served on the network's
 * thread. Source: virtio 1.2, 5.1. */
#include <string.h>

#include "dev/dev.h"
#include "net/net.h"

enum { RX, TX, CONTROL, QUEUES };

#define BATCH 64        /* frames taken off the queue at once */
#define BATCHES_MAX 8   /* before it is the host's turn */
#define ETHERNET_MIN 14 /* bytes of a frame: the addresses and a type */
#define GROUPS_MAX 64   /* addresses of groups in the filter; with more it takes all groups */

struct card {
	struct virtio virtio;
	struct virtio_net_config config;
	struct net *net;
	/* What the driver wants to hear; without the control queue that is everything. */
	u8 promiscuous, all_groups, no_groups, no_unicast, no_broadcast;
	u8 ngroups;
	u8 group[GROUPS_MAX][6];
};

/* ---- frames from the guest ---- */

/* Old drivers leave num_buffers out unless receive buffers are mergeable. 5.1.6.1. */
static size_t header_len(const struct virtio *v)
{
	bool whole = virtio_has(v, VIRTIO_F_VERSION_1) || virtio_has(v, VIRTIO_NET_F_MRG_RXBUF);

	return whole ? sizeof(net_meta) : sizeof(struct virtio_net_hdr);
}

/* The frame is what is left of the chain's pieces behind the header. */
static void send(struct card *c, struct vq_chain *chain)
{
	size_t header = header_len(&c->virtio);
	struct iovec *iov = chain->iov;
	net_meta meta = { 0 };

	if (chain->rlen < header + ETHERNET_MIN || chain->rlen - header > NET_FRAME_MAX)
		return;
	vq_read(chain, 0, &meta, header);
	for (; header >= iov->iov_len; iov++)
		header -= iov->iov_len;
	iov->iov_base = (u8 *)iov->iov_base + header;
	iov->iov_len -= header;
	net_send(c->net, &meta, iov, chain->nr - (unsigned)(iov - chain->iov));
}

static unsigned pop_batch(struct card *c, struct vq_chain **chain)
{
	unsigned n = 0;

	while (n < BATCH && (chain[n] = vq_pop(&c->virtio.queue[TX])))
		n++;
	return n;
}

/* The board's lock is held to take frames and to hand them back, not while they are sent. */
static void serve(void *ctx)
{
	struct card *c = ctx;
	struct vq_chain *chain[BATCH];
	unsigned n = 0;

	virtio_lock(&c->virtio);
	for (unsigned turn = 0; turn < BATCHES_MAX && (n = pop_batch(c, chain)); turn++) {
		virtio_unlock(&c->virtio);
		for (unsigned i = 0; i < n; i++)
			send(c, chain[i]);
		virtio_lock(&c->virtio);
		for (unsigned i = 0; i < n; i++)
			vq_push(chain[i], 0);
		vq_signal(&c->virtio.queue[TX]);
	}
	virtio_unlock(&c->virtio);
	if (n)
		net_wake(c->net);
}

/* ---- frames for the guest ---- */

static bool wants_group(const struct card *c, const u8 *to)
{
	if (c->all_groups)
		return true;
	for (unsigned i = 0; i < c->ngroups && !c->no_groups; i++)
		if (!memcmp(to, c->group[i], 6))
			return true;
	return false;
}

static bool wants(const struct card *c, const u8 *to)
{
	static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (c->promiscuous)
		return true;
	if (!memcmp(to, broadcast, 6))
		return !c->no_broadcast;
	if (to[0] & 1)
		return wants_group(c, to);
	return !c->no_unicast && !memcmp(to, c->config.mac, 6);
}

/*D:2030 Frames larger than a buffer
 * A guest that lets its card join segments may get 64 KiB in one frame, but gives receive buffers of
 * a page or less. With mergeable buffers the card takes as many as the frame needs, in pop_room(), and
 * says in the first how many; when there are too few it takes none, and the network keeps the frame
 * until the guest has given more. The copy is made with no lock held: what was popped is the card's.
 * @test test/net/tap.sh
 */
/* Chains for len bytes, and how many; 0: there are not enough, and none is taken. */
static unsigned pop_room(struct card *c, size_t len, struct vq_chain **chain)
{
	bool many = virtio_has(&c->virtio, VIRTIO_NET_F_MRG_RXBUF);
	unsigned n = 0;
	u64 room = 0;

	while (room < len && n < (many ? VQ_SIZE_MAX : 1)) {
		chain[n] = vq_pop(&c->virtio.queue[RX]);
		if (!chain[n])
			break;
		room += chain[n++]->wlen;
	}
	if (n && room >= len && chain[0]->wlen >= header_len(&c->virtio))
		return n;
	while (n)
		vq_unpop(chain[--n]);
	return 0;
}

/* Where in the chains the next byte goes. */
struct filler {
	struct vq_chain **chain;
	u64 at; /* in chain[0] */
};

static void fill(struct filler *f, const u8 *from, size_t len)
{
	while (len) {
		size_t n = vq_write(*f->chain, f->at, from, len);

		f->at += n;
		from += n;
		len -= n;
		if (len) {
			f->chain++;
			f->at = 0;
		}
	}
}

static void fill_all(struct card *c, struct vq_chain **chain, unsigned n, const net_meta *meta,
		     const struct iovec *iov, unsigned niov)
{
	struct filler f = { chain, 0 };
	net_meta header = *meta;

	header.num_buffers = (u16)n;
	fill(&f, (const u8 *)&header, header_len(&c->virtio));
	for (unsigned i = 0; i < niov; i++)
		fill(&f, iov[i].iov_base, iov[i].iov_len);
}

static void push_all(struct vq_chain **chain, unsigned n, u64 len)
{
	for (unsigned i = 0; i < n; i++) {
		u64 part = chain[i]->wlen < len ? chain[i]->wlen : len;

		vq_push(chain[i], (u32)part);
		len -= part;
	}
}

/* A driver without mergeable buffers that has given small ones never gets a large frame. */
static bool never_fits(struct card *c)
{
	return !virtio_has(&c->virtio, VIRTIO_NET_F_MRG_RXBUF) && vq_more(&c->virtio.queue[RX]);
}

static bool receive_locked(struct card *c, const net_meta *meta, const struct iovec *iov,
			   unsigned niov, size_t len)
{
	struct vq_chain *chain[VQ_SIZE_MAX];
	struct virtio *v = &c->virtio;
	unsigned n;

	if (!virtio_running(v) || !v->queue[RX].enabled || !wants(c, iov->iov_base))
		return true; /* as a card that is off, or does not listen */
	len += header_len(v);
	n = pop_room(c, len, chain);
	if (!n)
		return never_fits(c);
	virtio_unlock(v);
	fill_all(c, chain, n, meta, iov, niov);
	virtio_lock(v);
	push_all(chain, n, len);
	return true;
}

static bool receive(void *ctx, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	struct card *c = ctx;
	size_t len = 0;
	bool taken;

	for (unsigned i = 0; i < niov; i++)
		len += iov[i].iov_len;
	if (iov->iov_len < ETHERNET_MIN)
		return true;
	virtio_lock(&c->virtio);
	taken = receive_locked(c, meta, iov, niov, len);
	virtio_unlock(&c->virtio);
	return taken;
}

static void flush(void *ctx)
{
	struct card *c = ctx;

	virtio_lock(&c->virtio);
	vq_signal(&c->virtio.queue[RX]);
	virtio_unlock(&c->virtio);
}

static void link_is(void *ctx, bool up)
{
	struct card *c = ctx;

	virtio_lock(&c->virtio);
	c->config.status = up ? VIRTIO_NET_S_LINK_UP : 0;
	virtio_config_changed(&c->virtio);
	virtio_unlock(&c->virtio);
}

/* ---- the control queue. 5.1.6.5 ---- */

#define COMMAND_MAX 4096

/* A command's data, len bytes; true: done. */
typedef bool command_fn(struct card *c, const u8 *data, size_t len, size_t field);

static bool set_mode(struct card *c, const u8 *data, size_t len, size_t field)
{
	if (len < 1)
		return false;
	*((u8 *)c + field) = data[0] != 0;
	return true;
}

static bool set_mac(struct card *c, const u8 *data, size_t len, size_t field)
{
	(void)field;
	if (len < 6)
		return false;
	memcpy(c->config.mac, data, 6);
	return true;
}

/* A table of addresses: a count of 4 bytes, then 6 bytes each. Returns its length, 0 when cut. */
static size_t table_len(const u8 *data, size_t len, u32 *n)
{
	if (len < 4)
		return 0;
	memcpy(n, data, 4);
	return *n > (len - 4) / 6 ? 0 : 4 + *n * 6;
}

/* Unicast addresses, then groups. A card with other unicast addresses than its own listens to all. */
static bool set_table(struct card *c, const u8 *data, size_t len, size_t field)
{
	u32 nown, ngroups;
	size_t own_len = table_len(data, len, &nown);

	(void)field;
	if (!own_len || !table_len(data + own_len, len - own_len, &ngroups))
		return false;
	c->promiscuous |= nown > 0;
	c->all_groups |= ngroups > GROUPS_MAX;
	c->ngroups = (u8)(ngroups > GROUPS_MAX ? 0 : ngroups);
	memcpy(c->group, data + own_len + 4, c->ngroups * 6u);
	return true;
}

static unsigned offers(u64 features)
{
	static const struct { u8 feature, offer; } row[] = {
		{ VIRTIO_NET_F_GUEST_CSUM, NET_CSUM }, { VIRTIO_NET_F_GUEST_TSO4, NET_TSO4 },
		{ VIRTIO_NET_F_GUEST_TSO6, NET_TSO6 },
	};
	unsigned offer = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++)
		offer |= features >> row[i].feature & 1 ? row[i].offer : 0;
	return offer;
}

static void start(struct card *c, u64 features)
{
	struct net_calls calls = { c, serve, receive, flush, link_is };

	net_start(c->net, &calls, offers(features));
}

static bool set_offloads(struct card *c, const u8 *data, size_t len, size_t field)
{
	u64 features;

	(void)field;
	if (len < sizeof(features))
		return false;
	memcpy(&features, data, sizeof(features));
	start(c, features & c->virtio.features);
	return true;
}

static const struct {
	u8 class, command;
	command_fn *run;
	size_t field;
} commands[] = {
#define MODE(name, m) { VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_##name, set_mode, offsetof(struct card, m) }
	MODE(PROMISC, promiscuous), MODE(ALLMULTI, all_groups), MODE(NOMULTI, no_groups),
	MODE(NOUNI, no_unicast), MODE(NOBCAST, no_broadcast),
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, set_mac, 0 },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, set_table, 0 },
	{ VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, set_offloads, 0 },
};

static bool run_command(struct card *c, const u8 *data, size_t len)
{
	if (len < sizeof(struct virtio_net_ctrl_hdr))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].class == data[0] && commands[i].command == data[1])
			return commands[i].run(c, data + 2, len - 2, commands[i].field);
	return false;
}

static void control(struct card *c)
{
	struct virtq *q = &c->virtio.queue[CONTROL];
	struct vq_chain *chain;

	while ((chain = vq_pop(q))) {
		u8 data[COMMAND_MAX], ack;
		size_t len = vq_read(chain, 0, data, sizeof(data));

		ack = run_command(c, data, len) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
		vq_push(chain, (u32)vq_write(chain, 0, &ack, sizeof(ack)));
		vq_signal(q);
	}
}

/* ---- the device ---- */

static void notify(struct virtio *v, unsigned queue)
{
	struct card *c = container_of(v, struct card, virtio);

	if (queue == CONTROL)
		control(c);
	else
		net_wake(c->net);
}

static void started(struct virtio *v)
{
	start(container_of(v, struct card, virtio), v->features);
}

static void listen_to_all(struct card *c)
{
	c->promiscuous = true;
	c->all_groups = c->no_groups = c->no_unicast = c->no_broadcast = c->ngroups = 0;
	memcpy(c->config.mac, net_mac(c->net), 6);
}

/* The network's thread hands back what it holds by itself. */
static void reset(struct virtio *v)
{
	listen_to_all(container_of(v, struct card, virtio));
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_NET, .pci_class = 0x020000, .legacy = true, .queue_size = 256,
	.notify = notify, .started = started, .reset = reset,
};

#define F(name) (1ull << VIRTIO_NET_F_##name)
#define FEATURES (F(CSUM) | F(HOST_TSO4) | F(HOST_TSO6) | F(HOST_ECN) | F(GUEST_CSUM) | F(GUEST_TSO4) | \
		  F(GUEST_TSO6) | F(GUEST_ECN) | F(MAC) | F(MRG_RXBUF) | F(STATUS) | F(CTRL_VQ) | \
		  F(CTRL_RX) | F(CTRL_RX_EXTRA) | F(CTRL_MAC_ADDR) | F(CTRL_GUEST_OFFLOADS))

void virtio_net_wire(struct dev *d, const struct virtio_host *h, struct net *n)
{
	struct card *c = d->state;
	struct virtio_setup s = {
		.ops = &ops, .nqueues = QUEUES, .features = FEATURES, .config = &c->config,
		.config_len = offsetof(struct virtio_net_config, mtu),
	};

	c->net = n;
	c->config.status = VIRTIO_NET_S_LINK_UP;
	c->config.max_virtqueue_pairs = 1;
	listen_to_all(c);
	virtio_wire(d, h, &s);
}

void virtio_net_unwire(struct dev *d)
{
	struct card *c = d->state;

	if (c && c->net)
		net_stop(c->net);
	virtio_unwire(d);
}

static const struct dev_field fields[] = {
	VIRTIO_FIELDS(card), FIELD(card, config.mac, BYTES),
	FIELD(card, promiscuous, U8), FIELD(card, all_groups, U8),
	FIELD(card, no_groups, U8), FIELD(card, no_unicast, U8),
	FIELD(card, no_broadcast, U8), FIELD(card, ngroups, U8),
	FIELD(card, group, BYTES), { 0 },
};

const struct dev_ops virtio_net_ops =
	VIRTIO_DEV_OPS("virtio-net", "network card", card, fields);
