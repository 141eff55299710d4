/* int.h - what the checks share. */
#ifndef PANDOK_DOCTOR_INT_H
#define PANDOK_DOCTOR_INT_H

#include "doctor/doctor.h"

typedef unsigned long long ull;

/* doctor_add - a finding of check c; its severity is lowered when some wanted protocol is not hit. */
void doctor_add(struct doctor *d, const struct doctor_check *c, const char *where, u64 addr,
		const char *fmt, ...) PRINTF(5, 6);

/* As doctor_add, at most that severe. */
void doctor_add_as(struct doctor *d, const struct doctor_check *c, unsigned severity,
		   const char *where, u64 addr, const char *fmt, ...) PRINTF(6, 7);

/* ---- the file, for all checks ---- */

/* Walk over PT_LOADs with memory, and over sections that are in memory. */
bool load_next(const struct doctor *d, unsigned *i, struct elf_segment *ret);
bool alloc_next(const struct doctor *d, unsigned *i, struct elf_section *ret);

bool load_of(const struct doctor *d, u64 vaddr, struct elf_segment *ret);     /* PT_LOAD at vaddr */
bool load_of_phys(const struct doctor *d, u64 paddr, struct elf_segment *ret);
u64 load_lowest(const struct doctor *d); /* lowest vaddr; 0 none */
bool section_of(const struct doctor *d, u64 vaddr, struct elf_section *ret);

/* entry_code - the entry's bytes in the file for a protocol, at most max; 0 when there are none. */
u64 entry_code(const struct doctor *d, unsigned protocol, const u8 **ret, u64 max);
/* entry_addr - its address: virtual for Xen and Linux, physical for the 32-bit protocols. */
u64 entry_addr(const struct doctor *d, unsigned protocol);

/* Does a load address in the Multiboot header replace the ELF segments? */
bool multiboot_flat(const struct doctor *d);

void multiboot_find(struct doctor *d);

#define CHECK(name) void name(struct doctor *d, const struct doctor_check *c)

CHECK(check_hypercall_moved);
CHECK(check_hypercall_shared);
CHECK(check_note_first);
CHECK(check_text_start);
CHECK(check_protocol);
CHECK(check_note_segment);
CHECK(check_note_damaged);
CHECK(check_xen_says);
CHECK(check_xen_offset);
CHECK(check_entry);
CHECK(check_entry_first);
CHECK(check_class);
CHECK(check_pie);
CHECK(check_relocs);
CHECK(check_overlap);
CHECK(check_congruent);
CHECK(check_page_size);
CHECK(check_high);
CHECK(check_rwx);
CHECK(check_stack_note);
CHECK(check_multiboot);
CHECK(check_orphan);
CHECK(check_unwind);
CHECK(check_bss);
CHECK(check_canary);
CHECK(check_red_zone);
CHECK(check_xen_hole);
CHECK(check_stripped);
CHECK(check_ibt);
CHECK(check_alignment);
CHECK(check_truncated);
CHECK(check_for_x86);
CHECK(check_bzimage);
CHECK(check_init_array);

#endif
