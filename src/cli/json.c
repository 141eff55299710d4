/* json.c - a text as JSON wants it. */
#include "cli/json.h"

void json_text(FILE *to, const char *s)
{
	fputc('"', to);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(to, "\\%c", *s);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			fprintf(to, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, to);
	}
	fputc('"', to);
}
