/* input.h - from the console's back end into the guest's serial port. */
#ifndef PANDOK_CLI_INPUT_H
#define PANDOK_CLI_INPUT_H

#include "cli/keys.h"
#include "cli/loop.h"
#include "cli/serial.h"
#include "vm/vm.h"

#define INPUT_MAX 4096

struct input {
	struct vm *vm;
	unsigned port; /* vm_serial_in()'s */
	struct serial *serial;
	struct source source;
	struct alarm again;    /* after the end of input */
	struct keys keys;
	u8 last;               /* byte the guest was given */
	u8 buf[INPUT_MAX];     /* not taken by the guest yet: [at, at + len) */
	unsigned at, len;
	bool ended;
	bool types;            /* keys of the keyboard, not bytes of the serial port */
	struct alarm slow;     /* the guest reads no keys: try again */
	unsigned ends_typed;
	void (*debug)(void *ctx); /* the debugger is wanted; NULL: there is none */
	void *debug_ctx;
	u64 output_ns;         /* when the guest last printed; CLOCK_MONOTONIC */
};

void input_init(struct input *in, struct serial *s, struct loop *l);
void input_start(struct input *in, struct vm *vm, unsigned port); /* where bytes go from now on */
void input_feed(struct input *in);  /* the guest can take bytes again */
void input_watch(struct input *in); /* the back end's files changed */

#endif
