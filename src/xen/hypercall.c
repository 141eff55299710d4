/* hypercall.c - the table of hypercalls, the page they are called through, and the small ones. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <xen/features.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "base/log.h"

/*H:500 The hypercall page
 * The guest does not know which instruction leads to Xen; it calls into a page that Xen has filled. A
 * slot has 32 bytes for each number, 14 of them code. The rest is 0xcc: who calls past a slot's
 * beginning, because the page is not where the linker thought, runs into a breakpoint. The slot of
 * iret does not come back.
 * @test xen-example
 */
void hypercall_page_fill(u8 *page)
{
	static const u8 stub[] = { 0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
	static const u8 back[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05 };

	memset(page, 0xcc, GUEST_PAGE_SIZE);
	for (unsigned i = 0; i < GUEST_PAGE_SIZE / 32; i++) {
		memcpy(page + i * 32, stub, sizeof(stub));
		page[i * 32 + 4] = (u8)i;
	}
	memcpy(page + __HYPERVISOR_iret * 32, back, sizeof(back));
}

/* ---- version ---- */

#define VERSION (4 << 16 | 17)

static i64 features(struct xen *x, u64 va)
{
	struct xen_feature_info f;

	if (GUEST_READ(x, va, &f))
		return -EFAULT;
	if (f.submap_idx)
		return -EINVAL;
	f.submap = 1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_mmu_pt_update_preserve_ad |
		   1u << XENFEAT_gnttab_map_avail_bits;
	return GUEST_WRITE(x, va, &f);
}

i64 hc_version(struct xen *x, const u64 a[6])
{
	static const char extra[16] = ".0-pandok", caps[1024] = "xen-3.0-x86_64 ", changes[64] = "pandok";
	static const struct xen_compile_info compiled = { "gcc", "pandok", "", "" };
	static const struct xen_platform_parameters platform = { HYPERVISOR_VIRT_START };
	static const xen_domain_handle_t handle = { 0x70, 0x61, 0x6e, 0x64, 0x6f, 0x6b };

	switch (a[0]) {
	case XENVER_version: return VERSION;
	case XENVER_extraversion: return GUEST_WRITE(x, a[1], &extra);
	case XENVER_compile_info: return GUEST_WRITE(x, a[1], &compiled);
	case XENVER_capabilities: return GUEST_WRITE(x, a[1], &caps);
	case XENVER_changeset: return GUEST_WRITE(x, a[1], &changes);
	case XENVER_platform_parameters: return GUEST_WRITE(x, a[1], &platform);
	case XENVER_get_features: return features(x, a[1]);
	case XENVER_pagesize: return GUEST_PAGE_SIZE;
	case XENVER_guest_handle: return GUEST_WRITE(x, a[1], &handle);
	}
	return -ENOSYS;
}

/* ---- the scheduler ---- */

static i64 shutdown(struct xen *x, u64 reason)
{
	con_finish(x);
	switch (reason) {
	case SHUTDOWN_poweroff: xen_end(x, XEN_POWEROFF, " "); break;
	case SHUTDOWN_reboot: xen_end(x, XEN_REBOOT, " "); break;
	default: xen_end(x, XEN_CRASH, "the guest told Xen that it crashed"); break;
	}
	return 0;
}

static i64 block(struct xen *x)
{
	struct vcpu_info *i = vcpu_info(x);

	i->evtchn_upcall_mask = 0;
	x->blocked = !i->evtchn_upcall_pending;
	return 0;
}

/* One that waits for a port may be told too early: it looks again. */
static i64 poll(void)
{
	static const struct timespec ms = { 0, 1000000 };

	nanosleep(&ms, NULL);
	return 0;
}

i64 hc_sched(struct xen *x, const u64 a[6])
{
	struct sched_shutdown s;

	switch (a[0]) {
	case SCHEDOP_yield: return 0;
	case SCHEDOP_block: return block(x);
	case SCHEDOP_shutdown:
		return GUEST_READ(x, a[1], &s) ? -EFAULT : shutdown(x, s.reason);
	case SCHEDOP_shutdown_code: return 0;
	case SCHEDOP_poll: return poll();
	}
	return -ENOSYS;
}

static i64 hc_sched_old(struct xen *x, const u64 a[6])
{
	switch (a[0]) {
	case SCHEDOP_yield: return 0;
	case SCHEDOP_block: return block(x);
	case SCHEDOP_shutdown: return shutdown(x, a[1]);
	}
	return -ENOSYS;
}

/* ---- the rest of the small ones ---- */

i64 hc_physdev(struct xen *x, const u64 a[6])
{
	struct physdev_set_iopl iopl;

	if (a[0] != PHYSDEVOP_set_iopl)
		return a[0] == PHYSDEVOP_set_iobitmap ? 0 : -ENOSYS;
	if (GUEST_READ(x, a[1], &iopl))
		return -EFAULT;
	if (iopl.iopl > 3)
		return -EINVAL;
	x->iopl = (u8)iopl.iopl;
	return 0;
}

i64 hc_vm_assist(struct xen *x, const u64 a[6])
{
	(void)x;
	return a[0] <= VMASST_CMD_disable && a[1] <= VMASST_TYPE_pae_extended_cr3 ? 0 : -EINVAL;
}

i64 hc_set_dr(struct xen *x, const u64 a[6])
{
	if (a[0] > 7 || a[0] == 4 || a[0] == 5)
		return -EINVAL;
	if (a[0] == 7 && a[1] & 0xff)
		return -EPERM; /* no breakpoints of the guest's own here */
	x->dr[a[0]] = a[1];
	return 0;
}

i64 hc_get_dr(struct xen *x, const u64 a[6])
{
	return a[0] > 7 ? -EINVAL : (i64)x->dr[a[0]];
}

static i64 hc_none(struct xen *x, const u64 a[6])
{
	(void)x;
	(void)a;
	return -ENOSYS;
}

static i64 hc_nothing(struct xen *x, const u64 a[6])
{
	(void)x;
	(void)a;
	return 0;
}

#define MULTICALL_MAX 65536

i64 hc_multicall(struct xen *x, const u64 a[6])
{
	struct multicall_entry e;
	u64 n = a[1];

	if (n > MULTICALL_MAX)
		return -EINVAL;
	for (u64 i = 0; i < n && !x->ended; i++) {
		u64 at = a[0] + i * sizeof(e);

		if (GUEST_READ(x, at, &e))
			return -EFAULT;
		e.result = e.op == __HYPERVISOR_multicall || e.op == __HYPERVISOR_iret ? (u64)-ENOSYS :
			   (u64)hypercall_do(x, e.op, (const u64 *)e.args);
		if (guest_write(x, at + offsetof(struct multicall_entry, result), &e.result, 8))
			return -EFAULT;
	}
	return 0;
}

static i64 (*const calls[])(struct xen *, const u64 [6]) = {
	[__HYPERVISOR_set_trap_table] = hc_set_traps,
	[__HYPERVISOR_mmu_update] = hc_mmu_update,
	[__HYPERVISOR_set_gdt] = hc_set_gdt,
	[__HYPERVISOR_stack_switch] = hc_stack_switch,
	[__HYPERVISOR_set_callbacks] = hc_callbacks,
	[__HYPERVISOR_fpu_taskswitch] = hc_fpu,
	[__HYPERVISOR_sched_op_compat] = hc_sched_old,
	[__HYPERVISOR_set_debugreg] = hc_set_dr,
	[__HYPERVISOR_get_debugreg] = hc_get_dr,
	[__HYPERVISOR_update_descriptor] = hc_descriptor,
	[__HYPERVISOR_memory_op] = hc_memory,
	[__HYPERVISOR_multicall] = hc_multicall,
	[__HYPERVISOR_update_va_mapping] = hc_update_va,
	[__HYPERVISOR_set_timer_op] = hc_timer,
	[__HYPERVISOR_event_channel_op_compat] = hc_event_old,
	[__HYPERVISOR_xen_version] = hc_version,
	[__HYPERVISOR_console_io] = hc_console_io,
	[__HYPERVISOR_grant_table_op] = hc_grant,
	[__HYPERVISOR_vm_assist] = hc_vm_assist,
	[__HYPERVISOR_vcpu_op] = hc_vcpu,
	[__HYPERVISOR_set_segment_base] = hc_segment_base,
	[__HYPERVISOR_mmuext_op] = hc_mmuext,
	[__HYPERVISOR_nmi_op] = hc_nothing,
	[__HYPERVISOR_sched_op] = hc_sched,
	[__HYPERVISOR_callback_op] = hc_callback_op,
	[__HYPERVISOR_event_channel_op] = hc_event,
	[__HYPERVISOR_physdev_op] = hc_physdev,
	[__HYPERVISOR_hvm_op] = hc_none,
};

i64 hypercall_do(struct xen *x, u64 nr, const u64 a[6])
{
	i64 rc = nr < ARRAY_SIZE(calls) && calls[nr] ? calls[nr](x, a) : -ENOSYS;

	if (rc < 0)
		LOG(xen, DEBUG, "hypercall %llu (0x%llx, 0x%llx, 0x%llx) at 0x%llx is %lld", (ull)nr,
		    (ull)a[0], (ull)a[1], (ull)a[2], (ull)x->v->rip, (long long)rc);
	else
		LOG(xen, TRACE, "hypercall %llu (0x%llx, 0x%llx, 0x%llx) is %lld", (ull)nr, (ull)a[0],
		    (ull)a[1], (ull)a[2], (long long)rc);
	return rc;
}
