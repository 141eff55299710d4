/* door.c - a listening socket and the thread that serves who comes, one at a time. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unix.h"
#include "dbg/dbg_int.h"

union address {
	struct sockaddr any;
	struct sockaddr_in in;
};

/* "ADDRESS:PORT", or ":PORT" on this machine only. */
static int tcp_address(const char *text, struct sockaddr_in *in, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char host[64] = "127.0.0.1", *end;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

	if (!colon || !port || port > 65535 || *end || colon - text >= (long)sizeof(host))
		return err_set(e, -EINVAL, "'%s' is not unix:PATH or tcp:ADDRESS:PORT",
			       text);
	if (colon != text)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((u16)port) };
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return err_set(e, -EINVAL, "'%s' is no IPv4 address", host);
	return 0;
}

static int listen_tcp(const union address *a, const char *where, struct err *e)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, rc;

	if (fd < 0)
		return err_sys(e, "cannot make a socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, &a->any, sizeof(a->in)) && !listen(fd, 8))
		return fd;
	rc = err_sys(e, "cannot listen at '%s'", where);
	close(fd);
	return rc;
}

static int listen_at(struct door *o, const char *where, struct err *e)
{
	union address a;
	int rc;

	if (!strncmp(where, "unix:", 5)) {
		if (strlen(where + 5) >= sizeof(o->path))
			return err_set(e, -EINVAL, "the path '%s' is too long for a socket", where + 5);
		o->fd = unix_listen(where + 5, e);
		if (o->fd >= 0)
			strcpy(o->path, where + 5);
		return o->fd < 0 ? o->fd : 0;
	}
	rc = tcp_address(!strncmp(where, "tcp:", 4) ? where + 4 : where, &a.in, e);
	if (rc)
		return rc;
	o->fd = listen_tcp(&a, where, e);
	return o->fd < 0 ? o->fd : 0;
}

static void serve(struct door *o, int fd)
{
	static const struct timeval patience = { 10, 0 };

	/* Who reads nothing must not keep the machine standing. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	atomic_store(&o->peer, fd);
	if (atomic_load(&o->closing))
		shutdown(fd, SHUT_RD);
	o->serve(o->d, fd);
	atomic_store(&o->peer, -1);
}

static void *door_main(void *arg)
{
	struct door *o = arg;
	struct pollfd p[2] = { { o->fd, POLLIN, 0 }, { o->end, POLLIN, 0 } };

	for (;;) {
		int fd;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		fd = p[0].revents ? accept4(o->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd >= 0)
			serve(o, fd);
	}
}

/* One that let somebody in by another way, and is closed behind them. */
static void *inside_main(void *arg)
{
	struct door *o = arg;

	serve(o, o->fd);
	o->fd = -1;
	atomic_store(&o->done, true);
	return NULL;
}

static void door_free(struct door *o)
{
	if (!o)
		return;
	if (o->fd >= 0)
		close(o->fd);
	if (o->end >= 0)
		close(o->end);
	if (o->path[0])
		unlink(o->path);
	free(o);
}

static int door_new(struct dbg *d, void (*serve_fn)(struct dbg *d, int fd), struct door **ret,
		    struct err *e)
{
	struct door *o = calloc(1, sizeof(*o));

	if (!o)
		return err_set(e, -ENOMEM, "out of memory");
	*o = (struct door){ .d = d, .serve = serve_fn, .fd = -1, .end = eventfd(0, EFD_CLOEXEC),
			    .peer = -1 };
	*ret = o;
	return o->end < 0 ? err_sys(e, "cannot make an eventfd") : 0;
}

/* Sessions that are over. Locked. */
static void doors_tidy(struct dbg *d)
{
	struct door **p = &d->doors, *o;

	while ((o = *p)) {
		if (!atomic_load(&o->done)) {
			p = &o->next;
			continue;
		}
		*p = o->next;
		pthread_join(o->thread, NULL);
		door_free(o);
	}
}

/* Signals are for the command line's own threads. */
static int door_start(struct door *o, void *(*run)(void *arg), struct err *e)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&o->thread, NULL, run, o);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return err_set(e, -rc, "cannot start a thread");
	pthread_mutex_lock(&o->d->doors_lock);
	doors_tidy(o->d);
	o->next = o->d->doors;
	o->d->doors = o;
	pthread_mutex_unlock(&o->d->doors_lock);
	return 0;
}

int door_open(struct dbg *d, const char *where, void (*serve_fn)(struct dbg *d, int fd),
	      struct err *e)
{
	struct door *o = NULL;
	int rc = door_new(d, serve_fn, &o, e);

	if (!rc)
		rc = listen_at(o, where, e);
	if (!rc)
		rc = door_start(o, door_main, e);
	if (rc)
		door_free(o);
	return rc;
}

int dbg_admit(struct dbg *d, int fd, struct err *e)
{
	struct door *o = NULL;
	int rc = door_new(d, dbg_serve, &o, e);

	if (!rc) {
		o->fd = fd;
		rc = door_start(o, inside_main, e);
	}
	if (rc) {
		if (o)
			o->fd = -1;
		door_free(o);
		close(fd);
	}
	return rc;
}

int dbg_session(struct dbg *d, int *ret, struct err *e)
{
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "cannot make a pair of sockets");
	rc = dbg_admit(d, pair[0], e);
	if (rc) {
		close(pair[1]);
		return rc;
	}
	*ret = pair[1];
	return 0;
}

/* Who is inside reads no more, but the answer being made still gets out. */
void doors_close(struct dbg *d)
{
	struct door *next;

	for (struct door *o = d->doors; o; o = next) {
		int peer;

		next = o->next;
		atomic_store(&o->closing, true);
		if (write(o->end, &(u64){ 1 }, sizeof(u64)) < 0)
			continue;
		peer = atomic_load(&o->peer);
		if (peer >= 0)
			shutdown(peer, SHUT_RD);
		pthread_join(o->thread, NULL);
		door_free(o);
	}
	d->doors = NULL;
}
