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
	[LOSS_EVENTS] = "events",
	[LOSS_THREADS] = "threads",
	[LOSS_PROCESSES] = "processes",
	[LOSS_OPEN_DESCRIPTORS] = "open_descriptors",
	[LOSS_ENDED_PROCESSES] = "ended_processes",
	[LOSS_INSTANCES] = "instances",
	[LOSS_REGISTRATIONS] = "registrations",
	[LOSS_DESCRIPTIONS] = "descriptions",
	[LOSS_CALLBACKS] = "callbacks",
	[LOSS_PROGRAMS_SKIPPED] = "programs_skipped",
};

static const char *const unseen_names[UNSEENS] = {
	[UNSEEN_IO_URING] = "io_uring_requests",
	[UNSEEN_COMPAT] = "compat_calls",
	[UNSEEN_COMPAT_PROCESSES] = "compat_processes",
	[UNSEEN_BEGUN] = "calls_begun_before",
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
	for (size_t i = 0; i < process->nr_epolls; i++)
		free(process->epolls[i].shared_with);
	for (size_t i = 0; i < process->nr_descriptors; i++)
		free(process->descriptors[i].name);
	free(process->inexact);
	free(process->listeners);
	free(process->epolls);
	free(process->descriptors);
	free(process->threads);
}

static void finding_free(struct profile_finding *finding)
{
	for (size_t i = 0; i < finding->nr_evidence; i++)
		free(finding->evidence[i].key);
	free(finding->evidence);
	free(finding->id);
	free(finding->subject_local);
	free(finding->message);
	free(finding->advice);
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

static void others_free(struct profile_other *others, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(others[i].name);
	free(others);
}

void profile_free(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++)
		process_free(&profile->processes[i]);
	for (size_t i = 0; i < profile->nr_findings; i++)
		finding_free(&profile->findings[i]);
	free(profile->processes);
	free(profile->findings);
	others_free(profile->other_losses, profile->nr_other_losses);
	others_free(profile->other_unseen, profile->nr_other_unseen);
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
	for (size_t i = 0; i < profile->nr_other_losses; i++) {
		if (profile->other_losses[i].count)
			return false;
	}
	return true;
}

static int add_other(struct profile_other **others, size_t *nr, const char *name, uint64_t count)
{
	struct profile_other *grown = array_grow(*others, *nr, sizeof(*grown));
	char *copy = strdup(name);

	if (grown)
		*others = grown;
	if (!grown || !copy) {
		free(copy);
		return -ENOMEM;
	}
	grown[(*nr)++] = (struct profile_other){ copy, count };
	return 0;
}

int profile_add_loss(struct profile *profile, const char *name, uint64_t count)
{
	for (int cause = 0; cause < LOSSES; cause++) {
		if (!strcmp(name, loss_names[cause])) {
			profile->losses[cause] += count;
			return 0;
		}
	}
	return add_other(&profile->other_losses, &profile->nr_other_losses, name, count);
}

int profile_add_unseen(struct profile *profile, const char *name, uint64_t count)
{
	for (int what = 0; what < UNSEENS; what++) {
		if (!strcmp(name, unseen_names[what])) {
			profile->unseen[what] += count;
			return 0;
		}
	}
	return add_other(&profile->other_unseen, &profile->nr_other_unseen, name, count);
}

static bool has_process(const struct profile *profile, uint32_t tgid)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (profile->processes[i].tgid == tgid)
			return true;
	}
	return false;
}

/* Findings go with their processes. */
static void drop_findings_of_nobody(struct profile *profile)
{
	size_t kept = 0;

	for (size_t i = 0; i < profile->nr_findings; i++) {
		if (has_process(profile, profile->findings[i].tgid))
			profile->findings[kept++] = profile->findings[i];
		else
			finding_free(&profile->findings[i]);
	}
	profile->nr_findings = kept;
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
	drop_findings_of_nobody(profile);
}

int profile_mark_inexact(struct profile_process *process, const char *key, const char *reason)
{
	struct inexact *grown, entry;

	for (size_t i = 0; i < process->nr_inexact; i++) {
		if (!strcmp(process->inexact[i].key, key))
			return 0;
	}
	entry = (struct inexact){ strdup(key), strdup(reason) };
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
