/* term.h - the terminal on standard input: raw while the guest has it, restored whatever happens. */
#ifndef PANDOK_CLI_TERM_H
#define PANDOK_CLI_TERM_H

#include <stdbool.h>

#include "base/err.h"

/*
 * term_catch - make every signal that would kill the process restore the terminal first. Only
 * signals that nobody handles yet are taken; who takes one later (the translator) hands on what is
 * not its own to the handler it found.
 * Threads: before any other is started.
 */
void term_catch(void);

/*
 * term_raw - put the terminal on standard input into raw mode; a small process is left behind that
 * restores it should this one be killed with SIGKILL.
 * Returns 0, errno with a sentence. Main thread.
 */
MUST_CHECK int term_raw(struct err *e);

bool term_is_raw(void);

void term_restore(void); /* as it was before term_raw(); does nothing twice; any thread, any handler */

void term_again(void); /* raw again, after the process was stopped and continued */

/* term_done - term_restore(), and the guard may go. */
void term_done(void);

#endif
