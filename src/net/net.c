/* net.c - a network's thread: serves the card, waits for the host, keeps what the card has no room
 * for. Knows no kind of network but by its row. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "net/int.h"

#define HELD_MAX (1 << 20) /* bytes; what comes on top is lost, as on a wire */
#define SLEEP_MAX_NS 3600000000000u

u64 net_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

int net_poll_add(struct net_polls *p, int fd, short events)
{
	if (p->n == p->room) {
		unsigned room = p->room ? 2 * p->room : 16;
		struct pollfd *at = reallocarray(p->at, room, sizeof(*at));

		if (!at)
			return -1;
		p->at = at;
		p->room = room;
	}
	p->at[p->n] = (struct pollfd){ fd, events, 0 };
	return (int)p->n++;
}

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

/* ---- to the card ---- */

static void hold(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	size_t len = 0;
	struct held *h;

	for (unsigned i = 0; i < niov; i++)
		len += iov[i].iov_len;
	if (n->held_len + len > HELD_MAX)
		return;
	h = malloc(sizeof(*h) + len);
	if (!h)
		return;
	*h = (struct held){ .meta = *meta, .len = net_gather(iov, niov, h->data, len) };
	*n->held_end = h;
	n->held_end = &h->next;
	n->held_len += len;
}

void net_deliver(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	n->delivered = true;
	if (n->held || !n->calls.receive(n->calls.ctx, meta, iov, niov))
		hold(n, meta, iov, niov);
}

void net_deliver_one(struct net *n, const void *frame, size_t len)
{
	struct iovec iov = { (void *)frame, len };
	net_meta meta = { 0 };

	net_deliver(n, &meta, &iov, 1);
}

static void drop_first(struct net *n)
{
	struct held *h = n->held;

	n->held = h->next;
	n->held_len -= h->len;
	if (!n->held)
		n->held_end = &n->held;
	free(h);
}

static void deliver_held(struct net *n)
{
	while (n->held) {
		struct iovec iov = { n->held->data, n->held->len };

		if (!n->calls.receive(n->calls.ctx, &n->held->meta, &iov, 1))
			return;
		n->delivered = true;
		drop_first(n);
	}
}

static void flush(struct net *n)
{
	if (n->delivered)
		n->calls.flush(n->calls.ctx);
	n->delivered = false;
}

/* ---- from the card ---- */

static void put_finished(void *ctx, const struct iovec *iov, unsigned niov)
{
	static const net_meta nothing;
	struct net *n = ctx;

	n->kind->send(n, &nothing, iov, niov);
}

static unsigned needs(const net_meta *m)
{
	return (m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM ? NET_CSUM : 0) |
	       (m->gso_type ? NET_TSO4 | NET_TSO6 : 0);
}

void net_send(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	unsigned len;

	if (!(needs(meta) & ~n->kind->takes)) {
		n->kind->send(n, meta, iov, niov);
		return;
	}
	len = net_gather(iov, niov, n->frame, sizeof(n->frame));
	if (finish(meta, n->frame, len, n->kind->takes, put_finished, n))
		return; /* nonsense: lost, as on a wire */
}

/* ---- the thread ---- */

void net_wake(struct net *n)
{
	static const u64 one = 1;

	atomic_store(&n->woken, true);
	/* It only fails when it is awake already, 2^64 - 2 times. */
	if (atomic_exchange(&n->asleep, false) && write(n->wake, &one, sizeof(one)) < 0)
		return;
}

static void prepare(struct net *n)
{
	n->polls.n = 0;
	n->polls.until_ns = net_now_ns() + SLEEP_MAX_NS;
	net_poll_add(&n->polls, n->wake, POLLIN);
	if (atomic_load(&n->started))
		n->kind->prepare(n, &n->polls, !n->held);
}

/*D:2010 A network's thread
 * Sending a frame to the host takes a system call or, in the user network, a whole TCP stack. No
 * vCPU waits for that: a guest's kick of its card ends in net_wake(), which costs an exchange and,
 * if the thread sleeps, one write. The thread then takes frames off the card's queue until none is
 * left, so a busy guest kicks once for many frames; and it hands the guest all that arrived with
 * one interrupt.
 * @test wake_is_never_lost
 */
static void sleep_until_something(struct net *n)
{
	u64 now = net_now_ns(), ns = n->polls.until_ns > now ? n->polls.until_ns - now : 0, drain;
	struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	atomic_store(&n->asleep, true);
	if (atomic_load(&n->woken) || atomic_load(&n->ending))
		t = (struct timespec){ 0 };
	if (ppoll(n->polls.at, n->polls.n, &t, NULL) < 0)
		for (unsigned i = 0; i < n->polls.n; i++)
			n->polls.at[i].revents = 0;
	atomic_store(&n->asleep, false);
	if (n->polls.n && n->polls.at[0].revents && read(n->wake, &drain, sizeof(drain)) < 0)
		return; /* somebody else's wake-up, then */
}

static void serve(struct net *n)
{
	if (atomic_exchange(&n->offered, false) && n->kind->offer)
		n->kind->offer(n, atomic_load(&n->offer));
	if (!atomic_exchange(&n->woken, false))
		return;
	deliver_held(n);
	n->calls.serve(n->calls.ctx);
}

static void *thread_main(void *arg)
{
	struct net *n = arg;

	pthread_setname_np(pthread_self(), "net");
	while (!atomic_load(&n->ending)) {
		bool started = atomic_load(&n->started);

		prepare(n);
		flush(n);
		sleep_until_something(n);
		if (!started)
			continue;
		serve(n);
		n->kind->ready(n, &n->polls);
	}
	return NULL;
}

void net_start(struct net *n, const struct net_calls *c, unsigned offer)
{
	if (!atomic_load(&n->started))
		n->calls = *c;
	atomic_store(&n->offer, offer);
	atomic_store(&n->offered, true);
	atomic_store(&n->started, true);
	net_wake(n);
}

/* ---- making and ending ---- */

int net_thread_start(struct net *n, struct err *e)
{
	sigset_t all, old;

	n->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (n->wake < 0)
		return err_sys(e, "cannot make an event file");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	errno = pthread_create(&n->thread, NULL, thread_main, n);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (errno)
		return err_sys(e, "cannot start a thread");
	n->has_thread = true;
	return 0;
}

void net_stop(struct net *n)
{
	if (!n->has_thread)
		return;
	atomic_store(&n->ending, true);
	net_wake(n);
	pthread_join(n->thread, NULL);
	n->has_thread = false;
}

void net_close(struct net *n)
{
	if (!n)
		return;
	net_stop(n);
	n->kind->close(n);
	while (n->held)
		drop_first(n);
	if (n->wake >= 0)
		close(n->wake);
	free(n->polls.at);
	free(n);
}

const u8 *net_mac(const struct net *n)
{
	return n->mac;
}

u64 net_cid(const struct net *n)
{
	return n->cid;
}
