/* kernel.c - a kernel that leaves its greeting to another file. */
#include "hello.h"

/*S:600 A kernel in two pieces
 * The greeting is in a shared object. Calls to it go through the procedure linkage table, whose slots
 * the loader fills: all at once, or each when it is first used, by a few instructions that the loader
 * puts beside the two.
 * @test two-pieces
 */
const char *greeting(int n);
extern int greetings;

void kernel_main(void)
{
	for (int i = 0; i < greetings; i++) {
		put(greeting(i));
		put("\n");
	}
	power_off();
}
