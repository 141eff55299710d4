/* layout.c - the frames of a sequence, and what they hold at its start. */
#include "layout.h"

#include <string.h>

#include "rng.h"

const struct frame frames[FRAMES] = {
	{ CODE_VA, PROT_RWX, AREA_CODE },
	{ CODE_VA + 0x1000, PROT_RWX, AREA_CODE },
	{ DATA_VA, PROT_RW, AREA_DATA },
	{ DATA_VA + 0x1000, PROT_RW, AREA_DATA },
	{ DATA_RO, PROT_RO, AREA_DATA },
	{ DATA_VA + 0x3000, PROT_RW, AREA_DATA },
	{ STACK_VA, PROT_RW, AREA_STACK },
	{ STACK_VA + 0x1000, PROT_RW, AREA_STACK },
};

const u64 slides[SLIDE_N] = { 0, 0xc0000000ull, 0x234500000000ull };

const struct ldt_row ldt_rows[LDT_KINDS] = {
	{ .base = DATA_VA, .limit = 0x3fff },
	{ .base = DATA_VA - 0x1000, .limit = 4, .pages = true },
	{ .flat = true, .limit = 0xfffff, .pages = true, .read_only = true },
	{ .base = DATA_VA - 0x1000, .limit = 0xfff, .down = true },
	{ .base = DATA_VA, .limit = 0x3fff, .absent = true },
	{ .flat = true, .limit = 0xfffff, .pages = true },
	{ .base = DATA_VA, .limit = 0x3eff, .small = true },
	{ .base = DATA_VA + 0x123, .limit = 0, .pages = true, .down = true },
	[LDT_CODE16] = { .base = CODE_VA, .limit = 0x1fff, .code = true, .small = true },
	[LDT_STACK] = { .base = STACK_VA, .limit = 0x1fff },
};

u64 ldt_base(unsigned row)
{
	const struct ldt_row *r = &ldt_rows[row % LDT_KINDS];

	return r->flat ? 0 : (u32)(r->base + slides[row / LDT_KINDS]);
}

#define POOL_SIZE 0x10000
static u8 pool[POOL_SIZE];

static u64 pool_value(struct rng *r)
{
	static const u64 odd[] = {
		0, 1, ~0ull, 0x8000000000000000ull, 0x7fffffffffffffffull, 0x80000000ull,
		0x7fffffff7fffffffull, 0x8000800080008000ull, 0x3f8000003f800000ull,
		0x7f800000ff800000ull, 0x7fc000017fa00001ull, 0x00000001807fffffull,
		0x3ff0000000000000ull, 0x7ff0000000000000ull, 0x7ff8000000000001ull,
		0x7ff4000000000001ull, 0x000fffffffffffffull, 0xc3e0000000000000ull,
		0x41dfffffffc00000ull, 0x7bff3c000001fc00ull,
	};
	double d;
	float f[2];
	u64 v;

	switch (rng_below(r, 6)) {
	case 0:
		return odd[rng_below(r, ARRAY_SIZE(odd))];
	case 1:
		d = (double)(i64)rng_next(r) / (double)(1ull << rng_below(r, 63));
		memcpy(&v, &d, 8);
		return v;
	case 2:
		f[0] = (float)(i32)rng_next(r) / (float)(1u << rng_below(r, 31));
		f[1] = (float)rng_in(r, -1000, 1000);
		memcpy(&v, f, 8);
		return v;
	case 3:
		return (u64)rng_in(r, -300, 300);
	default:
		return rng_next(r);
	}
}

/* A long double whose exponent is near the middle, so that x87 loads are mostly finite. */
static void pool_put_x87(u8 *at, struct rng *r)
{
	u64 m = rng_next(r) | 1ull << 63;
	u16 se = (u16)(rng_in(r, 16383 - 70, 16383 + 70) | (rng_next(r) & 0x8000));

	memcpy(at, &m, 8);
	memcpy(at + 8, &se, 2);
}

void image_init(void)
{
	struct rng r = { 0x70616e646f6bull };

	for (u32 i = 0; i < POOL_SIZE; i += 8) {
		u64 v = pool_value(&r);

		memcpy(pool + i, &v, 8);
	}
	for (u32 i = 0; i < POOL_SIZE; i += 64)
		pool_put_x87(pool + i, &r);
}

static void put_small(u8 *data)
{
	u32 d[SMALL_SIZE / 4];
	u64 q[SMALL_SIZE / 8];

	for (u32 i = 0; i < ARRAY_SIZE(d); i++)
		d[i] = (i * 37 + 11) % 251;
	for (u32 i = 0; i < ARRAY_SIZE(q); i++)
		q[i] = (i * 73 + 5) % 127;
	memcpy(data + (SMALL_DWORDS - DATA_VA), d, sizeof(d));
	memcpy(data + (SMALL_QWORDS - DATA_VA), q, sizeof(q));
}

void image_fill(u8 *image, u32 salt, const u8 *code, u32 code_at, u32 code_len)
{
	u32 at = (salt % ((POOL_SIZE - IMAGE_DATA_SIZE) / 64)) * 64;

	memset(image, 0xcc, CODE_PAGES * GUEST_PAGE_SIZE);
	memcpy(image + code_at, code, code_len);
	memcpy(image + IMAGE_DATA, pool + at, IMAGE_DATA_SIZE);
	put_small(image + IMAGE_DATA);
}

i64 image_offset(u64 va)
{
	for (unsigned s = 0; s < SLIDE_N; s++)
		for (unsigned i = 0; i < FRAMES; i++)
			if (va - slides[s] - frames[i].va < GUEST_PAGE_SIZE)
				return (i64)(i * GUEST_PAGE_SIZE + (va - slides[s] - frames[i].va));
	return -1;
}
