/* segments.c - loading and asking about segment and table registers in 64-bit mode.
 * Source: SDM 2B MOV, LAR, LSL, VERR, LLDT, LTR, LGDT, SMSW; 3A 5.8. */
#include "guest.h"

const char test_name[] = "segments";

#define SPARE(n) (SEL_SPARE + (n) * 8)
#define ACCESSED (1ull << 40)

static u64 ldt[4] __attribute__((aligned(8)));

static void load(const char *name, u32 sel, unsigned vec, u64 err)
{
	TRY("mov %0, %%es", : : "r"(sel) : "memory");
	if (vec == NO_FAULT)
		check_none(name);
	else
		check_fault(name, vec, err);
	asm volatile("mov %0, %%es" : : "r"(SEL_DATA));
}

static void data_segments(void)
{
	load("null", 0, NO_FAULT, 0);
	load("null with an RPL", 3, NO_FAULT, 0);
	load("user data", SEL_UDATA, NO_FAULT, 0);
	load("readable code", SEL_CODE64, NO_FAULT, 0);
	load("#GP: beyond the GDT", 0x7f8, GP, 0x7f8);
	load("#GP: beyond the GDT, RPL is not in the error code", 0x7fb, GP, 0x7f8);
	load("#GP: no LDT", 0x14, GP, 0x14);
	load("#GP: a system descriptor", SEL_TSS, GP, SEL_TSS);
	gdt_set(SPARE(0), 0x00af99000000ffff);
	load("#GP: code that cannot be read", SPARE(0), GP, SPARE(0));
	gdt_set(SPARE(0), 0x00cf13000000ffff);
	load("#NP: absent", SPARE(0), NP, SPARE(0));
	load("#GP: RPL above DPL", SEL_DATA | 3, GP, SEL_DATA);
	gdt_set(SPARE(0), 0x00cf92000000ffff);
	load("data not accessed yet", SPARE(0), NO_FAULT, 0);
	check("a load sets accessed", gdt[SPARE(0) >> 3] & ACCESSED);
	gdt_set(SPARE(0), 0x00cf12000000ffff);
	load("#NP leaves accessed clear: fault", SPARE(0), NP, SPARE(0));
	check("#NP leaves accessed clear", !(gdt[SPARE(0) >> 3] & ACCESSED));
}

static void stack_segment(void)
{
	TRY("mov %0, %%ss\n nop", : : "r"(0) : "memory");
	check_none("ss null in ring 0");
	asm volatile("mov %0, %%ss" : : "r"(SEL_DATA));
	TRY("mov %0, %%ss\n", : : "r"(3) : "memory");
	check_fault_hw("#GP: ss null with RPL 3 in ring 0", GP, 0);
	TRY("mov %0, %%ss", : : "r"(SEL_UDATA) : "memory");
	check_fault("#GP: ss of another ring", GP, SEL_UDATA & ~3);
	TRY("mov %0, %%ss", : : "r"(SEL_CODE64) : "memory");
	check_fault("#GP: ss is code", GP, SEL_CODE64);
	gdt_set(SPARE(0), 0x00cf91000000ffff);
	TRY("mov %0, %%ss", : : "r"(SPARE(0)) : "memory");
	check_fault("#GP: ss read-only", GP, SPARE(0));
	gdt_set(SPARE(0), 0x00cf13000000ffff);
	TRY("mov %0, %%ss", : : "r"(SPARE(0)) : "memory");
	check_fault("#SS: ss absent", SS, SPARE(0));
}

USER(user_null_ss, "xorl %eax, %eax; mov %eax, %ss");
USER(user_kernel_ds, "movl $0x10, %eax; mov %eax, %ds");
USER(user_null_ds, "xorl %eax, %eax; mov %eax, %ds; movq (%rsp), %rax; mov $0x23, %eax; mov %eax, %ds");

static void ring3(void)
{
	user_run(user_null_ss, 0, 0);
	check("#GP in ring 3: ss null", last.vec == GP && last.err == 0);
	user_run(user_kernel_ds, 0, 0);
	check("#GP in ring 3: ds of ring 0", last.vec == GP && last.err == SEL_DATA);
	user_run(user_null_ds, 0, 0);
	check("ring 3: ds null is nothing", last.vec == 0x80);
}

static void stores(void)
{
	u64 v = ~0ull;
	/* AMD, and TCG, read m16:32 here even with REX.W. */
	bool wide = far_is_64() && !on_tcg();
	static u8 far[10];
	u8 b[8] = { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa };

	asm volatile("mov %%ss, %k0" : "+r"(v));
	check_eq("mov from ss to 32 bits", v, SEL_DATA);
	v = ~0ull;
	asm volatile("mov %%ss, %w0" : "+r"(v));
	check_eq("mov from ss to 16 bits", v, 0xffffffffffff0010);
	asm volatile("mov %%ss, %0" : "=m"(b) : : "memory");
	check("mov from ss to memory writes two bytes", b[0] == 0x10 && b[1] == 0 && b[2] == 0xaa);
	v = ~0ull;
	asm volatile("mov %0, %%fs\n pushq %%fs\n popq %1" : : "r"(SEL_UDATA), "m"(v) : "memory");
	check_eq("push fs is eight bytes", v, SEL_UDATA);
	asm volatile("pushq $0x10\n popq %%fs\n mov %%fs, %k0" : "=r"(v) : : "memory");
	check_eq("pop fs", v, 0x10);
	*(u64 *)far = 0x123456789abcdef0;
	*(u16 *)(far + (wide ? 8 : 4)) = SEL_UDATA;
	asm volatile("rex.w lgs %1, %k0" : "+r"(v) : "m"(far) : "memory");
	check_eq("lgs with REX.W", v, wide ? 0x123456789abcdef0 : 0x9abcdef0);
	asm volatile("mov %%gs, %k0" : "=r"(v));
	check_eq("lgs: the selector", v, SEL_UDATA);
	*(u16 *)(far + (wide ? 8 : 4)) = 0x7f8;
	TRY("rex.w lgs %1, %k0", : "+r"(v) : "m"(far) : "memory");
	check_fault("#GP: lgs beyond the GDT", GP, 0x7f8);
	asm volatile("mov %0, %%fs\n mov %0, %%gs" : : "r"(0));
}

static bool zf_of(const char *what, u32 sel, u64 *ret)
{
	u8 z;

	if (what[1] == 'a')
		asm volatile("larl %2, %k0\n setz %1" : "+r"(*ret), "=q"(z) : "r"(sel) : "cc", "memory");
	else if (what[0] == 'l')
		asm volatile("lsll %2, %k0\n setz %1" : "+r"(*ret), "=q"(z) : "r"(sel) : "cc", "memory");
	else if (what[3] == 'r')
		asm volatile("verr %w1\n setz %0" : "=q"(z) : "r"(sel) : "cc", "memory");
	else
		asm volatile("verw %w1\n setz %0" : "=q"(z) : "r"(sel) : "cc", "memory");
	return z;
}

static void questions(void)
{
	u64 v = 7;

	check("lar of code", zf_of("lar", SEL_CODE64, &v) && (v & 0x00f0ff00) == 0x00a09b00);
	v = 7;
	check("lar of null", !zf_of("lar", 0, &v) && v == 7);
	check("lar beyond the GDT", !zf_of("lar", 0x7f8, &v) && v == 7);
	check("lar of a TSS", zf_of("lar", SEL_TSS, &v) && (v & 0xff00) == 0x8b00);
	check("lsl of 4 GiB data", zf_of("lsl", SEL_DATA, &v) && v == 0xffffffff);
	check("lsl of a TSS", zf_of("lsl", SEL_TSS, &v) && v == TSS_LIMIT);
	gdt_set(SPARE(0), 0x00008e0000080000);
	v = 7;
	check("lsl of a gate", !zf_of("lsl", SPARE(0), &v) && v == 7);
	check("lar of an interrupt gate", !zf_of("lar", SPARE(0), &v) && v == 7);
	gdt_set(SPARE(0), 0x00409b0000001234);
	check("lsl in bytes", zf_of("lsl", SPARE(0), &v) && v == 0x1234);
	check("verr of data", zf_of("verr", SEL_DATA, &v));
	check("verw of data", zf_of("verw", SEL_DATA, &v));
	check("verr of readable code", zf_of("verr", SEL_CODE64, &v));
	check("verw of code", !zf_of("verw", SEL_CODE64, &v));
	check("verr of null", !zf_of("verr", 0, &v));
	gdt_set(SPARE(0), 0x00cf91000000ffff);
	check("verw of read-only data", !zf_of("verw", SPARE(0), &v));
	check("verr of user data with RPL", zf_of("verr", SEL_UDATA, &v));
	check("verr: RPL above DPL", !zf_of("verr", SEL_DATA | 3, &v));
}

static void ldt_register(void)
{
	u64 base = (u64)ldt, v = ~0ull;

	ldt[1] = 0x00cf93000000ffff;
	gdt_set(SPARE(0), (sizeof(ldt) - 1) | (base & 0xffffff) << 16 | 0x82ull << 40 |
		(base >> 24 & 0xff) << 56);
	gdt_set(SPARE(1), base >> 32);
	TRY("lldt %w0", : : "r"(SPARE(0)) : "memory");
	check_none("lldt");
	asm volatile("sldt %k0" : "+r"(v));
	check_eq("sldt", v, SPARE(0));
	load("data from the LDT", 0x0c, NO_FAULT, 0);
	load("#GP: beyond the LDT", 0x24, GP, 0x24);
	TRY("lldt %w0", : : "r"(SEL_DATA) : "memory");
	check_fault("#GP: lldt of data", GP, SEL_DATA);
	TRY("lldt %w0", : : "r"(0x0c) : "memory");
	check_fault("#GP: lldt of an LDT selector", GP, 0x0c);
	gdt[SPARE(0) >> 3] &= ~(1ull << 47);
	TRY("lldt %w0", : : "r"(SPARE(0)) : "memory");
	check_fault("#NP: lldt absent", NP, SPARE(0));
	TRY("lldt %w0", : : "r"(0) : "memory");
	check_none("lldt null");
	load("#GP: the LDT is gone", 0x0c, GP, 0x0c);
}

static void task_register(void)
{
	u64 v = 0;

	asm volatile("str %k0" : "=r"(v));
	check_eq("str", v, SEL_TSS);
	check("ltr made the TSS busy", (gdt[SEL_TSS >> 3] >> 40 & 0xff) == 0x8b);
	TRY("ltr %w0", : : "r"(SEL_TSS) : "memory");
	check_fault("#GP: ltr of a busy TSS", GP, SEL_TSS);
	if (!on_tcg()) {
		TRY("ltr %w0", : : "r"(0) : "memory");
		check_fault("#GP: ltr null", GP, 0);
	}
	TRY("ltr %w0", : : "r"(SEL_DATA) : "memory");
	check_fault("#GP: ltr of data", GP, SEL_DATA);
	gdt[SEL_TSS >> 3] &= ~(1ull << 47 | 1ull << 41);
	TRY("ltr %w0", : : "r"(SEL_TSS) : "memory");
	check_fault("#NP: ltr of an absent TSS", NP, SEL_TSS);
	tss_load(TSS_LIMIT);
}

struct table {
	u16 limit;
	u64 base;
} __attribute__((packed));

USER(user_sgdt, "sgdt -16(%rsp)");
USER(user_sidt, "sidt -16(%rsp)");
USER(user_sldt, "sldt %eax");
USER(user_str, "str %eax");
USER(user_smsw, "smsw %eax");

static void tables(void)
{
	struct table was, now = { 0, 0 }, bad = { 0x7f, 1ull << 47 };
	static const struct {
		const char *name, *code;
	} umip[] = {
		{ "#GP: sgdt in ring 3 with UMIP", user_sgdt }, { "#GP: sidt", user_sidt },
		{ "#GP: sldt", user_sldt }, { "#GP: str", user_str }, { "#GP: smsw", user_smsw },
	};
	unsigned i;

	asm volatile("sgdt %0" : "=m"(was));
	check("sgdt", was.base == (u64)gdt && was.limit == (11 + GDT_SPARE) * 8 - 1);
	was.limit -= 8;
	asm volatile("lgdt %1\n sgdt %0" : "=m"(now) : "m"(was));
	check("lgdt", !memcmp(&was, &now, sizeof(was)));
	was.limit += 8;
	asm volatile("lgdt %0" : : "m"(was));
	TRY("lgdt %0", : : "m"(bad) : "memory");
	check_fault_hw("#GP: lgdt not canonical", GP, 0);
	asm volatile("lgdt %0" : : "m"(was));
	asm volatile("sidt %0" : "=m"(now));
	check("sidt", now.base == (u64)idt && now.limit == 4095);
	TRY("lidt %0", : : "m"(bad) : "memory");
	if (!on_tcg())
		check_fault("#GP: lidt not canonical", GP, 0);
	asm volatile("lidt %0" : : "m"(now));
	user_run(user_sgdt, 0, 0);
	check("sgdt in ring 3", last.vec == 0x80);
	if (!(cpuid(7, 0).c & 4)) {
		skip("UMIP", "the processor has none");
		return;
	}
	cr4_set(cr4_get() | CR4_UMIP);
	for (i = 0; i < ARRAY_SIZE(umip); i++) {
		user_run(umip[i].code, 0, 0);
		check_fault(umip[i].name, GP, 0);
	}
	cr4_set(cr4_get() & ~(ulong)CR4_UMIP);
}

static void machine_status(void)
{
	u64 v = ~0ull;

	asm volatile("smsw %k0" : "+r"(v));
	check_eq("smsw of 32 bits", (u32)v, (u32)cr0_get());
	v = ~0ull;
	asm volatile("smsw %w0" : "+r"(v));
	check_eq("smsw of 16 bits", v, 0xffffffffffff0000 | (cr0_get() & 0xffff));
	asm volatile("lmsw %w0" : : "r"(CR0_TS | CR0_MP));
	check("lmsw sets TS and keeps PE", (cr0_get() & 0xf) == (CR0_TS | CR0_MP | CR0_PE));
	asm volatile("clts");
	check("clts", !(cr0_get() & CR0_TS));
	asm volatile("mov %0, %%cr8\n mov %%cr8, %1" : : "r"(5ull), "r"(0ull));
	asm volatile("mov %%cr8, %0" : "=r"(v));
	check_eq("cr8", v, 5);
	asm volatile("mov %0, %%cr8" : : "r"(0ull));
}

void test_main(void)
{
	asm volatile("lldt %w0" : : "r"(0));
	data_segments();
	stack_segment();
	ring3();
	stores();
	questions();
	ldt_register();
	task_register();
	tables();
	machine_status();
}
