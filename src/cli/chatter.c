/* chatter.c - a thread that is one more viewer of the console, and types what a script says. */
#define _GNU_SOURCE
#include "cli/chatter.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chat/chat.h"

static void send_break(void *ctx)
{
	vm_serial_break(((struct chatter *)ctx)->vm, 0);
}

static const char *interrupted(void *ctx, bool hangup)
{
	(void)ctx;
	(void)hangup;
	return "the machine has ended";
}

static void *speak(void *arg)
{
	struct chatter *c = arg;
	const struct chat_config config = {
		.in = c->fd, .out = c->fd, .err = STDERR_FILENO, .wake = c->wake, .report = stderr,
		.ctx = c, .line_break = send_break, .interrupted = interrupted,
	};
	struct chat *chat;
	struct err e;
	int status;

	if (chat_new(&config, &chat, &e)) {
		vm_stop(c->vm, VM_ERROR, "chat: %s", e.text);
		return NULL;
	}
	status = chat_end(chat, chat_file(chat, c->path));
	if (status)
		vm_stop(c->vm, VM_QUIT, "chat: %s: %s", c->path, chat_why(chat));
	chat_free(chat);
	return NULL;
}

int chatter_start(struct chatter *c, const char *path, struct vm *vm, struct viewers *v, struct err *e)
{
	int pair[2];

	*c = (struct chatter){ .path = path, .vm = vm };
	if (access(path, R_OK) < 0)
		return err_sys(e, "chat: cannot open '%s'", path);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_sys(e, "chat: cannot make a socket");
	viewers_add(v, pair[0], true);
	c->fd = pair[1];
	c->wake = eventfd(0, EFD_CLOEXEC);
	errno = pthread_create(&c->thread, NULL, speak, c);
	if (errno)
		return err_sys(e, "cannot start a thread");
	c->started = true;
	return 0;
}

void chatter_close(struct chatter *c)
{
	static const u64 one = 1;

	if (!c->started)
		return;
	/* An event file takes this once for certain. */
	if (write(c->wake, &one, sizeof(one)) == sizeof(one))
		pthread_join(c->thread, NULL);
	close(c->fd);
	close(c->wake);
	c->started = false;
}
