/* canary.h - what protected code stands on: a place for the canary, and what happens when it dies. */
#ifndef GUEST_CANARY_H
#define GUEST_CANARY_H

#include "hello.h"

#define UNPROTECTED __attribute__((optimize("no-stack-protector")))

/* -mcmodel=kernel takes the canary from %gs:0x28. */
static struct { char gs_base[40]; unsigned long canary; } cpu_area;

static void __attribute__((noreturn, used)) died(const char *of)
{
	put(of);
	put("\n");
	asm volatile("cli; 1: hlt; jmp 1b");
	__builtin_unreachable();
}

UNPROTECTED void __attribute__((noreturn)) __stack_chk_fail(void)
{
	died("stack smashing detected");
}

static inline void gs_base_set(void *base)
{
	unsigned long at = (unsigned long)base;

	asm volatile("wrmsr" : : "c"(0xc0000101), "a"((unsigned)at), "d"((unsigned)(at >> 32)));
}

/* A protected function that minds its buffer. */
static void __attribute__((noinline, unused)) careful(void)
{
	volatile char buf[16];

	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (char)i;
	put("a protected function returned\n");
}

#endif
