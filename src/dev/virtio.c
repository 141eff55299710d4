/* virtio.c - a virtio device's life: features, status, configuration, interrupts, reset. Knows neither
 * rings nor PCI registers. Source: virtio 1.2, 2.1 to 2.4, 3.1. */
#include "dev/virtio.h"

#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "base/log.h"
#include "dev/virtio_int.h"

#define CORE_FEATURES \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_INDIRECT_DESC | \
	 1ull << VIRTIO_RING_F_EVENT_IDX)

void virtio_wire(struct dev *d, const struct virtio_host *h, const struct virtio_setup *s)
{
	struct virtio *v = d->state;

	BUG_ON(s->nqueues > VIRTIO_QUEUES || s->ops->queue_size > VQ_SIZE_MAX);
	v->dev = d;
	v->host = *h;
	v->ops = s->ops;
	v->config = s->config;
	v->config_len = s->config_len;
	v->config_writable = s->config_writable;
	v->nqueues = (u16)s->nqueues;
	v->offer = s->features | CORE_FEATURES;
	if (h->packed)
		v->offer |= 1ull << VIRTIO_F_RING_PACKED;
	pthread_cond_init(&v->idle, NULL);
	virtio_pci_init(v);
	virtio_reset_registers(v);
}

void virtio_unwire(struct dev *d)
{
	struct virtio *v = d->state;

	if (!v || !v->ops)
		return;
	BUG_ON(v->held);
	pthread_cond_destroy(&v->idle);
}

void virtio_interrupt(struct virtio *v, u16 vector, u8 isr)
{
	if (pci_msix_on(&v->pci, &v->msix)) {
		pci_msix_raise(&v->pci, &v->msix, vector);
		return;
	}
	v->isr |= isr;
	pci_intx(&v->pci, true);
}

u8 virtio_isr_read(struct virtio *v)
{
	u8 isr = v->isr;

	v->isr = 0;
	pci_intx(&v->pci, false);
	return isr;
}

void virtio_config_changed(struct virtio *v)
{
	v->config_generation++;
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_interrupt(v, v->config_vector, VIRTIO_PCI_ISR_CONFIG);
}

void virtio_broken(struct virtio *v, const char *how)
{
	if (v->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	LOG(dev, WARN, "%s: the guest's driver breaks the rules: %s", v->dev->ops->name, how);
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	virtio_config_changed(v);
}

/* An old driver uses queues before it says that it is ready. */
bool virtio_running(const struct virtio *v)
{
	if (v->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return false;
	return (v->status & VIRTIO_CONFIG_S_DRIVER_OK) || !virtio_has(v, VIRTIO_F_VERSION_1);
}

void virtio_reset_registers(struct virtio *v)
{
	v->features = 0;
	v->feature_select = v->driver_select = 0;
	v->queue_select = 0;
	v->config_vector = VIRTIO_MSI_NO_VECTOR;
	v->status = 0;
	for (unsigned i = 0; i < v->nqueues; i++)
		v->queue[i] = (struct virtq){
			.v = v, .index = (u16)i, .size = v->ops->queue_size,
			.vector = VIRTIO_MSI_NO_VECTOR,
		};
}

/*D:1320 A reset while work is under way
 * A driver may reset its device at any time, and the memory of requests under way is the guest's
 * again once the status reads 0. Chains that the device still holds become void: they belong to an
 * older generation, so that pushing one only frees it. Until the last of them is back the status
 * does not read 0, and a driver that follows the manual waits for that.
 * @test virtio_reset_voids_chains
 */
static void reset_device(struct virtio *v)
{
	if (v->ops->reset)
		v->ops->reset(v);
	v->generation++;
	v->stale = v->held;
	virtio_reset_registers(v);
	virtio_isr_read(v);
}

void virtio_reset(struct dev *d)
{
	struct virtio *v = d->state;

	reset_device(v);
	pci_msix_reset(&v->msix);
}

void virtio_drain(struct virtio *v)
{
	if (!v->ops)
		return; /* made, but never wired */
	reset_device(v);
	while (v->held)
		pthread_cond_wait(&v->idle, v->host.lock);
}

u8 virtio_status_read(const struct virtio *v)
{
	return v->status | (v->stale ? VIRTIO_CONFIG_S_ACKNOWLEDGE : 0);
}

/* FEATURES_OK stays off when the driver asked for something that does not go together. 3.1.1. */
void virtio_status_write(struct virtio *v, u8 val)
{
	u8 was = v->status;

	if (!val) {
		reset_device(v);
		return;
	}
	if (!(was & VIRTIO_CONFIG_S_FEATURES_OK) && !virtio_has(v, VIRTIO_F_VERSION_1))
		val &= (u8)~VIRTIO_CONFIG_S_FEATURES_OK;
	v->status = val | (was & VIRTIO_CONFIG_S_NEEDS_RESET);
	if ((val & ~was & VIRTIO_CONFIG_S_DRIVER_OK) && v->ops->started)
		v->ops->started(v);
}

void virtio_notify(struct virtio *v, u64 queue)
{
	if (queue < v->nqueues && v->queue[queue].desc_p && virtio_running(v))
		v->ops->notify(v, (unsigned)queue);
}

u64 virtio_config_read(const struct virtio *v, u64 off, unsigned size)
{
	u64 val = 0;

	for (unsigned i = 0; i < size && off + i < v->config_len; i++)
		val |= (u64)((const u8 *)v->config)[off + i] << i * 8;
	return val;
}

void virtio_config_write(struct virtio *v, u64 off, unsigned size, u64 val)
{
	u8 *config = v->config;

	if (off + size > v->config_len)
		return;
	for (unsigned i = 0; i < size && v->config_writable; i++) {
		u8 mask = v->config_writable[off + i];

		config[off + i] = (u8)((config[off + i] & ~mask) | (val >> i * 8 & mask));
	}
	if (v->ops->config_written)
		v->ops->config_written(v, (unsigned)off, size);
}
