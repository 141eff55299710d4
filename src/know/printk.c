/* printk.c - the kernel's log, read from its ring. Source: Linux kernel/printk/printk_ringbuffer.c. */
#include <string.h>

#include "know/printk.h"

#define COUNT_BITS_MAX 20
#define SIZE_BITS_MAX 28
#define NO_DATA 1 /* of a block's position: the record has no text */

enum { STATE_RESERVED = 0, STATE_REUSABLE = 3 };

/* One field of the ring: found once by type and name. */
static bool field(struct kernel *k, const char *type, const char *member, u64 *ret)
{
	i32 off = k_offset(k, type, member);

	*ret = (u64)off;
	return off >= 0;
}

static bool head_read(struct kernel *k, u64 prb, struct ring *r)
{
	u64 descs, text, at;
	u32 bits, size_bits;

	if (!field(k, "printk_ringbuffer", "desc_ring", &descs) ||
	    !field(k, "printk_ringbuffer", "text_data_ring", &text))
		return false;
	descs += prb;
	text += prb;
	if (!field(k, "prb_desc_ring", "count_bits", &at) || !k_u32(k, descs + at, &bits) ||
	    !field(k, "prb_desc_ring", "descs", &at) || !k_u64(k, descs + at, &r->descs) ||
	    !field(k, "prb_desc_ring", "infos", &at) || !k_u64(k, descs + at, &r->infos) ||
	    !field(k, "prb_desc_ring", "head_id", &at) || !k_u64(k, descs + at, &r->head) ||
	    !field(k, "prb_desc_ring", "tail_id", &at) || !k_u64(k, descs + at, &r->at) ||
	    !field(k, "prb_data_ring", "size_bits", &at) || !k_u32(k, text + at, &size_bits) ||
	    !field(k, "prb_data_ring", "data", &at) || !k_u64(k, text + at, &r->data))
		return false;
	if (!bits || bits > COUNT_BITS_MAX || !size_bits || size_bits > SIZE_BITS_MAX)
		return false;
	r->count = 1ull << bits;
	r->size = 1ull << size_bits;
	return true;
}

static bool shapes_read(struct kernel *k, struct ring *r)
{
	u64 blk;

	if (!field(k, "prb_desc", "state_var", &r->desc_state) ||
	    !field(k, "prb_desc", "text_blk_lpos", &blk) ||
	    !field(k, "prb_data_blk_lpos", "begin", &r->desc_begin) ||
	    !field(k, "prb_data_blk_lpos", "next", &r->desc_next) ||
	    !field(k, "printk_info", "ts_nsec", &r->info_ts) ||
	    !field(k, "printk_info", "text_len", &r->info_len) ||
	    !field(k, "printk_info", "caller_id", &r->info_caller))
		return false;
	r->desc_begin += blk;
	r->desc_next += blk;
	r->desc_len = btf_size(&k->btf, btf_find(&k->btf, "prb_desc", BTF_STRUCTS));
	r->info_size = btf_size(&k->btf, btf_find(&k->btf, "printk_info", BTF_STRUCTS));
	if (!r->desc_len && !k_info(k, "SIZE(prb_desc)", 10, &r->desc_len))
		return false;
	if (!r->info_size && !k_info(k, "SIZE(printk_info)", 10, &r->info_size))
		return false;
	return r->desc_len <= 4096 && r->info_size <= 4096;
}

const char *ring_open(struct kernel *k, struct ring *r)
{
	u64 var = k_sym(k, "prb"), prb;

	*r = (struct ring){ .k = k };
	if (!var)
		k_info(k, "SYMBOL(prb)", 16, &var);
	if (!var)
		return "the log is not found: neither symbols nor VMCOREINFO";
	if (!k_u64(k, var, &prb) || !head_read(k, prb, r) || !shapes_read(k, r))
		return "the log's ring makes no sense";
	if (r->head - r->at >= r->count)
		r->at = r->head - r->count + 1;
	return NULL;
}

/* Where a record's text is: a block that would cross the ring's end begins at its start. */
static bool text_at(const struct ring *r, u64 begin, u64 next, u64 *at, u64 *len)
{
	u64 from = begin % r->size, to = next % r->size;

	if (begin & NO_DATA)
		return false;
	if (from >= to && !(to == 0 && next - begin <= r->size - from))
		from = 0;
	if (to == 0)
		to = r->size;
	*at = r->data + from + 8;
	*len = to >= from + 8 ? to - from - 8 : 0;
	return *len <= r->size;
}

static bool record_read(struct ring *r, u64 id, struct record *ret)
{
	u64 desc = r->descs + id % r->count * r->desc_len, info = r->infos + id % r->count * r->info_size;
	u64 state, begin, next, at, len;
	u16 text_len = 0;

	if (!k_u64(r->k, desc + r->desc_state, &state) || !k_u64(r->k, desc + r->desc_begin, &begin) ||
	    !k_u64(r->k, desc + r->desc_next, &next) || !k_u64(r->k, info + r->info_ts, &ret->ns) ||
	    !k_u32(r->k, info + r->info_caller, &ret->caller) ||
	    !k_read(r->k, info + r->info_len, 2, &text_len))
		return false;
	if ((state ^ id) & ~0ull >> 2 || state >> 62 == STATE_REUSABLE)
		return false;
	if (state >> 62 == STATE_RESERVED) {
		r->skipped++;
		return false;
	}
	ret->len = 0;
	if (!text_at(r, begin, next, &at, &len))
		return true;
	ret->len = text_len < len ? text_len : (size_t)len;
	if (ret->len > sizeof(ret->text))
		ret->len = sizeof(ret->text);
	return k_read(r->k, at, ret->len, ret->text);
}

/*A:600 The guest's log without the guest
 * What `dmesg` prints inside is a ring of descriptors beside a ring of text in the guest's memory.
 * A descriptor says of which record it is now, so that one being written, or one already reused,
 * is told from a good one, and left out.
 * @test ring_leaves_out_half_written_records
 */
bool ring_next(struct ring *r, struct record *ret)
{
	while (!r->done) {
		u64 id = r->at & ~0ull >> 2;

		r->done = r->at == r->head;
		r->at++;
		if (record_read(r, id, ret))
			return true;
	}
	return false;
}
