/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ownership and names of the profile; how it comes about is in difference.c. */
#include "model/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static const char *const loss_names[LOSSES] = {
	[LOSS_USER_MEMORY] = "user_memory",
	[LOSS_SELECT_SETS] = "select_sets",
	[LOSS_TRUNCATED_MESSAGES] = "truncated_messages",
	[LOSS_LISTENERS] = "listeners",
	[LOSS_THREADS] = "threads",
	[LOSS_PROCESSES] = "processes",
	[LOSS_OPEN_DESCRIPTORS] = "open_descriptors",
	[LOSS_ENDED_PROCESSES] = "ended_processes",
	[LOSS_PROGRAMS_SKIPPED] = "programs_skipped",
};

static const char *const unseen_names[UNSEENS] = {
	[UNSEEN_IO_URING] = "io_uring_requests",
	[UNSEEN_COMPAT] = "compat_calls",
};

const char *loss_name(enum loss cause)
{
	return loss_names[cause];
}

const char *unseen_name(enum unseen what)
{
	return unseen_names[what];
}

static void process_free(struct profile_process *process)
{
	for (size_t i = 0; i < process->nr_inexact; i++) {
		free(process->inexact[i].key);
		free(process->inexact[i].reason);
	}
	for (size_t i = 0; i < process->nr_listeners; i++)
		free(process->listeners[i].local);
	free(process->inexact);
	free(process->listeners);
	free(process->threads);
}

static void target_free(struct profile_target *target)
{
	for (char **arg = target->command; arg && *arg; arg++)
		free(*arg);
	free(target->command);
	free(target->pids);
	free(target->ports);
	free(target->comm);
	free(target->cgroup);
}

void profile_free(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++)
		process_free(&profile->processes[i]);
	free(profile->processes);
	target_free(&profile->target);
	free(profile->version);
	free(profile->host.kernel);
	free(profile->host.arch);
	free(profile->backend_syscalls);
	free(profile->backend_wakeups);
	memset(profile, 0, sizeof(*profile));
}

void profile_drop_last(struct profile *profile)
{
	struct profile_process *process = &profile->processes[--profile->nr_processes];

	process_free(process);
	memset(process, 0, sizeof(*process));
}

bool profile_is_complete(const struct profile *profile)
{
	for (int cause = 0; cause < LOSSES; cause++) {
		if (profile->losses[cause])
			return false;
	}
	return true;
}

void profile_keep_comm(struct profile *profile, const char *comm)
{
	size_t kept = 0;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		struct profile_process *process = &profile->processes[i];

		if (strncmp(process->comm, comm, COMM_LEN - 1) == 0)
			profile->processes[kept++] = *process;
		else
			process_free(process);
	}
	profile->nr_processes = kept;
}

int profile_mark_inexact(struct profile_process *process, const char *key, const char *reason)
{
	struct inexact *grown, entry = { strdup(key), strdup(reason) };

	grown = array_grow(process->inexact, process->nr_inexact, sizeof(*grown));
	if (grown)
		process->inexact = grown;
	if (!grown || !entry.key || !entry.reason) {
		free(entry.key);
		free(entry.reason);
		return -ENOMEM;
	}
	grown[process->nr_inexact++] = entry;
	return 0;
}
