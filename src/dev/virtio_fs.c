/* virtio_fs.c - a shared directory's card: carries FUSE requests to a struct fs. Source: virtio 1.2,
 * 5.11. */
#define _GNU_SOURCE
#include <linux/virtio_fs.h>
#include <string.h>

#include "base/log.h"
#include "dev/dev.h"
#include "fs/fs.h"

#define WORKERS_MAX 40 /* FS_WAITERS_MAX may wait for a lock, and others go on */

struct virtio_fs {
	struct virtio virtio;
	struct virtio_fs_config config;
	struct fs *fs;
	pthread_t worker[WORKERS_MAX];
	unsigned nworkers, nidle;
	pthread_cond_t work;
	bool quit;
};

static const struct dev_field fs_fields[] = { VIRTIO_FIELDS(virtio_fs), { 0 } };

/* The queue of requests that do not wait comes first, then the other. */
static struct vq_chain *take(struct virtio_fs *f)
{
	struct vq_chain *c = NULL;

	for (unsigned i = 0; i < f->virtio.nqueues && !c; i++)
		c = vq_pop(&f->virtio.queue[i]);
	return c;
}

/* Is there another request? If not, the driver will notify us of the next one, which it does not do
 * while we are known to be looking. */
static bool more(struct virtio_fs *f)
{
	bool any = false;

	for (unsigned i = 0; i < f->virtio.nqueues; i++)
		any |= vq_more(&f->virtio.queue[i]);
	return any;
}

static u32 ask(struct virtio_fs *f, const struct vq_chain *c)
{
	return (u32)fs_request(f->fs, c->iov, c->nr, c->iov + c->nr, c->nw);
}

static void hand_back(struct vq_chain *c, u32 written)
{
	struct virtq *q = c->q;

	vq_push(c, written);
	vq_signal(q);
}

static void wake(struct virtio_fs *f);

/*D:1450 Files on threads of their own
 * A request for a file may take as long as the host's disk does, or until somebody unlocks. So it is
 * done on a worker thread, without the board's lock: the host reads and writes the guest's buffers
 * directly. There are as many workers as there were requests at a time so far.
 * @test requests_are_answered_on_their_own_threads
 */
static void *work(void *arg)
{
	struct virtio_fs *f = arg;
	struct vq_chain *c;
	u32 written;

	pthread_setname_np(pthread_self(), "share");
	virtio_lock(&f->virtio);
	while (!f->quit) {
		c = take(f);
		if (!c) {
			f->nidle++;
			pthread_cond_wait(&f->work, f->virtio.host.lock);
			f->nidle--;
			continue;
		}
		if (more(f))
			wake(f);
		virtio_unlock(&f->virtio);
		written = ask(f, c);
		virtio_lock(&f->virtio);
		hand_back(c, written);
	}
	virtio_unlock(&f->virtio);
	return NULL;
}

static void wake(struct virtio_fs *f)
{
	if (f->nidle)
		pthread_cond_signal(&f->work);
	else if (!f->virtio.host.synchronous && f->nworkers < WORKERS_MAX)
		f->nworkers += !pthread_create(&f->worker[f->nworkers], NULL, work, f);
}

static void fs_notify(struct virtio *v, unsigned queue)
{
	struct virtio_fs *f = (struct virtio_fs *)v;
	struct vq_chain *c;

	(void)queue;
	wake(f);
	if (!f->nworkers)
		while ((c = take(f)))
			hand_back(c, ask(f, c));
}

static void fs_started(struct virtio *v)
{
	struct virtio_fs *f = (struct virtio_fs *)v;

	fs_reset(f->fs);
	if (v->host.synchronous)
		fs_cancel(f->fs); /* nobody could unlock while the vCPU waits for us */
}

static void fs_let_go(struct virtio *v)
{
	fs_cancel(((struct virtio_fs *)v)->fs);
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_FS,
	.pci_class = 0x018000,
	.queue_size = 1024,
	.notify = fs_notify,
	.started = fs_started,
	.reset = fs_let_go,
};

void virtio_fs_wire(struct dev *d, const struct virtio_host *h, struct fs *fs, const char *tag)
{
	struct virtio_fs *f = d->state;

	f->fs = fs;
	f->config.num_request_queues = 1;
	memcpy(f->config.tag, tag, strnlen(tag, sizeof(f->config.tag)));
	pthread_cond_init(&f->work, NULL);
	virtio_wire(d, h, &(struct virtio_setup){
		.ops = &ops, .nqueues = 2, .config = &f->config, .config_len = sizeof(f->config) });
}

void virtio_fs_unwire(struct dev *d)
{
	struct virtio_fs *f = d->state;

	if (!f || !f->virtio.ops)
		return;
	virtio_lock(&f->virtio);
	f->quit = true;
	pthread_cond_broadcast(&f->work);
	virtio_unlock(&f->virtio);
	for (unsigned i = 0; i < f->nworkers; i++)
		pthread_join(f->worker[i], NULL);
	pthread_cond_destroy(&f->work);
	virtio_unwire(d);
}

const struct dev_ops virtio_fs_ops =
	VIRTIO_DEV_OPS("virtio-fs", "a directory of the host", virtio_fs, fs_fields);
