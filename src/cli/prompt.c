/* prompt.c - the debugger's prompt at a terminal: editing, history, completion. Knows no command. */
#define _GNU_SOURCE
#include "cli/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define HISTORY_LINES 500
#define RUNS 1  /* the machine runs: see dbg_serve() */

struct prompt {
	int fd;
	char *const *lines;
	unsigned nlines;
	bool more;
	EditLine *el; /* NULL: standard input is no terminal */
	History *history;
	char *history_path;
	char ask[32];
	FILE *in;     /* from the session */
};

/* ---- history ---- */

static char *history_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *dir = NULL, *path = NULL;

	if (state && *state == '/' ? asprintf(&dir, "%s/pandok", state) < 0
				   : asprintf(&dir, "%s/.local/state/pandok", home ? home : "") < 0)
		return NULL;
	mkdir(dir, 0700);
	if (asprintf(&path, "%s/debug_history", dir) < 0)
		path = NULL;
	free(dir);
	return path;
}

/* ---- completion ---- */

static void send_line(struct prompt *p, const char *begin, const char *text, size_t len)
{
	struct iovec iov[3] = { { (char *)begin, strlen(begin) }, { (char *)text, len },
				{ (char *)"\n", 1 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 3 };

	if (sendmsg(p->fd, &m, MSG_NOSIGNAL) < 0)
		return; /* the session is over, as its end will say */
}

/* What the session answers up to the next NUL. */
static char *answer(struct prompt *p)
{
	char *text = NULL;
	size_t room = 0;

	if (getdelim(&text, &room, 0, p->in) < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* The longest beginning that all of the lines have. */
static size_t common(const char *lines)
{
	size_t len = strcspn(lines, "\n");

	for (const char *l = lines; *l; l += strcspn(l, "\n") + 1) {
		size_t n = 0;

		while (n < len && l[n] == lines[n])
			n++;
		len = n;
	}
	return len;
}

static unsigned char complete(EditLine *el, int key)
{
	const LineInfo *li = el_line(el);
	size_t len = (size_t)(li->cursor - li->buffer), all;
	struct prompt *p;
	char *lines, *ask;
	unsigned char ret = CC_REFRESH_BEEP;

	(void)key;
	el_get(el, EL_CLIENTDATA, &p);
	send_line(p, "\t", li->buffer, len);
	lines = answer(p);
	ask = answer(p);
	all = lines ? common(lines) : 0;
	if (all > len) {
		lines[all] = lines[all] == '\n' && !lines[all + 1] ? ' ' : 0;
		lines[all + 1] = 0;
		el_insertstr(el, lines + len);
		ret = CC_REFRESH;
	} else if (lines && *lines) {
		printf("\n%s", lines);
		ret = CC_REDISPLAY;
	}
	free(lines);
	free(ask);
	return ret;
}

static char *ask_of(EditLine *el)
{
	struct prompt *p;

	el_get(el, EL_CLIENTDATA, &p);
	return p->ask;
}

static int editor_new(struct prompt *p, struct err *e)
{
	HistEvent ev;

	p->el = el_init("pandok", stdin, stdout, stderr);
	p->history = history_init();
	if (!p->el || !p->history)
		return err_set(e, -ENOMEM, "out of memory");
	el_set(p->el, EL_CLIENTDATA, p);
	el_set(p->el, EL_PROMPT, ask_of);
	el_set(p->el, EL_EDITOR, "emacs");
	el_set(p->el, EL_ADDFN, "complete", "complete a command or a symbol", complete);
	el_set(p->el, EL_BIND, "^I", "complete", NULL);
	el_set(p->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	history(p->history, &ev, H_SETSIZE, HISTORY_LINES);
	history(p->history, &ev, H_SETUNIQUE, 1);
	el_set(p->el, EL_HIST, history, p->history);
	p->history_path = history_path();
	if (p->history_path)
		history(p->history, &ev, H_LOAD, p->history_path);
	return 0;
}

/* ---- making ---- */

int prompt_new(int fd, char *const *lines, unsigned nlines, bool more, struct prompt **ret,
	       struct err *e)
{
	struct prompt *p = calloc(1, sizeof(*p));
	int rc = 0;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	p->fd = fd;
	p->lines = lines;
	p->nlines = nlines;
	p->more = more;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	p->in = fdopen(fd, "r");
	if (!p->in)
		rc = err_sys(e, "cannot read from the debugger");
	else if (more && isatty(STDIN_FILENO))
		rc = editor_new(p, e);
	if (rc) {
		prompt_free(p);
		return rc;
	}
	*ret = p;
	return 0;
}

void prompt_free(struct prompt *p)
{
	HistEvent ev;

	if (!p)
		return;
	if (p->history_path)
		history(p->history, &ev, H_SAVE, p->history_path);
	if (p->el)
		el_end(p->el);
	if (p->history)
		history_end(p->history);
	if (p->in)
		fclose(p->in);
	else
		close(p->fd);
	free(p->history_path);
	free(p);
}

/* ---- lines ---- */

static char *read_edited(struct prompt *p)
{
	HistEvent ev;
	const char *line;
	int n;

	line = el_gets(p->el, &n);
	if (!line || n <= 0)
		return NULL;
	if (n > 1)
		history(p->history, &ev, H_ENTER, line);
	return strndup(line, (size_t)(line[n - 1] == '\n' ? n - 1 : n));
}

static char *read_plain(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n = getline(&line, &room, stdin);

	if (n < 0) {
		free(line);
		return NULL;
	}
	if (n && line[n - 1] == '\n')
		line[n - 1] = 0;
	return line;
}

/* The next line; NULL: there is none. What nobody typed is shown as if somebody had. */
static char *next_line(struct prompt *p)
{
	char *line;

	if (p->nlines) {
		p->nlines--;
		line = strdup(*p->lines++);
	} else if (!p->more) {
		return NULL;
	} else if (p->el) {
		return read_edited(p);
	} else {
		line = read_plain();
	}
	if (line)
		printf("%s%s\n", p->ask, line);
	return line;
}

enum state { ASKS, RUNS_NOW, OVER };

/* Show what the session says until it wants something. */
static enum state show(struct prompt *p)
{
	int c;

	while ((c = getc(p->in)) > 0)
		if (c == RUNS)
			return RUNS_NOW;
		else
			putchar(c);
	if (c < 0)
		return OVER;
	for (unsigned n = 0; (c = getc(p->in)) > 0;)
		if (n < sizeof(p->ask) - 1) {
			p->ask[n++] = (char)c;
			p->ask[n] = 0;
		}
	return c < 0 || !p->ask[0] ? OVER : ASKS;
}

enum prompt_end prompt_run(struct prompt *p, bool wait)
{
	for (;;) {
		enum state now;
		char *line;

		p->ask[0] = 0;
		now = show(p);
		fflush(stdout);
		if (now == OVER)
			return PROMPT_OVER;
		if (now == RUNS_NOW) {
			if (!wait)
				return PROMPT_RUNNING;
			continue;
		}
		line = next_line(p);
		if (!line) {
			if (p->el)
				putchar('\n');
			shutdown(p->fd, SHUT_WR); /* the session ends; what it says still comes */
			continue;
		}
		send_line(p, "", line, strlen(line));
		free(line);
	}
}

void prompt_interrupt(int fd)
{
	if (send(fd, "\3", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* it is over already */
}
