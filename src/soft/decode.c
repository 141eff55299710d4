/* decode.c - guest bytes to what the translator needs to know of an instruction. Knows Zydis. */
#include "soft/ops.h"
#include "soft/translate.h"

#define MN(x) ZYDIS_MNEMONIC_##x

/* Instructions with an action of their own; insn_rows[] adds those done in C. */
static const struct { u16 mnemonic; u8 action; } actions[] = {
	{ MN(NOP), A_NOP }, { MN(PAUSE), A_NOP }, { MN(ENDBR64), A_NOP }, { MN(ENDBR32), A_NOP },
	{ MN(PREFETCH), A_NOP }, { MN(PREFETCHNTA), A_NOP }, { MN(PREFETCHT0), A_NOP },
	{ MN(PREFETCHT1), A_NOP }, { MN(PREFETCHT2), A_NOP }, { MN(PREFETCHW), A_NOP },
	{ MN(PREFETCHWT1), A_NOP }, { MN(RDSSPD), A_NOP }, { MN(RDSSPQ), A_NOP },
	{ MN(LEA), A_LEA }, { MN(PUSH), A_PUSH }, { MN(POP), A_POP },
	{ MN(LEAVE), A_LEAVE }, { MN(JMP), A_JMP }, { MN(CALL), A_CALL_NEAR }, { MN(RET), A_RET },
	{ MN(JO), A_JCC }, { MN(JNO), A_JCC }, { MN(JB), A_JCC }, { MN(JNB), A_JCC },
	{ MN(JZ), A_JCC }, { MN(JNZ), A_JCC }, { MN(JBE), A_JCC }, { MN(JNBE), A_JCC },
	{ MN(JS), A_JCC }, { MN(JNS), A_JCC }, { MN(JP), A_JCC }, { MN(JNP), A_JCC },
	{ MN(JL), A_JCC }, { MN(JNL), A_JCC }, { MN(JLE), A_JCC }, { MN(JNLE), A_JCC },
	{ MN(JCXZ), A_LOOP }, { MN(JECXZ), A_LOOP }, { MN(JRCXZ), A_LOOP },
	{ MN(LOOP), A_LOOP }, { MN(LOOPE), A_LOOP }, { MN(LOOPNE), A_LOOP },
	{ MN(CLI), A_CLI }, { MN(STI), A_STI }, { MN(CLD), A_CLD }, { MN(STD), A_STD },
	{ MN(CLAC), A_CLAC }, { MN(STAC), A_STAC }, { MN(RDTSC), A_RDTSC },
	{ MN(RDTSCP), A_RDTSCP }, { MN(PUSHFQ), A_PUSHF }, { MN(SWAPGS), A_SWAPGS },
	{ MN(MOV), A_COPY }, { MN(BT), A_BT }, { MN(BTS), A_BT }, { MN(BTR), A_BT }, { MN(BTC), A_BT },
	{ MN(UD0), A_UD }, { MN(UD1), A_UD }, { MN(UD2), A_UD },
};

/* Instruction-set extensions whose instructions may be copied: what CPUID offers. */
static const u16 copied_sets[] = {
#define S(x) ZYDIS_ISA_SET_##x
	S(I86), S(I186), S(I286REAL), S(I386), S(I486REAL), S(I486), S(PENTIUMREAL), S(PPRO),
	S(CMOV), S(FCMOV), S(X87), S(FAT_NOP), S(LAHF), S(LONGMODE), S(CMPXCHG16B),
	S(PENTIUMMMX), S(SSE), S(SSE2), S(SSE2MMX), S(SSE3), S(SSE3X87), S(SSSE3), S(SSSE3MMX),
	S(SSE4), S(SSE42), S(SSEMXCSR), S(SSE_PREFETCH), S(SSE4A), S(POPCNT), S(LZCNT), S(BMI1),
	S(BMI2), S(ADOX_ADCX), S(MOVBE), S(AES), S(PCLMULQDQ), S(SHA), S(RDRAND), S(RDSEED),
	S(CLFSH), S(CLFLUSHOPT), S(CLWB), S(AVX), S(AVX2), S(AVXAES), S(FMA), S(F16C), S(VAES),
	S(VPCLMULQDQ), S(GFNI), S(AVX_GFNI), S(PREFETCHWT1), S(PREFETCH_NOP),
#undef S
};

/* Unprivileged for the decoder, but they read or write the host's own state: never copied. */
static const u16 never_copied[] = {
	MN(RDTSCP), MN(RDPID), MN(LSL), MN(LAR), MN(VERR), MN(VERW), MN(SGDT), MN(SIDT), MN(SLDT),
	MN(SMSW), MN(STR), MN(XGETBV), MN(RDPKRU), MN(WRPKRU), MN(RDFSBASE), MN(RDGSBASE),
	MN(WRFSBASE), MN(WRGSBASE), MN(PUSHF), MN(PUSHFD), MN(PUSHFQ), MN(POPF), MN(POPFD), MN(POPFQ),
	MN(XSAVE), MN(XSAVE64), MN(XSAVEC), MN(XSAVEC64), MN(XSAVEOPT), MN(XSAVEOPT64), MN(XRSTOR),
	MN(XRSTOR64), MN(FXSAVE), MN(FXSAVE64), MN(FXRSTOR), MN(FXRSTOR64), MN(FNSTENV),
	MN(FLDENV), MN(FNSAVE), MN(FRSTOR), MN(RDPMC), MN(CPUID), MN(IN), MN(OUT), MN(SYSCALL),
	MN(SYSENTER), MN(INT), MN(INT1), MN(INT3), MN(INTO), MN(IRET), MN(IRETD), MN(IRETQ),
	MN(MASKMOVQ), MN(MASKMOVDQU), MN(VMASKMOVDQU), MN(VMASKMOVPS), MN(VMASKMOVPD),
	MN(VPMASKMOVD), MN(VPMASKMOVQ), MN(VPGATHERDD), MN(VPGATHERDQ), MN(VPGATHERQD),
	MN(VPGATHERQQ), MN(VGATHERDPS), MN(VGATHERDPD), MN(VGATHERQPS), MN(VGATHERQPD), MN(XLAT),
	MN(ENTER), MN(BOUND), MN(ARPL), MN(POPA), MN(POPAD), MN(PUSHA), MN(PUSHAD), MN(LDS),
	MN(LES), MN(LFS), MN(LGS), MN(LSS), MN(DAA), MN(DAS), MN(AAA), MN(AAS), MN(AAM), MN(AAD),
	MN(SALC), MN(MONITOR), MN(MWAIT), MN(CLUI), MN(STUI),
};

static u8 action_of[ZYDIS_MNEMONIC_MAX_VALUE + 1];
static const struct insn_row *row_of[ZYDIS_MNEMONIC_MAX_VALUE + 1];
static bool set_copied[ZYDIS_ISA_SET_MAX_VALUE + 1];
static ZydisDecoder decoder[3]; /* 16, 32, 64 bits */

void decode_init(void)
{
	ZydisDecoderInit(&decoder[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoder[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoder[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (unsigned i = 0; i < ARRAY_SIZE(copied_sets); i++)
		set_copied[copied_sets[i]] = true;
	for (unsigned i = 0; i < ARRAY_SIZE(never_copied); i++)
		action_of[never_copied[i]] = A_UD;
	for (unsigned i = 0; i < insn_rows_n; i++) {
		row_of[insn_rows[i].mnemonic] = &insn_rows[i];
		action_of[insn_rows[i].mnemonic] = insn_rows[i].flags & ROW_ENDS ? A_END : A_CALL;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++)
		action_of[actions[i].mnemonic] = actions[i].action;
}

/* Number 0..15 of a general register, -1 for others; *size in bytes, *high for ah..bh. */
static int gpr_number(ZydisRegister r, unsigned *size, bool *high)
{
	*high = false;
	if (r >= ZYDIS_REGISTER_AL && r <= ZYDIS_REGISTER_R15B) {
		int n = r - ZYDIS_REGISTER_AL;

		*size = 1;
		*high = n >= 4 && n < 8;
		return n < 4 ? n : n - 4; /* ah..bh are 0..3 again; spl.. 4.., r8b.. 8.. */
	}
	if (r >= ZYDIS_REGISTER_AX && r <= ZYDIS_REGISTER_R15W)
		return *size = 2, r - ZYDIS_REGISTER_AX;
	if (r >= ZYDIS_REGISTER_EAX && r <= ZYDIS_REGISTER_R15D)
		return *size = 4, r - ZYDIS_REGISTER_EAX;
	if (r >= ZYDIS_REGISTER_RAX && r <= ZYDIS_REGISTER_R15)
		return *size = 8, r - ZYDIS_REGISTER_RAX;
	return -1;
}

#define ACT_READ (ZYDIS_OPERAND_ACTION_READ | ZYDIS_OPERAND_ACTION_CONDREAD)
#define ACT_WRITE (ZYDIS_OPERAND_ACTION_WRITE | ZYDIS_OPERAND_ACTION_CONDWRITE)

/* A zero source leaves the destination as it was. SDM 2A BSF; the APM says it outright. */
static bool keeps_output(unsigned mnemonic) { return mnemonic == MN(BSF) || mnemonic == MN(BSR); }

static void operand_reg(struct dinsn *d, const ZydisDecodedOperand *op)
{
	unsigned size = 0;
	bool high;
	int n = gpr_number(op->reg.value, &size, &high);

	d->in.mmx |= op->reg.value >= ZYDIS_REGISTER_MM0 && op->reg.value <= ZYDIS_REGISTER_MM7;
	d->xmm |= op->reg.value >= ZYDIS_REGISTER_XMM0 && op->reg.value <= ZYDIS_REGISTER_XMM15;
	if (n < 0)
		return;
	if (op->actions & ACT_WRITE)
		d->gpr_out |= (u16)(1 << n);
	if ((op->actions & (ACT_READ | ZYDIS_OPERAND_ACTION_CONDWRITE)) || size < 4 || keeps_output(d->in.mnemonic))
		d->gpr_in |= (u16)(1 << n);
	d->high |= high;
	d->byte_low |= size == 1 && !high;
	switch (op->encoding) {
	case ZYDIS_OPERAND_ENCODING_MODRM_REG:
		d->reg_gpr = true;
		break;
	case ZYDIS_OPERAND_ENCODING_MODRM_RM:
		d->rm_gpr = true;
		break;
	case ZYDIS_OPERAND_ENCODING_OPCODE:
		d->op_gpr = true;
		break;
	case ZYDIS_OPERAND_ENCODING_NDSNDD:
		d->v_gpr = true;
		break;
	default:
		if (n == RCX) {
			d->rcx_in |= !!(op->actions & (ACT_READ | ZYDIS_OPERAND_ACTION_CONDWRITE));
			d->rcx_out |= !!(op->actions & ACT_WRITE);
		}
	}
}

static bool is_vector(const ZydisDecodedInstruction *z);

/* Is 66 a part of the opcode, so that none must be added for 16 bits? */
static bool has_fixed_width(const ZydisDecodedInstruction *z)
{
	switch ((unsigned)z->mnemonic) {
	case MN(SFENCE):
	case MN(LFENCE):
	case MN(MFENCE):
	case MN(MOVNTI):
	case MN(ADOX):
		return true;
	default:
		return is_vector(z);
	}
}

static u8 seg_number(ZydisRegister r)
{
	return r >= ZYDIS_REGISTER_ES && r <= ZYDIS_REGISTER_GS ? (u8)(r - ZYDIS_REGISTER_ES)
								: SEG_DS;
}

static u8 mem_reg(ZydisRegister r)
{
	unsigned size;
	bool high;
	int n = gpr_number(r, &size, &high);

	if (r == ZYDIS_REGISTER_RIP || r == ZYDIS_REGISTER_EIP)
		return GPR_RIP;
	return n < 0 ? GPR_NONE : (u8)n;
}

static void operand_mem(struct dinsn *d, const ZydisDecodedOperand *op)
{
	d->in.is_mem = true;
	d->in.seg = seg_number(op->mem.segment);
	d->in.base = mem_reg(op->mem.base);
	d->in.index = mem_reg(op->mem.index);
	if (op->mem.type == ZYDIS_MEMOP_TYPE_VSIB) /* only C uses these */
		d->vsib = (u8)(op->mem.index >= ZYDIS_REGISTER_YMM0
				   ? op->mem.index - ZYDIS_REGISTER_YMM0
				   : op->mem.index - ZYDIS_REGISTER_XMM0);
	d->in.scale = op->mem.scale ? op->mem.scale : 1;
	d->in.disp = op->mem.disp.has_displacement ? op->mem.disp.value : 0;
	d->in.msize = (u8)(op->size / 8 > 255 ? 0 : op->size / 8);
	d->mem_r = !!(op->actions & ACT_READ);
	d->mem_w = !!(op->actions & ACT_WRITE);
	if (d->in.base < 16)
		d->gpr_in |= (u16)(1 << d->in.base);
	if (d->in.index < 16)
		d->gpr_in |= (u16)(1 << d->in.index);
}

/* es:[rdi], which no prefix moves. */
static bool is_string_destination(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op)
{
	return (z->meta.category == ZYDIS_CATEGORY_STRINGOP ||
		z->meta.category == ZYDIS_CATEGORY_IOSTRINGOP) &&
	       mem_reg(op->mem.base) == RDI;
}

static void operands(struct dinsn *d, const ZydisDecodedInstruction *z,
		     const ZydisDecodedOperand *ops)
{
	d->in.mnemonic = (u16)z->mnemonic;
	d->in.base = d->in.index = GPR_NONE;
	d->in.seg = SEG_DS;
	d->in.scale = 1;
	for (unsigned i = 0; i < z->operand_count; i++) {
		const ZydisDecodedOperand *op = &ops[i];

		if (op->type == ZYDIS_OPERAND_TYPE_REGISTER)
			operand_reg(d, op);
		else if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			 op->visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN)
			operand_mem(d, op);
		else if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			 op->mem.segment >= ZYDIS_REGISTER_ES && !d->in.is_mem &&
			 !is_string_destination(z, op))
			d->in.seg = seg_number(op->mem.segment);
	}
	/* The decoder takes 3E for CET's prefix and then leaves it out of account. */
	if ((z->attributes & ZYDIS_ATTRIB_HAS_NOTRACK) &&
	    z->machine_mode != ZYDIS_MACHINE_MODE_LONG_64)
		d->in.seg = SEG_DS;
}

/* Flags an instruction reads, and those it surely overwrites: a shift may write none, and what
 * the manual calls undefined may be what it was before. */
static void flags_of(struct dinsn *d, const ZydisDecodedInstruction *z)
{
	const ZydisAccessedFlags *f = z->cpu_flags;
	u8 cat = (u8)z->meta.category;

	if (!f)
		return;
	d->flags_use = (u16)(f->tested & FL_ARITH);
	if (cat == ZYDIS_CATEGORY_SHIFT || cat == ZYDIS_CATEGORY_ROTATE) {
		return;
	}
	d->flags_kill = (u16)((f->modified | f->set_0 | f->set_1) & ~f->undefined & FL_ARITH);
	if (cat == ZYDIS_CATEGORY_CMOV || z->mnemonic == ZYDIS_MNEMONIC_CMPXCHG)
		d->flags_kill &= (u16)~d->flags_use;
}

static void prefixes(struct dinsn *d, const ZydisDecodedInstruction *z, u32 mode)
{
	bool mandatory66 = false;

	for (unsigned i = 0; i < z->raw.prefix_count; i++) {
		bool used = z->raw.prefixes[i].type != ZYDIS_PREFIX_TYPE_IGNORED;

		switch (z->raw.prefixes[i].value) {
		case 0x66:
			mandatory66 |= z->raw.prefixes[i].type == ZYDIS_PREFIX_TYPE_MANDATORY;
			d->p66 |= used;
			break;
		case 0xf2:
			d->f2 |= used;
			break;
		case 0xf3:
			d->f3 |= used;
			break;
		}
	}
	if (!(mode & (M_CODE64 | M_CODE32)) && !mandatory66)
		d->p66 = z->operand_width == 16 && !has_fixed_width(z);
	d->in.lock = !!(z->attributes & ZYDIS_ATTRIB_HAS_LOCK);
	d->in.rep = z->attributes & ZYDIS_ATTRIB_HAS_REPNE ? 0xf2
		  : z->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE) ? 0xf3 : 0;
	d->in.rex = !!(z->attributes & ZYDIS_ATTRIB_HAS_REX);
}

static u8 map_of(const ZydisDecodedInstruction *z)
{
	switch (z->opcode_map) {
	case ZYDIS_OPCODE_MAP_0F:
		return 1;
	case ZYDIS_OPCODE_MAP_0F38:
		return 2;
	case ZYDIS_OPCODE_MAP_0F3A:
		return 3;
	default:
		return 0;
	}
}

static void encoding(struct dinsn *d, const ZydisDecodedInstruction *z, const u8 *bytes)
{
	unsigned imm_at = z->raw.imm[0].size ? z->raw.imm[0].offset : z->length;

	d->opcode = z->opcode;
	d->map = map_of(z);
	d->vex = z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
	d->w = d->vex ? z->raw.vex.W : z->raw.rex.W;
	d->has_modrm = !!(z->attributes & ZYDIS_ATTRIB_HAS_MODRM);
	if (d->has_modrm) {
		unsigned r = d->vex ? !z->raw.vex.R : z->raw.rex.R;
		unsigned b = d->vex ? !z->raw.vex.B : z->raw.rex.B;

		d->mod_reg = (u8)(z->raw.modrm.reg | r << 3);
		d->mod_rm = (u8)(z->raw.modrm.rm | b << 3);
		d->in.modrm = (u8)(z->raw.modrm.mod << 6 | z->raw.modrm.reg << 3 | z->raw.modrm.rm);
	} else if (d->op_gpr) {
		d->mod_rm = (u8)((z->opcode & 7) | z->raw.rex.B << 3);
	}
	if (d->vex) {
		d->pp = z->raw.vex.pp;
		d->vvvv = (u8)(~z->raw.vex.vvvv & 15);
		d->l256 = z->raw.vex.L;
	}
	d->imm_len = (u8)(z->length - imm_at);
	if (d->imm_len > 8)
		d->imm_len = 8;
	for (unsigned i = 0; i < d->imm_len; i++)
		d->imm[i] = bytes[imm_at + i];
}

/* Does VEX.W choose the width of a general register or of an integer in memory? Outside 64-bit mode
 * it is ignored then. SDM 2A 2.3.5.5. */
static bool vex_w_is_width(const struct dinsn *d)
{
	switch (d->in.mnemonic) {
	case MN(VCVTSI2SS):
	case MN(VCVTSI2SD):
	case MN(VMOVD):
	case MN(VMOVQ):
	case MN(VPINSRD):
	case MN(VPINSRQ):
	case MN(VPEXTRD):
	case MN(VPEXTRQ):
	case MN(VPCMPESTRI):
	case MN(VPCMPESTRM):
		return true;
	default:
		return d->reg_gpr || d->rm_gpr || d->v_gpr;
	}
}

/* Outside 64-bit mode there are eight registers, and bits that would name more are ignored. */
static void vex_narrow(struct dinsn *d)
{
	d->mod_reg &= 7;
	d->mod_rm &= 7;
	d->vvvv &= 7;
	d->wide_lane = d->w && (d->in.mnemonic == MN(VPEXTRD) || d->in.mnemonic == MN(VPEXTRQ) ||
				d->in.mnemonic == MN(VPINSRD) || d->in.mnemonic == MN(VPINSRQ));
	if (vex_w_is_width(d))
		d->w = false;
	if (d->map == 3 && d->imm_len == 1 && d->opcode >= 0x4a &&
	    d->opcode <= 0x4c) /* a register in imm8 */
		d->imm[0] &= 0x7f;
}

/* Encodings that 64-bit mode lost, put as it has them. */
static void modernize(struct dinsn *d, u32 mode)
{
	if (d->map || d->vex)
		return;
	if (!(mode & M_CODE64) && d->opcode >= 0x40 && d->opcode <= 0x4f) {
		d->mod_reg = d->opcode >= 0x48;
		d->mod_rm = d->opcode & 7;
		d->opcode = 0xff;
		d->has_modrm = d->rm_gpr = true;
		d->op_gpr = false;
	} else if (d->opcode == 0x82) {
		d->opcode = 0x80;
	} else if (d->opcode >= 0xa0 && d->opcode <= 0xa3) { /* mov with a full address */
		d->opcode = (u8)((d->opcode & 1) | (d->opcode < 0xa2 ? 0x8a : 0x88));
		d->mod_reg = RAX;
		d->has_modrm = d->reg_gpr = true;
		d->imm_len = 0;
	}
}

/* The copy for the C functions. */
static void fill_insn(struct dinsn *d, const ZydisDecodedInstruction *z, u64 pc)
{
	struct insn *in = &d->in;

	in->pc = pc;
	in->len = z->length;
	in->opsize = (u8)(z->operand_width / 8);
	in->addrsize = (u8)(z->address_width / 8);
	in->map = d->map;
	in->opcode = z->opcode;
	in->has_modrm = d->has_modrm;
	in->reg = d->mod_reg;
	in->vvvv = d->vvvv;
	if (d->vsib != GPR_NONE)
		in->index = d->vsib;
	in->wide = d->w;
	in->vlen = d->vex ? d->l256 ? 32 : 16 : 0;
	in->rm = d->mod_rm;
	in->imm = z->raw.imm[0].is_signed ? (u64)z->raw.imm[0].value.s : z->raw.imm[0].value.u;
	in->imm2 = z->raw.imm[1].value.u;
	d->target = (in->imm + pc + z->length) & size_mask(in->opsize);
}

/* Subject to CR0.TS, CR0.EM and CR4.OSFXSR. SDM 3A 13.1.3 names the exceptions. */
static bool is_vector(const ZydisDecodedInstruction *z)
{
	switch ((unsigned)z->mnemonic) {
	case MN(SFENCE):
	case MN(LFENCE):
	case MN(MFENCE):
	case MN(MOVNTI):
	case MN(CRC32):
	case MN(POPCNT):
		return false;
	}
	if (action_of[z->mnemonic] == A_NOP || z->meta.isa_set == ZYDIS_ISA_SET_FXSAVE)
		return false;
	switch (z->meta.isa_ext) {
	case ZYDIS_ISA_EXT_X87:
	case ZYDIS_ISA_EXT_MMX:
	case ZYDIS_ISA_EXT_SSE:
	case ZYDIS_ISA_EXT_SSE2:
	case ZYDIS_ISA_EXT_SSE3:
	case ZYDIS_ISA_EXT_SSSE3:
	case ZYDIS_ISA_EXT_SSE4:
	case ZYDIS_ISA_EXT_SSE4A:
	case ZYDIS_ISA_EXT_AES:
	case ZYDIS_ISA_EXT_PCLMULQDQ:
	case ZYDIS_ISA_EXT_SHA:
	case ZYDIS_ISA_EXT_AVX:
	case ZYDIS_ISA_EXT_AVX2:
	case ZYDIS_ISA_EXT_AVX2GATHER:
	case ZYDIS_ISA_EXT_AVXAES:
	case ZYDIS_ISA_EXT_FMA:
	case ZYDIS_ISA_EXT_F16C:
	case ZYDIS_ISA_EXT_VAES:
	case ZYDIS_ISA_EXT_VPCLMULQDQ:
	case ZYDIS_ISA_EXT_GFNI:
		return true;
	default:
		return false;
	}
}

/* To or from a segment, control or debug register. */
static bool is_system_mov(const ZydisDecodedInstruction *z)
{
	if (z->opcode_map == ZYDIS_OPCODE_MAP_0F)
		return z->opcode >= 0x20 && z->opcode <= 0x23;
	return z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
	       (z->opcode == 0x8c || z->opcode == 0x8e);
}

/* Legacy SSE wants its 16 bytes aligned but where an instruction is made for others; with VEX
 * only the aligned moves do. SDM 1 14.9. */
static bool wants_alignment(const struct dinsn *d, const ZydisDecodedInstruction *z)
{
	switch ((unsigned)z->mnemonic) {
	case MN(CMPXCHG16B):
	case MN(VMOVAPS):
	case MN(VMOVAPD):
	case MN(VMOVDQA):
	case MN(VMOVNTPS):
	case MN(VMOVNTPD):
	case MN(VMOVNTDQ):
	case MN(VMOVNTDQA):
		return true;
	case MN(MOVUPS):
	case MN(MOVUPD):
	case MN(MOVDQU):
	case MN(LDDQU):
	case MN(PCMPESTRI):
	case MN(PCMPESTRM):
	case MN(PCMPISTRI):
	case MN(PCMPISTRM):
		return false;
	default: /* SHA's as AMD has it */
		return d->vector && !d->vex && d->in.msize == 16 && z->meta.isa_ext != ZYDIS_ISA_EXT_SHA;
	}
}

/* Near branches, stack operations of unusual size and the like go to C. */
static u8 refine(struct dinsn *d, const ZydisDecodedInstruction *z, u32 mode)
{
	u8 a = action_of[z->mnemonic];
	bool fast = mode & M_CODE64 || ((mode & M_FLAT) && (mode & M_CODE32) && (mode & M_SS32));

	if (z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return A_END;
	if ((z->mnemonic == MN(VZEROALL) || z->mnemonic == MN(VZEROUPPER)) && (mode & M_CODE64))
		return A_COPY;
	if (z->mnemonic == MN(MOV) && is_system_mov(z))
		return z->opcode_map == ZYDIS_OPCODE_MAP_0F ? A_END : A_CALL;
	if ((z->mnemonic == MN(MOVSD) || z->mnemonic == MN(CMPSD)) &&
	    z->meta.category != ZYDIS_CATEGORY_STRINGOP)
		return A_COPY;
	switch (a) {
	case A_COPY:
		return set_copied[z->meta.isa_set] ? A_COPY : A_UD;
	case A_PUSH:
	case A_POP:
		if (!fast || d->in.opsize != (mode & M_CODE64 ? 8 : 4) ||
		    (z->opcode_map == ZYDIS_OPCODE_MAP_0F) ||
		    (!d->op_gpr && !d->has_modrm && !d->imm_len))
			return A_CALL; /* segment registers, 16-bit pushes */
		if (d->in.is_mem && a == A_POP)
			return A_CALL;
		return a;
	case A_LEAVE:
		return fast && d->in.opsize == (mode & M_CODE64 ? 8 : 4) ? a : A_CALL;
	case A_JCC:
		return a;
	case A_JMP:
		return !d->has_modrm || (fast && d->in.opsize != 2) ? a : A_END;
	case A_CALL_NEAR:
	case A_RET:
		return fast && d->in.opsize != 2 && !(mode & M_CS_BASE) ? a : A_END;
	case A_LOOP:
		return A_END;
	case A_CLI:
	case A_STI:
		return (mode & M_CPL) ? A_END : a;
	case A_CLAC:
	case A_STAC:
		return (mode & M_CPL) ? A_UD : a;
	case A_RDTSC:
	case A_RDTSCP:
		return mode & M_TSC_CALL ? A_CALL : a;
	case A_PUSHF:
		return d->in.opsize == 8 ? a : A_CALL;
	case A_SWAPGS:
		return (mode & M_CODE64) && !(mode & M_CPL) ? a : A_END;
	case A_BT:
		if (!d->in.is_mem || !d->reg_gpr)
			return A_COPY;
		return fast && (d->in.addrsize == 8 || (d->in.seg != SEG_FS && d->in.seg != SEG_GS))
			   ? A_BT
			   : A_CALL;
	default:
		return a;
	}
}

void decode_none(struct dinsn *d, u64 pc, bool too_long)
{
	static const struct insn_row row = { .fn = op_too_long, .flags = ROW_LIGHT | ROW_ENDS };

	__builtin_memset(d, 0, sizeof(*d));
	d->action = too_long ? A_END : A_UD;
	d->row = too_long ? &row : NULL;
	d->in.pc = pc;
	d->in.len = 1;
}

bool decode(struct dinsn *d, const u8 *bytes, unsigned room, u64 pc, u32 mode)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	ZyanStatus st;

	__builtin_memset(d, 0, sizeof(*d));
	d->vsib = GPR_NONE;
	st = ZydisDecoderDecodeFull(&decoder[mode & M_CODE64   ? 2
					     : mode & M_CODE32 ? 1
							       : 0],
				    bytes, room, &z, ops);
	if (st == ZYDIS_STATUS_NO_MORE_DATA)
		return false;
	if (ZYAN_FAILED(st)) {
		decode_none(d, pc, st == ZYDIS_STATUS_INSTRUCTION_TOO_LONG);
		return true;
	}
	prefixes(d, &z, mode);
	operands(d, &z, ops);
	encoding(d, &z, bytes);
	if (d->vex && !(mode & M_CODE64))
		vex_narrow(d);
	fill_insn(d, &z, pc);
	d->row = row_of[z.mnemonic];
	d->vector = is_vector(&z);
	d->aligned = wants_alignment(d, &z);
	d->in.x87 = z.meta.isa_ext == ZYDIS_ISA_EXT_X87 || z.meta.category == ZYDIS_CATEGORY_X87_ALU;
	d->waits = (d->in.x87 && z.mnemonic != MN(FNSTCW) && z.mnemonic != MN(FNSTSW)) || d->in.mmx;
	d->in.mmx = (d->in.mmx && !d->xmm) || z.mnemonic == MN(EMMS);
	d->action = refine(d, &z, mode);
	flags_of(d, &z);
	if (d->action == A_COPY || d->action == A_PUSH || d->action == A_POP)
		modernize(d, mode);
	if (d->action == A_JCC)
		d->cc = z.opcode & 15;
	if ((z.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY && !d->vex) ||
	    (d->vex && (mode & (d->vector ? M_NO_AVX | M_NO_VEX : M_NO_VEX))))
		d->action = A_UD;
	if ((d->action == A_CALL || d->action == A_END) && !d->row)
		d->action = A_UD;
	d->in.asks_fpu = d->vector && (mode & M_FPU_TRAP) && d->action != A_UD;
	if (d->in.asks_fpu)
		d->action = A_END;
	return true;
}

void decode_in_c(struct dinsn *d)
{
	static const struct insn_row jcc = { .fn = op_jcc, .flags = ROW_LIGHT | ROW_ENDS };

	d->row = d->action == A_JCC ? &jcc : row_of[d->in.mnemonic];
	d->action = A_END;
}

bool decode_ends_block(const struct dinsn *d)
{
	switch (d->action) {
	case A_END:
	case A_UD:
	case A_JMP:
	case A_JCC:
	case A_CALL_NEAR:
	case A_RET:
	case A_CLAC:
	case A_STAC:
		return true;
	default:
		return false;
	}
}
