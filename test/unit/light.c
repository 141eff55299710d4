/* light.c - tests of the memory functions of light code. @links src/base/light.S */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/types.h"

void *light_memset(void *to, int byte, size_t len);
void *light_memcpy(void *to, const void *from, size_t len);
void *light_memmove(void *to, const void *from, size_t len);

static void light_memory_is_as_the_library(void **unused)
{
	u8 mine[64], theirs[64];

	(void)unused;
	for (unsigned to = 0; to < 24; to++)
		for (unsigned from = 0; from < 24; from++)
			for (unsigned len = 0; len < 40; len++) {
				for (unsigned i = 0; i < 64; i++)
					mine[i] = theirs[i] = (u8)(i * 7);
				memmove(theirs + to, theirs + from, len);
				assert_ptr_equal(light_memmove(mine + to, mine + from, len), mine + to);
				assert_memory_equal(mine, theirs, 64);
			}
	memset(theirs + 3, 0xa5, 21);
	assert_ptr_equal(light_memset(mine + 3, 0xa5, 21), mine + 3);
	memcpy(theirs, "pandok", 7);
	assert_ptr_equal(light_memcpy(mine, "pandok", 7), mine);
	assert_memory_equal(mine, theirs, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(light_memory_is_as_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
