/* know.c - what is found in a guest's memory, on a small guest made of bytes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "know/guess.h"
#include "know/printk.h"
#include "know/task.h"
#include "know/unwind.h"
#include "know_kit.h"

static struct kernel *kernel_of(struct kit *k)
{
	static const struct kernel_config none;
	struct kernel *ret;
	struct err e;

	assert_int_equal(kernel_new(k->t, &none, &ret, &e), 0);
	return ret;
}

static void target_reads_across_pages(void **unused)
{
	struct kit *k = kit_new();
	u8 buf[8192];

	(void)unused;
	for (unsigned i = 0; i < 8192; i++)
		k->ram[0x5000 - 4096 + i] = (u8)(i * 7);
	assert_int_equal(target_phys(k->t, GPA(0x4000), 8192, buf), 0);
	assert_memory_equal(buf, k->ram + 0x4000, 8192);
	assert_int_equal(target_read(k->t, 0, GVA(KIT_BASE + 0x4ffd), 10, buf), 0);
	assert_memory_equal(buf, k->ram + 0x4ffd, 10);
	assert_int_equal(target_phys(k->t, GPA(KIT_RAM - 4), 8, buf), -EFAULT);
	assert_int_equal(target_read(k->t, 0, GVA(0x1000), 1, buf), -EFAULT);
	assert_int_equal(target_read(k->t, 0, GVA(KIT_BASE + KIT_RAM - 4), 8, buf), -EFAULT);
	assert_int_equal(target_write(k->t, 0, GVA(KIT_BASE), 1, buf), -EROFS);
	kit_free(k);
}

static void image_found_by_the_system_call_entry(void **unused)
{
	struct kit *k = kit_new();
	struct kernel *kn;

	(void)unused;
	k->cpu.rip = 0x401000; /* in a program */
	kn = kernel_of(k);
	assert_int_equal(kn->base, KIT_BASE);
	assert_int_equal(kn->end, KIT_BASE + KIT_RAM);
	kernel_free(kn);
	k->cpu.lstar = 0;
	kn = kernel_of(k);
	assert_int_equal(kn->end, 0);
	assert_non_null(kn->no.image);
	kernel_free(kn);
	kit_free(k);
}

static void kallsyms_of_each_layout(void **unused)
{
	(void)unused;
	for (enum kit_layout i = KIT_OLD; i < KIT_LAYOUTS; i++) {
		struct kit *k = kit_new();
		struct symbol y;
		struct kernel *kn;

		kit_pad(k);
		kit_symbol(k, "last_one", KIT_TEXT + KIB(128));
		kit_kallsyms(k, i);
		kn = kernel_of(k);
		assert_null(kn->no.syms);
		assert_int_equal(kn->syms.n, 601);
		assert_true(kernel_symbol(kn, "pad_300", &y));
		assert_int_equal(y.at.at, KIT_TEXT + 16 * 300);
		assert_int_equal(y.size, 16);
		assert_true(kernel_at(kn, GVA(KIT_TEXT + 16 * 7 + 5), &y));
		assert_string_equal(y.name, "pad_007");
		assert_true(kernel_at(kn, GVA(KIT_TEXT + KIB(128) + 9), &y));
		assert_string_equal(y.name, "last_one");
		kernel_free(kn);
		kit_free(k);
	}
}

/* A damaged table is none: no name of it may be believed. */
static void kallsyms_refuses_damage(void **unused)
{
	static const u64 hit[] = { 0, 600 * 4 + 8, 600 * 4 + 16, 600 * 4 + 1000, 600 * 4 + 8000 };

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(hit); i++) {
		struct kit *k = kit_new();
		struct kernel *kn;

		kit_pad(k);
		kit_kallsyms(k, KIT_OLD);
		memset(k->ram + KIT_SYMS + hit[i], 0xff, 400);
		kn = kernel_of(k);
		for (u32 j = 0; j < kn->syms.n; j++)
			assert_true(strlen(sym_name(&kn->syms, &kn->syms.sym[j])) < SYMTAB_NAME);
		kernel_free(kn);
		kit_free(k);
	}
}

static void kernel_without_anything(void **unused)
{
	struct kit *k = kit_new();
	struct out_text text;
	struct kernel *kn;
	struct view v;

	(void)unused;
	k->cpu.cr0 = 0; /* before paging: nothing can be known */
	kn = kernel_of(k);
	out_text_init(&text, MIB(1));
	v = (struct view){ k->t, kn, 0, &text.out };
	view_known(&v);
	view_ps(&v);
	view_dmesg(&v);
	view_bt_all(&v);
	view_modules(&v);
	view_mounts(&v);
	view_interrupts(&v);
	view_locks(&v);
	view_bt(&v);
	assert_non_null(strstr(text.at, "??"));
	assert_non_null(strstr(text.at, "no kernel image was found"));
	free(text.at);
	kernel_free(kn);
	kit_free(k);
}

static u64 task_new(struct kit *k, u32 pid, const char *comm)
{
	u64 at = kit_room(k, kit_size("task_struct"));

	kit_set(k, at, "task_struct", "pid", pid);
	kit_set(k, at, "task_struct", "tgid", pid);
	kit_put(k, at - KIT_BASE + kit_offset("task_struct", "comm"), comm, strlen(comm) + 1);
	return at;
}

static u64 link_of(u64 task)
{
	return task + kit_offset("task_struct", "tasks");
}

/* A guest with a first task and two processes; loop: the list never comes back to its head. */
static struct kit *kit_tasks(bool loop)
{
	struct kit *k = kit_new();
	u64 init, a, b;

	kit_types(k);
	init = task_new(k, 0, "swapper");
	a = task_new(k, 1, "init");
	b = task_new(k, 2, "kthreadd\033[2J");
	kit_u64(k, link_of(init) - KIT_BASE, link_of(a));
	kit_u64(k, link_of(a) - KIT_BASE, link_of(b));
	kit_u64(k, link_of(b) - KIT_BASE, loop ? link_of(a) : link_of(init));
	kit_symbol(k, "init_task", init);
	kit_pad(k);
	kit_kallsyms(k, KIT_NEW);
	return k;
}

static void tasks_are_listed(void **unused)
{
	struct kit *k = kit_tasks(false);
	struct kernel *kn = kernel_of(k);
	struct task_walk w;
	struct task t;

	(void)unused;
	assert_null(kn->no.types);
	assert_null(task_start(&w, kn));
	assert_true(task_next(&w, &t));
	assert_int_equal(t.pid, 1);
	assert_string_equal(t.comm, "init");
	assert_true(task_next(&w, &t));
	assert_string_equal(t.comm, "kthreadd?[2J");
	assert_false(task_next(&w, &t));
	assert_null(w.broken);
	kernel_free(kn);
	kit_free(k);
}

static void tasks_in_a_loop_end(void **unused)
{
	struct kit *k = kit_tasks(true);
	struct kernel *kn = kernel_of(k);
	struct out_text text;
	struct view v = { k->t, kn, 0, &text.out };

	(void)unused;
	out_text_init(&text, MIB(1));
	view_ps(&v);
	assert_non_null(strstr(text.at, "?? more may be missing: the list leads back into itself"));
	assert_true(text.len < 4096);
	free(text.at);
	kernel_free(kn);
	kit_free(k);
}

/* Frame pointers that lead to each other. */
static void unwind_ends_on_a_cyclic_stack(void **unused)
{
	struct kit *k = kit_new();
	struct kernel *kn;
	struct unwind u;
	u64 a = kit_room(k, 64), b = kit_room(k, 64);
	unsigned n = 0;

	(void)unused;
	kit_pad(k);
	kit_kallsyms(k, KIT_OLD);
	kit_u64(k, a - KIT_BASE, b);
	kit_u64(k, a - KIT_BASE + 8, KIT_TEXT + 20);
	kit_u64(k, b - KIT_BASE, a);
	kit_u64(k, b - KIT_BASE + 8, KIT_TEXT + 40);
	k->cpu.gpr[RSP] = a - 16;
	k->cpu.gpr[RBP] = a;
	kn = kernel_of(k);
	assert_true(unwind_cpu(kn, 0, &u));
	while (unwind_next(&u))
		n++;
	assert_non_null(u.end);
	assert_int_equal(n, 2);
	kernel_free(kn);
	kit_free(k);
}

/* ---- the log ------------------------------------------------------------------------------- */

#define DESC 256 /* bytes of a descriptor: one struct has room in the other */

struct log {
	u64 descs, infos, data;
};

static void log_record(struct kit *k, const struct log *l, u64 id, u64 state, u64 begin, const char *text)
{
	u64 desc = l->descs + id % 8 * DESC, info = l->infos + id % 8 * kit_size("printk_info");
	u64 at = begin % 256, len = strlen(text), next = begin + 8 + ((len + 7) & ~7ull);
	u64 blk = desc + kit_offset("prb_desc", "text_blk_lpos");

	if (at + 8 + len > 256) { /* it would cross the end: the text is at the start */
		at = 0;
		next = (begin & ~255ull) + 256 + 8 + ((len + 7) & ~7ull);
	}
	kit_set(k, desc, "prb_desc", "state_var", state << 62 | id);
	kit_set(k, blk, "prb_data_blk_lpos", "begin", begin);
	kit_set(k, blk, "prb_data_blk_lpos", "next", next);
	kit_set(k, info, "printk_info", "ts_nsec", id * 1000000000);
	kit_set(k, info, "printk_info", "text_len", len);
	kit_put(k, l->data - KIT_BASE + at + 8, text, len);
}

static struct kit *kit_log(struct log *l)
{
	struct kit *k = kit_new();

	l->descs = kit_room(k, 8 * DESC);
	l->infos = kit_room(k, 8 * kit_size("printk_info"));
	l->data = kit_room(k, 256);
	return k;
}

static void ring_leaves_out_half_written_records(void **unused)
{
	struct log l;
	struct kit *k = kit_log(&l);
	struct kernel *kn = kernel_of(k);
	struct ring r = { .k = kn };
	struct record rec;

	(void)unused;
	/* The ring is filled in by hand: the kit's members are too far apart for one in another. */
	r.descs = l.descs, r.infos = l.infos, r.data = l.data;
	r.count = 8, r.size = 256, r.at = 5, r.head = 9;
	r.desc_state = kit_offset("prb_desc", "state_var");
	r.desc_begin = kit_offset("prb_desc", "text_blk_lpos") + kit_offset("prb_data_blk_lpos", "begin");
	r.desc_next = kit_offset("prb_desc", "text_blk_lpos") + kit_offset("prb_data_blk_lpos", "next");
	r.desc_len = DESC;
	r.info_ts = kit_offset("printk_info", "ts_nsec");
	r.info_len = kit_offset("printk_info", "text_len");
	r.info_caller = kit_offset("printk_info", "caller_id");
	r.info_size = kit_size("printk_info");
	log_record(k, &l, 5, 2, 64, "first");
	log_record(k, &l, 6, 0, 80, "half");      /* being written */
	log_record(k, &l, 7, 3, 96, "old");       /* may be reused */
	log_record(k, &l, 8, 1, 256 - 16, "a longer one at the end");
	log_record(k, &l, 9 + 8, 2, 112, "another record's"); /* the descriptor is not 9's any more */
	assert_true(ring_next(&r, &rec));
	assert_int_equal(rec.len, 5);
	assert_memory_equal(rec.text, "first", 5);
	assert_int_equal(rec.ns, 5000000000);
	assert_true(ring_next(&r, &rec));
	assert_memory_equal(rec.text, "a longer one at the end", rec.len);
	assert_int_equal(rec.len, 23);
	assert_false(ring_next(&r, &rec));
	assert_int_equal(r.skipped, 1);
	kernel_free(kn);
	kit_free(k);
}

/* ---- ORC, BTF ------------------------------------------------------------------------------ */

static void orc_of_both_forms(void **unused)
{
	i32 ip[] = { 0x1000 - 0, 0x1010 - 4, 0x1020 - 8 };
	struct { i16 sp, bp; u16 flags; } __attribute__((packed)) e[] = {
		{ 8, 0, ORC_SP }, { 16, -16, ORC_SP | ORC_PREV_SP << 4 }, { 0, 0, 1 << 10 },
	};
	struct orc o = { (u8 *)ip, (u8 *)e, 0, 3, { 8, 2, 10, 0, false } };
	struct orc_entry_view v;

	(void)unused;
	assert_false(orc_find(&o, 0xfff, &v));
	assert_true(orc_find(&o, 0x100f, &v));
	assert_int_equal(v.sp_offset, 8);
	assert_int_equal(v.type, ORC_CALL);
	assert_true(orc_find(&o, 0x1010, &v));
	assert_int_equal(v.bp_offset, -16);
	assert_int_equal(v.bp_reg, ORC_PREV_SP);
	assert_true(orc_find(&o, 0x9000, &v));
	assert_int_equal(v.type, ORC_END);
	/* 6.4: three bits of type, 1 is the end, 2 a call, 3 registers. */
	o.form = (struct orc_form){ 8, 3, 0, 11, true };
	e[0].flags = ORC_SP | 3 << 8 | 1 << 11;
	e[2].flags = 1 << 8;
	assert_true(orc_find(&o, 0x1000, &v));
	assert_int_equal(v.type, ORC_REGS);
	assert_true(v.signal);
	assert_true(orc_find(&o, 0x1020, &v));
	assert_int_equal(v.type, ORC_END);
}

static void btf_refuses_what_does_not_add_up(void **unused)
{
	struct kit *k = kit_new();
	struct btf_member_view m;
	struct btf b;
	const char *why;
	u8 *at = k->ram + KIT_BTF;

	(void)unused;
	kit_types(k);
	assert_true(btf_load(at, KIB(512), &b, &why));
	assert_true(btf_lookup(&b, btf_find(&b, "task_struct", BTF_STRUCTS), "pid", &m));
	assert_int_equal(m.bit, 8 * kit_offset("task_struct", "pid"));
	assert_false(btf_lookup(&b, btf_find(&b, "task_struct", BTF_STRUCTS), "no", &m));
	btf_fini(&b);
	assert_false(btf_load(at, 100, &b, &why)); /* shorter than it says */
	kit_u32(k, KIT_BTF + 24 + 4, (u32)BTF_KIND_STRUCT << 24 | 60000);
	assert_false(btf_load(at, KIB(512), &b, &why));
	assert_string_equal(why, "its types do not add up");
	kit_free(k);
}

static void guess_counts_what_code_mentions(void **unused)
{
	u8 code[4096] = { 0 };
	unsigned votes;
	u64 base;

	(void)unused;
	assert_false(guess_base(code, sizeof(code), &base, &votes));
	for (u32 i = 0; i < 20; i++) { /* mov $-0x7eff0000 + i*16,%rax; movabs $0x123456789a,%rdi */
		i32 small = (i32)(0x81010000u + 16 * i);
		u64 big = 0x123456789aull;

		memcpy(code + 64 * i, "\x48\xc7\xc0", 3);
		memcpy(code + 64 * i + 3, &small, 4);
		if (i % 4)
			continue;
		memcpy(code + 64 * i + 16, "\x48\xbf", 2);
		memcpy(code + 64 * i + 18, &big, 8);
	}
	assert_true(guess_base(code, sizeof(code), &base, &votes));
	assert_int_equal(base, 0xffffffff81000000);
	assert_int_equal(votes, 20);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_reads_across_pages),
		cmocka_unit_test(image_found_by_the_system_call_entry),
		cmocka_unit_test(kallsyms_of_each_layout),
		cmocka_unit_test(kallsyms_refuses_damage),
		cmocka_unit_test(kernel_without_anything),
		cmocka_unit_test(tasks_are_listed),
		cmocka_unit_test(tasks_in_a_loop_end),
		cmocka_unit_test(unwind_ends_on_a_cyclic_stack),
		cmocka_unit_test(ring_leaves_out_half_written_records),
		cmocka_unit_test(orc_of_both_forms),
		cmocka_unit_test(btf_refuses_what_does_not_add_up),
		cmocka_unit_test(guess_counts_what_code_mentions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
