/* clocks.c - does a guest's date agree with ours, now and later?
 *   usage: clocks --serve                         in the guest: one line with its clocks for each asked
 *          clocks SECONDS STOP COMMAND...         here: ask COMMAND, which serves, for so long; halfway
 *                                                 stop it with SIGSTOP for STOP seconds
 * A question and its answer take time, and the guest's date is from somewhere in between: what is
 * printed is how far it was off at least, in microseconds.
 */
/* @links src/base/err.c */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/types.h"

#define QUESTIONS 40 /* asked one after the other, of which the quickest counts */

static i64 now_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

static int serve(void)
{
	char line[16];
	i64 last = 0;

	while (fgets(line, sizeof(line), stdin)) {
		i64 mono = now_us(CLOCK_MONOTONIC);

		printf("%lld %d\n", (long long)now_us(CLOCK_REALTIME), mono < last);
		fflush(stdout);
		last = mono;
	}
	return 0;
}

/* How far the answers of about now are off, as sure as the quickest of them tells. */
static i64 ask(FILE *to, FILE *from)
{
	i64 best = INT64_MAX, off = 0;

	for (unsigned i = 0; i < QUESTIONS; i++) {
		i64 before = now_us(CLOCK_REALTIME), after;
		long long guest;
		int back;

		fputs("?\n", to);
		fflush(to);
		if (fscanf(from, "%lld %d", &guest, &back) != 2 || back) {
			printf("FAIL: the guest is gone, or its time went backwards\n");
			exit(1);
		}
		after = now_us(CLOCK_REALTIME);
		if (after - before < best) {
			best = after - before;
			off = guest < before ? guest - before : guest > after ? guest - after : 0;
		}
		usleep(5000);
	}
	printf("off by %lld us at least, answered within %lld us\n", (long long)off, (long long)best);
	fflush(stdout);
	return off < 0 ? -off : off;
}

static pid_t start(char **argv, FILE **to, FILE **from)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe(in) || pipe(out))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	*to = fdopen(in[1], "w");
	*from = fdopen(out[0], "r");
	return pid;
}

int main(int argc, char **argv)
{
	unsigned seconds, stop;
	FILE *to = NULL, *from = NULL;
	pid_t pid;
	i64 worst, off;

	if (argc == 2 && !strcmp(argv[1], "--serve"))
		return serve();
	if (argc < 4)
		return 2;
	seconds = (unsigned)atoi(argv[1]);
	stop = (unsigned)atoi(argv[2]);
	pid = start(argv + 3, &to, &from);
	if (pid < 0 || !to || !from)
		return 1;
	worst = ask(to, from);
	sleep(seconds / 2);
	if (stop) {
		kill(pid, SIGSTOP);
		sleep(stop);
		kill(pid, SIGCONT);
	}
	sleep(seconds - seconds / 2);
	off = ask(to, from);
	printf("worst %lld\n", (long long)(off > worst ? off : worst));
	fclose(to);
	waitpid(pid, NULL, 0);
	return 0;
}
