/* json.h - what the commands that speak JSON share. */
#ifndef PANDOK_CLI_JSON_H
#define PANDOK_CLI_JSON_H

#include <stdbool.h>
#include <stdio.h>

/* json_text - s as a JSON string, in quotes. A byte beyond ASCII is taken for Latin 1. */
void json_text(FILE *to, const char *s);

/*
 * json_get - a member of the object at the start of object: a string's text, another value as it is
 * written. size includes the 0. false: there is none. Escapes beyond a byte lose their upper half.
 */
bool json_get(const char *object, const char *name, char *ret, size_t size);

#endif
