/* fs.c - shared directories, asked as a guest's kernel asks: names, files, directories, locks.
 * @links src/base src/fs */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/fs.h"

#define ROOM 65536

static char dir[64];
static struct fs *fs;

/* The reply to the last request. */
static struct {
	struct fuse_out_header h;
	union {
		struct fuse_entry_out entry;
		struct fuse_attr_out attr;
		struct fuse_open_out open;
		struct fuse_write_out write;
		struct fuse_lk_out lk;
		struct fuse_init_out init;
		struct { struct fuse_entry_out entry; struct fuse_open_out open; } create;
		u8 bytes[ROOM];
	};
} out;

static int send_as(u32 opcode, u64 node, const void *arg, size_t len, const void *more, size_t nmore)
{
	struct fuse_in_header h = {
		.len = (u32)(sizeof(h) + len + nmore), .opcode = opcode, .unique = 7, .nodeid = node,
	};
	struct iovec in[3] = { { &h, sizeof(h) }, { (void *)arg, len }, { (void *)more, nmore } };
	struct iovec to[2] = { { &out.h, sizeof(out.h) }, { out.bytes, ROOM } };
	size_t n;

	memset(&out, 0xee, sizeof(out));
	n = fs_request(fs, in, 3, to, 2);
	if (!n)
		return 0;
	assert_int_equal(n, out.h.len);
	assert_int_equal(out.h.unique, 7);
	return out.h.error;
}

#define ASK(op, node, arg, text) send_as(op, node, &(arg), sizeof(arg), text, strlen(text) + 1)
#define TELL(op, node, arg) send_as(op, node, &(arg), sizeof(arg), NULL, 0)
#define NAMED(op, node, text) send_as(op, node, NULL, 0, text, strlen(text) + 1)

static void share(const char *what, unsigned flags, unsigned max_fds)
{
	struct fuse_init_in in = { .major = 7, .minor = 36, .flags = ~0u };
	struct err e = { "" };

	fs_close(fs);
	fs = NULL;
	assert_int_equal(fs_open(what, flags, max_fds, &fs, &e), 0);
	assert_int_equal(TELL(FUSE_INIT, 0, in), 0);
	assert_int_equal(out.init.major, 7);
}

static int make_dir(void **unused)
{
	(void)unused;
	strcpy(dir, "/tmp/pandok-fs.XXXXXX");
	if (!mkdtemp(dir) || chdir(dir))
		return -1;
	share(dir, FS_LOCKS, 1000);
	return 0;
}

static int remove_dir(void **unused)
{
	char cmd[160];

	(void)unused;
	fs_close(fs);
	fs = NULL;
	snprintf(cmd, sizeof(cmd), "chmod -R u+rwx %s; rm -rf %s", dir, dir);
	return chdir("/") || system(cmd);
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static u64 look(u64 node, const char *name)
{
	assert_int_equal(NAMED(FUSE_LOOKUP, node, name), 0);
	return out.entry.nodeid;
}

static u64 open_node(u32 op, u64 node, u32 flags)
{
	struct fuse_open_in in = { .flags = flags };

	assert_int_equal(TELL(op, node, in), 0);
	return out.open.fh;
}

static void names_do_not_leave_the_directory(void **unused)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/", "../x", "sub/.." };
	struct fuse_open_in in = { .flags = O_RDONLY };
	char name[300];
	u64 link;

	(void)unused;
	mkdir("sub", 0755);
	assert_int_equal(symlink("/etc", "out"), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(NAMED(FUSE_LOOKUP, 1, bad[i]), -EINVAL);
	memset(name, 'n', sizeof(name));
	name[256] = 0;
	assert_int_equal(NAMED(FUSE_LOOKUP, 1, name), -EINVAL);
	assert_int_equal(send_as(FUSE_LOOKUP, 1, NULL, 0, "sub", 3), -EINVAL); /* no NUL */
	assert_int_equal(NAMED(FUSE_LOOKUP, look(1, "sub"), ".."), -EINVAL);

	link = look(1, "out");
	assert_true(S_ISLNK(out.entry.attr.mode));
	assert_int_equal(NAMED(FUSE_LOOKUP, link, "passwd"), -ENOTDIR);
	assert_int_equal(TELL(FUSE_OPEN, link, in), -ELOOP);
	assert_int_equal(TELL(FUSE_OPENDIR, link, in), -ENOTDIR);
	assert_int_equal(send_as(FUSE_READLINK, link, NULL, 0, NULL, 0), 0);
	assert_memory_equal(out.bytes, "/etc", 4);
}

static void proc_is_not_shared(void **unused)
{
	(void)unused;
	share("/", FS_READONLY, 1000);
	assert_int_equal(NAMED(FUSE_LOOKUP, 1, "proc"), -ENOENT);
	look(1, "usr");
}

/* What acts on a link's inode must not act on what the link names. */
static void links_are_not_followed(void **unused)
{
	struct fuse_setattr_in set = { .valid = FATTR_MODE, .mode = 0600 };
	struct fuse_setattr_in cut = { .valid = FATTR_SIZE };
	struct fuse_setattr_in old = { .valid = FATTR_MTIME, .mtime = 1000 };
	struct fuse_link_in from;
	struct stat st;
	u64 link;
	struct { u32 size, flags; char text[8]; } x = { 1, 0, "user.a" };

	(void)unused;
	put("victim", "text");
	chmod("victim", 0644);
	assert_int_equal(symlink("victim", "link"), 0);
	link = look(1, "link");
	TELL(FUSE_SETATTR, link, set);
	TELL(FUSE_SETATTR, link, cut);
	assert_int_equal(TELL(FUSE_SETATTR, link, old), 0);
	send_as(FUSE_SETXATTR, link, &x, 8 + 7, "v", 1);
	stat("victim", &st);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(st.st_size, 4);
	assert_true(st.st_mtime > 1000);
	assert_true(getxattr("victim", "user.a", NULL, 0) < 0);
	lstat("link", &st);
	assert_int_equal(st.st_mtime, 1000);
	from.oldnodeid = link;
	assert_int_equal(ASK(FUSE_LINK, 1, from, "again"), 0);
	assert_true(S_ISLNK(out.entry.attr.mode));
}

/* Opening one could wait for ever, or do something to the host. */
static void only_files_are_opened(void **unused)
{
	struct fuse_open_in in = { .flags = O_RDWR };
	struct fuse_create_in create = { .flags = O_RDWR, .mode = 0644 };
	struct fuse_mknod_in node = { .mode = S_IFCHR | 0666, .rdev = 0x103 };

	(void)unused;
	assert_int_equal(mkfifo("pipe", 0666), 0);
	assert_int_equal(TELL(FUSE_OPEN, look(1, "pipe"), in), -ENXIO);
	assert_int_equal(ASK(FUSE_CREATE, 1, create, "pipe"), -ENXIO);
	assert_int_equal(ASK(FUSE_MKNOD, 1, node, "null"), -EPERM);
}

static void files_are_read_and_written(void **unused)
{
	struct fuse_create_in create = { .flags = O_RDWR, .mode = 0444 };
	struct fuse_write_in w = { .size = 5, .offset = 3 };
	struct fuse_read_in r = { .size = 100 };
	struct fuse_release_in done = { 0 };
	struct fuse_lseek_in seek = { .whence = SEEK_HOLE };
	struct stat st;
	mode_t mask = umask(077);
	u64 node;

	(void)unused;
	assert_int_equal(ASK(FUSE_CREATE, 1, create, "file"), 0);
	umask(mask);
	node = out.create.entry.nodeid;
	w.fh = r.fh = done.fh = seek.fh = out.create.open.fh;
	assert_int_equal(out.create.entry.attr.mode, S_IFREG | 0444);
	assert_int_equal(out.create.entry.attr.uid, 0);
	stat("file", &st);
	assert_int_equal(st.st_mode, S_IFREG | 0444); /* whatever our mask is */

	assert_int_equal(send_as(FUSE_WRITE, node, &w, sizeof(w), "hello", 5), 0);
	assert_int_equal(out.write.size, 5);
	w.flags = O_APPEND;
	w.offset = 0;
	assert_int_equal(send_as(FUSE_WRITE, node, &w, sizeof(w), "world", 5), 0);
	w.size = 6;
	assert_int_equal(send_as(FUSE_WRITE, node, &w, sizeof(w), "short", 5), -EINVAL);
	assert_int_equal(TELL(FUSE_READ, node, r), 0);
	assert_int_equal(out.h.len, sizeof(out.h) + 13);
	assert_memory_equal(out.bytes, "\0\0\0helloworld", 13);
	assert_int_equal(TELL(FUSE_LSEEK, node, seek), 0);
	assert_int_equal(*(u64 *)out.bytes, 13);
	assert_int_equal(TELL(FUSE_RELEASE, node, done), 0);
	assert_int_equal(TELL(FUSE_READ, node, r), -EBADF);
	create.flags = O_RDWR | O_EXCL;
	assert_int_equal(ASK(FUSE_CREATE, 1, create, "file"), -EEXIST);
}

/* Every name once, whatever the buffer: returns how many. */
static unsigned read_names(u32 op, u64 node, u32 size, bool seen[], unsigned n)
{
	struct fuse_read_in in = { .fh = open_node(FUSE_OPENDIR, node, 0), .size = size };
	size_t head = op == FUSE_READDIRPLUS ? sizeof(struct fuse_entry_out) : 0;
	unsigned count = 0;

	for (;;) {
		assert_int_equal(TELL(op, node, in), 0);
		if (out.h.len == sizeof(out.h))
			return count;
		for (size_t at = 0; at < out.h.len - sizeof(out.h);) {
			struct fuse_dirent *d = (void *)(out.bytes + at + head);
			unsigned k;

			if (sscanf(d->name, "f%u", &k) == 1) {
				assert_true(k < n && !seen[k]);
				seen[k] = true;
			}
			count++;
			in.offset = d->off;
			at += FUSE_REC_ALIGN(head + FUSE_NAME_OFFSET + d->namelen);
		}
	}
}

static void directories_are_read_to_their_end(void **unused)
{
	bool seen[300] = { 0 }, again[300] = { 0 };
	char name[16];

	(void)unused;
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		put(name, "");
	}
	assert_int_equal(read_names(FUSE_READDIR, 1, 512, seen, 300), 302);
	assert_int_equal(read_names(FUSE_READDIRPLUS, 1, 4096, again, 300), 302);
}

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void descriptors_are_bounded(void **unused)
{
	struct fuse_rename_in to;
	unsigned before = open_fds();
	u64 sub, node[500];
	char name[32];

	(void)unused;
	share(dir, 0, 64);
	mkdir("sub", 0755);
	for (unsigned i = 0; i < ARRAY_SIZE(node); i++) {
		snprintf(name, sizeof(name), "sub/n%u", i);
		put(name, name);
	}
	sub = look(1, "sub");
	for (unsigned i = 0; i < ARRAY_SIZE(node); i++) {
		snprintf(name, sizeof(name), "n%u", i);
		node[i] = look(sub, name);
		assert_true(open_fds() < before + 70);
	}
	to.newdir = 1;
	assert_int_equal(send_as(FUSE_RENAME, sub, &to, sizeof(to), "n3\0moved", 9), 0);
	assert_int_equal(send_as(FUSE_RENAME, 1, &to, sizeof(to), "sub\0bus", 8), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(node); i++) {
		struct fuse_read_in r = { .fh = open_node(FUSE_OPEN, node[i], O_RDONLY), .size = 100 };
		struct fuse_release_in done = { .fh = r.fh };

		assert_int_equal(TELL(FUSE_READ, node[i], r), 0);
		snprintf(name, sizeof(name), "sub/n%u", i);
		assert_memory_equal(out.bytes, name, strlen(name));
		assert_int_equal(TELL(FUSE_RELEASE, node[i], done), 0);
	}
	put("bus/new", "");
	rename("bus/new", "bus/n7"); /* another file of that name is not the one */
	for (unsigned i = 100; i < 300; i++)
		send_as(FUSE_GETATTR, node[i], NULL, 0, NULL, 0);
	assert_int_equal(send_as(FUSE_GETATTR, node[7], NULL, 0, NULL, 0), -ESTALE);
}

static void what_is_forgotten_is_gone(void **unused)
{
	struct fuse_forget_in once = { 1 };
	u64 node;

	(void)unused;
	put("file", "");
	node = look(1, "file");
	assert_int_equal(look(1, "file"), node);
	TELL(FUSE_FORGET, node, once);
	assert_int_equal(send_as(FUSE_GETATTR, node, NULL, 0, NULL, 0), 0);
	TELL(FUSE_FORGET, node, once);
	assert_int_equal(send_as(FUSE_GETATTR, node, NULL, 0, NULL, 0), -ESTALE);
	assert_true(look(1, "file") != node);
	once.nlookup = ~0ull;
	TELL(FUSE_FORGET, 1, once);
	assert_int_equal(send_as(FUSE_GETATTR, 1, NULL, 0, NULL, 0), 0); /* the root stays */
}

static void a_read_only_share_refuses_changes(void **unused)
{
	static const u32 changes[] = {
		FUSE_SETATTR, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR,
		FUSE_RENAME, FUSE_RENAME2, FUSE_LINK, FUSE_WRITE, FUSE_SETXATTR, FUSE_REMOVEXATTR,
		FUSE_CREATE, FUSE_FALLOCATE, FUSE_COPY_FILE_RANGE,
	};
	static const u32 flags[] = { O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC };
	u8 arg[128] = { 0 };
	struct stat st;
	u64 node;

	(void)unused;
	put("file", "text");
	share(dir, FS_READONLY, 1000);
	node = look(1, "file");
	memset(arg + 88, 'f', 20); /* a name behind the longest fixed part, for whoever looks */
	for (unsigned i = 0; i < ARRAY_SIZE(changes); i++)
		assert_int_equal(send_as(changes[i], 1, arg, sizeof(arg), NULL, 0), -EROFS);
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		struct fuse_open_in in = { .flags = flags[i] };

		assert_int_equal(TELL(FUSE_OPEN, node, in), -EROFS);
	}
	open_node(FUSE_OPEN, node, O_RDONLY);
	stat("file", &st);
	assert_int_equal(st.st_size, 4);
}

static void every_row_survives_short_requests(void **unused)
{
	u8 arg[160];

	(void)unused;
	for (u32 op = 0; op < 60; op++) {
		for (unsigned fill = 0; fill < 256; fill += 85) {
			memset(arg, (int)fill, sizeof(arg));
			for (size_t len = 0; len < sizeof(arg); len += 4)
				send_as(op, 1, arg, len, NULL, 0);
		}
	}
	assert_int_equal(send_as(FUSE_GETATTR, 1, NULL, 0, NULL, 0), 0);
}

static void *unlock_soon(void *arg)
{
	struct fuse_lk_in *lk = arg;
	struct fuse_in_header h = { sizeof(h) + sizeof(*lk), FUSE_SETLK, 9, lk->owner, 0, 0, 0, 0, 0 };
	struct fuse_out_header o;
	struct iovec in[2] = { { &h, sizeof(h) }, { lk, sizeof(*lk) } }, to = { &o, sizeof(o) };
	struct fuse_lk_in free = *lk;

	usleep(20000); /* whichever comes first, the outcome is the same */
	h.nodeid = lk->lk.pid;
	in[1].iov_base = &free;
	free.lk.type = F_UNLCK;
	free.lk.pid = 0;
	assert_int_equal(fs_request(fs, in, 2, &to, 1), sizeof(o));
	return NULL;
}

static void a_lock_is_waited_for(void **unused)
{
	struct fuse_lk_in lk = { .owner = 1, .lk = { 0, 99, F_WRLCK, 0 } };
	struct fuse_lk_in other = { .owner = 2, .lk = { 50, ~0ull >> 1, F_WRLCK, 0 } };
	struct fuse_flush_in flush = { .lock_owner = 2 };
	pthread_t t;
	u64 node;

	(void)unused;
	put("file", "text");
	node = look(1, "file");
	lk.fh = other.fh = open_node(FUSE_OPEN, node, O_RDWR);
	assert_int_equal(TELL(FUSE_SETLK, node, lk), 0);
	assert_int_equal(TELL(FUSE_SETLK, node, other), -EAGAIN);
	assert_int_equal(TELL(FUSE_GETLK, node, other), 0);
	assert_int_equal(out.lk.lk.type, F_WRLCK);
	assert_int_equal(out.lk.lk.end, 99);
	lk.lk.pid = (u32)node;
	pthread_create(&t, NULL, unlock_soon, &lk);
	assert_int_equal(TELL(FUSE_SETLKW, node, other), 0);
	pthread_join(t, NULL);
	assert_int_equal(TELL(FUSE_SETLK, node, lk), -EAGAIN);
	assert_int_equal(TELL(FUSE_FLUSH, node, flush), 0); /* its process closed the file */
	assert_int_equal(TELL(FUSE_SETLK, node, lk), 0);
	fs_cancel(fs);
	assert_int_equal(TELL(FUSE_SETLKW, node, other), -EINTR);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(names_do_not_leave_the_directory), T(proc_is_not_shared), T(links_are_not_followed),
		T(only_files_are_opened), T(files_are_read_and_written),
		T(directories_are_read_to_their_end), T(descriptors_are_bounded),
		T(what_is_forgotten_is_gone), T(a_read_only_share_refuses_changes),
		T(every_row_survives_short_requests), T(a_lock_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
