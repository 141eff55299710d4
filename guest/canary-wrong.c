/* canary-wrong.c - the function that makes the canary is protected by it. */
#include "canary.h"

static void __attribute__((noinline)) canary_init(void)
{
	volatile char seed[16] = "not so random";

	gs_base_set(&cpu_area);
	cpu_area.canary = 0x5ca1ab1e0ddba100 + (unsigned char)seed[3];
}

void kernel_main(void)
{
	canary_init();
	careful();
	put("nobody noticed\n");
	power_off();
}
