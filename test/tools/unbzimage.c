/* unbzimage.c - writes the vmlinux inside a bzImage to standard output, by our own loader's code.
 * usage: unbzimage [--relocs] FILE
 * @links src/vm/boot*.c src/elf src/mem src/base */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm/boot.h"

int main(int argc, char **argv)
{
	bool relocs = argc == 3 && !strcmp(argv[1], "--relocs");
	struct err e;
	u64 len;
	u8 *p;

	if (argc != 2 + relocs) {
		fprintf(stderr, "usage: unbzimage [--relocs] FILE\n");
		return 2;
	}
	if (boot_extract(argv[argc - 1], relocs, &p, &len, &e)) {
		fprintf(stderr, "unbzimage: %s\n", e.text);
		return 1;
	}
	if (fwrite(p, 1, len, stdout) != len || fflush(stdout)) {
		perror("unbzimage");
		return 1;
	}
	free(p);
	return 0;
}
