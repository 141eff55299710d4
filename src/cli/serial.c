/* serial.c - opens and writes the back ends; one row each. */
#define _GNU_SOURCE
#include "cli/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/serial_line.h"
#include "cli/serial_unix.h"
#include "modem/modem.h"

/* A pipe that poll() calls writable takes this much without blocking. pipe(7). */
#define PIECE 4096

static int open_stdio(const char *arg, struct serial *s, struct err *e)
{
	(void)arg;
	(void)e;
	s->in = STDIN_FILENO;
	s->out = STDOUT_FILENO;
	s->is_terminal = isatty(STDIN_FILENO);
	s->is_input = !s->is_terminal;
	snprintf(s->name, sizeof(s->name), "standard output");
	return 0;
}

static int open_null(const char *arg, struct serial *s, struct err *e)
{
	(void)arg;
	(void)e;
	(void)s;
	return 0;
}

static int open_file(const char *arg, struct serial *s, struct err *e)
{
	s->out = open(arg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (s->out < 0)
		return err_sys(e, "serial: cannot write '%s'", arg);
	snprintf(s->name, sizeof(s->name), "'%.100s'", arg);
	return 0;
}

/* The guest's own line discipline does all editing. */
static int make_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return -1;
	cfmakeraw(&t);
	return tcsetattr(fd, TCSANOW, &t);
}

static int open_pty(const char *arg, struct serial *s, struct err *e)
{
	char slave[64];

	(void)arg;
	s->in = s->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (s->in < 0 || grantpt(s->in) || unlockpt(s->in) ||
	    ptsname_r(s->in, slave, sizeof(slave)))
		return err_sys(e, "serial: cannot make a pseudo terminal");
	/* Kept open by us too: else every client that leaves would hang the line up. */
	s->keep = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->keep < 0 || make_raw(s->keep) < 0)
		return err_sys(e, "serial: cannot open '%s'", slave);
	s->forgets = true;
	snprintf(s->name, sizeof(s->name), "'%s'", slave);
	cli_say("the serial console is %s", slave);
	return 0;
}

const struct serial_kind serial_kinds[] = {
	{ .name = "stdio", .open = open_stdio },
	{ .name = "null", .open = open_null },
	{ .name = "file", .arg = "PATH", .open = open_file },
	{ .name = "unix", .arg = "PATH", .open = serial_unix_open, .connect = serial_unix_connect,
	  .hang_up = serial_unix_hang_up },
	{ .name = "pty", .open = open_pty },
	{ .name = "tty", .arg = "PATH", .open = serial_tty_open, .hang_up = serial_tty_hang_up,
	  .line = serial_tty_line, .lines = serial_tty_lines, .close = serial_tty_close },
	{ .name = "modem", .arg = "SETTINGS", .maybe = true, .open = serial_modem_open,
	  .line = serial_modem_line, .lines = serial_modem_lines, .close = serial_modem_close },
	{ 0 },
};

/* The kind whose name is the first len bytes of where. */
static const struct serial_kind *find(const char *where, size_t len)
{
	for (const struct serial_kind *k = serial_kinds; k->name; k++)
		if (strlen(k->name) == len && !strncmp(k->name, where, len))
			return k;
	return NULL;
}

static const struct serial_kind *parse(const char *where, const char **ret_arg, struct err *e)
{
	const char *colon = strchr(where, ':');
	const struct serial_kind *k = find(where, strcspn(where, ":"));
	bool has_path = colon && colon[1];

	if (k && (k->arg ? has_path || (k->maybe && !colon) : !colon)) {
		*ret_arg = has_path ? colon + 1 : NULL;
		return k;
	}
	if (!k)
		err_set(e, -EINVAL, "serial: '%s' is none of stdio, null, file:PATH, unix:PATH, pty, "
			"tty:PATH, modem", where);
	else if (k->arg)
		err_set(e, -EINVAL, "serial: '%s' needs a path: %s:%s", k->name, k->name, k->arg);
	else
		err_set(e, -EINVAL, "serial: '%s' takes no path", k->name);
	return NULL;
}

int serial_check(const char *where, struct err *e)
{
	const struct serial_kind *k;
	const char *arg;

	k = parse(where, &arg, e);
	if (!k)
		return -EINVAL;
	return k->open == serial_modem_open && modem_check(arg, e) ? -EINVAL : 0;
}

int serial_open(const char *where, struct serial *s, struct err *e)
{
	const char *arg = NULL;
	int rc;

	*s = (struct serial){ .in = -1, .out = -1, .listen = -1, .keep = -1 };
	s->kind = parse(where ? where : "stdio", &arg, e);
	if (!s->kind)
		return -EINVAL;
	rc = s->kind->open(arg, s, e);
	if (rc)
		serial_close(s);
	return rc;
}

static void close_one(int *fd)
{
	if (*fd > STDERR_FILENO)
		close(*fd);
	*fd = -1;
}

void serial_close(struct serial *s)
{
	if (s->kind && s->kind->close)
		s->kind->close(s);
	if (s->in == s->out)
		s->in = -1;
	close_one(&s->in);
	close_one(&s->out);
	close_one(&s->listen);
	close_one(&s->keep);
	if (s->path) {
		unlink(s->path);
		free(s->path);
	}
	s->path = NULL;
}

long serial_write(struct serial *s, const u8 *buf, size_t len)
{
	struct pollfd p = { s->out, POLLOUT, 0 };
	long n;

	if (s->out < 0)
		return (long)len; /* nobody there */
	/* Standard output may be shared with other processes, so it is not made non-blocking. */
	if (poll(&p, 1, 0) < 1 || !(p.revents & (POLLOUT | POLLERR | POLLNVAL)))
		n = 0;
	else
		n = write(s->out, buf, len < PIECE ? len : PIECE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		n = 0;
	return n == 0 && s->forgets ? (long)len : n;
}
