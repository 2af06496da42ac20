/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is no more: swept after a walk, and the rows of what has ended given back. */
#include "source/epoll_tables.h"

#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "source/iterator.h"

static int sweep(struct epolls *epolls, bool is_unheld_included)
{
	int err;

	epolls->skel->bss->sweeps_unheld = is_unheld_included;
	err = iterator_run(epolls->registration_sweep);
	if (!err)
		err = iterator_run(epolls->description_sweep);
	return err;
}

/* Until it begins to end: its descriptors are closed after that. */
static bool is_target(const struct epolls *epolls, uint32_t tgid)
{
	struct process process;

	return !bpf_map_lookup_elem(bpf_map__fd(epolls->skel->maps.processes), &tgid, &process);
}

/*
 * An instance that the walk did not meet although its last holder lives was
 * closed by something else than close. (Or it is on its way in a message: then it
 * is a new one to us when it arrives.)
 */
static void note_closed(struct epolls *epolls)
{
	int by_ep = bpf_map__fd(epolls->skel->maps.instances_by_ep);

	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++) {
		struct instance *instance = instance_at(epolls, row);

		if (!instance->ep || instance->is_closed || epolls_is_held(epolls, row) ||
		    !is_target(epolls, instance->holder_tgid))
			continue;
		instance->is_closed = 1;
		epolls->skel->bss->looks_everywhere = 1;
		bpf_map_delete_elem(by_ep, &instance->ep);
		__atomic_fetch_add(&epolls->skel->bss->epoch, 1, __ATOMIC_RELAXED);
	}
}

/* The passes go through every row, used or not. */
static bool is_anything_watched(const struct epolls *epolls)
{
	if (epolls->skel->bss->looks_everywhere)
		return true;
	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++) {
		if (instance_at(epolls, row)->nr_registrations)
			return true;
	}
	return false;
}

int epolls_sweep(struct epolls *epolls)
{
	note_closed(epolls);
	return is_anything_watched(epolls) ? sweep(epolls, false) : 0;
}

void epolls_settle(struct epolls *epolls)
{
	epolls->skel->bss->settled_walk = epolls->skel->bss->walk;
}

static void free_use(struct epolls *epolls, struct epoll_use *use, uint32_t row)
{
	struct use_key key = {
		.start_ns = use->process_start_ns,
		.tgid = use->tgid,
		.instance = use->instance,
	};

	struct thread_use_key thread_key = {
		.thread = use->thread,
		.instance = use->instance,
	};
	int ended_uses = bpf_map__fd(epolls->skel->maps.ended_uses);
	uint32_t ended;

	if (!bpf_map_lookup_elem(ended_uses, &key, &ended) && ended == row)
		bpf_map_delete_elem(ended_uses, &key);
	if (use->state == USE_LIVE) /* its thread's end was not seen */
		bpf_map_delete_elem(bpf_map__fd(epolls->skel->maps.uses_by_thread), &thread_key);
	use->state = USE_FREE;
	use->name.serial++;
	push_row(&epolls->uses, row);
}

int epolls_retire_uses(struct epolls *epolls,
		       bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
		       void *context, struct snapshot *archive)
{
	for (uint32_t row = 0; row < epolls->uses.nr_rows; row++) {
		struct epoll_use *use = use_at(epolls, row);
		int err;

		if (use->state == USE_FREE || !is_ended(context, use->tgid, use->process_start_ns))
			continue;
		err = epolls_read_use(epolls, archive, use);
		if (err)
			return err;
		free_use(epolls, use, row);
	}
	return 0;
}

/* Returns when every BPF program that was running has returned: they hold RCU's read lock. */
static void wait_for_programs(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* Makes it known that the row goes, if it is of ended threads. */
static bool begin_to_retire(struct epoll_use *use)
{
	uint32_t ended = USE_ENDED;

	return __atomic_compare_exchange_n(&use->state, &ended, USE_RETIRING, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Instances that are closed and that no live thread has a use of: nothing is added to them. */
static void find_finished(const struct epolls *epolls, bool *finished)
{
	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++)
		finished[row] = instance_at(epolls, row)->is_closed;
	for (uint32_t row = 0; row < epolls->uses.nr_rows; row++) {
		const struct epoll_use *use = use_at(epolls, row);

		if (__atomic_load_n(&use->state, __ATOMIC_ACQUIRE) == USE_LIVE &&
		    use->instance < epolls->instances.nr_rows)
			finished[use->instance] = false;
	}
}

/*
 * What ended threads did on instances that are closed: all of an instance at
 * once, for the next snapshot has it no more. A thread that was ending its use
 * when we looked may still be adding to one: we wait until it has.
 */
static int retire_closed_uses(struct epolls *epolls, struct snapshot *archive)
{
	bool *finished = calloc(epolls->instances.nr_rows, sizeof(*finished));
	uint32_t nr = 0;
	int err = finished ? 0 : -ENOMEM;

	if (finished)
		find_finished(epolls, finished);
	for (uint32_t row = 0; row < epolls->uses.nr_rows && finished; row++) {
		struct epoll_use *use = use_at(epolls, row);

		if (use->instance < epolls->instances.nr_rows && finished[use->instance])
			nr += begin_to_retire(use);
	}
	if (nr)
		wait_for_programs();
	for (uint32_t row = 0; row < epolls->uses.nr_rows && nr && !err; row++) {
		struct epoll_use *use = use_at(epolls, row);

		if (use->state != USE_RETIRING)
			continue;
		err = epolls_read_use(epolls, archive, use);
		if (!err)
			free_use(epolls, use, row);
	}
	free(finished);
	return err;
}

/* What is known of an instance's row when it is asked whether it can go. */
struct leaving {
	bool is_used;
	bool leaves;
	struct trigger_counters registrations;
};

static void look_at_rows(const struct epolls *epolls, struct leaving *leaving)
{
	for (uint32_t row = 0; row < epolls->uses.nr_rows; row++) {
		const struct epoll_use *use = use_at(epolls, row);

		if (use->state != USE_FREE && use->instance < epolls->instances.nr_rows)
			leaving[use->instance].is_used = true;
	}
	for (uint32_t row = 0; row < epolls->registrations.nr_rows; row++) {
		const struct registration *registration = registration_at(epolls, row);

		if (registration->is_used && registration->instance < epolls->instances.nr_rows)
			epolls_count_trigger(&leaving[registration->instance].registrations,
					     registration->events);
	}
}

/* What is closed is read here for the last time; the next sweep takes what it watched. */
static int archive_instance(struct epolls *epolls, uint32_t row, struct leaving *leaving,
			    struct snapshot *archive)
{
	struct instance *instance = instance_at(epolls, row);
	struct snapshot_instance *last;
	int err = epolls_add_instance(archive, instance_number(epolls, row));

	if (err)
		return err;
	last = &archive->instances[archive->nr_instances - 1];
	last->callbacks = instance->callbacks;
	if (is_watching(instance))
		last->registrations = leaving->registrations;
	instance->keeps_registrations = 0;
	leaving->leaves = true;
	return 0;
}

static void free_instance(struct epolls *epolls, uint32_t row)
{
	struct instance *instance = instance_at(epolls, row);
	int by_ep = bpf_map__fd(epolls->skel->maps.instances_by_ep);
	uint32_t current;

	if (!bpf_map_lookup_elem(by_ep, &instance->ep, &current) && current == row)
		bpf_map_delete_elem(by_ep, &instance->ep);
	instance->ep = 0;
	instance->is_closed = 0;
	epolls->generations[row]++;
	push_row(&epolls->instances, row);
}

static int drop_unheld(struct epolls *epolls, struct leaving *leaving,
		       bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
		       void *context, struct snapshot *archive)
{
	uint32_t nr_rows = epolls->instances.nr_rows, nr = 0;
	int err;

	err = retire_closed_uses(epolls, archive);
	look_at_rows(epolls, leaving);
	for (uint32_t row = 0; row < nr_rows && !err; row++) {
		const struct instance *instance = instance_at(epolls, row);

		if (!instance->ep || leaving[row].is_used ||
		    (!instance->is_closed &&
		     !is_ended(context, instance->holder_tgid, instance->holder_start_ns)))
			continue;
		err = archive_instance(epolls, row, &leaving[row], archive);
		nr++;
	}
	if (!err && nr)
		err = sweep(epolls, true);
	for (uint32_t row = 0; row < nr_rows && nr; row++) {
		if (leaving[row].leaves && !instance_at(epolls, row)->nr_registrations)
			free_instance(epolls, row);
	}
	return err;
}

int epolls_drop_unheld(struct epolls *epolls,
		       bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
		       void *context, struct snapshot *archive)
{
	struct leaving *leaving = calloc(epolls->instances.nr_rows, sizeof(*leaving));
	int err = leaving ? drop_unheld(epolls, leaving, is_ended, context, archive) : -ENOMEM;

	free(leaving);
	return err;
}

bool epolls_are_short(const struct epolls *epolls)
{
	uint64_t nr_registrations = 0;
	uint32_t nr_instances = 0, nr_closed = 0;

	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++) {
		nr_instances += instance_at(epolls, row)->ep != 0;
		nr_closed += instance_at(epolls, row)->is_closed;
		nr_registrations += instance_at(epolls, row)->nr_registrations;
	}
	return nr_closed > epolls->instances.nr_rows / 8 ||
	       nr_instances > epolls->instances.nr_rows / 2 ||
	       nr_registrations > epolls->registrations.nr_rows / 2;
}
