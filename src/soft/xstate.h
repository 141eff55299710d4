/* xstate.h - the guest's vector and x87 state where it is saved while C functions run. */
#ifndef PANDOK_SOFT_XSTATE_H
#define PANDOK_SOFT_XSTATE_H

#include <string.h>

#include "soft/ops.h"

/* Offsets in v->xsave and in the guest's areas. SDM 1 10.5.1, 13.4. */
enum {
	XS_FCW = 0, XS_FSW = 2, XS_FTW = 4, XS_FOP = 6, XS_FIP = 8, XS_FDP = 16,
	XS_MXCSR = 24, XS_ST = 32, XS_XMM = 160, XS_BV = 512, XS_COMP = 520, XS_RESERVED = 528,
	XS_YMM = 576, XS_END = 832,
};
enum { XC_X87 = 1, XC_SSE = 2, XC_AVX = 4 };
#define MXCSR_INIT 0x1f80u

static inline u64 get64(const u8 *p)
{
	u64 val;

	memcpy(&val, p, sizeof(val));
	return val;
}
static inline u32 get32(const u8 *p)
{
	u32 val;

	memcpy(&val, p, sizeof(val));
	return val;
}
static inline u16 get16(const u8 *p)
{
	u16 val;

	memcpy(&val, p, sizeof(val));
	return val;
}
static inline void put64(u8 *p, u64 val) { memcpy(p, &val, sizeof(val)); }
static inline void put32(u8 *p, u32 val) { memcpy(p, &val, sizeof(val)); }
static inline void put16(u8 *p, u16 val) { memcpy(p, &val, sizeof(val)); }

/* Bits of MXCSR that exist; the host's xsave says which. */
static inline u32 mxcsr_known(const struct vcpu *v)
{
	u32 mask = get32(v->xsave + XS_MXCSR + 4);

	return mask ? mask : 0xffbf;
}

/* xstate_get - make component c's bytes in v->xsave valid, even if they are in their initial state. */
void xstate_get(struct vcpu *v, unsigned c);
/* xstate_put - component c's bytes in v->xsave were changed. */
void xstate_put(struct vcpu *v, unsigned c);
/* Put component c back to its initial state. */
void xstate_init(struct vcpu *v, unsigned c);
/* Which components are not in their initial state. */
u64 xstate_in_use(const struct vcpu *v);

/* #NM before an x87 or fxsave instruction: CR0.EM or CR0.TS. */
MUST_CHECK enum step fpu_check(struct soft_vcpu *s);

#endif
