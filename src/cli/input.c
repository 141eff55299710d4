/* input.c - reads what is typed, takes our keys out, and waits when the guest is slow. */
#include "cli/input.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/typist.h"

#define CTRL_D 0x04
#define SECOND 1000000000ull
#define SLOW_NS 10000000
#define ENDS_MAX 8 /* Ctrl-D typed, before the power button is tried */

void input_watch(struct input *in)
{
	in->source.fd = in->serial->in;
	in->source.events = in->vm && !in->len && !in->ended ? POLLIN : 0;
}

static void act(struct input *in, enum key key)
{
	switch (key) {
	case KEY_QUIT:
		vm_stop(in->vm, VM_QUIT, "%s", "");
		break;
	case KEY_POWER:
		vm_power_button(in->vm);
		break;
	case KEY_BREAK:
		vm_serial_break(in->vm, 0);
		break;
	case KEY_DEBUG:
		if (in->debug)
			in->debug(in->debug_ctx);
		break;
	case KEY_HELP:
		keys_show(&in->keys);
		break;
	default:
		break;
	}
}

/* Leave in buf only what is for the guest; our keys act at once. */
static void take_keys(struct input *in)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < in->len; i++) {
		enum key key = keys_take(&in->keys, in->buf[i]);

		if (key == KEY_GUEST)
			in->buf[kept++] = in->buf[i];
		else
			act(in, key);
	}
	in->len = kept;
}

/* Keys for the first character of what is to be typed; 0: the guest has no room for them yet. */
static size_t type_one(struct input *in)
{
	u16 key[TYPIST_KEYS];
	unsigned n;
	size_t len = typist_keys(in->buf + in->at, in->len, key, &n);

	if (vm_keys(in->vm, key, n))
		return len;
	in->slow.at_ns = loop_now() + SLOW_NS;
	return 0;
}

static void on_slow(struct alarm *a)
{
	a->at_ns = UINT64_MAX;
	input_feed(container_of(a, struct input, slow));
}

void input_feed(struct input *in)
{
	while (in->len) {
		size_t n = in->types ? type_one(in)
				     : vm_serial_in(in->vm, in->port, in->buf + in->at, in->len);

		if (!n)
			break;
		in->last = in->buf[in->at + n - 1];
		in->at += (unsigned)n;
		in->len -= (unsigned)n;
	}
	input_watch(in);
}

static void type(struct input *in, const char *text)
{
	in->len = (unsigned)strlen(text);
	in->at = 0;
	memcpy(in->buf, text, in->len);
	input_feed(in);
}

/*L:450 The end of commands
 * Commands can come from a pipe or a file. Its end is typed as Ctrl-D, at the start of a line, as a
 * person would: a shell leaves, and an init that ran one powers off. A Ctrl-D that arrives while
 * the guest's terminal changes modes is lost, so it is typed again whenever the guest has been
 * silent for a while, then less and less often; at last the power button is pressed, once.
 * @test test/terminal/run
 */
static void type_end(struct input *in)
{
	u64 wait = SECOND << (in->ends_typed < 5 ? in->ends_typed : 5);

	in->again.at_ns = loop_now() + wait;
	if (in->len)
		return;
	if (in->ends_typed == ENDS_MAX) {
		in->again.at_ns = UINT64_MAX;
		vm_power_button(in->vm);
		return;
	}
	in->ends_typed++;
	type(in, !in->last || in->last == '\n' || in->last == CTRL_D ? "\4" : "\n\4");
}

static void on_again(struct alarm *a)
{
	struct input *in = container_of(a, struct input, again);

	if (loop_now() - in->output_ns < SECOND)
		a->at_ns = in->output_ns + SECOND;
	else
		type_end(in);
}

static void on_end(struct input *in)
{
	struct serial *s = in->serial;

	if (s->is_input) {
		in->ended = true;
		type_end(in);
	} else if (s->is_terminal) {
		in->ended = true;
		vm_stop(in->vm, VM_QUIT, "the terminal is gone");
	} else if (s->kind->hang_up) {
		s->kind->hang_up(s);
	}
	input_watch(in);
}

static void on_ready(struct source *src, short events)
{
	struct input *in = container_of(src, struct input, source);
	ssize_t n = read(src->fd, in->buf, INPUT_MAX);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		on_end(in);
		return;
	}
	in->at = 0;
	in->len = (unsigned)n;
	if (in->serial->is_terminal)
		take_keys(in);
	input_feed(in);
}

void input_init(struct input *in, struct serial *s, struct loop *l)
{
	*in = (struct input){
		.serial = s, .again = { UINT64_MAX, on_again }, .slow = { UINT64_MAX, on_slow },
	};
	in->source = (struct source){ -1, 0, on_ready };
	loop_add(l, &in->source);
	loop_add_alarm(l, &in->again);
	loop_add_alarm(l, &in->slow);
}

void input_start(struct input *in, struct vm *vm, unsigned port)
{
	in->vm = vm;
	in->port = port;
	in->output_ns = loop_now();
	input_watch(in);
}
