/* files.c - the files of a share that is no directory of the host's: descriptors open already. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "fs/int.h"

/* A pipe that poll() calls writable takes this much without blocking. pipe(7). */
#define PIECE 4096
#define PIECES 16 /* iovecs handed to the host at a time */
#define FIRST (FUSE_ROOT_ID + 1)

/* They were changed just now, whenever now is: so the guest can learn the date to the microsecond,
 * which its clock chip tells in seconds. */
static void fill_attr(u64 node, struct fuse_attr *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct fuse_attr){
		.ino = node, .nlink = 1, .blksize = GUEST_PAGE_SIZE,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0555 : S_IFREG | 0666,
		.mtime = (u64)now.tv_sec, .mtimensec = (u32)now.tv_nsec,
	};
}

static const struct fs_file *file_of(const struct req *r)
{
	u64 i = r->h.nodeid - FIRST;

	return i < r->fs->nfiles ? &r->fs->file[i] : NULL;
}

static long files_lookup(struct req *r)
{
	struct fuse_entry_out out = { .entry_valid = 3600 };

	for (unsigned i = 0; i < r->fs->nfiles && !out.nodeid; i++)
		if (!strcmp(r->fs->file[i].name, r->text[0]))
			out.nodeid = FIRST + i;
	if (r->h.nodeid != FUSE_ROOT_ID || !out.nodeid)
		return -ENOENT;
	fill_attr(out.nodeid, &out.attr);
	return fs_reply(r, 0, &out, sizeof(out));
}

static long files_getattr(struct req *r)
{
	struct fuse_attr_out out = { 0 };

	if (r->h.nodeid != FUSE_ROOT_ID && !file_of(r))
		return -ENOENT;
	fill_attr(r->h.nodeid, &out.attr);
	return fs_reply(r, 0, &out, sizeof(out));
}

static long files_open(struct req *r)
{
	struct fuse_open_out out = {
		.open_flags = FOPEN_DIRECT_IO | FOPEN_NONSEEKABLE | FOPEN_STREAM | FOPEN_NOFLUSH,
	};

	return file_of(r) ? fs_reply(r, 0, &out, sizeof(out)) : -EISDIR;
}

/* Sleep until the descriptor is ready, or has an error to tell. */
static int wait_for(const struct fs *fs, int fd, short events)
{
	struct pollfd p[2] = { { fd, events, 0 }, { fs->cancel, POLLIN, 0 } };

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return p[1].revents ? -EINTR : 0;
}

static long files_read(struct req *r)
{
	const struct fuse_read_in *a = ARG(r, struct fuse_read_in);
	const struct fs_file *f = file_of(r);
	struct iovec v[PIECES];
	unsigned n = bytes_cut(r->out, r->nout, sizeof(struct fuse_out_header),
			       a->size < r->room ? a->size : r->room, v, PIECES);
	ssize_t got = f ? wait_for(r->fs, f->fd, POLLIN) : -EBADF;

	if (got)
		return got;
	got = readv(f->fd, v, (int)n);
	return got < 0 ? -errno : got;
}

static ssize_t write_some(const struct fs *fs, int fd, const struct iovec *v, unsigned n)
{
	ssize_t done = wait_for(fs, fd, POLLOUT);

	if (done)
		return done;
	done = writev(fd, v, (int)n);
	return done < 0 ? -errno : done;
}

static long files_write(struct req *r)
{
	const struct fuse_write_in *a = ARG(r, struct fuse_write_in);
	const struct fs_file *f = file_of(r);
	struct fuse_write_out out = { 0 };
	struct iovec v[PIECES];
	ssize_t n = a->size > r->ndata ? -EINVAL : f ? 0 : -EBADF;

	while (n >= 0 && out.size < a->size) {
		size_t left = a->size - out.size;
		unsigned k = bytes_cut(r->in, r->nin, r->data + out.size,
				       left < PIECE ? left : PIECE, v, PIECES);

		n = write_some(r->fs, f->fd, v, k);
		out.size += n > 0 ? (u32)n : 0;
	}
	return out.size || n >= 0 ? fs_reply(r, 0, &out, sizeof(out)) : n;
}

static long files_nothing(struct req *r)
{
	(void)r;
	return 0;
}

const struct op fuse_file_ops[FUSE_OPS] = {
	[FUSE_LOOKUP] = { "lookup", files_lookup, 0, 1, NAME },
	[FUSE_FORGET] = { "forget", files_nothing, 8, 0, QUIET },
	[FUSE_BATCH_FORGET] = { "batch_forget", files_nothing, 8, 0, QUIET },
	[FUSE_INTERRUPT] = { "interrupt", files_nothing, 8, 0, QUIET },
	[FUSE_INIT] = { "init", fuse_init, 16, 0, 0 },
	[FUSE_DESTROY] = { "destroy", files_nothing, 0, 0, 0 },
	[FUSE_GETATTR] = { "getattr", files_getattr, 0, 0, 0 },
	[FUSE_SETATTR] = { "setattr", files_getattr, 88, 0, 0 }, /* as a pipe: nothing to cut off */
	[FUSE_OPEN] = { "open", files_open, 8, 0, 0 },
	[FUSE_READ] = { "read", files_read, 40, 0, 0 },
	[FUSE_WRITE] = { "write", files_write, 40, 0, 0 },
	[FUSE_RELEASE] = { "release", files_nothing, 24, 0, 0 },
};
