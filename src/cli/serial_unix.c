/* serial_unix.c - listens at a path; what connects has the console until it leaves. */
#define _GNU_SOURCE
#include "cli/serial_unix.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket file that nobody listens at any more is left over from a run that was killed. */
static bool is_stale(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool stale;

	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

/* Only this user may connect: the console is as good as the machine's power. */
static int bind_private(int fd, const struct sockaddr_un *a)
{
	mode_t old = umask(0077);
	int rc = bind(fd, (const struct sockaddr *)a, sizeof(*a));

	umask(old);
	return rc;
}

int serial_unix_open(const char *path, struct serial *s, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int rc;

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(e, -ENAMETOOLONG, "serial: a socket's path has at most %zu bytes",
			       sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	s->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen < 0)
		return err_sys(e, "serial: cannot make a socket");
	rc = bind_private(s->listen, &a);
	if (rc < 0 && errno == EADDRINUSE && is_stale(&a)) {
		unlink(path);
		rc = bind_private(s->listen, &a);
	}
	if (rc < 0)
		return err_sys(e, "serial: cannot listen at '%s'", path);
	s->path = strdup(path);
	if (!s->path || listen(s->listen, 1) < 0)
		return err_sys(e, "serial: cannot listen at '%s'", path);
	return 0;
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
