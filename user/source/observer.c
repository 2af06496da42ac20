/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/observer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/err.h"

/* A process that has ended. */
struct ended {
	struct process_end end;
	bool is_retired; /* its rows are in the archive */
};

struct observer {
	struct probes *probes;
	const struct id_list *named;
	uint64_t live_ns;
	struct ended *ended;
	size_t nr_ended;
	uint64_t nr_forgotten;	 /* ends that memory did not suffice for */
	struct snapshot archive; /* threads and listeners of ended processes */
};

uint64_t observer_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

struct observer *observer_new(struct probes *probes, const struct id_list *named)
{
	struct observer *observer = calloc(1, sizeof(*observer));

	if (observer) {
		observer->probes = probes;
		observer->named = named;
	}
	return observer;
}

void observer_free(struct observer *observer)
{
	if (!observer)
		return;
	snapshot_free(&observer->archive);
	free(observer->ended);
	free(observer);
}

void observer_go_live(struct observer *observer, uint64_t now_ns)
{
	observer->live_ns = now_ns;
}

static struct ended *find_ended(struct observer *observer, const struct process_end *end)
{
	for (size_t i = 0; i < observer->nr_ended; i++) {
		if (observer->ended[i].end.tgid == end->tgid &&
		    observer->ended[i].end.start_ns == end->start_ns)
			return &observer->ended[i];
	}
	return NULL;
}

/* Two last threads can both announce the end: the first knows more. */
static void note_end(void *context, const struct process_end *end)
{
	struct observer *observer = context;
	struct ended *grown;

	if (find_ended(observer, end))
		return;
	grown = array_grow(observer->ended, observer->nr_ended, sizeof(*grown));
	if (!grown) {
		observer->nr_forgotten++;
		return;
	}
	observer->ended = grown;
	grown[observer->nr_ended++] = (struct ended){ .end = *end };
}

void observer_take_ended(struct observer *observer)
{
	probes_take_ended(observer->probes, note_end, observer);
	for (size_t i = 0; i < observer->nr_ended; i++) {
		struct ended *ended = &observer->ended[i];

		if (!ended->is_retired)
			ended->is_retired =
				probes_retire(observer->probes, ended->end.tgid,
					      ended->end.start_ns, &observer->archive) == 1;
	}
}

void observer_forget_ended(struct observer *observer)
{
	size_t kept = 0;

	snapshot_free(&observer->archive);
	for (size_t i = 0; i < observer->nr_ended; i++) {
		if (!observer->ended[i].is_retired)
			observer->ended[kept++] = observer->ended[i];
	}
	observer->nr_ended = kept;
}

struct census {
	struct observer *observer;
	struct snapshot *snapshot;
};

static struct snapshot_process *add_process(struct snapshot *snapshot, uint32_t tgid,
					    uint64_t start_ns)
{
	struct snapshot_process *grown, *process = snapshot_find(snapshot, tgid, start_ns);

	if (process)
		return process;
	grown = array_grow(snapshot->processes, snapshot->nr_processes, sizeof(*grown));
	if (!grown)
		return NULL;
	snapshot->processes = grown;
	process = &grown[snapshot->nr_processes++];
	memset(process, 0, sizeof(*process));
	process->tgid = tgid;
	process->start_ns = start_ns;
	return process;
}

/* Before the walk: what was opened and closed so far. */
static int note_fd_sums(void *context, uint32_t tgid, const struct process *process)
{
	struct census *census = context;
	struct snapshot_process *row = add_process(census->snapshot, tgid, process->start_ns);

	if (!row)
		return -ENOMEM;
	if (!row->fds.is_stable)
		probes_fd_sums(census->observer->probes, tgid, row->start_ns, &row->fds.opened,
			       &row->fds.closed);
	return 0;
}

/* After it: the same still, or descriptors came and went meanwhile. */
static int take_census(void *context, uint32_t tgid, const struct process *process)
{
	struct census *census = context;
	struct snapshot_process *row = snapshot_find(census->snapshot, tgid, process->start_ns);
	uint64_t opened, closed;

	if (!row || row->fds.is_stable || !process->walk)
		return 0;
	row->fds.is_stable =
		probes_fd_sums(census->observer->probes, tgid, row->start_ns, &opened, &closed) &&
		opened == row->fds.opened && closed == row->fds.closed;
	row->fds.is_known = true;
	row->fds.has_kinds = true;
	row->fds.limit = process->fd_limit;
	row->fds.open = 0;
	for (int kind = 0; kind < FD_KINDS; kind++) {
		row->fds.kinds[kind] = process->open[kind];
		row->fds.open += process->open[kind];
	}
	row->is_born_traced = process->born_traced;
	row->open_at_birth = process->open_at_birth;
	return 0;
}

static bool is_census_stable(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nr_processes; i++) {
		if (!snapshot->processes[i].fds.is_stable)
			return false;
	}
	return true;
}

#define CENSUS_TRIES 20

/* Counts descriptors until no target opened or closed one meanwhile. */
static int count_descriptors(struct observer *observer, struct snapshot *snapshot)
{
	struct census census = { .observer = observer, .snapshot = snapshot };
	int err = 0;

	for (int tries = 0; tries < CENSUS_TRIES && !err; tries++) {
		err = probes_each_process(observer->probes, note_fd_sums, &census);
		if (!err)
			err = probes_walk_descriptors(observer->probes);
		if (!err)
			err = probes_each_process(observer->probes, take_census, &census);
		if (!err && is_census_stable(snapshot))
			break;
	}
	return err;
}

static void sum_fds(const struct snapshot *snapshot, struct snapshot_process *row)
{
	row->fds.opened = row->fds.closed = 0;
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		const struct thread *thread = &snapshot->threads[i];

		if (thread->tgid != row->tgid || thread->process_start_ns != row->start_ns)
			continue;
		row->fds.opened += thread->counters.fds.opened;
		row->fds.closed += thread->counters.fds.closed;
	}
}

/* What the kernel told at the process's end is exact: nobody opens anything after that. */
static void describe_end(const struct snapshot *snapshot, struct snapshot_process *row,
			 const struct process_end *end)
{
	memcpy(row->comm, end->comm, COMM_LEN);
	row->has_exited = true;
	row->is_born_traced = end->born_traced;
	row->open_at_birth = end->open_at_birth;
	row->fds = (struct fd_census){
		.is_known = true,
		.is_stable = true,
		.open = end->open,
		.limit = end->fd_limit,
	};
	sum_fds(snapshot, row);
}

static int add_ended(struct observer *observer, struct snapshot *snapshot)
{
	for (size_t i = 0; i < observer->nr_ended; i++) {
		const struct process_end *end = &observer->ended[i].end;
		struct snapshot_process *row = add_process(snapshot, end->tgid, end->start_ns);

		if (!row)
			return -ENOMEM;
		describe_end(snapshot, row, end);
	}
	return 0;
}

/* Rows of a process whose end was not heard of (LOSS_ENDED_PROCESSES) still count. */
static int add_orphans(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		const struct thread *thread = &snapshot->threads[i];
		struct snapshot_process *row;

		row = add_process(snapshot, thread->tgid, thread->process_start_ns);
		if (!row)
			return -ENOMEM;
		if (!row->comm[0] && thread->tid == thread->tgid)
			memcpy(row->comm, thread->comm, COMM_LEN);
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
		procfs_comm(row->tgid, row->comm);
		err = list_known_threads(snapshot, row->tgid, &known);
		if (!err)
			row->waiting_unseen = procfs_count_waiting(row->tgid, &known);
		free(known.items);
		if (err)
			return err;
	}
	return 0;
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
	return 0;
}

int observer_snapshot(struct observer *observer, struct snapshot *out, bool is_last)
{
	int err = count_descriptors(observer, out);

	if (!err && is_last)
		probes_detach(observer->probes);
	if (!err) {
		observer_take_ended(observer);
		out->taken_ns = observer_now_ns();
		out->live_ns = observer->live_ns;
		err = probes_read(observer->probes, out);
	}
	out->losses[LOSS_ENDED_PROCESSES] += observer->nr_forgotten;
	if (!err)
		err = add_archive(&observer->archive, out);
	if (!err)
		err = add_ended(observer, out);
	if (!err)
		err = add_orphans(out);
	if (!err)
		err = ask_procfs(observer, out);
	if (err)
		log_err(-err, "read the counters");
	return err;
}
