/* keyboard.h - a PS/2 keyboard, as the keyboard controller sees it. For i8042.c and its tests. */
#ifndef PANDOK_DEV_KEYBOARD_H
#define PANDOK_DEV_KEYBOARD_H

#include "base/types.h"

#define KEYBOARD_QUEUE 64 /* bytes; keys that find no room are lost */

struct keyboard {
	u8 queue[KEYBOARD_QUEUE];
	u8 first, n;
	u8 command;   /* waits for its parameter; 0: none */
	u8 set;       /* of scan codes: 2, or what the guest chose */
	bool scanning; /* keys are reported: not before the guest says so, that none is lost */
};

void keyboard_reset(struct keyboard *k);
void keyboard_write(struct keyboard *k, u8 val); /* a byte from the controller */
bool keyboard_read(struct keyboard *k, u8 *ret); /* the next byte for it; false: none */

bool keyboard_has_room(const struct keyboard *k, unsigned n); /* for n keys; none while it is off */

/*
 * keyboard_key - a key goes down or comes up.
 *   code   scan code of set 1, 1..0x7f; those with an 0xe0 before it have bit 8 set
 */
void keyboard_key(struct keyboard *k, unsigned code, bool down);

/* keyboard_to_set1 - what the controller's translation makes of a byte of set 2 (but 0xf0). */
u8 keyboard_to_set1(u8 val);

#endif
