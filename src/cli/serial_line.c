/* serial_line.c - a guest's serial port that is a device of the host's, or our modem. */
#define _GNU_SOURCE
#include "cli/serial_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "modem/modem.h"

/* ---- a device ---- */

int serial_tty_open(const char *path, struct serial *s, struct err *e)
{
	struct termios t;

	s->in = s->out = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (s->in < 0)
		return err_sys(e, "serial: cannot open '%s'", path);
	if (tcgetattr(s->in, &t) < 0)
		return err_set(e, -ENOTTY, "serial: '%s' is no terminal device", path);
	if (ioctl(s->in, TIOCEXCL) < 0)
		return err_sys(e, "serial: '%s'", path);
	s->before = malloc(sizeof(t));
	if (!s->before)
		return err_set(e, -ENOMEM, "out of memory");
	*s->before = t;
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD; /* the guest watches the carrier, not we */
	if (tcsetattr(s->in, TCSANOW, &t) < 0)
		return err_sys(e, "serial: cannot set '%s' up", path);
	snprintf(s->name, sizeof(s->name), "'%.100s'", path);
	return 0;
}

/* It was pulled out: the guest hears and says nothing more, and goes on. */
void serial_tty_hang_up(struct serial *s)
{
	close(s->out);
	s->in = s->out = -1;
}

void serial_tty_close(struct serial *s)
{
	if (s->out >= 0 && s->before) {
		tcsetattr(s->out, TCSANOW, s->before);
		ioctl(s->out, TIOCNXCL);
	}
	free(s->before);
	s->before = NULL;
}

/* ---- the modem ---- */

int serial_modem_open(const char *settings, struct serial *s, struct err *e)
{
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_sys(e, "serial: cannot make a socket");
	s->in = s->out = pair[0];
	s->keep = pair[1];
	rc = modem_start(settings, s->keep, &s->modem, e);
	snprintf(s->name, sizeof(s->name), "the modem");
	return rc ? err_in(e, rc, "serial") : 0;
}

void serial_modem_close(struct serial *s)
{
	modem_stop(s->modem);
	s->modem = NULL;
}
