/* fuzz_know.c - guests that write nonsense into their own memory: every view ends, within bounds.
 *
 * The first byte says what the rest is: BTF, kallsyms, or numbers to write over a guest whose
 * structures point all over each other.
 * @links src/know src/base src/elf src/x86 src/mem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/know_kit.h"
#include "know/btf_text.h"
#include "no_vm.h"

#define TEXT_MAX MIB(64)

static const char *const symbols[] = {
	"init_task", "modules", "irq_desc_tree", "prb", "current_task", "__per_cpu_offset",
	"vmcoreinfo_note", "page_offset_base", "vmemmap_base", "linux_banner", "nr_cpu_ids",
	"__start_orc_unwind_ip", "__stop_orc_unwind_ip", "__start_orc_unwind", "init_uts_ns",
};

/* Words that point to other words, always the same ones. */
static void tangle(struct kit *k)
{
	u64 x = 88172645463325252ull;

	for (u64 at = KIT_DATA; at < KIT_RAM; at += 8) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		kit_u64(k, at, KIT_BASE + KIT_DATA + (x >> 20) % (KIT_RAM - KIT_DATA) / 64 * 64);
	}
}

/* Enough sense for each view to get past its first look. */
static void make_sense(struct kit *k)
{
	u64 init = KIT_BASE + KIT_DATA + 8192, first = KIT_BASE + KIT_DATA + 0x40000, prb = first + 0x10000;

	kit_set(k, init, "task_struct", "tasks", first + kit_offset("task_struct", "tasks"));
	kit_set(k, first, "task_struct", "pid", 1);
	kit_set(k, first, "task_struct", "tgid", 1);
	kit_u64(k, KIT_DATA + 8192 * 4, prb);
	kit_set(k, prb, "printk_ringbuffer", "desc_ring", 3);
	kit_set(k, prb + kit_offset("printk_ringbuffer", "text_data_ring"), "prb_data_ring", "size_bits", 8);
	kit_u64(k, KIT_DATA + 8192 * 3, KIT_BASE + KIT_DATA + 0x60002); /* a node of an xarray */
	kit_u32(k, KIT_DATA + 8192 * 11, 1);
}

static struct kit *tangled_kit(void)
{
	struct kit *k = kit_new();

	kit_types(k);
	tangle(k);
	make_sense(k);
	kit_pad(k);
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++)
		kit_symbol(k, symbols[i], KIT_BASE + KIT_DATA + 8192 * (i + 1));
	kit_kallsyms(k, KIT_OLD);
	k->cpu.gpr[RSP] = KIT_BASE + KIT_DATA + 4096;
	k->cpu.gpr[RBP] = KIT_BASE + KIT_DATA + 4160;
	return k;
}

static void put(struct out *o, const char *text, size_t len)
{
	struct out_text *t = container_of(o, struct out_text, out);

	(void)text;
	t->len += len;
	BUG_ON(t->len > TEXT_MAX);
}

static void look(struct kit *k)
{
	static const struct kernel_config none;
	static void (*const views[])(const struct view *v) = {
		view_known, view_regs, view_pcpu, view_bt, view_ps, view_dmesg, view_modules,
		view_mounts, view_interrupts, view_locks, view_bt_all,
	};
	struct out_text text = { .out.put = put };
	struct kernel *kn;
	struct err e;
	struct view v;

	k->t->reads_max = 3000;
	if (kernel_new(k->t, &none, &kn, &e))
		abort();
	v = (struct view){ k->t, kn, 0, &text.out };
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		views[i](&v);
	view_frame(&v, 0);
	view_frame(&v, 1);
	view_vtop(&v, GVA(KIT_BASE));
	view_dis(&v, GVA(KIT_TEXT), 4);
	if (view_print(&v, "init_task", &e) || view_whatis(&v, "task_struct", &e))
		text.len++;
	kernel_free(kn);
}

static void over_guest(const u8 *data, size_t size)
{
	struct kit *k = tangled_kit();

	for (; size >= 7; data += 7, size -= 7) {
		u32 at = data[0] | data[1] << 8 | (data[2] & 0x1f) << 16, v;

		memcpy(&v, data + 3, 4);
		if (at <= KIT_RAM - 4)
			kit_u32(k, at, v);
	}
	look(k);
	kit_free(k);
}

static void as_btf(const u8 *data, size_t size)
{
	struct out_text text = { .out.put = put };
	struct kernel *k = calloc(1, sizeof(*k));
	struct view v = { NULL, k, 0, &text.out };
	const char *why;

	if (k && btf_load(data, size, &k->btf, &why)) {
		for (u32 id = 0; id < k->btf.n + 2 && id < 64; id++) {
			btf_show_type(&v, id);
			btf_show(&v, id, 0, 0, 0);
			text.len += btf_size(&k->btf, id) & 1;
		}
		btf_fini(&k->btf);
	}
	free(k);
}

static void as_kallsyms(const u8 *data, size_t size)
{
	struct bytes image = { data, size, KIT_BASE };
	struct symtab s = { 0 };
	const char *why;
	u64 len;

	if (kallsyms_find(&image, &s, &why))
		symtab_at(&s, KIT_BASE + 100, &len);
	symtab_fini(&s);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] == 'B')
		as_btf(data + 1, size - 1);
	else if (data[0] == 'K')
		as_kallsyms(data + 1, size - 1);
	else
		over_guest(data + 1, size - 1);
	return 0;
}
