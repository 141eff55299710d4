/* main.c - options, workers and the summary of the differential test. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "form.h"
#include "tester.h"

enum { OPT_ONE = 256, OPT_FINDINGS, OPT_SELF, OPT_TABLE, OPT_CHECK, OPT_BITS32, OPT_BITS16, OPT_STEP, OPT_KICK,
       OPT_PRECISE, OPT_LIST, OPT_LENGTH, OPT_NO_SHRINK, OPT_LOG };

static const struct option long_options[] = {
	{ "seed", 1, 0, 's' }, { "count", 1, 0, 'n' }, { "seconds", 1, 0, 't' },
	{ "jobs", 1, 0, 'j' }, { "forms", 1, 0, 'f' }, { "without", 1, 0, 'w' }, { "one", 0, 0, OPT_ONE },
	{ "findings", 1, 0, OPT_FINDINGS }, { "self", 0, 0, OPT_SELF },
	{ "table", 0, 0, OPT_TABLE }, { "check", 0, 0, OPT_CHECK },
	{ "bits32", 1, 0, OPT_BITS32 }, { "bits16", 1, 0, OPT_BITS16 }, { "single-step", 0, 0, OPT_STEP },
	{ "kick", 1, 0, OPT_KICK }, { "precise", 0, 0, OPT_PRECISE }, { "list", 0, 0, OPT_LIST },
	{ "length", 1, 0, OPT_LENGTH }, { "no-shrink", 0, 0, OPT_NO_SHRINK },
	{ "log", 0, 0, OPT_LOG }, { "help", 0, 0, 'h' }, { 0 },
};

static const char usage[] =
	"usage: diff [options]\n"
	"  --seed N         first sequence (default: from the clock)\n"
	"  --count N        how many sequences (default 10000)\n"
	"  --seconds S      stop after this time\n"
	"  --one            only the one of --seed, shrunk and printed if it differs\n"
	"  --list           print the sequence and its ends in any case\n"
	"  --no-shrink      print what differs as it was found\n"
	"  --forms REGEX    only forms whose \"name operands\" match\n"
	"  --without REGEX  not these forms\n"
	"  --length N       at most N instructions a sequence (default 40)\n"
	"  --bits32 N       N of a thousand sequences are 32-bit code (default 120)\n"
	"  --bits16 N       N of a thousand of those are 16-bit code (default 200)\n"
	"  --single-step    the engine runs one instruction a block\n"
	"  --kick US        kick the vCPU about every US microseconds\n"
	"  --precise        let the engine keep all flags exact; compare them at faults too\n"
	"  --findings N     stop after N differences (default 10)\n"
	"  --jobs N         worker processes (default 1)\n"
	"  --table          print how often each form was covered\n"
	"  --check          check the table of forms and run nothing\n"
	"  --self           compare the processor with itself\n"
	"  --log            let the engine log exceptions\n";

static bool set_number(struct options *o, int c, const char *arg)
{
	u64 v = strtoull(arg, NULL, 0);

	switch (c) {
	case 's': o->seed = v; break;
	case 'n': o->count = v; break;
	case 't': o->seconds = (u32)v; break;
	case 'j': o->jobs = v < MAX_JOBS ? (u32)v : MAX_JOBS; break;
	case OPT_FINDINGS: o->findings = (u32)v; break;
	case OPT_BITS32: o->gen.bits32 = (u32)v; break;
	case OPT_BITS16: o->gen.bits16 = (u32)v; break;
	case OPT_KICK: o->guest.kick_us = (u32)v; break;
	case OPT_LENGTH:
		o->gen.max = (u32)v;
		o->gen.min = v < o->gen.min ? (u32)v : o->gen.min;
		break;
	default: return false;
	}
	return true;
}

static bool set_option(struct options *o, int c)
{
	switch (c) {
	case OPT_ONE: o->count = 1; o->list = true; break;
	case OPT_SELF: o->self = true; break;
	case OPT_TABLE: o->table = true; break;
	case OPT_CHECK: o->check = true; break;
	case OPT_STEP: o->guest.single_step = true; break;
	case OPT_PRECISE: o->compare.precise = o->guest.precise = true; break;
	case OPT_LIST: o->list = true; break;
	case OPT_NO_SHRINK: o->no_shrink = true; break;
	case OPT_LOG: o->guest.log = true; break;
	default: return false;
	}
	return true;
}

static void parse(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "s:n:t:j:f:w:h", long_options, NULL)) != -1) {
		if (c == 'f')
			o->forms = optarg;
		else if (c == 'w')
			o->without = optarg;
		else if (c == 'h') {
			fputs(usage, stdout);
			exit(0);
		} else if (!set_option(o, c) && (!optarg || !set_number(o, c, optarg))) {
			fputs(usage, stderr);
			exit(2);
		}
	}
}

/* A worker that died did so in the sequence it was busy with. */
static void watch(const struct options *o, struct tally *t)
{
	pid_t pid[MAX_JOBS];
	unsigned left = o->jobs;
	int status;

	fflush(stdout);
	for (unsigned i = 0; i < o->jobs; i++)
		if (!(pid[i] = fork()))
			work(o, t, i);
	while (left) {
		pid_t p = wait(&status);

		for (unsigned i = 0; i < o->jobs; i++) {
			if (pid[i] != p)
				continue;
			left--;
			if (WIFEXITED(status) && !WEXITSTATUS(status))
				continue;
			printf("a worker died (status %x) in sequence %llu\n", (unsigned)status,
			       (unsigned long long)t->at[i]);
			tally_found(t, t->at[i]);
			fflush(stdout);
			if (WIFSIGNALED(status) && t->n < o->findings && (left++, !(pid[i] = fork())))
				work(o, t, i);
		}
	}
}

static void print_summary(const struct tally *t, const struct options *o, double s)
{
	unsigned never = print_coverage(t, o->table);

	printf("%llu sequences in %.1f s (%.0f a second): %llu to the end, %llu to a fault, "
	       "%llu skipped; %u forms, %u never; %u differ; seeds from %llu\n",
	       (unsigned long long)t->run, s, (double)t->run / s, (unsigned long long)t->ended,
	       (unsigned long long)t->faulted, (unsigned long long)t->skipped, specs_n, never, t->n,
	       (unsigned long long)o->seed);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	struct options o = { .seed = (u64)time(NULL) * 1000000, .count = 10000, .jobs = 1,
			     .findings = 10, .gen = { .min = 16, .max = 40, .bits32 = 120, .bits16 = 200 } };
	struct tally *t;
	double start;

	parse(argc, argv, &o);
	image_init();
	specs_init(o.forms, o.without);
	BUG_ON(specs_n > MAX_SPECS);
	if (!oracle_set_ldt()) {
		o.gen.no_ldt = true;
		printf("no local descriptor table here: segments with bases and limits are not tested\n");
	}
	if (o.check)
		return check_table() != 0;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	BUG_ON(t == MAP_FAILED);
	t->next = o.seed;
	start = now();
	if (o.count > 1)
		watch(&o, t);
	else
		analyze(&o, o.seed, NULL);
	start = now() - start;
	for (u32 i = 0; i < t->n && i < o.findings && i < MAX_FINDINGS; i++)
		analyze(&o, t->found[i], t->text[i]);
	if (o.count > 1)
		print_summary(t, &o, start);
	return t->n != 0;
}
