/* trace.h - what the files that read strace's logs share. */
#ifndef PANDOK_CHAT_TRACE_H
#define PANDOK_CHAT_TRACE_H

#include "chat/chat.h"

/* Bytes that grow. */
struct bytes {
	u8 *at;
	size_t n, room;
};
MUST_CHECK int bytes_add(struct bytes *b, const void *from, size_t len); /* -ENOMEM */

/* One finished system call. */
struct call {
	long pid; /* 0: the log has one process and does not say */
	char name[32];
	char *args; /* as strace prints them, up to the closing parenthesis; ends with 0 */
	long ret;   /* negative: failed */
};

/*
 * trace_line.c: reads a log line by line; calls that strace prints in two pieces come back whole.
 * log_next() returns 1 with a call that is valid until the next one, 0 at the end, -ENOMEM.
 */
struct log {
	FILE *file;
	char *line;
	size_t room;
	unsigned long number; /* of the line */
	struct half *halves;  /* calls that have begun */
};
MUST_CHECK int log_next(struct log *l, struct call *ret);
/* log_forking - the arguments of a clone or fork of another process that has not returned yet;
 * *pid: whose. NULL: none. */
const char *log_forking(const struct log *l, long *pid);
void log_close(struct log *l);

/* The string at *p, its escapes done; *p is moved behind it. cut: strace left the rest out. */
MUST_CHECK int string_take(const char **p, struct bytes *to, bool *cut);

/* ---- who reads and writes what: trace_files.c ---- */

/* A run of bytes in one direction. */
struct turn {
	bool sent;
	size_t at, n; /* in file.data */
};

/* What an open() gave, through however many descriptors. */
struct file {
	char path[128]; /* "": it was open before the log began */
	int fd;         /* the first descriptor it had */
	struct bytes data;
	struct turn *turn;
	unsigned nturns;
	unsigned cut;   /* strings that strace cut */
	struct file *next;
};

MUST_CHECK int turn_add(struct file *f, bool sent, const u8 *data, size_t len); /* -ENOMEM */

struct files {
	struct file *first, **last;
	struct table *tables;
	struct process *processes;
};
MUST_CHECK int files_read(struct files *f, FILE *log); /* -ENOMEM */
void files_free(struct files *f);

/* ---- from a dialogue to a script: trace_script.c ---- */

void script_write(const struct file *f, const struct chat_trace *how, FILE *to);

#endif
