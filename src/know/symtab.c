/* symtab.c - a table of symbols, found by name and by address. Knows no format. */
#include "know/symtab.h"

#include <stdlib.h>
#include <string.h>

#define SYMS_MAX (4u << 20)
#define NAMES_MAX (256u << 20)

void symtab_fini(struct symtab *s)
{
	free(s->sym);
	free(s->names);
	free(s->hash);
	*s = (struct symtab){ 0 };
}

static void fail(struct symtab *s)
{
	symtab_fini(s);
	s->failed = true;
}

static bool grow(void **at, u32 *room, u32 want, u32 max, size_t size)
{
	u32 n = *room ? *room : 1024;
	void *p;

	while (n < want && n < max)
		n *= 2;
	if (n < want)
		return false;
	if (n == *room)
		return true;
	p = realloc(*at, n * size);
	if (!p)
		return false;
	*at = p;
	*room = n;
	return true;
}

void symtab_add(struct symtab *s, const char *name, size_t len, u64 at, u64 size, char type)
{
	if (s->failed || !len)
		return;
	if (len >= SYMTAB_NAME)
		len = SYMTAB_NAME - 1;
	if (!grow((void **)&s->sym, &s->room, s->n + 1, SYMS_MAX, sizeof(*s->sym)) ||
	    !grow((void **)&s->names, &s->names_room, s->names_len + (u32)len + 1, NAMES_MAX, 1)) {
		fail(s);
		return;
	}
	s->sym[s->n++] = (struct sym){ at, size, s->names_len, type };
	for (size_t i = 0; i < len; i++) /* it comes from a guest and goes to a terminal */
		s->names[s->names_len + i] = name[i] > ' ' && name[i] <= '~' ? name[i] : '?';
	s->names[s->names_len + len] = 0;
	s->names_len += (u32)len + 1;
}

static u32 name_hash(const char *name)
{
	u32 h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (u8)*name) * 16777619u;
	return h;
}

/* Names lie in the order they were added: so a sort by them is stable. */
static int by_address(const void *a, const void *b)
{
	const struct sym *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

void symtab_done(struct symtab *s)
{
	u32 i = 1;

	while (i < s->n && s->sym[i - 1].at <= s->sym[i].at)
		i++;
	if (i < s->n)
		qsort(s->sym, s->n, sizeof(*s->sym), by_address);
	for (s->nhash = 1024; s->nhash < 2 * s->n;)
		s->nhash *= 2;
	s->hash = calloc(s->nhash, sizeof(*s->hash));
	if (!s->hash) {
		fail(s);
		return;
	}
	for (i = 0; i < s->n; i++) {
		u32 slot = name_hash(sym_name(s, &s->sym[i])) & (s->nhash - 1);

		while (s->hash[slot])
			slot = (slot + 1) & (s->nhash - 1);
		s->hash[slot] = i + 1;
	}
}

const struct sym *symtab_name(const struct symtab *s, const char *name)
{
	u32 slot;

	if (!s->nhash)
		return NULL;
	for (slot = name_hash(name) & (s->nhash - 1); s->hash[slot]; slot = (slot + 1) & (s->nhash - 1))
		if (!strcmp(sym_name(s, &s->sym[s->hash[slot] - 1]), name))
			return &s->sym[s->hash[slot] - 1];
	return NULL;
}

/* Of several at one address the first one counts, as for the guest's own kallsyms. */
const struct sym *symtab_at(const struct symtab *s, u64 at, u64 *size)
{
	u32 low = 0, high = s->n, next;
	u64 end;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (s->sym[mid].at <= at)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	next = low--;
	while (low && s->sym[low - 1].at == s->sym[low].at)
		low--;
	end = next < s->n ? s->sym[next].at : s->end;
	if (at < s->end && end > s->end)
		end = s->end;
	if (s->sym[low].size)
		end = s->sym[low].at + s->sym[low].size;
	if (end && at >= end)
		return NULL;
	*size = end ? end - s->sym[low].at : 0;
	return &s->sym[low];
}
