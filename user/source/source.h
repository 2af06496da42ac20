/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where profiles come from: the running kernel, or a file. Both are asked for
 * one profile after the other.
 */
#ifndef FDSCOPE_SOURCE_H
#define FDSCOPE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/profile.h"
#include "source/probes.h"

struct source;

/* What to watch and for how long. Borrowed: must outlive the source. */
struct watch {
	const uint32_t *pids;
	size_t nr_pids;
	const char *comm;
	const uint16_t *ports;
	size_t nr_ports;
	const char *cgroup;
	bool all;
	char *const *command; /* NULL-terminated: run it and watch it; else NULL */

	uint64_t interval_ns;	 /* 0: one profile at the end */
	uint64_t nr_intervals;	 /* 0: no end */
	uint64_t duration_ns;	 /* 0: no end */
	bool is_timed_by_caller; /* source_next() waits for nothing and ends the last interval */
	bool wakeups;		 /* what the kernel does inside a wait, too */
	bool per_thread;
	size_t nr_descriptors; /* of each process, the busiest */
	struct probe_limits limits;
	enum backend backend;
};

/*
 * Finds the targets, goes live and, unless the caller times it, prints the line
 * that begins with "tracing" on stderr. Returns an exit code, with the reason
 * logged: 0, EXIT_USAGE (no such target), EXIT_NO_MEASURE, or for a command that
 * cannot be run EXIT_NOT_EXECUTABLE or EXIT_NOT_FOUND.
 */
int source_open_live(struct source **out, const struct watch *watch);

/*
 * Opens saved profiles and reads the first; @path must outlive the source.
 * @is_series tells whether there are others. 0, EXIT_USAGE or, without memory,
 * EXIT_NO_MEASURE, logged.
 */
int source_open_saved(struct source **out, const char *path, bool *is_series);

/*
 * Fills in @out, which the caller then owns: 1; 0 when there are no more;
 * -errno, logged (-EBADMSG: what was saved is no profile). Blocks until the live
 * interval is over.
 */
int source_next(struct source *source, struct profile *out);

/* Exit status of the command as the shell tells it; 0 when there was none. */
int source_command_status(const struct source *source);

void source_close(struct source *source);

/* For implementations. */
struct source_ops {
	int (*next)(struct source *source, struct profile *out);
	int (*command_status)(const struct source *source);
	void (*close)(struct source *source);
};

struct source {
	const struct source_ops *ops;
};

#endif
