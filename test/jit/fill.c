/* fill.c - runs in a guest: more small functions than any code cache holds, each called, all of them
 * several times over. Prints "fill: SUM". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>

#define EACH 32u /* bytes a function: mov eax, imm32; ret */

int main(int argc, char **argv)
{
	uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000, turns = argc > 2 ? (uint32_t)atoi(argv[2]) : 2;
	uint8_t *code = mmap(NULL, (size_t)n * EACH, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t sum = 0;

	if (code == MAP_FAILED)
		return 1;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *f = code + (size_t)i * EACH;

		f[0] = 0xb8;
		memcpy(f + 1, &i, 4);
		f[5] = 0xc3;
	}
	for (uint32_t t = 0; t < turns; t++)
		for (uint32_t i = 0; i < n; i++)
			sum += ((uint32_t (*)(void))(uintptr_t)(code + (size_t)i * EACH))();
	printf("fill: %llu\n", (unsigned long long)sum);
	fflush(stdout);
	tcdrain(1);
	return 0;
}
