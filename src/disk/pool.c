/* pool.c - threads that wait on a disk's requests, for disks and hosts with nothing better. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk/disk_int.h"

#define POOL_THREADS 4

struct pool {
	struct disk *disk;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct disk_req *first, *last;
	unsigned idle, n; /* threads waiting for work, threads in all */
	bool end;
	pthread_t thread[POOL_THREADS];
};

/* private[0] of a waiting request is the next one. */
static void *pool_main(void *arg)
{
	struct pool *p = arg;
	struct disk_req *r;

	pthread_setname_np(pthread_self(), "disk");
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->first && !p->end) {
			p->idle++;
			pthread_cond_wait(&p->work, &p->lock);
			p->idle--;
		}
		r = p->first;
		if (!r)
			break;
		p->first = r->private[0];
		pthread_mutex_unlock(&p->lock);
		disk_done(p->disk, r, p->disk->ops->wait(p->disk, r));
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int thread_add(struct pool *p)
{
	int rc = pthread_create(&p->thread[p->n], NULL, pool_main, p);

	p->n += !rc;
	return rc;
}

/* One thread now, so that there always is one; the others when they are wanted. */
int pool_new(struct disk *d, struct pool **ret, struct err *e)
{
	struct pool *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	p->disk = d;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	rc = thread_add(p);
	if (rc) {
		pool_free(p);
		return err_set(e, -rc, "cannot start a disk's thread: %s", strerror(rc));
	}
	*ret = p;
	return 0;
}

void pool_put(struct pool *p, struct disk_req *r)
{
	r->private[0] = NULL;
	pthread_mutex_lock(&p->lock);
	if (p->first)
		p->last->private[0] = r;
	else
		p->first = r;
	p->last = r;
	if (!p->idle && p->n < POOL_THREADS)
		(void)thread_add(p); /* the others do it when the host has no more */
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->end = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
