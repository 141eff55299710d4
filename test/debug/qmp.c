/* qmp.c - replays the dialogue by which drgn's --qemu looks at a machine, and checks what comes back.
 *   usage: qmp SOCKET
 * Source of the dialogue: drgn 0.2, libdrgn/qemu_machine_protocol.c. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static char reply[1 << 20];

static int fail(const char *what)
{
	printf("%s; the last reply was: %.300s\n", what, reply);
	return 1;
}

static void read_reply(int fd)
{
	size_t n = 0;

	while (n < sizeof(reply) - 1 && read(fd, reply + n, 1) == 1 && reply[n] != '\n')
		n++;
	reply[n] = 0;
}

/* Send a command, with a file when there is one; true: it returned something with want in it. */
static int ask(int fd, const char *command, int file, const char *want)
{
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } c = { 0 };
	struct iovec iov = { (char *)command, strlen(command) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (file >= 0) {
		m.msg_control = c.room;
		m.msg_controllen = sizeof(c.room);
		c.h = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&c.h), &file, sizeof(int));
	}
	if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
		return 0;
	read_reply(fd);
	return !strncmp(reply, "{\"return\":", 10) && strstr(reply, want);
}

static int monitor(int fd, const char *line, const char *want)
{
	char command[256];

	snprintf(command, sizeof(command), "{\"execute\": \"human-monitor-command\", \"arguments\": "
		 "{\"command-line\": \"%s\"}}\n", line);
	return ask(fd, command, -1, want);
}

static int machine_pid(int fd)
{
	struct ucred u = { 0 };
	socklen_t len = sizeof(u);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len);
	return u.pid;
}

/* The same eight bytes, through the protocol and out of the process. */
static int same_memory(int fd)
{
	unsigned char bytes[8];
	unsigned long at;
	char want[64] = "", *is;
	struct iovec to = { bytes, 8 }, from;

	if (!monitor(fd, "gpa2hva 0x100000", "Host virtual address for 0x100000"))
		return 0;
	is = strstr(reply, " is 0x");
	at = is ? strtoul(is + 4, NULL, 16) : 0;
	from = (struct iovec){ (void *)at, 8 };
	if (process_vm_readv(machine_pid(fd), &to, 1, &from, 1, 0) != 8)
		return 0;
	for (int i = 0; i < 8; i++)
		snprintf(want + 5 * i, sizeof(want) - 5 * (size_t)i, " 0x%02x", bytes[i]);
	return monitor(fd, "xp /16xb 0x100000", want);
}

static int has_vmcoreinfo(int fd)
{
	static char core[1 << 16];
	int file = memfd_create("dump", 0);
	long n;

	if (!ask(fd, "{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"drgn-dump\"}}\n", file, "{}") ||
	    !ask(fd, "{\"execute\": \"dump-guest-memory\", \"arguments\": {\"paging\": false, \"protocol\": "
		 "\"fd:drgn-dump\", \"begin\": 0, \"length\": 1}}\n", -1, "{}"))
		return 0;
	n = pread(file, core, sizeof(core), 0);
	return n > 64 && !memcmp(core, "\177ELF", 4) && memmem(core, (size_t)n, "VMCOREINFO", 11) &&
	       memmem(core, (size_t)n, "OSRELEASE=", 10);
}

int main(int argc, char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(un.sun_path))
		return 2;
	strcpy(un.sun_path, argv[1]);
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0)
		return fail("cannot connect");
	read_reply(fd);
	if (!strstr(reply, "\"QMP\""))
		return fail("no greeting");
	if (ask(fd, "{\"execute\": \"query-status\"}\n", -1, ""))
		return fail("a command before the negotiation was taken");
	if (!ask(fd, "{\"execute\": \"qmp_capabilities\"}\n", -1, "{}"))
		return fail("no negotiation");
	if (!ask(fd, "{\"execute\": \"query-target\", \"id\": 7}\n", -1, "x86_64") || !strstr(reply, "\"id\":7"))
		return fail("no target");
	if (!monitor(fd, "info mtree -f", "0000000000000000-"))
		return fail("no memory tree");
	if (!ask(fd, "{\"execute\": \"stop\"}\n", -1, "{}") ||
	    !ask(fd, "{\"execute\": \"query-status\"}\n", -1, "\"paused\""))
		return fail("it does not stop");
	if (!same_memory(fd))
		return fail("memory is not what it is");
	if (!has_vmcoreinfo(fd))
		return fail("no VMCOREINFO in the dump");
	if (ask(fd, "{\"execute\": \"closefd\", \"arguments\": {\"fdname\": \"drgn-dump\"}}\n", -1, ""))
		return fail("the file is still there");
	if (ask(fd, "{\"execute\": nonsense}\n", -1, ""))
		return fail("nonsense was taken");
	if (!ask(fd, "{\"execute\": \"cont\"}\n", -1, "{}") ||
	    !ask(fd, "{\"execute\": \"query-status\"}\n", -1, "\"running\":true"))
		return fail("it does not go on");
	if (!ask(fd, "{\"execute\": \"system_powerdown\"}\n", -1, "{}") ||
	    !ask(fd, "{\"execute\": \"quit\"}\n", -1, "{}"))
		return fail("it does not quit");
	return 0;
}
