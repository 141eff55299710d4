/* p32_v86.c - virtual-8086 mode: the way in by IRET, addresses, what traps, the way out.
 * Source: SDM 3A 20.2, 20.3. */
#include "guest.h"

const char test_name[] = "p32_v86";

#define CODE_AT 0x20000 /* segment 2000h */
#define FL_VIF_VIP 0x180000

/* An IRET frame to virtual-8086 mode has the data segments too. */
struct v86_frame {
	u32 ip, cs, flags, sp, ss, es, ds, fs, gs;
};

extern char v86_enter[];
asm(".text\n"
    "v86_enter:\n"
    "	pushl %ebx\n	pushl %ebp\n	pushl %esi\n	pushl %edi\n"
    "	movl 20(%esp), %eax\n	movl $1f, try_resume\n	movl %esp, try_sp\n"
    "	.irp o, 32, 28, 24, 20, 16, 12, 8, 4, 0\n	pushl \\o(%eax)\n	.endr\n"
    "	movl $0x11110000, %eax\n	movl $0x22220000, %ebx\n"
    "	iret\n"
    "1:	movl $0x10, %eax\n	movl %eax, %ds\n	movl %eax, %es\n	xorl %eax, %eax\n"
    "	movl %eax, %fs\n	movl %eax, %gs\n"
    "	popl %edi\n	popl %esi\n	popl %ebp\n	popl %ebx\n	ret\n");

static void run(const u8 *code, unsigned n, u32 flags)
{
	struct v86_frame f = { 0x10, CODE_AT >> 4, FL_1 | FL_VM | flags, 0xfff0, 0x3000, 0x1111, 0x2100,
			       0x3333, 0x4444 };

	memcpy((void *)(CODE_AT + 0x10), code, n);
	last.vec = NO_FAULT;
	((void (*)(struct v86_frame *))v86_enter)(&f);
}

#define RUN(flags, ...)                                                                       \
	do {                                                                                  \
		static const u8 code_[] = { __VA_ARGS__ };                                    \
		run(code_, sizeof(code_), flags);                                             \
	} while (0)
#define BYE 0xcd, 0x80

static bool ended(unsigned vec, u32 err, u32 ip)
{
	return last.vec == vec && last.err == err && last.ip == ip && last.cs == CODE_AT >> 4 &&
	       last.flags & FL_VM;
}

static void inside(void)
{
	u32 *outer;

	*(u16 *)0x21004 = 0xbeef;
	/* mov ax, [4]; mov bx, cs; int 80h with IOPL 3 */
	RUN(FL_IOPL, 0xa1, 4, 0, 0x8c, 0xcb, BYE);
	check("it runs with segments times 16", ended(0x80, 0, 0x17) && (u16)last.ax == 0xbeef &&
	      (u16)last.bx == CODE_AT >> 4);
	outer = (u32 *)last_at;
	check("its stack is saved", outer[3] == 0xfff0 && (u16)outer[4] == 0x3000);
	check("and its data segments", (u16)outer[5] == 0x1111 && (u16)outer[6] == 0x2100 &&
	      (u16)outer[7] == 0x3333 && (u16)outer[8] == 0x4444);
	RUN(FL_IOPL, 0x68, 0x34, 0x12, 0x5a, BYE); /* push 1234h; pop dx */
	check("push and pop", ended(0x80, 0, 0x16) && (u16)last.dx == 0x1234);
	RUN(FL_IOPL, 0x9c, 0x58, BYE); /* pushf; pop ax */
	check("pushf with IOPL 3", ended(0x80, 0, 0x14) && (last.ax & FL_IOPL) == FL_IOPL);
	RUN(FL_IOPL, 0xfb, 0x90, 0xfa, BYE);
	check("sti, cli with IOPL 3", ended(0x80, 0, 0x15) && !(last.flags & FL_IF));
	RUN(FL_IOPL, 0xea, 0x00, 0x00, 0x02, 0x20); /* jmp 2002:0000 = 20020 */
	check("far jump", last.vec != NO_FAULT && last.cs == 0x2002);
}

static void traps(void)
{
	RUN(0, 0xcd, 0x21);
	check("#GP: int with IOPL 0", ended(GP, 0, 0x10));
	RUN(0, 0xfa);
	check("#GP: cli with IOPL 0", ended(GP, 0, 0x10));
	RUN(0, 0x9c);
	check("#GP: pushf with IOPL 0", ended(GP, 0, 0x10));
	RUN(0, 0x9d);
	check("#GP: popf with IOPL 0", ended(GP, 0, 0x10));
	RUN(0, 0xcf);
	check("#GP: iret with IOPL 0", ended(GP, 0, 0x10));
	RUN(FL_IOPL, 0xf4);
	check("#GP: hlt", ended(GP, 0, 0x10));
	RUN(FL_IOPL, 0x0f, 0x20, 0xc0);
	check("#GP: mov from cr0", ended(GP, 0, 0x10));
	RUN(FL_IOPL, 0xe4, 0x80);
	check("#GP: in without a bitmap, whatever IOPL", ended(GP, 0, 0x10));
	RUN(FL_IOPL, 0x0f, 0x00, 0xc0);
	check("#UD: sldt", ended(UD, 0, 0x10));
	RUN(FL_IOPL, 0x63, 0xc0);
	check("#UD: arpl", ended(UD, 0, 0x10));
	RUN(FL_IOPL, 0xcc);
	check("#BP: int3", ended(BP, 0, 0x11));
	RUN(FL_IOPL, 0x0f, 0x0b);
	check("#UD", ended(UD, 0, 0x10));
	RUN(FL_IOPL, 0x66, 0xa1, 0xfd, 0xff); /* mov eax, [fffd]: past 64 KiB */
	check_hw("#GP: past the end of a segment", ended(GP, 0, 0x10));
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	inside();
	traps();
	check("back in protected mode", !(flags_get() & FL_VM));
}
