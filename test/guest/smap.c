/* smap.c - SMEP and SMAP: ring 0 and user pages. Source: SDM 3A 4.6.1. */
#include "guest.h"

const char test_name[] = "smap";

#define VA TEST_VA

USER(user_ret, "ret");
USER(user_stac, "stac");
USER(user_clac, "clac");
USER(user_read, "movb (%rdi), %al");

static bool ac_in_handler;

static bool ac_hook(struct frame *f)
{
	(void)f;
	ac_in_handler = flags_get() & FL_AC;
	return true;
}

static bool has(unsigned bit)
{
	return cpuid(7, 0).b >> bit & 1;
}

static void smep(void)
{
	if (!has(7)) {
		skip("SMEP", "the processor has none");
		return;
	}
	try_call((ulong)user_ret);
	check_none("without SMEP ring 0 runs a user page");
	cr4_set(cr4_get() | CR4_SMEP);
	try_call((ulong)user_ret);
	check("SMEP: ring 0 may not run a user page", faulted_pf_at((ulong)user_ret, PF_P | PF_I));
	TRY("movb (%0), %%al", : : "r"(user_ret) : "rax", "memory");
	check_none("SMEP: it may read one");
	user_run(user_read, USER_WINDOW, 0);
	check("SMEP: ring 3 runs it", last.vec == 0x80);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~0x800ull);
	map(VA, 0, 0);
	try_call(VA);
	check("SMEP without NXE: a fetch has the I bit", faulted_pf_at(VA, PF_I));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 0x800);
	cr4_set(cr4_get() & ~(ulong)CR4_SMEP);
	try_call((ulong)user_ret);
	check_none("SMEP cleared");
}

static void smap(void)
{
	u8 *pg = page_alloc();
	u64 v;

	if (!has(20)) {
		TRY(".byte 0x0f, 0x01, 0xcb", MEM);
		check_fault("stac without the feature", UD, 0);
		skip("SMAP", "the processor has none");
		return;
	}
	TRY("stac\n clac", MEM);
	check_none("stac and clac without CR4.SMAP");
	map(VA, (u64)pg, PTE_P | PTE_W | PTE_U);
	map(VA + 4096, (u64)pg, PTE_P | PTE_W);
	cr4_set(cr4_get() | CR4_SMAP);
	try_read(VA + 3);
	check_pf("SMAP: read of a user page", PF_P, VA + 3);
	try_write(VA);
	check_pf("SMAP: write to a user page", PF_P | PF_W, VA);
	try_read(VA + 4096);
	check_none("SMAP: supervisor page");
	asm volatile("stac");
	check("stac sets AC", flags_get() & FL_AC);
	try_read(VA);
	check_none("stac: read");
	try_write(VA);
	check_none("stac: write");
	asm volatile("clac");
	check("clac clears AC", !(flags_get() & FL_AC));
	try_read(VA);
	check_pf("clac: read", PF_P, VA);
	flags_set(flags_get() | FL_AC);
	try_read(VA);
	check_none("AC by popf");
	flags_set(flags_get() & ~(ulong)FL_AC);
	try_write(VA);
	check_pf("AC cleared by popf", PF_P | PF_W, VA);
	TRY("stac\n movb (%1), %b0\n clac\n movb (%1), %b0", : "=&q"(v) : "r"(VA) : "memory");
	check("stac and clac in one run of code", last.vec == PF && last.ip == try_at + 8);
	TRY("pushq (%0)", : : "r"(VA) : "memory");
	check_pf("SMAP: push from a user page", PF_P, VA);
	TRY("movsb", : : "S"(VA), "D"(pg) : "memory");
	check("SMAP: movs from a user page", last.vec == PF && last.cr2 == VA);
	TRY("lock incb (%0)", : : "r"(VA) : "memory", "cc");
	check_pf_hw("SMAP: lock inc", PF_P | PF_W, VA);
	try_call((ulong)user_ret);
	check("SMAP is not for fetches", last.vec == NO_FAULT || last.vec == PF);
	user_run(user_read, VA, 0);
	check("SMAP is not for ring 3", last.vec == 0x80);
	user_run(user_stac, 0, 0);
	check_fault("stac in ring 3", UD, 0);
	user_run(user_clac, 0, 0);
	check_fault("clac in ring 3", UD, 0);
	cr0_set(cr0_get() & ~(ulong)CR0_WP);
	try_write(VA);
	check_pf("SMAP without WP", PF_P | PF_W, VA);
	cr0_set(cr0_get() | CR0_WP);
	flags_set(FL_1 | FL_AC);
	asm volatile("int $0x82" : : : "memory");
	check("an interrupt leaves AC as it is", ac_in_handler && flags_get() & FL_AC);
	flags_set(FL_1);
	cr4_set(cr4_get() & ~(ulong)CR4_SMAP);
	try_read(VA);
	check_none("SMAP cleared");
}

void test_main(void)
{
	on_trap(0x82, ac_hook);
	smep();
	smap();
}
