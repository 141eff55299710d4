/* modem.h - front of this folder: a 3G modem like Huawei's E220, spoken to with AT commands; after
 * CONNECT it speaks PPP, and what comes through goes to a user network. */
#ifndef PANDOK_MODEM_MODEM_H
#define PANDOK_MODEM_MODEM_H

#include "base/err.h"
#include "base/types.h"

struct modem;

/*
 * modem_check - would modem_start() understand spec? -EINVAL with a sentence. spec is
 * "[pin=1234][,sim=locked|ready|absent][,operator=NAME][,net=…]", in any order; NULL or "": all as
 * it comes (PIN 0000, locked). net is what net_open() takes, the last of all.
 */
MUST_CHECK int modem_check(const char *spec, struct err *e);

/*
 * modem_start - a modem on a thread of its own that speaks at fd (a socket or the master of a pseudo
 * terminal, non-blocking), which stays the caller's.
 */
MUST_CHECK int modem_start(const char *spec, int fd, struct modem **ret, struct err *e);
void modem_stop(struct modem *m); /* NULL is fine */

/* modem_dtr - who uses it is ready, or not: then a call ends (&D2). Any thread, as the next. */
void modem_dtr(struct modem *m, bool ready);
bool modem_carrier(struct modem *m); /* is there a call? (&C1) */

#endif
