/* boot_plan.c - gives every piece of a boot its place in guest memory, then writes them all. */
#include "vm/boot_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vm/layout.h"

/*B:300 First a plan, then the bytes
 * A loader never writes to the guest while it can still fail. It adds pieces to a plan: "segment 2,
 * these bytes, at this address", or "the command line, wherever there is room below 640 KiB". A
 * piece that misses RAM or meets another piece is refused with a sentence, and the guest's memory
 * is untouched. Only when the plan is whole does boot_plan_commit() write it.
 * @test plan_refuses_overlap
 */

static void map_add(struct boot_map *map, u64 at, u64 end, u32 type)
{
	if (at < end && map->n < BOOT_MAP_MAX)
		map->range[map->n++] = (struct boot_range){ at, end - at, type };
}

void boot_map_fill(const struct mem *m, struct boot_map *ret)
{
	struct boot_map map = { 0 };

	for (unsigned i = 0; i < m->n; i++) {
		u64 at = m->block[i].at.at, end = at + m->block[i].len;

		if (m->block[i].rom)
			continue;
		if (at) {
			map_add(&map, at, end, BOOT_RAM);
			continue;
		}
		map_add(&map, 0, LAYOUT_LOW_END, BOOT_RAM);
		map_add(&map, LAYOUT_LOW_END, LAYOUT_HOLE, BOOT_RESERVED);
		map_add(&map, LAYOUT_BOARD, LAYOUT_HIGH, BOOT_RESERVED);
		map_add(&map, LAYOUT_HIGH, end, BOOT_RAM);
	}
	*ret = map;
}

/* The RAM range that holds address at, NULL when none does. */
static const struct boot_range *range_of(const struct boot_map *map, u64 at)
{
	for (unsigned i = 0; i < map->n; i++) {
		const struct boot_range *r = &map->range[i];

		if (r->type == BOOT_RAM && at >= r->at && at - r->at < r->len)
			return r;
	}
	return NULL;
}

static int not_ram(const struct boot_plan *p, const struct boot_piece *piece, struct err *e)
{
	const struct boot_range *last = p->map.n ? &p->map.range[p->map.n - 1] : NULL;
	u64 end = piece->at + piece->len;
	char span[64];

	snprintf(span, sizeof(span), "0x%llx-0x%llx", (unsigned long long)piece->at,
		 (unsigned long long)end - 1);
	if (piece->at < LAYOUT_HIGH && end > LAYOUT_LOW_END)
		return err_set(e, -ENOMEM, "%s at %s is in the hole below 1 MiB (0x%x-0x%x), "
			       "where a PC has no RAM", piece->what, span, LAYOUT_LOW_END,
			       LAYOUT_HIGH - 1);
	return err_set(e, -ENOMEM, "%s at %s does not lie in the guest's RAM, which ends at "
		       "0x%llx", piece->what, span,
		       last ? (unsigned long long)(last->at + last->len) : 0);
}

int boot_plan_add(struct boot_plan *p, const struct boot_piece *piece, struct err *e)
{
	const struct boot_range *r = range_of(&p->map, piece->at);
	unsigned i;

	if (!piece->len)
		return 0;
	if (!r || piece->len > r->len - (piece->at - r->at))
		return not_ram(p, piece, e);
	if (p->n == BOOT_PIECES)
		return err_set(e, -ENOEXEC, "more than %d segments and tables", BOOT_PIECES);
	for (i = 0; i < p->n; i++) {
		const struct boot_piece *o = &p->piece[i];

		if (piece->at < o->at + o->len && o->at < piece->at + piece->len)
			return err_set(e, -ENOEXEC,
				       "%s at 0x%llx-0x%llx overlaps %s at 0x%llx-0x%llx",
				       piece->what, (unsigned long long)piece->at,
				       (unsigned long long)(piece->at + piece->len - 1), o->what,
				       (unsigned long long)o->at,
				       (unsigned long long)(o->at + o->len - 1));
		if (o->at > piece->at)
			break;
	}
	memmove(&p->piece[i + 1], &p->piece[i], (p->n - i) * sizeof(p->piece[0]));
	p->piece[i] = *piece;
	p->n++;
	return 0;
}

/* Free RAM from *at on: moves *at to its start, *end to its end. False when there is no more. */
static bool next_gap(const struct boot_plan *p, u64 *at, u64 *end)
{
	for (unsigned i = 0; i < p->map.n; i++) {
		const struct boot_range *r = &p->map.range[i];
		u64 from = *at > r->at ? *at : r->at, to = r->at + r->len;

		if (r->type != BOOT_RAM)
			continue;
		for (unsigned j = 0; j < p->n && from < to; j++) {
			const struct boot_piece *o = &p->piece[j];

			if (o->at + o->len <= from)
				continue;
			if (o->at > from) {
				to = o->at < to ? o->at : to;
				break;
			}
			from = o->at + o->len;
		}
		if (from >= to)
			continue;
		*at = from;
		*end = to;
		return true;
	}
	return false;
}

/* How many aligned places a gap has for len bytes; *first is the lowest. */
static u64 gap_slots(const struct boot_want *want, u64 at, u64 end, u64 len, u64 *first)
{
	u64 lo = at > want->min ? at : want->min, hi = end < want->max ? end : want->max;

	if (lo > UINT64_MAX - want->align)
		return 0;
	lo = (lo + want->align - 1) & ~(want->align - 1);
	if (lo >= hi || hi - lo < len)
		return 0;
	*first = lo;
	return (hi - lo - len) / want->align + 1;
}

u64 boot_plan_slots(const struct boot_plan *p, const struct boot_want *want, u64 len)
{
	u64 n = 0, first, end;

	for (u64 at = 0; next_gap(p, &at, &end); at = end)
		n += gap_slots(want, at, end, len, &first);
	return n;
}

u64 boot_plan_slot(const struct boot_plan *p, const struct boot_want *want, u64 len, u64 i)
{
	u64 n, first, end;

	for (u64 at = 0; next_gap(p, &at, &end); at = end) {
		n = gap_slots(want, at, end, len, &first);
		if (i < n)
			return first + i * want->align;
		i -= n;
	}
	BUG_ON(true);
}

int boot_plan_place(struct boot_plan *p, const struct boot_want *want, struct boot_piece *piece,
		    struct err *e)
{
	u64 n = boot_plan_slots(p, want, piece->len);

	if (!n)
		return err_set(e, -ENOMEM, "no room for %s of %llu KiB in the guest's memory",
			       piece->what, (unsigned long long)(piece->len + 1023) >> 10);
	piece->at = boot_plan_slot(p, want, piece->len, want->high ? n - 1 : 0);
	return boot_plan_add(p, piece, e);
}

u64 boot_plan_end(const struct boot_plan *p)
{
	const struct boot_piece *last = p->n ? &p->piece[p->n - 1] : NULL;

	return last && last->at + last->len > LAYOUT_HIGH ? last->at + last->len : LAYOUT_HIGH;
}

static int piece_write(const struct boot_piece *piece, u8 *host, struct err *e)
{
	u64 done = piece->data_len;
	int rc = 0;

	if (piece->write) {
		piece->write(piece, host);
		return 0;
	}
	if (piece->file) {
		done = piece->file->len;
		rc = boot_file_copy(piece->file, host, e);
	} else if (done) {
		memcpy(host, piece->data, done);
	}
	memset(host + done, 0, piece->len - done);
	return rc;
}

int boot_plan_commit(const struct boot_plan *p, struct mem *m, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < p->n && !rc; i++) {
		const struct boot_piece *piece = &p->piece[i];
		u8 *host = mem_host_w(m, GPA(piece->at), piece->len);

		BUG_ON(!host);
		rc = piece_write(piece, host, e);
		mem_written(m, GPA(piece->at), piece->len);
	}
	return rc;
}
