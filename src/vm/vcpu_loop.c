/* vcpu_loop.c - what a vCPU's thread does: runs guest code, sleeps, starts and stops. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "vm/vm_int.h"

#define THROTTLE_NS 2000000

static void clear_events(struct vcpu *v, u32 bits)
{
	atomic_fetch_and(&v->events, ~bits);
}

/* A console's reader is slow: wait here, with no lock held, until it has caught up. */
static void wait_for_consoles(struct vm *vm)
{
	static const struct timespec pause = { 0, THROTTLE_NS };

	if (!atomic_load(&vm->throttled))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(vm->port); i++) {
		struct serial_backend *b = vm->port[i].to;

		while (b && b->full && b->full(b) && !atomic_load(&vm->leave) &&
		       !atomic_load(&vm->pausing))
			nanosleep(&pause, NULL);
	}
	atomic_store(&vm->throttled, false);
}

/* SDM 3A 9.4.4: execution starts at vector << 12, in real mode. */
static void start_at(struct vm *vm, struct vcpu *v)
{
	vcpu_reset(v);
	v->seg[SEG_CS].sel = (u16)(v->sipi_vector << 8);
	v->seg[SEG_CS].base = (u64)v->sipi_vector << 12;
	v->rip = 0;
	v->state = VCPU_RUNNING;
	vm->ops->put_state(v);
}

/* INIT stops a processor until SIPI tells it where to start; for the first one it is a reset. */
static void take_init(struct vm *vm, struct vcpu *v)
{
	if (!v->index) {
		vm_reset_request(vm, "INIT");
		return;
	}
	vcpu_reset(v);
	vm->ops->put_state(v);
}

static void take_events(struct vm *vm, struct vcpu *v)
{
	u32 events = atomic_load(&v->events);

	if (events & EV_INIT) {
		clear_events(v, EV_INIT);
		take_init(vm, v);
	}
	if (events & EV_SIPI) {
		clear_events(v, EV_SIPI);
		if (v->state == VCPU_WAIT_SIPI)
			start_at(vm, v);
	}
}

/* Could anybody still wake one of those that count themselves dead? Locked. */
static bool all_dead(struct vm *vm)
{
	if (vm->ndead < vm->config.ncpus)
		return false;
	for (unsigned i = 0; i < vm->config.ncpus; i++)
		if (atomic_load(&vm->vcpu[i]->events) & (EV_NMI | EV_INIT | EV_SIPI | EV_STOP))
			return false;
	return true;
}

/* Sleep that no interrupt ends. When all sleep like that the machine is wedged. */
static void sleep_dead(struct vm *vm, struct vcpu *v)
{
	bool wedged;

	clear_events(v, EV_IRQ | EV_SYNC);
	pthread_mutex_lock(&vm->lock);
	vm->ndead++;
	wedged = all_dead(vm);
	pthread_mutex_unlock(&vm->lock);
	if (wedged)
		vm_stop(vm, VM_WEDGED, "the guest halted with interrupts off at 0x%llx: nothing can "
			"wake it", (unsigned long long)vm->vcpu[0]->rip);
	vcpu_sleep(v, UINT64_MAX);
	pthread_mutex_lock(&vm->lock);
	vm->ndead--;
	pthread_mutex_unlock(&vm->lock);
	atomic_fetch_or(&v->events, EV_IRQ); /* what came meanwhile was not looked at */
}

/* The processor is halted, and v shows its state: is there what ends a halt? SDM 2A HLT. */
static bool wakes(struct vm *vm, struct vcpu *v)
{
	if (atomic_load(&v->events) & EV_NMI)
		return true;
	if (board_unhalt(vm->board, v))
		return true;
	if (!(v->rflags & FL_IF))
		return false;
	/* Cleared before the question, so that what comes after the answer is seen. */
	clear_events(v, EV_IRQ | EV_SYNC);
	if (!vm->host.irq_pending || !vm->host.irq_pending(vm->host.ctx, v))
		return false;
	atomic_fetch_or(&v->events, EV_IRQ);
	return true;
}

/*L:800 Sleeping
 * A guest with nothing to do halts. Its thread then sleeps in the host's kernel until somebody
 * posts an event, and goes on only if the event is one that ends a halt: an interrupt while they
 * are on, or an NMI. In deterministic mode there is no waiting for a timer: time jumps to it. A guest
 * that halts with interrupts off will never wake; when that holds for all its processors the run is
 * over, and we can say so.
 */
static void halted(struct vm *vm, struct vcpu *v)
{
	vm->ops->get_state(v);
	if (wakes(vm, v)) {
		v->state = VCPU_RUNNING;
		return;
	}
	if (!(v->rflags & FL_IF)) {
		sleep_dead(vm, v);
		return;
	}
	if (vm->config.deterministic && board_skip(vm->board, v))
		return;
	vcpu_sleep(v, UINT64_MAX);
}

static void triple_fault(struct vm *vm, struct vcpu *v)
{
	vm->ops->get_state(v);
	LOG(vm, INFO, "triple fault: rip 0x%llx rsp 0x%llx cr2 0x%llx cr3 0x%llx idt 0x%llx",
	    (unsigned long long)v->rip, (unsigned long long)v->gpr[RSP],
	    (unsigned long long)v->cr2, (unsigned long long)v->cr3,
	    (unsigned long long)v->idt.base);
	if (vm->config.reset_on_triple_fault) {
		vm_event_post(vm, VM_EV_TRIPLE_FAULT, v->index, "triple fault");
		vm_reset_request(vm, "triple fault");
	} else {
		vm_stop(vm, VM_TRIPLE_FAULT, "the guest died of a triple fault at 0x%llx (stack 0x%llx, "
			"fault address 0x%llx)", (unsigned long long)v->rip,
			(unsigned long long)v->gpr[RSP], (unsigned long long)v->cr2);
	}
}

static void run(struct vm *vm, struct runner *r)
{
	struct vcpu *v = r->v;
	struct err e = { "" };

	switch (vm->ops->run(v, &e)) {
	case RUN_EVENT:
		break;
	case RUN_HALT:
		v->state = VCPU_HALTED;
		break;
	case RUN_SHUTDOWN:
		triple_fault(vm, v);
		break;
	case RUN_DEBUG:
		vm->ops->get_state(v);
		if (!vm->xen || !xen_stepped(vm->xen, v))
			vm_event_break(vm, r);
		break;
	case RUN_ERROR:
		vm_stop(vm, VM_ERROR, "%s engine: %s", vm->ops->name, e.text);
		break;
	}
}

void *vm_vcpu_main(void *arg)
{
	struct runner *r = arg;
	struct vm *vm = r->vm;
	struct vcpu *v = r->v;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", v->index);
	pthread_setname_np(pthread_self(), name);
	vm_enter(vm);
	for (;;) {
		/* Cleared before the look: a stop that is posted now ends the next sleep or run. */
		clear_events(v, EV_STOP);
		vm_stand(vm, r);
		if (atomic_load(&vm->leave))
			break;
		wait_for_consoles(vm);
		take_events(vm, v);
		/* An engine with interrupt controllers of its own also starts the other processors. */
		if (v->state == VCPU_WAIT_SIPI && !vm->ops->irqchip) {
			clear_events(v, EV_NMI);
			sleep_dead(vm, v);
		} else if (v->state == VCPU_HALTED) {
			halted(vm, v);
		} else {
			run(vm, r);
		}
	}
	vm->ops->get_state(v); /* for who looks at it afterwards */
	vm_leave(vm);
	return NULL;
}
