/* core_kdump.c - reads kdump-compressed files; trusts no offset in them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "know/core.h"
#include "know/kdump.h"

#define SLOTS 256 /* pages kept unpacked */
#define WORD_BITS 64

struct kdump {
	const u8 *at;
	u64 len;
	u64 max_pfn, nwords;
	u64 descs;       /* offset of the first page's description */
	u64 *kept;       /* bitmap of pages that are there */
	const u8 *ram;   /* bitmap of pages that were */
	u32 *before;     /* pages before each word of it */
	u64 pfn[SLOTS];  /* + 1; 0: empty */
	u8 page[SLOTS][KDUMP_BLOCK];
};

static bool inside(const struct kdump *d, u64 at, u64 len)
{
	return at <= d->len && len <= d->len - at;
}

static bool unpack(const struct kdump *d, const struct kdump_page *p, u8 *to)
{
	uLongf len = KDUMP_BLOCK;

	if (!inside(d, p->at, p->len))
		return false;
	if (p->flags & KDUMP_ZLIB)
		return uncompress(to, &len, d->at + p->at, p->len) == Z_OK && len == KDUMP_BLOCK;
	if (p->flags & KDUMP_ZSTD)
		return ZSTD_decompress(to, KDUMP_BLOCK, d->at + p->at, p->len) == KDUMP_BLOCK;
	if (p->flags || p->len != KDUMP_BLOCK)
		return false;
	memcpy(to, d->at + p->at, KDUMP_BLOCK);
	return true;
}

static const u8 *kdump_page(struct target *t, u64 pfn)
{
	static const u8 zero[KDUMP_BLOCK];
	struct kdump *d = t->back;
	struct kdump_page p;
	u64 word = pfn / WORD_BITS, bit = pfn % WORD_BITS, n;
	unsigned slot = (unsigned)(pfn % SLOTS);

	if (pfn >= d->max_pfn || !(d->ram[pfn / 8] >> pfn % 8 & 1))
		return NULL;
	if (!(d->kept[word] >> bit & 1))
		return zero; /* left out: no page of the kernel's, or a zero one */
	if (d->pfn[slot] == pfn + 1)
		return d->page[slot];
	n = d->before[word] + (u64)__builtin_popcountll(d->kept[word] & ((1ull << bit) - 1));
	if (!inside(d, d->descs + n * sizeof(p), sizeof(p)))
		return NULL;
	memcpy(&p, d->at + d->descs + n * sizeof(p), sizeof(p));
	d->pfn[slot] = 0;
	if (!unpack(d, &p, d->page[slot]))
		return NULL;
	d->pfn[slot] = pfn + 1;
	return d->page[slot];
}

static void kdump_close(struct target *t)
{
	struct kdump *d = t->back;

	munmap((void *)(uintptr_t)d->at, d->len);
	free(d->kept);
	free(d->before);
	free(d);
}

static int bitmaps_read(struct kdump *d, u64 at, u64 blocks, struct err *e)
{
	u64 half = blocks / 2 * KDUMP_BLOCK;
	u32 sum = 0;

	if (!inside(d, at, 2 * half) || d->max_pfn > 8 * half)
		return err_set(e, -EBADMSG, "its bitmaps are cut short");
	d->nwords = half / 8;
	d->kept = malloc(half ? half : 8);
	d->before = calloc(d->nwords + 1, sizeof(*d->before));
	if (!d->kept || !d->before)
		return err_set(e, -ENOMEM, "out of memory");
	d->ram = d->at + at;
	memcpy(d->kept, d->at + at + half, half);
	for (u64 i = 0; i < d->nwords; i++) {
		d->before[i] = sum;
		sum += (u32)__builtin_popcountll(d->kept[i]);
	}
	d->descs = at + 2 * half;
	return 0;
}

/* Runs of pages that were RAM. */
static void ranges(struct target *t, const struct kdump *d)
{
	u64 start = 0;
	bool in = false;

	for (u64 pfn = 0; pfn <= d->max_pfn && t->nram < TARGET_RAMS; pfn++) {
		bool now = pfn < d->max_pfn && d->ram[pfn / 8] >> pfn % 8 & 1;

		if (now && !in)
			start = pfn;
		if (!now && in) {
			t->ram[t->nram].at = start << GUEST_PAGE_SHIFT;
			t->ram[t->nram++].len = (pfn - start) << GUEST_PAGE_SHIFT;
		}
		in = now;
	}
}

static int heads_read(struct target *t, struct kdump *d, struct err *e)
{
	struct kdump_head h;
	struct kdump_sub s;
	int rc;

	memcpy(&h, d->at, sizeof(h));
	memcpy(&s, d->at + KDUMP_BLOCK, sizeof(s));
	if (h.block_size != KDUMP_BLOCK)
		return err_set(e, -EBADMSG, "its blocks are not of 4096 bytes");
	d->max_pfn = h.version >= 6 ? s.max_mapnr64 : h.max_mapnr;
	rc = bitmaps_read(d, (1 + (u64)h.sub_blocks) * KDUMP_BLOCK, h.bitmap_blocks, e);
	if (rc)
		return rc;
	if (h.version >= 4 && inside(d, s.notes_at, s.notes_len))
		core_notes(t, d->at + s.notes_at, s.notes_len);
	if (h.version >= 3 && inside(d, s.info_at, s.info_len))
		core_note(t, CORE_NOTE_INFO, 0, d->at + s.info_at, s.info_len);
	ranges(t, d);
	return 0;
}

int core_kdump_open(struct target *t, int fd, u64 len, struct err *e)
{
	struct kdump *d;
	void *at;

	if (len < 2 * KDUMP_BLOCK)
		return err_set(e, -ENOEXEC, "too short");
	at = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return err_sys(e, "cannot map it");
	d = memcmp(at, KDUMP_SIGNATURE, 8) ? NULL : calloc(1, sizeof(*d));
	if (!d) {
		munmap(at, len);
		return err_set(e, -ENOEXEC, "it is no kdump file");
	}
	d->at = at;
	d->len = len;
	t->back = d;
	t->page = kdump_page;
	t->close = kdump_close;
	return heads_read(t, d, e);
}
