/* pause.c - the machine stands still: where its processors wait, and how time stops with them. */
#include <x86intrin.h>

#include "vm/vm_int.h"

/* Guest time is host time less the pauses. A shorter one is left in the TSC, as a busy host's delays
 * are: moving the TSC costs every later rdtsc a call. */
#define TSC_JUMP_NS 100000000u

void vm_enter(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->nactive++;
	pthread_mutex_unlock(&vm->lock);
}

void vm_enter_unpaused(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	while (vm->pausing)
		pthread_cond_wait(&vm->changed, &vm->lock);
	vm->nactive++;
	pthread_mutex_unlock(&vm->lock);
}

void vm_leave(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->nactive--;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

/*L:820 Standing still
 * Who wants to look at a machine from outside pauses it: each processor's thread comes back from guest
 * code, puts its state where it can be seen, and waits here. The clocks stop with them, so that a
 * guest that was looked at for an hour has lost nothing but a word from kvmclock that it was stopped.
 */
void vm_stand(struct vm *vm, struct runner *r)
{
	if (!atomic_load(&vm->pausing) && !r->hit && !r->held)
		return;
	vm->ops->get_state(r->v);
	pthread_mutex_lock(&vm->lock);
	vm->nstanding++;
	pthread_cond_broadcast(&vm->changed);
	while ((vm->pausing || r->hit || r->held) && !atomic_load(&vm->leave))
		pthread_cond_wait(&vm->changed, &vm->lock);
	vm->nstanding--;
	pthread_mutex_unlock(&vm->lock);
}

static void stop_all(struct vm *vm)
{
	atomic_store(&vm->pausing, true);
	vm_post_all(vm, EV_STOP);
	pthread_mutex_lock(&vm->lock);
	while (vm->nstanding < vm->nactive)
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
	board_pause(vm->board);
	vm->paused_tsc = __rdtsc();
	vm->paused_ns = vm_host_ns();
}

static void move_tsc(struct vm *vm)
{
	u64 ticks = __rdtsc() - vm->paused_tsc;

	if (vm->config.deterministic || vm_host_ns() - vm->paused_ns < TSC_JUMP_NS)
		return;
	for (unsigned i = 0; i < vm->config.ncpus; i++) {
		vm->vcpu[i]->tsc_offset -= ticks;
		vm->ops->put_state(vm->vcpu[i]);
	}
}

static void go_all(struct vm *vm)
{
	move_tsc(vm);
	board_resume(vm->board);
	pthread_mutex_lock(&vm->lock);
	atomic_store(&vm->pausing, false);
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

void vm_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	if (!vm->pauses++)
		stop_all(vm);
	pthread_mutex_unlock(&vm->pause_lock);
}

void vm_resume(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	BUG_ON(!vm->pauses);
	if (!--vm->pauses)
		go_all(vm);
	pthread_mutex_unlock(&vm->pause_lock);
}

unsigned vm_ncpus(const struct vm *vm)
{
	return vm->config.ncpus;
}

struct vcpu *vm_vcpu(struct vm *vm, unsigned i)
{
	return vm->vcpu[i];
}

void vm_vcpu_changed(struct vm *vm, unsigned i)
{
	vm->ops->put_state(vm->vcpu[i]);
}

void vm_hold(struct vm *vm, unsigned i, bool held)
{
	pthread_mutex_lock(&vm->lock);
	atomic_store(&vm->runner[i].held, held);
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

struct mem *vm_mem(struct vm *vm)
{
	return vm->mem;
}

int vm_breaks(struct vm *vm, const struct engine_break *b, unsigned n, struct err *e)
{
	return vm->ops->breaks(vm->engine, b, n, e);
}
