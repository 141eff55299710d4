/* overlay.c - a temporary layer over a disk that stays as it is. Knows nothing of either's format. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk/disk_int.h"

#define CLUSTER KIB(64)

struct overlay {
	struct disk disk;
	struct disk *base;
	int fd;                /* sparse, without a name: gone with the process */
	pthread_rwlock_t lock; /* of present: writers may add to it */
	u64 *present;          /* a bit a cluster: fd has it */
};

static struct overlay *overlay_of(struct disk *d)
{
	return container_of(d, struct overlay, disk);
}

static bool is_present(const struct overlay *o, u64 cluster)
{
	return o->present[cluster / 64] >> cluster % 64 & 1;
}

/* From at on, how many bytes (len at most) are all in the layer, or all not. */
static u64 run_len(const struct overlay *o, u64 at, u64 len, bool *present)
{
	u64 cluster = at / CLUSTER, end = at + len;

	*present = is_present(o, cluster);
	do
		cluster++;
	while (cluster * CLUSTER < end && is_present(o, cluster) == *present);
	return cluster * CLUSTER < end ? cluster * CLUSTER - at : len;
}

static int layer_read(struct overlay *o, u64 at, u8 *buf, u64 len)
{
	while (len) {
		ssize_t n = pread(o->fd, buf, len, (off_t)at);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return -EIO;
		if (n < 0)
			continue;
		buf += n;
		at += (u64)n;
		len -= (u64)n;
	}
	return 0;
}

static int layer_write(struct overlay *o, u64 at, const u8 *buf, u64 len)
{
	while (len) {
		ssize_t n = pwrite(o->fd, buf, len, (off_t)at);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		buf += n;
		at += (u64)n;
		len -= (u64)n;
	}
	return 0;
}

static int read_piece(struct overlay *o, u64 at, u8 *buf, u64 len)
{
	int rc = 0;

	while (len && !rc) {
		bool present;
		u64 n = run_len(o, at, len, &present);

		rc = present ? layer_read(o, at, buf, n) : disk_io(o->base, DISK_READ, at, buf, n);
		buf += n;
		at += n;
		len -= n;
	}
	return rc;
}

/* Bring the cluster at at into the layer, unless [from, end) is all of it. Exclusive. */
static int take_cluster(struct overlay *o, u64 at, u64 from, u64 end)
{
	u64 len = o->disk.size - at < CLUSTER ? o->disk.size - at : CLUSTER;
	u8 *buf;
	int rc;

	if (is_present(o, at / CLUSTER) || (from <= at && end >= at + len))
		return 0;
	buf = malloc(CLUSTER);
	if (!buf)
		return -ENOMEM;
	rc = disk_io(o->base, DISK_READ, at, buf, len);
	if (!rc)
		rc = layer_write(o, at, buf, len);
	free(buf);
	return rc;
}

/* The clusters of [at, at+len) are the layer's from now on; what is written to them comes after. */
static int take_clusters(struct overlay *o, u64 at, u64 len)
{
	u64 first = at / CLUSTER, last = (at + len - 1) / CLUSTER;
	int rc = take_cluster(o, first * CLUSTER, at, at + len);

	if (!rc && last != first)
		rc = take_cluster(o, last * CLUSTER, at, at + len);
	return rc;
}

static void mark(struct overlay *o, u64 at, u64 len)
{
	for (u64 c = at / CLUSTER; c <= (at + len - 1) / CLUSTER; c++)
		o->present[c / 64] |= 1ull << c % 64;
}

static bool all_present(const struct overlay *o, u64 at, u64 len)
{
	bool present;

	return run_len(o, at, len, &present) == len && present;
}

static int write_iov(struct overlay *o, const struct disk_req *r)
{
	u64 at = r->at;
	int rc = 0;

	for (unsigned i = 0; i < r->niov && !rc; i++) {
		rc = layer_write(o, at, r->iov[i].iov_base, r->iov[i].iov_len);
		at += r->iov[i].iov_len;
	}
	return rc;
}

static int write_zeroes(struct overlay *o, u64 at, u64 len)
{
	static const u8 zeroes[CLUSTER];
	int rc = 0;

	if (!fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len))
		return 0;
	while (len && !rc) {
		u64 n = len < CLUSTER ? len : CLUSTER;

		rc = layer_write(o, at, zeroes, n);
		at += n;
		len -= n;
	}
	return rc;
}

/*
 * Writers of clusters that are there already go on side by side; whoever brings a new one is alone,
 * so that nobody sees it half made.
 */
static int write_layer(struct overlay *o, const struct disk_req *r)
{
	bool there;
	int rc;

	pthread_rwlock_rdlock(&o->lock);
	there = all_present(o, r->at, r->len);
	if (!there) {
		pthread_rwlock_unlock(&o->lock);
		pthread_rwlock_wrlock(&o->lock);
	}
	rc = there ? 0 : take_clusters(o, r->at, r->len);
	if (!rc)
		rc = r->op == DISK_ZERO ? write_zeroes(o, r->at, r->len) : write_iov(o, r);
	if (!rc && !there)
		mark(o, r->at, r->len);
	pthread_rwlock_unlock(&o->lock);
	return rc;
}

static int read_layers(struct overlay *o, const struct disk_req *r)
{
	u64 at = r->at;
	int rc = 0;

	pthread_rwlock_rdlock(&o->lock);
	for (unsigned i = 0; i < r->niov && !rc; i++) {
		rc = read_piece(o, at, r->iov[i].iov_base, r->iov[i].iov_len);
		at += r->iov[i].iov_len;
	}
	pthread_rwlock_unlock(&o->lock);
	return rc;
}

/* Nothing of the layer outlives us, so a flush has nothing to do, and a discard need not. */
static int overlay_wait(struct disk *d, struct disk_req *r)
{
	if (r->op == DISK_READ)
		return read_layers(overlay_of(d), r);
	if ((r->op == DISK_WRITE || r->op == DISK_ZERO) && r->len)
		return write_layer(overlay_of(d), r);
	return 0;
}

/* A read of one layer only, when that layer has it at hand. */
static int overlay_now(struct disk *d, struct disk_req *r)
{
	struct overlay *o = overlay_of(d);
	int rc = -EAGAIN;
	bool present;
	ssize_t n;

	if (r->op == DISK_FLUSH || r->op == DISK_DISCARD)
		return 0;
	if (r->op != DISK_READ || !r->len || pthread_rwlock_tryrdlock(&o->lock))
		return -EAGAIN;
	if (run_len(o, r->at, r->len, &present) == r->len) {
		if (!present && o->base->ops->now)
			rc = o->base->ops->now(o->base, r);
		if (present) {
			n = preadv2(o->fd, r->iov, (int)r->niov, (off_t)r->at, RWF_NOWAIT);
			rc = n >= 0 && (u64)n == r->len ? 0 : -EAGAIN;
		}
	}
	pthread_rwlock_unlock(&o->lock);
	return rc;
}

static void overlay_close(struct disk *d)
{
	struct overlay *o = overlay_of(d);

	disk_close(o->base);
	if (o->fd >= 0)
		close(o->fd);
	free(o->present);
	pthread_rwlock_destroy(&o->lock);
	disk_fini(d);
	free(o);
}

static const struct disk_ops overlay_ops = {
	.now = overlay_now, .wait = overlay_wait, .close = overlay_close,
};

/* A file without a name: where file systems cannot make one, it loses its name at once. */
static int temporary_in(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char path[4096];

	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s/pandok-overlay.XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int temporary(struct err *e)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (dir && *dir)
		fd = temporary_in(dir);
	else if ((fd = temporary_in("/var/tmp")) < 0)
		fd = temporary_in("/tmp");
	return fd < 0 ? err_sys(e, "cannot make a temporary layer in '%s' (TMPDIR names another place)",
				dir && *dir ? dir : "/tmp") : fd;
}

static int make(struct overlay *o, struct err *e)
{
	u64 clusters = (o->disk.size + CLUSTER - 1) / CLUSTER;

	o->fd = temporary(e);
	if (o->fd < 0)
		return o->fd;
	if (ftruncate(o->fd, (off_t)o->disk.size) < 0)
		return err_sys(e, "cannot make a temporary layer of %llu bytes",
			       (unsigned long long)o->disk.size);
	o->present = calloc((clusters + 63) / 64, sizeof(u64));
	return o->present ? 0 : err_set(e, -ENOMEM, "out of memory");
}

int overlay_open(struct disk *base, struct disk **ret, struct err *e)
{
	struct overlay *o = calloc(1, sizeof(*o));
	int rc;

	if (!o) {
		disk_close(base);
		return err_set(e, -ENOMEM, "out of memory");
	}
	disk_init(&o->disk, &overlay_ops, (base->flags & ~(unsigned)(DISK_READONLY | DISK_CAN_DISCARD)) |
		  DISK_OVERLAY);
	o->base = base;
	o->disk.size = base->size;
	pthread_rwlock_init(&o->lock, NULL);
	rc = make(o, e);
	if (rc) {
		overlay_close(&o->disk);
		return rc;
	}
	*ret = &o->disk;
	return 0;
}
