/* dir.c - directories are read, with or without the attributes of what is in them. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fs/int.h"

#define READ_MAX 16384 /* bytes of the host's entries that are asked for at a time */

/* A reading under way: entries of the host become entries of the reply, until that is full. */
struct listing {
	struct req *r;
	struct inode *dir;
	size_t at, max; /* bytes of the reply: written so far, allowed */
};

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* One entry: attributes if wanted, what readdir(3) tells, the name, and zeroes up to a multiple of
 * eight. false: no room. */
static bool put(struct listing *l, const struct dirent64 *d, bool plus)
{
	static const u64 zero = 0;
	struct fuse_dirent f = {
		.ino = d->d_ino ^ l->dir->shown ^ l->dir->ino, /* the same file system, most likely */
		.off = (u64)d->d_off, .namelen = (u32)strlen(d->d_name), .type = d->d_type,
	};
	struct fuse_entry_out entry = { 0 };
	size_t head = plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
	size_t end = l->at + FUSE_REC_ALIGN(head + f.namelen);
	long at = (long)l->at;

	if (end > l->max)
		return false;
	/* Where the lookup fails the entry has no id: the guest asks again if it wants to know. */
	if (plus && !is_dots(d->d_name) && inode_lookup(l->r->fs, l->dir, d->d_name, &entry))
		entry = (struct fuse_entry_out){ 0 };
	if (entry.nodeid)
		f.ino = entry.attr.ino;
	if (plus)
		at = fs_reply(l->r, (size_t)at, &entry, sizeof(entry));
	at = fs_reply(l->r, (size_t)at, &f, FUSE_NAME_OFFSET);
	at = fs_reply(l->r, (size_t)at, d->d_name, f.namelen);
	fs_reply(l->r, (size_t)at, &zero, end - (size_t)at);
	l->at = end;
	return true;
}

/* Entries from where the directory stands; 0 at its end, and 1 while there may be more. */
static int put_some(struct listing *l, int fd, bool plus)
{
	_Alignas(struct dirent64) u8 buf[READ_MAX];
	size_t want = (l->max - l->at) / (plus ? 4 : 1);
	ssize_t n = getdents64(fd, buf, want < 512 ? 512 : want < READ_MAX ? want : READ_MAX);

	if (n <= 0)
		return n ? -errno : 0;
	for (ssize_t k = 0; k < n;) {
		const struct dirent64 *d = (const void *)(buf + k);

		if (!put(l, d, plus))
			return l->at ? 0 : -EINVAL;
		k += d->d_reclen;
	}
	return 1;
}

static long list(struct req *r, struct handle *h, bool plus)
{
	const struct fuse_read_in *a = ARG(r, struct fuse_read_in);
	struct listing l = { r, h->inode, 0, a->size < r->room ? a->size : r->room };
	int rc;

	if (lseek(h->fd, (off_t)a->offset, SEEK_SET) < 0)
		return -errno;
	do
		rc = put_some(&l, h->fd, plus);
	while (rc > 0);
	return l.at ? (long)l.at : rc;
}

static long read_dir(struct req *r, bool plus)
{
	struct handle *h;
	long n = handle_pin(r->fs, ARG(r, struct fuse_read_in)->fh, true, &h);

	if (n)
		return n;
	if (h->inode == r->inode) {
		pthread_mutex_lock(&h->lock);
		n = list(r, h, plus);
		pthread_mutex_unlock(&h->lock);
	} else {
		n = -EBADF; /* entries are looked up in the directory, which has to be pinned */
	}
	handle_unpin(r->fs, h);
	return n;
}

long fuse_readdir(struct req *r)
{
	return read_dir(r, false);
}

long fuse_readdirplus(struct req *r)
{
	return read_dir(r, true);
}
