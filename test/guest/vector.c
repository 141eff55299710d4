/* vector.c - vector instructions whose memory is not simply an operand: gathers, masked moves,
 * aligned and non-temporal moves, string compares. Faults are per element.
 * Source: SDM 2B VGATHER, 2C VMASKMOV, 2A MASKMOVDQU; 1 14.9 for alignment. */
#include "guest.h"

const char test_name[] = "vector";

#define VA TEST_VA
#define END (VA + 4096)

static u8 *pg;
static u8 buf[256] __attribute__((aligned(64)));
static u32 idx[8] __attribute__((aligned(32)));
static u32 mask[8] __attribute__((aligned(32)));
static u32 dst[8] __attribute__((aligned(32)));

static bool avx2_on(void)
{
	if (!(cpuid(1, 0).c & 1 << 26) || !(cpuid(1, 0).c & 1 << 28) || !(cpuid(7, 0).b & 1 << 5))
		return false;
	cr4_set(cr4_get() | CR4_OSXSAVE);
	asm volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
	return true;
}

static void set_all(u32 m)
{
	unsigned i;

	for (i = 0; i < 8; i++) {
		idx[i] = i * 4;
		mask[i] = m >> i & 1 ? 0x80000000 : 0;
		dst[i] = 0xd0 + i;
	}
}

/* Eight dwords from base + idx; mask and destination come back. */
#define GATHER(op, base)                                                                      \
	TRY("vmovdqu (%0), %%ymm1\n vmovdqu (%1), %%ymm2\n vmovdqu (%2), %%ymm3\n"             \
	    "774: " op " %%ymm2, (%3,%%ymm1,1), %%ymm3\n",                                     \
	    : : "r"(idx), "r"(mask), "r"(dst), "r"(base) : "memory");                         \
	asm volatile("vmovdqu %%ymm2, (%0)\n vmovdqu %%ymm3, (%1)" : : "r"(mask), "r"(dst)      \
		     : "memory")

static void gather(void)
{
	unsigned i, bad = 0;

	for (i = 0; i < 1024; i++)
		((u32 *)pg)[i] = i * 3 + 1;
	set_all(0xff);
	GATHER("vpgatherdd", VA);
	for (i = 0; i < 8; i++)
		bad += dst[i] != i * 3 + 1 || mask[i];
	check_eq("vpgatherdd: eight elements, the mask is cleared", bad, 0);
	set_all(0x55);
	idx[1] = 0x10000000; /* masked: no fault */
	GATHER("vgatherdps", VA);
	check("vgatherdps: masked elements do not fault and stay", last.vec == NO_FAULT &&
	      dst[0] == 1 && dst[1] == 0xd1 && dst[2] == 7 && dst[3] == 0xd3);
	set_all(0xff);
	idx[5] = 4096;
	GATHER("vpgatherdd", VA);
	check("vpgatherdd: the sixth element faults", last.vec == PF && last.cr2 == END && last.err == 0);
	check("elements below are done", dst[0] == 1 && dst[4] == 13 && !mask[0] && !mask[4]);
	check("the one that faults is not", dst[5] == 0xd5 && mask[5] >> 31);
	map(END, (u64)pg, PTE_P | PTE_W);
	GATHER("vpgatherdd", VA);
	check("and it restarts", last.vec == NO_FAULT && dst[5] == 1 && !mask[5] && dst[7] == 22 &&
	      dst[0] == 1);
	map(END, 0, 0);
	set_all(0);
	idx[0] = 0x7fffffff;
	GATHER("vpgatherdd", 1ull << 46);
	check("nothing is gathered: nothing faults", last.vec == NO_FAULT && dst[0] == 0xd0);
	set_all(0xff);
	idx[0] = -8u;
	GATHER("vpgatherdd", VA + 16);
	check("indices are signed", dst[0] == 2 * 3 + 1);
	idx[0] = 8;
	idx[1] = 0;
	idx[2] = 16;
	idx[3] = 0;
	for (i = 0; i < 8; i++)
		mask[i] = 0xffffffff;
	GATHER("vgatherqpd", VA);
	check("vgatherqpd", dst[0] == 7 && dst[1] == 10 && dst[2] == 13);
	set_all(0xff);
	mask[1] = mask[3] = 0x80000000;
	GATHER("vpgatherqq", VA);
	check("vpgatherqq ran or faulted", last.vec == NO_FAULT || last.vec == PF || last.vec == GP);
}

static void masked_moves(void)
{
	unsigned i;

	set_all(0x0f);
	memset(pg + 4080, 0x77, 16);
	TRY("vmovdqu (%0), %%ymm2\n vpmaskmovd (%1), %%ymm2, %%ymm3\n vmovdqu %%ymm3, (%2)",
	    : : "r"(mask), "r"(END - 16), "r"(dst) : "memory");
	check_hw("vpmaskmovd load: masked elements in an absent page", last.vec == NO_FAULT &&
	      dst[3] == 0x77777777 && dst[4] == 0);
	for (i = 0; i < 8; i++)
		dst[i] = i + 1;
	TRY("vmovdqu (%0), %%ymm2\n vmovdqu (%2), %%ymm3\n vmaskmovps %%ymm3, %%ymm2, (%1)",
	    : : "r"(mask), "r"(END - 16), "r"(dst) : "memory");
	check_hw("vmaskmovps store: masked elements in an absent page", last.vec == NO_FAULT &&
	      *(u32 *)(pg + 4080) == 1 && *(u32 *)(pg + 4092) == 4);
	set_all(0x1f);
	TRY("vmovdqu (%0), %%ymm2\n vmovdqu (%2), %%ymm3\n vpmaskmovd %%ymm3, %%ymm2, (%1)",
	    : : "r"(mask), "r"(END - 16), "r"(dst) : "memory");
	check("vpmaskmovd store: an element in an absent page", last.vec == PF && last.cr2 == END &&
	      last.err == PF_W);
	check_hw("nothing was stored", *(u32 *)(pg + 4080) == 1);
	set_all(0xf0);
	TRY("vmovdqu (%0), %%ymm2\n vmaskmovps (%1), %%ymm2, %%ymm3",
	    : : "r"(mask), "r"(END - 16) : "memory");
	check("vmaskmovps load: an element in an absent page", last.vec == PF && last.err == 0);
	memset(buf, 0x80, 4);
	memset(buf + 4, 0, 12);
	memset(pg + 64, 0x22, 16);
	TRY("movdqu (%1), %%xmm1\n pcmpeqb %%xmm0, %%xmm0\n maskmovdqu %%xmm1, %%xmm0",
	    : : "D"(VA + 64), "r"(buf) : "memory");
	check("maskmovdqu: four bytes", *(u64 *)(pg + 64) == 0x22222222ffffffff);
	TRY("movq (%1), %%mm1\n pcmpeqb %%mm0, %%mm0\n maskmovq %%mm1, %%mm0\n emms",
	    : : "D"(VA + 72), "r"(buf) : "memory");
	check("maskmovq: four bytes", *(u64 *)(pg + 72) == 0x22222222ffffffff);
	TRY("movdqu (%1), %%xmm1\n maskmovdqu %%xmm1, %%xmm0", : : "D"(END), "r"(buf) : "memory");
	check("maskmovdqu: an absent page", last.vec == PF && last.cr2 == END);
}

#define ALIGNED(name, code)                                                                   \
	do {                                                                                  \
		TRY(code, : : "r"(buf) : "memory");                                           \
		check_none(name ", aligned");                                                 \
		TRY(code, : : "r"(buf + 8) : "memory");                                       \
		check_fault_hw("#GP: " name ", unaligned", GP, 0);                            \
	} while (0)

static void alignment(bool avx)
{
	ALIGNED("movdqa", "movdqa (%0), %%xmm0");
	ALIGNED("movapd", "movapd %%xmm0, (%0)");
	ALIGNED("movntdq", "movntdq %%xmm0, (%0)");
	ALIGNED("movntps", "movntps %%xmm0, (%0)");
	ALIGNED("movntdqa", "movntdqa (%0), %%xmm0");
	ALIGNED("pxor", "pxor (%0), %%xmm0");
	TRY("lddqu (%0), %%xmm0\n movdqu (%0), %%xmm1\n movupd %%xmm1, (%0)", : : "r"(buf + 3) : "memory");
	check_none("lddqu, movdqu, movupd, unaligned");
	if (!avx)
		return;
	ALIGNED("vmovdqa", "vmovdqa (%0), %%ymm0");
	ALIGNED("vmovaps", "vmovaps %%ymm0, (%0)");
	ALIGNED("vmovapd", "vmovapd (%0), %%ymm0");
	ALIGNED("vmovntdq", "vmovntdq %%ymm0, (%0)");
	ALIGNED("vmovntpd", "vmovntpd %%ymm0, (%0)");
	ALIGNED("vmovntps", "vmovntps %%ymm0, (%0)");
	ALIGNED("vmovntdqa", "vmovntdqa (%0), %%ymm0");
	TRY("vpxor (%0), %%ymm0, %%ymm0", : : "r"(buf + 5) : "memory");
	check_none("VEX operands need no alignment");
}

static void string_compares(void)
{
	u32 c = 0;

	memcpy(pg + 100, "abcdefgh\0abcdefg", 16);
	TRY("movdqu (%1), %%xmm1\n pcmpistri $8, (%1), %%xmm1\n", : "=c"(c) : "r"(VA + 100) : "memory", "cc");
	check("pcmpistri", last.vec == NO_FAULT && c == 0);
	TRY("movl $4, %%eax\n movl $4, %%edx\n movdqu (%1), %%xmm1\n pcmpestrm $8, (%1), %%xmm1\n"
	    "movd %%xmm0, %0", : "=c"(c) : "r"(VA + 100) : "rax", "rdx", "memory", "cc");
	check("pcmpestrm", last.vec == NO_FAULT);
	TRY("pcmpistri $8, (%0), %%xmm1", : : "r"(END - 8) : "rcx", "memory", "cc");
	check("pcmpistri reads sixteen bytes", last.vec == PF && last.cr2 == END);
	TRY("pcmpistrm $8, (%0), %%xmm1", : : "r"(VA + 100 + 3) : "memory", "cc");
	check_none("pcmpistrm, unaligned");
	TRY("pcmpestri $8, (%0), %%xmm1", : : "r"(END - 1), "a"(1), "d"(1) : "rcx", "memory", "cc");
	check("pcmpestri too", last.vec == PF && last.cr2 == END);
}

void test_main(void)
{
	bool avx;

	pg = page_alloc();
	map(VA, (u64)pg, PTE_P | PTE_W);
	avx = avx2_on();
	alignment(avx);
	string_compares();
	if (!avx) {
		skip("AVX2", "the processor has none");
		return;
	}
	gather();
	masked_moves();
}
