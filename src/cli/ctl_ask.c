/* ctl_ask.c - asks a running machine. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unix.h"
#include "cli/ctl.h"
#include "cli/json.h"

#define PATIENCE_MS 10000

int ctl_dial(const char *name, struct err *e)
{
	char folder[PATH_MAX], path[PATH_MAX];
	int rc = ctl_name_check(name, e);

	if (!rc)
		rc = ctl_folder(folder, e);
	if (rc)
		return rc;
	ctl_path(folder, name, path);
	rc = unix_connect(path);
	if (rc >= 0)
		return rc;
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return err_set(e, -ENOENT, "no machine named '%s' runs; 'pandok list' shows which do", name);
	errno = -rc;
	return err_sys(e, "cannot reach the machine '%s'", name);
}

/* Byte by byte: what follows the reply may be a console's. */
static int read_line(int fd, char *to, size_t size, struct err *e)
{
	struct pollfd p = { fd, POLLIN, 0 };
	size_t n = 0;

	while (n < size) {
		ssize_t got;

		if (!poll(&p, 1, PATIENCE_MS))
			return err_set(e, -ETIMEDOUT, "the machine does not answer");
		got = read(fd, to + n, 1);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			return err_set(e, -ECONNRESET, "the machine has ended");
		if (to[n] == '\n') {
			to[n] = 0;
			return 0;
		}
		n++;
	}
	return err_set(e, -EPROTO, "the machine's answer is too long");
}

int ctl_ask(int fd, const char *request, char reply[CTL_REPLY_MAX], struct err *e)
{
	char line[CTL_LINE_MAX], ok[8];
	int n = snprintf(line, sizeof(line), "%s\n", request), rc;

	if (n >= (int)sizeof(line))
		return err_set(e, -EMSGSIZE, "the request is too long");
	/* It is shorter than any socket's buffer. */
	if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
		return err_set(e, -ECONNRESET, "the machine has ended");
	rc = read_line(fd, reply, CTL_REPLY_MAX, e);
	if (rc)
		return rc;
	if (json_get(reply, "ok", ok, sizeof(ok)) && !strcmp(ok, "true"))
		return 0;
	if (!json_get(reply, "error", e->text, sizeof(e->text)))
		err_set(e, 0, "the machine's answer makes no sense");
	return -EREMOTEIO;
}
