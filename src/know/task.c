/* task.c - reads tasks: all of them, one by its number, the one a processor runs. */
#include "know/task.h"

#include <stdio.h>
#include <string.h>

#include "x86/x86.h"

#define TASKS_MAX 200000
#define CPUS_MAX 8192
#define STATE_IDLE 0x402    /* TASK_UNINTERRUPTIBLE | TASK_NOLOAD */
#define PF_WQ_WORKER 0x20
#define PF_KTHREAD 0x00200000
#define STATE_RTLOCK 0x1000

static char state_char(u32 state, u32 exit_state)
{
	static const char chars[] = "RSDTtXZPI";
	u32 bits = (state | exit_state) & 0x7f;

	if ((state & STATE_IDLE) == STATE_IDLE)
		return 'I';
	if (state & STATE_RTLOCK)
		bits = 2;
	return chars[bits ? 32 - __builtin_clz(bits) : 0];
}

bool task_read(struct kernel *k, u64 at, struct task *ret)
{
	const struct layout *l = &k->lay;
	u32 state = 0, exit_state = 0, on_cpu = 0;
	struct task t = { .at = at };
	u64 cred, parent;

	if (!k_int(k, at, l->task_pid, &t.pid) || l->task_comm < 0 ||
	    !k_text(k, at + (u64)l->task_comm, t.comm, sizeof(t.comm)))
		return false;
	k_int(k, at, l->task_tgid, &t.tgid);
	k_int(k, at, l->task_flags, &t.flags);
	k_int(k, at, l->task_state, &state);
	k_int(k, at, l->task_exit_state, &exit_state);
	k_int(k, at, l->task_on_cpu, &on_cpu);
	if (!k_int(k, at, l->task_cpu, &t.cpu)) /* thread_info is a task's first member */
		k_int(k, at, l->task_info_cpu, &t.cpu);
	k_ptr(k, at, l->task_mm, &t.mm);
	if (k_ptr(k, at, l->task_cred, &cred))
		k_int(k, cred, l->cred_euid, &t.uid);
	if (k_ptr(k, at, l->task_parent, &parent))
		k_int(k, parent, l->task_tgid, &t.ppid);
	t.state = state_char(state, exit_state);
	t.on_cpu = on_cpu;
	*ret = t;
	return true;
}

const char *task_start(struct task_walk *w, struct kernel *k)
{
	u64 init = k_sym(k, "init_task");

	*w = (struct task_walk){ .k = k };
	if (!init)
		return k->no.syms ? "tasks are not found without symbols" : "no symbol init_task";
	if (k->lay.task_tasks < 0 || k->lay.task_pid < 0)
		return "tasks are not understood without types";
	w->process = init;
	list_start(&w->processes, k, init + (u64)k->lay.task_tasks, TASKS_MAX);
	return NULL;
}

static bool next_process(struct task_walk *w, u64 *ret)
{
	u64 at;

	if (!list_next(&w->processes, &at)) {
		w->broken = w->processes.broken;
		return false;
	}
	*ret = w->process = at - (u64)w->k->lay.task_tasks;
	return true;
}

static bool next_thread(struct task_walk *w, u64 *ret)
{
	u64 at;

	while (list_next(&w->threads, &at)) {
		*ret = at - (u64)w->k->lay.task_thread_node;
		if (*ret != w->process)
			return true;
	}
	return false;
}

static void enter_process(struct task_walk *w)
{
	const struct layout *l = &w->k->lay;
	u64 signal;

	w->in_threads = l->signal_threads >= 0 && l->task_thread_node >= 0 &&
			k_ptr(w->k, w->process, l->task_signal, &signal);
	if (w->in_threads)
		list_start(&w->threads, w->k, signal + (u64)l->signal_threads, TASKS_MAX);
}

/* The idle task of processor 0 is the list's head; it is no process. */
bool task_next(struct task_walk *w, struct task *ret)
{
	u64 at;

	if (w->in_threads && next_thread(w, &at))
		return task_read(w->k, at, ret);
	w->in_threads = false;
	if (!next_process(w, &at))
		return false;
	enter_process(w);
	if (task_read(w->k, at, ret))
		return true;
	w->broken = "the list leads to memory that is no task";
	return false;
}

bool task_find(struct kernel *k, u64 pid, struct task *ret)
{
	struct task_walk w;

	if (task_start(&w, k))
		return false;
	while (task_next(&w, ret))
		if (ret->pid == pid)
			return true;
	return false;
}

/* The area of variables of its own that a processor has. GS points to it in kernel code. */
static bool percpu_base(struct kernel *k, unsigned cpu, u64 *ret)
{
	const struct vcpu *v = target_vcpu(k->t, cpu);
	u64 offsets = k_sym(k, "__per_cpu_offset"), at;
	u32 n = 1;

	if (!offsets || !k_u32(k, k_sym(k, "nr_cpu_ids"), &n) || n > CPUS_MAX)
		n = target_ncpus(k->t);
	for (u32 i = 0; offsets && i < n && k_u64(k, offsets + 8ull * i, &at); i++)
		if (at == v->seg[SEG_GS].base || at == v->kernel_gs_base) {
			*ret = at;
			return true;
		}
	return offsets && cpu < n && k_u64(k, offsets + 8ull * cpu, ret);
}

bool task_current(struct kernel *k, unsigned cpu, struct task *ret)
{
	u64 var = k_sym(k, "current_task"), base, at;

	if (!var && k_sym(k, "pcpu_hot") && k->lay.hot_current >= 0)
		var = k_sym(k, "pcpu_hot") + (u64)k->lay.hot_current;
	return var && percpu_base(k, cpu, &base) && k_u64(k, base + var, &at) && task_read(k, at, ret);
}

int task_cpu(struct kernel *k, const struct task *t)
{
	struct task now;

	for (unsigned i = 0; i < target_ncpus(k->t); i++)
		if (task_current(k, i, &now) && now.at == t->at)
			return (int)i;
	return -1;
}

/* A kernel thread's name may be longer than what a task has room for; ps shows all of it. */
static void thread_name(struct kernel *k, const struct task *t, char *ret, size_t len)
{
	u64 thread, at;
	char name[64];

	if ((t->flags & (PF_KTHREAD | PF_WQ_WORKER)) != PF_KTHREAD ||
	    !k_ptr(k, t->at, k->lay.task_worker, &thread) || !thread ||
	    !k_ptr(k, thread, k->lay.kthread_name, &at) || !at || !k_text(k, at, name, sizeof(name)))
		snprintf(name, sizeof(name), "%s", t->comm);
	snprintf(ret, len, "[%s]", name);
}

/* A process's command line lies in its own memory, and the process may have written anything. */
void task_args(struct kernel *k, const struct task *t, char *ret, size_t len)
{
	struct space s = k->space;
	struct trail tr;
	u64 pgd, at, end;
	size_t n = 0;

	thread_name(k, t, ret, len);
	if (!t->mm || !k_ptr(k, t->mm, k->lay.mm_pgd, &pgd) ||
	    !k_ptr(k, t->mm, k->lay.mm_arg_start, &at) || !k_ptr(k, t->mm, k->lay.mm_arg_end, &end) ||
	    end <= at || !space_walk(k->t, &k->space, pgd, &tr))
		return;
	s.cr3 = tr.pa;
	n = end - at < len - 1 ? end - at : len - 1;
	if (!space_read(k->t, &s, at, n, ret))
		n = 0;
	for (size_t i = 0; i < n; i++)
		ret[i] = ret[i] >= ' ' && ret[i] <= '~' ? ret[i] : ret[i] ? '?' : ' ';
	while (n && ret[n - 1] == ' ')
		n--;
	ret[n] = 0;
	if (!n)
		thread_name(k, t, ret, len);
}
