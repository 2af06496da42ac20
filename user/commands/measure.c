/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/measure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

void measure_watch(struct watch *watch, const struct options *options)
{
	*watch = (struct watch){
		.pids = options->pids,
		.nr_pids = options->nr_pids,
		.comm = options->comm,
		.ports = options->ports,
		.nr_ports = options->nr_ports,
		.cgroup = options->cgroup,
		.all = options->all,
		.command = options->command,
		.interval_ns = options->interval_ns,
		.nr_intervals = options->nr_intervals,
		.duration_ns = options->duration_ns,
		.per_thread = options->per_thread,
		.limits = {
			.threads = options->max_threads,
			.processes = options->max_processes,
			.listeners = options->max_listeners,
		},
	};
}

#define MOST_NAMES 10

static bool is_name_new(const struct profile *profile, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (!strcmp(profile->processes[i].comm, profile->processes[at].comm))
			return false;
	}
	return true;
}

/* "sh, nginx", each once; of very many the first. */
static void list_names(const struct profile *profile, char *names, size_t size)
{
	size_t nr = 0, len = 0;

	names[0] = '\0';
	for (size_t i = 0; i < profile->nr_processes && nr <= MOST_NAMES; i++) {
		if (!is_name_new(profile, i))
			continue;
		len += snprintf(names + len, size - len, "%s%s", nr ? ", " : "",
				nr < MOST_NAMES ? profile->processes[i].comm : "...");
		nr++;
	}
}

/* Under which name a process ends is easy to get wrong: one that nobody had is said. */
static void keep_only(struct profile *profile, const char *name)
{
	char names[(MOST_NAMES + 1) * (COMM_LEN + 2)];

	list_names(profile, names, sizeof(names));
	profile_keep_comm(profile, name);
	if (!profile->nr_processes && names[0])
		log_note("--only: no process was named %s at its end; there were %s", name, names);
}

/* One profile out: 0 or an exit code. */
static int handle(struct profile *profile, const struct options *options, struct output *output,
		  bool *is_complete)
{
	if (options->only)
		keep_only(profile, options->only);
	*is_complete &= profile_is_complete(profile);
	return output_profile(output, profile);
}

int measure(struct source *source, const struct options *options, struct output *output)
{
	struct profile profile;
	bool is_complete = true;
	int code = 0, n, status;

	while (!code && (n = source_next(source, &profile)) > 0) {
		code = handle(&profile, options, output, &is_complete);
		profile_free(&profile);
	}
	if (!code && n < 0)
		code = n == -EBADMSG ? EXIT_USAGE : EXIT_NO_MEASURE;
	if (!code)
		code = output_finish(output);
	if (!code && options->strict && !is_complete)
		code = log_fail(EXIT_NO_MEASURE,
				"something was lost, and --strict was given (losses in "
				"the report tell what to raise)");
	status = source_command_status(source);
	return status ? status : code;
}
