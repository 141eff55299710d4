/* ist.c - stack switches, the IST, faults while an event is delivered, the double fault.
 * Source: SDM 3A 6.12 to 6.15. */
#include "guest.h"

const char test_name[] = "ist";

#define VA TEST_VA
#define GATE(vec) ((ulong)trap_stubs + (vec) * 16)

static u8 stack[4096] __attribute__((aligned(64)));
static u16 seen_ss;
static ulong seen_flags;

static bool look(struct frame *f)
{
	u32 ss;

	(void)f;
	asm volatile("mov %%ss, %0" : "=r"(ss));
	seen_ss = ss;
	seen_flags = flags_get();
	last_at = (ulong)&f->ip;
	return true;
}

USER(user_int82, "int $0x82");
USER(user_ud, "ud2");

static void switches(void)
{
	unsigned i;
	char name[] = "IST 1";

	for (i = 1; i < 8; i++) {
		name[4] = '0' + i;
		idt_set(UD, GATE(UD), 0xe, 0, i);
		TRY("ud2", MEM);
		check(name, faulted(UD, 0) && last_at == tss.ist[i] - 40 && last.sp == try_sp &&
		      last.ss == SEL_DATA);
	}
	tss.ist[3] = (ulong)stack + 1003;
	idt_set(UD, GATE(UD), 0xe, 0, 3);
	TRY("ud2", MEM);
	check("a crooked IST is aligned down", last_at == ((ulong)stack + 1003) / 16 * 16 - 40);
	idt_set(GP, GATE(GP), 0xe, 0, 3);
	TRY("movw %w0, %%ds", : : "r"(0xfff8) : "memory");
	check("IST with an error code", faulted(GP, 0xfff8) &&
	      last_at == ((ulong)stack + 1003) / 16 * 16 - 40);
	idt_default(GP);
	user_run(user_ud, 0, 0);
	check("IST from ring 3", last.vec == UD && last_at == ((ulong)stack + 1003) / 16 * 16 - 40 &&
	      last.sp == USER_STACK);
	idt_default(UD);
	user_run(user_ud, 0, 0);
	check("rsp0 from ring 3", last.vec == UD && last_at == tss.rsp[0] - 40);
}

static void gates(void)
{
	on_trap(0x82, look);
	idt_set(0x82, GATE(0x82), 0xe, 3, 0);
	user_run(user_int82, 0, 0);
	check_eq("ss is null after a change of ring", seen_ss, 0);
	flags_set(FL_1 | FL_IF | FL_NT);
	asm volatile("int $0x82" : : : "memory");
	check("interrupt gate: IF and NT clear", !(seen_flags & (FL_IF | FL_NT)));
	check("iret brings IF and NT back", (flags_get() & (FL_IF | FL_NT)) == (FL_IF | FL_NT));
	flags_set(FL_1 | FL_IF);
	idt_set(0x82, GATE(0x82), 0xf, 3, 0);
	asm volatile("int $0x82" : : : "memory");
	check("trap gate: IF stays", seen_flags & FL_IF);
	asm volatile("cli");
	on_trap(0x82, NULL);

	idt_set(0x82, GATE(0x82), 0xe, 3, 0);
	idt[0x82 * 2] &= ~(1ull << 47);
	TRY("int $0x82", MEM);
	check_fault_hw("#NP: int through an absent gate", NP, 0x82 * 8 + 2);
	idt_set(0x82, GATE(0x82), 0xc, 3, 0);
	TRY("int $0x82", MEM);
	check_fault_hw("#GP: gate of a wrong type", GP, 0x82 * 8 + 2);
	idt_set(0x82, GATE(0x82), 0xe, 3, 0);
	idt[0x82 * 2] &= ~(0xffffull << 16);
	TRY("int $0x82", MEM);
	check_fault("#GP: gate with a null selector", GP, 0);
	idt[0x82 * 2] |= 0x7f8ull << 16;
	TRY("int $0x82", MEM);
	check_fault("#GP: gate's selector beyond the GDT", GP, 0x7f8);
	idt_set(0x82, GATE(0x82), 0xe, 3, 0);
	idt[0x82 * 2] ^= (u64)(SEL_CODE64 ^ SEL_CODE32) << 16;
	TRY("int $0x82", MEM);
	check_fault("#GP: gate to a 32-bit code segment", GP, SEL_CODE32);
	idt_set(0x82, GATE(0x82), 0xe, 3, 0);
	idt[0x82 * 2] ^= (u64)(SEL_CODE64 ^ SEL_DATA) << 16;
	TRY("int $0x82", MEM);
	check_fault("#GP: gate to a data segment", GP, SEL_DATA);
	gdt_set(SEL_SPARE, 0x00af1b000000ffff);
	idt_set(0x82, GATE(0x82), 0xe, 3, 0);
	idt[0x82 * 2] ^= (u64)(SEL_CODE64 ^ SEL_SPARE) << 16;
	TRY("int $0x82", MEM);
	check_fault("#NP: gate to an absent code segment", NP, SEL_SPARE);
	idt_set(0x82, 1ull << 47, 0xe, 3, 0);
	TRY("int $0x82", MEM);
	check_fault_hw("#GP: gate's offset not canonical", GP, 0);
	idt_default(0x82);
}

static void idt_limit(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) small = { 0x80 * 16 - 1, (u64)idt }, all = { 4095, (u64)idt };

	asm volatile("lidt %0" : : "m"(small));
	TRY("int $0x80", MEM);
	check_fault_hw("#GP: int beyond the IDT's limit", GP, 0x80 * 8 + 2);
	asm volatile("lidt %0" : : "m"(all));
	TRY("int $0x80", MEM);
	check("IDT's limit back", last.vec == 0x80);
}

/* A second fault while the first is delivered: table 6-5. */
static void nested(void)
{
	idt[UD * 2] &= ~(1ull << 47);
	TRY("ud2", MEM);
	check("#UD through an absent gate: #NP", last.vec == NP);
	check_hw("its error code names the gate, with IDT and EXT", last.err == UD * 8 + 3);
	idt_default(UD);

	idt[GP * 2] &= ~(1ull << 47);
	TRY("movw %w0, %%ds", : : "r"(0xfff8) : "memory");
	check("#GP through an absent gate: #DF", last.vec == DF && last.err == 0);
	check("#DF on its IST", last_at == tss.ist[1] - 40);
	idt_default(GP);

	idt[PF * 2] &= ~(1ull << 47);
	TRY("movb (%0), %%al", : : "r"(VA) : "rax", "memory");
	check("#PF through an absent gate: #DF", last.vec == DF && last.err == 0);
	idt_default(PF);

	idt[DE * 2] &= ~(1ull << 47);
	TRY("divl %0", : : "r"(0), "a"(1), "d"(0) : "cc");
	check("#DE through an absent gate: #DF", last.vec == DF && last.err == 0);
	idt_default(DE);

	tss.ist[3] = VA + 4096;
	idt_set(UD, GATE(UD), 0xe, 0, 3);
	idt_set(PF, GATE(PF), 0xe, 0, 2);
	TRY("ud2", MEM);
	check("#UD with its stack absent: #PF", last.vec == PF && last.err == PF_W &&
	      last.cr2 >= VA + 4096 - 48 && last.cr2 < VA + 4096 && last.ip == try_at);
	idt_set(UD, GATE(UD), 0xe, 0, 0);
	TRY("movq %0, %%rsp\n ud2", : : "r"(VA + 2048) : "memory");
	check("#UD with rsp absent: #PF", last.vec == PF && last.err == PF_W &&
	      last.sp == VA + 2048);
	idt_set(PF, GATE(PF), 0xe, 0, 3);
	TRY("movb (%0), %%al", : : "r"(VA + 4096) : "rax", "memory");
	check("#PF with its stack absent: #DF", last.vec == DF && last.err == 0);
	check("#DF keeps cr2 of the second #PF", last.cr2 >= VA + 4096 - 48 && last.cr2 < VA + 4096);
	idt_default(PF);
	idt_set(GP, GATE(GP), 0xe, 0, 3);
	TRY("movw %w0, %%ds", : : "r"(0xfff8) : "memory");
	check("#GP with its stack absent: #PF", last.vec == PF || last.vec == DF);
	check("table 6-5: contributory, then #PF: handled serially", last.vec == PF);
	idt_default(GP);
	idt_default(UD);

	tss.ist[3] = (1ull << 47) + 4096;
	idt_set(UD, GATE(UD), 0xe, 0, 3);
	TRY("ud2", MEM);
	check_hw("#UD with its stack not canonical: #SS", last.vec == SS && last.err <= 1);
	idt_default(UD);
}

static unsigned depth;

static bool nest_hook(struct frame *f)
{
	f->ip += 2;
	if (++depth < 10)
		asm volatile("ud2");
	return true;
}

static void handlers_in_handlers(void)
{
	on_trap(UD, nest_hook);
	asm volatile("ud2");
	check_eq("ten handlers deep", depth, 10);
	on_trap(UD, NULL);
}

void test_main(void)
{
	switches();
	gates();
	idt_limit();
	nested();
	handlers_in_handlers();
}
