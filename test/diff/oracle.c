/* oracle.c - the tester's side of the oracle, and the keeper that replaces a child that died. */
#define _GNU_SOURCE
#include "oracle.h"

#include <asm/ldt.h>
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOB_LIMIT_MS 500

void futex_wait(_Atomic u32 *at, u32 val, int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000l };

	syscall(SYS_futex, at, FUTEX_WAIT, val, ms < 0 ? NULL : &ts, NULL, 0);
}

void futex_wake(_Atomic u32 *at)
{
	syscall(SYS_futex, at, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* The child died in the middle of a job: that job's outcome is its death. */
static void note_death(struct oracle *o)
{
	if (atomic_load(&o->done) == atomic_load(&o->turn) || o->cur >= o->n)
		return;
	o->out[o->cur].status = o->late ? OUT_TIMEOUT : OUT_CRASH;
	o->late = false;
	o->cur++;
}

static NORETURN void keeper(struct oracle *o)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		pid_t pid = fork();
		int status;

		if (!pid)
			oracle_child(o);
		if (pid < 0)
			_exit(1);
		atomic_store(&o->child, pid);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFEXITED(status))
			_exit(1); /* it could not even start */
		note_death(o);
	}
}

static bool map_all(struct oracle *o)
{
	o->memfd = memfd_create("diff-frames", MFD_CLOEXEC);
	if (o->memfd < 0 || ftruncate(o->memfd, IMAGE_SIZE) < 0)
		return false;
	o->image = mmap(NULL, IMAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			o->memfd, 0);
	return o->image != MAP_FAILED;
}

bool oracle_set_ldt(void)
{
	for (unsigned i = 0; i < LDT_ROWS; i++) {
		const struct ldt_row *r = &ldt_rows[i % LDT_KINDS];
		struct user_desc d = {
			.entry_number = i, .base_addr = (u32)ldt_base(i), .limit = r->limit,
			.seg_32bit = !r->small,
			.contents = r->code ? MODIFY_LDT_CONTENTS_CODE :
				    r->down ? MODIFY_LDT_CONTENTS_STACK : MODIFY_LDT_CONTENTS_DATA,
			.read_exec_only = r->read_only, .limit_in_pages = r->pages,
			.seg_not_present = r->absent,
		};

		if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)) < 0)
			return false;
	}
	return true;
}

struct oracle *oracle_new(const char **why)
{
	struct oracle *o;
	pid_t pid;

	if (!(getauxval(AT_HWCAP2) & 2)) {
		*why = "the host's kernel does not let programs set segment bases (FSGSBASE)";
		return NULL;
	}
	o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (o == MAP_FAILED || !map_all(o)) {
		*why = "out of memory";
		return NULL;
	}
	o->limit_ms = JOB_LIMIT_MS;
	pid = fork();
	if (!pid)
		keeper(o);
	if (pid < 0) {
		*why = "cannot fork";
		return NULL;
	}
	o->keeper = pid;
	return o;
}

void oracle_free(struct oracle *o)
{
	if (!o)
		return;
	kill(o->keeper, SIGKILL);
	waitpid(o->keeper, NULL, 0);
	if (o->child > 0)
		kill(o->child, SIGKILL);
	munmap(o->image, IMAGE_SIZE);
	close(o->memfd);
	munmap(o, sizeof(*o));
}

void oracle_put(struct oracle *o, u32 i, const struct seq *q)
{
	struct oracle_job *j = &o->job[i];

	j->init = q->init;
	j->salt = q->salt;
	j->code_at = q->code_at;
	j->code_len = q->code_len;
	memcpy(j->code, q->code, q->code_len);
}

static bool keeper_gone(struct oracle *o)
{
	return waitpid(o->keeper, NULL, WNOHANG) != 0;
}

void oracle_run(struct oracle *o, u32 n)
{
	u32 turn = o->turn + 1, cur = 0;

	o->n = n;
	o->cur = 0;
	o->turn = turn;
	futex_wake(&o->turn);
	while (o->done != turn) {
		futex_wait(&o->done, turn - 1, o->limit_ms);
		if (o->done == turn)
			break;
		BUG_ON(keeper_gone(o));
		/* Too long only if the same job ran all the time. */
		if (o->cur == cur && o->child > 0) {
			o->late = true;
			kill(o->child, SIGKILL);
		}
		cur = o->cur;
	}
}
