/* viewers.c - shows the console to several at once; a slow one loses output, never the guest time. */
#include "cli/viewers.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void drop(struct viewer *w)
{
	close(w->source.fd);
	w->source.fd = -1;
}

/* ---- output ---- */

/* One that is further behind than we remember goes on with the oldest we have. */
static void skip_lost(struct viewer *w)
{
	struct viewers *v = w->all;
	u64 behind = v->head - w->at;
	char text[64];
	int n;

	if (behind <= VIEWERS_HISTORY)
		return;
	n = snprintf(text, sizeof(text), "\r\n[pandok: %llu bytes are lost]\r\n",
		     (unsigned long long)(behind - VIEWERS_HISTORY));
	if (send(w->source.fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		w->at = v->head - VIEWERS_HISTORY;
}

static void show(struct viewer *w)
{
	const struct viewers *v = w->all;

	skip_lost(w);
	while (w->source.fd >= 0 && w->at < v->head && v->head - w->at <= VIEWERS_HISTORY) {
		unsigned from = w->at % VIEWERS_HISTORY;
		u64 len = v->head - w->at, to_end = VIEWERS_HISTORY - from;
		ssize_t n = send(w->source.fd, v->history + from, len < to_end ? len : to_end,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			drop(w);
		else
			w->at += (u64)n;
	}
	if (w->at < v->head)
		w->source.events |= POLLOUT;
	else
		w->source.events &= ~POLLOUT;
}

void viewers_put(struct viewers *v, const u8 *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		v->history[(v->head + i) % VIEWERS_HISTORY] = buf[i];
	v->head += len;
	for (unsigned i = 0; i < VIEWERS_MAX; i++)
		if (v->viewer[i].source.fd >= 0 && !(v->viewer[i].source.events & POLLOUT))
			show(&v->viewer[i]);
}

/* ---- input ---- */

static void feed(struct viewer *w)
{
	size_t n = vm_serial_in(w->all->vm, w->all->port, w->in + w->in_at, w->in_len);

	w->in_at += (unsigned)n;
	w->in_len -= (unsigned)n;
	if (w->in_len)
		w->source.events &= ~POLLIN;
	else
		w->source.events |= POLLIN;
}

static void take(struct viewer *w)
{
	ssize_t n = read(w->source.fd, w->in, sizeof(w->in));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(w);
		return;
	}
	w->in_at = 0;
	w->in_len = (unsigned)n;
	feed(w);
}

static void on_ready(struct source *s, short events)
{
	struct viewer *w = container_of(s, struct viewer, source);

	if (events & POLLOUT)
		show(w);
	if (s->fd >= 0 && !w->in_len && (events & (POLLIN | POLLHUP | POLLERR)))
		take(w);
	else if (s->fd >= 0 && (events & (POLLHUP | POLLERR)))
		drop(w);
}

void viewers_feed(struct viewers *v)
{
	for (unsigned i = 0; i < VIEWERS_MAX; i++)
		if (v->viewer[i].source.fd >= 0 && v->viewer[i].in_len)
			feed(&v->viewer[i]);
}

/* ---- who is there ---- */

static struct viewer *free_one(struct viewers *v)
{
	for (unsigned i = 0; i < VIEWERS_MAX; i++)
		if (v->viewer[i].source.fd < 0)
			return &v->viewer[i];
	return NULL;
}

bool viewers_full(const struct viewers *v)
{
	return !free_one((struct viewers *)v);
}

void viewers_add(struct viewers *v, int fd, bool old)
{
	struct viewer *w = free_one(v);

	BUG_ON(!w);
	w->source = (struct source){ fd, POLLIN, on_ready };
	w->at = !old ? v->head : v->head > VIEWERS_HISTORY ? v->head - VIEWERS_HISTORY : 0;
	w->in_len = 0;
	show(w);
}

void viewers_init(struct viewers *v, struct loop *l)
{
	v->vm = NULL;
	v->head = 0;
	for (unsigned i = 0; i < VIEWERS_MAX; i++) {
		v->viewer[i] = (struct viewer){ .source = { -1, 0, on_ready }, .all = v };
		loop_add(l, &v->viewer[i].source);
	}
}

void viewers_start(struct viewers *v, struct vm *vm, unsigned port)
{
	v->port = port;
	v->vm = vm;
}

void viewers_close(struct viewers *v)
{
	for (unsigned i = 0; i < VIEWERS_MAX; i++)
		if (v->viewer[i].all && v->viewer[i].source.fd >= 0)
			drop(&v->viewer[i]);
}
