/* xsave.c - XCR0, the XSAVE family, FXSAVE, x87 environments. Source: SDM 1 13, 2B, 2C. */
#include "guest.h"

const char test_name[] = "xsave";

static u8 area[4096] __attribute__((aligned(64)));
static u8 vec[4][16] __attribute__((aligned(16)));
static bool avx;

static void xcr0_try(u64 v)
{
	TRY("xsetbv", : : "c"(0), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static u64 xcr0(void)
{
	u32 a, d;

	asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a | (u64)d << 32;
}

USER(user_xsetbv, "xorl %ecx, %ecx; xorl %edx, %edx; movl $1, %eax; xsetbv");
USER(user_xgetbv, "xorl %ecx, %ecx; xgetbv");

static void control(void)
{
	u64 all = cpuid(0xd, 0).a | (u64)cpuid(0xd, 0).d << 32;

	TRY("xgetbv", : : "c"(0) : "rax", "rdx", "memory");
	check_fault("#UD: xgetbv without OSXSAVE", UD, 0);
	TRY("xsave (%0)", : : "r"(area), "a"(7), "d"(0) : "memory");
	check_fault("#UD: xsave without OSXSAVE", UD, 0);
	check("CPUID.OSXSAVE is clear", !(cpuid(1, 0).c & 1 << 27));
	cr4_set(cr4_get() | CR4_OSXSAVE);
	check("CPUID.OSXSAVE follows CR4", cpuid(1, 0).c & 1 << 27);
	check_eq("XCR0 at reset", xcr0(), 1);
	check_eq("CPUID Dh: size of x87 and header", cpuid(0xd, 0).b, 576);
	xcr0_try(3);
	check_none("XCR0: SSE");
	xcr0_try(0);
	check_fault("#GP: XCR0 without x87", GP, 0);
	if (on_tcg())
		return;
	xcr0_try(5);
	check_fault("#GP: XCR0: AVX without SSE", GP, 0);
	xcr0_try(3 | 1ull << 62);
	check_fault("#GP: XCR0: unknown bit", GP, 0);
	xcr0_try(all | 1ull << 8);
	check_fault("#GP: XCR0: a supervisor component", GP, 0);
	TRY("xsetbv", : : "c"(1), "a"(1), "d"(0) : "memory");
	check_fault("#GP: XCR1", GP, 0);
	check("XCR0 holds no more than is offered", !(all & ~0x2ffull));
	TRY("xgetbv", : : "c"(77) : "rax", "rdx", "memory");
	check_fault("#GP: xgetbv of an unknown register", GP, 0);
	user_run(user_xsetbv, 0, 0);
	check("#GP in ring 3: xsetbv", last.vec == GP);
	user_run(user_xgetbv, 0, 0);
	check("xgetbv in ring 3", last.vec == 0x80 && (u32)last.ax == 3);
}

static void avx_enable(void)
{
	avx = cpuid(1, 0).c & 1 << 28;
	if (!avx) {
		skip("AVX", "the processor has none");
		return;
	}
	TRY("vaddps %%ymm0, %%ymm0, %%ymm0", MEM);
	check_fault("#UD: AVX without XCR0.AVX", UD, 0);
	xcr0_try(7);
	check_none("XCR0: AVX");
	TRY("vaddps %%ymm0, %%ymm0, %%ymm0", MEM);
	check_none("AVX runs");
	check_eq("CPUID Dh: size with AVX", cpuid(0xd, 0).b, 832);
	cr0_set(cr0_get() | CR0_TS);
	TRY("vaddps %%ymm0, %%ymm0, %%ymm0", MEM);
	check_fault("#NM: AVX with TS", NM, 0);
	TRY("xsave (%0)", : : "r"(area), "a"(7), "d"(0) : "memory");
	check_fault_hw("#NM: xsave with TS", NM, 0);
	TRY("xrstor (%0)", : : "r"(area), "a"(7), "d"(0) : "memory");
	check_fault_hw("#NM: xrstor with TS", NM, 0);
	asm volatile("clts");
}

static void load_vectors(unsigned seed)
{
	unsigned i;

	for (i = 0; i < 64; i++)
		vec[i / 16][i % 16] = seed + i;
	asm volatile("movups (%0), %%xmm0\n movups 16(%0), %%xmm7\n movups 32(%0), %%xmm15"
		     : : "r"(vec) : "memory");
	if (avx)
		asm volatile("vinsertf128 $1, 48(%0), %%ymm0, %%ymm0\n"
			     "vinsertf128 $1, 16(%0), %%ymm9, %%ymm9" : : "r"(vec) : "memory");
}

static bool vectors_are(unsigned seed)
{
	u8 now[4][16];
	unsigned i, bad = 0;

	asm volatile("movups %%xmm0, (%0)\n movups %%xmm7, 16(%0)\n movups %%xmm15, 32(%0)"
		     : : "r"(now) : "memory");
	if (avx)
		asm volatile("vextractf128 $1, %%ymm0, 48(%0)" : : "r"(now) : "memory");
	for (i = 0; i < (avx ? 64 : 48); i++)
		bad += now[i / 16][i % 16] != (u8)(seed + i);
	return !bad;
}

#define XOP(op, mask) asm volatile(op " (%0)" : : "r"(area), "a"(mask), "d"(0) : "memory")

static void round_trip(void)
{
	int n = 42, m = 0;
	u32 mx = 0x3fa0, mx2;

	memset(area, 0, sizeof(area));
	load_vectors(1);
	asm volatile("fninit\n fildl %0\n ldmxcsr %1" : : "m"(n), "m"(mx));
	XOP("xsave64", 7);
	check_eq("XSAVE: XSTATE_BV", area[512], avx ? 7 : 3);
	check("XSAVE: the rest of the header stays", *(u64 *)(area + 520) == 0);
	check("XSAVE: xmm0 at 160", !memcmp(area + 160, vec[0], 16));
	check_eq("XSAVE: mxcsr at 24", *(u32 *)(area + 24), mx);
	if (avx)
		check("XSAVE: ymm0's upper half at 576", !memcmp(area + 576, vec[3], 16));
	load_vectors(77);
	mx = 0x1f80;
	asm volatile("fninit\n ldmxcsr %0" : : "m"(mx));
	XOP("xrstor64", 7);
	asm volatile("fistpl %0\n stmxcsr %1" : "=m"(m), "=m"(mx2));
	check("XRSTOR: vectors", vectors_are(1));
	check("XRSTOR: x87 and mxcsr", m == 42 && mx2 == 0x3fa0);
	load_vectors(99);
	asm volatile("fninit\n fldz");
	XOP("xrstor64", 1);
	asm volatile("fistpl %0" : "=m"(m));
	check("XRSTOR of x87 alone leaves the vectors", m == 42 && vectors_are(99));
	*(u64 *)(area + 512) = 0;
	XOP("xrstor64", 6);
	memset(vec, 0, sizeof(vec));
	asm volatile("movups %%xmm7, (%0)" : : "r"(vec) : "memory");
	check("XRSTOR of a component in its initial state", !vec[0][0] && !vec[0][15]);
	memset(area, 0xee, 1024);
	memset(area + 512, 0, 64);
	load_vectors(5);
	XOP("xsave64", 2);
	check("XSAVE of SSE alone writes no x87", area[0] == 0xee && area[32] == 0xee &&
	      area[160] == 5 && area[512] == 2);
	asm volatile("ldmxcsr %0" : : "m"(mx));
}

static void compact(void)
{
	u32 f = cpuid(0xd, 1).a;
	int m;

	if (f & 1) {
		memset(area, 0, sizeof(area));
		load_vectors(21);
		asm volatile("fninit\n fldpi");
		XOP("xsaveopt64", 7);
		load_vectors(3);
		XOP("xrstor64", 7);
		check("XSAVEOPT to a new area saves what is in use", vectors_are(21));
		/* The same values elsewhere: nothing may be left out there. */
		asm volatile("xsaveopt64 (%0)" : : "r"(area + 2048), "a"(7), "d"(0) : "memory");
		load_vectors(3);
		asm volatile("xrstor64 (%0)" : : "r"(area + 2048), "a"(7), "d"(0) : "memory");
		check("XSAVEOPT to another area", vectors_are(21));
	} else {
		skip("XSAVEOPT", "the processor has none");
	}
	if (!(f & 2)) {
		skip("XSAVEC", "the processor has none");
		return;
	}
	memset(area, 0, sizeof(area));
	load_vectors(31);
	asm volatile("fninit\n fld1");
	XOP("xsavec64", 7);
	check("XSAVEC: XCOMP_BV", *(u64 *)(area + 520) == (1ull << 63 | (avx ? 7 : 3)));
	load_vectors(3);
	asm volatile("fninit");
	XOP("xrstor64", 7);
	asm volatile("fistpl %0" : "=m"(m));
	check("XRSTOR of the compacted form", vectors_are(31) && m == 1);
	if (avx) {
		memset(area, 0, sizeof(area));
		XOP("xsavec64", 4);
		check("XSAVEC of AVX alone", *(u64 *)(area + 520) == (1ull << 63 | 4) &&
		      !memcmp(area + 576, vec[3], 0));
	}
}

static void faults(void)
{
	u64 va = TEST_VA, bad[8] = { 0 };
	unsigned i;

	XOP("xsave64", 7);
	TRY("xsave (%0)", : : "r"(area + 16), "a"(7), "d"(0) : "memory");
	check_fault_hw("#GP: XSAVE not aligned to 64", GP, 0);
	TRY("xrstor (%0)", : : "r"(area + 32), "a"(7), "d"(0) : "memory");
	check_fault_hw("#GP: XRSTOR not aligned to 64", GP, 0);
	bad[0] = *(u64 *)(area + 512);
	*(u64 *)(area + 512) = 1ull << 50;
	TRY("xrstor (%0)", : : "r"(area), "a"(7), "d"(0) : "memory");
	check_fault("#GP: XRSTOR of an unknown component", GP, 0);
	*(u64 *)(area + 512) = bad[0];
	for (i = 1; i < 3; i++) {
		*(u64 *)(area + 512 + i * 8) = 1;
		TRY("xrstor (%0)", : : "r"(area), "a"(7), "d"(0) : "memory");
		check_fault("#GP: XRSTOR with a reserved field set", GP, 0);
		*(u64 *)(area + 512 + i * 8) = 0;
	}
	*(u32 *)(area + 24) = 0x80001f80;
	TRY("xrstor (%0)", : : "r"(area), "a"(7), "d"(0) : "memory");
	check_fault_hw("#GP: XRSTOR with reserved bits of mxcsr", GP, 0);
	*(u32 *)(area + 24) = 0x1f80;
	map(va, (u64)page_alloc(), PTE_P | PTE_W);
	map(va + 4096, 0, 0);
	load_vectors(50);
	TRY("xsave (%0)", : : "r"(va + 4096 - 512), "a"(7), "d"(0) : "memory");
	check("#PF: XSAVE across pages", last.vec == PF && last.cr2 >= va + 4096);
	TRY("xrstor (%0)", : : "r"(va + 4096 - 512), "a"(7), "d"(0) : "memory");
	check("#PF: XRSTOR across pages", last.vec == PF && last.cr2 >= va + 4096 && vectors_are(50));
	TRY(".byte 0x0f, 0xc7, 0x2f", : : "D"(area), "a"(7), "d"(0) : "memory"); /* xsaves */
	if (!(cpuid(0xd, 1).a & 8))
		check_fault("#UD: XSAVES is hidden", UD, 0);
}

static void fxsave(void)
{
	u32 mx = 0x1fa0;

	memset(area, 0xee, 1024);
	load_vectors(9);
	asm volatile("fninit\n fld1\n ldmxcsr %0" : : "m"(mx));
	asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
	check("FXSAVE: control word, tag, mxcsr",
	      *(u16 *)area == 0x37f && area[4] == 0x80 && *(u32 *)(area + 24) == mx);
	check("FXSAVE: st0 is one", *(u64 *)(area + 32) == 1ull << 63 && *(u16 *)(area + 40) == 0x3fff);
	check("FXSAVE: xmm15", !memcmp(area + 160 + 15 * 16, vec[2], 16));
	check("FXSAVE: the last 48 bytes stay", area[464] == 0xee && area[511] == 0xee);
	load_vectors(70);
	asm volatile("fninit");
	asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
	avx = false;
	check("FXRSTOR", vectors_are(9));
	avx = cpuid(1, 0).c & 1 << 28;
	TRY("fxsave (%0)", : : "r"(area + 8) : "memory");
	check_fault_hw("#GP: FXSAVE not aligned to 16", GP, 0);
	*(u32 *)(area + 24) = 0xffffffff;
	TRY("fxrstor (%0)", : : "r"(area) : "memory");
	check_fault_hw("#GP: FXRSTOR with reserved bits of mxcsr", GP, 0);
	mx = 0x1f80;
	asm volatile("fninit\n ldmxcsr %0" : : "m"(mx));
}

static void x87(void)
{
	u16 cw = 0x27f, sw;
	int m = 0;

	asm volatile("fninit\n fldcw %1\n fld1\n fldz\n fnstsw %0" : "=m"(sw) : "m"(cw));
	check_eq("fnstsw: top", sw >> 11 & 7, 6);
	asm volatile("fnstenv (%0)" : : "r"(area) : "memory");
	check("fnstenv: control, status, tags", *(u16 *)area == 0x27f &&
	      (*(u16 *)(area + 4) >> 11 & 7) == 6 && *(u16 *)(area + 8) == 0x1fff);
	asm volatile("fninit\n fldenv (%0)\n fnstcw %1" : : "r"(area), "m"(cw) : "memory");
	check_eq("fldenv", cw, 0x27f);
	asm volatile("fninit\n fldpi\n fld1\n fnsave (%0)" : : "r"(area) : "memory");
	asm volatile("fnstcw %0" : "=m"(cw));
	check_eq("fnsave resets the unit", cw, 0x37f);
	asm volatile("frstor (%1)\n fistpl %0\n fninit" : "=m"(m) : "r"(area) : "memory");
	check_eq("frstor", m, 1);
	asm volatile("fninit\n fnstsw %%ax\n movw %%ax, %0" : "=m"(sw) : : "rax");
	check_eq("fnstsw ax", sw, 0);
	asm volatile("movl $0x12345678, %%eax\n movd %%eax, %%mm0\n movd %%mm0, %0\n emms" : "=m"(m) : : "rax");
	check_eq("MMX", m, 0x12345678);
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	if (!(cpuid(1, 0).c & 1 << 26)) {
		skip("XSAVE", "the processor has none");
		fxsave();
		x87();
		return;
	}
	control();
	avx_enable();
	round_trip();
	compact();
	faults();
	fxsave();
	x87();
}
