/* opt.c - options by their rows: values, suggestions, files; the command line of run. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/options.h"

static void sizes(void **unused)
{
	static const struct { const char *text; u64 want; } good[] = {
		{ "64", MIB(64) }, { "64m", MIB(64) }, { "64M", MIB(64) }, { "1g", GIB(1) },
		{ "2048k", MIB(2) }, { "1t", GIB(1024) }, { "0", 0 }, { "17592186044415", ~0ull << 20 },
	};
	static const char *const bad[] = {
		"", "m", "64x", "64mb", "-1", "+1", " 1", "1 ", "1.5g", "0x10", "17592186044416",
		"99999999999999999999", "16777216t",
	};
	u64 got;

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(opt_size(good[i].text, &got), 0);
		assert_true(got == good[i].want);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(opt_size(bad[i], &got), -EINVAL);
}

static void seconds(void **unused)
{
	u64 got;

	(void)unused;
	assert_int_equal(opt_seconds("2", &got), 0);
	assert_true(got == 2000000000);
	assert_int_equal(opt_seconds("0.25", &got), 0);
	assert_true(got == 250000000);
	assert_int_equal(opt_seconds("1.00000000099", &got), 0);
	assert_true(got == 1000000000);
	assert_int_equal(opt_seconds("", &got), -EINVAL);
	assert_int_equal(opt_seconds("1s", &got), -EINVAL);
	assert_int_equal(opt_seconds("-1", &got), -EINVAL);
	assert_int_equal(opt_seconds("99999999999", &got), -EINVAL);
}

static void distances(void **unused)
{
	(void)unused;
	assert_int_equal(opt_distance("memory", "memory"), 0);
	assert_int_equal(opt_distance("memry", "memory"), 1);
	assert_int_equal(opt_distance("memroy", "memory"), 1);
	assert_int_equal(opt_distance("", "abc"), 3);
	assert_int_equal(opt_distance("abc", ""), 3);
	assert_int_equal(opt_distance("kitten", "sitting"), 3);
}

#define ARGS(...) char *argv[] = { "run", __VA_ARGS__, NULL }; int argc = (int)ARRAY_SIZE(argv) - 1

static void both_forms_of_values(void **unused)
{
	ARGS("--memory", "1g", "--engine=soft", "--no-reboot", "--timeout=1.5", "k", "a", "b=c d");
	struct options o;
	struct err e;

	(void)unused;
	assert_int_equal(options_parse(argc, argv, false, &o, &e), 0);
	assert_true(o.memory == GIB(1));
	assert_int_equal(o.engine, 1);
	assert_true(o.no_reboot);
	assert_true(o.timeout_ns == 1500000000);
	assert_string_equal(o.kernel, "k");
	assert_string_equal(o.cmdline, "a b=c d");
	options_free(&o);
}

static void defaults(void **unused)
{
	ARGS("k");
	struct options o;
	struct err e;

	(void)unused;
	assert_int_equal(options_parse(argc, argv, false, &o, &e), 0);
	assert_true(o.memory == MIB(512));
	assert_int_equal(o.cpus, 1);
	assert_int_equal(o.engine, 0);
	assert_int_equal(o.initrd.n, 0);
	assert_string_equal(o.cmdline, "");
	options_free(&o);
}

static void append_comes_first(void **unused)
{
	ARGS("--append", "x", "--append=y z", "--initrd=1", "--initrd", "2", "k", "--", "--memory", "v");
	struct options o;
	struct err e;

	(void)unused;
	assert_int_equal(options_parse(argc, argv, false, &o, &e), 0);
	assert_string_equal(o.cmdline, "y z -- --memory v");
	assert_int_equal(o.initrd.n, 2);
	assert_string_equal(o.initrd.at[0], "1");
	assert_string_equal(o.initrd.at[1], "2");
	options_free(&o);
}

static void lguest_form(void **unused)
{
	ARGS("64m", "vmlinux", "--initrd=i", "root=/dev/vda", "--engine", "soft", "ro", "--", "--x");
	struct options o;
	struct err e;

	(void)unused;
	assert_int_equal(options_parse(argc, argv, true, &o, &e), 0);
	assert_true(o.memory == MIB(64));
	assert_string_equal(o.kernel, "vmlinux");
	assert_string_equal(o.initrd.at[0], "i");
	assert_int_equal(o.engine, 1);
	assert_string_equal(o.cmdline, "root=/dev/vda ro -- --x");
	options_free(&o);
}

static void refused(bool lguest, const char *want, int argc, char **argv)
{
	struct options o;
	struct err e;

	assert_int_equal(options_parse(argc, argv, lguest, &o, &e), -EINVAL);
	assert_string_equal(e.text, want);
	options_free(&o);
}

#define REFUSED(want, ...)                                         \
	do {                                                       \
		ARGS(__VA_ARGS__);                                 \
		refused(false, want, argc, argv);                  \
	} while (0)

static void refusals(void **unused)
{
	(void)unused;
	REFUSED("no kernel given, and no disk to boot from", "--no-reboot");
	REFUSED("unknown option '--memry'; did you mean '--memory'?", "--memry=1", "k");
	REFUSED("unknown option '--frobnicate'", "--frobnicate", "k");
	REFUSED("option '--memory' needs a value: SIZE", "--memory");
	REFUSED("memory: '1x' is not a size such as 64m or 1g", "--memory", "1x", "k");
	REFUSED("memory: must be at least 1 MiB", "--memory", "0", "k");
	REFUSED("memory: must be at most 1048576 MiB", "--memory", "2t", "k");
	REFUSED("engine: 'qemu' is not one of auto|soft|kvm", "--engine", "qemu", "k");
	REFUSED("no-reboot: 'maybe' is not yes or no", "--no-reboot=maybe", "k");
	REFUSED("cpus: 'two' is not a number", "--cpus", "two", "k");
	REFUSED("--digest needs --deterministic", "--digest=x", "k");
	REFUSED("option '--initrd' stands after the kernel: put it before, or '--' before it if it is "
		"for the guest", "k", "--initrd", "x");
	REFUSED("serial: 'fax' is none of stdio, null, file:PATH, unix:PATH, pty, tty:PATH, modem",
		"--serial=fax", "k");
	REFUSED("serial: 'file' needs a path: file:PATH", "--serial=file:", "k");
	REFUSED("serial: 'pty' takes no path", "--serial=pty:x", "k");
}

static char *file_with(const char *text)
{
	char *path = strdup("/tmp/pandok-opt.XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static void config_is_overridden(void **unused)
{
	char *path = file_with("# a machine\n\n memory = 64m \nno-reboot\nstats=no\n"
			       "append = a = b  c\ninitrd=1\n");
	ARGS("--memory", "1g", "--config", path, "--initrd=2", "k", "d");
	struct options o;
	struct err e;

	(void)unused;
	assert_int_equal(options_parse(argc, argv, false, &o, &e), 0);
	assert_true(o.memory == GIB(1));
	assert_true(o.no_reboot);
	assert_false(o.stats);
	assert_string_equal(o.cmdline, "a = b  c d");
	assert_int_equal(o.initrd.n, 2);
	assert_string_equal(o.initrd.at[1], "2");
	options_free(&o);
	unlink(path);
	free(path);
}

static void config_names_the_line(void **unused)
{
	static const char *const bad[] = { "memory = 1\nmemry = 2\n", "\nmemory\n", "\nconfig = x\n",
					   "\nmemory = x\n" };
	static const char *const why[] = {
		"unknown option 'memry'; did you mean 'memory'?", "'memory' needs a value: memory = SIZE",
		"'config' belongs on the command line", "memory: 'x' is not a size such as 64m or 1g" };
	struct options o;
	struct err e;

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		char *path = file_with(bad[i]), want[256];
		ARGS("--config", path, "k");

		assert_int_equal(options_parse(argc, argv, false, &o, &e), -EINVAL);
		snprintf(want, sizeof(want), "config: %s:2: %s", path, why[i]);
		assert_string_equal(e.text, want);
		options_free(&o);
		unlink(path);
		free(path);
	}
}

static void words_behind_an_option(void **unused)
{
	static const struct opt rows[] = {
		{ "ro", NULL, OPT_FLAG, 0, offsetof(struct options, stats), 0, 0, "" },
		{ "serial", "TEXT", OPT_TEXT, 0, offsetof(struct options, append), 0, 0, "" },
		{ "file", "FILE", OPT_LIST, 0, offsetof(struct options, initrd), 0, 0, "" },
		{ 0 },
	};
	struct options o = { .stats = false };
	struct err e;

	(void)unused;
	assert_int_equal(opt_words(rows, &o, "", &e), 0);
	assert_int_equal(opt_words(rows, &o, "ro=on,serial=a=b,file=1,file=2", &e), 0);
	assert_true(o.stats);
	assert_string_equal(o.append, "a=b");
	assert_int_equal(o.initrd.n, 2);
	assert_int_equal(opt_words(rows, &o, "ro,seral=1", &e), -EINVAL);
	assert_string_equal(e.text, "unknown option 'seral'; did you mean 'serial'?");
	opt_free(rows, &o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(seconds),
		cmocka_unit_test(distances),
		cmocka_unit_test(both_forms_of_values),
		cmocka_unit_test(defaults),
		cmocka_unit_test(append_comes_first),
		cmocka_unit_test(lguest_form),
		cmocka_unit_test(refusals),
		cmocka_unit_test(config_is_overridden),
		cmocka_unit_test(config_names_the_line),
		cmocka_unit_test(words_behind_an_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
