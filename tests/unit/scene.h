/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Profiles put together number by number, to look for findings in. A scene is
 * ten seconds long; its processes are 101, 102, ...
 */
#ifndef FDSCOPE_SCENE_H
#define FDSCOPE_SCENE_H

#include "unit.h"

#include "base/array.h"
#include "failing.h"
#include "model/findings.h"
#include "model/profile.h"

#define SCENE_PROCESSES 8
#define SCENE_SECONDS	10

static inline struct profile scene(void)
{
	struct profile profile = { .duration_ns = SCENE_SECONDS * 1000000000ULL };

	profile.processes = calloc(SCENE_PROCESSES, sizeof(*profile.processes));
	assert_non_null(profile.processes);
	return profile;
}

static inline struct profile_process *add_process(struct profile *profile)
{
	struct profile_process *process = &profile->processes[profile->nr_processes];

	assert_true(profile->nr_processes < SCENE_PROCESSES);
	process->tgid = 101 + profile->nr_processes++;
	return process;
}

/* So many wakeups of one ready descriptor each, as many calls. */
static inline struct wait_counters *add_wakeups(struct profile_process *process,
						enum wait_family family, uint64_t nr)
{
	struct wait_counters *wait = &process->counters.waits[family];

	wait->ready_hist[1] += nr;
	wait->ready += nr;
	return wait;
}

static inline struct profile_epoll *add_epoll(struct profile_process *process, uint64_t instance)
{
	struct profile_epoll *grown =
		array_grow(process->epolls, process->nr_epolls, sizeof(*grown));

	assert_non_null(grown);
	process->epolls = grown;
	grown += process->nr_epolls++;
	*grown = (struct profile_epoll){ .instance = instance, .epfd = 3, .threads = 1 };
	return grown;
}

static inline void share_with(struct profile_epoll *epoll, uint32_t tgid)
{
	uint32_t *grown =
		array_grow(epoll->shared_with, epoll->nr_shared_with, sizeof(*epoll->shared_with));

	assert_non_null(grown);
	epoll->shared_with = grown;
	grown[epoll->nr_shared_with++] = tgid;
}

static inline struct profile_descriptor *add_descriptor(struct profile_process *process,
							uint64_t fd, uint64_t instance)
{
	struct profile_descriptor *grown =
		array_grow(process->descriptors, process->nr_descriptors, sizeof(*grown));

	assert_non_null(grown);
	process->descriptors = grown;
	grown += process->nr_descriptors++;
	*grown = (struct profile_descriptor){ .fd = fd, .instance = instance };
	grown->name = strdup("10.0.0.1:4711");
	assert_non_null(grown->name);
	return grown;
}

/* The rows of one socket in several processes have the same inode. */
static inline struct profile_listener *add_listener(struct profile_process *process, uint64_t inode,
						    uint64_t accepted, uint64_t again)
{
	struct profile_listener *grown =
		array_grow(process->listeners, process->nr_listeners, sizeof(*grown));

	assert_non_null(grown);
	process->listeners = grown;
	grown += process->nr_listeners++;
	*grown = (struct profile_listener){ .inode = inode, .again = again, .queue_limit = 511 };
	grown->local = strdup(inode % 2 ? "127.0.0.1:80" : "[::1]:443");
	assert_non_null(grown->local);
	grown->queue_depth_hist[0] = accepted;
	process->counters.accept.accepted += accepted;
	process->counters.accept.again += again;
	return grown;
}

/* Looks for findings and frees @profile when none is there, else fails. */
static inline void assert_nothing_found(struct profile *profile)
{
	assert_int_equal(findings_add(profile), 0);
	if (profile->nr_findings)
		fail_msg("found %s: %s", profile->findings->id, profile->findings->message);
	profile_free(profile);
}

/* The one finding there must be, of this id, in plain words of one line. */
static inline const struct profile_finding *the_finding(struct profile *profile, const char *id)
{
	const struct profile_finding *finding;

	assert_int_equal(findings_add(profile), 0);
	if (!profile->nr_findings)
		fail_msg("%s was not found", id);
	finding = profile->findings;
	assert_string_equal(finding->id, id);
	if (profile->nr_findings > 1)
		fail_msg("%s was found as well", profile->findings[1].id);
	assert_int_equal(finding->severity, finding_kind_of(id)->severity);
	assert_int_equal(finding->message[strlen(finding->message) - 1], '.');
	assert_int_equal(finding->advice[strlen(finding->advice) - 1], '.');
	assert_null(strchr(finding->message, '\n'));
	return finding;
}

/* The same, where nothing more is asked of it. */
static inline void assert_found(struct profile *profile, const char *id)
{
	the_finding(profile, id);
	profile_free(profile);
}

static inline void assert_rests_on(const struct profile_finding *finding, const char *key,
				   double value)
{
	for (size_t i = 0; i < finding->nr_evidence; i++) {
		if (strcmp(finding->evidence[i].key, key))
			continue;
		assert_true(finding->evidence[i].value == value);
		return;
	}
	fail_msg("%s does not rest on %s", finding->id, key);
}

static inline void assert_rests_not_on(const struct profile_finding *finding, const char *key)
{
	for (size_t i = 0; i < finding->nr_evidence; i++)
		assert_string_not_equal(finding->evidence[i].key, key);
}

#endif
