/* probe_image.c - what lies in the memory of the probe's guest. */
#include <string.h>

#include "kvm/probe_guest.h"
#include "kvm/probe_int.h"

extern const u8 probe_guest[], probe_guest_end[], probe_guest_traps[], probe_guest_user[];

static const char *const step_names[] = {
	"64-bit code",
	"CPUID",
	"high-half mappings",
	"descriptor tables",
	"exceptions",
	"page faults",
	"invlpg",
	"page-table switches",
	"MSRs and swapgs",
	"code that changes",
	"the interrupt flag",
	"timer interrupts",
	"user mode and system calls",
	"device memory and ports",
	"speed",
};

const char *probe_step_name(u32 n)
{
	return n >= 1 && n <= ARRAY_SIZE(step_names) ? step_names[n - 1] : NULL;
}

static u64 *entry(struct mem *m, u64 table, u64 index)
{
	return (u64 *)mem_host_w(m, GPA(table + index * 8), 8);
}

static unsigned index_at(u64 linear, unsigned level)
{
	return linear >> (12 + 9 * (level - 1)) & 511;
}

/*
 * The tables are made like a kernel's: an image mapped by 2 MiB pages in the top 2 GiB, a direct
 * map, a vmalloc area of 4 KiB pages, a process below.
 */
static void paging_fill(struct mem *m, u64 pml4, u64 far_pdpt, u64 far_pte)
{
	enum { LOW_PDPT = PROBE_TABLES, LOW_PD = LOW_PDPT + 0x1000, HIGH_PDPT = LOW_PD + 0x1000,
	       IO_PD = HIGH_PDPT + 0x1000, USER_PT = IO_PD + 0x1000 };
	u64 far_pd = far_pdpt + 0x1000, far_pt = far_pd + 0x1000;

	*entry(m, pml4, 0) = LOW_PDPT | PTE_P | PTE_W | PTE_U;
	*entry(m, pml4, index_at(PROBE_DIRECT, 4)) = LOW_PDPT | PTE_P | PTE_W;
	*entry(m, pml4, index_at(PROBE_HIGH, 4)) = HIGH_PDPT | PTE_P | PTE_W;
	*entry(m, pml4, index_at(PROBE_FAR, 4)) = far_pdpt | PTE_P | PTE_W;
	*entry(m, LOW_PDPT, 0) = LOW_PD | PTE_P | PTE_W | PTE_U;
	*entry(m, LOW_PDPT, index_at(PROBE_MMIO, 3)) = IO_PD | PTE_P | PTE_W;
	*entry(m, HIGH_PDPT, index_at(PROBE_HIGH, 3)) = LOW_PD | PTE_P | PTE_W;
	*entry(m, LOW_PD, 0) = 0 | PTE_P | PTE_W | PTE_PS;
	*entry(m, LOW_PD, index_at(PROBE_USER, 2)) = USER_PT | PTE_P | PTE_W | PTE_U;
	*entry(m, USER_PT, 0) = PROBE_USER_CODE | PTE_P | PTE_W | PTE_U;
	*entry(m, IO_PD, index_at(PROBE_MMIO, 2)) = PROBE_MMIO | PTE_P | PTE_W | PTE_PS;
	*entry(m, far_pdpt, 0) = far_pd | PTE_P | PTE_W;
	*entry(m, far_pd, 0) = far_pt | PTE_P | PTE_W;
	*entry(m, far_pt, 0) = far_pte;
}

static void gdt_fill(struct mem *m)
{
	const u64 tss = PROBE_HIGH + PROBE_TSS;
	const u64 gdt[] = {
		0,
		0x00af9b000000ffff, /* PROBE_CS: 64-bit code */
		0x00cf93000000ffff, /* PROBE_DS */
		0x00cffb000000ffff, /* PROBE_USER_BASE: 32-bit code, unused */
		0x00cff3000000ffff, /* PROBE_USER_DS */
		0x00affb000000ffff, /* PROBE_USER_CS */
		0x0000890000000067 | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56,
		tss >> 32,
	};
	u64 rsp0 = PROBE_HIGH + PROBE_STACK;

	memcpy(mem_host_w(m, GPA(PROBE_GDT), sizeof(gdt)), gdt, sizeof(gdt));
	memcpy(mem_host_w(m, GPA(PROBE_TSS + 4), 8), &rsp0, 8);
}

static void gate(struct mem *m, unsigned vector, u64 handler)
{
	*entry(m, PROBE_IDT, vector * 2) = (handler & 0xffff) | PROBE_CS << 16 |
					   0x8eull << 40 | (handler >> 16 & 0xffff) << 48;
	*entry(m, PROBE_IDT, vector * 2 + 1) = handler >> 32;
}

static void idt_fill(struct mem *m)
{
	u64 traps = PROBE_HIGH + PROBE_BASE + (u64)(probe_guest_traps - probe_guest);
	unsigned i;

	for (i = 0; i < 32; i++)
		gate(m, i, traps + i * 16);
	gate(m, PROBE_IRQ, traps + 32 * 16);
}

static void code_copy(struct mem *m, u64 at, const u8 *from, const u8 *end)
{
	size_t len = (size_t)(end - from);

	memcpy(mem_host_w(m, GPA(at), len), from, len);
}

static void start_set(struct vcpu *v)
{
	const u16 data = SEG_P | SEG_S | SEG_DB | SEG_G | 3;
	unsigned i;

	for (i = 0; i < SEG_N; i++)
		v->seg[i] = (struct seg){ PROBE_DS, data, ~0u, 0 };
	v->seg[SEG_CS] = (struct seg){ PROBE_CS, SEG_P | SEG_S | SEG_L | SEG_G | 0xb, ~0u, 0 };
	v->gdt = (struct dtr){ PROBE_GDT, 0x3f };
	v->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	v->cr3 = PROBE_PML4;
	v->cr4 = CR4_PAE;
	v->efer = EFER_LME | EFER_LMA | EFER_NXE;
	v->rflags = FL_1;
	v->rip = PROBE_BASE;
	v->cpl = 0;
}

void probe_image(struct mem *m, struct vcpu *v, u32 tsc_khz)
{
	enum { FAR = PROBE_TABLES_END - 0x3000, FAR_OTHER = FAR - 0x3000 };
	_Static_assert(FAR_OTHER >= PROBE_TABLES + 0x5000, "tables overlap");

	paging_fill(m, PROBE_PML4_OTHER, FAR_OTHER, PROBE_PAGE_A | PTE_P | PTE_W);
	paging_fill(m, PROBE_PML4, FAR, 0);
	gdt_fill(m);
	idt_fill(m);
	memcpy(mem_host_w(m, GPA(PROBE_PARAM), 4), &tsc_khz, 4);
	code_copy(m, PROBE_BASE, probe_guest, probe_guest_end);
	code_copy(m, PROBE_USER_CODE, probe_guest_user, probe_guest_end);
	start_set(v);
}
