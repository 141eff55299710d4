/* script.c - from words to what is expected and what is sent. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chat/int.h"

int chat_new(const struct chat_config *config, struct chat **ret, struct err *e)
{
	struct chat *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	c->config = *config;
	if (!c->config.timeout_s)
		c->config.timeout_s = CHAT_TIMEOUT_S;
	*ret = c;
	return 0;
}

void chat_free(struct chat *c)
{
	free(c);
}

const char *chat_why(const struct chat *c)
{
	return c->why;
}

/* ---- the argument of a word such as ABORT ---- */

/* s with its escapes done into buf; a string that is too long is the script's fault. */
static int plain(struct chat *c, const char *s, u8 buf[STRING_MAX + 1], size_t *len)
{
	struct text t;
	bool fits;

	if (text_make(c, s, TEXT_EXPECT, &t))
		return chat_fail(c, CHAT_BAD, "out of memory");
	fits = t.n <= STRING_MAX && t.n <= strlen(s);
	for (size_t i = 0; i < t.n && fits; i++)
		buf[i] = (u8)t.at[i];
	*len = fits ? t.n : 0;
	buf[*len] = 0;
	text_free(&t);
	return fits ? CHAT_GO_ON : chat_fail(c, CHAT_BAD, "illegal or too long string '%s'", s);
}

static int strings_add(struct chat *c, struct strings *l, const char *s)
{
	if (l->n == STRINGS_MAX)
		return chat_fail(c, CHAT_BROKEN, "more than %d ABORT or REPORT strings", STRINGS_MAX);
	return plain(c, s, l->at[l->n], &l->len[l->n]) == CHAT_GO_ON ? l->n++, CHAT_GO_ON : CHAT_BAD;
}

void strings_drop(struct strings *l, unsigned i)
{
	l->n--;
	memmove(l->at[i], l->at[i + 1], (l->n - i) * sizeof(l->at[0]));
	memmove(&l->len[i], &l->len[i + 1], (l->n - i) * sizeof(l->len[0]));
}

/* The first of several that are equal. */
static int strings_remove(struct chat *c, struct strings *l, const char *s)
{
	u8 gone[STRING_MAX + 1];
	size_t len;
	unsigned i = 0;
	int rc = plain(c, s, gone, &len);

	if (rc != CHAT_GO_ON)
		return rc;
	while (i < l->n && (l->len[i] != len || memcmp(l->at[i], gone, len)))
		i++;
	if (i < l->n)
		strings_drop(l, i);
	return CHAT_GO_ON;
}

/* In one piece: the guest's own output may come between. */
static int say(struct chat *c, const char *s)
{
	struct text t;
	char *bytes;
	ssize_t n;

	if (text_make(c, s, TEXT_SAY, &t))
		return chat_fail(c, CHAT_BAD, "out of memory");
	bytes = calloc(1, t.n + 1);
	for (size_t i = 0; bytes && i < t.n; i++)
		bytes[i] = (char)t.at[i];
	n = bytes ? write(c->config.err, bytes, t.n) : 0;
	(void)n; /* nobody need be listening */
	free(bytes);
	text_free(&t);
	return CHAT_GO_ON;
}

static int set_timeout(struct chat *c, const char *s)
{
	long val = strtol(s, NULL, 10);

	c->config.timeout_s = val > 0 && val < 1 << 30 ? (unsigned)val : CHAT_TIMEOUT_S;
	return CHAT_GO_ON;
}

/* ---- words to send ---- */

static int send_text(struct chat *c, const char *s)
{
	if (!strcmp(s, "EOT"))
		return talk_send(c, "^D\\c");
	if (!strcmp(s, "BREAK"))
		return talk_send(c, "\\K\\c");
	return talk_send(c, s);
}

static int send_file(struct chat *c, const char *path)
{
	char buf[WORD_MAX];
	size_t n;
	FILE *f;

	path += strspn(path, " \t");
	f = fopen(path, "re");
	if (!f)
		return chat_fail(c, CHAT_BAD, "%s -- open failed: %s", path, strerror(errno));
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = 0;
	return send_text(c, buf);
}

static int send_word(struct chat *c, const char *s)
{
	return *s == '@' ? send_file(c, s + 1) : send_text(c, s);
}

static int argument(struct chat *c, const char *s)
{
	enum chat_next next = c->next;

	c->next = NEXT_SEND;
	switch (next) {
	case NEXT_ABORT:
		return strings_add(c, &c->aborts, s);
	case NEXT_CLR_ABORT:
		return strings_remove(c, &c->aborts, s);
	case NEXT_REPORT:
		return strings_add(c, &c->reports, s);
	case NEXT_CLR_REPORT:
		return strings_remove(c, &c->reports, s);
	case NEXT_TIMEOUT:
		return set_timeout(c, s);
	case NEXT_ECHO:
		c->config.echo = !strcmp(s, "ON");
		return CHAT_GO_ON;
	case NEXT_SAY:
		return say(c, s);
	case NEXT_HANGUP:
		c->no_hangup = !strcmp(s, "OFF");
		return CHAT_GO_ON;
	case NEXT_SEND:
		break;
	}
	return send_word(c, s);
}

/* ---- words that are expected ---- */

static const struct {
	const char *word;
	enum chat_next next;
} keywords[] = {
	{ "ABORT", NEXT_ABORT }, { "CLR_ABORT", NEXT_CLR_ABORT }, { "REPORT", NEXT_REPORT },
	{ "CLR_REPORT", NEXT_CLR_REPORT }, { "TIMEOUT", NEXT_TIMEOUT }, { "ECHO", NEXT_ECHO },
	{ "SAY", NEXT_SAY }, { "HANGUP", NEXT_HANGUP },
};

/* The piece of *s up to a '-' that no backslash is before; NULL: there is none. */
static char *piece(char **s)
{
	char *start = *s, *p = start;

	if (!*start)
		return NULL;
	while (*p && *p != '-')
		p += *p == '\\' && p[1] ? 2 : 1;
	if (*p)
		*p++ = 0;
	*s = p;
	return start;
}

/*C:100 Expect, send, and what if not
 * A script's words alternate: one is waited for, the next is sent. A word that is waited for may
 * carry its own remedy, "ogin:-BREAK-ogin:": if the first piece does not come in time, the second is
 * sent and the third is waited for. Only a timeout is remedied; an ABORT string ends everything, with
 * a status that says which it was. A word such as TIMEOUT takes the next one as its argument, which
 * keeps the alternation.
 * @test test/chat/run
 */
static int expect(struct chat *c, char *s)
{
	char *want, *reply;
	int rc;

	while ((want = piece(&s))) {
		reply = piece(&s);
		rc = talk_expect(c, want);
		if (rc == CHAT_GO_ON)
			return rc;
		if (!reply || rc != CHAT_TIMEOUT)
			return rc;
		rc = send_word(c, reply);
		if (rc != CHAT_GO_ON)
			return rc;
	}
	return CHAT_GO_ON;
}

static int expect_word(struct chat *c, const char *word)
{
	char *copy;
	int rc;

	for (unsigned i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (strcmp(word, keywords[i].word))
			continue;
		c->next = keywords[i].next;
		return CHAT_GO_ON;
	}
	copy = strdup(word);
	if (!copy)
		return chat_fail(c, CHAT_BAD, "out of memory");
	rc = expect(c, copy);
	free(copy);
	return rc;
}

int chat_word(struct chat *c, const char *word)
{
	c->sending = !c->sending;
	return c->sending ? expect_word(c, word) : argument(c, word);
}

/* ---- files ---- */

/* The end of a quoted word that starts at s; NULL: there is none. */
static char *quote_end(char *s, char quote)
{
	while (*s && *s != quote)
		s += *s == '\\' && s[1] ? 2 : 1;
	return *s ? s : NULL;
}

static int line_words(struct chat *c, char *s, unsigned line)
{
	int rc = CHAT_GO_ON;

	for (s += strspn(s, " \t"); *s && rc == CHAT_GO_ON; s += strspn(s, " \t")) {
		char *word = s, *end = s + strcspn(s, " \t");

		if (*s == '\'' || *s == '"') {
			word = s + 1;
			end = quote_end(word, *s);
		}
		if (!end)
			return chat_fail(c, CHAT_BAD, "unterminated quote (line %u)", line);
		s = *end ? end + 1 : end;
		*end = 0;
		rc = chat_word(c, word);
	}
	return rc;
}

int chat_file(struct chat *c, const char *path)
{
	char buf[WORD_MAX];
	FILE *f = fopen(path, "re");
	int rc = CHAT_GO_ON;

	if (!f)
		return chat_fail(c, CHAT_BAD, "%s -- open failed: %s", path, strerror(errno));
	for (unsigned line = 1; rc == CHAT_GO_ON && fgets(buf, sizeof(buf), f); line++) {
		buf[strcspn(buf, "\n")] = 0;
		if (*buf != '#')
			rc = line_words(c, buf, line);
	}
	fclose(f);
	return rc;
}
