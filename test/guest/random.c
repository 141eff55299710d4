/* random.c - random bytes as ring-3 code in 64-bit, 32-bit and 16-bit segments. Nothing may crash,
 * and what comes out (exception, registers, vectors, memory) is digested: the runner compares
 * the digests of the translator with those of its single-step mode.
 *
 * The word "trace" on the command line shows what a digest is made of, "seed=N" makes other
 * cases. */
#include "irq.h"

const char test_name[] = "random";

#define CODE (USER_WINDOW + 0x80000) /* one page of code */
#define DATA (USER_WINDOW + 0x90000) /* four pages: registers point into the second */
#define CASES 500
#define TIMER 0x60
#define SEL_UCODE16 (SEL_SPARE + 3)

static u64 state;
static u8 fx[1024] __attribute__((aligned(64))), start_fx[1024] __attribute__((aligned(64)));
static bool avx;
static bool timed_out, trace;
static u64 start_data[4 * 512];

static u64 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void mix(u64 *h, u64 v)
{
	*h = (*h ^ v) * 0x100000001b3;
	*h ^= *h >> 29;
}

static void mix_bytes(u64 *h, const void *p, unsigned n)
{
	const u64 *w = p;

	for (; n >= 8; n -= 8)
		mix(h, *w++);
}

/* Only what differs from the start, found by a string instruction: single steps are slow. */
static void mix_changes(u64 *h)
{
	const u64 *p = (u64 *)(u64)DATA, *q = start_data;
	u64 n = sizeof(start_data) / 8;

	while (n) {
		asm volatile("repe cmpsq" : "+S"(p), "+D"(q), "+c"(n) : : "memory", "cc");
		mix(h, n);
		mix(h, p[-1]);
	}
}

/* Opcodes that make runs longer than noise does: moves, arithmetic, branches, strings, SSE. */
static const u8 useful[] = {
	0x01, 0x03, 0x29, 0x2b, 0x31, 0x33, 0x39, 0x3b, 0x50, 0x58, 0x69, 0x6b, 0x70, 0x74, 0x75, 0x7c,
	0x81, 0x83, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0x98, 0xa4, 0xa5, 0xaa, 0xab, 0xae,
	0xb0, 0xb8, 0xc0, 0xc1, 0xc6, 0xc7, 0xd1, 0xd3, 0xd8, 0xd9, 0xdb, 0xdd, 0xe2, 0xeb, 0xf6, 0xf7,
	0xfe, 0xc5, 0xff, 0xc5, 0xc4, 0x66, 0xf2, 0xf3, 0xf0, 0x0f, 0x0f, 0x0f, 0x0f, 0x48, 0x48, 0x4c,
	0x41, 0x67, 0x99,
};

static void make_code(u8 *p, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		u64 r = rnd();

		p[i] = r & 0x300 ? useful[r % sizeof(useful)] : r >> 32;
		if (!(r & 0x1c00)) /* a ModRM for [reg + disp8], in range */
			p[i] = 0x40 | (r >> 40 & 0x3f);
	}
	for (i = 0; i + 2 < n; i++) {
		/* What no two runs answer alike: rdrand and rdseed; rdtsc is forbidden by CR4.TSD. */
		if (p[i] == 0x0f && p[i + 1] == 0xc7 && (p[i + 2] & 0x30) == 0x30)
			p[i + 1] = 0x1f;
		/* x87 environments hold instruction pointers. */
		if ((p[i] == 0xd9 || p[i] == 0xdd) && (p[i + 1] & 0x30) == 0x30)
			p[i + 1] &= ~0x20;
		if (p[i] == 0x0f && p[i + 1] == 0xae)
			p[i + 1] = 0xaf;
	}
	p[n] = 0xcd; /* int $0x80 */
	p[n + 1] = 0x80;
}

static bool timer_hook(struct frame *f)
{
	apic_write(APIC_EOI, 0);
	if (!(f->cs & 3))
		return true; /* it came too late */
	timed_out = true;
	return false;
}

static void vectors_load(void)
{
	if (avx)
		asm volatile("xrstor64 (%0)" : : "r"(start_fx), "a"(7), "d"(0) : "memory");
	else
		asm volatile("fxrstor64 (%0)" : : "r"(start_fx) : "memory");
}

static void vectors_save(void)
{
	memset(fx, 0, sizeof(fx));
	if (avx)
		asm volatile("xsave64 (%0)" : : "r"(fx), "a"(7), "d"(0) : "memory");
	else
		asm volatile("fxsave64 (%0)" : : "r"(fx) : "memory");
}

static void prepare(void)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(start_data); i++)
		start_data[i] = i * 0x0808080808080808ull;

	memset(fx, 0, sizeof(fx));
	*(u16 *)fx = 0x37f;
	*(u32 *)(fx + 24) = 0x1f80;
	for (i = 160; i < 416; i++)
		fx[i] = i * 31;
	*(u64 *)(fx + 512) = 7;
	for (i = 576; i < 832; i++)
		fx[i] = i * 37;
	memcpy(start_fx, fx, sizeof(fx));
	avx = cpuid(1, 0).c & 1 << 26 && cpuid(1, 0).c & 1 << 28;
	if (avx) {
		cr4_set(cr4_get() | CR4_OSXSAVE);
		asm volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
	}
}

/* user_enter() with the registers that it does not load zero. */
void clean_enter(struct user_start *s);
asm(".text\nclean_enter:\n	.irp r, r15, r14, r13, r12, rbp\n	pushq %\\r\n	xorq %\\r, %\\r\n	.endr\n"
    "	.irp r, r8, r9, r10, r11\n	xorq %\\r, %\\r\n	.endr\n	call user_enter\n"
    "	.irp r, rbp, r12, r13, r14, r15\n	popq %\\r\n	.endr\n	ret\n");

/* code and data: offsets in the segments of what is at CODE and DATA. */
static void run(u64 cs, u64 ds, u64 code, u64 data)
{
	struct user_start s = { code, cs, FL_1 | FL_IF, data + 0x1800, ds, .ax = rnd(),
				.cx = rnd() & 0xff, .dx = rnd(), .bx = data + 0x1400,
				.si = data + 0x1000 + (rnd() & 0xff),
				.di = data + 0x1200 + (rnd() & 0xff) };

	asm volatile("mov %0, %%ds\n mov %0, %%es\n mov %1, %%fs\n mov %1, %%gs"
		     : : "r"(ds), "r"(0));
	timed_out = false;
	last.vec = NO_FAULT;
	apic_write(APIC_INITIAL, 10000000);
	clean_enter(&s);
	apic_write(APIC_INITIAL, 0);
	window();
}

static u64 digest_case(void)
{
	u64 h = 0xcbf29ce484222325;

	mix(&h, last.vec);
	mix(&h, last.err);
	mix(&h, last.ip);
	mix(&h, last.vec == PF ? last.cr2 : 0);
	/* An engine may have lost arithmetic flags that nothing would read any more. */
	mix(&h, last.flags & FL_DF);
	mix(&h, last.sp);
	mix(&h, last.ax);
	mix(&h, last.bx);
	mix(&h, last.cx);
	mix(&h, last.dx);
	mix(&h, last.si);
	mix(&h, last.di);
	mix(&h, last.bp);
	mix(&h, last.r8 ^ last.r9 * 3 ^ last.r10 * 5 ^ last.r11 * 7);
	mix(&h, last.r12 ^ last.r13 * 3 ^ last.r14 * 5 ^ last.r15 * 7);
	vectors_save();
	mix_bytes(&h, fx + 32, 128);
	mix_bytes(&h, fx + 160, 256);
	mix_bytes(&h, fx + 576, 256);
	mix_changes(&h);
	return h;
}

static void show(void)
{
	u64 x = 0;

	note("  vector", last.vec);
	note("  ip", last.ip);
	note("  cr2", last.cr2);
	note("  flags", last.flags);
	note("  ax", last.ax);
	note("  bx", last.bx);
	note("  cx", last.cx);
	note("  dx", last.dx);
	note("  si", last.si);
	note("  di", last.di);
	note("  bp", last.bp);
	note("  sp", last.sp);
	note("  others", last.r8 ^ last.r9 ^ last.r10 ^ last.r11 ^ last.r12 ^ last.r13 ^ last.r14 ^ last.r15);
	mix_bytes(&x, fx + 32, 128);
	note("  x87", x);
	mix_bytes(&x, fx + 160, 256);
	mix_bytes(&x, fx + 576, 256);
	note("  vectors", x);
	mix_changes(&x);
	note("  memory", x);
}

/* One line a case; the runner compares those of two engines, except where time ran out. */
static void report(const char *mode, unsigned n, u64 h)
{
	print("case ");
	print(mode);
	print("-");
	print_hex(n);
	print(" ");
	if (timed_out)
		print("time");
	else
		print_hex((u32)(h ^ h >> 32));
	print("\n");
}

static void cases(const char *mode, u64 cs, u64 ds, u64 code, u64 data, u64 seed)
{
	unsigned n, i, slow = 0;
	u64 h;

	for (n = 0; n < CASES; n++) {
		state = seed + n * 0x9e3779b97f4a7c15ull;
		for (i = 0; i < 4; i++)
			rnd();
		memset((void *)CODE, 0, 4096);
		make_code((u8 *)(u64)CODE, 4 + (rnd() & 31));
		memcpy((void *)DATA, start_data, sizeof(start_data));
		vectors_load();
		run(cs, ds, code, data);
		h = digest_case();
		if (trace)
			show();
		report(mode, n, h);
		slow += timed_out;
	}
	check(mode, slow < CASES / 10);
}

/* Ring 3 reaches the code and the data, and nothing that is not put back for each case. */
static void fence(void)
{
	u64 *pt = page_alloc();
	unsigned i;

	for (i = 0; i < 512; i++)
		pt[i] = (USER_WINDOW + i * 4096) | PTE_P | PTE_W;
	pt[(CODE - USER_WINDOW) >> 12] |= PTE_U;
	for (i = 0; i < 4; i++)
		pt[((DATA - USER_WINDOW) >> 12) + i] |= PTE_U;
	boot_l2[USER_WINDOW >> 21] = (u64)pt | PTE_P | PTE_W | PTE_U;
	cr3_set(cr3_get());
}

void test_main(void)
{
	u64 seed = cmdline_number("seed=", 0);

	pic_off();
	apic_on();
	apic_write(APIC_LVT_TIMER, TIMER);
	on_trap(TIMER, timer_hook);
	trace = cmdline_has("trace");
	prepare();
	fence();
	cr4_set(cr4_get() | CR4_TSD);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~1ull); /* SYSCALL has nowhere to go */
	/* 16-bit code in the user window: base 0 would not reach it. */
	gdt_set(SEL_SPARE, 0x0000fb0000000fff | (u64)(CODE & 0xffffff) << 16);
	gdt_set(SEL_SPARE + 8, 0x0000f30000003fff | (u64)(DATA & 0xffffff) << 16);
	cases("64-bit", SEL_UCODE64, SEL_UDATA, CODE, DATA, seed * 3 + 1);
	cases("32-bit", SEL_UCODE32, SEL_UDATA, CODE, DATA, seed * 3 + 2);
	cases("16-bit", SEL_UCODE16, SEL_SPARE + 8 + 3, 0, 0, seed * 3 + 3);
}
