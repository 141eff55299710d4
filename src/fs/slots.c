/* slots.c - hands out ids that a guest sends back: a stale or invented one finds nothing. */
#include <stdlib.h>

#include "fs/int.h"

static bool grow(struct slots *s)
{
	u32 n = s->n ? s->n * 2 : 64;
	struct slot *at = n > s->n ? realloc(s->at, n * sizeof(*at)) : NULL;

	if (!at)
		return false;
	for (u32 i = s->n ? s->n : 1; i < n; i++)
		at[i] = (struct slot){ NULL, 0, i + 1 < n ? i + 1 : 0 };
	s->first_free = s->n ? s->n : 1;
	s->at = at;
	s->n = n;
	return true;
}

u64 slots_add(struct slots *s, void *thing)
{
	u32 i;

	if (!s->first_free && !grow(s))
		return 0;
	i = s->first_free;
	s->first_free = s->at[i].next_free;
	s->at[i].thing = thing;
	return (u64)s->at[i].gen << 32 | i;
}

void *slots_find(const struct slots *s, u64 id)
{
	u32 i = (u32)id;

	return i && i < s->n && s->at[i].gen == id >> 32 ? s->at[i].thing : NULL;
}

void slots_drop(struct slots *s, u64 id)
{
	struct slot *slot = &s->at[(u32)id];

	slot->thing = NULL;
	slot->gen++;
	slot->next_free = s->first_free;
	s->first_free = (u32)id;
}

void slots_fini(struct slots *s)
{
	free(s->at);
	*s = (struct slots){ 0 };
}
