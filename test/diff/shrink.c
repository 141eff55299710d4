/* shrink.c - takes away from a sequence that differs what it does not need to differ. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "form.h"
#include "tester.h"

#define TRIAL_LIMIT_S 15

struct analysis {
	const struct options *o;
	struct oracle *oracle;
	struct outcome native, soft;
	unsigned trials;
};

/* Runs one sequence in a machine of its own, in a process of its own: it may crash. */
static NORETURN void trial_child(struct analysis *a, const struct seq *q, FILE *f)
{
	struct guest *g;
	struct err e;
	bool differ = false;

	alarm(TRIAL_LIMIT_S);
	if (!f)
		(void)!freopen("/dev/null", "w", stderr);
	if (guest_new(&a->o->guest, &g, &e)) {
		fprintf(stderr, "diff: %s\n", e.text);
		_exit(2);
	}
	for (unsigned turn = 0; turn < 2 && !differ; turn++) {
		guest_run(g, q, turn, &a->soft);
		outcome_normalize(&a->soft, q->bits32);
		differ = outcomes_differ(q, &a->native, &a->soft, &a->o->compare, f);
		if (f && differ && turn)
			fprintf(f, "  (the second time only)\n");
	}
	if (f) {
		print_outcome(q, "native", &a->native, f);
		print_outcome(q, "soft", &a->soft, f);
		fflush(f);
	}
	_exit(differ);
}

static bool native_run(struct analysis *a, const struct seq *q)
{
	oracle_put(a->oracle, 0, q);
	oracle_run(a->oracle, 1);
	a->native = a->oracle->out[0];
	if (outcome_skipped(&a->native))
		return false;
	outcome_normalize(&a->native, q->bits32);
	return true;
}

static bool self_differs(struct analysis *a, const struct seq *q, FILE *f)
{
	struct outcome first;

	if (!native_run(a, q))
		return false;
	first = a->native;
	return native_run(a, q) && outcomes_differ(q, &first, &a->native, &a->o->compare, f);
}

/* Does it (still) differ? Differences are printed to f unless it is NULL. */
static bool trial(struct analysis *a, const struct seq *q, FILE *f)
{
	int status;
	pid_t pid;

	a->trials++;
	if (a->o->self)
		return self_differs(a, q, f);
	if (!native_run(a, q))
		return false;
	if (f)
		fflush(f);
	pid = fork();
	if (!pid)
		trial_child(a, q, f);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return false;
	if (WIFSIGNALED(status) && f)
		fprintf(f, "  the engine died of signal %d (%s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	return WIFSIGNALED(status) || WEXITSTATUS(status) == 1;
}

static bool drop_groups(struct seq *q, u32 from, u32 n)
{
	bool any = false;

	for (u32 i = from; i < from + n; i++)
		any |= seq_drop_group(q, i);
	if (any)
		seq_lay_out(q);
	return any;
}

static bool shrink_groups(struct analysis *a, struct seq *q)
{
	static struct seq t;
	bool any = false;

	for (u32 n = q->groups / 2; n; n /= 2)
		for (u32 i = 0; i < q->groups; i += n) {
			t = *q;
			if (drop_groups(&t, i, n) && trial(a, &t, NULL)) {
				*q = t;
				any = true;
			}
		}
	return any;
}

/* What wipes an undefined or unequal result must go together with what it wipes. */
static bool droppable(const struct seq *q, u32 at)
{
	if (q->item[at].spec != ITEM_RAW)
		return true;
	for (u32 i = 0; i < q->n; i++)
		if (q->item[i].group == q->item[at].group && q->item[i].spec != ITEM_RAW &&
		    ((specs[q->item[i].spec].form->flags & FM_WIPES) || i < at))
			return false;
	return true;
}

static bool shrink_items(struct analysis *a, struct seq *q)
{
	static struct seq t;
	bool any = false;

	for (u32 i = q->n; i-- > 0;) {
		if (!droppable(q, i))
			continue;
		t = *q;
		seq_drop_item(&t, i);
		seq_lay_out(&t);
		if (trial(a, &t, NULL)) {
			*q = t;
			any = true;
		}
	}
	return any;
}

/* Code that does not cross a page, if it differs there too. */
static void shrink_place(struct analysis *a, struct seq *q)
{
	static struct seq t;

	t = *q;
	t.place = 99;
	seq_lay_out(&t);
	if (trial(a, &t, NULL))
		*q = t;
}

static void shrink(struct analysis *a, struct seq *q)
{
	shrink_place(a, q);
	while (q->n && shrink_groups(a, q))
		;
	while (q->n && shrink_items(a, q))
		;
}

void analyze(const struct options *o, u64 seed, const char *found)
{
	struct analysis a = { .o = o };
	static struct seq q;
	const char *why;
	bool differ;

	a.oracle = oracle_new(&why);
	BUG_ON(!a.oracle);
	a.oracle->limit_ms = 25; /* what is left of a sequence must not run long either */
	seq_generate(&q, seed, &o->gen);
	differ = trial(&a, &q, NULL);
	if (!differ && !o->list) {
		print_sequence(&q, stdout);
		printf("%s  it differs only after others ran before it\n\n", found ? found : "");
	}
	if (differ && !o->no_shrink)
		shrink(&a, &q);
	if (differ || o->list) {
		print_sequence(&q, stdout);
		trial(&a, &q, stdout);
		printf("  (%u trials)\n\n", a.trials);
	}
	fflush(stdout);
	oracle_free(a.oracle);
}
