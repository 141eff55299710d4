/* spec.c - takes the rows of the form tables apart. */
#include "form.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

const struct form_table form_tables[CLASS_N] = {
#define T(class, id, share) [class] = { #id, forms_##id, 0, share }
	T(CLASS_INT, int, 420),
	T(CLASS_FLOW, flow, 130),
	T(CLASS_STRING, string, 40),
	T(CLASS_SSE, sse, 150),
	T(CLASS_AVX, avx, 130),
	T(CLASS_X87, x87, 110),
	T(CLASS_SYS, sys, 20),
#undef T
};

static const unsigned *const table_n[CLASS_N] = {
	&forms_int_n, &forms_flow_n, &forms_string_n, &forms_sse_n, &forms_avx_n, &forms_x87_n,
	&forms_sys_n,
};

struct spec *specs;
unsigned specs_n;

/* Rows that can be drawn, by mode and class. */
static struct {
	struct spec **row;
	unsigned n;
} drawable[2][CLASS_N];
static u32 share_total[2];

static NORETURN void bad_row(const struct form *f, const char *why)
{
	fprintf(stderr, "diff: form '%s' '%s' '%s': %s\n", f->name, f->enc, f->ops, why);
	abort();
}

static void parse_operand(struct spec *s, const char *t)
{
	struct operand *o = &s->op[s->nops];
	const struct form *f = s->form;

	if (s->nops == OPERANDS)
		bad_row(f, "too many operands");
	s->nops++;
	o->read = true;
	if (*t == '=' || *t == '+') {
		o->write = true;
		o->read = *t == '+';
		t++;
	}
	o->kind = *t++;
	if (!strchr("GERMZBKVWUHLXPQNTSIJO$", o->kind))
		bad_row(f, "unknown kind of operand");
	if (o->kind == '$')
		return;
	if (*t >= '0' && *t <= '9')
		o->bytes = (u16)atoi(t);
	else
		o->size = *t;
	if (o->size && !strchr("bwdqvyzxhreanp", o->size))
		bad_row(f, "unknown operand size");
}

static void parse_ops(struct spec *s)
{
	char text[64], *t, *save;

	snprintf(text, sizeof(text), "%s", s->form->ops);
	for (t = strtok_r(text, ",", &save); t; t = strtok_r(NULL, ",", &save))
		parse_operand(s, t);
	s->mem = -1;
	for (unsigned i = 0; i < s->nops; i++) {
		char k = s->op[i].kind;

		if (strchr("EMKWQXO", k))
			s->mem = (i8)i;
	}
}

static bool is_prefix(const char *t)
{
	return !strcmp(t, "66") || !strcmp(t, "f2") || !strcmp(t, "f3");
}

static bool parse_word(struct spec *s, const char *t)
{
	static const struct {
		const char *text;
		u8 vl;
	} vex[] = { { "v128", VL_128 }, { "v256", VL_256 }, { "vx", VL_ANY }, { "vl", VL_IGNORED } };

	for (unsigned i = 0; i < ARRAY_SIZE(vex); i++)
		if (!strcmp(t, vex[i].text)) {
			s->enc = ENC_VEX;
			s->vl = vex[i].vl;
			return true;
		}
	if (!strcmp(t, "rex.w") || !strcmp(t, "w1"))
		s->w = 1;
	else if (!strcmp(t, "w0"))
		s->w = 0;
	else if (!strcmp(t, "/r"))
		s->has_modrm = true;
	else if (t[0] == '/') {
		s->has_modrm = true;
		s->digit = (i8)(t[1] - '0');
	} else if (!strcmp(t, "+r"))
		s->plus_r = true;
	else if (!strcmp(t, "+i"))
		s->plus_i = true;
	else
		return false;
	return true;
}

/* A hex byte is a mandatory prefix, a step to a further map, the opcode, or a fixed ModRM byte. */
static void parse_byte(struct spec *s, const char *t, bool more, bool *have_opcode)
{
	u8 v = (u8)strtoul(t, NULL, 16);

	if (!*have_opcode && !s->map && more && is_prefix(t)) {
		s->prefix = v;
	} else if (!*have_opcode && !s->map && v == 0x0f) {
		s->map = 1;
	} else if (!*have_opcode && s->map == 1 && (v == 0x38 || v == 0x3a) && more) {
		s->map = v == 0x38 ? 2 : 3;
	} else if (!*have_opcode) {
		s->opcode = v;
		*have_opcode = true;
	} else {
		s->fixed_modrm = true;
		s->modrm = v;
	}
}

static void parse_enc(struct spec *s)
{
	char text[64], *word[16], *save;
	bool have_opcode = false;
	unsigned n = 0;

	snprintf(text, sizeof(text), "%s", s->form->enc);
	for (char *t = strtok_r(text, " ", &save); t && n < 16; t = strtok_r(NULL, " ", &save))
		word[n++] = t;
	for (unsigned i = 0; i < n; i++)
		if (!parse_word(s, word[i]))
			parse_byte(s, word[i], i + 1 < n && word[i + 1][0] != '/' &&
				   word[i + 1][0] != '+' && strcmp(word[i + 1], "rex.w"),
				   &have_opcode);
	if (!have_opcode)
		bad_row(s->form, "no opcode");
}

static void find_opsizes(struct spec *s)
{
	bool v = false, y = false;

	for (unsigned i = 0; i < s->nops; i++) {
		if (s->op[i].kind == 'J')
			continue; /* processors differ in what 66 means to a near branch */
		v |= s->op[i].size == 'v' || s->op[i].size == 'z';
		y |= s->op[i].size == 'y';
	}
	if (s->w == 1)
		s->opsizes = 1 << 3;
	else if (v)
		s->opsizes = s->form->flags & FM_D64 ? 1 << 1 | 1 << 3 : 1 << 1 | 1 << 2 | 1 << 3;
	else if (y)
		s->opsizes = 1 << 2 | 1 << 3;
	if (s->form->flags & FM_NO66)
		s->opsizes &= (u8)~(1 << 1);
}

static void spec_parse(struct spec *s, const struct form *f, unsigned class)
{
	*s = (struct spec){ .form = f, .class = (u8)class, .digit = -1, .w = -1 };
	parse_enc(s);
	parse_ops(s);
	find_opsizes(s);
	s->missing = feat_missing(f->feat);
}

static bool matches(const struct form *f, const regex_t *re)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %s", f->name, f->ops);
	return !regexec(re, text, 0, NULL, 0);
}

static void add_drawable(struct spec *s, unsigned mode)
{
	unsigned c = s->class, n = drawable[mode][c].n++;

	drawable[mode][c].row = realloc(drawable[mode][c].row, (n + 1) * sizeof(s));
	BUG_ON(!drawable[mode][c].row);
	drawable[mode][c].row[n] = s;
}

static void index_rows(const regex_t *only, const regex_t *without)
{
	for (unsigned i = 0; i < specs_n; i++) {
		struct spec *s = &specs[i];

		if (s->missing || (only && !matches(s->form, only)) || (without && matches(s->form, without)))
			continue;
		if (!(s->form->flags & FM_32))
			add_drawable(s, 0);
		if (!(s->form->flags & FM_64) && !(s->enc == ENC_LEGACY && s->w == 1))
			add_drawable(s, 1);
	}
	for (unsigned m = 0; m < 2; m++)
		for (unsigned c = 0; c < CLASS_N; c++)
			share_total[m] += drawable[m][c].n ? form_tables[c].share : 0;
}

static regex_t *compile(const char *text, regex_t *re)
{
	if (!text)
		return NULL;
	if (regcomp(re, text, REG_EXTENDED | REG_NOSUB | REG_ICASE)) {
		fprintf(stderr, "diff: '%s' is not a regular expression\n", text);
		exit(2);
	}
	return re;
}

void specs_init(const char *only, const char *without)
{
	regex_t re[2];
	unsigned n = 0;

	for (unsigned c = 0; c < CLASS_N; c++)
		n += *table_n[c];
	specs = calloc(n, sizeof(*specs));
	BUG_ON(!specs);
	for (unsigned c = 0; c < CLASS_N; c++)
		for (unsigned i = 0; i < *table_n[c]; i++)
			spec_parse(&specs[specs_n++], &form_tables[c].row[i], c);
	index_rows(compile(only, &re[0]), compile(without, &re[1]));
}

static struct spec *draw_once(struct rng *r, unsigned mode)
{
	u32 at;

	if (!share_total[mode])
		return NULL;
	at = rng_below(r, share_total[mode]);
	for (unsigned c = 0; c < CLASS_N; c++) {
		u32 share = drawable[mode][c].n ? form_tables[c].share : 0;

		if (at < share)
			return drawable[mode][c].row[rng_below(r, drawable[mode][c].n)];
		at -= share;
	}
	return NULL;
}

struct spec *spec_draw(struct rng *r, bool bits32)
{
	struct spec *s = draw_once(r, bits32);

	/* A form that always faults ends the sequence: thirty in a thousand of them is plenty. */
	for (unsigned i = 0; s && i < 8 && (s->form->flags & FM_ENDS) && !rng_permille(r, 30); i++)
		s = draw_once(r, bits32);
	return s;
}

struct spec *spec_find(const char *name, const char *ops)
{
	for (unsigned i = 0; i < specs_n; i++)
		if (!strcmp(specs[i].form->name, name) && !strcmp(specs[i].form->ops, ops))
			return &specs[i];
	fprintf(stderr, "diff: no form '%s %s'\n", name, ops);
	abort();
}
