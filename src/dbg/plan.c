/* plan.c - steps of more than one instruction: over a call, out of a function. */
#include <Zydis/Zydis.h>

#include "dbg/dbg_int.h"

static bool decode_at(struct dbg *d, const struct vcpu *v, ZydisDecodedInstruction *ret)
{
	bool wide = (v->efer & EFER_LMA) && (v->seg[SEG_CS].attr & SEG_L);
	bool big = v->seg[SEG_CS].attr & SEG_DB;
	ZydisDecoder dec;
	u8 bytes[15];
	u64 n = sizeof(bytes), at = v->seg[SEG_CS].base + v->rip;

	while (n && target_read(d->t, v->index, GVA(at), n, bytes))
		n--;
	ZydisDecoderInit(&dec, wide ? ZYDIS_MACHINE_MODE_LONG_64
			     : big ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LEGACY_16,
			 wide ? ZYDIS_STACK_WIDTH_64 : big ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16);
	return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&dec, NULL, bytes, n, ret));
}

/* One more instruction; what it calls runs through to its return. */
static void step_over(struct dbg *d, struct vcpu *v, bool call, unsigned len)
{
	struct stop_at after = {
		.b = { BREAK_EXEC, 0, GVA(v->seg[SEG_CS].base + v->rip + len) },
		.temporary = true,
	};
	struct err e;

	if (!call || stop_add(d, &after, &e))
		v->debug_step = true;
}

/* Returns whether the instruction is a call. */
static bool proceed(struct dbg *d, struct vcpu *v)
{
	ZydisDecodedInstruction in;
	bool known, call;

	target_ran(d->t);
	known = decode_at(d, v, &in);
	d->plan.out = known && in.meta.category == ZYDIS_CATEGORY_RET && v->gpr[RSP] >= d->plan.sp;
	call = known && in.meta.category == ZYDIS_CATEGORY_CALL;
	step_over(d, v, call, known ? in.length : 0);
	return call;
}

void plan_begin(struct dbg *d, enum plan_kind kind, unsigned cpu)
{
	struct vcpu *v = vm_vcpu(d->vm, cpu);

	d->plan = (struct plan){ kind, cpu, v->gpr[RSP], false, false };
	d->plan.over = proceed(d, v);
}

/* The stack is above the frame's: the function, whatever it called, has returned. */
static bool fulfilled(const struct dbg *d, const struct vcpu *v)
{
	if (d->plan.kind == PLAN_NEXT)
		return !d->plan.over || v->gpr[RSP] >= d->plan.sp;
	return d->plan.out && v->gpr[RSP] > d->plan.sp;
}

bool plan_goes_on(struct dbg *d, unsigned cpu)
{
	struct vcpu *v = vm_vcpu(d->vm, cpu);

	if (d->plan.kind == PLAN_NONE)
		return false;
	if (cpu != d->plan.cpu || fulfilled(d, v) || d->closing) {
		d->plan.kind = PLAN_NONE;
		return false;
	}
	proceed(d, v);
	return true;
}
