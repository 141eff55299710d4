/* digest.c - one line per digest: instructions, digest, rip; two runs are compared with cmp(1). */
#include "cli/digest.h"

#include <errno.h>

int digest_open(struct digest *d, const char *path, struct err *e)
{
	d->path = path;
	d->to = fopen(path, "we");
	return d->to ? 0 : err_sys(e, "digest: cannot write '%s'", path);
}

void digest_put(void *ctx, u64 icount, u64 digest, u64 rip)
{
	struct digest *d = ctx;

	fprintf(d->to, "%llu %016llx %llx\n", (unsigned long long)icount,
		(unsigned long long)digest, (unsigned long long)rip);
}

void digest_close(struct digest *d, struct err *failed)
{
	bool bad = ferror(d->to);

	if (fclose(d->to) || bad)
		err_sys(failed, "cannot write '%s'", d->path);
	d->to = NULL;
}
