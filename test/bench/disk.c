/* disk.c - the guest's disk, past its page cache: large transfers in sequence and 4 KiB at random places.
 *   usage: disk DEVICE
 * One line a workload, as main.c has it: "bench NAME CHECKSUM NANOSECONDS-PER-UNIT UNIT". */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <time.h>
#include <unistd.h>

#define LARGE (1u << 20)
#define SMALL 4096u
#define RANDOM 4000u

static unsigned char *buf;
static uint64_t size;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t transfer(int fd, uint64_t at, size_t len, int write_it)
{
	ssize_t n;

	if (write_it)
		memset(buf, (int)(at / SMALL), len);
	n = write_it ? pwrite(fd, buf, len, (off_t)at) : pread(fd, buf, len, (off_t)at);
	if (n != (ssize_t)len) {
		perror("transfer");
		exit(1);
	}
	return buf[0] + 256u * buf[len - 1];
}

static uint64_t sequence(int fd, int write_it)
{
	uint64_t sum = 0;

	for (uint64_t at = 0; at < size; at += LARGE)
		sum = sum * 31 + transfer(fd, at, LARGE, write_it);
	return sum;
}

static uint64_t scattered(int fd, int write_it)
{
	uint64_t sum = 0, x = 1;

	for (unsigned i = 0; i < RANDOM; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		sum = sum * 31 + transfer(fd, (x >> 33) % (size / SMALL) * SMALL, SMALL, write_it);
	}
	return sum;
}

/* The first of two runs warms up. */
static void measure(const char *name, uint64_t (*run)(int, int), int fd, int write_it, double units,
		    const char *unit)
{
	uint64_t began, sum;

	run(fd, write_it);
	began = now_ns();
	sum = run(fd, write_it);
	printf("bench %s %llx %.2f %s\n", name, (unsigned long long)sum,
	       (double)(now_ns() - began) / units, unit);
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDWR | O_DIRECT) : -1;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0 || posix_memalign((void **)&buf, SMALL, LARGE)) {
		fprintf(stderr, "usage: disk DEVICE\n");
		return 1;
	}
	size -= size % LARGE;
	measure("diskwrite", sequence, fd, 1, (double)size / 1024, "KiB");
	measure("diskread", sequence, fd, 0, (double)size / 1024, "KiB");
	measure("diskwrite4k", scattered, fd, 1, RANDOM, "request");
	measure("diskread4k", scattered, fd, 0, RANDOM, "request");
	puts("bench done");
	return 0;
}
