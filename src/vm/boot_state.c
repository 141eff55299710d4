/* boot_state.c - the processor's state at a kernel's entry, and the tables that go with it. */
#include "vm/boot_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*B:1300 What a kernel may expect at its first instruction
 * Every protocol asks for flat segments and no interrupts. The 32-bit ones (PVH, Multiboot) want
 * protected mode and nothing else; the 64-bit Linux protocol wants paging on already, with
 * physical addresses mapped to themselves. The GDT is the same for both but for one entry: code at
 * 0x10 and data at 0x18, which is what Linux demands and what GRUB has always left behind for the
 * others.
 * @test state_of_each_mode
 * Source: Linux, Documentation/arch/x86/boot.rst, 64-bit boot protocol; Xen, docs/misc/pvh.pandoc;
 * Multiboot Specification 0.6.96, section 3.2.
 */
#define BOOT_CS 0x10
#define BOOT_DS 0x18
#define GDT_CODE32 0x00cf9b000000ffffull
#define GDT_CODE64 0x00af9b000000ffffull
#define GDT_DATA 0x00cf93000000ffffull

#define LARGE MIB(2)
#define TABLES_MAX 8 /* PML4, PDPT, four GiB, and the two that a kernel may touch */

struct tables {
	u64 entry[TABLES_MAX][512];
};

/* One page directory for the GiB that holds at, unless there is one. */
static void map_gib(struct tables *t, unsigned *n, u64 base, u64 at)
{
	unsigned i = at >> 30;

	if (t->entry[1][i])
		return;
	BUG_ON(*n == TABLES_MAX);
	t->entry[1][i] = (base + *n * GUEST_PAGE_SIZE) | PTE_P | PTE_W;
	for (unsigned j = 0; j < 512; j++)
		t->entry[*n][j] = ((u64)i << 30) + j * LARGE + (PTE_P | PTE_W | PTE_PS);
	++*n;
}

static int tables_plan(struct boot *b, struct boot_entry_state *s, struct err *e)
{
	struct tables *t = boot_alloc(b, sizeof(*t));
	unsigned n = 2;
	int rc;

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	BUG_ON(s->map_len && (s->map_at + s->map_len > GIB(512) || s->map_len > GIB(1)));
	rc = boot_table(b, "page tables", t, sizeof(*t), GUEST_PAGE_SIZE, &s->cr3, e);
	if (rc)
		return rc;
	t->entry[0][0] = (s->cr3 + GUEST_PAGE_SIZE) | PTE_P | PTE_W;
	for (unsigned i = 0; i < 4; i++)
		map_gib(t, &n, s->cr3, GIB(i));
	if (s->map_len) {
		map_gib(t, &n, s->cr3, s->map_at);
		map_gib(t, &n, s->cr3, s->map_at + s->map_len - 1);
	}
	return 0;
}

int boot_state_plan(struct boot *b, struct boot_entry_state *s, struct err *e)
{
	u64 *gdt = boot_alloc(b, 4 * sizeof(u64));
	int rc;

	if (!gdt)
		return err_set(e, -ENOMEM, "out of memory");
	gdt[BOOT_CS / 8] = s->long_mode ? GDT_CODE64 : GDT_CODE32;
	gdt[BOOT_DS / 8] = GDT_DATA;
	rc = boot_table(b, "GDT", gdt, 4 * sizeof(u64), 16, &s->gdt, e);
	if (!rc && s->long_mode)
		rc = tables_plan(b, s, e);
	return rc;
}

void boot_state_set(const struct boot_entry_state *s, struct vcpu *v)
{
	const u16 flat = SEG_G | SEG_P | SEG_S;
	struct seg data = { BOOT_DS, flat | SEG_DB | 0x3, UINT32_MAX, 0 };

	memset(v->gpr, 0, sizeof(v->gpr));
	v->gpr[RAX] = s->rax;
	v->gpr[RBX] = s->rbx;
	v->gpr[RSI] = s->rsi;
	v->rip = s->rip;
	v->rflags = FL_1;
	v->cpl = 0;
	for (unsigned i = 0; i < SEG_N; i++)
		v->seg[i] = data;
	v->seg[SEG_CS] = (struct seg){ BOOT_CS, flat | 0xb, UINT32_MAX, 0 };
	v->seg[SEG_CS].attr |= s->long_mode ? SEG_L : SEG_DB;
	v->ldt = (struct seg){ 0 };
	v->tr = (struct seg){ 0, SEG_P | 0xb, 0x67, 0 }; /* a busy TSS, as PVH and VMX ask for */
	v->gdt = (struct dtr){ s->gdt, 4 * sizeof(u64) - 1 };
	v->idt = (struct dtr){ 0, 0 };
	v->cr0 = CR0_PE | CR0_ET;
	v->cr3 = 0;
	v->cr4 = 0;
	v->efer = 0;
	if (s->long_mode) {
		v->cr0 |= CR0_PG;
		v->cr3 = s->cr3;
		v->cr4 = CR4_PAE;
		v->efer = EFER_LME | EFER_LMA;
	}
}
