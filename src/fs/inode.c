/* inode.c - the files that the guest knows, and the descriptors that stand for them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fs/int.h"

#define DEPTH_MAX 1000 /* directories up to one whose descriptor is open */
#define FOREVER 86400  /* seconds; nobody else changes the files */

static u32 hash_of(const struct fs *fs, dev_t dev, ino_t ino)
{
	return (u32)((ino * 0x9e3779b97f4a7c15u ^ dev) >> 20) & (fs->nhash - 1);
}

static struct inode *find(const struct fs *fs, dev_t dev, ino_t ino)
{
	struct inode *i = fs->nhash ? fs->hash[hash_of(fs, dev, ino)] : NULL;

	while (i && (i->dev != dev || i->ino != ino))
		i = i->next;
	return i;
}

static bool grow_hash(struct fs *fs)
{
	struct inode **old = fs->hash;
	u32 n = fs->nhash;

	fs->hash = calloc(n ? n * 2 : 64, sizeof(*fs->hash));
	if (!fs->hash) {
		fs->hash = old;
		return n != 0;
	}
	fs->nhash = n ? n * 2 : 64;
	for (u32 k = 0; k < n; k++) {
		for (struct inode *i = old[k], *next; i; i = next) {
			u32 to = hash_of(fs, i->dev, i->ino);

			next = i->next;
			i->next = fs->hash[to];
			fs->hash[to] = i;
		}
	}
	free(old);
	return true;
}

/* Several file systems may have files of one number: those but the root's get another one. */
static u64 shown_of(struct fs *fs, dev_t dev, ino_t ino)
{
	u64 k = 0;

	while (k < fs->ndev && fs->dev[k] != dev)
		k++;
	if (k == fs->ndev && k < ARRAY_SIZE(fs->dev))
		fs->dev[fs->ndev++] = dev;
	return ino ^ k << 48;
}

static struct inode *add(struct fs *fs, const struct stat *st)
{
	struct inode *i;
	u32 to;

	if (fs->ninodes >= fs->nhash && !grow_hash(fs))
		return NULL;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->id = slots_add(&fs->inodes, i);
	if (!i->id) {
		free(i);
		return NULL;
	}
	i->fd = -1;
	i->mode = st->st_mode & S_IFMT;
	i->dev = st->st_dev;
	i->ino = st->st_ino;
	i->shown = shown_of(fs, st->st_dev, st->st_ino);
	to = hash_of(fs, i->dev, i->ino);
	i->next = fs->hash[to];
	fs->hash[to] = i;
	fs->ninodes++;
	return i;
}

static void close_fd(struct fs *fs, struct inode *i)
{
	if (i->fd >= 0) {
		close(i->fd);
		fs->nfds--;
	}
	i->fd = -1;
}

static void delete(struct fs *fs, struct inode *i)
{
	struct inode **at = &fs->hash[hash_of(fs, i->dev, i->ino)];

	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	fs->ninodes--;
	slots_drop(&fs->inodes, i->id);
	close_fd(fs, i);
	lock_drop_all(fs, i);
	free(i->name);
	free(i);
}

/* With it, perhaps, nobody needs its parents. */
void inode_drop(struct fs *fs, struct inode *i)
{
	while (i && i != fs->root && !i->nlookup && !i->pins && !i->kids && !i->handles) {
		struct inode *parent = i->parent;

		delete(fs, i);
		if (parent)
			parent->kids--;
		i = parent;
	}
}

/* i was seen as name in dir. Without memory it keeps the name it had, which may do. */
static void place(struct fs *fs, struct inode *i, struct inode *dir, const char *name)
{
	struct inode *before = i->parent;
	char *copy;

	if (i == fs->root || i == dir || (before == dir && !strcmp(i->name, name)))
		return;
	for (struct inode *up = dir; up; up = up->parent)
		if (up == i)
			return; /* renamed on the host meanwhile: that will show */
	copy = strdup(name);
	if (!copy)
		return;
	free(i->name);
	i->name = copy;
	i->parent = dir;
	dir->kids++;
	if (before) {
		before->kids--;
		inode_drop(fs, before);
	}
}

/*F:300 A file without a descriptor
 * A guest that walks a tree learns of more files than we may have descriptors. So one that is not
 * in use is closed now and then, in the order of a clock's hand. It is found again as the name it
 * had in its parent, which may have to be found first, and is the same only if its numbers are.
 * @test descriptors_are_bounded
 */
static bool close_one(struct fs *fs)
{
	for (u32 n = 2 * fs->inodes.n; n; n--) {
		struct inode *i;

		fs->hand = fs->hand + 1 < fs->inodes.n ? fs->hand + 1 : 1;
		i = fs->inodes.at[fs->hand].thing;
		if (!i || i->fd < 0 || i == fs->root || i->pins || i->handles || i->locks)
			continue;
		if (!i->used) {
			close_fd(fs, i);
			return true;
		}
		i->used = false;
	}
	return false;
}

static int find_again(struct fs *fs, struct inode *i, unsigned depth)
{
	struct stat st;
	int rc, fd;

	if (i->fd >= 0)
		return 0;
	if (!i->parent || !depth)
		return -ESTALE;
	rc = find_again(fs, i->parent, depth - 1);
	if (rc)
		return rc;
	fd = openat(i->parent->fd, i->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
	if (fstat(fd, &st) || st.st_dev != i->dev || st.st_ino != i->ino ||
	    (st.st_mode & S_IFMT) != i->mode) {
		close(fd);
		return -ESTALE;
	}
	i->fd = fd;
	fs->nfds++;
	return 0;
}

int inode_pin(struct fs *fs, u64 id, struct inode **ret)
{
	struct inode *i;
	int rc;

	pthread_mutex_lock(&fs->lock);
	i = slots_find(&fs->inodes, id);
	rc = i ? find_again(fs, i, DEPTH_MAX) : -ESTALE;
	if (!rc) {
		i->pins++;
		i->used = true;
		*ret = i;
		while (fs->nfds > fs->max_fds && close_one(fs))
			;
	}
	pthread_mutex_unlock(&fs->lock);
	return rc;
}

void inode_unpin(struct fs *fs, struct inode *i)
{
	if (!i)
		return;
	pthread_mutex_lock(&fs->lock);
	i->pins--;
	inode_drop(fs, i);
	pthread_mutex_unlock(&fs->lock);
}

int fs_take_fd(struct fs *fs)
{
	bool room;

	pthread_mutex_lock(&fs->lock);
	room = fs->nfds < fs->max_fds || close_one(fs);
	fs->nfds += room;
	pthread_mutex_unlock(&fs->lock);
	return room ? 0 : -ENFILE;
}

void fs_drop_fd(struct fs *fs)
{
	pthread_mutex_lock(&fs->lock);
	fs->nfds--;
	pthread_mutex_unlock(&fs->lock);
}

int inode_root(struct fs *fs, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(e, "cannot stat it");
	fs->root = add(fs, &st);
	if (!fs->root)
		return err_set(e, -ENOMEM, "out of memory");
	BUG_ON(fs->root->id != FUSE_ROOT_ID);
	fs->root->fd = fd;
	fs->nfds++;
	return 0;
}

/*F:200 Where a share ends
 * A name from the guest is one component, never "." or "..", and a link is never followed by us: so
 * nothing leads out of the directory. What the kernel shows as files (proc, sysfs and the like) is
 * left out, wherever it is mounted: /proc/self would be this process, with all its memory.
 * @test names_do_not_leave_the_directory
 * @test proc_is_not_shared
 */
static bool is_kernels_own(int fd)
{
	static const long kinds[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC,
		CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC, BPF_FS_MAGIC,
		EFIVARFS_MAGIC, PSTOREFS_MAGIC, BINFMTFS_MAGIC, SELINUX_MAGIC, AUTOFS_SUPER_MAGIC,
		0x62656570 /* configfs */, 0x65735543 /* FUSE's control files */,
		0x19800202 /* message queues */,
	};
	struct statfs st;

	if (fstatfs(fd, &st))
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((u32)st.f_type == (u32)kinds[i])
			return true;
	return false;
}

static int open_name(const struct inode *dir, const char *name, struct stat *st)
{
	int fd = openat(dir->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, st))
		rc = -errno;
	else if (st->st_dev != dir->dev && is_kernels_own(fd))
		rc = -ENOENT;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/* The inode for what was just opened; fd becomes its own or is closed. */
static struct inode *take(struct fs *fs, int fd, const struct stat *st)
{
	struct inode *i = find(fs, st->st_dev, st->st_ino);

	if (i && i->mode != (st->st_mode & S_IFMT))
		i = NULL; /* the number was used again, and who is asked for the old file cannot tell */
	else if (!i)
		i = add(fs, st);
	if (!i || i->fd >= 0) {
		close(fd);
		fs->nfds--;
	} else {
		i->fd = fd;
	}
	return i;
}

static int lookup(struct fs *fs, struct inode *dir, const char *name, struct stat *st,
		  struct fuse_entry_out *ret)
{
	int fd = open_name(dir, name, st);
	struct inode *i;

	if (fd < 0) {
		fs_drop_fd(fs);
		return fd;
	}
	pthread_mutex_lock(&fs->lock);
	i = take(fs, fd, st);
	if (i) {
		i->used = true;
		i->nlookup++;
		place(fs, i, dir, name);
		ret->nodeid = i->id;
		attr_fill(fs, st, i->shown, &ret->attr);
	}
	pthread_mutex_unlock(&fs->lock);
	return i ? 0 : -ENFILE;
}

int inode_lookup(struct fs *fs, struct inode *dir, const char *name, struct fuse_entry_out *ret)
{
	int rc = fs_take_fd(fs);
	struct stat st;

	*ret = (struct fuse_entry_out){
		.entry_valid = attr_valid(fs), .attr_valid = attr_valid(fs),
	};
	return rc ? rc : lookup(fs, dir, name, &st, ret);
}

void inode_moved(struct fs *fs, struct inode *dir, const char *name)
{
	struct inode *i;
	struct stat st;

	if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	pthread_mutex_lock(&fs->lock);
	i = find(fs, st.st_dev, st.st_ino);
	if (i)
		place(fs, i, dir, name);
	pthread_mutex_unlock(&fs->lock);
}

static void forget(struct fs *fs, struct inode *i, u64 nlookup)
{
	i->nlookup -= nlookup < i->nlookup ? nlookup : i->nlookup;
	inode_drop(fs, i);
}

void inode_forget(struct fs *fs, u64 id, u64 nlookup)
{
	struct inode *i;

	pthread_mutex_lock(&fs->lock);
	i = slots_find(&fs->inodes, id);
	if (i)
		forget(fs, i, nlookup);
	pthread_mutex_unlock(&fs->lock);
}

void inode_forget_all(struct fs *fs)
{
	pthread_mutex_lock(&fs->lock);
	for (u32 k = 1; k < fs->inodes.n; k++) {
		struct inode *i = fs->inodes.at[k].thing;

		if (!i)
			continue;
		lock_drop_all(fs, i);
		forget(fs, i, UINT64_MAX);
	}
	pthread_mutex_unlock(&fs->lock);
}

const char *inode_path(const struct inode *i, char ret[16])
{
	snprintf(ret, 16, "%d", i->fd);
	return ret;
}

int inode_open(struct fs *fs, const struct inode *i, int flags)
{
	char path[16];
	int fd;

	if (i->mode != S_IFREG && i->mode != S_IFDIR)
		return i->mode == S_IFLNK ? -ELOOP : -ENXIO;
	fd = openat(fs->proc, inode_path(i, path), flags | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

unsigned attr_valid(const struct fs *fs)
{
	return fs->flags & FS_STILL ? FOREVER : fs->flags & FS_LOCKS ? 0 : 1;
}
