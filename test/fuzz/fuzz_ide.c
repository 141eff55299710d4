/* fuzz_ide.c - a hostile driver at an IDE controller with a disk and a CD-ROM: registers, packets,
 * data, bus-master tables, resets. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev/dev.h"
#include "disk/disk.h"
#include "mem/mem.h"

#include "input.h"

#define DISK_LEN (600 * 512)
#define BUS_MASTER 4

static struct mem *mem;
static struct disk *disk[IDE_DRIVES];
static struct dev d;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool level[2];

static void set1(struct irq *irq, bool l) { (void)irq; level[0] = l; }
static void set2(struct irq *irq, bool l) { (void)irq; level[1] = l; }
static struct irq irq1 = { set1 }, irq2 = { set2 };

static struct disk *make_disk(unsigned flags)
{
	int fd = memfd_create("disk", 0);
	struct disk *ret;
	char path[40];
	struct err e;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || ftruncate(fd, DISK_LEN) || disk_open(path, flags | DISK_RAW, &ret, &e))
		abort();
	return ret;
}

static void make(void)
{
	struct ide_wiring w = { .lock = &lock, .synchronous = true, .irq = { &irq1, &irq2 } };
	struct err e;

	if (mem_new(MIB(1), &mem, &e) || dev_init(&d, &ide_ops, NULL, 0, &e))
		abort();
	disk[0] = make_disk(0);
	disk[2] = make_disk(DISK_CDROM | DISK_READONLY);
	w.mem = mem;
	memcpy(w.disk, disk, sizeof(disk));
	ide_wire(&d, &w);
}

/* A command with its registers in one go: fuzzing finds those far too seldom by itself. */
static void command(u16 base)
{
	for (unsigned i = 1; i < 8; i++)
		dev_write(&d, DEV_PIO, base + i, 1, next(1));
}

static void packet(void)
{
	dev_write(&d, DEV_PIO, 0x176, 1, 0);
	dev_write(&d, DEV_PIO, 0x171, 1, next(1) & 1);
	dev_write(&d, DEV_PIO, 0x177, 1, 0xa0);
	for (unsigned i = 0; i < 6; i++)
		dev_write(&d, DEV_PIO, 0x170, 2, next(2));
}

static void step(u8 op)
{
	u16 base = op & 0x80 ? 0x170 : 0x1f0;
	unsigned size = 1u << (op >> 4 & 3);
	u32 val;

	switch (op & 15) {
	case 0:
	case 1:
		command(base);
		break;
	case 2:
		packet();
		break;
	case 3: /* a lot of data */
		for (unsigned n = next(2) & 0x3fff; n; n--)
			dev_read(&d, DEV_PIO, base, size > 4 ? 4 : size);
		break;
	case 4:
		val = next(4);
		for (unsigned n = next(2) & 0x3fff; n; n--)
			dev_write(&d, DEV_PIO, base, size > 4 ? 4 : size, val);
		break;
	case 5:
		dev_write(&d, DEV_PIO, base + 0x206, 1, next(1));
		break;
	case 6:
		val = next(1) & 15;
		d.ops->write(&d, BUS_MASTER, val & ~3u, 4, next(4) & 0x1fffff);
		break;
	case 7:
		d.ops->write(&d, BUS_MASTER, next(1) & 15, 1, next(1));
		break;
	case 8:
		d.ops->read(&d, BUS_MASTER, next(1) & 15, 1);
		break;
	case 9: /* a table entry */
		val = next(2) * 8u;
		if (mem_write(mem, GPA(val), 8, (u32[2]){ next(3), next(4) & 0x8001ffff }))
			abort();
		break;
	case 10:
		d.ops->reset(&d);
		break;
	default:
		dev_read(&d, DEV_PIO, base + (op >> 4 & 7), 1);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	if (!mem)
		make();
	d.ops->reset(&d);
	in = data;
	left = len;
	for (unsigned n = 0; left && n < 300; n++)
		step((u8)next(1));
	ide_drain(&d);
	if (level[0] || level[1])
		abort(); /* a reset lets go of both lines */
	return 0;
}
