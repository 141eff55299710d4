/* virtio_pci.c - a virtio device as a PCI function: its registers in a memory BAR, found by
 * capabilities. Source: virtio 1.2, 4.1. */
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include "dev/virtio_int.h"

#define VENDOR 0x1af4
#define CFG_CAP_DATA sizeof(struct virtio_pci_cap) /* offset in VIRTIO_PCI_CAP_PCI_CFG */

/* Each part has a page of the BAR. */
enum { AT_COMMON = 0x0000, AT_ISR = 0x1000, AT_DEVICE = 0x2000, AT_NOTIFY = 0x3000, AT_END = 0x4000 };
#define NOTIFY_STEP 4

static const struct part { u8 type; u32 at, len; } parts[] = {
	{ VIRTIO_PCI_CAP_COMMON_CFG, AT_COMMON, sizeof(struct virtio_pci_common_cfg) },
	{ VIRTIO_PCI_CAP_ISR_CFG, AT_ISR, 1 },
	{ VIRTIO_PCI_CAP_DEVICE_CFG, AT_DEVICE, 0x1000 },
	{ VIRTIO_PCI_CAP_NOTIFY_CFG, AT_NOTIFY, VIRTIO_QUEUES * NOTIFY_STEP },
	{ VIRTIO_PCI_CAP_PCI_CFG, 0, 0 },
};

/* The ids of old devices are scattered. virtio 1.2, 4.1.2.1. */
static u16 device_id(const struct virtio_ops *ops)
{
	static const u16 old[] = {
		[VIRTIO_ID_NET] = 0x1000, [VIRTIO_ID_BLOCK] = 0x1001, [VIRTIO_ID_BALLOON] = 0x1002,
		[VIRTIO_ID_CONSOLE] = 0x1003, [VIRTIO_ID_RNG] = 0x1005,
	};

	return ops->legacy ? old[ops->id] : (u16)(0x1040 + ops->id);
}

static void add_part(struct pci_dev *p, const struct part *part)
{
	bool more = part->type == VIRTIO_PCI_CAP_NOTIFY_CFG || part->type == VIRTIO_PCI_CAP_PCI_CFG;
	unsigned len = sizeof(struct virtio_pci_cap) + (more ? 4 : 0);
	unsigned at = pci_cap_add(p, PCI_CAP_ID_VNDR, len);

	p->initial[at + VIRTIO_PCI_CAP_LEN] = (u8)len;
	p->initial[at + VIRTIO_PCI_CAP_CFG_TYPE] = part->type;
	p->initial[at + VIRTIO_PCI_CAP_BAR] = part->len ? VIRTIO_BAR_MODERN : 0;
	pci_put32(p->initial, at + VIRTIO_PCI_CAP_OFFSET, part->at);
	pci_put32(p->initial, at + VIRTIO_PCI_CAP_LENGTH, part->len);
	if (part->type == VIRTIO_PCI_CAP_NOTIFY_CFG)
		pci_put32(p->initial, at + VIRTIO_PCI_NOTIFY_CAP_MULT, NOTIFY_STEP);
}

/* The last capability is a window: the driver names a BAR, an offset and a length in it. */
static void window_init(struct pci_dev *p)
{
	p->writable[p->last_cap + VIRTIO_PCI_CAP_BAR] = 0xff;
	memset(p->writable + p->last_cap + VIRTIO_PCI_CAP_OFFSET, 0xff,
	       sizeof(struct virtio_pci_cfg_cap) - VIRTIO_PCI_CAP_OFFSET);
}

/* Does an access of [off, off+size) to config space use the window? Then where it leads. */
static bool window_open(const struct pci_dev *p, unsigned off, unsigned size, u8 *bar, u32 *at,
			unsigned *len)
{
	unsigned cap = p->last_cap;

	*bar = p->config[cap + VIRTIO_PCI_CAP_BAR];
	*at = pci_get32(p->config, cap + VIRTIO_PCI_CAP_OFFSET);
	*len = pci_get32(p->config, cap + VIRTIO_PCI_CAP_LENGTH);
	return off < cap + CFG_CAP_DATA + 4 && off + size > cap + CFG_CAP_DATA &&
	       *bar < PCI_BARS && (*len == 1 || *len == 2 || *len == 4) && !(*at % *len) &&
	       *at < p->bar[*bar].size;
}

static void config_reading(struct pci_dev *p, unsigned off, unsigned size)
{
	struct virtio *v = container_of(p, struct virtio, pci);
	unsigned len;
	u32 at;
	u8 bar;

	if (window_open(p, off, size, &bar, &at, &len))
		pci_put32(p->config, p->last_cap + CFG_CAP_DATA,
			  (u32)virtio_read(v->dev, bar, at, len));
}

static void config_written(struct pci_dev *p, unsigned off, unsigned size)
{
	struct virtio *v = container_of(p, struct virtio, pci);
	unsigned len;
	u32 at, val;
	u8 bar;

	pci_msix_config_written(p, &v->msix, off, size);
	if (!window_open(p, off, size, &bar, &at, &len))
		return;
	val = pci_get32(p->config, p->last_cap + CFG_CAP_DATA);
	virtio_write(v->dev, bar, at, len, len == 4 ? val : val & ((1u << len * 8) - 1));
}

void virtio_pci_init(struct virtio *v)
{
	const struct virtio_ops *ops = v->ops;
	struct pci_dev *p = &v->pci;

	p->dev = v->dev;
	p->config_reading = config_reading;
	p->config_written = config_written;
	pci_put16(p->initial, PCI_VENDOR_ID, VENDOR);
	pci_put16(p->initial, PCI_DEVICE_ID, device_id(ops));
	pci_put32(p->initial, PCI_CLASS_REVISION, ops->pci_class << 8 | !ops->legacy);
	pci_put16(p->initial, PCI_SUBSYSTEM_VENDOR_ID, VENDOR);
	pci_put16(p->initial, PCI_SUBSYSTEM_ID, ops->id); /* how an old driver knows its device */
	p->initial[PCI_INTERRUPT_PIN] = 1;
	if (ops->legacy)
		p->bar[VIRTIO_BAR_LEGACY] = (struct pci_bar){ .size = VIRTIO_LEGACY_SIZE, .io = true };
	p->bar[VIRTIO_BAR_MODERN] = (struct pci_bar){ .size = AT_END };
	pci_msix_init(p, &v->msix, VIRTIO_BAR_MSIX, v->nqueues + 1u);
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		add_part(p, &parts[i]);
	window_init(p);
}

static u32 half(u64 val, u32 select)
{
	return select == 0 ? (u32)val : select == 1 ? (u32)(val >> 32) : 0;
}

/* The registers as they read now. */
static void common_show(const struct virtio *v, struct virtio_pci_common_cfg *c)
{
	const struct virtq *q = v->queue_select < v->nqueues ? &v->queue[v->queue_select] : NULL;

	*c = (struct virtio_pci_common_cfg){
		.device_feature_select = v->feature_select,
		.device_feature = half(v->offer, v->feature_select),
		.guest_feature_select = v->driver_select,
		.guest_feature = half(v->features, v->driver_select),
		.msix_config = v->config_vector,
		.num_queues = v->nqueues,
		.device_status = virtio_status_read(v),
		.config_generation = v->config_generation,
		.queue_select = v->queue_select,
	};
	if (!q)
		return;
	c->queue_size = q->size;
	c->queue_msix_vector = q->vector;
	c->queue_enable = q->enabled;
	c->queue_notify_off = q->index;
	c->queue_desc_lo = (u32)q->desc;
	c->queue_desc_hi = (u32)(q->desc >> 32);
	c->queue_avail_lo = (u32)q->driver;
	c->queue_avail_hi = (u32)(q->driver >> 32);
	c->queue_used_lo = (u32)q->device;
	c->queue_used_hi = (u32)(q->device >> 32);
}

static u64 common_read(const struct virtio *v, u64 off, unsigned size)
{
	struct virtio_pci_common_cfg c;
	u64 val = 0;

	common_show(v, &c);
	if (off + size <= sizeof(c))
		memcpy(&val, (u8 *)&c + off, size);
	return val;
}

static void features_write(struct virtio *v, u32 val)
{
	u64 mask = v->driver_select ? 0xffffffffull << 32 : 0xffffffff;
	u64 all = v->driver_select ? (u64)val << 32 : val;

	if (v->driver_select < 2 && !(v->status & VIRTIO_CONFIG_S_FEATURES_OK))
		v->features = ((v->features & ~mask) | all) & v->offer;
}

static u16 vector_of(const struct virtio *v, u32 val)
{
	return val < v->msix.n ? (u16)val : VIRTIO_MSI_NO_VECTOR;
}

static void half_write(u64 *reg, unsigned shift, u32 val)
{
	*reg = (*reg & ~(0xffffffffull << shift)) | (u64)val << shift;
}

/* A packed ring may have any size. */
static void size_write(struct virtq *q, u32 val)
{
	bool fine = virtio_has(q->v, VIRTIO_F_RING_PACKED) || !(val & (val - 1));

	if (val && val <= q->v->ops->queue_size && fine)
		q->size = (u16)val;
}

/* A queue's registers stand still once it is enabled. 4.1.4.3.2. */
static void queue_write(struct virtio *v, u64 off, u32 val)
{
	struct virtq *q = v->queue_select < v->nqueues ? &v->queue[v->queue_select] : NULL;

	if (!q)
		return;
	if (off == VIRTIO_PCI_COMMON_Q_MSIX)
		q->vector = vector_of(v, val);
	if (q->enabled)
		return;
	switch (off) {
	case VIRTIO_PCI_COMMON_Q_SIZE: size_write(q, val); break;
	case VIRTIO_PCI_COMMON_Q_DESCLO: half_write(&q->desc, 0, val); break;
	case VIRTIO_PCI_COMMON_Q_DESCHI: half_write(&q->desc, 32, val); break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO: half_write(&q->driver, 0, val); break;
	case VIRTIO_PCI_COMMON_Q_AVAILHI: half_write(&q->driver, 32, val); break;
	case VIRTIO_PCI_COMMON_Q_USEDLO: half_write(&q->device, 0, val); break;
	case VIRTIO_PCI_COMMON_Q_USEDHI: half_write(&q->device, 32, val); break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		q->enabled = val == 1;
		vq_enable(q);
		break;
	}
}

static void common_write(struct virtio *v, u64 off, u32 val)
{
	switch (off) {
	case VIRTIO_PCI_COMMON_DFSELECT: v->feature_select = val; break;
	case VIRTIO_PCI_COMMON_GFSELECT: v->driver_select = val; break;
	case VIRTIO_PCI_COMMON_GF: features_write(v, val); break;
	case VIRTIO_PCI_COMMON_MSIX: v->config_vector = vector_of(v, (u16)val); break;
	case VIRTIO_PCI_COMMON_STATUS: virtio_status_write(v, (u8)val); break;
	case VIRTIO_PCI_COMMON_Q_SELECT: v->queue_select = (u16)val; break;
	default: queue_write(v, off, val); break;
	}
}

static u64 modern_read(struct virtio *v, u64 off, unsigned size)
{
	if (off < AT_ISR)
		return common_read(v, off, size);
	if (off < AT_DEVICE)
		return off == AT_ISR ? virtio_isr_read(v) : 0;
	return off < AT_NOTIFY ? virtio_config_read(v, off - AT_DEVICE, size) : 0;
}

static void modern_write(struct virtio *v, u64 off, unsigned size, u64 val)
{
	if (off >= AT_NOTIFY) {
		virtio_notify(v, (off - AT_NOTIFY) / NOTIFY_STEP);
	} else if (off >= AT_DEVICE) {
		virtio_config_write(v, off - AT_DEVICE, size, val);
	} else if (off < AT_ISR) {
		common_write(v, off, (u32)val);
		if (size == 8)
			common_write(v, off + 4, (u32)(val >> 32));
	}
}

/*D:1300 The registers of a virtio device
 * A driver finds them by capabilities in configuration space: features, status and queue addresses
 * in one part, a place to notify each queue, the interrupt's cause, and what the kind of device
 * itself has to tell. An old driver looks at ports instead, where there is less of everything.
 * @test virtio_negotiates
 */
u64 virtio_read(struct dev *d, unsigned bar, u64 offset, unsigned size)
{
	struct virtio *v = d->state;

	switch (bar) {
	case VIRTIO_BAR_LEGACY: return virtio_legacy_read(v, offset, size);
	case VIRTIO_BAR_MSIX: return pci_msix_read(&v->msix, offset, size);
	case VIRTIO_BAR_MODERN: return modern_read(v, offset, size);
	}
	return UINT64_MAX;
}

void virtio_write(struct dev *d, unsigned bar, u64 offset, unsigned size, u64 val)
{
	struct virtio *v = d->state;

	switch (bar) {
	case VIRTIO_BAR_LEGACY: virtio_legacy_write(v, offset, size, val); break;
	case VIRTIO_BAR_MSIX: pci_msix_write(&v->pci, &v->msix, offset, size, val); break;
	case VIRTIO_BAR_MODERN: modern_write(v, offset, size, val); break;
	}
}
