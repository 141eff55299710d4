/* flow.c - control flow that a cache of translated code may get wrong: one page at two
 * addresses, one text in two modes and rings, returns that match no call, jumps into the middle
 * of an instruction, code that maps itself away, very long runs. */
#include "guest.h"

const char test_name[] = "flow";

#define VA TEST_VA
#define ALIAS (TEST_VA + (1ull << 30))
#define RW (PTE_P | PTE_W)

static u8 *pg;

static u64 call(u64 va)
{
	u64 ax = 0;

	asm volatile("call *%1" : "+a"(ax) : "r"(va) : "memory", "cc", "rcx", "rdx", "rsi", "rdi", "rbx");
	return ax;
}

static void put(unsigned at, const void *code, unsigned n)
{
	memcpy(pg + at, code, n);
}

/* The same physical code knows where it runs: RIP-relative addresses, return addresses. */
static void two_addresses(void)
{
	unsigned i, ok = 0;

	put(0, "\x48\x8d\x05\xf9\xff\xff\xff\xc3", 8);             /* lea -7(%rip), %rax; ret */
	put(32, "\xe8\x00\x00\x00\x00\x58\xc3", 7);                 /* call 1f; 1: pop %rax; ret */
	put(64, "\x48\x8b\x05\x39\x00\x00\x00\xc3", 8);             /* mov 0x39(%rip), %rax: at 128 */
	for (i = 0; i < 100; i++) {
		u64 base = i & 1 ? VA : ALIAS;

		*(u64 *)(pg + 128) = i;
		ok += call(base) == base && call(base + 32) == base + 37 && call(base + 64) == i;
	}
	check_eq("one page of code at two addresses", ok, 100);
}

USER(user_both, "movq (%rdi), %rax; ret");
USER(user_call_both, "movq %rdi, %rbx; call user_both");

static void two_rings(void)
{
	unsigned i, ok = 0;
	u64 secret = 0x1234, ax;

	for (i = 0; i < 20; i++) {
		asm volatile("call user_both" : "=a"(ax) : "D"(&secret) : "memory");
		user_run(user_call_both, (u64)&secret, 0);
		ok += ax == 0x1234 && last.vec == PF && last.err == (PF_P | PF_U) &&
		      last.ip == (ulong)user_both;
	}
	check_eq("one text in ring 0 and in ring 3", ok, 20);
}

/* 48 ff c0: inc %rax, or dec %eax and inc %eax. 40 40 90: two prefixes, or two incs. */
USER(user_modes, ".byte 0x48, 0xff, 0xc0, 0x40, 0x40, 0x90");

static void two_modes(void)
{
	unsigned i, ok = 0;

	for (i = 0; i < 20; i++) {
		struct user_start s = { (u64)user_modes, i & 1 ? SEL_UCODE64 : SEL_UCODE32, FL_1,
					USER_STACK, SEL_UDATA, .ax = 100 };

		last.vec = NO_FAULT;
		user_enter(&s);
		ok += last.vec == 0x80 && last.ax == (i & 1 ? 101 : 102);
	}
	check_eq("one text in 64-bit and in 32-bit mode", ok, 20);
}

static void lazy_fpu(void)
{
	unsigned i, ok = 0;

	for (i = 0; i < 20; i++) {
		if (i & 1)
			cr0_set(cr0_get() | CR0_TS);
		else
			asm volatile("clts");
		TRY("movaps %%xmm1, %%xmm2", MEM);
		ok += last.vec == (i & 1 ? NM : NO_FAULT);
	}
	asm volatile("clts");
	check_eq("TS set and cleared under one text", ok, 20);
}

u64 deep(u64 n);
asm(".text\ndeep:\n	testq %rdi, %rdi\n	jz 1f\n	pushq %rdi\n	decq %rdi\n	call deep\n"
    "	popq %rdi\n	addq %rdi, %rax\n	ret\n1:	xorl %eax, %eax\n	ret\n");

static void returns(void)
{
	u8 *stack = page_alloc_n(64, 4096);
	u64 ax = 0, n;
	unsigned i, ok = 0;

	asm volatile("movq %%rsp, %%rbx\n movq %1, %%rsp\n movl $10000, %%edi\n call deep\n movq %%rbx, %%rsp"
		     : "=a"(ax) : "r"(stack + 64 * 4096) : "rbx", "rdi", "memory", "cc");
	check_eq("ten thousand calls deep", ax, 10000ull * 10001 / 2);
	for (i = 0; i < 50; i++) {
		asm volatile("pushq $1f\n pushq $2f\n ret\n ud2\n2: ret\n ud2\n1:" : : : "memory");
		ok++;
	}
	check_eq("push and ret as a jump", ok, 50);
	for (i = ok = 0; i < 50; i++) {
		asm volatile("call 1f\n jmp 3f\n1: call 2f\n ud2\n2: addq $8, %%rsp\n ret\n3:" : : : "memory", "cc");
		ok++;
	}
	check_eq("a return past its caller", ok, 50);
	for (i = ok = 0; i < 50; i++) {
		asm volatile("xorl %k0, %k0\n call 1f\n2: incl %k0\n jmp 3f\n1: addq $2, (%%rsp)\n ret\n3:"
			     : "=&r"(n) : : "memory", "cc");
		ok += n == 0;
	}
	check_eq("a return address that is changed", ok, 50);
	/* Two stacks in turn, as coroutines: returns match calls, but not in one order. */
	for (i = ok = 0; i < 50; i++) {
		asm volatile("xorl %%eax, %%eax\n movq %1, %%rbx\n movq $3f, -8(%%rbx)\n subq $8, %%rbx\n"
			     "call 1f\n addl $100, %%eax\n jmp 9f\n"
			     "1: addl $1, %%eax\n xchgq %%rsp, %%rbx\n ret\n"
			     "3: addl $2, %%eax\n call 4f\n addl $1000, %%eax\n ud2\n"
			     "4: addl $4, %%eax\n xchgq %%rsp, %%rbx\n ret\n9:"
			     : "=&a"(ax) : "r"(stack + 4096) : "rbx", "memory", "cc");
		ok += ax == 107;
	}
	check_eq("two stacks in turn", ok, 50);
	/* A return goes to a page that was remapped since the call. */
	put(0, "\xe8\xfb\x0f\x00\x00\xb8\x01\x00\x00\x00\xc3", 11); /* call 4096; mov $1, %eax; ret */
	put(4096, "\xff\xd3\xc3", 3);                               /* call *%rbx; ret */
	put(8192, "\xe8\xfb\x0f\x00\x00\xb8\x02\x00\x00\x00\xc3", 11);
	map(VA + 4096, (u64)pg + 4096, RW);
	extern char flow_swap[];
	asm volatile("call *%1" : "=a"(ax) : "r"(VA), "b"(flow_swap) : "rcx", "rdx", "memory", "cc");
	check_eq("a return into a page remapped since", ax, 2);
	map(VA, (u64)pg, RW);
}

u64 flow_pte, flow_new, flow_va = VA;
asm(".text\nflow_swap:\n	movq flow_pte, %rax\n	movq flow_new, %rcx\n	movq %rcx, (%rax)\n"
    "	movq flow_va, %rax\n	invlpg (%rax)\n	ret\n");

/* Code on a page maps another page in its own place and goes on there. */
static void maps_itself(void)
{
	static const u8 code[] = {
		0x48, 0x89, 0x37,             /* mov %rsi, (%rdi): the entry */
		0x0f, 0x01, 0x3b,             /* invlpg (%rbx) */
		0xb8, 0x01, 0x00, 0x00, 0x00, /* mov $1, %eax */
		0xc3,
	};
	u64 ax;
	unsigned i, ok = 0;

	for (i = 0; i < 20; i++) {
		put(256, code, sizeof(code));
		put(8192 + 256, code, sizeof(code));
		pg[8192 + 256 + 7] = 2;
		map(VA, (u64)pg, RW);
		asm volatile("call *%1" : "=a"(ax)
			     : "r"(VA + 256), "D"(pte_of(VA, 1)), "S"(((u64)pg + 8192) | RW), "b"(VA)
			     : "memory", "cc");
		ok += ax == 2;
	}
	check_eq("code that maps itself away", ok, 20);
	map(VA, (u64)pg, RW);
}

static void into_the_middle(void)
{
	/* b8 90 90 90 c3 c3: mov $0xc3909090, %eax; ret. One byte on: nops and ret. */
	put(512, "\xb8\x90\x90\x90\xc3\xc3", 6);
	check_eq("an instruction", (u32)call(VA + 512), 0xc3909090);
	check_eq("its middle", call(VA + 513), 0);
	check_eq("and itself again", (u32)call(VA + 512), 0xc3909090);
	/* A loop that enters its own instruction: eb ff c0 = jmp -1, then ff c0 = inc %eax. */
	put(544, "\xeb\xff\xc0\xc3", 4);
	check_eq("a jump into itself", call(VA + 544), 1);
}

static void long_runs(void)
{
	u8 *code = page_alloc_n(16, 4096);
	unsigned i;
	u64 ax;

	for (i = 0; i + 3 < 16 * 4096 - 1; i += 3)
		memcpy(code + i, "\x48\xff\xc0", 3); /* inc %rax */
	code[i] = 0xc3;
	ax = call((u64)code);
	check_eq("a run of sixteen pages", ax, i / 3);
	ax = call((u64)code + 3 * 1000);
	check_eq("entered further on", ax, i / 3 - 1000);
	memcpy(code + 3 * 5000, "\x48\xff\xc8", 3); /* dec %rax */
	check_eq("changed in the middle", call((u64)code), i / 3 - 2);
}

static void indirect(void)
{
	u64 sum = 0, target[16];
	unsigned i;

	for (i = 0; i < 16; i++) {
		u8 *at = pg + 1024 + i * 16;

		at[0] = 0xb8;
		*(u32 *)(at + 1) = 1 << i;
		at[5] = 0xc3;
		target[i] = VA + 1024 + i * 16;
	}
	for (i = 0; i < 1600; i++)
		sum += call(target[i * 7 % 16]);
	check_eq("an indirect call with sixteen targets", sum, 100 * 0xffff);
	for (sum = i = 0; i < 1600; i++)
		sum += call(target[i * 7 % 16] + (i & 1 ? ALIAS - VA : 0));
	check_eq("and with their aliases", sum, 100 * 0xffff);
}

void test_main(void)
{
	pg = page_alloc_n(4, 4096);
	map(VA, (u64)pg, RW);
	map(VA + 4096, (u64)pg + 4096, RW);
	map(ALIAS, (u64)pg, RW);
	flow_pte = (u64)pte_of(VA, 1);
	flow_new = ((u64)pg + 8192) | RW;
	two_addresses();
	two_rings();
	two_modes();
	lazy_fpu();
	returns();
	maps_itself();
	into_the_middle();
	long_runs();
	indirect();
}
