/* cpu.c - workloads that stay in user code: integers, memory, vectors, control flow. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void *held[4];

void *buffer(unsigned i, size_t len)
{
	if (!held[i])
		held[i] = aligned_alloc(4096, (len + 4095) & ~(size_t)4095);
	if (!held[i])
		die("out of memory");
	memset(held[i], 0, len);
	return held[i];
}

void buffers_clean(void)
{
	for (unsigned i = 0; i < 4; i++) {
		free(held[i]);
		held[i] = NULL;
	}
}

/* ---- int: what embedded benchmarks are made of ---------------------------------------------- */

struct node {
	struct node *next;
	u32 value;
};

static u32 list_round(u32 seed)
{
	struct node nodes[128], *head = NULL, *p, *reversed = NULL;
	u64 s = seed;
	u32 sum = 0;

	for (int i = 0; i < 128; i++) {
		nodes[i] = (struct node){ head, (u32)next(&s) };
		head = &nodes[i];
	}
	while (head) {
		p = head->next;
		head->next = reversed;
		reversed = head;
		head = p;
	}
	for (p = reversed; p; p = p->next)
		sum = sum * 31 + (p->value & 1 ? p->value >> 3 : p->value << 1);
	return sum;
}

static u32 matrix_round(u32 seed)
{
	int a[16][16], b[16][16];
	u32 sum = 0;

	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 16; j++) {
			a[i][j] = (int)(seed + (u32)(i * j)) & 0xff;
			b[i][j] = (int)(seed ^ (u32)(i + j)) & 0xff;
		}
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 16; j++) {
			int c = 0;

			for (int k = 0; k < 16; k++)
				c += a[i][k] * b[k][j];
			sum = sum * 33 + (u32)(c >> 2);
		}
	return sum;
}

/* Recognizes numbers in text, one character at a time. */
static u32 state_round(u32 seed)
{
	enum { START, SIGN, INTEGER, FRACTION, BAD } state = START;
	static const char text[] = "5012,-874,+122,35.54400,.1234500,-110.700,+0.64400,T0.3e-1F,1e9x,";
	u32 seen[5] = { 0 }, sum = 0;

	for (u32 i = 0; i < sizeof(text) - 1; i++) {
		char c = text[(i + seed) % (sizeof(text) - 1)];

		if (c == ',')
			state = START;
		else if (state == START && (c == '+' || c == '-'))
			state = SIGN;
		else if (c >= '0' && c <= '9' && state <= INTEGER)
			state = INTEGER;
		else if (c == '.' && state <= INTEGER)
			state = FRACTION;
		else if (state != FRACTION || c < '0' || c > '9')
			state = BAD;
		seen[state]++;
	}
	for (int i = 0; i < 5; i++)
		sum = sum * 37 + seen[i];
	return sum;
}

static u16 crc16(u32 x, u16 crc)
{
	for (int i = 0; i < 32; i++, x >>= 1)
		crc = (u16)((crc >> 1) ^ ((crc ^ x) & 1 ? 0xa001 : 0));
	return crc;
}

u64 int_run(void)
{
	u16 crc = 0;

	for (u32 i = 0; i < INT_ROUNDS; i++) {
		crc = crc16(list_round(i), crc);
		crc = crc16(matrix_round(i), crc);
		crc = crc16(state_round(i), crc);
	}
	return crc;
}

/* ---- sort, hash ------------------------------------------------------------------------------ */

void sort_prepare(void)
{
	u32 *from = buffer(0, SORT_N * sizeof(u32));
	u64 s = 1;

	buffer(1, SORT_N * sizeof(u32));
	for (u32 i = 0; i < SORT_N; i++)
		from[i] = (u32)next(&s);
}

static void quicksort(u32 *a, long lo, long hi)
{
	while (lo < hi) {
		u32 pivot = a[(lo + hi) / 2];
		long i = lo, j = hi;

		while (i <= j) {
			while (a[i] < pivot)
				i++;
			while (a[j] > pivot)
				j--;
			if (i <= j) {
				u32 t = a[i];

				a[i++] = a[j];
				a[j--] = t;
			}
		}
		if (j - lo < hi - i) {
			quicksort(a, lo, j);
			lo = i;
		} else {
			quicksort(a, i, hi);
			hi = j;
		}
	}
}

u64 sort_run(void)
{
	u32 *a = held[1];
	u64 sum = 0;

	memcpy(a, held[0], SORT_N * sizeof(u32));
	quicksort(a, 0, SORT_N - 1);
	for (u32 i = 0; i < SORT_N; i += 97)
		sum = mix(sum, a[i]);
	return sum;
}

void hash_prepare(void)
{
	u64 *table = buffer(0, sizeof(u64) << HASH_BITS), s = 2;

	for (u32 i = 0; i < 1u << HASH_BITS; i++)
		table[i] = next(&s);
}

u64 hash_run(void)
{
	const u64 *table = held[0];
	u64 sum = 0;

	for (u64 i = 0, key = 3; i < HASH_N; i++) {
		key = key * 6364136223846793005ull + 1442695040888963407ull;
		sum += table[key >> (64 - HASH_BITS)] ^ i;
	}
	return sum;
}

/* ---- memory ---------------------------------------------------------------------------------- */

void copy_prepare(void)
{
	u64 *from = buffer(0, COPY_BYTES), s = 4;

	buffer(1, COPY_BYTES);
	for (u32 i = 0; i < COPY_BYTES / 8; i++)
		from[i] = next(&s);
}

u64 memcpy_run(void)
{
	u64 *to = held[1], sum = 0;

	memcpy(to, held[0], COPY_BYTES);
	for (u32 i = 0; i < COPY_BYTES / 8; i += 4099)
		sum = mix(sum, to[i]);
	return sum;
}

u64 memset_run(void)
{
	u8 *to = held[1];
	u64 sum = 0;

	for (int i = 0; i < SET_TIMES; i++) {
		memset(to, i, SET_BYTES);
		asm volatile("" : : "r"(to) : "memory");
		sum = mix(sum, to[i * 997]);
	}
	return sum;
}

/* ---- floating point -------------------------------------------------------------------------- */

void matmul_prepare(void)
{
	double *a = buffer(0, MATRIX * MATRIX * sizeof(double));
	double *b = buffer(1, MATRIX * MATRIX * sizeof(double));
	u64 s = 5;

	buffer(2, MATRIX * MATRIX * sizeof(double));
	for (int i = 0; i < MATRIX * MATRIX; i++) {
		a[i] = (double)(next(&s) & 1023);
		b[i] = (double)(next(&s) & 1023);
	}
}

/* Sums of small integers are exact, so the order of additions cannot change the result. */
#define MATMUL(name)                                                                           \
	static void name(const double *restrict a, const double *restrict b, double *restrict c) \
	{                                                                                      \
		memset(c, 0, MATRIX * MATRIX * sizeof(double));                                \
		for (int i = 0; i < MATRIX; i++)                                               \
			for (int k = 0; k < MATRIX; k++)                                       \
				for (int j = 0; j < MATRIX; j++)                               \
					c[i * MATRIX + j] += a[i * MATRIX + k] * b[k * MATRIX + j]; \
	}

__attribute__((optimize("O3"))) MATMUL(matmul_sse2)
__attribute__((optimize("O3"), target("avx2,fma"))) MATMUL(matmul_avx2)

static u64 product_sum(void)
{
	const double *c = held[2];
	u64 sum = 0;

	for (int i = 0; i < MATRIX * MATRIX; i++)
		sum = mix(sum, (u64)c[i]);
	return sum;
}

u64 sse2_run(void)
{
	matmul_sse2(held[0], held[1], held[2]);
	return product_sum();
}

u64 avx2_run(void)
{
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return sse2_run();
	matmul_avx2(held[0], held[1], held[2]);
	return product_sum();
}

/* ---- sha256; source: FIPS 180-4 -------------------------------------------------------------- */

/* The constants are the first 32 bits of the fractional parts of cube roots of the first primes. */
static u32 sha_k[64];

static void sha_init(void)
{
	int n = 0;

	for (u32 p = 2; n < 64; p++) {
		u64 lo = 0, hi = 8ull << 32;
		u32 d = 2;

		while (d * d <= p && p % d)
			d++;
		if (d * d <= p)
			continue;
		/* The largest x with (x / 2^32)^3 <= p, by halving. */
		while (hi - lo > 1) {
			u64 x = (lo + hi) / 2;
			unsigned __int128 sq = (unsigned __int128)x * x >> 32;

			if (sq * x >> 64 >= p)
				hi = x;
			else
				lo = x;
		}
		sha_k[n++] = (u32)lo;
	}
}

#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))

static void sha_schedule(u32 w[64], const u8 *p)
{
	for (int i = 0; i < 16; i++)
		w[i] = (u32)p[4 * i] << 24 | (u32)p[4 * i + 1] << 16 | (u32)p[4 * i + 2] << 8 |
		       p[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		u32 x = w[i - 15], y = w[i - 2];

		w[i] = w[i - 16] + (ROR(x, 7) ^ ROR(x, 18) ^ x >> 3) + w[i - 7] +
		       (ROR(y, 17) ^ ROR(y, 19) ^ y >> 10);
	}
}

static void sha_block(u32 s[8], const u8 *p)
{
	u32 a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7], w[64];

	sha_schedule(w, p);
	for (int i = 0; i < 64; i++) {
		u32 t1 = h + (ROR(e, 6) ^ ROR(e, 11) ^ ROR(e, 25)) + ((e & f) ^ (~e & g)) + sha_k[i] + w[i];
		u32 t2 = (ROR(a, 2) ^ ROR(a, 13) ^ ROR(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));

		h = g, g = f, f = e, e = d + t1;
		d = c, c = b, b = a, a = t1 + t2;
	}
	s[0] += a, s[1] += b, s[2] += c, s[3] += d;
	s[4] += e, s[5] += f, s[6] += g, s[7] += h;
}

u64 sha256_run(void)
{
	u32 h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	if (!sha_k[0])
		sha_init();
	for (u32 i = 0; i < SHA_BYTES; i += 64)
		sha_block(h, (const u8 *)held[0] + i);
	return (u64)h[0] << 32 | h[7];
}

/* ---- control flow ---------------------------------------------------------------------------- */

#define PROGRAM 4096

void indirect_prepare(void)
{
	u8 *program = buffer(0, PROGRAM);
	u64 s = 6;

	for (u32 i = 0; i < PROGRAM; i++)
		program[i] = next(&s) & 7;
}

u64 indirect_run(void)
{
	static const void *const op[8] = { &&o0, &&o1, &&o2, &&o3, &&o4, &&o5, &&o6, &&o7 };
	const u8 *program = held[0];
	u64 x = 1, y = 2;
	u32 left = INDIRECT_N;

#define NEXT                                                   \
	do {                                                   \
		if (!--left)                                   \
			return mix(x, y);                      \
		goto *op[program[left & (PROGRAM - 1)]];       \
	} while (0)
	NEXT;
o0:	x += y; NEXT;
o1:	x ^= y << 1; NEXT;
o2:	y -= x >> 3; NEXT;
o3:	y = y * 5 + 1; NEXT;
o4:	x = ~x; NEXT;
o5:	x = x << 7 | x >> 57; NEXT;
o6:	y ^= x; NEXT;
o7:	x += left; NEXT;
#undef NEXT
}

__attribute__((noinline, noclone, optimize("no-optimize-sibling-calls"))) static u64 fib(unsigned n)
{
	asm volatile("");
	if (n < 2)
		return n;
	return fib(n - 1) + fib(n - 2);
}

u64 calls_run(void)
{
	return fib(FIB);
}

/* ---- gzip ------------------------------------------------------------------------------------ */

void gzip_prepare(void)
{
	static const char *const words[] = { "inn ", "guest ", "host ", "road ", "bread\n", "door ",
					     "translated ", "kernel " };
	char *p = buffer(0, GZIP_BYTES);
	u64 s = 7;
	u32 at = 0;

	buffer(1, compressBound(GZIP_BYTES));
	while (at < GZIP_BYTES - 16) {
		const char *w = words[next(&s) & 7];

		memcpy(p + at, w, strlen(w));
		at += (u32)strlen(w);
		if (!(next(&s) & 15))
			p[at++] = (char)next(&s);
	}
}

u64 gzip_run(void)
{
	uLongf len = compressBound(GZIP_BYTES);

	if (compress2(held[1], &len, held[0], GZIP_BYTES, 6) != Z_OK)
		die("deflate");
	return (u64)len << 32 | adler32(0, held[1], (uInt)len);
}
