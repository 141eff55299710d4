/* misc.c - instructions that no other file runs: each condition, loops, the rest of the string
 * forms, random numbers, hypercalls, hints. Source: SDM 2A, 2B. */
#include "guest.h"

const char test_name[] = "misc";

#define VA TEST_VA

/* Jcc taken and not, against SETcc and CMOVcc, for each of the 16 conditions and 32 flag sets. */
#define COND(cc)                                                                              \
	static unsigned cond_##cc(u64 flags)                                                  \
	{                                                                                     \
		u8 set, jumped;                                                               \
		u64 moved = 0, one = 1;                                                       \
		asm volatile("pushq %4\n popfq\n movb $1, %1\n j" #cc " 1f\n movb $0, %1\n"    \
			     "1: cmov" #cc "q %3, %2\n set" #cc " %0\n"                        \
			     : "=&q"(set), "=&q"(jumped), "+&r"(moved)                        \
			     : "r"(one), "r"(flags) : "memory", "cc");                        \
		return set | jumped << 1 | (unsigned)moved << 2;                              \
	}
COND(o) COND(no) COND(b) COND(ae) COND(e) COND(ne) COND(be) COND(a)
COND(s) COND(ns) COND(p) COND(np) COND(l) COND(ge) COND(le) COND(g)

static bool truth(unsigned n, u64 f)
{
	bool cf = f & FL_CF, zf = f & FL_ZF, sf = f & FL_SF, of = f & FL_OF, pf = f & FL_PF, v = 0;

	switch (n >> 1) {
	case 0: v = of; break;
	case 1: v = cf; break;
	case 2: v = zf; break;
	case 3: v = cf || zf; break;
	case 4: v = sf; break;
	case 5: v = pf; break;
	case 6: v = sf != of; break;
	case 7: v = zf || sf != of; break;
	}
	return v ^ (n & 1);
}

static void conditions(void)
{
	static unsigned (*const fn[])(u64) = {
		cond_o, cond_no, cond_b, cond_ae, cond_e, cond_ne, cond_be, cond_a,
		cond_s, cond_ns, cond_p, cond_np, cond_l, cond_ge, cond_le, cond_g,
	};
	unsigned n, i, bad = 0;

	for (n = 0; n < 16; n++)
		for (i = 0; i < 32; i++) {
			u64 f = FL_1 | (i & 1 ? FL_CF : 0) | (i & 2 ? FL_ZF : 0) |
				(i & 4 ? FL_SF : 0) | (i & 8 ? FL_OF : 0) | (i & 16 ? FL_PF : 0);

			bad += fn[n](f) != (truth(n, f) ? 7 : 0);
		}
	check_eq("jcc, cmovcc, setcc: 16 conditions, 32 sets of flags", bad, 0);
}

static void loops(void)
{
	u64 c = 10, n = 0;

	asm volatile("1: incq %1\n cmpq $4, %1\n loopne 1b" : "+c"(c), "+r"(n) : : "cc");
	check("loopne ends at ZF", n == 4 && c == 6);
	n = 0;
	c = 10;
	asm volatile("1: incq %1\n cmpq %1, %1\n loope 1b" : "+c"(c), "+r"(n) : : "cc");
	check("loope ends at zero", n == 10 && c == 0);
	c = 0x100000003;
	n = 0;
	asm volatile("1: incq %1\n addr32 loop 1b" : "+c"(c), "+r"(n) : : "cc");
	check("loop with ecx clears the upper half", n == 3 && c == 0);
	c = 0x100000000;
	asm volatile("movq $1, %1\n jecxz 1f\n movq $0, %1\n1:" : "+c"(c), "=r"(n));
	check("jecxz looks at ecx", n == 1);
}

static void more_strings(void)
{
	static u64 a[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, b[8];
	u64 c, si = (u64)a, di = (u64)b, ax = 0;
	u8 z;

	asm volatile("movsw" : "+S"(si), "+D"(di) : : "memory");
	check("movsw", si == (u64)a + 2 && di == (u64)b + 2 && b[0] == 1);
	asm volatile("lodsq" : "+S"(si), "=a"(ax) : : "memory");
	check("lodsq, unaligned", ax == 2ull << 48 && si == (u64)a + 10);
	c = 8;
	di = (u64)a;
	asm volatile("repne scasq\n setz %3" : "+c"(c), "+D"(di), "+a"((u64){ 5 }), "=q"(z) : : "memory", "cc");
	check("repne scasq", z && c == 3 && di == (u64)&a[5]);
	c = 20;
	di = (u64)a;
	asm volatile("repe scasw\n setz %2" : "+c"(c), "+D"(di), "=q"(z) : "a"(1) : "memory", "cc");
	check("repe scasw", !z && c == 18);
	memcpy(b, a, sizeof(a));
	b[6] = 0;
	c = 16;
	si = (u64)a;
	di = (u64)b;
	asm volatile("repe cmpsl\n setz %3" : "+c"(c), "+S"(si), "+D"(di), "=q"(z) : : "memory", "cc");
	check("repe cmpsl", !z && c == 3 && si == (u64)&a[6] + 4);
	asm volatile("cmpsw\n setz %2" : "+S"(si), "+D"(di), "=q"(z) : : "memory", "cc");
	check("cmpsw", z);
	di = (u64)b;
	c = 3;
	asm volatile("rep insw" : "+D"(di), "+c"(c) : "d"(0x2f0) : "memory");
	check("rep insw", c == 0 && di == (u64)b + 6 && (b[0] & 0xffffffffffff) == 0xffffffffffff);
	asm volatile("insl" : "+D"(di) : "d"(0x2f0) : "memory");
	check("insl", di == (u64)b + 10);
	si = (u64)a;
	c = 2;
	asm volatile("rep outsw\n outsl" : "+S"(si), "+c"(c) : "d"(0x2f0) : "memory");
	check("rep outsw, outsl", c == 0 && si == (u64)a + 8);
	map(VA, (u64)page_alloc(), PTE_P | PTE_W);
	map(VA + 4096, 0, 0);
	TRY("rep insl", : : "D"(VA + 4090), "c"(3), "d"(0x2f0) : "memory");
	check("rep insl faults inside an element", last.vec == PF && last.cr2 == VA + 4096 &&
	      last.cx == 2 && last.di == VA + 4094 && last.err == PF_W);
	TRY("rep outsb", : : "S"(VA + 4094), "c"(5), "d"(0x2f0) : "memory");
	check("rep outsb faults", last.vec == PF && last.cx == 3 && last.si == VA + 4096);
}

static void segment_loads(void)
{
	struct {
		u32 off;
		u16 sel;
	} __attribute__((packed)) far = { 0x1234, SEL_DATA };
	u64 v = ~0ull;

	asm volatile("lfs %1, %k0" : "+r"(v) : "m"(far));
	check_eq("lfs", v, 0x1234);
	asm volatile("movq %%rsp, %%rdx\n lss %1, %k0\n movq %%rdx, %%rsp" : "+r"(v) : "m"(far) : "rdx");
	check_eq("lss", v, 0x1234);
	asm volatile("mov %0, %%fs" : : "r"(0));
}

static void counting(void)
{
	u64 v = 0, w = 0x0102030405060708;

	if (cpuid(1, 0).c & 1 << 20) {
		asm volatile("crc32q %1, %0" : "+r"(v) : "m"(w));
		check_eq("crc32", v, 0xaad1b096);
	}
	asm volatile("popcntq %1, %0" : "=r"(v) : "m"(w) : "cc");
	check_eq("popcnt", v, 13);
}

static void random_numbers(void)
{
	u64 a = 0, b = 0;
	u8 ok = 0;

	if (!(cpuid(1, 0).c & 1 << 30)) {
		skip("rdrand", "the processor has none");
	} else {
		asm volatile("1: rdrand %0\n jnc 1b\n2: rdrand %1\n jnc 2b\n setc %2"
			     : "=r"(a), "=r"(b), "=q"(ok) : : "cc");
		check("rdrand", a != b && ok);
	}
	if (!(cpuid(7, 0).b & 1 << 18)) {
		skip("rdseed", "the processor has none");
		return;
	}
	for (unsigned i = 0; i < 1000 && !ok; i++)
		asm volatile("rdseed %0\n setc %1" : "=r"(a), "=q"(ok) : : "cc");
	check("rdseed", ok);
}

static void hypercalls(void)
{
	u64 v;

	if (on_qemu()) {
		skip("hypercalls", "QEMU takes none");
		return;
	}
	/* KVM's ABI: an unknown number gives -KVM_ENOSYS; either vendor's instruction does. */
	TRY("vmmcall", : "=a"(v) : "a"(0x7777) : "memory");
	check("vmmcall of an unknown number", last.vec == NO_FAULT && v == -1000ull);
	TRY("vmcall", : "=a"(v) : "a"(0x7777) : "memory");
	check("vmcall of an unknown number", last.vec == NO_FAULT && v == -1000ull);
	TRY("vmmcall", : "=a"(v) : "a"(9), "b"(0), "c"(0) : "memory");
	check("a number it may know", last.vec == NO_FAULT);
}

static void hints(void)
{
	static u8 line[64] __attribute__((aligned(64)));

	TRY("prefetchnta (%0)\n prefetcht1 (%0)\n prefetcht2 (%0)\n prefetchw (%0)\n prefetch (%0)",
	    : : "r"(VA + 4096) : "memory");
	check_none("prefetches of an absent page");
	TRY(".byte 0x0f, 0x1c, 0x00", : : "a"(VA + 4096) : "memory"); /* cldemote */
	check_none("cldemote is a nop");
	TRY(".byte 0x66, 0x0f, 0x1a, 0xc0\n .byte 0xf3, 0x0f, 0x1b, 0x00", : : "a"(VA + 4096) : "memory");
	check_none("MPX without MPX is nops");
	TRY(".byte 0xf3, 0x0f, 0x1e, 0xfb", MEM);
	check_none("endbr32");
	if (cpuid(7, 0).b & 1 << 23) {
		TRY("clflushopt (%0)", : : "r"(line) : "memory");
		check_none("clflushopt");
	}
	if (cpuid(7, 0).b & 1 << 24) {
		TRY("clwb (%0)", : : "r"(line) : "memory");
		check_none("clwb");
	}
	TRY("invd", MEM);
	check_none("invd");
	TRY("movnti %%rax, (%0)\n sfence", : : "r"(line) : "memory");
	check_none("movnti");
}

static void undefined(void)
{
	TRY("rsm", MEM);
	check_fault("#UD: rsm outside SMM", UD, 0);
	if (on_tcg()) {
		skip("#UD: rdpkru and friends", "TCG shows its own features");
		return;
	}
	TRY("rdpkru", : : "c"(0) : "rax", "rdx", "memory");
	check_fault("#UD: rdpkru without CR4.PKE", UD, 0);
	TRY("wrpkru", : : "a"(0), "c"(0), "d"(0) : "memory");
	check_fault("#UD: wrpkru without CR4.PKE", UD, 0);
	TRY(".byte 0xf3, 0x0f, 0x01, 0xee", MEM);
	check_fault("#UD: clui", UD, 0);
	TRY(".byte 0xf3, 0x0f, 0x01, 0xef", MEM);
	check_fault("#UD: stui", UD, 0);
	TRY(".byte 0x0f, 0x01, 0xfa", MEM);
	check_fault("#UD: monitorx", UD, 0);
	TRY(".byte 0x0f, 0x01, 0xfb", MEM);
	check_fault("#UD: mwaitx", UD, 0);
	TRY(".byte 0x62, 0xf1, 0x7c, 0x48, 0x28, 0xc0", MEM);
	check_fault("#UD: AVX-512 is hidden", UD, 0);
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	conditions();
	loops();
	more_strings();
	segment_loads();
	counting();
	random_numbers();
	hypercalls();
	hints();
	undefined();
}
