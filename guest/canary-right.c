/* canary-right.c - first the place and the canary, then code that looks at it. */
#include "canary.h"

/*S:700 The canary comes first
 * A protected function copies the canary to its stack when it begins and compares when it ends. So
 * what sets the canary must not be protected itself: it would copy zero and compare with the new one.
 * canary-wrong.c does just that and dies in the function that meant to protect it.
 * @test canary-wrong
 */
UNPROTECTED void kernel_main(void)
{
	gs_base_set(&cpu_area);
	cpu_area.canary = 0x5ca1ab1e0ddba100;
	careful();
	put("all is well\n");
	power_off();
}
