/* escape.c - the escapes of chat's strings. Source: chat(8). */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chat/int.h"

struct cursor {
	const struct chat *c;
	const char *s; /* what is left */
	bool sending, saying; /* a text that is said is made as one to send */
	bool no_return, failed;
	struct text *t;
};

static void put(struct cursor *k, unsigned unit)
{
	struct text *t = k->t;

	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		u16 *at = realloc(t->at, room * sizeof(*at));

		if (!at) {
			k->failed = true;
			return;
		}
		t->at = at;
		t->room = room;
	}
	t->at[t->n++] = (u16)unit;
}

/* What chat keeps behind a backslash until the text is sent. */
static void put_kept(struct cursor *k, unsigned unit, char as_written)
{
	if (k->saying)
		put(k, '\\');
	put(k, k->sending && !k->saying ? unit : (u8)as_written);
}

/* Text of somewhere else to be sent: what chat keeps of escapes until it sends works there too. */
static void put_foreign(struct cursor *k, const char *s)
{
	for (; *s; s++) {
		if (!k->sending || k->saying || *s != '\\') {
			put(k, (u8)*s);
			continue;
		}
		s++;
		put(k, *s == 'd' ? UNIT_DELAY : *s == 'p' ? UNIT_PAUSE : *s == 'K' ? UNIT_BREAK : (u8)*s);
		if (!*s)
			break;
	}
}

static void put_env(struct cursor *k)
{
	size_t len = 0;
	char name[128];
	const char *val;

	while (isalnum((u8)k->s[len]) || k->s[len] == '_')
		len++;
	snprintf(name, sizeof(name), "%.*s", (int)len, k->s);
	k->s += len;
	val = getenv(name);
	if (val)
		put_foreign(k, val);
}

static bool is_octal(char c) { return c >= '0' && c <= '7'; }

static void put_octal(struct cursor *k, char first)
{
	unsigned code = (unsigned)first & 7;

	for (int i = 0; i < 2 && is_octal(*k->s); i++)
		code = (code << 3 | ((unsigned)*k->s++ & 7)) & 0xff;
	if (code || k->sending) /* nobody can expect a NUL */
		put(k, code);
}

static void put_phone(struct cursor *k, const char *phone, char as_written)
{
	if (k->sending && phone) {
		put_foreign(k, phone);
	} else {
		if (!k->sending || k->saying)
			put(k, '\\');
		put(k, (u8)as_written);
	}
}

/* Behind a backslash. */
static void put_escape(struct cursor *k)
{
	char ch = *k->s++;

	switch (ch) {
	case 0:
		k->s--;
		if (k->sending)
			put_kept(k, '\\', '\\');
		break;
	case 'b': put(k, '\b'); break;
	case 'n': put(k, '\n'); break;
	case 'r': put(k, '\r'); break;
	case 's': put(k, ' '); break;
	case 't': put(k, '\t'); break;
	case 'q': k->t->quiet = true; break;
	case 'd': put_kept(k, UNIT_DELAY, ch); break;
	case 'p': put_kept(k, UNIT_PAUSE, ch); break;
	case 'K': put_kept(k, UNIT_BREAK, ch); break;
	case 'N': put_kept(k, 0, ch); break;
	case 'T': put_phone(k, k->c->config.phone, ch); break;
	case 'U': put_phone(k, k->c->config.phone2, ch); break;
	case 'c':
		if (k->sending && !*k->s)
			k->no_return = true;
		else
			put(k, 'c');
		break;
	default:
		if (is_octal(ch))
			put_octal(k, ch);
		else
			put_kept(k, (u8)ch, ch);
	}
}

static void put_control(struct cursor *k)
{
	if (!*k->s)
		put(k, '^');
	else if (*k->s++ & 0x1f)
		put(k, (unsigned)k->s[-1] & 0x1f);
}

int text_make(const struct chat *c, const char *s, enum text_use use, struct text *ret)
{
	struct cursor k = { .c = c, .s = s, .sending = use != TEXT_EXPECT, .saying = use == TEXT_SAY,
			    .t = ret };

	*ret = (struct text){ 0 };
	while (*k.s) {
		char ch = *k.s++;

		if (ch == '^')
			put_control(&k);
		else if (ch == '$' && c->config.env)
			put_env(&k);
		else if (ch == '\\')
			put_escape(&k);
		else
			put(&k, (u8)ch);
	}
	if (k.sending && !k.no_return)
		put(&k, '\r');
	if (!k.failed)
		return 0;
	text_free(ret);
	return -ENOMEM;
}

void text_free(struct text *t)
{
	free(t->at);
	t->at = NULL;
	t->n = 0;
}
