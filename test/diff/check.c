/* check.c - checks the table of forms itself: each row must decode to what it says, and every
 * instruction that the decoder knows must have a row or a reason to have none. */
#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

#include "form.h"
#include "tester.h"

#define MNEMONICS (ZYDIS_MNEMONIC_MAX_VALUE + 1)

struct check {
	ZydisDecoder decoder[3]; /* 64-bit, 32-bit, 16-bit */
	bool covered[MNEMONICS];
	u8 ext[MNEMONICS];       /* ISA extension, of the last time it was seen */
	bool seen[MNEMONICS];
	unsigned complaints;
};

static bool word_in(const char *words, const char *w)
{
	size_t n = strlen(w);

	for (const char *p = words; (p = strstr(p, w)); p += n)
		if ((p == words || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

static const char *why_excluded(const char *name, const char *ext)
{
	char group[64];

	snprintf(group, sizeof(group), "@%s", ext);
	for (unsigned i = 0; i < forms_excluded_n; i++)
		if (word_in(forms_excluded[i].names, name) || word_in(forms_excluded[i].names, group))
			return forms_excluded[i].why;
	return NULL;
}

static void look(struct check *c, unsigned mode, const u8 *b)
{
	ZydisDecodedInstruction in;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&c->decoder[mode], NULL, b, 15, &in)))
		return;
	if (in.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX || in.encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX)
		return;
	c->seen[in.mnemonic] = true;
	c->ext[in.mnemonic] = (u8)in.meta.isa_ext;
}

/* All ModRM bytes that can tell instructions apart, at b[n]. */
static void look_modrm(struct check *c, unsigned mode, u8 *b, unsigned n)
{
	for (unsigned m = 0; m < 64 + 8; m++) {
		b[n] = (u8)(m < 64 ? 0xc0 | m : (m - 64) << 3);
		look(c, mode, b);
	}
}

static void walk_legacy(struct check *c, unsigned mode)
{
	static const u8 prefix[] = { 0, 0x66, 0xf2, 0xf3 };

	for (unsigned i = 0; i < 4 * 4 * 2 * 256; i++) {
		unsigned map = i >> 8 & 3, n = 0;
		u8 b[32] = { 0 };

		if (prefix[i >> 10 & 3])
			b[n++] = prefix[i >> 10 & 3];
		if ((i >> 12 & 1) && !mode)
			b[n++] = 0x48;
		if (map)
			b[n++] = 0x0f;
		if (map > 1)
			b[n++] = map == 2 ? 0x38 : 0x3a;
		b[n++] = (u8)i;
		look_modrm(c, mode, b, n);
	}
}

static void walk_vex(struct check *c, unsigned mode)
{
	for (unsigned i = 0; i < 256 * 4 * 4 * 2 * 2; i++) {
		u8 b[32] = { 0xc4, (u8)(0xe0 | (i >> 8 & 3)),
			     (u8)((i >> 12 & 1) << 7 | 0x78 | (i >> 13 & 1) << 2 | (i >> 10 & 3)), (u8)i };

		look_modrm(c, mode, b, 4);
		b[2] &= (u8)~0x78; /* some want a register in vvvv, gathers want a SIB byte */
		b[5] = 0x08;
		b[4] = 0x14;
		look(c, mode, b);
	}
}

static void check_mnemonics(struct check *c)
{
	for (unsigned m = 1; m < MNEMONICS; m++) {
		const char *name = ZydisMnemonicGetString((ZydisMnemonic)m);
		const char *ext = ZydisISAExtGetString((ZydisISAExt)c->ext[m]);

		if (!c->seen[m] || c->covered[m] || why_excluded(name, ext))
			continue;
		printf("no form and no reason: %s (%s)\n", name, ext);
		c->complaints++;
	}
}

static void check_rows(struct check *c)
{
	for (unsigned m = 1; m < MNEMONICS; m++)
		for (unsigned i = 0; i < specs_n && !c->covered[m]; i++)
			c->covered[m] = !strcmp(specs[i].form->name, ZydisMnemonicGetString((ZydisMnemonic)m));
}

/* xchg of rAX with itself has a name of its own; a gather with equal registers is
 * no instruction, and neither is a load of CS. */
static bool known_alias(const char *want, const char *got)
{
	if (!strcmp(want, "xchg"))
		return !strcmp(got, "nop");
	return (strstr(want, "gather") || !strcmp(want, "mov")) && !strcmp(got, "(bad)");
}

/* Does this item decode to its row's mnemonic, and to its own length? */
static bool item_is_right(struct check *c, const struct seq *q, const struct item *it, const char **got)
{
	const ZydisDecoder *decoder = &c->decoder[q->bits32 + q->bits16];
	const char *want = specs[it->spec].form->name;
	ZydisDecodedInstruction in;

	*got = "(bad)";
	if (ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(decoder, NULL, it->bytes, it->len, &in)))
		*got = ZydisMnemonicGetString(in.mnemonic);
	/* 16-bit code swaps the names of what differs in size only. */
	if (q->bits16 && strcmp(*got, "(bad)") && in.length == it->len)
		return true;
	return (!strcmp(want, *got) && in.length == it->len) || known_alias(want, *got);
}

static void check_encodings(struct check *c)
{
	struct gen_options o = { .min = 30, .max = 40, .bits32 = 300, .bits16 = 300 };
	static struct seq q;
	const char *got;

	for (u64 seed = 0; seed < 20000 && c->complaints < 50; seed++) {
		seq_generate(&q, seed, &o);
		for (u32 i = 0; i < q.n; i++) {
			const struct item *it = &q.item[i];

			if (it->spec == ITEM_RAW || item_is_right(c, &q, it, &got))
				continue;
			printf("row '%s' '%s' gives %s, seed %llu\n", specs[it->spec].form->name,
			       specs[it->spec].form->ops, got, (unsigned long long)seed);
			c->complaints++;
		}
	}
}

unsigned check_table(void)
{
	static struct check c;

	ZydisDecoderInit(&c.decoder[0], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisDecoderInit(&c.decoder[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&c.decoder[2], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	check_encodings(&c);
	for (unsigned mode = 0; mode < 2; mode++) {
		walk_legacy(&c, mode);
		walk_vex(&c, mode);
	}
	check_rows(&c);
	check_mnemonics(&c);
	printf("%u forms, %u complaints\n", specs_n, c.complaints);
	return c.complaints;
}
