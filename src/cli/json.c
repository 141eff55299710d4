/* json.c - writes texts as JSON wants them, and finds members of an object. */
#include "cli/json.h"

#include <string.h>

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

/* ---- reading ---- */

static const char *skip_space(const char *s) { return s + strspn(s, " \t\r\n"); }

/* Behind the string that starts at s; NULL: it does not end. */
static const char *skip_text(const char *s)
{
	for (s++; *s && *s != '"'; s++)
		if (*s == '\\' && s[1])
			s++;
	return *s ? s + 1 : NULL;
}

/* Behind the value at s, whatever is in it. */
static const char *skip_value(const char *s)
{
	unsigned deep = 0;

	do {
		if (*s == '"') {
			s = skip_text(s);
			continue;
		}
		if (*s == '{' || *s == '[')
			deep++;
		if ((*s == '}' || *s == ']') && !deep--)
			return s;
		if (*s == ',' && !deep)
			return s;
		s++;
	} while (s && *s);
	return s;
}

/* One character of a string; json_text() escapes bytes only. */
static const char *unescape(const char *s, char *ret)
{
	unsigned code;

	if (*s != '\\') {
		*ret = *s;
		return s + 1;
	}
	if (s[1] == 'u' && sscanf(s + 2, "%4x", &code) == 1) {
		*ret = (char)code;
		return s + 6;
	}
	*ret = s[1] == 'n' ? '\n' : s[1] == 't' ? '\t' : s[1];
	return s + 2;
}

static void copy_value(const char *s, const char *end, char *ret, size_t size)
{
	bool text = *s == '"';
	size_t n = 0;
	char c;

	for (s += text; s < end && n + 1 < size; n++) {
		if (text && *s == '"')
			break;
		s = unescape(s, &c);
		ret[n] = c;
	}
	ret[n] = 0;
}

bool json_get(const char *object, const char *name, char *ret, size_t size)
{
	const char *s = skip_space(object), *value, *end;

	if (*s++ != '{')
		return false;
	for (s = skip_space(s); *s == '"'; s = skip_space(*end == ',' ? end + 1 : end)) {
		const char *key = s + 1;

		s = skip_text(s);
		if (!s)
			return false;
		value = skip_space(s);
		if (*value != ':')
			return false;
		value = skip_space(value + 1);
		end = skip_value(value);
		if (!end)
			return false;
		if ((size_t)(s - 1 - key) == strlen(name) && !strncmp(key, name, strlen(name))) {
			copy_value(value, end, ret, size);
			return true;
		}
	}
	return false;
}
