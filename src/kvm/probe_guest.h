/* probe_guest.h - where the probe's guest finds things, for its C and its assembly side. */
#ifndef PANDOK_KVM_PROBE_GUEST_H
#define PANDOK_KVM_PROBE_GUEST_H

/* Ports the guest reports on. */
#define PROBE_PORT_STEP 0x99 /* step number that begins */
#define PROBE_PORT_FAIL 0x9a /* the step's check failed */
#define PROBE_PORT_DONE 0x9b
#define PROBE_PORT_TRAP 0x9c /* vector of an exception that nobody expected */
#define PROBE_PORT_ECHO 0x9d /* takes bytes; reads give the number taken */

/* Physical places. */
#define PROBE_PML4 0x1000
#define PROBE_PML4_OTHER 0x2000 /* the same but for the page at PROBE_FAR */
#define PROBE_TABLES 0x3000     /* the lower levels, up to PROBE_TABLES_END */
#define PROBE_TABLES_END 0xe000
#define PROBE_GDT 0xe000
#define PROBE_TSS 0xe800
#define PROBE_IDT 0xf000
#define PROBE_PARAM 0xe900 /* u32: what CPUID leaf 40000010h says in eax */
#define PROBE_BASE 0x10000 /* the code */
#define PROBE_STACK 0x20000
#define PROBE_USER_CODE 0x30000
#define PROBE_PAGE_A 0x40000
#define PROBE_PAGE_B 0x41000

/* Linear places: Linux's kernel image, direct map and vmalloc area, and a process. */
#define PROBE_HIGH 0xffffffff80000000
#define PROBE_DIRECT 0xffff888000000000
#define PROBE_FAR 0xffffc90000000000 /* 4 KiB pages; the first is mapped on fault */
#define PROBE_FAR_PTE (PROBE_TABLES_END - 0x1000) /* its page-table entry, physical */
#define PROBE_USER 0x400000
#define PROBE_MMIO 0xd0000000 /* identity mapped, no RAM */

/* Selectors. */
#define PROBE_CS 0x08
#define PROBE_DS 0x10
#define PROBE_USER_BASE 0x18
#define PROBE_USER_DS 0x23
#define PROBE_USER_CS 0x2b
#define PROBE_TR 0x30
#define PROBE_STAR (PROBE_USER_BASE << 48 | PROBE_CS << 32)

#define PROBE_IRQ 0x40 /* vector of its interrupts */

#endif
