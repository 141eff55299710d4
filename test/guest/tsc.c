/* tsc.c - RDTSC, RDTSCP, RDPID, writes of the TSC, CR4.TSD, RDPMC. Source: SDM 3B 17.17. */
#include "guest.h"

const char test_name[] = "tsc";

#define MSR_TSC 0x10
#define MSR_TSC_ADJUST 0x3b

USER(user_rdtsc, "rdtsc");
USER(user_rdtscp, "rdtscp");
USER(user_rdpmc, "xorl %ecx, %ecx; rdpmc");

static u64 rdtscp(u32 *aux)
{
	u32 lo, hi;

	asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(*aux));
	return lo | (u64)hi << 32;
}

static void reads(void)
{
	u64 was = rdtsc(), now, a = ~0ull, d = ~0ull;
	unsigned i, back = 0;
	u32 aux;

	for (i = 0; i < 2000; i++) {
		now = i & 1 ? rdtsc() : rdtscp(&aux);
		back += now < was;
		was = now;
	}
	check_eq("never goes back", back, 0);
	asm volatile("rdtsc" : "+a"(a), "+d"(d));
	check("upper halves are cleared", !(a >> 32) && !(d >> 32));
	was = rdtsc();
	for (i = 0; i < 1000; i++)
		asm volatile("pause");
	check("it moves", rdtsc() > was);
	check_hw("the MSR is the same clock", rdmsr(MSR_TSC) >= was);
	wrmsr(MSR_TSC_AUX, 0x12345678);
	rdtscp(&aux);
	check_eq("rdtscp: TSC_AUX", aux, 0x12345678);
	if (cpuid(7, 0).c & 1 << 22) {
		asm volatile("rdpid %0" : "=r"(a));
		check_eq("rdpid", a, 0x12345678);
	} else {
		skip("rdpid", "the processor has none");
	}
	user_run(user_rdtscp, 0, 0);
	check("rdtscp in ring 3", last.vec == 0x80 && last.cx == 0x12345678);
	wrmsr(MSR_TSC_AUX, 0);
	TRY("wrmsr", : : "c"(MSR_TSC_AUX), "a"(0), "d"(1) : "memory");
	check_hw("TSC_AUX has 32 bits", last.vec == NO_FAULT || faulted(GP, 0));
	wrmsr(MSR_TSC_AUX, 0);
}

static void writes(void)
{
	u64 now;

	if (on_qemu()) {
		skip("writes of the TSC", "QEMU's TCG has none");
		return;
	}
	wrmsr(MSR_TSC, 1ull << 40);
	now = rdtsc();
	check("a write sets it", now >= 1ull << 40 && now < (1ull << 40) + (1ull << 33));
	wrmsr(MSR_TSC, 0);
	now = rdtsc();
	check("set to zero", now < 1ull << 33);
	if (!(cpuid(7, 0).b & 2)) {
		skip("TSC_ADJUST", "the processor has none");
		return;
	}
	wrmsr(MSR_TSC_ADJUST, rdmsr(MSR_TSC_ADJUST) + (1ull << 41));
	now = rdtsc();
	check("TSC_ADJUST moves it", now >= 1ull << 41 && now < (1ull << 41) + (1ull << 34));
}

static void rights(void)
{
	user_run(user_rdtsc, 0, 0);
	check("rdtsc in ring 3", last.vec == 0x80);
	cr4_set(cr4_get() | CR4_TSD);
	user_run(user_rdtsc, 0, 0);
	check_fault("#GP: rdtsc in ring 3 with TSD", GP, 0);
	user_run(user_rdtscp, 0, 0);
	check_fault("#GP: rdtscp in ring 3 with TSD", GP, 0);
	TRY("rdtsc", : : : "rax", "rdx", "memory");
	check_none("rdtsc in ring 0 with TSD");
	cr4_set(cr4_get() & ~(ulong)CR4_TSD);
	user_run(user_rdtsc, 0, 0);
	check("TSD cleared", last.vec == 0x80);
	user_run(user_rdpmc, 0, 0);
	check("#GP: rdpmc in ring 3 without PCE", last.vec == GP && last.err == 0);
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	reads();
	writes();
	rights();
}
