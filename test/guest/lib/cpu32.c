/* cpu32.c - descriptor tables and the TSS of a 32-bit image. */
#include "guest.h"

u64 idt[256] __attribute__((aligned(16)));
struct tss tss __attribute__((aligned(16)));
static u8 ring0_stack[4096] __attribute__((aligned(16)));
static u32 heap = HEAP;
extern u32 resume32;

void idt_set(unsigned vec, ulong handler, unsigned type, unsigned dpl, unsigned ist)
{
	(void)ist;
	idt[vec] = (handler & 0xffff) | (u64)SEL_CODE32 << 16 | (u64)(0x80 | dpl << 5 | type) << 40 |
		   (u64)(handler >> 16) << 48;
}

void idt_default(unsigned vec)
{
	idt_set(vec, (ulong)trap_stubs + vec * 16, 0xe, vec == 0x80 || vec == BP || vec == OF ? 3 : 0,
		0);
}

void gdt_set(unsigned sel, u64 descriptor)
{
	gdt[sel >> 3] = descriptor;
	barrier();
}

void tss_load(unsigned limit)
{
	u64 base = (ulong)&tss;

	gdt[SEL_TSS >> 3] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x89ull << 40 |
			    (u64)(limit >> 16 & 15) << 48 | (base >> 24 & 0xff) << 56;
	barrier();
	asm volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
}

void cpu_init(void)
{
	struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) ptr = { sizeof(idt) - 1, (u32)idt };
	unsigned i;

	for (i = 0; i < 256; i++)
		idt_default(i);
	asm volatile("lidt %0" : : "m"(ptr));
	tss.ss0 = SEL_DATA;
	tss.esp0 = (u32)ring0_stack + sizeof(ring0_stack);
	tss.iomap = sizeof(tss);
	tss_load(TSS_LIMIT);
}

void trap_resume32(struct frame *f)
{
	(void)f;
	resume32 = f->ip;
}

void user_run(const char *code, u32 di, u32 si)
{
	struct user_start s = { (u32)code, SEL_UCODE32, FL_1, USER_STACK, SEL_UDATA,
				.di = di, .si = si, .ds = SEL_UDATA };

	last.vec = NO_FAULT;
	try_at = (ulong)code;
	user_enter(&s);
}

void *page_alloc_n(unsigned n, u64 align)
{
	u32 a = align;
	void *p = (void *)((heap + a - 1) & -a);

	heap = (u32)p + n * 4096;
	return memset(p, 0, n * 4096);
}

void *page_alloc(void)
{
	return page_alloc_n(1, 4096);
}
