/* console.c - the guest's console: the hypercall, and the ring in a page of the guest's. */
#include "xen/int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xen/io/console.h>

#define CONSOLEIO_MAX 65536

void con_put(struct xen *x, u8 byte)
{
	x->c.put(x->c.ctx, byte);
}

void con_say(struct xen *x, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (const char *p = line; *p; p++)
		con_put(x, (u8)*p);
	con_put(x, '\r');
	con_put(x, '\n');
}

static void con_flush(struct xen *x)
{
	for (unsigned i = 0; i < x->line_len; i++)
		con_put(x, (u8)x->line[i]);
	x->line_len = 0;
}

/* Xen takes what can be printed, and shows it line by line. */
static void io_byte(struct xen *x, u8 byte)
{
	if (byte == '\n') {
		con_flush(x);
		con_put(x, '\r');
		con_put(x, '\n');
		return;
	}
	if ((byte < ' ' || byte >= 0x7f) && byte != '\t')
		return;
	x->line[x->line_len++] = (char)byte;
	if (x->line_len == sizeof(x->line))
		con_flush(x);
}

i64 hc_console_io(struct xen *x, const u64 a[6])
{
	u8 byte;

	if (a[0] == CONSOLEIO_read)
		return 0;
	if (a[0] != CONSOLEIO_write)
		return -ENOSYS;
	if (a[1] > CONSOLEIO_MAX)
		return -E2BIG;
	for (u64 i = 0; i < a[1]; i++) {
		if (guest_read(x, a[2] + i, &byte, 1))
			return -EFAULT;
		io_byte(x, byte);
	}
	return 0;
}

static struct xencons_interface *ring(struct xen *x)
{
	return (struct xencons_interface *)(void *)frame_host(x, x->console_frame);
}

/* Typed bytes that wait, as far as the ring has room. Locked. */
static void fill(struct xen *x)
{
	struct xencons_interface *r = ring(x);
	u32 prod = r->in_prod, cons = __atomic_load_n(&r->in_cons, __ATOMIC_ACQUIRE), n = 0;

	while (n < x->ntyped && prod - cons < sizeof(r->in))
		r->in[prod++ % sizeof(r->in)] = (char)x->typed[n++];
	if (!n)
		return;
	memmove(x->typed, x->typed + n, x->ntyped - n);
	x->ntyped -= n;
	__atomic_store_n(&r->in_prod, prod, __ATOMIC_RELEASE);
	event_set(x, x->console_port);
	if (x->c.room && !x->ntyped)
		x->c.room(x->c.ctx);
}

/* The guest rang: take what it wrote, give what waits. Locked by the caller, or its thread's. */
void con_drain(struct xen *x, void *unused)
{
	struct xencons_interface *r = ring(x);
	u32 prod = __atomic_load_n(&r->out_prod, __ATOMIC_ACQUIRE), cons = r->out_cons;

	(void)unused;
	if (prod - cons > sizeof(r->out))
		cons = prod - sizeof(r->out); /* a guest that lies loses bytes */
	if (prod != cons) {
		while (cons != prod)
			con_put(x, (u8)r->out[cons++ % sizeof(r->out)]);
		__atomic_store_n(&r->out_cons, cons, __ATOMIC_RELEASE);
		event_set(x, x->console_port);
	}
	fill(x);
}

void con_finish(struct xen *x)
{
	con_flush(x);
	pthread_mutex_lock(&x->lock);
	con_drain(x, NULL);
	pthread_mutex_unlock(&x->lock);
}

size_t xen_console_in(struct xen *x, const u8 *buf, size_t len)
{
	size_t n;

	pthread_mutex_lock(&x->lock);
	n = sizeof(x->typed) - x->ntyped;
	n = len < n ? len : n;
	memcpy(x->typed + x->ntyped, buf, n);
	x->ntyped += (unsigned)n;
	if (x->console_port)
		fill(x);
	pthread_mutex_unlock(&x->lock);
	return n;
}
