/* vga.c - the registers of a VGA, for guests that show text. Knows no monitor.
 * Source: IBM VGA XGA Technical Reference Manual, section 2; FreeVGA's register pages. */
#include <string.h>

#include "dev/dev.h"
#include "mem/mem.h"

enum { REGION_MAIN, REGION_CRTC, REGION_STATUS };
enum { PORT_ATTR = 0x3c0, PORT_ATTR_READ, PORT_MISC, PORT_SEQ = 0x3c4, PORT_SEQ_DATA, PORT_DAC_MASK,
       PORT_DAC_READ, PORT_DAC_WRITE, PORT_DAC, PORT_MISC_READ = 0x3cc, PORT_GFX = 0x3ce,
       PORT_GFX_DATA };
enum { CRTC_WIDTH = 1, CRTC_OVERFLOW = 7, CRTC_LINES = 9, CRTC_CURSOR = 10, CRTC_START = 12,
       CRTC_CURSOR_AT = 14, CRTC_HEIGHT = 18, CRTC_PITCH = 19 };
enum { ATTR_MODE = 16, GFX_MISC = 6, SEQ_FONT = 3 };
enum { RETRACE = 8, NO_DISPLAY = 1, CURSOR_OFF = 0x20 };

#define TEXT_AT 0xb8000u
#define TEXT_LEN 0x8000u
#define FONT_AT 0xa0000u /* a font is loaded through this window, and stays there */
#define FRAME_NS 14285714u   /* 70 Hz */
#define RETRACE_NS 635000u
#define LINE_NS 31778u
#define LINE_BLANK_NS 6356u

struct vga {
	u8 misc, seq_index, gfx_index, attr_index, crtc_index;
	bool attr_data;   /* the next byte to 0x3c0 is data */
	u8 dac_index, dac_part, dac_mask;
	bool dac_reading;
	u8 seq[8], gfx[16], attr[32], crtc[32];
	u8 dac[256][3]; /* six bits each */
};

static const struct dev_field vga_fields[] = {
	FIELD(vga, misc, U8), FIELD(vga, seq_index, U8), FIELD(vga, gfx_index, U8),
	FIELD(vga, attr_index, U8), FIELD(vga, crtc_index, U8), FIELD(vga, attr_data, U8),
	FIELD(vga, dac_index, U8), FIELD(vga, dac_part, U8), FIELD(vga, dac_mask, U8),
	FIELD(vga, dac_reading, U8), FIELD(vga, seq, BYTES), FIELD(vga, gfx, BYTES),
	FIELD(vga, attr, BYTES), FIELD(vga, crtc, BYTES), FIELD(vga, dac, BYTES), { 0 }
};

static u8 status_read(struct dev *d)
{
	struct vga *v = d->state;
	u64 now = clock_now(d->clock);
	u8 val = 0;

	v->attr_data = false;
	if (now % FRAME_NS < RETRACE_NS)
		val |= RETRACE | NO_DISPLAY;
	if (now % LINE_NS < LINE_BLANK_NS)
		val |= NO_DISPLAY;
	return val;
}

static void attr_write(struct vga *v, u8 val)
{
	if (v->attr_data)
		v->attr[v->attr_index & 31] = val;
	else
		v->attr_index = val & 0x3f;
	v->attr_data = !v->attr_data;
}

/* Three parts make a colour, then comes the next one. */
static void dac_next(struct vga *v)
{
	v->dac_part = (u8)((v->dac_part + 1) % 3);
	v->dac_index += !v->dac_part;
}

static u8 main_read(struct vga *v, unsigned port)
{
	u8 val = 0xff;

	switch (port) {
	case PORT_ATTR:
		return v->attr_index;
	case PORT_ATTR_READ:
		return v->attr[v->attr_index & 31];
	case PORT_SEQ:
		return v->seq_index;
	case PORT_SEQ_DATA:
		return v->seq[v->seq_index & 7];
	case PORT_DAC_MASK:
		return v->dac_mask;
	case PORT_DAC_READ:
		return v->dac_reading ? 3 : 0;
	case PORT_DAC_WRITE:
		return v->dac_index;
	case PORT_DAC:
		val = v->dac[v->dac_index][v->dac_part];
		dac_next(v);
		return val;
	case PORT_MISC:
		return 0x10; /* a monitor is connected */
	case PORT_MISC_READ:
		return v->misc;
	case PORT_GFX:
		return v->gfx_index;
	case PORT_GFX_DATA:
		return v->gfx[v->gfx_index & 15];
	default:
		return val;
	}
}

static void main_write(struct vga *v, unsigned port, u8 val)
{
	switch (port) {
	case PORT_ATTR:
		attr_write(v, val);
		break;
	case PORT_MISC:
		v->misc = val;
		break;
	case PORT_SEQ:
		v->seq_index = val;
		break;
	case PORT_SEQ_DATA:
		v->seq[v->seq_index & 7] = val;
		break;
	case PORT_DAC_MASK:
		v->dac_mask = val;
		break;
	case PORT_DAC_READ:
	case PORT_DAC_WRITE:
		v->dac_reading = port == PORT_DAC_READ;
		v->dac_index = val;
		v->dac_part = 0;
		break;
	case PORT_DAC:
		v->dac[v->dac_index][v->dac_part] = val & 0x3f;
		dac_next(v);
		break;
	case PORT_GFX:
		v->gfx_index = val;
		break;
	case PORT_GFX_DATA:
		v->gfx[v->gfx_index & 15] = val;
		break;
	default:
		break;
	}
}

static u64 vga_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct vga *v = d->state;

	(void)size;
	if (region == REGION_STATUS)
		return status_read(d);
	if (region == REGION_CRTC)
		return offset ? v->crtc[v->crtc_index & 31] : v->crtc_index;
	return main_read(v, PORT_ATTR + (unsigned)offset);
}

static void vga_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct vga *v = d->state;

	(void)size;
	if (region == REGION_CRTC && offset)
		v->crtc[v->crtc_index & 31] = (u8)val;
	else if (region == REGION_CRTC)
		v->crtc_index = (u8)val;
	else if (region == REGION_MAIN)
		main_write(v, PORT_ATTR + (unsigned)offset, (u8)val);
}

/* The colours of text: a third of full brightness each, brown instead of dark yellow. */
static void colors_reset(struct vga *v)
{
	static const u8 place[] = { 0, 1, 2, 3, 4, 5, 20, 7, 56, 57, 58, 59, 60, 61, 62, 63 };

	for (unsigned i = 0; i < 64; i++) /* rgbRGB: two bits for each part */
		for (unsigned part = 0; part < 3; part++)
			v->dac[i][part] = (u8)((i >> (2 - part) & 1 ? 42 : 0) + (i >> (5 - part) & 1 ? 21 : 0));
	memcpy(v->attr, place, sizeof(place));
}

/*D:1600 A screen without a monitor
 * In text mode a screen is 4000 bytes at 0xb8000 and some registers that say how to read them. No
 * device has to be asked for those bytes: they are plain RAM, also when a guest was started without
 * a BIOS and believes in a VGA all the same. The registers are kept for who reads them back, and
 * vga_text() puts both together, with the font that the guest loaded, for whoever wants to look.
 * @test vga_shows_text
 */
static void vga_reset(struct dev *d)
{
	static const u8 crtc[] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 13, 14, 0, 0,
				   0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };
	static const u8 gfx[] = { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff }, seq[] = { 3, 0, 3, 0, 2 };
	struct vga *v = d->state;

	memset(v, 0, sizeof(*v));
	v->misc = 0x67;
	v->dac_mask = 0xff;
	v->attr[ATTR_MODE] = 0x0c;
	memcpy(v->crtc, crtc, sizeof(crtc));
	memcpy(v->gfx, gfx, sizeof(gfx));
	memcpy(v->seq, seq, sizeof(seq));
	colors_reset(v);
}

static unsigned crtc16(const struct vga *v, unsigned reg)
{
	return v->crtc[reg] << 8u | v->crtc[reg + 1];
}

static unsigned at_most(unsigned val, unsigned max)
{
	return val < max ? val : max;
}

static void text_shape(const struct vga *v, struct vga_text *t)
{
	unsigned over = v->crtc[CRTC_OVERFLOW];
	unsigned lines = (v->crtc[CRTC_HEIGHT] | (over & 2) << 7 | (over & 0x40) << 3) + 1u;

	t->height = (u8)((v->crtc[CRTC_LINES] & 31) + 1);
	t->columns = at_most(v->crtc[CRTC_WIDTH] + 1u, VGA_COLUMNS_MAX);
	t->rows = at_most(lines / t->height, VGA_ROWS_MAX);
}

static void text_cells(const struct vga *v, const u8 *ram, struct vga_text *t)
{
	unsigned start = crtc16(v, CRTC_START), pitch = v->crtc[CRTC_PITCH] * 2u;
	unsigned cursor = crtc16(v, CRTC_CURSOR_AT) - start;
	bool shown = !(v->crtc[CRTC_CURSOR] & CURSOR_OFF) && pitch;

	for (unsigned y = 0; y < t->rows; y++)
		for (unsigned x = 0; x < t->columns; x++)
			memcpy(t->cell[y][x], ram + (start + y * pitch + x) * 2 % TEXT_LEN, 2);
	t->cursor_x = shown ? cursor % pitch : VGA_COLUMNS_MAX;
	t->cursor_y = shown ? cursor / pitch : VGA_ROWS_MAX;
}

/* An attribute's colour goes through a palette register to one of the DAC's 256. */
static void text_colors(const struct vga *v, struct vga_text *t)
{
	for (unsigned i = 0; i < 16; i++)
		for (unsigned part = 0; part < 3; part++)
			t->color[i][part] = (u8)(v->dac[v->attr[i] & 63][part] * 255u / 63);
}

/* Where the font in use is inside the window: bits 5, 3 and 2 of the character map register. */
static u32 font_at(const struct vga *v)
{
	u8 map = v->seq[SEQ_FONT];
	unsigned n = (map >> 2 & 3u) * 2 + (map >> 5 & 1u);

	return FONT_AT + n * 0x2000;
}

bool vga_text(const struct dev *d, const struct mem *m, struct vga_text *ret)
{
	const struct vga *v = d->state;
	const u8 *ram = mem_host(m, GPA(TEXT_AT), TEXT_LEN);

	if (!ram || ((v->gfx[GFX_MISC] | v->attr[ATTR_MODE]) & 1))
		return false;
	memset(ret, 0, sizeof(*ret));
	text_shape(v, ret);
	text_cells(v, ram, ret);
	text_colors(v, ret);
	return mem_read(m, GPA(font_at(v)), sizeof(ret->font), ret->font) == 0;
}

const struct dev_ops vga_ops = {
	.name = "vga",
	.help = "registers of a VGA in text mode",
	.state_size = sizeof(struct vga),
	.region = {
		[REGION_MAIN] = { DEV_PIO, 1, 1, .base = 0x3c0, .size = 16 },
		[REGION_CRTC] = { DEV_PIO, 1, 1, .base = 0x3d4, .size = 2 },
		[REGION_STATUS] = { DEV_PIO, 1, 1, .base = 0x3da, .size = 1 },
	},
	.fields = vga_fields,
	.reset = vga_reset,
	.read = vga_read,
	.write = vga_write,
};
