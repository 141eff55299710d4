/* screen.c - writes the guest's text screen as a PNG picture or as text. */
#define _GNU_SOURCE
#include "cli/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/dev.h"

#define GLYPH_WIDTH 8u
#define CURSOR_LINES 2u

/* Where a font is when the guest loaded none: in the screen's BIOS, behind its first two glyphs. */
static const char font_file[] = "/usr/share/seabios/vgabios-isavga.bin";
static const u8 font_mark[32] = { [18] = 0x7e, 0x81, 0xa5, 0x81, 0x81, 0xbd, 0x99, 0x81, 0x81, 0x7e };
#define FONT_HEIGHT 16u

/* Code page 437 in Unicode: what is below a space, and what is above 0x7e. */
static const u16 low[32] = {
	' ', 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25d8, 0x25cb, 0x25d9, 0x2642,
	0x2640, 0x266a, 0x266b, 0x263c, 0x25ba, 0x25c4, 0x2195, 0x203c, 0xb6, 0xa7, 0x25ac, 0x21a8,
	0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
};
static const u16 high[129] = {
	0x2302, 0xc7, 0xfc, 0xe9, 0xe2, 0xe4, 0xe0, 0xe5, 0xe7, 0xea, 0xeb, 0xe8, 0xef, 0xee, 0xec, 0xc4,
	0xc5, 0xc9, 0xe6, 0xc6, 0xf4, 0xf6, 0xf2, 0xfb, 0xf9, 0xff, 0xd6, 0xdc, 0xa2, 0xa3, 0xa5, 0x20a7,
	0x192, 0xe1, 0xed, 0xf3, 0xfa, 0xf1, 0xd1, 0xaa, 0xba, 0xbf, 0x2310, 0xac, 0xbd, 0xbc, 0xa1, 0xab,
	0xbb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551,
	0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e,
	0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565,
	0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590,
	0x2580, 0x3b1, 0xdf, 0x393, 0x3c0, 0x3a3, 0x3c3, 0xb5, 0x3c4, 0x3a6, 0x398, 0x3a9, 0x3b4, 0x221e,
	0x3c6, 0x3b5, 0x2229, 0x2261, 0xb1, 0x2265, 0x2264, 0x2320, 0x2321, 0xf7, 0x2248, 0xb0, 0x2219,
	0xb7, 0x221a, 0x207f, 0xb2, 0x25a0, 0xa0,
};

void screen_utf8(u8 c, char ret[4])
{
	u16 u = c < 0x20 ? low[c] : c < 0x7f ? c : high[c - 0x7f];
	unsigned n = 0;

	if (u >= 0x800) {
		ret[n++] = (char)(0xe0 | u >> 12);
		ret[n++] = (char)(0x80 | (u >> 6 & 0x3f));
	} else if (u >= 0x80) {
		ret[n++] = (char)(0xc0 | u >> 6);
	}
	ret[n] = (char)(n ? 0x80 | (u & 0x3f) : u);
	ret[n + 1] = 0;
}

/* ---- text ---- */

static void write_line(const struct vga_text *t, unsigned y, FILE *f)
{
	unsigned len = t->columns;
	char utf8[4];

	while (len && (t->cell[y][len - 1][0] == ' ' || !t->cell[y][len - 1][0]))
		len--;
	for (unsigned x = 0; x < len; x++) {
		screen_utf8(t->cell[y][x][0], utf8);
		fputs(utf8, f);
	}
	fputc('\n', f);
}

static int write_text(struct vga_text *t, FILE *f, struct err *e)
{
	(void)e;
	for (unsigned y = 0; y < t->rows; y++)
		write_line(t, y, f);
	return 0;
}

/* ---- picture ---- */

static bool is_blank(const struct vga_text *t)
{
	static const u8 none[sizeof(t->font)];

	return !memcmp(t->font, none, sizeof(none));
}

static int borrow_font(struct vga_text *t, struct err *e)
{
	u8 rom[65536];
	const u8 *p = NULL;
	int fd = open(font_file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, rom, sizeof(rom));

	if (fd >= 0)
		close(fd);
	if (n > 0)
		p = memmem(rom, (size_t)n, font_mark, sizeof(font_mark));
	if (!p || (size_t)n - (size_t)(p - rom) < 256 * FONT_HEIGHT)
		return err_set(e, -ENOENT, "the guest loaded no font, and there is none in '%s' "
			       "(Debian's package seabios)", font_file);
	for (unsigned c = 0; c < 256; c++)
		memcpy(t->font[c], p + c * FONT_HEIGHT, FONT_HEIGHT);
	t->height = FONT_HEIGHT;
	return 0;
}

/* One line of dots: a byte each, its colour's number. */
static void draw_line(const struct vga_text *t, unsigned line, u8 *dots)
{
	unsigned y = line / t->height, in = line % t->height;

	for (unsigned x = 0; x < t->columns; x++) {
		u8 ch = t->cell[y][x][0], attr = t->cell[y][x][1], bits = t->font[ch][in];

		if (x == t->cursor_x && y == t->cursor_y && in >= t->height - CURSOR_LINES)
			bits = 0xff;
		for (unsigned i = 0; i < GLYPH_WIDTH; i++)
			*dots++ = bits >> (7 - i) & 1 ? attr & 15 : attr >> 4 & 7;
	}
}

static void png_failed(png_structp png, png_const_charp text)
{
	struct err *e = png_get_error_ptr(png);

	err_set(e, -EIO, "libpng: %s", text);
	png_longjmp(png, 1);
}

static void draw(const struct vga_text *t, png_structp png, png_infop info, u8 *dots)
{
	png_color color[16];

	for (unsigned i = 0; i < 16; i++)
		color[i] = (png_color){ t->color[i][0], t->color[i][1], t->color[i][2] };
	png_set_IHDR(png, info, t->columns * GLYPH_WIDTH, t->rows * t->height, 8, PNG_COLOR_TYPE_PALETTE,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_PLTE(png, info, color, 16);
	png_write_info(png, info);
	for (unsigned line = 0; line < t->rows * t->height; line++) {
		draw_line(t, line, dots);
		png_write_row(png, dots);
	}
	png_write_end(png, NULL);
}

static int write_png(struct vga_text *t, FILE *f, struct err *e)
{
	u8 dots[VGA_COLUMNS_MAX * GLYPH_WIDTH];
	png_structp png;
	png_infop info;
	volatile int rc = 0;

	if (is_blank(t))
		rc = borrow_font(t, e);
	if (rc)
		return rc;
	png = png_create_write_struct(PNG_LIBPNG_VER_STRING, e, png_failed, NULL);
	info = png ? png_create_info_struct(png) : NULL;
	if (!info) {
		rc = err_set(e, -ENOMEM, "out of memory");
	} else if (setjmp(png_jmpbuf(png))) {
		rc = -EIO;
	} else {
		png_init_io(png, f);
		draw(t, png, info, dots);
	}
	png_destroy_write_struct(&png, &info);
	return rc;
}

static const struct kind {
	const char *end;
	int (*write)(struct vga_text *t, FILE *f, struct err *e);
} kinds[] = {
	{ ".png", write_png },
	{ ".txt", write_text },
};

static const struct kind *kind_of(const char *path)
{
	size_t len = strlen(path);

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (len > 4 && !strcmp(path + len - 4, kinds[i].end))
			return &kinds[i];
	return NULL;
}

int screen_check(const char *path, struct err *e)
{
	if (kind_of(path))
		return 0;
	return err_set(e, -EINVAL, "--screen: '%s' must end in .png (a picture) or .txt (its text)", path);
}

static int write_to(struct vga_text *t, const char *path, struct err *e)
{
	FILE *f = fopen(path, "we");
	int rc;

	if (!f)
		return err_sys(e, "cannot write '%s'", path);
	rc = kind_of(path)->write(t, f, e);
	if (fclose(f) && !rc)
		rc = err_sys(e, "cannot write '%s'", path);
	return rc;
}

int screen_write(struct vm *vm, const char *path, struct err *e)
{
	struct vga_text *t = malloc(sizeof(*t));
	int rc;

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	if (vm_screen(vm, t))
		rc = write_to(t, path, e);
	else
		rc = err_set(e, -ENOTSUP, "the guest's screen is in a graphics mode");
	free(t);
	return rc ? err_in(e, rc, "screen") : 0;
}
