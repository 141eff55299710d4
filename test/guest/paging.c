/* paging.c - 4-level translation: permissions of each level, accessed and dirty bits, reserved
 * bits, page-fault error codes, accesses that cross pages. Source: SDM 3A 4.5 to 4.8. */
#include "guest.h"

const char test_name[] = "paging";

#define VA TEST_VA
#define CODE_RET 0xc3

static u64 pa;

USER(user_read, "movb (%rdi), %al");
USER(user_write, "movb $1, (%rdi)");
USER(user_jump, "jmp *%rdi");

static void not_present(void)
{
	map(VA, pa, 0);
	try_read(VA + 0x123);
	check_pf("read of a page that is not present", 0, VA + 0x123);
	try_write(VA + 0xfff);
	check_pf("write to a page that is not present", PF_W, VA + 0xfff);
	try_call(VA);
	check("fetch from a page that is not present", faulted_pf_at(VA, PF_I));
	user_run(user_read, VA, 0);
	check_pf("ring 3 read of a page that is not present", PF_U, VA);
	user_run(user_write, VA, 0);
	check_pf("ring 3 write to a page that is not present", PF_U | PF_W, VA);
	*pte_of(VA, 1) = pa | PTE_P | PTE_W;
	try_read(VA);
	check_none("a page made present needs no INVLPG");
	TRY("movb (%0), %%al", : : "r"(VA + (1ull << 39)) : "rax", "memory");
	check_pf("read under an empty level-4 entry", 0, VA + (1ull << 39));
}

static void write_protect(void)
{
	map(VA, pa, PTE_P);
	try_read(VA);
	check_none("read of a read-only page");
	try_write(VA + 7);
	check_pf("write to a read-only page", PF_P | PF_W, VA + 7);
	check("a refused write leaves D clear", !(*pte_of(VA, 1) & PTE_D));
	cr0_set(cr0_get() & ~(ulong)CR0_WP);
	try_write(VA + 7);
	check_none("ring 0 write to a read-only page without WP");
	check("it sets D", *pte_of(VA, 1) & PTE_D);
	check("it arrives", ((u8 *)pa)[7] == 0x5a);
	cr0_set(cr0_get() | CR0_WP);
	try_write(VA + 7);
	check_pf("WP set again is obeyed at once", PF_P | PF_W, VA + 7);
	cr0_set(cr0_get() & ~(ulong)CR0_WP);
	map(VA, pa, PTE_P | PTE_U);
	user_run(user_write, VA, 0);
	check_pf("ring 3 obeys read-only without WP", PF_P | PF_W | PF_U, VA);
	cr0_set(cr0_get() | CR0_WP);

	map(VA, pa, PTE_P | PTE_W);
	*pte_of(VA, 2) &= ~(u64)PTE_W;
	invlpg(VA);
	try_write(VA);
	check_pf("W clear in level 2", PF_P | PF_W, VA);
	*pte_of(VA, 2) |= PTE_W;
	*pte_of(VA, 3) &= ~(u64)PTE_W;
	invlpg(VA);
	try_write(VA);
	check_pf("W clear in level 3", PF_P | PF_W, VA);
	*pte_of(VA, 3) |= PTE_W;
	*pte_of(VA, 4) &= ~(u64)PTE_W;
	invlpg(VA);
	try_write(VA);
	check_pf("W clear in level 4", PF_P | PF_W, VA);
	*pte_of(VA, 4) |= PTE_W;
	invlpg(VA);
	try_write(VA);
	check_none("W set in every level");
}

static void user_bit(void)
{
	unsigned level;
	static const char *const name[] = { "", "U clear in level 1", "U clear in level 2",
					    "U clear in level 3", "U clear in level 4" };

	map(VA, pa, PTE_P | PTE_W | PTE_U);
	user_run(user_read, VA, 0);
	check("ring 3 reads a user page", last.vec == 0x80);
	user_run(user_write, VA, 0);
	check("ring 3 writes a user page", last.vec == 0x80);
	for (level = 1; level <= 4; level++) {
		*pte_of(VA, level) &= ~(u64)PTE_U;
		invlpg(VA);
		user_run(user_read, VA + 5, 0);
		check_pf(name[level], PF_P | PF_U, VA + 5);
		*pte_of(VA, level) |= PTE_U;
	}
	map(VA, pa, PTE_P | PTE_W);
	user_run(user_write, VA, 0);
	check_pf("ring 3 write to a supervisor page", PF_P | PF_U | PF_W, VA);
	try_read(VA);
	check_none("ring 0 reads it");
}

static void no_execute(void)
{
	unsigned level;
	static const char *const name[] = { "", "NX in level 1", "NX in level 2", "NX in level 3",
					    "NX in level 4" };

	*(u8 *)pa = CODE_RET;
	map(VA, pa, PTE_P | PTE_W | PTE_U);
	try_call(VA);
	check_none("a page without NX executes");
	for (level = 1; level <= 4; level++) {
		*pte_of(VA, level) |= PTE_NX;
		invlpg(VA);
		try_call(VA);
		check(name[level], faulted_pf_at(VA, PF_P | PF_I));
		try_read(VA);
		check_none("it still reads");
		*pte_of(VA, level) &= ~PTE_NX;
	}
	map(VA, pa, PTE_P | PTE_U | PTE_NX);
	user_run(user_jump, VA, 0);
	check("NX in ring 3", faulted_pf_at(VA, PF_P | PF_U | PF_I));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~0x800ull);
	try_read(VA);
	check_pf_hw("NX is a reserved bit without EFER.NXE", PF_P | PF_RSVD, VA);
	map(VA, pa, 0);
	try_call(VA);
	check("without NXE and SMEP a fetch has no I bit", faulted_pf_at(VA, 0));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 0x800);
}

static void accessed_dirty(void)
{
	map(VA, pa, PTE_P | PTE_W);
	*pte_of(VA, 2) &= ~(u64)PTE_A;
	*pte_of(VA, 3) &= ~(u64)PTE_A;
	*pte_of(VA, 4) &= ~(u64)PTE_A;
	cr3_set(cr3_get());
	check("A starts clear", !(*pte_of(VA, 1) & (PTE_A | PTE_D)));
	try_read(VA);
	check("a read sets A and not D", (*pte_of(VA, 1) & (PTE_A | PTE_D)) == PTE_A);
	check("a read sets A in level 2", *pte_of(VA, 2) & PTE_A);
	check("a read sets A in level 3", *pte_of(VA, 3) & PTE_A);
	check("a read sets A in level 4", *pte_of(VA, 4) & PTE_A);
	try_write(VA);
	check("a write after a read sets D", (*pte_of(VA, 1) & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	check("D is for the last level only", !(*pte_of(VA, 2) & PTE_D));
	*pte_of(VA, 1) &= ~(u64)(PTE_A | PTE_D);
	invlpg(VA);
	try_write(VA);
	check("a write sets A and D", (*pte_of(VA, 1) & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	*pte_of(VA, 1) &= ~(u64)PTE_D;
	invlpg(VA);
	TRY("addb $0, (%0)", : : "r"(VA) : "memory", "cc");
	check("a read-modify-write sets D", *pte_of(VA, 1) & PTE_D);
	*(u8 *)pa = CODE_RET;
	map(VA, pa, PTE_P | PTE_W);
	try_call(VA);
	check("a fetch sets A and not D", (*pte_of(VA, 1) & (PTE_A | PTE_D)) == PTE_A);
	map(VA, pa, PTE_P | PTE_W);
	TRY("lock cmpxchgl %%ecx, (%0)", : : "r"(VA), "a"(0x12345), "c"(0) : "memory", "cc");
	check_hw("a cmpxchg that fails sets D", *pte_of(VA, 1) & PTE_D);
	map(VA, pa, PTE_P);
	TRY("lock cmpxchgl %%ecx, (%0)", : : "r"(VA), "a"(0x12345), "c"(0) : "memory", "cc");
	check_pf("a cmpxchg that fails needs write permission", PF_P | PF_W, VA);
}

static void large_pages(void)
{
	u64 big = (u64)page_alloc_n(512, 2 << 20);
	u64 va = VA + (1ull << 32);

	map_level(va, big, PTE_P | PTE_W, 2);
	try_write(va + 0x12345);
	check_none("2 MiB page");
	check("2 MiB page: the right byte", ((u8 *)big)[0x12345] == 0x5a);
	check("2 MiB page: A and D", (*pte_of(va, 2) & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	map_level(va, big, PTE_P, 2);
	try_write(va + 0x1ff000);
	check_pf("2 MiB page: read-only", PF_P | PF_W, va + 0x1ff000);
	map_level(va, big, PTE_P | PTE_W | PTE_NX, 2);
	try_call(va + 0x1000);
	check("2 MiB page: NX", faulted_pf_at(va + 0x1000, PF_P | PF_I));
	map_level(va, big, PTE_P | PTE_W | 1 << 13, 2);
	try_read(va + 1);
	check_pf_hw("2 MiB page: reserved bit 13", PF_P | PF_RSVD, va + 1);
	map_level(va, big, PTE_P | PTE_W | 1 << 12, 2);
	try_read(va + 1);
	check_none("2 MiB page: bit 12 is PAT");
	if (!(cpuid(0x80000001, 0).d & 1 << 26)) {
		skip("1 GiB page", "the processor has none");
		return;
	}
	va = VA + (3ull << 30);
	map_level(va, 0, PTE_P | PTE_W, 3);
	try_write(va + pa + 9);
	check_none("1 GiB page");
	check("1 GiB page: the right byte", ((u8 *)pa)[9] == 0x5a);
	check("1 GiB page: A and D", (*pte_of(va, 3) & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	map_level(va, 0, PTE_P | PTE_W | 1 << 21, 3);
	try_read(va);
	check_pf_hw("1 GiB page: reserved bit 21", PF_P | PF_RSVD, va);
	*pte_of(va, 3) = 0;
	invlpg(va);
}

static void reserved_bits(void)
{
	unsigned width = cpuid(0x80000008, 0).a & 0xff;
	u64 high = 1ull << 51;

	map(VA, pa, PTE_P | PTE_W | PTE_U);
	*pte_of(VA, 4) |= PTE_PS;
	invlpg(VA);
	try_read(VA);
	check_pf_hw("PS in level 4 is reserved", PF_P | PF_RSVD, VA);
	*pte_of(VA, 4) &= ~(u64)PTE_PS;
	invlpg(VA);
	if (width >= 52) {
		skip("bits above MAXPHYADDR", "it is 52");
		return;
	}
	*pte_of(VA, 1) |= high;
	invlpg(VA);
	try_read(VA);
	check_pf_hw("read: address bit 51 in level 1 is reserved", PF_P | PF_RSVD, VA);
	try_write(VA);
	check_pf_hw("write: address bit 51 in level 1 is reserved", PF_P | PF_RSVD | PF_W, VA);
	user_run(user_read, VA, 0);
	check_pf_hw("ring 3: address bit 51 in level 1 is reserved", PF_P | PF_RSVD | PF_U, VA);
	*pte_of(VA, 1) &= ~high;
	*pte_of(VA, 2) |= high;
	invlpg(VA);
	try_read(VA);
	check_pf_hw("address bit 51 in level 2 is reserved", PF_P | PF_RSVD, VA);
	*pte_of(VA, 2) &= ~high;
	*pte_of(VA, 1) = high;
	invlpg(VA);
	try_read(VA);
	check_pf("reserved bits of an absent page count for nothing", 0, VA);
	map(VA, pa, PTE_P | PTE_W | 0xe00 | 0x7full << 52);
	try_read(VA);
	check_none("ignored bits are ignored");
}

/* Two neighbouring virtual pages, physically apart, the second absent or read-only. */
static void crossing(void)
{
	u8 *a = page_alloc(), *gap = page_alloc(), *b = page_alloc();
	u64 end = VA + 4096, v = 0x1122334455667788;

	(void)gap;
	map(VA, (u64)a, PTE_P | PTE_W);
	map(end, (u64)b, PTE_P | PTE_W);
	TRY("movq %1, (%0)", : : "r"(end - 3), "r"(v) : "memory");
	check_none("store across pages");
	check("it is split", a[4093] == 0x88 && a[4095] == 0x66 && b[0] == 0x55 && b[4] == 0x11);
	TRY("movq (%1), %0", : "=r"(v) : "r"(end - 3) : "memory");
	check_eq("load across pages", v, 0x1122334455667788);
	TRY("lock addq %1, (%0)", : : "r"(end - 3), "r"(1ull << 24) : "memory", "cc");
	check("lock add across pages", b[0] == 0x56 && a[4095] == 0x66);
	TRY("movups (%0), %%xmm0\n movups %%xmm0, (%1)", : : "r"(end - 7), "r"(end - 9) : "memory");
	check("16 bytes across pages", a[4091] == 0x88 && b[2] == 0x11);

	memset(a, 0x11, 4096);
	memset(b, 0x11, 4096);
	map(end, (u64)b, 0);
	TRY("movq %1, (%0)", : : "r"(end - 4), "r"(v) : "memory");
	check_pf("store into an absent second page: cr2 is that page", PF_W, end);
	check("the first half is untouched", a[4095] == 0x11 && a[4092] == 0x11);
	TRY("addq $1, (%0)", : : "r"(end - 1) : "memory", "cc");
	check("add into an absent second page", last.vec == PF && last.cr2 == end && a[4095] == 0x11);
	TRY("movups %%xmm0, (%0)", : : "r"(end - 15) : "memory");
	check_pf("16-byte store into an absent second page", PF_W, end);
	check_hw("the first 15 bytes are untouched", a[4081] == 0x11 && a[4095] == 0x11);
	TRY("xchgq %1, (%0)", : : "r"(end - 2), "r"(v) : "memory");
	check_pf_hw("xchg into an absent second page", PF_W, end);
	TRY("fstpt (%0)", : : "r"(end - 8) : "memory");
	check_hw("fstp of ten bytes into an absent second page",
		 last.vec == PF && last.cr2 == end && a[4088] == 0x11);
	memset(a, 0x11, 4096);
	TRY("movq (%0), %%rax", : : "r"(end - 4) : "rax", "memory");
	check_pf("load from an absent second page", 0, end);
	map(end, (u64)b, PTE_P);
	TRY("movq %1, (%0)", : : "r"(end - 4), "r"(v) : "memory");
	check_pf("store into a read-only second page", PF_P | PF_W, end);
	check("the first half is untouched again", a[4095] == 0x11);
	map(VA, (u64)a, 0);
	map(end, (u64)b, 0);
	TRY("movq %1, (%0)", : : "r"(end - 4), "r"(v) : "memory");
	check_pf("both halves absent: the first faults", PF_W, end - 4);
	map(end, (u64)b, PTE_P | PTE_W);
	TRY("movq %1, (%0)", : : "r"(end - 4), "r"(v) : "memory");
	check_pf("first half absent", PF_W, end - 4);
	check("the second half is untouched", b[0] == 0x11);
}

static void crossing_stack(void)
{
	u8 *a = page_alloc(), *b = page_alloc();
	u64 end = VA + 4096, sp;

	map(VA, (u64)a, PTE_P | PTE_W);
	map(end, (u64)b, 0);
	TRY("movq %0, %%rsp\n pushq $1", : : "r"(end + 4) : "memory");
	/* The fault is delivered on the same stack, which is not there: IST it. */
	check("push into an absent page", last.vec == PF && last.cr2 == end && last.sp == end + 4);
	TRY("movq %0, %%rsp\n popq %%rax", : : "r"(end - 4) : "rax", "memory");
	check("pop from an absent page", last.vec == PF && last.cr2 == end && last.sp == end - 4);
	TRY("movq %0, %%rsp\n call 1f\n1:", : : "r"(end + 1) : "memory");
	check("call that cannot push", last.vec == PF && last.sp == end + 1);
	TRY("movq %0, %%rsp\n enter $16, $0", : : "r"(end + 4) : "memory");
	check("enter that cannot push", last.vec == PF && last.sp == end + 4);
	*(u64 *)(a + 4088) = 0x77;
	map(end, (u64)b, PTE_P | PTE_W);
	TRY("movq %1, %%rsp\n popq (%%rsp)\n movq %%rsp, %0", : "=r"(sp) : "r"(end - 8) : "memory");
	check("pop (rsp) stores after rsp moved", *(u64 *)b == 0x77);
	map(end, (u64)b, 0);
	TRY("movq %0, %%rsp\n popq (%%rsp)", : : "r"(end - 8) : "memory");
	check("pop (rsp) that faults leaves rsp", last.vec == PF && last.sp == end - 8 &&
	      last.cr2 == end);
}

static void crossing_code(void)
{
	u8 *a = page_alloc(), *b = page_alloc();
	u64 end = VA + 4096;
	static const u8 mov_ret[] = { 0xb8, 0x78, 0x56, 0x34, 0x12, 0xc3 }; /* mov $0x12345678,%eax */
	u64 ax;

	map(VA, (u64)a, PTE_P | PTE_W);
	map(end, (u64)b, PTE_P | PTE_W);
	memcpy(a + 4094, mov_ret, 2);
	memcpy(b, mov_ret + 2, 4);
	TRY("call *%1", : "=a"(ax) : "r"(end - 2) : "memory", "cc");
	check("instruction across pages", last.vec == NO_FAULT && ax == 0x12345678);
	map(end, (u64)b, 0);
	try_call(end - 2);
	check("its second page absent", last.vec == PF && last.err == PF_I && last.cr2 == end &&
	      last.ip == end - 2);
	map(end, (u64)b, PTE_P | PTE_NX);
	try_call(end - 2);
	check("its second page NX", last.vec == PF && last.err == (PF_P | PF_I) &&
	      last.cr2 == end && last.ip == end - 2);
	map(end, (u64)b, PTE_P);
	try_call(end - 2);
	check_none("and back");
	a[4095] = CODE_RET;
	map(end, (u64)b, 0);
	try_call(end - 1);
	check_none("code up to the last byte before an absent page");
	a[4095] = 0x90;
	try_call(end - 1);
	check("running on into an absent page", faulted_pf_at(end, PF_I));
}

void test_main(void)
{
	pa = (u64)page_alloc();
	idt_set(PF, (ulong)trap_stubs + PF * 16, 0xe, 0, 2);
	not_present();
	write_protect();
	user_bit();
	no_execute();
	accessed_dirty();
	large_pages();
	reserved_bits();
	crossing();
	crossing_stack();
	crossing_code();
}
