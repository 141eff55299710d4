/* precise.c - every register and flag at a fault, whatever stood before it in the same run of
 * code: an engine that keeps values elsewhere must have put them back. */
#include "guest.h"

const char test_name[] = "precise";

#define VA TEST_VA

u64 want[15];
static u64 want_flags;
static u8 *pg;

/* All registers are loaded, then CODE computes on some of them and FAULT follows. */
#define LOAD                                                                                  \
	"movabsq $0x1111111111111101, %%rax\n movabsq $0x2222222222222202, %%rbx\n"           \
	"movabsq $0x3333333333333303, %%rcx\n movabsq $0x4444444444444404, %%rdx\n"           \
	"movabsq $0x5555555555555505, %%rsi\n movabsq $0x6666666666666606, %%rdi\n"           \
	"movabsq $0x7777777777777707, %%rbp\n movabsq $0x8888888888888808, %%r8\n"            \
	"movabsq $0x9999999999999909, %%r9\n movabsq $0xaaaaaaaaaaaaaa0a, %%r10\n"            \
	"movabsq $0xbbbbbbbbbbbbbb0b, %%r11\n movabsq $0xcccccccccccccc0c, %%r12\n"           \
	"movabsq $0xdddddddddddddd0d, %%r13\n movabsq $0xeeeeeeeeeeeeee0e, %%r14\n"           \
	"movabsq $0xffffffffffffff0f, %%r15\n"

/* What the computation below makes of them. */
#define WORK                                                                                  \
	"addq $1, %%rax\n leaq 5(%%rbx,%%rcx,2), %%rbx\n movb %%ch, %%dl\n bswapl %%esi\n"     \
	"rorq $8, %%rdi\n notq %%rbp\n movzbl %%r8b, %%r8d\n xchgq %%r9, %%r10\n"             \
	"imulq $3, %%r11, %%r11\n movq %%r12, scratch\n movq scratch, %%r13\n"                \
	"pushq %%r14\n popq %%r15\n incq %%r14\n subq $0x10, %%rcx\n"

u64 scratch;

static bool all_right(const char *name)
{
	const u64 got[15] = { last.ax, last.bx, last.cx, last.dx, last.si, last.di, last.bp,
			      last.r8, last.r9, last.r10, last.r11, last.r12, last.r13, last.r14,
			      last.r15 };
	unsigned i, bad = 0;

	for (i = 0; i < 15; i++)
		if (got[i] != want[i]) {
			print("note ");
			print(name);
			note(": register", i);
			note("  is", got[i]);
			note("  should be", want[i]);
			bad++;
		}
	if ((last.flags & FL_ARITH) != want_flags) {
		note("flags are", last.flags & FL_ARITH);
		note("  should be", want_flags);
		bad++;
	}
	return !bad;
}

u64 fault_ip;

static bool faulted_so(unsigned vec, u64 err)
{
	return last.vec == vec && last.err == err && last.ip == fault_ip;
}

/* fault: one instruction, whose address is checked too. What follows it reads the flags: those
 * that nothing reads any more an engine may have lost. */
#define CASE(name, vec_, err_, setup, fault)                                                  \
	do {                                                                                  \
		TRY("pushq %%rbp\n" LOAD setup WORK "movq $774f, fault_ip\n 774: " fault              \
		    "\n pushfq\n popfq\n popq %%rbp",                                          \
		    : : : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", \
		      "r12", "r13", "r14", "r15", "memory", "cc");                            \
		if ((err_) == PF_W)                                                           \
			check_hw(name, faulted_so(vec_, err_));                                \
		else                                                                          \
			check(name, faulted_so(vec_, err_));                                  \
		check(name ": registers and flags", all_right(name));                         \
	} while (0)

static void expect(void)
{
	static const u64 w[15] = {
		0x1111111111111102, 0x2222222222222202 + 2 * 0x3333333333333303ull + 5,
		0x33333333333332f3, 0x4444444444444433, 0x05555555, 0x0666666666666666,
		~0x7777777777777707ull, 8, 0xaaaaaaaaaaaaaa0a,
		0x9999999999999909, 0xbbbbbbbbbbbbbb0bull * 3, 0xcccccccccccccc0c,
		0xcccccccccccccc0c, 0xeeeeeeeeeeeeee0f, 0xeeeeeeeeeeeeee0e,
	};

	memcpy(want, w, sizeof(w));
}

/* The flags of the last operation, from the processor itself. */
static void measure(void)
{
	u64 f;

	asm volatile("movabsq $0x3333333333333303, %%rcx\n subq $0x10, %%rcx\n pushfq\n popq %0"
		     : "=r"(f) : : "rcx", "cc", "memory");
	want_flags = f & FL_ARITH;
}

static void cases(void)
{
	CASE("ud2", UD, 0, "", "ud2");
	CASE("load of an absent page", PF, 0, "", "movabsq 0x8000001008, %%rax");
	CASE("store to an absent page", PF, PF_W, "", "movabsq %%rax, 0x8000001010");
	CASE("load through a stack-like base", GP, 0, "", "movq (%%r12), %%rax");
	CASE("read-modify-write of an absent page", PF, PF_W, "", "lock incq 0xfffffffff0001020");
	CASE("aligned SSE load, unaligned", GP, 0, "", "movaps scratch + 1, %%xmm0");
	CASE("push through memory", PF, 0, "", "pushq 0xfffffffff0001000");
}

static void arithmetic_faults(void)
{
	/* div clobbers rax and rdx in the code's plan, and the fault must show them unchanged. */
	CASE("div: quotient too large", DE, 0, "", "divb %%r8b");
	want[7] = 0;
	CASE("div by zero", DE, 0, "movabsq $0x8888888888888800, %%r8\n", "divq %%r8");
	want[7] = 8;
	CASE("idiv too large", DE, 0, "", "idivb %%r8b");
}

void test_main(void)
{
	pg = page_alloc();
	map(VA, (u64)pg, PTE_P | PTE_W);
	expect();
	measure();
	cases();
	arithmetic_faults();
}
