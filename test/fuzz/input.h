/* input.h - a fuzzer's input as a stream of numbers; what is missing at its end is zero. */
#ifndef PANDOK_TEST_FUZZ_INPUT_H
#define PANDOK_TEST_FUZZ_INPUT_H

#include <string.h>

#include "base/types.h"

static const u8 *in;
static size_t left;

static u64 next(unsigned n)
{
	u64 val = 0;

	n = n > left ? (unsigned)left : n;
	memcpy(&val, in, n);
	in += n;
	left -= n;
	return val;
}

#endif
