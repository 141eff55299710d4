/* vga.h - the registers of a VGA, and the text that its screen shows. Include dev/dev.h instead. */
#ifndef PANDOK_DEV_VGA_H
#define PANDOK_DEV_VGA_H

#include "dev/dev.h"

struct mem;

extern const struct dev_ops vga_ops;

#define VGA_COLUMNS_MAX 160
#define VGA_ROWS_MAX 100

/* What is on the screen now. */
struct vga_text {
	unsigned columns, rows;
	u8 cell[VGA_ROWS_MAX][VGA_COLUMNS_MAX][2]; /* character, attribute */
	unsigned cursor_x, cursor_y; /* beyond the screen: the cursor is hidden */
	u8 color[16][3];             /* red, green, blue of each attribute colour */
	u8 height;                   /* of a character, in lines; 1..32 */
	u8 font[256][32];            /* a line is a byte; all zero when the guest loaded none */
};

/* vga_text - read registers and the guest's memory. false: a graphics mode is on. */
bool vga_text(const struct dev *d, const struct mem *m, struct vga_text *ret);

#endif
