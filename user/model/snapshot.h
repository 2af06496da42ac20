/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All that was counted up to one moment: plain numbers, cumulative since the
 * probes went live. Taken by source/, compared in pairs by model/. A snapshot
 * owns its arrays.
 */
#ifndef FDSCOPE_SNAPSHOT_H
#define FDSCOPE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fdscope/epoll_rows.h>
#include <fdscope/rows.h>
#include "base/pair_map.h"

/* Open descriptors of a process, counted while nothing was opened or closed, or not known so well. */
struct fd_census {
	bool is_known;
	bool is_stable; /* opened and closed stood still while it was taken */
	bool has_kinds; /* false for a process that has ended */
	uint64_t open;
	uint64_t kinds[FD_KINDS];
	uint64_t limit;
	uint64_t close_wait; /* with kinds: TCP sockets whose peer is long gone */
	uint64_t opened;     /* by the process's threads up to the moment of the census */
	uint64_t closed;
};

struct snapshot_process {
	uint32_t tgid;
	uint64_t start_ns; /* with tgid, names the process */
	char comm[COMM_LEN];
	bool is_named; /* the user asked for it: shown even if it did nothing */
	bool has_exited;
	bool is_born_traced; /* forked by a target, or execed into one */
	uint64_t open_at_birth;
	bool is_compat; /* runs a 32-bit program, whose calls are not seen */
	struct fd_census fds;
	/* Threads that have been in a wait since before the probes were live. */
	uint32_t waiting_unseen;
	bool waiting_denied; /* some could not be looked at */
};

struct snapshot_listener {
	struct listener_key key;
	struct listener counters;
};

/* What the registrations of one instance come to; it may have ended with its last holder. */
struct snapshot_instance {
	uint32_t instance; /* names it in every snapshot of the same observer */
	struct trigger_counters registrations;
	struct callback_counters callbacks;
};

/*
 * What one process did on one instance: the sum over its threads, ended ones
 * included, cumulative. instance, tgid and start_ns name it for ever.
 */
struct snapshot_use {
	uint32_t instance;
	uint32_t tgid;
	uint64_t start_ns;
	uint64_t epfd;
	uint64_t threads; /* that ever returned from a wait on it */
	struct epoll_counters counters;
};

/* A registration that stands, with the open file description behind it. */
struct snapshot_registration {
	struct registration registration; /* born_ns names it in every snapshot */
	struct description description;	  /* zeroed if not known */
};

struct snapshot {
	uint64_t taken_ns; /* CLOCK_MONOTONIC */
	uint64_t live_ns;  /* since when the probes are live */
	struct thread *threads;
	size_t nr_threads;
	struct snapshot_process *processes;
	size_t nr_processes;
	struct pair_map by_process; /* tgid and start_ns to the index in processes */
	struct snapshot_listener *listeners;
	size_t nr_listeners;
	struct snapshot_instance *instances;
	size_t nr_instances;
	struct snapshot_use *uses;
	size_t nr_uses;
	struct pair_map by_use; /* instance and tgid, start_ns to the index in uses */
	struct snapshot_registration *registrations;
	size_t nr_registrations;
	bool fdinfo_denied; /* of some instances: what they watch could not be compared */
	bool is_torn;	    /* threads kept ending, or accepting, while it was taken */
	uint64_t losses[LOSSES];
	uint64_t unseen[UNSEENS];
};

void snapshot_free(struct snapshot *snapshot);

/* The process, added if it is not there; NULL when memory is out. */
struct snapshot_process *snapshot_add_process(struct snapshot *snapshot, uint32_t tgid,
					      uint64_t start_ns);

struct snapshot_process *snapshot_find(const struct snapshot *snapshot, uint32_t tgid,
				       uint64_t start_ns);

#endif
