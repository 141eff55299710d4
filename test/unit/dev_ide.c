/* dev_ide.c - tests of IDE disks and CD-ROMs, over real files. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev_kit.h"
#include "disk/disk.h"
#include "mem/mem.h"

#define SECTORS 600u /* more than a chunk has */

struct cable {
	struct mem *mem;
	struct dev d;
	struct spy irq[2];
	struct disk *disk[IDE_DRIVES];
	pthread_mutex_t lock;
	int fd;
};

static struct cable c;

static struct disk *file_disk(unsigned flags, int *fd)
{
	struct disk *disk;
	char path[40];
	struct err e;
	u32 sector[128];

	*fd = memfd_create("disk", 0);
	for (u32 i = 0; i < SECTORS; i++) {
		for (unsigned k = 0; k < 128; k++)
			sector[k] = i << 8 | k;
		assert_int_equal(write(*fd, sector, sizeof(sector)), sizeof(sector));
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	if (disk_open(path, flags | DISK_RAW, &disk, &e))
		fail_msg("%s", e.text);
	return disk;
}

static void outw(u16 port, u16 val) { dev_write(&c.d, DEV_PIO, port, 2, val); }
static u16 inw(u16 port) { return (u16)dev_read(&c.d, DEV_PIO, port, 2); }

/* A disk is first on the first cable, a CD-ROM first on the second. Everything is synchronous. */
static void cable_init(void)
{
	struct ide_wiring w = { .lock = &c.lock, .synchronous = true };
	struct err e;

	memset(&c, 0, sizeof(c));
	pthread_mutex_init(&c.lock, NULL);
	assert_int_equal(mem_new(MIB(2), &c.mem, &e), 0);
	c.disk[0] = file_disk(0, &c.fd);
	c.disk[2] = file_disk(DISK_CDROM | DISK_READONLY, &(int){ 0 });
	c.d = kit_dev(&ide_ops, NULL, 0);
	w.mem = c.mem;
	for (unsigned i = 0; i < 2; i++) {
		c.irq[i] = (struct spy)SPY;
		w.irq[i] = &c.irq[i].irq;
	}
	memcpy(w.disk, c.disk, sizeof(w.disk));
	ide_wire(&c.d, &w);
	c.d.ops->reset(&c.d);
}

static void cable_fini(void)
{
	ide_drain(&c.d);
	ide_unwire(&c.d);
	dev_fini(&c.d);
	disk_close(c.disk[0]);
	disk_close(c.disk[2]);
	mem_free(c.mem);
}

static void command28(u8 cmd, u32 lba, u8 n)
{
	out8(&c.d, 0x1f6, 0xe0 | (lba >> 24 & 15));
	out8(&c.d, 0x1f2, n);
	out8(&c.d, 0x1f3, (u8)lba);
	out8(&c.d, 0x1f4, (u8)(lba >> 8));
	out8(&c.d, 0x1f5, (u8)(lba >> 16));
	out8(&c.d, 0x1f7, cmd);
}

static void ide_identifies_its_drives(void **unused)
{
	u16 id[256];

	(void)unused;
	cable_init();
	assert_int_equal(in8(&c.d, 0x1f7), 0x50);
	assert_int_equal(in8(&c.d, 0x174) | in8(&c.d, 0x175) << 8, 0xeb14);
	command28(0xec, 0, 0);
	assert_true(c.irq[0].level);
	for (unsigned i = 0; i < 256; i++)
		id[i] = inw(0x1f0);
	assert_int_equal(id[60], SECTORS);
	assert_int_equal(id[100], SECTORS);
	assert_int_equal(in8(&c.d, 0x1f7), 0x50);
	assert_false(c.irq[0].level);
	out8(&c.d, 0x177, 0xec); /* a CD-ROM refuses, and says what it is */
	assert_int_equal(in8(&c.d, 0x177) & 1, 1);
	assert_int_equal(in8(&c.d, 0x174), 0x14);
	out8(&c.d, 0x177, 0xa1);
	assert_int_equal(inw(0x170), 0x85c0);
	out8(&c.d, 0x1f6, 0xb0); /* no slave */
	assert_int_equal(in8(&c.d, 0x1f7), 0);
	cable_fini();
}

static void ide_reads_by_pio(void **unused)
{
	(void)unused;
	cable_init();
	command28(0x20, 7, 2);
	for (u32 i = 0; i < 256; i++) {
		u32 val = (u32)inw(0x1f0);

		val |= (u32)inw(0x1f0) << 16;
		assert_int_equal(val, (7 + i / 128) << 8 | i % 128);
	}
	assert_int_equal(c.irq[0].rises, 1); /* nobody read the status between */
	assert_int_equal(in8(&c.d, 0x1f7), 0x50);
	/* LBA48, more than one chunk, and blocks of 16 sectors. */
	out8(&c.d, 0x1f2, 16);
	out8(&c.d, 0x1f7, 0xc6);
	out8(&c.d, 0x1f2, SECTORS >> 8);
	out8(&c.d, 0x1f2, SECTORS & 255);
	for (u16 port = 0x1f3; port <= 0x1f5; port++) {
		out8(&c.d, port, 0);
		out8(&c.d, port, 0);
	}
	out8(&c.d, 0x1f7, 0x29);
	for (u32 i = 0; i < SECTORS * 128; i++) {
		if (!(i % (16 * 128)))
			assert_int_equal(in8(&c.d, 0x1f7), 0x58);
		assert_int_equal(dev_read(&c.d, DEV_PIO, 0x1f0, 4), i / 128 << 8 | i % 128);
	}
	assert_int_equal(in8(&c.d, 0x1f7), 0x50);
	cable_fini();
}

static void ide_writes_by_pio(void **unused)
{
	u16 seen[256];

	(void)unused;
	cable_init();
	command28(0x30, 5, 1);
	assert_int_equal(in8(&c.d, 0x1f7), 0x58);
	assert_false(c.irq[0].level); /* the first block comes without */
	for (u16 i = 0; i < 256; i++)
		outw(0x1f0, i);
	assert_true(c.irq[0].level);
	assert_int_equal(in8(&c.d, 0x1f7), 0x50);
	out8(&c.d, 0x1f7, 0xe7);
	assert_int_equal(in8(&c.d, 0x1f7), 0x50);
	assert_int_equal(pread(c.fd, seen, 512, 5 * 512), 512);
	assert_int_equal(seen[255], 255);
	cable_fini();
}

static void ide_refuses_what_is_not_there(void **unused)
{
	(void)unused;
	cable_init();
	command28(0x20, SECTORS - 1, 2);
	assert_int_equal(in8(&c.d, 0x1f7) & 1, 1);
	assert_int_equal(in8(&c.d, 0x1f1), 0x10); /* no such sector */
	command28(0xc4, 0, 1); /* READ MULTIPLE before SET MULTIPLE */
	assert_int_equal(in8(&c.d, 0x1f1), 4);
	command28(0xff, 0, 1);
	assert_int_equal(in8(&c.d, 0x1f1), 4);
	cable_fini();
}

/* The bus master's registers are behind a BAR: region 4 of the device. */
static void bm_write(u64 reg, unsigned size, u32 val) { ide_ops.write(&c.d, 4, reg, size, val); }
static u8 bm_status(void) { return (u8)ide_ops.read(&c.d, 4, 2, 1); }

static void ide_reads_by_bus_master(void **unused)
{
	const u32 table[] = { 0x10000, 512, 0x20000, 0x80000000 | 512 };
	u32 val;

	(void)unused;
	cable_init();
	assert_int_equal(mem_write(c.mem, GPA(0x1000), sizeof(table), table), 0);
	bm_write(4, 4, 0x1000);
	bm_write(2, 1, 6);
	command28(0xc8, 3, 2);
	assert_false(c.irq[0].level);
	bm_write(0, 1, 9);
	assert_true(c.irq[0].level);
	assert_int_equal(bm_status() & 7, 4);
	assert_int_equal(mem_read(c.mem, GPA(0x20004), 4, &val), 0);
	assert_int_equal(val, 4 << 8 | 1);
	bm_write(0, 1, 0);
	/* A table that ends too early, and one outside memory. */
	bm_write(2, 1, 6);
	command28(0xc8, 3, 3);
	bm_write(0, 1, 9);
	assert_int_equal(bm_status() & 2, 2);
	assert_int_equal(in8(&c.d, 0x1f7) & 1, 1);
	bm_write(0, 1, 0);
	bm_write(2, 1, 6);
	bm_write(4, 4, 0xfffff000);
	command28(0xc8, 3, 1);
	bm_write(0, 1, 9);
	assert_int_equal(bm_status() & 2, 2);
	cable_fini();
}

static void packet(const char *bytes, u16 limit)
{
	out8(&c.d, 0x171, 0);
	out8(&c.d, 0x174, (u8)limit);
	out8(&c.d, 0x175, (u8)(limit >> 8));
	out8(&c.d, 0x177, 0xa0);
	assert_int_equal(in8(&c.d, 0x172), 1);
	for (unsigned i = 0; i < 12; i += 2)
		outw(0x170, (u16)((u8)bytes[i] | (u8)bytes[i + 1] << 8));
}

static void atapi_reads_by_packet(void **unused)
{
	u32 val = 0;

	(void)unused;
	cable_init();
	packet("\x25\0\0\0\0\0\0\0\0\0\0", 8); /* READ CAPACITY */
	assert_int_equal(in8(&c.d, 0x172), 2);
	assert_int_equal(inw(0x170), 0);
	assert_int_equal(inw(0x170), (SECTORS / 4 - 1) << 8);
	inw(0x170);
	inw(0x170);
	assert_int_equal(in8(&c.d, 0x172), 3);
	packet("\x28\0\0\0\0\x02\0\0\x03\0\0", 2048); /* READ(10): three sectors from the second */
	for (u32 i = 0; i < 3 * 512; i++) {
		if (!(i % 512)) {
			assert_int_equal(in8(&c.d, 0x177), 0x58);
			assert_int_equal(in8(&c.d, 0x174) | in8(&c.d, 0x175) << 8, 2048);
		}
		val = inw(0x170);
		val |= (u32)inw(0x170) << 16;
		assert_int_equal(val, (8 + i / 128) << 8 | i % 128);
	}
	assert_int_equal(in8(&c.d, 0x177), 0x50);
	packet("\x28\0\0\0\0\xff\0\0\x01\0\0", 2048); /* behind the end */
	assert_int_equal(in8(&c.d, 0x177) & 1, 1);
	packet("\x03\0\0\0\x12\0\0\0\0\0\0", 18); /* REQUEST SENSE says why */
	inw(0x170);
	assert_int_equal(inw(0x170), 5);
	cable_fini();
}

static void ide_reset_ends_a_transfer(void **unused)
{
	(void)unused;
	cable_init();
	command28(0x20, 0, 10);
	inw(0x1f0);
	out8(&c.d, 0x3f6, 4);
	out8(&c.d, 0x3f6, 0);
	assert_int_equal(in8(&c.d, 0x1f7), 0x50);
	assert_int_equal(inw(0x1f0), 0xffff);
	assert_false(c.irq[0].level);
	command28(0x20, 1, 1);
	assert_int_equal(inw(0x1f0), 1 << 8);
	cable_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ide_identifies_its_drives),
		cmocka_unit_test(ide_reads_by_pio),
		cmocka_unit_test(ide_writes_by_pio),
		cmocka_unit_test(ide_refuses_what_is_not_there),
		cmocka_unit_test(ide_reads_by_bus_master),
		cmocka_unit_test(atapi_reads_by_packet),
		cmocka_unit_test(ide_reset_ends_a_transfer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
