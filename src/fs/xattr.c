/* xattr.c - extended attributes. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/int.h"

/* By the descriptor's name in /proc: that is the file itself, also when it is a link. */
static void path_of(const struct req *r, char ret[48])
{
	snprintf(ret, 48, "/proc/self/fd/%d", r->inode->fd);
}

/* The guest asks for the size first, or for no more bytes than it said. */
static long reply_value(struct req *r, const void *buf, long len)
{
	u32 size = ARG(r, struct fuse_getxattr_in)->size;
	struct fuse_getxattr_out out = { (u32)len, 0 };

	if (!size)
		return fs_reply(r, 0, &out, sizeof(out));
	return (size_t)len > size ? -ERANGE : fs_reply(r, 0, buf, (size_t)len);
}

long fuse_getxattr(struct req *r)
{
	char path[48], *buf = malloc(FS_VALUE_MAX);
	long len;

	if (!buf)
		return -ENOMEM;
	path_of(r, path);
	len = getxattr(path, r->text[0], buf, FS_VALUE_MAX);
	len = len < 0 ? -errno : reply_value(r, buf, len);
	free(buf);
	return len;
}

long fuse_listxattr(struct req *r)
{
	char path[48], *buf = malloc(FS_VALUE_MAX);
	long len;

	if (!buf)
		return -ENOMEM;
	path_of(r, path);
	len = listxattr(path, buf, FS_VALUE_MAX);
	len = len < 0 ? -errno : reply_value(r, buf, len);
	free(buf);
	return len;
}

long fuse_setxattr(struct req *r)
{
	const struct fuse_setxattr_in *a = ARG(r, struct fuse_setxattr_in);
	char path[48];

	if (a->size > r->nrest)
		return -EINVAL;
	if (a->flags & ~(u32)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	path_of(r, path);
	return setxattr(path, r->text[0], r->rest, a->size, (int)a->flags) ? -errno : 0;
}

long fuse_removexattr(struct req *r)
{
	char path[48];

	path_of(r, path);
	return removexattr(path, r->text[0]) ? -errno : 0;
}
