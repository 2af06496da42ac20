/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/census.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int list_process(void *context, uint32_t tgid, const struct process *process)
{
	struct snapshot *snapshot = context;

	/* One that the walk has never met has no start time yet, and no descriptors. */
	if (process->start_ns && !snapshot_add_process(snapshot, tgid, process->start_ns))
		return -ENOMEM;
	return 0;
}

/* What each process of @snapshot opened and closed so far, in one pass over the rows. */
static void sum_fd_calls(struct probes *probes, const struct snapshot *snapshot,
			 struct fd_counters *sums)
{
	memset(sums, 0, snapshot->nr_processes * sizeof(*sums));
	for (uint32_t i = 0; i < probes_nr_rows(probes); i++) {
		const struct thread *row = probes_row(probes, i);
		const struct fd_counters *fds = &row->counters.fds;
		const struct snapshot_process *process;
		struct fd_counters *sum;

		if (probes_row_state(row) == THREAD_FREE)
			continue;
		process = snapshot_find(snapshot, row->tgid, row->process_start_ns);
		if (!process)
			continue;
		sum = &sums[process - snapshot->processes];
		sum->opened += __atomic_load_n(&fds->opened, __ATOMIC_ACQUIRE);
		sum->closed += __atomic_load_n(&fds->closed, __ATOMIC_ACQUIRE);
	}
}

/* What the walk counted, unless an earlier one is good already. */
static int take_census(void *context, uint32_t tgid, const struct process *process)
{
	struct snapshot *snapshot = context;
	struct snapshot_process *row = snapshot_find(snapshot, tgid, process->start_ns);

	if (!row || row->fds.is_stable || !process->walk)
		return 0;
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
	row->is_compat = process->is_compat;
	return 0;
}

/* Those that opened and closed nothing during the walk are done with. Returns how many are not. */
static size_t settle(struct snapshot *snapshot, const struct fd_counters *before,
		     const struct fd_counters *after, bool is_quiet)
{
	size_t unsettled = 0;

	for (size_t i = 0; i < snapshot->nr_processes; i++) {
		struct fd_census *fds = &snapshot->processes[i].fds;

		if (fds->is_stable)
			continue;
		fds->opened = before[i].opened;
		fds->closed = before[i].closed;
		fds->is_stable = is_quiet && !memcmp(&before[i], &after[i], sizeof(*before));
		unsettled += !fds->is_stable;
	}
	return unsettled;
}

/* One walk over the descriptors, between two sums of the calls that open and close them. */
static int try_census(struct probes *probes, struct snapshot *snapshot, size_t *unsettled)
{
	struct fd_counters *before, *after;
	uint64_t folds = probes_folds(probes);
	int err;

	before = calloc(snapshot->nr_processes + 1, sizeof(*before));
	after = calloc(snapshot->nr_processes + 1, sizeof(*after));
	if (!before || !after) {
		free(before);
		free(after);
		return -ENOMEM;
	}
	sum_fd_calls(probes, snapshot, before);
	err = probes_walk_descriptors(probes);
	if (!err)
		err = probes_each_process(probes, take_census, snapshot);
	sum_fd_calls(probes, snapshot, after);
	if (!err)
		*unsettled = settle(snapshot, before, after,
				    !(folds & 1) && probes_folds(probes) == folds);
	free(before);
	free(after);
	return err;
}

#define CENSUS_TRIES  20
#define CENSUS_ROUNDS 3 /* in a row that settled nobody: they will not either */

int census_take(struct probes *probes, struct snapshot *snapshot)
{
	size_t unsettled = SIZE_MAX, before;
	int err = 0, in_vain = 0;

	for (int tries = 0; tries < CENSUS_TRIES && in_vain < CENSUS_ROUNDS && !err; tries++) {
		before = unsettled;
		err = probes_each_process(probes, list_process, snapshot);
		if (!err)
			err = try_census(probes, snapshot, &unsettled);
		if (!err && !unsettled)
			break;
		in_vain = unsettled < before ? 0 : in_vain + 1;
	}
	return err;
}
