/* cpu64.c - descriptor tables, the TSS, page tables and ring 3 of a 64-bit image. */
#include "guest.h"

u64 idt[512] __attribute__((aligned(16)));
struct tss tss __attribute__((aligned(16)));
static u8 ist_stack[8][4096] __attribute__((aligned(16)));
static u64 heap = HEAP;

void idt_set(unsigned vec, ulong handler, unsigned type, unsigned dpl, unsigned ist)
{
	idt[vec * 2] = (handler & 0xffff) | (u64)SEL_CODE64 << 16 | (u64)ist << 32 |
		       (u64)(0x80 | dpl << 5 | type) << 40 | (handler >> 16 & 0xffff) << 48;
	idt[vec * 2 + 1] = handler >> 32;
}

void idt_default(unsigned vec)
{
	idt_set(vec, (ulong)trap_stubs + vec * 16, 0xe, vec == 0x80 || vec == BP || vec == OF ? 3 : 0,
		vec == DF ? 1 : 0);
}

void gdt_set(unsigned sel, u64 descriptor)
{
	gdt[sel >> 3] = descriptor;
	barrier();
}

void tss_load(unsigned limit)
{
	u64 base = (u64)&tss;

	gdt[SEL_TSS >> 3] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x89ull << 40 |
			    (u64)(limit >> 16 & 15) << 48 | (base >> 24 & 0xff) << 56;
	gdt[(SEL_TSS >> 3) + 1] = base >> 32;
	barrier();
	asm volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
}

void cpu_init(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) ptr = { sizeof(idt) - 1, (u64)idt };
	unsigned i;

	for (i = 0; i < 256; i++)
		idt_default(i);
	asm volatile("lidt %0" : : "m"(ptr));
	tss.rsp[0] = (u64)ist_stack[0] + 4096;
	for (i = 1; i < 8; i++)
		tss.ist[i] = (u64)ist_stack[i] + 4096;
	tss.iomap = sizeof(tss);
	tss_load(TSS_LIMIT);
}

void user_run_flags(const char *code, u64 di, u64 si, u64 flags)
{
	struct user_start s = { (u64)code, SEL_UCODE64, flags, USER_STACK, SEL_UDATA,
				.di = di, .si = si };

	last.vec = NO_FAULT;
	try_at = (ulong)code;
	user_enter(&s);
}

void user_run(const char *code, u64 di, u64 si)
{
	user_run_flags(code, di, si, FL_1);
}

void *page_alloc_n(unsigned n, u64 align)
{
	void *p = (void *)((heap + align - 1) & -align);

	heap = (u64)p + n * 4096ull;
	return memset(p, 0, n * 4096ull);
}

void *page_alloc(void)
{
	return page_alloc_n(1, 4096);
}

u64 *pte_of(u64 va, unsigned level)
{
	u64 *table = boot_l4;
	unsigned l;

	for (l = 4; l > level; l--) {
		u64 *e = &table[va >> (12 + 9 * (l - 1)) & 511];

		if (!(*e & PTE_P))
			*e = (u64)page_alloc() | PTE_P | PTE_W | PTE_U;
		table = (u64 *)(*e & 0xffffffffff000);
	}
	return &table[va >> (12 + 9 * (level - 1)) & 511];
}

void map_level(u64 va, u64 pa, u64 flags, unsigned level)
{
	*pte_of(va, level) = pa | flags | (level > 1 ? PTE_PS : 0);
	invlpg(va);
}

void map(u64 va, u64 pa, u64 flags)
{
	map_level(va, pa, flags, 1);
}
