/* exceptions.c - each exception's vector, error code, saved rip and flags, in ring 0 and 3.
 * Source: SDM 3A 6.15. */
#include "guest.h"

const char test_name[] = "exceptions";

static void divide(void)
{
	u64 a = 5, d = 0;

	TRY("divl %2", : "+a"(a), "+d"(d) : "r"(0) : "cc");
	check_fault("#DE: div by zero", DE, 0);
	check("#DE: div leaves eax and edx", a == 5 && d == 0 && last.ax == 5);
	a = 0;
	d = 7;
	TRY("divq %2", : "+a"(a), "+d"(d) : "r"(7ull) : "cc");
	check_fault("#DE: 64-bit quotient too large", DE, 0);
	a = 1ull << 63;
	d = ~0ull;
	TRY("idivq %2", : "+a"(a), "+d"(d) : "r"(-1ull) : "cc");
	check_fault("#DE: idiv of the least number by -1", DE, 0);
	a = 0x1ff;
	TRY("divb %b1", : "+a"(a) : "q"(1) : "cc");
	check_fault("#DE: 8-bit quotient too large", DE, 0);
	a = 0x1ff;
	TRY("divb %b1", : "+a"(a) : "q"(2) : "cc");
	check_none("div that fits");
	check_eq("div result", a, 0x01ff);
}

static void traps(void)
{
	TRY("int3\n773:", MEM);
	check("#BP: rip is past int3", last.vec == BP && last.err == 0 && last.ip == try_at + 1);
	TRY(".byte 0xcd, 3", MEM);
	check("#BP: rip is past int 3", last.vec == BP && last.ip == try_at + 2);
	TRY("int $4", MEM);
	check("int 4", last.vec == OF && last.ip == try_at + 2);
	TRY("int $0x81", MEM);
	check("int n in ring 0 ignores the gate's DPL", last.vec == 0x81 && last.ip == try_at + 2);
	TRY(".byte 0xf1", MEM);
	check_hw("icebp: #DB past the instruction", last.vec == DB && last.ip == try_at + 1);
}

static void invalid(void)
{
	TRY("ud2", MEM);
	check_fault("#UD: ud2", UD, 0);
	TRY(".byte 0x0f, 0xff, 0xc0", MEM);
	check_fault("#UD: ud0", UD, 0);
	TRY(".byte 0x0f, 0xb9, 0xc0", MEM);
	check_fault("#UD: ud1", UD, 0);
	TRY(".byte 0x06", MEM);
	check_fault("#UD: push es in 64-bit mode", UD, 0);
	TRY(".byte 0x27", MEM);
	check_fault("#UD: daa in 64-bit mode", UD, 0);
	TRY(".byte 0x60", MEM);
	check_fault("#UD: pusha in 64-bit mode", UD, 0);
	TRY(".byte 0xce", MEM);
	check_fault("#UD: into in 64-bit mode", UD, 0);
	TRY(".byte 0x9a, 0, 0, 0, 0, 8, 0", MEM);
	check_fault("#UD: far call with a pointer in 64-bit mode", UD, 0);
	TRY(".byte 0xf0, 0x90", MEM);
	check_fault("#UD: lock nop", UD, 0);
	TRY(".byte 0xf0, 0x01, 0xc0", MEM);
	check_fault("#UD: lock add with a register", UD, 0);
	TRY(".byte 0xf0, 0x8b, 0x00", MEM);
	check_fault_hw("#UD: lock mov", UD, 0);
	TRY(".byte 0x8d, 0xc0", MEM);
	check_fault("#UD: lea of a register", UD, 0);
	TRY(".byte 0x0f, 0x20, 0xc8", MEM);
	check_fault("#UD: mov from cr1", UD, 0);
	TRY(".byte 0x8e, 0xc8", MEM);
	check_fault("#UD: mov to cs", UD, 0);
	TRY(".byte 0xd6", MEM);
	check_fault("#UD: salc in 64-bit mode", UD, 0);
	TRY(".byte 0xc6, 0xc8, 0x00", MEM);
	check_fault_hw("#UD: mov C6 /1", UD, 0);
	TRY(".byte 0xff, 0xf8", MEM);
	check_fault("#UD: FF /7", UD, 0);
}

static void too_long(void)
{
	/* Sixteen bytes: prefixes and a nop. SDM 2B 2.3.11: #GP past fifteen. */
	TRY(".fill 15, 1, 0x66\n nop", MEM);
	check_fault("#GP: instruction of 16 bytes", GP, 0);
	TRY(".fill 14, 1, 0x66\n nop", MEM);
	check_none("instruction of 15 bytes");
}

static void gp(void)
{
	u64 far_away = 1ull << 47;

	TRY("movq (%0), %%rax", : : "r"(far_away) : "rax", "memory");
	check_fault("#GP: load from a non-canonical address", GP, 0);
	TRY("movq %%rax, (%0)", : : "r"(far_away) : "memory");
	check_fault("#GP: store to a non-canonical address", GP, 0);
	TRY("movq (%0), %%rax", : : "r"(far_away - 4) : "rax", "memory");
	check_fault_hw("#GP: load that runs into non-canonical space", GP, 0);
	TRY("movq %0, %%rbp\n773: movq (%%rbp), %%rax", : : "r"(far_away) : "rax", "memory");
	check_hw("#SS: load through rbp from a non-canonical address",
		 last.vec == SS && last.err == 0);
	idt_set(SS, (ulong)trap_stubs + SS * 16, 0xe, 0, 2);
	idt_set(GP, (ulong)trap_stubs + GP * 16, 0xe, 0, 2);
	TRY("movq %0, %%rsp\n push %%rax", : : "r"(far_away + 4096) : "memory");
	check_hw("#SS: push with rsp non-canonical", last.vec == SS && last.err == 0);
	idt_default(SS);
	idt_default(GP);
	TRY("callq *%0", : : "r"(1ull << 47) : "memory");
	check_fault_hw("#GP: call to a non-canonical address faults at the call", GP, 0);
	TRY("jmpq *%0", : : "r"(1ull << 63) : "memory");
	check_fault_hw("#GP: jump to a non-canonical address faults at the jump", GP, 0);
	TRY("pushq %0\n773: ret", : : "r"(1ull << 47) : "memory");
	check_hw("#GP: ret to a non-canonical address",
	      last.vec == GP && last.err == 0 && last.ip != 1ull << 47);
	TRY("movq %0, %%cr8", : : "r"(16ull) : "memory");
	check_fault_hw("#GP: reserved bits of cr8", GP, 0);
	TRY("wrmsr", : : "c"(0x12345678), "a"(0), "d"(0) : "memory");
	check_fault_hw("#GP: write of an unknown MSR", GP, 0);
}

USER(user_cli, "cli");
USER(user_hlt, "hlt");
USER(user_in, "inb $0x80, %al");
USER(user_cr, "mov %cr0, %rax");
USER(user_dr, "mov %db0, %rax");
USER(user_rdmsr, "movl $0x10, %ecx; rdmsr");
USER(user_lgdt, "lgdt (%rsp)");
USER(user_invlpg, "invlpg (%rsp)");
USER(user_int3, "int3");
USER(user_int81, "int $0x81");
USER(user_int4, "int $4");
USER(user_wbinvd, "wbinvd");
USER(user_clts, "clts");
USER(user_swapgs, "swapgs");
USER(user_lmsw, "lmsw %ax");
USER(user_ltr, "ltr %ax");
USER(user_kernel_read, "movq (%rdi), %rax");
USER(user_kernel_jump, "jmp *%rdi");
USER(user_ok, "nop");

static void user_fault(const char *name, const char *code, unsigned vec, ulong err)
{
	user_run(code, 0, 0);
	check_fault(name, vec, err);
}

static void rings(void)
{
	user_run(user_ok, 1, 2);
	check("ring 3 runs and comes back",
	      last.vec == 0x80 && last.cs == SEL_UCODE64 && last.ss == SEL_UDATA &&
	      last.sp == USER_STACK && last.di == 1 && last.si == 2);
	check("ring 3 traps on the stack of the TSS", last_at == tss.rsp[0] - 40);
	user_fault("#GP in ring 3: cli", user_cli, GP, 0);
	user_fault("#GP in ring 3: hlt", user_hlt, GP, 0);
	user_fault("#GP in ring 3: in", user_in, GP, 0);
	user_fault("#GP in ring 3: mov from cr0", user_cr, GP, 0);
	user_fault("#GP in ring 3: mov from dr0", user_dr, GP, 0);
	user_run(user_rdmsr, 0, 0);
	check("#GP in ring 3: rdmsr", last.vec == GP && last.ip == (ulong)user_rdmsr + 5);
	user_fault("#GP in ring 3: lgdt", user_lgdt, GP, 0);
	user_fault("#GP in ring 3: invlpg", user_invlpg, GP, 0);
	user_fault("#GP in ring 3: wbinvd", user_wbinvd, GP, 0);
	user_fault("#GP in ring 3: clts", user_clts, GP, 0);
	user_fault("#GP in ring 3: swapgs", user_swapgs, GP, 0);
	user_fault("#GP in ring 3: lmsw", user_lmsw, GP, 0);
	user_fault("#GP in ring 3: ltr", user_ltr, GP, 0);
	user_run(user_int81, 0, 0);
	check_fault_hw("#GP in ring 3: int 81 through a gate of DPL 0", GP, 0x81 * 8 + 2);
	user_run(user_int3, 0, 0);
	check("#BP in ring 3", last.vec == BP && last.ip == (ulong)user_int3 + 1);
	user_run(user_int4, 0, 0);
	check("int 4 in ring 3", last.vec == OF && last.ip == (ulong)user_int4 + 2);
	user_run(user_kernel_read, (u64)gdt, 0);
	check_pf("#PF in ring 3: kernel page", PF_P | PF_U, (ulong)gdt);
	user_run(user_kernel_jump, (u64)trap_stubs, 0);
	check("#PF in ring 3: jump to a kernel page",
	      last.vec == PF && last.err == (PF_P | PF_U | PF_I) && last.ip == (ulong)trap_stubs &&
	      last.cr2 == (ulong)trap_stubs);
}

USER(user_unaligned, "movl 1(%rsp), %eax");
USER(user_aligned, "movl 4(%rsp), %eax; movb 1(%rsp), %al");

static void alignment(void)
{
	user_run_flags(user_unaligned, 0, 0, FL_1 | FL_AC);
	check("AC without CR0.AM is nothing", last.vec == 0x80 && last.flags & FL_AC);
	if (on_tcg()) {
		skip("#AC", "TCG has none");
		return;
	}
	cr0_set(cr0_get() | CR0_AM);
	user_run_flags(user_unaligned, 0, 0, FL_1 | FL_AC);
	check_fault("#AC in ring 3", AC, 0);
	user_run_flags(user_aligned, 0, 0, FL_1 | FL_AC);
	check("no #AC for aligned accesses", last.vec == 0x80);
	user_run_flags(user_unaligned, 0, 0, FL_1);
	check("no #AC with AC clear", last.vec == 0x80);
	TRY("pushfq\n orl $0x40000, (%%rsp)\n popfq\n movl 1(%%rsp), %%eax", : : : "rax", "memory");
	check_none("no #AC in ring 0");
	flags_set(FL_1);
	cr0_set(cr0_get() & ~(ulong)CR0_AM);
}

static void fpu(void)
{
	u16 cw = 0x037b, all = 0x037f; /* zero-divide unmasked */
	u32 mxcsr = 0x1d80, mx_all = 0x1f80;

	cr0_set(cr0_get() | CR0_TS);
	TRY("fnop", MEM);
	check_fault("#NM: x87 with TS", NM, 0);
	TRY("xorps %%xmm0, %%xmm0", MEM);
	check_fault("#NM: SSE with TS", NM, 0);
	TRY("fwait", MEM);
	check_fault("#NM: fwait with TS and MP", NM, 0);
	cr0_set(cr0_get() & ~(ulong)CR0_MP);
	TRY("fwait", MEM);
	check_none("fwait with TS and no MP");
	asm volatile("clts");
	check("clts", !(cr0_get() & CR0_TS));
	cr0_set((cr0_get() | CR0_EM) & ~(ulong)CR0_MP);
	TRY("fnop", MEM);
	check_fault("#NM: x87 with EM", NM, 0);
	TRY("xorps %%xmm0, %%xmm0", MEM);
	check_fault("#UD: SSE with EM", UD, 0);
	cr0_set((cr0_get() & ~(ulong)CR0_EM) | CR0_MP);
	cr4_set(cr4_get() & ~(ulong)CR4_OSFXSR);
	TRY("xorps %%xmm0, %%xmm0", MEM);
	check_fault("#UD: SSE without OSFXSR", UD, 0);
	cr4_set(cr4_get() | CR4_OSFXSR);

	/* #MF comes at the next waiting x87 instruction. SDM 1 8.7. */
	TRY("fninit\n fldcw %0\n fldz\n fld1\n fdiv %%st(1), %%st\n774: fwait", : : "m"(cw) : "memory");
	check("#MF at the instruction after the divide", last.vec == MF && last.err == 0 &&
	      *(u8 *)last.ip == 0x9b);
	asm volatile("fnclex\n fninit\n fldcw %0" : : "m"(all));
	TRY("ldmxcsr %0\n xorps %%xmm1, %%xmm1\n cvtsi2ss %1, %%xmm0\n divss %%xmm1, %%xmm0",
	    : : "m"(mxcsr), "r"(1) : "memory");
	check_hw("#XM: divide by zero unmasked", last.vec == XM && *(u8 *)last.ip == 0xf3 &&
	      *(u8 *)(last.ip + 2) == 0x5e);
	cr4_set(cr4_get() & ~(ulong)CR4_OSXMMEXCPT);
	TRY("ldmxcsr %0\n xorps %%xmm1, %%xmm1\n cvtsi2ss %1, %%xmm0\n divss %%xmm1, %%xmm0",
	    : : "m"(mxcsr), "r"(1) : "memory");
	check_hw("#UD: unmasked SSE exception without OSXMMEXCPT", last.vec == UD);
	cr4_set(cr4_get() | CR4_OSXMMEXCPT);
	TRY("ldmxcsr %0", : : "m"(mx_all) : "memory");
	mxcsr = 0x80000000;
	TRY("ldmxcsr %0", : : "m"(mxcsr) : "memory");
	check_fault_hw("#GP: reserved bits of mxcsr", GP, 0);
	asm volatile("ldmxcsr %0" : : "m"(mx_all));
}

static void aligned_sse(void)
{
	static u8 buf[64] __attribute__((aligned(16)));

	TRY("movaps (%0), %%xmm0", : : "r"(buf) : "memory");
	check_none("movaps, aligned");
	TRY("movaps (%0), %%xmm0", : : "r"(buf + 1) : "memory");
	check_fault("#GP: movaps, unaligned", GP, 0);
	TRY("movaps %%xmm0, (%0)", : : "r"(buf + 8) : "memory");
	check_fault("#GP: movaps store, unaligned", GP, 0);
	TRY("addps (%0), %%xmm0", : : "r"(buf + 4) : "memory");
	check_fault("#GP: addps, unaligned", GP, 0);
	TRY("movups (%0), %%xmm0", : : "r"(buf + 1) : "memory");
	check_none("movups, unaligned");
	TRY("cmpxchg16b (%0)", : : "r"(buf + 8) : "rax", "rcx", "rdx", "rbx", "memory", "cc");
	check_fault("#GP: cmpxchg16b, unaligned", GP, 0);
}

static void frame_details(void)
{
	ulong before;

	/* SDM 3A 6.14.2: the frame is aligned to 16 bytes, RSP is pushed without condition. */
	TRY("pushq %%rax\n ud2", MEM);
	check("frame is aligned from an odd stack",
	      (last_at & 15) == 8 && last.sp == try_sp - 8 && last.ss == SEL_DATA);
	TRY("ud2", MEM);
	check("frame is aligned from an even stack", (last_at & 15) == 8 && last.sp == try_sp);
	TRY("std\n stc\n ud2", MEM);
	check("flags are saved", (last.flags & (FL_DF | FL_CF)) == (FL_DF | FL_CF));
	check_hw("a fault saves RF set", last.flags & FL_RF);
	TRY("int3", MEM);
	check("a trap saves RF clear", !(last.flags & FL_RF));
	asm volatile("cld");
	before = flags_get();
	flags_set(before | FL_IF);
	TRY("ud2", MEM);
	check("interrupt gate saves IF", last.flags & FL_IF);
	asm volatile("cli");
	TRY("movq $0x1234, %%rax\n movq $0x5678, %%r15\n ud2", : : : "rax", "r15", "memory");
	check("registers at the fault", last.ax == 0x1234 && last.r15 == 0x5678);
}

void test_main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	divide();
	traps();
	invalid();
	too_long();
	gp();
	rings();
	alignment();
	fpu();
	aligned_sse();
	frame_details();
}
