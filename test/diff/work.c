/* work.c - one worker: makes sequences, runs them on both sides, notes those that differ. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "form.h"
#include "tester.h"

struct worker {
	const struct options *o;
	struct tally *t;
	struct oracle *oracle;
	struct guest *guest;
	unsigned index;
	struct seq seq[ORACLE_BATCH];
	struct outcome again[ORACLE_BATCH], soft;
};

u32 tally_found(struct tally *t, u64 seed)
{
	u32 i = atomic_fetch_add(&t->n, 1);

	if (i < MAX_FINDINGS)
		t->found[i] = seed;
	return i;
}

static void note_difference(struct worker *w, const struct seq *q, struct outcome *native,
			    struct outcome *other)
{
	u32 i = tally_found(w->t, q->seed);
	FILE *f;

	if (i >= MAX_FINDINGS)
		return;
	f = fmemopen(w->t->text[i], sizeof(w->t->text[i]) - 1, "w");
	if (!f)
		return;
	outcomes_differ(q, native, other, &w->o->compare, f);
	print_outcome(q, "native", native, f);
	print_outcome(q, "soft", other, f);
	fclose(f);
}

/* Rows whose instruction lies before the place where the sequence ended count as covered. */
static void count_forms(struct worker *w, const struct seq *q, const struct outcome *out)
{
	int last = seq_ended(q, out) ? -1 : seq_item_at(q, out->state.rip);

	for (u32 i = 0; i < q->n; i++) {
		u16 s = q->item[i].spec;

		if (s == ITEM_RAW)
			continue;
		atomic_fetch_add_explicit(&w->t->count[s][q->bits32], 1, memory_order_relaxed);
		if ((int)i == last) {
			atomic_fetch_add_explicit(&w->t->faults[s], 1, memory_order_relaxed);
			break;
		}
	}
	if (seq_ended(q, out))
		w->t->ended++;
	else
		w->t->faulted++;
	w->t->vectors[out->vec & 31]++;
}

/* Some sequences run a second time, in the translations that the first run left. */
static bool guest_differs(struct worker *w, const struct seq *q, struct outcome *native)
{
	bool differ = false;

	w->t->at[w->index] = q->seed;
	for (unsigned turn = 0; turn < 1 + (q->seed % 4 == 0) && !differ; turn++) {
		guest_run(w->guest, q, turn, &w->soft);
		outcome_normalize(&w->soft, q->bits32);
		differ = outcomes_differ(q, native, &w->soft, &w->o->compare, NULL);
	}
	return differ;
}

static bool oracle_differs(struct worker *w, u32 i, struct outcome *native)
{
	outcome_normalize(&w->again[i], w->seq[i].bits32);
	return outcomes_differ(&w->seq[i], native, &w->again[i], &w->o->compare, NULL);
}

static void judge(struct worker *w, u32 i)
{
	const struct seq *q = &w->seq[i];
	struct outcome *native = &w->oracle->out[i];

	w->t->run++;
	if (outcome_skipped(native)) {
		w->t->skipped++;
		if (w->o->list)
			printf("skipped %llu (%u)\n", (unsigned long long)q->seed, native->status);
		return;
	}
	outcome_normalize(native, q->bits32);
	count_forms(w, q, native);
	if (w->o->self ? oracle_differs(w, i, native) : guest_differs(w, q, native))
		note_difference(w, q, native, w->o->self ? &w->again[i] : &w->soft);
}

static void run_batch(struct worker *w, u64 seed, u32 n)
{
	w->t->at[w->index] = seed;
	for (u32 i = 0; i < n; i++) {
		seq_generate(&w->seq[i], seed + i, &w->o->gen);
		oracle_put(w->oracle, i, &w->seq[i]);
	}
	if (w->o->self) {
		oracle_run(w->oracle, n);
		for (u32 i = 0; i < n; i++)
			w->again[i] = w->oracle->out[i];
	}
	oracle_run(w->oracle, n);
	for (u32 i = 0; i < n; i++)
		judge(w, i);
}

static struct worker *worker_new(const struct options *o, struct tally *t, unsigned index)
{
	struct worker *w = calloc(1, sizeof(*w));
	const char *why;
	struct err e;

	BUG_ON(!w);
	w->o = o;
	w->t = t;
	w->index = index;
	w->oracle = oracle_new(&why);
	if (!w->oracle) {
		fprintf(stderr, "diff: %s\n", why);
		_exit(1);
	}
	if (!o->self && guest_new(&o->guest, &w->guest, &e)) {
		fprintf(stderr, "diff: %s\n", e.text);
		_exit(1);
	}
	return w;
}

void work(const struct options *o, struct tally *t, unsigned index)
{
	struct worker *w = worker_new(o, t, index);
	time_t end = time(NULL) + o->seconds;
	u64 seed;

	while (t->n < o->findings && (!o->seconds || time(NULL) < end)) {
		seed = atomic_fetch_add(&t->next, ORACLE_BATCH);
		if (seed - o->seed >= o->count)
			break;
		u64 left = o->count - (seed - o->seed);
		run_batch(w, seed, left < ORACLE_BATCH ? (u32)left : ORACLE_BATCH);
	}
	oracle_free(w->oracle);
	guest_free(w->guest);
	fflush(stdout);
	_exit(0);
}
