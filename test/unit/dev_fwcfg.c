/* dev_fwcfg.c - tests of what firmware asks. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#include <endian.h>
#include <string.h>

#include "dev_kit.h"
#include "mem/mem.h"

struct machine {
	struct mem *mem;
	struct dev d;
};

static struct machine machine_new(void)
{
	struct machine m;
	struct err e;

	assert_int_equal(mem_new(MIB(1), &m.mem, &e), 0);
	m.d = kit_dev(&fwcfg_ops, NULL, 0);
	assert_int_equal(fwcfg_wire(&m.d, m.mem, &e), 0);
	m.d.ops->reset(&m.d);
	return m;
}

static void machine_free(struct machine *m)
{
	fwcfg_fini(&m->d);
	dev_fini(&m->d);
	mem_free(m->mem);
}

static void item_select(struct machine *m, u16 key) { dev_write(&m->d, DEV_PIO, 0x510, 2, key); }

static void item_read(struct machine *m, void *to, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		((u8 *)to)[i] = in8(&m->d, 0x511);
}

static void fwcfg_lists_files(void **unused)
{
	struct machine m = machine_new();
	struct { u32 len; u16 key, none; char name[56]; } file[2];
	char text[8] = "";
	struct err e;
	u32 n;

	(void)unused;
	assert_int_equal(fwcfg_add_file(&m.d, "etc/a", "12345", 5, &e), 0);
	assert_int_equal(fwcfg_add_file(&m.d, "etc/b", "", 0, &e), 0);
	item_select(&m, 0x19);
	item_read(&m, &n, 4);
	assert_int_equal(be32toh(n), 2);
	item_read(&m, file, sizeof(file));
	assert_string_equal(file[0].name, "etc/a");
	assert_string_equal(file[1].name, "etc/b");
	assert_int_equal(be32toh(file[0].len), 5);
	assert_int_equal(file[1].len, 0);
	item_select(&m, be16toh(file[0].key));
	item_read(&m, text, 7); /* zeroes behind the end */
	assert_memory_equal(text, "12345\0\0", 7);
	item_select(&m, 0);
	item_read(&m, text, 4);
	assert_memory_equal(text, "QEMU", 4);
	machine_free(&m);
}

static u32 dma(struct machine *m, u32 control, u32 len, u64 to)
{
	struct { u32 control, len; u64 at; } d = { htobe32(control), htobe32(len), htobe64(to) };

	assert_int_equal(mem_write(m->mem, GPA(0x1000), sizeof(d), &d), 0);
	dev_write(&m->d, DEV_PIO, 0x514, 4, 0);
	dev_write(&m->d, DEV_PIO, 0x518, 4, htobe32(0x1000));
	assert_int_equal(mem_read(m->mem, GPA(0x1000), sizeof(d), &d), 0);
	return be32toh(d.control);
}

static void fwcfg_copies_by_dma(void **unused)
{
	struct machine m = machine_new();
	u8 buf[8];
	struct err e;

	(void)unused;
	assert_int_equal(dev_read(&m.d, DEV_PIO, 0x514, 4), htobe32(0x51454d55));
	assert_int_equal(fwcfg_add(&m.d, 5, "abcdef", 6, &e), 0);
	assert_int_equal(dma(&m, 5 << 16 | 8 | 4, 2, 0), 0); /* select and skip */
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(mem_write(m.mem, GPA(0x2000), 8, buf), 0);
	assert_int_equal(dma(&m, 2, 7, 0x2000), 0);
	assert_int_equal(mem_read(m.mem, GPA(0x2000), 8, buf), 0);
	assert_memory_equal(buf, "cdef\0\0\0\xff", 8);
	assert_int_equal(dma(&m, 5 << 16 | 8 | 2, 1, MIB(1)), 1); /* no memory there */
	assert_int_equal(dma(&m, 5 << 16 | 8 | 2, 0xffffffff, 0x2000), 1);
	assert_int_equal(dma(&m, 5 << 16 | 8 | 16, 1, 0x2000), 1); /* nothing is writable */
	machine_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fwcfg_lists_files),
		cmocka_unit_test(fwcfg_copies_by_dma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
