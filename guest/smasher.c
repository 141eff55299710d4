/* smasher.c - writes past the end of its buffer, and is caught. */
#include "canary.h"

/*S:800 A smashed stack
 * copy() trusts its source for the length. What lies above the buffer is the canary, the saved
 * registers and the return address; the canary is overwritten first, and looked at before the return.
 * @test smasher
 */
static void __attribute__((noinline)) copy(const char *from)
{
	char buf[16];
	char *volatile to = buf;

	while (*from)
		*to++ = *from++;
	*to = 0;
	put(buf);
	put("\n");
}

UNPROTECTED void kernel_main(void)
{
	gs_base_set(&cpu_area);
	cpu_area.canary = 0x5ca1ab1e0ddba100;
	copy("short enough");
	copy("much too long for a buffer of sixteen");
	put("nobody noticed\n");
	power_off();
}
