/* trace_script.c - writes a dialogue as a chat script. */
#define _GNU_SOURCE
#include <ctype.h>
#include <string.h>

#include "chat/trace.h"

/* What a modem ends its answer with. Those that are bad news abort the script, unless the dialogue
 * itself got over one. V.250 5.7, 27.007 9. */
static const struct {
	const char *text;
	bool bad;
} results[] = {
	{ "OK", false }, { "CONNECT", false }, { "ERROR", true }, { "NO CARRIER", true },
	{ "BUSY", true }, { "NO DIALTONE", true }, { "NO ANSWER", true }, { "+CME ERROR", true },
	{ "+CMS ERROR", true },
};

static bool is_result(const u8 *s, size_t n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(results); i++) {
		size_t len = strlen(results[i].text);

		if (n >= len && !memcmp(s, results[i].text, len))
			return true;
	}
	return false;
}

static bool came(const struct file *f, const char *text)
{
	for (unsigned i = 0; i < f->nturns; i++)
		if (!f->turn[i].sent &&
		    memmem(f->data.at + f->turn[i].at, f->turn[i].n, text, strlen(text)))
			return true;
	return false;
}

/* ---- words ---- */

/* A byte inside quotes, so that chat reads it back as it was. */
static void put_byte(u8 byte, bool expected, FILE *to)
{
	if (byte == '\r')
		fputs("\\r", to);
	else if (byte == '\n')
		fputs("\\n", to);
	else if (byte == '\\')
		fputs("\\\\", to);
	else if (byte == '-' && expected)
		fputs("\\-", to);
	else if (byte < ' ' || byte > '~' || byte == '\'' || byte == '^' || byte == '$')
		fprintf(to, "\\%03o", byte);
	else
		fputc(byte, to);
}

/* Words that mean something else: the first byte is hidden in an escape. */
static bool is_special(const u8 *s, size_t n)
{
	static const char *const words[] = {
		"ABORT", "CLR_ABORT", "REPORT", "CLR_REPORT", "TIMEOUT", "ECHO", "SAY", "HANGUP", "EOT", "BREAK",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (n == strlen(words[i]) && !memcmp(s, words[i], n))
			return true;
	return n && *s == '@';
}

static void put_word(const u8 *s, size_t n, bool expected, const struct chat_trace *how, FILE *to)
{
	size_t secret = !expected && how->secret ? strlen(how->secret) : 0;

	for (size_t i = 0; i < n;) {
		if (secret && n - i >= secret && !memcmp(s + i, how->secret, secret)) {
			fprintf(to, "$%s", how->variable);
			i += secret;
			if (i < n && (isalnum(s[i]) || s[i] == '_')) /* would belong to the name */
				fprintf(to, "\\%03o", s[i++]);
		} else if (!i && is_special(s, n)) {
			fprintf(to, "\\%03o", s[i++]);
		} else {
			put_byte(s[i++], expected, to);
		}
	}
}

static void put_sent(const u8 *s, size_t n, const struct chat_trace *how, FILE *to)
{
	bool line = n && s[n - 1] == '\r';

	fputs(" '", to);
	put_word(s, line ? n - 1 : n, false, how, to);
	fputs(line ? "'\n" : "\\c'\n", to);
}

/* ---- what to wait for ---- */

struct span {
	const u8 *at;
	size_t n;
};

/* The printable bytes at the start of s, without spaces around them. */
static struct span printable(const u8 *s, size_t n)
{
	struct span p = { s, n };

	while (p.n && isspace(*p.at))
		p.at++, p.n--;
	for (size_t i = 0; i < p.n; i++)
		if (p.at[i] < ' ' || p.at[i] > '~')
			p.n = i;
	while (p.n && isspace(p.at[p.n - 1]))
		p.n--;
	return p;
}

/* Is line what was sent, come back as echo? */
static bool is_echo(struct span line, struct span sent)
{
	return line.n && line.n <= sent.n && !memcmp(line.at, sent.at, line.n);
}

/*
 * The line of an answer that says that it is complete: the last result code, else the last line that
 * is neither the echo of what was sent nor unsolicited ("^RSSI:16").
 */
static struct span tell_tale(struct span answer, struct span sent)
{
	struct span best = { NULL, 0 };
	bool have_result = false;

	for (size_t at = 0; at < answer.n;) {
		const u8 *line = answer.at + at, *end = memchr(line, '\n', answer.n - at);
		size_t len = end ? (size_t)(end - line) + 1 : answer.n - at;
		struct span p = printable(line, len);
		bool result = is_result(p.at, p.n);

		at += len;
		if (!p.n || *p.at == '^' || is_echo(p, sent) || (have_result && !result))
			continue;
		best = p;
		have_result |= result;
	}
	return best;
}

static void put_aborts(const struct file *f, FILE *to)
{
	for (unsigned i = 0; i < ARRAY_SIZE(results); i++)
		if (results[i].bad && !came(f, results[i].text) && !strchr(results[i].text, '+'))
			fprintf(to, "ABORT '%s'\n", results[i].text);
}

void script_write(const struct file *f, const struct chat_trace *how, FILE *to)
{
	struct span sent = { NULL, 0 }, wait = { NULL, 0 };
	bool waits = false; /* a word to expect is due before the next to send */

	fprintf(to, "# the dialogue with %s\n", f->path[0] ? f->path : "a descriptor");
	if (how->secret)
		fprintf(to, "# run it with -E, and %s in the environment\n", how->variable);
	put_aborts(f, to);
	for (unsigned i = 0; i < f->nturns; i++) {
		const struct turn *t = &f->turn[i];
		struct span bytes = { f->data.at + t->at, t->n };

		if (!t->sent) {
			wait = tell_tale(bytes, sent);
			waits = true;
			continue;
		}
		fputc('\'', to);
		put_word(wait.at, wait.n, true, how, to);
		fputc('\'', to);
		put_sent(bytes.at, bytes.n, how, to);
		sent = bytes;
		wait = (struct span){ NULL, 0 };
		waits = false;
	}
	if (waits && wait.n) {
		fputc('\'', to);
		put_word(wait.at, wait.n, true, how, to);
		fputs("'\n", to);
	}
}
