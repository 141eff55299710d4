/* dev_blk.c - the virtio disk: every request, and those that make no sense. */
/* @links src/base src/dev src/mem src/disk src/net src/fs */
#define _GNU_SOURCE
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <unistd.h>

#include "disk/disk.h"
#include "virtio_kit.h"

#define HEADER KIT_DATA
#define DATA (KIT_DATA + 0x1000)
#define STATUS (KIT_DATA + 0x3000)
#define DISK_SIZE MIB(1)

struct blk_kit {
	struct kit k;
	struct disk *disk;
	char path[32];
};

static void wire(struct dev *d, const struct virtio_host *h, void *arg)
{
	struct virtio_host sync = *h;

	sync.synchronous = true; /* requests are over when the notification is */
	virtio_blk_wire(d, &sync, arg, 2);
}

static void blk_init(struct blk_kit *b, unsigned flags, u64 features)
{
	struct err e;
	int fd;

	strcpy(b->path, "/tmp/pandok-blk.XXXXXX");
	fd = mkstemp(b->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, DISK_SIZE), 0);
	close(fd);
	if (disk_open(b->path, flags, &b->disk, &e))
		fail_msg("%s", e.text);
	disk_set_serial(b->disk, "serial-of-20-bytes-and-more");
	kit_wire(&b->k, &virtio_blk_ops, wire, b->disk, false);
	kit_start(&b->k, features);
}

static void blk_fini(struct blk_kit *b)
{
	kit_fini(&b->k);
	disk_close(b->disk);
	unlink(b->path);
}

static u8 *at(struct blk_kit *b, u64 gpa)
{
	return mem_host_w(b->k.mem, GPA(gpa), 0x1000);
}

/* One request with header, len bytes of data and status; returns the status. */
static u8 request(struct blk_kit *b, u32 type, u64 sector, u32 len)
{
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;

	memcpy(at(b, HEADER), &h, sizeof(h));
	*at(b, STATUS) = 0xee;
	kit_desc(&b->k, 0, HEADER, sizeof(h), VRING_DESC_F_NEXT, len ? 1 : 2);
	kit_desc(&b->k, 1, DATA, len, VRING_DESC_F_NEXT | (in ? VRING_DESC_F_WRITE : 0), 2);
	kit_desc(&b->k, 2, STATUS, 1, VRING_DESC_F_WRITE, 0);
	kit_offer(&b->k, 0);
	kit_kick(&b->k);
	return *at(b, STATUS);
}

static void blk_reads_and_writes(void **unused)
{
	struct blk_kit b;

	(void)unused;
	blk_init(&b, 0, 1ull << VIRTIO_BLK_F_FLUSH);
	assert_int_equal(kit_get(&b.k, 0x2000, 8), DISK_SIZE / 512);
	for (unsigned i = 0; i < 4096; i++)
		at(&b, DATA)[i] = (u8)(i ^ i >> 8);
	assert_int_equal(request(&b, VIRTIO_BLK_T_OUT, 8, 4096), VIRTIO_BLK_S_OK);
	memset(at(&b, DATA), 0, 4096);
	assert_int_equal(request(&b, VIRTIO_BLK_T_IN, 9, 512), VIRTIO_BLK_S_OK);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(at(&b, DATA)[i], (u8)(i ^ (i + 512) >> 8));
	assert_int_equal(at(&b, DATA)[512], 0);
	assert_int_equal(request(&b, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(request(&b, VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
	assert_memory_equal(at(&b, DATA), "serial-of-20-bytes-and-more", 20);
	blk_fini(&b);
}

static void blk_refuses(void **unused)
{
	struct blk_kit b;

	(void)unused;
	blk_init(&b, DISK_READONLY, 0);
	assert_true(b.k.v->offer >> VIRTIO_BLK_F_RO & 1);
	assert_int_equal(request(&b, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&b, VIRTIO_BLK_T_IN, DISK_SIZE / 512, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&b, VIRTIO_BLK_T_IN, UINT64_MAX, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&b, VIRTIO_BLK_T_IN, 0, 511), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&b, 99, 0, 512), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(&b, VIRTIO_BLK_T_DISCARD, 0, 15), VIRTIO_BLK_S_IOERR);
	assert_false(kit_broken(&b.k));
	kit_desc(&b.k, 0, HEADER, 15, VRING_DESC_F_NEXT, 2); /* half a header */
	kit_offer(&b.k, 0);
	kit_kick(&b.k);
	assert_true(kit_broken(&b.k));
	kit_start(&b.k, 0);
	kit_desc(&b.k, 0, HEADER, 16, 0, 0); /* nowhere to tell the status */
	kit_offer(&b.k, 0);
	kit_kick(&b.k);
	assert_true(kit_broken(&b.k));
	blk_fini(&b);
}

static void blk_zeroes_and_discards(void **unused)
{
	struct virtio_blk_discard_write_zeroes seg = { .sector = 0, .num_sectors = 8 };
	struct blk_kit b;

	(void)unused;
	blk_init(&b, 0, 1ull << VIRTIO_BLK_F_FLUSH);
	memset(at(&b, DATA), 0x55, 4096);
	assert_int_equal(request(&b, VIRTIO_BLK_T_OUT, 0, 4096), VIRTIO_BLK_S_OK);
	memcpy(at(&b, DATA), &seg, sizeof(seg));
	assert_int_equal(request(&b, VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(seg)), VIRTIO_BLK_S_OK);
	assert_int_equal(request(&b, VIRTIO_BLK_T_DISCARD, 0, sizeof(seg)), VIRTIO_BLK_S_OK);
	assert_int_equal(request(&b, VIRTIO_BLK_T_IN, 0, 4096), VIRTIO_BLK_S_OK);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(at(&b, DATA)[i], 0);
	seg.sector = DISK_SIZE / 512 - 1; /* over the end */
	memcpy(at(&b, DATA), &seg, sizeof(seg));
	assert_int_equal(request(&b, VIRTIO_BLK_T_DISCARD, 0, sizeof(seg)), VIRTIO_BLK_S_IOERR);
	seg.sector = UINT64_MAX;
	memcpy(at(&b, DATA), &seg, sizeof(seg));
	assert_int_equal(request(&b, VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(seg)), VIRTIO_BLK_S_IOERR);
	seg = (struct virtio_blk_discard_write_zeroes){ .num_sectors = 8, .flags = 1 };
	memcpy(at(&b, DATA), &seg, sizeof(seg));
	assert_int_equal(request(&b, VIRTIO_BLK_T_DISCARD, 0, sizeof(seg)), VIRTIO_BLK_S_UNSUPP);
	blk_fini(&b);
}

/* Header, data and status need not have buffers of their own. virtio 1.2, 2.6.4.2. */
static void blk_takes_any_layout(void **unused)
{
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_OUT, .sector = 3 };
	struct blk_kit b;

	(void)unused;
	blk_init(&b, 0, 1ull << VIRTIO_BLK_F_FLUSH);
	memcpy(at(&b, HEADER), &h, sizeof(h));
	memset(at(&b, HEADER) + 16, 0x77, 512);
	kit_desc(&b.k, 0, HEADER, 10, VRING_DESC_F_NEXT, 1);
	kit_desc(&b.k, 1, HEADER + 10, 6 + 512, VRING_DESC_F_NEXT, 2);
	kit_desc(&b.k, 2, STATUS, 1, VRING_DESC_F_WRITE, 0);
	kit_offer(&b.k, 0);
	kit_kick(&b.k);
	h.type = VIRTIO_BLK_T_IN;
	memcpy(at(&b, HEADER), &h, sizeof(h));
	kit_desc(&b.k, 0, HEADER, 16, VRING_DESC_F_NEXT, 1);
	kit_desc(&b.k, 1, DATA, 513, VRING_DESC_F_WRITE, 0); /* data and status together */
	kit_offer(&b.k, 0);
	kit_kick(&b.k);
	assert_int_equal(kit_used(&b.k), 2);
	assert_int_equal(at(&b, DATA)[0], 0x77);
	assert_int_equal(at(&b, DATA)[511], 0x77);
	assert_int_equal(at(&b, DATA)[512], VIRTIO_BLK_S_OK);
	blk_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blk_reads_and_writes),
		cmocka_unit_test(blk_refuses),
		cmocka_unit_test(blk_zeroes_and_discards),
		cmocka_unit_test(blk_takes_any_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
