/* hostile.c - a Xen guest that tries what it may not. The command line says what: "refused" is all
 * that Xen answers with an error; each other word is one thing that it dies of. */
#define __XEN_INTERFACE_VERSION__ 0x00040d00

#include <stdint.h>
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

typedef uint64_t u64;

extern char hypercall_page[];

static long call(unsigned nr, u64 a, u64 b, u64 c, u64 d)
{
	register u64 r10 asm("r10") = d;
	long ret;

	asm volatile("call *%5"
		     : "=a"(ret), "+D"(a), "+S"(b), "+d"(c), "+r"(r10)
		     : "r"(hypercall_page + nr * 32)
		     : "rcx", "r8", "r9", "r11", "memory");
	return ret;
}

static void print(const char *s)
{
	u64 n = 0;

	while (s[n])
		n++;
	call(__HYPERVISOR_console_io, CONSOLEIO_write, n, (u64)s, 0);
}

static void end(void)
{
	struct sched_shutdown why = { SHUTDOWN_poweroff };

	call(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&why, 0, 0);
	for (;;)
		;
}

static int equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void check(const char *name, int ok)
{
	print(ok ? "ok " : "FAIL ");
	print(name);
	print("\n");
}

#define PAGE 4096ull
#define P 1ull
#define W 2ull
#define U 4ull
#define PS 0x80ull
#define REFUSED(name, rc) check(name, (long)(rc) < 0)

static struct start_info *info;
static u64 *p2m;
static char spare[4 * 4096] __attribute__((aligned(4096))); /* mapped, writable, ours */
static u64 gdt[512] __attribute__((aligned(4096)));

static u64 mfn_of(const void *va) { return p2m[(u64)va >> 12]; }
static u64 tables(unsigned i) { return p2m[((u64)info->pt_base >> 12) + i]; }

static long map(void *va, u64 entry)
{
	return call(__HYPERVISOR_update_va_mapping, (u64)va, entry, UVMF_INVLPG, 0);
}

static long update(u64 ptr, u64 val)
{
	struct mmu_update u = { ptr, val };

	return call(__HYPERVISOR_mmu_update, (u64)&u, 1, 0, DOMID_SELF);
}

static long ext(unsigned cmd, u64 mfn)
{
	struct mmuext_op op = { .cmd = cmd };

	op.arg1.mfn = mfn;
	return call(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

static int mine(u64 mfn)
{
	for (u64 i = 0; i < info->nr_pages; i++)
		if (p2m[i] == mfn)
			return 1;
	return mfn == info->shared_info >> 12;
}

/* Every frame there is that is not ours: none of them may be mapped. A few may: our grant table. */
static void map_all(void)
{
	u64 max = (u64)call(__HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0, 0, 0), got = 0, own = 0;

	for (u64 mfn = 0; mfn <= max + 100; mfn++) {
		if (mfn % 7 && mfn < max - 600)
			continue; /* enough of them */
		if (map(spare, mfn << 12 | P | U))
			continue;
		if (mine(mfn))
			own++;
		else
			got++;
	}
	check("foreign-frames", got <= 32);
	check("own-frames", own > 0);
	map(spare, mfn_of(spare) << 12 | P | W | U);
}

static void paging(void)
{
	u64 other = mfn_of(spare + 4096);

	map_all();
	REFUSED("bad-mfn", update(1ull << 51, 0));
	REFUSED("bad-mfn-entry", update(tables(0) << 12, 0xffffffffffull << 12 | P | U));
	REFUSED("machphys-foreign", update((info->shared_info & ~0xfffull) | MMU_MACHPHYS_UPDATE, 1));
	for (unsigned i = 0; i < info->nr_pt_frames; i++)
		if (!map(spare, tables(i) << 12 | P | W | U))
			check("page-table-writable", 0);
	check("page-table-readable", !map(spare, tables(0) << 12 | P | U));
	map(spare, mfn_of(spare) << 12 | P | W | U);
	REFUSED("pin-writable", ext(MMUEXT_PIN_L1_TABLE, other));
	REFUSED("pin-foreign", ext(MMUEXT_PIN_L4_TABLE, info->shared_info >> 12));
	REFUSED("pin-twice", ext(MMUEXT_PIN_L4_TABLE, tables(0)));
	REFUSED("unpin-unpinned", ext(MMUEXT_UNPIN_TABLE, other));
	REFUSED("base-of-data", ext(MMUEXT_NEW_BASEPTR, other));
	REFUSED("base-none", ext(MMUEXT_NEW_BASEPTR, 0));
	REFUSED("xens-slot", update((tables(0) << 12) + 256 * 8, tables(1) << 12 | P | U | W));
	REFUSED("l4-to-l4", update((tables(0) << 12) + 8, tables(0) << 12 | P | U | W));
	REFUSED("l4-to-data", update((tables(0) << 12) + 8, other << 12 | P | U | W));
	REFUSED("large-page", update((tables(1) << 12) + 100 * 8, 0 | P | U | W | PS));
	REFUSED("batch", call(__HYPERVISOR_mmu_update, (u64)spare, 1u << 30, 0, DOMID_SELF));
	REFUSED("ext-batch", call(__HYPERVISOR_mmuext_op, (u64)spare, 1u << 30, 0, DOMID_SELF));
	REFUSED("other-domain", call(__HYPERVISOR_mmu_update, (u64)spare, 0, 0, 5));
	REFUSED("unmapped-va", map((void *)0x700000000000, 0));
	/* Once it is read-only everywhere it may become a table, and then it may not be written. */
	check("read-only", !map(spare + 4096, other << 12 | P | U));
	check("clear-table", !ext(MMUEXT_PIN_L1_TABLE, other));
	REFUSED("table-writable", map(spare + 4096, other << 12 | P | W | U));
	check("unpin", !ext(MMUEXT_UNPIN_TABLE, other));
	check("writable-again", !map(spare + 4096, other << 12 | P | W | U));
}

static void descriptors(void)
{
	u64 frame = mfn_of(gdt), gate = 0x0000ec00e0330000ull, tss = 0x0000890000000067ull;

	REFUSED("gate", call(__HYPERVISOR_update_descriptor, frame << 12, gate, 0, 0));
	REFUSED("tss", call(__HYPERVISOR_update_descriptor, frame << 12, tss, 0, 0));
	REFUSED("descriptor-foreign", call(__HYPERVISOR_update_descriptor, info->shared_info, 0, 0, 0));
	REFUSED("gdt-writable", call(__HYPERVISOR_set_gdt, (u64)&frame, 512, 0, 0));
	REFUSED("gdt-large", call(__HYPERVISOR_set_gdt, (u64)&frame, 8192, 0, 0));
	gdt[3] = gate;
	map(gdt, frame << 12 | P | U);
	REFUSED("gdt-with-gate", call(__HYPERVISOR_set_gdt, (u64)&frame, 512, 0, 0));
	map(gdt, frame << 12 | P | W | U);
	gdt[3] = 0x00af9b000000ffffull;
	map(gdt, frame << 12 | P | U);
	check("gdt", !call(__HYPERVISOR_set_gdt, (u64)&frame, 512, 0, 0));
	REFUSED("gdt-frame-writable", map(gdt, frame << 12 | P | W | U));
	check("gdt-none", !call(__HYPERVISOR_set_gdt, 0, 0, 0, 0));
	REFUSED("segment-base", call(__HYPERVISOR_set_segment_base, 0, 1ull << 60, 0, 0));
}

static void small(void)
{
	struct evtchn_send send = { 4000 };
	struct evtchn_bind_virq virq = { .virq = 77 };
	struct multicall_entry nested = { .op = __HYPERVISOR_multicall };
	struct trap_info trap = { 3, 0, 0xe033, 1ull << 60 };
	void *nowhere = (void *)0x700000000000;
	u64 mfn = mfn_of(spare);
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	REFUSED("hypercall-number", call(100, 0, 0, 0, 0));
	REFUSED("console-long", call(__HYPERVISOR_console_io, CONSOLEIO_write, 1u << 30, (u64)spare, 0));
	REFUSED("console-nowhere", call(__HYPERVISOR_console_io, CONSOLEIO_write, 8, (u64)nowhere, 0));
	REFUSED("xens-memory", call(__HYPERVISOR_xen_version, 1, 0xffff800000000000ull, 0, 0));
	REFUSED("multicall-long", call(__HYPERVISOR_multicall, (u64)spare, 1u << 30, 0, 0));
	check("multicall", !call(__HYPERVISOR_multicall, (u64)&nested, 1, 0, 0));
	check("multicall-nested", (long)nested.result < 0);
	REFUSED("event-port", call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&send, 0, 0));
	REFUSED("event-virq", call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (u64)&virq, 0, 0));
	REFUSED("event-nowhere", call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)nowhere, 0, 0));
	REFUSED("vcpu", call(__HYPERVISOR_vcpu_op, VCPUOP_up, 3, 0, 0));
	REFUSED("trap-address", call(__HYPERVISOR_set_trap_table, (u64)&trap, 0, 0, 0));
	REFUSED("grant-nowhere", call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (u64)nowhere, 1, 0));
	set_xen_guest_handle(r.extent_start, &mfn);
	check("decrease-mapped", call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (u64)&r, 0, 0) == 0);
	check("debug-register", call(__HYPERVISOR_set_debugreg, 7, 1, 0, 0) < 0);
}

/* ---- what a guest dies of ---- */

static u64 *l1_entry(const void *va)
{
	/* The first tables are L4, L3, L2 and then the L1s, in order. */
	return (u64 *)(info->pt_base + 3 * PAGE + ((u64)va >> 12) * 8);
}

static void table_write_good(void)
{
	volatile u64 *e = l1_entry(spare);

	*e = mfn_of(spare + 8192) << 12 | P | U;
	spare[8192] = 'x';
	call(__HYPERVISOR_mmuext_op, 0, 0, 0, DOMID_SELF);
	ext(MMUEXT_TLB_FLUSH_LOCAL, 0);
	check("table-write-good", spare[0] == 'x');
}

static void table_write_bad(void)
{
	volatile u64 *e = l1_entry(spare);

	*e = tables(0) << 12 | P | W | U;
}

static void handler_faults(void)
{
	static struct trap_info t[2] = { { 14, 0, 0xe033, 0x600000000000 } };

	call(__HYPERVISOR_set_trap_table, (u64)t, 0, 0, 0);
	*(volatile char *)0x500000000000 = 1;
}

static void selector(void)
{
	asm volatile("pushq $0xe02b; pushq %0; pushfq; pushq $0xe008; lea 1f(%%rip), %%rax; pushq %%rax; iretq; 1:"
		     : : "r"((u64)spare + 4096) : "rax", "memory");
}

static void user_without_table(void)
{
	static u64 frame[9] = { [4] = 0x1000, [5] = 0xe033 | 3 };

	asm volatile("mov %0, %%rsp; mov $23, %%eax; syscall" : : "r"(frame) : "memory");
}

static void paging_off(void)
{
	u64 cr0;

	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	asm volatile("mov %0, %%cr0" : : "r"(cr0 & ~(1ull << 31)));
}

static void no_handler(void) { asm volatile("ud2"); }
static void halt(void) { asm volatile("hlt"); }
static void xens_table(void) { *(volatile u64 *)0xffff800000000000ull = 0; }
static void xens_gdt(void) { (void)*(volatile u64 *)0xffff820000000000ull; }

/* The rings' counters are the guest's to write: nothing but its own bytes may be lost. */
static void rings(void)
{
	volatile uint32_t *console = (void *)(info->pt_base - PAGE), *store = (void *)(info->pt_base - 2 * PAGE);
	struct evtchn_send a = { info->console.domU.evtchn }, b = { info->store_evtchn };

	for (unsigned i = 0; i < 16; i++) {
		console[0xc00 / 4 + i % 4] = 0xfffffff0u * (i + 1) + i;
		store[0x800 / 4 + i % 4] = 0x7fffffffu * (i + 3);
		call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&a, 0, 0);
		call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&b, 0, 0);
	}
	check("rings", 1);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "table-write-good", table_write_good }, { "table-write-bad", table_write_bad },
	{ "handler-faults", handler_faults }, { "selector", selector },
	{ "user-without-table", user_without_table }, { "paging-off", paging_off },
	{ "no-handler", no_handler }, { "halt", halt }, { "xens-table", xens_table },
	{ "xens-gdt", xens_gdt }, { "rings", rings },
};

void kernel_main(struct start_info *si)
{
	const char *what = (const char *)si->cmd_line;

	info = si;
	p2m = (u64 *)si->mfn_list;
	if (equal(what, "refused")) {
		paging();
		descriptors();
		small();
		end();
	}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (equal(what, cases[i].name))
			cases[i].run();
	print("survived\n");
	end();
}
