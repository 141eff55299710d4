/* know_kit.h - a small guest made up of bytes, for tests and fuzzers of the folder know: RAM, page
 * tables, kallsyms, BTF, tasks, a log. It looks like a Linux kernel to who reads memory. */
#ifndef PANDOK_TEST_KNOW_KIT_H
#define PANDOK_TEST_KNOW_KIT_H

#include <stdlib.h>
#include <string.h>

#include "know/kernel.h"
#include "x86/x86.h"

#define KIT_RAM MIB(2)
#define KIT_BASE 0xffffffff81000000ull /* all RAM is mapped here */
#define KIT_TEXT (KIT_BASE + KIB(64))
#define KIT_SYMS KIB(256)
#define KIT_BTF KIB(512)
#define KIT_DATA MIB(1)

enum kit_layout { KIT_OLD, KIT_SEQS, KIT_NEW, KIT_PLACE, KIT_LAYOUTS };

struct kit {
	u8 ram[KIT_RAM];
	struct vcpu cpu;
	struct target *t;
	struct { const char *name; u64 at; } sym[700];
	unsigned nsym;
	u64 data; /* next free byte of KIT_DATA */
};

static inline void kit_put(struct kit *k, u64 pa, const void *p, size_t len)
{
	memcpy(k->ram + pa, p, len);
}

static inline void kit_u64(struct kit *k, u64 pa, u64 v)
{
	kit_put(k, pa, &v, sizeof(v));
}

static inline void kit_u32(struct kit *k, u64 pa, u32 v)
{
	kit_put(k, pa, &v, sizeof(v));
}

static inline const u8 *kit_page(struct target *t, u64 pfn)
{
	struct kit *k = t->back;

	return pfn < KIT_RAM >> GUEST_PAGE_SHIFT ? k->ram + (pfn << GUEST_PAGE_SHIFT) : NULL;
}

/* Room for len bytes; returns its linear address. */
static inline u64 kit_room(struct kit *k, u64 len)
{
	u64 at = k->data;

	k->data = (k->data + len + 15) & ~15ull;
	return KIT_BASE + at;
}

static inline void kit_symbol(struct kit *k, const char *name, u64 at)
{
	k->sym[k->nsym].name = name;
	k->sym[k->nsym++].at = at;
}

/* ---- kallsyms ------------------------------------------------------------------------------ */

static inline u64 kit_align(u64 at)
{
	return (at + 7) & ~7ull;
}

static inline u64 kit_offsets(struct kit *k, u64 pa, bool place)
{
	for (unsigned i = 0; i < k->nsym; i++)
		kit_u32(k, pa + 4 * i, place ? (u32)(k->sym[i].at - KIT_BASE - pa - 4 * i) :
					       (u32)(k->sym[i].at - KIT_BASE));
	return kit_align(pa + 4ull * k->nsym);
}

/* Tokens are single characters here; all names are text. */
static inline u64 kit_tokens(struct kit *k, u64 pa)
{
	u16 index[256];
	u64 at = pa;

	for (unsigned i = 0; i < 256; i++) {
		index[i] = (u16)(at - pa);
		if (i > ' ' && i <= '~')
			k->ram[at++] = (u8)i;
		k->ram[at++] = 0;
	}
	at = kit_align(at);
	kit_put(k, at, index, sizeof(index));
	return at + sizeof(index);
}

static inline u64 kit_names(struct kit *k, u64 pa)
{
	u32 markers[8] = { 0 };
	u64 at = pa + 8, names = at;

	kit_u64(k, pa, k->nsym);
	for (unsigned i = 0; i < k->nsym; i++) {
		size_t len = strlen(k->sym[i].name);

		if (i % 256 == 0)
			markers[i / 256] = (u32)(at - names);
		k->ram[at++] = (u8)(len + 1);
		k->ram[at++] = 'T';
		kit_put(k, at, k->sym[i].name, len);
		at += len;
	}
	at = kit_align(at);
	kit_put(k, at, markers, 4 * ((k->nsym + 255) / 256));
	return kit_align(at + 4 * ((k->nsym + 255) / 256));
}

static inline void kit_kallsyms(struct kit *k, enum kit_layout layout)
{
	u64 at = KIT_SYMS;

	if (layout <= KIT_SEQS) {
		at = kit_offsets(k, at, false);
		kit_u64(k, at, KIT_BASE);
		at += 8;
	}
	at = kit_names(k, at);
	if (layout == KIT_SEQS)
		at = kit_align(at + 3ull * k->nsym);
	at = kit_align(kit_tokens(k, at));
	if (layout <= KIT_SEQS)
		return;
	at = kit_offsets(k, at, layout == KIT_PLACE);
	if (layout == KIT_NEW)
		kit_u64(k, at, KIT_BASE);
}

/* ---- BTF: every struct the layout names, each member 64 bytes after the other ----------------- */

#define KIT_STEP 64

struct kit_btf {
	u8 types[65536], str[65536];
	u32 types_len, str_len, n;
};

static inline u32 kit_str(struct kit_btf *b, const char *s)
{
	u32 at = b->str_len;

	memcpy(b->str + at, s, strlen(s) + 1);
	b->str_len += (u32)strlen(s) + 1;
	return at;
}

static inline void kit_word(struct kit_btf *b, u32 w)
{
	memcpy(b->types + b->types_len, &w, 4);
	b->types_len += 4;
}

static const struct { const char *type, *member; } kit_members[] = {
#define X(field, type, member) { type, member },
	LAYOUT(X)
#undef X
	{ "printk_ringbuffer", "desc_ring" }, { "printk_ringbuffer", "text_data_ring" },
	{ "prb_desc_ring", "descs" }, { "prb_desc_ring", "infos" }, { "prb_desc_ring", "head_id" },
	{ "prb_desc_ring", "tail_id" }, { "prb_data_ring", "size_bits" }, { "prb_data_ring", "data" },
	{ "prb_desc", "state_var" }, { "prb_desc", "text_blk_lpos" },
	{ "prb_data_blk_lpos", "begin" }, { "prb_data_blk_lpos", "next" },
	{ "printk_info", "ts_nsec" }, { "printk_info", "text_len" }, { "printk_info", "caller_id" },
	{ "mutex", "owner" }, { "mutex", "wait_list" },
	{ "mount", "mnt" }, { "mount", "mnt_devname" }, { "mount", "mnt_mountpoint" },
	{ "mount", "mnt_parent" }, { "mount", "mnt_mounts" }, { "mount", "mnt_child" },
	{ "vfsmount", "mnt_sb" }, { "vfsmount", "mnt_flags" }, { "super_block", "s_type" },
	{ "file_system_type", "name" }, { "dentry", "d_parent" }, { "dentry", "d_name" },
	{ "qstr", "name" }, { "nsproxy", "mnt_ns" }, { "mnt_namespace", "root" },
	{ "irq_desc", "irq_data" }, { "irq_desc", "action" }, { "irq_desc", "kstat_irqs" },
	{ "irq_data", "chip" }, { "irq_data", "irq" }, { "irq_chip", "name" },
	{ "irqaction", "name" }, { "irqaction", "next" }, { "xa_node", "slots" },
	{ "xarray", "xa_head" },
};

/* Members that 6.1 does not have: what has them takes another way. */
static inline bool kit_left_out(const char *type, const char *member)
{
	return !strcmp(type, "pcpu_hot") || !strcmp(type, "module_memory") || !strcmp(member, "mem") ||
	       (!strcmp(type, "task_struct") && !strcmp(member, "cpu"));
}

static inline void kit_struct(struct kit_btf *b, const char *type)
{
	u32 n = 0, at;

	for (size_t i = 0; i < ARRAY_SIZE(kit_members); i++)
		n += !strcmp(kit_members[i].type, type) && !kit_left_out(type, kit_members[i].member);
	kit_word(b, kit_str(b, type));
	kit_word(b, (u32)BTF_KIND_STRUCT << 24 | n);
	kit_word(b, n * KIT_STEP);
	for (size_t i = at = 0; i < ARRAY_SIZE(kit_members); i++) {
		if (strcmp(kit_members[i].type, type) || kit_left_out(type, kit_members[i].member))
			continue;
		kit_word(b, kit_str(b, kit_members[i].member));
		kit_word(b, 1);
		kit_word(b, KIT_STEP * 8 * at++);
	}
	b->n++;
}

static inline void kit_types(struct kit *k)
{
	struct kit_btf *b = calloc(1, sizeof(*b));
	struct btf_header h = { .magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(h) };

	b->str_len = 1;
	kit_word(b, kit_str(b, "long"));
	kit_word(b, (u32)BTF_KIND_INT << 24);
	kit_word(b, 8);
	kit_word(b, 64);
	for (size_t i = 0; i < ARRAY_SIZE(kit_members); i++) {
		size_t j = 0;

		while (strcmp(kit_members[j].type, kit_members[i].type))
			j++;
		if (j == i)
			kit_struct(b, kit_members[i].type);
	}
	h.type_len = h.str_off = b->types_len;
	h.str_len = b->str_len;
	kit_put(k, KIT_BTF, &h, sizeof(h));
	kit_put(k, KIT_BTF + sizeof(h), b->types, b->types_len);
	kit_put(k, KIT_BTF + sizeof(h) + b->types_len, b->str, b->str_len);
	kit_symbol(k, "__start_BTF", KIT_BASE + KIT_BTF);
	kit_symbol(k, "__stop_BTF", KIT_BASE + KIT_BTF + sizeof(h) + b->types_len + b->str_len);
	free(b);
}

/* Where the kit's BTF puts a member. */
static inline u64 kit_offset(const char *type, const char *member)
{
	u64 at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kit_members); i++) {
		if (strcmp(kit_members[i].type, type) || kit_left_out(type, kit_members[i].member))
			continue;
		if (!strcmp(kit_members[i].member, member))
			return at;
		at += KIT_STEP;
	}
	abort();
}

static inline u64 kit_size(const char *type)
{
	u64 n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kit_members); i++)
		n += !strcmp(kit_members[i].type, type) && !kit_left_out(type, kit_members[i].member);
	return n * KIT_STEP;
}

/* Store a member of an object at a linear address. */
static inline void kit_set(struct kit *k, u64 obj, const char *type, const char *member, u64 v)
{
	kit_u64(k, obj - KIT_BASE + kit_offset(type, member), v);
}

/* ---- the whole --------------------------------------------------------------------------- */

/* One processor in the kernel, page tables for it. Symbols are added by the caller, then
 * kit_kallsyms() is called. */
static inline struct kit *kit_new(void)
{
	struct kit *k = calloc(1, sizeof(*k));
	struct err e;

	if (!k || target_new(1, &k->t, &e))
		abort();
	k->t->vcpu[0] = &k->cpu;
	k->t->page = kit_page;
	k->t->back = k;
	k->t->nram = 1;
	k->t->ram[0].len = KIT_RAM;
	k->data = KIT_DATA;
	kit_u64(k, 0x1000 + 8 * 511, 0x2000 | PTE_P | PTE_W);
	kit_u64(k, 0x2000 + 8 * 510, 0x3000 | PTE_P | PTE_W);
	for (u64 i = 0; i < KIT_RAM / MIB(2); i++)
		kit_u64(k, 0x3000 + 8 * (8 + i), i * MIB(2) | PTE_P | PTE_W | PTE_PS);
	k->cpu.cr0 = CR0_PG | CR0_PE;
	k->cpu.cr4 = CR4_PAE;
	k->cpu.efer = EFER_LMA | EFER_LME;
	k->cpu.cr3 = 0x1000;
	k->cpu.lstar = k->cpu.rip = KIT_TEXT;
	return k;
}

static inline void kit_free(struct kit *k)
{
	k->t->ncpus = 0; /* the processor is the kit's */
	target_free(k->t);
	free(k);
}

/* Enough symbols for a kernel, in ascending order, before those of the test. */
static inline void kit_pad(struct kit *k)
{
	static char names[600][16];

	for (unsigned i = 0; i < 600; i++) {
		snprintf(names[i], sizeof(names[i]), "pad_%03u", i);
		kit_symbol(k, names[i], KIT_TEXT + 16 * i);
	}
}

#endif
