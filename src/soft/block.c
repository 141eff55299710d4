/* block.c - from guest bytes to a block in the cache. */
#include "soft/translate.h"

#include <time.h>

#include "base/log.h"

/*E:110 A block is made
 * Guest instructions are decoded up to a branch, the page's end or a limit; a plan says which
 * flags are live and which accesses can share a check; then code is emitted in one pass,
 * first the straight line, then what is rarely run. Beside the code the block keeps sites:
 * for each host address that may fault or call out, the guest instruction and where the
 * guest's registers are at that moment. That is what makes exceptions precise.
 */
void site_add_regs(struct tr *t, const struct regs *r, unsigned insn, unsigned insn_off, u8 flags)
{
	u64 map = r->map;
	struct site *s;
	unsigned m = t->nmaps;

	while (m && t->map[m - 1] != map)
		m--;
	if (!m) {
		BUG_ON(t->nmaps == ARRAY_SIZE(t->map));
		t->map[t->nmaps++] = map;
		m = t->nmaps;
	}
	BUG_ON(t->nsites == SITES);
	s = &t->site[t->nsites++];
	s->at = (u16)(emit_off(&t->e) - t->b->code);
	s->insn = (u8)insn;
	s->map = (u8)(m - 1);
	s->flags = flags;
	s->insn_off = flags & SITE_PC_IMM ? (u16)insn_off
		    : (u16)(t->in[insn].in.pc - t->b->pc + insn_off);
}

void site_add(struct tr *t, unsigned insn_off, u8 flags)
{
	site_add_regs(t, &t->regs, t->now, insn_off, flags);
}

unsigned exit_add(struct tr *t, u64 pc, u32 mode)
{
	struct exit *x = &t->exit[t->nexits];

	BUG_ON(t->nexits == EXITS);
	*x = (struct exit){ .owner = t->b, .pc = pc, .mode = mode };
	x->checked = t->b->crosses ||
		     ((t->b->cs_base + pc) ^ (t->b->cs_base + t->b->pc)) >> GUEST_PAGE_SHIFT;
	return t->nexits++;
}

struct insn *insn_keep(struct tr *t, const struct dinsn *d)
{
	struct insn *in = cache_alloc(t->region, sizeof(*in));

	*in = d->in;
	in->left = (u8)(t->n - t->now);
	in->row = d->action == A_UD ? NULL : d->row;
	return in;
}

/* ---- fetch and decode ---- */

/* The bytes at pc up to the end of the page, and of the next page when an instruction goes on
 * there. */
struct fetch {
	const u8 *bytes;
	unsigned room;
	u8 buf[32];
};

static enum step fetch_second(struct tr *t, struct fetch *f, u64 lin)
{
	struct mem *m = t->so->en.config.mem;
	u64 next = (lin | (GUEST_PAGE_SIZE - 1)) + 1;
	const u8 *more;
	gpa_t at;

	if (!(t->mode & M_CODE64))
		next = (u32)next;
	for (unsigned i = 0; i < f->room; i++)
		f->buf[i] = f->bytes[i];
	if (itlb_fill(t->s, next, &at))
		return STEP_FAULT;
	t->b->gpa2 = at;
	t->b->crosses = true;
	if (code_unclaimed(t->so, at))
		return STEP_AGAIN;
	more = mem_host(m, at, 16);
	for (unsigned i = 0; i < 15; i++)
		f->buf[f->room + i] = more ? more[i] : 0xff;
	f->bytes = f->buf;
	f->room += 15;
	return STEP_NEXT;
}

static unsigned insn_limit(const struct tr *t)
{
	return t->mode & M_ONE || t->so->single_step ? 1 : BLOCK_INSNS;
}

/* Decode one instruction that may have bytes up to end, its segment's. Others may write the bytes
 * meanwhile: the copy is what counts. */
static bool decode_within(const struct fetch *f, struct dinsn *d, u64 pc, u64 end, u32 mode)
{
	u64 room = f->room < end - pc ? f->room : end - pc;
	u8 copy[16];

	if (room > sizeof(copy))
		room = sizeof(copy);
	__builtin_memcpy(copy, f->bytes, room);
	return room && decode(d, copy, (unsigned)room, pc, mode);
}

/* Does a direct branch lead to what is no address? Then it faults itself, if it is taken at all. */
static bool leads_out(const struct tr *t, const struct dinsn *d, u64 end)
{
	if ((d->action != A_JMP && d->action != A_JCC && d->action != A_CALL_NEAR) || d->has_modrm)
		return false;
	return t->mode & M_CODE64 ? !canonical(d->target) : d->target >= end;
}

#define SIDE_EXITS 2
#define SIDE_INSNS 24

/* A block goes on behind a conditional jump that leads forward: what follows is likely to be run,
 * shares its checks and registers, and tells which flags are dead. */
static bool goes_on(const struct tr *t, const struct dinsn *d, unsigned *sides)
{
	return d->action == A_JCC && d->target > d->in.pc && t->n < SIDE_INSNS &&
	       t->n < insn_limit(t) && (*sides)++ < SIDE_EXITS;
}

#define LOOP_COPIES 4
#define LOOP_INSNS 48

/*E:130 Loops stand several times
 * A block that ends with a conditional jump to its own start is a loop. Its body is repeated, so that
 * what one turn needs is paid for several: the poll, the parked registers, and the checks of an
 * array's elements, which lie beside each other and share one. Between two turns there is only the
 * way out, taken when the condition does not hold.
 */
static void repeat_loop(struct tr *t)
{
	struct dinsn *last = &t->in[t->n - 1];
	unsigned body = t->n;

	if (last->action != A_JCC || last->target != t->b->pc || t->b->crosses ||
	    !(t->mode & M_CODE64) || (t->mode & M_NOMERGE) || insn_limit(t) == 1)
		return;
	for (unsigned i = 1; i < LOOP_COPIES && t->n + body <= LOOP_INSNS; i++) {
		t->in[t->n - 1].again = true;
		__builtin_memcpy(&t->in[t->n], t->in, body * sizeof(t->in[0]));
		t->n += body;
		t->in[t->n - 1].again = false;
	}
}

/* Decode the block's instructions. */
static enum step decode_block(struct tr *t, const u8 *bytes, unsigned room)
{
	struct fetch f = { bytes, room, { 0 } };
	unsigned sides = 0;
	u64 pc = t->b->pc, end = t->mode & M_CODE64 ? ~0ull : t->b->cs_limit + 1ull;

	for (t->n = 0; t->n < insn_limit(t);) {
		struct dinsn *d = &t->in[t->n];

		if (t->n && break_at(t->so, linear_of(t, pc)))
			break;
		if (!decode_within(&f, d, pc, end, t->mode)) {
			if (t->n)
				break; /* it starts a block of its own */
			if (end - pc > f.room) {
				enum step step = fetch_second(t, &f, linear_of(t, pc));

				if (step)
					return step;
			}
			if (!decode_within(&f, d, pc, end, t->mode))
				decode_none(d, pc, true);
		}
		if (t->so->deterministic && (d->in.mnemonic == ZYDIS_MNEMONIC_RDRAND ||
					     d->in.mnemonic == ZYDIS_MNEMONIC_RDSEED))
			d->action = A_UD;
		if (d->wide_lane && t->s->v.vendor == VENDOR_AMD)
			d->action = A_UD;
		if (leads_out(t, d, end))
			decode_in_c(d);
		t->n++;
		t->b->last = (u16)(pc - t->b->pc);
		f.bytes += d->in.len;
		f.room -= d->in.len;
		pc += d->in.len;
		if (t->b->crosses || (decode_ends_block(d) && !goes_on(t, d, &sides)))
			break;
	}
	repeat_loop(t);
	t->b->len = (u16)(pc - t->b->pc);
	t->b->n = (u8)t->n;
	return STEP_NEXT;
}

/* ---- emit ---- */

static void *keep(struct tr *t, const void *from, size_t size)
{
	void *to = cache_alloc(t->region, size);

	__builtin_memcpy(to, from, size);
	return to;
}

static void emit_block(struct tr *t)
{
	struct block *b = t->b;

	t->nstubs = t->nsites = t->nmaps = t->nexits = 0;
	t->now = 0;
	t->pinned = 0;
	regs_init(&t->regs);
	b->code = emit_off(&t->e);
	gen_entry(t);
	for (t->now = 0; t->now < t->n; t->now++)
		gen_insn(t);
	t->now = t->n - 1;
	if (!decode_ends_block(&t->in[t->now]))
		gen_next(t, b->pc + b->len);
	mem_stubs(t);
	b->nexits = (u16)t->nexits;
	b->exits = cache_alloc(t->region, t->nexits * sizeof(*b->exits));
	gen_exit_stubs(t);
	__builtin_memcpy(b->exits, t->exit, t->nexits * sizeof(*b->exits));
	b->end = emit_off(&t->e);
	b->nsites = (u16)t->nsites;
	b->nmaps = (u16)t->nmaps;
	b->sites = keep(t, t->site, t->nsites * sizeof(*b->sites));
	b->maps = keep(t, t->map, t->nmaps * sizeof(*b->maps));
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

static void count(struct tr *t, u64 start)
{
	struct stats *st = &t->s->v.stats;

	st->n[STAT_blocks]++;
	st->n[STAT_insns] += t->n;
	st->n[STAT_code_bytes] += t->b->end - t->b->code;
	st->n[STAT_translate_ns] += now_ns() - start;
	if (t->mode & M_NOMERGE)
		st->n[STAT_split_block]++;
}

enum made block_make(struct soft_vcpu *s, gpa_t gpa, u32 mode, struct block **ret, gpa_t *page)
{
	struct soft *so = s->soft;
	struct tr *t = s->tr;
	u64 start = now_ns();
	u64 room = GUEST_PAGE_SIZE - (gpa.at & (GUEST_PAGE_SIZE - 1));
	const u8 *bytes = mem_host(so->en.config.mem, gpa, room);
	struct region *r = cache_room(so);

	if (!bytes) { /* a jump into a device or a hole: all ones, which no instruction is */
		soft_fault(s, EXC_UD, false, 0);
		return MADE_FAULT;
	}
	*page = gpa;
	if (!r || code_unclaimed(so, gpa))
		return r ? MADE_CLAIM : MADE_FULL;
	t->s = s;
	t->so = so;
	t->mode = mode;
	t->view = view_looked_up(mode);
	t->region = r;
	t->b = cache_alloc(r, sizeof(*t->b));
	*t->b = (struct block){ .pc = s->v.rip, .gpa = gpa, .mode = mode,
				.cs_base = mode & M_CODE64 ? 0 : s->v.seg[SEG_CS].base,
				.cs_limit = s->v.seg[SEG_CS].limit };
	switch (decode_block(t, bytes, (unsigned)room)) {
	case STEP_NEXT:
		break;
	case STEP_AGAIN:
		*page = t->b->gpa2;
		return MADE_CLAIM;
	default:
		return MADE_FAULT;
	}
	t->e = (struct emit){ so->code_rw + r->used, so->code_rw };
	plan(t);
	emit_block(t);
	BUG_ON(t->b->end - t->b->code > BLOCK_CODE_MAX);
	r->used = (t->b->end + 15) & ~15u;
	cache_add(so, r, t->b);
	count(t, start);
	LOG(bt, TRACE, "block %llx: %u insns, %u bytes, mode %x", (unsigned long long)t->b->pc,
	    t->n, t->b->end - t->b->code, mode);
	*ret = t->b;
	return MADE;
}
