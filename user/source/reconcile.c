/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two sorted lists, from fdinfo and from the tables, and what stands in one of
 * them only. A change that is just under way looks like a difference: only what
 * is still there at a later look is one. Mending the tables is left to
 * source/epolls.c.
 */
#include "source/reconcile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "source/epolls.h"
#include "source/procfs.h"

struct list {
	struct watched *items;
	size_t nr;
};

static int add(struct list *list, const struct watched *item)
{
	struct watched *grown = array_grow(list->items, list->nr, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->items = grown;
	grown[list->nr++] = *item;
	return 0;
}

static void list_free(struct list *list)
{
	free(list->items);
	*list = (struct list){};
}

static int compare(const void *a, const void *b)
{
	const struct watched *one = a, *other = b;

	if (one->instance != other->instance)
		return one->instance < other->instance ? -1 : 1;
	if (one->fd != other->fd)
		return one->fd < other->fd ? -1 : 1;
	return (one->data > other->data) - (one->data < other->data);
}

static void sort(struct list *list)
{
	if (list->nr)
		qsort(list->items, list->nr, sizeof(*list->items), compare);
}

/* "tfd: 5 events: 19 data: 7f01 pos:0 ino:3e sdev:9", fs/eventpoll.c ep_show_fdinfo() */
static int read_fdinfo(uint32_t instance, uint32_t tgid, uint32_t fd, struct list *out)
{
	struct watched item = { .instance = instance };
	char path[64], line[256];
	unsigned long long data;
	int err = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%u", tgid, fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!err && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "tfd: %u events: %x data: %llx", &item.fd, &item.events, &data) !=
		    3)
			continue;
		item.data = data;
		err = add(out, &item);
	}
	fclose(file);
	return err;
}

struct both {
	struct epolls *epolls;
	struct list told, known; /* by fdinfo, and in the tables */
	struct id_list denied;	 /* instances whose fdinfo we may not read */
};

static int look_at_instance(void *context, uint32_t row, const struct instance *instance)
{
	struct both *both = context;
	int err = read_fdinfo(row, instance->holder_tgid, instance->holder_fd, &both->told);

	if (err == -EACCES || err == -EPERM)
		return id_list_add(&both->denied, row);
	/* Closed, or its holder gone: there is nothing to compare with. */
	return err == -ENOMEM ? err : 0;
}

static int look_at_registration(void *context, const struct watched *registration)
{
	return add(&((struct both *)context)->known, registration);
}

static int look_at_both(struct both *both, struct probes *probes)
{
	int err;

	both->epolls = probes_epolls(probes);
	err = epolls_each_held(both->epolls, look_at_instance, both);
	if (!err)
		err = epolls_each_registration(both->epolls, look_at_registration, both);
	sort(&both->told);
	sort(&both->known);
	return err;
}

static void both_free(struct both *both)
{
	list_free(&both->told);
	list_free(&both->known);
	free(both->denied.items);
}

/* Nothing can be said of a registration that fdinfo was not allowed to tell of. */
static bool is_compared(const struct both *both, const struct watched *registration)
{
	return epolls_is_held(both->epolls, registration->instance) &&
	       !id_list_has(&both->denied, registration->instance);
}

/* What stands in @a and not in @b, both sorted. */
static int subtract(struct list *out, const struct list *a, const struct list *b)
{
	size_t i = 0, j = 0;
	int err = 0;

	while (i < a->nr && !err) {
		int order = j < b->nr ? compare(&a->items[i], &b->items[j]) : -1;

		if (order < 0)
			err = add(out, &a->items[i]);
		i += order <= 0;
		j += order >= 0;
	}
	return err;
}

/* Keeps of @list what stands in @other, both sorted. */
static int keep_common(struct list *list, const struct list *other)
{
	struct list gone = {}, kept = {};
	int err = subtract(&gone, list, other);

	if (!err)
		err = subtract(&kept, list, &gone);
	list_free(&gone);
	list_free(list);
	*list = kept;
	return err;
}

int reconcile_at_start(struct probes *probes)
{
	struct list first = {}, second = {};
	struct both both = {};
	int err = look_at_both(&both, probes);

	if (!err)
		err = subtract(&first, &both.told, &both.known);
	both_free(&both);
	if (!err && first.nr) { /* nobody's, or just being made? */
		err = look_at_both(&both, probes);
		if (!err)
			err = subtract(&second, &both.told, &both.known);
		if (!err)
			err = keep_common(&first, &second);
		both_free(&both);
	}
	for (size_t i = 0; i < first.nr && !err; i++)
		err = epolls_add_unheld(probes_epolls(probes), &first.items[i]);
	list_free(&first);
	list_free(&second);
	return err;
}

static int differences(struct probes *probes, struct list *out, bool *is_denied)
{
	struct list unknown = {}, stale = {};
	struct both both = {};
	int err = look_at_both(&both, probes);

	if (!err)
		err = subtract(&unknown, &both.told, &both.known);
	if (!err)
		err = subtract(&stale, &both.known, &both.told);
	for (size_t i = 0; i < unknown.nr && !err; i++)
		err = add(out, &unknown.items[i]);
	for (size_t i = 0; i < stale.nr && !err; i++) {
		if (is_compared(&both, &stale.items[i]))
			err = add(out, &stale.items[i]);
	}
	sort(out);
	*is_denied = both.denied.nr;
	list_free(&unknown);
	list_free(&stale);
	both_free(&both);
	return err;
}

/* A call that changes a registration is seen when it returns: look again a little later. */
#define LOOKS	 8
#define PAUSE_US 1000

int reconcile_at_end(struct probes *probes, struct reconciled *out)
{
	struct list lasting = {}, now = {};
	int err = differences(probes, &lasting, &out->is_denied);

	for (int look = 1; look < LOOKS && lasting.nr && !err; look++) {
		usleep(PAUSE_US);
		err = probes_walk_descriptors(probes);
		if (!err)
			err = epolls_sweep(probes_epolls(probes));
		if (!err)
			err = differences(probes, &now, &out->is_denied);
		if (!err)
			err = keep_common(&lasting, &now);
		list_free(&now);
	}
	out->nr_differences = lasting.nr;
	list_free(&lasting);
	return err;
}
