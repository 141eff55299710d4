/* typist.h - turns what is typed on a terminal into keys of a PC's keyboard. */
#ifndef PANDOK_CLI_TYPIST_H
#define PANDOK_CLI_TYPIST_H

#include "base/types.h"

#define TYPIST_KEYS 8 /* that one character can take */

/*
 * typist_keys - the keys, down and up, for what begins at text.
 *   ret   scan codes as vm_keys() takes them; *n of them, 0 when no key makes it
 * Returns how many bytes of text they are for, at least 1 (len > 0).
 */
size_t typist_keys(const u8 *text, size_t len, u16 ret[TYPIST_KEYS], unsigned *n);

#endif
