/* source.h - source lines of addresses, from the DWARF of a file the user gives. */
#ifndef PANDOK_KNOW_SOURCE_H
#define PANDOK_KNOW_SOURCE_H

#include "base/types.h"

struct source;

/* source_open - NULL when the file has no DWARF that can be read. */
struct source *source_open(const char *path);
void source_close(struct source *l);

/* source_at - "file.c:12" of an address as linked; false: none. */
bool source_at(struct source *l, u64 at, char *ret, size_t len);

#endif
