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

#include <fdscope/rows.h>
#include "model/snapshot.h"
#include "model/wakeups_part.h"

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
	/* Not in the document: what findings look at. */
	bool has_growth;
	int64_t growth[FD_KINDS]; /* of kinds, over the interval */
	uint64_t close_wait; /* TCP sockets whose peer closed 1000 ticks ago or more, still open */
};

struct profile_listener {
	uint64_t inode;
	char *local;
	uint64_t again;
	uint64_t delivered;
	uint64_t delivered_exclusive;
	uint64_t queue_limit;
	uint64_t drops;
	uint64_t queue_depth_hist[HIST_INT_BUCKETS];
};

/* Edge-triggered registrations that hold unread bytes nobody is told of any more, at the end. */
struct profile_undrained {
	uint64_t descriptors;
	uint64_t unread_bytes;
	uint64_t longest_ns; /* since the delivery that was not drained */
};

/* An epoll instance, as one process used it. */
struct profile_epoll {
	uint64_t instance; /* unique in the profile, from 1 */
	uint64_t epfd;
	uint64_t threads; /* that returned from a wait on it */
	uint32_t *shared_with;
	size_t nr_shared_with;
	struct trigger_counters registrations; /* of the instance, at the end */
	struct profile_undrained undrained;    /* of the instance, at the end */
	struct callback_counters callbacks;    /* of the instance, in the interval */
	struct epoll_counters counters;
};

/*
 * A registration, as the process that was told of it last sees it. All that did
 * something in the interval and still stand at its end; the document shows the
 * busiest, if asked to.
 */
struct profile_descriptor {
	uint64_t fd;
	uint32_t kind; /* enum fd_kind */
	char *name;
	uint64_t instance; /* as in struct profile_epoll */
	bool is_edge, is_oneshot, is_exclusive;
	bool is_listener;
	uint64_t deliveries;
	uint64_t redelivered;
	uint64_t redelivered_in;
	uint64_t idle_out;
	uint64_t ignored_hangup;
	uint64_t residual;
	uint64_t spurious;
	uint64_t edge_undrained;
	uint64_t phantom;
	uint64_t callbacks;
	uint64_t filtered;
	uint64_t coalesced;
	uint64_t woken;
	uint64_t
		reads; /* calls that moved something; of the open file description, like the bytes */
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint64_t unread_bytes; /* standing on an undrained edge at the end, else 0 */
	uint64_t undrained_ns; /* for how long */
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
	struct profile_epoll *epolls;
	size_t nr_epolls;
	struct profile_descriptor *descriptors; /* the busiest first */
	size_t nr_descriptors;
	size_t nr_shown_descriptors; /* how many of them the document shows */
	struct profile_thread *threads;
	size_t nr_threads;
};

enum severity {
	SEVERITY_HINT,
	SEVERITY_PROBLEM,
};

/* What a finding is about, besides its process. */
enum subject {
	SUBJECT_PROCESS, /* the process alone */
	SUBJECT_INSTANCE,
	SUBJECT_FD,
	SUBJECT_LOCAL,
	SUBJECT_TID,
};

struct evidence {
	char *key; /* dotted, by the names of the profile */
	double value;
};

/* A known mistake, found. All strings are owned by the profile. */
struct profile_finding {
	char *id;
	enum severity severity;
	uint32_t tgid;
	enum subject subject;
	uint64_t subject_number; /* instance, fd or tid */
	char *subject_local;	 /* SUBJECT_LOCAL, else NULL */
	struct evidence *evidence;
	size_t nr_evidence;
	char *message;
	char *advice;
};

struct profile {
	char *version;
	struct profile_host host;
	char *backend_syscalls;
	char *backend_wakeups;
	unsigned wakeups; /* enum wakeups_part */
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
	struct profile_finding *findings; /* the worst first */
	size_t nr_findings;
};

void profile_free(struct profile *profile);

/* True if nothing was lost. */
bool profile_is_complete(const struct profile *profile);

/* What a profile holds only if it is asked for. */
struct profile_detail {
	bool per_thread;       /* the threads of each process */
	size_t nr_descriptors; /* how many descriptors of each process the document shows */
};

/*
 * Fills in losses, unseen, duration and processes of @out, which is zeroed or
 * holds the rest already, from what came between @first and @last. 0 or -ENOMEM.
 */
int profile_between(struct profile *out, const struct snapshot *first, const struct snapshot *last,
		    const struct profile_detail *detail);

/* Drops the process added last. */
void profile_drop_last(struct profile *profile);

/* Drops the processes whose comm is not @comm, and what was found of them. */
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
