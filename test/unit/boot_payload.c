/* boot_payload.c - each compression of a bzImage's payload, and the cache of unpacked ones.
 * @links src/vm/boot*.c src/vm/boot_bind.S src/elf src/mem src/base/err.c src/base/log.c */
#include "boot_kit.h"

#include <bzlib.h>
#include <dirent.h>
#include <lz4.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char folder[] = "/tmp/pandok-cache-XXXXXX";

static int cache_make(void **unused)
{
	(void)unused;
	assert_non_null(mkdtemp(folder));
	setenv("XDG_CACHE_HOME", folder, 1);
	return 0;
}

static int cache_remove(void **unused)
{
	char command[64];

	(void)unused;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* Ten MiB, so that lz4 makes two blocks; repetitive, but not trivially so. */
static struct bytes plain_make(void)
{
	struct bytes b = { 0 };

	bytes_at(&b, 0, MIB(10));
	for (u64 i = 0; i < b.len; i++)
		b.data[i] = (u8)(i * i >> 12);
	return b;
}

/* Packers: the kernel's build appends the length to all but gzip, whose own trailer has it. */
static void length_append(struct bytes *out, const struct bytes *in)
{
	bytes_put32(out, out->len, (u32)in->len);
}

static struct bytes pack_gzip(const struct bytes *in)
{
	struct bytes out = { 0 };
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	bytes_at(&out, 0, deflateBound(&z, in->len));
	z.next_in = in->data, z.avail_in = (uInt)in->len;
	z.next_out = out.data, z.avail_out = (uInt)out.len;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out.len = z.total_out;
	deflateEnd(&z);
	return out;
}

static struct bytes pack_bzip2(const struct bytes *in)
{
	struct bytes out = { 0 };
	unsigned n = (unsigned)in->len + 4096;

	bytes_at(&out, 0, n);
	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)out.data, &n, (char *)in->data,
						  (unsigned)in->len, 1, 0, 0), BZ_OK);
	out.len = n;
	length_append(&out, in);
	return out;
}

static struct bytes pack_lzma(const struct bytes *in, lzma_stream *s)
{
	struct bytes out = { 0 };

	bytes_at(&out, 0, in->len + MIB(1));
	s->next_in = in->data, s->avail_in = in->len;
	s->next_out = out.data, s->avail_out = out.len;
	assert_int_equal(lzma_code(s, LZMA_FINISH), LZMA_STREAM_END);
	out.len = s->total_out;
	lzma_end(s);
	length_append(&out, in);
	return out;
}

static struct bytes pack_xz(const struct bytes *in)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma o;
	lzma_filter f[] = { { LZMA_FILTER_X86, NULL }, { LZMA_FILTER_LZMA2, &o },
			    { LZMA_VLI_UNKNOWN, NULL } };

	lzma_lzma_preset(&o, 0);
	assert_int_equal(lzma_stream_encoder(&s, f, LZMA_CHECK_CRC32), LZMA_OK);
	return pack_lzma(in, &s);
}

static struct bytes pack_alone(const struct bytes *in)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma o;

	lzma_lzma_preset(&o, 0);
	assert_int_equal(lzma_alone_encoder(&s, &o), LZMA_OK);
	return pack_lzma(in, &s);
}

static struct bytes pack_zstd(const struct bytes *in)
{
	struct bytes out = { 0 };

	bytes_at(&out, 0, ZSTD_compressBound(in->len));
	out.len = ZSTD_compress(out.data, out.len, in->data, in->len, 1);
	assert_false(ZSTD_isError(out.len));
	length_append(&out, in);
	return out;
}

static struct bytes pack_lz4(const struct bytes *in)
{
	struct bytes out = { 0 };

	bytes_put32(&out, 0, 0x184c2102);
	for (u64 at = 0; at < in->len; at += MIB(8)) {
		u64 part = in->len - at < MIB(8) ? in->len - at : MIB(8), begin = out.len;
		int n;

		bytes_at(&out, begin, 4 + (u64)LZ4_compressBound((int)part));
		n = LZ4_compress_default((char *)in->data + at, (char *)out.data + begin + 4,
					 (int)part, LZ4_compressBound((int)part));
		assert_true(n > 0);
		bytes_put32(&out, begin, (u32)n);
		out.len = begin + 4 + (u64)n;
	}
	length_append(&out, in);
	return out;
}

static const struct {
	const char *name;
	struct bytes (*pack)(const struct bytes *in);
} packers[] = {
	{ "gzip", pack_gzip }, { "bzip2", pack_bzip2 }, { "xz", pack_xz }, { "lzma", pack_alone },
	{ "zstd", pack_zstd }, { "lz4", pack_lz4 },
};

static void payload_each_compression(void **unused)
{
	struct bytes plain = plain_make();

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(packers); i++) {
		struct bytes packed = packers[i].pack(&plain);
		struct boot_payload p;
		struct err e;

		assert_string_equal(boot_payload_name(packed.data, packed.len), packers[i].name);
		for (unsigned turn = 0; turn < 2; turn++) {
			assert_int_equal(boot_payload_open(packed.data, packed.len, &p, &e), 0);
			assert_int_equal(p.cached, turn == 1);
			assert_int_equal(p.len, plain.len);
			assert_memory_equal(p.data, plain.data, plain.len);
			boot_payload_close(&p);
		}
		/* Cut in the middle, keeping the length at the end. */
		memmove(packed.data + packed.len / 2, packed.data + packed.len - 4, 4);
		assert_int_equal(boot_payload_open(packed.data, packed.len / 2 + 4, &p, &e),
				 -ENOEXEC);
		assert_non_null(strstr(e.text, packers[i].name));
		bytes_free(&packed);
	}
	bytes_free(&plain);
}

static void payload_of_wrong_length(void **unused)
{
	struct bytes plain = plain_make();

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(packers); i++) {
		static const u32 lens[] = { 0, 4095, 0xffffffff, (u32)MIB(10) + 1,
					    (u32)MIB(10) - 1 };
		struct bytes packed = packers[i].pack(&plain);
		struct boot_payload p;
		struct err e;

		for (unsigned j = 0; j < ARRAY_SIZE(lens); j++) {
			memcpy(packed.data + packed.len - 4, &lens[j], 4);
			assert_int_equal(boot_payload_open(packed.data, packed.len, &p, &e),
					 -ENOEXEC);
		}
		bytes_free(&packed);
	}
	bytes_free(&plain);
}

/* The path of the only file in the cache. */
static void cached_file(char path[512])
{
	char dir[256];
	struct dirent *de;
	unsigned n = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/pandok", folder);
	d = opendir(dir);
	assert_non_null(d);
	while ((de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, 512, "%s/%.200s", dir, de->d_name);
		n++;
	}
	closedir(d);
	assert_int_equal(n, 1);
}

static void damage(const char *path, long at)
{
	FILE *f = fopen(path, "r+");
	int c;

	assert_non_null(f);
	fseek(f, at, at < 0 ? SEEK_END : SEEK_SET);
	c = fgetc(f);
	fseek(f, -1, SEEK_CUR);
	fputc(c ^ 1, f);
	fclose(f);
}

static void cache_survives_corruption(void **unused)
{
	static const long places[] = { 0, 8, 24, 70, 4096 + 200000, -1 };
	struct bytes plain = plain_make(), packed = pack_zstd(&plain);
	struct boot_payload p;
	struct err e;
	char path[512];

	(void)unused;
	assert_int_equal(system("rm -rf \"$XDG_CACHE_HOME\"/pandok"), 0);
	assert_int_equal(boot_payload_open(packed.data, packed.len, &p, &e), 0);
	boot_payload_close(&p);
	cached_file(path);
	for (unsigned i = 0; i <= ARRAY_SIZE(places); i++) {
		if (i < ARRAY_SIZE(places))
			damage(path, places[i]);
		else
			assert_int_equal(truncate(path, 100000), 0);
		for (unsigned turn = 0; turn < 2; turn++) {
			assert_int_equal(boot_payload_open(packed.data, packed.len, &p, &e), 0);
			assert_int_equal(p.cached, turn == 1);
			assert_memory_equal(p.data, plain.data, plain.len);
			boot_payload_close(&p);
		}
	}
	assert_int_equal(chmod(path, 0666), 0); /* others may have written it */
	assert_int_equal(boot_payload_open(packed.data, packed.len, &p, &e), 0);
	assert_false(p.cached);
	boot_payload_close(&p);
	bytes_free(&packed);
	bytes_free(&plain);
}

static void cache_may_be_impossible(void **unused)
{
	static const char *const homes[] = { "/dev/null", "/proc/nowhere", "relative", "" };
	struct bytes plain = plain_make(), packed = pack_zstd(&plain);
	struct boot_payload p;
	struct err e;

	(void)unused;
	setenv("HOME", "/dev/null", 1);
	for (unsigned i = 0; i < ARRAY_SIZE(homes); i++) {
		setenv("XDG_CACHE_HOME", homes[i], 1);
		assert_int_equal(boot_payload_open(packed.data, packed.len, &p, &e), 0);
		assert_false(p.cached);
		boot_payload_close(&p);
	}
	setenv("XDG_CACHE_HOME", folder, 1);
	bytes_free(&packed);
	bytes_free(&plain);
}

static void cache_keeps_the_newest(void **unused)
{
	struct bytes plain = { 0 }, packed;
	struct boot_payload p;
	struct err e;
	char command[128];

	(void)unused;
	bytes_at(&plain, 0, 8192);
	for (u8 i = 0; i < 12; i++) {
		plain.data[0] = i;
		packed = pack_zstd(&plain);
		assert_int_equal(boot_payload_open(packed.data, packed.len, &p, &e), 0);
		boot_payload_close(&p);
		bytes_free(&packed);
	}
	snprintf(command, sizeof(command), "test $(ls %s/pandok | wc -l) -eq 8", folder);
	assert_int_equal(system(command), 0);
	bytes_free(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payload_each_compression),
		cmocka_unit_test(payload_of_wrong_length),
		cmocka_unit_test(cache_survives_corruption),
		cmocka_unit_test(cache_may_be_impossible),
		cmocka_unit_test(cache_keeps_the_newest),
	};

	return cmocka_run_group_tests(tests, cache_make, cache_remove);
}
