/* fwcfg.c - how firmware asks what the machine is: numbered items and named files, by port or DMA.
 * Source: QEMU docs/specs/fw_cfg.rst. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"
#include "mem/mem.h"

enum { REGION_PORTS, REGION_DMA };
enum { ITEM_SIGNATURE = 0, ITEM_ID = 1, ITEM_DIRECTORY = 0x19, ITEM_FILES = 0x20 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };
enum { ID_PORTS = 1, ID_DMA = 2 };
#define DMA_SIGNATURE 0x51454d5520434647ull /* "QEMU CFG" */
#define NAME_MAX_LEN 56

struct item {
	u8 *data;
	u32 len;
	u16 key;
	char name[NAME_MAX_LEN]; /* "": no file */
};

struct fwcfg {
	u16 selected;
	u32 at;      /* next byte of the selected item */
	u32 dma_high;
	struct mem *mem;
	struct item item[FWCFG_ITEMS];
	unsigned n;
};

/* A directory entry. Numbers are big-endian. */
struct entry {
	u32 len;
	u16 key, reserved;
	char name[NAME_MAX_LEN];
};

struct dma { /* big-endian */
	u32 control, len;
	u64 at;
};

static const struct dev_field fwcfg_fields[] = {
	FIELD(fwcfg, selected, U16), FIELD(fwcfg, at, U32), FIELD(fwcfg, dma_high, U32), { 0 }
};

static struct item *item_find(struct fwcfg *f, u16 key)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->item[i].key == key)
			return &f->item[i];
	return NULL;
}

static int item_add(struct fwcfg *f, u16 key, const char *name, const void *data, u32 len,
		    struct err *e)
{
	struct item *it = &f->item[f->n];

	BUG_ON(f->n == FWCFG_ITEMS || strlen(name) >= NAME_MAX_LEN || item_find(f, key));
	it->data = malloc(len ? len : 1);
	if (!it->data)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(it->data, data, len);
	it->len = len;
	it->key = key;
	strcpy(it->name, name);
	f->n++;
	return 0;
}

int fwcfg_add(struct dev *d, u16 key, const void *data, u32 len, struct err *e)
{
	return item_add(d->state, key, "", data, len, e);
}

/* The directory is an item, too: it is made again with each file. */
static int directory_update(struct fwcfg *f, struct err *e)
{
	struct item *dir = item_find(f, ITEM_DIRECTORY);
	u8 *data = calloc(1, 4 + FWCFG_ITEMS * sizeof(struct entry));
	struct entry *next = (struct entry *)(data + 4);
	u32 n = 0;

	if (!data)
		return err_set(e, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < f->n; i++) {
		const struct item *it = &f->item[i];

		if (!it->name[0])
			continue;
		next[n] = (struct entry){ .len = htobe32(it->len), .key = htobe16(it->key) };
		memcpy(next[n++].name, it->name, NAME_MAX_LEN);
	}
	free(dir->data);
	dir->data = data;
	dir->len = 4 + n * (u32)sizeof(struct entry);
	n = htobe32(n);
	memcpy(data, &n, sizeof(n));
	return 0;
}

int fwcfg_add_file(struct dev *d, const char *name, const void *data, u32 len, struct err *e)
{
	struct fwcfg *f = d->state;
	int rc = item_add(f, (u16)(ITEM_FILES + f->n), name, data, len, e);

	return rc ? rc : directory_update(f, e);
}

/* What is not there, and what is past an item's end, reads as zeroes. */
static void fwcfg_copy(struct fwcfg *f, u8 *to, u32 len)
{
	const struct item *it = item_find(f, f->selected);
	u32 left = it && f->at < it->len ? it->len - f->at : 0, n = len < left ? len : left;

	if (n)
		memcpy(to, it->data + f->at, n);
	memset(to + n, 0, len - n);
	f->at = len > UINT32_MAX - f->at ? UINT32_MAX : f->at + len;
}

/* Do what the guest's descriptor asks; returns what its control word becomes. */
static u32 dma_do(struct fwcfg *f, u32 control, u64 at, u32 len)
{
	u8 *to;

	if (control & DMA_SELECT) {
		f->selected = (u16)(control >> 16);
		f->at = 0;
	}
	if (control & DMA_WRITE)
		return DMA_ERROR; /* nothing here is for writing */
	if (control & DMA_READ) {
		to = mem_host_w(f->mem, GPA(at), len);
		if (!to)
			return DMA_ERROR;
		fwcfg_copy(f, to, len);
		mem_written(f->mem, GPA(at), len);
	} else if (control & DMA_SKIP) {
		f->at = len > UINT32_MAX - f->at ? UINT32_MAX : f->at + len;
	}
	return 0;
}

/*D:1400 Firmware asks
 * The BIOS is a program that knows nothing of the machine it wakes up on. It selects an item by
 * number and reads it byte by byte, or hands over the address of a descriptor and has a whole item
 * copied to memory. Item 0x19 is a directory of named files: the memory map, the ACPI tables, the
 * BIOS of the video card, the port of the serial console.
 * @test fwcfg_copies_by_dma
 */
static void dma_start(struct fwcfg *f, u64 at)
{
	struct dma dma;
	u32 control;

	if (mem_read(f->mem, GPA(at), sizeof(dma), &dma))
		return;
	control = htobe32(dma_do(f, be32toh(dma.control), be64toh(dma.at), be32toh(dma.len)));
	if (mem_write(f->mem, GPA(at), sizeof(control), &control))
		return; /* a descriptor in ROM */
}

static u64 dma_read(u64 offset, unsigned size)
{
	u64 be = htobe64(DMA_SIGNATURE);
	u64 val = 0;

	memcpy(&val, (u8 *)&be + offset, size);
	return val;
}

static u64 fwcfg_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	u8 byte = 0xff;

	if (region == REGION_DMA)
		return dma_read(offset, size);
	if (offset == 1)
		fwcfg_copy(d->state, &byte, 1);
	return byte;
}

static void fwcfg_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct fwcfg *f = d->state;

	if (region == REGION_PORTS && size == 2) {
		f->selected = (u16)val;
		f->at = 0;
	} else if (region == REGION_DMA && size == 4 && offset == 0) {
		f->dma_high = be32toh((u32)val);
	} else if (region == REGION_DMA && size == 4) {
		dma_start(f, (u64)f->dma_high << 32 | be32toh((u32)val));
		f->dma_high = 0;
	}
}

static void fwcfg_reset(struct dev *d)
{
	struct fwcfg *f = d->state;

	f->selected = 0;
	f->at = 0;
	f->dma_high = 0;
}

int fwcfg_wire(struct dev *d, struct mem *m, struct err *e)
{
	static const u32 id = ID_PORTS | ID_DMA;
	struct fwcfg *f = d->state;
	int rc;

	f->mem = m;
	rc = item_add(f, ITEM_SIGNATURE, "", "QEMU", 4, e);
	if (!rc)
		rc = item_add(f, ITEM_ID, "", &id, sizeof(id), e);
	if (!rc)
		rc = item_add(f, ITEM_DIRECTORY, "", "\0\0\0\0", 4, e);
	return rc;
}

void fwcfg_fini(struct dev *d)
{
	struct fwcfg *f = d->state;

	for (unsigned i = 0; f && i < f->n; i++)
		free(f->item[i].data);
}

const struct dev_ops fwcfg_ops = {
	.name = "fwcfg",
	.help = "what firmware asks the machine (QEMU's fw_cfg)",
	.state_size = sizeof(struct fwcfg),
	.region = {
		/* A word written at 0x510 selects; bytes are read at 0x511. */
		[REGION_PORTS] = { DEV_PIO, 1, 2, .base = 0x510, .size = 2 },
		[REGION_DMA] = { DEV_PIO, 1, 4, .base = 0x514, .size = 8 },
	},
	.fields = fwcfg_fields,
	.reset = fwcfg_reset,
	.read = fwcfg_read,
	.write = fwcfg_write,
};
