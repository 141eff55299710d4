/* lines.h - what is plugged into the serial ports behind the console's, COM2 to COM4. */
#ifndef PANDOK_CLI_LINES_H
#define PANDOK_CLI_LINES_H

#include "cli/console.h"
#include "cli/options.h"

#define LINES 4

struct lines {
	struct console *at[LINES]; /* NULL: nothing plugged in; [0] is the console's, always NULL */
};

/* line_split - "N=WHERE" or "WHERE" (N is 0): returns N, *where is WHERE. */
unsigned line_split(const char *text, const char **where);

/* Main thread. Close in every case; all zero is fine. */
MUST_CHECK int lines_open(struct lines *ls, const struct options *o, struct loop *l, struct err *e);
void lines_plug(struct lines *ls, struct vm_config *c);
void lines_start(struct lines *ls, struct vm *vm);
void lines_woken(struct lines *ls);
void lines_close(struct lines *ls);

#endif
