/* virtio_blk.c - a disk for the guest. What it stands on is src/disk's. Source: virtio 1.2, 5.2. */
#include <linux/virtio_blk.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk/disk.h"
#include "dev/dev.h"

#define BLK_QUEUES 8
#define BLK_QUEUE_SIZE 256
#define BLK_DISCARD_MAX (GIB(1) / DISK_SECTOR) /* sectors of one request */

struct blk {
	struct virtio virtio;
	struct disk *disk;
	struct virtio_blk_config config;
};

/* A request under way. */
struct job {
	struct disk_req r;
	struct blk *b;
	struct vq_chain *c;
	struct iovec *last; /* has the status byte at its end */
	u32 type;
};

static const struct dev_field blk_fields[] = { VIRTIO_FIELDS(blk), { 0 } };

static u8 status_of(int rc)
{
	return !rc ? VIRTIO_BLK_S_OK : rc == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

static void job_end(struct job *j, int rc)
{
	j->last->iov_len++;
	((u8 *)j->last->iov_base)[j->last->iov_len - 1] = status_of(rc);
	vq_push(j->c, (u32)j->c->wlen);
	free(j);
}

/* A driver that knows no flush has to find its writes on stable storage when they are done. */
static bool wants_flush(const struct job *j, int rc)
{
	return !rc && j->r.op != DISK_READ && j->r.op != DISK_FLUSH &&
	       !virtio_has(&j->b->virtio, VIRTIO_BLK_F_FLUSH);
}

static int job_submit(struct job *j)
{
	struct blk *b = j->b;
	int rc = b->virtio.host.synchronous ? disk_wait(b->disk, &j->r) : disk_submit(b->disk, &j->r);

	if (!wants_flush(j, rc))
		return rc;
	j->r.op = DISK_FLUSH;
	return b->virtio.host.synchronous ? disk_wait(b->disk, &j->r) : disk_submit(b->disk, &j->r);
}

/* The disk's thread. */
static void job_done(struct disk_req *r, int rc)
{
	struct job *j = container_of(r, struct job, r);
	struct virtio *v = &j->b->virtio;
	struct virtq *q = j->c->q;

	if (wants_flush(j, rc)) {
		r->op = DISK_FLUSH;
		rc = disk_submit(j->b->disk, r);
		if (rc == -EINPROGRESS)
			return;
	}
	virtio_lock(v);
	job_end(j, rc);
	vq_signal(q);
	virtio_unlock(v);
}

/* Discard and write zeroes name their range in the data; one range is all we offer. 5.2.6. */
static int range_job(struct job *j)
{
	struct virtio_blk_discard_write_zeroes seg;
	u32 allowed = j->type == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;

	if (j->c->rlen != sizeof(struct virtio_blk_outhdr) + sizeof(seg))
		return -EINVAL;
	vq_read(j->c, sizeof(struct virtio_blk_outhdr), &seg, sizeof(seg));
	if (seg.flags & ~allowed)
		return -EOPNOTSUPP;
	if (seg.num_sectors > BLK_DISCARD_MAX || seg.sector >> 54)
		return -EINVAL;
	j->r.op = j->type == VIRTIO_BLK_T_DISCARD ? DISK_DISCARD : DISK_ZERO;
	j->r.at = seg.sector * DISK_SECTOR;
	j->r.len = (u64)seg.num_sectors * DISK_SECTOR;
	return job_submit(j);
}

static int id_job(struct job *j)
{
	char id[VIRTIO_BLK_ID_BYTES] = { 0 };
	const char *serial = disk_serial(j->b->disk);

	memcpy(id, serial, strnlen(serial, sizeof(id)));
	vq_write(j->c, 0, id, sizeof(id));
	return 0;
}

/* The writable buffers without the status are what is read into. */
static int read_job(struct job *j, u64 sector)
{
	j->r.op = DISK_READ;
	j->r.iov = j->c->iov + j->c->nr;
	j->r.niov = j->c->nw - !j->last->iov_len;
	j->r.at = sector * DISK_SECTOR;
	j->r.len = j->c->wlen - 1;
	return job_submit(j);
}

/* The readable buffers behind the header are what is written. */
static int write_job(struct job *j, u64 sector)
{
	struct iovec *iov = j->c->iov, *end = iov + j->c->nr;
	size_t skip = sizeof(struct virtio_blk_outhdr);

	while (iov < end && skip >= iov->iov_len)
		skip -= iov++->iov_len;
	if (iov < end) {
		iov->iov_base = (u8 *)iov->iov_base + skip;
		iov->iov_len -= skip;
	}
	j->r.op = DISK_WRITE;
	j->r.iov = iov;
	j->r.niov = (unsigned)(end - iov);
	j->r.at = sector * DISK_SECTOR;
	j->r.len = j->c->rlen - sizeof(struct virtio_blk_outhdr);
	return job_submit(j);
}

static int job_begin(struct job *j, u64 sector)
{
	if (sector >> 54)
		return -EINVAL;
	switch (j->type) {
	case VIRTIO_BLK_T_IN:
		return read_job(j, sector);
	case VIRTIO_BLK_T_OUT:
		return write_job(j, sector);
	case VIRTIO_BLK_T_FLUSH:
		j->r.op = DISK_FLUSH;
		return job_submit(j);
	case VIRTIO_BLK_T_GET_ID:
		return id_job(j);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return range_job(j);
	}
	return -EOPNOTSUPP;
}

/*D:1330 A disk request
 * Sixteen bytes say what is wanted and where, data follows, and the last byte is where the device
 * says how it went. Data is never copied here: the disk reads and writes the guest's memory itself.
 * @test blk_reads_and_writes
 */
static void serve(struct blk *b, struct vq_chain *c)
{
	struct virtio_blk_outhdr h;
	struct job *j = malloc(sizeof(*j));
	int rc;

	if (!j || !c->wlen || vq_read(c, 0, &h, sizeof(h)) != sizeof(h)) {
		if (c->wlen && c->rlen >= sizeof(h))
			vq_write(c, c->wlen - 1, &(u8){ VIRTIO_BLK_S_IOERR }, 1);
		else
			virtio_broken(&b->virtio, "a disk request without header or status");
		vq_push(c, c->wlen ? (u32)c->wlen : 0);
		free(j);
		return;
	}
	*j = (struct job){ .r.done = job_done, .b = b, .c = c, .type = h.type };
	j->last = &c->iov[c->nr + c->nw - 1];
	j->last->iov_len--;
	rc = job_begin(j, h.sector);
	if (rc != -EINPROGRESS)
		job_end(j, rc);
}

static void blk_notify(struct virtio *v, unsigned queue)
{
	struct virtq *q = &v->queue[queue];
	struct vq_chain *c;

	while ((c = vq_pop(q)))
		serve((struct blk *)v, c);
	vq_signal(q);
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_BLOCK,
	.pci_class = 0x010000,
	.legacy = true,
	.queue_size = BLK_QUEUE_SIZE,
	.notify = blk_notify,
};

/* For the few who still ask: 16 heads of 63 sectors, as most BIOSes had it. */
static void fill_geometry(struct virtio_blk_config *c)
{
	u64 cylinders = c->capacity / (16 * 63);

	c->geometry.cylinders = cylinders < 16383 ? (u16)cylinders : 16383;
	c->geometry.heads = 16;
	c->geometry.sectors = 63;
}

static u64 fill_config(struct blk *b, unsigned nqueues)
{
	struct virtio_blk_config *c = &b->config;
	u64 f = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_GEOMETRY |
		1ull << VIRTIO_BLK_F_BLK_SIZE | 1ull << VIRTIO_BLK_F_TOPOLOGY |
		1ull << VIRTIO_BLK_F_FLUSH | 1ull << VIRTIO_BLK_F_WRITE_ZEROES;

	c->capacity = disk_size(b->disk) / DISK_SECTOR;
	c->seg_max = BLK_QUEUE_SIZE - 2;
	c->blk_size = DISK_SECTOR;
	c->physical_block_exp = 3; /* pages of 4 KiB are what the host moves */
	c->min_io_size = 8;
	c->num_queues = (u16)nqueues;
	c->max_write_zeroes_sectors = c->max_discard_sectors = BLK_DISCARD_MAX;
	c->max_write_zeroes_seg = c->max_discard_seg = 1;
	c->discard_sector_alignment = 8;
	c->write_zeroes_may_unmap = 1;
	fill_geometry(c);
	if (nqueues > 1)
		f |= 1ull << VIRTIO_BLK_F_MQ;
	if (disk_flags(b->disk) & DISK_CAN_DISCARD)
		f |= 1ull << VIRTIO_BLK_F_DISCARD;
	if (disk_flags(b->disk) & DISK_READONLY)
		f |= 1ull << VIRTIO_BLK_F_RO;
	return f;
}

void virtio_blk_wire(struct dev *d, const struct virtio_host *h, struct disk *disk, unsigned ncpus)
{
	unsigned nqueues = ncpus < BLK_QUEUES ? ncpus : BLK_QUEUES;
	struct blk *b = d->state;

	b->disk = disk;
	virtio_wire(d, h, &(struct virtio_setup){
		.ops = &ops, .nqueues = nqueues, .features = fill_config(b, nqueues),
		.config = &b->config, .config_len = sizeof(b->config),
	});
}

const struct dev_ops virtio_blk_ops = VIRTIO_DEV_OPS("virtio-blk", "a disk", blk, blk_fields);
