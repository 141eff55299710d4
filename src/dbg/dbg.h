/* dbg.h - front of this folder: the debugger's commands, scripts and doors. What they show comes
 * from the folder know. */
#ifndef PANDOK_DBG_DBG_H
#define PANDOK_DBG_DBG_H

#include "know/know.h"

/* A debugger of one machine, or of a file a crash left. */
struct dbg;

struct dbg_config {
	const char *core;  /* file to look at; NULL: a machine, see dbg_machine() */
	struct kernel_config kernel;
	struct crash_config crash;
	const char *machine, *config; /* crash_texts; "" and NULL: none */
	char *const *on;   /* non scripts: "panic=show pcpu; bt", "NAME=BODY" */
	unsigned non;
	/* A script has something for the user, one sentence. A thread of the machine's. */
	void (*say)(void *ctx, const char *text);
	void *ctx;
};

/*
 * dbg_new - a debugger with the default scripts and those of c, whose texts must stay.
 * -EINVAL for a script that makes no sense; -errno when the core cannot be read.
 */
MUST_CHECK int dbg_new(const struct dbg_config *c, struct dbg **ret, struct err *e);

/* dbg_machine - the machine, once, before vm_run(). held: it waits for a debugger to let it go. */
MUST_CHECK int dbg_machine(struct dbg *d, struct vm *vm, bool held, struct err *e);

/* dbg_event - vm_config.event, with the debugger as its ctx. */
void dbg_event(void *ctx, enum vm_event ev, unsigned cpu, const char *text);

/*
 * dbg_gdb, dbg_qmp, dbg_prompt - open a door and serve who comes, one at a time, on a thread:
 * gdb's remote protocol, a part of QEMU's machine protocol, our own prompt (see dbg_serve).
 *   where  "unix:PATH", "tcp:ADDRESS:PORT", ":PORT"
 */
MUST_CHECK int dbg_gdb(struct dbg *d, const char *where, struct err *e);
MUST_CHECK int dbg_qmp(struct dbg *d, const char *where, struct err *e);
MUST_CHECK int dbg_prompt(struct dbg *d, const char *where, struct err *e);

/*
 * dbg_serve - a prompt's session on fd until its end; closes fd. The machine stands while the
 * session waits for a line. In: lines; a byte 3 stops the machine; a line that begins with a tab
 * asks for completions of what follows it, whole lines. Out: text, then a NUL, "db> " and a NUL when
 * the next line is wanted, only the NULs when the session is over; a byte 1 when the machine runs.
 */
void dbg_serve(struct dbg *d, int fd);

/* dbg_admit - dbg_serve() on a thread of its own; fd is taken over in any case. Any thread. */
MUST_CHECK int dbg_admit(struct dbg *d, int fd, struct err *e);

/* dbg_session - dbg_admit() on one end of a new pair of sockets; ret is the other. */
MUST_CHECK int dbg_session(struct dbg *d, int *ret, struct err *e);

/* dbg_command - run one line, its output to o; false: it made no sense or failed, and said so. */
bool dbg_command(struct dbg *d, const char *line, struct out *o);

/* dbg_let_go - whoever holds the machine holds it no more, and never again: the run is to end. */
void dbg_let_go(struct dbg *d);

/* dbg_free - after vm_run(), before vm_free(). Ends sessions. */
void dbg_free(struct dbg *d);

#endif
