/* record.c - joins a terminal and a line, and keeps what each said. */
#include "cli/record.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/term.h"

struct session {
	struct line *l;
	struct chat_record *r;
	struct keys keys;
	bool terminal, done;
	struct err *e;
};

static int put(int fd, const u8 *buf, size_t len)
{
	while (len) {
		struct pollfd p = { fd, POLLOUT, 0 };
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EAGAIN)
			poll(&p, 1, 1000);
		else if (n < 0 && errno != EINTR)
			return -errno;
		else if (n > 0)
			buf += n, len -= (size_t)n;
	}
	return 0;
}

/* Our keys taken out: all of them end the session but the ones for the line and for help. */
static size_t take_keys(struct session *s, u8 *buf, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len && s->terminal; i++) {
		enum key key = keys_take(&s->keys, buf[i]);

		if (key == KEY_GUEST)
			buf[kept++] = buf[i];
		else if (key == KEY_BREAK)
			line_break(s->l);
		else if (key == KEY_DETACH || key == KEY_QUIT)
			s->done = true;
		else if (key != KEY_NOTHING)
			cli_say("Ctrl-A d ends the recording, Ctrl-A b sends a break");
	}
	return s->terminal ? kept : len;
}

static int from_person(struct session *s)
{
	u8 buf[1024];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
	size_t len;

	if (n < 0 && errno == EINTR)
		return 0;
	s->done = n <= 0;
	len = n > 0 ? take_keys(s, buf, (size_t)n) : 0;
	if (chat_record_add(s->r, true, buf, len))
		return err_set(s->e, -ENOMEM, "out of memory");
	if (put(s->l->out, buf, len))
		s->done = true;
	return 0;
}

static int from_line(struct session *s)
{
	u8 buf[1024];
	ssize_t n = read(s->l->in, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	s->done |= n <= 0;
	if (n > 0 && chat_record_add(s->r, false, buf, (size_t)n))
		return err_set(s->e, -ENOMEM, "out of memory");
	if (n > 0 && put(STDOUT_FILENO, buf, (size_t)n))
		return err_sys(s->e, "cannot write standard output");
	return 0;
}

static int converse(struct session *s)
{
	int rc = 0;

	while (!rc && !s->done) {
		struct pollfd p[2] = { { s->l->in, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };

		/* The line first: an answer that is there belongs before what is typed next. */
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents)
			rc = from_line(s);
		else if (p[1].revents)
			rc = from_person(s);
	}
	return rc;
}

int record_session(struct line *l, const char *with, const struct chat_trace *how, const char *path,
		   struct err *e)
{
	struct session s = { .l = l, .keys = { .viewer = true }, .terminal = isatty(STDIN_FILENO), .e = e };
	FILE *to = fopen(path, "we");
	int rc = 0;

	if (!to)
		return err_sys(e, "cannot write '%s'", path);
	s.r = chat_record_new(with);
	if (!s.r)
		rc = err_set(e, -ENOMEM, "out of memory");
	if (!rc && s.terminal) {
		term_catch();
		rc = term_open(e);
		if (!rc)
			cli_say("recording to '%s'; Ctrl-A d ends it", path);
		if (!rc)
			rc = term_raw(e);
	}
	if (!rc)
		rc = converse(&s);
	term_done();
	if (!rc)
		chat_record_write(s.r, how, to);
	chat_record_free(s.r);
	return fclose(to) && !rc ? err_sys(e, "cannot write '%s'", path) : rc;
}
