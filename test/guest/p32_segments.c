/* p32_segments.c - limits, bases and types in 32-bit protected mode, call gates with
 * parameters, 16-bit segments, privileged loads, SYSENTER, virtual-8086's door.
 * Source: SDM 3A 3.4, 5.3 to 5.8, 2B SYSENTER. */
#include "guest.h"

const char test_name[] = "p32_segments";

#define SPARE(n) (SEL_SPARE + (n) * 8)

static u8 area[256] __attribute__((aligned(16)));

static u64 segment(u32 base, u32 limit, unsigned type, unsigned flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)type << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

#define FS_TRY(code, ...) TRY(code, __VA_ARGS__)

static void limits(void)
{
	u32 v = 0;

	gdt_set(SPARE(0), segment((u32)area, 99, 0x93, 4));
	asm volatile("mov %0, %%fs" : : "r"(SPARE(0)));
	area[3] = 0x44;
	TRY("movb %%fs:3, %b0", : "+q"(v) : : "memory");
	check("base", last.vec == NO_FAULT && v == 0x44);
	TRY("movl %%fs:96, %0", : "=r"(v) : : "memory");
	check_none("the last four bytes");
	TRY("movl %%fs:97, %0", : "=r"(v) : : "memory");
	check_fault_hw("#GP: one byte past the limit", GP, 0);
	TRY("movb $1, %%fs:100", MEM);
	check_fault_hw("#GP: the byte past the limit", GP, 0);
	TRY("movl %%fs:(%1), %0", : "=r"(v) : "r"(0xfffffffe) : "memory");
	check_fault_hw("#GP: around 4 GiB", GP, 0);
	TRY("movups %%fs:85, %%xmm0", MEM);
	check_fault_hw("#GP: 16 bytes past the limit", GP, 0);
	/* Expand-down: valid above the limit. */
	gdt_set(SPARE(1), segment((u32)area, 99, 0x97, 4));
	asm volatile("mov %0, %%fs" : : "r"(SPARE(1)));
	TRY("movl %%fs:100, %0", : "=r"(v) : : "memory");
	check_none("expand-down, above its limit");
	TRY("movb %%fs:99, %b0", : "+q"(v) : : "memory");
	check_fault_hw("#GP: expand-down, at its limit", GP, 0);
	gdt_set(SPARE(1), segment((u32)area, 99, 0x97, 0));
	asm volatile("mov %0, %%fs" : : "r"(SPARE(1)));
	TRY("movb %%fs:0x10000, %b0", : "+q"(v) : : "memory");
	check_fault_hw("#GP: expand-down of 64 KiB, above", GP, 0);
	gdt_set(SPARE(1), segment((u32)area, 0, 0x93, 0xc));
	asm volatile("mov %0, %%fs" : : "r"(SPARE(1)));
	TRY("movb %%fs:4095, %b0", : "+q"(v) : : "memory");
	check_none("page granularity: 4095");
	TRY("movb %%fs:4096, %b0", : "+q"(v) : : "memory");
	check_fault_hw("#GP: page granularity: 4096", GP, 0);
}

static void types(void)
{
	u32 v = 0;

	gdt_set(SPARE(0), segment((u32)area, 255, 0x91, 4));
	asm volatile("mov %0, %%fs" : : "r"(SPARE(0)));
	TRY("movb %%fs:0, %b0", : "+q"(v) : : "memory");
	check_none("read of read-only data");
	TRY("movb $0, %%fs:0", MEM);
	check_fault_hw("#GP: write to read-only data", GP, 0);
	TRY("lock incb %%fs:0", MEM);
	check_fault_hw("#GP: read-modify-write of read-only data", GP, 0);
	TRY("movb $0, %%cs:area", MEM);
	check_fault_hw("#GP: write through cs", GP, 0);
	TRY("movb %%cs:area, %b0", : "+q"(v) : : "memory");
	check_none("read through cs");
	asm volatile("mov %0, %%fs" : : "r"(0));
	TRY("movb %%fs:0, %b0", : "+q"(v) : : "memory");
	check_fault_hw("#GP: null segment", GP, 0);
	check("a load sets accessed", (gdt_set(SPARE(0), segment(0, 255, 0x92, 4)),
	      ({ asm volatile("mov %0, %%gs" : : "r"(SPARE(0))); 1; }), gdt[SPARE(0) >> 3] & 1ull << 40));
	asm volatile("mov %0, %%gs" : : "r"(0));
	TRY("mov %0, %%ss", : : "r"(0) : "memory");
	check_fault("#GP: ss null", GP, 0);
}

static void stack_segment(void)
{
	static u8 stack[256] __attribute__((aligned(16)));
	u32 v = 0;

	/* A 32-bit stack of its own base and limit. */
	gdt_set(SPARE(0), segment((u32)stack, 127, 0x93, 4));
	asm volatile("movl %%esp, %%edx\n movl %%ss, %%ecx\n mov %1, %%ss\n movl $64, %%esp\n"
		     "pushl $0x77\n popl %0\n mov %%ecx, %%ss\n movl %%edx, %%esp"
		     : "=&a"(v) : "r"(SPARE(0)) : "ecx", "edx", "memory");
	check("a stack with a base", v == 0x77 && *(u32 *)(stack + 60) == 0x77);
	if (!on_tcg()) {
		/* The fault comes on the same stack, which has room further down. */
		gdt_set(SPARE(0), segment(0, 0xfffff, 0x93, 0xc));
		TRY("movl %%ss:(%1), %0", : "=r"(v) : "r"(0) : "memory");
		check_none("ss flat");
	}
	/* A 16-bit stack: SP alone moves, the upper half of ESP stays. */
	gdt_set(SPARE(0), segment((u32)stack, 255, 0x93, 0));
	asm volatile("movl %%esp, %%edx\n movl %%ss, %%ecx\n mov %1, %%ss\n movl $0x12340040, %%esp\n"
		     "pushl $0x88\n movl %%esp, %0\n popl %%eax\n mov %%ecx, %%ss\n movl %%edx, %%esp"
		     : "=&b"(v) : "r"(SPARE(0)) : "eax", "ecx", "edx", "memory");
	check("a 16-bit stack", v == 0x1234003c && *(u32 *)(stack + 60) == 0x88);
}

/* Call gate from ring 3 with two parameters. */
u32 gate_frame[6], gate_esp;
extern char gate_entry[];
asm(".text\ngate_entry:\n	movl %esp, gate_esp\n"
    "	movl (%esp), %eax\n	movl %eax, gate_frame\n	movl 4(%esp), %eax\n	movl %eax, gate_frame + 4\n"
    "	movl 8(%esp), %eax\n	movl %eax, gate_frame + 8\n	movl 12(%esp), %eax\n	movl %eax, gate_frame + 12\n"
    "	movl 16(%esp), %eax\n	movl %eax, gate_frame + 16\n	movl 20(%esp), %eax\n	movl %eax, gate_frame + 20\n"
    "	lret $8\n");
USER(user_gate, "pushl $0x11; pushl $0x22; lcall $0x5b, $0\nuser_gate_back: movl %esp, %ecx");
extern char user_gate_back[];
USER(user_lret, "pushl $0x1b; pushl $user_gate_back; lret");
USER(user_es, "movl %es, %eax");
USER(user_kernel, "movl $0x10, %eax; movl %eax, %es");

static void call_gate(void)
{
	gdt_set(SPARE(0), ((u32)gate_entry & 0xffff) | (u64)SEL_CODE32 << 16 | 2ull << 32 |
		0xecull << 40 | (u64)((u32)gate_entry >> 16) << 48);
	user_run(user_gate, 0, 0);
	check("call gate: frame", gate_frame[0] == (u32)user_gate_back && gate_frame[1] == SEL_UCODE32);
	check("call gate: parameters are copied", gate_frame[2] == 0x22 && gate_frame[3] == 0x11);
	check("call gate: outer stack", gate_frame[4] == USER_STACK - 8 && gate_frame[5] == SEL_UDATA);
	check("call gate: the TSS's stack", gate_esp == tss.esp0 - 24);
	check("far return drops the parameters on both stacks",
	      last.vec == 0x80 && last.cx == USER_STACK);
	user_run(user_lret, 0, 0);
	check("far return within ring 3", last.vec == 0x80);
	asm volatile("mov %0, %%es" : : "r"(SEL_DATA));
	user_run(user_es, 0, 0);
	check_eq("iret to ring 3 nulls es of ring 0", (u16)last.ax, 0);
	user_run(user_kernel, 0, 0);
	check("#GP in ring 3: es of ring 0", last.vec == GP && last.err == SEL_DATA);
	asm volatile("mov %0, %%es" : : "r"(SEL_DATA));
}

USER(user_sysenter, "movl %esp, %ecx; movl $1f, %edx; sysenter; 1: movl $0x600d, %eax");
extern char se_entry[];
u32 se_esp, se_flags;
asm(".text\nse_entry:\n	movl %esp, se_esp\n	pushfl\n	popl se_flags\n	sysexit\n");

static void sysenter(void)
{
	if (!(cpuid(1, 0).d & 1 << 11)) {
		skip("SYSENTER", "the processor has none");
		return;
	}
	/* SYSENTER's ring 0 code is 32-bit at CS, its ss CS + 8; SYSEXIT adds 16 and 24. */
	gdt_set(SPARE(4), 0x00cf9b000000ffff);
	gdt_set(SPARE(5), 0x00cf93000000ffff);
	gdt_set(SPARE(6), 0x00cffb000000ffff);
	gdt_set(SPARE(7), 0x00cff3000000ffff);
	wrmsr(0x174, SPARE(4));
	wrmsr(0x175, (u32)stack_top - 8192);
	wrmsr(0x176, (u32)se_entry);
	user_run(user_sysenter, 0, 0);
	check("SYSENTER", se_esp == (u32)stack_top - 8192 && !(se_flags & FL_IF));
	check("SYSEXIT", last.vec == 0x80 && last.ax == 0x600d && last.cs == (SPARE(6) | 3) &&
	      last.ss == (SPARE(7) | 3) && last.sp == USER_STACK);
}

static void far_transfers(void)
{
	u32 v = 0;

	asm volatile("lcall %1, $1f\n jmp 2f\n1: movl %%cs, %0\n lret\n2:" : "=&a"(v)
		     : "i"(SEL_CODE32) : "memory");
	check_eq("far call and return", (u16)v, SEL_CODE32);
	TRY("ljmp $0, $0", MEM);
	check_fault("#GP: far jump to null", GP, 0);
	TRY("ljmp $0x7f8, $0", MEM);
	check_fault("#GP: far jump beyond the GDT", GP, 0x7f8);
	TRY("ljmp $0x10, $0", MEM);
	check_fault("#GP: far jump to data", GP, SEL_DATA);
	gdt_set(SPARE(0), segment(0, 0xfffff, 0x1b, 0xc));
	TRY("ljmp $0x58, $0", MEM);
	check_fault("#NP: far jump to absent code", NP, SPARE(0));
	gdt_set(SPARE(0), segment(0, 0xfff, 0x9b, 4));
	TRY("ljmp $0x58, $0x1000", MEM);
	check_fault_hw("#GP: far jump beyond the limit", GP, 0);
}

static void code_limit(void)
{
	if (on_tcg()) {
		skip("the limit of cs", "TCG has none");
		return;
	}
	/* nops up to the limit, an instruction that runs over it */
	memset(area, 0x90, 16);
	area[8] = 0xb8;
	area[16] = 0xc3;
	gdt_set(SPARE(0), segment((u32)area, 9, 0x9b, 4));
	TRY("ljmp $0x58, $4", MEM);
	check("#GP: an instruction that runs over cs's limit",
	      last.vec == GP && last.err == 0 && last.ip == 8 && last.cs == SPARE(0));
	area[8] = 0x90;
	TRY("ljmp $0x58, $4", MEM);
	check("#GP: running over cs's limit",
	      last.vec == GP && last.err == 0 && last.ip == 10 && last.cs == SPARE(0));
}

static void exceptions(void)
{
	u32 bounds[2] = { 3, 6 };

	TRY("bound %0, %1", : : "r"(7), "m"(bounds) : "memory");
	check_fault("#BR", BR, 0);
	TRY("bound %0, %1", : : "r"(4), "m"(bounds) : "memory");
	check_none("bound within");
	TRY("movl $0x7fffffff, %%eax\n incl %%eax\n into", : : : "eax", "memory", "cc");
	check("#OF: into", last.vec == OF && last.ip == try_at + 7);
	TRY("arpl %%ax, %%cx", : : "a"(3), "c"(0) : "memory", "cc");
	check_none("arpl");
	TRY("int3", MEM);
	check("#BP", last.vec == BP && last.ip == try_at + 1);
	TRY(".byte 0x0f, 0x05", MEM);
	check("#UD: SYSCALL without SCE", last.vec == UD);
	TRY(".byte 0x82, 0xc0, 0x05", : : "a"(1) : "memory", "cc");
	check_none("82h is 80h");
	idt[0x82] &= ~(1ull << 47);
	TRY("int $0x82", MEM);
	check_fault("#NP: int through an absent gate", NP, 0x82 * 8 + 2);
	idt_default(0x82);
	idt_set(0x82, (ulong)trap_stubs + 0x82 * 16, 0xf, 0, 0);
	TRY("sti\n nop\n int $0x82", MEM);
	check("trap gate", last.vec == 0x82 && last.flags & FL_IF);
	asm volatile("cli");
	idt_set(0x82, (ulong)trap_stubs + 0x82 * 16, 0x6, 0, 0);
	idt_default(0x82);
	TRY("ltr %w0", : : "r"(SEL_TSS) : "memory");
	check_fault("#GP: ltr of a busy TSS", GP, SEL_TSS);
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	asm volatile("lldt %w0" : : "r"(0));
	limits();
	types();
	stack_segment();
	call_gate();
	sysenter();
	far_transfers();
	code_limit();
	exceptions();
}
