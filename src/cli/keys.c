/* keys.c - tells our keys from the guest's. */
#include "cli/keys.h"

#include <stddef.h>

const struct key_row key_rows[] = {
	{ 'x', KEY_QUIT, false, "Ctrl-A x", "quit: end the machine at once" },
	{ 'd', KEY_DETACH, true, "Ctrl-A d", "detach: leave the machine running" },
	{ 'p', KEY_POWER, false, "Ctrl-A p", "press the power button" },
	{ 'b', KEY_BREAK, false, "Ctrl-A b", "send a break (the next key is Linux's magic SysRq)" },
	{ 'c', KEY_DEBUG, false, "Ctrl-A c", "the debugger's prompt; 'continue' comes back here" },
	{ 'h', KEY_HELP, false, "Ctrl-A h", "show this" },
	{ KEY_PREFIX, KEY_GUEST, false, "Ctrl-A Ctrl-A", "send Ctrl-A to the guest" },
	{ 0, KEY_NOTHING, false, NULL, NULL },
};

enum key keys_take(struct keys *k, u8 byte)
{
	if (!k->prefix) {
		k->prefix = byte == KEY_PREFIX;
		return k->prefix ? KEY_NOTHING : KEY_GUEST;
	}
	k->prefix = false;
	for (const struct key_row *r = key_rows; r->name; r++)
		if (r->byte == byte && (k->viewer || !r->viewer))
			return r->key;
	return KEY_HELP; /* a key that does nothing should say which ones do */
}
