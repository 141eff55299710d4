/* board_bios.c - what a board has for a BIOS: the items of fw_cfg and the ACPI tables. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vm/board_int.h"

#define COM1_PORT 0x3f8

/* An address range of etc/e820; numbers as ACPI 6.5, 15.1 has them. */
struct range {
	u64 at, len;
	u32 type;
} __attribute__((packed));
enum { RANGE_RAM = 1, RANGE_RESERVED = 2 };

/* A command of etc/table-loader. Source: SeaBIOS, docs/specs/bios-linker-loader in QEMU's tree. */
struct loader_command {
	u32 command;
	char file[56];
	u32 align;
	u8 zone;
	u8 unused[63];
} __attribute__((packed));
enum { LOADER_ALLOCATE = 1, LOADER_LOW_ZONE = 2 };
#define RSDP_FILE "etc/acpi/rsdp"

static u64 low_end(const struct board *b)
{
	u64 ram = b->config.mem->ram;

	return ram < MEM_LOW_MAX ? ram : MEM_LOW_MAX;
}

struct disk *board_floppy(const struct board *b)
{
	for (unsigned i = 0; i < b->config.cards.ndisks; i++)
		if (b->config.cards.disk[i].on == VM_DISK_FLOPPY)
			return b->config.cards.disk[i].disk;
	return NULL;
}

gpa_t board_tables_at(const struct board *b)
{
	return GPA(b->config.bios ? low_end(b) - ACPI_TABLES_MAX : BOARD_TABLES_AT);
}

static int add_map(struct board *b, struct err *e)
{
	u64 tables = board_tables_at(b).at, ram = b->config.mem->ram;
	const struct range range[] = {
		{ 0, tables, RANGE_RAM },
		{ tables, ACPI_TABLES_MAX, RANGE_RESERVED },
		{ PCI_ECAM_BASE, 0x10000000, RANGE_RESERVED },
		{ MEM_HIGH, ram - low_end(b), RANGE_RAM },
	};
	u32 n = ram > low_end(b) ? 4 : 3;

	return fwcfg_add_file(&b->fwcfg, "etc/e820", range, n * (u32)sizeof(range[0]), e);
}

/*
 * The tables are in RAM already, with their addresses in them. All that is left for the BIOS is to
 * put a copy of the root pointer where systems look for it.
 */
static int add_rsdp(struct board *b, struct err *e)
{
	struct loader_command c = {
		.command = LOADER_ALLOCATE, .file = RSDP_FILE, .align = 16, .zone = LOADER_LOW_ZONE,
	};
	const u8 *rsdp = mem_host(b->config.mem, board_tables_at(b), ACPI_RSDP_SIZE);
	int rc = fwcfg_add_file(&b->fwcfg, "etc/table-loader", &c, sizeof(c), e);

	BUG_ON(!rsdp);
	return rc ? rc : fwcfg_add_file(&b->fwcfg, RSDP_FILE, rsdp, ACPI_RSDP_SIZE, e);
}

int board_firmware(struct board *b, const void *vga_rom, u32 vga_len, struct err *e)
{
	const u16 cpus = (u16)b->config.ncpus, port = COM1_PORT, no_menu = 0;
	struct dev *d = &b->fwcfg;
	int rc = fwcfg_add(d, FWCFG_NB_CPUS, &cpus, sizeof(cpus), e);

	if (!rc)
		rc = fwcfg_add(d, FWCFG_MAX_CPUS, &cpus, sizeof(cpus), e);
	if (!rc)
		rc = fwcfg_add_file(d, "etc/show-boot-menu", &no_menu, sizeof(no_menu), e);
	if (!rc)
		rc = fwcfg_add_file(d, "etc/sercon-port", &port, sizeof(port), e);
	if (!rc && vga_len)
		rc = fwcfg_add_file(d, "vgaroms/vga.bin", vga_rom, vga_len, e);
	if (!rc)
		rc = add_map(b, e);
	return rc ? rc : add_rsdp(b, e);
}
