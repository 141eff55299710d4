/* record.c - a live session becomes a script. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chat/trace.h"

struct chat_record {
	struct file dialogue;
	struct bytes typed; /* a line that has begun */
};

struct chat_record *chat_record_new(const char *with)
{
	struct chat_record *r = calloc(1, sizeof(*r));

	if (r)
		snprintf(r->dialogue.path, sizeof(r->dialogue.path), "%s", with);
	return r;
}

/* A key that ends a line, or is a word of its own. */
static bool ends_line(u8 byte) { return byte < ' ' && byte != '\t' && byte != '\b'; }

static int typed(struct chat_record *r, u8 byte)
{
	int rc;

	if ((byte == '\b' || byte == 0x7f) && r->typed.n) {
		r->typed.n--;
		return 0;
	}
	rc = bytes_add(&r->typed, &byte, 1);
	if (!rc && ends_line(byte)) {
		rc = turn_add(&r->dialogue, true, r->typed.at, r->typed.n);
		r->typed.n = 0;
	}
	return rc;
}

/* What comes while a line is typed is its echo. */
int chat_record_add(struct chat_record *r, bool sent, const u8 *buf, size_t len)
{
	int rc = 0;

	if (!sent)
		return r->typed.n ? 0 : turn_add(&r->dialogue, false, buf, len);
	for (size_t i = 0; i < len && !rc; i++)
		rc = typed(r, buf[i]);
	return rc;
}

void chat_record_write(const struct chat_record *r, const struct chat_trace *how, FILE *to)
{
	script_write(&r->dialogue, how, to);
}

void chat_record_free(struct chat_record *r)
{
	if (!r)
		return;
	free(r->dialogue.data.at);
	free(r->dialogue.turn);
	free(r->typed.at);
	free(r);
}
