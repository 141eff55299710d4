/* programs.c - workloads that are programs of others: a compiler and an interpreter. */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define INPUT "/tmp/pandok-bench.c"
#define OUTPUT "/tmp/pandok-bench.out"

/* Run a program with its standard output in OUTPUT. */
static void spawn(char *const argv[])
{
	int status = 0, fd;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		fd = open(OUTPUT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0 || dup2(fd, 1) < 0)
			_exit(126);
		execv(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		die(argv[0]);
}

static u64 output_sum(void)
{
	FILE *f = fopen(OUTPUT, "r");
	u64 sum = 0;
	int c;

	if (!f)
		die("no output");
	while ((c = getc(f)) != EOF)
		sum = mix(sum, (u64)c);
	fclose(f);
	return sum;
}

void compile_prepare(void)
{
	FILE *f = fopen(INPUT, "w");

	if (!f)
		die("cannot write " INPUT);
	for (int i = 0; i < COMPILE_FUNCTIONS; i++)
		fprintf(f, "struct s%d { int a[%d]; char b; };\n"
			   "int f%d(int x, struct s%d *s)\n{\n\tfor (int i = 0; i < %d; i++)\n"
			   "\t\ts->a[i] = x * %d + (i << 3) - s->b;\n"
			   "\tswitch (x) {\n\tcase 1: return s->a[0];\n\tcase 7: return x / 3;\n\t}\n"
			   "\treturn s->a[%d] %% 17;\n}\n", i, i % 9 + 2, i, i, i % 9 + 2, i, i % 9);
	fclose(f);
}

u64 compile_run(void)
{
	char *const argv[] = { TCC, "-c", INPUT, "-o", OUTPUT ".o", NULL };
	u64 sum;

	spawn(argv);
	if (rename(OUTPUT ".o", OUTPUT) < 0)
		die("no object");
	sum = output_sum();
	return sum;
}

u64 perl_run(void)
{
	static char program[] =
		"my (%n, @w); my $x = 1;"
		"for (1 .. 30000) { $x = ($x * 1103515245 + 12345) % 2147483648; push @w, 'w' . $x % 997; }"
		"$n{$_}++ for @w; my $s = join ',', map { \"$_=$n{$_}\" } sort keys %n;"
		"$s =~ s/w(\\d)(\\d*)/$2$1/g; print length($s), ' ', unpack('%32C*', $s);";
	char *const argv[] = { PERL, "-e", program, NULL };

	spawn(argv);
	return output_sum();
}

void programs_clean(void)
{
	unlink(INPUT);
	unlink(OUTPUT);
}
