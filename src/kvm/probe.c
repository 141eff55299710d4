/* probe.c - can the KVM of this machine run a stock kernel? Tries, in a child with a time limit. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kvm/kvm.h"
#include "kvm/probe_int.h"

/*K:100 A device that opens is not yet a hypervisor
 * There are machines where /dev/kvm opens, answers every question and even runs real mode, and
 * where a stock Linux kernel hangs in its first second: KVM variants that need a guest made for
 * them. Asking for capabilities does not tell them apart. So kvm_probe() runs a small guest that
 * does, one step after another, what a kernel does early, and remembers which step it was in when
 * it went wrong or the time was over. The guest is in probe_guest.S.
 * @test kvm_probe_answers_in_time
 */

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

static void say(struct kvm_verdict *v, const char *why, const char *fix)
{
	snprintf(v->why, sizeof(v->why), "%s", why);
	snprintf(v->fix, sizeof(v->fix), "%s", fix);
}

/* Is the device there, and may we open it? */
static bool device_look(struct kvm_verdict *v)
{
	struct stat st;
	int fd;

	if (stat(KVM_DEVICE, &st) < 0) {
		say(v, "there is no " KVM_DEVICE,
		    "load the kvm-intel or kvm-amd module, or switch on (nested) virtualization");
		return false;
	}
	v->present = true;
	fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		snprintf(v->why, sizeof(v->why), KVM_DEVICE " cannot be opened: %s", strerror(errno));
		if (errno == EACCES || errno == EPERM)
			snprintf(v->fix, sizeof(v->fix), "join the group that owns " KVM_DEVICE
				 " (often kvm), or run as a user who may open it");
		else
			snprintf(v->fix, sizeof(v->fix),
				 "load the kvm-intel or kvm-amd module, or switch on virtualization");
		return false;
	}
	close(fd);
	v->opens = true;
	return true;
}

static pid_t child_start(struct probe_shared *s)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	probe_guest_run(s);
	_exit(0);
}

/* A child that hangs inside the kernel does not even die: leave it behind rather than wait. */
static void child_end(pid_t pid)
{
	int tries;

	kill(pid, SIGKILL);
	for (tries = 0; tries < 30 && waitpid(pid, NULL, WNOHANG) == 0; tries++)
		poll(NULL, 0, 10);
}

/* Wait for the child at most KVM_PROBE_MS, then end it. Returns false when it was too slow. */
static bool child_wait(pid_t pid)
{
	u64 deadline = now_ms() + KVM_PROBE_MS, now;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	bool ended = false;

	for (now = now_ms(); !ended && now < deadline; now = now_ms()) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		/* Kernels before 5.3 have no pidfd: poll() then only waits. */
		poll(&p, 1, fd < 0 ? 5 : (int)(deadline - now));
		ended = waitpid(pid, NULL, WNOHANG) != 0;
	}
	if (fd >= 0)
		close(fd);
	if (!ended)
		child_end(pid);
	return ended;
}

static int text_before(const char *text, const char *end)
{
	const char *at = strstr(text, end);

	return (int)(at ? (size_t)(at - text) : strlen(text));
}

/* What went wrong, after "a test guest fails at …: ". */
static void failure_text(const struct probe_shared *s, bool in_time, char *buf, size_t len)
{
	if (s->trap)
		snprintf(buf, len, "exception %u came", s->trap - 1);
	else if (s->end == PROBE_WRONG)
		snprintf(buf, len, "the result was wrong");
	else if (s->end == PROBE_SHUTDOWN)
		snprintf(buf, len, "triple fault");
	else if (s->end == PROBE_ERROR)
		snprintf(buf, len, "%.*s", text_before(s->err.text, ", bytes"), s->err.text);
	else if (in_time)
		snprintf(buf, len, "the probe's process died");
	else
		snprintf(buf, len, "no end within %u ms", KVM_PROBE_MS);
}

static void failure_say(struct kvm_verdict *v, const struct probe_shared *s, bool in_time)
{
	char text[192];

	failure_text(s, in_time, text, sizeof(text));
	snprintf(v->step, sizeof(v->step), "%s", probe_step_name(s->step) ?: "start");
	snprintf(v->why, sizeof(v->why), KVM_DEVICE " opens, but a test guest fails at '%s': %s",
		 v->step, text);
	snprintf(v->fix, sizeof(v->fix), "use a machine with real hardware virtualization; the soft "
		 "engine does without");
}

static void verdict(struct kvm_verdict *v, const struct probe_shared *s, bool in_time)
{
	if (s->end == PROBE_DONE) {
		v->usable = true;
		say(v, KVM_DEVICE " runs a test guest that does what a stock kernel does", "");
	} else if (s->end == PROBE_NO_VM) {
		snprintf(v->why, sizeof(v->why), KVM_DEVICE " opens, but makes no machine: %.200s",
			 s->err.text);
		snprintf(v->fix, sizeof(v->fix), "see what the kernel log says about kvm");
	} else {
		failure_say(v, s, in_time);
	}
}

void kvm_probe(struct kvm_verdict *v)
{
	struct probe_shared *s;
	u64 start = now_ms();
	pid_t pid;

	memset(v, 0, sizeof(*v));
	if (!device_look(v))
		return;
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED) {
		say(v, "out of memory for the probe of " KVM_DEVICE, "free some memory");
		return;
	}
	pid = child_start(s);
	if (pid < 0)
		say(v, "cannot start a process for the probe of " KVM_DEVICE, "raise the process limit");
	else
		verdict(v, s, child_wait(pid));
	v->ms = (unsigned)(now_ms() - start);
	munmap(s, sizeof(*s));
}
