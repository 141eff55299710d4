/* cover.c - the coverage table: a line for each form, and what is left out and why. */
#include <stdio.h>

#include "form.h"
#include "tester.h"

static void print_row(const struct tally *t, unsigned i)
{
	const struct spec *s = &specs[i];

	printf("%-8s %-18s %-24s %-12s", form_tables[s->class].name, s->form->name, s->form->enc,
	       s->form->ops);
	if (s->missing)
		printf(" not run: %s\n", s->missing);
	else
		printf(" %10llu %10llu %8llu\n", (unsigned long long)t->count[i][0],
		       (unsigned long long)t->count[i][1], (unsigned long long)t->faults[i]);
}

static void print_excluded(const struct tally *t)
{
	printf("\nended by vector:");
	for (unsigned i = 0; i < ARRAY_SIZE(t->vectors); i++)
		if (t->vectors[i])
			printf(" %u: %u", i, t->vectors[i]);
	printf("\nleft out:\n");
	for (unsigned i = 0; i < forms_excluded_n; i++)
		printf("  %s: %s\n", forms_excluded[i].names, forms_excluded[i].why);
	for (unsigned i = 0; i < forms_limits_n; i++)
		printf("  %s: %s\n", forms_limits[i].names, forms_limits[i].why);
}

unsigned print_coverage(const struct tally *t, bool all)
{
	unsigned never = 0;

	if (all)
		printf("%-8s %-18s %-24s %-12s %10s %10s %8s\n", "class", "instruction", "encoding",
		       "operands", "64-bit", "32-bit", "faults");
	for (unsigned i = 0; i < specs_n; i++) {
		bool unused = !specs[i].missing && !t->count[i][0] && !t->count[i][1];

		never += unused;
		if (all)
			print_row(t, i);
	}
	if (all) {
		print_excluded(t);
		print_tolerated();
	}
	return never;
}
