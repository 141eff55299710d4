/* uring.c - io_uring for one file: requests are handed to the kernel, one thread hears of their end. */
#define _GNU_SOURCE
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

#include "disk/disk_int.h"

#define URING_ENTRIES 256

struct uring {
	struct io_uring ring;
	struct disk *disk;
	int fd;
	pthread_mutex_t lock; /* the submission side */
	pthread_t thread;
	bool started;
};

/* A short transfer is rare (a signal, the end of a shrunken file): do it the plain way. */
static int result(struct uring *u, struct disk_req *r, int res)
{
	if (res < 0)
		return res == -EAGAIN || res == -EINTR ? u->disk->ops->wait(u->disk, r) : res;
	if (r->op != DISK_FLUSH && (u64)res != r->len)
		return u->disk->ops->wait(u->disk, r);
	return 0;
}

static void *uring_main(void *arg)
{
	struct uring *u = arg;
	struct io_uring_cqe *cqe;
	struct disk_req *r;
	int res;

	pthread_setname_np(pthread_self(), "disk-uring");
	for (;;) {
		if (io_uring_wait_cqe(&u->ring, &cqe) < 0)
			continue;
		r = io_uring_cqe_get_data(cqe);
		res = cqe->res;
		io_uring_cqe_seen(&u->ring, cqe);
		if (!r)
			return NULL;
		disk_done(u->disk, r, result(u, r, res));
	}
}

int uring_new(struct disk *d, int fd, struct uring **ret)
{
	struct uring *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return -ENOMEM;
	u->disk = d;
	u->fd = fd;
	rc = io_uring_queue_init(URING_ENTRIES, &u->ring, 0);
	if (rc < 0) {
		free(u);
		return rc;
	}
	pthread_mutex_init(&u->lock, NULL);
	rc = pthread_create(&u->thread, NULL, uring_main, u);
	u->started = !rc;
	if (rc) {
		uring_free(u);
		return -rc;
	}
	*ret = u;
	return 0;
}

/* What the thread gets with r NULL tells it to end. Locked. */
static bool put(struct uring *u, struct disk_req *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe)
		return false;
	if (!r)
		io_uring_prep_nop(sqe);
	else if (r->op == DISK_READ)
		io_uring_prep_readv(sqe, u->fd, r->iov, r->niov, r->at);
	else if (r->op == DISK_WRITE)
		io_uring_prep_writev(sqe, u->fd, r->iov, r->niov, r->at);
	else
		io_uring_prep_fsync(sqe, u->fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, r);
	/* An entry that the kernel did not take now goes with the next one. */
	while (io_uring_submit(&u->ring) < 0 && io_uring_sq_ready(&u->ring))
		sched_yield();
	return true;
}

bool uring_put(struct uring *u, struct disk_req *r)
{
	bool done;

	if (r->op != DISK_READ && r->op != DISK_WRITE && r->op != DISK_FLUSH)
		return false;
	pthread_mutex_lock(&u->lock);
	done = put(u, r);
	pthread_mutex_unlock(&u->lock);
	return done;
}

void uring_free(struct uring *u)
{
	if (!u)
		return;
	if (u->started) {
		pthread_mutex_lock(&u->lock);
		BUG_ON(!put(u, NULL)); /* nothing is under way, so there is room */
		pthread_mutex_unlock(&u->lock);
		pthread_join(u->thread, NULL);
	}
	io_uring_queue_exit(&u->ring);
	pthread_mutex_destroy(&u->lock);
	free(u);
}
