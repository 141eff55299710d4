/* viewers.h - others who watch the console and type into it, through the control socket. */
#ifndef PANDOK_CLI_VIEWERS_H
#define PANDOK_CLI_VIEWERS_H

#include "cli/loop.h"
#include "vm/vm.h"

#define VIEWERS_MAX 8
#define VIEWERS_HISTORY (1u << 16) /* bytes of output that are kept: what a new viewer sees first */

struct viewer {
	struct source source;
	struct viewers *all;
	u64 at;           /* byte of the output that it gets next */
	u8 in[256];       /* typed, not taken by the guest yet: [in_at, in_at + in_len) */
	unsigned in_at, in_len;
};

struct viewers {
	struct vm *vm;
	unsigned port;
	struct viewer viewer[VIEWERS_MAX];
	u64 head; /* bytes of output so far */
	u8 history[VIEWERS_HISTORY];
};

/* All on the main thread. */
void viewers_init(struct viewers *v, struct loop *l);
void viewers_start(struct viewers *v, struct vm *vm, unsigned port); /* port: vm_serial_in()'s */
bool viewers_full(const struct viewers *v);
/* viewers_add - takes fd; there must be room. old: begin with what was printed before. */
void viewers_add(struct viewers *v, int fd, bool old);
void viewers_put(struct viewers *v, const u8 *buf, size_t len); /* output; waits for nobody */
void viewers_feed(struct viewers *v); /* the guest can take input again */
void viewers_close(struct viewers *v); /* all zero is fine, too */

#endif
