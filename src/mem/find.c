/* find.c - from a guest-physical address to a host pointer. Light: guest vectors may be live. */
#include "mem/mem.h"

static const struct mem_block *block_find(const struct mem *m, gpa_t at, u64 len)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct mem_block *b = &m->block[i];
		u64 off = at.at - b->at.at;

		if (off < b->len && len <= b->len - off)
			return b;
	}
	return NULL;
}

u8 *mem_host(const struct mem *m, gpa_t at, u64 len)
{
	const struct mem_block *b = block_find(m, at, len);

	return b ? b->host + (at.at - b->at.at) : NULL;
}

u8 *mem_host_w(const struct mem *m, gpa_t at, u64 len)
{
	const struct mem_block *b = block_find(m, at, len);

	return b && !b->rom ? b->host + (at.at - b->at.at) : NULL;
}

void mem_written(struct mem *m, gpa_t at, u64 len)
{
	if (m->written && len)
		m->written(m->written_ctx, at, len);
}
