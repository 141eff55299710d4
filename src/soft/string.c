/* string.c - movs, stos, lods, cmps, scas with any prefix: natively, a page run at a time. */
#include "soft/ops.h"

/*E:680 Strings
 * The processor has fast microcode for `rep movsb` and its kin, and a kernel leans on it to copy
 * and clear pages. So we do not loop: as long as both sides are plain RAM up to the end of their
 * pages, one native instruction of the same element size does the run, and rsi, rdi and rcx say
 * where it stopped. Devices, code pages and elements across a page end go one by one the slow way.
 * A long string gives way to events now and then, as on the hardware it may.
 * @test string_movs_crosses_pages
 */

/* Bytes done before the vCPU looks at its events again. */
#define TURN KIB(64)

/* One string instruction on its way. */
struct run {
	struct soft_vcpu *s;
	struct vcpu *v;
	unsigned size, a; /* bytes of an element, of an address */
	unsigned seg;     /* of the source */
	u64 left;         /* elements */
	u64 done;         /* bytes, of this turn */
	bool rep, down;
};

static void run_begin(struct run *r, struct soft_vcpu *s, const struct insn *in)
{
	r->s = s;
	r->v = cpu_of(s);
	r->size = in->opcode & 1 ? in->opsize : 1;
	r->a = in->addrsize;
	r->seg = in->seg;
	r->rep = in->rep;
	r->left = in->rep ? reg_read(r->v, RCX, in->addrsize) : 1;
	r->done = 0;
	r->down = r->v->rflags & FL_DF;
	r->v->stats.n[STAT_string]++;
}

/* n elements are done: move rsi and rdi (as asked) and count. */
static void run_advance(struct run *r, u64 n, bool si, bool di)
{
	u64 by = r->down ? -(n * r->size) : n * r->size;

	if (si)
		reg_write(r->v, RSI, r->a, r->v->gpr[RSI] + by);
	if (di)
		reg_write(r->v, RDI, r->a, r->v->gpr[RDI] + by);
	r->left -= n;
	r->done += n * r->size;
	if (r->rep)
		reg_write(r->v, RCX, r->a, r->left);
}

/* STEP_NEXT: go on with the loop; else what the instruction returns. */
static bool run_pauses(const struct run *r)
{
	return r->done >= TURN || r->v->events || soft_steps(r->s);
}

static enum step run_end(const struct run *r)
{
	return r->left ? STEP_AGAIN : STEP_NEXT;
}

/* Elements from offset off, linear lin, that lie in one page and do not wrap; 0: not even one. */
static u64 run_fits(const struct run *r, u64 off, u64 lin)
{
	u64 in_page = lin & (GUEST_PAGE_SIZE - 1), wrap;

	if (in_page + r->size > GUEST_PAGE_SIZE)
		return 0;
	if (r->down)
		return off < in_page ? off / r->size + 1 : in_page / r->size + 1;
	wrap = size_mask(r->a) - off;
	in_page = GUEST_PAGE_SIZE - in_page;
	return (wrap < in_page ? wrap + 1 : in_page) / r->size;
}

/* Does a run of n elements keep to its segment, so that only the first needs the full check? */
static bool run_in_segment(const struct run *r, unsigned seg, u64 off, u64 n, unsigned acc)
{
	if (in_64bit(r->v) || n <= 1)
		return true;
	if (r->down)
		off -= (n - 1) * r->size;
	return seg_check(r->v, &r->v->seg[seg], off, (unsigned)(n * r->size), acc);
}

/* One side of a run: where it is, and how many elements can be done natively (0: none). */
struct side {
	u64 lin;
	u8 *host;
};

static enum step side_open(struct run *r, struct side *d, unsigned seg, unsigned reg, unsigned acc,
			   u64 *n)
{
	u64 off = reg_read(r->v, reg, r->a), fits;

	if (seg_linear(r->s, seg, off, r->size, acc, &d->lin))
		return STEP_FAULT;
	fits = run_fits(r, off, d->lin);
	if (fits < *n)
		*n = fits;
	if (!run_in_segment(r, seg, off, *n, acc))
		*n = 1;
	d->host = *n ? lin_host(r->s, d->lin, acc | acc_data(r->v)) : NULL;
	if (!d->host)
		*n = 0;
	return STEP_NEXT;
}

static u64 run_limit(const struct run *r)
{
	u64 most = TURN / r->size;

	if (soft_steps(r->s))
		return 1;
	return r->left < most ? r->left : most;
}

/* ---- native pieces ---- */

#define REP_MOVS(op) \
	asm volatile(op : "+D"(to), "+S"(from), "+c"(n) : : "memory", "cc")

/* A signal in the downward forms is harmless: handlers are entered with DF clear. */
static void native_movs(u8 *to, const u8 *from, u64 n, unsigned size, bool down)
{
	switch (size | (down ? 16 : 0)) {
	case 1: REP_MOVS("rep movsb"); break;
	case 2: REP_MOVS("rep movsw"); break;
	case 4: REP_MOVS("rep movsl"); break;
	case 8: REP_MOVS("rep movsq"); break;
	case 17: REP_MOVS("std; rep movsb; cld"); break;
	case 18: REP_MOVS("std; rep movsw; cld"); break;
	case 20: REP_MOVS("std; rep movsl; cld"); break;
	default: REP_MOVS("std; rep movsq; cld"); break;
	}
}

static void native_stos(u8 *to, u64 val, u64 n, unsigned size, bool down)
{
	if (down)
		to -= (n - 1) * size;
	switch (size) {
	case 1: asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(val) : "memory"); break;
	case 2: asm volatile("rep stosw" : "+D"(to), "+c"(n) : "a"(val) : "memory"); break;
	case 4: asm volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(val) : "memory"); break;
	default: asm volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(val) : "memory"); break;
	}
}

/* Flags out of AH as lahf leaves them and AL as seto does. */
static void flags_from_ax(struct vcpu *v, u64 ax)
{
	u64 low = FL_ARITH & ~(u64)FL_OF;

	v->rflags = (v->rflags & ~(u64)FL_ARITH) | (ax >> 8 & low) | (ax & 1 ? FL_OF : 0);
}

/* Compare two elements as cmp does. */
static u64 native_cmp(u64 a, u64 b, unsigned size)
{
	u64 ax;

	switch (size) {
	case 1: asm("cmpb %b2, %b1; lahf; seto %%al" : "=&a"(ax) : "q"(a), "q"(b) : "cc"); break;
	case 2: asm("cmpw %w2, %w1; lahf; seto %%al" : "=&a"(ax) : "r"(a), "r"(b) : "cc"); break;
	case 4: asm("cmpl %k2, %k1; lahf; seto %%al" : "=&a"(ax) : "r"(a), "r"(b) : "cc"); break;
	default: asm("cmpq %2, %1; lahf; seto %%al" : "=&a"(ax) : "r"(a), "r"(b) : "cc"); break;
	}
	return ax;
}

/* Both with equal: as long as equal; else until equal. n > 0; returns elements looked at. */
#define REP_CMPS(rep, op)                                                            \
	asm volatile(rep " " op "; lahf; seto %%al"                                  \
		     : "=&a"(ax), "+S"(a), "+D"(b), "+c"(left)::"cc", "memory")
#define REP_SCAS(rep, op)                                                            \
	asm volatile(rep " " op "; lahf; seto %%al"                                  \
		     : "=&a"(ax), "+D"(b), "+c"(left) : "0"(val) : "cc", "memory")

static u64 native_cmps(struct vcpu *v, const u8 *a, const u8 *b, u64 n, unsigned size, bool equal)
{
	u64 left = n, ax;

	switch (size | (equal ? 16 : 0)) {
	case 1: REP_CMPS("repne", "cmpsb"); break;
	case 2: REP_CMPS("repne", "cmpsw"); break;
	case 4: REP_CMPS("repne", "cmpsl"); break;
	case 8: REP_CMPS("repne", "cmpsq"); break;
	case 17: REP_CMPS("repe", "cmpsb"); break;
	case 18: REP_CMPS("repe", "cmpsw"); break;
	case 20: REP_CMPS("repe", "cmpsl"); break;
	default: REP_CMPS("repe", "cmpsq"); break;
	}
	flags_from_ax(v, ax);
	return n - left;
}

static u64 native_scas(struct vcpu *v, u64 val, const u8 *b, u64 n, unsigned size, bool equal)
{
	u64 left = n, ax;

	switch (size | (equal ? 16 : 0)) {
	case 1: REP_SCAS("repne", "scasb"); break;
	case 2: REP_SCAS("repne", "scasw"); break;
	case 4: REP_SCAS("repne", "scasl"); break;
	case 8: REP_SCAS("repne", "scasq"); break;
	case 17: REP_SCAS("repe", "scasb"); break;
	case 18: REP_SCAS("repe", "scasw"); break;
	case 20: REP_SCAS("repe", "scasl"); break;
	default: REP_SCAS("repe", "scasq"); break;
	}
	flags_from_ax(v, ax);
	return n - left;
}

/* ---- the instructions ---- */

enum step op_movs(struct soft_vcpu *s, const struct insn *in)
{
	struct run r;

	for (run_begin(&r, s, in); r.left;) {
		struct side from, to;
		u64 n = run_limit(&r), val;

		if (side_open(&r, &from, r.seg, RSI, ACC_R, &n))
			return STEP_FAULT;
		/* The destination is looked at even when the source must go the slow way. */
		if (!n) {
			u64 one = 1;

			if (side_open(&r, &to, SEG_ES, RDI, ACC_W, &one))
				return STEP_FAULT;
		} else if (side_open(&r, &to, SEG_ES, RDI, ACC_W, &n)) {
			return STEP_FAULT;
		}
		if (n) {
			native_movs(to.host, from.host, n, r.size, r.down);
		} else {
			n = 1;
			if (lin_read(s, from.lin, &val, r.size, acc_data(r.v)) ||
			    lin_write(s, to.lin, &val, r.size, acc_data(r.v)))
				return STEP_FAULT;
		}
		run_advance(&r, n, true, true);
		if (run_pauses(&r))
			break;
	}
	return run_end(&r);
}

enum step op_stos(struct soft_vcpu *s, const struct insn *in)
{
	u64 val = cpu_of(s)->gpr[RAX];
	struct run r;

	for (run_begin(&r, s, in); r.left;) {
		struct side to;
		u64 n = run_limit(&r);

		if (side_open(&r, &to, SEG_ES, RDI, ACC_W, &n))
			return STEP_FAULT;
		if (n) {
			native_stos(to.host, val, n, r.size, r.down);
		} else {
			n = 1;
			if (lin_write(s, to.lin, &val, r.size, acc_data(r.v)))
				return STEP_FAULT;
		}
		run_advance(&r, n, false, true);
		if (run_pauses(&r))
			break;
	}
	return run_end(&r);
}

enum step op_lods(struct soft_vcpu *s, const struct insn *in)
{
	struct run r;

	for (run_begin(&r, s, in); r.left;) {
		u64 off = reg_read(r.v, RSI, r.a), lin, val = 0;

		if (seg_linear(s, r.seg, off, r.size, ACC_R, &lin))
			return STEP_FAULT;
		if (lin_read(s, lin, &val, r.size, acc_data(r.v)))
			return STEP_FAULT;
		reg_write(r.v, RAX, r.size, val);
		run_advance(&r, 1, true, false);
		if (run_pauses(&r))
			break;
	}
	return run_end(&r);
}

/* Has a compare that repeats found what it looks for? */
static bool run_found(const struct run *r, bool equal)
{
	return r->rep && !!(r->v->rflags & FL_ZF) != equal;
}

enum step op_cmps(struct soft_vcpu *s, const struct insn *in)
{
	bool equal = in->rep == 0xf3;
	struct run r;

	for (run_begin(&r, s, in); r.left;) {
		u64 n = r.down ? 1 : run_limit(&r), a = 0, b = 0;
		struct side from, to;

		if (side_open(&r, &from, r.seg, RSI, ACC_R, &n))
			return STEP_FAULT;
		if (side_open(&r, &to, SEG_ES, RDI, ACC_R, &n))
			return STEP_FAULT;
		if (n) {
			n = native_cmps(r.v, from.host, to.host, n, r.size, equal);
		} else {
			n = 1;
			if (lin_read(s, from.lin, &a, r.size, acc_data(r.v)) ||
			    lin_read(s, to.lin, &b, r.size, acc_data(r.v)))
				return STEP_FAULT;
			flags_from_ax(r.v, native_cmp(a, b, r.size));
		}
		run_advance(&r, n, true, true);
		if (run_found(&r, equal))
			return STEP_NEXT;
		if (run_pauses(&r))
			break;
	}
	return run_end(&r);
}

enum step op_scas(struct soft_vcpu *s, const struct insn *in)
{
	u64 val = cpu_of(s)->gpr[RAX];
	bool equal = in->rep == 0xf3;
	struct run r;

	for (run_begin(&r, s, in); r.left;) {
		u64 n = r.down ? 1 : run_limit(&r), b = 0;
		struct side to;

		if (side_open(&r, &to, SEG_ES, RDI, ACC_R, &n))
			return STEP_FAULT;
		if (n) {
			n = native_scas(r.v, val, to.host, n, r.size, equal);
		} else {
			n = 1;
			if (lin_read(s, to.lin, &b, r.size, acc_data(r.v)))
				return STEP_FAULT;
			flags_from_ax(r.v, native_cmp(val, b, r.size));
		}
		run_advance(&r, n, false, true);
		if (run_found(&r, equal))
			return STEP_NEXT;
		if (run_pauses(&r))
			break;
	}
	return run_end(&r);
}
