/* view_todo.c - views whose files are being written. */
#include <errno.h>

#include "know/core.h"




void view_frame(const struct view *v, unsigned n)
{
	(void)n;
	out_say(v->out, "?? not shown yet\n");
}



int core_kdump_write(struct target *t, struct kernel *k, int fd, struct err *e)
{
	return core_elf_write(t, k, fd, e);
}
