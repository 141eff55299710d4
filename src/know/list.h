/* list.h - walks Linux's doubly linked lists, which may be damaged in any way. */
#ifndef PANDOK_KNOW_LIST_H
#define PANDOK_KNOW_LIST_H

#include "know/kernel.h"

struct list {
	struct kernel *k;
	u64 head, at;
	u64 mark, steps, lap; /* Brent's way to see a loop that never meets the head */
	u64 max;
	const char *broken;   /* NULL: it ended at its head */
};

/* list_start - at most max entries. list_next - the address of the next list_head inside its
 * object; false at the end. */
void list_start(struct list *l, struct kernel *k, u64 head, u64 max);
bool list_next(struct list *l, u64 *ret);

#endif
