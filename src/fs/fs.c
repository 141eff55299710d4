/* fs.c - a request comes in, one function does it, a reply goes out. */
#define _GNU_SOURCE
#include "fs/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "fs/int.h"

#define BODY_MAX (FS_VALUE_MAX + 4096) /* what is read of a request, but for the bytes of a WRITE */

/*F:100 What can be asked of a share
 * A row for each request of FUSE that Linux sends. The length of its fixed part, its strings and
 * whether it would write are checked here once, from a copy, before its function sees it.
 * @test every_row_survives_short_requests
 * @test a_read_only_share_refuses_changes
 */
const struct op fuse_dir_ops[FUSE_OPS] = {
	[FUSE_LOOKUP] = { "lookup", fuse_lookup, 0, 1, NODE | NAME },
	[FUSE_FORGET] = { "forget", fuse_forget, 8, 0, QUIET },
	[FUSE_GETATTR] = { "getattr", fuse_getattr, 0, 0, NODE },
	[FUSE_SETATTR] = { "setattr", fuse_setattr, 88, 0, NODE | WRITES },
	[FUSE_READLINK] = { "readlink", fuse_readlink, 0, 0, NODE },
	[FUSE_SYMLINK] = { "symlink", fuse_symlink, 0, 2, NODE | NAME | WRITES },
	[FUSE_MKNOD] = { "mknod", fuse_mknod, 16, 1, NODE | NAME | WRITES },
	[FUSE_MKDIR] = { "mkdir", fuse_mkdir, 8, 1, NODE | NAME | WRITES },
	[FUSE_UNLINK] = { "unlink", fuse_unlink, 0, 1, NODE | NAME | WRITES },
	[FUSE_RMDIR] = { "rmdir", fuse_rmdir, 0, 1, NODE | NAME | WRITES },
	[FUSE_RENAME] = { "rename", fuse_rename, 8, 2, NODE | NAMES | WRITES },
	[FUSE_RENAME2] = { "rename2", fuse_rename2, 16, 2, NODE | NAMES | WRITES },
	[FUSE_LINK] = { "link", fuse_link, 8, 1, NODE | NAME | WRITES },
	[FUSE_OPEN] = { "open", fuse_open, 8, 0, NODE },
	[FUSE_READ] = { "read", fuse_read, 40, 0, 0 },
	[FUSE_WRITE] = { "write", fuse_write, 40, 0, WRITES },
	[FUSE_STATFS] = { "statfs", fuse_statfs, 0, 0, NODE },
	[FUSE_RELEASE] = { "release", fuse_release, 24, 0, 0 },
	[FUSE_FSYNC] = { "fsync", fuse_fsync, 16, 0, 0 },
	[FUSE_SETXATTR] = { "setxattr", fuse_setxattr, 8, 1, NODE | WRITES },
	[FUSE_GETXATTR] = { "getxattr", fuse_getxattr, 8, 1, NODE },
	[FUSE_LISTXATTR] = { "listxattr", fuse_listxattr, 8, 0, NODE },
	[FUSE_REMOVEXATTR] = { "removexattr", fuse_removexattr, 0, 1, NODE | WRITES },
	[FUSE_FLUSH] = { "flush", fuse_flush, 24, 0, NODE },
	[FUSE_INIT] = { "init", fuse_init, 16, 0, 0 },
	[FUSE_OPENDIR] = { "opendir", fuse_opendir, 8, 0, NODE },
	[FUSE_READDIR] = { "readdir", fuse_readdir, 40, 0, NODE },
	[FUSE_READDIRPLUS] = { "readdirplus", fuse_readdirplus, 40, 0, NODE },
	[FUSE_RELEASEDIR] = { "releasedir", fuse_releasedir, 24, 0, 0 },
	[FUSE_FSYNCDIR] = { "fsyncdir", fuse_fsyncdir, 16, 0, 0 },
	[FUSE_GETLK] = { "getlk", fuse_getlk, 48, 0, NODE | LOCKS },
	[FUSE_SETLK] = { "setlk", fuse_setlk, 48, 0, NODE | LOCKS },
	[FUSE_SETLKW] = { "setlkw", fuse_setlk, 48, 0, NODE | LOCKS },
	[FUSE_ACCESS] = { "access", fuse_access, 8, 0, NODE },
	[FUSE_CREATE] = { "create", fuse_create, 16, 1, NODE | NAME | WRITES },
	[FUSE_INTERRUPT] = { "interrupt", fuse_interrupt, 8, 0, QUIET },
	[FUSE_DESTROY] = { "destroy", fuse_destroy, 0, 0, 0 },
	[FUSE_BATCH_FORGET] = { "batch_forget", fuse_batch_forget, 8, 0, QUIET },
	[FUSE_FALLOCATE] = { "fallocate", fuse_fallocate, 32, 0, WRITES },
	[FUSE_LSEEK] = { "lseek", fuse_lseek, 24, 0, 0 },
	[FUSE_COPY_FILE_RANGE] = { "copy_file_range", fuse_copy, 56, 0, WRITES },
	[FUSE_SYNCFS] = { "syncfs", fuse_syncfs, 8, 0, 0 },
};

long fs_reply(struct req *r, size_t at, const void *buf, size_t len)
{
	if (at > r->room || len > r->room - at)
		return -EINVAL;
	bytes_put(r->out, r->nout, sizeof(struct fuse_out_header) + at, buf, len);
	return (long)(at + len);
}

/*
 * What we can do, of what the guest can. Its page cache writes through, so that others see at once
 * what it wrote; what others write it sees when the attributes it has are a second old, or at once
 * with FS_LOCKS.
 */
static u32 agree(const struct fs *fs, u32 offered)
{
	u32 can = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_DO_READDIRPLUS |
		  FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES |
		  FUSE_HANDLE_KILLPRIV_V2;

	can |= fs->flags & FS_STILL ? FUSE_CACHE_SYMLINKS : FUSE_AUTO_INVAL_DATA;
	if (fs->flags & FS_LOCKS)
		can |= FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS;
	return can & offered;
}

long fuse_init(struct req *r)
{
	const struct fuse_init_in *a = ARG(r, struct fuse_init_in);
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = a->max_readahead, .flags = agree(r->fs, a->flags),
		.max_background = 64, .congestion_threshold = 48, .max_write = FS_MAX_WRITE,
		.time_gran = 1, .max_pages = FS_MAX_PAGES,
	};

	/* Older ones lack what is used here; a newer major asks again with ours. */
	if (a->major < FUSE_KERNEL_VERSION || (a->major == FUSE_KERNEL_VERSION && a->minor < 31))
		return -EPROTO;
	return fs_reply(r, 0, &out, sizeof(out));
}

long fuse_destroy(struct req *r)
{
	handle_release_all(r->fs);
	inode_forget_all(r->fs);
	return 0;
}

static bool is_name(const char *s)
{
	return *s && !strchr(s, '/') && strcmp(s, ".") && strcmp(s, "..") && strlen(s) <= NAME_MAX;
}

/* Point r at the strings in what followed the fixed part, and at the rest. */
static int take_strings(struct req *r, const struct op *op, const u8 *body, size_t len)
{
	for (unsigned i = 0; i < op->strings; i++) {
		const u8 *end = memchr(body, 0, len);

		if (!end)
			return -EINVAL;
		r->text[i] = (const char *)body;
		len -= (size_t)(end + 1 - body);
		body = end + 1;
	}
	r->rest = body;
	r->nrest = len;
	if (op->flags & (NAME | NAMES) && !is_name(r->text[0]))
		return -EINVAL;
	return op->flags & NAMES && !is_name(r->text[1]) ? -EINVAL : 0;
}

static long run(struct req *r, const struct op *op)
{
	long n = 0;

	if (op->flags & NODE)
		n = inode_pin(r->fs, r->h.nodeid, &r->inode);
	if (!n)
		n = op->run(r);
	inode_unpin(r->fs, r->inode);
	return n;
}

/* Copy what the guest sent, so that it cannot change under us, and check its form. */
static long copy_and_run(struct req *r, const struct op *op, size_t len)
{
	size_t at = sizeof(r->h) + op->fixed, nbody;
	u8 small[NAME_MAX + 1 + PATH_MAX], *body = small;
	long n;

	if (len < at)
		return -EINVAL;
	bytes_get(r->in, r->nin, sizeof(r->h), r->arg.bytes, op->fixed);
	r->data = at;
	r->ndata = len - at;
	nbody = r->h.opcode == FUSE_WRITE ? 0 : r->ndata;
	if (nbody > BODY_MAX)
		return -E2BIG;
	if (nbody > sizeof(small))
		body = malloc(nbody);
	if (!body)
		return -ENOMEM;
	bytes_get(r->in, r->nin, at, body, nbody);
	n = take_strings(r, op, body, nbody);
	if (!n)
		n = run(r, op);
	if (body != small)
		free(body);
	return n;
}

static const struct op *op_find(const struct fs *fs, u32 opcode)
{
	const struct op *op = opcode < FUSE_OPS ? &fs->ops[opcode] : NULL;

	if (!op || !op->run || (op->flags & LOCKS && !(fs->flags & FS_LOCKS)))
		return NULL;
	return op;
}

static long request(struct req *r, const struct op *op, size_t total)
{
	if (r->h.len < sizeof(r->h) || r->h.len > total)
		return -EINVAL;
	if (!op)
		return -ENOSYS;
	if (op->flags & WRITES && r->fs->flags & FS_READONLY)
		return -EROFS;
	return copy_and_run(r, op, r->h.len);
}

size_t fs_request(struct fs *fs, const struct iovec *in, unsigned nin, const struct iovec *out,
		  unsigned nout)
{
	struct req r = { .fs = fs, .in = in, .nin = nin, .out = out, .nout = nout };
	size_t total = bytes_total(in, nin), room = bytes_total(out, nout);
	struct fuse_out_header h = { .len = sizeof(h) };
	const struct op *op;
	long n;

	if (bytes_get(in, nin, 0, &r.h, sizeof(r.h)) < sizeof(r.h))
		return 0;
	op = op_find(fs, r.h.opcode);
	if (!(op && op->flags & QUIET) && room < sizeof(h))
		return 0;
	r.room = room < sizeof(h) ? 0 : room - sizeof(h);
	n = request(&r, op, total);
	LOG(fs, TRACE, "%s %llx%s%s: %ld", op ? op->name : "unknown", (unsigned long long)r.h.nodeid,
	    r.text[0] ? " " : "", r.text[0] ? r.text[0] : "", n);
	if (op && op->flags & QUIET)
		return 0;
	h.unique = r.h.unique;
	h.error = n < 0 ? (i32)n : 0;
	h.len += n < 0 ? 0 : (u32)n;
	bytes_put(out, nout, 0, &h, sizeof(h));
	return h.len;
}

static int open_root(struct fs *fs, const char *dir, struct err *e)
{
	int fd, rc;

	fs->proc = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fs->proc < 0)
		return err_sys(e, "sharing a directory needs /proc");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* says so when it may not be read */
	if (fd >= 0) {
		close(fd);
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return err_sys(e, "cannot share '%s'", dir);
	rc = inode_root(fs, fd, e);
	if (rc)
		close(fd);
	return rc ? err_in(e, rc, "cannot share '%s'", dir) : 0;
}

static struct fs *new_fs(const struct op *ops, unsigned flags)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	pthread_condattr_t attr;

	if (!fs)
		return NULL;
	fs->ops = ops;
	fs->flags = flags;
	fs->proc = fs->cancel = -1;
	pthread_mutex_init(&fs->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&fs->unlocked, &attr);
	pthread_condattr_destroy(&attr);
	return fs;
}

int fs_open(const char *dir, unsigned flags, unsigned max_fds, struct fs **ret, struct err *e)
{
	struct fs *fs = new_fs(fuse_dir_ops, flags);
	int rc;

	if (!fs)
		return err_set(e, -ENOMEM, "out of memory");
	fs->max_fds = max_fds < 64 ? 64 : max_fds;
	fs->uid = geteuid();
	fs->gid = getegid();
	rc = open_root(fs, dir, e);
	if (rc)
		fs_close(fs);
	else
		*ret = fs;
	return rc;
}

int fs_open_files(const struct fs_file *file, unsigned n, struct fs **ret, struct err *e)
{
	struct fs *fs = new_fs(fuse_file_ops, 0);

	if (!fs)
		return err_set(e, -ENOMEM, "out of memory");
	fs->file = file;
	fs->nfiles = n;
	fs->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fs->cancel < 0) {
		fs_close(fs);
		return err_sys(e, "cannot make an event file");
	}
	*ret = fs;
	return 0;
}

void fs_cancel(struct fs *fs)
{
	static const u64 one = 1;

	pthread_mutex_lock(&fs->lock);
	fs->cancelled = true;
	pthread_cond_broadcast(&fs->unlocked);
	if (fs->cancel >= 0 && write(fs->cancel, &one, sizeof(one)) < 0)
		LOG(fs, DEBUG, "cancelled already"); /* 2^64 - 2 times */
	pthread_mutex_unlock(&fs->lock);
}

void fs_reset(struct fs *fs)
{
	u64 n;

	handle_release_all(fs);
	inode_forget_all(fs);
	pthread_mutex_lock(&fs->lock);
	fs->cancelled = false;
	if (fs->cancel >= 0 && read(fs->cancel, &n, sizeof(n)) < 0)
		n = 0; /* nothing was cancelled */
	pthread_mutex_unlock(&fs->lock);
}

void fs_close(struct fs *fs)
{
	if (!fs)
		return;
	fs_reset(fs);
	if (fs->root)
		close(fs->root->fd);
	free(fs->root);
	if (fs->proc >= 0)
		close(fs->proc);
	if (fs->cancel >= 0)
		close(fs->cancel);
	free(fs->hash);
	slots_fini(&fs->inodes);
	slots_fini(&fs->handles);
	pthread_cond_destroy(&fs->unlocked);
	pthread_mutex_destroy(&fs->lock);
	free(fs);
}
