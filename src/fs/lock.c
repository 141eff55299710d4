/* lock.c - file locks that hold on the host: POSIX locks by their owner, flock by the open file. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "fs/int.h"

#define LOOK_NS 1000000 /* after so long look whether somebody on the host unlocked, then later */
#define LOOK_MAX_NS 100000000
#define WAITERS_MAX 32    /* each is a thread that does nothing else */

/* A process of the guest: its own open file, since the host's locks belong to one. */
struct lock_owner {
	u64 owner;
	int fd;
	struct lock_owner *next;
};

struct waiter {
	u64 unique;
	bool interrupted;
	u32 look_ns;
	struct waiter *next;
};

static void bump(struct fs *fs)
{
	fs->unlocks++;
	pthread_cond_broadcast(&fs->unlocked);
}

void lock_woken(struct fs *fs)
{
	pthread_mutex_lock(&fs->lock);
	if (fs->waiters)
		bump(fs);
	pthread_mutex_unlock(&fs->lock);
}

static void close_owner(struct fs *fs, struct lock_owner **at)
{
	struct lock_owner *o = *at;

	*at = o->next;
	close(o->fd);
	fs->nfds--;
	free(o);
}

void lock_drop_all(struct fs *fs, struct inode *i)
{
	while (i->locks)
		close_owner(fs, &i->locks);
}

void lock_drop(struct fs *fs, struct inode *i, u64 owner)
{
	pthread_mutex_lock(&fs->lock);
	for (struct lock_owner **at = &i->locks; *at; at = &(*at)->next) {
		if ((*at)->owner != owner)
			continue;
		close_owner(fs, at);
		bump(fs);
		break;
	}
	pthread_mutex_unlock(&fs->lock);
}

static struct lock_owner *find(struct inode *i, u64 owner)
{
	struct lock_owner *o = i->locks;

	while (o && o->owner != owner)
		o = o->next;
	return o;
}

static int open_owner(struct fs *fs, const struct inode *i)
{
	int fd = inode_open(fs, i, fs->flags & FS_READONLY ? O_RDONLY : O_RDWR);

	return fd == -EACCES ? inode_open(fs, i, O_RDONLY) : fd;
}

static int add(struct fs *fs, struct inode *i, u64 owner)
{
	struct lock_owner *o = malloc(sizeof(*o));
	int fd = o ? open_owner(fs, i) : -ENOMEM;

	if (fd < 0) {
		free(o);
		return fd;
	}
	pthread_mutex_lock(&fs->lock);
	*o = (struct lock_owner){ owner, fd, i->locks };
	i->locks = o;
	pthread_mutex_unlock(&fs->lock);
	return 0;
}

/* See to it that the owner has an open file for its locks. */
static int need_owner(struct fs *fs, struct inode *i, u64 owner)
{
	bool there;
	int rc;

	pthread_mutex_lock(&fs->lock);
	there = find(i, owner);
	pthread_mutex_unlock(&fs->lock);
	if (there)
		return 0;
	rc = fs_take_fd(fs);
	if (rc)
		return rc;
	rc = add(fs, i, owner);
	if (rc)
		fs_drop_fd(fs);
	return rc;
}

static int range(const struct fuse_file_lock *lk, struct flock *ret)
{
	if (lk->start > INT64_MAX || lk->end < lk->start ||
	    (lk->type != F_RDLCK && lk->type != F_WRLCK && lk->type != F_UNLCK))
		return -EINVAL;
	*ret = (struct flock){
		.l_type = (short)lk->type, .l_whence = SEEK_SET, .l_start = (off_t)lk->start,
		.l_len = lk->end >= INT64_MAX ? 0 : (off_t)(lk->end - lk->start + 1),
	};
	return 0;
}

/* With the lock held, so that nobody closes the owner's file meanwhile. */
static int call(struct req *r, int cmd, struct flock *f)
{
	struct lock_owner *o;
	int rc;

	pthread_mutex_lock(&r->fs->lock);
	o = find(r->inode, ARG(r, struct fuse_lk_in)->owner);
	rc = !o ? -ENOLCK : fcntl(o->fd, cmd, f) ? -errno : 0;
	if (!rc && f->l_type == F_UNLCK)
		bump(r->fs);
	pthread_mutex_unlock(&r->fs->lock);
	return rc;
}

long fuse_getlk(struct req *r)
{
	const struct fuse_lk_in *a = ARG(r, struct fuse_lk_in);
	struct fuse_lk_out out = { .lk = a->lk };
	struct flock f;
	int rc = range(&a->lk, &f);

	if (!rc)
		rc = need_owner(r->fs, r->inode, a->owner);
	if (!rc)
		rc = call(r, F_OFD_GETLK, &f);
	if (rc)
		return rc;
	out.lk.type = (u32)f.l_type;
	out.lk.pid = 0; /* the host's number would say nothing to the guest */
	if (f.l_type != F_UNLCK) {
		out.lk.start = (u64)f.l_start;
		out.lk.end = f.l_len ? (u64)(f.l_start + f.l_len - 1) : INT64_MAX;
	}
	return fs_reply(r, 0, &out, sizeof(out));
}

static int try_posix(struct req *r)
{
	struct flock f;
	int rc = range(&ARG(r, struct fuse_lk_in)->lk, &f);

	return rc ? rc : call(r, F_OFD_SETLK, &f);
}

static int try_flock(struct req *r)
{
	static const int ops[] = { [F_RDLCK] = LOCK_SH, [F_WRLCK] = LOCK_EX, [F_UNLCK] = LOCK_UN };
	const struct fuse_lk_in *a = ARG(r, struct fuse_lk_in);
	struct handle *h;
	int rc = a->lk.type < ARRAY_SIZE(ops) ? handle_pin(r->fs, a->fh, false, &h) : -EINVAL;

	if (rc)
		return rc;
	rc = flock(h->fd, ops[a->lk.type] | LOCK_NB) ? -errno : 0;
	handle_unpin(r->fs, h);
	if (!rc && a->lk.type == F_UNLCK)
		lock_woken(r->fs);
	return rc;
}

static void forget(struct fs *fs, struct waiter *w)
{
	struct waiter **at = &fs->waiters;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	fs->nwaiters--;
}

/* Sleep until a lock was set free since `seen`, or somebody on the host may have done so. */
static int wait(struct fs *fs, struct waiter *w, u64 seen)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += w->look_ns;
	w->look_ns = w->look_ns < LOOK_MAX_NS ? w->look_ns * 2 : LOOK_MAX_NS;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	if (fs->unlocks == seen && !w->interrupted && !fs->cancelled)
		pthread_cond_timedwait(&fs->unlocked, &fs->lock, &t);
	return w->interrupted || fs->cancelled ? -EINTR : 0;
}

/*F:500 Waiting for a lock
 * A guest's process that waits for a lock takes one of our threads with it. It does not wait in the
 * host's kernel, from where only a signal would bring it back, but here: whoever in this guest
 * unlocks wakes it, and for others on the host it looks again and again, ten times a second at last.
 * @test a_lock_is_waited_for
 */
static int try_until(struct req *r, int (*try)(struct req *r))
{
	struct waiter w = { .unique = r->h.unique, .look_ns = LOOK_NS };
	struct fs *fs = r->fs;
	int rc = 0, tried;

	pthread_mutex_lock(&fs->lock);
	if (fs->nwaiters >= WAITERS_MAX) {
		pthread_mutex_unlock(&fs->lock);
		return -ENOLCK;
	}
	w.next = fs->waiters;
	fs->waiters = &w;
	fs->nwaiters++;
	do {
		u64 seen = fs->unlocks;

		pthread_mutex_unlock(&fs->lock);
		tried = try(r);
		pthread_mutex_lock(&fs->lock);
		if (tried != -EAGAIN)
			break;
		rc = wait(fs, &w, seen);
	} while (!rc);
	forget(fs, &w);
	pthread_mutex_unlock(&fs->lock);
	return rc ? rc : tried;
}

long fuse_setlk(struct req *r)
{
	const struct fuse_lk_in *a = ARG(r, struct fuse_lk_in);
	bool flock = a->lk_flags & FUSE_LK_FLOCK;
	int (*try)(struct req *r) = flock ? try_flock : try_posix;
	int rc = flock || a->lk.type == F_UNLCK ? 0 : need_owner(r->fs, r->inode, a->owner);

	if (rc)
		return rc;
	rc = r->h.opcode == FUSE_SETLKW ? try_until(r, try) : try(r);
	return rc == -ENOLCK && a->lk.type == F_UNLCK ? 0 : rc; /* it had none */
}

long fuse_interrupt(struct req *r)
{
	u64 unique = ARG(r, struct fuse_interrupt_in)->unique;

	pthread_mutex_lock(&r->fs->lock);
	for (struct waiter *w = r->fs->waiters; w; w = w->next)
		w->interrupted |= w->unique == unique;
	pthread_cond_broadcast(&r->fs->unlocked);
	pthread_mutex_unlock(&r->fs->lock);
	return 0;
}
