/* file.c - open files: read, written, cut, copied. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/int.h"

#define PIECES 64 /* iovecs handed to the host at a time */

/* O_DIRECT is left out: a guest's buffer need not suit the host's disk. O_APPEND is done by each
 * write, since pages that the guest writes back later come through any open file there is. */
#define OPEN_FLAGS (O_ACCMODE | O_TRUNC | O_SYNC | O_DSYNC | O_NOATIME)

/* fd becomes the guest's, or is closed. */
static int opened(struct req *r, struct inode *i, int fd, bool dir, struct fuse_open_out *ret)
{
	int rc;

	*ret = (struct fuse_open_out){ 0 };
	if (r->fs->flags & FS_STILL)
		ret->open_flags = FOPEN_KEEP_CACHE | (dir ? FOPEN_CACHE_DIR : 0);
	rc = fd < 0 ? fd : handle_add(r->fs, i, fd, dir, &ret->fh);
	if (rc) {
		if (fd >= 0)
			close(fd);
		fs_drop_fd(r->fs);
	}
	return rc;
}

static int open_inode(struct req *r, struct inode *i, u32 flags, bool dir,
		      struct fuse_open_out *ret)
{
	u32 type = dir ? S_IFDIR : S_IFREG;
	int rc, fd;

	if (i->mode != type)
		return dir ? -ENOTDIR : i->mode == S_IFLNK ? -ELOOP : i->mode == S_IFDIR ? -EISDIR : -ENXIO;
	if (r->fs->flags & FS_READONLY && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC))
		return -EROFS;
	rc = fs_take_fd(r->fs);
	if (rc)
		return rc;
	fd = inode_open(r->fs, i, (int)(flags & OPEN_FLAGS) | (dir ? O_DIRECTORY : 0));
	if (fd == -EPERM && flags & O_NOATIME) /* for the file's owner only */
		fd = inode_open(r->fs, i, (int)(flags & OPEN_FLAGS & ~O_NOATIME));
	return opened(r, i, fd, dir, ret);
}

long fuse_open(struct req *r)
{
	const struct fuse_open_in *a = ARG(r, struct fuse_open_in);
	struct fuse_open_out out;
	int rc = open_inode(r, r->inode, a->flags, false, &out);

	if (rc)
		return rc;
	if (a->open_flags & FUSE_OPEN_KILL_SUIDGID)
		attr_kill(r->fs, r->inode);
	return fs_reply(r, 0, &out, sizeof(out));
}

long fuse_opendir(struct req *r)
{
	struct fuse_open_out out;
	int rc = open_inode(r, r->inode, O_RDONLY, true, &out);

	return rc ? rc : fs_reply(r, 0, &out, sizeof(out));
}

/* With mode 0600 at first, so that whoever may not write it later can open it now. */
static int create(struct req *r, const struct fuse_create_in *a, struct fuse_entry_out *entry,
		  struct fuse_open_out *open)
{
	int rc = mknodat(r->inode->fd, r->text[0], S_IFREG | 0600, 0) ? -errno : 0;
	bool made = !rc;
	struct inode *i;

	if (rc && (rc != -EEXIST || a->flags & O_EXCL))
		return rc;
	rc = inode_lookup(r->fs, r->inode, r->text[0], entry);
	if (rc)
		return rc;
	rc = inode_pin(r->fs, entry->nodeid, &i);
	if (!rc) {
		rc = open_inode(r, i, a->flags, false, open);
		if (made)
			attr_new(r, entry->nodeid, a->mode, &entry->attr);
		inode_unpin(r->fs, i);
	}
	if (rc)
		inode_forget(r->fs, entry->nodeid, 1);
	return rc;
}

long fuse_create(struct req *r)
{
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	int rc = create(r, ARG(r, struct fuse_create_in), &out.entry, &out.open);

	return rc ? rc : fs_reply(r, 0, &out, sizeof(out));
}

long fuse_release(struct req *r)
{
	handle_release(r->fs, ARG(r, struct fuse_release_in)->fh, false);
	lock_woken(r->fs);
	return 0;
}

long fuse_releasedir(struct req *r)
{
	handle_release(r->fs, ARG(r, struct fuse_release_in)->fh, true);
	return 0;
}

/* What one call did less than it was asked for ends the request, as read(2) and write(2) do. */
static long move(struct req *r, int fd, bool write, size_t at, size_t len, u64 offset, int how)
{
	struct iovec v[PIECES];
	size_t done = 0;

	while (done < len) {
		unsigned n = write ? bytes_cut(r->in, r->nin, at + done, len - done, v, PIECES) :
				     bytes_cut(r->out, r->nout, at + done, len - done, v, PIECES);
		size_t part = bytes_total(v, n);
		ssize_t k = write ? pwritev2(fd, v, (int)n, (off_t)(offset + done), how) :
				    preadv2(fd, v, (int)n, (off_t)(offset + done), how);

		if (k < 0)
			return done ? (long)done : -errno;
		done += (size_t)k;
		if ((size_t)k < part)
			break;
	}
	return (long)done;
}

/*F:400 Bytes of a file
 * They go between the host's page cache and the guest's pages in one system call, without a copy of
 * ours: the iovecs that the host is handed are the guest's own buffers.
 * @test files_are_read_and_written
 */
long fuse_read(struct req *r)
{
	const struct fuse_read_in *a = ARG(r, struct fuse_read_in);
	size_t len = a->size < r->room ? a->size : r->room;
	struct handle *h;
	long n;

	if (a->offset > INT64_MAX - FS_MAX_WRITE)
		return -EINVAL;
	n = handle_pin(r->fs, a->fh, false, &h);
	if (n)
		return n;
	n = move(r, h->fd, false, sizeof(struct fuse_out_header), len, a->offset, 0);
	handle_unpin(r->fs, h);
	return n;
}

long fuse_write(struct req *r)
{
	const struct fuse_write_in *a = ARG(r, struct fuse_write_in);
	bool append = a->flags & O_APPEND && !(a->write_flags & FUSE_WRITE_CACHE);
	struct fuse_write_out out = { 0 };
	struct handle *h;
	long n;

	if (a->size > r->ndata || a->offset > INT64_MAX - FS_MAX_WRITE)
		return -EINVAL;
	n = handle_pin(r->fs, a->fh, false, &h);
	if (n)
		return n;
	if (a->write_flags & FUSE_WRITE_KILL_SUIDGID)
		attr_kill(r->fs, h->inode);
	n = move(r, h->fd, true, r->data, a->size, a->offset, append ? RWF_APPEND : 0);
	handle_unpin(r->fs, h);
	out.size = n < 0 ? 0 : (u32)n;
	return n < 0 ? n : fs_reply(r, 0, &out, sizeof(out));
}

/* A close(2) of the guest's, one of several perhaps. */
long fuse_flush(struct req *r)
{
	lock_drop(r->fs, r->inode, ARG(r, struct fuse_flush_in)->lock_owner);
	return 0;
}

static long sync_handle(struct req *r, bool dir)
{
	const struct fuse_fsync_in *a = ARG(r, struct fuse_fsync_in);
	struct handle *h;
	int rc = handle_pin(r->fs, a->fh, dir, &h);

	if (rc)
		return rc;
	rc = (a->fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync(h->fd) : fsync(h->fd)) ? -errno : 0;
	handle_unpin(r->fs, h);
	return rc;
}

long fuse_fsync(struct req *r)
{
	return sync_handle(r, false);
}

long fuse_fsyncdir(struct req *r)
{
	return sync_handle(r, true);
}

long fuse_lseek(struct req *r)
{
	const struct fuse_lseek_in *a = ARG(r, struct fuse_lseek_in);
	struct fuse_lseek_out out;
	struct handle *h;
	off_t at;
	int rc;

	if (a->whence != SEEK_DATA && a->whence != SEEK_HOLE)
		return -EINVAL;
	rc = handle_pin(r->fs, a->fh, false, &h);
	if (rc)
		return rc;
	at = lseek(h->fd, (off_t)a->offset, (int)a->whence);
	rc = at < 0 ? -errno : 0;
	handle_unpin(r->fs, h);
	out.offset = (u64)at;
	return rc ? rc : fs_reply(r, 0, &out, sizeof(out));
}

long fuse_fallocate(struct req *r)
{
	const struct fuse_fallocate_in *a = ARG(r, struct fuse_fallocate_in);
	struct handle *h;
	int rc = handle_pin(r->fs, a->fh, false, &h);

	if (rc)
		return rc;
	rc = fallocate(h->fd, (int)a->mode, (off_t)a->offset, (off_t)a->length) ? -errno : 0;
	handle_unpin(r->fs, h);
	return rc;
}

long fuse_copy(struct req *r)
{
	const struct fuse_copy_file_range_in *a = ARG(r, struct fuse_copy_file_range_in);
	off_t from = (off_t)a->off_in, to = (off_t)a->off_out;
	struct fuse_write_out out = { 0 };
	struct handle *in, *h;
	ssize_t n = handle_pin(r->fs, a->fh_in, false, &in);

	if (n)
		return n;
	n = handle_pin(r->fs, a->fh_out, false, &h);
	if (!n) {
		/* The reply has 32 bits; so long a copy would keep the guest waiting, too. */
		n = copy_file_range(in->fd, &from, h->fd, &to, a->len < MIB(64) ? a->len : MIB(64),
				    (unsigned)a->flags);
		n = n < 0 ? -errno : n;
		handle_unpin(r->fs, h);
	}
	handle_unpin(r->fs, in);
	out.size = n < 0 ? 0 : (u32)n;
	return n < 0 ? n : fs_reply(r, 0, &out, sizeof(out));
}
