/* boot_zero.c - Linux's zero page, command line, initial RAM disk and random seed. */
#include "vm/boot_int.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "vm/layout.h"

#define SEED_LEN 32

_Static_assert(sizeof(struct boot_params) == 4096, "the zero page is a page");

/*B:1200 The zero page
 * Linux learns about its machine from one page that its boot loader fills: the setup header out of
 * the bzImage with the loader's answers in it, the memory map, where command line and initial RAM
 * disk are, where the ACPI tables begin. A list of further items hangs off it; we hang a random
 * seed on it, so that a guest's random numbers are good from its first millisecond.
 * @test zero_page_fields
 * Source: Linux, Documentation/arch/x86/boot.rst and zero-page.rst.
 */

/* A run of bytes made of all initrds, each padded so that the next archive starts aligned. */
static void initrd_write(const struct boot_piece *piece, u8 *host)
{
	const struct boot *b = piece->ctx;
	u64 at = 0;

	for (unsigned i = 0; i < b->c->ninitrd; i++) {
		u64 len = b->initrd[i].len, room = (len + 3) & ~3ull;

		memcpy(host + at, b->initrd[i].data, len);
		memset(host + at + len, 0, room - len);
		at += room;
	}
}

int boot_initrd(struct boot *b, const struct boot_want *want, u64 *at, u64 *len, struct err *e)
{
	struct boot_piece piece = { .len = b->initrd_len, .what = "initrd" };

	*at = *len = 0;
	if (!b->c->ninitrd)
		return 0;
	if (b->c->ninitrd == 1) {
		piece.file = &b->initrd[0];
		piece.len = b->initrd[0].len;
	} else {
		piece.write = initrd_write;
		piece.ctx = b;
	}
	if (boot_plan_place(&b->plan, want, &piece, e))
		return err_set(e, -ENOMEM, "the initrd of %llu KiB does not fit into the guest's "
			       "memory of %llu MiB", (unsigned long long)(piece.len + 1023) >> 10,
			       (unsigned long long)(b->m->ram >> 20));
	*at = piece.at;
	*len = piece.len;
	return 0;
}

int boot_linux_initrd(struct boot *b, struct boot_zero *z, struct err *e)
{
	struct boot_want want = { GUEST_PAGE_SIZE, LAYOUT_HIGH, z->initrd_max, true };

	return boot_initrd(b, &want, &z->initrd_at, &z->initrd_len, e);
}

static int seed_plan(struct boot *b, u64 *ret, struct err *e)
{
	struct setup_data *d = boot_alloc(b, sizeof(*d) + SEED_LEN);

	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	d->type = SETUP_RNG_SEED;
	d->len = SEED_LEN;
	for (unsigned i = 0; i < SEED_LEN; i += 8) {
		u64 r = boot_random(b);

		memcpy(d->data + i, &r, 8);
	}
	return boot_table(b, "random seed", d, sizeof(*d) + SEED_LEN, 16, ret, e);
}

static void e820_fill(const struct boot_map *map, struct boot_params *p)
{
	for (unsigned i = 0; i < map->n; i++)
		p->e820_table[i] = (struct boot_e820_entry){
			map->range[i].at, map->range[i].len, map->range[i].type };
	p->e820_entries = (u8)map->n;
}

/* What the file's setup header says, or what a bare vmlinux leaves us to say. */
static void header_fill(const struct boot_zero *z, struct setup_header *h)
{
	if (z->header) {
		memcpy(h, z->header, z->header_len < sizeof(*h) ? z->header_len : sizeof(*h));
	} else {
		h->boot_flag = 0xaa55;
		memcpy(&h->header, "HdrS", 4);
		h->version = 0x20c;
		h->loadflags = LOADED_HIGH;
		h->kernel_alignment = MIB(16);
		h->cmdline_size = (u32)z->cmdline_max;
	}
	h->type_of_loader = 0xff; /* a loader without a number */
	h->loadflags &= (u8)~(KASLR_FLAG | CAN_USE_HEAP);
	if (z->kaslr)
		h->loadflags |= KASLR_FLAG;
	h->vid_mode = 0xffff; /* normal */
}

static int cmdline_plan(struct boot *b, u64 max, u64 *ret, struct err *e)
{
	u64 len = strlen(b->c->cmdline);

	if (len > max)
		return err_set(e, -EINVAL, "the kernel command line has %llu bytes, this kernel "
			       "takes %llu", (unsigned long long)len, (unsigned long long)max);
	return boot_table(b, "command line", b->c->cmdline, len + 1, 16, ret, e);
}

int boot_zero_page(struct boot *b, const struct boot_zero *z, u64 *ret, struct err *e)
{
	struct boot_params *p = boot_alloc(b, sizeof(*p));
	u64 seed, cmdline;
	int rc;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	header_fill(z, &p->hdr);
	rc = cmdline_plan(b, z->cmdline_max, &cmdline, e);
	if (!rc)
		rc = seed_plan(b, &seed, e);
	if (!rc)
		rc = boot_table(b, "zero page", p, sizeof(*p), GUEST_PAGE_SIZE, ret, e);
	if (rc)
		return rc;
	p->hdr.cmd_line_ptr = (u32)cmdline;
	p->hdr.ramdisk_image = (u32)z->initrd_at;
	p->ext_ramdisk_image = (u32)(z->initrd_at >> 32);
	p->hdr.ramdisk_size = (u32)z->initrd_len;
	p->ext_ramdisk_size = (u32)(z->initrd_len >> 32);
	p->hdr.setup_data = p->hdr.version >= 0x209 ? seed : 0;
	p->acpi_rsdp_addr = b->c->acpi_rsdp.at;
	e820_fill(&b->plan.map, p);
	return 0;
}
