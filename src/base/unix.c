/* unix.c - binds and connects; two processes that want one path never both get it. */
#define _GNU_SOURCE
#include "base/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int open_at(const char *path, struct sockaddr_un *a)
{
	int fd;

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path || strlen(path) >= sizeof(a->sun_path))
		return -ENAMETOOLONG;
	strcpy(a->sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

int unix_connect(const char *path)
{
	struct sockaddr_un a;
	int fd = open_at(path, &a), rc;

	if (fd < 0 || !connect(fd, (const struct sockaddr *)&a, sizeof(a)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* Nobody listens at a's path any more: it is left over from a process that was killed. */
static bool is_stale(const struct sockaddr_un *a)
{
	int fd = unix_connect(a->sun_path);

	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

/* Holds the folder of path, so that what is stale now is so until we have it; -1: not held. Whoever
 * holds it for other reasons is not waited for long. */
static int lock_folder(const char *path)
{
	static const struct timespec pause = { 0, 2000000 };
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash - path) + 1 : 0, fd;

	if (len >= (int)sizeof(folder))
		return -1;
	memcpy(folder, path, (size_t)len);
	folder[len] = 0;
	fd = open(len ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && i < 50; i++)
		nanosleep(&pause, NULL);
	return fd;
}

static int bind_replacing(int fd, const struct sockaddr_un *a)
{
	int held = lock_folder(a->sun_path), rc;

	fchmod(fd, 0600); /* bind() gives the path the socket's own mode */
	rc = bind(fd, (const struct sockaddr *)a, sizeof(*a));
	if (rc < 0 && errno == EADDRINUSE && is_stale(a)) {
		unlink(a->sun_path);
		rc = bind(fd, (const struct sockaddr *)a, sizeof(*a));
	}
	if (!rc)
		rc = listen(fd, 16);
	rc = rc < 0 ? -errno : 0;
	if (held >= 0)
		close(held);
	return rc;
}

void unix_tidy(const char *path)
{
	struct sockaddr_un a;
	int held, fd = open_at(path, &a);

	if (fd < 0)
		return;
	close(fd);
	held = lock_folder(path);
	if (held < 0)
		return;
	if (is_stale(&a))
		unlink(path);
	close(held);
}

int unix_listen(const char *path, struct err *e)
{
	struct sockaddr_un a;
	int fd = open_at(path, &a), rc;

	if (fd == -ENAMETOOLONG)
		return err_set(e, fd, "a socket's path has 1 to %zu bytes", sizeof(a.sun_path) - 1);
	if (fd < 0) {
		errno = -fd;
		return err_sys(e, "cannot make a socket");
	}
	rc = bind_replacing(fd, &a);
	if (!rc)
		return fd;
	close(fd);
	errno = -rc;
	return err_sys(e, "cannot listen at '%s'", path);
}
