/* btf.c - reads BTF from hostile bytes: every offset and count is checked, every chase bounded.
 * Source: the kernel's Documentation/bpf/btf.rst. */
#include "know/btf.h"

#include <stdlib.h>
#include <string.h>

#define BTF_MAX MIB(64)
#define CHASE 32 /* typedefs of typedefs, arrays of arrays, structs in structs */

/* Bytes behind the fixed part: fixed + each * vlen. */
static const struct { u8 fixed, each; } extra_len[] = {
	[BTF_KIND_INT] = { 4, 0 },     [BTF_KIND_ARRAY] = { 12, 0 },
	[BTF_KIND_STRUCT] = { 0, 12 }, [BTF_KIND_UNION] = { 0, 12 },
	[BTF_KIND_ENUM] = { 0, 8 },    [BTF_KIND_FUNC_PROTO] = { 0, 8 },
	[BTF_KIND_VAR] = { 4, 0 },     [BTF_KIND_DATASEC] = { 0, 12 },
	[BTF_KIND_DECL_TAG] = { 4, 0 }, [BTF_KIND_ENUM64] = { 0, 12 },
};

static u32 get32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

u64 btf_len(const u8 *data, u64 len)
{
	struct btf_header h;
	u64 types, strings;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	if (h.magic != BTF_MAGIC || h.version != BTF_VERSION || h.hdr_len < sizeof(h) ||
	    h.hdr_len > 4096 || h.type_off % 4 || h.hdr_len % 4)
		return 0;
	types = (u64)h.hdr_len + h.type_off + h.type_len;
	strings = (u64)h.hdr_len + h.str_off + h.str_len;
	if (types > BTF_MAX || strings > BTF_MAX || !h.str_len)
		return 0;
	return types > strings ? types : strings;
}

/* How long the type at p is; 0: it does not fit into len bytes. */
static u32 type_len(const u8 *p, u64 len)
{
	u32 info, kind, n;

	if (len < sizeof(struct btf_type))
		return 0;
	info = get32(p + 4);
	kind = BTF_INFO_KIND(info);
	if (!kind || kind > BTF_KIND_ENUM64)
		return 0;
	n = (u32)sizeof(struct btf_type) + extra_len[kind].fixed + extra_len[kind].each * BTF_INFO_VLEN(info);
	return n <= len ? n : 0;
}

static bool index_types(struct btf *b, u64 len)
{
	u32 room = (u32)(len / sizeof(struct btf_type)) + 2, size;
	u64 at;

	b->at = malloc(room * sizeof(*b->at));
	if (!b->at)
		return false;
	b->n = 1;
	for (at = 0; at < len && (size = type_len(b->types + at, len - at)); at += size)
		b->at[b->n++] = (u32)at;
	return at == len;
}

static u32 name_hash(const char *name)
{
	u32 h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (u8)*name) * 16777619u;
	return h;
}

static bool hash_types(struct btf *b)
{
	struct btf_view v;

	for (b->nhash = 1024; b->nhash < 2 * b->n;)
		b->nhash *= 2;
	b->hash = calloc(b->nhash, sizeof(*b->hash));
	if (!b->hash)
		return false;
	for (u32 id = 1; id < b->n; id++) {
		u32 slot;

		if (!btf_view(b, id, &v) || !*v.name)
			continue;
		for (slot = name_hash(v.name) & (b->nhash - 1); b->hash[slot];)
			slot = (slot + 1) & (b->nhash - 1);
		b->hash[slot] = id;
	}
	return true;
}

static const char *load(struct btf *b)
{
	struct btf_header h;
	char *str;

	memcpy(&h, b->data, sizeof(h));
	b->types = b->data + h.hdr_len + h.type_off;
	b->str = str = (char *)b->data + h.hdr_len + h.str_off;
	b->str_len = h.str_len;
	if (str[h.str_len - 1])
		return "its strings have no end";
	for (u32 i = 0; i < h.str_len; i++) /* they go to a terminal */
		if (str[i] && (str[i] < ' ' || str[i] > '~'))
			str[i] = '?';
	if (!index_types(b, h.type_len))
		return "its types do not add up";
	return hash_types(b) ? NULL : "out of memory";
}

bool btf_load(const u8 *data, u64 len, struct btf *ret, const char **why)
{
	u64 want = btf_len(data, len);

	*ret = (struct btf){ 0 };
	*why = NULL;
	if (!want || want > len) {
		*why = "no sound header";
		return false;
	}
	ret->data = malloc(want);
	if (ret->data) {
		memcpy(ret->data, data, want);
		*why = load(ret);
	} else {
		*why = "out of memory";
	}
	if (*why)
		btf_fini(ret);
	return !*why;
}

void btf_fini(struct btf *b)
{
	free(b->data);
	free(b->at);
	free(b->hash);
	*b = (struct btf){ 0 };
}

static const char *btf_str(const struct btf *b, u32 off)
{
	return off < b->str_len ? b->str + off : "";
}

bool btf_view(const struct btf *b, u32 id, struct btf_view *ret)
{
	const u8 *p;
	u32 info;

	if (!id || id >= b->n)
		return false;
	p = b->types + b->at[id];
	info = get32(p + 4);
	*ret = (struct btf_view){
		.kind = BTF_INFO_KIND(info),
		.name = btf_str(b, get32(p)),
		.vlen = BTF_INFO_VLEN(info),
		.size = get32(p + 8),
		.type = get32(p + 8),
		.bitfields = BTF_INFO_KFLAG(info),
		.extra = p + sizeof(struct btf_type),
	};
	return true;
}

u32 btf_find(const struct btf *b, const char *name, u32 kinds)
{
	struct btf_view v;
	u32 slot, best = 0;

	if (!b->nhash)
		return 0;
	for (slot = name_hash(name) & (b->nhash - 1); b->hash[slot]; slot = (slot + 1) & (b->nhash - 1))
		if (btf_view(b, b->hash[slot], &v) && (kinds >> v.kind & 1) && !strcmp(v.name, name) &&
		    (!best || b->hash[slot] < best))
			best = b->hash[slot];
	return best;
}

u32 btf_strip(const struct btf *b, u32 id)
{
	const u32 through = 1u << BTF_KIND_TYPEDEF | 1u << BTF_KIND_VOLATILE | 1u << BTF_KIND_CONST |
			    1u << BTF_KIND_RESTRICT | 1u << BTF_KIND_TYPE_TAG;
	struct btf_view v;

	for (unsigned i = 0; i < CHASE; i++) {
		if (!btf_view(b, id, &v))
			return 0;
		if (!(through >> v.kind & 1))
			return id;
		id = v.type;
	}
	return 0;
}

u64 btf_size(const struct btf *b, u32 id)
{
	struct btf_view v;
	u64 times = 1;

	for (unsigned i = 0; i < CHASE; i++) {
		if (!btf_view(b, btf_strip(b, id), &v))
			return 0;
		if (v.kind == BTF_KIND_PTR)
			return times * 8;
		if (v.kind != BTF_KIND_ARRAY)
			break;
		times *= get32(v.extra + 8);
		if (times > GIB(1))
			return 0;
		id = get32(v.extra);
	}
	if (v.kind == BTF_KIND_INT || v.kind == BTF_KIND_FLOAT || v.kind == BTF_KIND_STRUCT ||
	    v.kind == BTF_KIND_UNION || v.kind == BTF_KIND_ENUM || v.kind == BTF_KIND_ENUM64)
		return times * v.size;
	return 0;
}

bool btf_member(const struct btf *b, const struct btf_view *v, u32 i, struct btf_member_view *ret)
{
	const u8 *p = v->extra + 12ull * i;
	u32 offset;

	if (!(BTF_STRUCTS >> v->kind & 1) || i >= v->vlen)
		return false;
	offset = get32(p + 8);
	*ret = (struct btf_member_view){
		.name = btf_str(b, get32(p)),
		.type = get32(p + 4),
		.bit = v->bitfields ? BTF_MEMBER_BIT_OFFSET(offset) : offset,
		.bits = v->bitfields ? BTF_MEMBER_BITFIELD_SIZE(offset) : 0,
	};
	return true;
}

static bool lookup(const struct btf *b, u32 id, const char *name, unsigned depth, u32 *budget,
		   struct btf_member_view *ret)
{
	struct btf_member_view m;
	struct btf_view v;

	if (!btf_view(b, btf_strip(b, id), &v) || !depth)
		return false;
	for (u32 i = 0; btf_member(b, &v, i, &m) && *budget; i++, --*budget) {
		if (!strcmp(m.name, name)) {
			*ret = m;
			return true;
		}
		if (*m.name || !lookup(b, m.type, name, depth - 1, budget, ret))
			continue;
		ret->bit += m.bit;
		return true;
	}
	return false;
}

bool btf_lookup(const struct btf *b, u32 id, const char *name, struct btf_member_view *ret)
{
	u32 budget = 100000;

	return lookup(b, id, name, 8, &budget, ret);
}

bool btf_value(const struct btf *b, const char *type, const char *name, i64 *ret)
{
	u32 id = btf_find(b, type, 1u << BTF_KIND_ENUM);
	struct btf_view v;

	if (!btf_view(b, id, &v))
		return false;
	for (u32 i = 0; i < v.vlen; i++) {
		if (strcmp(btf_str(b, get32(v.extra + 8ull * i)), name))
			continue;
		*ret = (i32)get32(v.extra + 8ull * i + 4);
		return true;
	}
	return false;
}
