/* run.c - the loop around KVM_RUN: hands each exit to the board. Knows no device. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kvm/int.h"
#include "base/log.h"

#define EV_LEAVE (EV_STOP | EV_INIT | EV_SIPI)

/* ---- kicks ------------------------------------------------------------------------------ */

/*K:400 Leaving the guest on request
 * A kick must not be lost, wherever the vCPU's thread is. Before KVM_RUN, immediate_exit makes the
 * call return at once; inside it, a signal ends it. The signal is blocked everywhere else
 * (KVM_SET_SIGNAL_MASK opens it only for KVM_RUN), so no device ever sees a system call cut short.
 * vcpu_post() sets the event bit first, and run() looks at the bits after it has cleared
 * immediate_exit: one of the three always catches.
 */
void kvm_vcpu_kick(struct vcpu *v)
{
	struct kvm_vcpu *kv = kvm_vcpu_of(v);
	pid_t tid;

	__atomic_store_n(&kv->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	tid = kv->tid;
	if (tid)
		syscall(SYS_tgkill, getpid(), tid, KVM_KICK_SIGNAL);
}

struct signal_mask {
	struct kvm_signal_mask head;
	u8 set[8]; /* the kernel's sigset_t, not the C library's */
};

static int mask_set(struct kvm_vcpu *kv, struct err *e)
{
	struct signal_mask m = { .head.len = sizeof(m.set) };
	sigset_t kick, now;

	sigemptyset(&kick);
	sigaddset(&kick, KVM_KICK_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &kick, &now);
	if (kv->masked)
		return 0;
	sigdelset(&now, KVM_KICK_SIGNAL);
	memcpy(m.head.sigset, &now, sizeof(m.set));
	if (ioctl(kv->fd, KVM_SET_SIGNAL_MASK, &m) < 0)
		return err_sys(e, "KVM_SET_SIGNAL_MASK");
	kv->masked = true;
	return 0;
}

static void kick_consume(void)
{
	struct timespec none = { 0, 0 };
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, KVM_KICK_SIGNAL);
	while (sigtimedwait(&kick, NULL, &none) > 0)
		;
}

/* ---- exits ------------------------------------------------------------------------------ */

static void exit_io(struct kvm_vcpu *kv)
{
	const struct engine_host *h = &kv->base.engine->config.host;
	struct kvm_run *run = kv->run;
	u8 *data = (u8 *)run + run->io.data_offset;
	u16 port = run->io.port;
	u8 size = run->io.size;
	u32 i, n = run->io.count, val;

	for (i = 0; i < n; i++, data += size) {
		kv->base.stats.n[STAT_pio]++;
		if (run->io.direction == KVM_EXIT_IO_OUT) {
			val = 0;
			memcpy(&val, data, size);
			h->pio_write(h->ctx, &kv->base, port, size, val);
		} else {
			val = h->pio_read(h->ctx, &kv->base, port, size);
			memcpy(data, &val, size);
		}
	}
}

/* An access that crosses a page comes in pieces of any length; the bus knows powers of two. */
static unsigned mmio_piece(u64 at, unsigned len)
{
	unsigned size = 8;

	while (size > len || (at & (size - 1)))
		size >>= 1;
	return size;
}

static void exit_mmio(struct kvm_vcpu *kv)
{
	const struct engine_host *h = &kv->base.engine->config.host;
	struct kvm_run *run = kv->run;
	u64 at = run->mmio.phys_addr, val;
	unsigned done = 0, len = run->mmio.len, size;

	for (; done < len; done += size, at += size) {
		size = len == 1 || len == 2 || len == 4 || len == 8 ? len : mmio_piece(at, len - done);
		kv->base.stats.n[STAT_mmio]++;
		if (run->mmio.is_write) {
			val = 0;
			memcpy(&val, run->mmio.data + done, size);
			h->mmio_write(h->ctx, &kv->base, GPA(at), size, val);
		} else {
			val = h->mmio_read(h->ctx, &kv->base, GPA(at), size);
			memcpy(run->mmio.data + done, &val, size);
		}
	}
}

static const char *suberror_name(u32 suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION: return "it cannot emulate an instruction";
	case KVM_INTERNAL_ERROR_SIMUL_EX: return "exceptions came at the same time";
	case KVM_INTERNAL_ERROR_DELIVERY_EV: return "an exit came while an event was delivered";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON: return "the processor gave an unknown exit";
	default: return "it does not say why";
	}
}

/* The bytes of the instruction that KVM's emulator does not know, when it tells them. */
static void insn_bytes(const struct kvm_run *run, char *buf, size_t len)
{
	const u8 *bytes = run->emulation_failure.insn_bytes;
	unsigned i, n = run->emulation_failure.insn_size;
	size_t at;

	buf[0] = 0;
	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION || run->internal.ndata < 3 ||
	    !(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return;
	at = (size_t)snprintf(buf, len, ", bytes");
	for (i = 0; i < n && i < sizeof(run->emulation_failure.insn_bytes) && at + 4 < len; i++)
		at += (size_t)snprintf(buf + at, len - at, " %02x", bytes[i]);
}

static enum run_exit exit_error(struct kvm_vcpu *kv, struct err *e)
{
	struct kvm_run *run = kv->run;
	char bytes[64] = "";

	kvm_state_get(&kv->base);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
		insn_bytes(run, bytes, sizeof(bytes));
		err_set(e, -EIO, "KVM gave up at 0x%llx: %s%s",
			(unsigned long long)(kv->base.rip + kv->base.seg[SEG_CS].base),
			suberror_name(run->internal.suberror), bytes);
	} else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY) {
		err_set(e, -EIO, "the processor refuses to enter the guest at 0x%llx, reason 0x%llx",
			(unsigned long long)kv->base.rip,
			(unsigned long long)run->fail_entry.hardware_entry_failure_reason);
	} else {
		err_set(e, -EIO, "KVM came back with exit reason %u at 0x%llx", run->exit_reason,
			(unsigned long long)kv->base.rip);
	}
	return RUN_ERROR;
}

/* Returns true when the run is over, with the reason in ret. */
static bool exit_handle(struct kvm_vcpu *kv, enum run_exit *ret, struct err *e)
{
	switch (kv->run->exit_reason) {
	case KVM_EXIT_IO:
		exit_io(kv);
		return false;
	case KVM_EXIT_MMIO:
		exit_mmio(kv);
		return false;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return false;
	case KVM_EXIT_HLT:
		*ret = RUN_HALT;
		return true;
	case KVM_EXIT_DEBUG:
		if (!kvm_debug_exit(kv))
			return false;
		*ret = RUN_DEBUG;
		return true;
	case KVM_EXIT_SHUTDOWN:
		kvm_state_get(&kv->base);
		*ret = RUN_SHUTDOWN;
		return true;
	default:
		*ret = exit_error(kv, e);
		return true;
	}
}

/* ---- a halt for good ----------------------------------------------------------------------- */

#define LOOK_EVERY_S 1

/*
 * A halt does not leave KVM_RUN, so a guest that halts with interrupts off would sleep there for
 * ever, unnoticed. Once a second a signal ends the call for a look. With several vCPUs another one
 * may still wake this one, and only KVM would see it.
 */
static bool look_start(struct kvm_vcpu *kv, timer_t *ret)
{
	const struct itimerspec every = { { LOOK_EVERY_S, 0 }, { LOOK_EVERY_S, 0 } };
	struct sigevent se = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = KVM_KICK_SIGNAL };

	se._sigev_un._tid = kv->tid;
	if (kv->base.engine->config.ncpus > 1 || timer_create(CLOCK_MONOTONIC, &se, ret) < 0)
		return false;
	timer_settime(*ret, 0, &every, NULL);
	return true;
}

static bool halted_for_good(struct kvm_vcpu *kv)
{
	struct kvm_mp_state mp;
	struct kvm_regs r;

	if (kv->base.engine->config.ncpus > 1 || ioctl(kv->fd, KVM_GET_MP_STATE, &mp) < 0 ||
	    mp.mp_state != KVM_MP_STATE_HALTED || ioctl(kv->fd, KVM_GET_REGS, &r) < 0)
		return false;
	return !(r.rflags & FL_IF);
}

/* ---- the loop ---------------------------------------------------------------------------- */

/* Returns true when run() has to go back to the machine. */
static bool events_look(struct kvm_vcpu *kv)
{
	u32 ev = kv->base.events;

	if (ev & EV_NMI) {
		__atomic_and_fetch(&kv->base.events, ~(u32)EV_NMI, __ATOMIC_SEQ_CST);
		ioctl(kv->fd, KVM_NMI, 0);
	}
	if (ev & EV_IRQ) /* the interrupt controllers are KVM's: nothing to look up */
		__atomic_and_fetch(&kv->base.events, ~(u32)EV_IRQ, __ATOMIC_SEQ_CST);
	return ev & EV_LEAVE;
}

/*
 * KVM finishes an instruction that read a port or a device when it is entered again. Whoever looks
 * at the state after run() must not see it half done.
 */
static void pending_finish(struct kvm_vcpu *kv)
{
	__atomic_store_n(&kv->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	ioctl(kv->fd, KVM_RUN, 0);
	kick_consume();
}

/*K:300 One turn of the guest
 * KVM_RUN returns only for what the kernel cannot do itself: a port, device memory, a dead guest,
 * our own signal. Each exit is one call to the board through struct engine_host, the same calls
 * that the translator makes.
 */
static enum run_exit loop(struct kvm_vcpu *kv, struct err *e)
{
	enum run_exit why = RUN_EVENT;
	bool pending = false;

	for (;;) {
		__atomic_store_n(&kv->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		if (events_look(kv))
			break;
		if (ioctl(kv->fd, KVM_RUN, 0) == 0) {
			pending = kv->run->exit_reason == KVM_EXIT_IO ||
				  kv->run->exit_reason == KVM_EXIT_MMIO;
			if (exit_handle(kv, &why, e))
				break;
			continue;
		}
		pending = false;
		if (errno != EINTR && errno != EAGAIN) {
			err_sys(e, "KVM_RUN");
			why = RUN_ERROR;
			break;
		}
		kick_consume();
		if (halted_for_good(kv)) {
			why = RUN_HALT;
			break;
		}
	}
	if (pending)
		pending_finish(kv);
	return why;
}

enum run_exit kvm_vcpu_run(struct vcpu *v, struct err *e)
{
	struct kvm_vcpu *kv = kvm_vcpu_of(v);
	enum run_exit why;
	timer_t look;
	bool looks;

	if (mask_set(kv, e) < 0 || kvm_map(kvm_engine_of(v->engine), e) < 0)
		return RUN_ERROR;
	kv->tid = (pid_t)syscall(SYS_gettid);
	looks = look_start(kv, &look);
	kvm_debug_begin(kv);
	why = loop(kv, e);
	kvm_debug_end(kv);
	if (looks)
		timer_delete(look);
	kv->tid = 0;
	v->stats.n[STAT_exits]++;
	return why;
}
