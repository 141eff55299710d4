/* boot_payload.c - unpacks the vmlinux inside a bzImage, with the library of its compression. */
#include "vm/boot_int.h"

#include <bzlib.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

/* Twice the largest kernel seen; the window of virtual addresses for all of it is 1 GiB. */
#define UNPACKED_MAX MIB(512)
/* What a decoder may take for its window: twice what the largest xz preset asks for. */
#define LZMA_MEMORY MIB(256)
/* Each block of lz4's legacy frame but the last unpacks to this much. */
#define LZ4_BLOCK MIB(8)

/*B:800 Unpacking on the host
 * A bzImage is a small decompressor and a compressed vmlinux. Run by the guest, the decompressor
 * takes billions of instructions; run here, by the libraries everyone uses, it takes a moment the
 * first time and nothing after that, because the result is cached. The row of a compression names
 * its magic and its function; a payload that no row knows is left to the guest.
 * @test payload_each_compression
 */
struct unpacker {
	const char *name;
	u8 magic[6];
	u8 magic_len;
	bool in_trailer; /* the length at the end is part of the compressed data */
	bool (*unpack)(const u8 *in, u64 in_len, u8 *out, u64 out_len);
};

static bool gzip_unpack(const u8 *in, u64 in_len, u8 *out, u64 out_len)
{
	z_stream z = { .next_in = (u8 *)in, .avail_in = (uInt)in_len,
		       .next_out = out, .avail_out = (uInt)out_len };
	int rc;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return false;
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return rc == Z_STREAM_END && z.avail_out == 0;
}

static bool bzip2_unpack(const u8 *in, u64 in_len, u8 *out, u64 out_len)
{
	unsigned have = (unsigned)out_len;
	int rc;

	rc = BZ2_bzBuffToBuffDecompress((char *)out, &have, (char *)in, (unsigned)in_len, 0, 0);
	return rc == BZ_OK && have == out_len;
}

static bool lzma_unpack(const u8 *in, u64 in_len, u8 *out, u64 out_len)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret rc;

	if (lzma_auto_decoder(&s, LZMA_MEMORY, 0) != LZMA_OK)
		return false;
	s.next_in = in;
	s.avail_in = in_len;
	s.next_out = out;
	s.avail_out = out_len;
	rc = lzma_code(&s, LZMA_FINISH);
	lzma_end(&s);
	return rc == LZMA_STREAM_END && s.avail_out == 0;
}

static bool zstd_unpack(const u8 *in, u64 in_len, u8 *out, u64 out_len)
{
	size_t n = ZSTD_decompress(out, out_len, in, in_len);

	return !ZSTD_isError(n) && n == out_len;
}

/* The legacy frame: a magic, then blocks that begin with their length. */
static bool lz4_unpack(const u8 *in, u64 in_len, u8 *out, u64 out_len)
{
	u64 at = 4, done = 0;

	while (at < in_len) {
		u64 room = out_len - done < LZ4_BLOCK ? out_len - done : LZ4_BLOCK;
		u32 len;
		int n;

		if (in_len - at < 4)
			return false;
		memcpy(&len, in + at, 4);
		at += 4;
		if (!len || len > in_len - at || len > INT32_MAX)
			return false;
		n = LZ4_decompress_safe((const char *)in + at, (char *)out + done, (int)len,
					(int)room);
		if (n < 0)
			return false;
		at += len;
		done += (u64)n;
	}
	return done == out_len;
}

static const struct unpacker unpackers[] = {
	/* name    magic                          in_trailer */
	{ "gzip",  { 0x1f, 0x8b },                       2, true, gzip_unpack },
	{ "bzip2", { 'B', 'Z', 'h' },                    3, false, bzip2_unpack },
	{ "xz",    { 0xfd, '7', 'z', 'X', 'Z', 0 },      6, false, lzma_unpack },
	{ "lzma",  { 0x5d, 0, 0 },                       3, false, lzma_unpack },
	{ "zstd",  { 0x28, 0xb5, 0x2f, 0xfd },           4, false, zstd_unpack },
	{ "lz4",   { 0x02, 0x21, 0x4c, 0x18 },           4, false, lz4_unpack },
	/* The kernel's other choice; no library of ours unpacks it. */
	{ "lzo",   { 0x89, 'L', 'Z', 'O', 0, 0x0d },     6, false, NULL },
};

static const struct unpacker *unpacker_of(const u8 *data, u64 len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(unpackers); i++) {
		const struct unpacker *u = &unpackers[i];

		if (len >= u->magic_len && !memcmp(data, u->magic, u->magic_len))
			return u;
	}
	return NULL;
}

const char *boot_payload_name(const u8 *data, u64 len)
{
	const struct unpacker *u = unpacker_of(data, len);

	return u ? u->name : NULL;
}

static int unpack(const struct unpacker *u, const u8 *data, u64 len, struct boot_payload *p,
		  struct err *e)
{
	u64 in_len = u->in_trailer ? len : len - 4;

	p->data = mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->data == MAP_FAILED) {
		p->data = NULL;
		return err_set(e, -ENOMEM, "no memory to unpack a kernel of %llu MiB",
			       (unsigned long long)(p->len >> 20));
	}
	p->map = p->data;
	p->map_len = p->len;
	madvise(p->map, p->map_len, MADV_HUGEPAGE);
	if (!u->unpack(data, in_len, p->data, p->len)) {
		boot_payload_close(p);
		return err_set(e, -ENOEXEC, "its %s payload is damaged and does not unpack to "
			       "%llu bytes", u->name, (unsigned long long)p->len);
	}
	return 0;
}

int boot_payload_open(const u8 *data, u64 len, struct boot_payload *ret, struct err *e)
{
	const struct unpacker *u = unpacker_of(data, len);
	struct boot_payload p = { 0 };
	u32 out_len;
	int rc;

	if (!u || !u->unpack)
		return err_set(e, -ENOTSUP, "no library here unpacks its payload (%s)",
			       u ? u->name : "an unknown compression");
	if (len < 16 || len > UINT32_MAX)
		return err_set(e, -ENOEXEC, "its payload of %llu bytes cannot be a kernel",
			       (unsigned long long)len);
	memcpy(&out_len, data + len - 4, 4);
	p.len = out_len;
	if (p.len < GUEST_PAGE_SIZE || p.len > UNPACKED_MAX)
		return err_set(e, -ENOEXEC, "its payload claims to unpack to %llu bytes, which no "
			       "kernel has", (unsigned long long)p.len);
	if (!boot_cache_get(data, len, p.len, &p)) {
		rc = unpack(u, data, len, &p, e);
		if (rc)
			return rc;
		boot_cache_put(data, len, &p);
	}
	*ret = p;
	return 0;
}

void boot_payload_close(struct boot_payload *p)
{
	if (p->map)
		munmap(p->map, p->map_len);
	*p = (struct boot_payload){ 0 };
}
