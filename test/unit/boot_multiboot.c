/* boot_multiboot.c - Multiboot 1 kernels of each form, and headers that lie.
 * @links src/vm/boot*.c src/vm/boot_bind.S src/elf src/mem src/base/err.c src/base/log.c */
#include "boot_kit.h"

#define MAGIC 0x1badb002u
#define AT MIB(1)

struct mb {
	u32 magic, flags, checksum, header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

static void mb_sum(struct mb *h)
{
	h->magic = MAGIC;
	h->checksum = -(MAGIC + h->flags);
}

/* An ELF kernel whose segment begins with a header. */
static struct bytes mb_elf(bool is64, u64 vaddr, u64 entry)
{
	u8 code[64] = { 0 };
	struct mb h = { .flags = 3 };
	struct seg_spec s = { vaddr, AT, sizeof(code), 0x3000, 0, code };

	mb_sum(&h);
	memcpy(code, &h, 12);
	return is64 ? elf64_make(entry, &s, 1) : elf32_make((u32)entry, &s, 1);
}

/* Info is checked by offset, so that our own structure cannot be wrong twice. */
static u32 info32(struct kit *k, u64 at)
{
	u32 v;

	memcpy(&v, kit_at(k, k->v.gpr[RBX] + at, 4), 4);
	return v;
}

static void multiboot_info(void **unused)
{
	struct bytes file = mb_elf(false, AT, AT + 0x20);
	struct kit *k = kit_new(MIB(64));
	u64 range[2];
	u32 *mods;
	u8 *map;

	(void)unused;
	k->c.cmdline = "x=1";
	kit_initrd(k, "dir/one", "abc", 3);
	kit_initrd(k, "two", "defgh", 5);
	assert_int_equal(kit_load(k, &file), 0);
	assert_string_equal(k->report.protocol, "Multiboot 1");
	assert_int_equal(k->v.rip, AT + 0x20);
	assert_int_equal(k->v.gpr[RAX], 0x2badb002);
	assert_int_equal(k->v.cr0, CR0_PE | CR0_ET);
	assert_int_equal(info32(k, 0), 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
	assert_int_equal(info32(k, 4), 639);
	assert_int_equal(info32(k, 8), 63 * 1024);
	assert_string_equal(kit_at(k, info32(k, 16), 16), "kernel x=1");
	assert_int_equal(info32(k, 20), 2);
	mods = kit_at(k, info32(k, 24), 32);
	assert_int_equal(mods[0] % 4096, 0);
	assert_true(mods[0] >= AT + 0x3000);
	assert_int_equal(mods[1] - mods[0], 3);
	assert_string_equal(kit_at(k, mods[2], 8), "dir/one");
	assert_memory_equal(kit_at(k, mods[4], 5), "defgh", 5);
	assert_int_equal(mods[5] - mods[4], 5);
	assert_int_equal(info32(k, 44), 4 * 24);
	map = kit_at(k, info32(k, 48), 4 * 24);
	assert_int_equal(*(u32 *)(map + 3 * 24), 20);
	memcpy(range, map + 3 * 24 + 4, sizeof(range));
	assert_int_equal(range[0], MIB(1));
	assert_int_equal(range[1], MIB(63));
	assert_int_equal(*(u32 *)(map + 3 * 24 + 20), 1);
	assert_string_equal(kit_at(k, info32(k, 64), 8), "pandok");
	kit_free(k);
	bytes_free(&file);
}

static void multiboot_elf64_with_virtual_entry(void **unused)
{
	struct bytes file = mb_elf(true, LINUX_MAP + AT, LINUX_MAP + AT + 0x10);
	struct kit *k = kit_new(MIB(64));

	(void)unused;
	assert_int_equal(kit_load(k, &file), 0);
	assert_int_equal(k->v.rip, AT + 0x10);
	assert_int_equal(k->v.efer, 0);
	bytes_free(&file);
	file = mb_elf(true, LINUX_MAP + AT, 0x1234);
	kit_free(k);
	k = kit_new(MIB(64));
	kit_refuses(k, &file, "no segment brings code");
	bytes_free(&file);
	kit_free(k);
}

/* A flat file with the header 0x40 bytes into it, to be loaded at AT. */
static struct bytes flat(struct mb h)
{
	struct bytes b = { 0 };

	mb_sum(&h);
	for (unsigned i = 0; i < 0x200; i++)
		*(u8 *)bytes_at(&b, i, 1) = (u8)i;
	bytes_put(&b, 0x40, &h, sizeof(h));
	return b;
}

static const struct mb good = { .flags = 1 << 16, .header_addr = AT + 0x40, .load_addr = AT,
				.load_end_addr = AT + 0x180, .bss_end_addr = AT + 0x1000,
				.entry_addr = AT + 0x80 };

static void multiboot_by_addresses(void **unused)
{
	struct bytes file = flat(good);
	struct kit *k = kit_new(MIB(4));
	struct mb h = good;

	(void)unused;
	memset(kit_at(k, AT, 0x1000), 0xcc, 0x1000);
	assert_int_equal(kit_load(k, &file), 0);
	assert_int_equal(k->v.rip, AT + 0x80);
	assert_memory_equal(kit_at(k, AT, 0x180), file.data, 0x180);
	assert_int_equal(*(u8 *)kit_at(k, AT + 0x180, 1), 0);
	assert_int_equal(*(u8 *)kit_at(k, AT + 0xfff, 1), 0);
	bytes_free(&file);
	h.load_end_addr = h.bss_end_addr = 0; /* to the end of the file */
	file = flat(h);
	assert_int_equal(kit_load(k, &file), 0);
	assert_memory_equal(kit_at(k, AT, 0x200), file.data, 0x200);
	bytes_free(&file);
	h.load_addr = AT + 0x20; /* the first 0x20 bytes are not loaded */
	file = flat(h);
	assert_int_equal(kit_load(k, &file), 0);
	assert_memory_equal(kit_at(k, AT + 0x20, 0x40), file.data + 0x20, 0x40);
	bytes_free(&file);
	kit_free(k);
}

static void multiboot_addresses_that_lie(void **unused)
{
	static const struct { size_t field; u32 value; const char *words; } bad[] = {
#define F(name) offsetof(struct mb, name)
		{ F(header_addr), AT - 1, "bytes into the file" },
		{ F(header_addr), AT + 0x44, "bytes into the file" },
		{ F(load_end_addr), AT + 0x201, "the file ends before" },
		{ F(load_end_addr), AT - 1, "the file ends before" },
		{ F(bss_end_addr), AT + 0x17f, "inside what is loaded" },
		{ F(bss_end_addr), 0xffffffff, "does not lie in the guest's RAM" },
		{ F(entry_addr), AT + 0x180, "entry point" },
		{ F(entry_addr), AT - 1, "entry point" },
		{ F(flags), 1 << 16 | 8, "features that do not exist" },
		{ F(flags), 0, "is no ELF file" },
#undef F
	};
	struct kit *k = kit_new(MIB(4));
	struct bytes file;

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mb h = good;

		memcpy((u8 *)&h + bad[i].field, &bad[i].value, 4);
		file = flat(h);
		kit_refuses(k, &file, bad[i].words);
		bytes_free(&file);
	}
	file = flat(good);
	file.len = 0x40 + 16;
	kit_refuses(k, &file, "ends inside its Multiboot header");
	bytes_free(&file);
	kit_free(k);
}

static void multiboot_module_too_large(void **unused)
{
	struct bytes file = flat(good);
	struct kit *k = kit_new(MIB(4));

	(void)unused;
	k->c.ninitrd = 1;
	k->initrd[0] = (struct boot_file){ .path = "big", .len = MIB(3), .fd = -1 };
	kit_refuses(k, &file, "'big' of 3072 KiB does not fit");
	bytes_free(&file);
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(multiboot_info),
		cmocka_unit_test(multiboot_elf64_with_virtual_entry),
		cmocka_unit_test(multiboot_by_addresses),
		cmocka_unit_test(multiboot_addresses_that_lie),
		cmocka_unit_test(multiboot_module_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
