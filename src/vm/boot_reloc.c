/* boot_reloc.c - moves a Linux kernel's virtual addresses by the table appended to its vmlinux. */
#include "vm/boot_int.h"

#include <errno.h>
#include <string.h>

/* Link-time virtual address of physical 0 in every x86-64 Linux: __START_KERNEL_map. */
#define KERNEL_MAP 0xffffffff80000000ull

/*B:1100 A kernel that does not know where it is
 * With KASLR the kernel runs at a virtual address that is chosen at boot. The kernel's own
 * decompressor would patch each absolute address in it; since we decompress on the host, we patch
 * them, by the same table. It is an array of 32-bit link-time addresses, read as sign-extended,
 * in lists that each begin with a zero:
 *
 *   0, places of 64-bit values, 0, places of 32-bit values to decrease, 0, 32-bit to increase
 *
 * The list in the middle was for per-CPU data linked at address 0; kernels since Linux 6.15 have
 * only the other two.
 * @test relocs_move_each_kind
 * Source: Linux, arch/x86/boot/compressed, handle_relocations().
 */
enum list { LIST_64, LIST_INVERSE, LIST_32, LIST_N };

static u32 word(const u8 *table, u64 i)
{
	u32 v;

	memcpy(&v, table + i * 4, 4);
	return v;
}

/* How many lists the table has; it is walked from its start. */
static unsigned lists(const u8 *table, u64 len)
{
	unsigned n = 0;

	for (u64 i = 0; i < len / 4; i++)
		n += word(table, i) == 0;
	return n;
}

bool boot_relocs_is(const u8 *table, u64 len)
{
	unsigned n;

	if (len < 8 || len % 4 || word(table, 0))
		return false;
	n = lists(table, len);
	return n == 2 || n == 3;
}

/* The kind of the list after kind in a table of n lists. */
static enum list list_next(enum list kind, unsigned n)
{
	if (kind == LIST_N)
		return LIST_64;
	return kind == LIST_64 && n == 3 ? LIST_INVERSE : LIST_32;
}

int boot_relocs_check(const u8 *table, u64 len, u64 lo, u64 hi, struct err *e)
{
	unsigned n = lists(table, len);
	enum list kind = LIST_N;

	for (u64 i = 0; i < len / 4; i++) {
		u64 at = (u64)(i64)(i32)word(table, i), size;

		if (!at) {
			kind = list_next(kind, n);
			continue;
		}
		size = kind == LIST_64 ? 8 : 4;
		if (at < KERNEL_MAP || at - KERNEL_MAP < lo || hi - lo < size ||
		    at - KERNEL_MAP > hi - size)
			return err_set(e, -ENOEXEC, "relocation %llu is of address 0x%llx, "
				       "outside the kernel", (unsigned long long)i,
				       (unsigned long long)at);
	}
	return 0;
}

static void add32(u8 *at, u32 delta)
{
	u32 v;

	memcpy(&v, at, sizeof(v));
	v += delta;
	memcpy(at, &v, sizeof(v));
}

static void add64(u8 *at, u64 delta)
{
	u64 v;

	memcpy(&v, at, sizeof(v));
	v += delta;
	memcpy(at, &v, sizeof(v));
}

void boot_relocs_apply(const u8 *table, u64 len, u64 lo, u8 *image, u64 delta)
{
	unsigned n = lists(table, len);
	enum list kind = LIST_N;

	for (u64 i = 0; i < len / 4; i++) {
		u64 at = (u64)(i64)(i32)word(table, i);

		if (!at)
			kind = list_next(kind, n);
		else if (kind == LIST_64)
			add64(image + (at - KERNEL_MAP - lo), delta);
		else
			add32(image + (at - KERNEL_MAP - lo),
			      kind == LIST_32 ? (u32)delta : -(u32)delta);
	}
}
