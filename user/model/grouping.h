/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rows of a snapshot by process, found in one pass however many there are. */
#ifndef FDSCOPE_GROUPING_H
#define FDSCOPE_GROUPING_H

#include "base/pair_map.h"
#include "model/snapshot.h"

/* The rows of one process's threads. */
struct span {
	const struct thread **threads;
	size_t nr;
};

struct grouping {
	const struct thread **threads; /* into the snapshot, process after process */
	size_t *ends; /* where the rows of each process end; they begin where the one before ends */
};

/* Adds the processes of @snapshot to @map, by tgid and start, with their index. 0 or -ENOMEM. */
int map_processes(struct pair_map *map, const struct snapshot *snapshot);

/*
 * Groups the rows of @snapshot by the processes of @subjects, whose indices are
 * below @nr_processes; rows of others are left out. 0 or -ENOMEM; @grouping is
 * to be freed in either case.
 */
int grouping_make(struct grouping *grouping, const struct snapshot *snapshot,
		  const struct pair_map *subjects, size_t nr_processes);
void grouping_free(struct grouping *grouping);

struct span grouping_span(const struct grouping *grouping, size_t process);

#endif
