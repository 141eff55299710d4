/* ppp.c - the network's end of a PPP link: framing, LCP, PAP, IPCP. RFC 1661, 1662, 1332, 1334, 1877. */
#include <string.h>

#include "modem/int.h"

enum { P_IP = 0x0021, P_IPCP = 0x8021, P_LCP = 0xc021, P_PAP = 0xc023 };
enum { CONF_REQ = 1, CONF_ACK, CONF_NAK, CONF_REJ, TERM_REQ, TERM_ACK, CODE_REJ, PROTO_REJ,
       ECHO_REQ, ECHO_REPLY };
enum { LCP_MRU = 1, LCP_ACCM = 2, LCP_AUTH = 3, LCP_MAGIC = 5, LCP_PFC = 7, LCP_ACFC = 8 };
enum { IPCP_ADDRESS = 3, IPCP_DNS1 = 129, IPCP_DNS2 = 131 };
#define FLAG 0x7e
#define ESCAPE 0x7d
#define FCS_GOOD 0xf0b8
#define AGAIN_NS (3 * SECOND)
#define TRIES_MAX 10

/* ---- framing ---- */

static u16 fcs_add(u16 fcs, u8 byte)
{
	fcs ^= byte;
	for (unsigned i = 0; i < 8; i++)
		fcs = fcs & 1 ? (u16)(fcs >> 1 ^ 0x8408) : (u16)(fcs >> 1);
	return fcs;
}

struct frame {
	u8 at[2 * (PPP_MRU + 12)];
	unsigned n;
	u16 fcs;
};

/* All control characters are escaped: nobody on the way can take them for its own. */
static void frame_put(struct frame *f, u8 byte)
{
	f->fcs = fcs_add(f->fcs, byte);
	if (byte < 0x20 || byte == FLAG || byte == ESCAPE) {
		f->at[f->n++] = ESCAPE;
		byte ^= 0x20;
	}
	f->at[f->n++] = byte;
}

void ppp_send(struct modem *m, u16 protocol, const u8 *data, unsigned len)
{
	struct frame f = { .n = 0, .fcs = 0xffff };
	u16 fcs;

	if (len > PPP_MRU)
		return;
	f.at[f.n++] = FLAG;
	frame_put(&f, 0xff);
	frame_put(&f, 3);
	frame_put(&f, (u8)(protocol >> 8));
	frame_put(&f, (u8)protocol);
	for (unsigned i = 0; i < len; i++)
		frame_put(&f, data[i]);
	fcs = (u16)~f.fcs;
	frame_put(&f, (u8)fcs);
	frame_put(&f, (u8)(fcs >> 8));
	f.at[f.n++] = FLAG;
	modem_put(m, f.at, f.n);
}

/* ---- packets of the control protocols: code, id, length, data ---- */

static void control(struct modem *m, u16 protocol, u8 code, u8 id, const u8 *data, unsigned len)
{
	u8 p[PPP_MRU];

	if (len > sizeof(p) - 4)
		len = sizeof(p) - 4;
	p[0] = code;
	p[1] = id;
	p[2] = (u8)((len + 4) >> 8);
	p[3] = (u8)(len + 4);
	if (len)
		memcpy(p + 4, data, len);
	ppp_send(m, protocol, p, len + 4);
}

static void request_lcp(struct modem *m)
{
	static const u8 options[] = { LCP_MAGIC, 6, 0x70, 0x61, 0x6e, 0x64,
				      LCP_AUTH, 4, P_PAP >> 8, P_PAP & 0xff };

	control(m, P_LCP, CONF_REQ, ++m->ppp.id, options, m->ppp.no_auth ? 6 : sizeof(options));
}

static void request_ipcp(struct modem *m)
{
	static const u8 options[] = { IPCP_ADDRESS, 6, IP_US >> 24, IP_US >> 16 & 0xff,
				      IP_US >> 8 & 0xff, IP_US & 0xff };

	control(m, P_IPCP, CONF_REQ, ++m->ppp.id, options, sizeof(options));
}

/* Both have said what they want: on to the next phase. RFC 1661 3.2. */
static void advance(struct modem *m)
{
	struct ppp *p = &m->ppp;

	if (p->lcp_us && p->lcp_them && (p->authenticated || p->no_auth) && !p->ipcp_asked) {
		p->ipcp_asked = true;
		request_ipcp(m);
	}
	p->up = p->ipcp_us && p->ipcp_them;
}

/* ---- what they ask for ---- */

static u32 get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static void put_be32(u8 *p, u32 val)
{
	p[0] = (u8)(val >> 24);
	p[1] = (u8)(val >> 16);
	p[2] = (u8)(val >> 8);
	p[3] = (u8)val;
}

static u8 judge_lcp(u8 *option)
{
	switch (option[0]) {
	case LCP_MRU: case LCP_ACCM: case LCP_MAGIC: case LCP_PFC: case LCP_ACFC:
		return CONF_ACK;
	default:
		return CONF_REJ;
	}
}

/* An address is ours to give; a nak says which. */
static u8 judge_ipcp(u8 *option)
{
	u32 want = option[0] == IPCP_ADDRESS ? IP_THEM : IP_DNS;

	if ((option[0] != IPCP_ADDRESS && option[0] != IPCP_DNS1 && option[0] != IPCP_DNS2) || option[1] != 6)
		return CONF_REJ;
	if (get_be32(option + 2) == want)
		return CONF_ACK;
	put_be32(option + 2, want);
	return CONF_NAK;
}

/*
 * Their request: acknowledged as it is, or those options sent back that are rejected, else those that
 * should be different. Returns the code of the answer; 0: the request makes no sense.
 */
static u8 answer_request(struct modem *m, u16 protocol, u8 id, const u8 *data, unsigned len)
{
	u8 answer[3][PPP_MRU], code;
	unsigned n[3] = { 0 };

	for (unsigned at = 0; at < len;) {
		u8 option[256];
		unsigned size = at + 2 <= len ? data[at + 1] : 0, i;

		if (size < 2 || at + size > len)
			return 0;
		memcpy(option, data + at, size);
		i = (protocol == P_LCP ? judge_lcp(option) : judge_ipcp(option)) - CONF_ACK;
		memcpy(answer[i] + n[i], option, size);
		n[i] += size;
		at += size;
	}
	code = n[CONF_REJ - CONF_ACK] ? CONF_REJ : n[CONF_NAK - CONF_ACK] ? CONF_NAK : CONF_ACK;
	control(m, protocol, code, id, answer[code - CONF_ACK], n[code - CONF_ACK]);
	return code;
}

/* ---- what comes ---- */

static void lcp_other(struct modem *m, u8 code, u8 id, u8 *data, unsigned len)
{
	static const u8 magic[4] = { 0x70, 0x61, 0x6e, 0x64 };

	switch (code) {
	case CONF_NAK:
	case CONF_REJ:
		m->ppp.no_auth = true; /* all else we ask for nobody refuses */
		request_lcp(m);
		break;
	case TERM_REQ:
		control(m, P_LCP, TERM_ACK, id, NULL, 0);
		m->ppp.ended = true;
		break;
	case ECHO_REQ:
		if (len >= 4)
			memcpy(data, magic, 4);
		control(m, P_LCP, ECHO_REPLY, id, data, len);
		break;
	default:
		break;
	}
}

static void on_lcp(struct modem *m, u8 code, u8 id, u8 *data, unsigned len)
{
	struct ppp *p = &m->ppp;

	if (code == CONF_REQ) {
		if (p->up || p->ipcp_them) { /* they begin anew */
			ppp_begin(p, modem_now());
			request_lcp(m);
		}
		p->lcp_them = answer_request(m, P_LCP, id, data, len) == CONF_ACK;
		advance(m);
	} else if (code == CONF_ACK && id == p->id) {
		p->lcp_us = true;
		advance(m);
	} else {
		lcp_other(m, code, id, data, len);
	}
}

/* Whoever they are. */
static void on_pap(struct modem *m, u8 code, u8 id)
{
	static const u8 welcome[] = { 0 };

	if (code != 1)
		return;
	control(m, P_PAP, 2, id, welcome, sizeof(welcome));
	m->ppp.authenticated = true;
	advance(m);
}

static void on_ipcp(struct modem *m, u8 code, u8 id, const u8 *data, unsigned len)
{
	struct ppp *p = &m->ppp;

	if (!p->lcp_us || !p->lcp_them)
		return;
	if (code == CONF_REQ)
		p->ipcp_them = answer_request(m, P_IPCP, id, data, len) == CONF_ACK;
	else if (code == CONF_ACK && id == p->id)
		p->ipcp_us = true;
	else if (code == TERM_REQ)
		control(m, P_IPCP, TERM_ACK, id, NULL, 0);
	if (p->ipcp_them && p->ipcp_us)
		p->again_ns = UINT64_MAX;
	advance(m);
}

static void on_control(struct modem *m, u16 protocol, u8 *data, unsigned len)
{
	unsigned size = len >= 4 ? (unsigned)data[2] << 8 | data[3] : 0;

	if (size < 4 || size > len)
		return;
	if (protocol == P_LCP)
		on_lcp(m, data[0], data[1], data + 4, size - 4);
	else if (protocol == P_PAP)
		on_pap(m, data[0], data[1]);
	else
		on_ipcp(m, data[0], data[1], data + 4, size - 4);
}

static void on_frame(struct modem *m, u8 *f, unsigned len)
{
	u8 *start = f;
	u16 protocol;

	if (len >= 2 && f[0] == 0xff && f[1] == 3)
		f += 2;
	len -= (unsigned)(f - start);
	if (len < 2)
		return;
	protocol = f[0] & 1 ? f[0] : (u16)(f[0] << 8 | f[1]);
	len -= f[0] & 1 ? 1 : 2;
	f += f[0] & 1 ? 1 : 2;
	if (protocol == P_LCP || protocol == P_PAP || protocol == P_IPCP) {
		on_control(m, protocol, f, len);
	} else if (protocol == P_IP) {
		if (m->ppp.up)
			uplink_send(m, f, len);
	} else if (m->ppp.lcp_us && m->ppp.lcp_them) {
		u8 rejected[PPP_MRU];

		rejected[0] = (u8)(protocol >> 8);
		rejected[1] = (u8)protocol;
		len = len > sizeof(rejected) - 6 ? sizeof(rejected) - 6 : len;
		memcpy(rejected + 2, f, len);
		control(m, P_LCP, PROTO_REJ, ++m->ppp.reject_id, rejected, len + 2);
	}
}

static void frame_end(struct modem *m)
{
	struct ppp *p = &m->ppp;
	unsigned len = p->len;
	bool bad = p->overrun || p->escape;
	u16 fcs = 0xffff;

	p->len = 0;
	p->overrun = p->escape = false;
	for (unsigned i = 0; i < len; i++)
		fcs = fcs_add(fcs, p->in[i]);
	if (!bad && len > 2 && fcs == FCS_GOOD)
		on_frame(m, p->in, len - 2);
}

/*C:400 From a serial line to a packet
 * After CONNECT the same bytes mean something else. A flag ends a frame, a byte behind an escape was
 * changed so that it cannot be one, and a checksum tells whether what lies between is whole. Inside
 * are a protocol's number and a packet: LCP agrees on the link, PAP asks who calls (anybody may), IPCP
 * gives the caller an address and a name server, and then there are IP packets, which become frames
 * of the same user network that an Ethernet card would stand on.
 * @test ppp_gives_an_address
 */
void ppp_byte(struct modem *m, u8 byte)
{
	struct ppp *p = &m->ppp;

	if (byte == FLAG) {
		frame_end(m);
	} else if (byte == ESCAPE) {
		p->escape = true;
	} else if (p->len == sizeof(p->in)) {
		p->overrun = true;
	} else {
		p->in[p->len++] = p->escape ? byte ^ 0x20 : byte;
		p->escape = false;
	}
}

void ppp_begin(struct ppp *p, u64 now)
{
	u8 id = p->id;

	*p = (struct ppp){ .id = id, .again_ns = now };
}

/* Requests that nobody answered are sent again, for a while. */
u64 ppp_tick(struct modem *m, u64 now)
{
	struct ppp *p = &m->ppp;

	if (now < p->again_ns)
		return p->again_ns;
	p->again_ns = now + AGAIN_NS;
	if (p->up)
		p->again_ns = UINT64_MAX;
	else if (++p->tries > TRIES_MAX)
		p->ended = true;
	else if (!p->lcp_us)
		request_lcp(m);
	else if (p->ipcp_asked && !p->ipcp_us)
		request_ipcp(m);
	return p->again_ns;
}
