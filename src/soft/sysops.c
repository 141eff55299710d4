/* sysops.c - the table of instructions that are done in C, by mnemonic. */
#include <Zydis/Zydis.h>

#include "soft/ops.h"

/* mov with a control, debug or segment register; every other mov is the translator's. */
enum step op_mov(struct soft_vcpu *s, const struct insn *in)
{
	if (in->map == 0)
		return in->opcode == 0x8e ? mov_to_sreg(s, in) : mov_from_sreg(s, in);
	switch (in->opcode) {
	case 0x20:
		return mov_from_cr(s, in);
	case 0x22:
		return mov_to_cr(s, in);
	case 0x21:
		return mov_from_dr(s, in);
	case 0x23:
		return mov_to_dr(s, in);
	default:
		return fault_ud(s);
	}
}

#define MN(name) ZYDIS_MNEMONIC_##name
#define L ROW_LIGHT
#define E ROW_ENDS

const struct insn_row insn_rows[] = {
	/* control and debug registers, segment registers */
	{ MN(MOV), L | E, op_mov, "SDM 2B MOV" },
	{ MN(CLTS), L | E, op_clts, "SDM 2A CLTS" },
	{ MN(LMSW), L | E, op_lmsw, "SDM 2A LMSW" },
	{ MN(SMSW), L, op_smsw, "SDM 2B SMSW" },
	{ MN(XGETBV), L, op_xgetbv, "SDM 2C XGETBV" },
	{ MN(XSETBV), L | E, op_xsetbv, "SDM 2C XSETBV" },
	{ MN(LDS), L | E, op_lds, "SDM 2A LDS" },
	{ MN(LES), L | E, op_les, "SDM 2A LES" },
	{ MN(LFS), L | E, op_lfs, "SDM 2A LFS" },
	{ MN(LGS), L | E, op_lgs, "SDM 2A LGS" },
	{ MN(LSS), L | E, op_lss, "SDM 2A LSS" },

	/* descriptor tables */
	{ MN(LGDT), L, op_lgdt, "SDM 2A LGDT" },
	{ MN(LIDT), L, op_lidt, "SDM 2A LIDT" },
	{ MN(SGDT), L, op_sgdt, "SDM 2B SGDT" },
	{ MN(SIDT), L, op_sidt, "SDM 2B SIDT" },
	{ MN(LLDT), L, op_lldt, "SDM 2A LLDT" },
	{ MN(SLDT), L, op_sldt, "SDM 2B SLDT" },
	{ MN(LTR), L, op_ltr, "SDM 2A LTR" },
	{ MN(STR), L, op_str, "SDM 2B STR" },
	{ MN(LAR), L, op_lar, "SDM 2A LAR" },
	{ MN(LSL), L, op_lsl, "SDM 2A LSL" },
	{ MN(VERR), L, op_verr, "SDM 2C VERR" },
	{ MN(VERW), L, op_verw, "SDM 2C VERW" },
	{ MN(ARPL), L, op_arpl, "SDM 2A ARPL" },

	/* flags */
	{ MN(CLI), L, op_cli, "SDM 2A CLI" },
	{ MN(STI), L | E, op_sti, "SDM 2B STI" },
	{ MN(CLAC), L | E, op_clac_stac, "SDM 2A CLAC" },
	{ MN(STAC), L | E, op_clac_stac, "SDM 2B STAC" },
	{ MN(PUSHF), L, op_pushf, "SDM 2B PUSHF" },
	{ MN(PUSHFD), L, op_pushf, "SDM 2B PUSHF" },
	{ MN(PUSHFQ), L, op_pushf, "SDM 2B PUSHF" },
	{ MN(POPF), L | E, op_popf, "SDM 2B POPF" },
	{ MN(POPFD), L | E, op_popf, "SDM 2B POPF" },
	{ MN(POPFQ), L | E, op_popf, "SDM 2B POPF" },

	/* model-specific registers */
	{ MN(RDMSR), L, op_rdmsr, "SDM 2B RDMSR" },
	{ MN(WRMSR), L | E, op_wrmsr, "SDM 2C WRMSR" },
	{ MN(RDFSBASE), L, op_rdfsbase, "SDM 2B RDFSBASE" },
	{ MN(RDGSBASE), L, op_rdgsbase, "SDM 2B RDGSBASE" },
	{ MN(WRFSBASE), L, op_wrfsbase, "SDM 2C WRFSBASE" },
	{ MN(WRGSBASE), L, op_wrgsbase, "SDM 2C WRGSBASE" },
	{ MN(SWAPGS), L, op_swapgs, "SDM 2B SWAPGS" },

	/* transfers of control */
	{ MN(INT), L | E, op_int, "SDM 2A INT" },
	{ MN(INT3), L | E, op_int3, "SDM 2A INT" },
	{ MN(INTO), L | E, op_into, "SDM 2A INT" },
	{ MN(INT1), L | E, op_int1, "SDM 2A INT" },
	{ MN(IRET), L | E, op_iret, "SDM 2A IRET" },
	{ MN(IRETD), L | E, op_iretd, "SDM 2A IRET" },
	{ MN(IRETQ), L | E, op_iretq, "SDM 2A IRET" },
	{ MN(SYSCALL), L | E, op_syscall, "SDM 2B SYSCALL" },
	{ MN(SYSRET), L | E, op_sysret, "SDM 2B SYSRET" },
	{ MN(SYSENTER), L | E, op_sysenter, "SDM 2B SYSENTER" },
	{ MN(SYSEXIT), L | E, op_sysexit, "SDM 2B SYSEXIT" },
	{ MN(JMP), L | E, op_jmp, "SDM 2A JMP" },
	{ MN(CALL), L | E, op_call, "SDM 2A CALL" },
	{ MN(RET), L | E, op_ret, "SDM 2B RET" },
	{ MN(LOOP), L | E, op_loop, "SDM 2A LOOP" },
	{ MN(LOOPE), L | E, op_loope, "SDM 2A LOOP" },
	{ MN(LOOPNE), L | E, op_loopne, "SDM 2A LOOP" },
	{ MN(JCXZ), L | E, op_jcxz, "SDM 2A Jcc" },
	{ MN(JECXZ), L | E, op_jcxz, "SDM 2A Jcc" },
	{ MN(JRCXZ), L | E, op_jcxz, "SDM 2A Jcc" },

	/* the stack, where its forms are not copied */
	{ MN(PUSH), L, op_push, "SDM 2B PUSH" },
	{ MN(POP), L | E, op_pop, "SDM 2B POP" },
	{ MN(PUSHA), L, op_pusha, "SDM 2B PUSHA" },
	{ MN(PUSHAD), L, op_pusha, "SDM 2B PUSHA" },
	{ MN(POPA), L, op_popa, "SDM 2B POPA" },
	{ MN(POPAD), L, op_popa, "SDM 2B POPA" },
	{ MN(ENTER), L, op_enter, "SDM 2A ENTER" },
	{ MN(LEAVE), L, op_leave, "SDM 2A LEAVE" },

	/* lost in 64-bit mode, or with an operand that cannot be redirected */
	{ MN(BOUND), L, op_bound, "SDM 2A BOUND" },
	{ MN(BT), L, op_bt, "SDM 2A BT" },
	{ MN(BTS), L, op_bt, "SDM 2A BTS" },
	{ MN(BTR), L, op_bt, "SDM 2A BTR" },
	{ MN(BTC), L, op_bt, "SDM 2A BTC" },
	{ MN(XLAT), L, op_xlat, "SDM 2C XLAT" },
	{ MN(DAA), L, op_daa, "SDM 2A DAA" },
	{ MN(DAS), L, op_das, "SDM 2A DAS" },
	{ MN(AAA), L, op_aaa, "SDM 2A AAA" },
	{ MN(AAS), L, op_aas, "SDM 2A AAS" },
	{ MN(AAM), L, op_aam, "SDM 2A AAM" },
	{ MN(AAD), L, op_aad, "SDM 2A AAD" },
	{ MN(SALC), L, op_salc, "APM 3, undocumented by Intel" },

	/* strings; movsd and cmpsd are SSE's names too */
	{ MN(MOVSB), L | ROW_MAP0, op_movs, "SDM 2B MOVS" },
	{ MN(MOVSW), L | ROW_MAP0, op_movs, "SDM 2B MOVS" },
	{ MN(MOVSD), L | ROW_MAP0, op_movs, "SDM 2B MOVS" },
	{ MN(MOVSQ), L | ROW_MAP0, op_movs, "SDM 2B MOVS" },
	{ MN(STOSB), L | ROW_MAP0, op_stos, "SDM 2B STOS" },
	{ MN(STOSW), L | ROW_MAP0, op_stos, "SDM 2B STOS" },
	{ MN(STOSD), L | ROW_MAP0, op_stos, "SDM 2B STOS" },
	{ MN(STOSQ), L | ROW_MAP0, op_stos, "SDM 2B STOS" },
	{ MN(LODSB), L | ROW_MAP0, op_lods, "SDM 2A LODS" },
	{ MN(LODSW), L | ROW_MAP0, op_lods, "SDM 2A LODS" },
	{ MN(LODSD), L | ROW_MAP0, op_lods, "SDM 2A LODS" },
	{ MN(LODSQ), L | ROW_MAP0, op_lods, "SDM 2A LODS" },
	{ MN(CMPSB), L | ROW_MAP0, op_cmps, "SDM 2A CMPS" },
	{ MN(CMPSW), L | ROW_MAP0, op_cmps, "SDM 2A CMPS" },
	{ MN(CMPSD), L | ROW_MAP0, op_cmps, "SDM 2A CMPS" },
	{ MN(CMPSQ), L | ROW_MAP0, op_cmps, "SDM 2A CMPS" },
	{ MN(SCASB), L | ROW_MAP0, op_scas, "SDM 2B SCAS" },
	{ MN(SCASW), L | ROW_MAP0, op_scas, "SDM 2B SCAS" },
	{ MN(SCASD), L | ROW_MAP0, op_scas, "SDM 2B SCAS" },
	{ MN(SCASQ), L | ROW_MAP0, op_scas, "SDM 2B SCAS" },

	/* ports */
	{ MN(IN), L, op_in, "SDM 2A IN" },
	{ MN(OUT), L, op_out, "SDM 2B OUT" },
	{ MN(INSB), L, op_ins, "SDM 2A INS" },
	{ MN(INSW), L, op_ins, "SDM 2A INS" },
	{ MN(INSD), L, op_ins, "SDM 2A INS" },
	{ MN(OUTSB), L, op_outs, "SDM 2B OUTS" },
	{ MN(OUTSW), L, op_outs, "SDM 2B OUTS" },
	{ MN(OUTSD), L, op_outs, "SDM 2B OUTS" },

	/* the rest of the system */
	{ MN(HLT), L | E, op_hlt, "SDM 2A HLT" },
	{ MN(INVLPG), L | E, op_invlpg, "SDM 2A INVLPG" },
	{ MN(INVPCID), L | E, op_invpcid, "SDM 2A INVPCID" },
	{ MN(INVD), L, op_nop_cpl0, "SDM 2A INVD" },
	{ MN(WBINVD), L, op_nop_cpl0, "SDM 2C WBINVD" },
	{ MN(CLFLUSH), L, op_clflush, "SDM 2A CLFLUSH" },
	{ MN(CLFLUSHOPT), L, op_clflush, "SDM 2A CLFLUSHOPT" },
	{ MN(CLWB), L, op_clflush, "SDM 2A CLWB" },
	{ MN(RDTSC), L, op_rdtsc, "SDM 2B RDTSC" },
	{ MN(RDTSCP), L, op_rdtscp, "SDM 2B RDTSCP" },
	{ MN(RDPID), L | ROW_GPR, op_rdpid, "SDM 2B RDPID" },
	{ MN(RDPMC), L, op_rdpmc, "SDM 2B RDPMC" },
	{ MN(CPUID), L, op_cpuid, "SDM 2A CPUID" },
	{ MN(VMCALL), L, op_vmcall, "SDM 3C VMCALL" },
	{ MN(VMMCALL), L, op_vmcall, "APM 3 VMMCALL" },
	{ MN(RDPKRU), L, op_rdpkru, "SDM 2B RDPKRU" },
	{ MN(WRPKRU), L | E, op_wrpkru, "SDM 2C WRPKRU" },

	/* no-operations for a processor without CET, MPX or CLDEMOTE; compilers rely on that */
	{ MN(RDSSPD), L | ROW_GPR, op_nop, "SDM 2B RDSSP" },
	{ MN(RDSSPQ), L | ROW_GPR, op_nop, "SDM 2B RDSSP" },
	{ MN(CLDEMOTE), L | ROW_GPR, op_nop, "SDM 2A CLDEMOTE" },
	{ MN(BNDMK), L | ROW_GPR, op_nop, "SDM 2A BNDMK" },
	{ MN(BNDCL), L | ROW_GPR, op_nop, "SDM 2A BNDCL" },
	{ MN(BNDCU), L | ROW_GPR, op_nop, "SDM 2A BNDCU" },
	{ MN(BNDCN), L | ROW_GPR, op_nop, "SDM 2A BNDCU" },
	{ MN(BNDMOV), L | ROW_GPR, op_nop, "SDM 2A BNDMOV" },
	{ MN(BNDLDX), L | ROW_GPR, op_nop, "SDM 2A BNDLDX" },
	{ MN(BNDSTX), L | ROW_GPR, op_nop, "SDM 2A BNDSTX" },

	/* vector state */
	{ MN(XSAVE), 0, op_xsave, "SDM 2C XSAVE" },
	{ MN(XSAVE64), 0, op_xsave, "SDM 2C XSAVE" },
	{ MN(XSAVEOPT), 0, op_xsave, "SDM 2C XSAVEOPT" },
	{ MN(XSAVEOPT64), 0, op_xsave, "SDM 2C XSAVEOPT" },
	{ MN(XSAVEC), 0, op_xsavec, "SDM 2C XSAVEC" },
	{ MN(XSAVEC64), 0, op_xsavec, "SDM 2C XSAVEC" },
	{ MN(XRSTOR), 0, op_xrstor, "SDM 2C XRSTOR" },
	{ MN(XRSTOR64), 0, op_xrstor, "SDM 2C XRSTOR" },
	{ MN(FXSAVE), 0, op_fxsave, "SDM 2A FXSAVE" },
	{ MN(FXSAVE64), 0, op_fxsave, "SDM 2A FXSAVE" },
	{ MN(FXRSTOR), 0, op_fxrstor, "SDM 2A FXRSTOR" },
	{ MN(FXRSTOR64), 0, op_fxrstor, "SDM 2A FXRSTOR" },
	{ MN(VZEROALL), 0, op_vzero, "SDM 2C VZEROALL" },
	{ MN(VZEROUPPER), 0, op_vzero, "SDM 2C VZEROUPPER" },
	{ MN(FNSTENV), 0, op_fnstenv, "SDM 2A FSTENV" },
	{ MN(FLDENV), 0, op_fldenv, "SDM 2A FLDENV" },
	{ MN(FNSAVE), 0, op_fnsave, "SDM 2A FSAVE" },
	{ MN(FRSTOR), 0, op_frstor, "SDM 2A FRSTOR" },

	/* faults suppressed per element */
	{ MN(VGATHERDPS), 0, op_gather, "SDM 2C VGATHERDPS" },
	{ MN(VGATHERDPD), 0, op_gather, "SDM 2C VGATHERDPD" },
	{ MN(VGATHERQPS), 0, op_gather, "SDM 2C VGATHERDPS" },
	{ MN(VGATHERQPD), 0, op_gather, "SDM 2C VGATHERDPD" },
	{ MN(VPGATHERDD), 0, op_gather, "SDM 2C VPGATHERDD" },
	{ MN(VPGATHERDQ), 0, op_gather, "SDM 2C VPGATHERDQ" },
	{ MN(VPGATHERQD), 0, op_gather, "SDM 2C VPGATHERDD" },
	{ MN(VPGATHERQQ), 0, op_gather, "SDM 2C VPGATHERDQ" },
	{ MN(VMASKMOVPS), 0, op_maskmov, "SDM 2C VMASKMOV" },
	{ MN(VMASKMOVPD), 0, op_maskmov, "SDM 2C VMASKMOV" },
	{ MN(VPMASKMOVD), 0, op_maskmov, "SDM 2C VPMASKMOV" },
	{ MN(VPMASKMOVQ), 0, op_maskmov, "SDM 2C VPMASKMOV" },
	{ MN(MASKMOVDQU), 0, op_maskmovdqu, "SDM 2B MASKMOVDQU" },
	{ MN(VMASKMOVDQU), 0, op_maskmovdqu, "SDM 2B MASKMOVDQU" },
	{ MN(MASKMOVQ), 0, op_maskmovq, "SDM 2B MASKMOVQ" },

	/* not announced by CPUID, or meant to fault */
	{ MN(UD0), L | E, op_ud, "SDM 2B UD" },
	{ MN(UD1), L | E, op_ud, "SDM 2B UD" },
	{ MN(UD2), L | E, op_ud, "SDM 2B UD" },
	{ MN(MONITOR), L | E, op_ud, "SDM 2B MONITOR" },
	{ MN(MWAIT), L | E, op_ud, "SDM 2B MWAIT" },
	{ MN(MONITORX), L | E, op_ud, "APM 3 MONITORX" },
	{ MN(MWAITX), L | E, op_ud, "APM 3 MWAITX" },
	{ MN(INVLPGA), L | E, op_ud, "APM 3 INVLPGA" },
	{ MN(RSM), L | E, op_ud, "SDM 2B RSM" },
};
const unsigned insn_rows_n = ARRAY_SIZE(insn_rows);
