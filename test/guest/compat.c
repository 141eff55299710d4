/* compat.c - 32-bit code in long mode: what its opcodes, addresses and segments mean there.
 * The code is ring 3's; results come back in registers with int 80h. Source: SDM 1 3.1, 2A 2.1. */
#include "guest.h"

const char test_name[] = "compat";

#define DATA (USER_WINDOW + 0x100000)

#define CODE32(name, code)                                                                    \
	extern char name[];                                                                   \
	asm(".pushsection .user, \"ax\"\n.code32\n" #name ":\n\t" code                        \
	    "\n\tint $0x80\n.code64\n.popsection")

static void run(const char *code, u64 bx, u64 cx)
{
	struct user_start s = { (u64)code, SEL_UCODE32, FL_1, USER_STACK, SEL_UDATA,
				.bx = bx, .cx = cx };

	asm volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(SEL_UDATA));
	last.vec = NO_FAULT;
	try_at = (ulong)code;
	user_enter(&s);
	asm volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(SEL_DATA));
}

static void gives(const char *name, const char *code, u64 bx, u64 cx, u32 want)
{
	run(code, bx, cx);
	if (last.vec == 0x80)
		check_eq(name, (u32)last.ax, want);
	else
		check(name, false);
}

CODE32(c_inc, "movl $0x7fffffff, %eax; incl %eax; .byte 0x40; decl %eax");
CODE32(c_push, "pushl $0x11223344; popl %eax; movl %esp, %edx");
CODE32(c_pusha, "movl $1, %eax; movl $7, %edi; pushal; xorl %eax, %eax; xorl %edi, %edi; popal;"
	"addl %edi, %eax; movl %esp, %edx");
CODE32(c_daa, "movl $0x79, %eax; addb $0x35, %al; daa; movzbl %al, %eax");
CODE32(c_das, "movl $0x35, %eax; subb $0x47, %al; das; movzbl %al, %eax");
CODE32(c_aaa, "movl $0x9, %eax; addb $0x8, %al; aaa");
CODE32(c_aas, "movl $0x203, %eax; subb $0x5, %al; aas");
CODE32(c_aam, "movl $123, %eax; aam");
CODE32(c_aad, "movl $0x0507, %eax; aad");
CODE32(c_aam0, "movl $5, %eax; .byte 0xd4, 0");
CODE32(c_salc, "stc; .byte 0xd6; movzbl %al, %eax");
CODE32(c_addr16, "movl $0xffff0010, %esi; movl $0x12340004, %ebx; addr16 leaw 2(%bx,%si), %ax;"
	"movzwl %ax, %eax");
CODE32(c_segpush, "pushl %ds; popl %eax; pushl %cs; popl %edx");
CODE32(c_popds, "pushl $0; popl %ds; movl %ds, %eax");
CODE32(c_into, "movl $0x7fffffff, %eax; addl $1, %eax; into");
CODE32(c_into_no, "xorl %eax, %eax; into; movl $3, %eax");
CODE32(c_bound, "movl $5, %eax; bound %eax, (%ebx)");
CODE32(c_arpl, "movl $0x08, %eax; movl $3, %ecx; arpl %cx, %ax; setz %ah");
CODE32(c_les, "les (%ebx), %eax; movl %es, %edx");
CODE32(c_lcall, "lcall $0x1b, $1f; jmp 2f; 1: movl $77, %eax; lret; 2:");
CODE32(c_ljmp, "ljmp $0x1b, $1f; ud2; 1: movl $78, %eax");
CODE32(c_to64, "ljmp $0x2b, $1f; .code64; 1: movl $-1, %eax; incq %rax; shrq $4, %rax; ljmp *2f; .code32;"
	"2: .long 3f; .word 0x1b; 3:");
CODE32(c_wrap, "movl $0xfffffff0, %edx; movl 0x10(%ebx,%edx), %eax");
CODE32(c_moffs, "movl 0x500000, %eax");
CODE32(c_vex, "vpxor %xmm0, %xmm0, %xmm0; movl $1, %eax");
CODE32(c_jecxz, "xorl %eax, %eax; movl $2, %ecx; 1: incl %eax; loop 1b; jecxz 2f; ud2; 2:");
CODE32(c_enter, "enter $16, $0; movl %ebp, %eax; subl %esp, %eax; leave");
CODE32(c_xchg_esp, "movl %esp, %edx; pushl %esp; popl %eax; subl %edx, %eax");
CODE32(c_string, "movl %ebx, %esi; leal 64(%ebx), %edi; movl $4, %ecx; rep movsl; movl 64(%ebx), %eax");
CODE32(c_cmpxchg8b, "movl %ebx, %esi; movl (%esi), %eax; movl 4(%esi), %edx; movl $9, %ebx; movl $8, %ecx;"
	"lock cmpxchg8b (%esi); movl (%esi), %eax");
CODE32(c_seg_fs, "movl %fs:0, %eax");
CODE32(c_sysreg, "smsw %eax; andl $1, %eax");
CODE32(c_cld, "std; pushfl; popl %eax; cld; shrl $10, %eax; andl $1, %eax");
CODE32(c_callreg, "movl $1f, %eax; call *%eax; jmp 2f; 1: movl $5, %eax; ret $0; 2:");
CODE32(c_16bit, "movl $0x12345678, %eax; incw %ax; pushw %ax; popw %cx; movzwl %cx, %eax");
CODE32(c_jmp16, "movl $-1, %eax");
CODE32(c_jcc16, "xorl %eax, %eax; incl %eax; .byte 0x66, 0x74, 0x10; movl $6, %eax");
CODE32(c_popf, "pushl $0x8d5; popfl; pushfl; popl %eax; andl $0x8d5, %eax; cld");
CODE32(c_lds_null, "movl $0, %eax; movl %eax, %ds; movl (%ebx), %eax");

static void integer(void)
{
	gives("40h is inc", c_inc, 0, 0, 0x80000000);
	gives("push and pop are four bytes", c_push, 0, 0, 0x11223344);
	check("esp comes back", last.dx == USER_STACK);
	gives("pusha, popa", c_pusha, 0, 0, 8);
	check("esp comes back from popa", last.dx == USER_STACK);
	gives("daa", c_daa, 0, 0, 0x14);
	gives("das", c_das, 0, 0, 0x88);
	gives("aaa", c_aaa, 0, 0, 0x107);
	gives("aas", c_aas, 0, 0, 0x108);
	gives("aam", c_aam, 0, 0, 0x0c03);
	gives("aad", c_aad, 0, 0, 57);
	run(c_aam0, 0, 0);
	check("#DE: aam by zero", last.vec == DE);
	gives("salc", c_salc, 0, 0, 0xff);
	gives("lea of 16-bit addresses", c_addr16, 0, 0, 0x16);
	gives("loop, jecxz", c_jecxz, 0, 0, 2);
	gives("enter, leave", c_enter, 0, 0, 16);
	gives("push esp", c_xchg_esp, 0, 0, 0);
	gives("std", c_cld, 0, 0, 1);
	gives("call by register", c_callreg, 0, 0, 5);
	gives("16-bit operands", c_16bit, 0, 0, 0x5679);
	gives("a 16-bit jump that is not taken keeps eip", c_jcc16, 0, 0, 6);
	gives("popf", c_popf, 0, 0, 0x8d5);
	gives("smsw", c_sysreg, 0, 0, 1);
}

static void memory(void)
{
	u32 *d = (void *)DATA;

	d[0] = 0xabcd0123;
	d[1] = 0x55;
	gives("addresses wrap at 4 GiB", c_wrap, DATA, 0, 0xabcd0123);
	gives("a store by absolute address", c_moffs, 0, 0, 0xabcd0123);
	gives("movs", c_string, DATA, 0, 0xabcd0123);
	gives("cmpxchg8b", c_cmpxchg8b, DATA, 0, 9);
	d[0] = 6;
	d[1] = 9;
	run(c_bound, DATA, 0);
	check("#BR: bound", last.vec == BR && last.ip == (ulong)c_bound + 5);
	d[0] = 5;
	run(c_bound, DATA, 0);
	check("bound within", last.vec == 0x80);
	asm volatile("mov %0, %%fs" : : "r"(SEL_UDATA));
	wrmsr(MSR_FS_BASE, DATA);
	d[0] = 0x99;
	gives("fs has its base", c_seg_fs, 0, 0, 0x99);
	wrmsr(MSR_FS_BASE, 0xffffffff00000000 | DATA);
	gives("and a base is cut to 32 bits", c_seg_fs, 0, 0, 0x99);
	asm volatile("mov %0, %%fs" : : "r"(0));
	run(c_seg_fs, 0, 0);
	check_hw("#GP: fs null is not usable here", last.vec == GP && last.err == 0);
}

static void segments(void)
{
	u32 *d = (void *)DATA;

	gives("push of segment registers", c_segpush, 0, 0, SEL_UDATA);
	check_eq("cs", last.dx, SEL_UCODE32);
	gives("pop of ds", c_popds, 0, 0, 0);
	run(c_lds_null, DATA, 0);
	check_hw("#GP: a null ds is not usable here", last.vec == GP && last.err == 0);
	run(c_into, 0, 0);
	check("into", last.vec == OF);
	gives("into without OF", c_into_no, 0, 0, 3);
	gives("arpl", c_arpl, 0, 0, 0x10b);
	d[0] = 0x31415926;
	d[1] = SEL_UDATA;
	gives("les", c_les, DATA, 0, 0x31415926);
	check_eq("les: es", last.dx, SEL_UDATA);
	gives("far call, far return", c_lcall, 0, 0, 77);
	gives("far jump", c_ljmp, 0, 0, 78);
	gives("to 64-bit code and back", c_to64, 0, 0, 0x10000000);
	if (cpuid(1, 0).c & 1 << 28 && cpuid(1, 0).c & 1 << 26) {
		cr4_set(cr4_get() | CR4_OSXSAVE);
		asm volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
		gives("VEX where C5 may be lds", c_vex, 0, 0, 1);
	}
	run(c_jmp16, 0, 0);
	check("upper halves after 32-bit code are clear", last.ax == 0xffffffff);
}

/* Limits count in compatibility mode. */
static void limits(void)
{
	struct user_start s = { (u64)c_moffs, SEL_UCODE32, FL_1, USER_STACK, SEL_UDATA, .ax = 0 };

	gdt_set(SEL_SPARE, 0x0040f3000000ffff | 0x4ull << 48); /* data to 4ffffh */
	asm volatile("mov %0, %%ds" : : "r"(SEL_SPARE | 3));
	last.vec = NO_FAULT;
	try_at = (ulong)c_moffs;
	user_enter(&s);
	asm volatile("mov %0, %%ds" : : "r"(SEL_DATA));
	check_fault_hw("#GP: beyond ds's limit", GP, 0);
	gdt_set(SEL_SPARE, 0x0040f30000000fff | (u64)(DATA & 0xffffff) << 16);
	s.ip = (u64)c_lds_null + 7; /* the load through ebx alone */
	s.bx = 0;
	*(u32 *)DATA = 0x1bad;
	asm volatile("mov %0, %%ds" : : "r"(SEL_SPARE | 3));
	last.vec = NO_FAULT;
	user_enter(&s);
	asm volatile("mov %0, %%ds" : : "r"(SEL_DATA));
	check("ds's base", last.vec == 0x80 && (u32)last.ax == 0x1bad);
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	integer();
	memory();
	segments();
	limits();
}
