/* stop.c - who stopped the machine and why; breakpoints; events and what they set off. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dbg/hmp.h"

/* ---- who is attached ---- */

static void clients_wake(struct dbg *d)
{
	for (struct client *c = d->clients; c; c = c->next)
		if (write(c->wake, &(u64){ 1 }, sizeof(u64)) < 0)
			continue; /* it has been told already */
}

void client_add(struct dbg *d, struct client *c)
{
	c->next = d->clients;
	d->clients = c;
}

void client_remove(struct dbg *d, struct client *c)
{
	struct client **p = &d->clients;

	while (*p && *p != c)
		p = &(*p)->next;
	if (*p)
		*p = c->next;
	if (!d->clients && d->held) {
		stop_remove_all(d, NULL);
		stop_go(d);
	}
}

/* ---- holding the machine ---- */

/* Of a plan that was cut short. */
static void remove_temporary(struct dbg *d)
{
	for (unsigned i = d->nat; i-- > 0;)
		if (d->at[i].temporary)
			stop_remove(d, i);
}

void stop_hold(struct dbg *d, enum stop_why why, unsigned cpu, const char *text)
{
	if (d->closing)
		return;
	if (!d->held) {
		vm_pause(d->vm);
		d->held = true;
		d->ran = true;
	}
	remove_temporary(d);
	d->stop.count++;
	d->stop.why = why;
	d->stop.cpu = cpu;
	snprintf(d->stop.text, sizeof(d->stop.text), "%s", text);
	clients_wake(d);
}

void stop_go(struct dbg *d)
{
	if (!d->held)
		return;
	d->held = false;
	d->ran = true;
	pthread_cond_broadcast(&d->changed);
	vm_resume(d->vm);
}

/* ---- breakpoints ---- */

static int tell_engine(struct dbg *d, struct err *e)
{
	struct engine_break b[ENGINE_BREAKS];
	int rc;

	for (unsigned i = 0; i < d->nat; i++)
		b[i] = d->at[i].b;
	vm_pause(d->vm);
	rc = vm_breaks(d->vm, b, d->nat, e);
	vm_resume(d->vm);
	return rc;
}

int stop_add(struct dbg *d, const struct stop_at *a, struct err *e)
{
	int rc;

	if (d->nat == ENGINE_BREAKS)
		return err_set(e, -ENOSPC, "there are %d breakpoints already", ENGINE_BREAKS);
	d->at[d->nat] = *a;
	d->at[d->nat++].id = a->temporary ? 0 : ++d->last_id;
	rc = tell_engine(d, e);
	if (rc)
		stop_remove(d, d->nat - 1);
	return rc;
}

bool stop_remove(struct dbg *d, unsigned i)
{
	struct err e;

	if (i >= d->nat)
		return false;
	memmove(&d->at[i], &d->at[i + 1], (d->nat - i - 1) * sizeof(d->at[0]));
	d->nat--;
	return !tell_engine(d, &e);
}

/* who NULL: whoever set them. */
void stop_remove_all(struct dbg *d, const void *who)
{
	for (unsigned i = d->nat; i-- > 0;)
		if (!who || d->at[i].who == who)
			stop_remove(d, i);
}

/* ---- events ---- */

static void event_script(struct dbg *d, const char *name, unsigned cpu, const char *text)
{
	struct out nowhere = { hmp_drop };
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return;
	snprintf(d->reason, sizeof(d->reason), "%s", text);
	d->reason_cpu = cpu;
	session_init(s, d, &nowhere);
	s->cpu = cpu;
	script_event(s, name);
	free(s);
}

static bool steps_go_on(struct dbg *d, struct vcpu *v)
{
	if (d->steps < 2 || d->closing)
		return false;
	d->steps--;
	v->debug_step = true;
	return true;
}

/* A vCPU came back with RUN_DEBUG: what was it? */
static void met(struct dbg *d, unsigned cpu, const char *text)
{
	struct vcpu *v = vm_vcpu(d->vm, cpu);
	unsigned i = v->debug_hit - DEBUG_BREAK;
	enum stop_why why = STOP_STEP;
	char line[sizeof(d->stop.text)];

	v->debug_step = false;
	snprintf(line, sizeof(line), "%s", text);
	if (v->debug_hit >= DEBUG_BREAK) {
		if (i >= d->nat)
			return; /* taken away meanwhile */
		d->stop.at = d->at[i];
		if (d->at[i].temporary) {
			stop_remove(d, i);
		} else {
			why = d->stop.at.b.kind == BREAK_EXEC ? STOP_BREAK : STOP_WATCH;
			snprintf(line, sizeof(line), "%s %u: %s",
				 why == STOP_BREAK ? "breakpoint" : "watchpoint",
				 d->stop.at.id, text);
		}
	}
	if (why == STOP_STEP && (plan_goes_on(d, cpu) || steps_go_on(d, v)))
		return;
	d->plan.kind = PLAN_NONE;
	d->steps = 0;
	stop_hold(d, why, cpu, line);
}

/*
 * What ends the run is shown to who is attached until they let go; only then may the machine be taken
 * apart. Whatever else happens, the machine is just held.
 */
static void event_other(struct dbg *d, const char *text, unsigned cpu)
{
	if (!d->clients)
		return;
	stop_hold(d, STOP_EVENT, cpu, text);
	while (vm_ended(d->vm, false) && d->held && !d->closing && !vm_ended(d->vm, true)) {
		struct timespec at;

		clock_gettime(CLOCK_REALTIME, &at);
		at.tv_sec++;
		pthread_cond_timedwait(&d->changed, &d->lock, &at);
	}
}

/*L:660 What an event sets off
 * First its script runs, as in FreeBSD's ddb: kdb.enter.panic for a panic, kdb.enter.default when there is
 * none of that name. Then, if somebody sits at a prompt or has attached gdb, the machine stays
 * where it is until they let it go. A breakpoint belongs to who set it, so it has no script unless
 * the user wrote one.
 */
void dbg_event(void *ctx, enum vm_event ev, unsigned cpu, const char *text)
{
	struct dbg *d = ctx;

	pthread_mutex_lock(&d->lock);
	d->ran = true;
	if (ev == VM_EV_BREAK) {
		met(d, cpu, text);
		if (d->held && script_find(d, "kdb.enter.break"))
			event_script(d, script_events[ev], cpu, text);
	} else {
		event_script(d, script_events[ev], cpu, text);
		event_other(d, text, cpu);
	}
	pthread_mutex_unlock(&d->lock);
}

void dbg_let_go(struct dbg *d)
{
	atomic_store(&d->closing, true);
	pthread_mutex_lock(&d->lock);
	if (d->vm)
		stop_go(d);
	if (d->qmp_stopped)
		vm_resume(d->vm);
	d->qmp_stopped = false;
	pthread_cond_broadcast(&d->changed);
	clients_wake(d);
	pthread_mutex_unlock(&d->lock);
}
