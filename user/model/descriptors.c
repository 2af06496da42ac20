/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What came of each registration between two snapshots, as its process's descriptors. */
#include "model/epolls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/array.h"
#include "base/pair_map.h"
#include "model/address.h"
#include "model/derive.h"

bool registration_is_undrained(const struct snapshot_registration *row)
{
	return row->registration.events & EPOLLET && row->description.undrained_ns &&
	       row->description.unread_bytes;
}

uint64_t registration_undrained_ns(const struct snapshot_registration *row, uint64_t taken_ns)
{
	uint64_t since_ns = row->description.undrained_ns;

	return taken_ns > since_ns ? taken_ns - since_ns : 0;
}

static uint64_t key_of(const struct registration *row)
{
	return (uint64_t)row->instance << 32 | row->fd;
}

static int map_registrations(struct pair_map *map, const struct snapshot *snapshot)
{
	int err = 0;

	for (size_t i = 0; i < snapshot->nr_registrations && !err; i++) {
		const struct registration *row = &snapshot->registrations[i].registration;

		if (pair_map_find(map, key_of(row), row->born_ns) == PAIR_MAP_NONE)
			err = pair_map_add(map, key_of(row), row->born_ns, i);
	}
	return err;
}

/* By tgid alone: where it was used again, the one that lives. */
static int map_tgids(struct pair_map *map, const struct profile *profile)
{
	int err = 0;

	for (int has_exited = 0; has_exited < 2; has_exited++) {
		for (size_t i = 0; i < profile->nr_processes && !err; i++) {
			const struct profile_process *process = &profile->processes[i];

			if (process->has_exited == has_exited &&
			    pair_map_find(map, process->tgid, 0) == PAIR_MAP_NONE)
				err = pair_map_add(map, process->tgid, 0, i);
		}
	}
	return err;
}

static void compare_callbacks(struct profile_descriptor *row,
			      const struct callback_counters *before,
			      const struct callback_counters *after)
{
	row->callbacks = callback_calls(after) - callback_calls(before);
	row->filtered = after->outcomes[CALLBACK_FILTERED] - before->outcomes[CALLBACK_FILTERED];
	row->coalesced = after->outcomes[CALLBACK_COALESCED] - before->outcomes[CALLBACK_COALESCED];
	row->woken = after->woken - before->woken;
}

static void compare_registration(struct profile_descriptor *row, const struct registration *before,
				 const struct registration *after)
{
	static const struct registration none;

	if (before->deliveries > after->deliveries)
		before = &none; /* the row was given out again while it was read */
	row->fd = after->fd;
	row->instance = after->instance;
	row->is_edge = after->events & EPOLLET;
	row->is_oneshot = after->events & EPOLLONESHOT;
	row->is_exclusive = after->events & EPOLLEXCLUSIVE;
	row->deliveries = after->deliveries - before->deliveries;
	row->redelivered = after->redelivered - before->redelivered;
	row->redelivered_in = after->redelivered_in - before->redelivered_in;
	row->idle_out = after->idle_out - before->idle_out;
	row->ignored_hangup = after->ignored_hangup - before->ignored_hangup;
	row->residual = after->residual - before->residual;
	row->spurious = after->spurious - before->spurious;
	row->edge_undrained = after->edge_undrained - before->edge_undrained;
	row->phantom = after->phantom - before->phantom;
	compare_callbacks(row, &before->callbacks, &after->callbacks);
}

/* A description that was lost sight of and met again began to count anew. */
static bool is_continued(const struct description *before, const struct description *after)
{
	return before->file == after->file && before->inode == after->inode &&
	       before->reads <= after->reads && before->read_bytes <= after->read_bytes &&
	       before->write_bytes <= after->write_bytes;
}

static void compare_description(struct profile_descriptor *row, const struct description *before,
				const struct description *after)
{
	static const struct description none;

	if (!is_continued(before, after))
		before = &none;
	row->kind = after->kind < FD_KINDS ? after->kind : KIND_OTHER;
	row->is_listener = after->is_listener;
	row->reads = after->reads - before->reads;
	row->read_bytes = after->read_bytes - before->read_bytes;
	row->write_bytes = after->write_bytes - before->write_bytes;
}

static void compare_row(struct profile_descriptor *row, const struct snapshot_registration *before,
			const struct snapshot_registration *after, uint64_t taken_ns)
{
	static const struct snapshot_registration none;

	if (!before)
		before = &none;
	memset(row, 0, sizeof(*row));
	compare_registration(row, &before->registration, &after->registration);
	compare_description(row, &before->description, &after->description);
	if (!registration_is_undrained(after))
		return;
	row->unread_bytes = after->description.unread_bytes;
	row->undrained_ns = registration_undrained_ns(after, taken_ns);
}

/* Spurious can be all that moved: it is found at the read after a delivery of long ago. */
static bool is_worth_a_row(const struct profile_descriptor *row)
{
	return row->deliveries || row->spurious || row->edge_undrained || row->reads ||
	       row->read_bytes || row->write_bytes || row->unread_bytes || row->callbacks;
}

/* Only the row of a listener knows the path of a Unix socket. */
static char *name_of(const struct snapshot *snapshot, const struct description *description)
{
	for (size_t i = 0; i < snapshot->nr_listeners && description->is_listener; i++) {
		const struct snapshot_listener *listener = &snapshot->listeners[i];

		if (listener->key.inode == description->ino)
			return address_of_listener(&listener->counters);
	}
	return address_of_description(description);
}

/* Takes over @row's name, even when it fails. */
static int add_row(struct profile_process *process, const struct profile_descriptor *row)
{
	struct profile_descriptor *grown =
		array_grow(process->descriptors, process->nr_descriptors, sizeof(*grown));

	if (grown)
		process->descriptors = grown;
	if (!grown || !row->name) {
		free(row->name);
		return -ENOMEM;
	}
	grown[process->nr_descriptors++] = *row;
	return 0;
}

static int add_rows(struct profile *profile, const struct snapshot *first,
		    const struct snapshot *last, const struct pair_map *earlier,
		    const struct pair_map *tgids)
{
	int err = 0;

	for (size_t i = 0; i < last->nr_registrations && !err; i++) {
		const struct snapshot_registration *after = &last->registrations[i];
		const struct registration *key = &after->registration;
		size_t before = pair_map_find(earlier, key_of(key), key->born_ns);
		size_t process = pair_map_find(tgids, key->tgid, 0);
		struct profile_descriptor row;

		if (process == PAIR_MAP_NONE)
			continue;
		compare_row(&row, before == PAIR_MAP_NONE ? NULL : &first->registrations[before],
			    after, last->taken_ns);
		if (!is_worth_a_row(&row))
			continue;
		row.name = name_of(last, &after->description);
		err = add_row(&profile->processes[process], &row);
	}
	return err;
}

static int compare_descriptors(const void *a, const void *b)
{
	const struct profile_descriptor *one = a, *other = b;

	if (one->deliveries != other->deliveries)
		return one->deliveries < other->deliveries ? 1 : -1;
	if (one->reads != other->reads)
		return one->reads < other->reads ? 1 : -1;
	if (one->fd != other->fd)
		return one->fd > other->fd ? 1 : -1;
	return (one->instance > other->instance) - (one->instance < other->instance);
}

static void sort_rows(struct profile_process *process, size_t nr_shown)
{
	if (process->nr_descriptors)
		qsort(process->descriptors, process->nr_descriptors, sizeof(*process->descriptors),
		      compare_descriptors);
	process->nr_shown_descriptors =
		process->nr_descriptors < nr_shown ? process->nr_descriptors : nr_shown;
}

int descriptors_compare(struct profile *profile, const struct snapshot *first,
			const struct snapshot *last, size_t nr_shown)
{
	struct pair_map earlier = {}, tgids = {};
	int err = map_registrations(&earlier, first);

	if (!err)
		err = map_tgids(&tgids, profile);
	if (!err)
		err = add_rows(profile, first, last, &earlier, &tgids);
	for (size_t i = 0; i < profile->nr_processes; i++)
		sort_rows(&profile->processes[i], nr_shown);
	pair_map_free(&earlier);
	pair_map_free(&tgids);
	return err;
}
