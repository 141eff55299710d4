/* tlb.c - what INVLPG, CR3, CR4.PGE, PCID and INVPCID must make visible.
 * Only what must not be stale is checked: what may be stale is nobody's promise.
 * Source: SDM 3A 4.10.4. */
#include "guest.h"

const char test_name[] = "tlb";

#define VA TEST_VA
#define RW (PTE_P | PTE_W)

static u8 *pg[4];

static u8 peek(u64 va)
{
	return *(volatile u8 *)va;
}

static u64 call(u64 va)
{
	u64 ax;

	asm volatile("call *%1" : "=a"(ax) : "r"(va) : "memory", "cc", "rcx", "rdx");
	return ax;
}

/* mov $v, %eax; ret */
static void code_put(u8 *at, u32 v)
{
	at[0] = 0xb8;
	memcpy(at + 1, &v, 4);
	at[5] = 0xc3;
}

static void single(void)
{
	map(VA, (u64)pg[0], RW);
	check_eq("first mapping", peek(VA), 0xa0);
	*pte_of(VA, 1) = (u64)pg[1] | RW;
	invlpg(VA + 0x800);
	check_eq("INVLPG: remapped page is read", peek(VA), 0xa1);
	*(volatile u8 *)(VA + 1) = 1;
	*pte_of(VA, 1) = (u64)pg[2] | RW;
	invlpg(VA);
	*(volatile u8 *)(VA + 1) = 2;
	check("INVLPG: remapped page is written", pg[1][1] == 1 && pg[2][1] == 2);
	*pte_of(VA, 1) = (u64)pg[2] | PTE_P;
	invlpg(VA);
	try_write(VA);
	check_pf("INVLPG: made read-only", PF_P | PF_W, VA);
	*pte_of(VA, 1) = 0;
	invlpg(VA);
	try_read(VA);
	check_pf("INVLPG: made absent", 0, VA);
	/* A fault drops what caused it, so the second try must work. SDM 3A 4.10.4.3. */
	map(VA, (u64)pg[0], PTE_P);
	(void)peek(VA);
	*pte_of(VA, 1) |= PTE_W;
	try_write(VA);
	if (last.vec != NO_FAULT)
		try_write(VA);
	check_none("permission gained needs no INVLPG at the second try");
	TRY("invlpg (%0)", : : "r"(1ull << 47) : "memory");
	check_none("INVLPG of a non-canonical address is nothing");
}

static void code(void)
{
	unsigned i, ok = 0;

	code_put(pg[0] + 256, 111);
	code_put(pg[1] + 256, 222);
	map(VA, (u64)pg[0], RW);
	check_eq("code runs", call(VA + 256), 111);
	*pte_of(VA, 1) = (u64)pg[1] | RW;
	invlpg(VA);
	check_eq("INVLPG: remapped code runs", call(VA + 256), 222);
	for (i = 0; i < 200; i++) {
		map(VA, (u64)pg[i & 1], RW);
		ok += call(VA + 256) == (i & 1 ? 222 : 111);
	}
	check_eq("code remapped 200 times", ok, 200);
	map(VA, (u64)pg[0], RW | PTE_NX);
	try_call(VA + 256);
	check("INVLPG: code made NX", faulted_pf_at(VA + 256, PF_P | PF_I));
	map(VA, (u64)pg[0], RW);
	check_eq("and X again", call(VA + 256), 111);
}

/* Code on one page jumps directly into the next, which is then remapped. */
static void linked_code(void)
{
	u8 *from = page_alloc();
	u64 next = VA + 4096;
	unsigned i, ok = 0;

	from[0] = 0xe9; /* jmp next + 256 */
	*(u32 *)(from + 1) = next + 256 - (VA + 5);
	map(VA, (u64)from, RW);
	for (i = 0; i < 50; i++) {
		unsigned k;

		map(next, (u64)pg[i & 1], RW);
		for (k = 0; k < 3; k++)
			ok += call(VA) == (i & 1 ? 222 : 111);
	}
	check_eq("a jump into a remapped page", ok, 150);
	map(next, (u64)pg[0], 0);
	try_call(VA);
	check("a jump into a page made absent", faulted_pf_at(next + 256, PF_I));
	map(next, (u64)pg[0], RW);
	from[0] = 0xe8; /* call, then ret: the return crosses back */
	from[5] = 0xc3;
	check_eq("call into the next page", call(VA), 111);
}

static void large(void)
{
	u64 va = VA + (1ull << 32);
	u8 *x = page_alloc_n(512, 2 << 20), *y = page_alloc_n(512, 2 << 20);

	x[0] = x[0x100000] = x[0x1ff000] = 1;
	y[0] = y[0x100000] = y[0x1ff000] = 2;
	map_level(va, (u64)x, RW, 2);
	check("large page", peek(va) == 1 && peek(va + 0x100000) == 1 && peek(va + 0x1ff000) == 1);
	*pte_of(va, 2) = (u64)y | RW | PTE_PS;
	invlpg(va + 0x80000);
	check("INVLPG anywhere in a large page drops all of it",
	      peek(va) == 2 && peek(va + 0x100000) == 2 && peek(va + 0x1ff000) == 2);
	*pte_of(va, 2) = 0;
	map(va, (u64)pg[0], RW);
	invlpg(va + 0x1000);
	check_eq("a large page broken up", peek(va), 0xa0);
	try_read(va + 0x100000);
	check_pf("its rest is absent", 0, va + 0x100000);
	/* Another page table below the same level-2 entry. */
	*pte_of(va, 2) = (u64)memcpy(page_alloc(), (void *)(*pte_of(va, 2) & ~0xfffull), 4096) | RW;
	*pte_of(va, 1) = (u64)pg[1] | RW;
	invlpg(va);
	check_eq("INVLPG drops what was known of upper levels", peek(va), 0xa1);
}

static void cr3(void)
{
	map(VA, (u64)pg[0], RW);
	(void)peek(VA);
	*pte_of(VA, 1) = (u64)pg[1] | RW;
	cr3_set(cr3_get());
	check_eq("CR3: remapped page", peek(VA), 0xa1);
	*pte_of(VA, 1) = 0;
	cr3_set(cr3_get());
	try_read(VA);
	check_pf("CR3: page made absent", 0, VA);
	*pte_of(VA, 1) = (u64)pg[2] | RW;
	invlpg(VA);
}

static void two_spaces(void)
{
	u64 *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc();
	u64 other = (u64)l4, own = cr3_get();
	unsigned i, ok = 0;

	memcpy(l4, boot_l4, 4096);
	l4[VA >> 39 & 511] = (u64)l3 | 7;
	l3[VA >> 30 & 511] = (u64)l2 | 7;
	l2[0] = (u64)l1 | 7;
	l1[0] = (u64)pg[1] | RW;
	map(VA, (u64)pg[0], RW);
	for (i = 0; i < 300; i++) {
		cr3_set(i & 1 ? other : own);
		ok += peek(VA) == (i & 1 ? 0xa1 : 0xa0) && call(VA + 256) == (i & 1 ? 222 : 111);
	}
	check_eq("two address spaces in turn", ok, 300);
	cr3_set(own);
}

static void global(void)
{
	cr4_set(cr4_get() | CR4_PGE);
	map(VA, (u64)pg[0], RW | PTE_G);
	(void)peek(VA);
	*pte_of(VA, 1) = (u64)pg[1] | RW | PTE_G;
	invlpg(VA);
	check_eq("INVLPG drops a global page", peek(VA), 0xa1);
	*pte_of(VA, 1) = (u64)pg[2] | RW | PTE_G;
	cr4_set(cr4_get() & ~(ulong)CR4_PGE);
	check_eq("PGE cleared drops global pages", peek(VA), 0xa2);
	*pte_of(VA, 1) = (u64)pg[0] | RW | PTE_G;
	cr4_set(cr4_get() | CR4_PGE);
	check_eq("PGE set drops every page", peek(VA), 0xa0);
	*pte_of(VA, 1) = (u64)pg[1] | RW | PTE_G;
	cr3_set(cr3_get());
	(void)peek(VA); /* old or new */
	invlpg(VA);
	check_eq("INVLPG after CR3", peek(VA), 0xa1);
	map(VA + 4096, (u64)pg[0], RW);
	(void)peek(VA + 4096);
	*pte_of(VA + 4096, 1) = (u64)pg[1] | RW;
	cr3_set(cr3_get());
	check_eq("CR3 drops the others", peek(VA + 4096), 0xa1);
	cr4_set(cr4_get() & ~(ulong)CR4_PGE);
}

static void invpcid(u64 type, u64 pcid, u64 va)
{
	u64 d[2] = { pcid, va };

	TRY("invpcid %0, %1", : : "m"(d), "r"(type) : "memory");
}

static void pcid(void)
{
	u64 cr3 = cr3_get();

	if (!(cpuid(1, 0).c & 1 << 17)) {
		if (!on_tcg()) {
			TRY("mov %0, %%cr4", : : "r"(cr4_get() | CR4_PCIDE) : "memory");
			check_fault("CR4.PCIDE without the feature", GP, 0);
		}
		skip("PCID", "the processor has none");
		return;
	}
	cr3_set(cr3 | 8);
	TRY("mov %0, %%cr4", : : "r"(cr4_get() | CR4_PCIDE) : "memory");
	check_fault("#GP: CR4.PCIDE while CR3's low bits are not zero", GP, 0);
	cr3_set(cr3);
	TRY("mov %0, %%cr3", : : "r"(cr3 | 1ull << 63) : "memory");
	check_fault("CR3 bit 63 without PCIDE", GP, 0);
	cr4_set(cr4_get() | CR4_PCIDE);
	map(VA, (u64)pg[0], RW);
	cr3_set(cr3 | 1);
	check_eq("CR3 keeps its PCID", cr3_get(), cr3 | 1);
	(void)peek(VA);
	*pte_of(VA, 1) = (u64)pg[1] | RW;
	cr3_set(cr3 | 1);
	check_eq("CR3 with the same PCID drops its pages", peek(VA), 0xa1);
	cr3_set(cr3 | 2 | 1ull << 63);
	check_eq("bit 63 does not stick", cr3_get(), cr3 | 2);
	(void)peek(VA);
	*pte_of(VA, 1) = (u64)pg[2] | RW;
	cr3_set(cr3 | 1);
	check_eq("CR3 drops the pages of the PCID it loads", peek(VA), 0xa2);
	cr3_set(cr3 | 2);
	check_eq("and of the other one when that is loaded", peek(VA), 0xa2);
	*pte_of(VA, 1) = (u64)pg[0] | RW;
	invlpg(VA);
	check_eq("INVLPG works in the present PCID", peek(VA), 0xa0);
	*pte_of(VA, 1) = 0;
	cr3_set(cr3 | 1);
	try_read(VA);
	check_pf("a page made absent, another PCID", 0, VA);
	*pte_of(VA, 1) = (u64)pg[0] | RW;
	TRY("mov %0, %%cr4", : : "r"(cr4_get() & ~(ulong)CR4_PCIDE) : "memory");
	check_none("PCIDE may be cleared with a PCID loaded");
	cr3_set(cr3);
}

static void pcid_keep(void)
{
	u64 cr3 = cr3_get();

	if (!(cpuid(1, 0).c & 1 << 17) || !(cpuid(7, 0).b & 1 << 10)) {
		TRY(".byte 0x66, 0x0f, 0x38, 0x82, 0x04, 0x24", MEM);
		if (!(cpuid(7, 0).b & 1 << 10))
			check_fault("INVPCID without the feature", UD, 0);
		skip("INVPCID", "the processor has none");
		return;
	}
	cr4_set(cr4_get() | CR4_PCIDE | CR4_PGE);
	cr3_set(cr3 | 1);
	map(VA, (u64)pg[0], RW);
	(void)peek(VA);
	cr3_set(cr3 | 2);
	*pte_of(VA, 1) = (u64)pg[1] | RW;
	invpcid(0, 1, VA);
	check_none("INVPCID of one address");
	cr3_set(cr3 | 1 | 1ull << 63);
	check_eq("it drops that page of another PCID", peek(VA), 0xa1);
	cr3_set(cr3 | 2 | 1ull << 63);
	*pte_of(VA, 1) = (u64)pg[2] | RW;
	invpcid(1, 1, 0);
	cr3_set(cr3 | 1 | 1ull << 63);
	check_eq("INVPCID of one PCID", peek(VA), 0xa2);
	cr3_set(cr3 | 2 | 1ull << 63);
	*pte_of(VA, 1) = (u64)pg[0] | RW;
	invpcid(3, 0, 0);
	cr3_set(cr3 | 1 | 1ull << 63);
	check_eq("INVPCID of all but global", peek(VA), 0xa0);
	map(VA, (u64)pg[1], RW | PTE_G);
	(void)peek(VA);
	cr3_set(cr3 | 2 | 1ull << 63);
	*pte_of(VA, 1) = (u64)pg[2] | RW | PTE_G;
	invpcid(2, 0, 0);
	cr3_set(cr3 | 1 | 1ull << 63);
	check_eq("INVPCID of all with global", peek(VA), 0xa2);
	invpcid(4, 0, 0);
	check_fault("INVPCID: unknown type", GP, 0);
	invpcid(1, 0x1000, 0);
	check_fault("INVPCID: reserved bits of the descriptor", GP, 0);
	invpcid(0, 1, 1ull << 47);
	check_fault("INVPCID: non-canonical address", GP, 0);
	cr3_set(cr3);
	cr4_set(cr4_get() & ~(ulong)CR4_PCIDE);
	invpcid(0, 1, 0);
	check_fault("INVPCID: PCID other than 0 without PCIDE", GP, 0);
	cr4_set(cr4_get() & ~(ulong)CR4_PGE);
}

USER(user_invpcid, "xorl %eax, %eax; invpcid (%rsp), %rax");

static void rights(void)
{
	if (cpuid(7, 0).b & 1 << 10) {
		user_run(user_invpcid, 0, 0);
		check("INVPCID in ring 3", last.vec == GP);
	}
	if (on_tcg()) {
		skip("reserved bits of control registers", "TCG takes them");
		return;
	}
	TRY("mov %0, %%cr3", : : "r"(1ull << 60) : "memory");
	check_fault("CR3: reserved bits", GP, 0);
	TRY("mov %0, %%cr4", : : "r"(cr4_get() & ~(ulong)CR4_PAE) : "memory");
	check_fault("CR4: PAE cannot be cleared in long mode", GP, 0);
	TRY("mov %0, %%cr4", : : "r"(cr4_get() | 1ull << 31) : "memory");
	check_fault("CR4: reserved bits", GP, 0);
	TRY("mov %0, %%cr0", : : "r"(cr0_get() | 1ull << 32) : "memory");
	check_fault("CR0: upper half", GP, 0);
	TRY("mov %0, %%cr0", : : "r"(cr0_get() & ~1ull) : "memory");
	check_fault("CR0: PG without PE", GP, 0);
	TRY("mov %0, %%cr0", : : "r"((cr0_get() | 1 << 29) & ~(1ull << 30)) : "memory");
	check_fault("CR0: NW without CD", GP, 0);
	TRY("wrmsr", : : "c"(MSR_EFER), "a"((u32)rdmsr(MSR_EFER) & ~0x100), "d"(0) : "memory");
	check_fault("EFER: LME cannot change while paging", GP, 0);
}

void test_main(void)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		pg[i] = page_alloc();
		pg[i][0] = 0xa0 + i;
	}
	single();
	pg[0][0] = 0xa0;
	code();
	linked_code();
	large();
	cr3();
	two_spaces();
	global();
	pcid();
	pcid_keep();
	rights();
}
