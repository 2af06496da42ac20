/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/measure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "model/findings.h"

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
		.wakeups = options->wakeups,
		.per_thread = options->per_thread,
		.nr_descriptors = options->nr_descriptors,
		.limits = {
			.threads = options->max_threads,
			.processes = options->max_processes,
			.listeners = options->max_listeners,
			.registrations = options->max_registrations,
		},
		.backend = options->backend,
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

/* What is told of all profiles at the end. */
struct verdict {
	bool is_complete;
	bool is_met;				       /* --only: a process had the name */
	char names[(MOST_NAMES + 1) * (COMM_LEN + 2)]; /* that there were instead */
	char found[64]; /* id of the first finding that --fail-on asks for; empty: none */
};

static void keep_only(struct verdict *verdict, struct profile *profile, const char *name)
{
	list_names(profile, verdict->names, sizeof(verdict->names));
	profile_keep_comm(profile, name);
	verdict->is_met |= profile->nr_processes != 0;
}

static bool is_asked_for(const struct profile_finding *finding, const struct options *options)
{
	const struct finding_kind *kind = finding_kind_of(finding->id);

	return options->fail_on_any ||
	       (options->fail_on_problems && finding->severity == SEVERITY_PROBLEM) ||
	       (kind && options->fail_on_kinds & 1ULL << (kind - finding_kinds));
}

static void judge(struct verdict *verdict, const struct profile *profile,
		  const struct options *options)
{
	verdict->is_complete &= profile_is_complete(profile);
	for (size_t i = 0; i < profile->nr_findings && !verdict->found[0]; i++) {
		if (is_asked_for(&profile->findings[i], options))
			snprintf(verdict->found, sizeof(verdict->found), "%s",
				 profile->findings[i].id);
	}
}

/* The exit code of what was measured as it should be. */
static int code_of(const struct verdict *verdict, const struct options *options)
{
	if (options->strict && !verdict->is_complete)
		return log_fail(EXIT_NO_MEASURE,
				"something was lost, and --strict was given (losses in "
				"the report tell what to raise)");
	if (options->only && !verdict->is_met)
		return log_fail(EXIT_NO_MEASURE, "--only: no process was named %s at its end%s%s",
				options->only, verdict->names[0] ? "; the names were " : "",
				verdict->names);
	if (verdict->found[0])
		return log_fail(EXIT_NO, "found %s, and --fail-on was given", verdict->found);
	return 0;
}

int measure(struct source *source, const struct options *options, struct output *output)
{
	struct verdict verdict = { .is_complete = true };
	struct profile profile;
	int code = 0, n, status;

	while (!code && (n = source_next(source, &profile)) > 0) {
		if (options->only)
			keep_only(&verdict, &profile, options->only);
		judge(&verdict, &profile, options);
		code = output_profile(output, &profile);
		profile_free(&profile);
	}
	if (!code && n < 0)
		code = n == -EBADMSG ? EXIT_USAGE : EXIT_NO_MEASURE;
	if (!code)
		code = output_finish(output);
	if (!code)
		code = code_of(&verdict, options);
	status = source_command_status(source);
	return status ? status : code;
}
