/* attach.c - the command `attach`: this terminal becomes one more of a running machine's console. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/breakin.h"
#include "cli/cli.h"
#include "cli/ctl.h"
#include "cli/keys.h"
#include "cli/term.h"

struct attach {
	const char *name;
	int fd;
	struct keys keys;
	struct breakin breakin;
	bool terminal, input_ended, done;
};

/* A key's request goes through a connection of its own: this one carries bytes. */
static void request(struct attach *a, const char *what)
{
	char reply[CTL_REPLY_MAX];
	struct err e;
	int fd = ctl_dial(a->name, &e);

	if (fd < 0 || ctl_ask(fd, what, reply, &e))
		cli_say("%s", e.text);
	if (fd >= 0)
		close(fd);
}

static void debug(struct attach *a)
{
	char reply[CTL_REPLY_MAX];
	struct err e;
	int fd = -1;

	if (a->breakin.prompt)
		prompt_interrupt(a->breakin.fd);
	else
		fd = ctl_dial(a->name, &e);
	if (!a->breakin.prompt && (fd < 0 || ctl_ask(fd, "debug", reply, &e)))
		cli_say("%s", e.text);
	else
		breakin_enter(&a->breakin, fd);
}

static void act(struct attach *a, enum key key)
{
	switch (key) {
	case KEY_DETACH:
		a->done = true;
		break;
	case KEY_QUIT:
		request(a, "kill");
		break;
	case KEY_POWER:
		request(a, "power");
		break;
	case KEY_BREAK:
		request(a, "break");
		break;
	case KEY_DEBUG:
		debug(a);
		break;
	case KEY_HELP:
		keys_show(&a->keys);
		break;
	default:
		break;
	}
}

/* Waits while the guest takes nothing: a person's own terminal may. */
static void type(struct attach *a, const char *buf, size_t len)
{
	while (len && !a->done) {
		ssize_t n = send(a->fd, buf, len, MSG_NOSIGNAL);
		struct pollfd p = { a->fd, POLLOUT, 0 };

		if (n < 0 && errno == EAGAIN) {
			poll(&p, 1, 1000);
		} else if (n < 0 && errno != EINTR) {
			a->done = true;
		} else if (n > 0) {
			buf += n;
			len -= (size_t)n;
		}
	}
}

static void take_input(struct attach *a)
{
	char buf[4096];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
	size_t kept = 0;

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		a->input_ended = true;
	for (ssize_t i = 0; a->terminal && i < n && !a->done; i++) {
		enum key key = keys_take(&a->keys, (u8)buf[i]);

		if (key == KEY_GUEST)
			buf[kept++] = buf[i];
		else
			act(a, key);
	}
	if (n > 0)
		type(a, buf, a->terminal ? kept : (size_t)n);
}

static int show_output(struct attach *a, struct err *e)
{
	char buf[4096], *p = buf;
	ssize_t n = read(a->fd, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	a->done |= n <= 0;
	if (n == 0 && a->terminal)
		cli_say("the machine has ended");
	while (n > 0) {
		ssize_t put = write(STDOUT_FILENO, p, (size_t)n);

		if (put < 0 && errno != EINTR)
			return err_sys(e, "cannot write standard output");
		if (put > 0) {
			p += put;
			n -= put;
		}
	}
	return 0;
}

static int converse(struct attach *a, struct err *e)
{
	int rc = 0;

	while (!a->done && !rc) {
		struct pollfd p[3] = { { a->fd, POLLIN, 0 },
				       { a->input_ended ? -1 : STDIN_FILENO, POLLIN, 0 },
				       { a->breakin.fd, POLLIN, 0 } };

		if (poll(p, 3, -1) < 0)
			continue;
		if (p[2].revents)
			breakin_enter(&a->breakin, -1);
		if (p[0].revents)
			rc = show_output(a, e);
		if (!rc && !a->done && p[1].revents)
			take_input(a);
	}
	return rc;
}

/*L:480 Several at one console
 * A viewer is a socket that gets the guest's output and whose bytes are typed into the guest. Each
 * has its own place in the last 64 KiB of output, so one that reads slowly misses something and is
 * told so, and nobody waits for it. What a new viewer sees first is that same store.
 * @test test/life/run
 */
int cmd_attach(int argc, char **argv)
{
	struct attach a = { .fd = -1, .keys = { .viewer = true },
			    .breakin = { .fd = -1 } };
	char reply[CTL_REPLY_MAX];
	struct err e;
	int rc;

	if (argc != 2)
		return cli_usage("attach", "one machine at a time");
	a.name = argv[1];
	a.terminal = isatty(STDIN_FILENO);
	a.fd = ctl_dial(a.name, &e);
	rc = a.fd < 0 ? a.fd : ctl_ask(a.fd, "attach", reply, &e);
	if (!rc && a.terminal) {
		term_catch();
		rc = term_open(&e);
		if (!rc)
			cli_say("this is the console of %s; Ctrl-A d detaches, Ctrl-A h shows more", a.name);
		if (!rc)
			rc = term_raw(&e);
	}
	if (!rc)
		rc = converse(&a, &e);
	breakin_close(&a.breakin);
	term_done();
	if (a.fd >= 0)
		close(a.fd);
	if (rc)
		cli_error("attach", &e);
	return rc ? CLI_ERROR : CLI_OK;
}
