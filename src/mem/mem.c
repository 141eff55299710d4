/* mem.c - the guest's RAM and ROM: a handful of host mappings, found by guest-physical address. */
#include "mem/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE MIB(2)

/*M:100 Where the guest's RAM is
 * A machine's memory is at most a handful of blocks: RAM below the hole at 3 GiB, RAM from 4 GiB
 * on, and ROMs. Each is one anonymous mapping, aligned so that the host can back it with huge
 * pages, and there is nothing of ours in it. Whoever wants bytes at a guest-physical address asks
 * mem_host() for a host pointer, and gets none when the range leaves its block.
 * @test mem_ram_has_a_hole
 */

/* A mapping aligned to 2 MiB, with inaccessible pages on both sides of it; NULL when refused. */
static u8 *block_map(u64 len)
{
	u64 room = len + 2 * HUGE;
	u8 *p, *start;

	p = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	start = (u8 *)(((uintptr_t)p + GUEST_PAGE_SIZE + HUGE - 1) & ~(HUGE - 1));
	if (mprotect(start, len, PROT_READ | PROT_WRITE) < 0) {
		munmap(p, room);
		return NULL;
	}
	/* The ends go back but for one page each, which stops a stray access of ours. */
	if ((u64)(start - p) > GUEST_PAGE_SIZE)
		munmap(p, (u64)(start - p) - GUEST_PAGE_SIZE);
	munmap(start + len + GUEST_PAGE_SIZE, (u64)(p + room - start) - len - GUEST_PAGE_SIZE);
	madvise(start, len, MADV_HUGEPAGE);
	return start;
}

static void block_unmap(const struct mem_block *b)
{
	munmap(b->host - GUEST_PAGE_SIZE, b->len + 2 * GUEST_PAGE_SIZE);
}

static int block_add(struct mem *m, gpa_t at, u64 len, bool rom, struct err *e)
{
	u8 *host;

	if (m->n == MEM_BLOCKS)
		return err_set(e, -ENOSPC, "more than %d memory blocks", MEM_BLOCKS);
	host = block_map(len);
	if (!host)
		return err_set(e, -ENOMEM, "the host refuses %llu MiB for guest memory",
			       (unsigned long long)(len >> 20));
	m->block[m->n++] = (struct mem_block){ at, len, host, rom };
	return 0;
}

int mem_new(u64 ram, struct mem **ret, struct err *e)
{
	u64 low = ram < MEM_LOW_MAX ? ram : MEM_LOW_MAX;
	struct mem *m;
	int rc;

	if (ram < MIB(1) || ram > GIB(1024) || ram % MIB(1))
		return err_set(e, -EINVAL,
			       "memory must be whole MiB from 1 MiB to 1 TiB, not %llu bytes",
			       (unsigned long long)ram);
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(e, -ENOMEM, "out of memory");
	m->ram = ram;
	rc = block_add(m, GPA(0), low, false, e);
	if (!rc && ram > low)
		rc = block_add(m, GPA(MEM_HIGH), ram - low, false, e);
	if (rc) {
		mem_free(m);
		return rc;
	}
	*ret = m;
	return 0;
}

void mem_free(struct mem *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->n; i++)
		block_unmap(&m->block[i]);
	free(m);
}

void mem_clear(struct mem *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		struct mem_block *b = &m->block[i];

		if (b->rom)
			continue;
		/* Gives the pages back, too; only locked memory is refused. */
		if (madvise(b->host, b->len, MADV_DONTNEED) < 0)
			memset(b->host, 0, b->len);
		mem_written(m, b->at, b->len);
	}
}

void mem_discard(struct mem *m, gpa_t at, u64 len)
{
	u64 first = (at.at + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
	u64 end = (at.at + len) & ~(GUEST_PAGE_SIZE - 1);
	u8 *p = at.at + len >= len && first < end ? mem_host_w(m, GPA(first), end - first) : NULL;

	if (p && !madvise(p, end - first, MADV_DONTNEED))
		mem_written(m, GPA(first), end - first);
}

int mem_add_rom(struct mem *m, gpa_t at, const void *data, u64 len, struct err *e)
{
	u64 room = (len + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
	int rc;

	if (!len || len > GIB(1) || at.at % GUEST_PAGE_SIZE || at.at + room < at.at)
		return err_set(e, -EINVAL, "no ROM of %llu bytes can be at 0x%llx",
			       (unsigned long long)len, (unsigned long long)at.at);
	for (unsigned i = 0; i < m->n; i++) {
		const struct mem_block *b = &m->block[i];

		if (at.at < b->at.at + b->len && b->at.at < at.at + room)
			return err_set(e, -EEXIST, "ROM at 0x%llx overlaps memory at 0x%llx",
				       (unsigned long long)at.at, (unsigned long long)b->at.at);
	}
	rc = block_add(m, at, room, true, e);
	if (rc)
		return rc;
	memcpy(m->block[m->n - 1].host, data, len);
	return 0;
}

int mem_read(const struct mem *m, gpa_t at, u64 len, void *buf)
{
	const u8 *p = mem_host(m, at, len);

	if (!p)
		return -EFAULT;
	memcpy(buf, p, len);
	return 0;
}

int mem_write(struct mem *m, gpa_t at, u64 len, const void *buf)
{
	u8 *p = mem_host_w(m, at, len);

	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	mem_written(m, at, len);
	return 0;
}
