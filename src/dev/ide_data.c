/* ide_data.c - how an IDE drive's data goes between its disk and the guest: chunks, blocks, words.
 * Source: ATA/ATAPI-6 (T13 1410D) 9.5 to 9.8. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "dev/ide_int.h"

static void block_show(struct ide_channel *c)
{
	u32 left = c->len - c->pos, n = left < c->block ? left : c->block;

	c->phase = IDE_PIO;
	c->block_end = c->pos + n;
	c->status = ST_DRDY | ST_DSC | ST_DRQ;
	if (c->packet) {
		c->count.now = c->write ? 0 : REASON_IN;
		c->mid.now = (u8)n;
		c->high.now = (u8)(n >> 8);
	}
	if (!c->first)
		ide_interrupt(c);
	c->first = false;
}

/* buf is to be read by the guest, or filled by it. */
static void offer(struct ide_channel *c)
{
	c->pos = 0;
	if (!c->dma) {
		block_show(c);
		return;
	}
	c->phase = IDE_DMA;
	c->status = ST_DRDY | ST_DSC | ST_DRQ;
	if (c->bm_command & BM_START)
		ide_dma_go(c);
}

static void io_back(struct ide_channel *c, int rc);

static void io_done(struct disk_req *r, int rc)
{
	struct ide_channel *c = r->ctx;
	pthread_mutex_t *lock = c->ide->w.lock;

	pthread_mutex_lock(lock);
	io_back(c, rc);
	pthread_mutex_unlock(lock);
}

/* Let the disk do op with what buf holds or shall hold. */
static void io_start(struct ide_channel *c, enum disk_op op)
{
	struct disk *disk = ide_drive(c)->disk;
	int rc;

	c->phase = IDE_DISK;
	c->status = ST_BSY;
	c->io = true;
	if (c->ide->w.synchronous) {
		io_back(c, disk_io(disk, op, c->at, c->buf, c->len));
		return;
	}
	c->iov = (struct iovec){ c->buf, c->len };
	c->req = (struct disk_req){
		.op = op, .at = c->at, .len = c->len, .iov = &c->iov, .niov = 1, .done = io_done, .ctx = c,
	};
	rc = disk_submit(disk, &c->req);
	if (rc != -EINPROGRESS)
		io_back(c, rc);
}

static void next_chunk(struct ide_channel *c)
{
	c->len = c->left < IDE_CHUNK ? (u32)c->left : IDE_CHUNK;
	c->left -= c->len;
}

/*D:1500 A disk from 1986
 * A drive is eight ports. The guest writes where and how much, then a command; the drive is busy
 * until a chunk has come from the disk, then hands it over: a word at a time through the data port,
 * with an interrupt for each block, or all of it by bus mastering, to addresses from a table in the
 * guest's memory. Writing is the same in the other direction. Guest and disk never meet: between
 * them is the channel's buffer, so that a guest may reset the drive at any moment.
 * @test ide_reads_by_pio
 */
static void io_back(struct ide_channel *c, int rc)
{
	c->io = false;
	pthread_cond_broadcast(&c->ide->idle);
	if (c->reset) {
		c->reset = false;
		ide_signature(c);
	} else if (rc) {
		LOG(dev, INFO, "ide: place %llu: error %d", (unsigned long long)c->at, -rc);
		ide_fail(c, rc == -EROFS ? ER_ABRT : ER_UNC);
	} else if (!c->write && c->len) {
		c->at += c->len;
		offer(c);
	} else if (c->left) {
		c->at += c->len;
		next_chunk(c);
		offer(c);
	} else {
		ide_done(c, true);
	}
}

/* The guest has had, or given, all of buf. */
static void buf_over(struct ide_channel *c)
{
	if (c->write) {
		io_start(c, DISK_WRITE);
	} else if (c->left) {
		next_chunk(c);
		io_start(c, DISK_READ);
	} else {
		ide_done(c, c->dma || c->packet); /* a PIO read's end is its last word */
	}
}

void ide_dma_go(struct ide_channel *c)
{
	if (ide_dma_move(c)) {
		buf_over(c);
	} else {
		c->bm_status |= BM_ERROR;
		ide_fail(c, ER_ABRT);
	}
}

void ide_answer(struct ide_channel *c, u32 len)
{
	c->write = false;
	c->len = len;
	c->left = 0;
	c->first = false;
	offer(c);
}

void ide_read_disk(struct ide_channel *c, u64 at, u64 bytes)
{
	c->write = false;
	c->first = false;
	c->at = at;
	c->left = bytes;
	next_chunk(c);
	io_start(c, DISK_READ);
}

void ide_write_disk(struct ide_channel *c, u64 at, u64 bytes)
{
	c->write = c->first = true;
	c->at = at;
	c->left = bytes;
	next_chunk(c);
	offer(c);
}

void ide_flush(struct ide_channel *c)
{
	c->write = true;
	c->len = 0;
	c->left = 0;
	io_start(c, DISK_FLUSH);
}

/* The end of a block that went through the data port. */
static void block_over(struct ide_channel *c)
{
	if (c->phase == IDE_PACKET)
		atapi_command(c);
	else if (c->pos < c->len)
		block_show(c);
	else
		buf_over(c);
}

u32 ide_data_read(struct ide_channel *c, unsigned size)
{
	u32 val = 0, n = c->block_end - c->pos;

	if (c->phase != IDE_PIO || c->write)
		return UINT32_MAX;
	n = n < size ? n : size;
	memcpy(&val, c->buf + c->pos, n);
	c->pos += n;
	if (c->pos == c->block_end)
		block_over(c);
	return val;
}

void ide_data_write(struct ide_channel *c, unsigned size, u32 val)
{
	u32 n = c->block_end - c->pos;

	if (!(c->phase == IDE_PIO && c->write) && c->phase != IDE_PACKET)
		return;
	n = n < size ? n : size;
	memcpy(c->buf + c->pos, &val, n);
	c->pos += n;
	if (c->pos == c->block_end)
		block_over(c);
}
