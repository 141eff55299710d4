/* vcpu.c - a virtual processor's reset, its events and its sleep. Knows no engine's inside. */
#include "x86/vcpu.h"

#include <cpuid.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "x86/x86.h"

/* Offsets in the XSAVE area. SDM 1 10.5.1, 13.4.2. */
enum { XS_FCW = 0, XS_FTW = 4, XS_MXCSR = 24, XS_MXCSR_MASK = 28, XS_BV = 512 };

static void put32(u8 *p, u32 val)
{
	memcpy(p, &val, sizeof(val));
}

static void reset_xsave(struct vcpu *v)
{
	memset(v->xsave, 0, sizeof(v->xsave));
	v->xsave[XS_FCW] = 0x40;
	v->xsave[XS_FTW] = 0xff;
	put32(v->xsave + XS_MXCSR, 0x1f80);
	put32(v->xsave + XS_MXCSR_MASK, 0xffff);
	v->xsave[XS_BV] = 3;
}

static void reset_segments(struct vcpu *v)
{
	for (unsigned i = 0; i < SEG_N; i++)
		v->seg[i] = (struct seg){ .attr = SEG_P | SEG_S | 3, .limit = 0xffff };
	v->seg[SEG_CS] = (struct seg){
		.sel = 0xf000, .attr = SEG_P | SEG_S | 0xb, .limit = 0xffff, .base = 0xffff0000
	};
	v->ldt = (struct seg){ .attr = SEG_P | 2, .limit = 0xffff };
	v->tr = (struct seg){ .attr = SEG_P | 0xb, .limit = 0xffff };
	v->gdt = v->idt = (struct dtr){ .limit = 0xffff };
}

static void reset_control(struct vcpu *v)
{
	v->cr0 = CR0_CD | CR0_NW | CR0_ET;
	v->cr2 = v->cr3 = v->cr4 = v->efer = 0;
	v->xcr0 = 1;
	memset(v->dr, 0, sizeof(v->dr));
	v->dr[6] = 0xffff0ff0;
	v->dr[7] = 0x400;
	v->star = v->lstar = v->cstar = v->sfmask = v->kernel_gs_base = 0;
	v->sysenter_cs = v->sysenter_esp = v->sysenter_eip = 0;
	v->pat = 0x0007040600070406;
	v->tsc_aux = 0;
	v->misc_enable = 1;
	v->pkru = 0;
}

void vcpu_reset(struct vcpu *v)
{
	unsigned a = 0x600, b, c, d;

	memset(v->gpr, 0, sizeof(v->gpr));
	__get_cpuid(1, &a, &b, &c, &d);
	v->gpr[RDX] = a;
	v->rip = 0xfff0;
	v->rflags = FL_1;
	v->cpl = 0;
	v->vendor = cpuid_host_amd() ? VENDOR_AMD : VENDOR_INTEL;
	v->nmi_masked = false;
	v->tsc_adjust = 0;
	memset(v->msr_plain, 0, sizeof(v->msr_plain));
	reset_segments(v);
	reset_control(v);
	reset_xsave(v);
	v->state = v->index ? VCPU_WAIT_SIPI : VCPU_RUNNING;
}

/*X:500 Telling a virtual processor something
 * A vCPU thread runs guest code, or sleeps because the guest halted. Who has news for it (an
 * interrupt, a request to stop) sets a bit in v->events, then makes it look: the engine's kick
 * reaches one that runs guest code, the futex wakes one that sleeps. The word is the futex, so a
 * bit set between the look and the sleep is never missed.
 * @test vcpu_sleep_returns_on_post
 */
void vcpu_post(struct vcpu *v, u32 events)
{
	atomic_fetch_or_explicit(&v->events, events, memory_order_seq_cst);
	if (v->engine && v->engine->ops->kick)
		v->engine->ops->kick(v);
	syscall(SYS_futex, &v->events, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void vcpu_sleep(struct vcpu *v, u64 deadline_ns)
{
	struct timespec ts = { (time_t)(deadline_ns / 1000000000u),
			       (long)(deadline_ns % 1000000000u) };

	/* Bitset waits take an absolute time; a signal only makes the caller look again. */
	syscall(SYS_futex, &v->events, FUTEX_WAIT_BITSET_PRIVATE, 0,
		deadline_ns == UINT64_MAX ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);
}
