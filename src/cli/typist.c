/* typist.c - which keys of a US keyboard make a character, and which a terminal's escape sequence. */
#include "cli/typist.h"

#include <string.h>

#include "dev/dev.h"

enum { SC_CTRL = 0x1d, SC_SHIFT = 0x2a };

/* Scan codes of set 1 for unshifted and shifted characters; both strings start at scan code 1. */
static const char plain[] = "\0331234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0\0\0";

static const struct {
	const char *text;
	u16 code;
} sequences[] = {
	{ "[A", 0x148 }, { "[B", 0x150 }, { "[C", 0x14d }, { "[D", 0x14b },
	{ "OA", 0x148 }, { "OB", 0x150 }, { "OC", 0x14d }, { "OD", 0x14b },
	{ "[H", 0x147 }, { "[F", 0x14f }, { "[1~", 0x147 }, { "[4~", 0x14f },
	{ "[2~", 0x152 }, { "[3~", 0x153 }, { "[5~", 0x149 }, { "[6~", 0x151 },
	{ "OP", 0x3b }, { "OQ", 0x3c }, { "OR", 0x3d }, { "OS", 0x3e }, { "[15~", 0x3f },
	{ "[17~", 0x40 }, { "[18~", 0x41 }, { "[19~", 0x42 }, { "[20~", 0x43 }, { "[21~", 0x44 },
	{ "[23~", 0x57 }, { "[24~", 0x58 },
};

static u16 find(const char *table, size_t size, u8 c)
{
	const char *p = c ? memchr(table, c, size - 1) : NULL;

	return p ? (u16)(p - table + 1) : 0;
}

/* A key pressed and released, while another one (0: none) is held. */
static unsigned press(u16 code, u16 held, u16 *ret)
{
	unsigned n = 0;

	if (!code)
		return 0;
	if (held)
		ret[n++] = held;
	ret[n++] = code;
	ret[n++] = code | KBD_UP;
	if (held)
		ret[n++] = held | KBD_UP;
	return n;
}

static size_t escape(const u8 *text, size_t len, u16 *ret, unsigned *n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sequences); i++) {
		size_t l = strlen(sequences[i].text);

		if (len > l && !memcmp(text + 1, sequences[i].text, l)) {
			*n = press(sequences[i].code, 0, ret);
			return l + 1;
		}
	}
	*n = press(1, 0, ret);
	return 1;
}

size_t typist_keys(const u8 *text, size_t len, u16 ret[TYPIST_KEYS], unsigned *n)
{
	u8 c = *text == '\n' ? '\r' : *text == 0x7f ? '\b' : *text;
	u16 code = find(plain, sizeof(plain), c);

	if (c == '\033')
		return escape(text, len, ret, n);
	if (code)
		*n = press(code, 0, ret);
	else if (c && c < 0x20)
		*n = press(find(plain, sizeof(plain), c | 0x60), SC_CTRL, ret);
	else
		*n = press(find(shifted, sizeof(shifted), c), SC_SHIFT, ret);
	return 1;
}
