/* x2apic.c - the local APIC by MSRs. Source: SDM 3A 10.12. */
#include "irq.h"

const char test_name[] = "x2apic";

static volatile unsigned count[256];

static bool hook(struct frame *f)
{
	count[f->vec]++;
	wrmsr(0x80b, 0);
	return true;
}

static void refuse_write(const char *name, u32 msr, u64 v)
{
	TRY("wrmsr", : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
	check_fault(name, GP, 0);
}

static void refuse_read(const char *name, u32 msr)
{
	TRY("rdmsr", : : "c"(msr) : "rax", "rdx", "memory");
	check_fault(name, GP, 0);
}

static void modes(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	refuse_read("#GP: an x2APIC register in xAPIC mode", 0x802);
	refuse_write("#GP: EXTD without EN", MSR_APIC_BASE, (base & ~0x800ull) | 0x400);
	wrmsr(MSR_APIC_BASE, base | 0x400);
	check("x2APIC mode", (rdmsr(MSR_APIC_BASE) & 0xc00) == 0xc00);
	refuse_write("#GP: back to xAPIC without disabling", MSR_APIC_BASE, base & ~0x400ull);
}

static void registers(void)
{
	check_eq("ID is 32 bits", rdmsr(0x802), cpuid(0xb, 0).d);
	check("version", (rdmsr(0x803) & 0xf0) == 0x10);
	wrmsr(0x80f, 0x1ff);
	check_eq("SVR", rdmsr(0x80f), 0x1ff);
	wrmsr(0x808, 0x20);
	check_eq("TPR", rdmsr(0x808), 0x20);
	check_eq("PPR", rdmsr(0x80a), 0x20);
	wrmsr(0x808, 0);
	check_eq("LDR comes from the ID", rdmsr(0x80d), 1ull << (rdmsr(0x802) & 15) | rdmsr(0x802) >> 4 << 16);
	wrmsr(0x83e, 0xb);
	check_eq("divide configuration", rdmsr(0x83e), 0xb);
	refuse_write("#GP: the ID is read-only", 0x802, 0);
	refuse_write("#GP: EOI takes only zero", 0x80b, 1);
	refuse_write("#GP: LDR is read-only", 0x80d, 1);
	refuse_write("#GP: no DFR", 0x80e, 0xffffffff);
	refuse_read("#GP: no ICR2", 0x831);
	refuse_read("#GP: self-IPI is write-only", 0x83f);
	refuse_write("#GP: TPR's reserved bits", 0x808, 0x100);
	refuse_read("#GP: beyond the last register", 0x8ff);
}

static void interrupts(void)
{
	u64 t;

	wrmsr(0x83f, 0x51);
	check("self-IPI waits in IRR", rdmsr(0x820 + 2) & 1 << (0x51 % 32));
	window();
	check_eq("self-IPI", count[0x51], 1);
	wrmsr(0x830, rdmsr(0x802) << 32 | 0x52);
	window();
	check_eq("ICR in one write", count[0x52], 1);
	check_eq("ICR reads back", rdmsr(0x830) & 0xff, 0x52);
	wrmsr(0x830, 0xffffffffull << 32 | 0x53);
	window();
	check_eq("broadcast", count[0x53], 1);
	wrmsr(0x830, rdmsr(0x80d) << 32 | 1 << 11 | 0x54);
	window();
	check_eq("logical", count[0x54], 1);
	wrmsr(0x832, 0x55);
	wrmsr(0x838, 50000);
	wait_for(&count[0x55], 1);
	check_eq("timer, one shot", count[0x55], 1);
	check_eq("its count", rdmsr(0x839), 0);
	if (cpuid(1, 0).c & 1 << 24) {
		wrmsr(0x832, 0x40056);
		t = rdtsc() + 500000;
		wrmsr(0x6e0, t);
		wait_for(&count[0x56], 1);
		check("TSC deadline", count[0x56] == 1 && rdtsc() >= t);
	} else {
		skip("TSC deadline", "the processor has none");
	}
	wrmsr(0x832, 0x10000);
}

static void back(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) & ~0xc00ull;

	wrmsr(MSR_APIC_BASE, base);
	wrmsr(MSR_APIC_BASE, base | 0x800);
	check("disabled, then xAPIC", (apic_read(APIC_VERSION) & 0xf0) == 0x10);
	check("it starts software-disabled", !(apic_read(APIC_SVR) & 0x100));
}

void test_main(void)
{
	unsigned v;

	pic_off();
	if (!(cpuid(1, 0).c & 1 << 21)) {
		check("the local APIC is there", cpuid(1, 0).d & 1 << 9);
		skip("x2APIC", "the processor has none");
		return;
	}
	for (v = 0x50; v < 0x60; v++)
		on_trap(v, hook);
	modes();
	registers();
	interrupts();
	back();
}
