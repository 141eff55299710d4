/* soft_sys.c - tests of the system instructions that are done in C, and of their table. */
/* @links src/base src/x86 src/mem src/soft/seg.c src/soft/stack.c src/soft/intr.c */
/* @links src/soft/sys_flags.c src/soft/sys_iret.c src/soft/sys_far.c src/soft/sys_seg.c */
/* @links src/soft/sys_call.c src/soft/sys_cr.c src/soft/sys_msr.c src/soft/sys_misc.c */
/* @links src/soft/sys_io.c src/soft/string.c src/soft/legacy.c src/soft/xsave.c */
/* @links src/soft/x87.c src/soft/gather.c src/soft/sysops.c */
#include "soft_fake.h"

#include <Zydis/Zydis.h>

/* ---- the table ---- */

static void rows_are_complete_and_unique(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < insn_rows_n; i++) {
		assert_non_null(insn_rows[i].fn);
		assert_non_null(insn_rows[i].manual);
		assert_in_range(insn_rows[i].mnemonic, 1, ZYDIS_MNEMONIC_MAX_VALUE);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(insn_rows[i].mnemonic, insn_rows[j].mnemonic);
	}
}

/* Each row's function, given the plainest instruction in user mode, ends and answers sensibly. */
static void rows_never_crash(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < insn_rows_n; i++) {
		for (unsigned mem = 0; mem < 2; mem++) {
			struct soft_vcpu *s = fake_long(3);
			struct insn in = mem ? insn_mem(4, 0x6000) : insn(3, 4);
			enum step r;

			in.mnemonic = insn_rows[i].mnemonic;
			in.vlen = 16;
			in.index = 1;
			in.vvvv = 2;
			s->v.gpr[RSI] = s->v.gpr[RDI] = s->v.gpr[RBP] = s->v.gpr[RBX] = 0x6000;
			r = insn_rows[i].fn(s, &in);
			assert_in_range(r, STEP_NEXT, STEP_AGAIN);
			if (r == STEP_FAULT)
				assert_int_equal(s->v.gpr[RSP], 0x8000);
			free(s);
		}
	}
}

/* ---- flags ---- */

static void popf_follows_privilege(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(1, 8);

	(void)unused;
	put_bytes(s, 0x8000, 0x3fffff & ~(u64)FL_VM, 8);
	assert_int_equal(op_popf(s, &in), STEP_NEXT);
	assert_int_equal(s->v.rflags, FL_1 | FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_AC | FL_ID);
	assert_int_equal(s->v.gpr[RSP], 0x8008);
	assert_int_equal(s->mode_changes, 1);
	fake_segs(s, U_CODE, FLAT_CODE64, U_DATA, 3);
	s->v.rflags = FL_1 | FL_IF;
	put_bytes(s, 0x8000, FL_IOPL | FL_CF, 8);
	assert_int_equal(op_popf(s, &in), STEP_NEXT);
	assert_int_equal(s->v.rflags, FL_1 | FL_IF | FL_CF);
	s->v.rflags |= FL_RF;
	assert_int_equal(op_pushf(s, &in), STEP_NEXT);
	assert_int_equal(get_bytes(s, s->v.gpr[RSP], 8), FL_1 | FL_IF | FL_CF);
	assert_fault(s, op_cli(s, &in), EXC_GP, 0);
	free(s);
}

static void sti_holds_interrupts_off_once(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(1, 8);

	(void)unused;
	assert_int_equal(op_sti(s, &in), STEP_NEXT);
	assert_int_equal(op_sti(s, &in), STEP_NEXT);
	assert_int_equal(s->inhibits, 1);
	assert_true(s->v.rflags & FL_IF);
	free(s);
}

/* ---- control registers ---- */

static enum step cr_write(struct soft_vcpu *s, unsigned cr, u64 val)
{
	struct insn in = insn(3, 8);

	in.map = 1;
	in.opcode = 0x22;
	in.reg = (u8)cr;
	in.rm = RBX;
	s->v.gpr[RBX] = val;
	return op_mov(s, &in);
}

static void cr0_enters_long_mode(void **unused)
{
	struct soft_vcpu *s = fake_protected(0);

	(void)unused;
	s->v.efer = EFER_LME;
	assert_fault(s, cr_write(s, 0, CR0_PE | CR0_PG), EXC_GP, 0); /* no PAE */
	assert_int_equal(cr_write(s, 4, CR4_PAE), STEP_NEXT);
	assert_fault(s, cr_write(s, 0, CR0_PG), EXC_GP, 0);
	assert_fault(s, cr_write(s, 0, CR0_PE | CR0_NW), EXC_GP, 0);
	assert_int_equal(cr_write(s, 0, CR0_PE | CR0_PG), STEP_NEXT);
	assert_int_equal(s->v.efer, EFER_LME | EFER_LMA);
	assert_int_equal(s->v.cr0, CR0_PE | CR0_PG | CR0_ET);
	assert_true(s->flushes >= 100 && s->mode_changes);
	assert_fault(s, cr_write(s, 4, 0), EXC_GP, 0);
	assert_int_equal(cr_write(s, 0, CR0_PE), STEP_NEXT);
	assert_int_equal(s->v.efer, EFER_LME);
	free(s);
}

static void cr3_and_cr4_check_reserved_bits(void **unused)
{
	struct soft_vcpu *s = fake_long(0);

	(void)unused;
	assert_fault(s, cr_write(s, 3, CR3_NOFLUSH | 0x1000), EXC_GP, 0);
	assert_fault(s, cr_write(s, 3, 1ull << CPUID_PHYS_BITS), EXC_GP, 0);
	assert_int_equal(cr_write(s, 3, 0x1000), STEP_NEXT);
	assert_int_equal(cr_write(s, 4, s->v.cr4 | CR4_PCIDE), STEP_NEXT);
	assert_int_equal(cr_write(s, 3, CR3_NOFLUSH | 0x2005), STEP_NEXT);
	assert_int_equal(s->v.cr3, 0x2005);
	assert_int_equal(s->keeps, 1);
	assert_fault(s, cr_write(s, 0, CR0_PE), EXC_GP, 0);
	assert_fault(s, cr_write(s, 4, s->v.cr4 | CR4_VME), EXC_GP, 0);
	assert_fault(s, cr_write(s, 4, s->v.cr4 | CR4_LA57), EXC_GP, 0);
	assert_fault(s, cr_write(s, 4, s->v.cr4 | 1ull << 40), EXC_GP, 0);
	assert_fault(s, cr_write(s, 1, 0), EXC_UD, 0);
	assert_fault(s, cr_write(s, 8, 16), EXC_GP, 0);
	s->v.cpl = 3;
	assert_fault(s, cr_write(s, 0, 0), EXC_GP, 0);
	free(s);
}

static void debug_registers_have_rules(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(3, 8);

	(void)unused;
	in.map = 1;
	in.opcode = 0x23;
	in.rm = RBX;
	in.reg = 7;
	s->v.gpr[RBX] = 0xffffffff & ~0x2000u;
	assert_int_equal(op_mov(s, &in), STEP_NEXT);
	assert_int_equal(s->v.dr[7], 0xffff07ff);
	in.reg = 4;
	s->v.gpr[RBX] = 0;
	assert_int_equal(op_mov(s, &in), STEP_NEXT);
	assert_int_equal(s->v.dr[6], 0xffff0ff0);
	s->v.cr4 |= CR4_DE;
	assert_fault(s, op_mov(s, &in), EXC_UD, 0);
	in.reg = 6;
	s->v.gpr[RBX] = 1ull << 32;
	assert_fault(s, op_mov(s, &in), EXC_GP, 0);
	s->v.dr[7] |= 1 << 13; /* general detect */
	assert_fault(s, op_mov(s, &in), EXC_DB, 0);
	assert_int_equal(s->v.dr[6] & 1 << 13, 1 << 13);
	free(s);
}

static void xsetbv_checks_components(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(3, 4);

	(void)unused;
	s->v.gpr[RAX] = 3;
	s->v.gpr[RDX] = 0;
	assert_int_equal(op_xsetbv(s, &in), STEP_NEXT);
	assert_int_equal(s->v.xcr0, 3);
	s->v.gpr[RAX] = 2;
	assert_fault(s, op_xsetbv(s, &in), EXC_GP, 0);
	s->v.gpr[RAX] = 0x203; /* PKRU is not announced */
	assert_fault(s, op_xsetbv(s, &in), EXC_GP, 0);
	assert_int_equal(op_xgetbv(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RAX], 3);
	s->v.cr4 &= ~(u64)CR4_OSXSAVE;
	assert_fault(s, op_xgetbv(s, &in), EXC_UD, 0);
	free(s);
}

/* ---- MSRs ---- */

static enum step msr_write(struct soft_vcpu *s, u32 msr, u64 val)
{
	struct insn in = insn(2, 4);

	s->v.gpr[RCX] = msr;
	s->v.gpr[RAX] = (u32)val;
	s->v.gpr[RDX] = val >> 32;
	return op_wrmsr(s, &in);
}

static u64 msr_read(struct soft_vcpu *s, u32 msr)
{
	struct insn in = insn(2, 4);

	s->v.gpr[RCX] = msr;
	assert_int_equal(op_rdmsr(s, &in), STEP_NEXT);
	return s->v.gpr[RAX] | s->v.gpr[RDX] << 32;
}

static void msr_table_remembers(void **unused)
{
	static const u32 plain[] = {
		MSR_SYSENTER_CS, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_FS_BASE, MSR_GS_BASE,
		MSR_KERNEL_GS_BASE, MSR_TSC_AUX, MSR_MISC_ENABLE, 0x200, 0x20f, 0x250, 0x258, 0x259,
		0x268, 0x26f, 0x2ff, 0xc0010010, 0xc0010015, 0xc0011020, 0xc0011023, 0xc001102a,
		0xc001102d, 0xc00110e3,
	};
	struct soft_vcpu *s = fake_long(0);

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(plain); i++)
		assert_int_equal(msr_write(s, plain[i], 0x1000 + i), STEP_NEXT);
	for (unsigned i = 0; i < ARRAY_SIZE(plain); i++)
		assert_int_equal(msr_read(s, plain[i]), 0x1000 + i);
	assert_int_equal(s->v.lstar, 0x1002);
	assert_fault(s, msr_write(s, MSR_LSTAR, 1ull << 47), EXC_GP, 0);
	assert_fault(s, msr_write(s, MSR_TSC_AUX, 1ull << 32), EXC_GP, 0);
	assert_fault(s, msr_write(s, MSR_PAT, 2), EXC_GP, 0);
	assert_int_equal(msr_write(s, MSR_PAT, 0x0007010600070106), STEP_NEXT);
	assert_fault(s, msr_write(s, 0x12345678, 0), EXC_GP, 0);
	s->v.cpl = 3;
	assert_fault(s, msr_write(s, MSR_STAR, 0), EXC_GP, 0);
	free(s);
}

static void efer_and_tsc_have_rules(void **unused)
{
	struct soft_vcpu *s = fake_long(0);

	(void)unused;
	assert_int_equal(msr_write(s, MSR_EFER, EFER_LME | EFER_NXE), STEP_NEXT);
	assert_int_equal(msr_read(s, MSR_EFER), EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(s->flushes, 100);
	assert_fault(s, msr_write(s, MSR_EFER, 0), EXC_GP, 0); /* LME with paging on */
	assert_fault(s, msr_write(s, MSR_EFER, EFER_LME | EFER_SVME), EXC_GP, 0);
	s->tsc = 1000;
	assert_int_equal(msr_write(s, MSR_TSC, 5000), STEP_NEXT);
	assert_int_equal(msr_read(s, MSR_TSC), 5000);
	assert_int_equal(msr_read(s, MSR_TSC_ADJUST), 4000);
	assert_int_equal(msr_write(s, MSR_TSC_ADJUST, 0), STEP_NEXT);
	assert_int_equal(msr_read(s, MSR_TSC), 1000);
	free(s);
}

/* ---- ports ---- */

static void io_bitmap_decides_for_users(void **unused)
{
	struct soft_vcpu *s = fake_long(3);
	struct insn in = insn(1, 1);

	(void)unused;
	in.opcode = 0xee;
	s->v.gpr[RDX] = 0x3f9;
	s->v.gpr[RAX] = 0x1234;
	assert_fault(s, op_out(s, &in), EXC_GP, 0); /* no bitmap within the TSS's limit */
	s->v.tr.limit = 0x68 + 0x80;
	memset(s->mem + TSS + 0x68, 0xff, 0x81);
	assert_fault(s, op_out(s, &in), EXC_GP, 0);
	s->mem[TSS + 0x68 + 0x3f9 / 8] &= (u8)~(1 << (0x3f9 & 7));
	assert_int_equal(op_out(s, &in), STEP_NEXT);
	assert_int_equal(s->port, 0x3f9);
	assert_int_equal(s->port_val, 0x34);
	in.opcode = 0xef;
	in.opsize = 2;
	assert_fault(s, op_out(s, &in), EXC_GP, 0);
	s->v.rflags |= FL_IOPL;
	assert_int_equal(op_out(s, &in), STEP_NEXT);
	free(s);
}

static void in_writes_as_much_as_it_reads(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(2, 1);

	(void)unused;
	in.opcode = 0xe4;
	in.imm = 0x80;
	s->v.gpr[RAX] = ~0ull;
	assert_int_equal(op_in(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RAX], 0xffffffffffffff44);
	in.opcode = 0xed;
	in.opsize = 4;
	assert_int_equal(op_in(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RAX], 0x11223344);
	in.opcode = 0x6d;
	in.rep = 0xf3;
	s->v.gpr[RCX] = 3;
	s->v.gpr[RDI] = 0x6ff8;
	s->absent[7] = true;
	assert_fault(s, op_ins(s, &in), EXC_PF, PF_W);
	assert_int_equal(s->v.gpr[RCX], 1);
	assert_int_equal(s->v.gpr[RDI], 0x7000);
	assert_int_equal(get_bytes(s, 0x6ffc, 4), 0x11223344);
	free(s);
}

/* ---- strings ---- */

static struct insn string(unsigned opcode, unsigned size, unsigned rep)
{
	struct insn in = insn(2, size);

	in.opcode = (u8)(size == 1 ? opcode & ~1u : opcode);
	in.rep = (u8)rep;
	return in;
}

static void string_movs_crosses_pages(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = string(0xa5, 4, 0xf3);

	(void)unused;
	for (unsigned i = 0; i < 0x4000; i++)
		s->mem[0x10000 + i] = (u8)(i * 7 + (i >> 8));
	s->slow[0x12] = true;
	s->v.gpr[RSI] = 0x10001;
	s->v.gpr[RDI] = 0x20ff6;
	s->v.gpr[RCX] = 0x3000 / 4;
	assert_int_equal(op_movs(s, &in), STEP_NEXT);
	assert_memory_equal(s->mem + 0x10001, s->mem + 0x20ff6, 0x3000);
	assert_int_equal(s->mem[0x20ff5], 0);
	assert_int_equal(s->mem[0x23ff6], 0);
	assert_int_equal(s->v.gpr[RCX], 0);
	assert_int_equal(s->v.gpr[RSI], 0x13001);
	assert_int_equal(s->v.gpr[RDI], 0x23ff6);
	free(s);
}

static void string_movs_stops_at_a_fault(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = string(0xa5, 8, 0xf3);

	(void)unused;
	s->absent[0x22] = true;
	s->v.gpr[RSI] = 0x10000;
	s->v.gpr[RDI] = 0x21004;
	s->v.gpr[RCX] = 0x1000;
	assert_fault(s, op_movs(s, &in), EXC_PF, PF_W);
	assert_int_equal(s->fault.cr2, 0x22000);
	assert_int_equal(s->v.gpr[RDI], 0x21ffc);
	assert_int_equal(s->v.gpr[RCX], 0x1000 - 0xff8 / 8);
	assert_int_equal(s->v.gpr[RSI], 0x10ff8);
	/* Overlap: a pattern spreads, as it does byte by byte. */
	in = string(0xa5, 1, 0xf3);
	s->mem[0x10000] = 0x55;
	s->v.gpr[RSI] = 0x10000;
	s->v.gpr[RDI] = 0x10001;
	s->v.gpr[RCX] = 0x1fff;
	assert_int_equal(op_movs(s, &in), STEP_NEXT);
	for (unsigned i = 0; i < 0x2000; i++)
		assert_int_equal(s->mem[0x10000 + i], 0x55);
	free(s);
}

static void string_goes_down_with_df(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = string(0xa5, 2, 0xf3);

	(void)unused;
	for (unsigned i = 0; i < 0x2002; i++)
		s->mem[0x10000 + i] = (u8)(i ^ i >> 7);
	s->v.rflags |= FL_DF;
	s->v.gpr[RSI] = 0x12000;
	s->v.gpr[RDI] = 0x32001;
	s->v.gpr[RCX] = 0x1001;
	assert_int_equal(op_movs(s, &in), STEP_NEXT);
	assert_memory_equal(s->mem + 0x10000, s->mem + 0x30001, 0x2002);
	assert_int_equal(s->v.gpr[RSI], 0xfffe);
	in = string(0xab, 4, 0xf3);
	s->v.gpr[RAX] = 0xaabbccdd;
	s->v.gpr[RDI] = 0x32000;
	s->v.gpr[RCX] = 3;
	assert_int_equal(op_stos(s, &in), STEP_NEXT);
	assert_int_equal(get_bytes(s, 0x31ff8, 8), 0xaabbccddaabbccdd);
	assert_int_equal(get_bytes(s, 0x31ff4, 4) == 0xaabbccdd, 0);
	assert_int_equal(s->v.gpr[RDI], 0x31ff4);
	free(s);
}

static void string_gives_way_to_events(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = string(0xab, 1, 0xf3);

	(void)unused;
	s->v.gpr[RDI] = 0x10000;
	s->v.gpr[RCX] = 0x20000;
	s->v.events = EV_IRQ;
	assert_int_equal(op_stos(s, &in), STEP_AGAIN);
	assert_true(s->v.gpr[RCX] < 0x20000 && s->v.gpr[RCX]);
	s->v.events = 0;
	assert_int_equal(op_stos(s, &in), STEP_AGAIN);
	while (s->v.gpr[RCX])
		op_stos(s, &in);
	assert_int_equal(s->v.gpr[RDI], 0x30000);
	free(s);
}

static void string_compares_find(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = string(0xa7, 1, 0xf3);

	(void)unused;
	s->mem[0x21800] = 9;
	s->v.gpr[RSI] = 0x10000;
	s->v.gpr[RDI] = 0x20000;
	s->v.gpr[RCX] = 0x5000;
	assert_int_equal(op_cmps(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RDI], 0x21801);
	assert_int_equal(s->v.gpr[RCX], 0x5000 - 0x1801);
	assert_int_equal(s->v.rflags & FL_ARITH, FL_CF | FL_SF | FL_AF);
	in = string(0xaf, 1, 0xf2); /* repne scasb: strlen */
	s->v.gpr[RAX] = 9;
	s->v.gpr[RDI] = 0x20000;
	s->v.gpr[RCX] = ~0ull;
	s->slow[0x20] = true;
	while (op_scas(s, &in) == STEP_AGAIN)
		;
	assert_int_equal(s->v.gpr[RDI], 0x21801);
	assert_int_equal(s->v.rflags & FL_ARITH, FL_ZF | FL_PF);
	in.rep = 0xf3;
	s->v.gpr[RCX] = 0;
	s->v.rflags = FL_1 | FL_CF;
	assert_int_equal(op_scas(s, &in), STEP_NEXT);
	assert_int_equal(s->v.rflags, FL_1 | FL_CF);
	free(s);
}

static void string_wraps_at_16_bits(void **unused)
{
	struct soft_vcpu *s = fake_real();
	struct insn in = string(0xab, 2, 0xf3);

	(void)unused;
	in.addrsize = 2;
	seg_set_real(&s->v, SEG_ES, 0x1000);
	s->v.gpr[RAX] = 0x1234;
	s->v.gpr[RCX] = 0xffff0004;
	s->v.gpr[RDI] = 0x7770fffc;
	assert_int_equal(op_stos(s, &in), STEP_NEXT);
	assert_int_equal(get_bytes(s, 0x1fffc, 4), 0x12341234);
	assert_int_equal(get_bytes(s, 0x10000, 4), 0x12341234);
	assert_int_equal(s->v.gpr[RDI], 0x77700004);
	assert_int_equal(s->v.gpr[RCX], 0xffff0000);
	s->v.gpr[RCX] = 2;
	s->v.gpr[RDI] = 0xffff; /* a word across the limit */
	assert_fault(s, op_stos(s, &in), EXC_GP, 0);
	free(s);
}

/* ---- old instructions against the host ---- */

static void leave_enter_and_pusha(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(4, 8);

	(void)unused;
	in.imm = 0x20;
	in.imm2 = 2;
	s->v.gpr[RBP] = 0x9000;
	put_bytes(s, 0x8ff8, 0x7777, 8);
	assert_int_equal(op_enter(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RBP], 0x7ff8);
	assert_int_equal(s->v.gpr[RSP], 0x7fe8 - 0x20);
	assert_int_equal(get_bytes(s, 0x7ff8, 8), 0x9000);
	assert_int_equal(get_bytes(s, 0x7ff0, 8), 0x7777);
	assert_int_equal(get_bytes(s, 0x7fe8, 8), 0x7ff8);
	assert_int_equal(op_leave(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RSP], 0x8000);
	assert_int_equal(s->v.gpr[RBP], 0x9000);
	assert_fault(s, op_pusha(s, &in), EXC_UD, 0);
	free(s);

	s = fake_real();
	in = insn(1, 2);
	for (unsigned i = 0; i < 8; i++)
		s->v.gpr[i] = i == RSP ? 0x8000 : i * 0x111;
	assert_int_equal(op_pusha(s, &in), STEP_NEXT);
	assert_int_equal(get_bytes(s, 0x7ff6, 2), 0x8000);
	for (unsigned i = 0; i < 8; i++)
		if (i != RSP)
			s->v.gpr[i] = 0;
	assert_int_equal(op_popa(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RDI], 0x777);
	assert_int_equal(s->v.gpr[RAX], 0);
	assert_int_equal(s->v.gpr[RSP], 0x8000);
	free(s);
}

static void decimal_adjusts(void **unused)
{
	struct soft_vcpu *s = fake_real();
	struct insn in = insn(1, 2);

	(void)unused;
	s->v.gpr[RAX] = 0xae; /* 79h + 35h */
	s->v.rflags = FL_1;
	assert_int_equal(op_daa(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RAX], 0x14);
	assert_int_equal(s->v.rflags & (FL_CF | FL_AF), FL_CF | FL_AF);
	s->v.gpr[RAX] = 0xee; /* 35h - 47h: borrow */
	s->v.rflags = FL_1 | FL_CF | FL_AF;
	assert_int_equal(op_das(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RAX], 0x88);
	assert_true(s->v.rflags & FL_CF);
	s->v.gpr[RAX] = 0x3f;
	in.imm = 10;
	assert_int_equal(op_aam(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RAX], 0x0603);
	assert_int_equal(op_aad(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RAX], 0x3f);
	in.imm = 0;
	assert_fault(s, op_aam(s, &in), EXC_DE, 0);
	s->v.gpr[RAX] = 0x020c;
	s->v.rflags = FL_1;
	assert_int_equal(op_aaa(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RAX], 0x0302);
	free(s);
}

/* ---- questions about selectors ---- */

static void lar_and_lsl_answer(void **unused)
{
	struct soft_vcpu *s = fake_long(3);
	struct insn in = insn(3, 4);

	(void)unused;
	in.reg = RAX;
	in.rm = RBX;
	s->v.gpr[RBX] = U_CODE | 3;
	assert_int_equal(op_lar(s, &in), STEP_NEXT);
	assert_true(s->v.rflags & FL_ZF);
	assert_int_equal(s->v.gpr[RAX], 0xaffb00);
	assert_int_equal(op_lsl(s, &in), STEP_NEXT);
	assert_int_equal(s->v.gpr[RAX], 0xffffffff);
	s->v.gpr[RBX] = K_CODE | 3;
	assert_int_equal(op_lsl(s, &in), STEP_NEXT);
	assert_false(s->v.rflags & FL_ZF);
	s->v.gpr[RBX] = 0xfff8;
	assert_int_equal(op_verr(s, &in), STEP_NEXT);
	assert_false(s->v.rflags & FL_ZF);
	s->v.gpr[RBX] = U_DATA | 3;
	assert_int_equal(op_verw(s, &in), STEP_NEXT);
	assert_true(s->v.rflags & FL_ZF);
	free(s);
}

static void ltr_marks_the_tss_busy(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(3, 2);

	(void)unused;
	in.rm = RBX;
	s->v.gpr[RBX] = SEL_TSS;
	put_bytes(s, GDT + SEL_TSS + 8, HIGH >> 32, 8);
	assert_int_equal(op_ltr(s, &in), STEP_NEXT);
	assert_int_equal(s->v.tr.base, HIGH + TSS);
	assert_int_equal(s->v.tr.attr, SEG_P | SYS_TSS_BUSY);
	assert_fault(s, op_ltr(s, &in), EXC_GP, SEL_TSS); /* busy already */
	s->v.gpr[RBX] = 0;
	assert_fault(s, op_ltr(s, &in), EXC_GP, 0);
	assert_int_equal(op_lldt(s, &in), STEP_NEXT);
	free(s);
}

/* ---- vector state ---- */

static void fill_state(struct soft_vcpu *s)
{
	for (unsigned i = XS_ST; i < 512; i++)
		s->v.xsave[i] = (u8)i;
	for (unsigned i = XS_YMM; i < XS_END; i++)
		s->v.xsave[i] = (u8)(i * 3);
	put64(s->v.xsave + XS_BV, 7);
}

static void xsave_writes_only_what_is_asked(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn_mem(8, 0x10fc0); /* the area crosses a page */
	u8 *area = s->mem + 0x10fc0;

	(void)unused;
	fill_state(s);
	memset(area, 0xee, 1024);
	put64(area + XS_BV, 1);
	s->v.gpr[RAX] = XC_AVX;
	s->v.gpr[RDX] = 0;
	assert_int_equal(op_xsave(s, &in), STEP_NEXT);
	assert_int_equal(get64(area + XS_BV), 5);
	assert_memory_equal(area + XS_YMM, s->v.xsave + XS_YMM, 256);
	assert_int_equal(get32(area + XS_MXCSR), 0x1f80);
	assert_int_equal(area[0], 0xee);
	assert_int_equal(area[XS_XMM], 0xee);
	assert_int_equal(area[XS_END], 0xee);
	/* A component in its initial state: bytes of that, and no bit. */
	put64(s->v.xsave + XS_BV, 3);
	s->v.gpr[RAX] = ~0u;
	s->v.gpr[RDX] = ~0u;
	assert_int_equal(op_xsave(s, &in), STEP_NEXT);
	assert_int_equal(get64(area + XS_BV), 3);
	assert_int_equal(area[XS_YMM + 5], 0);
	assert_memory_equal(area + XS_XMM, s->v.xsave + XS_XMM, 256);
	in.disp += 8;
	assert_fault(s, op_xsave(s, &in), EXC_GP, 0);
	s->v.cr0 |= CR0_TS;
	assert_fault(s, op_xsave(s, &in), EXC_NM, 0);
	free(s);
}

static void xrstor_loads_and_checks(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn_mem(8, 0x10000);
	u8 *area = s->mem + 0x10000, before[XS_END];

	(void)unused;
	fill_state(s);
	memcpy(before, s->v.xsave, sizeof(before));
	s->v.gpr[RAX] = 7;
	assert_int_equal(op_xsavec(s, &in), STEP_NEXT);
	assert_int_equal(get64(area + XS_BV), 7);
	assert_int_equal(get64(area + XS_COMP), 1ull << 63 | 7);
	memset(s->v.xsave, 0, XS_END);
	put32(s->v.xsave + XS_MXCSR, 0x1f80);
	assert_int_equal(op_xrstor(s, &in), STEP_NEXT);
	assert_memory_equal(s->v.xsave + XS_XMM, before + XS_XMM, 256);
	assert_memory_equal(s->v.xsave + XS_YMM, before + XS_YMM, 256);
	assert_memory_equal(s->v.xsave + XS_ST, before + XS_ST, 128);
	/* Not in the area: back to the initial state. */
	put64(area + XS_BV, 1);
	assert_int_equal(op_xrstor(s, &in), STEP_NEXT);
	assert_int_equal(get64(s->v.xsave + XS_BV), 1);
	assert_int_equal(s->v.xsave[XS_YMM + 1], 0);
	put64(area + XS_BV, 8);
	assert_fault(s, op_xrstor(s, &in), EXC_GP, 0);
	put64(area + XS_BV, 7);
	put64(area + XS_COMP, 0);
	put32(area + XS_MXCSR, 0x10000);
	assert_fault(s, op_xrstor(s, &in), EXC_GP, 0);
	put32(area + XS_MXCSR, 0x1fa0);
	assert_int_equal(op_xrstor(s, &in), STEP_NEXT);
	assert_int_equal(get32(s->v.xsave + XS_MXCSR), 0x1fa0);
	area[XS_BV + 20] = 1;
	assert_fault(s, op_xrstor(s, &in), EXC_GP, 0);
	free(s);
}

static void fxsave_and_environment_round_trip(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn_mem(8, 0x10000);
	u8 before[512];

	(void)unused;
	fill_state(s);
	put16(s->v.xsave + XS_FCW, 0x37f);
	put16(s->v.xsave + XS_FSW, 3 << 11);
	s->v.xsave[XS_FTW] = 0x5a;
	put64(s->v.xsave + XS_FIP, 0x1234);
	memcpy(before, s->v.xsave, 512);
	assert_int_equal(op_fxsave(s, &in), STEP_NEXT);
	assert_int_equal(get64(s->mem + 0x10000 + XS_FIP), 0);
	assert_int_equal(s->mem[0x10000 + 500], 0); /* not written */
	memset(s->v.xsave, 0, 416);
	assert_int_equal(op_fxrstor(s, &in), STEP_NEXT);
	assert_memory_equal(s->v.xsave + XS_XMM, before + XS_XMM, 256);
	assert_int_equal(s->v.xsave[XS_FTW], 0x5a);
	in.opsize = 4;
	assert_int_equal(op_fnsave(s, &in), STEP_NEXT);
	assert_int_equal(s->v.xsave[XS_FTW], 0);
	assert_int_equal(get32(s->mem + 0x10000 + 4), 0xffff0000 | 3 << 11);
	assert_int_equal(op_frstor(s, &in), STEP_NEXT);
	assert_int_equal(s->v.xsave[XS_FTW], 0x5a);
	assert_memory_equal(s->v.xsave + XS_ST + 16, before + XS_ST + 16, 10);
	assert_int_equal(op_fnstenv(s, &in), STEP_NEXT);
	assert_int_equal(op_fldenv(s, &in), STEP_NEXT);
	assert_memory_equal(s->v.xsave + XS_ST + 16, before + XS_ST + 16, 10);
	s->v.cr0 |= CR0_TS;
	assert_fault(s, op_fxsave(s, &in), EXC_NM, 0);
	free(s);
}

static void gather_stops_at_a_fault(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn_mem(4, 0);
	u8 *xmm = s->v.xsave + XS_XMM;

	(void)unused;
	in.opcode = 0x92;
	in.vlen = 16;
	in.reg = 1;
	in.vvvv = 2;
	in.index = 3;
	in.base = RBX;
	in.scale = 4;
	s->v.gpr[RBX] = 0x20000;
	put64(s->v.xsave + XS_BV, 7);
	for (unsigned i = 0; i < 4; i++) {
		put32(xmm + 32 + 4 * i, i == 1 ? 0 : 0x80000000);
		put32(xmm + 48 + 4 * i, 0x400 * i);
		put_bytes(s, 0x20000 + 0x1000 * i, 100 + i, 4);
	}
	put32(xmm + 16 + 4, 77);
	s->absent[0x21] = true; /* masked out: not touched */
	s->absent[0x23] = true;
	assert_fault(s, op_gather(s, &in), EXC_PF, 0);
	assert_int_equal(get32(xmm + 16), 100);
	assert_int_equal(get32(xmm + 16 + 4), 77);
	assert_int_equal(get32(xmm + 16 + 8), 102);
	assert_int_equal(get32(xmm + 32), 0);
	assert_int_equal(get32(xmm + 32 + 12), 0xffffffff);
	s->absent[0x23] = false;
	assert_int_equal(op_gather(s, &in), STEP_NEXT);
	assert_int_equal(get32(xmm + 16 + 12), 103);
	assert_int_equal(get64(xmm + 32 + 8), 0);
	in.index = 2;
	assert_fault(s, op_gather(s, &in), EXC_UD, 0);
	free(s);
}

static void masked_moves_leave_elements_out(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn_mem(4, 0x20ff8);
	u8 *xmm = s->v.xsave + XS_XMM;

	(void)unused;
	s->absent[0x21] = true;
	fill_state(s);
	memset(xmm + 32, 0, 16);
	put32(xmm + 32 + 4, 0x80000000);
	in.opcode = 0x2e;
	in.vlen = 16;
	in.reg = 1;
	in.vvvv = 2;
	assert_int_equal(op_maskmov(s, &in), STEP_NEXT);
	assert_int_equal(get_bytes(s, 0x20ffc, 4), get32(xmm + 16 + 4));
	assert_int_equal(get_bytes(s, 0x20ff8, 4), 0);
	in.opcode = 0x2c;
	assert_int_equal(op_maskmov(s, &in), STEP_NEXT);
	assert_int_equal(get32(xmm + 16), 0);
	assert_int_equal(get32(xmm + 16 + 4), get_bytes(s, 0x20ffc, 4));
	assert_int_equal(get64(s->v.xsave + XS_YMM + 16), 0);
	put32(xmm + 32 + 12, 0x80000000);
	in.opcode = 0x2e;
	assert_fault(s, op_maskmov(s, &in), EXC_PF, PF_W);
	/* maskmovdqu: bytes to [rdi] */
	in = insn(4, 4);
	in.reg = 1;
	in.rm = 2;
	memset(xmm + 32, 0, 16);
	xmm[32 + 7] = 0x80;
	s->v.gpr[RDI] = 0x20ff8;
	memset(xmm + 16, 0xab, 16);
	assert_int_equal(op_maskmovdqu(s, &in), STEP_NEXT);
	assert_int_equal(get_bytes(s, 0x20ffe, 2), 0xab00 | s->mem[0x20ffe]);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_complete_and_unique),
		cmocka_unit_test(rows_never_crash),
		cmocka_unit_test(popf_follows_privilege),
		cmocka_unit_test(sti_holds_interrupts_off_once),
		cmocka_unit_test(cr0_enters_long_mode),
		cmocka_unit_test(cr3_and_cr4_check_reserved_bits),
		cmocka_unit_test(debug_registers_have_rules),
		cmocka_unit_test(xsetbv_checks_components),
		cmocka_unit_test(msr_table_remembers),
		cmocka_unit_test(efer_and_tsc_have_rules),
		cmocka_unit_test(io_bitmap_decides_for_users),
		cmocka_unit_test(in_writes_as_much_as_it_reads),
		cmocka_unit_test(string_movs_crosses_pages),
		cmocka_unit_test(string_movs_stops_at_a_fault),
		cmocka_unit_test(string_goes_down_with_df),
		cmocka_unit_test(string_gives_way_to_events),
		cmocka_unit_test(string_compares_find),
		cmocka_unit_test(string_wraps_at_16_bits),
		cmocka_unit_test(leave_enter_and_pusha),
		cmocka_unit_test(decimal_adjusts),
		cmocka_unit_test(lar_and_lsl_answer),
		cmocka_unit_test(ltr_marks_the_tss_busy),
		cmocka_unit_test(xsave_writes_only_what_is_asked),
		cmocka_unit_test(xrstor_loads_and_checks),
		cmocka_unit_test(fxsave_and_environment_round_trip),
		cmocka_unit_test(gather_stops_at_a_fault),
		cmocka_unit_test(masked_moves_leave_elements_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
