/* cmds.c - the commands there are, one row each. */
#include "cli/cli.h"

#include <string.h>

static const char run_more[] =
	"KERNEL is a bzImage, or an ELF file with a PVH note, a Multiboot header or Linux's 64-bit\n"
	"entry. What follows it is the kernel's command line. A Linux kernel whose command line names\n"
	"no console is given console=ttyS0, which is this terminal.\n"
	"\n"
	"pandok SIZE KERNEL [ARGUMENT...] is the short form: SIZE is the memory (64, 64m, 1g), and\n"
	"options may stand anywhere up to a lone '--', between the kernel's arguments too:\n"
	"\n"
	"  pandok 64m vmlinux --initrd=initrd.img root=/dev/vda\n"
	"\n"
	"At the terminal, Ctrl-A x quits, Ctrl-A p presses the power button, Ctrl-A h shows the rest.\n"
	"Input that is no terminal is typed into the guest; its end is typed as Ctrl-D, until the\n"
	"guest powers off.\n"
	"\n"
	"--net user gives the guest DHCP, DNS and the way out that this process has; behind a comma:\n"
	"hostfwd=tcp:127.0.0.1:2222-:22 (repeatable) lets the host in, net=10.0.2.0/24 changes the\n"
	"addresses, restrict=on keeps the guest in, ipv6=off. --net tap=NAME is a TAP interface of the\n"
	"host, --net socket=PATH joins guests (and QEMU's, by -netdev stream), --net none is no card.\n"
	"Any of them may end in mac=52:54:00:12:34:56.\n"
	"\n"
	"--rootfs DIR takes the newest kernel of DIR/boot or /boot when none is named, and the modules\n"
	"it needs from lib/modules of DIR, of the host or beside the kernel. --exec COMMAND has our\n"
	"standard streams and works in our directory, if DIR has it; who reads and writes is you.\n"
	"\n"
	"--share DIR[:TAG][:ro][:locks]: root in the guest and you are the same, and all is done with\n"
	"your rights. With locks the host's file locks hold, for when others write there too.\n"
	"\n"
	"Exit status: 0 powered off or quit, 1 host or user error, 2 usage, 3 the guest panicked,\n"
	"4 triple fault or nothing can wake the guest, 124 time limit; with --debug-exit the value v\n"
	"that the guest writes to port 0xf4 gives 2v+1; with --rootfs it is the command's or the\n"
	"shell's, 125 when that could not be started.\n";

static const char chat_more[] =
	"chat's own options: -f FILE reads the script, -t SECONDS is the timeout (45), -r FILE takes\n"
	"reports, -T and -U are phone numbers for \\T and \\U, -e echoes what comes, -E replaces $NAME,\n"
	"-v logs, -V shows what comes, -s logs to standard error, -S not to syslog.\n"
	"Without --to the line is standard input and output, as pppd's connect scripts have it. With\n"
	"--to, one word that names a file is the script.\n"
	"\n"
	"Exit status, as chat's: 0 done, 1 the script or its options make no sense, 2 the line broke or a\n"
	"signal came, 3 timeout, 4 the first ABORT string came, 5 the second, ...\n";

static const char modem_more[] =
	"SETTINGS are words with commas between: pin=1234 (0000), sim=locked|ready|absent,\n"
	"operator=NAME, net=NETWORK (what `run --net` takes; the last). The modem understands AT commands\n"
	"as a Huawei E220 does; a call to *99# leads to the network, over PPP, for any user.\n"
	"It runs until a signal ends it.\n";

static const char attach_more[] =
	"At the terminal, Ctrl-A d detaches and leaves the machine running, Ctrl-A h shows the rest.\n"
	"Several may be attached at once. With no terminal on standard input, what is read from it is\n"
	"typed into the guest, and output goes on until the machine ends.\n";

static const char debug_more[] =
	"WHERE is the name of a machine that runs, the socket of one that was started with\n"
	"--debug-socket, or a file that a crash left. COMMANDs are given one by one; without any there\n"
	"is a prompt, where 'help' lists what it knows. The machine stands still while the prompt waits;\n"
	"Ctrl-C stops it when it runs.\n";

static const char doctor_more[] =
	"FILE is a kernel: ELF of any kind, a bzImage (what is inside is examined too), or raw bytes.\n"
	"Each finding says what is wrong and where, why it matters, and what fixes it.\n"
	"\n"
	"Exit status: 0 nothing worse than a note, 3 a warning, 4 something fatal, 1 a file cannot be\n"
	"read, 2 usage.\n";

const struct cmd cmds[] = {
	{ "run", "[OPTION...] KERNEL [ARGUMENT...]", "boot a kernel in a new machine", cmd_run,
	  run_opts, run_more },
	{ "list", "[OPTION...]", "show the machines that run", cmd_list, list_opts, NULL },
	{ "attach", "NAME", "show a machine's console here, and type into it", cmd_attach, NULL,
	  attach_more },
	{ "chat", "[OPTION...] [EXPECT SEND]...", "speak a chat(8) script to a console or a modem", cmd_chat,
	  chat_opts, chat_more },
	{ "modem", "[OPTION...] [SETTINGS]", "offer an emulated 3G modem at a pseudo terminal", cmd_modem,
	  modem_opts, modem_more },
	{ "stop", "[OPTION...] NAME...", "press machines' power buttons, then end them", cmd_stop, stop_opts,
	  NULL },
	{ "kill", "NAME...", "end machines at once", cmd_kill, NULL, NULL },
	{ "pause", "NAME...", "stop machines' processors and time", cmd_pause, NULL, NULL },
	{ "resume", "NAME...", "let paused machines go on", cmd_resume, NULL, NULL },
	{ "balloon", "NAME SIZE", "ask a machine to give up so much of its memory; 0: none of it",
	  cmd_balloon, NULL, NULL },
	{ "stats", "[OPTION...] NAME", "show a machine's counters", cmd_stats, stats_opts, NULL },
	{ "check", "[OPTION...]", "say which engine would run here, and why", cmd_check,
	  check_opts, NULL },
	{ "debug", "[OPTION...] WHERE [COMMAND...]", "look into a running machine or a vmcore file",
	  cmd_debug, debug_opts, debug_more },
	{ "doctor", "[OPTION...] FILE...", "say what is wrong with a kernel file, and the fix", cmd_doctor,
	  doctor_opts, doctor_more },
	{ "crash", "[OPTION...] list | show N | print N [MEMBER]",
	  "look at what guests that died have left", cmd_crash, crash_opts, NULL },
	{ "help", "[OPTION...] [COMMAND]", "say what a command does", cmd_help, help_opts, NULL },
	{ 0 },
};

const struct cmd *cmd_find(const char *name)
{
	for (const struct cmd *c = cmds; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

const char *cmd_nearest(const char *name)
{
	for (const struct cmd *c = cmds; c->name; c++)
		if (opt_distance(c->name, name) <= 1 + strlen(name) / 4)
			return c->name;
	return NULL;
}
