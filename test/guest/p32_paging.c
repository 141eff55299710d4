/* p32_paging.c - 2-level paging with PSE, then PAE, in 32-bit protected mode.
 * Source: SDM 3A 4.3, 4.4. */
#include "guest.h"

const char test_name[] = "p32_paging";

#define VA 0x40000000u
#define BIG 0x50000000u
#define CODE_RET 0xc3

static u32 pd[1024] __attribute__((aligned(4096)));
static u32 pt[1024] __attribute__((aligned(4096)));
static u64 pdpt[4] __attribute__((aligned(32)));
static u64 pae_pd[4][512] __attribute__((aligned(4096)));
static u64 pae_pt[512] __attribute__((aligned(4096)));
static u8 *pg;

USER(user_read, "movb (%edi), %al");
USER(user_write, "movb $1, (%edi)");
USER(user_jump, "jmp *%edi");

static void put(u32 va, u32 flags)
{
	pt[va >> 12 & 1023] = (u32)pg | flags;
	invlpg(va);
}

static void two_levels_on(void)
{
	unsigned i;

	for (i = 0; i < 1024; i++)
		pd[i] = i << 22 | PTE_P | PTE_W | PTE_PS;
	pd[USER_WINDOW >> 22] |= PTE_U;
	pd[VA >> 22] = (u32)pt | PTE_P | PTE_W | PTE_U;
	cr4_set(cr4_get() | CR4_PSE);
	cr3_set((u32)pd);
	cr0_set(cr0_get() | 1u << 31 | CR0_WP);
	check("paging with 4 MiB pages", true);
}

static void two_levels(void)
{
	put(VA, 0);
	try_read(VA + 5);
	check_pf("absent, read", 0, VA + 5);
	try_write(VA + 5);
	check_pf("absent, write", PF_W, VA + 5);
	try_call(VA);
	check("absent, fetch: no I bit without NX", faulted_pf_at(VA, 0));
	user_run(user_read, VA, 0);
	check_pf("absent, ring 3", PF_U, VA);
	put(VA, PTE_P);
	try_write(VA);
	check_pf("read-only", PF_P | PF_W, VA);
	cr0_set(cr0_get() & ~(ulong)CR0_WP);
	try_write(VA);
	check_none("read-only without WP");
	cr0_set(cr0_get() | CR0_WP);
	put(VA, PTE_P | PTE_W);
	user_run(user_write, VA, 0);
	check_pf("supervisor page, ring 3", PF_P | PF_W | PF_U, VA);
	put(VA, PTE_P | PTE_W | PTE_U);
	user_run(user_write, VA, 0);
	check("user page", last.vec == 0x80);
	check("A and D", (pt[0] & (PTE_A | PTE_D)) == (PTE_A | PTE_D) && pd[VA >> 22] & PTE_A);
	put(VA, PTE_P | PTE_W);
	try_read(VA);
	check("A alone after a read", (pt[0] & (PTE_A | PTE_D)) == PTE_A);
	*pg = CODE_RET;
	try_call(VA);
	check_none("it executes");
	pd[VA >> 22] &= ~(u32)PTE_U;
	put(VA, PTE_P | PTE_W | PTE_U);
	user_run(user_read, VA, 0);
	check_pf("U clear in the directory", PF_P | PF_U, VA);
	pd[VA >> 22] |= PTE_U;
	pd[VA >> 22] &= ~(u32)PTE_W;
	invlpg(VA);
	try_write(VA);
	check_pf("W clear in the directory", PF_P | PF_W, VA);
	pd[VA >> 22] |= PTE_W;
}

static void four_mib(void)
{
	pd[BIG >> 22] = ((u32)pg & ~0x3fffffu) | PTE_P | PTE_W | PTE_PS;
	invlpg(BIG);
	try_write(BIG + ((u32)pg & 0x3fffff));
	check("4 MiB page", last.vec == NO_FAULT && *pg == 0x5a);
	check("its A and D", (pd[BIG >> 22] & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	pd[BIG >> 22] = ((u32)pg & ~0x3fffffu) | PTE_P | PTE_PS;
	invlpg(BIG + 0x3ff000);
	try_write(BIG);
	check_pf("4 MiB page, read-only", PF_P | PF_W, BIG);
	pd[BIG >> 22] = 1u << 21 | PTE_P | PTE_W | PTE_PS;
	invlpg(BIG);
	try_read(BIG);
	check_pf_hw("4 MiB page, reserved bit 21", PF_P | PF_RSVD, BIG);
	pd[BIG >> 22] = 0;
	invlpg(BIG);
	if (!(cpuid(7, 0).b & 1 << 7)) {
		skip("SMEP", "the processor has none");
		return;
	}
	cr4_set(cr4_get() | CR4_SMEP);
	try_call((u32)user_read);
	check("SMEP: the I bit and no user code", faulted_pf_at((u32)user_read, PF_P | PF_I));
	cr4_set(cr4_get() & ~(ulong)CR4_SMEP);
}

static void pae_on(void)
{
	unsigned i;

	cr0_set(cr0_get() & ~(1u << 31));
	check("paging off", true);
	for (i = 0; i < 2048; i++)
		pae_pd[i >> 9][i & 511] = (u64)i << 21 | PTE_P | PTE_W | PTE_PS;
	for (i = 0; i < 4; i++)
		pdpt[i] = (u32)pae_pd[i] | PTE_P;
	pae_pd[0][USER_WINDOW >> 21] |= PTE_U;
	pae_pd[1][0] = (u32)pae_pt | PTE_P | PTE_W | PTE_U;
	cr4_set(cr4_get() | CR4_PAE);
	cr3_set((u32)pdpt);
	cr0_set(cr0_get() | 1u << 31);
	check("paging with PAE", true);
}

static void put_pae(u32 va, u64 flags)
{
	pae_pt[va >> 12 & 511] = (u32)pg | flags;
	invlpg(va);
}

static void pae(void)
{
	put_pae(VA, 0);
	try_read(VA);
	check_pf("PAE: absent", 0, VA);
	put_pae(VA, PTE_P | PTE_W);
	try_write(VA + 9);
	check("PAE: the right byte", last.vec == NO_FAULT && pg[9] == 0x5a);
	check("PAE: A and D", (pae_pt[0] & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	put_pae(VA, PTE_P | PTE_NX);
	try_read(VA);
	check_pf_hw("PAE: NX without NXE is reserved", PF_P | PF_RSVD, VA);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 0x800);
	*pg = CODE_RET;
	invlpg(VA);
	try_call(VA);
	check("PAE: NX", faulted_pf_at(VA, PF_P | PF_I));
	try_write(VA);
	check_pf("PAE: read-only", PF_P | PF_W, VA);
	put_pae(VA, PTE_P | PTE_U);
	user_run(user_jump, VA, 0);
	check("PAE: ring 3 executes", last.vec == GP || last.vec == PF || last.vec == 0x80);
	put_pae(VA, PTE_P | PTE_U | PTE_NX);
	user_run(user_jump, VA, 0);
	check("PAE: NX in ring 3", faulted_pf_at(VA, PF_P | PF_U | PF_I));
	put_pae(VA, PTE_P | 1ull << 51);
	try_read(VA);
	check_pf_hw("PAE: reserved address bit", PF_P | PF_RSVD, VA);
	pae_pd[1][1] = 0x200000 | PTE_P | PTE_PS;
	invlpg(VA + 0x200000);
	try_write(VA + 0x200000);
	check_pf("PAE: 2 MiB page, read-only", PF_P | PF_W, VA + 0x200000);
	pdpt[3] = 0;
	cr3_set((u32)pdpt);
	try_read(0xc0000000);
	check_pf("PAE: absent directory pointer", 0, 0xc0000000);
	pdpt[3] = (u32)pae_pd[3] | PTE_P | 1 << 5;
	if (cpu_is_amd()) { /* which may look at them only when it uses them: APM 2 5.2.3 */
		skip("#GP: reserved bit in a directory pointer", "on AMD it may come later");
	} else {
		TRY("movl %0, %%cr3", : : "r"(pdpt) : "memory");
		check_fault("#GP: reserved bit in a directory pointer", GP, 0);
	}
	pdpt[3] = (u32)pae_pd[3] | PTE_P;
	cr3_set((u32)pdpt);
	try_read(0xc0000000);
	check_none("PAE: and back");
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~0x800ull);
}

static void refused(void)
{
	TRY("movl %0, %%cr4", : : "r"(cr4_get() | CR4_PCIDE) : "memory");
	check_fault_hw("#GP: PCIDE outside long mode", GP, 0);
	TRY("movl %0, %%cr0", : : "r"(cr0_get() & ~1ul) : "memory");
	check_fault_hw("#GP: PG without PE", GP, 0);
	TRY("wrmsr", : : "c"(MSR_EFER), "a"((u32)rdmsr(MSR_EFER) | 0x100), "d"(0) : "memory");
	check_fault_hw("#GP: LME while paging", GP, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~0x100ull);
}

void test_main(void)
{
	pg = page_alloc();
	two_levels_on();
	two_levels();
	four_mib();
	pae_on();
	pae();
	if (!on_tcg())
		refused();
	cr0_set(cr0_get() & ~(1u << 31));
	cr4_set(cr4_get() & ~(ulong)(CR4_PAE | CR4_PSE));
}
