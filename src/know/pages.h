/* pages.h - which pages of a Linux guest are the kernel's. */
#ifndef PANDOK_KNOW_PAGES_H
#define PANDOK_KNOW_PAGES_H

#include "know/kernel.h"

/* pages_mark - set a bit in drop for each page below max_pfn that is free or holds only what
 * programs and files do. Marks nothing when the guest's page table of pages is not understood. */
void pages_mark(struct kernel *k, u64 max_pfn, u8 *drop);

#endif
