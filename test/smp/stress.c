/* stress.c - runs in a guest with several processors: threads and processes that lock, count,
 * wait, map and rewrite code, each checking its sums. Prints "stress: ok" or what is wrong.
 *   stress SECONDS THREADS */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define THREADS_MAX 64

static atomic_bool over;
static int nthreads;

static void fail(const char *what)
{
	printf("stress: FAILED: %s\n", what);
	fflush(stdout);
	tcdrain(1);
	_exit(1);
}

static void check(int good, const char *what)
{
	if (!good)
		fail(what);
}

/* ---- counters: each thread says how often it added, the sum must agree ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long under_mutex;
static atomic_long plain_atomic;
static char split[2 * PAGE + 8] __attribute__((aligned(PAGE)));

static volatile long *split_word(void) { return (volatile long *)(void *)(split + PAGE - 3); }

static void *adder(void *arg)
{
	long *mine = arg;

	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		for (int i = 0; i < 50; i++) {
			pthread_mutex_lock(&mutex);
			under_mutex++;
			pthread_mutex_unlock(&mutex);
			atomic_fetch_add(&plain_atomic, 1);
		}
		__asm__ volatile("lock; incq %0" : "+m"(*split_word()));
		++*mine;
	}
	return NULL;
}

static void adders(void)
{
	static long count[THREADS_MAX];
	pthread_t t[THREADS_MAX];
	long sum = 0;

	for (int i = 0; i < nthreads; i++)
		check(!pthread_create(&t[i], NULL, adder, &count[i]), "pthread_create");
	for (int i = 0; i < nthreads; i++) {
		pthread_join(t[i], NULL);
		sum += count[i];
	}
	check(under_mutex == 50 * sum, "a count under a mutex");
	check(plain_atomic == 50 * sum, "an atomic count");
	check(*split_word() == sum, "an atomic count on two pages");
}

/* ---- two threads that wake each other ---- */

static pthread_mutex_t turn_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_cond = PTHREAD_COND_INITIALIZER;
static long turn;

static void *player(void *arg)
{
	long me = (long)arg;

	pthread_mutex_lock(&turn_mutex);
	for (long n = 0; !atomic_load(&over) || n == 0; n++) {
		while ((turn & 1) != me && !atomic_load(&over))
			pthread_cond_wait(&turn_cond, &turn_mutex);
		turn++;
		pthread_cond_broadcast(&turn_cond);
	}
	pthread_mutex_unlock(&turn_mutex);
	return NULL;
}

/* ---- code that one thread writes and others run ---- */

static unsigned char *code; /* mov eax, imm32; ret */
static atomic_uint written, wanted;

static void *writer(void *arg)
{
	(void)arg;
	for (unsigned v = 1; !atomic_load(&over); v++) {
		memcpy(code + 1, &v, 4);
		atomic_store(&written, v);
		for (int i = 0; i < 1000 && atomic_load(&wanted) < v && !atomic_load(&over); i++)
			sched_yield();
	}
	return NULL;
}

static void serialize(void)
{
	unsigned a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

static void *runner(void *arg)
{
	unsigned (*fn)(void) = (unsigned (*)(void))(uintptr_t)code;

	(void)arg;
	while (!atomic_load(&over)) {
		unsigned before = atomic_load(&written), got;

		serialize();
		got = fn();
		check(got >= before, "code that another processor wrote is old");
		atomic_store(&wanted, before);
	}
	return NULL;
}

/* ---- mappings that come and go, and processes that copy them ---- */

static void *mapper(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	while (!atomic_load(&over)) {
		size_t n = 1 + (unsigned)rand_r(&seed) % 32;
		char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		check(p != MAP_FAILED, "mmap");
		for (size_t i = 0; i < n; i++) {
			check(p[i * PAGE] == 0, "a fresh page is not zero");
			p[i * PAGE] = (char)(i + 1);
		}
		check(!mprotect(p, n * PAGE, PROT_READ), "mprotect");
		for (size_t i = 0; i < n; i++)
			check(p[i * PAGE] == (char)(i + 1), "a page lost what was written");
		munmap(p, n * PAGE);
	}
	return NULL;
}

static int forked(volatile long *cell, long value)
{
	for (int i = 0; i < 100; i++)
		if (*cell != value)
			return 1;
	*cell = ~value;
	return *cell == ~value ? 0 : 2;
}

static void *forker(void *arg)
{
	volatile long *cell = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (long v = (long)arg; !atomic_load(&over); v++) {
		int status;
		pid_t pid;

		*cell = v;
		pid = fork();
		check(pid >= 0, "fork");
		if (!pid)
			_exit(forked(cell, v));
		check(waitpid(pid, &status, 0) == pid && !status, "a child saw another's memory");
		check(*cell == v, "a child wrote its parent's memory");
	}
	return NULL;
}

static void *start_adders(void *unused)
{
	(void)unused;
	adders();
	return NULL;
}

int main(int argc, char **argv)
{
	static void *(*const part[])(void *) = { player, player, writer, runner, runner,
						 mapper, mapper, forker, start_adders };
	enum { N = sizeof(part) / sizeof(part[0]) };
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	pthread_t t[N];

	nthreads = argc > 2 ? atoi(argv[2]) : 4;
	code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(code != MAP_FAILED && nthreads > 0 && nthreads <= THREADS_MAX, "set-up");
	memcpy(code, "\xb8\0\0\0\0\xc3", 6);
	for (long i = 0; i < N; i++)
		check(!pthread_create(&t[i], NULL, part[i], (void *)(i & 1)), "pthread_create");
	sleep(seconds);
	atomic_store(&over, 1);
	pthread_cond_broadcast(&turn_cond);
	for (int i = 0; i < N; i++)
		pthread_join(t[i], NULL);
	printf("stress: ok, %ld turns, %u codes, %ld adds\n", turn, atomic_load(&written),
	       (long)plain_atomic);
	fflush(stdout);
	tcdrain(1); /* the guest is switched off next */
	return 0;
}
