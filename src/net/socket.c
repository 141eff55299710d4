/* socket.c - guests joined at a unix socket: who comes first listens and passes frames on between
 * all the others; when it goes, the next one takes its place. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unix.h"
#include "net/int.h"
#include "net/stream.h"

#define PEERS 15
#define AGAIN_NS 250000000u /* between attempts to find the others */

struct wire {
	char *path;
	int listen;       /* -1: another one listens */
	struct stream *peer[PEERS];
	int at[PEERS];    /* its place in the array of files; -1: not there */
	int listen_at;
	u64 again_ns;     /* when to try again; UINT64_MAX: joined */
};

static const struct opt opts[] = { NET_OPT_MAC, { 0 } };

static bool add_peer(struct wire *w, int fd)
{
	for (unsigned i = 0; i < PEERS; i++) {
		if (w->peer[i])
			continue;
		w->peer[i] = stream_new(fd);
		return w->peer[i];
	}
	close(fd);
	return false;
}

/* Connect to who listens, or listen. Two that come at once may both find nobody; one of them gets
 * the path, and the other finds it then. */
static int join(struct wire *w, struct err *e)
{
	for (unsigned i = 0; i < 2; i++) {
		int fd = unix_connect(w->path);

		if (fd >= 0)
			return add_peer(w, fd) ? 0 : err_set(e, -ENOMEM, "out of memory");
		fd = unix_listen(w->path, e);
		if (fd >= 0) {
			w->listen = fd;
			return 0;
		}
		if (fd != -EADDRINUSE)
			return fd;
	}
	return -EADDRINUSE;
}

static int socket_open(struct net *n, const char *path, const struct net_options *o, struct err *e)
{
	struct wire *w = calloc(1, sizeof(*w));

	(void)o;
	if (!w)
		return err_set(e, -ENOMEM, "out of memory");
	n->state = w;
	w->listen = -1;
	w->again_ns = UINT64_MAX;
	w->path = strdup(path);
	return w->path ? join(w, e) : err_set(e, -ENOMEM, "out of memory");
}

static void socket_close(struct net *n)
{
	struct wire *w = n->state;

	if (!w)
		return;
	if (w->listen >= 0) {
		unlink(w->path);
		close(w->listen);
	}
	for (unsigned i = 0; i < PEERS; i++)
		stream_free(w->peer[i]);
	free(w->path);
	free(w);
}

static void link_is(struct net *n, bool up)
{
	struct wire *w = n->state;

	w->again_ns = up ? UINT64_MAX : net_now_ns() + AGAIN_NS;
	if (n->calls.link)
		n->calls.link(n->calls.ctx, up);
}

/* Whoever listens has a network even with nobody there. */
static void drop_peer(struct net *n, unsigned i)
{
	struct wire *w = n->state;

	stream_free(w->peer[i]);
	w->peer[i] = NULL;
	if (w->listen < 0)
		link_is(n, false);
}

static void socket_send(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	struct wire *w = n->state;

	(void)meta;
	for (unsigned i = 0; i < PEERS; i++)
		if (w->peer[i])
			stream_put(w->peer[i], iov, niov);
}

static void on_frame(void *ctx, struct stream *from, const u8 *frame, size_t len)
{
	struct iovec iov = { (void *)frame, len };
	struct net *n = ctx;
	struct wire *w = n->state;

	for (unsigned i = 0; i < PEERS; i++)
		if (w->peer[i] && w->peer[i] != from)
			stream_put(w->peer[i], &iov, 1);
	net_deliver_one(n, frame, len);
}

static void socket_prepare(struct net *n, struct net_polls *p, bool room)
{
	struct wire *w = n->state;
	short in = room ? POLLIN : 0;

	for (unsigned i = 0; i < PEERS; i++) {
		w->at[i] = -1;
		if (w->peer[i] && !stream_write(w->peer[i]))
			drop_peer(n, i);
		if (w->peer[i])
			w->at[i] = net_poll_add(p, w->peer[i]->fd,
						in | (w->peer[i]->out_len ? POLLOUT : 0));
	}
	w->listen_at = w->listen < 0 ? -1 : net_poll_add(p, w->listen, POLLIN);
	if (w->again_ns < p->until_ns)
		p->until_ns = w->again_ns;
}

static void accept_peer(struct wire *w)
{
	int fd = accept4(w->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		add_peer(w, fd);
}

static void socket_ready(struct net *n, const struct net_polls *p)
{
	struct wire *w = n->state;
	struct err e;

	for (unsigned i = 0; i < PEERS; i++)
		if (w->at[i] >= 0 && w->peer[i] && p->at[w->at[i]].revents & (POLLIN | POLLHUP | POLLERR) &&
		    !stream_read(w->peer[i], on_frame, n))
			drop_peer(n, i);
	if (w->listen_at >= 0 && p->at[w->listen_at].revents)
		accept_peer(w);
	if (net_now_ns() >= w->again_ns)
		link_is(n, !join(w, &e));
}

const struct net_kind net_socket = {
	.name = "socket", .arg = "PATH", .opts = opts, .takes = 0,
	.open = socket_open, .close = socket_close, .send = socket_send,
	.prepare = socket_prepare, .ready = socket_ready,
};
