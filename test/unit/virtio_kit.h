/* virtio_kit.h - a machine with one virtio card in slot 1, and the driver's side of its queue 0. */
#ifndef TEST_VIRTIO_KIT_H
#define TEST_VIRTIO_KIT_H

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "dev_kit.h"
#include "mem/mem.h"

#define KIT_DESC 0x1000u
#define KIT_DRIVER 0x2000u
#define KIT_DEVICE 0x3000u
#define KIT_DATA 0x10000u
#define KIT_SIZE 8 /* entries of the ring */
#define KIT_V1 (1ull << VIRTIO_F_VERSION_1)

struct kit {
	struct mem *mem;
	struct clock *clock;
	struct bus *bus;
	struct dev host, reset, card;
	struct virtio *v;
	pthread_mutex_t lock;
	unsigned interrupts; /* MSI-X messages of queue 0 */
	u16 avail;           /* split: what the driver's index is */
	u64 features;
};

static inline void kit_msi(void *ctx, u64 at, u32 data)
{
	(void)at;
	((struct kit *)ctx)->interrupts += data == 1;
}

static inline u64 kit_get(struct kit *k, u64 off, unsigned size)
{
	return virtio_read(&k->card, 4, off, size);
}

static inline void kit_put(struct kit *k, u64 off, unsigned size, u64 val)
{
	virtio_write(&k->card, 4, off, size, val);
}

static inline void kit_wire(struct kit *k, const struct dev_ops *ops,
			    void (*wire)(struct dev *d, const struct virtio_host *h, void *arg),
			    void *arg, bool packed)
{
	struct pci_wiring w = { .reset = &k->reset, .msi = kit_msi, .ctx = k };
	struct virtio_host h = { .lock = &k->lock, .packed = packed };
	struct err e;

	*k = (struct kit){ .clock = kit_clock() };
	pthread_mutex_init(&k->lock, NULL);
	assert_int_equal(mem_new(MIB(4), &k->mem, &e), 0);
	assert_int_equal(bus_new(&k->bus, &e), 0);
	k->reset = kit_dev(&reset_ops, k->clock, 0);
	k->host = kit_dev(&pci_ops, k->clock, 0);
	w.bus = k->bus;
	pci_wire(&k->host, &w);
	k->card = kit_dev(ops, k->clock, 0);
	h.mem = k->mem;
	wire(&k->card, &h, arg);
	k->v = k->card.state;
	assert_int_equal(pci_add(&k->host, 1, &k->v->pci, &e), 0);
	ops->reset(&k->card);
	pci_put16(k->v->pci.config, PCI_COMMAND, PCI_COMMAND_MASTER);
	pci_put16(k->v->pci.config, k->v->msix.cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
	virtio_write(&k->card, 1, 16 + 8, 4, 1); /* vector 1: data 1, not masked */
	virtio_write(&k->card, 1, 16 + 12, 4, 0);
}

static inline void kit_fini(struct kit *k)
{
	virtio_unwire(&k->card);
	dev_fini(&k->card);
	dev_fini(&k->host);
	dev_fini(&k->reset);
	bus_free(k->bus);
	mem_free(k->mem);
	clock_free(k->clock);
	pthread_mutex_destroy(&k->lock);
}

static inline void kit_status(struct kit *k, u8 val)
{
	kit_put(k, VIRTIO_PCI_COMMON_STATUS, 1, val);
}

static inline void kit_queue(struct kit *k, u16 index)
{
	kit_put(k, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
	kit_put(k, VIRTIO_PCI_COMMON_Q_SIZE, 2, KIT_SIZE);
	kit_put(k, VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
	kit_put(k, VIRTIO_PCI_COMMON_Q_DESCLO, 4, KIT_DESC);
	kit_put(k, VIRTIO_PCI_COMMON_Q_AVAILLO, 4, KIT_DRIVER);
	kit_put(k, VIRTIO_PCI_COMMON_Q_USEDLO, 4, KIT_DEVICE);
	kit_put(k, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

/* The driver starts its device; queue 0 is set up. */
static inline void kit_start(struct kit *k, u64 features)
{
	k->features = features | KIT_V1;
	k->avail = 0;
	kit_status(k, 0);
	kit_status(k, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (unsigned i = 0; i < 2; i++) {
		kit_put(k, VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		kit_put(k, VIRTIO_PCI_COMMON_GF, 4, (u32)(k->features >> 32 * i));
	}
	kit_status(k, 11);
	assert_true(kit_get(k, VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_FEATURES_OK);
	memset(mem_host_w(k->mem, GPA(KIT_DESC), 0x4000), 0, 0x4000);
	kit_queue(k, 0);
	kit_status(k, 15);
}

static inline void kit_kick(struct kit *k)
{
	kit_put(k, 0x3000, 2, 0);
}

static inline void kit_desc(struct kit *k, unsigned i, u64 at, u32 len, u16 flags, u16 next)
{
	struct vring_desc d = { at, len, flags, next };

	memcpy(mem_host_w(k->mem, GPA(KIT_DESC + i * sizeof(d)), sizeof(d)), &d, sizeof(d));
}

static inline void kit_offer(struct kit *k, u16 head)
{
	struct vring_avail *a = (void *)mem_host_w(k->mem, GPA(KIT_DRIVER), 64);

	a->ring[k->avail % KIT_SIZE] = head;
	a->idx = ++k->avail;
}

static inline u16 kit_used(struct kit *k)
{
	return ((struct vring_used *)(void *)mem_host(k->mem, GPA(KIT_DEVICE), 64))->idx;
}

static inline bool kit_broken(struct kit *k)
{
	return kit_get(k, VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

#endif
