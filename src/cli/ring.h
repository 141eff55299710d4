/* ring.h - bytes from one thread to another, without a lock. */
#ifndef PANDOK_CLI_RING_H
#define PANDOK_CLI_RING_H

#include <stdatomic.h>

#include "base/types.h"

#define RING_SIZE (1u << 18)
#define RING_HIGH (RING_SIZE / 2) /* ring_full(): the rest is room for who cannot stop at once */

struct ring {
	_Atomic u32 head, tail; /* head: next to write, tail: next to read; they wrap at 2^32 */
	u8 buf[RING_SIZE];
};

/* ring_put - one byte in; dropped when there is no room. One writer at a time. */
void ring_put(struct ring *r, u8 byte);

bool ring_full(struct ring *r); /* shall the writer pause? any thread */

/* ring_peek - the bytes that can be read in one piece; 0 when empty. ring_skip - they are done with.
 * One reader. */
size_t ring_peek(struct ring *r, const u8 **ret);
void ring_skip(struct ring *r, size_t len);

#endif
