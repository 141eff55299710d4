/* fuzz_virtio.c - a hostile driver of disk, randomness and balloon: both rings, both interfaces, PCI
 * configuration space and MSI-X. Where rings and buffers are is the input's choice. */
/* @links src/base src/mem src/dev src/disk src/net src/fs */
#define _GNU_SOURCE
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "disk/disk.h"
#include "mem/mem.h"

#include "dev/dev.h"

#include "input.h"

#define RAM MIB(1)
#define HOT 0x8000u /* where the input writes: rings, tables, headers, data */
#define ECAM(off) (PCI_ECAM_BASE + (1u << 15) + (off))
#define BAR_AT(n) (0xc0000000u + (n) * 0x10000u)
#define PORTS 0xc000u

static struct mem *mem;
static struct clock *clk;
static struct bus *bus;
static struct dev host, reset, card;
static struct virtio *v;
static struct disk *disk;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void wire_blk(const struct virtio_host *h) { virtio_blk_wire(&card, h, disk, 2); }
static void wire_rng(const struct virtio_host *h) { virtio_rng_wire(&card, h); }
static void wire_balloon(const struct virtio_host *h) { virtio_balloon_wire(&card, h); }

static const struct {
	const struct dev_ops *ops;
	void (*wire)(const struct virtio_host *h);
} cards[] = {
	{ &virtio_blk_ops, wire_blk }, { &virtio_blk_ops, wire_blk }, { &virtio_rng_ops, wire_rng },
	{ &virtio_balloon_ops, wire_balloon },
};

static void msi(void *ctx, u64 at, u32 data)
{
	(void)ctx;
	(void)at;
	(void)data;
}

/* Two disks: one that can be written, and one with nothing but zeroes that cannot. */
static void make_disk(unsigned flags)
{
	int fd = memfd_create("disk", 0);
	char path[32];
	struct err e;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || ftruncate(fd, 0x10000) || disk_open(path, flags, &disk, &e))
		abort();
	close(fd);
}

static void put(u64 at, unsigned size, u64 val)
{
	pthread_mutex_lock(&lock);
	bus_write(bus, at < 0x10000 ? DEV_PIO : DEV_MMIO, at, size, val);
	pthread_mutex_unlock(&lock);
}

static void get(u64 at, unsigned size)
{
	pthread_mutex_lock(&lock);
	bus_read(bus, at < 0x10000 ? DEV_PIO : DEV_MMIO, at, size);
	pthread_mutex_unlock(&lock);
}

static void make(u8 how)
{
	struct pci_wiring w = { .reset = &reset, .msi = msi };
	struct virtio_host h = { .lock = &lock, .packed = how & 0x10, .synchronous = how & 0x20 };
	struct err e;

	if ((!mem && mem_new(RAM, &mem, &e)) || clock_new(true, NULL, &clk, &e) || bus_new(&bus, &e) ||
	    dev_init(&reset, &reset_ops, clk, 0, &e) || dev_init(&host, &pci_ops, clk, 0, &e) ||
	    dev_init(&card, cards[how % 4].ops, clk, 0, &e) || bus_add(bus, &host, &e))
		abort();
	make_disk(how & 0x40 ? DISK_READONLY : how & 0x80 ? DISK_OVERLAY : 0);
	memset(mem_host_w(mem, GPA(0), RAM), 0, HOT);
	w.bus = bus;
	h.mem = mem;
	pci_wire(&host, &w);
	cards[how % 4].wire(&h);
	v = card.state;
	if (pci_add(&host, 1, &v->pci, &e))
		abort();
	card.ops->reset(&card);
	put(ECAM(PCI_BASE_ADDRESS_0), 4, PORTS);
	for (unsigned n = 1; n < PCI_BARS; n++)
		put(ECAM(PCI_BASE_ADDRESS_0 + 4 * n), 4, BAR_AT(n));
	put(ECAM(PCI_COMMAND), 2, 7);
}

static void unmake(void)
{
	pthread_mutex_lock(&lock);
	virtio_drain(v);
	pthread_mutex_unlock(&lock);
	virtio_unwire(&card);
	disk_close(disk);
	dev_fini(&card);
	dev_fini(&host);
	dev_fini(&reset);
	bus_free(bus);
	clock_free(clk);
}

static void start(u64 features)
{
	put(BAR_AT(4) + VIRTIO_PCI_COMMON_STATUS, 1, 0);
	put(BAR_AT(4) + VIRTIO_PCI_COMMON_STATUS, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		put(BAR_AT(4) + VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		put(BAR_AT(4) + VIRTIO_PCI_COMMON_GF, 4, (u32)(features >> 32 * i));
	}
	put(BAR_AT(4) + VIRTIO_PCI_COMMON_STATUS, 1, 11);
	for (unsigned q = 0; q < 3; q++) {
		put(BAR_AT(4) + VIRTIO_PCI_COMMON_Q_SELECT, 2, q);
		put(BAR_AT(4) + VIRTIO_PCI_COMMON_Q_SIZE, 2, 8);
		put(BAR_AT(4) + VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x1000 * q);
		put(BAR_AT(4) + VIRTIO_PCI_COMMON_Q_AVAILLO, 4, 0x1000 * q + 0x100);
		put(BAR_AT(4) + VIRTIO_PCI_COMMON_Q_USEDLO, 4, 0x1000 * q + 0x200);
		put(BAR_AT(4) + VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	}
	put(BAR_AT(4) + VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

static void write_memory(void)
{
	u64 at = next(2) % HOT;

	for (u64 n = 1 + next(1) % 64; n && at < HOT; n--)
		*mem_host_w(mem, GPA(at++), 1) = (u8)next(1);
}

/* A disk request that is almost right: header, data and status, then a kick. */
static void request(u8 op)
{
	struct vring_avail *a = (void *)mem_host_w(mem, GPA(0x100), 64);
	struct vring_desc d[3] = {
		{ 0x4000, 16, VRING_DESC_F_NEXT, 1 },
		{ 0x5000, (u32)next(2), (op & 0x40 ? VRING_DESC_F_WRITE : 0) | VRING_DESC_F_NEXT, 2 },
		{ 0x4100, 1, VRING_DESC_F_WRITE, 0 },
	};
	u32 header[4] = { (u32)next(1) % 16, 0, (u32)next(1), 0 };

	memcpy(mem_host_w(mem, GPA(0), sizeof(d)), d, sizeof(d));
	memcpy(mem_host_w(mem, GPA(0x4000), 16), header, 16);
	a->ring[a->idx % 8] = 0;
	a->idx++;
	put(BAR_AT(4) + 0x3000, 2, 0);
}

static void step(u8 op)
{
	unsigned size = 1u << (op >> 4 & 3);

	switch (op & 15) {
	case 0: case 1: case 2:
		write_memory();
		break;
	case 3: case 4:
		put(BAR_AT(4) + 0x3000 + 4 * (op >> 4 & 3), 2, 0);
		break;
	case 5: case 6:
		request(op);
		break;
	case 7:
		start(next(8) | (op & 0x80 ? 1ull << VIRTIO_F_VERSION_1 : 0));
		break;
	case 8:
		put(BAR_AT(4) + next(1) % 64, size, next(size));
		break;
	case 9:
		put(BAR_AT(4) + next(2) % 0x4000, size, next(size));
		break;
	case 10:
		get(BAR_AT(4) + next(2) % 0x4000, size);
		break;
	case 11:
		put(BAR_AT(1) + next(2) % 0x1000, size, next(size));
		break;
	case 12:
		put(PORTS + next(1) % 0x40, size > 4 ? 4 : size, next(4));
		break;
	case 13:
		get(PORTS + next(1) % 0x40, size > 4 ? 4 : size);
		break;
	case 14:
		put(ECAM(next(1)), size > 4 ? 4 : size, next(size));
		break;
	default:
		get(ECAM(next(1)), size > 4 ? 4 : size);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	in = data;
	left = len;
	make((u8)next(1));
	start(~0ull);
	for (unsigned i = 0; left && i < 300; i++)
		step((u8)next(1));
	unmake();
	return 0;
}
