/* dbg_int.h - the debugger's inside: what stops, who looks, and the commands' table. */
#ifndef PANDOK_DBG_DBG_INT_H
#define PANDOK_DBG_DBG_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "dbg/dbg.h"

#define LINE_MAX_LEN 4096
#define ARGS_MAX 16

/* Limits of ddb's scripts, made wider. Source: FreeBSD, sys/ddb/ddb.h. */
#define SCRIPTS 32
#define SCRIPT_NAME 32
#define SCRIPT_DEPTH 3
#define CAPTURE_MAX MIB(5)

struct script {
	char name[SCRIPT_NAME];
	char *body;
};

struct capture {
	bool on;
	struct out_text text;
};

/* A breakpoint or watchpoint; who: the door that set it. */
struct stop_at {
	struct engine_break b;
	const void *who;
	unsigned id;
	bool temporary;
};

enum stop_why { STOP_BREAK, STOP_WATCH, STOP_STEP, STOP_ASKED, STOP_EVENT };
struct stop {
	unsigned count; /* goes up with every stop */
	enum stop_why why;
	unsigned cpu;
	struct stop_at at; /* STOP_BREAK, STOP_WATCH */
	char text[200];
};

/* Who is attached: told of stops through an eventfd. */
struct client {
	struct client *next;
	int wake;
};

/* A step that takes more than one instruction. */
enum plan_kind { PLAN_NONE, PLAN_NEXT, PLAN_FINISH };
struct plan {
	enum plan_kind kind;
	unsigned cpu;
	u64 sp;      /* the frame that is meant ends above this */
	bool over;   /* PLAN_NEXT: it began at a call */
	bool out;    /* the last instruction stepped was a return from it */
};

struct door;

struct dbg {
	struct dbg_config c;
	struct vm *vm;    /* NULL: a file */
	struct target *t;
	struct kernel *k; /* made when first asked for */

	pthread_mutex_t lock; /* all that follows; held while a command runs */
	pthread_cond_t changed;
	bool held;        /* the machine is paused for us */
	bool qmp_stopped; /* and for who said so in QEMU's protocol */
	bool ran;         /* since k was asked last */
	atomic_bool closing; /* nobody may hold it any more */
	struct stop stop;
	struct stop_at at[ENGINE_BREAKS];
	unsigned nat, last_id;
	struct plan plan;
	u64 steps;        /* still to be made, the present one included */
	struct client *clients;
	struct script script[SCRIPTS];
	unsigned nscripts;
	struct capture capture;
	bool textdump; /* `textdump set`: the event's script ends with a dump */
	char reason[200]; /* of the last event */
	unsigned reason_cpu;
	pthread_mutex_t doors_lock;
	struct door *doors;
};

/* Who gives commands, and to whom their output goes. */
struct session {
	struct dbg *d;
	struct out out;   /* also into the capture buffer */
	struct out *to;
	unsigned cpu;
	unsigned depth;   /* of scripts */
	const char *mod;  /* what stood behind a '/': "10i"; "" nothing */
	char again[LINE_MAX_LEN]; /* an empty line repeats this */
	gva_t next;       /* where x and dis go on */
	char format;
	unsigned size;
	bool goes;        /* the machine shall run; the prompt waits */
	bool quits;
};

struct command {
	const char *name; /* one or two words */
	const char *args;
	const char *help; /* one sentence without a full stop */
	int (*run)(struct session *s, int argc, char **argv, struct err *e);
	u8 min, max;      /* arguments */
	u8 flags;         /* CMD_ */
};
enum {
	CMD_MACHINE = 1, /* not for a file */
	CMD_REST = 2,    /* the last argument is the rest of the line */
	CMD_AGAIN = 4,   /* an empty line does it again */
};
extern const struct command commands[]; /* ends with name NULL */

/* dbg.c; everything from here on is called with the lock held unless it says otherwise. */
void session_init(struct session *s, struct dbg *d, struct out *to); /* takes no lock */
struct view session_view(struct session *s); /* the kernel is looked at when it was not yet */
const struct vcpu *session_vcpu(struct session *s);

/* command.c: -errno when it failed, which was said to s's out. */
int command_run(struct session *s, const char *line);
/* Words of rows that begin with what stands before, one a line. */
void command_complete(struct session *s, const char *line);

/* script.c */
int script_set(struct dbg *d, const char *text, struct err *e); /* "name=body" */
struct script *script_find(struct dbg *d, const char *name);
void script_remove(struct dbg *d, struct script *s);
int script_run(struct session *s, const char *name, struct err *e);
extern const char *const script_events[VM_EV_N]; /* what kdb.enter. of each is called */
bool script_is_event(const char *name, size_t len);
void script_defaults(struct dbg *d);
void script_event(struct session *s, const char *event);

/* stop.c */
void stop_hold(struct dbg *d, enum stop_why why, unsigned cpu, const char *text);
void stop_go(struct dbg *d);
int stop_add(struct dbg *d, const struct stop_at *a, struct err *e); /* a's id is chosen */
bool stop_remove(struct dbg *d, unsigned i); /* of d->at */
void stop_remove_all(struct dbg *d, const void *who);
void client_add(struct dbg *d, struct client *c);
void client_remove(struct dbg *d, struct client *c);
/* plan.c: false: the plan is fulfilled, or there is none. */
bool plan_goes_on(struct dbg *d, unsigned cpu);
void plan_begin(struct dbg *d, enum plan_kind kind, unsigned cpu);

/* door.c: serve(d, fd) is called without the lock for each who comes; it closes fd. */
struct door {
	struct door *next;
	struct dbg *d;
	void (*serve)(struct dbg *d, int fd);
	pthread_t thread;
	int fd, end; /* end: eventfd, readable when the door closes */
	atomic_int peer; /* who is served, -1 nobody */
	atomic_bool closing, done; /* done: its thread has ended by itself */
	char path[108];
};
int door_open(struct dbg *d, const char *where, void (*serve)(struct dbg *d, int fd),
	      struct err *e);
void doors_close(struct dbg *d);

/* cmd_*.c: the rows' functions. */
#define COMMAND(name) int name(struct session *s, int argc, char **argv, struct err *e)
COMMAND(db_continue); COMMAND(db_step); COMMAND(db_next); COMMAND(db_finish);
COMMAND(db_break); COMMAND(db_watch); COMMAND(db_delete); COMMAND(db_show_breaks);
COMMAND(db_write); COMMAND(db_cpu); COMMAND(db_quit); COMMAND(db_kill);
COMMAND(db_reset); COMMAND(db_poweroff); COMMAND(db_nmi);
COMMAND(db_pcpu); COMMAND(db_regs); COMMAND(db_bt); COMMAND(db_ps); COMMAND(db_alltrace);
COMMAND(db_locks); COMMAND(db_modules); COMMAND(db_mounts); COMMAND(db_interrupts);
COMMAND(db_dmesg); COMMAND(db_known); COMMAND(db_event);
COMMAND(db_examine); COMMAND(db_print); COMMAND(db_whatis); COMMAND(db_ptov);
COMMAND(db_vtop); COMMAND(db_dis); COMMAND(db_frame);
COMMAND(db_script); COMMAND(db_scripts); COMMAND(db_run_script); COMMAND(db_unscript);
COMMAND(db_capture_on); COMMAND(db_capture_off); COMMAND(db_capture_status);
COMMAND(db_capture_reset);
COMMAND(db_textdump_set); COMMAND(db_textdump_unset); COMMAND(db_textdump_status);
COMMAND(db_textdump_dump); COMMAND(db_vmcore);
COMMAND(db_help);

#endif
