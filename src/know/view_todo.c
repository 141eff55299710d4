/* view_todo.c - views whose files are being written. */
#include <errno.h>

#include "know/core.h"

void view_mounts(const struct view *v)
{
	out_say(v->out, "?? not shown yet\n");
}

void view_interrupts(const struct view *v)
{
	out_say(v->out, "?? not shown yet\n");
}

void view_locks(const struct view *v)
{
	out_say(v->out, "?? not shown yet\n");
}

void view_frame(const struct view *v, unsigned n)
{
	(void)n;
	out_say(v->out, "?? not shown yet\n");
}

int view_print(const struct view *v, const char *text, struct err *e)
{
	(void)v;
	return err_set(e, -EINVAL, "'%s' cannot be printed yet", text);
}

int view_whatis(const struct view *v, const char *text, struct err *e)
{
	(void)v;
	return err_set(e, -EINVAL, "'%s' cannot be told yet", text);
}

int core_kdump_write(struct target *t, struct kernel *k, int fd, struct err *e)
{
	return core_elf_write(t, k, fd, e);
}
