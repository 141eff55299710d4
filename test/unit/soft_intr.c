/* soft_intr.c - tests of segments, exceptions, iret and far transfers. */
/* @links src/base src/x86 src/soft/seg.c src/soft/stack.c src/soft/intr.c */
/* @links src/soft/sys_flags.c src/soft/sys_iret.c src/soft/sys_far.c src/soft/sys_seg.c */
/* @links src/soft/sys_call.c src/soft/legacy.c */
#include "soft_fake.h"

/* ---- segments ---- */

static void seg_linear_checks_limits(void **unused)
{
	struct soft_vcpu *s = fake_protected(0);
	struct seg *ds = &s->v.seg[SEG_DS];
	u64 lin;

	(void)unused;
	ds->base = 0x4000;
	ds->limit = 0xfff;
	assert_int_equal(seg_linear(s, SEG_DS, 0xffc, 4, ACC_R, &lin), 0);
	assert_int_equal(lin, 0x4ffc);
	assert_fault(s, seg_linear(s, SEG_DS, 0xffd, 4, ACC_R, &lin), EXC_GP, 0);
	ds->attr |= 4; /* expand down */
	assert_fault(s, seg_linear(s, SEG_DS, 0xfff, 1, ACC_R, &lin), EXC_GP, 0);
	assert_int_equal(seg_linear(s, SEG_DS, 0x1000, 4, ACC_R, &lin), 0);
	ds->attr &= ~2; /* read-only */
	assert_fault(s, seg_linear(s, SEG_DS, 0x1000, 4, ACC_W, &lin), EXC_GP, 0);
	ds->attr = 0; /* null */
	assert_fault(s, seg_linear(s, SEG_DS, 0, 1, ACC_R, &lin), EXC_GP, 0);
	assert_fault(s, seg_linear(s, SEG_CS, 0, 1, ACC_W, &lin), EXC_GP, 0);
	s->v.seg[SEG_SS].limit = 3;
	assert_fault(s, seg_linear(s, SEG_SS, 4, 1, ACC_R, &lin), EXC_SS, 0);
	free(s);
}

static void seg_linear_wants_canonical_addresses(void **unused)
{
	struct soft_vcpu *s = fake_long(3);
	u64 lin;

	(void)unused;
	s->v.seg[SEG_DS].base = 0x1000;
	s->v.seg[SEG_GS].base = 0x1000;
	assert_int_equal(seg_linear(s, SEG_DS, 0x10, 8, ACC_W, &lin), 0);
	assert_int_equal(lin, 0x10);
	assert_int_equal(seg_linear(s, SEG_GS, 0x10, 8, ACC_W, &lin), 0);
	assert_int_equal(lin, 0x1010);
	assert_fault(s, seg_linear(s, SEG_DS, 0x7ffffffffff9, 8, ACC_R, &lin), EXC_GP, 0);
	assert_fault(s, seg_linear(s, SEG_SS, 0x800000000000, 1, ACC_R, &lin), EXC_SS, 0);
	free(s);
}

static void seg_load_checks(void **unused)
{
	struct soft_vcpu *s = fake_long(3);

	(void)unused;
	assert_int_equal(seg_load(s, SEG_FS, 0), 0);
	assert_int_equal(s->v.seg[SEG_FS].attr, 0);
	assert_fault(s, seg_load(s, SEG_SS, 0), EXC_GP, 0);
	assert_fault(s, seg_load(s, SEG_DS, K_DATA), EXC_GP, K_DATA);
	assert_fault(s, seg_load(s, SEG_DS, 0x7fff), EXC_GP, 0x7ffc);
	assert_fault(s, seg_load(s, SEG_DS, SEL_TSS), EXC_GP, SEL_TSS);
	desc_put(s, SEL_SMALL, 0x4000, 0xfff, SEG_P | SEG_S | FLAT_USER | SEG_DB | 2);
	assert_int_equal(seg_load(s, SEG_DS, SEL_SMALL | 3), 0);
	assert_int_equal(s->v.seg[SEG_DS].base, 0x4000);
	assert_int_equal(s->v.seg[SEG_DS].limit, 0xfff);
	assert_int_equal(get_bytes(s, GDT + SEL_SMALL + 5, 1) & 1, 1); /* accessed */
	desc_put(s, SEL_SMALL, 0, 0, SEG_S | FLAT_USER | 2);
	assert_fault(s, seg_load(s, SEG_ES, SEL_SMALL | 3), EXC_NP, SEL_SMALL);
	assert_fault(s, seg_load(s, SEG_SS, SEL_SMALL | 2), EXC_GP, SEL_SMALL);
	assert_fault(s, seg_load(s, SEG_SS, SEL_SMALL | 3), EXC_SS, SEL_SMALL);
	free(s);
}

/* ---- exceptions in long mode ---- */

#define FRAME(s, i) get_bytes(s, (s)->v.gpr[RSP] + 8 * (i), 8)

static void intr_from_user_switches_stacks(void **unused)
{
	struct soft_vcpu *s = fake_long(3);
	struct fault f = { .vec = EXC_PF, .has_err = true, .err = 6, .cr2 = 0x1234 };

	(void)unused;
	put_bytes(s, TSS + 4, 0x9008, 8);
	gate64_put(s, EXC_PF, K_CODE, HIGH + 0x100, SYS_INT, 0, 0);
	s->v.rflags = FL_1 | FL_IF | FL_TF | FL_NT | FL_CF;
	assert_int_equal(intr_deliver(s, INTR_EXCEPTION, &f), STEP_JUMP);
	assert_int_equal(s->v.cpl, 0);
	assert_int_equal(s->v.rip, HIGH + 0x100);
	assert_int_equal(s->v.cr2, 0x1234);
	assert_int_equal(s->v.seg[SEG_CS].sel, K_CODE);
	assert_int_equal(s->v.seg[SEG_SS].sel, 0);
	assert_int_equal(s->v.gpr[RSP], 0x9000 - 48);
	assert_int_equal(FRAME(s, 0), 6);
	assert_int_equal(FRAME(s, 1), 0x5000);
	assert_int_equal(FRAME(s, 2), U_CODE | 3);
	assert_int_equal(FRAME(s, 3), FL_1 | FL_IF | FL_TF | FL_NT | FL_CF | FL_RF);
	assert_int_equal(FRAME(s, 4), 0x8000);
	assert_int_equal(FRAME(s, 5), U_DATA | 3);
	assert_int_equal(s->v.rflags, FL_1 | FL_CF);
	assert_true(s->mode_changes);
	free(s);
}

static void intr_uses_ist_and_trap_gates(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct fault f = { .vec = 2 };

	(void)unused;
	put_bytes(s, TSS + 0x24 + 8, 0xa000, 8); /* IST 2 */
	gate64_put(s, 2, K_CODE, 0x7000, SYS_TRAP, 0, 2);
	s->v.rflags = FL_1 | FL_IF;
	assert_int_equal(intr_deliver(s, INTR_NMI, &f), STEP_JUMP);
	assert_int_equal(s->v.gpr[RSP], 0xa000 - 40);
	assert_int_equal(FRAME(s, 2), FL_1 | FL_IF);
	assert_int_equal(s->v.rflags, FL_1 | FL_IF);
	assert_int_equal(s->v.seg[SEG_SS].sel, K_DATA);
	assert_true(s->v.nmi_masked);
	/* The next one on the present stack, aligned. */
	s->v.gpr[RSP] = 0x8009;
	gate64_put(s, 0x30, K_CODE, 0x7000, SYS_INT, 0, 0);
	f.vec = 0x30;
	assert_int_equal(intr_deliver(s, INTR_EXTERNAL, &f), STEP_JUMP);
	assert_int_equal(s->v.gpr[RSP], 0x8000 - 40);
	assert_int_equal(FRAME(s, 3), 0x8009);
	free(s);
}

static void intr_double_fault_then_shutdown(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct fault f = { .vec = EXC_GP, .has_err = true };

	(void)unused;
	/* #GP's gate is absent: #NP, so a double fault. */
	gate64_put(s, EXC_DF, K_CODE, 0x7000, SYS_INT, 0, 0);
	assert_int_equal(intr_deliver(s, INTR_EXCEPTION, &f), STEP_JUMP);
	assert_int_equal(s->v.rip, 0x7000);
	assert_int_equal(FRAME(s, 0), 0);
	/* And without a handler for that: shutdown. */
	put_bytes(s, IDT + EXC_DF * 16, 0, 8);
	assert_int_equal(intr_deliver(s, INTR_EXCEPTION, &f), STEP_EXIT);
	assert_int_equal(s->exit, RUN_SHUTDOWN);
	free(s);
}

static void intr_benign_then_fault_is_serial(void **unused)
{
	struct soft_vcpu *s = fake_long(3);
	struct fault f = { .vec = EXC_UD };

	(void)unused;
	put_bytes(s, TSS + 4, 0x9000, 8);
	gate64_put(s, EXC_GP, K_CODE, 0x7000, SYS_INT, 0, 0);
	put_bytes(s, IDT + EXC_UD * 16, 0, 8);
	assert_int_equal(intr_deliver(s, INTR_EXCEPTION, &f), STEP_JUMP);
	assert_int_equal(FRAME(s, 0), EXC_UD * 8 + 2 + 1); /* IDT, external to the program */
	/* A stack that cannot be written: #PF there, and its handler uses an IST stack. */
	s->absent[8] = true;
	put_bytes(s, TSS + 0x24, 0xa000, 8);
	gate64_put(s, 0x40, K_CODE, 0x7000, SYS_INT, 0, 0);
	gate64_put(s, EXC_PF, K_CODE, 0x7700, SYS_INT, 0, 1);
	fake_segs(s, U_CODE, FLAT_CODE64, U_DATA, 3);
	f.vec = 0x40;
	assert_int_equal(intr_deliver(s, INTR_EXTERNAL, &f), STEP_JUMP);
	assert_int_equal(s->v.rip, 0x7700);
	assert_int_equal(s->v.cr2, 0x9000 - 40);
	assert_int_equal(FRAME(s, 0), PF_W);
	assert_int_equal(FRAME(s, 4), 0x8000);
	free(s);
}

static void int_n_checks_the_gate(void **unused)
{
	struct soft_vcpu *s = fake_long(3);
	struct insn in = insn(2, 4);

	(void)unused;
	in.imm = 0x80;
	put_bytes(s, TSS + 4, 0x9000, 8);
	gate64_put(s, 0x80, K_CODE, 0x7000, SYS_INT, 0, 0);
	assert_fault(s, op_int(s, &in), EXC_GP, 0x80 * 8 + 2);
	assert_int_equal(s->v.rip, 0x5000);
	gate64_put(s, 0x80, K_CODE, 0x7000, SYS_INT, 3, 0);
	assert_int_equal(op_int(s, &in), STEP_JUMP);
	assert_int_equal(FRAME(s, 0), 0x5002);
	free(s);
}

/* ---- iret ---- */

static void frame_put(struct soft_vcpu *s, u64 at, u64 rip, u64 cs, u64 flags, u64 rsp, u64 ss)
{
	u64 frame[5] = { rip, cs, flags, rsp, ss };

	memcpy(s->mem + at, frame, sizeof(frame));
	s->v.gpr[RSP] = at;
}

static void iret_to_user_and_back(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(2, 8);

	(void)unused;
	s->v.nmi_masked = true;
	s->v.seg[SEG_FS].base = 0x1234;
	s->v.seg[SEG_FS].attr = 0; /* null, with a base of its own */
	frame_put(s, 0x8000, 0x400000, U_CODE | 3, FL_IF | FL_CF | FL_ID | FL_IOPL, 0x7ff0, U_DATA | 3);
	assert_int_equal(op_iretq(s, &in), STEP_JUMP);
	assert_int_equal(s->v.cpl, 3);
	assert_int_equal(s->v.rip, 0x400000);
	assert_int_equal(s->v.gpr[RSP], 0x7ff0);
	assert_int_equal(s->v.rflags, FL_1 | FL_IF | FL_CF | FL_ID | FL_IOPL);
	assert_int_equal(s->v.seg[SEG_SS].sel, U_DATA | 3);
	assert_int_equal(s->v.seg[SEG_DS].attr, 0); /* it was the kernel's */
	assert_int_equal(s->v.seg[SEG_FS].base, 0x1234);
	assert_false(s->v.nmi_masked);
	/* From user to user: no gain of privilege, IOPL stays; IF follows since IOPL is 3. */
	frame_put(s, 0x8000, 0x400000, U_CODE | 3, 0, 0x7ff0, U_DATA | 3);
	assert_int_equal(op_iretq(s, &in), STEP_JUMP);
	assert_int_equal(s->v.rflags, FL_1 | FL_IOPL);
	frame_put(s, 0x8000, 0x400000, K_CODE, 0, 0x7ff0, K_DATA);
	assert_fault(s, op_iretq(s, &in), EXC_GP, K_CODE);
	free(s);
}

static void iret_refuses_bad_frames(void **unused)
{
	static const struct { u64 rip, cs, ss; u32 err; u8 vec; } bad[] = {
		{ 0x400000, 3, U_DATA | 3, 0, EXC_GP },
		{ 0x400000, U_DATA | 3, U_DATA | 3, U_DATA, EXC_GP },
		{ 0x400000, U_CODE | 3, K_DATA, K_DATA, EXC_GP },
		{ 0x400000, U_CODE | 3, 3, 0, EXC_GP },
		{ 0x400000, U_CODE | 3, U_CODE | 3, U_CODE, EXC_GP },
		{ 0x800000000000, U_CODE | 3, U_DATA | 3, 0, EXC_GP },
		{ 0x400000, K_CODE | 3, U_DATA | 3, K_CODE, EXC_GP },
		{ 0x400000, 0xfff3, U_DATA | 3, 0xfff0, EXC_GP },
		{ 0x100000000, U_CODE32 | 3, U_DATA | 3, 0, EXC_GP },
	};
	struct insn in = insn(2, 8);

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct soft_vcpu *s = fake_long(0);

		frame_put(s, 0x8000, bad[i].rip, bad[i].cs, FL_IF, 0x7000, bad[i].ss);
		assert_fault(s, op_iretq(s, &in), bad[i].vec, bad[i].err);
		assert_int_equal(s->v.gpr[RSP], 0x8000);
		assert_int_equal(s->v.rflags, FL_1);
		assert_int_equal(s->v.cpl, 0);
		free(s);
	}
}

static void iret_within_the_kernel(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(2, 8);

	(void)unused;
	s->v.dr[7] = 0x401; /* RF is kept while there is a breakpoint it can mean something to */
	frame_put(s, 0x8000, HIGH, K_CODE, FL_IF | FL_RF, 0x7770, 0);
	assert_int_equal(op_iretq(s, &in), STEP_JUMP);
	assert_int_equal(s->v.gpr[RSP], 0x7770);
	assert_int_equal(s->v.rflags, FL_1 | FL_IF | FL_RF);
	assert_int_equal(s->v.seg[SEG_SS].attr, 0);
	s->v.rflags |= FL_NT;
	assert_fault(s, op_iretq(s, &in), EXC_GP, 0);
	free(s);
}

/* ---- system calls ---- */

static void syscall_and_sysret(void **unused)
{
	struct soft_vcpu *s = fake_long(3);
	struct insn in = insn(2, 8);

	(void)unused;
	s->v.star = (u64)U_CODE32 << 48 | (u64)3 << 48 | (u64)K_CODE << 32;
	s->v.lstar = HIGH;
	s->v.sfmask = FL_IF | FL_DF;
	s->v.rflags = FL_1 | FL_IF | FL_CF;
	assert_int_equal(op_syscall(s, &in), STEP_JUMP);
	assert_int_equal(s->v.rip, HIGH);
	assert_int_equal(s->v.gpr[RCX], 0x5002);
	assert_int_equal(s->v.gpr[R11], FL_1 | FL_IF | FL_CF);
	assert_int_equal(s->v.rflags, FL_1 | FL_CF);
	assert_int_equal(s->v.cpl, 0);
	assert_int_equal(s->v.seg[SEG_SS].sel, K_DATA);
	s->v.gpr[R11] |= FL_RF | FL_VM;
	assert_int_equal(op_sysret(s, &in), STEP_JUMP);
	assert_int_equal(s->v.rip, 0x5002);
	assert_int_equal(s->v.cpl, 3);
	assert_int_equal(s->v.seg[SEG_CS].sel, U_CODE | 3);
	assert_int_equal(s->v.seg[SEG_SS].sel, U_DATA | 3);
	assert_int_equal(s->v.rflags, FL_1 | FL_IF | FL_CF);
	assert_true(in_64bit(&s->v));
	assert_fault(s, op_sysret(s, &in), EXC_GP, 0);
	s->v.efer &= ~(u64)EFER_SCE;
	assert_fault(s, op_syscall(s, &in), EXC_UD, 0);
	free(s);
}

static void sysret_to_compatibility_mode(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = insn(2, 4);

	(void)unused;
	s->v.star = (u64)(U_CODE32 | 3) << 48;
	s->v.gpr[RCX] = 0xffff12345678;
	s->v.gpr[R11] = FL_IF;
	assert_int_equal(op_sysret(s, &in), STEP_JUMP);
	assert_int_equal(s->v.rip, 0x12345678);
	assert_int_equal(s->v.seg[SEG_CS].sel, U_CODE32 | 3);
	assert_false(in_64bit(&s->v));
	assert_int_equal(s->v.seg[SEG_CS].attr & SEG_DB, SEG_DB);
	free(s);
}

/* ---- far jumps, calls and returns ---- */

static struct insn far_to(struct soft_vcpu *s, unsigned ext, unsigned opsize, u64 off, u16 sel)
{
	struct insn in = insn_mem(opsize, 0x6000);

	in.opcode = 0xff;
	in.modrm = (u8)(ext << 3);
	put_bytes(s, 0x6000, off, opsize);
	put_bytes(s, 0x6000 + opsize, sel, 2);
	return in;
}

static void far_jump_between_modes(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = far_to(s, 5, 4, 0x5555, K_CODE32);

	(void)unused;
	assert_int_equal(op_jmp(s, &in), STEP_JUMP);
	assert_int_equal(s->v.rip, 0x5555);
	assert_false(in_64bit(&s->v));
	/* And from compatibility mode by a pointer in the instruction. */
	in = insn(7, 4);
	in.opcode = 0xea;
	in.imm = 0x7777;
	in.imm2 = K_CODE;
	assert_int_equal(op_jmp(s, &in), STEP_JUMP);
	assert_true(in_64bit(&s->v));
	assert_int_equal(s->v.rip, 0x7777);
	in = far_to(s, 5, 4, 0, U_CODE | 3);
	assert_fault(s, op_jmp(s, &in), EXC_GP, U_CODE);
	in = far_to(s, 5, 4, 0, 0);
	assert_fault(s, op_jmp(s, &in), EXC_GP, 0);
	in = far_to(s, 5, 4, 0, SEL_TSS);
	assert_fault(s, op_jmp(s, &in), EXC_GP, SEL_TSS);
	free(s);
}

static void far_call_and_return(void **unused)
{
	struct soft_vcpu *s = fake_long(0);
	struct insn in = far_to(s, 3, 8, HIGH + 1, K_CODE), ret = insn(2, 8);

	(void)unused;
	s->v.vendor = VENDOR_INTEL;
	assert_int_equal(op_call(s, &in), STEP_JUMP);
	assert_int_equal(s->v.gpr[RSP], 0x8000 - 16);
	assert_int_equal(FRAME(s, 0), 0x5003);
	assert_int_equal(FRAME(s, 1), K_CODE);
	ret.opcode = 0xcb;
	assert_int_equal(op_ret(s, &ret), STEP_JUMP);
	assert_int_equal(s->v.rip, 0x5003);
	assert_int_equal(s->v.gpr[RSP], 0x8000);
	/* Outward: rip, cs, rsp, ss. */
	put_bytes(s, 0x8000, 0x1111, 8);
	put_bytes(s, 0x8008, U_CODE | 3, 8);
	put_bytes(s, 0x8010, 0x7000, 8);
	put_bytes(s, 0x8018, U_DATA | 3, 8);
	assert_int_equal(op_ret(s, &ret), STEP_JUMP);
	assert_int_equal(s->v.cpl, 3);
	assert_int_equal(s->v.gpr[RSP], 0x7000);
	free(s);
}

static void call_gate_to_the_kernel(void **unused)
{
	struct soft_vcpu *s = fake_long(3);
	struct insn in = far_to(s, 3, 4, 0, SEL_GATE | 3);

	(void)unused;
	put_bytes(s, TSS + 4, 0x9000, 8);
	put_bytes(s, GDT + SEL_GATE, 0x4321 | (u64)K_CODE << 16 | 0xecull << 40, 8);
	put_bytes(s, GDT + SEL_GATE + 8, HIGH >> 32, 8);
	assert_int_equal(op_call(s, &in), STEP_JUMP);
	assert_int_equal(s->v.cpl, 0);
	assert_int_equal(s->v.rip, HIGH + 0x4321);
	assert_int_equal(s->v.gpr[RSP], 0x9000 - 32);
	assert_int_equal(FRAME(s, 0), 0x5003);
	assert_int_equal(FRAME(s, 1), U_CODE | 3);
	assert_int_equal(FRAME(s, 2), 0x8000);
	assert_int_equal(FRAME(s, 3), U_DATA | 3);
	free(s);
}

/* ---- protected mode ---- */

static void intr_in_protected_mode(void **unused)
{
	struct soft_vcpu *s = fake_protected(3);
	struct fault f = { .vec = EXC_GP, .has_err = true, .err = 0x18 };
	struct insn in = insn(1, 4);

	(void)unused;
	s->v.tr.attr = SEG_P | SYS_TSS_BUSY;
	put_bytes(s, TSS + 4, 0x9000, 4);
	put_bytes(s, TSS + 8, K_DATA, 4);
	gate32_put(s, EXC_GP, K_CODE32, 0x7000, SYS_INT, 0);
	s->v.rflags |= FL_IF;
	s->v.dr[7] = 0x401;
	assert_int_equal(intr_deliver(s, INTR_EXCEPTION, &f), STEP_JUMP);
	assert_int_equal(s->v.cpl, 0);
	assert_int_equal(s->v.seg[SEG_SS].sel, K_DATA);
	assert_int_equal(s->v.gpr[RSP], 0x9000 - 24);
	assert_int_equal(get_bytes(s, 0x9000 - 24, 4), 0x18);
	assert_int_equal(get_bytes(s, 0x9000 - 20, 4), 0x5000);
	assert_int_equal(get_bytes(s, 0x9000 - 4, 4), U_DATA | 3);
	/* Back again. */
	s->v.gpr[RSP] += 4;
	assert_int_equal(op_iretd(s, &in), STEP_JUMP);
	assert_int_equal(s->v.cpl, 3);
	assert_int_equal(s->v.gpr[RSP], 0x8000);
	assert_int_equal(s->v.rflags & (FL_IF | FL_RF), FL_IF | FL_RF);
	/* A stack segment in the TSS that is not the kernel's: #TS. */
	put_bytes(s, TSS + 8, U_DATA | 3, 4);
	gate32_put(s, EXC_TS, K_CODE32, 0x7000, SYS_INT, 0);
	assert_int_equal(intr_deliver(s, INTR_EXCEPTION, &f), STEP_EXIT);
	free(s);
}

static void virtual_8086_and_back(void **unused)
{
	struct soft_vcpu *s = fake_protected(0);
	struct fault f = { .vec = EXC_GP, .has_err = true };
	struct insn in = insn(1, 4);
	u32 frame[] = { 0x100, 0x200, FL_1 | FL_VM | FL_IF, 0x1000, 0x300, 1, 2, 3, 4 };

	(void)unused;
	put_bytes(s, TSS + 4, 0x9000, 4);
	put_bytes(s, TSS + 8, K_DATA, 4);
	gate32_put(s, EXC_GP, K_CODE32, 0x7000, SYS_INT, 0);
	memcpy(s->mem + 0x8000, frame, sizeof(frame));
	assert_int_equal(op_iretd(s, &in), STEP_JUMP);
	assert_int_equal(s->v.cpl, 3);
	assert_int_equal(s->v.seg[SEG_CS].base, 0x2000);
	assert_int_equal(s->v.seg[SEG_SS].base, 0x3000);
	assert_int_equal(s->v.seg[SEG_ES].sel, 1);
	assert_int_equal(s->v.seg[SEG_GS].sel, 4);
	assert_fault(s, op_cli(s, &in), EXC_GP, 0);
	assert_int_equal(intr_deliver(s, INTR_EXCEPTION, &f), STEP_JUMP);
	assert_int_equal(s->v.cpl, 0);
	assert_int_equal(s->v.rflags & FL_VM, 0);
	assert_int_equal(s->v.gpr[RSP], 0x9000 - 40);
	assert_int_equal(get_bytes(s, 0x9000 - 4, 4), 4); /* gs */
	assert_int_equal(get_bytes(s, 0x9000 - 36, 4), 0x100);
	assert_int_equal(s->v.seg[SEG_DS].attr, 0);
	free(s);
}

/* ---- real mode ---- */

static void intr_in_real_mode(void **unused)
{
	struct soft_vcpu *s = fake_real();
	struct insn in = insn(2, 2);

	(void)unused;
	put_bytes(s, 0x6000 + 0x10 * 4, 0x0123 | 0x456u << 16, 4);
	s->v.rflags |= FL_IF | FL_CF;
	s->v.seg[SEG_CS].sel = 0x10;
	in.imm = 0x10;
	assert_int_equal(op_int(s, &in), STEP_JUMP);
	assert_int_equal(s->v.rip, 0x123);
	assert_int_equal(s->v.seg[SEG_CS].base, 0x4560);
	assert_int_equal(s->v.gpr[RSP], 0x7ffa);
	assert_int_equal(get_bytes(s, 0x7ffa, 2), 0x5002);
	assert_int_equal(get_bytes(s, 0x7ffc, 2), 0x10);
	assert_int_equal(get_bytes(s, 0x7ffe, 2), FL_1 | FL_IF | FL_CF);
	assert_int_equal(s->v.rflags, FL_1 | FL_CF);
	assert_int_equal(op_iret(s, &in), STEP_JUMP);
	assert_int_equal(s->v.rip, 0x5002);
	assert_int_equal(s->v.rflags, FL_1 | FL_IF | FL_CF);
	assert_int_equal(s->v.gpr[RSP], 0x8000);
	free(s);
}

static void short_idt_in_real_mode_shuts_down(void **unused)
{
	struct soft_vcpu *s = fake_real();
	struct fault f = { .vec = EXC_UD };

	(void)unused;
	s->v.idt.limit = 0;
	assert_int_equal(intr_deliver(s, INTR_EXCEPTION, &f), STEP_EXIT);
	assert_int_equal(s->exit, RUN_SHUTDOWN);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seg_linear_checks_limits),
		cmocka_unit_test(seg_linear_wants_canonical_addresses),
		cmocka_unit_test(seg_load_checks),
		cmocka_unit_test(intr_from_user_switches_stacks),
		cmocka_unit_test(intr_uses_ist_and_trap_gates),
		cmocka_unit_test(intr_double_fault_then_shutdown),
		cmocka_unit_test(intr_benign_then_fault_is_serial),
		cmocka_unit_test(int_n_checks_the_gate),
		cmocka_unit_test(iret_to_user_and_back),
		cmocka_unit_test(iret_refuses_bad_frames),
		cmocka_unit_test(iret_within_the_kernel),
		cmocka_unit_test(syscall_and_sysret),
		cmocka_unit_test(sysret_to_compatibility_mode),
		cmocka_unit_test(far_jump_between_modes),
		cmocka_unit_test(far_call_and_return),
		cmocka_unit_test(call_gate_to_the_kernel),
		cmocka_unit_test(intr_in_protected_mode),
		cmocka_unit_test(virtual_8086_and_back),
		cmocka_unit_test(intr_in_real_mode),
		cmocka_unit_test(short_idt_in_real_mode_shuts_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
