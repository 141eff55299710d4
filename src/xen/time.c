/* time.c - system time for the guest's clock, the wall clock, and its one timer. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>
#include <xen/vcpu.h>

#define NS 1000000000ull

/* ns = ((tsc << shift or >> -shift) * mul) >> 32. Source: xen/include/public/xen.h, vcpu_time_info. */
static void rate(u64 hz, u32 *mul, i8 *shift)
{
	*shift = 0;
	while (hz > 2 * NS) {
		hz >>= 1;
		--*shift;
	}
	while (hz <= NS) {
		hz <<= 1;
		++*shift;
	}
	*mul = (u32)(((unsigned __int128)NS << 32) / hz);
}

void time_fill(struct xen *x)
{
	struct vcpu_time_info *t = &vcpu_info(x)->time;

	t->version |= 1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	t->tsc_timestamp = __builtin_ia32_rdtsc();
	t->system_time = clock_now(x->clock);
	rate(x->c.tsc_hz, &t->tsc_to_system_mul, &t->tsc_shift);
	t->flags = XEN_PVCLOCK_TSC_STABLE_BIT;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	t->version++;
}

static void on_timer(struct timer *t)
{
	struct xen *x = container_of(t, struct xen, timer);

	event_virq(x, VIRQ_TIMER);
}

void time_init(struct xen *x)
{
	struct shared_info *s = shared_info(x);
	u64 wall = clock_wall(x->clock);

	timer_init(&x->timer, x->clock, on_timer);
	s->wc_version = 2;
	s->wc_sec = (u32)(wall / NS);
	s->wc_nsec = (u32)(wall % NS);
	s->wc_sec_hi = (u32)(wall / NS >> 32);
	time_fill(x);
}

static void arm(struct xen *x, u64 at)
{
	pthread_mutex_lock(&x->lock);
	timer_arm(&x->timer, at);
	pthread_mutex_unlock(&x->lock);
}

i64 hc_timer(struct xen *x, const u64 a[6])
{
	arm(x, a[0] ? a[0] : UINT64_MAX);
	return 0;
}

/* The guest wants its struct vcpu_info in a page of its own. */
static i64 info_move(struct xen *x, u64 va)
{
	struct vcpu_register_vcpu_info r;
	struct frame *f;
	gpa_t to;

	if (GUEST_READ(x, va, &r))
		return -EFAULT;
	f = frame_of(x, r.mfn);
	if (r.offset > GUEST_PAGE_SIZE - sizeof(struct vcpu_info) || r.offset % 8)
		return -EINVAL;
	if (x->vcpu_info.at >> GUEST_PAGE_SHIFT != x->shared_mfn)
		return -EINVAL;
	if (!f || type_get(x, r.mfn, T_WRITABLE))
		return -EINVAL;
	f->refs++;
	to = GPA((r.mfn << GUEST_PAGE_SHIFT) + r.offset);
	pthread_mutex_lock(&x->lock);
	memcpy(mem_host(x->mem, to, sizeof(struct vcpu_info)), vcpu_info(x), sizeof(struct vcpu_info));
	x->vcpu_info = to;
	time_fill(x);
	upcall_all(x);
	pthread_mutex_unlock(&x->lock);
	return 0;
}

static i64 runstate_set(struct xen *x, u64 va)
{
	struct vcpu_register_runstate_memory_area r;
	struct vcpu_runstate_info now = { .state = RUNSTATE_running,
					  .state_entry_time = clock_now(x->clock) };

	if (GUEST_READ(x, va, &r))
		return -EFAULT;
	x->runstate = r.addr.p;
	now.time[RUNSTATE_running] = now.state_entry_time;
	return x->runstate && GUEST_WRITE(x, x->runstate, &now) ? -EFAULT : 0;
}

static i64 singleshot(struct xen *x, u64 va)
{
	struct vcpu_set_singleshot_timer t;

	if (GUEST_READ(x, va, &t))
		return -EFAULT;
	if ((t.flags & VCPU_SSHOTTMR_future) && t.timeout_abs_ns < clock_now(x->clock))
		return -ETIME;
	arm(x, t.timeout_abs_ns);
	return 0;
}

i64 hc_vcpu(struct xen *x, const u64 a[6])
{
	if (a[1])
		return -ENOENT; /* there is only vCPU 0 */
	switch (a[0]) {
	case VCPUOP_is_up: return 1;
	case VCPUOP_register_vcpu_info: return info_move(x, a[2]);
	case VCPUOP_register_runstate_memory_area: return runstate_set(x, a[2]);
	case VCPUOP_stop_periodic_timer: return 0;
	case VCPUOP_set_singleshot_timer: return singleshot(x, a[2]);
	case VCPUOP_stop_singleshot_timer: arm(x, UINT64_MAX); return 0;
	}
	return -ENOSYS;
}
