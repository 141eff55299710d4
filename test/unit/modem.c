/* modem.c - the modem as who uses it sees it: AT commands, the PIN, and a call that speaks PPP.
 * @links src/base src/net src/modem */
#define _GNU_SOURCE
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "modem/modem.h"

struct call {
	struct modem *m;
	int ours, theirs;
	u8 seen[65536];
	size_t n;
	u8 id;
};

static void begin(struct call *c, const char *spec)
{
	struct err e;
	int pair[2];

	memset(c, 0, sizeof(*c));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	c->ours = pair[0];
	c->theirs = pair[1];
	assert_int_equal(modem_start(spec, c->theirs, &c->m, &e), 0);
}

static void end(struct call *c)
{
	modem_stop(c->m);
	close(c->ours);
	close(c->theirs);
}

/* More of what the modem says, into seen; false: nothing for ten seconds. */
static bool hear(struct call *c)
{
	struct pollfd p = { c->ours, POLLIN, 0 };
	ssize_t n;

	if (poll(&p, 1, 10000) < 1)
		return false;
	n = read(c->ours, c->seen + c->n, sizeof(c->seen) - c->n);
	c->n += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void say(struct call *c, const char *text)
{
	assert_int_equal(write(c->ours, text, strlen(text)), strlen(text));
}

/* Send a command; the answer up to text comes, and what came before is forgotten. */
static void ask(struct call *c, const char *command, const char *text)
{
	u8 *at;

	say(c, command);
	say(c, "\r");
	while (!(at = memmem(c->seen, c->n, text, strlen(text))))
		if (!hear(c))
			fail_msg("no '%s' after %s, but '%.*s'", text, command, (int)c->n, c->seen);
	at += strlen(text);
	c->n -= (size_t)(at - c->seen);
	memmove(c->seen, at, c->n);
}

/* ---- commands ---- */

static void at_answers(void **unused)
{
	struct call c;

	(void)unused;
	begin(&c, "sim=ready,operator=Inn,net=none");
	ask(&c, "AT", "AT\r\r\nOK\r\n");
	ask(&c, "ATE0", "ATE0\r\r\nOK\r\n");
	ask(&c, "AT", "\r\nOK\r\n");
	ask(&c, "at+cops?", "\r\n+COPS: 0,0,\"Inn\",2\r\n\r\nOK\r\n");
	ask(&c, "AT Q0 V1 S0=0 &C1 &D2 +FCLASS=0", "\r\nOK\r\n");
	ask(&c, "ATV0", "0\r");
	ask(&c, "ATX9Y", "4\r");
	ask(&c, "ATV1Q1", "");
	ask(&c, "ATQ0", "\r\nOK\r\n");
	ask(&c, "AT+CSQ;+CMEE?", "\r\n+CSQ: 16,99\r\n\r\n+CMEE: 2\r\n\r\nOK\r\n");
	ask(&c, "AT+CGDCONT=1,\"IP\",\"a;b c\"", "\r\nOK\r\n");
	ask(&c, "AT+CGDCONT?", "\"a;b c\"");
	ask(&c, "ATS7=12S7?", "\r\n012\r\n\r\nOK\r\n");
	ask(&c, "AT+NONSENSE", "\r\nERROR\r\n");
	ask(&c, "ATD123", "\r\nNO CARRIER\r\n");
	ask(&c, "noise\bAT", "");
	ask(&c, "ATO", "\r\nNO CARRIER\r\n");
	end(&c);
}

static void at_pin(void **unused)
{
	struct call c;

	(void)unused;
	begin(&c, "pin=1234,net=none");
	ask(&c, "AT+CSQ", "AT+CSQ\r\r\n+CME ERROR: SIM PIN required\r\n");
	ask(&c, "AT+CPIN?", "+CPIN: SIM PIN\r\n\r\nOK\r\n");
	ask(&c, "AT+CPIN=0000", "+CME ERROR: incorrect password\r\n");
	ask(&c, "AT+CPIN=\"1234\"", "\r\nOK\r\n");
	ask(&c, "AT+CPIN?", "+CPIN: READY\r\n\r\nOK\r\n");
	ask(&c, "", "^SIMST:1\r\n");
	ask(&c, "AT+CSQ", "+CSQ: ");
	end(&c);
	begin(&c, "pin=1234,net=none");
	for (int i = 0; i < 3; i++)
		ask(&c, "AT+CPIN=9999", "+CME ERROR: incorrect password\r\n");
	ask(&c, "AT+CPIN=1234", "+CME ERROR: ");
	ask(&c, "AT+CPIN?", "+CPIN: SIM PUK\r\n");
	ask(&c, "AT+CPIN=12345678,4321", "\r\nOK\r\n");
	ask(&c, "AT+CPIN?", "+CPIN: READY\r\n");
	end(&c);
	begin(&c, "sim=absent,net=none");
	ask(&c, "AT+CPIN?", "+CME ERROR: SIM not inserted\r\n");
	ask(&c, "AT+CMEE=1", "OK");
	ask(&c, "AT+CSQ", "+CME ERROR: 10\r\n");
	ask(&c, "ATD*99#", "\r\nNO CARRIER\r\n");
	end(&c);
}

static void at_bad_settings(void **unused)
{
	struct err e;

	(void)unused;
	assert_int_equal(modem_check("", &e), 0);
	assert_int_equal(modem_check("sim=ready,net=user,restrict=on,ipv6=off", &e), 0);
	assert_int_not_equal(modem_check("pin=12", &e), 0);
	assert_int_not_equal(modem_check("pin=abcd", &e), 0);
	assert_int_not_equal(modem_check("sim=lost", &e), 0);
	assert_int_not_equal(modem_check("net=nonsense", &e), 0);
}

/* ---- PPP, the caller's end ---- */

static u16 fcs(u16 sum, u8 byte)
{
	sum ^= byte;
	for (int i = 0; i < 8; i++)
		sum = sum & 1 ? (u16)(sum >> 1 ^ 0x8408) : (u16)(sum >> 1);
	return sum;
}

static void frame_send(struct call *c, const u8 *data, size_t len)
{
	u8 out[4096], all[2048];
	u16 sum = 0xffff;
	size_t n = 0;

	memcpy(all, data, len);
	for (size_t i = 0; i < len; i++)
		sum = fcs(sum, data[i]);
	all[len++] = (u8)~sum;
	all[len++] = (u8)(~sum >> 8);
	out[n++] = 0x7e;
	for (size_t i = 0; i < len; i++) {
		if (all[i] < 32 || all[i] == 0x7d || all[i] == 0x7e)
			out[n++] = 0x7d;
		out[n++] = all[i] < 32 || all[i] == 0x7d || all[i] == 0x7e ? all[i] ^ 0x20 : all[i];
	}
	out[n++] = 0x7e;
	assert_int_equal(write(c->ours, out, n), n);
}

/* The next frame, without its checksum, which must be right. */
static size_t frame_hear(struct call *c, u8 *ret)
{
	for (;;) {
		u8 *start = memchr(c->seen, 0x7e, c->n), *end;
		size_t n = 0;
		u16 sum = 0xffff;

		end = start ? memchr(start + 1, 0x7e, c->n - (size_t)(start + 1 - c->seen)) : NULL;
		if (!end) {
			if (!hear(c))
				fail_msg("no frame came");
			continue;
		}
		for (u8 *p = start + 1; p < end; p++) {
			ret[n] = *p == 0x7d ? *++p ^ 0x20 : *p;
			sum = fcs(sum, ret[n++]);
		}
		c->n -= (size_t)(end - c->seen);
		memmove(c->seen, end, c->n);
		if (n) {
			assert_int_equal(sum, 0xf0b8);
			return n - 2;
		}
	}
}

/* A frame with this protocol and code comes, others are answered or passed over. */
static size_t wait_for(struct call *c, u16 protocol, u8 code, u8 *f)
{
	for (;;) {
		size_t n = frame_hear(c, f);
		u16 got = (u16)(f[2] << 8 | f[3]);

		if (got == protocol && f[4] == code)
			return n;
		if (f[4] == 1 && (got == 0xc021 || got == 0x8021)) {
			f[4] = 2;
			frame_send(c, f, n);
		}
	}
}

static void ppp_gives_an_address(void **unused)
{
	static const u8 lcp[] = { 0xff, 3, 0xc0, 0x21, 1, 1, 0, 8, 13, 4, 7, 7 }; /* nobody has option 13 */
	static const u8 lcp2[] = { 0xff, 3, 0xc0, 0x21, 1, 2, 0, 8, 1, 4, 5, 0xdc };
	static const u8 pap[] = { 0xff, 3, 0xc0, 0x23, 1, 3, 0, 8, 1, 'u', 1, 'p' };
	u8 ipcp[] = { 0xff, 3, 0x80, 0x21, 1, 4, 0, 16, 3, 6, 0, 0, 0, 0, 129, 6, 0, 0, 0, 0 };
	static const u8 ping[] = { 0xff, 3, 0, 0x21, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0x62, 0xd0, 10, 0, 2, 15,
				   10, 0, 2, 2, 8, 0, 0xf7, 0xfd, 0, 1, 0, 1 };
	static const u8 bye[] = { 0xff, 3, 0xc0, 0x21, 5, 9, 0, 4 };
	struct call c;
	u8 f[2048];

	(void)unused;
	begin(&c, "sim=ready,net=user,ipv6=off");
	ask(&c, "ATDT*99***1#", "\r\nCONNECT\r\n");
	frame_send(&c, lcp, sizeof(lcp));
	assert_int_equal(wait_for(&c, 0xc021, 4, f), sizeof(lcp)); /* rejected, as it was */
	frame_send(&c, lcp2, sizeof(lcp2));
	wait_for(&c, 0xc021, 2, f);
	frame_send(&c, pap, sizeof(pap));
	wait_for(&c, 0xc023, 2, f);
	frame_send(&c, ipcp, sizeof(ipcp));
	wait_for(&c, 0x8021, 3, f);
	assert_memory_equal(f + 8, ((u8[]){ 3, 6, 10, 0, 2, 15, 129, 6, 10, 0, 2, 3 }), 12);
	memcpy(ipcp + 8, f + 8, 12);
	frame_send(&c, ipcp, sizeof(ipcp));
	wait_for(&c, 0x8021, 2, f);
	while (f[2] || f[3] != 0x21 || f[24] != 0) { /* until an echo reply comes */
		frame_send(&c, ping, sizeof(ping));
		if (frame_hear(&c, f) > 24 && f[2] == 0x80 && f[4] == 1) {
			f[4] = 2;
			frame_send(&c, f, 14);
		}
	}
	assert_memory_equal(f + 16, ((u8[]){ 10, 0, 2, 2, 10, 0, 2, 15 }), 8);
	frame_send(&c, bye, sizeof(bye));
	wait_for(&c, 0xc021, 6, f);
	ask(&c, "", "NO CARRIER\r\n");
	ask(&c, "AT", "\r\nOK\r\n");
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_answers),
		cmocka_unit_test(at_pin),
		cmocka_unit_test(at_bad_settings),
		cmocka_unit_test(ppp_gives_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
