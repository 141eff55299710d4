/* inside.c - the command in the guest has our standard streams, and its exit status becomes ours. */
#define _GNU_SOURCE
#include "cli/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

static const char shell[] = "exec /bin/sh"; /* it reads commands from standard input */

bool inside_talks(const struct options *o)
{
	return !o->exec && (o->serial || isatty(STDIN_FILENO));
}

/* Our working directory as the guest sees it, when it lies in the tree. */
static char *find_cwd(const char *dir)
{
	char *cwd = getcwd(NULL, 0), *top = realpath(dir, NULL), *ret = NULL;
	size_t len = top && strcmp(top, "/") ? strlen(top) : 0;

	if (cwd && top && !strncmp(cwd, top, len) && (cwd[len] == '/' || !cwd[len]))
		ret = strdup(cwd[len] ? cwd + len : "/");
	free(cwd);
	free(top);
	return ret;
}

static int make_root(struct inside *in, const struct options *o, struct err *e)
{
	struct rootfs_config c = {
		.dir = o->rootfs, .kernel = o->kernel, .exec = inside_talks(o) ? NULL : o->exec,
		.term = getenv("TERM"),
	};
	char *cwd = find_cwd(o->rootfs);
	struct winsize size;
	int rc;

	if (!inside_talks(o) && !c.exec)
		c.exec = shell;
	if (!ioctl(STDIN_FILENO, TIOCGWINSZ, &size)) {
		c.rows = size.ws_row;
		c.columns = size.ws_col;
	}
	c.cwd = cwd;
	rc = rootfs_make(&c, &in->root, e);
	free(cwd);
	return rc;
}

static int add_shares(struct inside *in, const struct options *o, struct shares *s, struct err *e)
{
	struct fs *io;
	int rc = shares_add(s, o->rootfs, ROOTFS_TAG, FS_READONLY, e);

	if (!rc && in->root.share_modules)
		rc = shares_add(s, in->root.modules, ROOTFS_TAG_MODULES, FS_READONLY | FS_STILL, e);
	if (!rc)
		rc = fs_open_files(in->file, ARRAY_SIZE(in->file), &io, e);
	if (!rc)
		shares_take(s, io, ROOTFS_TAG_IO);
	return rc;
}

/*L:620 The end of a command
 * The guest's init writes the command's exit status into a shared file, which is a pipe to here. By
 * then all that the command wrote has arrived, so there is no need to watch the guest shut down.
 * @test test/share/run
 */
static void on_status(struct source *s, short events)
{
	struct inside *in = container_of(s, struct inside, source);

	(void)events;
	if (inside_status(in) < 0)
		return;
	s->fd = -1;
	vm_stop(in->vm, VM_POWEROFF, "%s", "");
}

int inside_status(struct inside *in)
{
	ssize_t n = read(in->pipe[0], in->text + in->len, sizeof(in->text) - 1 - in->len);

	in->len += n > 0 ? (unsigned)n : 0;
	if (memchr(in->text, '\n', in->len) || in->len + 1 == sizeof(in->text))
		in->status = atoi(in->text) & 0xff;
	return in->status;
}

int inside_open(struct inside *in, struct options *o, struct shares *s, struct loop *l, struct err *e)
{
	int rc = o->kernel ? 0 : rootfs_kernel(o->rootfs, &in->kernel, e);

	*in = (struct inside){
		.root.fd = -1, .kernel = in->kernel, .pipe = { -1, -1 }, .status = -1,
		.source = { -1, 0, on_status },
	};
	if (rc)
		return rc;
	if (!o->kernel)
		o->kernel = in->kernel;
	if (pipe2(in->pipe, O_CLOEXEC | O_NONBLOCK))
		return err_sys(e, "cannot make a pipe");
	in->file[0] = (struct fs_file){ "stdin", STDIN_FILENO };
	in->file[1] = (struct fs_file){ "stdout", STDOUT_FILENO };
	in->file[2] = (struct fs_file){ "stderr", STDERR_FILENO };
	in->file[3] = (struct fs_file){ "status", in->pipe[1] };
	loop_add(l, &in->source);
	rc = make_root(in, o, e);
	in->initrd[0] = in->root.initrd;
	return rc ? rc : add_shares(in, o, s, e);
}

void inside_start(struct inside *in, struct vm *vm)
{
	in->vm = vm;
	in->source.fd = in->pipe[0];
	in->source.events = POLLIN;
}

void inside_missed(const struct inside *in, const struct options *o)
{
	if (in->root.modules[0])
		return;
	cli_say("no modules of the kernel '%s' (release %s) were found: it needs virtio_pci, virtiofs and "
		"overlay, built in or in lib/modules below '%s' or beside it", o->kernel,
		in->root.release[0] ? in->root.release : "not known", o->rootfs);
}

void inside_close(struct inside *in)
{
	for (unsigned i = 0; i < 2; i++)
		if (in->pipe[i] > 0)
			close(in->pipe[i]);
	rootfs_close(&in->root);
	free(in->kernel);
}
