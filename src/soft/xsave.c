/* xsave.c - xsave, xsavec, xrstor, fxsave, fxrstor: moves between v->xsave and guest memory. */
#include "soft/xstate.h"

/*E:700 Vector state on its way to memory
 * While these functions run the guest's vector state lies in v->xsave, so saving it for the guest is
 * a copy of the components it asks for and may have. The host's own instructions cannot be used
 * on guest memory: they would save what the host's XCR0 enables, and x87 addresses of our code.
 * XSAVEOPT is done as XSAVE: an optimization that trusts a buffer to be the same as last time is
 * wrong when we cannot tell.
 * @test xsave_writes_only_what_is_asked
 */

/* Place and size of each component; the legacy ones are in pieces. */
struct piece {
	u8 component; /* XC_ */
	u16 at, len;
};
static const struct piece pieces[] = {
	{ XC_X87, XS_FCW, 24 }, { XC_X87, XS_ST, 128 }, { XC_SSE, XS_XMM, 256 }, { XC_AVX, XS_YMM, 256 },
};

void xstate_init(struct vcpu *v, unsigned c)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++)
		if (pieces[i].component == c)
			memset(v->xsave + pieces[i].at, 0, pieces[i].len);
	if (c == XC_X87)
		put16(v->xsave + XS_FCW, 0x37f);
	put64(v->xsave + XS_BV, get64(v->xsave + XS_BV) & ~(u64)c);
}

void xstate_get(struct vcpu *v, unsigned c)
{
	if (!(get64(v->xsave + XS_BV) & c))
		xstate_init(v, c);
}

void xstate_put(struct vcpu *v, unsigned c)
{
	put64(v->xsave + XS_BV, get64(v->xsave + XS_BV) | c);
}

/* The processor tells SSE in use when MXCSR is not at its initial value, too. SDM 1 13.6. */
u64 xstate_in_use(const struct vcpu *v)
{
	u64 use = get64(v->xsave + XS_BV) & (XC_X87 | XC_SSE | XC_AVX);

	return get32(v->xsave + XS_MXCSR) == MXCSR_INIT ? use : use | XC_SSE;
}

enum step fpu_check(struct soft_vcpu *s)
{
	if (cpu_of(s)->cr0 & (CR0_EM | CR0_TS))
		return soft_fault(s, EXC_NM, false, 0);
	return STEP_NEXT;
}

/*
 * The x87 header as the guest may see it: FIP is an address in our code, FDP one in our memory and
 * FOP names our registers, so all read as zero. Processors keep them only for pending exceptions.
 */
static void x87_header(struct vcpu *v, u8 *head)
{
	memcpy(head, v->xsave, 24);
	memset(head + XS_FOP, 0, 18);
}

/* vzeroall, vzeroupper outside 64-bit mode: there are eight registers. SDM 2C. */
enum step op_vzero(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);

	xstate_get(v, XC_AVX);
	memset(v->xsave + XS_YMM, 0, 128);
	if (in->vlen == 16)
		return STEP_NEXT;
	xstate_get(v, XC_SSE);
	memset(v->xsave + XS_XMM, 0, 128);
	return STEP_NEXT;
}

/* ---- fxsave, fxrstor. SDM 2A ---- */

static bool has_xmm(const struct vcpu *v) { return v->cr4 & CR4_OSFXSR; }

/* An area's alignment was checked as a whole: #AC knows nothing of its parts. */
static unsigned acc_area(const struct vcpu *v) { return acc_data(v) | ACC_ANY_ALIGNMENT; }

/* Where an area is, after the alignment check. */
static enum step area_open(struct soft_vcpu *s, const struct insn *in, unsigned len, unsigned align,
			   unsigned acc, u64 *lin)
{
	if (seg_linear(s, in->seg, insn_ea(cpu_of(s), in), len, acc, lin))
		return STEP_FAULT;
	return *lin & (align - 1) ? fault_gp(s, 0) : STEP_NEXT;
}

enum step op_fxsave(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned len = XS_XMM;
	u8 buf[512];
	u64 lin;

	if (fpu_check(s))
		return STEP_FAULT;
	if (area_open(s, in, 512, 16, ACC_W, &lin) || lin_probe_w(s, lin, 512, acc_area(v)))
		return STEP_FAULT;
	xstate_get(v, XC_X87);
	xstate_get(v, XC_SSE);
	memcpy(buf, v->xsave, sizeof(buf));
	x87_header(v, buf);
	put32(buf + XS_MXCSR, get32(v->xsave + XS_MXCSR));
	put32(buf + XS_MXCSR + 4, mxcsr_known(v));
	if (has_xmm(v))
		len = in_64bit(v) ? XS_XMM + 256 : XS_XMM + 128;
	return lin_write(s, lin, buf, len, acc_area(v));
}

enum step op_fxrstor(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u8 buf[512];
	u64 lin;

	if (fpu_check(s))
		return STEP_FAULT;
	if (area_open(s, in, 512, 16, ACC_R, &lin) || lin_read(s, lin, buf, 512, acc_area(v)))
		return STEP_FAULT;
	if (has_xmm(v) && (get32(buf + XS_MXCSR) & ~mxcsr_known(v)))
		return fault_gp(s, 0);
	xstate_get(v, XC_SSE);
	memcpy(v->xsave, buf, 24);
	memcpy(v->xsave + XS_ST, buf + XS_ST, 128);
	xstate_put(v, XC_X87);
	if (!has_xmm(v))
		return STEP_NEXT;
	put32(v->xsave + XS_MXCSR, get32(buf + XS_MXCSR));
	memcpy(v->xsave + XS_XMM, buf + XS_XMM, in_64bit(v) ? 256 : 128);
	xstate_put(v, XC_SSE);
	return STEP_NEXT;
}

/* ---- xsave, xsavec. SDM 1 13.7, 13.10 ---- */

static enum step xsave_check(struct soft_vcpu *s, const struct insn *in)
{
	const struct vcpu *v = cpu_of(s);

	if (!(v->cr4 & CR4_OSXSAVE) || !in->is_mem)
		return fault_ud(s);
	return v->cr0 & CR0_TS ? soft_fault(s, EXC_NM, false, 0) : STEP_NEXT;
}

static u64 asked_for(const struct vcpu *v)
{
	return ((u32)v->gpr[RAX] | v->gpr[RDX] << 32) & v->xcr0;
}

/* Bytes of an area that holds these components. */
static unsigned area_len(u64 components)
{
	return components & XC_AVX ? XS_END : XS_YMM;
}

static enum step piece_write(struct soft_vcpu *s, u64 lin, const struct piece *p)
{
	struct vcpu *v = cpu_of(s);
	unsigned len = p->len;
	u8 head[24];

	if ((p->component & (XC_SSE | XC_AVX)) && !in_64bit(v))
		len /= 2;
	if (p->at == XS_FCW) {
		x87_header(v, head);
		return lin_write(s, lin, head, sizeof(head), acc_area(v));
	}
	return lin_write(s, lin + p->at, v->xsave + p->at, len, acc_area(v));
}

/* Write the components in set, and MXCSR when asked. The area was probed. */
static enum step area_write(struct soft_vcpu *s, u64 lin, u64 set, bool mxcsr)
{
	struct vcpu *v = cpu_of(s);
	u32 pair[2] = { get32(v->xsave + XS_MXCSR), mxcsr_known(v) };

	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (!(set & pieces[i].component))
			continue;
		xstate_get(v, pieces[i].component);
		if (piece_write(s, lin, &pieces[i]))
			return STEP_FAULT;
	}
	return mxcsr ? lin_write(s, lin + XS_MXCSR, pair, 8, acc_area(v)) : STEP_NEXT;
}

static enum step area_probe(struct soft_vcpu *s, u64 lin, unsigned len)
{
	unsigned acc = acc_area(cpu_of(s));

	if (lin_probe_w(s, lin, 512, acc))
		return STEP_FAULT;
	return lin_probe_w(s, lin + 512, len - 512, acc);
}

enum step op_xsave(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 set = asked_for(v), use = xstate_in_use(v), lin, bv;
	unsigned len = area_len(set);

	if (xsave_check(s, in) || area_open(s, in, len, 64, ACC_W, &lin))
		return STEP_FAULT;
	/* Whether MXCSR differs says nothing here: only xsavec asks that. */
	use = get64(v->xsave + XS_BV);
	if (area_probe(s, lin, len) || lin_read(s, lin + XS_BV, &bv, 8, acc_area(v)))
		return STEP_FAULT;
	bv = (bv & ~set) | (use & set);
	if (area_write(s, lin, set, set & (XC_SSE | XC_AVX)))
		return STEP_FAULT;
	return lin_write(s, lin + XS_BV, &bv, 8, acc_area(v));
}

enum step op_xsavec(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 set = asked_for(v), use = xstate_in_use(v), lin;
	u64 header[8] = { set & use, set | 1ull << 63 };
	unsigned len = area_len(set);

	/* With AVX as the only component after the header, both formats agree on its place. */
	if (xsave_check(s, in) || area_open(s, in, len, 64, ACC_W, &lin) || area_probe(s, lin, len))
		return STEP_FAULT;
	if (area_write(s, lin, set & use, set & use & XC_SSE))
		return STEP_FAULT;
	return lin_write(s, lin + XS_BV, header, sizeof(header), acc_area(v));
}

/* ---- xrstor. SDM 1 13.8 ---- */

/* Is the header one that xrstor takes? */
static bool header_ok(const struct vcpu *v, const u8 *area)
{
	u64 bv = get64(area + XS_BV), comp = get64(area + XS_COMP);
	bool compact = comp >> 63;

	for (unsigned i = XS_RESERVED; i < XS_YMM; i++)
		if (area[i] && (compact || i < XS_BV + 24))
			return false;
	if (!compact)
		return !comp && !(bv & ~v->xcr0);
	comp &= ~(1ull << 63);
	return !(comp & ~v->xcr0) && !(bv & ~comp);
}

static void component_load(struct vcpu *v, const u8 *area, unsigned c)
{
	xstate_get(v, c);
	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
		const struct piece *p = &pieces[i];
		unsigned len = p->len;

		if (p->component != c)
			continue;
		if ((c & (XC_SSE | XC_AVX)) && !in_64bit(v))
			len /= 2;
		memcpy(v->xsave + p->at, area + p->at, len);
	}
	xstate_put(v, c);
}

/* Initial state; outside 64-bit mode registers 8 to 15 stay. */
static void component_clear(struct vcpu *v, unsigned c)
{
	if (in_64bit(v) || c == XC_X87) {
		xstate_init(v, c);
		return;
	}
	xstate_get(v, c);
	memset(v->xsave + (c == XC_SSE ? XS_XMM : XS_YMM), 0, 128);
	xstate_put(v, c);
}

static void area_load(struct vcpu *v, const u8 *area, u64 set)
{
	static const u8 components[] = { XC_X87, XC_SSE, XC_AVX };
	u64 bv = get64(area + XS_BV);
	bool compact = get64(area + XS_COMP) >> 63;

	for (unsigned i = 0; i < ARRAY_SIZE(components); i++) {
		unsigned c = components[i];

		if (!(set & c))
			continue;
		if (bv & c)
			component_load(v, area, c);
		else
			component_clear(v, c);
	}
	if (!compact && (set & (XC_SSE | XC_AVX)))
		put32(v->xsave + XS_MXCSR, get32(area + XS_MXCSR));
	if (compact && (set & XC_SSE))
		put32(v->xsave + XS_MXCSR, bv & XC_SSE ? get32(area + XS_MXCSR) : MXCSR_INIT);
}

enum step op_xrstor(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 set = asked_for(v), lin;
	unsigned len = area_len(set);
	bool compact, mxcsr;
	u8 area[XS_END];

	if (xsave_check(s, in) || area_open(s, in, len, 64, ACC_R, &lin))
		return STEP_FAULT;
	if (lin_read(s, lin, area, 512, acc_area(v)) ||
	    lin_read(s, lin + 512, area + 512, len - 512, acc_area(v)))
		return STEP_FAULT;
	if (!header_ok(v, area))
		return fault_gp(s, 0);
	compact = get64(area + XS_COMP) >> 63;
	mxcsr = compact ? set & get64(area + XS_BV) & XC_SSE : set & (XC_SSE | XC_AVX);
	if (mxcsr && (get32(area + XS_MXCSR) & ~mxcsr_known(v)))
		return fault_gp(s, 0);
	area_load(v, area, set);
	return STEP_NEXT;
}
