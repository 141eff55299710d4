/* hole.c - code, stacks and tables where there is no RAM: unclaimed addresses read all ones.
 * The processor must take the fault that follows, and nothing may crash. */
#include "guest.h"

const char test_name[] = "hole";

#define HOLE 0xd0000000ull
#define APIC 0xfee00000ull

static void use_ist(unsigned vec, unsigned ist)
{
	idt_set(vec, (ulong)trap_stubs + vec * 16, 0xe, 0, ist);
}

static void code(void)
{
	try_call(HOLE);
	check("code in the hole is FFh FFh: #UD", last.vec == UD && last.ip == HOLE);
	try_call(HOLE + 0x123);
	check("at any address", last.vec == UD && last.ip == HOLE + 0x123);
	if (ram_top()) {
		*(volatile u8 *)(ram_top() - 1) = 0x90;
		try_call(ram_top() - 1);
		check("running over the end of RAM", last.vec == UD && last.ip == ram_top());
		*(volatile u8 *)(ram_top() - 1) = 0xb8; /* mov $imm32, %eax: the rest is not RAM */
		try_call(ram_top() - 1);
		check("an instruction over the end of RAM: its bytes are ones",
		      last.vec == UD && (last.ip == ram_top() + 4 || last.ip == ram_top() - 1));
	}
	try_call(APIC + 0x20);
	check("code in a device's page faults or runs as it reads", last.vec != NO_FAULT);
}

static void stack(void)
{
	u64 sp;

	/* ret from a stack of ones: to -1, which wraps no page that is mapped. */
	TRY("movq %0, %%rsp\n ret", : : "r"(HOLE + 64) : "memory");
	check("ret to all ones", last.vec == PF && last.cr2 == ~0ull && last.ip == ~0ull);
	TRY("movq %1, %%rsp\n pushq $5\n popq %0\n", : "=r"(sp) : "r"(HOLE + 64) : "memory");
	check("push and pop in the hole", last.vec == NO_FAULT && sp == ~0ull);
	TRY("movq %0, %%rsp\n iretq\n", : : "r"(HOLE + 64) : "memory");
	check("iret from the hole", last.vec == GP);
	TRY("movq %0, %%rbp\n leave\n", : : "r"(HOLE + 64) : "memory", "rbp");
	check_none("leave");
}

static void descriptors(void)
{
	u64 *l3 = pte_of(TEST_VA, 3), was;
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) good, bad = { 0xffff, HOLE };

	asm volatile("sgdt %0" : "=m"(good));
	/* No exception may come while no gate's code segment can be read. */
	asm volatile("lgdt %1\n mov %2, %%es\n lgdt %0\n mov %2, %%es"
		     : : "m"(good), "m"(bad), "r"(SEL_DATA) : "memory");
	check("a segment load from descriptors of ones", true);
	was = *l3;
	*l3 = HOLE | PTE_P | PTE_W;
	invlpg(TEST_VA);
	try_read(TEST_VA);
	check("a page table in the hole", last.vec == PF && last.cr2 == TEST_VA);
	*l3 = APIC | PTE_P | PTE_W;
	invlpg(TEST_VA);
	try_read(TEST_VA);
	check("a page table in a device", last.vec == PF || last.vec == NO_FAULT);
	try_write(TEST_VA);
	check("a write through it", last.vec == PF || last.vec == NO_FAULT);
	*l3 = was;
	invlpg(TEST_VA);
	map(TEST_VA, 0xfffffffff000, PTE_P | PTE_W);
	try_read(TEST_VA);
	check("a page far above RAM", last.vec == PF || last.vec == NO_FAULT);
	TRY("rep movsb", : : "S"(HOLE), "D"(TEST_VA + 4090), "c"(20) : "memory");
	check("rep movs from nothing to nothing, then to nowhere", last.vec == PF);
}

void test_main(void)
{
	static const u8 vecs[] = { DB, UD, DF, SS, GP, PF, AC };
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(vecs); i++)
		use_ist(vecs[i], vecs[i] == DF ? 1 : 2);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	code();
	stack();
	descriptors();
}
