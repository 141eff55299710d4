/* i8042.c - the keyboard controller, with no mouse on it, and a keyboard only when one is plugged in.
 * Source: IBM PS/2 Hardware Interface Technical Reference, keyboard controller. */
#include "dev/dev.h"
#include "dev/keyboard.h"

enum { ST_OUTPUT = 1, ST_SYSTEM = 4, ST_COMMAND = 8, ST_UNLOCKED = 0x10, ST_AUX = 0x20, ST_TIMEOUT = 0x40 };
enum { CTR_KBD_IRQ = 1, CTR_SYSTEM = 4, CTR_KBD_OFF = 0x10, CTR_AUX_OFF = 0x20, CTR_TRANSLATE = 0x40 };

#define KBD_RESEND 0xfe /* what the controller itself answers for a keyboard that is silent */

struct kbd {
	u8 status, ctr, output;
	u8 command; /* waits for its parameter; 0 none */
	u8 port;    /* output port: bit 0 not in reset, bit 1 A20 */
	bool plugged, released; /* released: 0xf0 came, the next code gets bit 7 */
	struct keyboard keyboard;
	struct irq *irq1;
	reset_fn *reset;
	void *ctx;
};

static const struct dev_field kbd_fields[] = {
	FIELD(kbd, status, U8), FIELD(kbd, ctr, U8), FIELD(kbd, output, U8),
	FIELD(kbd, command, U8), FIELD(kbd, port, U8), FIELD(kbd, released, U8),
	FIELD(kbd, keyboard.queue, BYTES), FIELD(kbd, keyboard.first, U8), FIELD(kbd, keyboard.n, U8),
	FIELD(kbd, keyboard.command, U8), FIELD(kbd, keyboard.set, U8),
	FIELD(kbd, keyboard.scanning, U8), { 0 }
};

static void kbd_update(struct kbd *k)
{
	irq_set(k->irq1, (k->status & ST_OUTPUT) && !(k->status & ST_AUX) &&
			 (k->ctr & CTR_KBD_IRQ));
}

static void kbd_put(struct kbd *k, u8 val, u8 status)
{
	k->output = val;
	k->status = (u8)((k->status & ~(ST_AUX | ST_TIMEOUT)) | ST_OUTPUT | status);
}

/* The next byte from the keyboard, as the guest wants it; false: none, or none yet. */
static bool kbd_next(struct kbd *k, u8 *ret)
{
	while (keyboard_read(&k->keyboard, ret)) {
		if (!(k->ctr & CTR_TRANSLATE))
			return true;
		if (*ret != 0xf0) {
			*ret = (u8)(keyboard_to_set1(*ret) | (k->released ? 0x80 : 0));
			k->released = false;
			return true;
		}
		k->released = true;
	}
	return false;
}

/* Take a byte from the keyboard when there is room for it. */
static void kbd_fetch(struct kbd *k)
{
	u8 val;

	if (!(k->status & ST_OUTPUT) && !(k->ctr & CTR_KBD_OFF) && kbd_next(k, &val))
		kbd_put(k, val, 0);
}

static void kbd_port_write(struct kbd *k, u8 val)
{
	k->port = val;
	if (!(val & 1))
		k->reset(k->ctx, "keyboard controller");
}

/* The parameter of a command, or a byte for the keyboard. */
static void kbd_data(struct kbd *k, u8 val)
{
	u8 command = k->command;

	k->command = 0;
	if (command == 0x60)
		k->ctr = val;
	else if (command == 0xd1)
		kbd_port_write(k, val);
	else if (command == 0xd2)
		kbd_put(k, val, 0);
	else if (command == 0xd3)
		kbd_put(k, (u8)~val, 0); /* no second port: the loop test must not come back */
	else if (!command && k->plugged) {
		k->ctr &= (u8)~CTR_KBD_OFF; /* a byte for it switches it on */
		keyboard_write(&k->keyboard, val);
	} else
		kbd_put(k, KBD_RESEND, command == 0xd4 ? ST_TIMEOUT | ST_AUX : ST_TIMEOUT);
}

/*
 * Commands with an answer give it at once. 0xa9 says "clock line stuck": there is no second port,
 * and Linux then looks no further for a mouse.
 */
static void kbd_command(struct kbd *k, u8 val)
{
	k->command = 0;
	if (val >= 0xf0) {
		if (!(val & 1))
			k->reset(k->ctx, "keyboard controller");
	} else if (val == 0x20) {
		kbd_put(k, k->ctr, 0);
	} else if (val == 0xaa) {
		k->status |= ST_SYSTEM;
		kbd_put(k, 0x55, 0);
	} else if (val == 0xa9) {
		kbd_put(k, 1, 0);
	} else if (val == 0xab) {
		kbd_put(k, 0, 0);
	} else if (val == 0xa7 || val == 0xa8) {
		k->ctr |= CTR_AUX_OFF;
	} else if (val == 0xad || val == 0xae) {
		k->ctr = (u8)((k->ctr & ~CTR_KBD_OFF) | (val == 0xad ? CTR_KBD_OFF : 0));
	} else if (val == 0xc0) {
		kbd_put(k, 0x80, 0); /* input port: keyboard not locked */
	} else if (val == 0xd0) {
		kbd_put(k, (u8)(k->port | (k->status & ST_OUTPUT) << 4), 0);
	} else if (val == 0x60 || (val >= 0xd1 && val <= 0xd4)) {
		k->command = val;
	}
}

static u64 kbd_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct kbd *k = d->state;
	u8 val;

	(void)offset;
	(void)size;
	if (region == 1)
		return k->status;
	val = k->output;
	k->status &= (u8)~(ST_OUTPUT | ST_AUX | ST_TIMEOUT);
	kbd_update(k); /* the line goes low between two bytes */
	kbd_fetch(k);
	kbd_update(k);
	return val;
}

static void kbd_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct kbd *k = d->state;

	(void)offset;
	(void)size;
	if (region == 1) {
		k->status |= ST_COMMAND;
		kbd_command(k, (u8)val);
	} else {
		k->status &= (u8)~ST_COMMAND;
		kbd_data(k, (u8)val);
	}
	kbd_fetch(k);
	kbd_update(k);
}

static void kbd_reset(struct dev *d)
{
	struct kbd *k = d->state;

	k->status = ST_UNLOCKED | ST_SYSTEM;
	k->ctr = CTR_KBD_IRQ | CTR_SYSTEM | CTR_AUX_OFF | CTR_TRANSLATE;
	k->output = k->command = 0;
	k->port = 0xcf;
	k->released = false;
	keyboard_reset(&k->keyboard);
	kbd_update(k);
}

void kbd_wire(struct dev *d, struct irq *irq1, reset_fn *reset, void *ctx)
{
	struct kbd *k = d->state;

	k->irq1 = irq1;
	k->reset = reset;
	k->ctx = ctx;
}

void kbd_plug(struct dev *d)
{
	((struct kbd *)d->state)->plugged = true;
}

bool kbd_keys(struct dev *d, const u16 *key, unsigned n)
{
	struct kbd *k = d->state;

	if (!k->plugged)
		return true; /* typed into the air */
	if (!keyboard_has_room(&k->keyboard, n))
		return false;
	for (unsigned i = 0; i < n; i++)
		keyboard_key(&k->keyboard, key[i] & 0x1ff, !(key[i] & KBD_UP));
	kbd_fetch(k);
	kbd_update(k);
	return true;
}

const struct dev_ops kbd_ops = {
	.name = "kbd",
	.help = "i8042 keyboard controller",
	.state_size = sizeof(struct kbd),
	.region = {
		{ DEV_PIO, 1, 1, .base = 0x60, .size = 1 },
		{ DEV_PIO, 1, 1, .base = 0x64, .size = 1 },
	},
	.fields = kbd_fields,
	.reset = kbd_reset,
	.read = kbd_read,
	.write = kbd_write,
};
