/* ops.h - the functions of the instructions that are done in C; sysops.c has a row for each. */
#ifndef PANDOK_SOFT_OPS_H
#define PANDOK_SOFT_OPS_H

#include "soft/sys.h"

/* One line a function: enum step op_x(struct soft_vcpu *s, const struct insn *in). */
#define OPS(X)                                                                                   \
	/* sys_flags.c */ X(cli) X(sti) X(clac_stac) X(pushf) X(popf)                            \
	/* sys_iret.c */ X(iret) X(iretd) X(iretq) X(int) X(int3) X(into) X(int1)                \
	/* sys_seg.c */ X(lds) X(les) X(lfs) X(lgs) X(lss) X(lgdt) X(lidt) X(sgdt) X(sidt)       \
	X(sldt) X(str) X(lldt) X(ltr) X(lar) X(lsl) X(verr) X(verw) X(arpl)                      \
	/* sys_cr.c */ X(clts) X(lmsw) X(smsw) X(xgetbv) X(xsetbv)                               \
	/* sys_msr.c */ X(rdmsr) X(wrmsr) X(rdfsbase) X(rdgsbase) X(wrfsbase) X(wrgsbase)        \
	X(swapgs)                                                                                \
	/* sys_call.c */ X(syscall) X(sysret) X(sysenter) X(sysexit)                             \
	/* sys_misc.c */ X(ud) X(too_long) X(nop) X(clflush) X(nop_cpl0) X(hlt) X(invlpg)        \
	X(invpcid) X(rdtsc) X(rdtscp) X(rdpid) X(rdpmc) X(cpuid) X(vmcall) X(rdpkru) X(wrpkru)                       \
	/* sys_io.c */ X(in) X(out) X(ins) X(outs)                                               \
	/* string.c */ X(movs) X(stos) X(lods) X(cmps) X(scas)                                   \
	/* legacy.c */ X(jmp) X(call) X(ret) X(loop) X(loope) X(loopne) X(jcxz) X(jcc) X(push) X(pop)   \
	X(pusha) X(popa) X(enter) X(leave) X(bound) X(bt) X(xlat) X(daa) X(das) X(aaa) X(aas)    \
	X(aam) X(aad) X(salc)                                                                    \
	/* sysops.c */ X(mov)                                                                    \
	/* xsave.c */ X(xsave) X(xsavec) X(xrstor) X(fxsave) X(fxrstor) X(vzero)                          \
	/* x87.c */ X(fnstenv) X(fldenv) X(fnsave) X(frstor)                                     \
	/* gather.c */ X(gather) X(maskmov) X(maskmovdqu) X(maskmovq)

#define X(name) enum step op_##name(struct soft_vcpu *s, const struct insn *in);
OPS(X)
#undef X

/* Forms of a mnemonic that has several, and what they share. */
enum step mov_from_sreg(struct soft_vcpu *s, const struct insn *in);
enum step mov_to_sreg(struct soft_vcpu *s, const struct insn *in);
enum step mov_from_cr(struct soft_vcpu *s, const struct insn *in);
enum step mov_to_cr(struct soft_vcpu *s, const struct insn *in);
enum step mov_from_dr(struct soft_vcpu *s, const struct insn *in);
enum step mov_to_dr(struct soft_vcpu *s, const struct insn *in);
enum step push_sreg(struct soft_vcpu *s, const struct insn *in);
enum step pop_sreg(struct soft_vcpu *s, const struct insn *in);
enum step far_jump(struct soft_vcpu *s, const struct insn *in, bool call);
enum step retf(struct soft_vcpu *s, const struct insn *in, u64 drop);

#endif
