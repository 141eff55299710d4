/* btf.h - the types a kernel carries for BPF: a reader that trusts no byte of them. */
#ifndef PANDOK_KNOW_BTF_H
#define PANDOK_KNOW_BTF_H

#include <linux/btf.h>

#include "base/types.h"

struct btf {
	u8 *data;        /* our copy: header, types, strings */
	const u8 *types;
	const char *str; /* ends with NUL */
	u32 str_len;
	u32 n;           /* types 1..n-1 */
	u32 *at;         /* of type i, offset in types */
	u32 *hash, nhash; /* type by name; 0: empty */
};

/* One type, taken apart. */
struct btf_view {
	u32 kind; /* BTF_KIND_ */
	const char *name; /* "" when it has none */
	u32 vlen, size, type;
	bool bitfields; /* member offsets hold bit sizes, too */
	const u8 *extra;
};

struct btf_member_view {
	const char *name;
	u32 type;
	u32 bit;  /* offset in bits */
	u32 bits; /* size of a bit field, 0: none */
};

/* btf_load - data (len bytes) is copied. false: it is none, or damaged (why says how). */
bool btf_load(const u8 *data, u64 len, struct btf *ret, const char **why);
void btf_fini(struct btf *b);

/* btf_len - bytes that the header at data asks for; 0: no header. */
u64 btf_len(const u8 *data, u64 len);

bool btf_view(const struct btf *b, u32 id, struct btf_view *ret); /* false: no such type */

/* btf_find - the first type of that name whose kind is in the mask of 1 << BTF_KIND_; 0: none. */
u32 btf_find(const struct btf *b, const char *name, u32 kinds);

/* btf_strip - behind typedefs and qualifiers; 0 when that has no end. */
u32 btf_strip(const struct btf *b, u32 id);

/* btf_size - bytes of a type, 0 when it has none or makes no sense. */
u64 btf_size(const struct btf *b, u32 id);

/* btf_member - the i-th member of a struct or union. */
bool btf_member(const struct btf *b, const struct btf_view *v, u32 i, struct btf_member_view *ret);

/* btf_lookup - a member by name, also one of unnamed structs and unions inside; bit from the
 * outermost one's start. */
bool btf_lookup(const struct btf *b, u32 id, const char *name, struct btf_member_view *ret);

/* btf_value - the number an enumerator stands for, of whatever enum has it; false: none. */
bool btf_value(const struct btf *b, const char *type, const char *name, i64 *ret);

#define BTF_STRUCTS (1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION)

#endif
