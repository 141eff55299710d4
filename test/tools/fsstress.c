/* fsstress.c - does the same to files wherever it runs, checks each read, and tells what came out.
 *   usage: fsstress DIR SEED PROCESSES OPERATIONS    in DIR, which is empty
 *          fsstress --tree DIR                       only what is there
 * Each process has a folder of its own and knows what its files have to hold. What every call
 * returned goes into the result, so two file systems that behave alike print the same. All
 * processes also count in one file, under a lock.
 */
/* @links src/base/err.c */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/types.h"

#define FILES 12
#define SIZE_MAX_ 200000u
#define COUNTS 50 /* how often each process counts */

static u64 state, result = 0xcbf29ce484222325ull;
static struct file {
	u8 data[SIZE_MAX_];
	size_t size;
	bool there;
} *files;
static u8 buf[SIZE_MAX_];
static unsigned op_now, step_now;

static void die(const char *what)
{
	fprintf(stderr, "fsstress: step %u, operation %u: %s (%s)\n", step_now, op_now, what,
		strerror(errno));
	exit(1);
}

static u32 any(u32 n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((state >> 33) % n);
}

static void mix(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		result = (result ^ ((const u8 *)p)[i]) * 0x100000001b3ull;
}

/* What a call returned counts, and its error when it failed. */
static long note(long rc)
{
	long said = rc < 0 ? -errno : rc;

	mix(&said, sizeof(said));
	return rc;
}

static const char *name_of(unsigned i)
{
	static char name[2][32];
	static unsigned k;

	k ^= 1;
	snprintf(name[k], sizeof(name[k]), "file%u", i);
	return name[k];
}

static void fill(size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (u8)any(256);
}

static int open_one(unsigned i, int flags)
{
	int fd = open(name_of(i), flags, 0644);

	note(fd < 0 ? -1 : 0);
	if (fd >= 0 && !files[i].there && flags & O_CREAT) {
		files[i].there = true;
		files[i].size = 0;
	}
	if ((fd >= 0) != files[i].there)
		die("a file is there that should not be, or the other way round");
	if (fd >= 0 && flags & O_TRUNC)
		files[i].size = 0;
	return fd;
}

static void grow(struct file *f, size_t size)
{
	if (size > f->size)
		memset(f->data + f->size, 0, size - f->size);
	f->size = size;
}

static void op_write(unsigned i)
{
	size_t at = any(SIZE_MAX_ - 5000), len = 1 + any(any(4) ? 300 : 5000);
	int how = any(8) == 0 ? O_APPEND : any(8) == 0 ? O_TRUNC : any(16) == 0 ? O_SYNC : 0;
	int fd = open_one(i, O_WRONLY | O_CREAT | how);
	struct file *f = &files[i];

	if (how & O_APPEND)
		at = f->size;
	if (at + len > SIZE_MAX_)
		len = SIZE_MAX_ - at;
	fill(len);
	if (note(pwrite(fd, buf, len, (off_t)at)) != (long)len)
		die("a short write");
	close(fd);
	if (at + len > f->size)
		grow(f, at + len);
	memcpy(f->data + at, buf, len);
}

static void op_read(unsigned i)
{
	int fd = open_one(i, O_RDONLY);
	size_t at = any(SIZE_MAX_), left;

	if (fd < 0)
		return;
	left = files[i].size > at ? files[i].size - at : 0;
	if (note(pread(fd, buf, sizeof(buf), (off_t)at)) != (long)left)
		die("a read of another length");
	if (memcmp(buf, files[i].data + at, left))
		die("other bytes were read");
	close(fd);
}

static void op_truncate(unsigned i)
{
	size_t size = any(SIZE_MAX_);

	if (!note(truncate(name_of(i), (off_t)size)))
		grow(&files[i], size);
}

static void op_map(unsigned i)
{
	int fd = open_one(i, O_RDWR);
	struct file *f = &files[i];
	u8 *p;

	if (fd < 0 || !f->size) {
		close(fd);
		return;
	}
	p = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		die("cannot map");
	if (memcmp(p, f->data, f->size))
		die("other bytes are mapped");
	for (unsigned n = any(20); n; n--) {
		size_t at = any((u32)f->size);

		p[at] = f->data[at] = (u8)any(256);
	}
	note(any(2) ? msync(p, f->size, MS_SYNC) : 0);
	munmap(p, f->size);
}

static void op_punch(unsigned i)
{
	int fd = open_one(i, O_RDWR);
	size_t at = any(SIZE_MAX_ - 9000), len = 1 + any(9000);
	struct file *f = &files[i];

	if (fd < 0)
		return;
	if (any(2)) {
		if (!note(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
				    (off_t)len)) && at < f->size)
			memset(f->data + at, 0, at + len < f->size ? len : f->size - at);
	} else if (!note(fallocate(fd, 0, (off_t)at, (off_t)len)) && at + len > f->size) {
		grow(f, at + len);
	}
	close(fd);
}

static void op_copy(unsigned i)
{
	unsigned to = any(FILES);
	int in = open_one(i, O_RDONLY), out;
	size_t len = 1 + any(9000), at = any(1000);
	long n;

	if (in < 0 || to == i) {
		close(in);
		return;
	}
	out = open_one(to, O_WRONLY | O_CREAT);
	n = note(copy_file_range(in, &(off_t){ (off_t)at }, out, &(off_t){ 0 }, len, 0));
	if (n > 0) {
		if ((size_t)n > files[to].size)
			grow(&files[to], (size_t)n);
		memcpy(files[to].data, files[i].data + at, (size_t)n);
	}
	close(in);
	close(out);
}

static void op_rename(unsigned i)
{
	unsigned to = any(FILES);
	const char *a = name_of(i), *b = name_of(to);
	unsigned flags = any(4) ? 0 : any(2) ? RENAME_NOREPLACE : RENAME_EXCHANGE;
	struct file *f = &files[i], *t = &files[to], *spare;

	if (i == to || note(renameat2(AT_FDCWD, a, AT_FDCWD, b, flags)))
		return;
	spare = malloc(sizeof(*spare));
	*spare = *t;
	*t = *f;
	if (flags & RENAME_EXCHANGE)
		*f = *spare;
	else
		f->there = false;
	free(spare);
}

static void op_link(unsigned i)
{
	struct stat a, b;

	if (note(link(name_of(i), "another")))
		return;
	if (stat(name_of(i), &a) || stat("another", &b) || a.st_ino != b.st_ino || a.st_nlink != 2)
		die("a link is not the same file");
	note(unlink("another"));
}

static void op_unlink(unsigned i)
{
	int fd = any(2) ? open_one(i, O_RDONLY) : -1;

	if (!note(unlink(name_of(i))))
		files[i].there = false;
	if (fd >= 0 && pread(fd, buf, 100, 0) > 0 && memcmp(buf, files[i].data, 1))
		die("a file that was removed while it is open has other bytes");
	if (fd >= 0)
		close(fd);
}

static void op_attr(unsigned i)
{
	struct timespec t[2] = { { 0, UTIME_OMIT }, { (time_t)any(1u << 30), any(1000000000) } };
	mode_t mode = 0600 | any(0200);
	struct stat st;

	if (note(chmod(name_of(i), mode)))
		return;
	note(utimensat(AT_FDCWD, name_of(i), t, 0));
	if (stat(name_of(i), &st) || st.st_mode != (S_IFREG | mode) || st.st_size != (off_t)files[i].size ||
	    st.st_mtim.tv_sec != t[1].tv_sec || st.st_mtim.tv_nsec != t[1].tv_nsec)
		die("attributes are not what they were set to");
}

static void op_xattr(unsigned i)
{
	char value[64];
	size_t len = any(64);

	for (size_t k = 0; k < len; k++)
		value[k] = (char)any(256);
	if (note(setxattr(name_of(i), "user.test", value, len, any(2) ? 0 : XATTR_REPLACE)))
		return;
	if (note(getxattr(name_of(i), "user.test", buf, sizeof(buf))) != (long)len || memcmp(buf, value, len))
		die("an extended attribute has another value");
	if (any(2))
		note(removexattr(name_of(i), "user.test"));
}

static void op_other(unsigned i)
{
	char text[64];

	note(symlink(name_of(i), "link"));
	if (note(readlink("link", text, sizeof(text))) != (long)strlen(name_of(i)))
		die("a link says something else");
	note(open("link", O_RDONLY | O_NOFOLLOW));
	note(unlink("link"));
	note(mkdir("dir", 0755));
	note(mkdir("dir/dir", 0700));
	note(rmdir("dir"));
	note(rename("dir/dir", "dir2"));
	note(rmdir("dir2"));
	note(rmdir("dir"));
	note(mkfifo("pipe", 0600));
	note(unlink("pipe"));
	note(unlink("none"));
	note(mkdir(name_of(i), 0755) ? -1 : rmdir(name_of(i)));
}

static void op_sync(unsigned i)
{
	int fd = open_one(i, O_RDWR);

	if (fd < 0)
		return;
	note(any(2) ? fsync(fd) : fdatasync(fd));
	if (note(lseek(fd, 0, SEEK_END)) != (long)files[i].size)
		die("a file ends elsewhere");
	note(lseek(fd, (off_t)files[i].size + 1, SEEK_DATA));
	close(fd);
}

static void (*const ops[])(unsigned i) = {
	op_write, op_write, op_write, op_read, op_read, op_read, op_truncate, op_map, op_punch, op_copy,
	op_rename, op_link, op_unlink, op_attr, op_xattr, op_other, op_sync,
};

/* Add one to the number in a file that all processes share. */
static void count(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	u64 n = 0;

	if (fcntl(fd, F_SETLKW, &lock) || pread(fd, &n, sizeof(n), 0) < 0)
		die("cannot lock the counter");
	n++;
	if (pwrite(fd, &n, sizeof(n), 0) != sizeof(n))
		die("cannot write the counter");
	lock.l_type = F_UNLCK;
	fcntl(fd, F_SETLK, &lock);
}

static void work(const char *dir, u64 seed, unsigned k, unsigned steps)
{
	char folder[32];
	int counter = open("counter", O_RDWR);

	(void)dir;
	state = seed * 1000 + k;
	snprintf(folder, sizeof(folder), "process%u", k);
	files = calloc(FILES, sizeof(*files));
	if (!files || counter < 0 || mkdir(folder, 0755) || chdir(folder))
		die("cannot begin");
	for (step_now = 0; step_now < steps; step_now++) {
		op_now = any(ARRAY_SIZE(ops));
		ops[op_now](any(FILES));
		if (step_now % (steps / COUNTS + 1) == 0)
			count(counter);
	}
	for (unsigned i = 0; i < FILES; i++)
		op_read(i);
	printf("process %u: %016llx\n", k, (unsigned long long)result);
	fflush(stdout);
	_exit(0);
}

static int no_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

/* Names, types, modes, sizes and contents, in order. */
static void tree(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY);
	struct dirent **list;
	int n = scandirat(at, name, &list, no_dots, alphasort);

	if (fd < 0 || n < 0)
		die("cannot read a folder");
	for (int i = 0; i < n; i++) {
		const char *s = list[i]->d_name;
		struct stat st;
		int f;

		if (fstatat(fd, s, &st, AT_SYMLINK_NOFOLLOW))
			die("a name without a file");
		mix(s, strlen(s));
		mix(&st.st_mode, sizeof(st.st_mode));
		if (S_ISDIR(st.st_mode)) {
			tree(fd, s);
		} else {
			mix(&st.st_size, sizeof(st.st_size));
			f = openat(fd, s, O_RDONLY);
			for (ssize_t got; (got = read(f, buf, sizeof(buf))) > 0;)
				mix(buf, (size_t)got);
			close(f);
		}
		free(list[i]);
	}
	free(list);
	close(fd);
}

int main(int argc, char **argv)
{
	bool only = argc == 3 && !strcmp(argv[1], "--tree");
	unsigned n = argc == 5 ? (unsigned)atoi(argv[3]) : 0;
	int bad = 0, status;

	if (!only && argc != 5)
		return 2;
	if (chdir(argv[only ? 2 : 1]))
		die("cannot enter the directory");
	umask(022);
	if (!only)
		close(open("counter", O_RDWR | O_CREAT, 0644));
	for (unsigned k = 0; k < n; k++)
		if (!fork())
			work(argv[1], (u64)atoll(argv[2]), k, (unsigned)atoi(argv[4]));
	while (wait(&status) > 0)
		bad |= status;
	if (bad)
		return 1;
	tree(AT_FDCWD, ".");
	printf("tree: %016llx\n", (unsigned long long)result);
	return 0;
}
