/* serve.c - a prompt's session over a socket; knows no terminal. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbg/dbg_int.h"

#define ASK_TO_STOP 3 /* Ctrl-C */

/*L:670 A session at the prompt
 * Whoever wants to debug, a person at the console or another process through the control socket, gets a
 * socket of their own and a thread that serves it: lines in, text out. While a line is awaited the
 * machine stands; "continue" lets it go, and the thread sleeps until a line comes or the machine
 * stops. Editing, history and colours are the other end's affair.
 * @test test/debug/run
 */
struct prompt {
	struct session s;
	struct out to;
	struct client client;
	unsigned seen; /* stops that were told */
	int fd;
	bool gone;     /* nobody reads what we write */
	char line[LINE_MAX_LEN];
	size_t len;
};

static void send_all(struct prompt *p, const char *text, size_t len)
{
	while (len && !p->gone) {
		ssize_t n = send(p->fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		p->gone = n < 0;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

static void prompt_put(struct out *o, const char *text, size_t len)
{
	send_all(container_of(o, struct prompt, to), text, len);
}

/* The next line is wanted; with last set: none is. */
static void ready(struct prompt *p, bool last)
{
	static const char ask[] = "\0db> ", end[] = "\0";

	if (last)
		send_all(p, end, sizeof(end));
	else
		send_all(p, ask, sizeof(ask));
}

/* ---- the machine stopped ---- */

static void tell_stop(struct prompt *p)
{
	struct dbg *d = p->s.d;
	struct view v;
	char place[256];

	p->seen = d->stop.count;
	p->s.cpu = d->stop.cpu;
	out_say(&p->to, "%s\n", d->stop.text);
	v = session_view(&p->s);
	if (v.k)
		out_say(&p->to, "%s\n", kernel_place(v.k, GVA(session_vcpu(&p->s)->rip), place,
						     sizeof(place)));
	ready(p, false);
}

static void stop_now(struct prompt *p)
{
	struct dbg *d = p->s.d;

	if (d->vm && !d->held)
		stop_hold(d, STOP_ASKED, p->s.cpu, "stopped");
}

/* ---- lines ---- */

/* An empty line repeats what can be; memory goes on where it ended. */
static void again(struct prompt *p, const char *line)
{
	char *space;

	snprintf(p->s.again, sizeof(p->s.again), "%s", line);
	space = strpbrk(p->s.again, " \t");
	if (space && (line[0] == 'x' || line[0] == 'd'))
		*space = 0;
}

static bool repeats(const char *line)
{
	static const char *const rows[] = { "x", "dis", "step", "s", "next", "n" };

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strncmp(line, rows[i], strlen(rows[i])) &&
		    strchr(" /\t", line[strlen(rows[i])]))
			return true;
	return false;
}

static void take_line(struct prompt *p, const char *line)
{
	struct dbg *d = p->s.d;

	if (line[0] == '\t') {
		command_complete(&p->s, line + 1);
		ready(p, false);
		return;
	}
	if (*line)
		again(p, repeats(line) ? line : "");
	p->s.goes = false;
	command_run(&p->s, *line ? line : p->s.again);
	if (p->s.goes && d->vm) {
		send_all(p, "\1", 1);
		stop_go(d);
	}
	if (p->s.quits)
		ready(p, true);
	else if (!p->s.goes)
		ready(p, false);
}

/* Returns false at the end of the session. */
static bool take_bytes(struct prompt *p)
{
	char buf[512];
	ssize_t n = recv(p->fd, buf, sizeof(buf), 0);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	for (ssize_t i = 0; i < n && !p->s.quits; i++) {
		if (buf[i] == ASK_TO_STOP) {
			stop_now(p);
		} else if (buf[i] == '\n') {
			p->line[p->len] = 0;
			p->len = 0;
			take_line(p, p->line);
		} else if (p->len < sizeof(p->line) - 1) {
			p->line[p->len++] = buf[i];
		}
	}
	return !p->s.quits && !p->gone;
}

static void sleep_until_woken(struct prompt *p, struct pollfd f[2])
{
	u64 times;

	pthread_mutex_unlock(&p->s.d->lock);
	poll(f, 2, -1);
	if (f[1].revents && read(p->client.wake, &times, sizeof(times)) < 0)
		f[1].revents = 0;
	pthread_mutex_lock(&p->s.d->lock);
}

static void loop(struct prompt *p)
{
	struct pollfd f[2] = { { p->fd, POLLIN, 0 }, { p->client.wake, POLLIN, 0 } };
	struct dbg *d = p->s.d;

	for (;;) {
		if (d->held && p->seen != d->stop.count)
			tell_stop(p);
		if (d->closing)
			break;
		sleep_until_woken(p, f);
		if (f[0].revents && !take_bytes(p))
			break;
	}
	if (!p->s.quits)
		ready(p, true);
}

void dbg_serve(struct dbg *d, int fd)
{
	struct prompt *p = calloc(1, sizeof(*p));

	if (!p) {
		close(fd);
		return;
	}
	session_init(&p->s, d, &p->to);
	p->to.put = prompt_put;
	p->fd = fd;
	p->client.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_lock(&d->lock);
	client_add(d, &p->client);
	p->seen = d->stop.count - 1;
	stop_now(p);
	if (!d->vm)
		ready(p, false);
	loop(p);
	client_remove(d, &p->client);
	pthread_mutex_unlock(&d->lock);
	close(p->client.wake);
	close(fd);
	free(p);
}

int dbg_prompt(struct dbg *d, const char *where, struct err *e)
{
	return door_open(d, where, dbg_serve, e);
}
