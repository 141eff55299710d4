/* base.c - tests of errors, log levels and unix sockets. @links src/base */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stat.h"
#include "base/unix.h"

static void err_set_hands_the_code_back(void **unused)
{
	struct err e;

	(void)unused;
	assert_int_equal(err_set(&e, -ENOENT, "no %s", "bread"), -ENOENT);
	assert_string_equal(e.text, "no bread");
}

static void err_sys_says_what_errno_means(void **unused)
{
	struct err e;

	(void)unused;
	errno = EACCES;
	assert_int_equal(err_sys(&e, "cannot open '%s'", "x"), -EACCES);
	assert_string_equal(e.text, "cannot open 'x': Permission denied");
}

static void err_in_adds_the_place(void **unused)
{
	struct err e;

	(void)unused;
	err_set(&e, -EIO, "cannot read");
	assert_int_equal(err_in(&e, -EIO, "disk %d", 1), -EIO);
	assert_string_equal(e.text, "disk 1: cannot read");
}

static void err_in_keeps_a_long_sentence_inside(void **unused)
{
	struct err e;
	char longest[2 * sizeof(e.text)];

	(void)unused;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	err_set(&e, -EIO, "%s", longest);
	err_in(&e, -EIO, "%s", "a place");
	assert_true(strlen(e.text) < sizeof(e.text));
	assert_memory_equal(e.text, "a place: x", 10);
}

static void log_set_changes_all_or_nothing(void **unused)
{
	(void)unused;
	assert_int_equal(log_set("bt=trace,irq=debug"), 0);
	assert_int_equal(log_levels[LOG_bt], LOG_TRACE);
	assert_int_equal(log_levels[LOG_irq], LOG_DEBUG);
	assert_int_equal(log_set("bt=off,nothing=debug"), -1);
	assert_int_equal(log_levels[LOG_bt], LOG_TRACE);
	assert_int_equal(log_set("warn"), 0);
	assert_int_equal(log_levels[LOG_bt], LOG_WARN);
}

static void every_counter_and_channel_has_a_help(void **unused)
{
	const char *help;
	unsigned i;

	(void)unused;
	for (i = 0; stat_name(i, &help); i++)
		assert_true(help[0]);
	assert_int_equal(i, STAT_N);
	for (i = 0; log_help(i, &help); i++)
		assert_true(help[0]);
	assert_int_equal(i, LOG_N);
}

static void unix_listen_replaces_only_what_is_left_over(void **unused)
{
	char dir[] = "/tmp/pandok-unit.XXXXXX", path[64], longer[200];
	struct stat st;
	struct err e;
	int fd, client;

	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(unix_connect(path), -ENOENT);
	fd = unix_listen(path, &e);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(unix_listen(path, &e), -EADDRINUSE);
	assert_non_null(strstr(e.text, path));
	client = unix_connect(path);
	assert_true(client >= 0);
	close(client);

	close(fd); /* as if the process had been killed: the path stays */
	assert_int_equal(unix_connect(path), -ECONNREFUSED);
	fd = unix_listen(path, &e);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	rmdir(dir);

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(unix_listen(longer, &e), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_set_hands_the_code_back),
		cmocka_unit_test(err_sys_says_what_errno_means),
		cmocka_unit_test(err_in_adds_the_place),
		cmocka_unit_test(err_in_keeps_a_long_sentence_inside),
		cmocka_unit_test(log_set_changes_all_or_nothing),
		cmocka_unit_test(every_counter_and_channel_has_a_help),
		cmocka_unit_test(unix_listen_replaces_only_what_is_left_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
