/* layout.h - who uses which guest-physical addresses at boot. */
#ifndef PANDOK_VM_LAYOUT_H
#define PANDOK_VM_LAYOUT_H

/*
 * The first MiB of a PC. Loaders put their tables at LAYOUT_TABLES and above, wherever the kernel
 * is not; the fixed ones come first. RAM under the hole is real, but no guest is told of it: the
 * board keeps its ACPI tables there.
 *
 *   0x00000  interrupt vectors and BIOS data area, zero
 *   0x01000  boot loaders: GDT, page tables, zero page, start info, command line …
 *   0x9fc00  extended BIOS data area: reserved
 *   0xa0000  video memory and ROMs of a PC: nothing
 *   0xe0000  the board's ACPI tables: reserved
 *   0x100000 the rest of RAM
 */
#define LAYOUT_TABLES 0x1000u
#define LAYOUT_LOW_END 0x9fc00u
#define LAYOUT_HOLE 0xa0000u
#define LAYOUT_BOARD 0xe0000u
#define LAYOUT_HIGH 0x100000u

#endif
