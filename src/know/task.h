/* task.h - the tasks of a Linux guest, as its memory has them. */
#ifndef PANDOK_KNOW_TASK_H
#define PANDOK_KNOW_TASK_H

#include "know/list.h"

struct task {
	u64 at; /* of its struct task_struct */
	u32 pid, tgid, ppid, uid, flags, cpu;
	u64 mm; /* 0: a kernel thread, or dead */
	char comm[16];
	char state; /* as ps prints it */
	bool on_cpu;
};

/* Walks over all threads: each process, then its other threads. */
struct task_walk {
	struct kernel *k;
	struct list processes, threads;
	u64 process;
	bool in_threads, begun;
	const char *broken; /* why it ended too early */
};

/* task_start - NULL, or why there are none to be had. */
const char *task_start(struct task_walk *w, struct kernel *k);
bool task_next(struct task_walk *w, struct task *ret);

bool task_read(struct kernel *k, u64 at, struct task *ret);
bool task_find(struct kernel *k, u64 pid, struct task *ret); /* by pid or thread id */

/* task_current - what a processor runs; false: not known. */
bool task_current(struct kernel *k, unsigned cpu, struct task *ret);

/* task_cpu - the processor that runs a task; -1: none. */
int task_cpu(struct kernel *k, const struct task *t);

/* task_args - its command line with spaces, or "[comm]". */
void task_args(struct kernel *k, const struct task *t, char *ret, size_t len);

#endif
