/* watch.c - runs a command and measures it: the time until it prints a text, CPU time, and what it
 * holds in memory at that moment beyond one big mapping (the guest's RAM).
 *   usage: watch TEXT RAM-BYTES COMMAND [ARGUMENT...]
 * Writes "SECONDS CPU-SECONDS KIB" to file descriptor 3. The command's output goes to standard output;
 * once the text was seen it is told "poweroff -f", or killed when WATCH is "kill": a login prompt does
 * not listen. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Resident KiB of pid, without mappings of at least ram bytes. */
static long resident(pid_t pid, unsigned long ram)
{
	char line[512];
	unsigned long from, to, size = 0;
	long sum = 0, kib;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/smaps", (int)pid);
	f = fopen(line, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			size = to - from;
		else if (sscanf(line, "Rss: %ld kB", &kib) == 1 && size < ram)
			sum += kib;
	}
	fclose(f);
	return sum;
}

/* Pass output on until text was seen; then pass the rest on. Returns when text came, 0 if never. */
static double relay(int fd, int to, const char *text, pid_t pid, unsigned long ram, long *kib)
{
	static char seen[1 << 20];
	size_t n = 0;
	double at = 0;
	ssize_t got;
	char buf[4096];
	const char *how = getenv("WATCH");

	while ((got = read(fd, buf, sizeof(buf))) > 0) {
		if (fwrite(buf, 1, (size_t)got, stdout) != (size_t)got)
			break;
		if (at)
			continue;
		if (n + (size_t)got > sizeof(seen))
			n = 0;
		memcpy(seen + n, buf, (size_t)got);
		n += (size_t)got;
		if (memmem(seen, n, text, strlen(text))) {
			at = now();
			*kib = resident(pid, ram);
			if (how && !strcmp(how, "kill"))
				kill(pid, SIGKILL);
			else
				dprintf(to, "poweroff -f\n");
		}
	}
	fflush(stdout);
	return at;
}

int main(int argc, char **argv)
{
	struct rusage used;
	int in[2], out[2], status;
	double began = now(), at;
	long kib = -1;
	pid_t pid;

	if (argc < 4 || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return 2;
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(3);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	signal(SIGPIPE, SIG_IGN);
	at = relay(out[0], in[1], argv[1], pid, strtoul(argv[2], NULL, 0), &kib);
	if (wait4(pid, &status, 0, &used) < 0 || !at)
		return 1;
	dprintf(3, "%.4f %.4f %ld\n", at - began,
		(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6, kib);
	return 0;
}
