/* keyboard.c - a PS/2 keyboard: commands, answers, scan codes. Knows no controller.
 * Source: IBM PS/2 Hardware Interface Technical Reference, keyboards (101- and 102-key). */
#include "dev/keyboard.h"

#include <string.h>

enum { KB_ACK = 0xfa, KB_PASSED = 0xaa, KB_RESEND = 0xfe, KB_ECHO = 0xee, KB_RELEASE = 0xf0 };
#define EXTENDED 0x100u

/* Scan codes of set 1 for those of set 2; the controller's own table. */
static const u8 set1[0x84] = {
	0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
	0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
	0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
	0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
	0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
	0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
	0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
	0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
	0x80, 0x81, 0x82, 0x41,
};

u8 keyboard_to_set1(u8 val)
{
	return val < sizeof(set1) ? set1[val] : val;
}

/* The code of set 2 for one of set 1; 0 when no key has it. */
static u8 to_set2(u8 code)
{
	const u8 *p = memchr(set1 + 1, code, 0x7f);

	return p ? (u8)(p - set1) : 0;
}

static void put(struct keyboard *k, u8 val)
{
	if (k->n < KEYBOARD_QUEUE)
		k->queue[(k->first + k->n++) % KEYBOARD_QUEUE] = val;
}

bool keyboard_read(struct keyboard *k, u8 *ret)
{
	if (!k->n)
		return false;
	*ret = k->queue[k->first];
	k->first = (u8)((k->first + 1) % KEYBOARD_QUEUE);
	k->n--;
	return true;
}

void keyboard_reset(struct keyboard *k)
{
	*k = (struct keyboard){ .set = 2 };
}

/* The byte after a command that takes one. */
static void parameter(struct keyboard *k, u8 command, u8 val)
{
	put(k, KB_ACK);
	if (command != 0xf0)
		return; /* lights, repeat rate: nobody looks */
	if (val)
		k->set = val;
	else
		put(k, k->set);
}

static void command(struct keyboard *k, u8 val)
{
	switch (val) {
	case 0xed: /* lights */
	case 0xf0: /* scan code set */
	case 0xf3: /* repeat rate and delay */
		k->command = val;
		put(k, KB_ACK);
		break;
	case KB_ECHO:
		put(k, KB_ECHO);
		break;
	case 0xf2: /* who are you? */
		put(k, KB_ACK);
		put(k, 0xab);
		put(k, 0x83);
		break;
	case 0xf4: /* report keys */
	case 0xf5: /* defaults, and do not */
	case 0xf6: /* defaults */
		k->scanning = val != 0xf5;
		put(k, KB_ACK);
		break;
	case 0xff:
		keyboard_reset(k);
		put(k, KB_ACK);
		put(k, KB_PASSED);
		break;
	default:
		put(k, KB_RESEND);
	}
}

void keyboard_write(struct keyboard *k, u8 val)
{
	u8 waits = k->command;

	k->command = 0;
	if (waits && val < 0xed)
		parameter(k, waits, val);
	else
		command(k, val);
}

bool keyboard_has_room(const struct keyboard *k, unsigned n)
{
	return k->scanning && k->n + 3 * n <= KEYBOARD_QUEUE;
}

void keyboard_key(struct keyboard *k, unsigned code, bool down)
{
	u8 val = k->set == 1 ? (u8)code & 0x7f : to_set2((u8)code & 0x7f);

	if (!val || !keyboard_has_room(k, 1))
		return;
	if (code & EXTENDED)
		put(k, 0xe0);
	if (k->set == 1) {
		put(k, down ? val : val | 0x80);
		return;
	}
	if (!down)
		put(k, KB_RELEASE);
	put(k, val);
}
