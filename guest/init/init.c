/* init.c - the first program in a guest of `pandok run --rootfs`: makes the root, runs one command.
 *
 * It comes in an initial RAM disk that pandok makes, with the modules that the kernel needs and
 * /config, a list of words that end in a zero byte:
 *   module=FILE     load it; in this order
 *   modules=DIR     where the share of all modules belongs in the new root; may be missing
 *   exec=COMMAND    for /bin/sh; without it the user's shell runs on the console
 *   cwd=DIR         where it starts
 *   term=NAME rows=N columns=N   the terminal behind the console
 * Shares: "pandok.root" is the tree, "pandok.modules" the modules, and "pandok.io" has the files
 * stdin, stdout, stderr and status; the run is over when the exit status was written there. Their
 * time of change is the host's date.
 */
#include <asm/ioctls.h>
#include <asm/stat.h>
#include <asm/termios.h>
#include <linux/fcntl.h>
#include <linux/if.h>
#include <linux/mount.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/sockios.h>

#include "sys.h"

#define ROOT "/new"
#define CLONE_SIGCHLD 17
#define CLOCK_REALTIME 0

static char config[65536];
static int status_fd = -1, in_fd = -1, out_fd = -1, err_fd = -1;

static long open_file(const char *path, int flags)
{
	return SYS_3(open, path, flags, 0);
}

static void say(int fd, const char *s)
{
	SYS_3(write, fd, s, length(s));
}

/* The end: status tells pandok, and the power goes off in case nobody listens. */
static void end(long status)
{
	char text[24] = "";

	SYS_2(sync, 0, 0);
	add_number(text, sizeof(text), status);
	add(text, sizeof(text), "\n");
	if (status_fd >= 0)
		say(status_fd, text);
	SYS_5(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF, 0, 0);
	for (;;)
		SYS_2(pause, 0, 0);
}

/* What went wrong, on the console and where the command's errors would go. */
static void die(const char *what, const char *name, long rc)
{
	char text[512] = "pandok-init: ";

	add(text, sizeof(text), what);
	add(text, sizeof(text), name);
	add(text, sizeof(text), rc == -2 ? ": no such file" : rc == -19 ? ": no driver for it" : ": error ");
	if (rc != -2 && rc != -19)
		add_number(text, sizeof(text), -rc);
	add(text, sizeof(text), "\n");
	say(2, text);
	if (err_fd >= 0)
		say(err_fd, text);
	end(125);
}

/* The value of a word of the configuration; *at is where to look, and moves on. NULL: no more. */
static const char *next(const char *key, const char **at)
{
	while (**at) {
		const char *value = after(*at, key);

		*at += length(*at) + 1;
		if (value)
			return value;
	}
	return NULL;
}

static const char *setting(const char *key)
{
	const char *at = config;

	return next(key, &at);
}

static void read_config(void)
{
	long fd = open_file("/config", O_RDONLY);
	long n = fd < 0 ? fd : SYS_3(read, fd, config, sizeof(config) - 2);

	if (n < 0)
		die("cannot read ", "/config", n);
	SYS_2(close, fd, 0);
}

static void load_modules(void)
{
	const char *at = config, *name;

	while ((name = next("module=", &at))) {
		size_t n = length(name);
		int packed = n > 3 && !(name[n - 3] == '.' && name[n - 2] == 'k' && name[n - 1] == 'o');
		long fd = open_file(name, O_RDONLY);
		long rc = fd < 0 ? fd : SYS_3(finit_module, fd, "",
					      packed ? MODULE_INIT_COMPRESSED_FILE : 0);

		if (rc < 0 && rc != -17) /* EEXIST: it was built in, or came with another */
			die("cannot load the kernel module ", name, rc);
		SYS_2(close, fd, 0);
	}
}

static long try_mount(const char *what, const char *where, const char *type, unsigned long flags,
		      const char *data)
{
	return SYS_5(mount, what, where, type, flags, data);
}

static void mount_or_die(const char *what, const char *where, const char *type,
			 unsigned long flags, const char *data)
{
	long rc;

	SYS_2(mkdir, where, 0755);
	rc = try_mount(what, where, type, flags, data);
	if (rc < 0)
		die("cannot mount ", what, rc);
}

static void open_io(void)
{
	mount_or_die("pandok.io", "/io", "virtiofs", 0, NULL);
	in_fd = (int)open_file("/io/stdin", O_RDONLY);
	out_fd = (int)open_file("/io/stdout", O_WRONLY);
	err_fd = (int)open_file("/io/stderr", O_WRONLY);
	status_fd = (int)open_file("/io/status", O_WRONLY | O_CLOEXEC);
	if (in_fd < 0 || out_fd < 0 || err_fd < 0 || status_fd < 0)
		die("cannot open ", "/io", status_fd);
}

/* Else files of the host's would seem to come from the future. */
static void set_date(void)
{
	struct stat st;
	long now[2];

	if (SYS_2(fstat, status_fd, &st) < 0)
		return;
	now[0] = (long)st.st_mtime;
	now[1] = (long)st.st_mtime_nsec;
	SYS_2(clock_settime, CLOCK_REALTIME, now);
}

/* The tree below, a RAM disk above: what the guest writes is gone at the end. */
static void make_root(void)
{
	mount_or_die("pandok.root", "/below", "virtiofs", MS_RDONLY, NULL);
	mount_or_die("tmpfs", "/above", "tmpfs", 0, "mode=755,size=75%");
	SYS_2(mkdir, "/above/files", 0755);
	SYS_2(mkdir, "/above/work", 0755);
	mount_or_die("overlay", ROOT, "overlay", 0,
		     "lowerdir=/below,upperdir=/above/files,workdir=/above/work");
}

static void enter_root(void)
{
	long rc = SYS_2(chdir, ROOT, 0);

	if (rc >= 0)
		rc = try_mount(".", "/", NULL, MS_MOVE, NULL);
	if (rc >= 0)
		rc = SYS_2(chroot, ".", 0);
	if (rc < 0)
		die("cannot change to ", ROOT, rc);
	SYS_2(chdir, "/", 0);
}

static void mount_more(void)
{
	static const struct { const char *type, *where, *data; unsigned long flags; } mounts[] = {
		{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "devtmpfs", "/dev", "mode=755", MS_NOSUID },
		{ "devpts", "/dev/pts", "mode=620,ptmxmode=666,gid=5", MS_NOSUID | MS_NOEXEC },
		{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV },
		{ "tmpfs", "/run", "mode=755", MS_NOSUID | MS_NODEV },
	};
	const char *modules = setting("modules=");

	for (unsigned i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		SYS_2(mkdir, mounts[i].where, 0755);
		try_mount(mounts[i].type, mounts[i].where, mounts[i].type, mounts[i].flags,
			  mounts[i].data);
	}
	SYS_2(symlink, "/proc/self/fd", "/dev/fd");
	SYS_2(symlink, "/proc/self/fd/0", "/dev/stdin");
	SYS_2(symlink, "/proc/self/fd/1", "/dev/stdout");
	SYS_2(symlink, "/proc/self/fd/2", "/dev/stderr");
	if (!modules)
		return;
	SYS_2(mkdir, "/lib", 0755);
	SYS_2(mkdir, "/lib/modules", 0755);
	SYS_2(mkdir, modules, 0755);
	try_mount("pandok.modules", modules, "virtiofs", MS_RDONLY, NULL);
}

/* Names, and the network interface that programs talk to each other by. */
static void set_up(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	long fd = SYS_3(socket, 2 /* AF_INET */, 2 /* SOCK_DGRAM */, 0);

	SYS_2(sethostname, "pandok", 6);
	if (fd < 0)
		return;
	SYS_3(ioctl, fd, SIOCSIFFLAGS, &lo);
	SYS_2(close, fd, 0);
}

/*
 * A program that asks whether there is input would be told yes by a shared file, always. So it gets
 * a pipe, and a process of ours fills that.
 */
static void pump(long to)
{
	static char buf[65536];
	long n;

	while ((n = SYS_3(read, in_fd, buf, sizeof(buf))) > 0)
		for (long at = 0, k; at < n; at += k)
			if ((k = SYS_3(write, to, buf + at, n - at)) < 0)
				SYS_2(exit, 0, 0);
	SYS_2(exit, 0, 0);
}

static void feed_input(void)
{
	int ends[2];

	SYS_2(pipe, ends, 0);
	if (SYS_5(clone, CLONE_SIGCHLD, 0, 0, 0, 0) == 0) {
		SYS_2(close, ends[0], 0);
		SYS_2(close, out_fd, 0);
		SYS_2(close, err_fd, 0);
		pump(ends[1]);
	}
	SYS_2(dup2, ends[0], 0);
	SYS_2(close, ends[0], 0);
	SYS_2(close, ends[1], 0);
}

static void use_io(void)
{
	feed_input();
	SYS_2(dup2, out_fd, 1);
	SYS_2(dup2, err_fd, 2);
	err_fd = -1;
}

/* The device behind /dev/console is the one that can be a session's terminal. */
static void use_console(void)
{
	const char *rows = setting("rows="), *columns = setting("columns=");
	struct winsize size = {
		.ws_row = (unsigned short)number(rows ? rows : "24"),
		.ws_col = (unsigned short)number(columns ? columns : "80"),
	};
	long fd = open_file("/dev/ttyS0", O_RDWR);

	SYS_2(setsid, 0, 0);
	if (fd < 0)
		return;
	SYS_3(ioctl, fd, TIOCSCTTY, 1);
	SYS_3(ioctl, fd, TIOCSWINSZ, &size);
	for (int i = 0; i < 3; i++)
		SYS_2(dup2, fd, i);
	SYS_2(close, fd, 0);
}

static void run_command(void)
{
	static char term[64] = "TERM=";
	const char *command = setting("exec="), *cwd = setting("cwd="), *name = setting("term=");
	const char *env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
		"USER=root", "LOGNAME=root", "SHELL=/bin/sh", term, NULL,
	};
	const char *sh[] = { "/bin/sh", command ? "-c" : "-i", command, NULL };
	const char *bash[] = { "/bin/bash", "-i", NULL };

	add(term, sizeof(term), name ? name : "dumb");
	if (!cwd || SYS_2(chdir, cwd, 0) < 0)
		SYS_2(chdir, "/", 0);
	if (command)
		use_io();
	else
		use_console();
	if (!command)
		SYS_3(execve, bash[0], bash, env);
	die("cannot run ", sh[0], SYS_3(execve, sh[0], sh, env));
}

/* As the first process this one is every orphan's parent. */
static long wait_for(long pid)
{
	int status = 0;
	long got;

	do
		got = SYS_5(wait4, -1, &status, 0, 0, 0);
	while (got != pid && got != -10 /* ECHILD */);
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

void start(void);
void start(void)
{
	long pid;

	read_config();
	load_modules();
	open_io();
	set_date();
	make_root();
	enter_root();
	mount_more();
	set_up();
	pid = SYS_5(clone, CLONE_SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		run_command();
	end(wait_for(pid));
}

/* The stack comes aligned to 16 bytes; a function expects to be called. */
__asm__(".globl _start\n_start: call start\n");
