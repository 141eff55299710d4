/* cmdline.h - the kernel's command line as the kernel gets it. */
#ifndef PANDOK_CLI_CMDLINE_H
#define PANDOK_CLI_CMDLINE_H

#include "base/types.h"

/* cmdline_has - is there a word in line that starts with prefix? */
bool cmdline_has(const char *line, const char *prefix);

/*
 * cmdline_is_linux - does the file look like a Linux kernel: a bzImage, or an ELF file that holds
 * "Linux version "? false also when it cannot be read (whoever loads it says why).
 */
bool cmdline_is_linux(const char *path);

#endif
