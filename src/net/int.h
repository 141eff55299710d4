/* int.h - what the parts of a network share: the thread's side, the kinds, frames. */
#ifndef PANDOK_NET_INT_H
#define PANDOK_NET_INT_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/opt.h"
#include "net/net.h"

/* What the user may say about a network; each kind has rows for what it knows. */
struct net_options {
	char *mac;
	struct opt_list hostfwd;
	char *net;
	bool restricted;
	bool ipv6;
	u64 cid;
};

#define NET_OPT(name, arg, kind, field) { name, arg, kind, 0, offsetof(struct net_options, field), 0, 0, "" }
#define NET_OPT_MAC NET_OPT("mac", "ADDRESS", OPT_TEXT, mac)

/* The files a network waits for, made anew before each sleep. */
struct net_polls {
	struct pollfd *at;
	unsigned n, room;
	u64 until_ns; /* CLOCK_MONOTONIC: sleep no longer than this */
};

/* One row a kind, all functions but open on the network's thread. */
struct net_kind {
	const char *name;
	const char *arg;          /* "name=ARG"; NULL: takes none */
	const struct opt *opts;
	unsigned takes;           /* NET_ bits send() takes in meta */
	int (*open)(struct net *n, const char *arg, const struct net_options *o, struct err *e);
	void (*close)(struct net *n); /* takes a half-open one */
	void (*offer)(struct net *n, unsigned offer); /* may be NULL */
	void (*send)(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov);
	/* Say what to wait for; input only when the card has room. */
	void (*prepare)(struct net *n, struct net_polls *p, bool room);
	/* What happened; the array is prepare()'s. */
	void (*ready)(struct net *n, const struct net_polls *p);
};
extern const struct net_kind net_user, net_tap, net_socket, net_vsock;

struct held { /* a frame the card had no room for */
	struct held *next;
	net_meta meta;
	size_t len;
	u8 data[];
};

struct net {
	const struct net_kind *kind;
	void *state; /* the kind's */
	u8 mac[6];
	u64 cid; /* of a vsock's guest */
	struct net_calls calls;
	_Atomic unsigned offer;
	atomic_bool started, ending;
	atomic_bool offered; /* offer changed */
	atomic_bool woken;   /* serve is due */
	atomic_bool asleep;  /* the thread is in poll(), or about to be: wake is to be written */
	int wake;            /* eventfd */
	pthread_t thread;
	bool has_thread;
	struct net_polls polls;
	struct held *held, **held_end;
	size_t held_len; /* bytes */
	bool delivered;  /* since the last flush */
	u8 frame[NET_FRAME_MAX]; /* the one that is being sent, in one piece */
};

/* net_poll_add - wait for fd too; returns its place in p->at, -1 when there is no memory for it. */
int net_poll_add(struct net_polls *p, int fd, short events);

u64 net_now_ns(void); /* CLOCK_MONOTONIC */

/* net_deliver - a frame for the guest; it is kept or passed on when this is back. */
void net_deliver(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov);

/* net_deliver_one - as net_deliver, of a finished frame in one piece. */
void net_deliver_one(struct net *n, const void *frame, size_t len);

unsigned net_gather(const struct iovec *iov, unsigned niov, void *buf, size_t room); /* 0: no room */

MUST_CHECK int net_thread_start(struct net *n, struct err *e); /* the last step of opening */

/* ---- finish.c ---- */
#define FINISH_HEADER_MAX 256 /* Ethernet, VLAN tag, IP with options or extensions, TCP with options */

/* One finished frame, in one or two pieces. */
typedef void finish_put(void *ctx, const struct iovec *iov, unsigned niov);

/*
 * finish - do to a frame what meta asks for and takes (NET_ bits) does not include, and put the
 * result: one frame, or as many as there are segments.
 *   frame   len bytes, changed here
 * Returns -EINVAL when meta makes no sense for this frame; nothing was put then.
 */
MUST_CHECK int finish(const net_meta *meta, u8 *frame, size_t len, unsigned takes, finish_put *put,
		      void *ctx);

#endif
