/* list.c - a guest's linked list, followed with care: it may loop, end early or go anywhere. */
#include "know/list.h"

void list_start(struct list *l, struct kernel *k, u64 head, u64 max)
{
	*l = (struct list){ .k = k, .head = head, .at = head, .mark = head, .lap = 2, .max = max };
}

bool list_next(struct list *l, u64 *ret)
{
	if (!k_u64(l->k, l->at, &l->at)) {
		l->broken = "the list leads to memory that is not there";
		return false;
	}
	if (l->at == l->head)
		return false;
	if (l->at == l->mark) {
		l->broken = "the list leads back into itself";
		return false;
	}
	if (l->steps == l->max) {
		l->broken = "the list is longer than it can be";
		return false;
	}
	if (++l->steps == l->lap) {
		l->lap *= 2;
		l->mark = l->at;
	}
	*ret = l->at;
	return true;
}
