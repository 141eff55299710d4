/* bases.c - FS and GS bases by MSR, FSGSBASE, SWAPGS, and addresses through them.
 * Source: SDM 3A 3.4.4.1, 2B SWAPGS, RDFSBASE. */
#include "guest.h"

const char test_name[] = "bases";

static u64 area[64], area2[64];

#define FSGS(op, reg)                                                                         \
	({                                                                                    \
		u64 v_;                                                                       \
		asm volatile(op " %0" : "=r"(v_));                                            \
		v_;                                                                           \
	})

static u64 gs_load(u64 at)
{
	u64 v;

	asm volatile("movq %%gs:(%1), %0" : "=r"(v) : "r"(at) : "memory");
	return v;
}

static u64 fs_load(u64 at)
{
	u64 v;

	asm volatile("movq %%fs:(%1), %0" : "=r"(v) : "r"(at) : "memory");
	return v;
}

static void by_msr(void)
{
	wrmsr(MSR_FS_BASE, (u64)area);
	wrmsr(MSR_GS_BASE, (u64)area2);
	area[3] = 33;
	area2[3] = 44;
	check("fs and gs have their own bases", fs_load(24) == 33 && gs_load(24) == 44);
	check("the MSRs read back", rdmsr(MSR_FS_BASE) == (u64)area && rdmsr(MSR_GS_BASE) == (u64)area2);
	wrmsr(MSR_GS_BASE, (u64)area2 + 4096);
	check("offsets are negative too", gs_load(24 - 4096) == 44);
	wrmsr(MSR_GS_BASE, 0xffff800000000000);
	check("and wrap around", gs_load((u64)&area2[3] - 0xffff800000000000) == 44);
	wrmsr(MSR_GS_BASE, (u64)area2);
	TRY("wrmsr", : : "c"(MSR_GS_BASE), "a"(0), "d"(0x8000) : "memory");
	check_fault_hw("#GP: GS base not canonical", GP, 0);
	TRY("wrmsr", : : "c"(MSR_KERNEL_GS_BASE), "a"(0), "d"(0x8000) : "memory");
	check_fault_hw("#GP: KERNEL_GS_BASE not canonical", GP, 0);
	wrmsr(MSR_GS_BASE, (u64)area2);
}

/* Each kind of operand through gs. */
static void operands(void)
{
	u64 v = 5, b[2] = { 7, 8 };
	u32 w;
	void *to = b;
	const void *from = (void *)24;

	asm volatile("movq %0, %%gs:8" : : "r"(0x1234ull) : "memory");
	check_eq("store, absolute", area2[1], 0x1234);
	asm volatile("addq $1, %%gs:8" : : : "memory", "cc");
	check_eq("read-modify-write", area2[1], 0x1235);
	asm volatile("lock xaddq %0, %%gs:8" : "+r"(v) : : "memory", "cc");
	check("lock xadd", v == 0x1235 && area2[1] == 0x123a);
	asm volatile("movsq %%gs:(%%rsi), (%%rdi)" : "+S"(from), "+D"(to) : : "memory");
	check_eq("movs: the source has the segment", b[0], 44);
	area2[5] = 0x77;
	asm volatile("lodsb %%gs:(%%rsi)" : "=a"(v) : "S"(40), "0"(0) : "memory");
	check_eq("lods", v, 0x77);
	asm volatile("pushq %%gs:24\n popq %0" : "=r"(v) : : "memory");
	check_eq("push", v, 44);
	asm volatile("pushq $99\n popq %%gs:24" : : : "memory");
	check_eq("pop", area2[3], 99);
	asm volatile("cmpxchgq %1, %%gs:24" : "=a"(v) : "r"(100ull), "0"(99) : "memory", "cc");
	check_eq("cmpxchg", area2[3], 100);
	asm volatile(".byte 0x65\n leaq 24, %0" : "=r"(v));
	check_eq("lea knows no segment", v, 24);
	asm volatile("movups %%gs:24, %%xmm0\n movups %%xmm0, %%gs:64" : : : "memory");
	check_eq("SSE", area2[8], 100);
	area2[9] = (u64)&&target;
	asm goto("jmp *%%gs:72" : : : "memory" : target);
	check("not reached", false);
target:
	check("jmp through gs", true);
	asm volatile("movl %%gs:(%k1), %0" : "=r"(w) : "r"(0xab00000018) : "memory");
	check_eq("32-bit address size cuts the offset, not the sum", w, 100);
	asm volatile("movl $0x55, %%eax\n mov %%al, %%gs:100" : : : "rax", "memory");
	check_eq("moffs-like byte store", ((u8 *)area2)[100], 0x55);
	asm volatile("movabsb %%gs:100, %%al" : "=a"(v) : "0"(0));
	check_eq("movabs", v & 0xff, 0x55);
	area2[20] = 6;
	asm volatile("btsq %1, %%gs:0" : : "m"(v), "r"(20ull * 64) : "memory", "cc");
	check_eq("bts with a far bit", area2[20], 7);
	asm volatile("movq $0x20, %%rbp\n movq %%gs:0x80(%%rbp), %0" : "=r"(v) : : "rbp", "memory");
	check_eq("a prefix beats rbp's stack segment", v, 7);
}

USER(user_rdgs, "rdgsbase %rax");
USER(user_wrfs, "movq %rdi, %rax; wrfsbase %rax; movq %fs:0, %rbx");

static void fsgsbase(void)
{
	u64 v;

	if (!(cpuid(7, 0).b & 1)) {
		skip("FSGSBASE", "the processor has none");
		return;
	}
	TRY("rdfsbase %%rax", : : : "rax", "memory");
	check_fault("#UD: rdfsbase without CR4.FSGSBASE", UD, 0);
	cr4_set(cr4_get() | CR4_FSGSBASE);
	check_eq("rdgsbase", FSGS("rdgsbase", v), (u64)area2);
	check_eq("rdfsbase", FSGS("rdfsbase", v), (u64)area);
	asm volatile("wrfsbase %0" : : "r"((u64)area2));
	check_eq("wrfsbase", fs_load(24), 100);
	check_eq("the MSR follows", rdmsr(MSR_FS_BASE), (u64)area2);
	asm volatile("wrgsbase %0" : : "r"((u64)area));
	check_eq("wrgsbase", gs_load(24), 33);
	v = ~0ull;
	asm volatile("rdfsbase %k0" : "+r"(v));
	check_eq("rdfsbase of 32 bits clears the upper half", v, (u32)(u64)area2);
	asm volatile("wrfsbase %k0" : : "r"(0xffffffff00000000 | (u64)area));
	check_eq("wrfsbase of 32 bits", rdmsr(MSR_FS_BASE), (u64)area);
	TRY("wrfsbase %0", : : "r"(1ull << 47) : "memory");
	check_fault_hw("#GP: wrfsbase not canonical", GP, 0);
	user_run(user_rdgs, 0, 0);
	check("rdgsbase in ring 3", last.vec == 0x80 && last.ax == (u64)area);
	*(u64 *)(USER_WINDOW + 0x100000) = 0x5150;
	user_run(user_wrfs, USER_WINDOW + 0x100000, 0);
	check("wrfsbase in ring 3", last.vec == 0x80 && last.bx == 0x5150);
	cr4_set(cr4_get() & ~(ulong)CR4_FSGSBASE);
}

static void swapgs(void)
{
	wrmsr(MSR_GS_BASE, (u64)area);
	wrmsr(MSR_KERNEL_GS_BASE, (u64)area2);
	asm volatile("swapgs");
	check("swapgs", gs_load(24) == area2[3] && rdmsr(MSR_GS_BASE) == (u64)area2 &&
	      rdmsr(MSR_KERNEL_GS_BASE) == (u64)area);
	asm volatile("swapgs");
	check("swapgs back", gs_load(24) == area[3]);
}

static void selectors(void)
{
	/* A descriptor with a base: loading it sets 32 bits of base and clears the rest. */
	u64 base = 0x00123450;

	gdt_set(SEL_SPARE, 0x00cf93000000ffff | (base & 0xffffff) << 16);
	wrmsr(MSR_FS_BASE, 0x7fff00000000);
	asm volatile("mov %0, %%fs" : : "r"(SEL_SPARE));
	check_eq("mov to fs takes the descriptor's base", rdmsr(MSR_FS_BASE), base);
	asm volatile("mov %0, %%ds\n movq (%1), %%rax" : : "r"(SEL_SPARE), "r"(area)
		     : "rax", "memory");
	check("ds has no base in 64-bit mode", true);
	asm volatile("mov %0, %%ds" : : "r"(SEL_DATA));
	wrmsr(MSR_FS_BASE, (u64)area);
	asm volatile("movw %%fs, %%ax" : : : "rax");
	check_eq("a base written by MSR leaves the selector", ({ u64 v = 0; asm("mov %%fs, %w0" : "+r"(v)); v; }),
		 SEL_SPARE);
	asm volatile("mov %0, %%fs\n mov %0, %%gs" : : "r"(0));
	note("FS base after a null selector", rdmsr(MSR_FS_BASE) == 0);
}

void test_main(void)
{
	by_msr();
	operands();
	fsgsbase();
	swapgs();
	selectors();
}
