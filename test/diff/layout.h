/* layout.h - where a sequence's memory lies; the same addresses natively and in the guest. */
#ifndef DIFF_LAYOUT_H
#define DIFF_LAYOUT_H

#include "base/types.h"

/*
 * One set of frames is mapped at several slides, so that a sequence runs with small addresses,
 * with addresses that have bit 31 set, or with addresses above 4 GiB. Everything between the
 * areas is a hole.
 */
enum { PROT_RW = 0, PROT_RO = 1, PROT_RWX = 2 };

enum area { AREA_CODE, AREA_DATA, AREA_STACK, AREA_N };

struct frame {
	u64 va; /* before the slide */
	u8 prot;
	u8 area;
};

#define FRAMES 8
#define CODE_PAGES 2
#define CODE_VA 0x10000000ull
#define DATA_VA 0x20000000ull /* RW, RW, RO, RW */
#define DATA_RO (DATA_VA + 0x2000)
#define DATA_END (DATA_VA + 0x4000)
#define STACK_VA 0x30000000ull
#define STACK_END (STACK_VA + 0x2000)

#define IMAGE_SIZE (FRAMES * GUEST_PAGE_SIZE)
#define IMAGE_CODE 0
#define IMAGE_DATA (CODE_PAGES * GUEST_PAGE_SIZE)
#define IMAGE_DATA_SIZE (IMAGE_SIZE - IMAGE_DATA)

extern const struct frame frames[FRAMES];

enum { SLIDE_LOW, SLIDE_BIT31, SLIDE_HIGH, SLIDE_N };
extern const u64 slides[SLIDE_N];

/*
 * Segments of the local descriptor table, natively set with modify_ldt(). Limits count bytes, or
 * pages when `pages` is set. Row i has selector ldt_sel(i).
 */
struct ldt_row {
	u64 base; /* before the slide, unless flat */
	u32 limit;
	bool flat, pages, read_only, down, absent, code, small; /* small: 16-bit */
};
#define LDT_KINDS 10
#define LDT_CODE16 8
#define LDT_STACK 9
#define LDT_SLIDES 2 /* a base has 32 bits */
#define LDT_ROWS (LDT_KINDS * LDT_SLIDES)

extern const struct ldt_row ldt_rows[LDT_KINDS];
static inline u16 ldt_sel(unsigned slide, unsigned kind)
{
	return (u16)((slide * LDT_KINDS + kind) << 3 | 7);
}
u64 ldt_base(unsigned row);

/* The first bytes of the data area hold small integers, for gathers and table look-ups. */
#define SMALL_DWORDS DATA_VA
#define SMALL_QWORDS (DATA_VA + 0x100)
#define SMALL_SIZE 0x100

/*
 * image_fill - the memory a sequence starts with: everything but the code comes from one fixed
 * pool of interesting bytes, taken at an offset that salt chooses.
 *   image  IMAGE_SIZE bytes
 */
void image_fill(u8 *image, u32 salt, const u8 *code, u32 code_at, u32 code_len);

/* image_init - make the pool. Once, before any fill. */
void image_init(void);

/* image_offset - place of an address in the image, or -1 when it is in no frame. */
i64 image_offset(u64 va);

#endif
