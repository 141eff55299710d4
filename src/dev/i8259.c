/* i8259.c - the pair of interrupt controllers of the PC, with edge/level control.
 * Source: Intel 8259A data sheet (231468); ELCR: Intel 82371SB (PIIX3) 4.3.3. */
#include <stdatomic.h>

#include "base/log.h"
#include "dev/dev.h"

#define CASCADE 2 /* the master's line that the second chip drives */

struct chip {
	u8 irr, imr, isr;
	u8 level;   /* of the input lines */
	u8 elcr;    /* lines that are level-triggered */
	u8 base;    /* vector of line 0 */
	u8 lowest;  /* the line of lowest priority */
	u8 icw;     /* which initialization word comes next; 0: none */
	u8 icw4;    /* an ICW4 will come */
	u8 auto_eoi, rotate, special_mask, special_nested, poll, read_isr;
};

struct pic {
	struct chip chip[2];
	_Atomic bool out;
	void (*intr)(void *ctx, bool level);
	void *ctx;
};

#define CHIP(n, m) FIELD(pic, chip[n].m, U8)
#define CHIP_FIELDS(n)                                                                   \
	CHIP(n, irr), CHIP(n, imr), CHIP(n, isr), CHIP(n, level), CHIP(n, elcr),         \
	CHIP(n, base), CHIP(n, lowest), CHIP(n, icw), CHIP(n, icw4), CHIP(n, auto_eoi), \
	CHIP(n, rotate), CHIP(n, special_mask), CHIP(n, special_nested), CHIP(n, poll), \
	CHIP(n, read_isr)

static const struct dev_field pic_fields[] = { CHIP_FIELDS(0), CHIP_FIELDS(1), { 0 } };

static const u8 elcr_mask[2] = { 0xf8, 0xde }; /* 0, 1, 2, 8 and 13 are always edges */

/* How far a line is from the highest priority. */
static unsigned chip_rank(const struct chip *c, unsigned line)
{
	return (line - c->lowest - 1u) & 7;
}

/* The line of highest priority in a set that is not empty. */
static unsigned chip_first(const struct chip *c, u8 set)
{
	unsigned n = 0;

	while (!(set & 1 << ((c->lowest + 1 + n) & 7)))
		n++;
	return (c->lowest + 1 + n) & 7;
}

/* The line the chip asks service for, -1 none; irr may include the cascade. */
static int chip_request(const struct chip *c, u8 irr, bool master)
{
	u8 want = irr & (u8)~c->imr, serving = c->isr;
	unsigned line;

	if (!want)
		return -1;
	line = chip_first(c, want);
	if (c->special_mask)
		serving &= (u8)~c->imr;
	if (master && c->special_nested)
		serving &= (u8)~(1 << CASCADE);
	if (serving && chip_rank(c, chip_first(c, serving)) <= chip_rank(c, line))
		return -1;
	return (int)line;
}

static int slave_request(const struct pic *p)
{
	return chip_request(&p->chip[1], p->chip[1].irr, false);
}

/* The master sees the second chip's INT as the level of line 2. */
static u8 master_irr(const struct pic *p)
{
	return (p->chip[0].irr & (u8)~(1 << CASCADE)) | (slave_request(p) >= 0 ? 1 << CASCADE : 0);
}

static int master_request(const struct pic *p)
{
	return chip_request(&p->chip[0], master_irr(p), true);
}

static void pic_update(struct pic *p)
{
	bool out = master_request(p) >= 0;
	bool was = atomic_exchange(&p->out, out);

	if ((out || was != out) && p->intr)
		p->intr(p->ctx, out);
}

static void chip_set(struct chip *c, unsigned line, bool level)
{
	u8 bit = (u8)(1 << line);

	/* An edge stays latched when the line drops early, as in other virtual machines. */
	if (level && ((c->elcr & bit) || !(c->level & bit)))
		c->irr |= bit;
	else if (!level && (c->elcr & bit))
		c->irr &= (u8)~bit;
	c->level = level ? c->level | bit : c->level & (u8)~bit;
}

void pic_set(struct dev *d, unsigned line, bool level)
{
	struct pic *p = d->state;

	chip_set(&p->chip[line >> 3 & 1], line & 7, level);
	pic_update(p);
}

bool pic_out(const struct dev *d)
{
	const struct pic *p = d->state;

	return atomic_load_explicit(&p->out, memory_order_seq_cst);
}

static void chip_ack(struct chip *c, unsigned line)
{
	u8 bit = (u8)(1 << line);

	if (!(c->elcr & bit))
		c->irr &= (u8)~bit;
	if (!c->auto_eoi)
		c->isr |= bit;
	else if (c->rotate)
		c->lowest = (u8)line;
}

/* The second chip's answer to an acknowledge; line 7 when the request has gone. */
static int slave_ack(struct pic *p)
{
	int line = slave_request(p);

	if (line >= 0)
		chip_ack(&p->chip[1], (unsigned)line);
	return p->chip[1].base + (line < 0 ? 7 : line);
}

/*D:500 The oldest interrupt controller
 * Two 8259As, the second on the first's line 2. A line latches a request (IRR); the highest
 * request that is not masked, and above what is in service (ISR), drives INT; the processor's
 * acknowledge moves it from IRR to ISR and takes its vector. Software ends the service with an EOI.
 * @test pic_serves_by_priority
 */
int pic_ack(struct dev *d)
{
	struct pic *p = d->state;
	int line = master_request(p), vector;

	if (line < 0)
		return -1;
	chip_ack(&p->chip[0], (unsigned)line);
	vector = line == CASCADE ? slave_ack(p) : p->chip[0].base + line;
	pic_update(p);
	LOG(irq, TRACE, "pic: line %d, vector %d", line, vector);
	return vector;
}

static void chip_eoi(struct chip *c, unsigned line, bool rotate)
{
	c->isr &= (u8)~(1 << line);
	if (rotate)
		c->lowest = (u8)line;
}

/* OCW2: end of interrupt and rotation. */
static void chip_ocw2(struct chip *c, u8 val)
{
	bool rotate = val & 0x80, specific = val & 0x40, eoi = val & 0x20;
	u8 serving = c->special_mask ? c->isr & (u8)~c->imr : c->isr;

	if (eoi && specific)
		chip_eoi(c, val & 7, rotate);
	else if (eoi && serving)
		chip_eoi(c, chip_first(c, serving), rotate);
	else if (!eoi && specific && rotate)
		c->lowest = val & 7;
	else if (!eoi && !specific)
		c->rotate = rotate;
}

/* OCW3: what reads give, polling and the special mask mode. */
static void chip_ocw3(struct chip *c, u8 val)
{
	if (val & 4)
		c->poll = 1;
	if (val & 2)
		c->read_isr = val & 1;
	if (val & 0x40)
		c->special_mask = val >> 5 & 1;
}

static void chip_icw1(struct chip *c, u8 val)
{
	c->irr = c->level & c->elcr;
	c->imr = c->isr = 0;
	c->lowest = 7;
	c->auto_eoi = c->rotate = c->special_mask = c->special_nested = c->poll = c->read_isr = 0;
	c->icw4 = val & 1;
	c->icw = 2;
}

static void chip_write_command(struct chip *c, u8 val)
{
	if (val & 0x10)
		chip_icw1(c, val);
	else if (val & 8)
		chip_ocw3(c, val);
	else
		chip_ocw2(c, val);
}

static void chip_write_data(struct chip *c, u8 val)
{
	switch (c->icw) {
	case 0:
		c->imr = val;
		break;
	case 2:
		c->base = val & 0xf8;
		c->icw = 3;
		break;
	case 3: /* which line the cascade is on: wired, not programmable */
		c->icw = c->icw4 ? 4 : 0;
		break;
	default:
		c->auto_eoi = val >> 1 & 1;
		c->special_nested = val >> 4 & 1;
		c->icw = 0;
	}
}

/* A poll is an acknowledge by reading: bit 7 and the line, or 0. */
static u8 pic_poll(struct pic *p, unsigned n)
{
	int line = n ? slave_request(p) : master_request(p);

	p->chip[n].poll = 0;
	if (line >= 0)
		chip_ack(&p->chip[n], (unsigned)line);
	pic_update(p);
	return line < 0 ? 0 : (u8)(0x80 | line);
}

static u64 pic_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct pic *p = d->state;
	struct chip *c = &p->chip[region & 1];

	(void)size;
	if (region == 2)
		return p->chip[offset].elcr;
	if (c->poll)
		return pic_poll(p, region);
	if (offset == 1)
		return c->imr;
	if (c->read_isr)
		return c->isr;
	return region ? c->irr : master_irr(p);
}

static void pic_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct pic *p = d->state;
	struct chip *c = &p->chip[region == 2 ? offset : region];

	(void)size;
	if (region == 2) {
		u8 elcr = (u8)val & elcr_mask[offset];

		c->irr = (c->irr & (u8)~(c->elcr | elcr)) | (c->level & elcr);
		c->elcr = elcr;
	} else if (offset == 0) {
		chip_write_command(c, (u8)val);
	} else {
		chip_write_data(c, (u8)val);
	}
	pic_update(p);
}

static void pic_reset(struct dev *d)
{
	struct pic *p = d->state;

	for (unsigned i = 0; i < 2; i++)
		p->chip[i] = (struct chip){ .lowest = 7, .imr = 0xff, .level = p->chip[i].level };
	pic_update(p);
}

void pic_wire(struct dev *d, void (*intr)(void *ctx, bool level), void *ctx)
{
	struct pic *p = d->state;

	p->intr = intr;
	p->ctx = ctx;
}

const struct dev_ops pic_ops = {
	.name = "pic",
	.help = "i8259 interrupt controllers",
	.state_size = sizeof(struct pic),
	.region = {
		{ DEV_PIO, 1, 1, .base = 0x20, .size = 2 },
		{ DEV_PIO, 1, 1, .base = 0xa0, .size = 2 },
		{ DEV_PIO, 1, 1, .base = 0x4d0, .size = 2 },
	},
	.fields = pic_fields,
	.reset = pic_reset,
	.read = pic_read,
	.write = pic_write,
};
