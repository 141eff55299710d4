/* detach.c - two processes: one is left behind with the machine, one tells its name. */
#define _GNU_SOURCE
#include "cli/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ctl.h"

/* The parent: the child's name comes through the pipe, or its end. */
static int wait_for_name(pid_t child, int fd)
{
	char name[CTL_NAME_MAX + 1];
	ssize_t n;
	int status;

	do
		n = read(fd, name, sizeof(name) - 1);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		printf("%.*s\n", (int)n, name);
		return cli_flush();
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_ERROR;
}

static void use(int from, int as)
{
	if (from >= 0 && from != as)
		dup2(from, as);
}

int detach_begin(int *tell, int *status, struct err *e)
{
	int fd[2], nothing;
	pid_t child;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return err_sys(e, "cannot make a pipe");
	child = fork();
	if (child < 0) {
		close(fd[0]);
		close(fd[1]);
		return err_sys(e, "cannot start a process");
	}
	if (child) {
		close(fd[1]);
		*status = wait_for_name(child, fd[0]);
		return 1;
	}
	close(fd[0]);
	setsid();
	nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	use(nothing, STDIN_FILENO);
	close(nothing);
	*tell = fd[1];
	return 0;
}

void detach_done(int tell, const char *name)
{
	char path[PATH_MAX];
	struct err e;
	int log = -1;

	if (!ctl_log_path(name, path, &e))
		log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (log < 0)
		log = open("/dev/null", O_WRONLY | O_CLOEXEC);
	use(log, STDOUT_FILENO);
	use(log, STDERR_FILENO);
	close(log);
	if (write(tell, name, strlen(name)) < 0)
		cli_say("nobody waited for this machine's name");
	close(tell);
}
