/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/snapshot.h"

#include <stdlib.h>
#include <string.h>

void snapshot_free(struct snapshot *snapshot)
{
	free(snapshot->threads);
	free(snapshot->processes);
	free(snapshot->listeners);
	memset(snapshot, 0, sizeof(*snapshot));
}

struct snapshot_process *snapshot_find(const struct snapshot *snapshot, uint32_t tgid,
				       uint64_t start_ns)
{
	for (size_t i = 0; i < snapshot->nr_processes; i++) {
		struct snapshot_process *process = &snapshot->processes[i];

		if (process->tgid == tgid && process->start_ns == start_ns)
			return process;
	}
	return NULL;
}
