/* layout.c - draws a file: everything that has an address, on one axis. */
#include <stdlib.h>
#include <string.h>

#include "doctor/int.h"

#define ITEMS 400

/*G:300 What moved what
 * Numbers in three tables do not show that a note stands where the code was to be. Drawn on one axis,
 * segments beside sections beside symbols, they do: text for the terminal, SVG for a page.
 * @test doctor-layout
 */
enum kind { SEGMENT, SECTION, SYMBOL, ENTRY, DECLARED };

struct item {
	u64 at, len;
	enum kind kind;
	bool note;
	char name[64];
};

struct items {
	unsigned n;
	struct item at[ITEMS];
};

static void put(struct items *t, u64 at, u64 len, enum kind kind, bool note, const char *name)
{
	struct item *i = &t->at[t->n];

	if (t->n == ITEMS)
		return;
	t->n++;
	*i = (struct item){ at, len, kind, note, "" };
	snprintf(i->name, sizeof(i->name), "%s", name);
}

static const char *const interesting[] = {
	"_start", "_text", "_stext", "_etext", "_end", "__bss_start", "hypercall_page", "shared_info",
	"stack", "start_kernel", "startup_64", "startup_xen", "xen_start", "pvh_start_xen", "multiboot_header",
	"_GLOBAL_OFFSET_TABLE_",
};

static int by_address(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->kind != y->kind)
		return (int)x->kind - (int)y->kind;
	return x->len > y->len ? -1 : x->len < y->len;
}

static void collect(const struct doctor *d, struct items *t)
{
	char name[64];
	struct elf_segment s;
	struct elf_section sec;
	struct elf_symbol sym;

	t->n = 0;
	for (unsigned i = 0; load_next(d, &i, &s);) {
		snprintf(name, sizeof(name), "LOAD %c%c%c phys 0x%llx file 0x%llx",
			 s.flags & ELF_R ? 'r' : '-', s.flags & ELF_W ? 'w' : '-',
			 s.flags & ELF_X ? 'x' : '-', (ull)s.paddr, (ull)s.offset);
		put(t, s.vaddr, s.memsz, SEGMENT, false, name);
	}
	for (unsigned i = 0; alloc_next(d, &i, &sec);)
		put(t, sec.addr, sec.size, SECTION, sec.type == SHT_NOTE, sec.name);
	for (unsigned i = 0; i < ARRAY_SIZE(interesting); i++)
		if (elf_symbol_find(&d->symbols, interesting[i], &sym))
			put(t, sym.value, 0, SYMBOL, false, sym.name);
	if (d->is_elf && d->elf.nseg)
		put(t, d->elf.entry, 0, ENTRY, false, "entry");
	if (d->has_xen && d->xen.hypercall_page.given)
		put(t, d->xen.hypercall_page.v, GUEST_PAGE_SIZE, DECLARED, true,
		    "hypercall page, as declared");
	qsort(t->at, t->n, sizeof(t->at[0]), by_address);
}

static void line(const struct item *i, FILE *to)
{
	static const char *const mark[] = { "+-- ", "|  [", "|     - ", "|     > ", "|     * " };

	fprintf(to, "  0x%-16llx %s%s%s", (ull)i->at, mark[i->kind], i->name,
		i->kind == SECTION ? "]" : "");
	if (i->len)
		fprintf(to, " 0x%llx bytes", (ull)i->len);
	fprintf(to, "%s\n", i->kind == SECTION && i->note ? " (note)" : "");
}

void doctor_layout(const struct doctor *d, FILE *to)
{
	struct items *t = calloc(1, sizeof(*t));

	if (!t)
		return;
	collect(d, t);
	for (unsigned i = 0; i < t->n; i++)
		line(&t->at[i], to);
	if (!t->n)
		fprintf(to, "  nothing in it has an address\n");
	free(t);
}

/* XML takes no bare markup, and a section's name is anybody's. */
static void text_out(const char *s, FILE *to)
{
	for (; *s; s++) {
		if (*s == '<' || *s == '>' || *s == '&' || *s == '"' || (u8)*s < ' ' || (u8)*s >= 0x7f)
			fprintf(to, "&#%u;", (u8)*s < ' ' ? '?' : (u8)*s);
		else
			fputc(*s, to);
	}
}

#define ROW 22
#define COL_AXIS 150
#define COL_SECTION 460
#define COL_SYMBOL 640

static unsigned row_of(const struct items *t, u64 at)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->at[i].at >= at)
			return i;
	return t->n;
}

static void box(const struct items *t, const struct item *i, FILE *to)
{
	static const char *const colour[] = { "#dbe7f5", "#eef3e2", "none", "none", "none" };
	unsigned top = row_of(t, i->at) * ROW, bottom = row_of(t, i->at + i->len) * ROW;
	unsigned x = i->kind == SEGMENT ? COL_AXIS : i->kind == SECTION ? COL_SECTION : COL_SYMBOL;

	if (i->kind <= SECTION)
		fprintf(to, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"%s\" "
			"stroke=\"#456\"/>\n", x, 40 + top, i->kind == SEGMENT ? 300 : 170,
			bottom > top ? bottom - top : ROW, i->note ? "#f7c6c0" : colour[i->kind]);
}

static void label(const struct items *t, unsigned n, FILE *to)
{
	const struct item *i = &t->at[n];
	unsigned y = 55 + n * ROW;
	unsigned x = i->kind == SEGMENT ? COL_AXIS : i->kind == SECTION ? COL_SECTION : COL_SYMBOL;

	fprintf(to, "<text x=\"10\" y=\"%u\">0x%llx</text><text x=\"%u\" y=\"%u\"%s>", y, (ull)i->at,
		x + 6, y, i->kind == DECLARED ? " fill=\"#b00\"" : "");
	text_out(i->name, to);
	fprintf(to, "</text>\n");
}

void doctor_layout_svg(const struct doctor *d, const char *title, FILE *to)
{
	struct items *t = calloc(1, sizeof(*t));

	if (!t)
		return;
	collect(d, t);
	fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"%u\" "
		"font-family=\"monospace\" font-size=\"12\">\n<text x=\"10\" y=\"20\">",
		60 + t->n * ROW);
	text_out(title, to);
	fprintf(to, "</text>\n");
	for (unsigned i = 0; i < t->n; i++)
		box(t, &t->at[i], to);
	for (unsigned i = 0; i < t->n; i++)
		label(t, i, to);
	fprintf(to, "</svg>\n");
	free(t);
}
