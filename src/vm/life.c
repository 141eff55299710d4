/* life.c - how a machine's run begins, begins again, and ends. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "vm/vm_int.h"

#define SECOND 1000000000ull
#define PANIC_QUIET_NS (2 * SECOND)      /* after a panic: so long without output is the end */
#define PANIC_OVER_NS (SECOND / 4)       /* the same once the kernel's end mark was seen */
#define PANIC_MAX_NS (30 * SECOND)
#define LEAVE_S 10 /* a vCPU that takes longer to leave guest code never will */

u64 vm_host_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * SECOND + (u64)t.tv_nsec;
}

void vm_post_all(struct vm *vm, u32 events)
{
	for (unsigned i = 0; i < vm->config.ncpus; i++)
		vcpu_post(vm->vcpu[i], events);
}

/* The vCPUs shall leave at their next turn, so that nothing more is done on a machine that is off. */
static void send_home(struct vm *vm)
{
	atomic_store(&vm->leave, true);
	vm_post_all(vm, EV_STOP);
	pthread_cond_broadcast(&vm->changed);
}

/*L:600 Why a run ends
 * Many can end a run, at the same moment and on any thread: a device the guest wrote to, a vCPU
 * that cannot go on, the user, a clock. Each calls vm_stop() with a reason; the first is kept. The
 * vCPUs are not killed but asked to leave, and the thread in vm_run() waits until they have.
 * A guest that has asked for a reset may halt or crash while it waits for it: that is no reason.
 */
void vm_stop(struct vm *vm, enum vm_end why, const char *fmt, ...)
{
	bool waits;
	va_list ap;

	pthread_mutex_lock(&vm->lock);
	vm->hurry = vm->ended;
	waits = vm->reset_wanted && (why == VM_WEDGED || why == VM_TRIPLE_FAULT);
	if (!vm->ended && !waits) {
		vm->ended = true;
		vm->why = why;
		vm->end_cpu = vm_event_cpu(vm);
		va_start(ap, fmt);
		vsnprintf(vm->text, sizeof(vm->text), fmt, ap);
		va_end(ap);
		send_home(vm);
	}
	pthread_mutex_unlock(&vm->lock);
}

void vm_reset_request(struct vm *vm, const char *how)
{
	if (vm->config.no_reboot) {
		vm_stop(vm, VM_RESET, "the guest reset the machine (%s)", how);
		return;
	}
	pthread_mutex_lock(&vm->lock);
	vm->reset_wanted = true;
	snprintf(vm->reset_how, sizeof(vm->reset_how), "%s", how);
	send_home(vm);
	pthread_mutex_unlock(&vm->lock);
}

void vm_reset(struct vm *vm)
{
	vm_reset_request(vm, "asked for from outside");
}

bool vm_ended(const struct vm *vm, bool urgent)
{
	return urgent ? vm->hurry : vm->ended;
}

void vm_panicked(struct vm *vm, const char *text)
{
	pthread_mutex_lock(&vm->lock);
	if (!vm->panicked) {
		vm->panicked = true;
		vm->panic_ns = vm_host_ns();
		vm->end_cpu = vm_event_cpu(vm);
		vm->output_ns = vm->panic_ns;
		vm->quiet_wanted = true;
		snprintf(vm->panic_text, sizeof(vm->panic_text), "%s", text);
	} else if (!vm->panic_text[0]) {
		snprintf(vm->panic_text, sizeof(vm->panic_text), "%s", text);
	}
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

/* The console said more about a panic: it was the last word, or no panic at all. */
static void panic_news(struct vm *vm, bool over)
{
	pthread_mutex_lock(&vm->lock);
	vm->panicked = vm->panic_over = over;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

static bool port_full(struct serial_backend *b)
{
	struct serial_backend *to = container_of(b, struct port, b)->to;

	return to && to->full && to->full(to);
}

static void port_put(struct serial_backend *b, u8 byte)
{
	struct port *p = container_of(b, struct port, b);

	if (p->to)
		p->to->put(p->to, byte);
	if (atomic_load_explicit(&p->vm->quiet_wanted, memory_order_relaxed))
		p->vm->output_ns = vm_host_ns();
	switch (watch_byte(&p->watch, byte)) {
	case WATCH_PANIC:
		vm_panicked(p->vm, p->watch.text);
		break;
	case WATCH_END:
		panic_news(p->vm, true);
		break;
	case WATCH_ALIVE:
		panic_news(p->vm, false);
		break;
	case WATCH_OOPS:
		vm_event_post(p->vm, VM_EV_OOPS, vm_event_cpu(p->vm), p->watch.oops);
		p->watch.oops[0] = 0;
		break;
	default:
		break;
	}
	if (port_full(b) && !atomic_exchange(&p->vm->throttled, true))
		vm_post_all(p->vm, EV_STOP);
}

static void port_line(struct serial_backend *b, const struct serial_line *l)
{
	struct port *p = container_of(b, struct port, b);

	if (p->to && p->to->line)
		p->to->line(p->to, l);
}

void vm_port_init(struct vm *vm, unsigned i)
{
	vm->port[i].b.put = port_put;
	vm->port[i].b.line = port_line;
	vm->port[i].b.full = port_full;
	vm->port[i].to = vm->config.serial[i];
	vm->port[i].vm = vm;
}

static void on_power_off(void *ctx)
{
	vm_stop(ctx, VM_POWEROFF, "%s", "");
}

static void on_reset(void *ctx, const char *how)
{
	vm_reset_request(ctx, how);
}

static void on_panic(void *ctx, u8 events)
{
	if (events & 1)
		vm_panicked(ctx, "");
	else
		LOG(vm, WARN, "the guest's crash kernel takes over");
}

static void on_debug_exit(void *ctx, u32 value)
{
	struct vm *vm = ctx;

	vm->exit_value = (u8)value;
	vm_stop(vm, VM_DEBUG_EXIT, "%s", "");
}

static void on_debug_byte(void *ctx, u8 byte)
{
	struct vm *vm = ctx;

	if (vm->config.debugcon)
		vm->config.debugcon->put(vm->config.debugcon, byte);
}

static void on_serial_room(void *ctx, unsigned i)
{
	struct serial_backend *to = ((struct vm *)ctx)->port[i].to;

	if (to && to->room)
		to->room(to);
}

static void on_digest(void *ctx, struct vcpu *v, u64 icount)
{
	struct vm *vm = ctx;

	if (!vm->config.digest)
		return;
	vm->ops->get_state(v);
	vm->config.digest(vm->config.digest_ctx, icount, vm_digest_of(v), v->rip);
}

void vm_calls(struct vm *vm, struct board_calls *ret)
{
	*ret = (struct board_calls){
		.ctx = vm,
		.power_off = on_power_off,
		.reset = on_reset,
		.panic = on_panic,
		.debug_exit = on_debug_exit,
		.debug_byte = on_debug_byte,
		.serial_room = on_serial_room,
		.digest = on_digest,
	};
}

/* When a panicked guest has been quiet long enough; UINT64_MAX: it has not panicked. Locked. */
static u64 panic_deadline(const struct vm *vm)
{
	u64 quiet = vm->output_ns + (vm->panic_over ? PANIC_OVER_NS : PANIC_QUIET_NS);
	u64 max = vm->panic_ns + PANIC_MAX_NS;

	if (!vm->panicked)
		return UINT64_MAX;
	return quiet < max ? quiet : max;
}

/* The guest has panicked and said all it had to say: that is the end, or just an event. Locked. */
static void panic_settle(struct vm *vm)
{
	char text[sizeof(vm->text)];

	snprintf(text, sizeof(text), "the guest panicked%s%s", vm->panic_text[0] ? ": " : "",
		 vm->panic_text);
	if (!vm->config.panic_continue) {
		vm->ended = true;
		vm->why = VM_PANIC;
		memcpy(vm->text, text, sizeof(text));
		return;
	}
	vm->panicked = vm->panic_over = false;
	pthread_mutex_unlock(&vm->lock);
	vm_event_post(vm, VM_EV_PANIC, vm->end_cpu, text);
	pthread_mutex_lock(&vm->lock);
}

static u64 watchdog_deadline(const struct vm *vm)
{
	return vm->config.watchdog_ns && vm->config.event ? vm->output_ns + vm->config.watchdog_ns
							  : UINT64_MAX;
}

/* Did the guest use a disk since this was asked last? */
static bool disks_used(struct vm *vm)
{
	u64 before = vm->disk_requests;

	vm->disk_requests = 0;
	for (unsigned i = 0; i < vm->config.cards.ndisks; i++)
		vm->disk_requests += disk_requests(vm->config.cards.disk[i].disk);
	return vm->disk_requests != before;
}

static void watchdog_bark(struct vm *vm)
{
	char text[100];

	snprintf(text, sizeof(text), "nothing was printed, and no disk used, for %llu seconds",
		 (unsigned long long)(vm->config.watchdog_ns / SECOND));
	pthread_mutex_unlock(&vm->lock);
	vm_event_post(vm, VM_EV_WATCHDOG, 0, text);
	pthread_mutex_lock(&vm->lock);
	vm->output_ns = vm_host_ns();
}

/* Wait until the run ends or the machine is to be reset. Locked. */
static void wait_for_news(struct vm *vm)
{
	while (!vm->ended && !vm->reset_wanted) {
		u64 panic = panic_deadline(vm), dog = watchdog_deadline(vm);
		u64 at = panic < dog ? panic : dog;
		struct timespec t = { (time_t)(at / SECOND), (long)(at % SECOND) };

		if (vm_event_tell(vm))
			continue;
		if (at == UINT64_MAX)
			pthread_cond_wait(&vm->changed, &vm->lock);
		else if (vm_host_ns() < at)
			pthread_cond_timedwait(&vm->changed, &vm->lock, &t);
		else if (at == panic)
			panic_settle(vm);
		else if (!vm->pausing && !disks_used(vm))
			watchdog_bark(vm);
		else
			vm->output_ns = vm_host_ns();
	}
}

/* Whatever a guest does after a panic, the panic is what happened to it. Locked. */
static void settle(struct vm *vm)
{
	bool guests = vm->why == VM_POWEROFF || vm->why == VM_RESET || vm->why == VM_TRIPLE_FAULT ||
		      vm->why == VM_WEDGED;

	if (vm->panicked && (vm->ended ? guests : vm->reset_wanted))
		panic_settle(vm);
}

/* A thread that does not end is our bug; it must not become the user's hanging terminal. */
static void join(struct vm *vm, unsigned n)
{
	struct timespec until;

	atomic_store(&vm->leave, true);
	vm_post_all(vm, EV_STOP);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LEAVE_S;
	for (unsigned i = 0; i < n; i++) {
		if (!pthread_timedjoin_np(vm->runner[i].thread, NULL, &until))
			continue;
		vm->stuck = true;
		LOG(vm, WARN, "processor %u does not leave guest code", i);
	}
}

/*
 * Run every vCPU on a thread of its own until there is news; the threads have ended on return.
 * false: a reset is wanted.
 */
static bool run_once(struct vm *vm)
{
	unsigned n;
	bool ended;
	int rc = 0;

	atomic_store(&vm->leave, false);
	vm->ndead = 0;
	vm->output_ns = vm_host_ns();
	vm->quiet_wanted = vm->config.watchdog_ns;
	for (n = 0; n < vm->config.ncpus && !rc; n++)
		rc = pthread_create(&vm->runner[n].thread, NULL, vm_vcpu_main, &vm->runner[n]);
	if (rc) {
		vm_stop(vm, VM_ERROR, "cannot start a processor's thread: %s", strerror(rc));
		n--;
	}
	pthread_mutex_lock(&vm->lock);
	wait_for_news(vm);
	settle(vm);
	pthread_mutex_unlock(&vm->lock);
	join(vm, n);
	pthread_mutex_lock(&vm->lock);
	vm->hurry = false; /* the guest's own threads did not mean it */
	vm_event_end(vm);
	ended = vm->ended;
	pthread_mutex_unlock(&vm->lock);
	return ended;
}

/* A reboot: everything as after power-on, and the kernel loaded once more. */
static void reboot(struct vm *vm)
{
	struct err e;

	LOG(vm, INFO, "reset: %s", vm->reset_how);
	vm_enter_unpaused(vm);
	pthread_mutex_lock(&vm->lock);
	vm->reset_wanted = false;
	pthread_mutex_unlock(&vm->lock);
	for (unsigned i = 0; i < ARRAY_SIZE(vm->port); i++)
		vm->port[i].watch = (struct watch){ 0 };
	board_reset(vm->board);
	if (vm_load(vm, &e))
		vm_stop(vm, VM_ERROR, "reboot: %s", e.text);
	vm_leave(vm);
}

enum vm_end vm_run(struct vm *vm, struct err *e)
{
	e->text[0] = 0;
	while (!run_once(vm) && !vm->stuck)
		reboot(vm);
	if (!vm->ended)
		vm_stop(vm, VM_ERROR, "%s engine: a processor does not stop", vm->ops->name);
	if (vm->text[0])
		err_set(e, 0, "%s", vm->text);
	return vm->why;
}
