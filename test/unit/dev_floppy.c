/* dev_floppy.c - tests of the floppy drive and its DMA controller. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev_kit.h"
#include "disk/disk.h"
#include "mem/mem.h"

#define SECTORS 2880u

struct desk {
	struct mem *mem;
	struct dev dma, d;
	struct spy irq;
	struct disk *disk;
	int fd;
};

static void desk_init(struct desk *k)
{
	struct floppy_wiring w = { .dma = &k->dma, .irq6 = &k->irq.irq };
	char path[40];
	struct err e;

	*k = (struct desk){ .irq = SPY };
	k->fd = memfd_create("floppy", 0);
	for (u32 i = 0; i < SECTORS; i++) {
		u32 sector[128] = { i, [127] = ~i };

		assert_int_equal(write(k->fd, sector, sizeof(sector)), sizeof(sector));
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", k->fd);
	assert_int_equal(disk_open(path, DISK_RAW, &k->disk, &e), 0);
	assert_int_equal(mem_new(MIB(1), &k->mem, &e), 0);
	k->dma = kit_dev(&dma_ops, NULL, 0);
	dma_wire(&k->dma, k->mem);
	k->dma.ops->reset(&k->dma);
	k->d = kit_dev(&floppy_ops, NULL, 0);
	w.disk = k->disk;
	floppy_wire(&k->d, &w);
	k->d.ops->reset(&k->d);
	assert_int_equal(floppy_cmos(k->disk), 0x40);
}

static void desk_fini(struct desk *k)
{
	dev_fini(&k->d);
	dev_fini(&k->dma);
	disk_close(k->disk);
	mem_free(k->mem);
}

static void command(struct desk *k, const char *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(in8(&k->d, 0x3f4) & 0xc0, 0x80);
		out8(&k->d, 0x3f5, (u8)bytes[i]);
	}
}

static void result(struct desk *k, u8 *ret, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(in8(&k->d, 0x3f4), 0xd0);
		ret[i] = in8(&k->d, 0x3f5);
	}
	assert_int_equal(in8(&k->d, 0x3f4), 0x80);
}

/* Channel 2: len bytes at at; mode 0x46 to memory, 0x4a from it. */
static void dma_set(struct desk *k, u32 at, u32 len, u8 mode)
{
	out8(&k->dma, 0x0a, 6);
	out8(&k->dma, 0x0c, 0);
	out8(&k->dma, 0x0b, mode);
	out8(&k->dma, 0x04, (u8)at);
	out8(&k->dma, 0x04, (u8)(at >> 8));
	out8(&k->dma, 0x81, (u8)(at >> 16));
	out8(&k->dma, 0x05, (u8)(len - 1));
	out8(&k->dma, 0x05, (u8)((len - 1) >> 8));
	out8(&k->dma, 0x0a, 2);
}

static void floppy_reset_is_sensed(void **unused)
{
	struct desk k;
	u8 a[2];

	(void)unused;
	desk_init(&k);
	out8(&k.d, 0x3f2, 0x0c);
	assert_true(k.irq.level);
	for (u8 i = 0; i < 4; i++) { /* one for each drive there could be */
		command(&k, "\x08", 1);
		result(&k, a, 2);
		assert_int_equal(a[0], 0xc0 | i);
	}
	assert_false(k.irq.level);
	command(&k, "\x08", 1);
	result(&k, a, 1);
	assert_int_equal(a[0], 0x80);
	command(&k, "\x1f", 1); /* no such command */
	result(&k, a, 1);
	assert_int_equal(a[0], 0x80);
	desk_fini(&k);
}

static void floppy_reads_by_dma(void **unused)
{
	struct desk k;
	u32 val;
	u8 a[7];

	(void)unused;
	desk_init(&k);
	out8(&k.d, 0x3f2, 0x1c);
	assert_int_equal(in8(&k.d, 0x3f7), 0x80); /* the disk is new */
	command(&k, "\x0f\0\x02", 3);
	assert_true(k.irq.level);
	command(&k, "\x08", 1);
	result(&k, a, 2);
	assert_int_equal(a[0], 0xc0); /* the reset first */
	assert_int_equal(in8(&k.d, 0x3f7), 0);
	/* Cylinder 2, head 0, sector 17: two of this track, then on the other side. */
	dma_set(&k, 0x28000, 3 * 512, 0x46);
	command(&k, "\xe6\0\x02\0\x11\x02\x12\x1b\xff", 9);
	assert_true(k.irq.level);
	result(&k, a, 7);
	assert_memory_equal(a, "\0\0\0\x02\x01\x02\x02", 7);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(mem_read(k.mem, GPA(0x28000 + i * 512), 4, &val), 0);
		assert_int_equal(val, 2 * 36 + 16 + i);
	}
	assert_int_equal(in8(&k.dma, 0x08) & 4, 4); /* terminal count */
	/* A sector that is not there, and nobody to take one. */
	dma_set(&k, 0x28000, 512, 0x46);
	command(&k, "\xe6\0\x02\0\x13\x02\x12\x1b\xff", 9);
	result(&k, a, 7);
	assert_int_equal(a[0] & 0xc0, 0x40);
	out8(&k.dma, 0x0a, 6);
	command(&k, "\xe6\0\x02\0\x01\x02\x12\x1b\xff", 9);
	result(&k, a, 7);
	assert_int_equal(a[0] & 0xc0, 0x40);
	desk_fini(&k);
}

static void floppy_writes_by_dma(void **unused)
{
	char seen[512];
	struct desk k;
	u8 a[7];

	(void)unused;
	desk_init(&k);
	out8(&k.d, 0x3f2, 0x1c);
	assert_int_equal(mem_write(k.mem, GPA(0x30000), 5, "hello"), 0);
	dma_set(&k, 0x30000, 512, 0x4a);
	command(&k, "\x45\0\0\x01\x01\x02\x12\x1b\xff", 9);
	result(&k, a, 7);
	assert_int_equal(a[0] & 0xc0, 0);
	assert_int_equal(pread(k.fd, seen, 512, 18 * 512), 512);
	assert_memory_equal(seen, "hello", 5);
	/* Masked: nothing must be written. */
	out8(&k.dma, 0x0a, 6);
	command(&k, "\x45\0\0\x01\x01\x02\x12\x1b\xff", 9);
	result(&k, a, 7);
	assert_int_equal(a[0] & 0xc0, 0x40);
	assert_int_equal(pread(k.fd, seen, 512, 18 * 512), 512);
	assert_memory_equal(seen, "hello", 5);
	desk_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floppy_reset_is_sensed),
		cmocka_unit_test(floppy_reads_by_dma),
		cmocka_unit_test(floppy_writes_by_dma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
