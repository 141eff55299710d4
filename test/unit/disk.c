/* disk.c - disks: raw files through io_uring and through threads, locks, the temporary layer. */
/* @links src/base src/disk */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "disk/disk.h"
#include "disk/disk_int.h"

#define SIZE MIB(2)

static void make_file(char path[32])
{
	int fd;

	strcpy(path, "/tmp/pandok-disk.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE + 100), 0); /* the odd bytes are not the disk's */
	close(fd);
}

static struct disk *open_disk(const char *path, unsigned flags)
{
	struct disk *d = NULL;
	struct err e;

	if (disk_open(path, flags, &d, &e))
		fail_msg("%s", e.text);
	return d;
}

static void fill(u8 *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (u8)(seed + i * 7 + i / 256);
}

/* Many requests at once, each of several pieces, on whatever the host allows. */
struct burst {
	struct disk_req r[64];
	struct iovec iov[64][3];
	u8 buf[64][8192];
	_Atomic int left;
	_Atomic int rc;
};

static void burst_done(struct disk_req *r, int rc)
{
	struct burst *b = r->ctx;

	if (rc)
		b->rc = rc;
	b->left--;
}

static void burst_run(struct disk *d, struct burst *b, enum disk_op op)
{
	b->left = 64;
	b->rc = 0;
	for (unsigned i = 0; i < 64; i++) {
		int rc;

		b->iov[i][0] = (struct iovec){ b->buf[i], 512 };
		b->iov[i][1] = (struct iovec){ b->buf[i] + 512, 4096 };
		b->iov[i][2] = (struct iovec){ b->buf[i] + 4608, 8192 - 4608 };
		b->r[i] = (struct disk_req){ .op = op, .at = i * 16384, .len = 8192,
					     .iov = b->iov[i], .niov = 3, .done = burst_done, .ctx = b };
		rc = disk_submit(d, &b->r[i]);
		if (rc != -EINPROGRESS)
			burst_done(&b->r[i], rc);
	}
	while (b->left)
		usleep(100);
	assert_int_equal(b->rc, 0);
}

static void check_burst(const char *path, unsigned flags)
{
	struct disk *d = open_disk(path, flags);
	struct burst *b = calloc(1, sizeof(*b));
	u8 want[8192];

	for (unsigned i = 0; i < 64; i++)
		fill(b->buf[i], 8192, i);
	burst_run(d, b, DISK_WRITE);
	assert_int_equal(disk_io(d, DISK_FLUSH, 0, NULL, 0), 0);
	memset(b->buf, 0, sizeof(b->buf));
	burst_run(d, b, DISK_READ);
	for (unsigned i = 0; i < 64; i++) {
		fill(want, 8192, i);
		assert_memory_equal(b->buf[i], want, 8192);
	}
	free(b);
	disk_close(d);
}

static void disk_serves_many_at_once(void **unused)
{
	char path[32];

	(void)unused;
	make_file(path);
	check_burst(path, 0);
	check_burst(path, DISK_OVERLAY);
	unlink(path);
}

static void forbid_io_uring(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { ARRAY_SIZE(f), f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		_exit(3);
}

/* As in a container whose seccomp profile has no io_uring. */
static void disk_does_without_io_uring(void **unused)
{
	char path[32];
	int status;
	pid_t pid;

	(void)unused;
	make_file(path);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct uring *u;

		forbid_io_uring();
		if (uring_new(NULL, 0, &u) != -EPERM)
			_exit(2);
		check_burst(path, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unlink(path);
}

static void disk_reads_at_once_what_is_cached(void **unused)
{
	struct disk_req r = { .op = DISK_READ, .at = 0, .len = 4096, .niov = 1 };
	u8 buf[4096], got[4096];
	struct disk *d;
	char path[32];

	(void)unused;
	make_file(path);
	d = open_disk(path, 0);
	fill(buf, sizeof(buf), 9);
	assert_int_equal(disk_io(d, DISK_WRITE, 0, buf, sizeof(buf)), 0);
	r.iov = &(struct iovec){ got, sizeof(got) };
	assert_int_equal(disk_submit(d, &r), 0); /* no done(): it would be called through NULL */
	assert_memory_equal(got, buf, sizeof(buf));
	disk_close(d);
	unlink(path);
}

static void disk_checks_requests(void **unused)
{
	struct disk *d;
	u8 buf[1024];
	char path[32];

	(void)unused;
	make_file(path);
	d = open_disk(path, DISK_READONLY);
	assert_int_equal(disk_size(d), SIZE);
	assert_int_equal(disk_io(d, DISK_READ, SIZE - 512, buf, 512), 0);
	assert_int_equal(disk_io(d, DISK_READ, SIZE - 512, buf, 1024), -EINVAL);
	assert_int_equal(disk_io(d, DISK_READ, UINT64_MAX - 511, buf, 512), -EINVAL);
	assert_int_equal(disk_io(d, DISK_READ, 1, buf, 512), -EINVAL);
	assert_int_equal(disk_io(d, DISK_READ, 0, buf, 511), -EINVAL);
	assert_int_equal(disk_io(d, DISK_WRITE, 0, buf, 512), -EROFS);
	disk_close(d);
	unlink(path);
}

static void disk_zeroes_and_discards(void **unused)
{
	static const unsigned flags[] = { 0, DISK_OVERLAY };
	u8 buf[16384], got[16384];
	char path[32];

	(void)unused;
	make_file(path);
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		struct disk *d = open_disk(path, flags[i]);

		fill(buf, sizeof(buf), 1);
		assert_int_equal(disk_io(d, DISK_WRITE, 65536 - 8192, buf, sizeof(buf)), 0);
		assert_int_equal(disk_io(d, DISK_ZERO, 65536 - 4096, NULL, 8192), 0);
		memset(buf + 4096, 0, 8192);
		assert_int_equal(disk_io(d, DISK_READ, 65536 - 8192, got, sizeof(got)), 0);
		assert_memory_equal(got, buf, sizeof(buf));
		assert_int_equal(disk_io(d, DISK_DISCARD, 65536 - 8192, NULL, sizeof(buf)), 0);
		disk_close(d);
	}
	unlink(path);
}

static void disk_refuses_a_second_writer(void **unused)
{
	struct disk *d, *other = NULL;
	char path[32];
	struct err e;

	(void)unused;
	make_file(path);
	d = open_disk(path, 0);
	assert_int_equal(disk_open(path, 0, &other, &e), -EBUSY);
	assert_non_null(strstr(e.text, "in use"));
	assert_int_equal(disk_open(path, DISK_READONLY, &other, &e), -EBUSY);
	disk_close(d);
	d = open_disk(path, DISK_OVERLAY); /* readers share */
	other = open_disk(path, DISK_READONLY);
	disk_close(other);
	assert_int_equal(disk_open(path, 0, &other, &e), -EBUSY);
	disk_close(d);
	d = open_disk(path, 0);
	disk_close(d);
	unlink(path);
}

/* A random mix of writes against a plain copy; the file below must not change. */
static void overlay_is_a_disk_of_its_own(void **unused)
{
	u8 *model = malloc(SIZE), *got = malloc(SIZE), *below = malloc(SIZE);
	struct disk *d;
	char path[32];
	unsigned seed = 1;

	(void)unused;
	make_file(path);
	d = open_disk(path, 0);
	fill(below, SIZE, 77);
	assert_int_equal(disk_io(d, DISK_WRITE, 0, below, SIZE), 0);
	disk_close(d);
	memcpy(model, below, SIZE);
	d = open_disk(path, DISK_OVERLAY);
	for (unsigned i = 0; i < 200; i++) {
		u64 at = (u64)(rand_r(&seed) % (SIZE / 512)) * 512;
		u64 len = (u64)(rand_r(&seed) % 400) * 512;
		bool zero = rand_r(&seed) % 4 == 0;

		if (len > SIZE - at)
			len = SIZE - at;
		fill(got, len, i);
		if (zero)
			memset(got, 0, len);
		memcpy(model + at, got, len);
		assert_int_equal(disk_io(d, zero ? DISK_ZERO : DISK_WRITE, at, got, len), 0);
	}
	assert_int_equal(disk_io(d, DISK_READ, 0, got, SIZE), 0);
	assert_memory_equal(got, model, SIZE);
	disk_close(d);
	d = open_disk(path, DISK_READONLY);
	assert_int_equal(disk_io(d, DISK_READ, 0, got, SIZE), 0);
	assert_memory_equal(got, below, SIZE);
	disk_close(d);
	unlink(path);
	free(model);
	free(got);
	free(below);
}

/* A guest that writes the header of another format would choose what the next start opens. */
static void raw_disk_stays_raw(void **unused)
{
	u8 buf[1024] = "QFI\xfb", got[1024];
	struct disk *d;
	char path[32];

	(void)unused;
	make_file(path);
	d = open_disk(path, 0);
	assert_int_equal(disk_io(d, DISK_WRITE, 0, buf, sizeof(buf)), -EPERM);
	buf[0] = 'X';
	assert_int_equal(disk_io(d, DISK_WRITE, 0, buf, sizeof(buf)), 0);
	assert_int_equal(disk_io(d, DISK_READ, 0, got, sizeof(got)), 0);
	assert_memory_equal(got, buf, sizeof(buf));
	disk_close(d);
	d = open_disk(path, DISK_RAW);
	buf[0] = 'Q';
	assert_int_equal(disk_io(d, DISK_WRITE, 0, buf, sizeof(buf)), 0);
	disk_close(d);
	d = open_disk(path, DISK_RAW);
	disk_close(d);
	unlink(path);
}

static void disk_says_what_is_wrong(void **unused)
{
	static const struct { const char *spec, *says; } row[] = {
		{ "/tmp/pandok-none/x", "cannot open '/tmp/pandok-none/x': No such file" },
		{ "/dev/null", "neither a file nor a block device" },
		{ "/tmp", "cannot open '/tmp'" },
	};
	struct disk *d;
	struct err e;

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		assert_true(disk_open(row[i].spec, 0, &d, &e) < 0);
		if (!strstr(e.text, row[i].says))
			fail_msg("'%s' does not say '%s'", e.text, row[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disk_serves_many_at_once),
		cmocka_unit_test(disk_does_without_io_uring),
		cmocka_unit_test(disk_reads_at_once_what_is_cached),
		cmocka_unit_test(disk_checks_requests),
		cmocka_unit_test(disk_zeroes_and_discards),
		cmocka_unit_test(disk_refuses_a_second_writer),
		cmocka_unit_test(overlay_is_a_disk_of_its_own),
		cmocka_unit_test(raw_disk_stays_raw),
		cmocka_unit_test(disk_says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
