/* crash_dir.h - the folder where dumps are kept: numbers, names, what is removed. */
#ifndef PANDOK_KNOW_CRASH_DIR_H
#define PANDOK_KNOW_CRASH_DIR_H

#include "know/know.h"

/* A dump being written: nothing has its final name before crash_commit(). */
struct crash {
	int dir;     /* the folder, locked */
	int bounds;  /* the file that is the lock */
	int fd;      /* of the dump */
	u64 number;
	u64 keep;
	char path[512];  /* of the folder */
	char kind[32];   /* "textdump.tar", "vmcore" */
};

/* crash_begin - make the folder if need be, wait for the lock, take the next number, open a file
 * for the dump. crash_commit - with info's text beside it; ret: the final path. Both end with
 * everything closed on failure; crash_abandon() is for failures in between. */
MUST_CHECK int crash_begin(const struct crash_config *c, const char *kind, struct crash *ret,
			   struct err *e);
MUST_CHECK int crash_commit(struct crash *c, const char *info, char **ret, struct err *e);
void crash_abandon(struct crash *c);

#endif
