/* signals.h - what a signal means to a running machine. */
#ifndef PANDOK_CLI_SIGNALS_H
#define PANDOK_CLI_SIGNALS_H

#include "cli/loop.h"
#include "vm/vm.h"

struct signals {
	struct source source;
	struct vm *vm;
	bool terminal;
	bool asked; /* the power button was pressed for a signal: the next one quits */
};

/*
 * signals_init - block the signals we serve, in this thread and those it starts, and read them from
 * the loop instead.
 * Threads: main, before any other is started.
 */
MUST_CHECK int signals_init(struct signals *s, struct loop *l, struct err *e);
void signals_fini(struct signals *s);

/*
 * signals_start - they act on vm from now on.
 *   terminal   the guest has the terminal: raw again after a stop
 * Returns the number of a signal that asked us to end before there was a machine; 0: none.
 */
int signals_start(struct signals *s, struct vm *vm, bool terminal);

#endif
