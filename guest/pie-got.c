/* pie-got.c - position-independent, with a table of addresses that somebody has to fill. */
#include "hello.h"

/*S:500 A kernel that may be anywhere
 * Code that finds itself by distance needs no relocation; a table of pointers does. The linker leaves a
 * list of the places where the base has to be added, and whoever loads the kernel walks it. Through
 * the global offset table the code reaches what another file may define: the loader fills its slots.
 * @test pie-got
 */
const char *const words[] = { "one", "two", "three" };
extern const char base[];
int answer = 42;
int *volatile where_is_it = &answer;

void kernel_main(void)
{
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
		put(words[i]);
		put(" ");
	}
	put(*where_is_it == 42 ? "and the pointer is right" : "and the pointer is wrong");
	put(", base ");
	put_hex((unsigned long)base);
	put("\n");
	power_off();
}
