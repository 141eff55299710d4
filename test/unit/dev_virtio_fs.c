/* dev_virtio_fs.c - a shared directory's card: requests on other threads, resets while one waits. */
/* @links src/base src/dev src/mem src/disk src/net src/fs */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "virtio_kit.h"
#include "fs/fs.h"

#define OUT (KIT_DATA + 0x1000)
#define PATIENCE 5000 /* ms */

static char dir[] = "/tmp/pandok-vfs.XXXXXX";
static struct fs *fs;

static void wire(struct dev *d, const struct virtio_host *h, void *arg)
{
	virtio_fs_wire(d, h, fs, arg);
}

static void begin(struct kit *k, u64 features)
{
	struct err e;
	char path[64];

	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	fclose(fopen(path, "w"));
	assert_int_equal(fs_open(dir, FS_LOCKS, 100, &fs, &e), 0);
	kit_wire(k, &virtio_fs_ops, wire, "tag", false);
	pthread_mutex_lock(&k->lock);
	kit_start(k, features);
	pthread_mutex_unlock(&k->lock);
}

static void end(struct kit *k)
{
	char path[64];

	virtio_fs_unwire(&k->card);
	k->v->ops = NULL; /* unwired once */
	kit_fini(k);
	fs_close(fs);
	snprintf(path, sizeof(path), "%s/file", dir);
	unlink(path);
	rmdir(dir);
}

/* Offer a request on a queue: in bytes at KIT_DATA, and room for the reply. */
static void offer(struct kit *k, unsigned queue, u32 opcode, u64 node, const void *arg, u32 len)
{
	struct fuse_in_header h = { .len = (u32)sizeof(h) + len, .opcode = opcode, .nodeid = node };
	u8 *data = mem_host_w(k->mem, GPA(KIT_DATA), 0x2000);

	memcpy(data, &h, sizeof(h));
	memcpy(data + sizeof(h), arg, len);
	memset(data + 0x1000, 0xee, 0x1000);
	kit_desc(k, 0, KIT_DATA, h.len, VRING_DESC_F_NEXT, 1);
	kit_desc(k, 1, OUT, 0x1000, VRING_DESC_F_WRITE, 0);
	pthread_mutex_lock(&k->lock);
	kit_offer(k, 0);
	kit_put(k, 0x3000 + queue * 4, 2, queue);
	pthread_mutex_unlock(&k->lock);
}

static bool used(struct kit *k, u16 n)
{
	bool is;

	pthread_mutex_lock(&k->lock);
	is = kit_used(k) == n && k->interrupts == n;
	pthread_mutex_unlock(&k->lock);
	return is;
}

static i32 answer(struct kit *k, u16 n, void *ret, size_t len)
{
	const u8 *out = mem_host(k->mem, GPA(OUT), 0x1000);
	struct fuse_out_header h;

	for (unsigned i = 0; i < PATIENCE && !used(k, n); i++)
		usleep(1000);
	assert_true(used(k, n));
	memcpy(&h, out, sizeof(h));
	memcpy(ret, out + sizeof(h), len);
	return h.error;
}

static void requests_are_answered_on_their_own_threads(void **unused)
{
	struct fuse_init_in in = { .major = 7, .minor = 36, .flags = ~0u };
	struct fuse_init_out init;
	struct fuse_entry_out entry;
	struct kit k;

	(void)unused;
	begin(&k, 0);
	assert_memory_equal(k.v->config, "tag\0", 4);
	offer(&k, 0, FUSE_INIT, 0, &in, sizeof(in));
	assert_int_equal(answer(&k, 1, &init, sizeof(init)), 0);
	assert_int_equal(init.major, 7);
	for (u16 i = 2; i < 20; i++) {
		offer(&k, 0, FUSE_LOOKUP, 1, i & 1 ? "file" : "none", 5);
		assert_int_equal(answer(&k, i, &entry, sizeof(entry)), i & 1 ? 0 : -ENOENT);
	}
	end(&k);
}

/* The guest resets the device while one of its processes waits for a lock. */
static void a_reset_ends_waiting(void **unused)
{
	struct fuse_lk_in lk = { .owner = 1, .lk = { 0, 9, F_WRLCK, 0 } };
	struct fuse_entry_out entry;
	u8 nothing[8];
	struct kit k;

	(void)unused;
	begin(&k, 0);
	offer(&k, 0, FUSE_LOOKUP, 1, "file", 5);
	assert_int_equal(answer(&k, 1, &entry, sizeof(entry)), 0);
	offer(&k, 0, FUSE_SETLK, entry.nodeid, &lk, sizeof(lk));
	assert_int_equal(answer(&k, 2, nothing, 0), 0);
	lk.owner = 2;
	offer(&k, 0, FUSE_SETLKW, entry.nodeid, &lk, sizeof(lk));
	pthread_mutex_lock(&k.lock);
	while (!k.v->held) { /* not picked up yet */
		pthread_mutex_unlock(&k.lock);
		usleep(1000);
		pthread_mutex_lock(&k.lock);
	}
	virtio_drain(k.v);
	assert_int_equal(k.v->held, 0);
	kit_start(&k, 0);
	pthread_mutex_unlock(&k.lock);
	k.interrupts = 0;
	offer(&k, 0, FUSE_LOOKUP, 1, "file", 5); /* from the beginning */
	assert_int_equal(answer(&k, 1, &entry, sizeof(entry)), 0);
	end(&k);
}

static u16 at_event(struct kit *k, u16 want)
{
	const u8 *used = mem_host(k->mem, GPA(KIT_DEVICE), 128);
	u16 event = 0;

	for (unsigned i = 0; i < PATIENCE && event != want; i++) {
		usleep(1000);
		memcpy(&event, used + 4 + KIT_SIZE * sizeof(struct vring_used_elem), sizeof(event));
	}
	return event;
}

/* The driver only notifies of what is beyond the event index: it has to move on while one waits. */
static void a_waiting_request_keeps_no_other_back(void **unused)
{
	struct fuse_lk_in lk = { .owner = 1, .lk = { 0, 9, F_WRLCK, 0 } };
	struct fuse_entry_out entry;
	struct kit k;

	(void)unused;
	begin(&k, 1ull << VIRTIO_RING_F_EVENT_IDX);
	offer(&k, 0, FUSE_LOOKUP, 1, "file", 5);
	assert_int_equal(at_event(&k, 1), 1);
	for (u16 i = 0; i < PATIENCE && kit_used(&k) != 1; i++)
		usleep(1000);
	memcpy(&entry, mem_host(k.mem, GPA(OUT + sizeof(struct fuse_out_header)), sizeof(entry)),
	       sizeof(entry));
	offer(&k, 0, FUSE_SETLK, entry.nodeid, &lk, sizeof(lk));
	assert_int_equal(at_event(&k, 2), 2);
	for (u16 i = 0; i < PATIENCE && kit_used(&k) != 2; i++)
		usleep(1000);
	lk.owner = 2;
	offer(&k, 0, FUSE_SETLKW, entry.nodeid, &lk, sizeof(lk));
	assert_int_equal(at_event(&k, 3), 3);
	assert_int_equal(kit_used(&k), 2);
	pthread_mutex_lock(&k.lock);
	virtio_drain(k.v);
	pthread_mutex_unlock(&k.lock);
	end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_answered_on_their_own_threads),
		cmocka_unit_test(a_reset_ends_waiting),
		cmocka_unit_test(a_waiting_request_keeps_no_other_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
