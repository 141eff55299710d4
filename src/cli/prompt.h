/* prompt.h - the debugger's prompt at a terminal: editing, history, completion. */
#ifndef PANDOK_CLI_PROMPT_H
#define PANDOK_CLI_PROMPT_H

#include "base/err.h"

struct prompt;

/*
 * prompt_new - talk to a session of dbg_serve() on fd, which is closed in the end.
 *   lines  so many commands to give before anything is read; kept by pointer
 *   more   then read more from standard input
 */
MUST_CHECK int prompt_new(int fd, char *const *lines, unsigned nlines, bool more, struct prompt **ret,
			  struct err *e);
void prompt_free(struct prompt *p);

enum prompt_end {
	PROMPT_OVER,    /* the session is */
	PROMPT_RUNNING, /* the machine runs; only with wait false */
};

/* prompt_run - until the session is over or, unless wait, the machine runs. Standard input is ours. */
enum prompt_end prompt_run(struct prompt *p, bool wait);

/* prompt_interrupt - ask for the machine to stop. Any thread, any handler. */
void prompt_interrupt(int fd);

#endif
