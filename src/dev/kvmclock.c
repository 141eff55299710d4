/* kvmclock.c - the paravirtual clock of one vCPU: the relation of its TSC to guest time, in guest RAM.
 * Source: linux/Documentation/virt/kvm/x86/msr.rst, pvclock-abi.h. */
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "dev/dev.h"
#include "mem/mem.h"

#define NS 1000000000u

#define MSR_WALL_OLD 0x11
#define MSR_TIME_OLD 0x12
#define MSR_WALL 0x4b564d00
#define MSR_TIME 0x4b564d01

enum { FLAG_STABLE = 1, FLAG_STOPPED = 2 };

struct time_info { /* struct pvclock_vcpu_time_info */
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	i8 shift;
	u8 flags, pad2[2];
};

struct wall_info { /* struct pvclock_wall_clock */
	u32 version, sec, nsec;
};

struct kvmclock {
	u64 time_msr, wall_msr;
	u32 version;
	unsigned cpu;
	const struct kvmclock_rate *rate;
};

static const struct dev_field kvmclock_fields[] = {
	FIELD(kvmclock, time_msr, U64), FIELD(kvmclock, wall_msr, U64),
	FIELD(kvmclock, version, U32), { 0 }
};

/* ns = (tsc << shift) * mul >> 32, with mul as large as fits 32 bits. */
static void rate_scale(u64 hz, u32 *mul, i8 *shift)
{
	unsigned __int128 m = ((unsigned __int128)NS << 64) / hz; /* 64.64 ns a tick */
	int s = 0;

	while (m >> 64)
		m >>= 1, s++;
	while (!(m >> 63))
		m <<= 1, s--;
	*mul = (u32)(m >> 32);
	*shift = (i8)s;
}

/*
 * Copy all but the version, which stands first: odd while the rest changes, so that a vCPU that
 * reads at the same time looks again.
 */
static void publish(struct mem *m, u64 at, const void *info, size_t len, u32 version)
{
	u8 *host = at & 3 ? NULL : mem_host_w(m, GPA(at), len);
	_Atomic u32 *seen = (_Atomic u32 *)(void *)host;

	if (!host)
		return; /* KVM takes such an address too, and writes nothing */
	atomic_store(seen, version - 1);
	atomic_thread_fence(memory_order_seq_cst);
	memcpy(host + 4, (const u8 *)info + 4, len - 4);
	atomic_thread_fence(memory_order_seq_cst);
	atomic_store(seen, version);
	mem_written(m, GPA(at), len);
}

static void time_publish(struct dev *d, u8 flags)
{
	struct kvmclock *k = d->state;
	struct time_info info = { .flags = flags };

	if (!(k->time_msr & 1))
		return;
	if (k->rate->pair(k->rate->ctx, k->cpu, &info.tsc, &info.ns))
		info.flags |= FLAG_STABLE;
	rate_scale(k->rate->tsc_hz, &info.mul, &info.shift);
	k->version += 2;
	publish(k->rate->mem, k->time_msr & ~1ull, &info, sizeof(info), k->version);
	LOG(dev, DEBUG, "kvmclock %u: tsc %llu at %llu ns", k->cpu, (unsigned long long)info.tsc,
	    (unsigned long long)info.ns);
}

static void wall_publish(struct dev *d)
{
	struct kvmclock *k = d->state;
	u64 wall = clock_wall(d->clock);
	struct wall_info info = { .sec = (u32)(wall / NS), .nsec = (u32)(wall % NS) };

	k->version += 2;
	publish(k->rate->mem, k->wall_msr, &info, sizeof(info), k->version);
}

void kvmclock_refresh(struct dev *d, bool was_stopped)
{
	time_publish(d, was_stopped ? FLAG_STOPPED : 0);
}

bool kvmclock_owns(u32 msr)
{
	return msr == MSR_TIME || msr == MSR_WALL || msr == MSR_TIME_OLD || msr == MSR_WALL_OLD;
}

bool kvmclock_msr_read(struct dev *d, u32 msr, u64 *ret)
{
	const struct kvmclock *k = d->state;

	*ret = msr == MSR_TIME || msr == MSR_TIME_OLD ? k->time_msr : k->wall_msr;
	return kvmclock_owns(msr);
}

/*D:1100 The time without asking
 * The guest gives a place in its RAM; there stands how to turn a TSC value into guest time, valid
 * until the machine is stopped. After that no exit is needed to read the clock.
 * @test kvmclock_publishes_rate
 */
bool kvmclock_msr_write(struct dev *d, u32 msr, u64 val)
{
	struct kvmclock *k = d->state;

	if (!kvmclock_owns(msr))
		return false;
	if (msr == MSR_TIME || msr == MSR_TIME_OLD) {
		k->time_msr = val;
		time_publish(d, 0);
	} else {
		k->wall_msr = val;
		wall_publish(d);
	}
	return true;
}

static void kvmclock_reset(struct dev *d)
{
	struct kvmclock *k = d->state;

	k->time_msr = k->wall_msr = 0;
}

void kvmclock_wire(struct dev *d, const struct kvmclock_rate *rate, unsigned cpu)
{
	struct kvmclock *k = d->state;

	k->rate = rate;
	k->cpu = cpu;
}

const struct dev_ops kvmclock_ops = {
	.name = "kvmclock",
	.help = "KVM's paravirtual clock",
	.state_size = sizeof(struct kvmclock),
	.fields = kvmclock_fields,
	.reset = kvmclock_reset,
};
