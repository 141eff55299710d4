/* rng.h - random numbers that depend on a sequence's seed and on nothing else. */
#ifndef DIFF_RNG_H
#define DIFF_RNG_H

#include "base/types.h"

struct rng {
	u64 s;
};

/* splitmix64 (public domain, Vigna): consecutive seeds give unrelated streams. */
static inline u64 rng_next(struct rng *r)
{
	u64 z = r->s += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* rng_below - 0..n-1; n > 0. */
static inline u32 rng_below(struct rng *r, u32 n)
{
	return (u32)(((rng_next(r) >> 32) * n) >> 32);
}

/* rng_in - lo..hi, both ends included. */
static inline i64 rng_in(struct rng *r, i64 lo, i64 hi)
{
	return lo + (i64)(rng_next(r) % (u64)(hi - lo + 1));
}

/* rng_permille - true n times in a thousand. */
static inline bool rng_permille(struct rng *r, u32 n)
{
	return rng_below(r, 1000) < n;
}

#endif
