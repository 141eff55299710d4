/* mem.c - tests of guest RAM and of page walks. */
/* @links src/base src/mem */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mem/mem.h"
#include "x86/bits.h"
#include "x86/cpuid.h"

static struct mem *ram(u64 len)
{
	struct mem *m = NULL;
	struct err e;

	assert_int_equal(mem_new(len, &m, &e), 0);
	return m;
}

static void mem_ram_has_a_hole(void **unused)
{
	struct mem *m = ram(GIB(5));

	(void)unused;
	assert_non_null(mem_host(m, GPA(0), 1));
	assert_non_null(mem_host(m, GPA(GIB(3) - 1), 1));
	assert_null(mem_host(m, GPA(GIB(3) - 1), 2));
	assert_null(mem_host(m, GPA(GIB(3)), 1));
	assert_null(mem_host(m, GPA(GIB(4) - 1), 2));
	assert_non_null(mem_host(m, GPA(GIB(4)), GIB(2)));
	assert_null(mem_host(m, GPA(GIB(4)), GIB(2) + 1));
	assert_null(mem_host(m, GPA(~0ull), 2));
	assert_int_equal((uintptr_t)mem_host(m, GPA(0), 1) % MIB(2), 0);
	mem_free(m);
}

static void mem_new_refuses_odd_sizes(void **unused)
{
	struct mem *m = NULL;
	struct err e;

	(void)unused;
	assert_int_equal(mem_new(0, &m, &e), -EINVAL);
	assert_int_equal(mem_new(MIB(1) + 1, &m, &e), -EINVAL);
	assert_int_equal(mem_new(GIB(1025), &m, &e), -EINVAL);
	assert_null(m);
}

static void written(void *ctx, gpa_t at, u64 len)
{
	*(u64 *)ctx += len + at.at;
}

static void mem_write_tells_and_spares_rom(void **unused)
{
	struct mem *m = ram(MIB(1));
	u64 told = 0, val = 42, got = 0;
	struct err e;

	(void)unused;
	m->written = written;
	m->written_ctx = &told;
	assert_int_equal(mem_add_rom(m, GPA(0xfffff000), "rom", 3, &e), 0);
	assert_int_equal(mem_add_rom(m, GPA(0xff000), "rom", 3, &e), -EEXIST);
	assert_int_equal(mem_add_rom(m, GPA(0xfff00001), "rom", 3, &e), -EINVAL);
	assert_int_equal(mem_write(m, GPA(0x100), 8, &val), 0);
	assert_int_equal(told, 0x108);
	assert_int_equal(mem_read(m, GPA(0x100), 8, &got), 0);
	assert_int_equal(got, 42);
	assert_int_equal(mem_write(m, GPA(0xfffff000), 8, &val), -EFAULT);
	assert_int_equal(mem_read(m, GPA(0xfffff000), 3, &got), 0);
	assert_memory_equal(&got, "rom", 3);
	assert_int_equal(mem_read(m, GPA(MIB(1) - 4), 8, &got), -EFAULT);
	mem_free(m);
}

/* ---- walks ---- */

#define LIN 0x123456789000ull

static u64 *entry(struct mem *m, u64 table, unsigned index)
{
	return (u64 *)mem_host(m, GPA(table), 4096) + index;
}

static unsigned index_of(u64 lin, unsigned level)
{
	return lin >> (3 + 9 * level) & 511;
}

/* Tables at 0x1000 (top) to 0x4000; bits go into the last entry, upper ones into the rest. */
static struct paging map_long(struct mem *m, unsigned leaf, u64 to, u64 bits, u64 upper)
{
	for (unsigned level = 4; level > leaf; level--)
		*entry(m, 0x1000 * (5 - level), index_of(LIN, level)) =
			(0x1000 * (6 - level)) | upper;
	*entry(m, 0x1000 * (5 - leaf), index_of(LIN, leaf)) = to | bits;
	return (struct paging){
		.cr0 = CR0_PG | CR0_PE | CR0_WP, .cr3 = 0x1000, .cr4 = CR4_PAE | CR4_PGE,
		.efer = EFER_LMA | EFER_LME | EFER_NXE,
	};
}

#define ALL (PTE_P | PTE_W | PTE_U)

static void walk_sets_accessed_and_dirty(void **unused)
{
	struct mem *m = ram(MIB(1));
	struct paging p = map_long(m, 1, 0x5000, ALL | PTE_G, ALL);
	u64 *pte = entry(m, 0x4000, index_of(LIN, 1));
	struct walk w;

	(void)unused;
	assert_int_equal(mem_walk(m, &p, GVA(LIN + 0x123), ACC_R | ACC_QUIET, &w), 0);
	assert_int_equal(*pte & (PTE_A | PTE_D), 0);
	assert_int_equal(mem_walk(m, &p, GVA(LIN + 0x123), ACC_R, &w), 0);
	assert_int_equal(w.at.at, 0x5123);
	assert_int_equal(w.page, 4096);
	assert_true(w.writable && w.user && w.global && !w.nx && !w.dirty);
	assert_int_equal(w.levels, 4);
	assert_int_equal(*pte & (PTE_A | PTE_D), PTE_A);
	assert_int_equal(*entry(m, 0x1000, index_of(LIN, 4)) & (PTE_A | PTE_D), PTE_A);
	assert_int_equal(mem_walk(m, &p, GVA(LIN), ACC_W, &w), 0);
	assert_true(w.dirty);
	assert_int_equal(*pte & (PTE_A | PTE_D), PTE_A | PTE_D);
	assert_int_equal(*entry(m, 0x3000, index_of(LIN, 2)) & (PTE_A | PTE_D), PTE_A);
	mem_free(m);
}

static void walk_knows_large_pages(void **unused)
{
	struct mem *m = ram(MIB(1));
	struct paging p = map_long(m, 2, MIB(512), ALL | PTE_PS, ALL);
	struct walk w;

	(void)unused;
	assert_int_equal(mem_walk(m, &p, GVA(LIN + 5), ACC_W, &w), 0);
	assert_int_equal(w.page, MIB(2));
	assert_int_equal(w.at.at, MIB(512) + ((LIN + 5) & (MIB(2) - 1)));
	p = map_long(m, 3, GIB(7), ALL | PTE_PS, ALL);
	assert_int_equal(mem_walk(m, &p, GVA(LIN), ACC_R, &w), 0);
	assert_int_equal(w.page, GIB(1));
	assert_int_equal(w.at.at, GIB(7) + (LIN & (GIB(1) - 1)));
	mem_free(m);
}

static u32 error_of(struct mem *m, const struct paging *p, unsigned acc)
{
	struct walk w;

	return mem_walk(m, p, GVA(LIN), acc, &w) ? w.error : 0x1000;
}

#define OK 0x1000u

static void walk_checks_rights(void **unused)
{
	struct mem *m = ram(MIB(1));
	struct paging p = map_long(m, 1, 0x5000, PTE_P | PTE_U | PTE_NX, ALL);

	(void)unused;
	assert_int_equal(error_of(m, &p, ACC_R | ACC_USER), OK);
	assert_int_equal(error_of(m, &p, ACC_W | ACC_USER), PF_P | PF_W | PF_U);
	assert_int_equal(error_of(m, &p, ACC_W), PF_P | PF_W);
	assert_int_equal(error_of(m, &p, ACC_X | ACC_USER), PF_P | PF_I | PF_U);
	p.cr0 &= ~(u64)CR0_WP;
	assert_int_equal(error_of(m, &p, ACC_W), OK);
	assert_int_equal(error_of(m, &p, ACC_W | ACC_USER), PF_P | PF_W | PF_U);
	p.efer &= ~(u64)EFER_NXE;
	assert_int_equal(error_of(m, &p, ACC_R), PF_P | PF_RSVD);
	p = map_long(m, 1, 0x5000, ALL, PTE_P | PTE_W);
	assert_int_equal(error_of(m, &p, ACC_R | ACC_USER), PF_P | PF_U);
	assert_int_equal(error_of(m, &p, ACC_X | ACC_USER), PF_P | PF_U | PF_I);
	assert_int_equal(error_of(m, &p, ACC_W), OK);
	*entry(m, 0x4000, index_of(LIN, 1)) = 0;
	assert_int_equal(error_of(m, &p, ACC_W | ACC_USER), PF_W | PF_U);
	p.cr3 = GIB(2); /* not memory: reads as not present */
	assert_int_equal(error_of(m, &p, ACC_R), 0);
	mem_free(m);
}

static void walk_checks_smep_and_smap(void **unused)
{
	struct mem *m = ram(MIB(1));
	struct paging p = map_long(m, 1, 0x5000, ALL, ALL);

	(void)unused;
	p.cr4 |= CR4_SMEP | CR4_SMAP;
	assert_int_equal(error_of(m, &p, ACC_X), PF_P | PF_I);
	assert_int_equal(error_of(m, &p, ACC_X | ACC_USER), OK);
	assert_int_equal(error_of(m, &p, ACC_R), PF_P);
	p.ac = true;
	assert_int_equal(error_of(m, &p, ACC_R), OK);
	assert_int_equal(error_of(m, &p, ACC_R | ACC_IMPLICIT), PF_P);
	assert_int_equal(error_of(m, &p, ACC_W | ACC_USER), OK);
	mem_free(m);
}

static void walk_checks_protection_keys(void **unused)
{
	struct mem *m = ram(MIB(1));
	struct paging p = map_long(m, 1, 0x5000, ALL | 3ull << 59, ALL);

	(void)unused;
	p.cr4 |= CR4_PKE;
	assert_int_equal(error_of(m, &p, ACC_W | ACC_USER), OK);
	p.pkru = 2 << 6;
	assert_int_equal(error_of(m, &p, ACC_R | ACC_USER), OK);
	assert_int_equal(error_of(m, &p, ACC_W | ACC_USER), PF_P | PF_W | PF_U | PF_PK);
	p.pkru = 1 << 6;
	assert_int_equal(error_of(m, &p, ACC_R), PF_P | PF_PK);
	assert_int_equal(error_of(m, &p, ACC_X | ACC_USER), OK);
	mem_free(m);
}

static void walk_refuses_reserved_bits(void **unused)
{
	static const struct { unsigned leaf; u64 bits, upper; } bad[] = {
		{ 1, ALL | 1ull << CPUID_PHYS_BITS, ALL },
		{ 1, ALL, ALL | 1ull << 51 },
		{ 2, ALL | PTE_PS | 1 << 13, ALL },
		{ 3, ALL | PTE_PS | 1 << 29, ALL },
		{ 4, ALL | PTE_PS, ALL },
	};
	struct mem *m = ram(MIB(1));

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct paging p = map_long(m, bad[i].leaf, 0, bad[i].bits, bad[i].upper);

		assert_int_equal(error_of(m, &p, ACC_R | ACC_USER), PF_P | PF_RSVD | PF_U);
	}
	mem_free(m);
}

static void walk_knows_32_bit_tables(void **unused)
{
	struct mem *m = ram(MIB(1));
	struct paging p = { .cr0 = CR0_PG | CR0_PE, .cr3 = 0x1fff, .cr4 = CR4_PSE };
	u32 *dir = (u32 *)mem_host(m, GPA(0x1000), 4096);
	u32 *tab = (u32 *)mem_host(m, GPA(0x2000), 4096);
	struct walk w;

	(void)unused;
	dir[3] = 0x2000 | ALL;
	tab[7] = 0xfffff000 | PTE_P;
	assert_int_equal(mem_walk(m, &p, GVA(0xc07abc), ACC_W, &w), 0);
	assert_int_equal(w.at.at, 0xfffffabc);
	assert_int_equal(tab[7], 0xfffff000 | PTE_P | PTE_A | PTE_D);
	assert_int_equal(mem_walk(m, &p, GVA(0xc07abc), ACC_R | ACC_USER, &w), -EFAULT);
	assert_int_equal(w.error, PF_P | PF_U);
	/* PSE-36: bit 13 is address bit 32. */
	dir[4] = 0x00400000 | 1 << 13 | ALL | PTE_PS;
	assert_int_equal(mem_walk(m, &p, GVA(0x1012345), ACC_W, &w), 0);
	assert_int_equal(w.page, MIB(4));
	assert_int_equal(w.at.at, 0x100412345);
	dir[4] |= 1 << 21;
	assert_int_equal(mem_walk(m, &p, GVA(0x1012345), ACC_W, &w), -EFAULT);
	assert_int_equal(w.error, PF_P | PF_W | PF_RSVD);
	p.cr4 = 0; /* without PSE the bit means nothing, and the entry names a table */
	assert_int_equal(mem_walk(m, &p, GVA(0x1012345), ACC_W, &w), -EFAULT);
	assert_int_equal(w.error, PF_W);
	mem_free(m);
}

static void walk_knows_pae_tables(void **unused)
{
	struct mem *m = ram(MIB(1));
	struct paging p = { .cr0 = CR0_PG | CR0_PE, .cr3 = 0x1020, .cr4 = CR4_PAE, .efer = EFER_NXE };
	struct walk w;

	(void)unused;
	*entry(m, 0x1000, 4 + 3) = 0x2000 | PTE_P;
	*entry(m, 0x2000, 1) = 0x3000 | ALL;
	*entry(m, 0x3000, 2) = 0x123456000 | ALL | PTE_NX;
	assert_int_equal(mem_walk(m, &p, GVA(0xc0202042), ACC_W | ACC_USER, &w), 0);
	assert_int_equal(w.at.at, 0x123456042);
	assert_true(w.nx);
	assert_int_equal(*entry(m, 0x1000, 7), 0x2000 | PTE_P);
	*entry(m, 0x1000, 7) |= PTE_W; /* reserved in a directory pointer */
	assert_int_equal(mem_walk(m, &p, GVA(0xc0202042), ACC_R, &w), -EFAULT);
	assert_int_equal(w.error, PF_P | PF_RSVD);
	mem_free(m);
}

static void walk_without_paging(void **unused)
{
	struct paging p = { .cr0 = CR0_PE };
	struct mem *m = ram(MIB(1));
	struct walk w;

	(void)unused;
	assert_int_equal(mem_walk(m, &p, GVA(0xfee00000), ACC_W | ACC_USER, &w), 0);
	assert_int_equal(w.at.at, 0xfee00000);
	assert_int_equal(w.levels, 0);
	mem_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mem_ram_has_a_hole),
		cmocka_unit_test(mem_new_refuses_odd_sizes),
		cmocka_unit_test(mem_write_tells_and_spares_rom),
		cmocka_unit_test(walk_sets_accessed_and_dirty),
		cmocka_unit_test(walk_knows_large_pages),
		cmocka_unit_test(walk_checks_rights),
		cmocka_unit_test(walk_checks_smep_and_smap),
		cmocka_unit_test(walk_checks_protection_keys),
		cmocka_unit_test(walk_refuses_reserved_bits),
		cmocka_unit_test(walk_knows_32_bit_tables),
		cmocka_unit_test(walk_knows_pae_tables),
		cmocka_unit_test(walk_without_paging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
