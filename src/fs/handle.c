/* handle.c - the files and directories that the guest has open. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/int.h"

int handle_add(struct fs *fs, struct inode *i, int fd, bool dir, u64 *ret)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->fd = fd;
	h->dir = dir;
	h->inode = i;
	pthread_mutex_init(&h->lock, NULL);
	pthread_mutex_lock(&fs->lock);
	h->id = slots_add(&fs->handles, h);
	if (h->id)
		i->handles++;
	pthread_mutex_unlock(&fs->lock);
	if (!h->id) {
		pthread_mutex_destroy(&h->lock);
		free(h);
		return -ENOMEM;
	}
	*ret = h->id;
	return 0;
}

static struct handle *find(const struct fs *fs, u64 id, bool dir)
{
	struct handle *h = slots_find(&fs->handles, id);

	return h && h->dir == dir && !h->released ? h : NULL;
}

int handle_pin(struct fs *fs, u64 id, bool dir, struct handle **ret)
{
	struct handle *h;

	pthread_mutex_lock(&fs->lock);
	h = find(fs, id, dir);
	if (h) {
		h->pins++;
		*ret = h;
	}
	pthread_mutex_unlock(&fs->lock);
	return h ? 0 : -EBADF;
}

/* Closed when nobody uses it any more; fs->lock is held. */
static void drop(struct fs *fs, struct handle *h)
{
	if (!h->released || h->pins)
		return;
	slots_drop(&fs->handles, h->id);
	close(h->fd);
	fs->nfds--;
	h->inode->handles--;
	inode_drop(fs, h->inode);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void handle_unpin(struct fs *fs, struct handle *h)
{
	pthread_mutex_lock(&fs->lock);
	h->pins--;
	drop(fs, h);
	pthread_mutex_unlock(&fs->lock);
}

void handle_release(struct fs *fs, u64 id, bool dir)
{
	struct handle *h;

	pthread_mutex_lock(&fs->lock);
	h = find(fs, id, dir);
	if (h) {
		h->released = true;
		drop(fs, h);
	}
	pthread_mutex_unlock(&fs->lock);
}

void handle_release_all(struct fs *fs)
{
	pthread_mutex_lock(&fs->lock);
	for (u32 k = 1; k < fs->handles.n; k++) {
		struct handle *h = fs->handles.at[k].thing;

		if (h) {
			h->released = true;
			drop(fs, h);
		}
	}
	pthread_mutex_unlock(&fs->lock);
}
