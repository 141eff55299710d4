/* image.c - where the kernel's image is: by a processor's registers, or by a note in RAM. */
#include <stdlib.h>
#include <string.h>

#include "know/kernel.h"
#include "x86/x86.h"

#define KERNEL_MAP 0xffffffff80000000ull /* Linux's __START_KERNEL_map */
#define KERNEL_MAP_END 0xffffffffc0000000ull
#define IMAGE_MAX MIB(512)
#define GAP_MAX MIB(64) /* freed pages leave holes in the image; modules come after a longer one */
#define NOTE_MAX 4096u

static bool in_kernel_map(u64 va)
{
	return va >= KERNEL_MAP && va < KERNEL_MAP_END;
}

static bool maps(struct kernel *k, const struct space *s, u64 va)
{
	struct trail tr;

	return in_kernel_map(va) && space_walk(k->t, s, va, &tr);
}

/* The handler of a vector, as the interrupt table has it; 0: unreadable. */
static u64 gate(struct kernel *k, const struct space *s, u64 idt, unsigned vector)
{
	u16 g[8];

	if (!space_read(k->t, s, idt + 16ull * vector, sizeof(g), g))
		return 0;
	return g[0] | (u64)g[3] << 16 | (u64)g[4] << 32 | (u64)g[5] << 48;
}

/* Linux may have a pair of page tables a process: those for user code lack the image (but have the
 * entry code), and differ in one bit of CR3. */
static bool space_of_cpu(struct kernel *k, unsigned cpu)
{
	const struct vcpu *v = target_vcpu(k->t, cpu);
	struct space s = target_space(k->t, cpu), kernels = s;
	u64 at[3] = { v->lstar, v->rip, 0 };

	if (!(s.efer & EFER_LMA) || !(s.cr0 & CR0_PG))
		return false;
	at[2] = gate(k, &s, v->idt.base, 0);
	kernels.cr3 &= ~0x1000ull;
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		if (maps(k, &kernels, at[i]))
			k->space = kernels;
		else if (maps(k, &s, at[i]))
			k->space = s;
		else
			continue;
		return true;
	}
	return false;
}

/* ---- VMCOREINFO --------------------------------------------------------------------------- */

struct note_head {
	u32 name_len, desc_len, type;
	char name[12];
};

static char *note_take(struct target *t, u64 at)
{
	struct note_head h;
	char *text;

	if (target_phys(t, GPA(at), sizeof(h), &h) || h.name_len != 11 || h.type ||
	    memcmp(h.name, "VMCOREINFO", 11) || h.desc_len < 32 || h.desc_len > NOTE_MAX)
		return NULL;
	text = calloc(1, h.desc_len + 1);
	if (text && !target_phys(t, GPA(at + sizeof(h)), h.desc_len, text) &&
	    !memcmp(text, "OSRELEASE=", 10))
		return text;
	free(text);
	return NULL;
}

/* The kernel keeps the note at the start of pages of its own. */
char *info_scan(struct target *t)
{
	for (unsigned i = 0; i < t->nram; i++)
		for (u64 at = t->ram[i].at; at < t->ram[i].at + t->ram[i].len; at += GUEST_PAGE_SIZE) {
			const u8 *p = t->page(t, at >> GUEST_PAGE_SHIFT);
			char *text = p && !memcmp(p, "\13\0\0\0", 4) ? note_take(t, at) : NULL;

			if (text)
				return text;
		}
	return NULL;
}

/* No processor helps (a file without their control registers, or all are astray): the note tells. */
static bool space_of_info(struct kernel *k)
{
	u64 top, phys_base, la57 = 0;

	if (!k->info)
		k->info = info_scan(k->t);
	if (!k_info(k, "SYMBOL(swapper_pg_dir)", 16, &top) ||
	    !k_info(k, "NUMBER(phys_base)", 10, &phys_base))
		return false;
	k_info(k, "NUMBER(pgtable_l5_enabled)", 10, &la57);
	k->space = (struct space){ CR0_PG, top - KERNEL_MAP + phys_base,
				   CR4_PAE | (la57 ? CR4_LA57 : 0), EFER_LMA };
	return maps(k, &k->space, top);
}

/* ---- the image ---------------------------------------------------------------------------- */

/* All that is mapped in the kernel's part of the address space, up to a long gap, is the image. */
static void extent(struct kernel *k)
{
	u64 va = KERNEL_MAP, step;
	struct trail tr;

	k->base = k->end = 0;
	for (; va < KERNEL_MAP_END; va += step) {
		bool there = space_walk(k->t, &k->space, va, &tr);

		/* Levels not reached say how much is missing. */
		step = there ? tr.page_len : tr.n == 3 ? MIB(2) : GUEST_PAGE_SIZE;
		if (!there && tr.n < 3)
			step = GIB(1);
		step -= va & (step - 1);
		if (k->base && va - k->end > GAP_MAX)
			return;
		if (!there)
			continue;
		if (!k->base)
			k->base = va;
		k->end = va + step;
		if (k->end - k->base >= IMAGE_MAX)
			return;
	}
}

/*A:200 Finding the kernel
 * The image lies at a random place, physically and linearly. A processor gives it away: its system
 * call entry and its interrupt table point into the kernel, and its page tables map it. Linux maps
 * nothing else in its part of the address space, so what is mapped there is the image.
 * When no processor can say, the kernel's own note for crash dumps, VMCOREINFO, is looked for in
 * all of RAM.
 * @test image_found_by_the_system_call_entry
 */
bool image_find(struct kernel *k)
{
	bool found = false;

	k->no.image = NULL;
	for (unsigned i = 0; i < k->t->ncpus && !found; i++)
		found = space_of_cpu(k, i);
	if (!found && !space_of_info(k)) {
		k->no.image = "no processor points to a Linux kernel, and there is no VMCOREINFO";
		return false;
	}
	extent(k);
	if (k->base == k->end)
		k->no.image = "its page tables map no image";
	k->mapped = !k->no.image;
	return k->mapped;
}

u8 *image_copy(struct kernel *k, u64 *len)
{
	u8 *copy = calloc(1, k->end - k->base);

	*len = k->end - k->base;
	for (u64 at = 0; copy && at < *len; at += GUEST_PAGE_SIZE)
		if (!k_read(k, k->base + at, GUEST_PAGE_SIZE, copy + at))
			memset(copy + at, 0, GUEST_PAGE_SIZE);
	return copy;
}
