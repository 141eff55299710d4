/* line.c - opens what a chat script is spoken to. */
#define _GNU_SOURCE
#include "cli/line.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unix.h"
#include "cli/ctl.h"

static int dial_tcp(const char *where, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all;
	const char *colon = strrchr(where, ':');
	char host[256];
	int fd = -1, rc;

	if (!colon)
		return err_set(e, -EINVAL, "tcp:%s: a port is missing", where);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - where), where);
	rc = getaddrinfo(host, colon + 1, &hints, &all);
	if (rc)
		return err_set(e, -EHOSTUNREACH, "tcp:%s: %s", where, gai_strerror(rc));
	for (struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
			err_sys(e, "tcp:%s", where);
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(all);
	return fd < 0 ? -ECONNREFUSED : fd;
}

static int dial_unix(const char *path, struct err *e)
{
	int fd = unix_connect(path);

	if (fd >= 0)
		return fd;
	errno = -fd;
	return err_sys(e, "cannot connect to '%s'", path);
}

static int dial_machine(const char *name, struct err *e)
{
	char reply[CTL_REPLY_MAX];
	int fd = ctl_dial(name, e), rc;

	if (fd < 0)
		return fd;
	rc = ctl_ask(fd, "attach new", reply, e);
	if (rc)
		close(fd);
	return rc ? rc : fd;
}

/* Without O_NONBLOCK the open would wait for a carrier. */
static int open_device(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? err_sys(e, "cannot open '%s'", path) : fd;
}

static const struct {
	const char *prefix;
	int (*dial)(const char *where, struct err *e);
} kinds[] = {
	{ "unix:", dial_unix }, { "tcp:", dial_tcp }, { "machine:", dial_machine }, { "", open_device },
};

/* As chat sets it: no echo, no editing, seven bits. */
static int set_up(struct line *l, struct err *e)
{
	struct termios t;

	if (tcgetattr(l->in, &l->before) < 0)
		return 0; /* no terminal: nothing to set */
	l->saved = true;
	t = l->before;
	t.c_iflag |= IGNBRK | ISTRIP | IGNPAR;
	t.c_oflag = 0;
	t.c_lflag = 0;
	t.c_cc[VERASE] = t.c_cc[VKILL] = 0;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	return tcsetattr(l->in, TCSANOW, &t) < 0 ? err_sys(e, "cannot set the line up") : 0;
}

int line_open(struct line *l, const char *where, struct err *e)
{
	unsigned i = 0;

	*l = (struct line){ .in = STDIN_FILENO, .out = STDOUT_FILENO };
	if (!where)
		return set_up(l, e);
	while (strncmp(where, kinds[i].prefix, strlen(kinds[i].prefix)))
		i++;
	l->in = l->out = kinds[i].dial(where + strlen(kinds[i].prefix), e);
	if (l->in < 0)
		return l->in;
	if (kinds[i].dial == dial_machine)
		l->machine = where + strlen(kinds[i].prefix);
	return set_up(l, e);
}

void line_break(struct line *l)
{
	char reply[CTL_REPLY_MAX];
	struct err e;
	int fd;

	if (!l->machine) {
		tcsendbreak(l->out, 0);
		return;
	}
	fd = ctl_dial(l->machine, &e);
	if (fd < 0)
		return;
	if (!ctl_ask(fd, "break", reply, &e))
		close(fd);
}

bool line_close(struct line *l)
{
	bool ok = !l->saved || tcsetattr(l->in, TCSANOW, &l->before) == 0;

	l->saved = false;
	if (l->in > STDERR_FILENO)
		close(l->in);
	l->in = l->out = -1;
	return ok;
}
