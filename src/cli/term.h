/* term.h - the terminal on standard input: raw while the guest has it, restored whatever happens. */
#ifndef PANDOK_CLI_TERM_H
#define PANDOK_CLI_TERM_H

#include <stdbool.h>

#include "base/err.h"
#include "base/types.h"

/*
 * term_catch - make every signal that would kill the process restore the terminal first. Only
 * signals that nobody handles yet are taken; who takes one later (the translator) hands on what is
 * not its own to the handler it found.
 * Threads: before any other is started.
 */
void term_catch(void);

/*
 * term_open - note the settings of the terminal on standard input; a small process is left behind
 * that restores them should this one be killed with SIGKILL while they are changed. It is a copy of
 * this process: call early, while that is small.
 * Returns 0, errno with a sentence. Main thread.
 */
MUST_CHECK int term_open(struct err *e);

/* term_raw - raw mode, after term_open(); again after the process was stopped. */
MUST_CHECK int term_raw(struct err *e);

bool term_is_raw(void);

/* term_size - of the terminal on standard input; false: it does not say. */
bool term_size(u16 *cols, u16 *rows);

void term_restore(void); /* as it was before term_raw(); does nothing twice; any thread, any handler */

/* term_done - term_restore(), and the guard may go. */
void term_done(void);

#endif
