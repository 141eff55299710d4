/* name.c - names in directories: looked up, made, moved, taken away. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/int.h"

#define MODE_BITS 07777u

long fuse_lookup(struct req *r)
{
	struct fuse_entry_out out;
	int rc = inode_lookup(r->fs, r->inode, r->text[0], &out);

	/* Where nobody makes files the guest may believe that there is none. */
	if (rc == -ENOENT && r->fs->flags & FS_STILL) {
		out = (struct fuse_entry_out){ .entry_valid = attr_valid(r->fs) };
		rc = 0;
	}
	return rc ? rc : fs_reply(r, 0, &out, sizeof(out));
}

long fuse_forget(struct req *r)
{
	inode_forget(r->fs, r->h.nodeid, ARG(r, struct fuse_forget_in)->nlookup);
	return 0;
}

long fuse_batch_forget(struct req *r)
{
	struct fuse_forget_one one;
	u32 n = ARG(r, struct fuse_batch_forget_in)->count;

	for (u32 i = 0; i < n && (i + 1) * sizeof(one) <= r->nrest; i++) {
		memcpy(&one, r->rest + i * sizeof(one), sizeof(one));
		inode_forget(r->fs, one.nodeid, one.nlookup);
	}
	return 0;
}

long fuse_readlink(struct req *r)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(r->inode->fd, "", text, sizeof(text));

	return n < 0 ? -errno : fs_reply(r, 0, text, (size_t)n);
}

/* Something was made: hand it to the guest. rc is the call's that made it. */
static long made(struct req *r, int rc, u32 mode)
{
	struct fuse_entry_out out;

	if (rc)
		return -errno;
	rc = inode_lookup(r->fs, r->inode, r->text[0], &out);
	if (rc)
		return rc;
	attr_new(r, out.nodeid, mode, &out.attr);
	return fs_reply(r, 0, &out, sizeof(out));
}

long fuse_mknod(struct req *r)
{
	const struct fuse_mknod_in *a = ARG(r, struct fuse_mknod_in);
	mode_t type = a->mode & S_IFMT;

	/* A device node would be the host's device. 0:0 is none: overlayfs marks deleted files so. */
	if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK && !(type == S_IFCHR && !a->rdev))
		return -EPERM;
	return made(r, mknodat(r->inode->fd, r->text[0], a->mode, 0), a->mode);
}

long fuse_mkdir(struct req *r)
{
	u32 mode = ARG(r, struct fuse_mkdir_in)->mode & MODE_BITS;

	return made(r, mkdirat(r->inode->fd, r->text[0], mode), mode);
}

long fuse_symlink(struct req *r)
{
	return made(r, symlinkat(r->text[1], r->inode->fd, r->text[0]), 0777);
}

long fuse_unlink(struct req *r)
{
	return unlinkat(r->inode->fd, r->text[0], 0) ? -errno : 0;
}

long fuse_rmdir(struct req *r)
{
	return unlinkat(r->inode->fd, r->text[0], AT_REMOVEDIR) ? -errno : 0;
}

static long rename_to(struct req *r, u64 newdir, u32 flags)
{
	struct inode *to;
	int rc;

	if (flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	rc = inode_pin(r->fs, newdir, &to);
	if (rc)
		return rc;
	if (renameat2(r->inode->fd, r->text[0], to->fd, r->text[1], flags))
		rc = -errno;
	if (!rc)
		inode_moved(r->fs, to, r->text[1]);
	if (!rc && flags & RENAME_EXCHANGE)
		inode_moved(r->fs, r->inode, r->text[0]);
	inode_unpin(r->fs, to);
	return rc;
}

long fuse_rename(struct req *r)
{
	return rename_to(r, ARG(r, struct fuse_rename_in)->newdir, 0);
}

long fuse_rename2(struct req *r)
{
	const struct fuse_rename2_in *a = ARG(r, struct fuse_rename2_in);

	return rename_to(r, a->newdir, a->flags);
}

long fuse_link(struct req *r)
{
	struct fuse_entry_out out;
	struct inode *old;
	char path[16];
	int rc = inode_pin(r->fs, ARG(r, struct fuse_link_in)->oldnodeid, &old);

	if (rc)
		return rc;
	/* To the end of the link in /proc, which is the file itself, even if that is a link. */
	rc = linkat(r->fs->proc, inode_path(old, path), r->inode->fd, r->text[0],
		    AT_SYMLINK_FOLLOW) ? -errno : 0;
	inode_unpin(r->fs, old);
	if (!rc)
		rc = inode_lookup(r->fs, r->inode, r->text[0], &out);
	return rc ? rc : fs_reply(r, 0, &out, sizeof(out));
}
