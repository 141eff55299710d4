/* serial_line.h - what a serial cable carries besides bytes. */
#ifndef PANDOK_BASE_SERIAL_LINE_H
#define PANDOK_BASE_SERIAL_LINE_H

#include "base/types.h"

/* What one end has set. It fits in 64 bits, so that it can be handed over in one piece. */
struct serial_line {
	u32 speed;      /* bits a second */
	u8 bits;        /* of a byte: 5..8 */
	bool two_stops;
	char parity;    /* 'N', 'E', 'O' */
	u8 lines;       /* LINE_DTR, LINE_RTS, LINE_BREAK */
};
_Static_assert(sizeof(struct serial_line) == 8, "handed over as a u64");
enum { LINE_DTR = 1, LINE_RTS = 2, LINE_BREAK = 4 };

/* What the other end shows; where a 16550's MSR has them. */
enum { LINE_CTS = 0x10, LINE_DSR = 0x20, LINE_RI = 0x40, LINE_DCD = 0x80 };

#endif
