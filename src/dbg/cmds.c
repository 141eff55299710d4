/* cmds.c - the debugger's commands, one row each; of two that begin alike, the first is meant. */
#include <string.h>

#include "dbg/dbg_int.h"

const struct command commands[] = {
	{ "help", "[COMMAND]", "list the commands, or explain one", db_help, 0, 2, 0 },
	{ "continue", "", "let the machine run until the next stop", db_continue, 0, 0, CMD_MACHINE },
	{ "step", "[N]", "run one instruction, or N", db_step, 0, 1, CMD_MACHINE | CMD_AGAIN },
	{ "next", "", "as step, but over a call", db_next, 0, 0, CMD_MACHINE | CMD_AGAIN },
	{ "finish", "", "run until the present function returns", db_finish, 0, 0, CMD_MACHINE },
	{ "break", "ADDRESS", "stop before the instruction there", db_break, 1, 1, CMD_MACHINE },
	{ "watch", "ADDRESS [LENGTH [rw]]", "stop after a write there; rw: after any access",
	  db_watch, 1, 3, CMD_MACHINE },
	{ "delete", "[N]", "forget a breakpoint or watchpoint, or all", db_delete, 0, 1, CMD_MACHINE },
	{ "bt", "[PID]", "backtrace of this processor, or of a process", db_bt, 0, 1, 0 },
	{ "trace", "[PID]", "the same as bt", db_bt, 0, 1, 0 },
	{ "print", "EXPRESSION", "a variable by its type: name, ->member, [i], *name, (type *)ADDRESS",
	  db_print, 1, 1, CMD_REST },
	{ "x", "[/COUNT SIZE FORMAT] [ADDRESS]", "examine memory: sizes b h w g, formats x d u o c s a i",
	  db_examine, 0, 1, CMD_AGAIN },
	{ "dis", "[ADDRESS [N]]", "disassemble", db_dis, 0, 2, CMD_AGAIN },
	{ "frame", "[N]", "draw a frame of the stack", db_frame, 0, 1, 0 },
	{ "ps", "", "list the processes", db_ps, 0, 0, 0 },
	{ "alltrace", "", "backtraces of all tasks", db_alltrace, 0, 0, 0 },
	{ "dmesg", "", "the kernel's log", db_dmesg, 0, 0, 0 },
	{ "cpu", "[N]", "look at another processor", db_cpu, 0, 1, 0 },
	{ "show pcpu", "", "what this processor is doing", db_pcpu, 0, 0, 0 },
	{ "show registers", "", "this processor's registers", db_regs, 0, 0, 0 },
	{ "show event", "", "what happened last", db_event, 0, 0, 0 },
	{ "show locks", "", "held mutexes and who waits", db_locks, 0, 0, 0 },
	{ "show modules", "", "the kernel's modules", db_modules, 0, 0, 0 },
	{ "show mounts", "", "mounted file systems", db_mounts, 0, 0, 0 },
	{ "show interrupts", "", "interrupts and who asked for them", db_interrupts, 0, 0, 0 },
	{ "show breaks", "", "breakpoints and watchpoints", db_show_breaks, 0, 0, 0 },
	{ "show known", "", "what was found of the kernel, and what not", db_known, 0, 0, 0 },
	{ "vtop", "ADDRESS", "translate a virtual address, level by level", db_vtop, 1, 1, 0 },
	{ "ptov", "ADDRESS", "where the kernel maps a physical address", db_ptov, 1, 1, 0 },
	{ "whatis", "EXPRESSION", "the type of a variable, or what is at an address", db_whatis, 1, 1,
	  CMD_REST },
	{ "write", "[/SIZE] ADDRESS VALUE...", "write memory or a $register; sizes b h w g", db_write, 2,
	  ARGS_MAX, CMD_MACHINE },
	{ "call reset", "", "reset the machine", db_reset, 0, 0, CMD_MACHINE },
	{ "call poweroff", "", "press the power button", db_poweroff, 0, 0, CMD_MACHINE },
	{ "call nmi", "[CPU]", "send a non-maskable interrupt", db_nmi, 0, 1, CMD_MACHINE },
	{ "reset", "", "the same as call reset", db_reset, 0, 0, CMD_MACHINE },
	{ "kill", "", "end the machine at once", db_kill, 0, 0, CMD_MACHINE },
	{ "script", "[NAME[=COMMAND; ...]]", "show a script, or set it", db_script, 0, 1, CMD_REST },
	{ "scripts", "", "list the scripts", db_scripts, 0, 0, 0 },
	{ "run", "NAME", "run a script", db_run_script, 1, 1, 0 },
	{ "unscript", "NAME", "forget a script", db_unscript, 1, 1, 0 },
	{ "capture on", "", "keep what is printed from now on", db_capture_on, 0, 0, 0 },
	{ "capture off", "", "keep it no longer", db_capture_off, 0, 0, 0 },
	{ "capture status", "", "how much was kept", db_capture_status, 0, 0, 0 },
	{ "capture reset", "", "forget what was kept", db_capture_reset, 0, 0, 0 },
	{ "textdump set", "", "write a textdump when the event's script has ended",
	  db_textdump_set, 0, 0, 0 },
	{ "textdump unset", "", "do not", db_textdump_unset, 0, 0, 0 },
	{ "textdump status", "", "is one to be written?", db_textdump_status, 0, 0, 0 },
	{ "textdump dump", "", "write one now", db_textdump_dump, 0, 0, 0 },
	{ "vmcore", "[full]", "write the kernel's memory to a file for crash and gdb; full: all memory",
	  db_vmcore, 0, 1, 0 },
	{ "quit", "", "leave the debugger; the machine goes on", db_quit, 0, 0, 0 },
	{ 0 },
};

COMMAND(db_help)
{
	char name[2 * SCRIPT_NAME] = "";
	bool any = false;

	for (int i = 0; i < argc && strlen(name) + strlen(argv[i]) + 2 < sizeof(name); i++)
		strcat(strcat(name, i ? " " : ""), argv[i]);
	for (const struct command *c = commands; c->name; c++) {
		if (strncmp(c->name, name, strlen(name)))
			continue;
		any = true;
		out_say(&s->out, "%s%s%s\n        %s\n", c->name, *c->args ? " " : "", c->args, c->help);
	}
	return any ? 0 : err_set(e, -2, "no command '%s'", name);
}
