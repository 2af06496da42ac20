/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/grouping.h"

#include <errno.h>
#include <stdlib.h>

int map_processes(struct pair_map *map, const struct snapshot *snapshot)
{
	int err = 0;

	for (size_t i = 0; i < snapshot->nr_processes && !err; i++)
		err = pair_map_add(map, snapshot->processes[i].tgid,
				   snapshot->processes[i].start_ns, i);
	return err;
}

static size_t process_of(const struct thread *thread, const struct pair_map *subjects)
{
	return pair_map_find(subjects, thread->tgid, thread->process_start_ns);
}

/* A counting sort: one pass to count the rows of each process, one to put them in place. */
int grouping_make(struct grouping *grouping, const struct snapshot *snapshot,
		  const struct pair_map *subjects, size_t nr_processes)
{
	size_t sum = 0;

	grouping->threads = calloc(snapshot->nr_threads + 1, sizeof(*grouping->threads));
	grouping->ends = calloc(nr_processes + 1, sizeof(*grouping->ends));
	if (!grouping->threads || !grouping->ends)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		size_t at = process_of(&snapshot->threads[i], subjects);

		if (at != PAIR_MAP_NONE)
			grouping->ends[at + 1]++;
	}
	for (size_t i = 0; i <= nr_processes; i++) {
		sum += grouping->ends[i];
		grouping->ends[i] = sum; /* so far: where the rows of process i begin */
	}
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		size_t at = process_of(&snapshot->threads[i], subjects);

		if (at != PAIR_MAP_NONE)
			grouping->threads[grouping->ends[at]++] = &snapshot->threads[i];
	}
	return 0;
}

void grouping_free(struct grouping *grouping)
{
	free(grouping->threads);
	free(grouping->ends);
}

struct span grouping_span(const struct grouping *grouping, size_t process)
{
	size_t begin = process ? grouping->ends[process - 1] : 0;

	return (struct span){ grouping->threads + begin, grouping->ends[process] - begin };
}
