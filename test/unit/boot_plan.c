/* boot_plan.c - the memory map, the plan of pieces, and the entry states.
 * @links src/vm/boot*.c src/vm/boot_bind.S src/elf src/mem src/base/err.c src/base/log.c */
#include "boot_kit.h"

static struct boot_plan plan_of(const struct mem *m)
{
	struct boot_plan p = { 0 };

	boot_map_fill(m, &p.map);
	return p;
}

static void map_is_a_pc(void **unused)
{
	struct kit *k = kit_new(MIB(64));
	struct boot_map map;

	(void)unused;
	boot_map_fill(k->m, &map);
	assert_int_equal(map.n, 4);
	assert_int_equal(map.range[0].len, LAYOUT_LOW_END);
	assert_int_equal(map.range[1].type, BOOT_RESERVED);
	assert_int_equal(map.range[2].at, LAYOUT_BOARD);
	assert_int_equal(map.range[3].at, LAYOUT_HIGH);
	assert_int_equal(map.range[3].len, MIB(63));
	kit_free(k);
	k = kit_new(MIB(1));
	boot_map_fill(k->m, &map);
	assert_int_equal(map.n, 3);
	kit_free(k);
}

static void plan_refuses_overlap(void **unused)
{
	struct kit *k = kit_new(MIB(64));
	struct boot_plan p = plan_of(k->m);
	struct boot_piece a = { .at = MIB(2), .len = 0x2000, .what = "first" };
	struct boot_piece b = { .at = MIB(2) + 0x1fff, .len = 1, .what = "second" };

	(void)unused;
	assert_int_equal(boot_plan_add(&p, &a, &k->e), 0);
	assert_int_equal(boot_plan_add(&p, &b, &k->e), -ENOEXEC);
	assert_non_null(strstr(k->e.text, "second"));
	assert_non_null(strstr(k->e.text, "first"));
	b.at = MIB(2) + 0x2000;
	assert_int_equal(boot_plan_add(&p, &b, &k->e), 0);
	b.at = MIB(2) - 1;
	assert_int_equal(boot_plan_add(&p, &b, &k->e), 0);
	b.at = MIB(2) - 8;
	b.len = MIB(1);
	assert_int_equal(boot_plan_add(&p, &b, &k->e), -ENOEXEC);
	kit_free(k);
}

static void plan_refuses_what_is_not_ram(void **unused)
{
	static const struct { u64 at, len; } bad[] = {
		{ MIB(64), 1 }, { MIB(63), MIB(1) + 1 }, { 0x9fc00, 1 }, { 0x9fbff, 2 },
		{ 0xa0000, 16 }, { 0xfffff, 2 }, { UINT64_MAX, 1 }, { UINT64_MAX - 1, UINT64_MAX },
		{ MIB(1), UINT64_MAX },
	};
	struct kit *k = kit_new(MIB(64));
	struct boot_plan p = plan_of(k->m);

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct boot_piece a = { .at = bad[i].at, .len = bad[i].len, .what = "it" };

		assert_int_equal(boot_plan_add(&p, &a, &k->e), -ENOMEM);
	}
	assert_int_equal(p.n, 0);
	kit_free(k);
}

static void plan_places_low_and_high(void **unused)
{
	struct kit *k = kit_new(MIB(8));
	struct boot_plan p = plan_of(k->m);
	struct boot_want want = { 4096, MIB(1), GIB(1), true };
	struct boot_piece a = { .len = 5000, .what = "a" };

	(void)unused;
	assert_int_equal(boot_plan_place(&p, &want, &a, &k->e), 0);
	assert_int_equal(a.at, MIB(8) - 8192);
	assert_int_equal(boot_plan_place(&p, &want, &a, &k->e), 0);
	assert_int_equal(a.at, MIB(8) - 16384);
	want.high = false;
	assert_int_equal(boot_plan_place(&p, &want, &a, &k->e), 0);
	assert_int_equal(a.at, MIB(1));
	want.min = 0;
	assert_int_equal(boot_plan_place(&p, &want, &a, &k->e), 0);
	assert_int_equal(a.at, 0);
	a.len = MIB(7);
	assert_int_equal(boot_plan_place(&p, &want, &a, &k->e), -ENOMEM);
	kit_free(k);
}

static void plan_counts_slots(void **unused)
{
	struct kit *k = kit_new(MIB(16));
	struct boot_plan p = plan_of(k->m);
	struct boot_want want = { MIB(1), MIB(1), GIB(1), false };
	struct boot_piece a = { .at = MIB(4), .len = MIB(2), .what = "a" };

	(void)unused;
	assert_int_equal(boot_plan_slots(&p, &want, MIB(2)), 14);
	assert_int_equal(boot_plan_add(&p, &a, &k->e), 0);
	assert_int_equal(boot_plan_slots(&p, &want, MIB(2)), 2 + 9);
	assert_int_equal(boot_plan_slot(&p, &want, MIB(2), 1), MIB(2));
	assert_int_equal(boot_plan_slot(&p, &want, MIB(2), 2), MIB(6));
	assert_int_equal(boot_plan_slot(&p, &want, MIB(2), 10), MIB(14));
	kit_free(k);
}

static void state_of_each_mode(void **unused)
{
	struct boot_entry_state s = { .rip = 0x100000, .rax = 1, .rbx = 2, .rsi = 3, .gdt = 0x500,
				      .cr3 = 0x9000 };
	struct kit *k = kit_new(MIB(1));
	struct vcpu *v = &k->v;

	(void)unused;
	boot_state_set(&s, v);
	assert_int_equal(v->cr0, CR0_PE | CR0_ET);
	assert_int_equal(v->cr3 | v->cr4 | v->efer, 0);
	assert_int_equal(v->rflags, 2);
	assert_int_equal(v->seg[SEG_CS].attr, 0xc09b);
	assert_int_equal(v->seg[SEG_DS].attr, 0xc093);
	assert_int_equal(v->seg[SEG_SS].limit, 0xffffffff);
	assert_int_equal(v->seg[SEG_SS].base, 0);
	assert_int_equal(v->tr.attr, 0x8b);
	assert_int_equal(v->tr.limit, 0x67);
	assert_int_equal(v->gpr[RAX], 1);
	assert_int_equal(v->gpr[RBX], 2);
	s.long_mode = true;
	boot_state_set(&s, v);
	assert_int_equal(v->cr0, CR0_PE | CR0_ET | CR0_PG);
	assert_int_equal(v->cr3, 0x9000);
	assert_int_equal(v->cr4, CR4_PAE);
	assert_int_equal(v->efer, EFER_LME | EFER_LMA);
	assert_int_equal(v->seg[SEG_CS].sel, 0x10);
	assert_int_equal(v->seg[SEG_DS].sel, 0x18);
	assert_int_equal(v->seg[SEG_CS].attr, 0xa09b);
	assert_int_equal(v->gpr[RSI], 3);
	kit_free(k);
}

static void words_of_a_command_line(void **unused)
{
	const char *value = NULL;

	(void)unused;
	assert_true(boot_word("quiet nokaslr ro", "nokaslr", NULL));
	assert_true(boot_word("nokaslr", "nokaslr", NULL));
	assert_false(boot_word("nokaslrx xnokaslr", "nokaslr", NULL));
	assert_false(boot_word("", "nokaslr", NULL));
	assert_true(boot_word("quiet mem=64M x", "mem=", &value));
	assert_memory_equal(value, "64M x", 5);
	assert_false(boot_word("highmem=1", "mem=", &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_is_a_pc),
		cmocka_unit_test(plan_refuses_overlap),
		cmocka_unit_test(plan_refuses_what_is_not_ram),
		cmocka_unit_test(plan_places_low_and_high),
		cmocka_unit_test(plan_counts_slots),
		cmocka_unit_test(state_of_each_mode),
		cmocka_unit_test(words_of_a_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
