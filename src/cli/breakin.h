/* breakin.h - the debugger's prompt in the middle of a console that is a terminal in raw mode. */
#ifndef PANDOK_CLI_BREAKIN_H
#define PANDOK_CLI_BREAKIN_H

#include "cli/prompt.h"

struct breakin {
	struct prompt *prompt; /* NULL: nobody is in */
	int fd;                /* readable: the session has something to say; -1 */
};

/*
 * breakin_enter - talk until the machine runs or the session is over; the terminal is raw again then.
 *   fd  of a new session when there is none yet; taken over
 * Main thread.
 */
void breakin_enter(struct breakin *b, int fd);

void breakin_close(struct breakin *b);

#endif
