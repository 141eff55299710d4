/* disk.h - front of this folder: what a virtual disk stands on. A disk knows no device. */
#ifndef PANDOK_DISK_DISK_H
#define PANDOK_DISK_DISK_H

#include <sys/uio.h>

#include "base/err.h"
#include "base/types.h"

#define DISK_SECTOR 512u

struct disk;

enum disk_op {
	DISK_READ, DISK_WRITE,
	DISK_FLUSH,   /* what was written before and is done is on stable storage when this is done */
	DISK_DISCARD, /* the contents are not needed any more */
	DISK_ZERO,    /* reads as zeroes afterwards */
};

/* One request. The caller owns it, and the memory iov points to, until it is done. */
struct disk_req {
	enum disk_op op;
	u64 at;  /* bytes from the start, a multiple of DISK_SECTOR */
	u64 len; /* bytes, a multiple of DISK_SECTOR; for READ and WRITE the sum of iov */
	struct iovec *iov;
	unsigned niov;
	void (*done)(struct disk_req *r, int rc); /* rc: 0 or a negative errno */
	void *ctx;         /* the caller's */
	void *private[6];  /* the disk's */
};

enum { /* disk_open's flags, and what disk_flags() says */
	DISK_READONLY = 1 << 0,
	DISK_OVERLAY = 1 << 1, /* writes go to a temporary layer that is gone at the end */
	DISK_CAN_DISCARD = 1 << 2,
	DISK_CDROM = 1 << 3,   /* the user says that it is one */
	DISK_RAW = 1 << 4,     /* the contents are raw whatever they look like */
};

/*
 * disk_open - open what spec names: a file or block device with raw contents, nbd:URI, or another
 * format that qemu-nbd can serve. A file that another writer has is refused (-EBUSY).
 * Errors: a sentence that says what to do.
 */
MUST_CHECK int disk_open(const char *spec, unsigned flags, struct disk **ret, struct err *e);

/*
 * disk_open_seed - a read-only disk labelled cidata with these files as user-data and meta-data, where
 * cloud-init looks for them.
 *   meta_data   NULL: one with an instance-id made from the user data
 */
MUST_CHECK int disk_open_seed(const char *user_data, const char *meta_data, struct disk **ret,
			      struct err *e);

/* disk_close - waits for requests under way; NULL is fine. Does not flush. */
void disk_close(struct disk *d);

u64 disk_size(const struct disk *d); /* bytes, a multiple of DISK_SECTOR */
unsigned disk_flags(const struct disk *d);
u64 disk_requests(const struct disk *d); /* how many there were so far; any thread */
const char *disk_serial(const struct disk *d); /* what a guest may show as its serial; never NULL */
void disk_set_serial(struct disk *d, const char *serial); /* at most 20 bytes of it; before use */

/*
 * disk_submit - begin r. Returns 0 or a negative errno when it is over already, and then r->done is
 * not called; -EINPROGRESS when r->done will be called, on a thread of the disk's, never from
 * inside disk_submit. A range outside the disk is -EINVAL, writing to a read-only disk -EROFS.
 * Threads: any.
 */
MUST_CHECK int disk_submit(struct disk *d, struct disk_req *r);

/* disk_wait - as disk_submit, and wait for it: 0 or a negative errno; r->done and r->ctx are not used
 * and may change. Threads: any but the disk's own. */
MUST_CHECK int disk_wait(struct disk *d, struct disk_req *r);

/* disk_io - READ, WRITE or FLUSH, and wait for it. 0 or a negative errno. Threads: any. */
MUST_CHECK int disk_io(struct disk *d, enum disk_op op, u64 at, void *buf, u64 len);

#endif
