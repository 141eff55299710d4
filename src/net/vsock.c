/* vsock.c - a guest's vsock connections as unix sockets of the host: "CONNECT port" from outside,
 * PATH_port from inside. Frames are vsock packets, each a header and its data. Knows no queue.
 * Source: virtio 1.2, 5.10; Firecracker's docs/vsock.md for the host's side. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_vsock.h>
#include <linux/vm_sockets.h>

#include "base/log.h"
#include "base/unix.h"
#include "net/int.h"

#define CONNECTIONS_MAX 256
#define WINDOW (256u << 10) /* bytes a guest may send before we have passed them on: buf_alloc */
#define PIECE (64u << 10)   /* of data in one packet to the guest */
#define FIRST_PORT (1u << 30) /* of the host's ends that nobody chose */
#define LINE_MAX 32         /* "CONNECT 4294967295\n" */
#define BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

enum state {
	ASKING,    /* a program of the host's has connected; its CONNECT line is not there yet */
	REQUESTED, /* the guest has been asked */
	OPEN,
};

struct connection {
	enum state state;
	int fd;
	u32 host_port, guest_port;
	/* To the guest: what it can take, and what it was sent. Free-running, as in the manual. */
	u32 guest_window, guest_done, sent;
	bool asked;     /* for credit, since there was some */
	/* From the guest. */
	u32 received, done, told; /* bytes: in, passed on, and passed on as the guest knows */
	u32 closed;     /* VIRTIO_VSOCK_SHUTDOWN_ bits the guest has sent */
	bool eof;       /* the host's program sends no more */
	unsigned at;    /* place in the array of files; 0: not there */
	unsigned len;   /* bytes in buf that are not written yet, or of the line */
	u8 buf[WINDOW]; /* a ring; byte number n of the connection is at n % WINDOW */
};

struct vsock {
	char *path;
	u64 cid;        /* the guest's */
	int listen;
	int listen_at;  /* -1: not in the array of files */
	u32 next_port;
	struct connection *connection[CONNECTIONS_MAX];
	struct {
		struct virtio_vsock_hdr h;
		u8 data[PIECE];
	} packet; /* for the guest */
};

/* ---- packets to the guest ---- */

/* With len bytes of data, which are in s->packet already. */
static void put_packet(struct net *n, u32 host_port, u32 guest_port, const struct connection *c,
		       u16 op, u32 flags, u32 len)
{
	struct vsock *s = n->state;

	s->packet.h = (struct virtio_vsock_hdr){
		.src_cid = VMADDR_CID_HOST, .dst_cid = s->cid, .src_port = host_port,
		.dst_port = guest_port, .len = len, .type = VIRTIO_VSOCK_TYPE_STREAM, .op = op,
		.flags = flags, .buf_alloc = c ? WINDOW : 0, .fwd_cnt = c ? c->done : 0,
	};
	net_deliver_one(n, &s->packet, sizeof(s->packet.h) + len);
}

static void refuse(struct net *n, u32 host_port, u32 guest_port)
{
	put_packet(n, host_port, guest_port, NULL, VIRTIO_VSOCK_OP_RST, 0, 0);
}

static void tell(struct net *n, struct connection *c, u16 op, u32 flags)
{
	c->told = c->done;
	put_packet(n, c->host_port, c->guest_port, c, op, flags, 0);
}

/* ---- connections ---- */

static struct connection **find(struct vsock *s, u32 host_port, u32 guest_port)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = s->connection[i];

		if (c && c->state != ASKING && c->host_port == host_port &&
		    c->guest_port == guest_port)
			return &s->connection[i];
	}
	return NULL;
}

/* A new one over fd, which is closed when there is no room. */
static struct connection *add(struct vsock *s, int fd, enum state state)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		if (s->connection[i])
			continue;
		s->connection[i] = malloc(sizeof(struct connection));
		if (!s->connection[i])
			break;
		memset(s->connection[i], 0, offsetof(struct connection, buf));
		s->connection[i]->state = state;
		s->connection[i]->fd = fd;
		return s->connection[i];
	}
	close(fd);
	return NULL;
}

static void drop(struct connection **at)
{
	if (*at)
		close((*at)->fd);
	free(*at);
	*at = NULL;
}

static void drop_all(struct vsock *s)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		drop(&s->connection[i]);
}

static void reset(struct net *n, struct connection **at)
{
	if ((*at)->state != ASKING)
		tell(n, *at, VIRTIO_VSOCK_OP_RST, 0);
	drop(at);
}

/* ---- the guest's data on its way to the host ---- */

static bool write_some(struct connection *c)
{
	while (c->len) {
		u32 at = c->done % WINDOW, piece = WINDOW - at < c->len ? WINDOW - at : c->len;
		ssize_t n = send(c->fd, c->buf + at, piece, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		c->done += (u32)n;
		c->len -= (u32)n;
	}
	return true;
}

/* Write what the host's program takes, and what follows from that. The connection may be gone. */
static void pass_on(struct net *n, struct connection **at)
{
	struct connection *c = *at;

	if (!write_some(c)) {
		reset(n, at);
		return;
	}
	if (!c->len && c->closed == BOTH) {
		reset(n, at); /* the guest waits for this. 5.10.6.6 */
		return;
	}
	if (!c->len && c->closed & VIRTIO_VSOCK_SHUTDOWN_SEND)
		shutdown(c->fd, SHUT_WR);
	if (c->done - c->told >= WINDOW / 2)
		tell(n, c, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
}

static void take_data(struct net *n, struct connection **at, const u8 *data, u32 len)
{
	struct connection *c = *at;
	u32 to = c->received % WINDOW, first = WINDOW - to < len ? WINDOW - to : len;

	if (c->state != OPEN || c->closed & VIRTIO_VSOCK_SHUTDOWN_SEND || len > WINDOW - c->len) {
		reset(n, at);
		return;
	}
	memcpy(c->buf + to, data, first);
	memcpy(c->buf, data + first, len - first);
	c->received += len;
	c->len += len;
	pass_on(n, at);
}

/* ---- packets from the guest ---- */

static void take_request(struct net *n, const struct virtio_vsock_hdr *h)
{
	struct vsock *s = n->state;
	struct connection *c = NULL;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s_%u", s->path, h->dst_port);
	fd = unix_connect(path);
	if (fd >= 0)
		c = add(s, fd, OPEN);
	if (!c) {
		LOG(net, INFO, "nobody listens at %s for the guest", path);
		refuse(n, h->dst_port, h->src_port);
		return;
	}
	c->host_port = h->dst_port;
	c->guest_port = h->src_port;
	c->guest_window = h->buf_alloc;
	tell(n, c, VIRTIO_VSOCK_OP_RESPONSE, 0);
}

static void take_response(struct net *n, struct connection **at)
{
	struct connection *c = *at;
	char line[LINE_MAX];

	if (c->state != REQUESTED) {
		reset(n, at);
		return;
	}
	c->state = OPEN;
	snprintf(line, sizeof(line), "OK %u\n", c->host_port);
	/* A socket nobody has written to has room for a line. */
	if (send(c->fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		reset(n, at);
}

/*D:2020 A socket with a guest at one end
 * A vsock connection is a stream between a port of the guest and a port of the host, with no network
 * configured at all. Here the host's ends are unix sockets, so that a program needs no new address
 * family, and only the user who started the machine gets in. Nobody may flood anybody: each side says
 * how much it has room for and how much it has passed on, and the other sends no more than that. A
 * guest that does loses the connection, in take_data(); a program that is slow is only not read from
 * until credit() is back.
 * @test test/net/vsock.sh
 */
static void take_packet(struct net *n, struct connection **at, const struct virtio_vsock_hdr *h,
			const u8 *data)
{
	struct connection *c = *at;

	c->guest_window = h->buf_alloc;
	c->guest_done = h->fwd_cnt;
	c->asked = false;
	switch (h->op) {
	case VIRTIO_VSOCK_OP_RESPONSE:
		take_response(n, at);
		break;
	case VIRTIO_VSOCK_OP_RST:
		drop(at);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		c->closed |= h->flags & BOTH;
		pass_on(n, at);
		break;
	case VIRTIO_VSOCK_OP_RW:
		take_data(n, at, data, h->len);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		tell(n, c, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	default:
		reset(n, at);
	}
}

static void vsock_send(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	struct vsock *s = n->state;
	struct virtio_vsock_hdr h;
	struct connection **at;
	size_t len = net_gather(iov, niov, n->frame, sizeof(n->frame));

	(void)meta;
	if (len < sizeof(h))
		return;
	memcpy(&h, n->frame, sizeof(h));
	if (h.src_cid != s->cid || h.dst_cid != VMADDR_CID_HOST || h.len > len - sizeof(h))
		return;
	at = find(s, h.dst_port, h.src_port);
	if (h.type != VIRTIO_VSOCK_TYPE_STREAM || (!at && h.op != VIRTIO_VSOCK_OP_REQUEST)) {
		if (h.op != VIRTIO_VSOCK_OP_RST)
			refuse(n, h.dst_port, h.src_port);
	} else if (at) {
		take_packet(n, at, &h, n->frame + sizeof(h));
	} else {
		take_request(n, &h);
	}
}

/* ---- programs of the host ---- */

static bool port_is_used(const struct vsock *s, u32 port)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		if (s->connection[i] && s->connection[i]->host_port == port)
			return true;
	return false;
}

/* The line is there: "CONNECT port". */
static void ask_guest(struct net *n, struct connection **at, char *line)
{
	struct connection *c = *at;
	struct vsock *s = n->state;
	unsigned port;
	int end = 0;

	if (sscanf(line, "CONNECT %u%n", &port, &end) != 1 || line[end]) {
		drop(at);
		return;
	}
	while (port_is_used(s, s->next_port))
		s->next_port = (s->next_port + 1) | FIRST_PORT;
	c->host_port = s->next_port;
	c->guest_port = port;
	c->state = REQUESTED;
	c->len = 0;
	s->next_port = (s->next_port + 1) | FIRST_PORT;
	tell(n, c, VIRTIO_VSOCK_OP_REQUEST, 0);
}

/* Byte by byte: what follows the line is for the guest. */
static void read_line(struct net *n, struct connection **at)
{
	struct connection *c = *at;

	while (c->len < LINE_MAX) {
		ssize_t got = read(c->fd, c->buf + c->len, 1);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0)
			break;
		if (c->buf[c->len++] == '\n') {
			c->buf[c->len - 1] = 0;
			ask_guest(n, at, (char *)c->buf);
			return;
		}
	}
	drop(at);
}

static u32 credit(const struct connection *c)
{
	u32 under_way = c->sent - c->guest_done;

	return under_way < c->guest_window ? c->guest_window - under_way : 0;
}

/* No more data, but perhaps the program still listens. */
static void read_end(struct net *n, struct connection **at)
{
	(*at)->eof = true;
	tell(n, *at, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND);
}

static void read_some(struct net *n, struct connection **at)
{
	struct connection *c = *at;
	struct vsock *s = n->state;
	u32 room = credit(c) < PIECE ? credit(c) : PIECE;
	ssize_t len = room ? read(c->fd, s->packet.data, room) : 0;

	if (!room)
		return;
	if (len < 0) {
		if (errno != EAGAIN && errno != EINTR)
			reset(n, at);
		return;
	}
	if (!len) {
		read_end(n, at);
		return;
	}
	c->sent += (u32)len;
	c->told = c->done;
	put_packet(n, c->host_port, c->guest_port, c, VIRTIO_VSOCK_OP_RW, 0, (u32)len);
}

static void accept_program(struct vsock *s)
{
	int fd = accept4(s->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		add(s, fd, ASKING);
}

/* ---- waiting ---- */

/* What to wait for; 0: only for the program to be gone; -1: not for that either, since there is
 * something to read that the guest cannot take yet. */
static short events_of(struct net *n, struct connection *c)
{
	short out = c->len && c->state == OPEN ? POLLOUT : 0;

	if (c->state == ASKING)
		return POLLIN;
	if (c->state == REQUESTED || c->eof || c->closed & VIRTIO_VSOCK_SHUTDOWN_RCV)
		return out;
	if (credit(c))
		return out | POLLIN;
	if (!c->asked)
		tell(n, c, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	c->asked = true;
	return out ? out : -1;
}

/* Its place in the array of files; 0: not there. */
static unsigned place(struct net *n, struct net_polls *p, struct connection *c)
{
	short events = events_of(n, c);
	int at = events < 0 ? 0 : net_poll_add(p, c->fd, events);

	return at > 0 ? (unsigned)at : 0;
}

static void vsock_prepare(struct net *n, struct net_polls *p, bool room)
{
	struct vsock *s = n->state;

	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = s->connection[i];

		if (c)
			c->at = room ? place(n, p, c) : 0;
	}
	s->listen_at = room ? net_poll_add(p, s->listen, POLLIN) : -1;
}

/* What happened to one. POLLHUP alone: the program is gone, and all it sent has been read. */
static void connection_ready(struct net *n, struct connection **at, short events)
{
	if (events & POLLOUT)
		pass_on(n, at);
	if (!*at || !(events & ~POLLOUT))
		return;
	if (!(events & POLLIN))
		reset(n, at);
	else if ((*at)->state == ASKING)
		read_line(n, at);
	else
		read_some(n, at);
}

static void vsock_ready(struct net *n, const struct net_polls *p)
{
	struct vsock *s = n->state;

	for (unsigned i = 0; i < CONNECTIONS_MAX && !n->held; i++) {
		struct connection *c = s->connection[i];

		if (c && c->at)
			connection_ready(n, &s->connection[i], p->at[c->at].revents);
	}
	if (s->listen_at > 0 && p->at[s->listen_at].revents)
		accept_program(s);
}

/* ---- the row ---- */

/* The guest's driver starts anew: it knows of no connection. */
static void vsock_offer(struct net *n, unsigned offer)
{
	(void)offer;
	drop_all(n->state);
}

static int vsock_open(struct net *n, const char *path, const struct net_options *o, struct err *e)
{
	struct vsock *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	n->state = s;
	s->cid = o->cid;
	s->next_port = FIRST_PORT;
	s->listen = unix_listen(path, e);
	if (s->listen < 0)
		return s->listen;
	s->path = strdup(path);
	return s->path ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static void vsock_close(struct net *n)
{
	struct vsock *s = n->state;

	if (!s)
		return;
	if (s->path)
		unlink(s->path);
	if (s->listen >= 0)
		close(s->listen);
	drop_all(s);
	free(s->path);
	free(s);
}

static const struct opt opts[] = {
	{ "cid", "N", OPT_NUMBER, 0, offsetof(struct net_options, cid), 3, UINT32_MAX - 1, "" },
	{ 0 },
};

const struct net_kind net_vsock = {
	.name = "vsock", .arg = "PATH", .opts = opts, .takes = NET_ALL,
	.open = vsock_open, .close = vsock_close, .offer = vsock_offer, .send = vsock_send,
	.prepare = vsock_prepare, .ready = vsock_ready,
};
