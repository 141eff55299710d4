/* view.h - the guest's text screen, drawn on the console as it changes. */
#ifndef PANDOK_CLI_VIEW_H
#define PANDOK_CLI_VIEW_H

#include "base/err.h"
#include "cli/console.h"

struct view;

/* view_start - from now on; before loop_run(), after console_start(). */
MUST_CHECK int view_start(struct console *c, struct vm *vm, struct view **ret, struct err *e);
void view_stop(struct view *v); /* a last look, and the colours as they were; frees it. NULL is fine */

#endif
