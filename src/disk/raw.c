/* raw.c - a file or block device whose bytes are the disk's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "disk/disk_int.h"

/* Longer copies are not done while the guest waits. A write goes to the page cache, too. */
#define NOW_MAX KIB(256)
#define NOW_WRITE_MAX KIB(64)
#define ZEROES KIB(64)

struct raw {
	struct disk disk;
	int fd;
	struct uring *uring; /* NULL: threads do it */
};

static struct raw *raw_of(struct disk *d)
{
	return container_of(d, struct raw, disk);
}

/* All of r, which may take several calls. */
static int transfer(struct raw *f, const struct disk_req *r)
{
	struct iovec iov = { 0 };
	u64 at = r->at;

	for (unsigned i = 0; i < r->niov; i++)
		for (iov = r->iov[i]; iov.iov_len;) {
			ssize_t n = r->op == DISK_READ
				    ? pread(f->fd, iov.iov_base, iov.iov_len, (off_t)at)
				    : pwrite(f->fd, iov.iov_base, iov.iov_len, (off_t)at);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return n < 0 ? -errno : -EIO; /* somebody made the file shorter */
			iov.iov_base = (u8 *)iov.iov_base + n;
			iov.iov_len -= (size_t)n;
			at += (u64)n;
		}
	return 0;
}

static int transfer_in_one(struct raw *f, const struct disk_req *r)
{
	ssize_t n = r->op == DISK_READ ? preadv(f->fd, r->iov, (int)r->niov, (off_t)r->at)
				       : pwritev(f->fd, r->iov, (int)r->niov, (off_t)r->at);

	return n >= 0 && (u64)n == r->len ? 0 : transfer(f, r);
}

static int write_zeroes(struct raw *f, u64 at, u64 len)
{
	static const u8 zeroes[ZEROES];

	while (len) {
		struct iovec iov = { (void *)zeroes, len < ZEROES ? len : ZEROES };
		struct disk_req r = { .op = DISK_WRITE, .at = at, .len = iov.iov_len, .iov = &iov,
				      .niov = 1 };
		int rc = transfer(f, &r);

		if (rc)
			return rc;
		at += iov.iov_len;
		len -= iov.iov_len;
	}
	return 0;
}

/* Discarding is only a hint: a host that cannot do it does nothing. */
static int punch(struct raw *f, const struct disk_req *r)
{
	int mode = r->op == DISK_ZERO ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE;

	if (!r->len || !fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)r->at, (off_t)r->len))
		return 0;
	return r->op == DISK_ZERO ? write_zeroes(f, r->at, r->len) : 0;
}

/*
 * The guest must not make its raw disk look like another format: at the next start that would be
 * believed, and such formats can name other files of the host. Whoever says DISK_RAW is safe.
 */
static bool guarded(const struct raw *f, const struct disk_req *r)
{
	return r->op == DISK_WRITE && !r->at && r->len && !(f->disk.flags & DISK_RAW);
}

static int write_first_sector(struct raw *f, struct disk_req *r)
{
	u8 sector[DISK_SECTOR], *at = sector;

	for (unsigned i = 0; i < r->niov; i++) {
		size_t room = (size_t)(sector + sizeof(sector) - at), n = r->iov[i].iov_len;

		memcpy(at, r->iov[i].iov_base, n < room ? n : room);
		at += n < room ? n : room;
	}
	if (format_of(sector))
		return -EPERM;
	/* The copy that was looked at is what is written. */
	at = sector;
	for (unsigned i = 0; i < r->niov && at < sector + sizeof(sector); i++) {
		size_t room = (size_t)(sector + sizeof(sector) - at), n = r->iov[i].iov_len;

		if (n > room)
			n = room;
		at += n;
		r->iov[i].iov_base = (u8 *)r->iov[i].iov_base + n;
		r->iov[i].iov_len -= n;
	}
	if (pwrite(f->fd, sector, sizeof(sector), 0) != DISK_SECTOR)
		return -EIO;
	r->at += DISK_SECTOR;
	r->len -= DISK_SECTOR;
	return r->len ? transfer(f, r) : 0;
}

static int raw_wait(struct disk *d, struct disk_req *r)
{
	struct raw *f = raw_of(d);

	if (guarded(f, r))
		return write_first_sector(f, r);
	switch (r->op) {
	case DISK_READ:
	case DISK_WRITE:
		return transfer_in_one(f, r);
	case DISK_FLUSH:
		return d->flags & DISK_READONLY || !fdatasync(f->fd) ? 0 : -errno;
	case DISK_DISCARD:
	case DISK_ZERO:
		return punch(f, r);
	}
	return -EINVAL;
}

static int raw_now(struct disk *d, struct disk_req *r)
{
	struct raw *f = raw_of(d);
	ssize_t n;

	if (guarded(f, r))
		return write_first_sector(f, r);
	if (r->op == DISK_WRITE && r->len <= NOW_WRITE_MAX)
		return transfer_in_one(f, r);
	if (r->op == DISK_READ && r->len <= NOW_MAX) {
		n = preadv2(f->fd, r->iov, (int)r->niov, (off_t)r->at, RWF_NOWAIT);
		return n >= 0 && (u64)n == r->len ? 0 : -EAGAIN;
	}
	return -EAGAIN;
}

static int raw_start(struct disk *d, struct disk_req *r)
{
	struct raw *f = raw_of(d);

	return f->uring && uring_put(f->uring, r) ? -EINPROGRESS : -EAGAIN;
}

static void raw_close(struct disk *d)
{
	struct raw *f = raw_of(d);

	uring_free(f->uring);
	if (f->fd >= 0)
		close(f->fd);
	disk_fini(d);
	free(f);
}

static const struct disk_ops raw_ops = {
	.now = raw_now, .wait = raw_wait, .start = raw_start, .close = raw_close,
};

/* Locks of the open file, so that they end with it; also those that QEMU takes collide with them.
 * File systems without locks are no reason to refuse the disk. */
static bool lock_file(int fd, bool readonly)
{
	struct flock l = { .l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(fd, F_OFD_SETLK, &l))
		return true;
	return errno != EAGAIN && errno != EACCES;
}

static int busy(const char *path, bool readonly, struct err *e)
{
	if (readonly)
		return err_set(e, -EBUSY, "'%s' is in use by another program that writes to it", path);
	return err_set(e, -EBUSY, "'%s' is in use by another program; stop that first, or share it "
		       "with --overlay if both only read it", path);
}

static int file_open(struct raw *f, const char *path, struct err *e)
{
	bool readonly = f->disk.flags & DISK_READONLY;
	struct stat st;

	f->fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0)
		return errno == EACCES || errno == EROFS
		       ? err_sys(e, "cannot open '%s' for writing (',ro' opens it to read only)", path)
		       : err_sys(e, "cannot open '%s'", path);
	if (fstat(f->fd, &st) < 0)
		return err_sys(e, "cannot stat '%s'", path);
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(f->fd, BLKGETSIZE64, &f->disk.size) < 0)
			return err_sys(e, "cannot ask '%s' for its size", path);
	} else if (S_ISREG(st.st_mode)) {
		f->disk.size = (u64)st.st_size;
	} else {
		return err_set(e, -EINVAL, "'%s' is neither a file nor a block device", path);
	}
	f->disk.size &= ~(u64)(DISK_SECTOR - 1);
	if (!f->disk.size)
		return err_set(e, -EINVAL, "'%s' is empty: a disk has at least %u bytes", path,
			       DISK_SECTOR);
	return lock_file(f->fd, readonly) ? 0 : busy(path, readonly, e);
}

int raw_open(const char *path, unsigned flags, struct disk **ret, struct err *e)
{
	struct raw *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return err_set(e, -ENOMEM, "out of memory");
	disk_init(&f->disk, &raw_ops, flags | DISK_CAN_DISCARD);
	f->fd = -1;
	rc = file_open(f, path, e);
	if (rc) {
		raw_close(&f->disk);
		return rc;
	}
	if (uring_new(&f->disk, f->fd, &f->uring))
		f->uring = NULL;
	*ret = &f->disk;
	return 0;
}
