/* kdump_write.c - a machine as a kdump-compressed file: the kernel's pages only. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <zlib.h>

#include "know/core.h"
#include "know/kdump.h"
#include "know/pages.h"

#define LEVEL 30 /* cache, private cache, user and free pages are left out */

struct dump {
	struct target *t;
	struct kernel *k;
	struct notes notes;
	u64 max_pfn, npages, bitmap_len; /* of one bitmap, whole blocks */
	u8 *ram, *kept; /* bitmaps */
	struct kdump_page zero; /* all zero pages are one; len 0: not written yet */
	struct sink *head, *data; /* head: everything up to the first page */
};

static u64 blocks(u64 len)
{
	return (len + KDUMP_BLOCK - 1) / KDUMP_BLOCK;
}

static bool bit(const u8 *map, u64 i)
{
	return map[i / 8] >> i % 8 & 1;
}

static bool is_zero(const u8 *p)
{
	return !p[0] && !memcmp(p, p + 1, GUEST_PAGE_SIZE - 1);
}

static int bitmaps_make(struct dump *d, struct err *e)
{
	struct target *t = d->t;

	for (unsigned i = 0; i < t->nram; i++)
		d->max_pfn = (t->ram[i].at + t->ram[i].len) >> GUEST_PAGE_SHIFT;
	d->bitmap_len = blocks(d->max_pfn / 8 + 1) * KDUMP_BLOCK;
	d->ram = calloc(1, d->bitmap_len);
	d->kept = calloc(1, d->bitmap_len);
	if (!d->ram || !d->kept)
		return err_set(e, -ENOMEM, "out of memory");
	pages_mark(d->k, d->max_pfn, d->ram); /* what to drop, for a moment */
	for (unsigned i = 0; i < t->nram; i++)
		for (u64 at = 0; at < t->ram[i].len; at += GUEST_PAGE_SIZE) {
			u64 pfn = (t->ram[i].at + at) >> GUEST_PAGE_SHIFT;

			if (bit(d->ram, pfn) || !t->page(t, pfn))
				continue;
			d->kept[pfn / 8] |= (u8)(1 << pfn % 8);
			d->npages++;
		}
	memset(d->ram, 0, d->bitmap_len);
	for (unsigned i = 0; i < t->nram; i++)
		for (u64 at = 0; at < t->ram[i].len; at += GUEST_PAGE_SIZE) {
			u64 pfn = (t->ram[i].at + at) >> GUEST_PAGE_SHIFT;

			d->ram[pfn / 8] |= (u8)(1 << pfn % 8);
		}
	return 0;
}

static void uts_fill(const struct dump *d, struct kdump_head *h)
{
	const char *info = d->k->info ? d->k->info : "";

	snprintf(h->uts[0], sizeof(h->uts[0]), "Linux");
	if (!strncmp(info, "OSRELEASE=", 10))
		snprintf(h->uts[2], sizeof(h->uts[2]), "%.*s", (int)strcspn(info + 10, "\n"), info + 10);
	snprintf(h->uts[4], sizeof(h->uts[4]), "x86_64");
}

static void heads_put(struct dump *d)
{
	u64 sub_len = sizeof(struct kdump_sub) + d->notes.len, phys_base = 0;
	struct kdump_head h = {
		.signature = KDUMP_SIGNATURE, .version = 6, .status = KDUMP_ZLIB,
		.block_size = KDUMP_BLOCK, .sub_blocks = (u32)blocks(sub_len),
		.bitmap_blocks = (u32)(2 * d->bitmap_len / KDUMP_BLOCK), .max_mapnr = (u32)d->max_pfn,
		.nr_cpus = d->t->ncpus,
	};
	struct kdump_sub s = {
		.dump_level = LEVEL, .max_mapnr64 = d->max_pfn,
		.notes_at = KDUMP_BLOCK + sizeof(s), .notes_len = d->notes.len,
	};
	struct timeval now;

	gettimeofday(&now, NULL);
	h.time_s = (u64)now.tv_sec;
	h.time_us = (u64)now.tv_usec;
	uts_fill(d, &h);
	if (k_info(d->k, "NUMBER(phys_base)", 10, &phys_base))
		s.phys_base = phys_base;
	if (d->notes.info_len) {
		s.info_at = s.notes_at + d->notes.info_at;
		s.info_len = d->notes.info_len;
	}
	sink_put(d->head, &h, sizeof(h));
	sink_zero(d->head, KDUMP_BLOCK - sizeof(h));
	sink_put(d->head, &s, sizeof(s));
	sink_put(d->head, d->notes.at, d->notes.len);
	sink_zero(d->head, h.sub_blocks * (u64)KDUMP_BLOCK - sub_len);
	sink_put(d->head, d->ram, d->bitmap_len);
	sink_put(d->head, d->kept, d->bitmap_len);
}

/* A page left out is an error to makedumpfile, even when it was zero; so these stay. */
static void page_put(struct dump *d, const u8 *page)
{
	bool zero = is_zero(page);
	struct kdump_page desc = { .at = d->data->at + d->data->used, .len = KDUMP_BLOCK };
	u8 packed[2 * KDUMP_BLOCK];
	uLongf len = sizeof(packed);

	if (zero && d->zero.len) {
		sink_put(d->head, &d->zero, sizeof(d->zero));
		return;
	}
	if (compress2(packed, &len, page, KDUMP_BLOCK, Z_BEST_SPEED) == Z_OK && len < KDUMP_BLOCK) {
		desc.len = (u32)len;
		desc.flags = KDUMP_ZLIB;
		page = packed;
	}
	if (zero)
		d->zero = desc;
	sink_put(d->head, &desc, sizeof(desc));
	sink_put(d->data, page, desc.len);
}

static int dump_put(struct dump *d, struct err *e)
{
	int rc;

	heads_put(d);
	d->data->at = d->head->at + d->head->used + d->npages * sizeof(struct kdump_page);
	for (u64 pfn = 0; pfn < d->max_pfn && !d->head->rc && !d->data->rc; pfn++) {
		const u8 *p = bit(d->kept, pfn) ? d->t->page(d->t, pfn) : NULL;

		if (p)
			page_put(d, p);
	}
	rc = sink_flush(d->head);
	if (!rc)
		rc = sink_end(d->data);
	errno = -rc;
	return rc ? err_sys(e, "cannot write it") : 0;
}

int core_kdump_write(struct target *t, struct kernel *k, int fd, struct err *e)
{
	struct dump d = { .t = t, .k = k };
	int rc = notes_make(t, k, &d.notes, e);

	d.head = calloc(2, sizeof(*d.head));
	if (!rc && !d.head)
		rc = err_set(e, -ENOMEM, "out of memory");
	if (!rc)
		rc = bitmaps_make(&d, e);
	if (!rc) {
		d.data = d.head + 1;
		d.head->fd = d.data->fd = fd;
		rc = dump_put(&d, e);
	}
	free(d.head);
	free(d.ram);
	free(d.kept);
	free(d.notes.at);
	return rc;
}
