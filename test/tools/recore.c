/* recore.c - reads a vmcore and writes it in the other form: recore IN elf|kdump OUT. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "know/core.h"

int main(int argc, char **argv)
{
	struct kernel_config none = { 0 };
	struct target *t;
	struct kernel *k;
	struct err e;
	int fd, rc;

	if (argc != 4)
		return 2;
	fd = open(argv[3], O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || target_open(argv[1], &t, &e) || kernel_new(t, &none, &k, &e)) {
		fprintf(stderr, "%s\n", fd < 0 ? argv[3] : e.text);
		return 1;
	}
	rc = strcmp(argv[2], "elf") ? core_kdump_write(t, k, fd, &e) : core_elf_write(t, k, fd, &e);
	if (rc)
		fprintf(stderr, "%s\n", e.text);
	kernel_free(k);
	target_free(t);
	close(fd);
	return rc ? 1 : 0;
}
