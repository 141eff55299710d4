/* btf_text.h - types and values by BTF as C text. */
#ifndef PANDOK_KNOW_BTF_TEXT_H
#define PANDOK_KNOW_BTF_TEXT_H

#include "know/kernel.h"
#include "know/unwind.h"

/* btf_name - a type as C writes it; returns buf. */
const char *btf_name(const struct btf *b, u32 id, char *buf, size_t len);

/* btf_show_type - a struct, union or enum with its members. */
void btf_show_type(const struct view *v, u32 id);

/* btf_show - what is at an address in the guest, seen as a type. bits: of a bit field that begins
 * at that bit, 0: none. */
void btf_show(const struct view *v, u32 id, u64 at, u32 bit, u32 bits);

#endif
