/* main.c - from the first word of the command line to a command. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* A closed standard stream would let a file of ours become standard error. */
static void fill_std_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int unknown(const char *word)
{
	const char *near = cmd_nearest(word);

	if (!access(word, F_OK) || strchr(word, '/'))
		return cli_usage(NULL, "'%s' is not a command; to boot it: pandok run %s", word, word);
	if (near)
		return cli_usage(NULL, "unknown command '%s'; did you mean '%s'?", word, near);
	return cli_usage(NULL, "unknown command '%s'", word);
}

/*L:100 At the door
 * The first word says what is wanted: a command of the table, or a size, which is lguest's form
 * ("pandok 64m vmlinux root=/dev/vda") and means `run`. An option first can only be that form too.
 * Each command is a function that returns the exit status, so that every way out of the program is
 * a way out of main().
 * @test test/golden/usage.t
 */
int main(int argc, char **argv)
{
	const struct cmd *c;
	const char *word = argc > 1 ? argv[1] : "";
	u64 size;

	fill_std_fds();
	if (argc < 2)
		return cli_usage(NULL, "no command given");
	if (!strcmp(word, "--version"))
		return cli_version();
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return cmd_help(1, argv);
	if (!strncmp(word, "--", 2) || opt_size(word, &size) == 0)
		return cmd_lguest(argc, argv);
	c = cmd_find(word);
	if (!c)
		return unknown(word);
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		help_cmd(c, stdout);
		return cli_flush();
	}
	return c->run(argc - 1, argv + 1);
}
