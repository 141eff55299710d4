/* bios.c - tests of where a BIOS is put, and what is none. */
/* @links src/base src/mem src/elf src/vm/bios.c src/vm/boot_file.c */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vm/bios.h"

/* A file of len bytes, each its page's number, with a jump where a processor starts. */
static const char *rom_file(u32 len, u8 first)
{
	static char path[32];
	int fd = memfd_create("rom", 0);
	u8 page[4096];

	assert_true(fd >= 0);
	for (u32 at = 0; at < len; at += sizeof(page)) {
		memset(page, (int)(at / sizeof(page)), sizeof(page));
		page[sizeof(page) - 16] = first;
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static void bios_is_at_both_places(void **unused)
{
	struct bios b;
	struct mem *m;
	struct err e;
	u8 low, high;

	(void)unused;
	assert_int_equal(mem_new(MIB(1), &m, &e), 0);
	assert_int_equal(bios_open(rom_file(KIB(256), 0xea), m, &b, &e), 0);
	assert_int_equal(bios_load(&b, m, &e), 0);
	for (u64 at = 0xe0000; at < 0x100000; at += 4096) {
		assert_int_equal(mem_read(m, GPA(at), 1, &low), 0);
		assert_int_equal(mem_read(m, GPA(at + 0xfff00000), 1, &high), 0);
		assert_int_equal(low, high);
	}
	assert_int_equal(low, 63);
	assert_int_equal(mem_write(m, GPA(0xe0000), 1, "x"), 0);   /* shadow RAM */
	assert_int_equal(mem_write(m, GPA(0xfffe0000), 1, "x"), -EFAULT);
	bios_close(&b);
	mem_free(m);
}

static void bios_refuses_what_is_none(void **unused)
{
	struct bios b;
	struct mem *m;
	struct err e;

	(void)unused;
	assert_int_equal(mem_new(MIB(1), &m, &e), 0);
	assert_int_equal(bios_open("/does/not/exist", m, &b, &e), -ENOENT);
	assert_int_equal(bios_open(rom_file(KIB(32), 0xea), m, &b, &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "at least 64 KiB"));
	assert_int_equal(bios_open(rom_file(KIB(64), 0x90), m, &b, &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "no jump"));
	assert_int_equal(bios_open(rom_file(MIB(17), 0xea), m, &b, &e), -EFBIG);
	mem_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bios_is_at_both_places),
		cmocka_unit_test(bios_refuses_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
