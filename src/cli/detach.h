/* detach.h - leaves a machine running without a terminal. */
#ifndef PANDOK_CLI_DETACH_H
#define PANDOK_CLI_DETACH_H

#include "base/err.h"

/*
 * detach_begin - go on in a child process. The parent waits until the child has said that it runs,
 * prints its name, and ends; a child that ends before hands its exit status on.
 *   tell    in the child: what detach_done() wants
 *   status  in the parent: the exit status to end with
 * Returns 0 in the child, 1 in the parent, errno. Threads: before any other is started.
 */
MUST_CHECK int detach_begin(int *tell, int *status, struct err *e);

/* detach_done - the machine runs: leave the terminal; what is said from now on goes to the log. */
void detach_done(int tell, const char *name);

#endif
