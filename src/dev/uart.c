/* uart.c - a 16550A serial port. Source: National PC16550D data sheet.
 * What the guest sends is gone at once; what comes in waits outside until the FIFO has room. */
#include <string.h>

#include "base/log.h"
#include "dev/dev.h"

#define FIFO 16
#define NS 1000000000u
#define UART_HZ 115200u /* baud rate of divisor 1 */

#define LOOKS 16 /* a guest that reads LSR and nothing else so often waits for input */

enum { R_DATA, R_IER, R_IIR, R_LCR, R_MCR, R_LSR, R_MSR, R_SCRATCH };
enum { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_MODEM = 0, IIR_NONE = 1, IIR_TX = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 0xc };
enum { LCR_STOP2 = 4, LCR_PARITY = 8, LCR_EVEN = 0x10, LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum { LSR_DATA = 1, LSR_OVERRUN = 2, LSR_BREAK = 0x10, LSR_ERRORS = 0x1e, LSR_TX_EMPTY = 0x60,
	LSR_FIFO_ERROR = 0x80 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

struct uart {
	u8 ier, fcr, lcr, mcr, msr, scratch, dll, dlm;
	u8 lsr;            /* error bits of the byte at the head, and overrun */
	u8 tx_pending;     /* "transmitter empty" not yet seen by the guest */
	u8 timeout;        /* bytes below the trigger have waited four characters long */
	u8 rx_first, rx_n; /* ring */
	u8 rx[FIFO];
	u8 rx_flags[FIFO]; /* LSR_BREAK with its byte */
	u8 refused;        /* uart_in() took fewer than it was given */
	u8 looks;          /* how often in a row the guest read LSR and saw that nothing has come */
	struct timer timer;
	struct irq *irq;
	struct uart_peer peer;
	u8 outside;        /* LINE_ bits that the peer drives */
};

static const struct dev_field uart_fields[] = {
	FIELD(uart, ier, U8), FIELD(uart, fcr, U8), FIELD(uart, lcr, U8), FIELD(uart, mcr, U8),
	FIELD(uart, msr, U8), FIELD(uart, scratch, U8), FIELD(uart, dll, U8),
	FIELD(uart, dlm, U8), FIELD(uart, lsr, U8), FIELD(uart, tx_pending, U8),
	FIELD(uart, timeout, U8), FIELD(uart, rx_first, U8), FIELD(uart, rx_n, U8),
	FIELD(uart, rx, BYTES), FIELD(uart, rx_flags, BYTES), FIELD(uart, refused, U8),
	FIELD(uart, looks, U8), { 0 }
};

static unsigned rx_size(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? FIFO : 1;
}

static unsigned rx_trigger(const struct uart *u)
{
	static const u8 trigger[] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? trigger[u->fcr >> 6] : 1;
}

/* The interrupt of highest priority that is enabled and there. PC16550D table IV. */
static u8 uart_iir(const struct uart *u)
{
	if ((u->ier & IER_LINE) && (u->lsr & LSR_ERRORS))
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->rx_n >= rx_trigger(u))
		return IIR_RX;
	if ((u->ier & IER_RX) && u->timeout)
		return IIR_TIMEOUT;
	if ((u->ier & IER_TX) && u->tx_pending)
		return IIR_TX;
	if ((u->ier & IER_MODEM) && (u->msr & 0xf))
		return IIR_MODEM;
	return IIR_NONE;
}

/* A PC gates the line with OUT2; guests that never set it expect interrupts all the same. */
static void uart_update(struct uart *u)
{
	irq_set(u->irq, uart_iir(u) != IIR_NONE);
}

/* Four characters of ten bits at the present speed. */
static u64 timeout_ns(const struct uart *u)
{
	u32 divisor = (u32)u->dlm << 8 | u->dll;

	return 40ull * (divisor ? divisor : 1) * NS / UART_HZ;
}

/* The timeout counts from the last byte in or out while bytes wait. */
static void timeout_restart(struct uart *u)
{
	u->timeout = 0;
	if (u->rx_n && (u->fcr & FCR_ENABLE) && (u->ier & IER_RX))
		timer_arm(&u->timer, clock_now(u->timer.clock) + timeout_ns(u));
	else
		timer_cancel(&u->timer);
}

static void uart_fire(struct timer *t)
{
	struct uart *u = container_of(t, struct uart, timer);

	u->timeout = u->rx_n > 0;
	uart_update(u);
}

/* The errors of the byte that is now at the head show in LSR. */
static void rx_head_changed(struct uart *u)
{
	if (u->rx_n)
		u->lsr |= u->rx_flags[u->rx_first];
	timeout_restart(u);
}

static void rx_put(struct uart *u, u8 byte, u8 flags)
{
	unsigned at = (u->rx_first + u->rx_n) % FIFO;

	if (u->rx_n >= rx_size(u)) {
		u->lsr |= LSR_OVERRUN;
		return;
	}
	u->rx[at] = byte;
	u->rx_flags[at] = flags;
	u->rx_n++;
	rx_head_changed(u);
}

static u8 rx_get(struct uart *u)
{
	u8 byte = u->rx[u->rx_first];

	if (!u->rx_n)
		return 0;
	u->rx_flags[u->rx_first] = 0;
	u->rx_first = (u->rx_first + 1) % FIFO;
	u->rx_n--;
	rx_head_changed(u);
	if (u->refused && u->rx_n < rx_trigger(u) && u->peer.room) {
		u->refused = 0;
		u->peer.room(u->peer.ctx);
	}
	return byte;
}

static void rx_clear(struct uart *u)
{
	u->rx_first = u->rx_n = 0;
	memset(u->rx_flags, 0, sizeof(u->rx_flags));
	timeout_restart(u);
	if (u->refused && u->peer.room) {
		u->refused = 0;
		u->peer.room(u->peer.ctx);
	}
}

/*
 * A driver empties the FIFO when it sets the port up, and with it what was typed ahead. A patient
 * peer keeps its bytes until the guest has the receive interrupt on, or polls for them. All ones
 * with the interrupt line gated off is how a driver tests whether there is a port at all.
 */
static bool listens(const struct uart *u)
{
	bool tests = u->ier == 0xf && !(u->mcr & MCR_OUT2);

	return !u->peer.patient || ((u->ier & IER_RX) && !tests) || u->looks >= LOOKS;
}

static void began_to_listen(struct uart *u)
{
	if (!u->peer.patient || !listens(u) || !u->refused || !u->peer.room)
		return;
	u->refused = 0;
	u->peer.room(u->peer.ctx);
}

size_t uart_in(struct dev *d, const u8 *buf, size_t len)
{
	struct uart *u = d->state;
	size_t n = 0;

	while (n < len && listens(u) && !(u->mcr & MCR_LOOP) && u->rx_n < rx_size(u))
		rx_put(u, buf[n++], 0);
	u->refused |= n < len;
	uart_update(u);
	return n;
}

void uart_break(struct dev *d)
{
	struct uart *u = d->state;

	if (u->mcr & MCR_LOOP)
		return;
	rx_put(u, 0, LSR_BREAK);
	uart_update(u);
}

/* Modem lines changed: the low half of MSR tells which since the guest looked last. */
static void msr_set(struct uart *u, u8 lines)
{
	u8 changed = (u->msr ^ lines) & 0xf0;
	u8 delta = changed >> 4 & (0xf & ~(MSR_RI >> 4));

	if ((u->msr & MSR_RI) && !(lines & MSR_RI))
		delta |= MSR_RI >> 4; /* the ring indicator tells only its end */
	u->msr = (u8)(lines | (u->msr & 0xf) | delta);
}

static void modem_update(struct uart *u)
{
	u8 m = u->mcr;

	if (m & MCR_LOOP)
		msr_set(u, (u8)((m & MCR_RTS ? MSR_CTS : 0) | (m & MCR_DTR ? MSR_DSR : 0) |
				(m & MCR_OUT1 ? MSR_RI : 0) | (m & MCR_OUT2 ? MSR_DCD : 0)));
	else
		msr_set(u, u->outside);
}

void uart_lines(struct dev *d, u8 lines)
{
	struct uart *u = d->state;

	u->outside = lines & 0xf0;
	modem_update(u);
	uart_update(u);
}

/* Tell the peer what the guest has set. */
static void line_tell(struct uart *u)
{
	unsigned divisor = (unsigned)u->dlm << 8 | u->dll;
	const struct serial_line l = {
		.speed = UART_HZ / (divisor ? divisor : 1),
		.bits = (u8)(5 + (u->lcr & 3)),
		.two_stops = u->lcr & LCR_STOP2,
		.parity = !(u->lcr & LCR_PARITY) ? 'N' : u->lcr & LCR_EVEN ? 'E' : 'O',
		.lines = (u8)((u->mcr & MCR_LOOP ? 0 : u->mcr & (MCR_DTR | MCR_RTS)) |
			      (u->lcr & LCR_BREAK ? LINE_BREAK : 0)),
	};

	if (u->peer.line)
		u->peer.line(u->peer.ctx, &l);
}

static void tx_put(struct uart *u, u8 byte)
{
	if (u->mcr & MCR_LOOP)
		rx_put(u, byte, 0);
	else if (u->peer.put)
		u->peer.put(u->peer.ctx, byte);
	u->tx_pending = 1;
}

static void fcr_write(struct uart *u, u8 val)
{
	bool toggled = (val ^ u->fcr) & FCR_ENABLE;

	if (!(val & FCR_ENABLE) && !toggled)
		return; /* the other bits count only with the FIFO on */
	u->fcr = val & FCR_ENABLE ? val & 0xc9 : 0;
	/* Linux turns the FIFO on after the receive interrupt: what came in between can come after. */
	if ((toggled && !(u->peer.patient && u->fcr)) || (val & FCR_CLEAR_RX))
		rx_clear(u);
	if (toggled || (val & FCR_CLEAR_TX))
		u->tx_pending = 1;
}

/* The transmitter is always empty, so enabling its interrupt raises it. Linux tests for this. */
static void ier_write(struct uart *u, u8 val)
{
	if (val & (u8)~u->ier & IER_TX)
		u->tx_pending = 1;
	u->ier = val & 0xf;
	if (u->rx_n && !u->timeout)
		timeout_restart(u);
	began_to_listen(u);
}

static u8 iir_read(struct uart *u)
{
	u8 iir = uart_iir(u);

	if (iir == IIR_TX)
		u->tx_pending = 0;
	return iir | (u->fcr & FCR_ENABLE ? 0xc0 : 0);
}

static u8 lsr_read(struct uart *u)
{
	u8 lsr = u->lsr | LSR_TX_EMPTY | (u->rx_n ? LSR_DATA : 0);

	for (unsigned i = 0; i < FIFO && (u->fcr & FCR_ENABLE); i++)
		lsr |= u->rx_flags[i] ? LSR_FIFO_ERROR : 0;
	u->lsr = 0;
	if (u->rx_n)
		u->rx_flags[u->rx_first] = 0;
	else if (u->looks < LOOKS && ++u->looks == LOOKS)
		began_to_listen(u);
	return lsr;
}

static u8 msr_read(struct uart *u)
{
	u8 msr = u->msr;

	u->msr &= 0xf0;
	return msr;
}

static u8 uart_register(struct uart *u, unsigned reg)
{
	u->looks = reg == R_LSR ? u->looks : 0;
	switch (reg) {
	case R_DATA:
		return u->lcr & LCR_DLAB ? u->dll : rx_get(u);
	case R_IER:
		return u->lcr & LCR_DLAB ? u->dlm : u->ier;
	case R_IIR:
		return iir_read(u);
	case R_LCR:
		return u->lcr;
	case R_MCR:
		return u->mcr;
	case R_LSR:
		return lsr_read(u);
	case R_MSR:
		return msr_read(u);
	default:
		return u->scratch;
	}
}

static u64 uart_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct uart *u = d->state;
	u8 val;

	(void)region;
	(void)size;
	val = uart_register(u, (unsigned)offset);
	uart_update(u);
	return val;
}

static void uart_register_write(struct uart *u, unsigned reg, u8 val)
{
	bool dlab = u->lcr & LCR_DLAB;

	u->looks = 0;
	if (reg == R_DATA && dlab)
		u->dll = val;
	else if (reg == R_DATA)
		tx_put(u, val);
	else if (reg == R_IER && dlab)
		u->dlm = val;
	else if (reg == R_IER)
		ier_write(u, val);
	else if (reg == R_IIR)
		fcr_write(u, val);
	else if (reg == R_LCR)
		u->lcr = val;
	else if (reg == R_MCR)
		u->mcr = val & 0x1f;
	else if (reg == R_SCRATCH)
		u->scratch = val;
}

/*D:800 A byte for the console
 * The write to the data register goes straight to whoever holds the other end. The transmitter is
 * empty again at once, and says so by interrupt when the guest wants to know: Linux then brings
 * the next sixteen bytes.
 * @test uart_sends_and_asks_for_more
 */
static void uart_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct uart *u = d->state;
	bool looped = u->mcr & MCR_LOOP;

	(void)region;
	(void)size;
	uart_register_write(u, (unsigned)offset, (u8)val);
	if (offset == R_MCR)
		modem_update(u);
	if (offset == R_MCR || offset == R_LCR) /* a new divisor counts when DLAB is taken back */
		line_tell(u);
	if (looped && !(u->mcr & MCR_LOOP) && u->refused && u->peer.room) {
		u->refused = 0;
		u->peer.room(u->peer.ctx);
	}
	uart_update(u);
}

static void uart_reset(struct dev *d)
{
	struct uart *u = d->state;

	u->ier = u->fcr = u->lcr = u->mcr = u->lsr = u->scratch = u->looks = 0;
	u->dll = 1;
	u->dlm = 0;
	u->tx_pending = 0;
	rx_clear(u);
	modem_update(u);
	u->msr &= 0xf0;
	uart_update(u);
}

void uart_wire(struct dev *d, struct irq *irq, const struct uart_peer *peer)
{
	struct uart *u = d->state;

	u->irq = irq;
	u->peer = *peer;
	u->outside = peer->plugged ? LINE_CTS | LINE_DSR | LINE_DCD : 0;
	timer_init(&u->timer, d->clock, uart_fire);
}

const struct dev_ops uart_ops = {
	.name = "uart",
	.help = "16550A serial port",
	.state_size = sizeof(struct uart),
	.region = { { DEV_PIO, 1, 1, .base = 0, .size = 8 } }, /* dev.at: 0x3f8 for COM1 */
	.fields = uart_fields,
	.reset = uart_reset,
	.read = uart_read,
	.write = uart_write,
};
