/* btf_text.c - prints types and values as C writes them, within bounds, whatever BTF says. */
#include "know/btf_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEPTH 4        /* structs in structs that are spelt out */
#define ELEMENTS 16u   /* of an array */
#define LINES 4000u    /* of one value */
#define CHASE 16

static u32 extra32(const struct btf_view *t, unsigned i)
{
	u32 v;

	memcpy(&v, t->extra + 4 * i, sizeof(v));
	return v;
}

static void name_of(const struct btf *b, u32 id, unsigned depth, char *buf, size_t len)
{
	static const char *const tag[] = {
		[BTF_KIND_STRUCT] = "struct ", [BTF_KIND_UNION] = "union ", [BTF_KIND_ENUM] = "enum ",
		[BTF_KIND_ENUM64] = "enum ", [BTF_KIND_FWD] = "struct ",
		[BTF_KIND_CONST] = "const ", [BTF_KIND_VOLATILE] = "volatile ",
		[BTF_KIND_RESTRICT] = "restrict ", [BTF_KIND_TYPE_TAG] = "",
	};
	const char *prefix;
	char inner[192];
	struct btf_view t;

	if (!id || !depth || !btf_view(b, id, &t)) {
		snprintf(buf, len, id ? "?" : "void");
		return;
	}
	prefix = t.kind < ARRAY_SIZE(tag) && tag[t.kind] ? tag[t.kind] : "";
	switch (t.kind) {
	case BTF_KIND_PTR:
		name_of(b, t.type, depth - 1, inner, sizeof(inner));
		snprintf(buf, len, "%s%s*", inner, inner[strlen(inner) - 1] == '*' ? "" : " ");
		break;
	case BTF_KIND_ARRAY:
		name_of(b, extra32(&t, 0), depth - 1, inner, sizeof(inner));
		snprintf(buf, len, "%s[%u]", inner, extra32(&t, 2));
		break;
	case BTF_KIND_CONST: case BTF_KIND_VOLATILE: case BTF_KIND_RESTRICT: case BTF_KIND_TYPE_TAG:
		name_of(b, t.type, depth - 1, inner, sizeof(inner));
		snprintf(buf, len, "%s%s", prefix, inner);
		break;
	case BTF_KIND_FUNC_PROTO:
		snprintf(buf, len, "function");
		break;
	default:
		snprintf(buf, len, "%s%s", prefix, *t.name ? t.name : "{…}");
	}
}

const char *btf_name(const struct btf *b, u32 id, char *buf, size_t len)
{
	name_of(b, id, CHASE, buf, len);
	return buf;
}

/* ---- types -------------------------------------------------------------------------------- */

static void show_members(const struct view *v, const struct btf_view *t)
{
	const struct btf *b = &v->k->btf;
	struct btf_member_view m;
	char name[192];

	for (u32 i = 0; i < LINES && btf_member(b, t, i, &m); i++) {
		out_say(v->out, "\t%s %s", btf_name(b, m.type, name, sizeof(name)), m.name);
		if (m.bits)
			out_say(v->out, ":%u", m.bits);
		out_say(v->out, "; /* %u", m.bit / 8);
		if (m.bits || m.bit % 8)
			out_say(v->out, ", bit %u", m.bit % 8);
		out_say(v->out, " */\n");
	}
}

static void show_enumerators(const struct view *v, const struct btf_view *t)
{
	const struct btf *b = &v->k->btf;
	unsigned words = t->kind == BTF_KIND_ENUM64 ? 3 : 2;

	for (u32 i = 0; i < t->vlen && i < LINES; i++) {
		u32 name = extra32(t, i * words);

		out_say(v->out, "\t%s = %d,\n", name < b->str_len ? b->str + name : "?",
			(i32)extra32(t, i * words + 1));
	}
}

void btf_show_type(const struct view *v, u32 id)
{
	const struct btf *b = &v->k->btf;
	char name[192];
	struct btf_view t;
	u32 to = btf_strip(b, id);

	out_say(v->out, "%s", btf_name(b, id, name, sizeof(name)));
	if (!btf_view(b, to, &t) || (!(BTF_STRUCTS >> t.kind & 1) && t.kind != BTF_KIND_ENUM &&
				     t.kind != BTF_KIND_ENUM64)) {
		if (to != id)
			out_say(v->out, " is %s", btf_name(b, to, name, sizeof(name)));
		out_say(v->out, "\n");
		return;
	}
	out_say(v->out, " {\n");
	if (BTF_STRUCTS >> t.kind & 1)
		show_members(v, &t);
	else
		show_enumerators(v, &t);
	out_say(v->out, "}; /* %" PRIu64 " bytes */\n", btf_size(b, to));
}

/* ---- values ------------------------------------------------------------------------------- */

struct show {
	const struct view *v;
	unsigned lines;
};

static void show_value(struct show *s, u32 id, u64 at, u32 bit, u32 bits, unsigned depth);

/* A number of up to 8 bytes, or some of its bits. */
static bool number(struct show *s, u64 at, u64 size, u32 bit, u32 bits, u64 *ret)
{
	u64 x = 0;

	at += bit / 8;
	bit %= 8;
	if (bits)
		size = (bit + bits + 7) / 8;
	if (!size || size > 8 || bits > 64 || !k_read(s->v->k, at, size, &x))
		return false;
	x >>= bit;
	*ret = bits && bits < 64 ? x & ((1ull << bits) - 1) : x;
	return true;
}

static void show_enum(struct show *s, const struct btf_view *t, u64 x)
{
	const struct btf *b = &s->v->k->btf;
	unsigned words = t->kind == BTF_KIND_ENUM64 ? 3 : 2;

	for (u32 i = 0; i < t->vlen; i++) {
		u32 name = extra32(t, i * words);

		if (extra32(t, i * words + 1) != (u32)x || name >= b->str_len)
			continue;
		out_say(s->v->out, "%s", b->str + name);
		return;
	}
	out_say(s->v->out, "%" PRId64, (i64)x);
}

static void show_int(struct show *s, const struct btf_view *t, u64 x)
{
	u32 how = BTF_INT_ENCODING(extra32(t, 0));
	unsigned unused = t->size && t->size < 8 ? 64 - 8 * t->size : 0;

	if (how & BTF_INT_BOOL)
		out_say(s->v->out, x ? "true" : "false");
	else if (how & BTF_INT_SIGNED)
		out_say(s->v->out, "%" PRId64, (i64)(x << unused) >> unused);
	else if (x >> 20)
		out_say(s->v->out, "0x%" PRIx64, x);
	else
		out_say(s->v->out, "%" PRIu64, x);
}

static void indent(struct show *s, unsigned depth)
{
	out_say(s->v->out, "\n%*s", (int)depth * 2, "");
	s->lines++;
}

static void show_struct(struct show *s, const struct btf_view *t, u64 at, unsigned depth)
{
	struct btf_member_view m;

	if (depth >= DEPTH) {
		out_say(s->v->out, "{…}");
		return;
	}
	out_say(s->v->out, "{");
	for (u32 i = 0; btf_member(&s->v->k->btf, t, i, &m) && s->lines < LINES; i++) {
		indent(s, depth + 1);
		if (*m.name)
			out_say(s->v->out, ".%s = ", m.name);
		show_value(s, m.type, m.bits ? at : at + m.bit / 8, m.bits ? m.bit : 0, m.bits, depth + 1);
		out_say(s->v->out, ",");
	}
	indent(s, depth);
	out_say(s->v->out, "}");
}

static bool is_char(const struct btf *b, u32 id)
{
	struct btf_view t;

	return btf_view(b, btf_strip(b, id), &t) && t.kind == BTF_KIND_INT && t.size == 1 &&
	       !strcmp(t.name, "char");
}

static void show_array(struct show *s, const struct btf_view *t, u64 at, unsigned depth)
{
	u32 of = extra32(t, 0), n = extra32(t, 2);
	u64 size = btf_size(&s->v->k->btf, of);
	char text[256];

	if (is_char(&s->v->k->btf, of)) {
		k_text(s->v->k, at, text, n < sizeof(text) ? n + 1 : sizeof(text));
		out_say(s->v->out, "\"%s\"", text);
		return;
	}
	out_say(s->v->out, "{ ");
	for (u32 i = 0; i < n && i < ELEMENTS && s->lines < LINES; i++) {
		show_value(s, of, at + size * i, 0, 0, depth + 1);
		out_say(s->v->out, i + 1 < n ? ", " : " ");
	}
	out_say(s->v->out, n > ELEMENTS ? "… }" : "}");
}

static void show_value(struct show *s, u32 id, u64 at, u32 bit, u32 bits, unsigned depth)
{
	const struct btf *b = &s->v->k->btf;
	struct btf_view t;
	char place[256];
	u64 x;

	if (!btf_view(b, btf_strip(b, id), &t) || depth > DEPTH + 2) {
		out_say(s->v->out, "?");
		return;
	}
	if (BTF_STRUCTS >> t.kind & 1) {
		show_struct(s, &t, at, depth);
		return;
	}
	if (t.kind == BTF_KIND_ARRAY) {
		show_array(s, &t, at, depth);
		return;
	}
	if (!number(s, at, t.kind == BTF_KIND_PTR ? 8 : t.size, bit, bits, &x))
		out_say(s->v->out, "??");
	else if (t.kind == BTF_KIND_PTR)
		out_say(s->v->out, "0x%" PRIx64 "%s%s", x, unwind_is_text(s->v->k, x) ? " " : "",
			unwind_is_text(s->v->k, x) ? kernel_place(s->v->k, GVA(x), place, sizeof(place)) : "");
	else if (t.kind == BTF_KIND_ENUM || t.kind == BTF_KIND_ENUM64)
		show_enum(s, &t, x);
	else if (t.kind == BTF_KIND_INT)
		show_int(s, &t, x);
	else
		out_say(s->v->out, "0x%" PRIx64, x);
}

void btf_show(const struct view *v, u32 id, u64 at, u32 bit, u32 bits)
{
	struct show s = { .v = v };

	show_value(&s, id, at, bit, bits, 0);
	out_say(v->out, s.lines >= LINES ? "\n?? cut short\n" : "\n");
}
