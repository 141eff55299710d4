/* segment.c - descriptor tables: the guest's frames, Xen's entries behind them, segment bases. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>

/*H:300 One descriptor table for two
 * The processor has one GDT. The guest's part, up to fourteen frames of its own that it may not write
 * any more, is mapped at an address of Xen's; behind it stands a page of Xen's with the flat segments
 * that every guest may use: e033 is 64-bit code in ring 3, which is where the selector in Xen's crash
 * messages comes from.
 * @test xen-example
 */
#define GDT_AT 0xffff820000000000ull /* L4 slot 260 */
#define RESERVED_PAGE 14
#define RESERVED_FIRST (RESERVED_PAGE * 512)

/* Index in the reserved page: selector & 0xfff, over 8. */
static const struct {
	u16 sel;
	u64 desc;
} flat[] = {
	{ FLAT_RING3_CS32, 0x00cffb000000ffffull },
	{ FLAT_RING3_CS64, 0x00affb000000ffffull },
	{ FLAT_RING3_DS32, 0x00cff3000000ffffull },
};

static void gdt_map(struct xen *x, unsigned i, u64 mfn)
{
	u64 *l1 = (u64 *)(void *)frame_host(x, x->gdt_l1);

	l1[i] = mfn == MFN_NONE ? 0 : mfn << GUEST_PAGE_SHIFT | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
}

int segments_init(struct xen *x)
{
	u64 *gdt = (u64 *)(void *)frame_host(x, x->gdt_reserved);

	memset(gdt, 0, GUEST_PAGE_SIZE);
	for (unsigned i = 0; i < ARRAY_SIZE(flat); i++)
		gdt[(flat[i].sel & 0xfff) / 8] = flat[i].desc;
	for (unsigned i = 0; i < ARRAY_SIZE(x->gdt_frame); i++) {
		x->gdt_frame[i] = MFN_NONE;
		gdt_map(x, i, MFN_NONE);
	}
	gdt_map(x, RESERVED_PAGE, x->gdt_reserved);
	x->gdt_entries = 0;
	x->v->gdt = (struct dtr){ GDT_AT, (RESERVED_PAGE + 1) * GUEST_PAGE_SIZE - 1 };
	return 0;
}

void segment_cs(struct vcpu *v, u16 sel)
{
	bool is64 = sel != FLAT_RING3_CS32;

	v->seg[SEG_CS] = (struct seg){ sel, SEG_G | SEG_P | SEG_S | SEG_DPL | 0xb |
				       (is64 ? SEG_L : SEG_DB), UINT32_MAX, 0 };
	v->seg[SEG_SS] = (struct seg){ FLAT_RING3_SS64, SEG_G | SEG_DB | SEG_P | SEG_S | SEG_DPL | 3,
				       UINT32_MAX, 0 };
	v->cpl = 3;
}

i64 hc_set_gdt(struct xen *x, const u64 a[6])
{
	unsigned entries = (unsigned)a[1], n = (entries + 511) / 512, i;
	u64 frame[14];
	int rc = 0;

	if (entries > RESERVED_FIRST)
		return -EINVAL;
	if (guest_read(x, a[0], frame, n * 8))
		return -EFAULT;
	for (i = 0; i < n && !rc; i++)
		rc = type_get(x, frame[i], T_SEGMENT);
	if (rc) {
		for (i--; i-- > 0;)
			type_put(x, frame[i]);
		return rc;
	}
	for (i = 0; i < ARRAY_SIZE(x->gdt_frame); i++) {
		if (x->gdt_frame[i] != MFN_NONE)
			type_put(x, x->gdt_frame[i]);
		x->gdt_frame[i] = i < n ? frame[i] : MFN_NONE;
		gdt_map(x, i, x->gdt_frame[i]);
	}
	x->gdt_entries = entries;
	x->flush = true;
	return 0;
}

i64 hc_descriptor(struct xen *x, const u64 a[6])
{
	u64 mfn = a[0] >> GUEST_PAGE_SHIFT, desc = a[1];
	struct frame *f = frame_of(x, mfn);

	if (a[0] % 8 || !f || f->owner != OWN_GUEST || descriptor_fix(&desc))
		return -EINVAL;
	if (f->count && f->type != T_SEGMENT && f->type != T_WRITABLE)
		return -EINVAL;
	memcpy(frame_host(x, mfn) + (a[0] & (GUEST_PAGE_SIZE - 1)), &desc, 8);
	mem_written(x->mem, GPA(a[0]), 8);
	return 0;
}

i64 hc_segment_base(struct xen *x, const u64 a[6])
{
	struct vcpu *v = x->v;
	u64 base = a[1];

	if (a[0] != SEGBASE_GS_USER_SEL && (u64)((i64)(base << 16) >> 16) != base)
		return -EINVAL;
	switch (a[0]) {
	case SEGBASE_FS:
		v->seg[SEG_FS].base = base;
		return 0;
	case SEGBASE_GS_USER:
		v->kernel_gs_base = base; /* of the mode that is not running */
		return 0;
	case SEGBASE_GS_KERNEL:
		v->seg[SEG_GS].base = base;
		return 0;
	case SEGBASE_GS_USER_SEL:
		/* Only the null selector, and what it means for the base. */
		v->kernel_gs_base = 0;
		return 0;
	}
	return -EINVAL;
}
