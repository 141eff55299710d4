/* debugger.h - the debugger of a machine that `run` started: its scripts and doors. */
#ifndef PANDOK_CLI_DEBUGGER_H
#define PANDOK_CLI_DEBUGGER_H

#include "cli/breakin.h"
#include "cli/input.h"
#include "cli/loop.h"
#include "cli/options.h"
#include "dbg/dbg.h"

struct debugger {
	struct dbg *dbg;
	struct breakin breakin;
	struct source source; /* of the session at our own console */
	char *about; /* how the machine was made, for textdumps */
};

/* Before vm_new(): c hears events; o has to stay. */
MUST_CHECK int debugger_open(struct debugger *d, const struct options *o, struct vm_config *c,
			     struct err *e);
/* After vm_new(), before vm_run(): doors are opened. */
MUST_CHECK int debugger_start(struct debugger *d, const struct options *o, struct vm *vm,
			      struct err *e);
/* Ctrl-A c on our own terminal leads to the prompt. */
void debugger_at_console(struct debugger *d, struct input *in, struct loop *l);
void debugger_close(struct debugger *d); /* before vm_free() */

#endif
