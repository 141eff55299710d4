/* cpuid.c - tests of the guest's CPUID. @links src/base src/x86 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include <cmocka.h>

#include "x86/x86.h"

#define B(n) (1u << (n))

static struct vcpu v;

static struct cpuid_regs ask_n(unsigned ncpus, unsigned index, u32 leaf, u32 subleaf)
{
	const struct cpuid_config c = {
		.ncpus = ncpus, .tsc_hz = 2500000000, .soft = true, .kvm_leaves = true,
	};

	v.index = index;
	return cpuid_model(&c, &v, leaf, subleaf);
}

static struct cpuid_regs ask(u32 leaf, u32 subleaf)
{
	return ask_n(1, 0, leaf, subleaf);
}

/* What the translator does not run may not be offered, whatever the host is. */
static void cpuid_hides_what_is_not_run(void **unused)
{
	static const struct {
		u32 leaf, subleaf;
		u32 eax, ebx, ecx, edx;
	} never[] = {
		{ 0x1, 0, 0, 0, B(2) | B(3) | B(5) | B(6) | B(7) | B(15) | B(18), B(1) | B(21) | B(22) | B(29) },
		/* SGX HLE RTM MPX AVX-512 PT; PKU OSPKE WAITPKG CET LA57 KL MOVDIR ENQCMD */
		{ 0x7, 0, 0, B(2) | B(4) | B(11) | B(14) | B(16) | B(17) | B(21) | B(25) | B(26) | B(27) | B(28) |
		  B(30) | B(31), B(1) | B(3) | B(4) | B(5) | B(6) | B(7) | B(11) | B(12) | B(14) | B(16) | B(23) |
		  B(27) | B(28) | B(29) | B(31), B(2) | B(3) | B(5) | B(8) | B(20) | B(22) | B(23) | B(24) | B(25) |
		  B(26) | B(27) | B(28) | B(29) | B(31) },
		{ 0x7, 1, B(5) | B(17) | B(21) | B(26), ~0u, ~0u, ~0u },
		{ 0xa, 0, ~0u, ~0u, ~0u, ~0u },
		{ 0xd, 0, ~7u, 0, 0, ~0u },
		{ 0xd, 1, B(3) | B(4), 0, ~0u, ~0u },
		{ 0xd, 5, ~0u, ~0u, ~0u, ~0u },
		{ 0xd, 9, ~0u, ~0u, ~0u, ~0u },
		{ 0x80000001, 0, 0, 0, B(2) | B(10) | B(11) | B(12) | B(15) | B(16) | B(21) | B(23) | B(24) | B(29),
		  B(25) | B(30) | B(31) },
		{ 0x80000008, 0, 0, B(0) | B(12) | B(14) | B(15) | B(24), 0, 0 },
		{ 0x8000000a, 0, ~0u, ~0u, ~0u, ~0u },
		{ 0x8000001f, 0, ~0u, ~0u, ~0u, ~0u },
	};
	unsigned i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(never); i++) {
		struct cpuid_regs r = ask(never[i].leaf, never[i].subleaf);

		assert_int_equal(r.eax & never[i].eax, 0);
		assert_int_equal(r.ebx & never[i].ebx, 0);
		assert_int_equal(r.ecx & never[i].ecx, 0);
		assert_int_equal(r.edx & never[i].edx, 0);
	}
}

/* No bit that programs use may be set that the host lacks, unless the engine gives it. */
static void cpuid_invents_no_instruction(void **unused)
{
	(void)unused;
	struct cpuid_regs h = cpuid_host(1, 0), g = ask(1, 0);

	assert_int_equal(g.ecx & ~h.ecx & ~(B(17) | B(21) | B(24) | B(31)), 0);
	h = cpuid_host(7, 0);
	g = ask(7, 0);
	assert_int_equal(g.ebx & ~h.ebx & ~(B(0) | B(7) | B(10) | B(20)), 0);
	assert_int_equal(g.ecx & ~h.ecx & ~B(22), 0);
	assert_int_equal(g.edx & ~h.edx, 0);
}

static void cpuid_unknown_leaves_are_zero(void **unused)
{
	static const u32 leaves[] = { 0x3, 0x5, 0xe, 0x14, 0x1f, 0xffff, 0x40000002, 0x40000011,
				      0x50000000, 0x80000022, 0x80860000, 0xc0000000, 0xffffffff };
	unsigned i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct cpuid_regs r = ask(leaves[i], 0);

		assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);
	}
}

static void cpuid_osxsave_follows_cr4(void **unused)
{
	(void)unused;
	v.cr4 = 0;
	assert_int_equal(ask(1, 0).ecx & B(27), 0);
	v.cr4 = CR4_OSXSAVE;
	assert_int_equal(ask(1, 0).ecx & B(27), B(27));
	v.cr4 = 0;
}

static void cpuid_xsave_size_follows_xcr0(void **unused)
{
	const struct cpuid_config c = { .ncpus = 1, .soft = true };

	(void)unused;
	if (!(cpuid_host(1, 0).ecx & B(28)))
		skip();
	v.xcr0 = 1;
	assert_int_equal(ask(0xd, 0).ebx, 576);
	v.xcr0 = 7;
	assert_int_equal(ask(0xd, 0).ebx, 832);
	assert_int_equal(ask(0xd, 0).ecx, 832);
	assert_int_equal(ask(0xd, 0).eax, cpuid_xcr0(&c));
	assert_int_equal(ask(0xd, 2).eax, 256);
	assert_int_equal(ask(0xd, 2).ebx, 576);
}

/* Each processor has its own id, and all say the same of their number. */
static void cpuid_topology_is_one_socket(void **unused)
{
	unsigned i;

	(void)unused;
	for (i = 0; i < 3; i++) {
		assert_int_equal(ask_n(3, i, 1, 0).ebx >> 24, i);
		assert_int_equal(ask_n(3, i, 1, 0).ebx >> 16 & 0xff, 3);
		assert_int_equal(ask_n(3, i, 1, 0).edx & B(28), B(28));
		assert_int_equal(ask_n(3, i, 0xb, 0).ebx, 1);
		assert_int_equal(ask_n(3, i, 0xb, 1).eax, 2);
		assert_int_equal(ask_n(3, i, 0xb, 1).ebx, 3);
		assert_int_equal(ask_n(3, i, 0xb, 1).edx, i);
		assert_int_equal(ask_n(3, i, 0xb, 2).ebx, 0);
	}
	assert_int_equal(ask(1, 0).edx & B(28), 0);
	assert_int_equal(ask(1, 0).ebx >> 16, 1);
}

static void cpuid_names_kvm(void **unused)
{
	struct cpuid_regs r = ask(0x40000000, 0);

	(void)unused;
	assert_memory_equal(&r.ebx, "KVMKVMKVM\0\0", 12);
	assert_int_equal(ask(0x40000001, 0).eax, KVM_PV_FEATURES);
	assert_int_equal(ask(0x40000010, 0).eax, 2500000);
	assert_int_equal(ask(1, 0).ecx & B(31), B(31));
}

static void cpuid_walks_all_its_leaves(void **unused)
{
	u32 leaf, sub;

	(void)unused;
	v.xcr0 = 7;
	for (leaf = 0; leaf <= 0x20; leaf++)
		for (sub = 0; sub < 70; sub++)
			ask(leaf, sub);
	assert_true(ask(0, 0).eax >= 0xd);
	assert_true(ask(0x80000000, 0).eax >= 0x80000008);
	/* The caches' list ends. */
	for (sub = 0; sub < 32 && (ask(4, sub).eax & 0x1f); sub++)
		;
	assert_true(sub < 32);
}

static void tsc_hz_is_near_the_clock(void **unused)
{
	struct timespec a, b, wait = { 0, 30000000 };
	u64 hz = tsc_hz(), t0, t1;
	double seconds, measured;

	(void)unused;
	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	t0 = __rdtsc();
	nanosleep(&wait, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	t1 = __rdtsc();
	seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	measured = (double)(t1 - t0) / seconds;
	assert_true(hz > 0.99 * measured && hz < 1.01 * measured);
	assert_int_equal(hz, tsc_hz());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpuid_hides_what_is_not_run),
		cmocka_unit_test(cpuid_invents_no_instruction),
		cmocka_unit_test(cpuid_unknown_leaves_are_zero),
		cmocka_unit_test(cpuid_osxsave_follows_cr4),
		cmocka_unit_test(cpuid_xsave_size_follows_xcr0),
		cmocka_unit_test(cpuid_topology_is_one_socket),
		cmocka_unit_test(cpuid_names_kvm),
		cmocka_unit_test(cpuid_walks_all_its_leaves),
		cmocka_unit_test(tsc_hz_is_near_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
