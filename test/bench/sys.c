/* sys.c - workloads that ask the kernel: calls, pages, processes, pipes, files, threads. */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void die(const char *what)
{
	printf("bench failed: %s\n", what);
	exit(1);
}

u64 getppid_run(void)
{
	u64 same = 0;
	long parent = syscall(SYS_getppid);

	for (int i = 0; i < GETPPID_N; i++)
		same += syscall(SYS_getppid) == parent;
	return same;
}

u64 mmap_run(void)
{
	u64 sum = 0;
	size_t len = 64 * 4096;

	for (u32 at = 0; at < MMAP_PAGES; at += 64) {
		u8 *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("mmap");
		for (size_t i = 0; i < len; i += 4096)
			sum += ++p[i];
		munmap(p, len);
	}
	return sum;
}

u64 exec_run(void)
{
	u64 sum = 0;

	for (int i = 0; i < EXEC_N; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			execl("/proc/self/exe", "bench", "--nothing", NULL);
			_exit(1);
		}
		waitpid(pid, &status, 0);
		sum = mix(sum, (u64)WEXITSTATUS(status));
	}
	return sum;
}

/* ---- a pipe to another process and back ------------------------------------------------------ */

static int to_child[2], from_child[2];
static pid_t child;

static void echo(void)
{
	u64 x;

	close(to_child[1]);
	close(from_child[0]);
	while (read(to_child[0], &x, sizeof(x)) == sizeof(x)) {
		x = x * 3 + 1;
		if (write(from_child[1], &x, sizeof(x)) != sizeof(x))
			break;
	}
	_exit(0);
}

void pipe_prepare(void)
{
	if (pipe(to_child) < 0 || pipe(from_child) < 0)
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		echo();
	close(to_child[0]);
	close(from_child[1]);
}

u64 pipe_run(void)
{
	u64 x = 1;

	for (int i = 0; i < PIPE_N; i++)
		if (write(to_child[1], &x, sizeof(x)) != sizeof(x) ||
		    read(from_child[0], &x, sizeof(x)) != sizeof(x))
			die("pipe");
	return x;
}

void pipe_clean(void)
{
	close(to_child[1]);
	close(from_child[0]);
	waitpid(child, NULL, 0);
}

/* ---- a file in memory ------------------------------------------------------------------------ */

static int file;

void file_prepare(void)
{
	file = memfd_create("bench", 0);
	if (file < 0)
		die("memfd_create");
}

u64 file_run(void)
{
	u64 block[512], sum = 0;

	for (u32 at = 0; at < FILE_BYTES; at += sizeof(block)) {
		memset(block, (int)(at >> 12), sizeof(block));
		if (pwrite(file, block, sizeof(block), at) != sizeof(block))
			die("pwrite");
	}
	for (u32 at = 0; at < FILE_BYTES; at += sizeof(block)) {
		if (pread(file, block, sizeof(block), at) != sizeof(block))
			die("pread");
		sum = mix(sum, block[at >> 12 & 511]);
	}
	return sum;
}

void file_clean(void)
{
	close(file);
}

/* ---- two threads that wait for each other ---------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static u64 turn;

static u64 take_turns(u64 me)
{
	u64 sum = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < THREAD_N / 2; i++) {
		while ((turn & 1) != me)
			pthread_cond_wait(&changed, &lock);
		sum = mix(sum, turn++);
		pthread_cond_signal(&changed);
	}
	pthread_mutex_unlock(&lock);
	return sum;
}

static void *second(void *sum)
{
	*(u64 *)sum = take_turns(1);
	return NULL;
}

u64 threads_run(void)
{
	pthread_t t;
	u64 theirs = 0, mine;

	turn = 0;
	if (pthread_create(&t, NULL, second, &theirs))
		die("pthread_create");
	mine = take_turns(0);
	pthread_join(t, NULL);
	return mix(mine, theirs);
}
