/* ctl.h - a running machine's control socket: one request a line, one line of JSON back. */
#ifndef PANDOK_CLI_CTL_H
#define PANDOK_CLI_CTL_H

#include <limits.h>
#include <stdio.h>

#include "cli/loop.h"
#include "cli/options.h"
#include "cli/viewers.h"
#include "dbg/dbg.h"
#include "vm/vm.h"

#define CTL_NAME_MAX 40
#define CTL_LINE_MAX 512    /* bytes of a request */
#define CTL_REPLY_MAX 16384 /* of a reply */
#define CTL_CONNS 8
#define CTL_ARGS 8

/* ---- where machines are found: ctl_place.c ---- */

/* ctl_name_check - letters, digits, '.', '_' and '-', a letter or digit first. -EINVAL. */
MUST_CHECK int ctl_name_check(const char *name, struct err *e);

/*
 * ctl_folder - the folder of the sockets, made when it is not there: $XDG_RUNTIME_DIR/pandok, else
 * /tmp/pandok-UID. It is this user's alone, or an error.
 */
MUST_CHECK int ctl_folder(char ret[PATH_MAX], struct err *e);

/* ctl_path - of the socket of a machine in folder. */
void ctl_path(const char *folder, const char *name, char ret[PATH_MAX]);

/* ctl_log_path - where a detached machine says how it ended; its folder is made. */
MUST_CHECK int ctl_log_path(const char *name, char ret[PATH_MAX], struct err *e);

/* ---- asking: ctl_ask.c ---- */

/* ctl_dial - connect to a machine. Returns the file; -ENOENT, with a sentence: there is none. */
MUST_CHECK int ctl_dial(const char *name, struct err *e);

/*
 * ctl_ask - send one request, a line without its end, and wait for the reply, which is a JSON object
 * in one line. A refusal is an error with the machine's own sentence.
 */
MUST_CHECK int ctl_ask(int fd, const char *request, char reply[CTL_REPLY_MAX], struct err *e);

/* ---- serving, on the main thread ---- */

struct ctl_conn {
	struct source source;
	struct ctl *ctl;
	char line[CTL_LINE_MAX];
	unsigned n;
	void (*then)(struct ctl *c, int fd); /* takes the socket over once the reply is out */
};

struct ctl {
	char name[CTL_NAME_MAX + 1];
	char path[PATH_MAX]; /* of the socket; "": there is none */
	const struct options *o;
	struct vm *vm;
	struct viewers *viewers;
	struct dbg *dbg;
	u64 since_ns; /* CLOCK_MONOTONIC */
	bool paused;
	struct source listen;
	struct alarm deadline; /* of a stop that was asked for */
	struct ctl_conn conn[CTL_CONNS];
};

/*
 * ctl_open - bind the socket.
 *   name  NULL: choose one that is free
 *   must  false: where no socket can be had, do without
 * Errors: another machine has the name; errno.
 */
MUST_CHECK int ctl_open(struct ctl *c, const char *name, bool must, struct loop *l, struct err *e);
/* ctl_start - serve requests from now on. o, vm and v live as long as c. */
void ctl_start(struct ctl *c, const struct options *o, struct vm *vm, struct viewers *v);
void ctl_close(struct ctl *c);

/* One request being served. */
struct ctl_call {
	struct ctl *ctl;
	struct ctl_conn *conn;
	int argc;
	char *argv[CTL_ARGS + 1]; /* [0] is the request's name */
	FILE *to;                 /* members of the reply: each starts with ", " */
};

/* A request: rows in ctl_rows.c. Errors go to the client as they are. */
struct ctl_row {
	const char *name, *usage, *help;
	int (*run)(struct ctl_call *c, struct err *e);
	int min, max; /* arguments */
};
extern const struct ctl_row ctl_rows[]; /* ends with name NULL */

#endif
