/* at_rows.c - the AT commands, one row each. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem/int.h"

/* 27.007 9.2. */
enum { CME_NOT_ALLOWED = 3, CME_NO_SIM = 10, CME_PIN = 11, CME_PUK = 12, CME_WRONG = 16, CME_PARAMETERS = 50 };

static const struct {
	unsigned code;
	const char *text;
} cme_texts[] = {
	{ CME_NOT_ALLOWED, "operation not allowed" }, { CME_NO_SIM, "SIM not inserted" },
	{ CME_PIN, "SIM PIN required" }, { CME_PUK, "SIM PUK required" },
	{ CME_WRONG, "incorrect password" }, { CME_PARAMETERS, "incorrect parameters" },
};

const char *at_cme_text(unsigned code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(cme_texts); i++)
		if (cme_texts[i].code == code)
			return cme_texts[i].text;
	return "unknown";
}

enum form { FORM_DO, FORM_READ, FORM_SET, FORM_TEST }; /* +X, +X?, +X=…, +X=? */

/* One extended command being done. */
struct command {
	struct modem *m;
	enum form form;
	const char *value; /* behind '=' */
};

struct extended {
	const char *name;
	bool needs_sim; /* fails until the PIN was given */
	const char *read; /* what +X? and plain +X say; NULL: ask fn */
	const char *test; /* what +X=? says; NULL: nothing */
	unsigned (*fn)(struct command *c); /* NULL: setting it is fine and does nothing */
};

static unsigned sim_result(const struct modem *m)
{
	switch (m->at.sim) {
	case SIM_READY: return AT_OK;
	case SIM_LOCKED: return AT_CME + CME_PIN;
	case SIM_PUK: return AT_CME + CME_PUK;
	default: return AT_CME + CME_NO_SIM;
	}
}

/* The next value of a list, its quotes taken off; false: there is none. */
static bool take(const char **p, char *ret, size_t size)
{
	size_t n = 0;
	bool quoted;

	if (!**p)
		return false;
	quoted = **p == '"';
	for (*p += quoted; **p && **p != (quoted ? '"' : ','); ++*p)
		if (n + 1 < size)
			ret[n++] = **p;
	ret[n] = 0;
	*p += quoted && **p;
	*p += **p == ',';
	return true;
}

/* ---- the SIM's PIN ---- */

static unsigned wrong(unsigned *tries, enum sim then, struct modem *m)
{
	if (*tries && !--*tries)
		m->at.sim = then;
	return AT_CME + CME_WRONG;
}

static unsigned unlock(struct modem *m)
{
	m->at.pin_tries = PIN_TRIES;
	m->at.puk_tries = PUK_TRIES;
	m->at.sim = SIM_READY;
	return AT_OK;
}

static unsigned pin_set(struct modem *m, const char *value)
{
	char code[16], pin[16];

	if (!take(&value, code, sizeof(code)))
		return AT_CME + CME_PARAMETERS;
	if (m->at.sim == SIM_LOCKED)
		return strcmp(code, m->at.pin) ? wrong(&m->at.pin_tries, SIM_PUK, m) : unlock(m);
	if (m->at.sim != SIM_PUK)
		return m->at.sim == SIM_READY ? AT_CME + CME_NOT_ALLOWED : sim_result(m);
	if (!take(&value, pin, sizeof(pin)) || strlen(pin) < 4 || strlen(pin) > 8)
		return AT_CME + CME_PARAMETERS;
	if (strcmp(code, "12345678"))
		return wrong(&m->at.puk_tries, SIM_ABSENT, m);
	snprintf(m->at.pin, sizeof(m->at.pin), "%.8s", pin);
	return unlock(m);
}

static unsigned ext_pin(struct command *c)
{
	static const char *const words[] = { [SIM_LOCKED] = "SIM PIN", [SIM_READY] = "READY", [SIM_PUK] = "SIM PUK" };

	if (c->form == FORM_SET)
		return pin_set(c->m, c->value);
	if (c->m->at.sim == SIM_ABSENT)
		return sim_result(c->m);
	at_say(c->m, "+CPIN: %s", words[c->m->at.sim]);
	return AT_OK;
}

/* ---- others that do something ---- */

static unsigned ext_cmee(struct command *c)
{
	if (c->form == FORM_SET && (c->value[0] < '0' || c->value[0] > '2' || c->value[1]))
		return AT_CME + CME_PARAMETERS;
	if (c->form == FORM_SET)
		c->m->at.cmee = (unsigned)c->value[0] - '0';
	else
		at_say(c->m, "+CMEE: %u", c->m->at.cmee);
	return AT_OK;
}

static unsigned ext_cgdcont(struct command *c)
{
	char val[100];

	if (c->form == FORM_SET) {
		/* context, protocol, access point */
		for (unsigned i = 0; i < 3 && take(&c->value, val, sizeof(val)); i++)
			if (i == 2)
				memcpy(c->m->at.apn, val, sizeof(val));
	} else {
		at_say(c->m, "+CGDCONT: 1,\"IP\",\"%s\",\"\",0,0", c->m->at.apn);
	}
	return AT_OK;
}

static unsigned ext_cops(struct command *c)
{
	const char *name = c->m->o.operator_name;

	if (c->form == FORM_READ)
		at_say(c->m, "+COPS: 0,0,\"%s\",2", name ? name : "pandok");
	return AT_OK;
}

static unsigned ext_curc(struct command *c)
{
	if (c->form == FORM_SET)
		c->m->at.curc = c->value[0] != '0';
	else
		at_say(c->m, "^CURC: %d", c->m->at.curc);
	return AT_OK;
}

static unsigned ext_tries(struct command *c)
{
	const struct at *a = &c->m->at;

	if (a->sim == SIM_ABSENT)
		return sim_result(c->m);
	at_say(c->m, "^CPIN: %s,,%u,%u,10,3", a->sim == SIM_READY ? "READY" : a->sim == SIM_PUK ? "SIM PUK" :
	       "SIM PIN", a->puk_tries, a->pin_tries);
	return AT_OK;
}

static const struct extended extended[] = {
	{ "+CPIN", false, NULL, NULL, ext_pin },
	{ "^CPIN", false, NULL, NULL, ext_tries },
	{ "+CMEE", false, NULL, "+CMEE: (0,1,2)", ext_cmee },
	{ "+CSQ", true, "+CSQ: 16,99", "+CSQ: (0-31,99),(99)", NULL },
	{ "+CGMI", false, "huawei", NULL, NULL }, { "+GMI", false, "huawei", NULL, NULL },
	{ "+CGMM", false, "E17X", NULL, NULL }, { "+GMM", false, "E17X", NULL, NULL },
	{ "+CGMR", false, "11.117.03.00.00", NULL, NULL }, { "+GMR", false, "11.117.03.00.00", NULL, NULL },
	{ "+CGSN", false, "353443020000001", NULL, NULL }, { "+GSN", false, "353443020000001", NULL, NULL },
	{ "+CIMI", true, "001010000000001", NULL, NULL },
	{ "+GCAP", false, "+GCAP: +CGSM,+DS,+ES", NULL, NULL },
	{ "+CREG", true, "+CREG: 0,1", "+CREG: (0-2)", NULL },
	{ "+CGREG", true, "+CGREG: 0,1", "+CGREG: (0-2)", NULL },
	{ "+CGATT", true, "+CGATT: 1", "+CGATT: (0,1)", NULL },
	{ "+COPS", true, NULL, NULL, ext_cops },
	{ "+CGDCONT", true, NULL, "+CGDCONT: (1-16),\"IP\",,,(0-2),(0-3)", ext_cgdcont },
	{ "+CFUN", false, "+CFUN: 1", "+CFUN: (0,1,4-7),(0,1)", NULL },
	{ "+FCLASS", false, "0", "0", NULL },
	{ "+CNMI", true, "+CNMI: 0,0,0,0,0", NULL, NULL },
	{ "^CURC", false, NULL, NULL, ext_curc },
	{ "^SYSINFO", false, "^SYSINFO:2,3,0,5,1,,4", NULL, NULL },
	{ "^SYSCFG", false, "^SYSCFG:2,0,3FFFFFFF,1,2", NULL, NULL },
	{ "^CARDMODE", true, "^CARDMODE:2", NULL, NULL },
};

/* ---- taking a line apart ---- */

static unsigned do_row(const struct extended *r, struct command *c)
{
	if (c->form == FORM_TEST) {
		if (r->test)
			at_say(c->m, "%s", r->test);
		return AT_OK;
	}
	if (r->needs_sim && sim_result(c->m))
		return sim_result(c->m);
	if (c->form != FORM_SET && r->read) {
		at_say(c->m, "%s", r->read);
		return AT_OK;
	}
	return r->fn ? r->fn(c) : AT_OK;
}

/* Behind the value that starts at s: a semicolon that is in no quotes. */
static const char *value_end(const char *s)
{
	for (bool quoted = false; *s && (quoted || *s != ';'); s++)
		quoted ^= *s == '"';
	return s;
}

static unsigned do_extended(struct modem *m, const char **p)
{
	const char *name = *p, *s = name + 1, *end;
	struct command c = { m, FORM_DO, "" };
	char value[LINE_MAX_AT + 1];
	size_t len;

	while (isalnum((u8)*s))
		s++;
	len = (size_t)(s - name);
	end = value_end(s);
	if (*s == '?')
		c.form = FORM_READ;
	else if (*s == '=' && s[1] == '?')
		c.form = FORM_TEST;
	else if (*s == '=')
		c.form = FORM_SET;
	if (c.form == FORM_SET)
		s++;
	snprintf(value, sizeof(value), "%.*s", (int)(end - s), s);
	c.value = value;
	*p = end + (*end == ';');
	for (unsigned i = 0; i < ARRAY_SIZE(extended); i++)
		if (strlen(extended[i].name) == len && !memcmp(extended[i].name, name, len))
			return do_row(&extended[i], &c);
	return AT_ERROR;
}

/* *99#, *99***1# and the like are the network's; nobody answers elsewhere. */
static unsigned dial(struct modem *m, const char **p)
{
	const char *s = *p + strspn(*p, "TP");

	*p += strlen(*p);
	if (sim_result(m))
		return AT_NO_CARRIER;
	if (strncmp(s, "*99", 3) || !strchr(s, '#'))
		return AT_NO_CARRIER;
	at_result(m, AT_CONNECT);
	modem_connect(m);
	return AT_SILENT;
}

static unsigned number(const char **p)
{
	unsigned n = 0;

	for (; isdigit((u8)**p); ++*p)
		n = n < 1000 ? n * 10 + (unsigned)**p - '0' : n;
	return n;
}

static unsigned s_register(struct modem *m, const char **p)
{
	unsigned i = number(p);

	if (i >= sizeof(m->at.s))
		return AT_ERROR;
	if (**p == '?') {
		++*p;
		at_say(m, "%03u", m->at.s[i]);
		return AT_OK;
	}
	if (**p == '=') {
		++*p;
		m->at.s[i] = (u8)number(p);
	}
	return AT_OK;
}

static unsigned set_flag(bool *flag, unsigned val, bool turned)
{
	if (val > 1)
		return AT_ERROR;
	*flag = val ^ turned;
	return AT_OK;
}

static unsigned go_online(struct modem *m)
{
	if (!m->on_hold)
		return AT_NO_CARRIER;
	at_result(m, AT_CONNECT);
	m->on_hold = false;
	m->online = true;
	return AT_SILENT;
}

static unsigned do_basic(struct modem *m, char letter, unsigned val)
{
	switch (letter) {
	case 'E': return set_flag(&m->at.echo, val, false);
	case 'Q': return set_flag(&m->at.quiet, val, false);
	case 'V': return set_flag(&m->at.words, val, false);
	case 'Z': at_reset(m); return AT_OK;
	case 'H': modem_hang_up(m); return AT_OK;
	case 'O': return go_online(m);
	case 'A': return AT_NO_CARRIER;
	case 'I':
		at_say(m, "Manufacturer: huawei\r\nModel: E17X\r\nRevision: 11.117.03.00.00");
		return AT_OK;
	case 'L': case 'M': case 'X': case 'T': case 'P': return AT_OK;
	default: return AT_ERROR;
	}
}

unsigned at_do(struct modem *m, const char **p)
{
	char letter = **p;

	if (letter == '+' || letter == '^')
		return do_extended(m, p);
	++*p;
	if (letter == ';')
		return AT_OK;
	if (letter == 'D')
		return dial(m, p);
	if (letter == 'S')
		return s_register(m, p);
	if (letter == '&') {
		letter = **p;
		*p += letter != 0;
		number(p);
		if (letter == 'F')
			at_reset(m);
		return letter && strchr("CDFKSVW", letter) ? AT_OK : AT_ERROR;
	}
	return do_basic(m, letter, number(p));
}
