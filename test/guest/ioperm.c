/* ioperm.c - POPF, PUSHF, IOPL and the I/O permission bitmap.
 * Source: SDM 2B POPF; 1 19.5 (I/O privilege level, permission bitmap). */
#include "guest.h"

const char test_name[] = "ioperm";

USER(user_in80, "inb $0x80, %al");
USER(user_inw80, "inw $0x80, %ax");
USER(user_inl80, "inl $0x80, %eax");
USER(user_outdx, "movl %edi, %edx; outb %al, %dx");
USER(user_cli, "cli; sti");
USER(user_popf, "pushq %rdi; popfq; pushfq; popq %rax");
USER(user_outsb, "movl $0x80, %edx; movl $1, %ecx; movq %rsp, %rsi; rep outsb");
USER(user_insb0, "movl $0x80, %edx; xorl %ecx, %ecx; rep insb");

static void popf_ring0(void)
{
	u64 v;

	flags_set(~0ull & ~(u64)(FL_TF | FL_AC | FL_VM | FL_RF));
	v = flags_get();
	flags_set(FL_1);
	check_eq("popf in ring 0 sets what exists", v & 0xffff,
		 0xffff & ~(u64)(FL_TF | 0x8028));
	check("popf in ring 0: ID, no VM, no RF", v & FL_ID && !(v & (FL_VM | FL_RF)) && !(v >> 22));
	check_eq("bit 1 is one, 3, 5, 15 are zero", flags_get() & 0x802a, 2);
	flags_set(FL_1 | FL_AC);
	check("popf sets AC", flags_get() & FL_AC);
	flags_set(FL_1);
	asm volatile("pushw $0x8d5\n popfw\n pushfq\n popq %0" : "=r"(v) : : "memory", "cc");
	check_eq("popf of 16 bits", v & 0xffff, 0x8d7);
	asm volatile("cld" : : : "cc");
	flags_set(FL_1);
	asm volatile("movb $0xd5, %%ah\n sahf\n pushfq\n popq %0" : "=r"(v) : : "rax", "memory", "cc");
	check_eq("sahf", v & 0xff, 0xd7);
	asm volatile("movb $0xd5, %%ah\n sahf\n xorl %%eax, %%eax\n stc\n lahf\n movzbl %%ah, %k0"
		     : "=r"(v) : : "rax", "memory", "cc");
	check_eq("lahf", v, 0x47);
	asm volatile("std\n pushfq\n popq %0\n cld" : "=r"(v) : : "memory", "cc");
	check("std", v & FL_DF);
	asm volatile("clc\n cmc\n pushfq\n popq %0" : "=r"(v) : : "memory", "cc");
	check("cmc", v & FL_CF);
}

static void popf_ring3(void)
{
	user_run(user_popf, FL_1 | FL_IF | FL_IOPL | FL_NT | FL_ZF, 0);
	check("popf in ring 3 changes neither IF nor IOPL",
	      last.vec == 0x80 && (last.ax & (FL_IF | FL_IOPL | FL_NT | FL_ZF)) == (FL_NT | FL_ZF));
	user_run_flags(user_popf, FL_1, 0, FL_1 | FL_IF | FL_IOPL);
	check("popf in ring 3 with IOPL 3 changes IF, not IOPL",
	      (last.ax & (FL_IF | FL_IOPL)) == FL_IOPL);
	user_run(user_cli, 0, 0);
	check_fault("#GP: cli with IOPL 0", GP, 0);
	user_run_flags(user_cli, 0, 0, FL_1 | FL_IOPL);
	check("cli and sti with IOPL 3", last.vec == 0x80 && last.flags & FL_IF);
}

static void bitmap(void)
{
	u8 *bits = (u8 *)&tss + 104;

	user_run(user_in80, 0, 0);
	check_fault("#GP: in without a bitmap", GP, 0);
	user_run_flags(user_in80, 0, 0, FL_1 | FL_IOPL);
	check("in with IOPL 3", last.vec == 0x80);
	tss.iomap = 104;
	memset(bits, 0xff, 8193);
	bits[0x80 / 8] = 0xfe;
	user_run(user_in80, 0, 0);
	check("in of an allowed port", last.vec == 0x80);
	user_run(user_inw80, 0, 0);
	check_fault("#GP: inw needs two bits", GP, 0);
	bits[0x80 / 8] = 0xfc;
	user_run(user_inw80, 0, 0);
	check("inw with two bits", last.vec == 0x80);
	user_run(user_inl80, 0, 0);
	check_fault("#GP: inl needs four bits", GP, 0);
	bits[0x80 / 8] = 0xf0;
	user_run(user_inl80, 0, 0);
	check("inl with four bits", last.vec == 0x80);
	user_run(user_outdx, 0x81, 0);
	check("out dx of an allowed port", last.vec == 0x80);
	user_run(user_outdx, 0x84, 0);
	check("#GP: out dx of another", last.vec == GP && last.err == 0);
	user_run(user_outsb, 0, 0);
	check("rep outs of an allowed port", last.vec == 0x80 && last.cx == 0 &&
	      last.si == USER_STACK + 1);
	bits[0x80 / 8] = 0xff;
	user_run(user_outsb, 0, 0);
	check("#GP: rep outs", last.vec == GP && last.cx == 1 && last.si == USER_STACK);
	bits[0x80 / 8] = 0xf0;
	user_run(user_insb0, 0, 0);
	check("rep ins of nothing", last.vec == 0x80);
	tss_load(104 + 0x80 / 8); /* the second byte of the bitmap word is outside */
	user_run(user_in80, 0, 0);
	check_fault("#GP: bitmap word beyond the TSS's limit", GP, 0);
	tss_load(104 + 0x80 / 8 + 1);
	user_run(user_in80, 0, 0);
	check("bitmap word at the TSS's end", last.vec == 0x80);
	tss_load(TSS_LIMIT);
	tss.iomap = sizeof(tss);
	bits[0x80 / 8] = 0xff;
	inb(0x80);
	check("ring 0 asks no bitmap", true);
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	popf_ring0();
	popf_ring3();
	bitmap();
}
