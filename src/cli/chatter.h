/* chatter.h - `run --chat`: a script speaks to the guest's console. */
#ifndef PANDOK_CLI_CHATTER_H
#define PANDOK_CLI_CHATTER_H

#include <pthread.h>

#include "base/err.h"
#include "cli/viewers.h"
#include "vm/vm.h"

struct chatter {
	const char *path;
	struct vm *vm;
	pthread_t thread;
	bool started;
	int fd, wake; /* the script's end of the line; an event file that ends it */
};

/* chatter_start - speak the script at path; one that fails ends the run with a sentence. */
MUST_CHECK int chatter_start(struct chatter *c, const char *path, struct vm *vm, struct viewers *v,
			     struct err *e);
void chatter_close(struct chatter *c); /* all zero is fine */

#endif
