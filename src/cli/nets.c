/* nets.c - opens networks before there is a machine, so that what is wrong with them is said first. */
#include "cli/nets.h"

#include <errno.h>
#include <stdlib.h>

static int add(struct nets *ns, const char *spec, struct err *e)
{
	int rc = net_open(spec, &ns->at[ns->n], e);

	ns->n += !rc && ns->at[ns->n]; /* "none" makes none */
	return rc;
}

int nets_open(struct nets *ns, const struct options *o, struct err *e)
{
	int rc = 0;

	*ns = (struct nets){ .at = calloc(o->net.n + 1, sizeof(*ns->at)) };
	if (!ns->at)
		return err_set(e, -ENOMEM, "out of memory");
	if (!o->net.n && !o->deterministic)
		rc = add(ns, "user", e);
	for (unsigned i = 0; i < o->net.n && !rc; i++)
		rc = add(ns, o->net.at[i], e);
	if (!rc && o->vsock)
		rc = net_open_vsock(o->vsock, &ns->vsock, e);
	return rc;
}

void nets_close(struct nets *ns)
{
	while (ns->n)
		net_close(ns->at[--ns->n]);
	net_close(ns->vsock);
	free(ns->at);
	ns->vsock = NULL;
	ns->at = NULL;
}
