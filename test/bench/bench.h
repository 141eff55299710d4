/* bench.h - what a workload is. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/*
 * A workload does a fixed amount of work, the same everywhere, and returns a checksum of its
 * result. prepare and clean are not timed.
 */
struct workload {
	const char *name;
	const char *help;
	const char *unit; /* what one of count is */
	u64 count;        /* units of one run */
	u64 (*run)(void);
	void (*prepare)(void);
	void (*clean)(void);
	const char *needs; /* a program without which it is left out; NULL: none */
};

#define TCC "/usr/bin/tcc"
#define PERL "/usr/bin/perl"

extern const struct workload workloads[]; /* ends with name NULL */

u64 int_run(void), sort_run(void), hash_run(void), memcpy_run(void), memset_run(void);
u64 sse2_run(void), avx2_run(void), sha256_run(void), indirect_run(void), calls_run(void);
u64 gzip_run(void);
u64 getppid_run(void), mmap_run(void), exec_run(void), pipe_run(void), file_run(void);
u64 threads_run(void), compile_run(void), perl_run(void);
void sort_prepare(void), hash_prepare(void), copy_prepare(void), matmul_prepare(void);
void indirect_prepare(void), gzip_prepare(void), file_prepare(void), pipe_prepare(void);
void compile_prepare(void), programs_clean(void);
void buffers_clean(void), file_clean(void), pipe_clean(void);

/* How much work: shared by the rows and the code. */
enum {
	INT_ROUNDS = 400, SORT_N = 1 << 18, HASH_BITS = 21, HASH_N = 1 << 20,
	COPY_BYTES = 32 << 20, SET_BYTES = 1 << 20, SET_TIMES = 64,
	MATRIX = 160, SHA_BYTES = 1 << 20, INDIRECT_N = 1 << 21, FIB = 30,
	GETPPID_N = 50000, MMAP_PAGES = 4096, EXEC_N = 20, PIPE_N = 5000,
	FILE_BYTES = 16 << 20, GZIP_BYTES = 1 << 20, THREAD_N = 3000,
	COMPILE_FUNCTIONS = 400,
};

/* A small generator, so that inputs are equal everywhere. */
static inline u64 next(u64 *state)
{
	u64 x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline u64 mix(u64 sum, u64 x)
{
	return (sum ^ x) * 0x100000001b3ull;
}

void *buffer(unsigned i, size_t len); /* zeroed memory, freed by buffers_clean() */
void die(const char *what);

#endif
