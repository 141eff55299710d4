/* serial_unix.c - listens at a path; what connects has the console until it leaves. */
#define _GNU_SOURCE
#include "cli/serial_unix.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unix.h"

int serial_unix_open(const char *path, struct serial *s, struct err *e)
{
	int rc = unix_listen(path, e);

	if (rc < 0)
		return err_in(e, rc, "serial");
	s->listen = rc;
	s->path = strdup(path);
	return s->path ? 0 : err_set(e, -ENOMEM, "out of memory");
}

void serial_unix_connect(struct serial *s)
{
	int fd = accept4(s->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (s->out >= 0)
		close(fd); /* taken */
	else
		s->in = s->out = fd;
}

void serial_unix_hang_up(struct serial *s)
{
	close(s->out);
	s->in = s->out = -1;
}
