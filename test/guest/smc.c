/* smc.c - code that is changed: by itself, by aliases, by every kind of store.
 * A store to the same linear address is seen by the next instruction; through an alias after a
 * serializing instruction. Source: SDM 3A 8.1.3. */
#include "guest.h"

const char test_name[] = "smc";

#define VA TEST_VA
#define ALIAS (TEST_VA + (1 << 20))
#define RW (PTE_P | PTE_W)

static u8 *pg[3];

static void serialize(void)
{
	cpuid(0, 0);
}

static u64 call(u64 va)
{
	u64 ax = 0;

	asm volatile("call *%1" : "+a"(ax) : "r"(va) : "memory", "cc", "rcx", "rdx", "rsi", "rdi", "rbx");
	return ax;
}

/* mov $v, %eax; ret */
static void put_mov(u64 at, u32 v)
{
	u8 *p = (void *)at;

	p[0] = 0xb8;
	*(volatile u32 *)(p + 1) = v;
	p[5] = 0xc3;
}

static void simple(void)
{
	unsigned i, ok = 0;

	put_mov(VA, 1);
	check_eq("first run", call(VA), 1);
	put_mov(VA, 2);
	check_eq("changed", call(VA), 2);
	for (i = 0; i < 500; i++) {
		*(volatile u32 *)(VA + 1) = i;
		ok += call(VA) == i;
	}
	check_eq("changed 500 times", ok, 500);
	*(volatile u8 *)VA = 0xb9; /* mov to ecx */
	check_eq("opcode changed", call(VA), 0);
	*(volatile u8 *)VA = 0xb8;
	for (i = ok = 0; i < 200; i++) {
		*(volatile u32 *)(ALIAS + 1) = i;
		serialize();
		ok += call(VA) == i;
	}
	check_eq("changed through an alias 200 times", ok, 200);
	for (i = ok = 0; i < 200; i++) {
		*(volatile u32 *)(u64)(pg[0] + 1) = i;
		serialize();
		ok += call(VA) == i && call(ALIAS) == i;
	}
	check_eq("changed through the identity map, run by two addresses", ok, 200);
}

/* Stores of every kind into the immediate of the code. */
static void kinds(void)
{
	u64 imm = VA + 1, v = 55;

	put_mov(VA, 0);
	call(VA);
	asm volatile("movb $7, (%0)" : : "r"(imm) : "memory");
	check_eq("byte store", call(VA), 7);
	asm volatile("movw $0x1234, (%0)" : : "r"(imm) : "memory");
	check_eq("word store", call(VA), 0x1234);
	asm volatile("incl (%0)" : : "r"(imm) : "memory", "cc");
	check_eq("inc", call(VA), 0x1235);
	asm volatile("lock addl $1, (%0)" : : "r"(imm) : "memory", "cc");
	check_eq("lock add", call(VA), 0x1236);
	asm volatile("xchgl %k1, (%0)" : "+r"(imm), "+r"(v) : : "memory");
	check_eq("xchg", call(VA), 55);
	asm volatile("lock cmpxchgl %1, (%0)" : : "r"(imm), "r"(66), "a"(55) : "memory", "cc");
	check_eq("cmpxchg", call(VA), 66);
	v = 1;
	asm volatile("lock xaddl %k1, (%0)" : "+r"(imm), "+r"(v) : : "memory", "cc");
	check_eq("xadd", call(VA), 67);
	asm volatile("lock btsl $31, (%0)" : : "r"(imm) : "memory", "cc");
	check_eq("bts", call(VA), 0x80000043);
	asm volatile("movl $0x99, %%eax\n movd %%eax, %%xmm0\n movd %%xmm0, (%0)" : : "r"(imm)
		     : "rax", "memory");
	check_eq("movd from xmm", call(VA), 0x99);
	*(u64 *)pg[2] = 0xc3000000aab8;
	*(u64 *)(pg[2] + 8) = 0x9090909090909090;
	asm volatile("movups (%0), %%xmm0\n movups %%xmm0, (%1)" : : "r"(pg[2]), "r"(VA) : "memory");
	check_eq("movups", call(VA), 0xaa);
	asm volatile("fildl (%0)\n fistpl (%1)" : : "r"(&(int){ 77 }), "r"(imm) : "memory");
	check_eq("fistp", call(VA), 77);
	imm = VA + 9;
	asm volatile("xchgq %0, %%rsp\n pushq %1\n xchgq %0, %%rsp" : "+r"(imm) : "r"(0xc300000058)
		     : "memory");
	check_eq("push", call(VA), 0x58);
	imm = VA + 1;
	asm volatile("pushq %1\n popq (%0)" : : "r"(imm), "r"(0xc300000031) : "memory");
	check_eq("pop", call(VA), 0x31);
	asm volatile("movl $4, %%ecx\n movb $0x11, %%al\n rep stosb" : : "D"(imm) : "rax", "rcx", "memory");
	check_eq("rep stosb", call(VA), 0x11111111);
	*(u32 *)pg[2] = 0x22334455;
	asm volatile("rep movsb" : : "D"(imm), "S"(pg[2]), "c"(4) : "memory");
	check_eq("rep movsb", call(VA), 0x22334455);
	*(u32 *)pg[2] = 0x66;
	asm volatile("movsl" : : "D"(imm), "S"(pg[2]) : "memory");
	check_eq("movsl", call(VA), 0x66);
	asm volatile("setc (%0)" : : "r"(imm) : "memory");
	check("setcc", call(VA) <= 1);
	asm volatile("movnti %1, (%0)\n sfence" : : "r"(imm), "r"(0x67) : "memory");
	check_eq("movnti", call(VA), 0x67);
	asm volatile("sgdt (%0)" : : "r"(VA + 64) : "memory");
	check_eq("a store beside the code", call(VA), 0x67);
}

/* The code changes what follows it, in one run. */
static void ahead(void)
{
	static const u8 code[] = {
		0xc6, 0x05, 0x01, 0x00, 0x00, 0x00, 0x2a, /* movb $42, 1(%rip): the next immediate */
		0xb8, 0x00, 0x00, 0x00, 0x00,             /* mov $0, %eax */
		0xc3,
	};
	static const u8 self[] = {
		0xb8, 0x05, 0x00, 0x00, 0x00,             /* mov $5, %eax */
		0xc6, 0x05, 0xf9, 0xff, 0xff, 0xff, 0xc3, /* movb $0xc3, -7(%rip): itself */
		0xff, 0xc0,                               /* inc %eax */
		0xc3,
	};
	static const u8 loop[] = {
		0x31, 0xc0,                               /* xor %eax, %eax */
		0xb9, 0x0a, 0x00, 0x00, 0x00,             /* mov $10, %ecx */
		0x83, 0xc0, 0x01,                         /* 1: add $1, %eax */
		0xfe, 0x05, 0xf9, 0xff, 0xff, 0xff,       /* incb: the add's immediate */
		0xff, 0xc9,                               /* dec %ecx */
		0x75, 0xf3,                               /* jnz 1b */
		0xc3,
	};
	static const u8 stos[] = {
		0x48, 0x8d, 0x3d, 0x06, 0x00, 0x00, 0x00, /* lea 6(%rip), %rdi: just behind stos */
		0xb0, 0x90,                               /* mov $0x90, %al */
		0xb1, 0x02,                               /* mov $2, %cl */
		0xf3, 0xaa,                               /* rep stosb */
		0x0f, 0x0b,                               /* ud2, becomes two nops */
		0xb8, 0x4d, 0x00, 0x00, 0x00,             /* mov $77, %eax */
		0xc3,
	};

	u64 ax;

	memcpy((void *)(VA + 256), code, sizeof(code));
	check_eq("changes the next instruction", call(VA + 256), 42);
	memcpy((void *)(VA + 512), self, sizeof(self));
	check_eq("an instruction changes itself: goes on", call(VA + 512), 6);
	check_eq("and is changed when it runs again", call(VA + 512), 5);
	memcpy((void *)(VA + 768), loop, sizeof(loop));
	check_eq("a loop that counts its own immediate up", call(VA + 768), 55);
	memcpy((void *)(VA + 1024), stos, sizeof(stos));
	asm volatile("xorl %%ecx, %%ecx\n call *%1" : "=&a"(ax) : "r"(VA + 1024)
		     : "rcx", "rdi", "memory", "cc");
	check_eq("rep stos changes what follows it", ax, 77);
}

static void cross_page(void)
{
	u64 at = VA + 4096 - 2, end = VA + 4096;
	unsigned i, ok = 0;

	put_mov(at, 11);
	check_eq("an instruction across pages", call(at), 11);
	for (i = 0; i < 100; i++) {
		*(volatile u8 *)(end + 1) = i;
		ok += (call(at) >> 16 & 0xff) == i;
	}
	check_eq("its second page is changed", ok, 100);
	*(volatile u8 *)(at + 1) = 0x77;
	check_eq("its first page is changed", call(at) & 0xff, 0x77);
	*(volatile u64 *)(end - 4) = 0xc300000099b89090;
	check_eq("by a store across pages", call(at), 0x99);
	map(end, (u64)pg[2], RW);
	*(volatile u32 *)end = 0xc3001234;
	check_eq("its second page is remapped", call(at), 0x123499);
	map(end, (u64)pg[1], RW);
	check_eq("and back", call(at), 0x99);
}

static bool int3_hook(struct frame *f)
{
	f->ip += 4; /* jump over the rest of what was there */
	f->ax = 0x333;
	return true;
}

/* As Linux patches: int3 first, then the tail, then the first byte, through an alias. */
static void text_poke(void)
{
	u64 fn = VA + 128;
	unsigned i, ok = 0;

	on_trap(BP, int3_hook);
	put_mov(fn, 1);
	for (i = 0; i < 50; i++) {
		u64 a = ALIAS + 128;

		*(volatile u8 *)a = 0xcc;
		serialize();
		ok += call(fn) == 0x333;
		*(volatile u32 *)(a + 1) = i;
		serialize();
		ok += call(fn) == 0x333;
		*(volatile u8 *)a = 0xb8;
		serialize();
		ok += call(fn) == i;
	}
	check_eq("int3, tail, head", ok, 150);
	/* jmp <-> nop, as static keys. */
	memcpy((void *)fn, "\x0f\x1f\x44\x00\x00\xb8\x01\x00\x00\x00\xc3\xb8\x02\x00\x00\x00\xc3", 17);
	for (i = ok = 0; i < 50; i++) {
		memcpy((void *)(ALIAS + 128), i & 1 ? "\xe9\x06\x00\x00\x00" : "\x0f\x1f\x44\x00\x00", 5);
		serialize();
		ok += call(fn) == (i & 1 ? 2 : 1);
	}
	check_eq("nop and jump in turn", ok, 50);
	on_trap(BP, NULL);
}

static void mixed(void)
{
	/* A counter in the same page as the code that counts. */
	static const u8 code[] = {
		0xb9, 0x00, 0x20, 0x00, 0x00,             /* mov $8192, %ecx */
		0xff, 0x05, 0x37, 0x00, 0x00, 0x00,       /* 1: incl the counter, 64 bytes in */
		0xff, 0xc9,                               /* dec %ecx */
		0x75, 0xf6,                               /* jnz 1b */
		0xc3,
	};
	u8 *p = (void *)(VA + 2048);

	memcpy(p, code, sizeof(code));
	*(u32 *)(p + 66) = 0;
	call(VA + 2048);
	check_eq("data beside code, 8192 stores", *(u32 *)(p + 66), 8192);
}

USER(user_code, "movl $1, %eax");

static void user(void)
{
	unsigned i, ok = 0;

	for (i = 0; i < 50; i++) {
		*(volatile u32 *)(user_code + 1) = i;
		user_run(user_code, 0, 0);
		ok += last.vec == 0x80 && last.ax == i;
	}
	check_eq("ring 0 changes ring 3's code", ok, 50);
}

/* The last bytes of RAM. */
static void last_byte(void)
{
	u64 top = ram_top();
	u8 was[16];

	if (!top) {
		skip("code at the end of RAM", "the loader gives no memory map");
		return;
	}
	memcpy(was, (void *)(top - 16), 16);
	put_mov(top - 6, 0x1a57);
	check_eq("code up to the last byte of RAM", call(top - 6), 0x1a57);
	put_mov(top - 6, 0x1a58);
	check_eq("changed there", call(top - 6), 0x1a58);
	*(volatile u8 *)(top - 1) = 0xc3;
	check_eq("one byte of code, the last", (call(top - 1), 1), 1);
	map(VA + 8192, top - 4096, RW);
	map(VA + 12288, (u64)pg[2], RW);
	*(volatile u32 *)(VA + 12288 + 0) = 0xc3000000;
	*(volatile u16 *)(VA + 12288 - 2) = 0x12b8;
	check_eq("an instruction from the last byte into another page", call(VA + 12288 - 2), 0x12);
	memcpy((void *)(top - 16), was, 16);
}

void test_main(void)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		pg[i] = page_alloc();
	map(VA, (u64)pg[0], RW);
	map(VA + 4096, (u64)pg[1], RW);
	map(ALIAS, (u64)pg[0], RW);
	simple();
	kinds();
	ahead();
	cross_page();
	text_poke();
	mixed();
	user();
	last_byte();
}
