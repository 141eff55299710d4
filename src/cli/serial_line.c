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

static const struct {
	u32 speed;
	speed_t code;
} speeds[] = {
	{ 50, B50 }, { 75, B75 }, { 110, B110 }, { 134, B134 }, { 150, B150 }, { 300, B300 }, { 600, B600 },
	{ 1200, B1200 }, { 1800, B1800 }, { 2400, B2400 }, { 4800, B4800 }, { 9600, B9600 },
	{ 19200, B19200 }, { 38400, B38400 }, { 57600, B57600 }, { 115200, B115200 },
};

/* The device follows the guest as far as it can; one that cannot, a pseudo terminal say, stays. */
void serial_tty_line(struct serial *s, const struct serial_line *l)
{
	static const tcflag_t sizes[] = { CS5, CS6, CS7, CS8 };
	int modem = (l->lines & LINE_DTR ? TIOCM_DTR : 0) | (l->lines & LINE_RTS ? TIOCM_RTS : 0);
	int off = (TIOCM_DTR | TIOCM_RTS) & ~modem;
	struct termios t;

	if (s->out < 0 || tcgetattr(s->out, &t) < 0)
		return;
	t.c_cflag &= ~(tcflag_t)(CSIZE | CSTOPB | PARENB | PARODD);
	t.c_cflag |= sizes[(l->bits - 5) & 3] | (l->two_stops ? CSTOPB : 0) |
		     (l->parity == 'N' ? 0 : l->parity == 'E' ? PARENB : PARENB | PARODD);
	for (unsigned i = 0; i < ARRAY_SIZE(speeds); i++)
		if (speeds[i].speed == l->speed)
			cfsetspeed(&t, speeds[i].code);
	tcsetattr(s->out, TCSANOW, &t);
	ioctl(s->out, TIOCMBIS, &modem);
	ioctl(s->out, TIOCMBIC, &off);
	ioctl(s->out, l->lines & LINE_BREAK ? TIOCSBRK : TIOCCBRK);
}

u8 serial_tty_lines(struct serial *s)
{
	int m;

	if (s->out < 0)
		return 0; /* pulled out */
	if (ioctl(s->out, TIOCMGET, &m) < 0)
		return LINE_CTS | LINE_DSR | LINE_DCD; /* it has none */
	return (u8)((m & TIOCM_CTS ? LINE_CTS : 0) | (m & TIOCM_DSR ? LINE_DSR : 0) |
		    (m & TIOCM_RI ? LINE_RI : 0) | (m & TIOCM_CD ? LINE_DCD : 0));
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

void serial_modem_line(struct serial *s, const struct serial_line *l)
{
	modem_dtr(s->modem, l->lines & LINE_DTR);
}

u8 serial_modem_lines(struct serial *s)
{
	return LINE_CTS | LINE_DSR | (modem_carrier(s->modem) ? LINE_DCD : 0);
}

void serial_modem_close(struct serial *s)
{
	modem_stop(s->modem);
	s->modem = NULL;
}
