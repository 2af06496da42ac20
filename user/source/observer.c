/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The order in which a snapshot must be taken, and the archive of the ended:
 * their rows go back to the probes' tables, which are finite, as soon as nothing
 * writes them any more. Reading the tables is left to probes_read.c and
 * epolls_read.c, counting descriptors to census.c.
 */
#include "source/observer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/pair_map.h"
#include "source/census.h"
#include "source/clock.h"
#include "source/epolls.h"
#include "source/reconcile.h"

/* A process that has ended. */
struct ended {
	struct process_end end;
	bool is_retired;   /* its rows are in the archive */
	bool has_live_row; /* a second last thread is still being folded */
};

struct observer {
	struct probes *probes;
	const struct id_list *named;
	uint64_t live_ns;
	bool has_walked; /* every target that has descriptors has been met */
	/* calls that targets were in before the probes were live, and whose end is not seen */
	uint64_t nr_begun;
	struct ended *ended;
	size_t nr_ended;
	size_t nr_pending;	    /* of them, not retired */
	size_t first_pending;	    /* none before it is pending */
	struct pair_map by_process; /* tgid and start_ns to the index in ended */
	uint64_t nr_forgotten;	    /* ends that memory did not suffice for */
	struct snapshot archive;    /* threads and listeners of ended processes */
};

struct observer *observer_new(struct probes *probes, const struct id_list *named)
{
	struct observer *observer = calloc(1, sizeof(*observer));

	if (observer) {
		observer->probes = probes;
		observer->named = named;
	}
	return observer;
}

static int count_begun(void *context, uint32_t tgid, const struct process *process)
{
	static const struct id_list nobody;
	struct observer *observer = context;

	(void)process;
	observer->nr_begun += procfs_count_inside(tgid, &nobody).elsewhere;
	return 0;
}

void observer_before_live(struct observer *observer)
{
	if (probes_backend(observer->probes) == BACKEND_FENTRY)
		probes_each_process(observer->probes, count_begun, observer);
}

void observer_free(struct observer *observer)
{
	if (!observer)
		return;
	snapshot_free(&observer->archive);
	pair_map_free(&observer->by_process);
	free(observer->ended);
	free(observer);
}

void observer_go_live(struct observer *observer, uint64_t now_ns)
{
	observer->live_ns = now_ns;
}

static struct ended *find_ended(struct observer *observer, uint32_t tgid, uint64_t start_ns)
{
	size_t at = pair_map_find(&observer->by_process, tgid, start_ns);

	return at == PAIR_MAP_NONE ? NULL : &observer->ended[at];
}

/* Two last threads can both announce the end: the first knows more, the second may have left a row. */
static void note_end(void *context, const struct process_end *end)
{
	struct observer *observer = context;
	struct ended *grown, *again = find_ended(observer, end->tgid, end->start_ns);

	if (again) {
		observer->nr_pending += again->is_retired;
		again->is_retired = false;
		if ((size_t)(again - observer->ended) < observer->first_pending)
			observer->first_pending = again - observer->ended;
		return;
	}
	grown = array_grow(observer->ended, observer->nr_ended, sizeof(*grown));
	if (!grown) {
		observer->nr_forgotten++;
		return;
	}
	observer->ended = grown;
	if (pair_map_add(&observer->by_process, end->tgid, end->start_ns, observer->nr_ended)) {
		observer->nr_forgotten++;
		return;
	}
	grown[observer->nr_ended++] = (struct ended){ .end = *end };
	observer->nr_pending++;
}

static struct ended *pending_owner(struct observer *observer, const struct thread *row)
{
	struct ended *ended = find_ended(observer, row->tgid, row->process_start_ns);

	return ended && !ended->is_retired ? ended : NULL;
}

/* A thread that still has a row of its own may be adding it to that of its process. */
static void find_live_rows(struct observer *observer)
{
	for (size_t i = observer->first_pending; i < observer->nr_ended; i++)
		observer->ended[i].has_live_row = false;
	for (uint32_t i = 0; i < probes_nr_rows(observer->probes); i++) {
		const struct thread *row = probes_row(observer->probes, i);
		struct ended *ended;

		if (probes_row_state(row) != THREAD_LIVE)
			continue;
		ended = pending_owner(observer, row);
		if (ended)
			ended->has_live_row = true;
	}
}

static int retire_rows(struct observer *observer)
{
	int err = 0;

	for (uint32_t i = 0; i < probes_nr_rows(observer->probes) && !err; i++) {
		const struct thread *row = probes_row(observer->probes, i);
		struct ended *ended;

		if (probes_row_state(row) != THREAD_ENDED)
			continue;
		ended = pending_owner(observer, row);
		if (ended && !ended->has_live_row)
			err = probes_retire_row(observer->probes, i, &observer->archive);
	}
	return err;
}

static bool is_being_retired(void *context, uint32_t tgid, uint64_t start_ns)
{
	const struct ended *ended = find_ended(context, tgid, start_ns);

	return ended && !ended->is_retired && !ended->has_live_row;
}

static bool has_ended(void *context, uint32_t tgid, uint64_t start_ns)
{
	return find_ended(context, tgid, start_ns) || !procfs_is_alive(tgid);
}

static void note_retired(struct observer *observer)
{
	size_t first = observer->nr_ended;

	observer->nr_pending = 0;
	for (size_t i = observer->first_pending; i < observer->nr_ended; i++) {
		struct ended *ended = &observer->ended[i];

		ended->is_retired |= !ended->has_live_row;
		ended->has_live_row = false;
		if (ended->is_retired)
			continue;
		observer->nr_pending++;
		if (i < first)
			first = i;
	}
	observer->first_pending = first;
}

/*
 * Moves what ended processes left to the archive, so that their rows can be used
 * again: all of them in one pass over the rows, however many have ended.
 */
static void retire_pending(struct observer *observer)
{
	int err;

	if (!observer->nr_pending)
		return;
	find_live_rows(observer);
	for (size_t i = observer->first_pending; i < observer->nr_ended; i++) {
		const struct process_end *end = &observer->ended[i].end;

		if (is_being_retired(observer, end->tgid, end->start_ns))
			probes_close_process(observer->probes, end->tgid, end->start_ns);
	}
	err = retire_rows(observer);
	if (!err)
		err = probes_retire_listeners(observer->probes, is_being_retired, observer,
					      &observer->archive);
	if (!err)
		err = epolls_retire_uses(probes_epolls(observer->probes), is_being_retired,
					 observer, &observer->archive);
	if (err)
		return; /* they stay where they are, and are read there */
	note_retired(observer);
}

/* Instances that nobody has open any more: moved to the archive, for the next snapshot. */
static int drop_unheld(struct observer *observer)
{
	return epolls_drop_unheld(probes_epolls(observer->probes), has_ended, observer,
				  &observer->archive);
}

void observer_take_ended(struct observer *observer)
{
	probes_take_ended(observer->probes, note_end, observer);
	retire_pending(observer);
	if (epolls_are_short(probes_epolls(observer->probes)))
		drop_unheld(observer);
}

void observer_forget_ended(struct observer *observer)
{
	size_t kept = 0;

	snapshot_free(&observer->archive);
	pair_map_free(&observer->by_process);
	for (size_t i = 0; i < observer->nr_ended; i++) {
		const struct process_end *end = &observer->ended[i].end;

		if (observer->ended[i].is_retired ||
		    pair_map_add(&observer->by_process, end->tgid, end->start_ns, kept))
			continue;
		observer->ended[kept++] = observer->ended[i];
	}
	observer->nr_ended = kept;
	observer->nr_pending = kept;
	observer->first_pending = 0;
}

/* What the kernel told at the process's end is exact: nobody opens anything after that. */
static void describe_end(struct snapshot_process *row, const struct process_end *end)
{
	memcpy(row->comm, end->comm, COMM_LEN);
	row->has_exited = true;
	row->is_born_traced = end->born_traced;
	row->open_at_birth = end->open_at_birth;
	row->is_compat = end->is_compat;
	row->fds = (struct fd_census){
		.is_known = true,
		.is_stable = true,
		.open = end->open,
		.limit = end->fd_limit,
	};
}

static int add_ended(struct observer *observer, struct snapshot *snapshot)
{
	for (size_t i = 0; i < observer->nr_ended; i++) {
		const struct process_end *end = &observer->ended[i].end;
		struct snapshot_process *row =
			snapshot_add_process(snapshot, end->tgid, end->start_ns);

		if (!row)
			return -ENOMEM;
		describe_end(row, end);
	}
	return 0;
}

/*
 * What the rows tell of processes: a name for one whose end was not heard of
 * (LOSS_ENDED_PROCESSES), and all that an ended one opened and closed.
 */
static int add_rows(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		const struct thread *thread = &snapshot->threads[i];
		struct snapshot_process *row =
			snapshot_add_process(snapshot, thread->tgid, thread->process_start_ns);

		if (!row)
			return -ENOMEM;
		if (!row->comm[0] || (!row->has_exited && thread->tid == thread->tgid))
			memcpy(row->comm, thread->comm, COMM_LEN);
		if (row->has_exited) {
			row->fds.opened += thread->counters.fds.opened;
			row->fds.closed += thread->counters.fds.closed;
		}
	}
	return 0;
}

static int list_known_threads(const struct snapshot *snapshot, uint32_t tgid, struct id_list *out)
{
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		const struct thread *thread = &snapshot->threads[i];
		int err;

		if (thread->tgid != tgid || thread->state != THREAD_LIVE)
			continue;
		err = id_list_add(out, thread->tid);
		if (err)
			return err;
	}
	return 0;
}

/* What only /proc knows: the present name, and threads that returned from nothing yet. */
static int ask_procfs(struct observer *observer, struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nr_processes; i++) {
		struct snapshot_process *row = &snapshot->processes[i];
		struct id_list known = {};
		int err;

		row->is_named = id_list_has(observer->named, row->tgid);
		if (row->has_exited)
			continue;
		if (!procfs_comm(row->tgid, row->comm)) {
			row->has_exited = true; /* just now: its threads have told its name */
			if (!row->comm[0])
				strcpy(row->comm, "?");
			continue;
		}
		err = list_known_threads(snapshot, row->tgid, &known);
		if (!err) {
			struct inside inside = procfs_count_inside(row->tgid, &known);

			row->waiting_unseen = inside.waiting;
			row->waiting_denied = inside.is_denied;
		}
		free(known.items);
		if (err)
			return err;
	}
	snapshot->unseen[UNSEEN_BEGUN] = observer->nr_begun;
	return 0;
}

/* What ended processes had registered and waited on. */
static int add_archived_epolls(const struct snapshot *archive, struct snapshot *out)
{
	int err = 0;

	for (size_t i = 0; i < archive->nr_instances && !err; i++) {
		struct snapshot_instance *grown =
			array_grow(out->instances, out->nr_instances, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		out->instances = grown;
		grown[out->nr_instances++] = archive->instances[i];
	}
	for (size_t i = 0; i < archive->nr_uses && !err; i++)
		err = epolls_add_use(out, &archive->uses[i]);
	return err;
}

/* Appends what ended processes left behind. */
static int add_archive(const struct snapshot *archive, struct snapshot *out)
{
	for (size_t i = 0; i < archive->nr_threads; i++) {
		struct thread *grown = array_grow(out->threads, out->nr_threads, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		out->threads = grown;
		grown[out->nr_threads++] = archive->threads[i];
	}
	for (size_t i = 0; i < archive->nr_listeners; i++) {
		struct snapshot_listener *grown =
			array_grow(out->listeners, out->nr_listeners, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		out->listeners = grown;
		grown[out->nr_listeners++] = archive->listeners[i];
	}
	return add_archived_epolls(archive, out);
}

/*
 * The first walk makes targets and their epoll instances known, which a census
 * and the registrations need. What fdinfo tells is asked for at both ends.
 */
static int look_at_descriptors(struct observer *observer, struct snapshot *out)
{
	bool is_first = !observer->has_walked;
	int err = is_first ? probes_walk_descriptors(observer->probes) : 0;

	observer->has_walked = true;
	if (!err)
		err = census_take(observer->probes, out);
	if (!err)
		err = epolls_sweep(probes_epolls(observer->probes));
	if (!err && is_first)
		err = reconcile_at_start(observer->probes);
	if (is_first)
		epolls_settle(probes_epolls(observer->probes));
	return err;
}

int observer_snapshot(struct observer *observer, struct snapshot *out, bool is_last)
{
	struct reconciled reconciled = {};
	int err = look_at_descriptors(observer, out);

	if (!err && is_last)
		err = reconcile_at_end(observer->probes, &reconciled);
	if (!err && is_last)
		probes_detach(observer->probes);
	if (!err) {
		observer_take_ended(observer);
		err = drop_unheld(observer);
	}
	if (!err) {
		out->taken_ns = clock_now_ns();
		out->live_ns = observer->live_ns;
		err = probes_read(observer->probes, out);
		/* Who ended since then is in its rows, ended or not yet: no row is retired now. */
		probes_take_ended(observer->probes, note_end, observer);
	}
	out->losses[LOSS_ENDED_PROCESSES] += observer->nr_forgotten;
	out->losses[LOSS_REGISTRATIONS] += reconciled.nr_differences;
	out->fdinfo_denied = reconciled.is_denied;
	if (!err)
		err = add_archive(&observer->archive, out);
	if (!err)
		err = add_ended(observer, out);
	if (!err)
		err = add_rows(out);
	if (!err)
		err = ask_procfs(observer, out);
	if (err)
		log_err(-err, "read the counters");
	return err;
}
