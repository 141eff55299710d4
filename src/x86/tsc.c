/* tsc.c - how fast the host's TSC runs. */
#include <cpuid.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "x86/cpuid.h"

#define CALIBRATE_NS 60000000ll
#define TSC_HZ_MIN 100000000ull
#define TSC_HZ_MAX 20000000000ull

bool tsc_invariant(void)
{
	return cpuid_host(0x80000000u, 0).eax >= 0x80000007u &&
	       (cpuid_host(0x80000007u, 0).edx & 1 << 8);
}

/* Leaf 15h: TSC / crystal = ebx / eax, the crystal's frequency in ecx. SDM 2A. */
static u64 hz_by_crystal(void)
{
	struct cpuid_regs r;

	if (cpuid_host(0, 0).eax < 0x15)
		return 0;
	r = cpuid_host(0x15, 0);
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	return (u64)((unsigned __int128)r.ecx * r.ebx / r.eax);
}

/* Leaf 40000010h, which hypervisors have agreed on: kHz in eax. */
static u64 hz_by_hypervisor(void)
{
	if (!(cpuid_host(1, 0).ecx & 1u << 31) || cpuid_host(0x40000000, 0).eax < 0x40000010)
		return 0;
	return cpuid_host(0x40000010, 0).eax * 1000ull;
}

/* The kernel tells user space how it turns TSC into ns: ns = tsc * mult >> shift. */
static u64 hz_of_page(const volatile struct perf_event_mmap_page *p)
{
	u32 seq, mult;
	u16 shift;
	bool usable;

	do {
		seq = p->lock;
		__sync_synchronize();
		usable = p->cap_user_time;
		mult = p->time_mult;
		shift = p->time_shift;
		__sync_synchronize();
	} while (p->lock != seq);
	if (!usable || !mult || shift > 63)
		return 0;
	return (u64)(((unsigned __int128)1000000000 << shift) / mult);
}

static u64 hz_by_perf(void)
{
	struct perf_event_attr attr;
	void *page;
	u64 hz = 0;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_DUMMY;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return 0;
	page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, (int)fd, 0);
	if (page != MAP_FAILED) {
		hz = hz_of_page(page);
		munmap(page, (size_t)sysconf(_SC_PAGESIZE));
	}
	close((int)fd);
	return hz;
}

struct tsc_sample {
	u64 tsc;
	i64 ns;
};

/* The pair read with the least time in between: an interrupt cannot spoil all tries. */
static struct tsc_sample sample(void)
{
	struct tsc_sample best = { 0, 0 };
	u64 gap = UINT64_MAX;
	int i;

	for (i = 0; i < 20; i++) {
		struct timespec ts;
		u64 before = __rdtsc(), after;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		if (after - before >= gap)
			continue;
		gap = after - before;
		best.tsc = before + gap / 2;
		best.ns = ts.tv_sec * 1000000000ll + ts.tv_nsec;
	}
	return best;
}

static u64 hz_by_clock(void)
{
	struct timespec wait = { 0, CALIBRATE_NS };
	struct tsc_sample a = sample(), b;

	while (nanosleep(&wait, &wait) != 0)
		;
	b = sample();
	return (u64)((unsigned __int128)(b.tsc - a.tsc) * 1000000000 / (u64)(b.ns - a.ns));
}

u64 tsc_hz(void)
{
	static u64 (*const ways[])(void) = {
		hz_by_crystal, hz_by_hypervisor, hz_by_perf, hz_by_clock,
	};
	static _Atomic u64 cached;
	u64 hz = cached;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(ways) && !hz; i++) {
		hz = ways[i]();
		if (hz < TSC_HZ_MIN || hz > TSC_HZ_MAX)
			hz = 0;
	}
	cached = hz;
	return hz;
}
