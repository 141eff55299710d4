/* far.c - far calls, jumps and returns in 64-bit mode, through code segments and call gates.
 * Source: SDM 2A CALL, JMP, 2B RET; 3A 5.8.3. */
#include "guest.h"

const char test_name[] = "far";

#define GATE SEL_SPARE
#define SPARE(n) (SEL_SPARE + (n) * 8)

struct far32 {
	u32 off;
	u16 sel;
} __attribute__((packed));

u64 far_rsp, far_frame[5];
u16 far_cs, far_ss;
extern char far_target[], far_retn[], gate_entry[], gate_ret_label[];
asm(".text\n"
    "far_target:\n	movq %rsp, far_rsp\n	movw %cs, far_cs\n"
    "	movq (%rsp), %rax\n	movq %rax, far_frame\n	movq 8(%rsp), %rax\n	movq %rax, far_frame + 8\n"
    "	lretq\n"
    "far_retn:\n	lretq $16\n"
    /* The call gate's handler: looks at its frame, then returns to the outer ring. */
    "gate_entry:\n	movq %rsp, far_rsp\n	movw %cs, far_cs\n	movw %ss, far_ss\n"
    "	movq (%rsp), %rax\n	movq %rax, far_frame\n	movq 8(%rsp), %rax\n	movq %rax, far_frame + 8\n"
    "	movq 16(%rsp), %rax\n	movq %rax, far_frame + 16\n"
    "	movq 24(%rsp), %rax\n	movq %rax, far_frame + 24\n"
    "	lretq\n");

static void gate_set(unsigned sel, u64 target, u16 code, unsigned type, unsigned dpl)
{
	gdt_set(sel, (target & 0xffff) | (u64)code << 16 | (u64)(0x80 | dpl << 5 | type) << 40 |
		(target >> 16 & 0xffff) << 48);
	gdt_set(sel + 8, target >> 32);
}

static void direct(void)
{
	static struct far_ptr f64;
	static struct far32 f32 = { 0, SEL_CODE64 };
	u64 sp;

	f64 = far_ptr((u64)far_target, SEL_CODE64);
	asm volatile("movq %%rsp, %0\n rex.w lcall *%1" : "=&r"(sp) : "m"(f64) : "rax", "memory");
	check("far call with a 64-bit offset", far_cs == SEL_CODE64 && far_frame[1] == SEL_CODE64 &&
	      far_rsp == sp - 16);
	f64 = far_ptr((u64)far_retn, SEL_CODE64);
	asm volatile("movq %%rsp, %0\n pushq $1\n pushq $2\n rex.w lcall *%1\n subq %%rsp, %0"
		     : "=&r"(sp) : "m"(f64) : "rax", "memory", "cc");
	check_eq("far return that drops arguments", sp, 0);
	asm volatile("movl $1f, %0\n ljmp *%0\n ud2\n1:" : "+m"(f32) : : "memory");
	check("far jump", true);
	/* A 32-bit operand pushes four bytes each: return with a 32-bit far return. */
	asm volatile("jmp 2f\n1: lretl\n2: movl $1b, %0\n lcall *%0" : "+m"(f32) : : "rax", "memory");
	check("far call and return with 32-bit operands", true);
	if (!far_is_64())
		return;
	f64 = far_ptr(1ull << 47, SEL_CODE64);
	TRY("rex.w lcall *%0", : : "m"(f64) : "memory");
	check_fault_hw("#GP: far call to a non-canonical address", GP, 0);
}

static void refuse(const char *name, u16 sel, unsigned vec, u64 err)
{
	struct far_ptr f = far_ptr((u64)far_target, sel);

	TRY("rex.w lcall *%0", : : "m"(f) : "memory", "rax");
	check(name, faulted(vec, err) && last.sp == try_sp);
}

static void refused(void)
{
	refuse("#GP: null", 0, GP, 0);
	refuse("#GP: beyond the GDT", 0x7f8, GP, 0x7f8);
	refuse("#GP: data", SEL_DATA, GP, SEL_DATA);
	refuse("#GP: code of another ring", SEL_UCODE64, GP, SEL_UCODE64 & ~3);
	refuse("#GP: RPL above CPL", SEL_CODE64 | 3, GP, SEL_CODE64);
	refuse("#GP: a TSS in 64-bit mode", SEL_TSS, GP, SEL_TSS);
	gdt_set(SPARE(4), 0x00af1b000000ffff);
	refuse("#NP: absent", SPARE(4), NP, SPARE(4));
	gdt_set(SPARE(4), 0x00ef9b000000ffff);
	if (on_tcg())
		skip("#GP: L and D", "TCG deviates from the manual");
	else
		refuse("#GP: L and D", SPARE(4), GP, SPARE(4));
}

static void gates(void)
{
	struct far_ptr f = far_ptr(0xdeadbeefdeadbeef, GATE);

	gate_set(GATE, (u64)far_target, SEL_CODE64, 0xc, 0);
	far_rsp = 0;
	asm volatile("rex.w lcall *%0" : : "m"(f) : "rax", "memory");
	check("call gate to the same ring", far_rsp && far_cs == SEL_CODE64);
	gdt[GATE >> 3] &= ~(1ull << 47);
	refuse("#NP: absent gate", GATE, NP, GATE);
	gate_set(GATE, (u64)far_target, SEL_CODE32, 0xc, 0);
	refuse("#GP: gate to 32-bit code", GATE, GP, SEL_CODE32);
	gate_set(GATE, (u64)far_target, 0, 0xc, 0);
	refuse("#GP: gate with a null selector", GATE, GP, 0);
	gate_set(GATE, (u64)far_target, SEL_DATA, 0xc, 0);
	refuse("#GP: gate to data", GATE, GP, SEL_DATA);
	gate_set(GATE, (u64)far_target, SEL_CODE64, 0xc, 0);
	gate_set(GATE, (u64)far_target, SEL_CODE64, 0x4, 0);
	refuse("#GP: 16-bit gate in 64-bit mode", GATE, GP, GATE);
	gate_set(GATE, 1ull << 47, SEL_CODE64, 0xc, 0);
	if (!on_tcg())
		refuse("#GP: gate's offset not canonical", GATE, GP, 0);
}

/* lcall through memory in ring 3; the pointer is at rdi. */
USER(user_gate, "rex.w lcall *(%rdi)\nuser_gate_back: nop");
extern char user_gate_back[];
USER(user_lret, "pushq $0x2b; pushq $user_gate_back; lretq");
USER(user_lret_in, "pushq $0x08; pushq $user_gate_back\nuser_lret_at: lretq");
extern char user_lret_at[];
asm(".pushsection .user, \"ax\"\n.code32\nuser32_gate: .globl user32_gate\n	lcall $0x5b, $0\n	int $0x80\n"
    ".code64\n.popsection");
extern char user32_gate[];

static void inward(void)
{
	struct far_ptr *f = (void *)(USER_WINDOW + 0x100000);
	struct user_start s = { (u64)user32_gate, SEL_UCODE32, FL_1, USER_STACK, SEL_UDATA, .ax = 0 };

	*f = far_ptr(0, GATE | 3);
	gate_set(GATE, (u64)gate_entry, SEL_CODE64, 0xc, 3);
	user_run(user_gate, (u64)f, 0);
	check("call gate from ring 3 to ring 0", far_cs == SEL_CODE64 && far_rsp == tss.rsp[0] - 32);
	check_eq("its ss is null", far_ss, 0);
	check("its frame", far_frame[0] == (u64)user_gate_back && far_frame[1] == SEL_UCODE64 &&
	      far_frame[2] == USER_STACK && far_frame[3] == SEL_UDATA);
	check("far return to ring 3", last.vec == 0x80 && last.ip == (ulong)user_gate_back + 3 &&
	      last.sp == USER_STACK && last.cs == SEL_UCODE64 && last.ss == SEL_UDATA);
	last.vec = NO_FAULT;
	far_rsp = 0;
	user_enter(&s);
	check("call gate from 32-bit code", far_rsp == tss.rsp[0] - 32 && last.vec == 0x80 &&
	      last.cs == SEL_UCODE32);
	gate_set(GATE, (u64)gate_entry, SEL_CODE64, 0xc, 0);
	user_run(user_gate, (u64)f, 0);
	check_fault("#GP: gate of DPL 0 from ring 3", GP, GATE);
	user_run(user_lret, 0, 0);
	check("far return within ring 3", last.vec == 0x80 && last.ip == (ulong)user_gate_back + 3);
	user_run(user_lret_in, 0, 0);
	check("#GP: far return to an inner ring", last.vec == GP && last.err == SEL_CODE64 &&
	      last.ip == (ulong)user_lret_at);
}

static void to_compat(void)
{
	/* Ring 0, 64-bit to 32-bit code and back, by far jumps. */
	u64 ax = 0;

	asm volatile("pushq $0x30\n pushq $1f\n lretq\n"
		     ".code32\n1: movl $-1, %%eax\n incl %%eax\n .byte 0x40\n ljmp $0x08, $2f\n"
		     ".code64\n2:" : "=a"(ax) : : "memory", "cc");
	check_eq("64-bit to 32-bit ring 0 and back", ax, 1);
}

void test_main(void)
{
	asm volatile("lldt %w0" : : "r"(0));
	direct();
	refused();
	gates();
	inward();
	to_compat();
}
