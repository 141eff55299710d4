/* at.c - the command line of the modem: echo, splitting, results, unsolicited lines. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "modem/int.h"

#define BOOT_EVERY (20 * SECOND)
#define SETTLE_NS (SECOND / 2) /* from the right PIN to the network */

/* ---- what is said ---- */

void at_say(struct modem *m, const char *fmt, ...)
{
	char text[300], line[310];
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = snprintf(line, sizeof(line), m->at.words ? "\r\n%s\r\n" : "%s\r\n", text);
	modem_put(m, line, (size_t)n);
}

static void say_cme(struct modem *m, unsigned code)
{
	if (!m->at.cmee)
		at_result(m, AT_ERROR);
	else if (m->at.cmee == 1)
		at_say(m, "+CME ERROR: %u", code);
	else
		at_say(m, "+CME ERROR: %s", at_cme_text(code));
}

void at_result(struct modem *m, unsigned result)
{
	static const char *const words[] = {
		[AT_OK] = "OK", [AT_CONNECT] = "CONNECT", [AT_RING] = "RING",
		[AT_NO_CARRIER] = "NO CARRIER", [AT_ERROR] = "ERROR", [AT_BUSY] = "BUSY",
	};
	char text[32];
	int n;

	if (result == AT_SILENT || m->at.quiet)
		return;
	if (result >= AT_CME) {
		say_cme(m, result - AT_CME);
		return;
	}
	if (m->at.words)
		n = snprintf(text, sizeof(text), "\r\n%s\r\n", words[result]);
	else
		n = snprintf(text, sizeof(text), "%u\r", result);
	modem_put(m, text, (size_t)n);
}

/* ---- a line ---- */

/* Spaces mean nothing, and letters are capital, but inside quotes. V.250 5.2.1. */
static void tidy(char *s)
{
	bool quoted = false;
	char *to = s;

	for (; *s; s++) {
		quoted ^= *s == '"';
		if (quoted || *s != ' ')
			*to++ = quoted ? *s : (char)toupper((u8)*s);
	}
	*to = 0;
}

/*C:300 AT
 * A line that starts with AT holds commands one behind the other: letters with a number (E0), the
 * same behind an ampersand (&D2), and names that start with + or ^ and end with a semicolon. They
 * are done in order up to the first that fails, and one result ends the line. A SIM that waits for
 * its PIN makes most of them fail with a reason of its own, as the E220 does.
 * @test at_pin
 */
static void do_line(struct modem *m)
{
	const char *p = m->at.line;
	unsigned result = AT_OK;

	tidy(m->at.line);
	if (m->at.overflow) {
		at_result(m, AT_ERROR);
		return;
	}
	if (strncmp(p, "AT", 2))
		return;
	for (p += 2; *p && result == AT_OK;)
		result = at_do(m, &p);
	at_result(m, result);
}

void at_byte(struct modem *m, u8 byte)
{
	struct at *a = &m->at;

	if (a->echo)
		modem_put(m, &byte, 1);
	if (byte == a->s[3]) {
		a->line[a->len] = 0;
		a->len = 0;
		do_line(m);
		a->overflow = false;
	} else if (byte == a->s[5]) {
		a->len -= a->len != 0;
	} else if (byte >= ' ' && a->len < LINE_MAX_AT) {
		a->line[a->len++] = (char)byte;
	} else if (byte >= ' ') {
		a->overflow = true;
	}
}

void at_reset(struct modem *m)
{
	struct at *a = &m->at;

	a->echo = a->words = true;
	a->quiet = false;
	memset(a->s, 0, sizeof(a->s));
	a->s[3] = '\r';
	a->s[4] = '\n';
	a->s[5] = '\b';
	a->s[7] = 50;
}

void at_power_on(struct modem *m)
{
	struct at *a = &m->at;

	at_reset(m);
	a->cmee = 2;
	a->curc = true;
	a->sim = (enum sim)m->o.sim;
	a->pin_tries = PIN_TRIES;
	a->puk_tries = PUK_TRIES;
	snprintf(a->pin, sizeof(a->pin), "%s", m->o.pin ? m->o.pin : "0000");
	a->boot_ns = modem_now() + BOOT_EVERY;
}

/* ---- what is said unasked ---- */

u64 at_tick(struct modem *m, u64 now)
{
	struct at *a = &m->at;
	bool talks = a->curc && !m->online;

	if (a->sim == SIM_READY && !a->told) {
		a->told = true;
		a->state_ns = now + SETTLE_NS;
	}
	if (a->sim != SIM_READY)
		a->state_ns = UINT64_MAX;
	if (now >= a->boot_ns) {
		a->boot_ns = now + BOOT_EVERY;
		if (talks)
			at_say(m, "^BOOT:20952548,0,0,0,64");
		if (talks && a->sim == SIM_READY)
			at_say(m, "^RSSI:16");
	}
	if (now >= a->state_ns) {
		a->state_ns = UINT64_MAX;
		if (talks) {
			at_say(m, "^SIMST:1");
			at_say(m, "^SRVST:2");
			at_say(m, "^RSSI:16");
			at_say(m, "^MODE:5,4");
		}
	}
	return a->boot_ns < a->state_ns ? a->boot_ns : a->state_ns;
}
