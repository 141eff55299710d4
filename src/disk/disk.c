/* disk.c - what all disks have in common: opening, checks, and who waits for a request. */
#include "disk/disk_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void disk_init(struct disk *d, const struct disk_ops *ops, unsigned flags)
{
	d->ops = ops;
	d->flags = flags;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->idle, NULL);
}

void disk_fini(struct disk *d)
{
	pthread_cond_destroy(&d->idle);
	pthread_mutex_destroy(&d->lock);
}

/* What the file's first sector looks like; NULL: raw, or it cannot be read, which raw_open() tells. */
static const char *file_format(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	u8 sector[DISK_SECTOR] = { 0 };
	ssize_t n = fd < 0 ? -1 : pread(fd, sector, sizeof(sector), 0);

	if (fd >= 0)
		close(fd);
	return n > 0 ? format_of(sector) : NULL;
}

static int open_kind(const char *spec, unsigned flags, struct disk **ret, struct err *e)
{
	const char *format;

	if (!strncmp(spec, "nbd:", 4))
		return nbd_open(spec + 4, flags, ret, e);
	format = flags & DISK_RAW ? NULL : file_format(spec);
	return format ? nbd_open_format(spec, format, flags, ret, e) : raw_open(spec, flags, ret, e);
}

int disk_open(const char *spec, unsigned flags, struct disk **ret, struct err *e)
{
	bool overlay = flags & DISK_OVERLAY;
	struct disk *d;
	int rc = open_kind(spec, overlay ? flags | DISK_READONLY : flags, &d, e);

	/* What stays read-only needs no layer above it. */
	if (!rc && overlay && !(flags & DISK_READONLY))
		rc = overlay_open(d, &d, e);
	if (rc)
		return rc;
	rc = d->ops->start && !d->ops->wait ? 0 : pool_new(d, &d->pool, e);
	if (rc) {
		disk_close(d);
		return rc;
	}
	*ret = d;
	return 0;
}

void disk_close(struct disk *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	while (d->busy)
		pthread_cond_wait(&d->idle, &d->lock);
	pthread_mutex_unlock(&d->lock);
	pool_free(d->pool);
	d->ops->close(d);
}

u64 disk_size(const struct disk *d)
{
	return d->size;
}

unsigned disk_flags(const struct disk *d)
{
	return d->flags;
}

const char *disk_serial(const struct disk *d)
{
	return d->serial;
}

void disk_set_serial(struct disk *d, const char *serial)
{
	size_t n = strnlen(serial, sizeof(d->serial) - 1);

	memcpy(d->serial, serial, n);
	d->serial[n] = 0;
}

u64 disk_requests(const struct disk *d)
{
	return __atomic_load_n(&d->requests, __ATOMIC_RELAXED);
}

static int check(struct disk *d, const struct disk_req *r)
{
	__atomic_fetch_add(&d->requests, 1, __ATOMIC_RELAXED);
	if (r->op == DISK_FLUSH)
		return 0;
	if (r->at % DISK_SECTOR || r->len % DISK_SECTOR || r->at > d->size || r->len > d->size - r->at)
		return -EINVAL;
	return r->op != DISK_READ && (d->flags & DISK_READONLY) ? -EROFS : 0;
}

void disk_done(struct disk *d, struct disk_req *r, int rc)
{
	r->done(r, rc);
	pthread_mutex_lock(&d->lock);
	if (!--d->busy)
		pthread_cond_broadcast(&d->idle);
	pthread_mutex_unlock(&d->lock);
}

/*D:1340 A read that is over at once
 * Most of what a guest reads is in the host's page cache. Then the kernel copies it on the spot, and
 * the request is over before the guest's processor goes on: cheaper than waking anybody. Only what
 * would have to wait for the disk goes to io_uring or, where that is forbidden, to a thread.
 * @test disk_reads_at_once_what_is_cached
 */
int disk_submit(struct disk *d, struct disk_req *r)
{
	int rc = check(d, r);

	if (!rc)
		rc = d->ops->now ? d->ops->now(d, r) : -EAGAIN;
	if (rc != -EAGAIN)
		return rc;
	pthread_mutex_lock(&d->lock);
	d->busy++;
	pthread_mutex_unlock(&d->lock);
	if (!d->ops->start || d->ops->start(d, r) != -EINPROGRESS)
		pool_put(d->pool, r);
	return -EINPROGRESS;
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool over;
	int rc;
};

static void waiter_done(struct disk_req *r, int rc)
{
	struct waiter *w = r->ctx;

	pthread_mutex_lock(&w->lock);
	w->over = true;
	w->rc = rc;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

static int wait_started(struct disk *d, struct disk_req *r)
{
	struct waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0 };
	int rc;

	r->done = waiter_done;
	r->ctx = &w;
	rc = disk_submit(d, r);
	if (rc != -EINPROGRESS)
		return rc;
	pthread_mutex_lock(&w.lock);
	while (!w.over)
		pthread_cond_wait(&w.done, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return w.rc;
}

int disk_wait(struct disk *d, struct disk_req *r)
{
	int rc = check(d, r);

	if (rc)
		return rc;
	return d->ops->wait ? d->ops->wait(d, r) : wait_started(d, r);
}

int disk_io(struct disk *d, enum disk_op op, u64 at, void *buf, u64 len)
{
	struct iovec iov = { buf, len };
	struct disk_req r = { .op = op, .at = at, .len = len, .iov = &iov, .niov = 1 };

	return disk_wait(d, &r);
}
