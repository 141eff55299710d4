/* trace_line.c - the lines of an strace log, with and without pids, times and descriptors' names. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chat/trace.h"

#define UNFINISHED "<unfinished ...>"
#define RESUMED "resumed>"

/* The first piece of a call. */
struct half {
	long pid;
	char *text; /* from the name on */
	struct half *next;
};

int bytes_add(struct bytes *b, const void *from, size_t len)
{
	if (b->n + len > b->room) {
		size_t room = 2 * (b->n + len);
		u8 *at = realloc(b->at, room);

		if (!at)
			return -ENOMEM;
		b->at = at;
		b->room = room;
	}
	if (len)
		memcpy(b->at + b->n, from, len);
	b->n += len;
	return 0;
}

/* ---- strings ---- */

static unsigned hex_digit(char c)
{
	return isdigit((u8)c) ? (unsigned)c - '0' : ((unsigned)c | 32) - 'a' + 10;
}

/* Behind a backslash at *p. strace writes octal with as few digits as do. */
static u8 unescape(const char **p)
{
	static const char from[] = "nrtvfab", to[] = "\n\r\t\v\f\a\b";
	const char *s = *p, *known;
	unsigned code = 0, digits = 0;

	if (*s >= '0' && *s <= '7') {
		for (; digits < 3 && *s >= '0' && *s <= '7'; digits++)
			code = code << 3 | ((unsigned)*s++ & 7);
	} else if (*s == 'x' && isxdigit((u8)s[1])) {
		for (s++; digits < 2 && isxdigit((u8)*s); digits++)
			code = code << 4 | hex_digit(*s++);
	} else {
		known = *s ? strchr(from, *s) : NULL;
		code = known ? (u8)to[known - from] : (u8)*s;
		s += *s != 0;
	}
	*p = s;
	return (u8)code;
}

int string_take(const char **p, struct bytes *to, bool *cut)
{
	const char *s = *p + 1;
	int rc = 0;

	while (*s && *s != '"' && !rc) {
		u8 byte = (u8)*s++;

		if (byte == '\\')
			byte = unescape(&s);
		rc = bytes_add(to, &byte, 1);
	}
	s += *s == '"';
	*cut = !strncmp(s, "...", 3);
	*p = s;
	return rc;
}

/* ---- calls ---- */

/* Behind the arguments at s: the closing parenthesis, strings and nested brackets left aside. */
static char *args_end(char *s)
{
	unsigned deep = 0;

	for (; *s; s++) {
		if (*s == '"') {
			for (s++; *s && *s != '"'; s++)
				s += *s == '\\' && s[1];
			if (!*s)
				return NULL;
		} else if (strchr("([{", *s)) {
			deep++;
		} else if (strchr(")]}", *s) && !deep--) {
			return s;
		}
	}
	return NULL;
}

/* "name(args) = ret …"; false: it is something else, a signal say. */
static bool take_call(char *s, struct call *ret)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
	char *end, *equals;

	if (!n || n >= sizeof(ret->name) || s[n] != '(')
		return false;
	memcpy(ret->name, s, n);
	ret->name[n] = 0;
	ret->args = s + n + 1;
	end = args_end(ret->args);
	if (!end)
		return false;
	equals = end + 1 + strspn(end + 1, " \t");
	if (*equals != '=' || equals[1] != ' ' || equals[2] == '?')
		return false;
	*end = 0;
	ret->ret = strtol(equals + 2, NULL, 0);
	return true;
}

/* What may stand before a call: "[pid 12] ", "12 ", a time of day, seconds with a fraction. */
static char *skip_head(char *s, long *pid)
{
	bool first = true;

	*pid = 0;
	for (;; first = false) {
		size_t n;

		s += strspn(s, " \t");
		if (!strncmp(s, "[pid", 4)) {
			*pid = strtol(s + 4, &s, 10);
			s += *s == ']';
			continue;
		}
		n = strspn(s, "0123456789.:+");
		if (!n || !strchr(" \t", s[n]) || !s[n])
			return s;
		if (first && n == strspn(s, "0123456789"))
			*pid = atol(s);
		s += n;
	}
}

static int keep_half(struct log *l, long pid, char *s, size_t len)
{
	struct half *h = malloc(sizeof(*h));

	if (h)
		h->text = strndup(s, len);
	if (!h || !h->text) {
		free(h);
		return -ENOMEM;
	}
	h->pid = pid;
	h->next = l->halves;
	l->halves = h;
	return 0;
}

/* The first piece of what is resumed, and the second behind it, into l->line. */
static int join_halves(struct log *l, long pid, const char *rest, char **ret)
{
	struct half **p = &l->halves, *h;
	char *whole;

	while (*p && (*p)->pid != pid)
		p = &(*p)->next;
	h = *p;
	if (!h)
		return 0;
	if (asprintf(&whole, "%s%s", h->text, rest) < 0)
		return -ENOMEM;
	*p = h->next;
	free(h->text);
	free(h);
	free(l->line);
	l->line = *ret = whole;
	l->room = strlen(whole) + 1;
	return 0;
}

/* 1: a call; 0: nothing of use in this line. */
static int take_line(struct log *l, struct call *ret)
{
	char *s = skip_head(l->line, &ret->pid), *mark;
	int rc;

	mark = strstr(s, UNFINISHED);
	if (mark && !mark[strlen(UNFINISHED)])
		return keep_half(l, ret->pid, s, (size_t)(mark - s));
	if (!strncmp(s, "<... ", 5) && (mark = strstr(s, RESUMED))) {
		s = NULL;
		rc = join_halves(l, ret->pid, mark + strlen(RESUMED), &s);
		if (rc || !s)
			return rc;
	}
	return take_call(s, ret);
}

int log_next(struct log *l, struct call *ret)
{
	ssize_t n;
	int rc = 0;

	while (!rc && (n = getline(&l->line, &l->room, l->file)) >= 0) {
		l->number++;
		while (n > 0 && isspace((u8)l->line[n - 1]))
			l->line[--n] = 0;
		if (n)
			rc = take_line(l, ret);
	}
	return rc;
}

const char *log_forking(const struct log *l, long *pid)
{
	for (const struct half *h = l->halves; h; h = h->next)
		if (!strncmp(h->text, "clone", 5) || strstr(h->text, "fork(") == h->text ||
		    !strncmp(h->text, "vfork(", 6)) {
			*pid = h->pid;
			return h->text;
		}
	return NULL;
}

void log_close(struct log *l)
{
	for (struct half *h = l->halves, *next; h; h = next) {
		next = h->next;
		free(h->text);
		free(h);
	}
	free(l->line);
}
