/* attr.c - what is known about a file: attributes, owners, modes, times, sizes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/int.h"

#define MODE_BITS 07777u
#define KEEP ((u32)-1) /* chown(2): leave this owner as it is */

/* As Linux's new_encode_dev(). */
static u32 rdev_of(dev_t dev)
{
	return (minor(dev) & 0xff) | (u32)major(dev) << 8 | (u32)(minor(dev) & ~0xffu) << 12;
}

void attr_fill(const struct fs *fs, const struct stat *st, u64 shown, struct fuse_attr *ret)
{
	*ret = (struct fuse_attr){
		.ino = shown,
		.size = (u64)st->st_size,
		.blocks = (u64)st->st_blocks,
		.atime = (u64)st->st_atim.tv_sec, .atimensec = (u32)st->st_atim.tv_nsec,
		.mtime = (u64)st->st_mtim.tv_sec, .mtimensec = (u32)st->st_mtim.tv_nsec,
		.ctime = (u64)st->st_ctim.tv_sec, .ctimensec = (u32)st->st_ctim.tv_nsec,
		.mode = st->st_mode,
		.nlink = (u32)st->st_nlink,
		.uid = st->st_uid == fs->uid ? 0 : st->st_uid,
		.gid = st->st_gid == fs->gid ? 0 : st->st_gid,
		.rdev = rdev_of(st->st_rdev),
		.blksize = (u32)st->st_blksize,
	};
}

static long reply_attr(struct req *r)
{
	struct fuse_attr_out a = { .attr_valid = attr_valid(r->fs) };
	struct stat st;

	if (fstat(r->inode->fd, &st))
		return -errno;
	attr_fill(r->fs, &st, r->inode->shown, &a.attr);
	return fs_reply(r, 0, &a, sizeof(a));
}

long fuse_getattr(struct req *r)
{
	return reply_attr(r);
}

void attr_kill(const struct fs *fs, const struct inode *i)
{
	struct stat st;
	mode_t mode;
	char path[16];

	if (i->mode != S_IFREG || fstat(i->fd, &st))
		return;
	mode = st.st_mode & ~(mode_t)S_ISUID;
	if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		mode &= ~(mode_t)S_ISGID;
	if (mode != st.st_mode && fchmodat(fs->proc, inode_path(i, path), mode & MODE_BITS, 0))
		return; /* not ours: then the host does it by itself when the file is written */
}

static u32 owner(u32 want, u32 is, u32 ours)
{
	if (want == (is == ours ? 0 : is))
		return KEEP;
	return want ? want : ours;
}

static int set_owner(struct req *r, const struct fuse_setattr_in *a)
{
	int fd = r->inode->fd;
	u32 uid, gid;
	struct stat st;

	if (!(a->valid & (FATTR_UID | FATTR_GID)))
		return 0;
	if (fstat(fd, &st))
		return -errno;
	uid = a->valid & FATTR_UID ? owner(a->uid, st.st_uid, r->fs->uid) : KEEP;
	gid = a->valid & FATTR_GID ? owner(a->gid, st.st_gid, r->fs->gid) : KEEP;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static void own(const struct req *r, const struct inode *i)
{
	struct stat dir;
	u32 gid = r->h.gid ? r->h.gid : KEEP;

	if (r->fs->uid || (!r->h.uid && !r->h.gid))
		return; /* we are not root, or the guest's user is */
	if (!fstat(r->inode->fd, &dir) && dir.st_mode & S_ISGID)
		gid = KEEP; /* the directory's */
	if (fchownat(i->fd, "", r->h.uid ? r->h.uid : KEEP, gid, AT_EMPTY_PATH))
		return; /* a file system without owners */
}

/* The host's mode creation mask is for our own files: the guest has applied its own. */
void attr_new(struct req *r, u64 id, u32 mode, struct fuse_attr *ret)
{
	struct inode *i;
	struct stat st;
	char path[16];

	if (inode_pin(r->fs, id, &i))
		return;
	own(r, i);
	if (!fstat(i->fd, &st)) {
		mode |= S_ISDIR(st.st_mode) ? st.st_mode & S_ISGID : 0; /* inherited */
		if (i->mode != S_IFLNK && (st.st_mode & MODE_BITS) != (mode & MODE_BITS) &&
		    !fchmodat(r->fs->proc, inode_path(i, path), mode & MODE_BITS, 0))
			st.st_mode = i->mode | (mode & MODE_BITS);
		attr_fill(r->fs, &st, i->shown, ret);
	}
	inode_unpin(r->fs, i);
}

static int set_mode(struct req *r, const struct fuse_setattr_in *a)
{
	char path[16];

	if (r->inode->mode == S_IFLNK)
		return -EOPNOTSUPP;
	return fchmodat(r->fs->proc, inode_path(r->inode, path), a->mode & MODE_BITS, 0) ? -errno : 0;
}

/* An open file may be cut off though its mode has no write permission (any more). */
static int set_size(struct req *r, const struct fuse_setattr_in *a)
{
	struct handle *h;
	int rc, fd;

	if (a->size > INT64_MAX)
		return -EFBIG;
	if (a->valid & FATTR_FH) {
		rc = handle_pin(r->fs, a->fh, false, &h);
		if (rc)
			return rc;
		rc = ftruncate(h->fd, (off_t)a->size) ? -errno : 0;
		handle_unpin(r->fs, h);
		return rc;
	}
	if (r->inode->mode != S_IFREG)
		return -EINVAL;
	fd = inode_open(r->fs, r->inode, O_WRONLY);
	if (fd < 0)
		return fd;
	rc = ftruncate(fd, (off_t)a->size) ? -errno : 0;
	close(fd);
	return rc;
}

static struct timespec time_of(u32 valid, u32 set, u32 now, u64 sec, u32 nsec)
{
	if (!(valid & set))
		return (struct timespec){ 0, UTIME_OMIT };
	if (valid & now)
		return (struct timespec){ 0, UTIME_NOW };
	return (struct timespec){ (time_t)sec, nsec };
}

static int set_times(struct req *r, const struct fuse_setattr_in *a)
{
	struct timespec t[2] = {
		time_of(a->valid, FATTR_ATIME, FATTR_ATIME_NOW, a->atime, a->atimensec),
		time_of(a->valid, FATTR_MTIME, FATTR_MTIME_NOW, a->mtime, a->mtimensec),
	};
	char path[16];

	return utimensat(r->fs->proc, inode_path(r->inode, path), t, 0) ? -errno : 0;
}

long fuse_setattr(struct req *r)
{
	const struct fuse_setattr_in *a = ARG(r, struct fuse_setattr_in);
	int rc = set_owner(r, a);

	if (!rc && a->valid & FATTR_MODE)
		rc = set_mode(r, a);
	if (!rc && a->valid & FATTR_SIZE)
		rc = set_size(r, a);
	if (!rc && a->valid & FATTR_KILL_SUIDGID && !(a->valid & FATTR_MODE))
		attr_kill(r->fs, r->inode);
	if (!rc && a->valid & (FATTR_ATIME | FATTR_MTIME))
		rc = set_times(r, a);
	return rc ? rc : reply_attr(r);
}

long fuse_access(struct req *r)
{
	char path[16];
	int mask = (int)(ARG(r, struct fuse_access_in)->mask & (R_OK | W_OK | X_OK));

	if (r->inode->mode == S_IFLNK)
		return 0;
	if (mask & W_OK && r->fs->flags & FS_READONLY)
		return -EROFS;
	return faccessat(r->fs->proc, inode_path(r->inode, path), mask, AT_EACCESS) ? -errno : 0;
}

long fuse_statfs(struct req *r)
{
	struct fuse_statfs_out out = { 0 };
	struct statvfs st;

	if (fstatvfs(r->inode->fd, &st))
		return -errno;
	out.st = (struct fuse_kstatfs){
		.blocks = st.f_blocks, .bfree = st.f_bfree, .bavail = st.f_bavail,
		.files = st.f_files, .ffree = st.f_ffree,
		.bsize = (u32)st.f_bsize, .frsize = (u32)st.f_frsize, .namelen = (u32)st.f_namemax,
	};
	return fs_reply(r, 0, &out, sizeof(out));
}

long fuse_syncfs(struct req *r)
{
	int fd, rc;

	if (r->fs->flags & FS_READONLY)
		return 0;
	fd = inode_open(r->fs, r->fs->root, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	rc = syncfs(fd) ? -errno : 0;
	close(fd);
	return rc;
}
