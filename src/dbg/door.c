/* door.c - a listening socket and the thread that serves who comes, one at a time. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dbg/dbg_int.h"

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
};

/* "ADDRESS:PORT", or ":PORT" on this machine only. */
static int tcp_address(const char *text, struct sockaddr_in *in, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char host[64] = "127.0.0.1", *end;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

	if (!colon || !port || port > 65535 || *end || colon - text >= (long)sizeof(host))
		return err_set(e, -EINVAL, "'%s' is not ADDRESS:PORT", text);
	if (colon != text)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((u16)port) };
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return err_set(e, -EINVAL, "'%s' is no IPv4 address", host);
	return 0;
}

static int address(struct door *o, const char *where, union address *a, socklen_t *len, struct err *e)
{
	if (!strncmp(where, "tcp:", 4) || where[0] == ':') {
		*len = sizeof(a->in);
		return tcp_address(where[0] == ':' ? where : where + 4, &a->in, e);
	}
	if (strncmp(where, "unix:", 5) || strlen(where + 5) >= sizeof(a->un.sun_path))
		return err_set(e, -EINVAL, "'%s' is not unix:PATH or tcp:ADDRESS:PORT", where);
	*len = sizeof(a->un);
	a->un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(a->un.sun_path, where + 5);
	strcpy(o->path, where + 5);
	return 0;
}

/* A socket that a machine left when it died, with nobody behind it, is in the way. */
static void remove_stale(const union address *a, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd >= 0 && connect(fd, &a->any, len) < 0 && errno == ECONNREFUSED &&
	    !lstat(a->un.sun_path, &st) && S_ISSOCK(st.st_mode))
		unlink(a->un.sun_path);
	if (fd >= 0)
		close(fd);
}

static int listen_at(struct door *o, const char *where, struct err *e)
{
	union address a;
	socklen_t len;
	int rc = address(o, where, &a, &len, e), one = 1;

	if (rc)
		return rc;
	if (a.any.sa_family == AF_UNIX)
		remove_stale(&a, len);
	o->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (o->fd < 0)
		return err_sys(e, "cannot make a socket");
	setsockopt(o->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(o->fd, &a.any, len) < 0 || listen(o->fd, 8) < 0) {
		o->path[0] = 0;
		return err_sys(e, "cannot listen at '%s'", where);
	}
	return 0;
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
		if (fd < 0)
			continue;
		atomic_store(&o->peer, fd);
		o->serve(o->d, fd);
		atomic_store(&o->peer, -1);
	}
}

static void door_free(struct door *o)
{
	if (o->fd >= 0)
		close(o->fd);
	if (o->end >= 0)
		close(o->end);
	if (o->path[0])
		unlink(o->path);
	free(o);
}

int door_open(struct dbg *d, const char *where, void (*serve)(struct dbg *d, int fd), struct err *e)
{
	struct door *o = calloc(1, sizeof(*o));
	int rc;

	if (!o)
		return err_set(e, -ENOMEM, "out of memory");
	*o = (struct door){ .d = d, .serve = serve, .fd = -1, .end = eventfd(0, EFD_CLOEXEC),
			    .peer = -1 };
	rc = o->end < 0 ? err_sys(e, "cannot make an eventfd") : listen_at(o, where, e);
	if (!rc && pthread_create(&o->thread, NULL, door_main, o))
		rc = err_set(e, -EAGAIN, "cannot start a thread");
	if (rc) {
		door_free(o);
		return rc;
	}
	o->next = d->doors;
	d->doors = o;
	return 0;
}

/* Who is inside finds its socket closed. */
void doors_close(struct dbg *d)
{
	struct door *next;

	for (struct door *o = d->doors; o; o = next) {
		int peer = atomic_load(&o->peer);

		next = o->next;
		if (write(o->end, &(u64){ 1 }, sizeof(u64)) < 0)
			continue;
		if (peer >= 0)
			shutdown(peer, SHUT_RDWR);
		pthread_join(o->thread, NULL);
		door_free(o);
	}
	d->doors = NULL;
}
