/* msr.c - RDMSR and WRMSR: what they keep, what they refuse. Source: SDM 4, 2B. */
#include "guest.h"

const char test_name[] = "msr";

#define MSR_PAT 0x277
#define MSR_MISC_ENABLE 0x1a0

static void keeps(const char *name, u32 msr, u64 v)
{
	u64 was = rdmsr(msr), got;

	wrmsr(msr, v);
	got = rdmsr(msr);
	wrmsr(msr, was);
	check_eq(name, got, v);
}

static void refuses(const char *name, u32 msr, u64 v)
{
	u64 was = rdmsr(msr);

	TRY("wrmsr", : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
	check_fault(name, GP, 0);
	if (rdmsr(msr) != was)
		check("the refused value is not there", false);
}

static void values(void)
{
	u64 efer = rdmsr(MSR_EFER), a, d;

	check("EFER: LMA and LME in long mode", (efer & 0x500) == 0x500);
	keeps("EFER: SCE", MSR_EFER, efer & ~1ull);
	keeps("FS base, high half", MSR_FS_BASE, 0xffff800012345678);
	keeps("KERNEL_GS_BASE", MSR_KERNEL_GS_BASE, 0x7fffffffffff);
	keeps("SYSENTER_EIP", 0x176, 0xffffffff80001234);
	keeps("SYSENTER_ESP", 0x175, 0xffffffff80005678);
	keeps("SYSENTER_CS", 0x174, 0x10);
	keeps("CSTAR", MSR_CSTAR, 0xffffffff80009abc);
	keeps("SFMASK", MSR_SFMASK, 0x47700);
	keeps("PAT", MSR_PAT, 0x0007010600070106);
	check_eq("PAT at reset", rdmsr(MSR_PAT), 0x0007040600070406);
	asm volatile("movq $-1, %%rax\n movq $-1, %%rdx\n rdmsr"
		     : "=a"(a), "=d"(d) : "c"(0xffffffff00000000ull | MSR_EFER));
	check("rdmsr reads ecx and clears upper halves", a == (u32)efer && d == efer >> 32);
	check("APIC base: enabled, boot processor, its address",
	      (rdmsr(MSR_APIC_BASE) & 0xfffff900) == 0xfee00900);
}

static void refused(void)
{
	TRY("rdmsr", : : "c"(0x12345678) : "rax", "rdx", "memory");
	check_fault("#GP: read of an unknown MSR", GP, 0);
	TRY("wrmsr", : : "c"(0x12345678), "a"(0), "d"(0) : "memory");
	check_fault("#GP: write of an unknown MSR", GP, 0);
	refuses("#GP: EFER's reserved bits", MSR_EFER, rdmsr(MSR_EFER) | 2);
	refuses("#GP: EFER.LME while paging", MSR_EFER, rdmsr(MSR_EFER) & ~0x100ull);
	refuses("#GP: PAT with a reserved type", MSR_PAT, 0x0007040600070402);
	refuses("#GP: FS base not canonical", MSR_FS_BASE, 1ull << 47);
	refuses("#GP: LSTAR not canonical", MSR_LSTAR, 1ull << 63);
	refuses("#GP: APIC base's reserved bits", MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1);
}

void test_main(void)
{
	values();
	if (on_tcg()) {
		skip("what WRMSR refuses", "TCG refuses nothing");
		return;
	}
	refused();
}
