/* blk.c - blkfront's other side: requests in a ring of the guest's, done on a disk. */
#include "xen/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* What Xen's ring macros ask for. */
#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

#include <xen/io/blkif.h>
#include <xen/io/xenbus.h>

/*H:950 A disk without a controller
 * The guest and we share one page: requests in it are overwritten by their answers, two counters on
 * each side say how far each has come. A request names frames of the guest's by grants. Each request is
 * copied out before it is looked at, for the guest may change it meanwhile.
 * @test ladder.sh
 */
#define FIRST_DEVICE 51712 /* xvda: major 202, 16 minors each */
#define SEGMENT_SECTORS (GUEST_PAGE_SIZE / DISK_SECTOR)

struct vbd {
	struct xen *x;
	struct disk *disk;
	unsigned device;
	bool connected;
	u64 ring_mfn;
	u32 port;
	struct blkif_back_ring ring;
};

struct blk {
	unsigned n;
	struct vbd vbd[26];
};

static const char *front(const struct vbd *d, const char *name, char *buf)
{
	snprintf(buf, STORE_PATH, "/local/domain/1/device/vbd/%u%s%s", d->device, *name ? "/" : "", name);
	return buf;
}

static const char *back(const struct vbd *d, const char *name, char *buf)
{
	snprintf(buf, STORE_PATH, "/local/domain/0/backend/vbd/1/%u%s%s", d->device, *name ? "/" : "",
		 name);
	return buf;
}

/* ---- requests ---- */

static int segment_io(struct vbd *d, const blkif_request_t *q, unsigned i, u64 *sector)
{
	const struct blkif_request_segment *s = &q->seg[i];
	bool reads = q->operation == BLKIF_OP_READ;
	u64 mfn = grant_frame(d->x, s->gref, reads), len;
	u8 *at;
	int rc;

	if (mfn == MFN_NONE || s->first_sect > s->last_sect || s->last_sect >= SEGMENT_SECTORS)
		return -EINVAL;
	at = frame_host(d->x, mfn) + s->first_sect * DISK_SECTOR;
	len = (s->last_sect - s->first_sect + 1u) * DISK_SECTOR;
	rc = disk_io(d->disk, reads ? DISK_READ : DISK_WRITE, *sector * DISK_SECTOR, at, len);
	if (!rc && reads)
		mem_written(d->x->mem, GPA((mfn << GUEST_PAGE_SHIFT) + s->first_sect * DISK_SECTOR), len);
	*sector += len / DISK_SECTOR;
	return rc;
}

static int request_io(struct vbd *d, const blkif_request_t *q)
{
	u64 sector = q->sector_number;
	int rc = 0;

	if (q->operation == BLKIF_OP_FLUSH_DISKCACHE || q->operation == BLKIF_OP_WRITE_BARRIER)
		rc = disk_io(d->disk, DISK_FLUSH, 0, NULL, 0);
	if (q->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST || sector > disk_size(d->disk) / DISK_SECTOR)
		return -EINVAL;
	for (unsigned i = 0; i < q->nr_segments && !rc; i++)
		rc = segment_io(d, q, i, &sector);
	return rc;
}

static i16 status_of(const blkif_request_t *q, int rc)
{
	switch (q->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
	case BLKIF_OP_WRITE_BARRIER:
	case BLKIF_OP_FLUSH_DISKCACHE:
		return rc ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
	}
	return BLKIF_RSP_EOPNOTSUPP;
}

static void answer(struct vbd *d, const blkif_request_t *q, i16 status)
{
	blkif_response_t *a = RING_GET_RESPONSE(&d->ring, d->ring.rsp_prod_pvt);

	a->id = q->id;
	a->operation = q->operation;
	a->status = status;
	d->ring.rsp_prod_pvt++;
}

static void serve(struct xen *x, void *ctx)
{
	struct vbd *d = ctx;
	blkif_request_t q;
	int more = 1, notify;
	RING_IDX prod;

	while (d->connected && more) {
		prod = d->ring.sring->req_prod;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (prod - d->ring.req_cons > RING_SIZE(&d->ring))
			return; /* it claims more requests than there is room for */
		while (d->ring.req_cons != prod) {
			memcpy(&q, RING_GET_REQUEST(&d->ring, d->ring.req_cons), sizeof(q));
			d->ring.req_cons++;
			answer(d, &q, status_of(&q, q.operation <= BLKIF_OP_FLUSH_DISKCACHE ?
						request_io(d, &q) : 0));
		}
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&d->ring, notify);
		if (notify)
			event_set(x, d->port);
		RING_FINAL_CHECK_FOR_REQUESTS(&d->ring, more);
	}
}

/* ---- connecting: each side counts its state up in xenstore ---- */

static void state_set(struct vbd *d, unsigned state)
{
	char path[STORE_PATH];

	store_set(d->x, back(d, "state", path), "%u", state);
}

static bool connect(struct vbd *d)
{
	char path[STORE_PATH];
	blkif_sring_t *shared;

	d->ring_mfn = grant_frame(d->x, (u32)store_number(d->x, front(d, "ring-ref", path)), true);
	if (d->ring_mfn == MFN_NONE)
		return false;
	d->port = (u32)store_number(d->x, front(d, "event-channel", path));
	if (!event_take_over(d->x, d->port, serve, d))
		return false;
	shared = (blkif_sring_t *)(void *)frame_host(d->x, d->ring_mfn);
	BACK_RING_INIT(&d->ring, shared, GUEST_PAGE_SIZE);
	store_set(d->x, back(d, "sectors", path), "%llu", (ull)(disk_size(d->disk) / DISK_SECTOR));
	store_set(d->x, back(d, "sector-size", path), "%u", DISK_SECTOR);
	store_set(d->x, back(d, "info", path), "%u",
		  disk_flags(d->disk) & DISK_READONLY ? VDISK_READONLY : 0);
	d->connected = true;
	state_set(d, XenbusStateConnected);
	return true;
}

static void disconnect(struct vbd *d)
{
	if (d->connected)
		event_release(d->x, d->port);
	d->connected = false;
}

static void look(struct vbd *d)
{
	char path[STORE_PATH];

	switch (store_number(d->x, front(d, "state", path))) {
	case XenbusStateInitialising:
		disconnect(d);
		state_set(d, XenbusStateInitWait);
		break;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		if (!d->connected && !connect(d))
			state_set(d, XenbusStateClosing);
		break;
	case XenbusStateClosing:
		disconnect(d);
		state_set(d, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		disconnect(d);
		state_set(d, XenbusStateClosed);
		break;
	}
}

void blk_store_changed(struct xen *x, const char *path)
{
	char state[STORE_PATH];

	for (unsigned i = 0; x->blk && i < x->blk->n; i++)
		if (!strcmp(path, front(&x->blk->vbd[i], "state", state)))
			look(&x->blk->vbd[i]);
}

static void announce(struct vbd *d, unsigned i)
{
	char path[STORE_PATH], other[STORE_PATH];
	struct xen *x = d->x;

	store_set(x, back(d, "frontend", path), "%s", front(d, "", other));
	store_set(x, back(d, "frontend-id", path), "%d", DOMID);
	store_set(x, back(d, "online", path), "1");
	store_set(x, back(d, "dev", path), "xvd%c", 'a' + i);
	store_set(x, back(d, "mode", path), disk_flags(d->disk) & DISK_READONLY ? "r" : "w");
	store_set(x, back(d, "feature-flush-cache", path), "1");
	store_set(x, back(d, "state", path), "%d", XenbusStateInitWait);
	store_set(x, front(d, "backend", path), "%s", back(d, "", other));
	store_set(x, front(d, "backend-id", path), "0");
	store_set(x, front(d, "virtual-device", path), "%u", d->device);
	store_set(x, front(d, "device-type", path), "disk");
	store_set(x, front(d, "state", path), "%d", XenbusStateInitialising);
}

int blk_new(struct xen *x, struct err *e)
{
	blk_free(x);
	x->blk = calloc(1, sizeof(*x->blk));
	if (!x->blk)
		return err_set(e, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < x->c.ndisk && i < ARRAY_SIZE(x->blk->vbd); i++) {
		x->blk->vbd[i] = (struct vbd){ .x = x, .disk = x->c.disk[i],
					       .device = FIRST_DEVICE + 16 * i };
		announce(&x->blk->vbd[i], i);
		x->blk->n++;
	}
	return 0;
}

void blk_free(struct xen *x)
{
	free(x->blk);
	x->blk = NULL;
}
