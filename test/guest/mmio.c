/* mmio.c - every kind of operand on a device: the local APIC's page, and addresses that nothing
 * claims, which read all ones and swallow writes. Source: SDM 3A 10.4.1. */
#include "guest.h"

const char test_name[] = "mmio";

#define APIC 0xfee00000ull
#define COUNT (APIC + 0x380) /* initial count: 32 bits that read back */
#define HOLE 0xd0000000ull
#define REG(at) (*(volatile u32 *)(at))

static u64 ones;
static u8 buf[64] __attribute__((aligned(64)));

static void moves(void)
{
	u32 v = 0;

	REG(COUNT) = 0x12345678;
	check_eq("mov", REG(COUNT), 0x12345678);
	asm volatile("movl $0x55aa, (%0)" : : "r"(COUNT) : "memory");
	check_eq("mov of an immediate", REG(COUNT), 0x55aa);
	asm volatile("movabsl %0, 0xfee00380" : : "a"(0x777));
	asm volatile("movabsl 0xfee00380, %0" : "=a"(v));
	check_eq("movabs", v, 0x777);
	asm volatile("movnti %1, (%0)" : : "r"(COUNT), "r"(0x888) : "memory");
	check_eq("movnti", REG(COUNT), 0x888);
	asm volatile("pushfq\n popq %%rax\n movl (%1), %0\n" : "=r"(v) : "r"(COUNT) : "rax", "memory");
	check_eq("mov to a register", v, 0x888);
	asm volatile("movl $1, %%eax\n testl %%eax, %%eax\n cmovzl (%1), %0" : "+r"(v) : "r"(COUNT)
		     : "rax", "cc", "memory");
	check_eq("cmov that does not", v, 0x888);
}

#define ALU(name, code, start, want)                                                          \
	do {                                                                                  \
		REG(COUNT) = start;                                                           \
		asm volatile(code : : "r"(COUNT), "r"(3) : "memory", "cc", "rax", "rdx");     \
		check_eq(name, REG(COUNT), want);                                             \
	} while (0)

static void alu(void)
{
	u32 v;
	u8 c;

	ALU("add", "addl %1, (%0)", 10, 13);
	ALU("add of an immediate", "addl $5, (%0)", 10, 15);
	ALU("sub", "subl %1, (%0)", 10, 7);
	ALU("and", "andl %1, (%0)", 10, 2);
	ALU("or", "orl %1, (%0)", 8, 11);
	ALU("xor", "xorl %1, (%0)", 1, 2);
	ALU("inc", "incl (%0)", 9, 10);
	ALU("dec", "decl (%0)", 9, 8);
	ALU("not", "notl (%0)", 0xffffff00, 0xff);
	ALU("neg", "negl (%0)", 1, 0xffffffff);
	ALU("lock or", "lock orl %1, (%0)", 4, 7);
	ALU("adc", "stc\n adcl %1, (%0)", 4, 8);
	ALU("sbb", "stc\n sbbl %1, (%0)", 4, 0);
	ALU("bts", "btsl $4, (%0)", 1, 17);
	ALU("btr", "lock btrl $0, (%0)", 17, 16);
	if (!on_kvm()) {
		ALU("shl", "shll $4, (%0)", 3, 0x30);
		ALU("ror", "rorl $4, (%0)", 0x30, 3);
		ALU("shld", "movl $-1, %%eax\n shldl $4, %%eax, (%0)", 1, 0x1f);
	}
	REG(COUNT) = 10;
	v = 5;
	asm volatile("xchgl %0, (%1)" : "+r"(v) : "r"(COUNT) : "memory");
	check("xchg", v == 10 && REG(COUNT) == 5);
	v = 2;
	asm volatile("lock xaddl %0, (%1)" : "+r"(v) : "r"(COUNT) : "memory", "cc");
	check("xadd", v == 5 && REG(COUNT) == 7);
	v = 7;
	asm volatile("lock cmpxchgl %2, (%1)" : "+a"(v) : "r"(COUNT), "r"(70) : "memory", "cc");
	check("cmpxchg that succeeds", v == 7 && REG(COUNT) == 70);
	asm volatile("lock cmpxchgl %3, (%2)\n setz %1" : "+a"(v), "=q"(c) : "r"(COUNT), "r"(9)
		     : "memory", "cc");
	check("cmpxchg that fails", v == 70 && !c && REG(COUNT) == 70);
	asm volatile("cmpl $70, (%1)\n setz %0" : "=q"(c) : "r"(COUNT) : "cc", "memory");
	check("cmp", c);
	asm volatile("testl $2, (%1)\n setnz %0" : "=q"(c) : "r"(COUNT) : "cc", "memory");
	check("test", c);
	v = 30;
	asm volatile("addl (%1), %0" : "+r"(v) : "r"(COUNT) : "cc", "memory");
	check_eq("add from it", v, 100);
	if (on_kvm())
		return;
	asm volatile("imull $3, (%1), %0" : "=r"(v) : "r"(COUNT) : "cc", "memory");
	check_eq("imul", v, 210);
	asm volatile("divl (%1)" : "=a"(v) : "r"(COUNT), "0"(700), "d"(0) : "cc", "memory");
	check_eq("div", v, 10);
	asm volatile("bsfl (%1), %0" : "=r"(v) : "r"(COUNT) : "cc", "memory");
	check_eq("bsf", v, 1);
}

static void strings(void)
{
	u32 b[4] = { 1, 2, 3, 4 };
	u64 si = (u64)b, di = COUNT, c;

	asm volatile("movsl" : "+S"(si), "+D"(di) : : "memory");
	check("movs to it", REG(COUNT) == 1 && di == COUNT + 4 && si == (u64)b + 4);
	si = COUNT;
	di = (u64)&b[3];
	asm volatile("movsl" : "+S"(si), "+D"(di) : : "memory");
	check("movs from it", b[3] == 1 && si == COUNT + 4);
	di = COUNT;
	asm volatile("stosl" : "+D"(di) : "a"(0x4321) : "memory");
	check_eq("stos", REG(COUNT), 0x4321);
	si = COUNT;
	asm volatile("lodsl" : "+S"(si), "=a"(c) : : "memory");
	check_eq("lods", c, 0x4321);
	di = HOLE;
	c = 100;
	asm volatile("rep stosl" : "+D"(di), "+c"(c) : "a"(0) : "memory");
	check("rep stos into nothing", c == 0 && di == HOLE + 400);
	si = HOLE + 4096 - 16;
	di = (u64)buf;
	c = 32;
	memset(buf, 0x22, 64);
	asm volatile("rep movsb" : "+S"(si), "+D"(di), "+c"(c) : : "memory");
	check("rep movs out of nothing", c == 0 && buf[0] == (u8)ones && buf[31] == (u8)ones &&
	      buf[32] == 0x22);
	REG(COUNT) = 6;
	di = COUNT;
	if (on_kvm())
		return;
	c = 6;
	asm volatile("scasl\n setz %b0" : "+a"(c), "+D"(di) : : "memory", "cc");
	check("scas", (c & 0xff) == 1 && di == COUNT + 4);
}

static void stack(void)
{
	u64 v;

	asm volatile("pushq $0x1357\n popq (%0)" : : "r"(HOLE) : "memory");
	check("pop to nothing", true);
	asm volatile("pushq (%1)\n popq %0" : "=r"(v) : "r"(HOLE) : "memory");
	check_eq("push from nothing", v, ones);
	asm volatile("movq %%rsp, %%rdx\n movq %1, %%rsp\n pushq $0x77\n popq %0\n movq %%rdx, %%rsp"
		     : "=&r"(v) : "r"(HOLE + 0x800) : "rdx", "memory");
	check_eq("a stack of nothing", v, ones);
}

static void nothing(void)
{
	u64 v = 0;

	asm volatile("movb (%1), %b0" : "+q"(v) : "r"(HOLE) : "memory");
	check_eq("8 bits", v, ones & 0xff);
	asm volatile("movw (%1), %w0" : "+r"(v) : "r"(HOLE) : "memory");
	check_eq("16 bits", v, ones & 0xffff);
	asm volatile("movl (%1), %k0" : "=r"(v) : "r"(HOLE) : "memory");
	check_eq("32 bits", v, ones & 0xffffffff);
	asm volatile("movq (%1), %0" : "=r"(v) : "r"(HOLE) : "memory");
	check_eq("64 bits", v, ones);
	asm volatile("movzbl (%1), %k0" : "=r"(v) : "r"(HOLE) : "memory");
	check_eq("movzx", v, ones & 0xff);
	asm volatile("movsbq (%1), %0" : "=r"(v) : "r"(HOLE) : "memory");
	check_eq("movsx", v, ones);
	asm volatile("movq (%1), %0" : "=r"(v) : "r"(HOLE + 3) : "memory");
	check_eq("unaligned", v, ones);
	asm volatile("movq (%1), %0" : "=r"(v) : "r"(HOLE + 4093) : "memory");
	check_eq("across pages", v, ones);
	REG(HOLE) = 5;
	check_eq("a write is swallowed", REG(HOLE), ones & 0xffffffff);
	check_eq("port, 8 bits", inb(0x2f0), 0xff);
	check_eq("port, 16 bits", inw(0x2f0), 0xffff);
	check_eq("port, 32 bits", inl(0x2f0), 0xffffffff);
	outb(0x2f0, 1);
	outl(0x2f0, 1);
	check("port writes are swallowed", true);
	/* The page of RAM's end and the hole behind. */
	if (ram_top()) {
		asm volatile("movq (%1), %0" : "=r"(v) : "r"(ram_top() - 4) : "memory");
		check_eq("half in RAM, half nowhere", v >> 32, ones >> 32);
	}
}

static void vectors(void)
{
	u32 f = 0;
	u64 v = 0;

	REG(COUNT) = 0x3f800000; /* 1.0f */
	asm volatile("movd (%1), %%xmm0\n movd %%xmm0, %0" : "=r"(f) : "r"(COUNT) : "memory");
	check_eq("movd", f, 0x3f800000);
	asm volatile("movd (%1), %%xmm0\n addss (%1), %%xmm0\n movd %%xmm0, %0" : "=r"(f)
		     : "r"(COUNT) : "memory");
	check_eq("addss", f, 0x40000000);
	asm volatile("movl $0x40400000, %%eax\n movd %%eax, %%xmm1\n movss %%xmm1, (%0)"
		     : : "r"(COUNT) : "rax", "memory");
	check_eq("movss", REG(COUNT), 0x40400000);
	REG(COUNT) = 41;
	asm volatile("cvtsi2sdl (%1), %%xmm0\n cvttsd2si %%xmm0, %0" : "=r"(v) : "r"(COUNT) : "memory");
	check_eq("cvtsi2sd", v, 41);
	asm volatile("fildl (%0)\n fistpl (%1)" : : "r"(COUNT), "r"(buf) : "memory");
	check_eq("fild", *(u32 *)buf, 41);
	asm volatile("fld1\n fistpl (%0)" : : "r"(COUNT) : "memory");
	check_eq("fistp", REG(COUNT), 1);
	asm volatile("movups (%0), %%xmm0\n movups %%xmm0, (%1)" : : "r"(HOLE), "r"(buf) : "memory");
	check("16 bytes", *(u64 *)buf == ones && *(u64 *)(buf + 8) == ones);
	asm volatile("movaps %%xmm0, (%0)\n movntps %%xmm0, (%0)" : : "r"(HOLE) : "memory");
	check("16 bytes written", true);
	TRY("movaps (%0), %%xmm0", : : "r"(HOLE + 8) : "memory");
	check_fault_hw("#GP: movaps, unaligned", GP, 0);
	asm volatile("fldt (%0)\n fstpt (%1)" : : "r"(HOLE), "r"(buf) : "memory");
	check("ten bytes", *(u64 *)buf == ones);
	asm volatile("pxor %%xmm1, %%xmm1\n paddd (%0), %%xmm1\n movups %%xmm1, (%1)"
		     : : "r"(HOLE), "r"(buf) : "memory");
	check("paddd", *(u64 *)buf == ones);
	asm volatile("cmpxchg16b (%1)\n setz %b0" : "=&S"(v)
		     : "r"(HOLE), "a"(ones), "d"(ones), "b"(0ull), "c"(0ull) : "memory", "cc");
	check("cmpxchg16b", v & 1);
}

static void avx(void)
{
	if (!(cpuid(1, 0).c & 1 << 28) || !(cpuid(1, 0).c & 1 << 26)) {
		skip("AVX", "the processor has none");
		return;
	}
	cr4_set(cr4_get() | CR4_OSXSAVE);
	asm volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
	asm volatile("vmovups (%0), %%ymm0\n vmovups %%ymm0, (%1)" : : "r"(HOLE), "r"(buf) : "memory");
	check("32 bytes", *(u64 *)buf == ones && *(u64 *)(buf + 24) == ones);
	asm volatile("vmovups %%ymm0, (%0)" : : "r"(HOLE + 4096 - 7) : "memory");
	check("32 bytes across pages", true);
	REG(COUNT) = 0x01010101;
	asm volatile("vpbroadcastd (%0), %%ymm1\n vmovups %%ymm1, (%1)" : : "r"(COUNT), "r"(buf) : "memory");
	check("vpbroadcastd", *(u32 *)(buf + 28) == 0x01010101);
	asm volatile("vzeroupper");
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	ones = on_qemu() ? 0 : ~0ull;
	REG(APIC + 0x320) = 0x10000; /* the timer is masked */
	REG(APIC + 0xf0) = 0x1ff;
	moves();
	alu();
	strings();
	stack();
	nothing();
	if (on_kvm()) {
		skip("vector and x87 operands", "KVM's emulator has none");
		return;
	}
	vectors();
	avx();
}
