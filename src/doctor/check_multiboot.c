/* check_multiboot.c - Multiboot headers, those that are right and those that nearly are. */
#include <string.h>

#include "doctor/int.h"

/* Source: Multiboot Specification 0.6.96, 3.1.1; Multiboot2 Specification 2.0, 3.1.1. */
#define MAGIC1 0x1badb002u
#define SEARCH1 8192
#define MAGIC2 0xe85250d6u
#define SEARCH2 32768
#define LOOK MIB(1) /* how far for one that is too late */

static void words(const struct doctor *d, u64 at, u32 w[4])
{
	u64 left = d->len - at;

	memset(w, 0, 16);
	memcpy(w, d->data + at, left < 16 ? left : 16);
}

/* Look at offset at for a header; n words that add up to zero make it valid. */
static void look(const struct doctor *d, u64 at, struct doctor_header *h, bool two)
{
	u32 w[4];
	bool sum, near = at + 12 <= (two ? SEARCH2 : SEARCH1), aligned = at % (two ? 8 : 4) == 0;

	words(d, at, w);
	if (w[0] != (two ? MAGIC2 : MAGIC1) || h->found)
		return;
	sum = w[0] + w[1] + w[2] + (two ? w[3] : 0) == 0;
	if (sum && near && aligned) {
		*h = (struct doctor_header){ .found = true, .at = at, .flags = w[1] };
		return;
	}
	/* The value alone may be code that compares with it, except where a header belongs. */
	if (h->late || h->misaligned || (!sum && !(near && aligned)))
		return;
	h->at = at;
	h->bad_sum = !sum;
	h->misaligned = sum && !aligned;
	h->late = sum && aligned;
}

void multiboot_find(struct doctor *d)
{
	u64 end = d->len < LOOK ? d->len : LOOK;

	for (u64 at = 0; at + 12 <= end; at++) {
		const u8 *p = d->data + at;

		if (*p == (u8)MAGIC1)
			look(d, at, &d->multiboot, false);
		else if (*p == (u8)MAGIC2)
			look(d, at, &d->multiboot2, true);
	}
}

static void nearly(struct doctor *d, const struct doctor_check *c, const struct doctor_header *h,
		   const char *name, unsigned search, unsigned align)
{
	unsigned severity = d->can ? DOCTOR_NOTE : DOCTOR_FATAL;

	if (h->late)
		doctor_add_as(d, c, severity, name, 0, "the header is at file offset 0x%llx, and loaders "
			      "look only at the first %u bytes", (ull)h->at, search);
	else if (h->misaligned)
		doctor_add_as(d, c, severity, name, 0, "the header at file offset 0x%llx is not aligned "
			      "to %u", (ull)h->at, align);
	else if (h->bad_sum)
		doctor_add_as(d, c, severity, name, 0, "magic, flags and checksum at file offset 0x%llx "
			      "do not add up to zero", (ull)h->at);
}

/* The address fields of Multiboot 1 have to agree with where the header is. */
static void fields_check(struct doctor *d, const struct doctor_check *c)
{
	u32 f[5];
	u64 at = d->multiboot.at + 12;

	if (d->len - at < sizeof(f)) {
		doctor_add(d, c, "multiboot", 0, "the file ends inside its Multiboot header");
		return;
	}
	memcpy(f, d->data + at, sizeof(f)); /* header, load, load end, bss end, entry */
	if (f[0] < f[1] || f[0] - f[1] > d->multiboot.at)
		doctor_add(d, c, "multiboot", f[0], "it says that it is loaded at 0x%x with the header "
			   "at 0x%x, but the header is 0x%llx bytes into the file", f[1], f[0],
			   (ull)d->multiboot.at);
	else if ((f[2] && f[2] < f[1]) ||
		 (f[2] && f[2] - f[1] > d->len - (d->multiboot.at - (f[0] - f[1]))))
		doctor_add(d, c, "multiboot", f[2], "its load_end_addr 0x%x is outside the file", f[2]);
	else if (f[4] < f[1] || (f[2] && f[4] >= f[2]))
		doctor_add(d, c, "multiboot", f[4], "its entry 0x%x lies outside what it loads", f[4]);
}

CHECK(check_multiboot)
{
	if (!d->multiboot.found)
		nearly(d, c, &d->multiboot, "multiboot", SEARCH1, 4);
	if (!d->multiboot2.found)
		nearly(d, c, &d->multiboot2, "multiboot2", SEARCH2, 8);
	if (multiboot_flat(d))
		fields_check(d, c);
}
