/* virtio_int.h - what the files of the virtio core share. Kinds of devices do not include it. */
#ifndef PANDOK_DEV_VIRTIO_INT_H
#define PANDOK_DEV_VIRTIO_INT_H

#include <stdatomic.h>
#include <string.h>

#include "dev/dev.h"

#define VQ_PACKED_WRAP (1u << 15) /* in next_avail and next_used of a packed ring */

struct build;

/* One kind of ring. The queue is in use and its areas are in RAM. */
struct ring_ops {
	/* Bytes of the three areas for a ring of size entries. */
	u64 (*desc_len)(u16 size);
	u64 (*driver_len)(u16 size);
	u64 (*device_len)(u16 size);
	bool (*more)(struct virtq *q);
	/* The next chain, whose descriptors are handed to chain_add(); nothing is moved on. 0 or -1:
	 * virtio_broken() was called. Only when more(). */
	int (*next)(struct virtq *q, struct build *b);
	void (*taken)(struct virtq *q, const struct vq_chain *c);  /* move on past it */
	void (*untaken)(struct virtq *q, const struct vq_chain *c);
	void (*put)(struct virtq *q, const struct vq_chain *c, u32 written);
	void (*arm)(struct virtq *q);   /* ask the driver to notify of the next chain */
	bool (*wants)(struct virtq *q); /* the driver wants an interrupt for what was put */
};
extern const struct ring_ops ring_split, ring_packed;

static inline const struct ring_ops *vq_ring(const struct virtq *q)
{
	return virtio_has(q->v, VIRTIO_F_RING_PACKED) ? &ring_packed : &ring_split;
}

/* A chain while its descriptors are read. */
struct build {
	unsigned nr, nw;
	u64 rlen, wlen;
	u16 id, nslots;
	struct iovec iov[VQ_SIZE_MAX];
	gpa_t at[VQ_SIZE_MAX];
};

/* build_add - one descriptor's buffer. build_indirect - a table of them. 0, -1: broken. */
int build_add(struct virtq *q, struct build *b, u64 at, u32 len, bool write);
int build_indirect(struct virtq *q, u64 at, u32 len, const u8 **table, unsigned *n);

/* guest_copy - out of memory that the guest may change meanwhile: once. */
static inline void guest_copy(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	__asm__ volatile("" : : "r"(to) : "memory");
}

void vq_enable(struct virtq *q);  /* the driver says that all is set up */
void vq_ring_written(struct virtq *q, const void *area, u64 area_at, const void *p, u64 len);

void virtio_interrupt(struct virtio *v, u16 vector, u8 isr);

/* What both transports do with the registers. */
void virtio_status_write(struct virtio *v, u8 val);
u8 virtio_status_read(const struct virtio *v);
u8 virtio_isr_read(struct virtio *v);
u64 virtio_config_read(const struct virtio *v, u64 off, unsigned size);
void virtio_config_write(struct virtio *v, u64 off, unsigned size, u64 val);
void virtio_notify(struct virtio *v, u64 queue);
void virtio_reset_registers(struct virtio *v);

void virtio_pci_init(struct virtio *v);
u64 virtio_legacy_read(struct virtio *v, u64 off, unsigned size);
void virtio_legacy_write(struct virtio *v, u64 off, unsigned size, u64 val);

/* Where the parts of the modern interface are, in one memory BAR. */
enum { VIRTIO_BAR_LEGACY = 0, VIRTIO_BAR_MSIX = 1, VIRTIO_BAR_MODERN = 4 };
#define VIRTIO_LEGACY_SIZE 256u

#endif
