/* fuzz_cards.c - a hostile driver of the network card, the vsock, the virtio console or a share, with
 * something going on at the host's side. The network's thread is played by hand, so that runs are repeatable. */
/* @links src/base src/mem src/dev src/disk src/fs src/net/finish.c src/net/vsock.c */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unix.h"
#include "fs/fs.h"
#include "mem/mem.h"
#include "net/int.h"

#include "dev/dev.h"

#include "input.h"

#define RAM MIB(1)
#define RINGS 0x1000u     /* of queue q: at RINGS + q * RING_LEN */
#define RING_LEN 0x1000u
#define DATA 0x20000u     /* what descriptors point at, mostly */
#define SIZE 16           /* entries of a ring */
#define PROGRAMS 4        /* of the host's that use vsock */

static struct mem *mem;
static struct clock *clk;
static struct bus *bus;
static struct dev host, reset, card;
static struct virtio *v;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct net net;
static bool woken;
static int program[PROGRAMS]; /* 0: not running */
static char path[64]; /* of the vsock */
static volatile u8 sink;
static u16 avail[8];

/* ---- the network, by hand ---- */

void net_start(struct net *n, const struct net_calls *c, unsigned offer)
{
	n->calls = *c;
	if (n->kind->offer)
		n->kind->offer(n, offer);
	woken = true;
}

void net_stop(struct net *n) { (void)n; }
void net_wake(struct net *n) { (void)n; woken = true; }
const u8 *net_mac(const struct net *n) { return n->mac; }
u64 net_cid(const struct net *n) { return n->cid; }

unsigned net_gather(const struct iovec *iov, unsigned niov, void *buf, size_t room)
{
	size_t len = 0;

	for (unsigned i = 0; i < niov; i++) {
		if (iov[i].iov_len > room - len)
			return 0;
		memcpy((u8 *)buf + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return (unsigned)len;
}

/* What there is no room for is lost here; keeping it is net.c's. */
void net_deliver_one(struct net *n, const void *frame, size_t len)
{
	struct iovec iov = { (void *)frame, len };
	net_meta meta = { .flags = len & 1 ? VIRTIO_NET_HDR_F_DATA_VALID : 0 };

	if (!n->calls.receive(n->calls.ctx, &meta, &iov, 1))
		sink ^= 1;
}

int net_poll_add(struct net_polls *p, int fd, short events)
{
	static struct pollfd at[512];

	if (p->n == ARRAY_SIZE(at))
		return -1;
	p->at = at;
	at[p->n] = (struct pollfd){ fd, events, 0 };
	return (int)p->n++;
}

static void put_segment(void *ctx, const struct iovec *iov, unsigned niov)
{
	(void)ctx;
	for (unsigned i = 0; i < niov; i++)
		if (iov[i].iov_len)
			sink ^= ((u8 *)iov[i].iov_base)[iov[i].iov_len - 1];
}

static void frame_send(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	unsigned len = net_gather(iov, niov, n->frame, sizeof(n->frame));

	if (finish(meta, n->frame, len, 0, put_segment, NULL))
		sink ^= 2;
}

static const struct net_kind fake_kind = { .name = "fake", .send = frame_send };

void net_send(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	n->kind->send(n, meta, iov, niov);
}

/* One turn of the thread. */
static void turn(void)
{
	struct net_polls p = { .n = 0 };

	if (!net.calls.serve)
		return;
	if (woken) {
		woken = false;
		net.calls.serve(net.calls.ctx);
	}
	if (net.kind == &net_vsock) {
		net_poll_add(&p, -1, 0); /* the wake-up's place */
		net_vsock.prepare(&net, &p, true);
		poll(p.at, p.n, 0);
		net_vsock.ready(&net, &p);
	}
	net.calls.flush(net.calls.ctx);
}

/* ---- the three cards ---- */

static void far_put(void *ctx, u8 byte) { (void)ctx; sink ^= byte; }
static bool far_full(void *ctx) { (void)ctx; return sink % 8 == 0; }
static void far_room(void *ctx) { (void)ctx; }

static const struct vport_peer peers[] = {
	{ NULL, NULL, far_put, far_full, far_room }, { NULL, "name", far_put, far_full, far_room },
	{ NULL, "other", far_put, NULL, NULL },
};

static void wire_net(const struct virtio_host *h)
{
	net.kind = &fake_kind;
	virtio_net_wire(&card, h, &net);
}

static void wire_vsock(const struct virtio_host *h)
{
	struct net_options o = { .cid = 3 };
	struct err e;

	snprintf(path, sizeof(path), "/tmp/pandok-fuzz.%d", (int)getpid());
	net.kind = &net_vsock;
	net.cid = 3;
	if (net_vsock.open(&net, path, &o, &e))
		abort();
	virtio_vsock_wire(&card, h, &net);
}

static void wire_console(const struct virtio_host *h)
{
	virtio_console_wire(&card, h, peers, ARRAY_SIZE(peers));
}

static struct fs *fs;

static void wire_fs(const struct virtio_host *h)
{
	static struct fs_file file[] = { { "zero", -1 }, { "null", -1 } };
	struct virtio_host alone = *h;
	struct err e;

	if (file[0].fd < 0) {
		file[0].fd = open("/dev/zero", O_RDONLY);
		file[1].fd = open("/dev/null", O_WRONLY);
	}
	alone.synchronous = true;
	if (fs_open_files(file, ARRAY_SIZE(file), &fs, &e))
		abort();
	virtio_fs_wire(&card, &alone, fs, "tag");
}

static const struct {
	const struct dev_ops *ops;
	void (*wire)(const struct virtio_host *h);
	unsigned queues;
} cards[] = {
	{ &virtio_net_ops, wire_net, 3 }, { &virtio_vsock_ops, wire_vsock, 3 },
	{ &virtio_console_ops, wire_console, 8 }, { &virtio_fs_ops, wire_fs, 2 },
};

static void msi(void *ctx, u64 at, u32 data)
{
	(void)ctx;
	(void)at;
	(void)data;
}

static void make(unsigned kind, bool packed)
{
	struct pci_wiring w = { .reset = &reset, .msi = msi };
	struct virtio_host h = { .lock = &lock, .packed = packed };
	struct err e;

	memset(&net, 0, offsetof(struct net, frame));
	memset(avail, 0, sizeof(avail));
	woken = false;
	if ((!mem && mem_new(RAM, &mem, &e)) || clock_new(true, NULL, &clk, &e) || bus_new(&bus, &e) ||
	    dev_init(&reset, &reset_ops, clk, 0, &e) || dev_init(&host, &pci_ops, clk, 0, &e) ||
	    dev_init(&card, cards[kind].ops, clk, 0, &e))
		abort();
	w.bus = bus;
	h.mem = mem;
	pci_wire(&host, &w);
	pthread_mutex_lock(&lock);
	cards[kind].wire(&h);
	v = card.state;
	if (pci_add(&host, 1, &v->pci, &e))
		abort();
	card.ops->reset(&card);
	pthread_mutex_unlock(&lock);
}

static void unmake(void)
{
	pthread_mutex_lock(&lock);
	virtio_drain(v);
	pthread_mutex_unlock(&lock);
	if (card.ops == &virtio_fs_ops)
		virtio_fs_unwire(&card);
	else
		virtio_unwire(&card);
	fs_close(fs);
	fs = NULL;
	if (net.kind == &net_vsock)
		net_vsock.close(&net);
	for (unsigned i = 0; i < PROGRAMS; i++) {
		if (program[i])
			close(program[i]);
		program[i] = 0;
	}
	dev_fini(&card);
	dev_fini(&host);
	dev_fini(&reset);
	bus_free(bus);
	clock_free(clk);
}

/* ---- the driver ---- */

static void reg(u64 off, unsigned size, u64 val)
{
	pthread_mutex_lock(&lock);
	virtio_write(&card, 4, off, size, val);
	pthread_mutex_unlock(&lock);
}

static void start(unsigned queues, u64 features)
{
	reg(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	reg(VIRTIO_PCI_COMMON_STATUS, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		reg(VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		reg(VIRTIO_PCI_COMMON_GF, 4, (u32)(features >> 32 * i));
	}
	reg(VIRTIO_PCI_COMMON_STATUS, 1, 11);
	memset(mem_host_w(mem, GPA(RINGS), 8 * RING_LEN), 0, 8 * RING_LEN);
	memset(avail, 0, sizeof(avail));
	for (unsigned q = 0; q < queues; q++) {
		u32 at = RINGS + q * RING_LEN;

		reg(VIRTIO_PCI_COMMON_Q_SELECT, 2, q);
		reg(VIRTIO_PCI_COMMON_Q_SIZE, 2, SIZE);
		reg(VIRTIO_PCI_COMMON_Q_DESCLO, 4, at);
		reg(VIRTIO_PCI_COMMON_Q_AVAILLO, 4, at + 0x400);
		reg(VIRTIO_PCI_COMMON_Q_USEDLO, 4, at + 0x800);
		reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	}
	reg(VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

/* A chain of up to four descriptors on queue q, and a kick. */
static void offer(unsigned q)
{
	u8 n = 1 + (u8)next(1) % 4;
	u32 ring = RINGS + q * RING_LEN;
	struct vring_avail *a = (void *)mem_host_w(mem, GPA(ring + 0x400), 64);

	for (unsigned i = 0; i < n; i++) {
		u16 flags = (u8)next(1), slot = (avail[q] * 4u + i) % SIZE;
		u32 len = (u32)next(2);
		struct vring_desc d = {
			DATA + next(2), len, (flags & 6) | (i + 1 < n ? VRING_DESC_F_NEXT : 0),
			(slot + 1) % SIZE,
		};

		memcpy(mem_host_w(mem, GPA(ring + slot * sizeof(d)), sizeof(d)), &d, sizeof(d));
	}
	a->ring[avail[q] % SIZE] = avail[q] * 4u % SIZE;
	a->idx = ++avail[q];
	reg(0x3000 + 4 * q, 2, q);
}

static void program_step(u8 op)
{
	int *fd = &program[op % PROGRAMS];
	u8 buf[256];

	if (!*fd) {
		*fd = unix_connect(path);
		*fd = *fd < 0 ? 0 : *fd; /* too many wait already */
		if (*fd && dprintf(*fd, "CONNECT %u\n", op >> 4) < 0)
			abort();
	} else if (op & 0x80) {
		close(*fd);
		*fd = 0;
	} else if (op & 0x40) {
		sink ^= read(*fd, buf, sizeof(buf)) > 0;
	} else {
		memset(buf, op, sizeof(buf));
		sink ^= send(*fd, buf, sizeof(buf), MSG_NOSIGNAL) > 0;
	}
}

/* Something happens at the host's side. */
static void outside(unsigned kind)
{
	static u8 frame[NET_FRAME_MAX];
	u8 op = (u8)next(1);

	if (kind == 1) {
		program_step(op);
	} else if (kind == 0 && net.calls.receive) {
		memset(frame, op & 1 ? 0xff : 0x52, 6);
		net_deliver_one(&net, frame, 14 + next(2));
	} else if (kind == 2) {
		pthread_mutex_lock(&lock);
		virtio_console_in(&card, op % 3, frame, next(2) % 5000);
		if (op & 0x80)
			virtio_console_resize(&card, op, 25);
		clock_set(clk, clock_now(clk) + 2000000);
		pthread_mutex_unlock(&lock);
	}
}

static void step(unsigned kind, u8 op)
{
	unsigned q = (op >> 4) % cards[kind].queues;
	u64 at, n;

	switch (op & 7) {
	case 0:
	case 1:
		offer(q);
		break;
	case 2:
	case 3: /* what the descriptors point at */
		at = DATA + next(2) % 0x4000;
		for (n = 1 + next(1) % 48; n; n--)
			*mem_host_w(mem, GPA(at++), 1) = (u8)next(1);
		break;
	case 4:
		*mem_host_w(mem, GPA(RINGS + next(2) % (8 * RING_LEN)), 1) = (u8)next(1);
		break;
	case 5:
		outside(kind);
		break;
	case 6:
		turn();
		break;
	default:
		if (op & 0x80)
			start(cards[kind].queues, next(8));
		else
			reg(next(2) % 0x4000, 1u << (op >> 4 & 1), next(2));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	unsigned kind;

	in = data;
	left = len;
	kind = (unsigned)next(1) % ARRAY_SIZE(cards);
	make(kind, false);
	memset(mem_host_w(mem, GPA(0), RAM), 0, DATA + 0x20000);
	start(cards[kind].queues, ~(1ull << 34)); /* all, but packed rings */
	for (unsigned i = 0; left && i < 500; i++)
		step(kind, (u8)next(1));
	turn();
	unmake();
	return 0;
}
