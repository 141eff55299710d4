/* guess.h - where an unknown kernel lies, by what its code mentions. */
#ifndef PANDOK_KNOW_GUESS_H
#define PANDOK_KNOW_GUESS_H

#include "base/types.h"

/* guess_base - the 16 MiB of the address space that the constants in some code name most often;
 * false: fewer than four do. votes: of how many. */
bool guess_base(const u8 *code, size_t len, u64 *ret, unsigned *votes);

#endif
