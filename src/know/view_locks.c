/* view_locks.c - sleeping locks: who holds one and who waits for it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "know/list.h"
#include "know/task.h"
#include "know/unwind.h"

#define TASKS_MAX 65536u
#define STACK 16384u
#define WAITERS_MAX 256
#define FRAMES 32

/* Both kinds keep waiters on a list; a waiter is { list, task } on the stack of who waits. */
static const struct lock_kind {
	const char *name, *type;
	const char *function; /* who waits is in one that begins so */
	u64 flags; /* low bits of the owner's word that are no address */
} kinds[] = {
	{ "mutex", "mutex", "__mutex_lock", 7 },
	{ "rwsem", "rw_semaphore", "rwsem_down_", 7 },
};

struct wait {
	u64 lock, owner;
	u32 task; /* index of who waits */
	u8 kind;
};

struct locks {
	const struct view *v;
	struct task *task; /* by address */
	u32 ntask;
	struct wait wait[WAITERS_MAX];
	unsigned n;
};

static int by_address(const void *a, const void *b)
{
	const struct task *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static const struct task *task_known(const struct locks *l, u64 at)
{
	struct task key = { .at = at };

	return bsearch(&key, l->task, l->ntask, sizeof(key), by_address);
}

static const char *tasks_read(struct locks *l)
{
	struct task_walk w;
	const char *why = task_start(&w, l->v->k);

	l->task = why ? NULL : malloc(TASKS_MAX * sizeof(*l->task));
	if (!l->task)
		return why ? why : "out of memory";
	while (l->ntask < TASKS_MAX && task_next(&w, &l->task[l->ntask]))
		l->ntask++;
	qsort(l->task, l->ntask, sizeof(*l->task), by_address);
	return w.broken;
}

/* Which kind of lock does a task sleep for? -1: none. */
static int waits_for(struct locks *l, const struct task *t)
{
	struct unwind u;
	struct symbol y;
	bool more = unwind_task(l->v->k, t->at, &u);

	for (unsigned i = 0; more && i < FRAMES; i++, more = unwind_next(&u)) {
		if (!kernel_at(l->v->k, GVA(u.f.ip - 1), &y))
			continue;
		for (unsigned kind = 0; kind < ARRAY_SIZE(kinds); kind++)
			if (!strncmp(y.name, kinds[kind].function, strlen(kinds[kind].function)))
				return (int)kind;
	}
	return -1;
}

/* Is this element of a list of waiters one of them? Those lie on the stack of who waits. */
static bool is_waiter(struct locks *l, u64 at)
{
	const struct task *t;
	u64 task, stack;

	if (!k_u64(l->v->k, at + 16, &task))
		return false;
	t = task_known(l, task);
	return t && k_ptr(l->v->k, t->at, l->v->k->lay.task_stack, &stack) && at - stack < STACK;
}

/* One of the list's elements is in the lock itself: where an owner is that is a task. */
static bool lock_of(struct locks *l, u64 waiter, unsigned kind, struct wait *ret)
{
	struct kernel *k = l->v->k;
	i32 list_off = k_offset(k, kinds[kind].type, "wait_list");
	i32 owner_off = k_offset(k, kinds[kind].type, "owner");
	struct list li;
	u64 at, owner;

	if (list_off < 0 || owner_off < 0)
		return false;
	list_start(&li, k, waiter, WAITERS_MAX);
	while (list_next(&li, &at)) {
		u64 lock = at - (u64)list_off;

		if (is_waiter(l, at) || !k_u64(k, lock + (u64)owner_off, &owner))
			continue;
		owner &= ~kinds[kind].flags;
		if (!task_known(l, owner))
			continue;
		ret->lock = lock;
		ret->owner = owner;
		return true;
	}
	return false;
}

static void find_wait(struct locks *l, u32 i)
{
	const struct task *t = &l->task[i];
	static const struct wait none;
	u64 stack, words[STACK / 8];
	struct wait w = none;
	int kind;

	if (t->on_cpu || l->n == WAITERS_MAX)
		return;
	kind = waits_for(l, t);
	if (kind < 0 || !k_ptr(l->v->k, t->at, l->v->k->lay.task_stack, &stack) ||
	    !k_read(l->v->k, stack, STACK, words))
		return;
	w.task = i;
	w.kind = (u8)kind;
	for (unsigned j = 0; j + 2 < STACK / 8; j++) {
		if (words[j + 2] != t->at || words[j] >> 47 != 0x1ffff || words[j + 1] >> 47 != 0x1ffff)
			continue;
		if (lock_of(l, stack + 8 * j, (unsigned)kind, &w))
			break;
	}
	l->wait[l->n++] = w;
}

static void task_name(const struct locks *l, const struct task *t)
{
	out_say(l->v->out, "pid %u (%s)", t->pid, t->comm);
}

static void wait_show(const struct locks *l, const struct wait *w)
{
	const struct task *owner = task_known(l, w->owner);
	char place[256];

	task_name(l, &l->task[w->task]);
	if (!w->lock) {
		out_say(l->v->out, " waits for a %s that is not found\n", kinds[w->kind].name);
		return;
	}
	out_say(l->v->out, " waits for %s %s, held by ", kinds[w->kind].name,
		kernel_place(l->v->k, GVA(w->lock), place, sizeof(place)));
	task_name(l, owner);
	out_say(l->v->out, "\n");
}

static const struct wait *wait_of(const struct locks *l, u64 task)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->wait[i].lock && l->task[l->wait[i].task].at == task)
			return &l->wait[i];
	return NULL;
}

/* Who waits for itself in the end, over others, waits for ever. Told once, by the lowest task. */
static void deadlock_show(const struct locks *l, const struct wait *first)
{
	u64 me = l->task[first->task].at;
	const struct wait *w = first;

	for (unsigned i = 0; w && i < l->n; i++) {
		if (w->owner < me)
			return;
		if (w->owner == me)
			break;
		w = wait_of(l, w->owner);
	}
	if (!w || w->owner != me)
		return;
	out_say(l->v->out, "deadlock: ");
	for (w = first; w; w = w->owner == me ? NULL : wait_of(l, w->owner)) {
		task_name(l, &l->task[w->task]);
		out_say(l->v->out, " -> ");
	}
	task_name(l, &l->task[first->task]);
	out_say(l->v->out, "\n");
}

void view_locks(const struct view *v)
{
	struct locks *l = calloc(1, sizeof(*l));
	const char *why = "out of memory";

	target_look(v->t);
	if (l) {
		l->v = v;
		why = tasks_read(l);
		for (u32 i = 0; i < l->ntask; i++)
			find_wait(l, i);
		for (unsigned i = 0; i < l->n; i++)
			wait_show(l, &l->wait[i]);
		for (unsigned i = 0; i < l->n; i++)
			if (l->wait[i].lock)
				deadlock_show(l, &l->wait[i]);
		if (!l->n && !why)
			out_say(v->out, "no task waits for a mutex or an rwsem\n");
		free(l->task);
	}
	if (why)
		out_say(v->out, "?? %s\n", why);
	free(l);
}
