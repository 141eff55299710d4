/* chat.h - front of this folder: chat(8) scripts, spoken over two files. Knows no machine. */
#ifndef PANDOK_CHAT_CHAT_H
#define PANDOK_CHAT_CHAT_H

#include <stdio.h>

#include "base/err.h"
#include "base/types.h"

/* Exit statuses, as chat(8) has them. */
enum {
	CHAT_OK = 0,
	CHAT_BAD = 1,     /* the script or its arguments make no sense, or nothing could be sent */
	CHAT_BROKEN = 2,  /* the line or a signal */
	CHAT_TIMEOUT = 3, /* what was expected did not come */
	CHAT_ABORT = 4,   /* the first ABORT string came; the second is 5, … */
};
#define CHAT_GO_ON (-1)
#define CHAT_TIMEOUT_S 45

struct chat_config {
	int in, out;  /* the line; they may be one file */
	int err;      /* where SAY, ECHO and show go */
	int wake;     /* readable: stop and ask interrupted(); -1: none */
	bool echo;    /* all that comes goes to err */
	bool env;     /* $NAME is replaced */
	bool show;    /* what is expected and what comes goes to err, as chat -V has it */
	unsigned timeout_s; /* 0: CHAT_TIMEOUT_S */
	const char *phone, *phone2; /* for \T and \U; NULL: none */
	FILE *report; /* for REPORT */
	void *ctx;    /* of the functions; each may be NULL */
	void (*log)(void *ctx, const char *line);
	void (*line_break)(void *ctx);
	/* wake is readable; hangup: SIGHUP matters. Returns a reason to end, or NULL. */
	const char *(*interrupted)(void *ctx, bool hangup);
};

struct chat;

MUST_CHECK int chat_new(const struct chat_config *c, struct chat **ret, struct err *e);
void chat_free(struct chat *c);

/*
 * chat_word - do the next word of a script: one that is expected, then one to send, and so on.
 * Returns CHAT_GO_ON, or the exit status that the conversation ended with. Waits.
 */
MUST_CHECK int chat_word(struct chat *c, const char *word);

/* chat_file - all words of the file at path. As chat_word(). */
MUST_CHECK int chat_file(struct chat *c, const char *path);

/* chat_end - what is left of a report; hands status on, CHAT_GO_ON as CHAT_OK. */
int chat_end(struct chat *c, int status);

const char *chat_why(const struct chat *c); /* why it ended, a sentence; "" after CHAT_OK */

/* ---- scripts out of traces and sessions ---- */

struct chat_trace {
	const char *find, *path;         /* the dialogue in which this was sent, or of this file; NULL */
	int fd;                          /* of this descriptor; -1 */
	const char *secret, *variable;   /* each secret becomes $variable; NULL: none */
	void (*warn)(void *ctx, const char *text);
	void *ctx;
};

/*
 * chat_from_trace - turn one dialogue of an strace log into a script. Without find, path and fd: that
 * with a /dev/tty*. Errors say what the log does not have.
 */
MUST_CHECK int chat_from_trace(FILE *log, const struct chat_trace *how, FILE *to, struct err *e);

/* A session as it goes: add() what was typed and what came, then write() it as a script. */
struct chat_record;
struct chat_record *chat_record_new(const char *with); /* NULL: out of memory; with: whom, for people */
MUST_CHECK int chat_record_add(struct chat_record *r, bool sent, const u8 *buf, size_t len); /* -ENOMEM */
void chat_record_write(const struct chat_record *r, const struct chat_trace *how, FILE *to);
void chat_record_free(struct chat_record *r); /* NULL is fine */

#endif
