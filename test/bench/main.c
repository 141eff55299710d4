/* main.c - runs each workload a few times and prints its checksum and its median time.
 *   usage: bench [SECONDS [NAME...]]
 * One line a workload: "bench NAME CHECKSUM NANOSECONDS-PER-UNIT UNIT". */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMES_MAX 64

const struct workload workloads[] = {
	{ "int", "list, matrix, state machine, crc", "round", INT_ROUNDS, int_run, NULL, NULL, NULL },
	{ "sort", "quicksort of random integers", "item", SORT_N, sort_run, sort_prepare,
	  buffers_clean, NULL },
	{ "hash", "random look-ups in 16 MiB", "look-up", HASH_N, hash_run, hash_prepare,
	  buffers_clean, NULL },
	{ "memcpy", "32 MiB", "KiB", COPY_BYTES >> 10, memcpy_run, copy_prepare, buffers_clean, NULL },
	{ "memset", "1 MiB", "KiB", (u64)SET_TIMES * SET_BYTES >> 10, memset_run, copy_prepare,
	  buffers_clean, NULL },
	{ "sse2", "double matrix product, SSE2", "multiply-add", (u64)MATRIX * MATRIX * MATRIX,
	  sse2_run, matmul_prepare, buffers_clean, NULL },
	{ "avx2", "double matrix product, AVX2 and FMA", "multiply-add",
	  (u64)MATRIX * MATRIX * MATRIX, avx2_run, matmul_prepare, buffers_clean, NULL },
	{ "sha256", "plain C", "byte", SHA_BYTES, sha256_run, copy_prepare, buffers_clean, NULL },
	{ "indirect", "an interpreter's dispatch", "jump", INDIRECT_N, indirect_run,
	  indirect_prepare, buffers_clean, NULL },
	{ "calls", "recursive Fibonacci", "call", 2692537, calls_run, NULL, NULL, NULL },
	{ "gzip", "deflate of 1 MiB", "byte", GZIP_BYTES, gzip_run, gzip_prepare, buffers_clean, NULL },
	{ "getppid", "a system call that does nothing", "call", GETPPID_N, getppid_run, NULL, NULL, NULL },
	{ "mmap", "mmap, touch, munmap", "page", MMAP_PAGES, mmap_run, NULL, NULL, NULL },
	{ "exec", "fork, exec, wait of a static program", "process", EXEC_N, exec_run, NULL, NULL, NULL },
	{ "pipe", "round trip between two processes", "trip", PIPE_N, pipe_run, pipe_prepare,
	  pipe_clean, NULL },
	{ "file", "tmpfs file in 4 KiB calls", "call", FILE_BYTES / 2048, file_run, file_prepare,
	  file_clean, NULL },
	{ "threads", "mutex and condition variable, two threads", "turn", THREAD_N, threads_run,
	  NULL, NULL, NULL },
	{ "compile", "tcc, 400 functions", "function", COMPILE_FUNCTIONS, compile_run,
	  compile_prepare, programs_clean, TCC },
	{ "perl", "hashes, sorting, regular expressions", "run", 1, perl_run, NULL,
	  programs_clean, PERL },
	{ 0 },
};

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* At least three runs, more until the time is up; the first one warms caches and does not count. */
static void measure(const struct workload *w, u64 limit_ns)
{
	u64 took[TIMES_MAX], began = now_ns(), sum = 0, at;
	int n = -1;

	if (w->prepare)
		w->prepare();
	for (; n < 3 || (n < TIMES_MAX && now_ns() - began < limit_ns); n++) {
		u64 again;

		at = now_ns();
		again = w->run();
		if (n >= 0)
			took[n] = now_ns() - at;
		if (n >= 0 && again != sum)
			die(w->name);
		sum = again;
	}
	if (w->clean)
		w->clean();
	qsort(took, (size_t)n, sizeof(took[0]), by_value);
	printf("bench %s %016llx %.4f %s\n", w->name, (unsigned long long)sum,
	       (double)took[n / 2] / (double)w->count, w->unit);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	double limit = argc > 1 ? atof(argv[1]) : 0.2;

	/* What the exec workload starts. */
	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		return 7;
	for (const struct workload *w = workloads; w->name; w++) {
		int wanted = argc < 3;

		if (w->needs && access(w->needs, X_OK) < 0)
			continue;
		for (int i = 2; i < argc; i++)
			wanted |= !strcmp(argv[i], w->name);
		if (wanted)
			measure(w, (u64)(limit * 1e9));
	}
	puts("bench done");
	return 0;
}
