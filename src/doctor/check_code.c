/* check_code.c - reads machine code at the entry and in small kernels. */
#include <Zydis/Zydis.h>
#include <string.h>

#include "doctor/int.h"

#define ENTRY_BYTES 256
#define TEXT_MAX MIB(1) /* more code than this is no small kernel: it has rules of its own */

/* A REX.W prefix is "dec eax" to a 32-bit processor: two of them before an instruction that takes an
 * operand are no coincidence. */
static unsigned rex_prefixes(const u8 *code, u64 len)
{
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	unsigned n = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	for (u64 i = 0, k = 0; i < len && k < 24; i += in.length, k++) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, code + i, len - i, &in)))
			break;
		if (in.mnemonic == ZYDIS_MNEMONIC_JMP || in.mnemonic == ZYDIS_MNEMONIC_RET ||
		    in.mnemonic == ZYDIS_MNEMONIC_LGDT || in.mnemonic == ZYDIS_MNEMONIC_HLT)
			break;
		if (in.length == 1 && code[i] >= 0x48 && code[i] <= 0x4f && i + 1 < len &&
		    strchr("\x89\x8b\x8d\xc7\x83\x81\x31\x01\x29\xb8\xbc\xbe\xbf\x85", code[i + 1]) &&
		    code[i + 1])
			n++;
	}
	return n;
}

CHECK(check_class)
{
	static const unsigned entries32[] = { DOCTOR_PVH, DOCTOR_MULTIBOOT };
	const u8 *code;

	if (!d->is_elf)
		return;
	if (!d->elf.is64 && d->elf.machine == EM_X86_64)
		doctor_add_as(d, c, DOCTOR_NOTE, "ELF header", 0, "an ELF32 file for x86-64: 64-bit code "
			      "in a 32-bit container");
	if (d->elf.is64 && d->elf.machine == EM_386)
		doctor_add_as(d, c, DOCTOR_WARNING, "ELF header", 0, "an ELF64 file that says i386");
	if (d->has_xen && d->want & DOCTOR_XEN && (!d->elf.is64 || d->elf.machine != EM_X86_64))
		doctor_add_as(d, c, DOCTOR_WARNING, "ELF header", 0, "a 32-bit Xen guest, which Xen "
			      "starts only where it was built with 32-bit support");
	for (unsigned i = 0; i < ARRAY_SIZE(entries32); i++) {
		u64 len = entry_code(d, entries32[i], &code, ENTRY_BYTES);
		unsigned n;

		if (!(d->want & d->can & entries32[i]) || !len ||
		    (entries32[i] == DOCTOR_MULTIBOOT && multiboot_flat(d)))
			continue;
		n = rex_prefixes(code, len);
		if (n)
			doctor_add_as(d, c, n > 1 && !(d->want & ~(DOCTOR_PVH | DOCTOR_MULTIBOOT)) ?
				      DOCTOR_FATAL : DOCTOR_WARNING, "entry",
				      entry_addr(d, entries32[i]), "the %s entry 0x%llx is started in "
				      "32-bit mode, and there is 64-bit code",
				      doctor_protocol(entries32[i]), (ull)entry_addr(d, entries32[i]));
	}
}

/* "mov/sub/xor %fs:0x28" or %gs: how a protected function reads its canary. */
static bool is_canary(const u8 *p)
{
	return (p[0] == 0x64 || p[0] == 0x65) && (p[1] == 0x48 || p[1] == 0x4c) &&
	       (p[2] == 0x8b || p[2] == 0x2b || p[2] == 0x33) && (p[3] & 0xc7) == 0x04 &&
	       p[4] == 0x25 && !memcmp(p + 5, "\x28\0\0\0", 4);
}

static bool has_canary(const u8 *code, u64 len)
{
	for (u64 i = 0; i + 9 <= len; i++)
		if (is_canary(code + i))
			return true;
	return false;
}

/* The bytes of the function that holds addr, or a handful when no symbol says. */
static u64 function_at(const struct doctor *d, u64 addr, const u8 **ret)
{
	struct elf_segment s;
	struct elf_symbol f;
	u64 len = 128;

	if (elf_symbol_at(&d->symbols, addr, &f) && f.size && addr - f.value < f.size)
		len = f.size - (addr - f.value);
	if (!load_of(d, addr, &s) || addr - s.vaddr >= s.filesz || s.offset > d->len ||
	    s.filesz > d->len - s.offset)
		return 0;
	if (len > s.filesz - (addr - s.vaddr))
		len = s.filesz - (addr - s.vaddr);
	*ret = d->data + s.offset + (addr - s.vaddr);
	return len;
}

/* The functions that the entry calls before anything else: follow direct calls of one level. */
static void canary_follow(struct doctor *d, const struct doctor_check *c, u64 at, unsigned depth)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	struct elf_symbol f = { "", 0, 0, 0, 0, 0 };
	const u8 *code;
	u64 len = function_at(d, at, &code);

	if (!len)
		return;
	elf_symbol_at(&d->symbols, at, &f);
	if (has_canary(code, len) && (depth || f.size)) {
		doctor_add(d, c, f.name, at, "%s at 0x%llx runs before anything else and reads a stack "
			   "canary", *f.name ? f.name : "the code", (ull)at);
		return;
	}
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (u64 i = 0; i < len && depth < 2; i += in.length) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + i, len - i, &in, op)))
			return;
		/* Once a base is loaded, the canary may exist. */
		if (in.mnemonic == ZYDIS_MNEMONIC_WRMSR || in.mnemonic == ZYDIS_MNEMONIC_WRGSBASE ||
		    in.mnemonic == ZYDIS_MNEMONIC_SYSCALL)
			return;
		if ((in.mnemonic != ZYDIS_MNEMONIC_CALL && in.mnemonic != ZYDIS_MNEMONIC_JMP) ||
		    op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
			continue;
		canary_follow(d, c, at + i + in.length + (u64)op[0].imm.value.s, depth + 1);
		return;
	}
}

/* Behind a 32-bit entry, where C usually begins. */
static bool c_entry(const struct doctor *d, u64 *ret)
{
	static const char *const names[] = { "kernel_main", "kmain", "start_kernel", "main" };
	struct elf_symbol s;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!elf_symbol_find(&d->symbols, names[i], &s) || s.type != STT_FUNC)
			continue;
		*ret = s.value;
		return true;
	}
	return false;
}

CHECK(check_canary)
{
	bool from32 = d->has_pvh || d->multiboot.found || d->multiboot2.found;
	u64 at = d->has_xen ? d->xen.entry.v : d->elf.entry;

	if (!d->is_elf || !d->elf.is64 || d->elf.machine != EM_X86_64 || d->elf.type == ET_REL)
		return;
	if (from32 && !d->has_xen && !c_entry(d, &at))
		return;
	canary_follow(d, c, at, 0);
}

static bool below_stack(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op)
{
	for (unsigned i = 0; i < in->operand_count_visible; i++)
		if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    op[i].mem.type == ZYDIS_MEMOP_TYPE_MEM && op[i].mem.base == ZYDIS_REGISTER_RSP &&
		    op[i].mem.disp.value < 0 && op[i].mem.disp.value >= -128)
			return true;
	return false;
}

static bool uses_vector(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op)
{
	for (unsigned i = 0; i < in->operand_count_visible; i++)
		if (op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (ZydisRegisterGetClass(op[i].reg.value) == ZYDIS_REGCLASS_XMM ||
		     ZydisRegisterGetClass(op[i].reg.value) == ZYDIS_REGCLASS_YMM))
			return true;
	return false;
}

/* The code of a small 64-bit kernel, or NULL. */
static const u8 *small_text(const struct doctor *d, struct elf_section *text)
{
	if (!d->is_elf || !d->elf.is64 || d->elf.machine != EM_X86_64 || d->elf.type == ET_REL ||
	    !elf_section_find(&d->elf, ".text", text) || text->size > TEXT_MAX ||
	    text->offset > d->len || text->size > d->len - text->offset || text->type == SHT_NOBITS)
		return NULL;
	return d->data + text->offset;
}

CHECK(check_red_zone)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	struct elf_section text;
	const u8 *code = small_text(d, &text);
	u64 red = 0, vector = 0, red_at = 0, vector_at = 0;

	if (!code)
		return;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (u64 i = 0; i < text.size; i += in.length) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + i, text.size - i, &in, op))) {
			in.length = 1;
			continue;
		}
		if (below_stack(&in, op) && !red++)
			red_at = text.addr + i;
		if (uses_vector(&in, op) && !vector++)
			vector_at = text.addr + i;
	}
	if (red)
		doctor_add(d, c, ".text", red_at, "%llu instructions use memory below the stack pointer, "
			   "the first at 0x%llx", (ull)red, (ull)red_at);
	if (vector)
		doctor_add_as(d, c, DOCTOR_NOTE, ".text", vector_at, "%llu instructions use vector "
			      "registers, the first at 0x%llx", (ull)vector, (ull)vector_at);
}

static unsigned functions(const struct doctor *d)
{
	struct elf_symbol s;
	unsigned n = 0;

	for (u64 i = 0; i < d->symbols.n; i++) {
		elf_symbol(&d->symbols, i, &s);
		n += s.type == STT_FUNC && s.section != SHN_UNDEF;
	}
	return n;
}

CHECK(check_unwind)
{
	static const char *const names[] = { ".eh_frame", ".debug_frame", ".orc_unwind" };
	struct elf_section text, s;
	const u8 *code = small_text(d, &text);
	unsigned frames = 0;

	for (unsigned i = 0; code && i < ARRAY_SIZE(names); i++)
		if (elf_section_find(&d->elf, names[i], &s) && s.size)
			return;
	if (!code || functions(d) < 4)
		return;
	for (u64 i = 0; i + 4 <= text.size; i++)
		frames += !memcmp(code + i, "\x55\x48\x89\xe5", 4);
	if (frames < 2)
		doctor_add(d, c, ".text", text.addr, "it has no .eh_frame, no .debug_frame and no frame "
			   "pointers");
}

/* Does .note.gnu.property claim indirect branch tracking? Source: AMD64 ABI, program properties. */
static bool claims_ibt(const struct doctor *d)
{
	struct elf_note n;

	if (!elf_note_find(&d->elf, "GNU", NT_GNU_PROPERTY_TYPE_0, &n))
		return false;
	for (u32 i = 0; n.descsz - i >= 12;) {
		u32 type, len, bits;

		memcpy(&type, n.desc + i, 4);
		memcpy(&len, n.desc + i + 4, 4);
		memcpy(&bits, n.desc + i + 8, 4);
		if (type == GNU_PROPERTY_X86_FEATURE_1_AND)
			return len == 4 && bits & GNU_PROPERTY_X86_FEATURE_1_IBT;
		if (len > n.descsz - i - 12)
			return false;
		i += 8 + ((len + 7) & ~7u);
	}
	return false;
}

CHECK(check_ibt)
{
	const u8 *code;

	if (!d->is_elf || !claims_ibt(d) || entry_code(d, 0, &code, 4) < 4)
		return;
	if (memcmp(code, "\xf3\x0f\x1e\xfa", 4))
		doctor_add(d, c, "entry", d->elf.entry, ".note.gnu.property claims IBT, and the entry "
			   "does not begin with endbr64");
}
