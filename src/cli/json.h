/* json.h - what the commands that speak JSON share. */
#ifndef PANDOK_CLI_JSON_H
#define PANDOK_CLI_JSON_H

#include <stdio.h>

/* json_text - s as a JSON string, in quotes. A byte beyond ASCII is taken for Latin 1. */
void json_text(FILE *to, const char *s);

#endif
