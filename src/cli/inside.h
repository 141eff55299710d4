/* inside.h - run --rootfs: a directory as the guest's root, and a command that runs in there. */
#ifndef PANDOK_CLI_INSIDE_H
#define PANDOK_CLI_INSIDE_H

#include "cli/loop.h"
#include "cli/options.h"
#include "cli/shares.h"
#include "rootfs/rootfs.h"

struct inside {
	struct rootfs root;
	char *kernel;            /* found by us; NULL: the user's */
	const char *initrd[1];
	struct fs_file file[4];  /* what the guest's init has open */
	int pipe[2];             /* the exit status comes through it */
	struct source source;
	char text[24];
	unsigned len;
	int status;              /* -1: the guest has not told it */
	struct vm *vm;
};

/* inside_talks - the guest's shell has the console; otherwise a command has our standard streams,
 * and the console is nobody's. */
bool inside_talks(const struct options *o);

/*
 * inside_open - o->rootfs is to be the root: find a kernel if o names none (then it does), make the
 * initial RAM disk, and add shares. Main thread, as all here.
 */
MUST_CHECK int inside_open(struct inside *in, struct options *o, struct shares *s, struct loop *l,
			   struct err *e);
void inside_start(struct inside *in, struct vm *vm);

/* inside_status - the command's exit status; -1: not known yet, or the run ended before it was. */
int inside_status(struct inside *in);

/* inside_missed - the run ended before the command did: say what may be the reason. */
void inside_missed(const struct inside *in, const struct options *o);
void inside_close(struct inside *in);

#endif
