/* ring.c - one writer, one reader. */
#include "cli/ring.h"

void ring_put(struct ring *r, u8 byte)
{
	u32 head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (head - atomic_load_explicit(&r->tail, memory_order_acquire) == RING_SIZE)
		return;
	r->buf[head % RING_SIZE] = byte;
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

bool ring_full(struct ring *r)
{
	return atomic_load(&r->head) - atomic_load(&r->tail) > RING_HIGH;
}

size_t ring_peek(struct ring *r, const u8 **ret)
{
	u32 tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	u32 len = atomic_load_explicit(&r->head, memory_order_acquire) - tail;
	u32 to_end = RING_SIZE - tail % RING_SIZE;

	*ret = r->buf + tail % RING_SIZE;
	return len < to_end ? len : to_end;
}

void ring_skip(struct ring *r, size_t len)
{
	atomic_fetch_add_explicit(&r->tail, (u32)len, memory_order_release);
}
