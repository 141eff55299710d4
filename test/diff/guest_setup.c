/* guest_setup.c - what a processor needs to run CPL 3 code and to stop at its exceptions: tables
 * as Linux has them as far as user code can see. Source: SDM 3A 3 to 6; linux gdt layout in
 * arch/x86/include/asm/segment.h. */
#include <string.h>

#include "guest.h"

static const u64 gdt[16] = {
	[1] = 0x00cf9b000000ffff, /* 08: kernel, 32-bit */
	[2] = 0x00af9b000000ffff, /* 10: kernel, 64-bit */
	[3] = 0x00cf93000000ffff, /* 18: kernel data */
	[4] = 0x00cffb000000ffff, /* 23: user, 32-bit */
	[5] = 0x00cff3000000ffff, /* 2b: user data */
	[6] = 0x00affb000000ffff, /* 33: user, 64-bit */
};
#define TSS_SEL 0x40
#define TSS_LIMIT 0x67

u64 guest_frame_at(unsigned i)
{
	static const u8 order[FRAMES] = { 5, 2, 7, 0, 3, 6, 1, 4 };

	return FRAMES_AT + order[i] * GUEST_PAGE_SIZE;
}

/* As Linux makes a descriptor of modify_ldt()'s argument. */
static u64 ldt_desc(unsigned i)
{
	const struct ldt_row *r = &ldt_rows[i % LDT_KINDS];
	u64 type = 0x11 | !r->read_only << 1 | r->down << 2 | r->code << 3 | 3 << 5 | !r->absent << 7;
	u64 base = ldt_base(i);

	return (r->limit & 0xffff) | (base & 0xffffff) << 16 | type << 40 |
	       (u64)(r->limit >> 16 & 15) << 48 | (u64)!r->small << 54 | (u64)r->pages << 55 |
	       (base >> 24) << 56;
}

struct seg guest_seg(u16 sel)
{
	u64 d = sel & 4 ? ldt_desc(sel / 8) : gdt[sel / 8];
	struct seg s = { .sel = sel };

	if (!(sel & ~3))
		return s;
	s.attr = (u16)(d >> 40) & 0xf0ff;
	s.base = (d >> 16 & 0xffffff) | d >> 56 << 24;
	s.limit = (d & 0xffff) | (u32)(d >> 48 & 15) << 16;
	if (s.attr & SEG_G)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

static void put_gdt(u8 *ram)
{
	u64 base = SUP_VA + TSS_AT;
	u64 tss[2] = {
		TSS_LIMIT | (base & 0xffffff) << 16 | 0x8bull << 40 | (base >> 24 & 0xff) << 56,
		base >> 32,
	};

	memcpy(ram + GDT_AT, gdt, sizeof(gdt));
	memcpy(ram + GDT_AT + TSS_SEL, tss, sizeof(tss));
	for (unsigned i = 0; i < LDT_ROWS; i++) {
		u64 d = ldt_desc(i);

		memcpy(ram + LDT_AT + 8 * i, &d, 8);
	}
}

/* CPL 3 may call vectors 3 and 4 only, as under Linux. */
static void put_idt(u8 *ram)
{
	for (unsigned i = 0; i < 256; i++) {
		u64 at = SUP_VA + HANDLERS_AT + 16 * i;
		u64 type = i == EXC_BP || i == EXC_OF ? 0xee : 0x8e;
		u64 gate[2] = {
			(at & 0xffff) | 0x10ull << 16 | (i == EXC_DF ? 1ull << 32 : 0) | type << 40 |
				(at >> 16 & 0xffff) << 48,
			at >> 32,
		};

		memcpy(ram + IDT_AT + 16 * i, gate, 16);
		ram[HANDLERS_AT + 16 * i] = 0xf4; /* hlt */
	}
}

static void put_tss(u8 *ram)
{
	u64 rsp0 = SUP_VA + STACK_AT, ist1 = SUP_VA + STACK_AT - 0x1000;
	u16 iomap = TSS_LIMIT + 1;

	memcpy(ram + TSS_AT + 4, &rsp0, 8);
	memcpy(ram + TSS_AT + 0x24, &ist1, 8);
	memcpy(ram + TSS_AT + 0x66, &iomap, 2);
}

struct tables {
	u8 *ram;
	u64 next; /* where the next table goes */
};

/* The table that entry i of the table at `at` leads to; made if there is none. */
static u64 table_next(struct tables *t, u64 at, u64 i)
{
	u64 *e = (u64 *)(t->ram + at) + i;

	if (!*e) {
		*e = t->next | PTE_P | PTE_W | PTE_U;
		t->next += GUEST_PAGE_SIZE;
	}
	return *e & 0x000ffffffffff000ull;
}

static void map_page(struct tables *t, u64 va, u64 pte)
{
	u64 at = TABLES_AT;

	for (unsigned shift = 39; shift > 12; shift -= 9)
		at = table_next(t, at, va >> shift & 511);
	((u64 *)(t->ram + at))[va >> 12 & 511] = pte;
}

static void put_tables(u8 *ram)
{
	static const u64 prot[] = {
		[PROT_RW] = PTE_W | PTE_NX, [PROT_RO] = PTE_NX, [PROT_RWX] = PTE_W,
	};
	struct tables t = { ram, TABLES_AT + GUEST_PAGE_SIZE };

	for (u64 at = 0; at < MIB(1); at += GUEST_PAGE_SIZE)
		map_page(&t, SUP_VA + at, at | PTE_P | PTE_W | PTE_G);
	for (unsigned s = 0; s < SLIDE_N; s++)
		for (unsigned i = 0; i < FRAMES; i++)
			map_page(&t, slides[s] + frames[i].va,
				 guest_frame_at(i) | PTE_P | PTE_U | prot[frames[i].prot]);
	BUG_ON(t.next > FRAMES_AT);
}

void guest_set_up(u8 *ram, struct vcpu *v)
{
	put_gdt(ram);
	put_idt(ram);
	put_tss(ram);
	put_tables(ram);
	v->gdt = (struct dtr){ SUP_VA + GDT_AT, sizeof(gdt) - 1 };
	v->idt = (struct dtr){ SUP_VA + IDT_AT, 256 * 16 - 1 };
	v->tr = (struct seg){ .sel = TSS_SEL, .attr = 0x8b, .limit = TSS_LIMIT, .base = SUP_VA + TSS_AT };
	v->ldt = (struct seg){ .sel = 0x50, .attr = 0x82, .limit = 8 * LDT_ROWS - 1, .base = SUP_VA + LDT_AT };
	v->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	v->cr3 = TABLES_AT;
	v->cr4 = CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT |
		 CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP;
	v->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	v->xcr0 = 7;
}
