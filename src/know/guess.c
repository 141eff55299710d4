/* guess.c - guesses where a kernel without symbols is linked. Reads bytes, knows no format. */
#include "know/guess.h"

#include <string.h>

#define BINS 1024
#define VOTES_MIN 4

struct bin {
	u64 top; /* an address without its low 24 bits */
	unsigned n;
};

static void vote(struct bin *bins, u64 at)
{
	u64 top = at >> 24;
	unsigned slot = (unsigned)(top * 0x9e3779b97f4a7c15ull >> 54);

	for (unsigned i = 0; i < 16; i++, slot = (slot + 1) % BINS) {
		if (bins[slot].n && bins[slot].top != top)
			continue;
		bins[slot].top = top;
		bins[slot].n++;
		return;
	}
}

/* The constant of one instruction that loads an address; 0: it is none. 48 b8+r imm64;
 * 48 c7 c0+r imm32, sign-extended. */
static u64 constant(const u8 *p)
{
	i32 small;
	u64 big;

	if ((p[0] & 0xfe) != 0x48)
		return 0;
	if ((p[1] & 0xf8) == 0xb8) {
		memcpy(&big, p + 2, sizeof(big));
		return big >> 47 == 0 || big >> 47 == 0x1ffff ? big : 0;
	}
	if (p[1] != 0xc7 || (p[2] & 0xf8) != 0xc0)
		return 0;
	memcpy(&small, p + 3, sizeof(small));
	return small < 0 ? (u64)(i64)small : 0;
}

/*A:220 A kernel nobody knows
 * lguest's launcher once found where a kernel is linked by counting: code that loads addresses into
 * registers names its own neighbourhood more often than any other. For a 64-bit kernel the top 40
 * bits of those constants are counted; small negative numbers, which look like addresses at the very
 * end, do not count.
 * @test guess_counts_what_code_mentions
 */
bool guess_base(const u8 *code, size_t len, u64 *ret, unsigned *votes)
{
	struct bin bins[BINS] = { { 0, 0 } };
	const struct bin *best = bins;

	for (size_t i = 0; i + 10 <= len; i++) {
		u64 at = constant(code + i);

		if (at >> 24 && at < 0xffffffffff000000ull)
			vote(bins, at);
	}
	for (unsigned i = 1; i < BINS; i++)
		if (bins[i].n > best->n)
			best = &bins[i];
	if (best->n < VOTES_MIN)
		return false;
	*ret = best->top << 24;
	*votes = best->n;
	return true;
}
