/* view_interrupts.c - the interrupts a Linux guest has set up, how often each came and for whom. */
#include <inttypes.h>
#include <string.h>

#include "know/kernel.h"
#include "know/task.h"

#define SLOTS 64 /* of an xarray's node */
#define DEPTH 6
#define INTERNAL 2 /* low bits of a pointer to a node */
#define DESCS_MAX 4096
#define ACTIONS_MAX 16

struct irqs {
	const struct view *v;
	i32 data, action, kstat, chip, irq, chip_name, action_name, action_next;
	i32 slots;
	unsigned left;
	unsigned ncpus;
};

static void actions_show(struct irqs *q, u64 desc)
{
	struct kernel *k = q->v->k;
	char name[64];
	u64 action, at;

	if (!k_ptr(k, desc, q->action, &action))
		return;
	for (unsigned i = 0; action && i < ACTIONS_MAX; i++) {
		if (!k_ptr(k, action, q->action_name, &at) || !at || !k_text(k, at, name, sizeof(name)))
			break;
		out_say(q->v->out, "%s%s", i ? ", " : "  ", name);
		if (!k_ptr(k, action, q->action_next, &action))
			break;
	}
}

/* As /proc/interrupts: those that came, or that somebody waits for. */
static void desc_show(struct irqs *q, u64 desc)
{
	struct kernel *k = q->v->k;
	u64 data = desc + (u64)q->data, chip, at, kstat, base, action = 0, sum = 0;
	u64 offsets = k_sym(k, "__per_cpu_offset");
	u32 irq = 0, n[64] = { 0 };
	char name[64] = "-";

	k_int(k, data, q->irq, &irq);
	k_ptr(k, desc, q->action, &action);
	for (unsigned i = 0; k_ptr(k, desc, q->kstat, &kstat) && i < q->ncpus; i++) {
		if (k_u64(k, offsets + 8ull * i, &base))
			k_u32(k, base + kstat, &n[i]);
		sum += n[i];
	}
	if (!action && !sum)
		return;
	if (k_ptr(k, data, q->chip, &chip) && k_ptr(k, chip, q->chip_name, &at) && at)
		k_text(k, at, name, sizeof(name));
	out_say(q->v->out, "%4u:", irq);
	for (unsigned i = 0; i < q->ncpus; i++)
		out_say(q->v->out, " %10u", n[i]);
	out_say(q->v->out, "  %s", name);
	actions_show(q, desc);
	out_say(q->v->out, "\n");
}

/* An xarray: a node has 64 slots, each a node or an entry. */
static void node_walk(struct irqs *q, u64 node, unsigned depth)
{
	u64 slot;

	node &= ~3ull;
	for (unsigned i = 0; depth && i < SLOTS && q->left; i++) {
		if (!k_u64(q->v->k, node + (u64)q->slots + 8 * i, &slot) || !slot)
			continue;
		q->left--;
		if ((slot & 3) == INTERNAL)
			node_walk(q, slot, depth - 1);
		else if (slot >> 63)
			desc_show(q, slot);
	}
}

static bool offsets_read(struct irqs *q)
{
	struct kernel *k = q->v->k;
	const struct { i32 *at; const char *type, *member; } wanted[] = {
		{ &q->data, "irq_desc", "irq_data" }, { &q->action, "irq_desc", "action" },
		{ &q->kstat, "irq_desc", "kstat_irqs" }, { &q->chip, "irq_data", "chip" },
		{ &q->irq, "irq_data", "irq" }, { &q->chip_name, "irq_chip", "name" },
		{ &q->action_name, "irqaction", "name" }, { &q->action_next, "irqaction", "next" },
		{ &q->slots, "xa_node", "slots" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		*wanted[i].at = k_offset(k, wanted[i].type, wanted[i].member);
		if (*wanted[i].at < 0)
			return false;
	}
	return true;
}

void view_interrupts(const struct view *v)
{
	struct irqs q = { .v = v, .left = DESCS_MAX };
	struct kernel *k = v->k;
	u64 tree = k_sym(k, "irq_desc_tree"), head;
	i32 xa_head = k_offset(k, "xarray", "xa_head");

	target_look(v->t);
	q.ncpus = target_ncpus(v->t) < 64 ? target_ncpus(v->t) : 64;
	if (!tree || !offsets_read(&q) || !k_ptr(k, tree, xa_head, &head)) {
		out_say(v->out, "?? the table of interrupts is not found\n");
		return;
	}
	out_say(v->out, "     ");
	for (unsigned i = 0; i < q.ncpus; i++)
		out_say(v->out, "       CPU%-u", i);
	out_say(v->out, "\n");
	if ((head & 3) == INTERNAL)
		node_walk(&q, head, DEPTH);
	else if (head >> 63)
		desc_show(&q, head);
}
