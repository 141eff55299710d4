/* acpi.c - the ACPI tables, as bytes for guest RAM. Source: ACPI 6.5 chapter 5; PCI Firmware 3.2 4.1.2
 * for MCFG. What they describe is in pc.h, apic.h and pci.h; the DSDT is compiled from dsdt.asl. */
#define _GNU_SOURCE
#include <string.h>

#include "dev/dev.h"
#include "gen/dsdt.h"

#define OEM "PANDOK"
#define HEADER 36
#define FACS_SIZE 64

/* Where the DSDT's 64-bit window starts and ends until it is filled in. */
#define WINDOW_MARK 0x1122330000000000ull
#define WINDOW_SIZE 0x2000000000ull

struct builder {
	u8 *buf;
	u64 at;      /* guest-physical address of buf */
	size_t used;
};

static void put(u8 *p, unsigned n, u64 val)
{
	memcpy(p, &val, n); /* little-endian, as the host */
}

static u8 checksum(const u8 *p, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return (u8)-sum;
}

/* Room for len bytes on a boundary that suits every table. */
static u8 *take(struct builder *b, size_t len)
{
	u8 *p;

	b->used = (b->used + 63) & ~(size_t)63;
	p = b->buf + b->used;
	BUG_ON(b->used + len > ACPI_TABLES_MAX);
	b->used += len;
	return p;
}

static u64 where(const struct builder *b, const u8 *p)
{
	return b->at + (u64)(p - b->buf);
}

static void header(u8 *p, const char *name, unsigned revision, size_t len)
{
	memcpy(p, name, 4);
	put(p + 4, 4, len);
	p[8] = (u8)revision;
	memcpy(p + 10, OEM, 6);
	memcpy(p + 16, OEM "  ", 8);
	put(p + 24, 4, 1);
	memcpy(p + 28, "PNDK", 4);
	put(p + 32, 4, 1);
}

static void seal(u8 *p)
{
	u32 len;

	memcpy(&len, p + 4, sizeof(len));
	p[9] = 0;
	p[9] = checksum(p, len);
}

static u8 *build_facs(struct builder *b)
{
	u8 *p = take(b, FACS_SIZE);

	memcpy(p, "FACS", 4);
	put(p + 4, 4, FACS_SIZE);
	p[32] = 2;
	return p;
}

static u8 *build_dsdt(struct builder *b, const struct acpi_config *c)
{
	static const u8 legacy_mark[] = { 'L', 'G', 'C', 'Y', 0x0a, 0xa5 }; /* a name, and a byte */
	u8 *p = take(b, sizeof(dsdt_aml_code));
	u64 mark = WINDOW_MARK;
	u8 *min, *legacy;

	memcpy(p, dsdt_aml_code, sizeof(dsdt_aml_code));
	min = memmem(p, sizeof(dsdt_aml_code), &mark, sizeof(mark));
	legacy = memmem(p, sizeof(dsdt_aml_code), legacy_mark, sizeof(legacy_mark));
	BUG_ON(!min || !legacy);
	put(min, 8, c->mmio64_at);
	put(min + 8, 8, c->mmio64_at + WINDOW_SIZE - 1);
	legacy[5] = c->legacy ? 0x0f : 0; /* as _STA has it */
	seal(p);
	return p;
}

/* Generic address structure: space 1 is ports. ACPI 5.2.3.2. */
static void put_gas(u8 *p, unsigned bytes, unsigned port)
{
	p[0] = 1;
	p[1] = (u8)(bytes * 8);
	p[3] = bytes == 1 ? 1 : bytes == 2 ? 2 : 3;
	put(p + 4, 8, port);
}

/* FADT offsets and flags. ACPI 5.2.9. */
enum {
	F_FACS = 36, F_DSDT = 40, F_PROFILE = 45, F_SCI = 46, F_PM1_EVT = 56, F_PM1_CNT = 64,
	F_PM_TMR = 76, F_PM1_EVT_LEN = 88, F_PM1_CNT_LEN = 89, F_PM_TMR_LEN = 91, F_C2 = 96, F_C3 = 98,
	F_CENTURY = 108, F_BOOT = 109, F_FLAGS = 112, F_RESET = 116, F_RESET_VALUE = 128,
	F_MINOR = 131, F_X_FACS = 132, F_X_DSDT = 140, F_X_PM1_EVT = 148, F_X_PM1_CNT = 172,
	F_X_PM_TMR = 208, F_SIZE = 276,
};
enum { /* WBINVD, C1, no sleep button, RTC not a wake event, 32-bit timer, reset register */
	FADT_FLAGS = 1 << 0 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 10,
	BOOT_LEGACY = 1 << 0 /* UARTs */, BOOT_8042 = 1 << 1 /* worth waiting for */,
	BOOT_NO_VGA = 1 << 2,
};

static u8 *build_fadt(struct builder *b, bool legacy, const u8 *facs, const u8 *dsdt)
{
	u8 *p = take(b, F_SIZE);

	header(p, "FACP", 6, F_SIZE);
	p[F_MINOR] = 3;
	put(p + F_FACS, 4, where(b, facs));
	put(p + F_DSDT, 4, where(b, dsdt));
	put(p + F_X_DSDT, 8, where(b, dsdt));
	p[F_PROFILE] = 4; /* a server */
	put(p + F_SCI, 2, PM_SCI);
	put(p + F_PM1_EVT, 4, PM_BASE);
	put(p + F_PM1_CNT, 4, PM_CONTROL);
	put(p + F_PM_TMR, 4, PM_TIMER);
	p[F_PM1_EVT_LEN] = 4;
	p[F_PM1_CNT_LEN] = 2;
	p[F_PM_TMR_LEN] = 4;
	put(p + F_C2, 2, 0xfff); /* C2 and C3 are slower than anyone would use: there are none */
	put(p + F_C3, 2, 0xfff);
	p[F_CENTURY] = 0x32;
	put(p + F_BOOT, 2, BOOT_LEGACY | (legacy ? BOOT_8042 : BOOT_NO_VGA));
	put(p + F_FLAGS, 4, FADT_FLAGS);
	put_gas(p + F_RESET, 1, 0xcf9);
	p[F_RESET_VALUE] = 6;
	put_gas(p + F_X_PM1_EVT, 2, PM_BASE);
	p[F_X_PM1_EVT + 1] = 32;
	put_gas(p + F_X_PM1_CNT, 2, PM_CONTROL);
	put_gas(p + F_X_PM_TMR, 4, PM_TIMER);
	seal(p);
	return p;
}

/* MADT entries. ACPI 5.2.12. */
static u8 *put_lapic(u8 *p, unsigned cpu)
{
	p[0] = 0;
	p[1] = 8;
	p[2] = p[3] = (u8)cpu;
	put(p + 4, 4, 1);
	return p + 8;
}

static u8 *put_ioapic(u8 *p)
{
	p[0] = 1;
	p[1] = 12;
	put(p + 4, 4, IOAPIC_BASE);
	return p + 12;
}

/* flags: bits 0-1 polarity (1 high), 2-3 trigger (1 edge, 3 level); 0 as the ISA bus has it */
static u8 *put_override(u8 *p, unsigned irq, unsigned gsi, unsigned flags)
{
	p[0] = 2;
	p[1] = 10;
	p[3] = (u8)irq;
	put(p + 4, 4, gsi);
	put(p + 8, 2, flags);
	return p + 10;
}

/* LINT1 is NMI on every processor. */
static u8 *put_nmi(u8 *p)
{
	p[0] = 4;
	p[1] = 6;
	p[2] = 0xff;
	p[5] = 1;
	return p + 6;
}

static u8 *build_madt(struct builder *b, unsigned ncpus)
{
	size_t len = HEADER + 8 + 8 * ncpus + 12 + 2 * 10 + 6;
	u8 *p = take(b, len), *q = p + HEADER + 8;

	header(p, "APIC", 5, len);
	put(p + HEADER, 4, LAPIC_BASE);
	put(p + HEADER + 4, 4, 1); /* a PC/AT PIC pair is there too */
	for (unsigned i = 0; i < ncpus; i++)
		q = put_lapic(q, i);
	q = put_ioapic(q);
	q = put_override(q, 0, 2, 0);
	q = put_override(q, PM_SCI, PM_SCI, 0xd);
	q = put_nmi(q);
	BUG_ON(q != p + len);
	seal(p);
	return p;
}

static u8 *build_mcfg(struct builder *b)
{
	size_t len = HEADER + 8 + 16;
	u8 *p = take(b, len);

	header(p, "MCFG", 1, len);
	put(p + HEADER + 8, 8, PCI_ECAM_BASE);
	p[HEADER + 8 + 11] = 0xff; /* buses 0..255 of segment 0 */
	seal(p);
	return p;
}

static u8 *build_xsdt(struct builder *b, u8 *const *table, unsigned n)
{
	size_t len = HEADER + 8 * n;
	u8 *p = take(b, len);

	header(p, "XSDT", 1, len);
	for (unsigned i = 0; i < n; i++)
		put(p + HEADER + 8 * i, 8, where(b, table[i]));
	seal(p);
	return p;
}

/* ACPI 1.0's root with 32-bit addresses, for hobby kernels that know no other. */
static u8 *build_rsdt(struct builder *b, u8 *const *table, unsigned n)
{
	size_t len = HEADER + 4 * n;
	u8 *p = take(b, len);

	header(p, "RSDT", 1, len);
	for (unsigned i = 0; i < n; i++)
		put(p + HEADER + 4 * i, 4, where(b, table[i]));
	seal(p);
	return p;
}

static void fill_rsdp(struct builder *b, u8 *p, const u8 *rsdt, const u8 *xsdt)
{
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, OEM, 6);
	p[15] = 2;
	put(p + 16, 4, where(b, rsdt));
	put(p + 20, 4, ACPI_RSDP_SIZE);
	put(p + 24, 8, where(b, xsdt));
	p[8] = checksum(p, 20);
	p[32] = checksum(p, ACPI_RSDP_SIZE);
}

/*D:700 What the guest believes about its machine
 * The root pointer leads to XSDT and RSDT, they to the tables: processors and interrupt wiring in the
 * MADT, power management ports in the FADT, configuration space in the MCFG, and devices in the
 * DSDT's byte code, which iasl makes from dsdt.asl when pandok is built.
 * @test acpi_tables_have_checksums
 */
size_t acpi_build(const struct acpi_config *c, u8 *buf)
{
	struct builder b = { .buf = buf, .at = c->at };
	u8 *rsdp = take(&b, ACPI_RSDP_SIZE), *facs = build_facs(&b), *dsdt = build_dsdt(&b, c);
	u8 *const table[] = {
		build_fadt(&b, c->legacy, facs, dsdt), build_madt(&b, c->ncpus), build_mcfg(&b),
	};
	u8 *rsdt = build_rsdt(&b, table, ARRAY_SIZE(table));
	u8 *xsdt = build_xsdt(&b, table, ARRAY_SIZE(table));

	fill_rsdp(&b, rsdp, rsdt, xsdt);
	return b.used;
}
