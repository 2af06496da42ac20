/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void snapshot_free(struct snapshot *snapshot)
{
	free(snapshot->threads);
	free(snapshot->processes);
	pair_map_free(&snapshot->by_process);
	free(snapshot->listeners);
	free(snapshot->instances);
	free(snapshot->uses);
	pair_map_free(&snapshot->by_use);
	free(snapshot->registrations);
	memset(snapshot, 0, sizeof(*snapshot));
}

struct snapshot_process *snapshot_find(const struct snapshot *snapshot, uint32_t tgid,
				       uint64_t start_ns)
{
	size_t at = pair_map_find(&snapshot->by_process, tgid, start_ns);

	return at == PAIR_MAP_NONE ? NULL : &snapshot->processes[at];
}

struct snapshot_process *snapshot_add_process(struct snapshot *snapshot, uint32_t tgid,
					      uint64_t start_ns)
{
	struct snapshot_process *grown, *process = snapshot_find(snapshot, tgid, start_ns);

	if (process)
		return process;
	grown = array_grow(snapshot->processes, snapshot->nr_processes, sizeof(*grown));
	if (!grown)
		return NULL;
	snapshot->processes = grown;
	if (pair_map_add(&snapshot->by_process, tgid, start_ns, snapshot->nr_processes))
		return NULL;
	process = &grown[snapshot->nr_processes++];
	memset(process, 0, sizeof(*process));
	process->tgid = tgid;
	process->start_ns = start_ns;
	return process;
}
