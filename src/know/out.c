/* out.c - text on its way to somebody; knows no view. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "know/know.h"

void out_say(struct out *o, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		o->put(o, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* Room for len more bytes and a NUL; false when there is no memory. */
static bool text_grow(struct out_text *o, size_t len)
{
	size_t room = o->room ? o->room : 4096;
	char *at;

	while (room < o->len + len + 1)
		room *= 2;
	if (room == o->room)
		return true;
	at = realloc(o->at, room);
	if (!at)
		return false;
	o->at = at;
	o->room = room;
	return true;
}

static void text_put(struct out *out, const char *text, size_t len)
{
	struct out_text *o = container_of(out, struct out_text, out);
	size_t take = len < o->max - o->len ? len : o->max - o->len;

	if (take && !text_grow(o, take))
		take = 0;
	o->lost += len - take;
	if (!take)
		return;
	memcpy(o->at + o->len, text, take);
	o->len += take;
	o->at[o->len] = 0;
}

void out_text_init(struct out_text *o, size_t max)
{
	*o = (struct out_text){ .out.put = text_put, .max = max };
}
