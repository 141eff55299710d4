/* event.c - tells who asked for it what happened in the guest, with the machine standing still. */
#include <stdio.h>
#include <string.h>

#include "vm/vm_int.h"

/*L:650 Events
 * What a debugger or a script may want to hear of happens on a vCPU's thread, often in the middle of a
 * device and with its lock held. So it is only noted there. The thread in vm_run() picks it up,
 * lets the machine stand still, and calls. A vCPU that met a breakpoint stands meanwhile. What ends the run
 * is told when the vCPUs have left, before anything of them is gone.
 * @test vm_tells_of_a_break
 */
void vm_event_post(struct vm *vm, enum vm_event ev, unsigned cpu, const char *text)
{
	pthread_mutex_lock(&vm->lock);
	if (vm->config.event && !vm->news[ev].due) {
		vm->news[ev].due = true;
		vm->news[ev].cpu = cpu;
		snprintf(vm->news[ev].text, sizeof(vm->news[ev].text), "%s", text);
		pthread_cond_broadcast(&vm->changed);
	}
	pthread_mutex_unlock(&vm->lock);
}

void vm_event_break(struct vm *vm, struct runner *r)
{
	pthread_mutex_lock(&vm->lock);
	atomic_store(&r->hit, vm->config.event != NULL);
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

unsigned vm_event_cpu(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->config.ncpus; i++)
		if (pthread_equal(vm->runner[i].thread, pthread_self()))
			return i;
	return 0;
}

/* Locked, and again on return. */
static void tell(struct vm *vm, enum vm_event ev, unsigned cpu, const char *text)
{
	pthread_mutex_unlock(&vm->lock);
	vm_pause(vm);
	vm->config.event(vm->config.event_ctx, ev, cpu, text);
	vm->output_ns = vm_host_ns();
	vm_resume(vm);
	pthread_mutex_lock(&vm->lock);
}

static bool tell_break(struct vm *vm)
{
	for (unsigned i = 0; i < vm->config.ncpus; i++) {
		struct runner *r = &vm->runner[i];
		char text[80];

		if (!r->hit)
			continue;
		snprintf(text, sizeof(text), "processor %u stopped at 0x%llx", i,
			 (unsigned long long)r->v->rip);
		tell(vm, VM_EV_BREAK, i, text);
		atomic_store(&r->hit, false);
		pthread_cond_broadcast(&vm->changed);
		return true;
	}
	return false;
}

bool vm_event_tell(struct vm *vm)
{
	for (unsigned ev = 0; ev < ARRAY_SIZE(vm->news); ev++) {
		char text[sizeof(vm->news[ev].text)];

		if (!vm->news[ev].due)
			continue;
		memcpy(text, vm->news[ev].text, sizeof(text));
		tell(vm, ev, vm->news[ev].cpu, text);
		vm->news[ev].due = false;
		return true;
	}
	/* One at a time: who stopped for the last may still look. */
	return !vm->pausing && tell_break(vm);
}

void vm_event_end(struct vm *vm)
{
	static const struct { enum vm_end why; enum vm_event ev; } ends[] = {
		{ VM_PANIC, VM_EV_PANIC }, { VM_TRIPLE_FAULT, VM_EV_TRIPLE_FAULT },
		{ VM_WEDGED, VM_EV_WEDGED },
	};

	while (vm_event_tell(vm))
		;
	for (unsigned i = 0; vm->ended && vm->config.event && i < ARRAY_SIZE(ends); i++)
		if (vm->why == ends[i].why)
			tell(vm, ends[i].ev, vm->end_cpu, vm->text);
}
