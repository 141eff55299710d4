/* pages.c - tells a Linux kernel's own pages from free ones and from those of programs and files. */
#include "know/pages.h"

#include <string.h>

#define PAGE_MAX 256u  /* bytes of a struct page */
#define ORDER_MAX 11u  /* of a block of free pages */

struct page_form {
	u64 map, size; /* the table of all struct pages */
	u64 flags, mapping, mapcount, private, head;
	u64 lru;       /* bit: on a list of pages that can be reclaimed */
	u64 buddy;     /* what mapcount holds in a free page */
};

static bool form_read(struct kernel *k, struct page_form *f)
{
	u64 base = k_sym(k, "vmemmap_base");
	const struct { const char *key; u64 *to; } wanted[] = {
		{ "SIZE(page)", &f->size }, { "OFFSET(page.flags)", &f->flags },
		{ "OFFSET(page.mapping)", &f->mapping }, { "OFFSET(page._mapcount)", &f->mapcount },
		{ "OFFSET(page.private)", &f->private }, { "NUMBER(PG_lru)", &f->lru },
		{ "OFFSET(page.compound_head)", &f->head },
		{ "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", &f->buddy },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!k_info(k, wanted[i].key, 10, wanted[i].to))
			return false;
	return base && k_u64(k, base, &f->map) && f->size >= 16 && f->size <= PAGE_MAX && f->lru < 64 &&
	       f->flags <= f->size - 8 && f->mapping <= f->size - 8 && f->mapcount <= f->size - 4 &&
	       f->private <= f->size - 8 && f->head <= f->size - 8;
}

static u64 get64(const u8 *p, u64 at)
{
	u64 v;

	memcpy(&v, p + at, sizeof(v));
	return v;
}

static bool is_reclaimable(const struct page_form *f, const u8 *page)
{
	return get64(page, f->flags) >> f->lru & 1 && get64(page, f->mapping);
}

/* Of a big page only the first struct says what it is for. */
static bool is_dropped(struct kernel *k, const struct page_form *f, const u8 *page)
{
	u64 head = get64(page, f->head);
	u8 first[PAGE_MAX];

	if (!(head & 1))
		return is_reclaimable(f, page);
	return k_read(k, head - 1, f->size, first) && is_reclaimable(f, first);
}

static u64 free_pages(const struct page_form *f, const u8 *page)
{
	u64 order = get64(page, f->private);
	u32 count;

	memcpy(&count, page + f->mapcount, sizeof(count));
	return count == (u32)f->buddy && order < ORDER_MAX ? 1ull << order : 0;
}

void pages_mark(struct kernel *k, u64 max_pfn, u8 *drop)
{
	struct page_form f = { 0 };
	u8 page[PAGE_MAX];
	u64 n;

	if (!form_read(k, &f))
		return;
	for (u64 pfn = 0; pfn < max_pfn; pfn++) {
		target_look(k->t); /* how many pages there are is no guest's choice */
		if (!k_read(k, f.map + pfn * f.size, f.size, page)) {
			/* Whole sections of memory have none: look again in the next page of the table. */
			pfn += GUEST_PAGE_SIZE / f.size - 1;
			continue;
		}
		n = free_pages(&f, page);
		if (!n && is_dropped(k, &f, page))
			n = 1;
		for (u64 i = pfn; i < pfn + n && i < max_pfn; i++)
			drop[i / 8] |= (u8)(1 << i % 8);
		pfn += n ? n - 1 : 0;
	}
}
