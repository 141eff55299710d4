/* seq.c - lays a sequence's code out, and takes parts of it away. */
#include "seq.h"

#include <string.h>

#include "form.h"

u64 seq_cs_base(const struct seq *q)
{
	return q->bits16 ? slides[q->slide] + CODE_VA : 0;
}

/* Offset in the code segment. */
static u64 code_va(const struct seq *q, u32 off)
{
	return slides[q->slide] + CODE_VA + q->code_at + off - seq_cs_base(q);
}

/* Offset of the first item of the group, or of a later one if it is gone. */
static u32 group_offset(const struct seq *q, u32 group)
{
	u32 i = 0;

	while (i < q->n && q->item[i].group < group)
		i++;
	return q->at[i];
}

static void put(u8 *at, u64 v, unsigned len)
{
	memcpy(at, &v, len);
}

static void fix_item(struct seq *q, const struct item *it, u32 off)
{
	u64 next = code_va(q, off + it->len);
	u64 target = code_va(q, group_offset(q, it->target));
	i64 rel = (i64)(target - next);
	u8 *at = q->code + off + it->fix_at;

	switch (it->fix) {
	case FIX_REL8:
		if (rel == (i8)rel)
			put(at, (u64)rel, 1);
		else
			memset(q->code + off, 0x90, it->len);
		break;
	case FIX_REL32:
		put(at, (u64)rel, 4);
		break;
	case FIX_RIP_ITEM:
		put(at, (u64)rel + it->va, 4);
		break;
	case FIX_RIP_VA:
		put(at, it->va - next, 4);
		break;
	case FIX_ABS32:
		put(at, target + it->va, 4);
		break;
	case FIX_ABS64:
		put(at, target, 8);
		break;
	}
}

/* What wipes an unequal result must be there. */
static bool has_wipes(const struct seq *q)
{
	for (u32 i = 0; i < q->n; i++)
		if (q->item[i].spec != ITEM_RAW &&
		    specs[q->item[i].spec].form->flags & FM_WIPES)
			return true;
	return false;
}

/* Half of the sequences cross from the first code page to the second; a few run off its end. */
static u32 choose_place(u32 place, u32 len, bool whole)
{
	u32 kind = place % 100, r = place / 100;
	u32 size = CODE_PAGES * GUEST_PAGE_SIZE;

	if (len >= GUEST_PAGE_SIZE)
		return 0;
	if (kind < 50)
		return GUEST_PAGE_SIZE - r % (len + 1);
	if (kind < 53 && !whole)
		return size - 1 - r % len;
	return r % (size - len);
}

void seq_lay_out(struct seq *q)
{
	u32 off = 0;

	for (u32 i = 0; i < q->n; i++) {
		q->at[i] = (u16)off;
		off += q->item[i].len;
	}
	q->at[q->n] = (u16)off;
	q->code_len = off;
	BUG_ON(off + 1 > SEQ_CODE);
	q->code[off] = 0xcc;
	q->code_at = choose_place(q->place, off + 1, has_wipes(q));
	for (u32 i = 0; i < q->n; i++) {
		memcpy(q->code + q->at[i], q->item[i].bytes, q->item[i].len);
		fix_item(q, &q->item[i], q->at[i]);
	}
	if (q->code_at + q->code_len > CODE_PAGES * GUEST_PAGE_SIZE)
		q->code_len = CODE_PAGES * GUEST_PAGE_SIZE - q->code_at;
	q->init.rip = code_va(q, 0);
}

void seq_drop_item(struct seq *q, u32 at)
{
	memmove(&q->item[at], &q->item[at + 1], (q->n - at - 1) * sizeof(q->item[0]));
	q->n--;
}

bool seq_drop_group(struct seq *q, u32 group)
{
	u32 n = q->n;

	for (u32 i = q->n; i-- > 0;)
		if (q->item[i].group == group)
			seq_drop_item(q, i);
	return q->n != n;
}

int seq_item_at(const struct seq *q, u64 rip)
{
	for (u32 i = 0; i < q->n; i++)
		if (rip == code_va(q, q->at[i]))
			return (int)i;
	return -1;
}
