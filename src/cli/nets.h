/* nets.h - the networks that the options ask for. */
#ifndef PANDOK_CLI_NETS_H
#define PANDOK_CLI_NETS_H

#include "cli/options.h"
#include "net/net.h"

struct nets {
	struct net **at;
	unsigned n;
	struct net *vsock;
};

/* nets_open - one for each --net, or the user network when there is none, and --vsock's. Close in both cases, after
 * the machine is gone. */
MUST_CHECK int nets_open(struct nets *ns, const struct options *o, struct err *e);
void nets_close(struct nets *ns);

#endif
