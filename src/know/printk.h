/* printk.h - the records of a Linux kernel's log, oldest first. */
#ifndef PANDOK_KNOW_PRINTK_H
#define PANDOK_KNOW_PRINTK_H

#include "know/kernel.h"

struct ring {
	struct kernel *k;
	u64 descs, infos, data; /* linear addresses */
	u64 count, size;        /* descriptors; bytes of text */
	u64 at, head;           /* the next record's number, the last one's */
	u64 desc_state, desc_begin, desc_next, desc_len;
	u64 info_ts, info_len, info_caller, info_size;
	u64 skipped;            /* records that were not complete */
	bool done;
};

struct record {
	u64 ns;
	u32 caller;
	size_t len;
	char text[8192];
};

/* ring_open - NULL, or why there is no log to be had. */
const char *ring_open(struct kernel *k, struct ring *r);
bool ring_next(struct ring *r, struct record *ret); /* false: that was all */

#endif
