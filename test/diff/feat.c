/* feat.c - which instruction sets both the processor and the machine's CPUID offer. */
#include <cpuid.h>
#include <stddef.h>

#include "form.h"
#include "x86/cpuid.h"
#include "x86/x86.h"

struct feat_bit {
	const char *name;
	u32 leaf;
	u8 reg, bit; /* reg: eax ebx ecx edx */
};

static const struct feat_bit feat_bits[FT_N] = {
	[FT_SSE3] = { "SSE3", 1, 2, 0 },
	[FT_SSSE3] = { "SSSE3", 1, 2, 9 },
	[FT_SSE41] = { "SSE4.1", 1, 2, 19 },
	[FT_SSE42] = { "SSE4.2", 1, 2, 20 },
	[FT_SSE4A] = { "SSE4A", 0x80000001, 2, 6 },
	[FT_AES] = { "AES", 1, 2, 25 },
	[FT_PCLMUL] = { "PCLMULQDQ", 1, 2, 1 },
	[FT_SHA] = { "SHA", 7, 1, 29 },
	[FT_AVX] = { "AVX", 1, 2, 28 },
	[FT_AVX2] = { "AVX2", 7, 1, 5 },
	[FT_FMA] = { "FMA", 1, 2, 12 },
	[FT_F16C] = { "F16C", 1, 2, 29 },
	[FT_BMI1] = { "BMI1", 7, 1, 3 },
	[FT_BMI2] = { "BMI2", 7, 1, 8 },
	[FT_ADX] = { "ADX", 7, 1, 19 },
	[FT_POPCNT] = { "POPCNT", 1, 2, 23 },
	[FT_LZCNT] = { "LZCNT", 0x80000001, 2, 5 },
	[FT_MOVBE] = { "MOVBE", 1, 2, 22 },
	[FT_CLFLUSHOPT] = { "CLFLUSHOPT", 7, 1, 23 },
	[FT_CLWB] = { "CLWB", 7, 1, 24 },
	[FT_GFNI] = { "GFNI", 7, 2, 8 },
	[FT_VAES] = { "VAES", 7, 2, 9 },
	[FT_VPCLMUL] = { "VPCLMULQDQ", 7, 2, 10 },
	[FT_FSGSBASE] = { "FSGSBASE", 7, 1, 0 },
	[FT_CX16] = { "CX16", 1, 2, 13 },
	[FT_PREFETCHW] = { "PREFETCHW", 0x80000001, 2, 8 },
	[FT_LAHF] = { "LAHF", 0x80000001, 2, 0 },
	[FT_RDPID] = { "RDPID", 7, 2, 22 },
	[FT_CLZERO] = { "CLZERO", 0x80000008, 1, 0 },
};

static bool host_has(const struct feat_bit *b)
{
	u32 r[4];

	if (!__get_cpuid_count(b->leaf, 0, &r[0], &r[1], &r[2], &r[3]))
		return false;
	return r[b->reg] >> b->bit & 1;
}

static bool machine_has(const struct feat_bit *b)
{
	struct cpuid_config c = { .ncpus = 1, .tsc_hz = 1000000000, .soft = true };
	static struct vcpu v;
	struct cpuid_regs r;

	v.cr4 = CR4_OSXSAVE;
	v.xcr0 = 7;
	r = cpuid_model(&c, &v, b->leaf, 0);
	return (&r.eax)[b->reg] >> b->bit & 1;
}

const char *feat_missing(enum feat f)
{
	if (f == FT_BASE)
		return NULL;
	if (!host_has(&feat_bits[f]))
		return "this processor lacks it";
	if (!machine_has(&feat_bits[f]))
		return "the machine's CPUID does not offer it";
	return NULL;
}
