/* cache.c - translated blocks: found by physical address, linked, and dropped when code changes. */
#define _GNU_SOURCE
#include "soft/state.h"

#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define ARENA_SIZE MIB(16) /* address space for a region's tables; touched as used */

/*E:300 Two views of the code cache
 * The cache is one memfd mapped twice: once writable, where blocks are made and links patched,
 * and once executable. No page is ever both. A block's addresses are offsets into either.
 */
static int map_views(struct soft *so, struct err *e)
{
	int fd = memfd_create("pandok-code", MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0)
		fd = memfd_create("pandok-code", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "cannot make the code cache");
	if (ftruncate(fd, (off_t)CACHE_SIZE) < 0) {
		close(fd);
		return err_sys(e, "cannot size the code cache");
	}
	so->code_rw = mmap(NULL, CACHE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	so->code_rx = mmap(NULL, CACHE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	close(fd);
	if (so->code_rw == MAP_FAILED || so->code_rx == MAP_FAILED)
		return err_sys(e,
			       "cannot map the code cache (is executable memory forbidden here?)");
	return 0;
}

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void region_reset(struct soft *so, unsigned i)
{
	struct region *r = &so->region[i];

	r->start = (u32)(i * REGION_SIZE);
	if (i == 0)
		r->start += so->thunks_end;
	r->used = r->start;
	r->n = 0;
	r->arena_used = 0;
}

int cache_init(struct soft *so, struct err *e)
{
	u64 top = 0;
	int rc = map_views(so, e);

	if (rc)
		return rc;
	thunks_make(so);
	for (unsigned i = 0; i < REGIONS; i++) {
		so->region[i].arena = reserve(ARENA_SIZE);
		so->region[i].arena_size = ARENA_SIZE;
		so->region[i].room = REGION_SIZE / 64;
		so->region[i].blocks = reserve(so->region[i].room * sizeof(void *));
		if (!so->region[i].arena || !so->region[i].blocks)
			return err_set(e, -12, "out of memory for the translator's tables");
		region_reset(so, i);
	}
	for (unsigned i = 0; i < so->en.config.mem->n; i++) {
		const struct mem_block *b = &so->en.config.mem->block[i];

		if (b->at.at + b->len > top)
			top = b->at.at + b->len;
	}
	so->npages = top >> GUEST_PAGE_SHIFT;
	so->page = reserve(so->npages * sizeof(*so->page));
	so->code_pages = reserve(so->npages * sizeof(*so->code_pages));
	so->writers = reserve(so->npages * sizeof(*so->writers));
	if (!so->page || !so->code_pages || !so->writers)
		return err_set(e, -12, "out of memory for the translator's page table");
	return 0;
}

void cache_fini(struct soft *so)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		if (so->region[i].arena)
			munmap(so->region[i].arena, ARENA_SIZE);
		if (so->region[i].blocks)
			munmap(so->region[i].blocks, so->region[i].room * sizeof(void *));
	}
	if (so->page)
		munmap(so->page, so->npages * sizeof(*so->page));
	if (so->code_pages)
		munmap(so->code_pages, so->npages * sizeof(*so->code_pages));
	if (so->writers)
		munmap(so->writers, so->npages * sizeof(*so->writers));
	if (so->code_rw && so->code_rw != MAP_FAILED)
		munmap(so->code_rw, CACHE_SIZE);
	if (so->code_rx && so->code_rx != MAP_FAILED)
		munmap(so->code_rx, CACHE_SIZE);
}

void *cache_alloc(struct region *r, size_t size)
{
	void *p = r->arena + r->arena_used;

	r->arena_used += (size + 15) & ~(size_t)15;
	return p;
}

/* ---- lookup ---- */

static u32 hash_of(u64 pc, gpa_t gpa, u32 mode)
{
	u64 h = (gpa.at ^ pc << 7 ^ (u64)mode << 40) * 0x9e3779b97f4a7c15ull;

	return (u32)(h >> (64 - HASH_BITS));
}

/* The page after a crossing instruction's first must still be what it was translated from. */
static bool second_page_holds(struct soft_vcpu *s, const struct block *b)
{
	u64 lin = (b->cs_base + b->pc + b->len - 1) & ~(GUEST_PAGE_SIZE - 1);
	gpa_t at;

	return !itlb_fill(s, lin, &at) && at.at == b->gpa2.at;
}

struct block *cache_find(struct soft_vcpu *s, u64 pc, gpa_t gpa, u32 mode, u64 cs_base)
{
	struct block *b = s->soft->hash[hash_of(pc, gpa, mode)];

	for (; b; b = b->hash_next)
		if (b->pc == pc && b->gpa.at == gpa.at && b->mode == mode &&
		    b->cs_base == cs_base &&
		    (mode & M_CODE64 || b->cs_limit == s->v.seg[SEG_CS].limit) &&
		    (!b->crosses || second_page_holds(s, b)))
			return b;
	return NULL;
}

struct block *cache_block_at(struct soft *so, u64 host_pc)
{
	u64 off = host_pc - (u64)(uintptr_t)so->code_rx;
	struct region *r;
	u32 lo = 0, hi;

	if (off < so->thunks_end || off >= CACHE_SIZE)
		return NULL;
	r = &so->region[off / REGION_SIZE];
	hi = r->n;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (r->blocks[mid]->code <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && off < r->blocks[lo - 1]->end ? r->blocks[lo - 1] : NULL;
}

const struct site *block_site(const struct block *b, u32 at)
{
	u32 lo = 0, hi = b->nsites;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (b->code + b->sites[mid].at <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &b->sites[lo - 1] : NULL;
}

/* ---- links ---- */

static void patch(struct soft *so, u32 rel_at, u32 to)
{
	__atomic_store_n((u32 *)(so->code_rw + rel_at), to - (rel_at + 4), __ATOMIC_RELEASE);
}

void exit_link(struct soft *so, struct exit *x, struct block *to)
{
	if (x->target || to->dead || x->owner->dead)
		return;
	x->target = to;
	x->next = to->incoming;
	x->back = &to->incoming;
	if (x->next)
		x->next->back = &x->next;
	to->incoming = x;
	patch(so, x->jmp, x->checked || to->crosses ? to->checked : to->entry);
}

static void exit_unlink(struct soft *so, struct exit *x)
{
	x->target = NULL;
	patch(so, x->jmp, x->unlinked);
}

static void incoming_remove(struct exit *x)
{
	*x->back = x->next;
	if (x->next)
		x->next->back = x->back;
}

/* ---- code pages ---- */

static struct code_page *page_of(const struct soft *so, u64 pfn)
{
	return pfn < so->npages ? so->page[pfn] : NULL;
}

bool code_at(const struct soft *so, gpa_t at)
{
	struct code_page *p = page_of(so, at.at >> GUEST_PAGE_SHIFT);

	return p && __atomic_load_n(&p->code, __ATOMIC_SEQ_CST);
}

bool code_unclaimed(const struct soft *so, gpa_t at)
{
	const struct code_page *p = page_of(so, at.at >> GUEST_PAGE_SHIFT);

	return mem_host(so->en.config.mem, at, 1) && !(p && p->claimed);
}

struct code_page *code_page_mark(struct soft *so, u64 pfn)
{
	struct code_page *p = so->page[pfn];

	if (!p)
		p = &so->code_pages[so->ncode_pages++];
	__atomic_store_n(&p->code, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&so->page[pfn], p, __ATOMIC_SEQ_CST);
	return p;
}

static u64 chunks_of(u64 at, u64 len)
{
	unsigned first = (at & (GUEST_PAGE_SIZE - 1)) >> CHUNK_SHIFT;
	unsigned last = ((at + len - 1) & (GUEST_PAGE_SIZE - 1)) >> CHUNK_SHIFT;

	return (~0ull << first) & (~0ull >> (63 - last));
}

/* Bytes of b in its first (i 0) or second page. */
static u64 piece(const struct block *b, unsigned i, gpa_t *at)
{
	u64 room = GUEST_PAGE_SIZE - (b->gpa.at & (GUEST_PAGE_SIZE - 1));

	*at = i ? b->gpa2 : b->gpa;
	return i ? b->len - room : b->crosses ? room : b->len;
}

/* Is b in the list of its second page? Not when that is its first again, or no memory. */
static bool has_second(const struct soft *so, const struct block *b)
{
	return b->crosses && (b->gpa.at ^ b->gpa2.at) >> GUEST_PAGE_SHIFT &&
	       mem_host(so->en.config.mem, b->gpa2, 1);
}

/* Which of its pages is this to b? */
static unsigned page_index(const struct block *b, u64 pfn)
{
	return b->gpa.at >> GUEST_PAGE_SHIFT != pfn;
}

/* The pieces of page pfn that b was made from. */
static u64 chunks_in(const struct block *b, u64 pfn)
{
	u64 ret = 0;

	for (unsigned i = 0; i <= b->crosses; i++) {
		gpa_t at;
		u64 len = piece(b, i, &at);

		if (at.at >> GUEST_PAGE_SHIFT == pfn)
			ret |= chunks_of(at.at, len);
	}
	return ret;
}

static void page_add(struct soft *so, struct block *b, unsigned i)
{
	u64 pfn = (i ? b->gpa2.at : b->gpa.at) >> GUEST_PAGE_SHIFT;
	struct code_page *p = so->page[pfn];

	b->page_next[i] = p->first;
	b->page_back[i] = &p->first;
	if (p->first)
		p->first->page_back[page_index(p->first, pfn)] = &b->page_next[i];
	p->first = b;
	p->chunks |= chunks_in(b, pfn);
}

static struct block *page_next(const struct block *b, u64 pfn)
{
	return b->page_next[page_index(b, pfn)];
}

/* The page's chunks may then be more than its blocks have: page_written() finds out. */
static void page_remove(struct block *b, unsigned i)
{
	u64 pfn = (i ? b->gpa2.at : b->gpa.at) >> GUEST_PAGE_SHIFT;
	struct block *next = b->page_next[i];

	*b->page_back[i] = next;
	if (next)
		next->page_back[page_index(next, pfn)] = b->page_back[i];
}

void cache_add(struct soft *so, struct region *r, struct block *b)
{
	u32 h = hash_of(b->pc, b->gpa, b->mode);

	r->blocks[r->n] = b;
	__atomic_store_n(&r->n, r->n + 1, __ATOMIC_RELEASE); /* others look it up without the lock */
	b->hash_next = so->hash[h];
	b->hash_back = &so->hash[h];
	if (b->hash_next)
		b->hash_next->hash_back = &b->hash_next;
	so->hash[h] = b;
	page_add(so, b, 0);
	if (has_second(so, b))
		page_add(so, b, 1);
}

static void jump_cache_forget(struct soft *so, const struct block *b)
{
	u64 at = (u64)(uintptr_t)so->code_rx + b->indirect;

	for (unsigned i = 0; i < MODE_SLOTS; i++)
		for (unsigned c = 0; so->slot_mode[i] == (u64)b->mode + 1 && c < so->nvcpus; c++) {
			u64 *jc = &so->vcpu[c]->jc[i][b->pc & (JC_N - 1)];

			if (*jc == at)
				*jc = (u64)(uintptr_t)so->code_rx + so->thunk.jump;
		}
}

void block_drop(struct soft *so, struct block *b)
{
	b->dead = true;
	*b->hash_back = b->hash_next;
	if (b->hash_next)
		b->hash_next->hash_back = b->hash_back;
	for (struct exit *x = b->incoming; x; x = x->next)
		exit_unlink(so, x);
	b->incoming = NULL;
	for (unsigned i = 0; i < b->nexits; i++)
		if (b->exits[i].target) {
			incoming_remove(&b->exits[i]);
			exit_unlink(so, &b->exits[i]);
		}
	page_remove(b, 0);
	if (has_second(so, b))
		page_remove(b, 1);
	jump_cache_forget(so, b);
}

static bool overlaps(const struct block *b, u64 pfn, u64 at, u64 len)
{
	for (unsigned i = 0; i <= b->crosses; i++) {
		gpa_t start;
		u64 n = piece(b, i, &start);

		if (start.at >> GUEST_PAGE_SHIFT == pfn && at < start.at + n && start.at < at + len)
			return true;
	}
	return false;
}

static bool page_written(struct soft *so, u64 pfn, u64 at, u64 len)
{
	struct code_page *p = page_of(so, pfn);
	bool any = false;

	if (p && !p->first && p->claimed)
		p->code = p->claimed = false; /* nothing is made from it: writes need not come here */
	if (!p || !(p->chunks & chunks_of(at, len)))
		return false;
	p->chunks = 0;
	for (struct block *b = p->first, *next; b; b = next) {
		next = page_next(b, pfn);
		if (!overlaps(b, pfn, at, len)) {
			p->chunks |= chunks_in(b, pfn);
			continue;
		}
		block_drop(so, b);
		so->smc++;
		any = true;
	}
	return any;
}

bool code_written(struct soft *so, gpa_t at, u64 len)
{
	bool any = false;

	spin_lock(&so->lock);
	while (len) {
		u64 room = GUEST_PAGE_SIZE - (at.at & (GUEST_PAGE_SIZE - 1));
		u64 n = len < room ? len : room;

		any |= page_written(so, at.at >> GUEST_PAGE_SHIFT, at.at, n);
		at.at += n;
		len -= n;
	}
	spin_unlock(&so->lock);
	return any;
}

/* ---- room ---- */

static void region_drop(struct soft *so, unsigned i)
{
	struct region *r = &so->region[i];

	for (u32 k = 0; k < r->n; k++)
		if (!r->blocks[k]->dead)
			block_drop(so, r->blocks[k]);
	region_reset(so, i);
}

static bool has_room(const struct soft *so)
{
	const struct region *r = &so->region[so->present];
	u64 end = (so->present + 1) * REGION_SIZE;

	return end - r->used > BLOCK_CODE_MAX && r->arena_size - r->arena_used > BLOCK_TABLES_MAX &&
	       r->n < r->room;
}

struct region *cache_room(struct soft *so)
{
	unsigned next = (so->present + 1) % REGIONS;

	if (!has_room(so) && !so->region[next].n)
		so->present = next;
	return has_room(so) ? &so->region[so->present] : NULL;
}

void cache_recycle(struct soft *so)
{
	so->present = (so->present + 1) % REGIONS;
	region_drop(so, so->present);
	so->drops++;
	for (unsigned c = 0; c < so->nvcpus; c++)
		so->vcpu[c]->ras_reset = true;
}
