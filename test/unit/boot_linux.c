/* boot_linux.c - bzImage and vmlinux by the 64-bit protocol: placement, relocations, zero page.
 * @links src/vm/boot*.c src/vm/boot_bind.S src/elf src/mem src/base/err.c src/base/log.c */
#include "boot_kit.h"

#include <zlib.h>

static int no_cache(void **unused)
{
	(void)unused;
	setenv("XDG_CACHE_HOME", "/dev/null", 1);
	return 0;
}

static struct bytes gzip(const struct bytes *in)
{
	struct bytes out = { 0 };
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	bytes_at(&out, 0, deflateBound(&z, in->len));
	z.next_in = in->data, z.avail_in = (uInt)in->len;
	z.next_out = out.data, z.avail_out = (uInt)out.len;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out.len = z.total_out;
	deflateEnd(&z);
	return out;
}

static struct bytes bzimage_of(bool relocs)
{
	struct bytes vmlinux = linux_make(relocs), packed = gzip(&vmlinux);
	struct bytes file = bzimage_make(&packed);

	bytes_free(&vmlinux);
	bytes_free(&packed);
	return file;
}

static u64 value_at(struct kit *k, u64 at, unsigned size)
{
	u64 v = 0;

	memcpy(&v, kit_at(k, at, size), size);
	return v;
}

static struct boot_params *zero_page(struct kit *k)
{
	return kit_at(k, k->v.gpr[RSI], sizeof(struct boot_params));
}

/* Follow the page tables by hand: every byte of [at, at+len) is mapped to itself. */
static void assert_mapped(struct kit *k, u64 at, u64 len)
{
	u64 pml4 = value_at(k, k->v.cr3, 8), pdpt, pd;

	for (u64 a = at & ~(MIB(2) - 1); a < at + len; a += MIB(2)) {
		assert_int_equal(pml4 & 0xfff, PTE_P | PTE_W);
		pdpt = value_at(k, (pml4 & ~0xfffull) + (a >> 30) * 8, 8);
		assert_int_equal(pdpt & 0xfff, PTE_P | PTE_W);
		pd = value_at(k, (pdpt & ~0xfffull) + (a >> 21 & 511) * 8, 8);
		assert_int_equal(pd, a | PTE_P | PTE_W | PTE_PS);
	}
}

static void bzimage_boots_unpacked(void **unused)
{
	struct bytes file = bzimage_of(true);
	struct kit *k = kit_new(MIB(64));

	(void)unused;
	k->c.cmdline = "nokaslr";
	assert_int_equal(kit_load(k, &file), 0);
	assert_string_equal(k->report.protocol, "Linux 64-bit");
	assert_int_equal(k->v.rip, LINUX_AT + 0x10);
	assert_int_equal(k->report.entry.at, k->v.rip);
	assert_int_equal(k->v.efer, EFER_LME | EFER_LMA);
	assert_int_equal(value_at(k, LINUX_AT + RELOC_64, 8), linux_value(RELOC_64, 8));
	assert_int_equal(value_at(k, LINUX_AT + 0x2000, 4), linux_value(0, 4));
	assert_int_equal(zero_page(k)->hdr.loadflags & KASLR_FLAG, 0);
	assert_mapped(k, LINUX_AT, LINUX_LEN);
	assert_mapped(k, 0, GIB(4));
	assert_int_equal(value_at(k, k->v.gdt.base + 0x10, 8), 0x00af9b000000ffff);
	assert_int_equal(value_at(k, k->v.gdt.base + 0x18, 8), 0x00cf93000000ffff);
	kit_free(k);
	bytes_free(&file);
}

static void linux_kaslr_moves_kernel(void **unused)
{
	struct bytes file = bzimage_of(true);
	u64 places[8], offsets[8], base, delta;
	bool moved = false;

	(void)unused;
	for (u64 seed = 0; seed < 8; seed++) {
		struct kit *k = kit_new(MIB(256));

		k->c.random_seed = seed;
		assert_int_equal(kit_load(k, &file), 0);
		base = k->v.rip - 0x10;
		delta = value_at(k, base + RELOC_64, 8) - linux_value(RELOC_64, 8);
		assert_true(base >= LINUX_AT && base + LINUX_LEN <= MIB(256));
		assert_int_equal(base % MIB(2), 0);
		assert_int_equal(delta % MIB(2), 0);
		assert_true(LINUX_AT + delta + LINUX_LEN <= GIB(1));
		assert_int_equal(value_at(k, base + RELOC_32, 4),
				 (u32)(linux_value(RELOC_32, 4) + delta));
		assert_int_equal(value_at(k, base + RELOC_INVERSE, 4),
				 (u32)(linux_value(RELOC_INVERSE, 4) - delta));
		assert_int_equal(zero_page(k)->hdr.loadflags & KASLR_FLAG, KASLR_FLAG);
		places[seed] = base, offsets[seed] = delta;
		moved |= places[seed] != places[0] && offsets[seed] != offsets[0];
		kit_free(k);
	}
	assert_true(moved);
	bytes_free(&file);
}

static void linux_kaslr_respects_limits(void **unused)
{
	struct bytes file = bzimage_of(true);

	(void)unused;
	for (u64 seed = 0; seed < 16; seed++) {
		struct kit *k = kit_new(MIB(256));

		k->c.random_seed = seed;
		k->c.cmdline = seed & 1 ? "mem=32M" : "memmap=1M$64M";
		assert_int_equal(kit_load(k, &file), 0);
		assert_true(seed & 1 ? k->v.rip < MIB(32) : k->v.rip == LINUX_AT + 0x10);
		kit_free(k);
	}
	bytes_free(&file);
}

/* The table's form since Linux 6.15, without the inverse list. */
static void relocs_move_each_kind(void **unused)
{
	const u32 old[] = { 0, 0x81000000, 0x81000008, 0, 0x81000010, 0, 0x81000014, 0x81000018 };
	const u32 new[] = { 0, 0x81000000, 0x81000008, 0, 0x81000014, 0x81000018 };
	u32 image[8];
	struct err e;

	(void)unused;
	assert_true(boot_relocs_is((const u8 *)old, sizeof(old)));
	assert_int_equal(boot_relocs_check((const u8 *)old, sizeof(old), MIB(16), MIB(16) + 32,
					   &e), 0);
	memset(image, 0, sizeof(image));
	image[1] = 7;
	boot_relocs_apply((const u8 *)old, sizeof(old), MIB(16), (u8 *)image, 0x1000000);
	assert_int_equal(image[0], 0x1000000);
	assert_int_equal(image[1], 7);
	assert_int_equal(image[2], 0x1000000);
	assert_int_equal(image[4], (u32)-0x1000000);
	assert_int_equal(image[5], 0x1000000);
	assert_int_equal(image[6], 0x1000000);
	assert_int_equal(image[7], 0);
	assert_true(boot_relocs_is((const u8 *)new, sizeof(new)));
	memset(image, 0, sizeof(image));
	boot_relocs_apply((const u8 *)new, sizeof(new), MIB(16), (u8 *)image, 0x1000000);
	assert_int_equal(image[4], 0);
	assert_int_equal(image[5], 0x1000000);
}

static void relocs_outside_are_refused(void **unused)
{
	static const u32 bad[] = { 0x80ffffff, 0x8100001d, 0x7fffffff, 0xffffffff, 1, 0x80000000 };
	u32 table[] = { 0, 0x81000000, 0, 0x81000000 };
	struct err e;

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		table[3] = bad[i];
		assert_int_equal(boot_relocs_check((u8 *)table, sizeof(table), MIB(16),
						   MIB(16) + 32, &e), -ENOEXEC);
	}
	table[3] = 0x8100001c;
	assert_int_equal(boot_relocs_check((u8 *)table, sizeof(table), MIB(16), MIB(16) + 32, &e),
			 0);
	table[1] = 0x8100001c; /* eight bytes do not fit there */
	assert_int_equal(boot_relocs_check((u8 *)table, sizeof(table), MIB(16), MIB(16) + 32, &e),
			 -ENOEXEC);
	assert_false(boot_relocs_is((u8 *)table, sizeof(table) - 1));
	assert_false(boot_relocs_is((u8 *)table + 4, sizeof(table) - 4));
	assert_false(boot_relocs_is((u8 *)table, 0));
}

static void zero_page_fields(void **unused)
{
	struct bytes file = bzimage_of(true);
	struct kit *k = kit_new(MIB(64));
	struct boot_params *p;
	struct setup_data *d;
	u64 initrd;

	(void)unused;
	k->c.cmdline = "console=ttyS0 quiet";
	k->c.acpi_rsdp = GPA(0xe0000);
	kit_initrd(k, "one", "abcde", 5);
	kit_initrd(k, "two", "xyz", 3);
	assert_int_equal(kit_load(k, &file), 0);
	p = zero_page(k);
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_int_equal(p->hdr.header, 0x53726448);
	assert_int_equal(p->sentinel, 0);
	assert_string_equal(kit_at(k, p->hdr.cmd_line_ptr, 32), "console=ttyS0 quiet");
	assert_int_equal(p->acpi_rsdp_addr, 0xe0000);
	assert_int_equal(p->e820_entries, 4);
	assert_int_equal(p->e820_table[3].addr, MIB(1));
	assert_int_equal(p->e820_table[3].size, MIB(63));
	assert_int_equal(p->e820_table[3].type, 1);
	initrd = p->hdr.ramdisk_image;
	assert_int_equal(p->hdr.ramdisk_size, 12);
	assert_int_equal(initrd % 4096, 0);
	assert_memory_equal(kit_at(k, initrd, 12), "abcde\0\0\0xyz\0", 12);
	d = kit_at(k, p->hdr.setup_data, sizeof(*d) + 32);
	assert_int_equal(d->type, SETUP_RNG_SEED);
	assert_int_equal(d->len, 32);
	assert_int_equal(d->next, 0);
	assert_memory_not_equal(d->data, d->data + 8, 8);
	kit_free(k);
	bytes_free(&file);
}

static void linux_above_4g(void **unused)
{
	struct bytes file = bzimage_of(true);
	struct kit *k;
	bool high = false;

	(void)unused;
	for (u64 seed = 0; seed < 16; seed++) {
		k = kit_new(GIB(6));
		k->c.random_seed = seed;
		assert_int_equal(kit_load(k, &file), 0);
		assert_mapped(k, k->v.rip - 0x10, LINUX_LEN);
		high |= k->v.rip > GIB(4);
		kit_free(k);
	}
	assert_true(high);
	bytes_free(&file);
}

static void bare_vmlinux_stays_where_linked(void **unused)
{
	struct bytes file = linux_make(false);
	struct kit *k = kit_new(MIB(64));

	(void)unused;
	assert_int_equal(kit_load(k, &file), 0);
	assert_string_equal(k->report.protocol, "Linux 64-bit");
	assert_int_equal(k->v.rip, LINUX_AT + 0x10);
	assert_int_equal(zero_page(k)->hdr.header, 0x53726448);
	assert_int_equal(zero_page(k)->hdr.loadflags, LOADED_HIGH);
	kit_free(k);
	bytes_free(&file);
}

static void bzimage_we_cannot_unpack_unpacks_itself(void **unused)
{
	struct bytes payload = { 0 }, file;
	struct kit *k = kit_new(MIB(64));
	struct setup_header *h;

	(void)unused;
	bytes_put(&payload, 0, "\x89LZO\0\r\n\x1a\n and so on, somehow", 28);
	file = bzimage_make(&payload);
	assert_int_equal(kit_load(k, &file), 0);
	assert_int_equal(k->v.rip, LINUX_AT + 0x200);
	assert_memory_equal(kit_at(k, LINUX_AT, 0x400 + 28), file.data + 1024, 0x400 + 28);
	assert_mapped(k, LINUX_AT, MIB(1));
	kit_free(k);
	k = kit_new(MIB(16)); /* too small for its preferred address */
	assert_int_equal(kit_load(k, &file), 0);
	assert_int_equal(k->v.rip, MIB(2) + 0x200);
	kit_free(k);
	h = (struct setup_header *)(file.data + 0x1f1);
	h->relocatable_kernel = 0;
	k = kit_new(MIB(16));
	kit_refuses(k, &file, "too little memory");
	kit_free(k);
	bytes_free(&file);
	bytes_free(&payload);
}

/* One byte or field of a good file made bad, and what is said about it. */
static void bzimage_names_what_is_wrong(void **unused)
{
	struct bytes file = bzimage_of(true), cut;
	struct setup_header *h = (struct setup_header *)(file.data + 0x1f1), good = *h;
	struct kit *k = kit_new(MIB(64));
	char line[301];

	(void)unused;
	cut = (struct bytes){ file.data, 0x240 };
	kit_refuses(k, &cut, "ends inside its setup header");
	cut.len = 1024;
	kit_refuses(k, &cut, "ends before the kernel");
	cut.len = file.len - 1;
	kit_refuses(k, &cut, "payload of");
#define BAD(field, value, words)           \
	do {                               \
		h->field = value;          \
		kit_refuses(k, &file, words); \
		*h = good;                 \
	} while (0)
	BAD(loadflags, 0, "zImage");
	BAD(version, 0x207, "older than 2.08");
	BAD(xloadflags, 0, "32-bit Linux kernel");
	BAD(kernel_alignment, 0x300000, "power of two");
	BAD(kernel_alignment, 0, "power of two");
	BAD(payload_length, UINT32_MAX, "does not lie within");
	BAD(payload_offset, UINT32_MAX, "does not lie within");
	BAD(payload_length, 17, "claims to unpack to");
	BAD(payload_length, 8, "cannot be a kernel");
#undef BAD
	file.data[1024 + 0x400 + 30] ^= 0xff;
	kit_refuses(k, &file, "gzip payload is damaged");
	file.data[1024 + 0x400 + 30] ^= 0xff;
	memset(line, 'x', 300);
	line[300] = 0;
	k->c.cmdline = line;
	h->cmdline_size = 299;
	kit_refuses(k, &file, "has 300 bytes, this kernel takes 299");
	kit_free(k);
	bytes_free(&file);
}

static void linux_too_large_for_memory(void **unused)
{
	struct bytes file = bzimage_of(true);
	struct kit *k = kit_new(MIB(16));

	(void)unused;
	kit_refuses(k, &file, "too little memory");
	kit_free(k);
	k = kit_new(MIB(32));
	k->c.ninitrd = 1;
	k->initrd[0] = (struct boot_file){ .path = "big", .len = MIB(32), .fd = -1 };
	kit_refuses(k, &file, "initrd of 32768 KiB does not fit");
	k->initrd[0].len = UINT64_MAX - 8;
	kit_refuses(k, &file, "does not fit");
	k->c.ninitrd = 0;
	k->c.cmdline = "mem=16M";
	kit_refuses(k, &file, "too little memory");
	kit_free(k);
	bytes_free(&file);
}

static void linux_entry_outside_is_refused(void **unused)
{
	struct bytes vmlinux = linux_make(true), packed, file;
	struct kit *k = kit_new(MIB(64));

	(void)unused;
	((Elf64_Ehdr *)vmlinux.data)->e_entry = LINUX_AT + 0x1000;
	packed = gzip(&vmlinux);
	file = bzimage_make(&packed);
	kit_refuses(k, &file, "entry point");
	bytes_free(&packed);
	bytes_free(&file);
	((Elf64_Ehdr *)vmlinux.data)->e_machine = EM_AARCH64;
	packed = gzip(&vmlinux);
	file = bzimage_make(&packed);
	kit_refuses(k, &file, "arm64");
	bytes_free(&packed);
	bytes_free(&file);
	bytes_free(&vmlinux);
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bzimage_boots_unpacked),
		cmocka_unit_test(linux_kaslr_moves_kernel),
		cmocka_unit_test(linux_kaslr_respects_limits),
		cmocka_unit_test(relocs_move_each_kind),
		cmocka_unit_test(relocs_outside_are_refused),
		cmocka_unit_test(zero_page_fields),
		cmocka_unit_test(linux_above_4g),
		cmocka_unit_test(bare_vmlinux_stays_where_linked),
		cmocka_unit_test(bzimage_we_cannot_unpack_unpacks_itself),
		cmocka_unit_test(bzimage_names_what_is_wrong),
		cmocka_unit_test(linux_too_large_for_memory),
		cmocka_unit_test(linux_entry_outside_is_refused),
	};

	return cmocka_run_group_tests(tests, no_cache, NULL);
}
