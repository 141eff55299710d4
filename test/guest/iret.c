/* iret.c - IRET in every direction, and what it refuses. Source: SDM 2A IRET. */
#include "guest.h"

const char test_name[] = "iret";

#define RING0_SP ((u64)stack_top - 8192)

USER(user_end, "nop");
USER(user_ds, "movl %ds, %eax; movl %es, %ebx; movl %fs, %ecx; movl %gs, %edx");
USER(user_iret_ring0, "movq %rsp, %rax; pushq $0x23; pushq %rax; pushq $2; pushq $0x08;"
     "pushq $user_end\nuser_iret_bad: iretq");
extern char user_iret_bad[];
USER(user_iret_same, "movq %rsp, %rax; pushq $0x23; pushq %rax; pushq $0x3242; pushq $0x2b;"
     "pushq $user_end; iretq");
asm(".pushsection .user, \"ax\"\n.code32\nuser32: .globl user32\n	movl $0xffffffff, %eax\n"
    "	incl %eax\n	.byte 0x40\n	pushl %eax\n	int $0x80\n"
    "user32_iret: .globl user32_iret\n	pushl $2\n	pushl $0x1b\n	pushl $user32\n	iretl\n"
    ".code64\n.popsection");
extern char user32[], user32_iret[];
extern char ring0_end[];
asm(".text\nring0_end: int $0x80");

static struct user_start frame(u64 ip, u64 cs, u64 flags, u64 sp, u64 ss)
{
	return (struct user_start){ ip, cs, flags, sp, ss, .ax = 0 };
}

static void iret(u64 ip, u64 cs, u64 flags, u64 sp, u64 ss)
{
	struct user_start s = frame(ip, cs, flags, sp, ss);

	last.vec = NO_FAULT;
	try_at = (ulong)user_iret;
	user_enter(&s);
}

static void good(void)
{
	iret((u64)user_end, SEL_UCODE64, FL_1 | FL_CF | FL_ZF, USER_STACK, SEL_UDATA);
	check("to ring 3", last.vec == 0x80 && last.cs == SEL_UCODE64 && last.ss == SEL_UDATA &&
	      last.sp == USER_STACK && (last.flags & FL_ARITH) == (FL_CF | FL_ZF));
	iret((u64)ring0_end, SEL_CODE64, FL_1 | FL_SF, RING0_SP + 4, SEL_DATA);
	check("to ring 0", last.vec == 0x80 && last.cs == SEL_CODE64 && last.sp == RING0_SP + 4);
	iret((u64)ring0_end, SEL_CODE64, FL_1, RING0_SP, 0);
	check("to ring 0 with a null ss", last.vec == 0x80 && last.ss == 0);
	iret((u64)user32, SEL_UCODE32, FL_1, USER_STACK | 0xabull << 32, SEL_UDATA);
	check("to 32-bit ring 3", last.vec == 0x80 && last.cs == SEL_UCODE32 &&
	      last.ip == (ulong)user32 + 10 && (u32)last.sp == USER_STACK - 4);
	check_eq("40h is inc there", last.ax, 1);
	iret((u64)user_end, SEL_UCODE64, FL_1 | FL_IOPL | FL_ID, USER_STACK, SEL_UDATA);
	check("flags: IOPL and ID", (last.flags & (FL_IOPL | FL_ID)) == (FL_IOPL | FL_ID));
	iret((u64)user_end, SEL_UCODE64, 0xffff8028, USER_STACK, SEL_UDATA);
	check("flags: reserved bits", last.vec == NO_FAULT || !(last.flags & 0xffc08028));
	iret((u64)user_iret_same, SEL_UCODE64, FL_1, USER_STACK, SEL_UDATA);
	check("ring 3 to ring 3: IF and IOPL stay",
	      last.vec == 0x80 && last.ip == (ulong)user_end + 3 &&
	      !(last.flags & (FL_IF | FL_IOPL)) && last.flags & FL_ZF);
	iret((u64)user32_iret, SEL_UCODE32, FL_1, USER_STACK, SEL_UDATA);
	check("32-bit iret in ring 3", last.vec == 0x80 && last.ip == (ulong)user32 + 10);
}

/* Data segments whose DPL is below the new CPL become null. SDM 2A IRET, outer privilege. */
static void segments_nulled(void)
{
	asm volatile("mov %0, %%ds\n mov %1, %%es\n mov %0, %%fs\n mov %1, %%gs"
		     : : "r"(SEL_DATA), "r"(SEL_UDATA) : "memory");
	iret((u64)user_ds, SEL_UCODE64, FL_1, USER_STACK, SEL_UDATA);
	asm volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(SEL_DATA) : "memory");
	check_eq("ds of ring 0 is nulled", last.ax, 0);
	check_eq("es of ring 3 stays", last.bx, SEL_UDATA);
	check_eq("fs of ring 0 is nulled", last.cx, 0);
	check_eq("gs of ring 3 stays", last.dx, SEL_UDATA);
}

static void bad_hw(const char *name, u64 ip, u64 cs, u64 ss, unsigned vec, u64 err)
{
	iret(ip, cs, FL_1, USER_STACK, ss);
	check_hw(name, faulted(vec, err) && last.cs == SEL_CODE64);
}

static void bad(const char *name, u64 ip, u64 cs, u64 ss, unsigned vec, u64 err)
{
	iret(ip, cs, FL_1, USER_STACK, ss);
	check(name, faulted(vec, err) && last.cs == SEL_CODE64);
}

static void refused(void)
{
	u64 ip = (u64)user_end;

	asm volatile("lldt %w0" : : "r"(0));
	bad("#GP: null cs", ip, 0, SEL_UDATA, GP, 0);
	bad("#GP: null cs with an RPL", ip, 3, SEL_UDATA, GP, 0);
	bad("#GP: cs beyond the GDT", ip, 0xff8 | 3, SEL_UDATA, GP, 0xff8);
	bad("#GP: cs in no LDT", ip, 0x0c | 3, SEL_UDATA, GP, 0x0c);
	bad("#GP: cs is data", ip, SEL_UDATA, SEL_UDATA, GP, SEL_UDATA & ~3);
	bad("#GP: cs's RPL above its DPL", ip, SEL_CODE64 | 3, SEL_UDATA, GP, SEL_CODE64);
	bad("#GP: cs's DPL above its RPL", ip, SEL_UCODE64 & ~3, SEL_UDATA, GP, SEL_UCODE64 & ~3);
	gdt_set(SEL_SPARE, 0x00af7b000000ffff); /* ring 3, absent */
	bad("#NP: cs absent", ip, SEL_SPARE | 3, SEL_UDATA, NP, SEL_SPARE);
	gdt_set(SEL_SPARE, 0x00effb000000ffff); /* L and D */
	bad_hw("#GP: cs with L and D", ip, SEL_SPARE | 3, SEL_UDATA, GP, SEL_SPARE);
	bad("#GP: null ss to ring 3", ip, SEL_UCODE64, 0, GP, 0);
	bad("#GP: ss's RPL is not cs's", ip, SEL_UCODE64, SEL_UDATA & ~3, GP, SEL_UDATA & ~3);
	bad("#GP: ss's DPL is not cs's RPL", ip, SEL_UCODE64, SEL_DATA | 3, GP, SEL_DATA);
	bad("#GP: ss is code", ip, SEL_UCODE64, SEL_UCODE64, GP, SEL_UCODE64 & ~3);
	bad("#GP: ss beyond the GDT", ip, SEL_UCODE64, 0xff8 | 3, GP, 0xff8);
	gdt_set(SEL_SPARE + 8, 0x00cf73000000ffff);
	bad_hw("#SS: ss absent", ip, SEL_UCODE64, (SEL_SPARE + 8) | 3, SS, SEL_SPARE + 8);
	gdt_set(SEL_SPARE + 8, 0x00cff1000000ffff);
	bad("#GP: ss read-only", ip, SEL_UCODE64, (SEL_SPARE + 8) | 3, GP, SEL_SPARE + 8);
	check("a refused iret leaves rsp", last.sp == try_sp - 40);
	bad_hw("#GP: rip not canonical", 1ull << 47, SEL_UCODE64, SEL_UDATA, GP, 0);
	gdt_set(SEL_SPARE, 0x0040fb000000000f); /* 32-bit, limit 15 */
	bad_hw("#GP: eip beyond a 32-bit limit", ip, SEL_SPARE | 3, SEL_UDATA, GP, 0);
	flags_set(FL_1 | FL_NT);
	bad("#GP: NT in 64-bit mode", ip, SEL_UCODE64, SEL_UDATA, GP, 0);
	flags_set(FL_1);
	iret((u64)user_iret_ring0, SEL_UCODE64, FL_1, USER_STACK, SEL_UDATA);
	check("#GP: ring 3 to ring 0", last.vec == GP && last.err == SEL_CODE64 &&
	      last.ip == (ulong)user_iret_bad);
	TRY("movq %0, %%rsp\n iretq", : : "r"(TEST_VA) : "memory");
	check("#PF: the frame is absent", last.vec == PF && last.cr2 == TEST_VA && last.err == 0 &&
	      last.sp == TEST_VA);
}

static void operand_sizes(void)
{
	u64 sp;

	asm volatile("movq %%rsp, %0\n subq $20, %%rsp\n"
		     "movl $1f, (%%rsp)\n movl %1, 4(%%rsp)\n movl $0x43, 8(%%rsp)\n"
		     "movl %k0, 12(%%rsp)\n movl %2, 16(%%rsp)\n iretl\n1:"
		     : "=&r"(sp) : "i"(SEL_CODE64), "i"(SEL_DATA) : "memory", "cc");
	check("iret with 32-bit operands", true);
	asm volatile("xorl %%eax, %%eax\n movq %%rsp, %0\n pushq %1\n pushq %0\n pushq $0x2c5\n"
		     "pushq %2\n pushq $1f\n iretq\n1: lahf\n cli"
		     : "=&r"(sp) : "i"(SEL_DATA), "i"(SEL_CODE64) : "rax", "memory", "cc");
	asm volatile("movb %%ah, %b0" : "=q"(sp));
	TRY("pushfq\n popq %%rax\n ud2", : : : "rax", "memory");
	check("iretq sets flags it is given", true);
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	idt_set(PF, (ulong)trap_stubs + PF * 16, 0xe, 0, 2);
	good();
	segments_nulled();
	refused();
	operand_sizes();
}
