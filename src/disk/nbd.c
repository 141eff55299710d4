/* nbd.c - a disk that another process serves over NBD: one named by a URI, or a qemu-nbd of our own for
 * image formats that are not raw. Source: nbd/doc/proto.md, libnbd(3). */
#define _GNU_SOURCE
#include <errno.h>
#include <libnbd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "disk/disk_int.h"

#define CHUNK MIB(2) /* bytes of one NBD command; every server takes that */

/* A request under way, a command at a time. */
struct job {
	struct nbd *n;
	struct disk_req *r;
	struct job *next;
	u64 at, left;   /* of the disk: what is not done yet */
	u64 len;        /* of the command under way */
	unsigned iov;   /* where in r->iov the command begins */
	u64 iov_off;
	int rc;
	u8 *buf;
};

struct nbd {
	struct disk disk;
	struct nbd_handle *h;
	int wake; /* eventfd */
	bool can_flush, can_zero;
	pthread_t thread;
	bool started;
	_Atomic bool end;
	pthread_mutex_t lock;
	struct job *over; /* their command has ended */
};

static struct nbd *nbd_of(struct disk *d)
{
	return container_of(d, struct nbd, disk);
}

static void wake(struct nbd *n)
{
	BUG_ON(write(n->wake, &(u64){ 1 }, sizeof(u64)) != sizeof(u64));
}

/* Copy the command's bytes between the request's pieces and its buffer, and move on past them. */
static void job_copy(struct job *j, bool to_guest, bool move)
{
	unsigned i = j->iov;
	u64 off = j->iov_off;

	for (u64 done = 0; done < j->len;) {
		u64 part = j->r->iov[i].iov_len - off;
		u8 *p = (u8 *)j->r->iov[i].iov_base + off;

		if (part > j->len - done)
			part = j->len - done;
		memcpy(to_guest ? p : j->buf + done, to_guest ? j->buf + done : p, part);
		done += part;
		off += part;
		if (off == j->r->iov[i].iov_len) {
			off = 0;
			i++;
		}
	}
	if (move) {
		j->iov = i;
		j->iov_off = off;
	}
}

static void job_over(struct job *j, int rc)
{
	struct nbd *n = j->n;

	j->rc = rc;
	pthread_mutex_lock(&n->lock);
	j->next = n->over;
	n->over = j;
	pthread_mutex_unlock(&n->lock);
}

/* libnbd's completion; it holds its lock, so nothing of it may be called from here. */
static int command_done(void *ctx, int *error)
{
	job_over(ctx, -*error);
	return 1;
}

static i64 command(struct nbd *n, struct job *j)
{
	nbd_completion_callback done = { .callback = command_done, .user_data = j };

	switch (j->r->op) {
	case DISK_READ:
		return nbd_aio_pread(n->h, j->buf, j->len, j->at, done, 0);
	case DISK_WRITE:
		job_copy(j, false, false);
		return nbd_aio_pwrite(n->h, j->buf, j->len, j->at, done, 0);
	case DISK_FLUSH:
		return nbd_aio_flush(n->h, done, 0);
	case DISK_DISCARD:
		return nbd_aio_trim(n->h, j->len, j->at, done, 0);
	case DISK_ZERO:
		if (n->can_zero)
			return nbd_aio_zero(n->h, j->len, j->at, done, 0);
		memset(j->buf, 0, j->len);
		return nbd_aio_pwrite(n->h, j->buf, j->len, j->at, done, 0);
	}
	return -1;
}

/* The next command; from any thread. */
static void job_next(struct job *j)
{
	j->len = j->left < CHUNK ? j->left : CHUNK;
	if (command(j->n, j) < 0)
		job_over(j, -EIO);
}

static int nbd_start(struct disk *d, struct disk_req *r)
{
	struct nbd *n = nbd_of(d);
	struct job *j = calloc(1, sizeof(*j));
	u64 room = r->len < CHUNK ? r->len : CHUNK;

	BUG_ON(!j); /* there is no other way to tell */
	*j = (struct job){ .n = n, .r = r, .at = r->at, .left = r->len };
	if (r->op == DISK_READ || r->op == DISK_WRITE || r->op == DISK_ZERO)
		j->buf = malloc(room ? room : 1);
	if ((r->op == DISK_FLUSH && !n->can_flush) || (r->op != DISK_FLUSH && !r->len))
		job_over(j, 0);
	else if (!j->buf && r->op != DISK_FLUSH && r->op != DISK_DISCARD)
		job_over(j, -ENOMEM);
	else
		job_next(j);
	wake(n);
	return -EINPROGRESS;
}

/* A command ended: there may be more of the request. The disk's thread. */
static void job_step(struct job *j)
{
	if (!j->rc && j->len && (j->r->op == DISK_READ || j->r->op == DISK_WRITE))
		job_copy(j, j->r->op == DISK_READ, true);
	j->at += j->len;
	j->left -= j->len;
	if (!j->rc && j->left) {
		job_next(j);
		return;
	}
	disk_done(&j->n->disk, j->r, j->rc);
	free(j->buf);
	free(j);
}

static void take_over(struct nbd *n)
{
	struct job *list;

	do {
		pthread_mutex_lock(&n->lock);
		list = n->over;
		n->over = NULL;
		pthread_mutex_unlock(&n->lock);
		for (struct job *j = list, *next; j; j = next) {
			next = j->next;
			job_step(j);
		}
	} while (list);
}

static void *nbd_main(void *arg)
{
	struct nbd *n = arg;

	pthread_setname_np(pthread_self(), "disk-nbd");
	while (!n->end) {
		unsigned dir = nbd_aio_get_direction(n->h);
		struct pollfd p[2] = {
			{ .fd = n->wake, .events = POLLIN },
			{ .fd = nbd_aio_get_fd(n->h) },
		};
		u64 count;

		p[1].events = (short)((dir & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
				      (dir & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
		if (poll(p, p[1].fd < 0 ? 1 : 2, -1) < 0)
			continue;
		if (p[0].revents)
			(void)!read(n->wake, &count, sizeof(count));
		if (p[1].revents & ~POLLOUT)
			nbd_aio_notify_read(n->h);
		else if (p[1].revents)
			nbd_aio_notify_write(n->h);
		take_over(n);
	}
	return NULL;
}

static void nbd_close_disk(struct disk *d)
{
	struct nbd *n = nbd_of(d);

	if (n->started) {
		n->end = true;
		wake(n);
		pthread_join(n->thread, NULL);
	}
	if (n->h)
		nbd_close(n->h);
	if (n->wake >= 0)
		close(n->wake);
	pthread_mutex_destroy(&n->lock);
	disk_fini(d);
	free(n);
}

static const struct disk_ops nbd_ops = { .start = nbd_start, .close = nbd_close_disk };

/* What the server offers. */
static int ask(struct nbd *n, struct err *e)
{
	i64 size = nbd_get_size(n->h);

	if (size < DISK_SECTOR)
		return err_set(e, -EINVAL, "the server has no disk of at least %u bytes", DISK_SECTOR);
	n->disk.size = (u64)size & ~(u64)(DISK_SECTOR - 1);
	n->can_flush = nbd_can_flush(n->h) > 0;
	n->can_zero = nbd_can_zero(n->h) > 0;
	if (nbd_can_trim(n->h) > 0)
		n->disk.flags |= DISK_CAN_DISCARD;
	if (nbd_is_read_only(n->h) > 0 && !(n->disk.flags & DISK_READONLY))
		return err_set(e, -EROFS, "the server lets nobody write: add ',ro', or use --overlay");
	return 0;
}

static int begin(struct nbd *n, struct err *e)
{
	int rc = ask(n, e);

	if (rc)
		return rc;
	n->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (n->wake < 0)
		return err_sys(e, "cannot make an eventfd");
	rc = pthread_create(&n->thread, NULL, nbd_main, n);
	if (rc)
		return err_set(e, -rc, "cannot start a disk's thread: %s", strerror(rc));
	n->started = true;
	return 0;
}

static int nbd_new(unsigned flags, struct nbd **ret, struct err *e)
{
	struct nbd *n = calloc(1, sizeof(*n));

	if (!n)
		return err_set(e, -ENOMEM, "out of memory");
	disk_init(&n->disk, &nbd_ops, flags);
	pthread_mutex_init(&n->lock, NULL);
	n->wake = -1;
	n->h = nbd_create();
	if (!n->h) {
		nbd_close_disk(&n->disk);
		return err_set(e, -ENOMEM, "out of memory");
	}
	*ret = n;
	return 0;
}

/* Connected, or not. */
static int finish(struct nbd *n, int connected, struct disk **ret, struct err *e)
{
	int rc = connected < 0 ? err_set(e, -EIO, "%s", nbd_get_error()) : begin(n, e);

	if (rc)
		nbd_close_disk(&n->disk);
	else
		*ret = &n->disk;
	return rc;
}

int nbd_open(const char *uri, unsigned flags, struct disk **ret, struct err *e)
{
	char full[4096];
	struct nbd *n;
	int rc = nbd_new(flags, &n, e);

	if (rc)
		return rc;
	/* nbd:nbd://host/export and nbd:unix:… as libnbd knows them, nbd:host:port for short. */
	snprintf(full, sizeof(full), "%s%s", strstr(uri, "://") ? "" : "nbd://", uri);
	rc = finish(n, nbd_connect_uri(n->h, full), ret, e);
	return rc ? err_in(e, rc, "'nbd:%s'", uri) : 0;
}

static bool installed(const char *program)
{
	const char *path = getenv("PATH");
	char file[4096];

	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		int len = (int)strcspn(p, ":");

		snprintf(file, sizeof(file), "%.*s/%s", len, p, program);
		if (!access(file, X_OK))
			return true;
		p += len + (p[len] == ':');
	}
	return false;
}

/*
 * The server lives as long as its one client does. It must not take the terminal's Ctrl-C for itself,
 * and what it would say on the way is not for the user.
 */
static int serve(struct nbd *n, const char *path, const char *format, bool readonly)
{
	char *argv[] = {
		"sh", "-c", "trap '' INT QUIT; exec qemu-nbd \"$@\" 2>/dev/null", "qemu-nbd",
		"--discard=unmap", "--cache=writeback", "--format", (char *)format,
		readonly ? "--read-only" : "--detect-zeroes=off", "--", (char *)path, NULL,
	};

	return nbd_connect_systemd_socket_activation(n->h, argv);
}

int nbd_open_format(const char *path, const char *format, unsigned flags, struct disk **ret,
		    struct err *e)
{
	struct nbd *n;
	int rc;

	if (!installed("qemu-nbd"))
		return err_set(e, -ENOENT, "'%s' is a %s image, for which qemu-nbd is needed (Debian: "
			       "qemu-utils); or make it raw: qemu-img convert -O raw '%s' disk.img", path,
			       format, path);
	rc = nbd_new(flags, &n, e);
	if (rc)
		return rc;
	rc = finish(n, serve(n, path, format, flags & DISK_READONLY), ret, e);
	return rc ? err_set(e, rc, "qemu-nbd does not serve the %s image '%s': is it in use, or broken? "
			    "'qemu-img check' says more", format, path) : 0;
}
