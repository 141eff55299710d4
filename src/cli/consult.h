/* consult.h - the doctor on the way to a run. */
#ifndef PANDOK_CLI_CONSULT_H
#define PANDOK_CLI_CONSULT_H

#include "base/err.h"
#include "base/types.h"

/* file_map - the bytes of a file that has some, read-only. errno, -EINVAL, -ENODATA with a sentence. */
MUST_CHECK int file_map(const char *path, const u8 **data, u64 *len, struct err *e);
void file_unmap(const u8 *data, u64 len);

/* consult - tell the person at the terminal what the doctor calls fatal in a kernel (NULL: none). */
void consult(const char *kernel);

/* consult_trap - a Xen guest died at rip: tell why, and the fix, when the doctor knows. */
void consult_trap(const char *kernel, u64 rip);

#endif
