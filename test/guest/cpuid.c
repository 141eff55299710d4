/* cpuid.c - CPUID's shape, and that what is hidden does not run. Source: SDM 2A CPUID. */
#include "guest.h"

const char test_name[] = "cpuid";

static void shape(void)
{
	struct cpuid c = cpuid(0, 0), d, k;
	u64 a = ~0ull, b = ~0ull, cx = 0xffffffff00000000, dx = ~0ull;

	check("at least leaf Dh", c.a >= 0xd);
	check("extended leaves", cpuid(0x80000000, 0).a >= 0x80000008);
	check("hypervisor bit", cpuid(1, 0).c >> 31);
	a = 0xffffffff00000000;
	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(cx), "=d"(dx));
	check("upper halves are cleared", !(a >> 32 | b >> 32 | cx >> 32 | dx >> 32));
	check("long mode, NX, SYSCALL", (cpuid(0x80000001, 0).d & (1 << 29 | 1 << 20 | 1 << 11)) ==
	      (1 << 29 | 1 << 20 | 1 << 11));
	check("48 linear bits", (cpuid(0x80000008, 0).a >> 8 & 0xff) == 48 || on_qemu());
	d = cpuid(1, 0);
	check("FPU, TSC, MSR, PAE, CX8, APIC, PGE, CMOV, FXSR, SSE, SSE2",
	      (d.d & 0x0700a371) == 0x0700a371);
	k = cpuid(0x40000000, 0);
	check("KVM's leaves", on_qemu() || (k.b == 0x4b4d564b && k.c == 0x564b4d56 && k.d == 0x4d));
	c = cpuid(0xb, 0);
	check("leaf Bh names this processor", on_qemu() || c.d == d.b >> 24);
}

static void hide(const char *name, bool offered)
{
	check(name, !offered);
}

static void hidden(void)
{
	struct cpuid l1 = cpuid(1, 0), l7 = cpuid(7, 0), x1 = cpuid(0x80000001, 0);

	hide("VMX", l1.c & 1 << 5);
	hide("SVM", x1.c & 1 << 2);
	hide("MONITOR", l1.c & 1 << 3);
	hide("MWAITX", x1.c & 1 << 29);
	hide("TSX", l7.b & (1 << 4 | 1 << 11));
	hide("SGX", l7.b & 1 << 2);
	hide("LA57", l7.c & 1 << 16);
	hide("shadow stacks", l7.c & 1 << 7);
	hide("IBT", l7.d & 1 << 20);
	hide("AMX", l7.d & (1 << 22 | 1 << 24 | 1 << 25));
	hide("WAITPKG", l7.c & 1 << 5);
	hide("UINTR", l7.d & 1 << 5);
	hide("KeyLocker", l7.c & 1 << 23);
	hide("XSAVES", cpuid(0xd, 1).a & 8);
}

#define RUN_UD(name, bytes)                                                                   \
	do {                                                                                  \
		TRY(bytes, : : "a"(0), "c"(0), "d"(0), "D"(buf) : "rbx", "rsi", "memory", "cc"); \
		check_fault("#UD: " name, UD, 0);                                             \
	} while (0)

static u8 buf[64] __attribute__((aligned(64)));

static void refused(void)
{
	RUN_UD("vmxon", ".byte 0xf3, 0x0f, 0xc7, 0x37");
	RUN_UD("vmptrld", ".byte 0x0f, 0xc7, 0x37");
	RUN_UD("vmrun", ".byte 0x0f, 0x01, 0xd8");
	RUN_UD("stgi", ".byte 0x0f, 0x01, 0xdc");
	RUN_UD("clgi", ".byte 0x0f, 0x01, 0xdd");
	RUN_UD("invlpga", ".byte 0x0f, 0x01, 0xdf");
	RUN_UD("monitor", ".byte 0x0f, 0x01, 0xc8");
	RUN_UD("mwait", ".byte 0x0f, 0x01, 0xc9");
	RUN_UD("xbegin", ".byte 0xc7, 0xf8, 0, 0, 0, 0");
	RUN_UD("xend", ".byte 0x0f, 0x01, 0xd5");
	RUN_UD("xtest", ".byte 0x0f, 0x01, 0xd6");
	RUN_UD("encls", ".byte 0x0f, 0x01, 0xcf");
	RUN_UD("enclu", ".byte 0x0f, 0x01, 0xd7");
	RUN_UD("tpause", ".byte 0x66, 0x0f, 0xae, 0xf0");
	RUN_UD("umonitor", ".byte 0xf3, 0x0f, 0xae, 0xf0");
	RUN_UD("senduipi", ".byte 0xf3, 0x0f, 0xc7, 0xf0");
	RUN_UD("ldtilecfg", ".byte 0xc4, 0xe2, 0x78, 0x49, 0x07");
	RUN_UD("wrussq", ".byte 0x66, 0x48, 0x0f, 0x38, 0xf5, 0x07");
	RUN_UD("saveprevssp", ".byte 0xf3, 0x0f, 0x01, 0xea");
	RUN_UD("loadiwkey", ".byte 0xf3, 0x0f, 0x38, 0xdc, 0xc1");
}

static void harmless(void)
{
	TRY(".byte 0xf3, 0x0f, 0x1e, 0xfa", MEM);
	check_none("endbr64 is a nop");
	TRY("xorl %%eax, %%eax\n .byte 0xf3, 0x48, 0x0f, 0x1e, 0xc8\n testq %%rax, %%rax\n jz 1f\n ud2\n1:",
	    : : : "rax", "memory", "cc");
	check_none("rdsspq without shadow stacks leaves its register");
	TRY("prefetchw (%0)\n prefetcht0 (%1)", : : "r"(buf), "r"(1ull << 47) : "memory");
	check_none("prefetches never fault");
	TRY("lfence\n mfence\n sfence\n pause", MEM);
	check_none("fences");
	TRY("clflush (%0)", : : "r"(buf) : "memory");
	check_none("clflush");
	TRY("clflush (%0)", : : "r"(TEST_VA) : "memory");
	check_pf_hw("#PF: clflush of an absent page", 0, TEST_VA);
}

void test_main(void)
{
	shape();
	harmless();
	if (on_qemu()) {
		skip("hidden features", "QEMU shows its own");
		return;
	}
	hidden();
	refused();
}
