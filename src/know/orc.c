/* orc.c - looks an address up in ORC tables. Damaged tables give wrong answers, not long ones. */
#include "know/orc.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY 6

void orc_fini(struct orc *o)
{
	free(o->ip);
	free(o->entry);
	*o = (struct orc){ 0 };
}

static u64 ip_of(const struct orc *o, u32 i)
{
	i32 off;

	memcpy(&off, o->ip + 4ull * i, sizeof(off));
	return o->ip_va + 4ull * i + (u64)(i64)off;
}

static enum orc_type type_of(const struct orc_form *f, u32 flags)
{
	u32 type = flags >> f->type_bit & ((1u << f->type_bits) - 1);

	if (f->types_from_2)
		return type == 0 ? ORC_NONE : type == 1 ? ORC_END : type <= 4 ? type - 2 : ORC_NONE;
	if (f->end_bit && flags >> f->end_bit & 1)
		return ORC_END;
	return type <= ORC_REGS_PARTIAL ? type : ORC_NONE;
}

bool orc_find(const struct orc *o, u64 ip, struct orc_entry_view *ret)
{
	u32 low = 0, high = o->n;
	u16 flags;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (ip_of(o, mid) <= ip)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return false;
	memcpy(&ret->sp_offset, o->entry + ENTRY * (u64)(low - 1), 2);
	memcpy(&ret->bp_offset, o->entry + ENTRY * (u64)(low - 1) + 2, 2);
	memcpy(&flags, o->entry + ENTRY * (u64)(low - 1) + 4, 2);
	ret->sp_reg = flags & 15;
	ret->bp_reg = flags >> 4 & 15;
	ret->type = type_of(&o->form, flags);
	ret->signal = o->form.signal_bit ? flags >> o->form.signal_bit & 1 : ret->type != ORC_CALL;
	return ret->type != ORC_NONE;
}
