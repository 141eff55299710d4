/* qmp.c - being written. */
#include <errno.h>
#include "dbg/dbg_int.h"
int dbg_qmp(struct dbg *d, const char *where, struct err *e)
{
	(void)d;
	return err_set(e, -ENOTSUP, "%s: not yet", where);
}
