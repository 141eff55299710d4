/* virtio_legacy.c - the interface of before virtio 1.0, in ports, for drivers that know no other.
 * Source: virtio 1.2, 4.1.4.10 and 2.7.2; rings are always split and lie in one piece. */
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "dev/virtio_int.h"

#define LOW32 0xffffffffu

static struct virtq *selected(struct virtio *v)
{
	return v->queue_select < v->nqueues ? &v->queue[v->queue_select] : NULL;
}

static u64 config_at(const struct virtio *v)
{
	return VIRTIO_PCI_CONFIG_OFF(pci_msix_on(&v->pci, &v->msix));
}

u64 virtio_legacy_read(struct virtio *v, u64 off, unsigned size)
{
	struct virtq *q = selected(v);

	if (off >= config_at(v))
		return virtio_config_read(v, off - config_at(v), size);
	switch (off) {
	case VIRTIO_PCI_HOST_FEATURES: return v->offer & LOW32;
	case VIRTIO_PCI_GUEST_FEATURES: return v->features & LOW32;
	case VIRTIO_PCI_QUEUE_PFN: return q ? q->desc >> VIRTIO_PCI_QUEUE_ADDR_SHIFT : 0;
	case VIRTIO_PCI_QUEUE_NUM: return q ? q->size : 0;
	case VIRTIO_PCI_QUEUE_SEL: return v->queue_select;
	case VIRTIO_PCI_STATUS: return virtio_status_read(v);
	case VIRTIO_PCI_ISR: return virtio_isr_read(v);
	case VIRTIO_MSI_CONFIG_VECTOR: return v->config_vector;
	case VIRTIO_MSI_QUEUE_VECTOR: return q ? q->vector : VIRTIO_MSI_NO_VECTOR;
	}
	return 0;
}

/* Table, offered ring, and used ring on the next page. Page 0 means none. */
static void pfn_write(struct virtq *q, u32 pfn)
{
	u64 at = (u64)pfn << VIRTIO_PCI_QUEUE_ADDR_SHIFT, align = VIRTIO_PCI_VRING_ALIGN;
	u64 rings = q->size * sizeof(struct vring_desc) +
		    sizeof(struct vring_avail) + (q->size + 1u) * sizeof(u16);

	q->desc = at;
	q->driver = at + q->size * sizeof(struct vring_desc);
	q->device = at + ((rings + align - 1) & ~(align - 1));
	q->enabled = pfn;
	vq_enable(q);
}

static u16 vector_of(const struct virtio *v, u64 val)
{
	return val < v->msix.n ? (u16)val : VIRTIO_MSI_NO_VECTOR;
}

void virtio_legacy_write(struct virtio *v, u64 off, unsigned size, u64 val)
{
	struct virtq *q = selected(v);

	if (off >= config_at(v)) {
		virtio_config_write(v, off - config_at(v), size, val);
		return;
	}
	switch (off) {
	case VIRTIO_PCI_GUEST_FEATURES: v->features = val & v->offer & LOW32; break;
	case VIRTIO_PCI_QUEUE_PFN:
		if (q)
			pfn_write(q, (u32)val);
		break;
	case VIRTIO_PCI_QUEUE_SEL: v->queue_select = (u16)val; break;
	case VIRTIO_PCI_QUEUE_NOTIFY: virtio_notify(v, val); break;
	case VIRTIO_PCI_STATUS: virtio_status_write(v, (u8)val); break;
	case VIRTIO_MSI_CONFIG_VECTOR: v->config_vector = vector_of(v, val); break;
	case VIRTIO_MSI_QUEUE_VECTOR:
		if (q)
			q->vector = vector_of(v, val);
		break;
	}
}
