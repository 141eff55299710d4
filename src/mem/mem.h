/* mem.h - guest RAM: the physical map, who may write where, and page-table walks. */
#ifndef PANDOK_MEM_MEM_H
#define PANDOK_MEM_MEM_H

#include "base/err.h"
#include "base/types.h"

#define MEM_LOW_MAX GIB(3) /* RAM below 4 GiB ends here; the rest starts at 4 GiB */
#define MEM_HIGH GIB(4)
#define MEM_BLOCKS 8

struct mem_block {
	gpa_t at;
	u64 len; /* bytes, whole pages */
	u8 *host;
	bool rom; /* guest writes are ignored */
};

struct mem {
	u64 ram; /* bytes of RAM in all */
	unsigned n;
	struct mem_block block[MEM_BLOCKS]; /* fixed before any vCPU runs */
	void (*written)(void *ctx, gpa_t at, u64 len);
	void *written_ctx;
};

/*
 * mem_new - map ram bytes of zeroed guest RAM: [0, 3 GiB) and the rest from 4 GiB on.
 *   ram   whole MiB, 1 MiB..1 TiB
 * -EINVAL, -ENOMEM with a sentence.
 */
int mem_new(u64 ram, struct mem **ret, struct err *e);
void mem_free(struct mem *m);

/* mem_clear - RAM is zero again, as after power-on; ends in mem_written. No vCPU runs. */
void mem_clear(struct mem *m);

/*
 * mem_discard - the guest does not need these bytes: whole pages of RAM in the range go back to the host
 * and read as zeroes, the rest stays. What is no RAM is left alone. Any thread; ends in mem_written.
 */
void mem_discard(struct mem *m, gpa_t at, u64 len);

/* mem_add_rom - put len bytes (copied) at a page-aligned place outside RAM. */
int mem_add_rom(struct mem *m, gpa_t at, const void *data, u64 len, struct err *e);

/*
 * mem_host - host address of [at, at+len), NULL unless all of it lies in one block.
 * Whoever writes through it calls mem_written() after.
 * Threads: any; takes no lock.
 */
u8 *mem_host(const struct mem *m, gpa_t at, u64 len);

/* As mem_host, and NULL for ROM. */
u8 *mem_host_w(const struct mem *m, gpa_t at, u64 len);

/* mem_written - tell that someone who is not a vCPU wrote guest RAM. Any thread. */
void mem_written(struct mem *m, gpa_t at, u64 len);

/* Copies; -EFAULT when a byte is not RAM (then nothing is copied). mem_write ends in mem_written. */
MUST_CHECK int mem_read(const struct mem *m, gpa_t at, u64 len, void *buf);
MUST_CHECK int mem_write(struct mem *m, gpa_t at, u64 len, const void *buf);

/* What a page walk depends on. */
struct paging {
	u64 cr0, cr3, cr4, efer;
	bool ac;      /* EFLAGS.AC: with SMAP, supervisor data accesses may touch user pages */
	u32 pkru;
};

enum {
	ACC_R = 0,
	ACC_W = 1 << 0,
	ACC_X = 1 << 1,
	ACC_USER = 1 << 2,     /* as CPL 3 */
	ACC_IMPLICIT = 1 << 3, /* the processor's own access (descriptor, TSS): AC does not count */
	ACC_QUIET = 1 << 4,    /* set no accessed or dirty bits (debugger) */
};

struct walk {
	gpa_t at;     /* of the byte asked for */
	u64 page;     /* bytes of the page that maps it: 4096, 2 MiB, 4 MiB, 1 GiB */
	bool writable, user, nx, global, dirty; /* what all levels together allow */
	u8 pkey;
	u32 error;    /* page-fault error code when the walk failed */
	u8 levels;    /* how many entries were read, for the debugger */
	gpa_t entry_at[5];
	u64 entry[5];
};

/*
 * mem_walk - translate a linear address as the processor would; sets A (and D for a write) in
 * the entries atomically. Without CR0.PG the answer is the address itself.
 * Returns 0; -EFAULT with w->error for #PF. An entry that lies outside RAM reads as zero.
 * Compiled for general registers only: the soft engine calls it with guest vectors live.
 * Threads: any vCPU; takes no lock. Source: SDM 3A 4.
 */
MUST_CHECK int mem_walk(struct mem *m, const struct paging *p, gva_t at, unsigned acc,
			struct walk *w);

#endif
