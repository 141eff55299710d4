/* view_todo.c - views whose files are being written. */
#include <errno.h>

#include "know/core.h"




void view_frame(const struct view *v, unsigned n)
{
	(void)n;
	out_say(v->out, "?? not shown yet\n");
}
