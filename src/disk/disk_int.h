/* disk_int.h - what the files of this folder share: a kind of disk, and threads for it. */
#ifndef PANDOK_DISK_DISK_INT_H
#define PANDOK_DISK_DISK_INT_H

#include <pthread.h>

#include "disk/disk.h"

/* What a kind of disk does with a request whose range has been checked. */
struct disk_ops {
	/* Do it if that needs no waiting: 0, an error, or -EAGAIN: not so. NULL: it never does. */
	int (*now)(struct disk *d, struct disk_req *r);
	/* Do it. Several threads at once. */
	int (*wait)(struct disk *d, struct disk_req *r);
	/* Begin it; disk_done() when it is over. NULL: a thread of the disk's waits for it. */
	int (*start)(struct disk *d, struct disk_req *r);
	void (*close)(struct disk *d); /* frees d; nothing is under way; takes a half-made one */
};

struct disk {
	const struct disk_ops *ops;
	u64 size;
	unsigned flags;
	char serial[21];
	struct pool *pool;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	u64 requests;  /* so far; atomic */
	unsigned busy; /* requests begun and not done */
};

/* disk_init/disk_fini - the common part of a disk that a kind makes. */
void disk_init(struct disk *d, const struct disk_ops *ops, unsigned flags);
void disk_fini(struct disk *d);
void disk_done(struct disk *d, struct disk_req *r, int rc); /* any thread */

/* The kinds. */
int raw_open(const char *path, unsigned flags, struct disk **ret, struct err *e);
int overlay_open(struct disk *base, struct disk **ret, struct err *e); /* takes base, even if it fails */
int nbd_open(const char *uri, unsigned flags, struct disk **ret, struct err *e);
int nbd_open_format(const char *path, const char *format, unsigned flags, struct disk **ret,
		    struct err *e);

/* format_of - the name qemu-nbd has for what the first sector looks like; NULL: raw. */
const char *format_of(const u8 sector[DISK_SECTOR]);

/* pool - threads that wait on requests for a disk. */
struct pool;
int pool_new(struct disk *d, struct pool **ret, struct err *e);
void pool_put(struct pool *p, struct disk_req *r);
void pool_free(struct pool *p); /* nothing is under way; NULL is fine */

/* uring - reads, writes and flushes of one file without threads of ours. */
struct uring;
int uring_new(struct disk *d, int fd, struct uring **ret); /* a negative errno: not to be had here */
bool uring_put(struct uring *u, struct disk_req *r);       /* false: not this one, or not now */
void uring_free(struct uring *u);

#endif
