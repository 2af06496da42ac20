/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What happened between two snapshots: the document that every command prints
 * and saves. Holds the stored facts; what follows from them is in derive.h. A
 * profile owns everything its members point to.
 */
#ifndef FDSCOPE_PROFILE_H
#define FDSCOPE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fdscope/counters.h>
#include "model/snapshot.h"

#define PROFILE_SCHEMA 1

struct profile_host {
	char *kernel;
	char *arch;
	uint64_t cpus;
};

struct profile_target {
	uint32_t *pids;
	size_t nr_pids;
	char *comm;
	char *cgroup;
	uint16_t *ports;
	size_t nr_ports;
	bool all;
	char **command; /* NULL-terminated, or NULL */
};

/* Why a key is not exact. Both strings are constants or owned by the profile's process. */
struct inexact {
	char *key;
	char *reason;
};

/* A cause or kind that this version has no name for, from a profile of a later one. */
struct profile_other {
	char *name;
	uint64_t count;
};

struct profile_now {
	uint64_t waiting; /* threads inside a wait */
	uint64_t longest_wait_ns;
	uint64_t longest_busy_ns;
};

struct profile_fds {
	bool is_known;
	bool has_kinds;
	bool has_unaccounted;
	uint64_t open;
	uint64_t limit;
	uint64_t kinds[FD_KINDS];
	int64_t unaccounted;
};

struct profile_listener {
	uint64_t inode;
	char *local;
	uint64_t again;
	uint64_t queue_limit;
	uint64_t drops;
	uint64_t queue_depth_hist[HIST_INT_BUCKETS];
};

struct profile_thread {
	uint32_t tid; /* 0: all ended threads */
	char comm[COMM_LEN];
	struct counters counters;
};

struct profile_process {
	uint32_t tgid;
	uint64_t start_ns;
	char comm[COMM_LEN];
	bool has_exited;
	struct inexact *inexact;
	size_t nr_inexact;
	struct profile_now now;
	struct counters counters;
	struct profile_fds fds;
	struct profile_listener *listeners;
	size_t nr_listeners;
	struct profile_thread *threads;
	size_t nr_threads;
};

struct profile {
	char *version;
	struct profile_host host;
	char *backend_syscalls;
	char *backend_wakeups;
	struct profile_target target;
	int64_t start; /* seconds since the epoch */
	uint64_t duration_ns;
	uint64_t losses[LOSSES];
	uint64_t unseen[UNSEENS];
	struct profile_other *other_losses;
	size_t nr_other_losses;
	struct profile_other *other_unseen;
	size_t nr_other_unseen;
	struct profile_process *processes;
	size_t nr_processes;
};

void profile_free(struct profile *profile);

/* True if nothing was lost. */
bool profile_is_complete(const struct profile *profile);

/*
 * Fills in losses, unseen, duration and processes of @out, which is zeroed or
 * holds the rest already, from what came between @first and @last. With
 * @per_thread, the threads of each process as well. 0 or -ENOMEM.
 */
int profile_between(struct profile *out, const struct snapshot *first, const struct snapshot *last,
		    bool per_thread);

/* Drops the process added last. */
void profile_drop_last(struct profile *profile);

/* Drops the processes whose comm is not @comm. */
void profile_keep_comm(struct profile *profile, const char *comm);

/* Adds a reason, copying both, unless @key has one; 0 or -ENOMEM. */
int profile_mark_inexact(struct profile_process *process, const char *key, const char *reason);

/* Add to what stands under @name in losses or unseen, known or not; 0 or -ENOMEM. */
int profile_add_loss(struct profile *profile, const char *name, uint64_t count);
int profile_add_unseen(struct profile *profile, const char *name, uint64_t count);

/* Names of causes and kinds as they stand in the profile. */
const char *loss_name(enum loss cause);
const char *unseen_name(enum unseen what);

#endif
