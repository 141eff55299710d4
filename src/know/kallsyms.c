/* kallsyms.c - finds and reads a Linux kernel's symbol table without being told where it is. */
#include "know/kallsyms.h"

#include <string.h>

#define SYMS_MIN 500u
#define SYMS_MAX (2u << 20)
#define TOKENS 256
#define STRIDE 256 /* names between two markers */

/* Where the parts are: offsets in the image. */
struct parts {
	u32 n;
	u64 num, names, names_end, markers, tokens, index;
	u64 offsets;
	u64 relative_base;
	enum { ADDR_RELATIVE, ADDR_PERCPU, ADDR_PLACE } form;
};

static u16 get16(const struct bytes *b, u64 at)
{
	u16 v;

	memcpy(&v, b->at + at, sizeof(v));
	return v;
}

static u32 get32(const struct bytes *b, u64 at)
{
	u32 v;

	memcpy(&v, b->at + at, sizeof(v));
	return v;
}

static u64 get64(const struct bytes *b, u64 at)
{
	u64 v;

	memcpy(&v, b->at + at, sizeof(v));
	return v;
}

static u64 align8(u64 at)
{
	return (at + 7) & ~7ull;
}

/* Behind the name at this offset; 0: there is none. A length over 127 has two bytes (since 6.1). */
static u64 name_skip(const struct bytes *b, u64 at)
{
	u64 len;

	if (at + 2 > b->len)
		return 0;
	len = b->at[at++];
	if (len & 0x80)
		len = (len & 0x7f) | (u64)b->at[at++] << 7;
	return len && len < SYMTAB_NAME && at + len <= b->len ? at + len : 0;
}

/* Do n names begin here, with a table of markers behind them that says where each 256th begins? */
static bool names_check(const struct bytes *b, struct parts *p)
{
	u64 at = p->names;
	u32 nmarkers = (p->n + STRIDE - 1) / STRIDE;

	for (u32 i = 0; i < p->n; i++) {
		at = name_skip(b, at);
		if (!at)
			return false;
	}
	p->names_end = at;
	p->markers = align8(at);
	if (p->markers + nmarkers * 4ull > b->len)
		return false;
	at = p->names;
	for (u32 i = 0; i < p->n; i++, at = name_skip(b, at))
		if (i % STRIDE == 0 && get32(b, p->markers + i / STRIDE * 4ull) != at - p->names)
			return false;
	return true;
}

/* The second marker shows cheaply what names_check() would find out at length. */
static bool names_begin(const struct bytes *b, u64 at)
{
	for (unsigned i = 0; i < 16; i++) {
		at = name_skip(b, at);
		if (!at)
			return false;
	}
	return true;
}

/*A:300 A table that shows where it is
 * A stripped kernel still carries every symbol's name for its own oops messages, compressed, in
 * tables that no header points to and whose order changes between versions. But one thing holds in
 * all of them: a count, then so many names with their lengths, then the offsets of each 256th name.
 * Random bytes do not do that. kallsyms_find() tries each place where a count could be and checks
 * the offsets; the other tables are found from there, each by a check of its own.
 * @test kallsyms_of_each_layout
 */
static bool find_names(const struct bytes *b, struct parts *p)
{
	u64 budget = 64 * b->len; /* a hostile image could make each try a long one */

	for (u64 at = 0; at + 64 <= b->len; at += 8) {
		u64 n = get64(b, at);

		p->n = (u32)n;
		p->num = at;
		p->names = at + 8;
		if (n < SYMS_MIN || n > SYMS_MAX || !names_begin(b, p->names))
			continue;
		if (budget < n)
			return false;
		budget -= n;
		if (names_check(b, p))
			return true;
	}
	return false;
}

/* Behind the token table at this offset; 0: none. index, right behind it, must agree. */
static bool tokens_check(const struct bytes *b, struct parts *p)
{
	u64 start[TOKENS], at = p->tokens;

	for (unsigned i = 0; i < TOKENS; i++) {
		const u8 *end = at < b->len ? memchr(b->at + at, 0, b->len - at) : NULL;

		if (!end)
			return false;
		start[i] = at - p->tokens;
		at = (u64)(end - b->at) + 1;
		if (at - p->tokens > 0xffff)
			return false;
	}
	p->index = align8(at);
	if (p->index + 2 * TOKENS > b->len)
		return false;
	for (unsigned i = 0; i < TOKENS; i++)
		if (get16(b, p->index + 2 * i) != start[i])
			return false;
	return true;
}

/* Behind the markers, or behind the sequence numbers of 6.2 and 6.3, 3 bytes a name. */
static bool find_tokens(const struct bytes *b, struct parts *p)
{
	u64 from = align8(p->markers + (p->n + STRIDE - 1) / STRIDE * 4ull);
	u64 places[] = { from, align8(from + 3ull * p->n) };

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		p->tokens = places[i];
		if (tokens_check(b, p))
			return true;
	}
	return false;
}

static bool in_image(const struct bytes *b, u64 va)
{
	return va >= b->va && va - b->va <= b->len;
}

/* Which form explains the offsets at this place best? Nearly all addresses must lie in the image. */
static bool offsets_check(const struct bytes *b, struct parts *p)
{
	u32 fits[3] = { 0 }, step = p->n / 1024 + 1, tried = 0;

	if (p->offsets + 4ull * p->n > b->len)
		return false;
	for (u32 i = 0; i < p->n; i += step, tried++) {
		u64 at = p->offsets + 4ull * i;
		u32 raw = get32(b, at);
		i32 off = (i32)raw;

		fits[ADDR_RELATIVE] += in_image(b, p->relative_base + raw);
		fits[ADDR_PERCPU] += off >= 0 ? (u32)off < MIB(4) :
						in_image(b, p->relative_base - 1 - (u64)(i64)off);
		fits[ADDR_PLACE] += in_image(b, b->va + at + (u64)(i64)off);
	}
	if (fits[p->form] * 10ull < tried * 9ull)
		return false;
	return p->form != ADDR_PERCPU || (i32)get32(b, p->offsets + 4ull * (p->n - 1)) < 0;
}

static bool try_offsets(const struct bytes *b, struct parts *p, u64 offsets, u64 base_at, int form)
{
	p->offsets = offsets;
	p->form = form;
	if (form != ADDR_PLACE) {
		if (base_at + 8 > b->len)
			return false;
		p->relative_base = get64(b, base_at);
		if (!in_image(b, p->relative_base))
			return false;
	}
	return offsets_check(b, p);
}

/* Before the count (up to 6.3), or behind the token index, and then with a base or without. */
static bool find_offsets(const struct bytes *b, struct parts *p)
{
	u64 len = align8(4ull * p->n), behind = align8(p->index + 2 * TOKENS);

	for (int form = ADDR_RELATIVE; form <= ADDR_PERCPU; form++) {
		if (p->num >= len + 8 && try_offsets(b, p, p->num - 8 - len, p->num - 8, form))
			return true;
		if (try_offsets(b, p, behind, behind + len, form))
			return true;
	}
	return try_offsets(b, p, behind, 0, ADDR_PLACE) ||
	       (p->num >= len && try_offsets(b, p, p->num - len, 0, ADDR_PLACE));
}

static u64 sym_address(const struct bytes *b, const struct parts *p, u32 i)
{
	u64 at = p->offsets + 4ull * i;
	u32 raw = get32(b, at);
	i32 off = (i32)raw;

	if (p->form == ADDR_PLACE)
		return b->va + at + (u64)(i64)off;
	if (p->form == ADDR_RELATIVE)
		return p->relative_base + raw;
	return off >= 0 ? (u64)off : p->relative_base - 1 - (u64)(i64)off;
}

/* Expand the name at `at` into ret (the first character is its type); returns its length. */
static size_t expand(const struct bytes *b, const struct parts *p, u64 at, char *ret)
{
	u64 end = name_skip(b, at);
	size_t n = 0;

	at += b->at[at] & 0x80 ? 2 : 1;
	for (; at < end; at++) {
		const u8 *token = b->at + p->tokens + get16(b, p->index + 2ull * b->at[at]);

		while (*token && n < SYMTAB_NAME)
			ret[n++] = (char)*token++;
	}
	return n;
}

static void read_all(const struct bytes *b, const struct parts *p, struct symtab *ret)
{
	char name[SYMTAB_NAME];
	u64 at = p->names;

	for (u32 i = 0; i < p->n; i++, at = name_skip(b, at)) {
		size_t len = expand(b, p, at, name);

		if (len > 1)
			symtab_add(ret, name + 1, len - 1, sym_address(b, p, i), 0, name[0]);
	}
	ret->end = b->va + b->len;
	symtab_done(ret);
}

bool kallsyms_find(const struct bytes *image, struct symtab *ret, const char **why)
{
	struct parts p = { 0 };

	*why = NULL;
	if (!find_names(image, &p))
		*why = "no table of names";
	else if (!find_tokens(image, &p))
		*why = "names but no token table";
	else if (!find_offsets(image, &p))
		*why = "names but no addresses";
	if (*why)
		return false;
	read_all(image, &p, ret);
	if (ret->failed)
		*why = "out of memory";
	return !ret->failed;
}
