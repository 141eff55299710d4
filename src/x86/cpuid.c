/* cpuid.c - the guest's CPUID: a table of what passes from the host and what the engine gives. */
#include "x86/cpuid.h"

#include <cpuid.h>
#include <string.h>

#include "x86/bits.h"
#include "x86/vcpu.h"

enum cpuid_reg { EAX, EBX, ECX, EDX };

#define B(n) (1u << (n))
#define ANY_SUB 0xffffffffu

/*
 * One row a register that is not zero: the bits that pass from the host and the bits that are
 * set whatever the host has, because the engine does them itself. A bit in neither is clear, so
 * that a feature of tomorrow's processor is hidden until someone has thought about it.
 */
struct cpuid_row {
	u32 leaf, subleaf;
	enum cpuid_reg reg;
	u32 pass, give;
};

#define BASIC_MAX 0xdu
#define EXTENDED_MAX_AMD 0x80000021u
#define EXTENDED_MAX_INTEL 0x80000008u
#define KVM_BASE 0x40000000u
#define KVM_FEATURES (KVM_BASE + 1)
#define KVM_TIMING (KVM_BASE + 0x10)

/* SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND */
#define L1_ECX_PASS                                                                        \
	(B(0) | B(1) | B(9) | B(12) | B(13) | B(19) | B(20) | B(22) | B(23) | B(25) |      \
	 B(26) | B(28) | B(29) | B(30))
#define L1_ECX_OSXSAVE B(27)
/* FPU CX8 CMOV CLFSH MMX FXSR SSE SSE2 SS */
#define L1_EDX_PASS \
	(B(0) | B(8) | B(15) | B(19) | B(23) | B(24) | B(25) | B(26) | B(27))
/* DE PSE TSC MSR PAE MCE APIC SEP MTRR PGE MCA (with no banks) PAT PSE36 */
#define L1_EDX_GIVE \
	(B(2) | B(3) | B(4) | B(5) | B(6) | B(7) | B(9) | B(11) | B(12) | B(13) | B(14) | B(16) | B(17))
#define L1_EDX_HTT B(28)
/* The part of leaf 1's EDX that AMD repeats in 80000001h. */
#define L1_EDX_REPEATED 0x0183f3ffu

static const struct cpuid_row cpuid_rows[] = {
	/* Family, model, stepping; CLFLUSH line. */
	{ 0x1, 0, EAX, 0x0fff3fff, 0 },
	{ 0x1, 0, EBX, 0x0000ff00, 0 },
	{ 0x1, 0, ECX, L1_ECX_PASS, B(17) | B(21) | B(24) | B(31) }, /* PCID x2APIC TSC-deadline HV */
	{ 0x1, 0, EDX, L1_EDX_PASS, L1_EDX_GIVE },
	/* Intel's cache and TLB descriptors: C libraries choose their memcpy by them. */
	{ 0x2, 0, EAX, ~0u, 0 },
	{ 0x2, 0, EBX, ~0u, 0 },
	{ 0x2, 0, ECX, ~0u, 0 },
	{ 0x2, 0, EDX, ~0u, 0 },
	{ 0x4, ANY_SUB, EAX, 0x000003ff, 0 },
	{ 0x4, ANY_SUB, EBX, ~0u, 0 },
	{ 0x4, ANY_SUB, ECX, ~0u, 0 },
	{ 0x4, ANY_SUB, EDX, 0x7, 0 },
	{ 0x6, 0, EAX, 0, B(2) }, /* ARAT: the local APIC timer never stops */
	{ 0x7, 0, EAX, 0, 1 },
	/* BMI1 AVX2 FDP_EXCPTN_ONLY BMI2 ERMS FCS_FDS RDSEED ADX CLFLUSHOPT CLWB SHA; given:
	 * FSGSBASE TSC_ADJUST SMEP INVPCID SMAP. */
	{ 0x7, 0, EBX, B(3) | B(5) | B(6) | B(8) | B(9) | B(13) | B(18) | B(19) | B(23) | B(24) | B(29),
	  B(0) | B(1) | B(7) | B(10) | B(20) },
	{ 0x7, 0, ECX, B(8) | B(9) | B(10), B(22) }, /* GFNI VAES VPCLMULQDQ; RDPID */
	{ 0x7, 0, EDX, B(4), 0 },                    /* FSRM */
	{ 0x7, 1, EAX, B(4) | B(10) | B(11) | B(12), 0 }, /* AVX-VNNI FZRM FSRS FSRC */
	/* AVX's place in the standard format. */
	{ 0xd, 1, EAX, B(0) | B(1) | B(2), 0 }, /* XSAVEOPT XSAVEC XGETBV1 */
	{ 0xd, 2, EAX, ~0u, 0 },
	{ 0xd, 2, EBX, ~0u, 0 },
	{ 0xd, 2, ECX, B(1), 0 },
	{ 0x80000001, 0, EAX, 0x0fff3fff, 0 },
	{ 0x80000001, 0, EBX, 0xf0000000, 0 },
	/* LAHF LZCNT SSE4A MISALIGNSSE PREFETCHW TOPOEXT */
	{ 0x80000001, 0, ECX, B(0) | B(5) | B(6) | B(7) | B(8) | B(22), 0 },
	/* MMXEXT; SYSCALL NX PDPE1GB RDTSCP LM */
	{ 0x80000001, 0, EDX, B(22), B(11) | B(20) | B(26) | B(27) | B(29) },
	{ 0x80000002, 0, EAX, ~0u, 0 }, { 0x80000002, 0, EBX, ~0u, 0 },
	{ 0x80000002, 0, ECX, ~0u, 0 }, { 0x80000002, 0, EDX, ~0u, 0 },
	{ 0x80000003, 0, EAX, ~0u, 0 }, { 0x80000003, 0, EBX, ~0u, 0 },
	{ 0x80000003, 0, ECX, ~0u, 0 }, { 0x80000003, 0, EDX, ~0u, 0 },
	{ 0x80000004, 0, EAX, ~0u, 0 }, { 0x80000004, 0, EBX, ~0u, 0 },
	{ 0x80000004, 0, ECX, ~0u, 0 }, { 0x80000004, 0, EDX, ~0u, 0 },
	{ 0x80000005, 0, EAX, ~0u, 0 }, { 0x80000005, 0, EBX, ~0u, 0 },
	{ 0x80000005, 0, ECX, ~0u, 0 }, { 0x80000005, 0, EDX, ~0u, 0 },
	{ 0x80000006, 0, EAX, ~0u, 0 }, { 0x80000006, 0, EBX, ~0u, 0 },
	{ 0x80000006, 0, ECX, ~0u, 0 }, { 0x80000006, 0, EDX, ~0u, 0 },
	{ 0x80000007, 0, EDX, B(8), 0 }, /* invariant TSC */
	{ 0x80000008, 0, EAX, 0, 48 << 8 | CPUID_PHYS_BITS },
	/* XSAVEERPTR; what the host is not vulnerable to: SSB, BTC. Controls (IBRS …) are hidden,
	 * since a translated guest can reach none of them. */
	{ 0x80000008, 0, EBX, B(2) | B(26) | B(29), 0 },
	{ 0x80000019, 0, EAX, ~0u, 0 }, { 0x80000019, 0, EBX, ~0u, 0 },
	{ 0x8000001a, 0, EAX, ~0u, 0 },
	{ 0x8000001d, ANY_SUB, EAX, 0x000003ff, 0 },
	{ 0x8000001d, ANY_SUB, EBX, ~0u, 0 },
	{ 0x8000001d, ANY_SUB, ECX, ~0u, 0 },
	{ 0x8000001d, ANY_SUB, EDX, 0x3, 0 },
	/* LFENCE serializes; given: a null selector clears the base, automatic IBRS, SRSO_NO. A
	 * retpoline is slow here and protects nothing: it is our branches that the host predicts. */
	{ 0x80000021, 0, EAX, B(2), B(6) | B(8) | B(29) },
	{ 0x80000021, 0, ECX, B(1) | B(2), 0 }, /* TSA_SQ_NO, TSA_L1_NO */
};

struct cpuid_regs cpuid_host(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;

	__cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
	return r;
}

bool cpuid_host_amd(void)
{
	struct cpuid_regs r = cpuid_host(0, 0);

	return (r.ebx == 0x68747541 && r.edx == 0x69746e65 && r.ecx == 0x444d4163) ||
	       (r.ebx == 0x6f677948 && r.edx == 0x6e65476e && r.ecx == 0x656e6975);
}

static struct cpuid_regs host_leaf(u32 leaf, u32 subleaf)
{
	struct cpuid_regs top = cpuid_host(leaf & 0xffff0000u, 0);

	if (leaf > top.eax)
		return (struct cpuid_regs){ 0 };
	return cpuid_host(leaf, subleaf);
}

static bool row_matches(const struct cpuid_row *row, u32 leaf, u32 subleaf)
{
	/* Only these leaves have subleaves; elsewhere ECX does not matter. */
	bool subs = leaf == 0x4 || leaf == 0x7 || leaf == 0xd || leaf == 0x8000001d;

	return row->leaf == leaf &&
	       (!subs || row->subleaf == ANY_SUB || row->subleaf == subleaf);
}

static struct cpuid_regs rows_apply(u32 leaf, u32 subleaf)
{
	u32 in[4], out[4] = { 0 };
	struct cpuid_regs h;
	bool asked = false;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(cpuid_rows); i++) {
		const struct cpuid_row *row = &cpuid_rows[i];

		if (!row_matches(row, leaf, subleaf))
			continue;
		if (!asked) {
			h = host_leaf(leaf, subleaf);
			memcpy(in, &h, sizeof(in));
			asked = true;
		}
		out[row->reg] = (in[row->reg] & row->pass) | row->give;
	}
	return (struct cpuid_regs){ out[0], out[1], out[2], out[3] };
}

static bool host_has_xsave(void)
{
	return cpuid_host(1, 0).ecx & B(26);
}

/* What the translator runs: AVX-512, PKRU and AMX are not offered. */
#define XCR0_SOFT 7ull

u64 cpuid_xcr0(const struct cpuid_config *c)
{
	struct cpuid_regs r;
	u64 xcr0;

	if (!host_has_xsave())
		return 3;
	r = cpuid_host(0xd, 0);
	xcr0 = r.eax | (u64)r.edx << 32;
	return c->soft ? xcr0 & XCR0_SOFT : xcr0 & (XCR0_SOFT | 0x2e0);
}

/* Bytes of an XSAVE area that holds xcr0's components in standard format. SDM 1 13.4. */
static u32 xsave_size(u64 xcr0)
{
	u32 size = 512 + 64;
	unsigned i;

	for (i = 2; i < 63; i++) {
		struct cpuid_regs r;

		if (!(xcr0 >> i & 1))
			continue;
		r = cpuid_host(0xd, i);
		if (r.eax + r.ebx > size)
			size = r.eax + r.ebx;
	}
	return size;
}

static struct cpuid_regs leaf_d(const struct cpuid_config *c, const struct vcpu *v, u32 subleaf,
				struct cpuid_regs r)
{
	u64 xcr0 = cpuid_xcr0(c);

	if (!host_has_xsave())
		return (struct cpuid_regs){ 0 };
	if (subleaf == 0)
		return (struct cpuid_regs){ (u32)xcr0, xsave_size(v->xcr0 & xcr0),
					    xsave_size(xcr0), (u32)(xcr0 >> 32) };
	/* With no component above AVX the compacted format has the standard one's size. */
	if (subleaf == 1)
		r.ebx = r.eax & B(1) ? xsave_size(v->xcr0 & xcr0) : 0;
	if (subleaf >= 2 && !(subleaf < 63 && xcr0 >> subleaf & 1))
		return (struct cpuid_regs){ 0 };
	return r;
}

/* What 80000001h says on AMD beside its row. */
static struct cpuid_regs leaf_ext1(struct cpuid_regs r)
{
	if (cpuid_host_amd())
		r.edx |= ((cpuid_host(1, 0).edx & L1_EDX_PASS) | L1_EDX_GIVE) & L1_EDX_REPEATED;
	else
		r.ecx &= ~B(22);
	return r;
}

static struct cpuid_regs leaf_max(struct cpuid_regs host, u32 max)
{
	host.eax = max;
	return host;
}

/*X:200 What the processor says it is
 * Guests believe CPUID, so CPUID decides what they do. The translator's guest sees the host's own
 * processor less what the translator does not run; cpuid_rows says bit by bit what passes and what
 * the engine gives whether the host has it or not. Everything else reads as zero: a feature nobody
 * has thought about stays hidden. Under KVM the list starts from what KVM supports, and only
 * cpuid_fit() is the same: ids and counts of processors, shared caches, and the paravirtual leaves,
 * which spare a guest the calibration of its clocks.
 * @test cpuid_hides_what_is_not_run
 */
struct cpuid_regs cpuid_model(const struct cpuid_config *c, const struct vcpu *v, u32 leaf,
			      u32 subleaf)
{
	u32 ext_max = cpuid_host_amd() ? EXTENDED_MAX_AMD : EXTENDED_MAX_INTEL;
	struct cpuid_regs r = { 0 };

	if (leaf == 0)
		return leaf_max(cpuid_host(0, 0), BASIC_MAX);
	if (leaf == 0x80000000u)
		return leaf_max(cpuid_host(leaf, 0), ext_max);
	if (leaf <= BASIC_MAX || (leaf > 0x80000000u && leaf <= ext_max))
		r = rows_apply(leaf, subleaf);
	if (leaf == 0x1 && (v->cr4 & CR4_OSXSAVE))
		r.ecx |= L1_ECX_OSXSAVE;
	if (c->deterministic && leaf == 0x1)
		r.ecx &= ~B(30); /* RDRAND */
	if (c->deterministic && leaf == 0x7 && subleaf == 0)
		r.ebx &= ~B(18); /* RDSEED */
	if (leaf == 0xd)
		r = leaf_d(c, v, subleaf, r);
	if (leaf == 0x80000001u)
		r = leaf_ext1(r);
	return cpuid_fit(c, v->index, leaf, subleaf, r);
}

/* Bits of an APIC id that number n cores. */
static unsigned id_bits(unsigned n)
{
	unsigned bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

/* Extended topology: a level of one thread, a level of all cores. SDM 2A leaf 0Bh. */
static struct cpuid_regs leaf_topology(unsigned ncpus, unsigned apic_id, u32 subleaf)
{
	struct cpuid_regs r = { .ecx = subleaf & 0xff, .edx = apic_id };

	if (subleaf == 0) {
		r.ebx = 1;
		r.ecx |= 1 << 8;
	} else if (subleaf == 1) {
		r.eax = id_bits(ncpus);
		r.ebx = ncpus;
		r.ecx |= 2 << 8;
	}
	return r;
}

/* The last level (3 and up) is shared by all cores, the others belong to one. */
static struct cpuid_regs leaf_cache(unsigned ncpus, struct cpuid_regs r, bool intel)
{
	unsigned level = r.eax >> 5 & 7, span = (1u << id_bits(ncpus)) - 1;

	if (!(r.eax & 0x1f))
		return (struct cpuid_regs){ 0 };
	r.eax &= 0x3ff;
	if (level >= 3)
		r.eax |= (intel ? span : ncpus - 1) << 14;
	if (intel)
		r.eax |= span << 26;
	return r;
}

static struct cpuid_regs leaf_kvm(const struct cpuid_config *c, u32 leaf)
{
	struct cpuid_regs r = { 0 };

	if (!c->kvm_leaves)
		return r;
	if (leaf == KVM_BASE) {
		r.eax = KVM_TIMING;
		memcpy(&r.ebx, "KVMK", 4);
		memcpy(&r.ecx, "VMKV", 4);
		memcpy(&r.edx, "M\0\0\0", 4);
	} else if (leaf == KVM_FEATURES) {
		r.eax = KVM_PV_FEATURES;
	} else if (leaf == KVM_TIMING) {
		r.eax = (u32)(c->tsc_hz / 1000);
		r.ebx = CPUID_APIC_HZ / 1000;
	}
	return r;
}

struct cpuid_regs cpuid_fit(const struct cpuid_config *c, unsigned apic_id, u32 leaf, u32 subleaf,
			    struct cpuid_regs r)
{
	bool many = c->ncpus > 1;

	switch (leaf) {
	case 0x1:
		r.ebx = (r.ebx & 0xff00) | (many ? c->ncpus & 0xff : 1) << 16 | apic_id << 24;
		r.edx = (r.edx & ~L1_EDX_HTT) | (many ? L1_EDX_HTT : 0);
		return r;
	case 0x4:
		return leaf_cache(c->ncpus, r, true);
	case 0xb:
		return leaf_topology(c->ncpus, apic_id, subleaf);
	case 0x80000001:
		r.ecx &= ~B(1); /* CMP_LEGACY: the count in leaf 1 is cores, not threads */
		if (many && cpuid_host_amd())
			r.ecx |= B(1);
		return r;
	case 0x80000008:
		r.ecx = cpuid_host_amd() ? id_bits(c->ncpus) << 12 | (c->ncpus - 1) : 0;
		return r;
	case 0x8000001d:
		return leaf_cache(c->ncpus, r, false);
	case 0x8000001e:
		if (!cpuid_host_amd())
			return r;
		return (struct cpuid_regs){ .eax = apic_id, .ebx = apic_id & 0xff };
	case KVM_BASE:
	case KVM_FEATURES:
	case KVM_TIMING:
		return leaf_kvm(c, leaf);
	default:
		return r;
	}
}
