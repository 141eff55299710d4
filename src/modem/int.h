/* int.h - what the files of this folder share. */
#ifndef PANDOK_MODEM_INT_H
#define PANDOK_MODEM_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "modem/modem.h"
#include "net/net.h"

#define LINE_MAX_AT 256   /* bytes of a command line */
#define OUT_MAX 131072    /* bytes on their way to who uses the modem */
#define PPP_MRU 1500
#define SECOND 1000000000ull

enum sim { SIM_LOCKED, SIM_READY, SIM_ABSENT, SIM_PUK };
enum { PIN_TRIES = 3, PUK_TRIES = 10 };

struct modem_options {
	char *pin, *operator_name, *net;
	unsigned sim; /* enum sim, the first three */
};

/* The AT command interpreter. Source: V.250, 27.007, and recorded dialogues with an E220. */
struct at {
	char line[LINE_MAX_AT + 1];
	unsigned len;
	bool overflow;
	bool echo, quiet, words; /* E, Q, V */
	unsigned cmee;           /* +CMEE: 0 no code, 1 number, 2 words */
	bool curc;               /* unsolicited lines */
	u8 s[32];                /* S registers */
	char apn[100];
	enum sim sim;
	unsigned pin_tries, puk_tries;
	char pin[9];
	u64 boot_ns, state_ns;   /* when the next unsolicited line is due; UINT64_MAX: none */
	bool told;               /* the network was announced */
};

#define PPP_FRAME_MAX (PPP_MRU + 8)

/* PPP in HDLC-like framing, one peer. RFC 1661, 1662, 1332, 1334, 1877. */
struct ppp {
	u8 in[PPP_FRAME_MAX];
	unsigned len;
	bool escape, overrun;
	bool lcp_us, lcp_them;   /* our request was acknowledged; theirs by us */
	bool ipcp_asked, ipcp_us, ipcp_them;
	bool no_auth;            /* they will not */
	bool authenticated, up, ended;
	u8 id, tries; /* id: of the last request, which an answer must name */
	u8 reject_id;
	u64 again_ns;            /* when requests are repeated; UINT64_MAX: never */
};

struct packet {
	struct packet *next;
	unsigned len;
	u8 at[];
};

struct modem {
	struct modem_options o;
	pthread_mutex_t lock; /* all below, but for net itself */
	pthread_t thread;
	int fd, wake;
	atomic_bool stop;
	struct at at;
	bool ready;       /* DTR */
	bool online;      /* bytes are PPP's */
	bool on_hold;     /* +++: a call waits for ATO */
	unsigned pluses;  /* of an escape sequence */
	u64 last_ns;      /* when the last byte came */
	struct ppp ppp;
	u8 out[OUT_MAX];
	unsigned out_head, out_tail;
	struct net *net;
	struct net_calls calls;
	struct packet *packets, **packets_end; /* for the network */
	unsigned npackets;
};

/* modem.c. Locked. */
void modem_put(struct modem *m, const void *buf, size_t len); /* dropped when there is no room */
void modem_connect(struct modem *m);  /* a call begins */
void modem_hang_up(struct modem *m);  /* and ends; not online any more */
void modem_wake(struct modem *m);     /* there is output; any thread */
u64 modem_now(void);

/* at.c, at_rows.c. Locked. */
void at_reset(struct modem *m);              /* as ATZ */
void at_power_on(struct modem *m);
void at_byte(struct modem *m, u8 byte);
u64 at_tick(struct modem *m, u64 now);       /* returns when it wants to be called again */
void at_say(struct modem *m, const char *fmt, ...) PRINTF(2, 3); /* a line of information */
void at_result(struct modem *m, unsigned result);
enum { AT_OK, AT_CONNECT, AT_RING, AT_NO_CARRIER, AT_ERROR, AT_BUSY = 7 }; /* V.250 table 1 */
#define AT_CME 100    /* + the code of a +CME ERROR */
#define AT_SILENT 99  /* what is to be said was said */

/* at_do - the command at *p of a line; *p is moved behind it. Returns a result. */
unsigned at_do(struct modem *m, const char **p);
const char *at_cme_text(unsigned code);

/* ppp.c. Locked. */
void ppp_begin(struct ppp *p, u64 now);
void ppp_byte(struct modem *m, u8 byte);
void ppp_send(struct modem *m, u16 protocol, const u8 *data, unsigned len);
u64 ppp_tick(struct modem *m, u64 now);

/* uplink.c */
MUST_CHECK int uplink_open(struct modem *m, struct err *e);
void uplink_close(struct modem *m);
void uplink_send(struct modem *m, const u8 *ip, unsigned len); /* locked */

/* Addresses of the user network, as libslirp has them. */
#define IP_US 0x0a000202u
#define IP_THEM 0x0a00020fu
#define IP_DNS 0x0a000203u

#endif
