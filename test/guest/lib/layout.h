/* layout.h - addresses and selectors that assembly, C and the linker script share. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

#define USER_WINDOW 0x400000 /* 2 MiB that ring 3 may use: section .user, then user stacks */
#define USER_STACK 0x5ff000
#define HEAP 0x800000        /* page_alloc() hands out from here */
#define TEST_VA 0x8000000000 /* nothing mapped in its level-4 entry at start; for map() */

#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_UCODE32 0x1b
#define SEL_UDATA 0x23
#define SEL_UCODE64 0x2b
#define SEL_CODE32 0x30
#define SEL_CODE16 0x38
#define SEL_DATA16 0x40
#define SEL_TSS 0x48
#define SEL_SPARE 0x58 /* first of GDT_SPARE free descriptors */
#define GDT_SPARE 16

#endif
