/* virtio.h - what a virtio device is made of: a card's side and its queues. Include dev/dev.h instead.
 *
 * A kind of device is one file: a state struct whose first member is struct virtio, a virtio_ops for
 * what the device does, and a dev_ops made with VIRTIO_DEV_OPS. Rings, features, status, PCI, MSI-X
 * and the old interface are the core's (virtio.c, virtio_queue.c, virtio_split.c, virtio_packed.c,
 * virtio_pci.c, virtio_legacy.c).
 *
 * Threads: every function here and every call in virtio_ops is made with the board's lock held. A
 * device with threads of its own takes it with virtio_lock() there, and may read and write the
 * memory of a chain it has popped without the lock until it pushes the chain.
 * Source: Virtual I/O Device (VIRTIO) 1.2.
 */
#ifndef PANDOK_DEV_VIRTIO_H
#define PANDOK_DEV_VIRTIO_H

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <sys/uio.h>

#include "dev/dev.h"

struct fs;
struct mem;
struct virtio;

#define VIRTIO_QUEUES 64   /* of one device */
#define VQ_SIZE_MAX 1024u  /* entries of a ring, and descriptors of one chain */

/* What every virtio device of a machine is given. */
struct virtio_host {
	struct mem *mem;
	pthread_mutex_t *lock; /* the board's */
	bool packed;           /* offer packed rings */
	bool synchronous;      /* deterministic: a request is over before the guest goes on */
};

struct virtio_ops {
	u16 id;         /* VIRTIO_ID_ */
	u32 pci_class;  /* 24 bits: class, subclass, interface */
	bool legacy;    /* old drivers (virtio 0.9.5) may use it, too */
	u16 queue_size; /* entries offered, a power of two up to VQ_SIZE_MAX */
	void (*notify)(struct virtio *v, unsigned queue); /* there may be new chains */
	void (*started)(struct virtio *v); /* DRIVER_OK: v->features are agreed on; may be NULL */
	/* The driver wrote len bytes at off of config (already in v->config where
	 * v->config_writable has bits); may be NULL. */
	void (*config_written)(struct virtio *v, unsigned off, unsigned len);
	/*
	 * Let go: every chain that is held must be pushed (its contents do not matter any more) soon
	 * and by itself; the guest waits for that. Also called when nothing was started. May be NULL.
	 */
	void (*reset)(struct virtio *v);
};

struct virtq {
	struct virtio *v;
	u16 index;  /* of this queue */
	/* What the driver set up. */
	bool enabled;
	u16 size;
	u16 vector;  /* MSI-X; VIRTIO_MSI_NO_VECTOR */
	u64 desc, driver, device; /* guest-physical; split: table, available ring, used ring */
	/* Where we are. Split: free-running. Packed: index, and bit 15 the wrap counter. */
	u16 next_avail, next_used;
	u16 unsignalled; /* how far next_used went since the driver was last interrupted */
	/* The three areas in host memory; NULL: not in use. Made of the addresses by vq_enable(). */
	void *desc_p, *driver_p, *device_p;
};

/* A request of the driver's: readable bytes, then writable ones, checked to be RAM. */
struct vq_chain {
	struct virtq *q;
	u32 generation;    /* of the device when it was popped */
	u16 id;            /* split: head; packed: buffer id */
	u16 nslots;        /* packed: descriptors it takes in the ring */
	unsigned nr, nw;   /* iov[0..nr) is the device's to read, iov[nr..nr+nw) to write */
	u64 rlen, wlen;    /* bytes of both */
	gpa_t *at;         /* guest-physical addresses of iov[nr..] */
	struct iovec iov[];
};

struct virtio {
	struct pci_dev pci;
	struct pci_msix msix;
	struct dev *dev;
	const struct virtio_ops *ops;
	struct virtio_host host;
	void *config;          /* device configuration, little-endian: the kind's, read by the guest */
	const u8 *config_writable; /* bits the driver may change; NULL: none */
	u16 config_len;
	u16 nqueues;
	u64 offer;             /* feature bits */

	u64 features;          /* agreed on */
	u32 feature_select, driver_select; /* common configuration */
	u16 queue_select;
	u16 config_vector;
	u8 status;
	u8 isr;
	u8 config_generation;
	u32 generation;        /* a chain of an older one is void: pushing it does nothing */
	unsigned held;         /* chains popped and not pushed yet, of any generation */
	unsigned stale;        /* those of them that are void; the driver waits for them to be 0 */
	pthread_cond_t idle;   /* held became 0 */
	struct virtq queue[VIRTIO_QUEUES];
};

/* ---- making one ---- */

/* What the kind brings to virtio_wire(). */
struct virtio_setup {
	const struct virtio_ops *ops;
	unsigned nqueues;
	u64 features;      /* the kind's own; the core adds what it does for all */
	void *config;
	const u8 *config_writable;
	u16 config_len;
};

/* virtio_wire - after dev_init(), before pci_add(); d's state begins with struct virtio. */
void virtio_wire(struct dev *d, const struct virtio_host *h, const struct virtio_setup *s);
void virtio_unwire(struct dev *d); /* before dev_fini(); no chain is held */

/* virtio_drain - as a reset by the driver, and wait until no chain is held. Gives the board's lock
 * away while it waits; no vCPU runs. */
void virtio_drain(struct virtio *v);

/* For dev_ops: name, help, the state's struct, its own fields. */
#define VIRTIO_DEV_OPS(nm, hlp, type, flds) \
	{ .name = nm, .help = hlp, .state_size = sizeof(struct type), .fields = flds, \
	  .reset = virtio_reset, .read = virtio_read, .write = virtio_write }
void virtio_reset(struct dev *d);
u64 virtio_read(struct dev *d, unsigned bar, u64 offset, unsigned size);
void virtio_write(struct dev *d, unsigned bar, u64 offset, unsigned size, u64 val);

/* The core's rows in a kind's field table. */
#define VQ_FIELD(type, m, k) FIELD_EACH(type, virtio.queue, m, k)
#define VIRTIO_FIELDS(type) \
	FIELD(type, virtio.pci.config, BYTES), FIELD(type, virtio.msix.entry, U32), \
	FIELD(type, virtio.msix.pending, U64), FIELD(type, virtio.features, U64), \
	FIELD(type, virtio.feature_select, U32), FIELD(type, virtio.driver_select, U32), \
	FIELD(type, virtio.queue_select, U16), FIELD(type, virtio.config_vector, U16), \
	FIELD(type, virtio.status, U8), FIELD(type, virtio.isr, U8), \
	FIELD(type, virtio.config_generation, U8), VQ_FIELD(type, enabled, U8), \
	VQ_FIELD(type, size, U16), VQ_FIELD(type, vector, U16), VQ_FIELD(type, desc, U64), \
	VQ_FIELD(type, driver, U64), VQ_FIELD(type, device, U64), \
	VQ_FIELD(type, next_avail, U16), VQ_FIELD(type, next_used, U16), \
	VQ_FIELD(type, unsignalled, U16)

/* ---- the kinds, and how the board connects each ---- */
extern const struct dev_ops virtio_balloon_ops, virtio_blk_ops, virtio_rng_ops, virtio_net_ops,
	virtio_vsock_ops, virtio_console_ops;

struct disk;
void virtio_blk_wire(struct dev *d, const struct virtio_host *h, struct disk *disk, unsigned ncpus);
/* virtio_balloon_set - ask the guest to give up so many bytes of its memory, or take them back. */
void virtio_balloon_set(struct dev *d, u64 bytes);
void virtio_balloon_wire(struct dev *d, const struct virtio_host *h);
void virtio_rng_wire(struct dev *d, const struct virtio_host *h);
struct net;
void virtio_net_wire(struct dev *d, const struct virtio_host *h, struct net *n);
void virtio_net_unwire(struct dev *d);
void virtio_vsock_wire(struct dev *d, const struct virtio_host *h, struct net *n); /* net_open_vsock() */
void virtio_vsock_unwire(struct dev *d);

/* ---- consoles and named ports ---- */
#define VPORTS_MAX 16
#define VPORT_NAME_MAX 63

struct vport_peer { /* what is at the other end of a port */
	void *ctx;
	const char *name; /* /dev/virtio-ports/NAME in the guest, VPORT_NAME_MAX bytes; NULL: a console */
	void (*put)(void *ctx, u8 byte); /* must not block */
	bool (*full)(void *ctx);         /* put() nothing now; may be NULL */
	void (*room)(void *ctx);         /* virtio_console_in() can take bytes again; may be NULL */
};
void virtio_console_wire(struct dev *d, const struct virtio_host *h, const struct vport_peer *peer,
			 unsigned n);
/* virtio_console_in - bytes for the guest; returns how many fit. After fewer than len, room(). */
size_t virtio_console_in(struct dev *d, unsigned port, const u8 *buf, size_t len);
void virtio_console_resize(struct dev *d, u16 cols, u16 rows);

/* A shared directory; fs outlives the device. tag: what the guest mounts it by, up to 36 bytes. */
extern const struct dev_ops virtio_fs_ops;
void virtio_fs_wire(struct dev *d, const struct virtio_host *h, struct fs *fs, const char *tag);
void virtio_fs_unwire(struct dev *d); /* instead of virtio_unwire() */

/* ---- what a device may ask ---- */

static inline bool virtio_has(const struct virtio *v, unsigned feature)
{
	return v->features >> feature & 1;
}
bool virtio_running(const struct virtio *v); /* the driver is there, and did not break the rules */
void virtio_config_changed(struct virtio *v); /* v->config has new contents: tell the driver */
/* virtio_broken - the driver broke the rules: DEVICE_NEEDS_RESET; nothing is popped until it does. */
void virtio_broken(struct virtio *v, const char *how);

static inline void virtio_lock(struct virtio *v) { pthread_mutex_lock(v->host.lock); }
static inline void virtio_unlock(struct virtio *v) { pthread_mutex_unlock(v->host.lock); }

/* ---- queues ---- */

/*
 * vq_pop - the next request, NULL when there is none now (then the driver notifies when there is)
 * or the queue is not in use. Descriptors that make no sense break the device.
 * Each chain must be given to vq_push() or vq_unpop() once, on any thread, however late.
 */
struct vq_chain *vq_pop(struct virtq *q);
/* vq_unpop - as if the chain had not been popped; only the last ones popped, the last one first. */
void vq_unpop(struct vq_chain *c);
/*
 * vq_push - hand the chain back and free it.
 *   written   bytes written from the start of the writable part; they are told to mem_written()
 * A chain from before a reset is only freed. The driver learns of it with vq_signal().
 */
void vq_push(struct vq_chain *c, u32 written);
void vq_signal(struct virtq *q); /* interrupt the driver for what was pushed, if it wants that */
bool vq_more(struct virtq *q);   /* would vq_pop() find a chain? */

/* vq_read/vq_write - copy from the readable part, into the writable part; bytes copied: fewer than
 * len at its end. Any thread, no lock needed. */
size_t vq_read(const struct vq_chain *c, u64 off, void *buf, size_t len);
size_t vq_write(struct vq_chain *c, u64 off, const void *buf, size_t len);

#endif
