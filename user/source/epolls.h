/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables of epoll instances, their uses by threads, registrations and open
 * file descriptions, shared with the BPF programs: sized, read into snapshots,
 * and rid of what is no more.
 */
#ifndef FDSCOPE_EPOLLS_H
#define FDSCOPE_EPOLLS_H

#include <fdscope/epoll_rows.h>
#include <fdscope/rows.h>
#include "model/snapshot.h"

struct epolls;
struct fdscope_bpf;
struct probe_limits;

/* Before the programs are loaded. 0 or -errno. */
int epolls_set_sizes(struct fdscope_bpf *skel, const struct probe_limits *limits);

/* After it. @skel and @threads, the table of threads, are borrowed. 0 or -errno, logged. */
int epolls_open(struct epolls **out, struct fdscope_bpf *skel, const struct thread *threads,
		const struct probe_limits *limits);
void epolls_close(struct epolls *epolls);

/*
 * After a walk: takes out registrations and descriptions whose end no call
 * showed, but for those of instances that no living target holds. 0 or -errno.
 */
int epolls_sweep(struct epolls *epolls);

/* What is older than the probes has been found: what a walk finds from now on was missed. */
void epolls_settle(struct epolls *epolls);

/*
 * Reading into a snapshot. A thread's counters and what it counted on its
 * instances must be of one moment: its uses are copied first, taken while its
 * row is seen not to change, and kept when it did not. What is left is read at
 * the end, with instances and registrations. 0 or -ENOMEM.
 */
void epolls_begin_read(struct epolls *epolls, struct snapshot *out);
void epolls_copy_uses(struct epolls *epolls, const struct thread *thread);
int epolls_keep_copied(struct epolls *epolls, struct snapshot *out);
int epolls_read(struct epolls *epolls, struct snapshot *out);

/* Moves the uses for which @is_ended tells so to @archive; 0 or -ENOMEM. */
int epolls_retire_uses(struct epolls *epolls,
		       bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
		       void *context, struct snapshot *archive);

/*
 * Gives back the rows of instances whose holders have ended, as @is_ended tells,
 * and that nobody uses; what they had registered goes to @archive. 0 or -errno.
 */
int epolls_drop_unheld(struct epolls *epolls,
		       bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
		       void *context, struct snapshot *archive);
/* Is so much of a table in use that it should be called before the next snapshot? */
bool epolls_are_short(const struct epolls *epolls);

/* A registration, as fdinfo names it. */
struct watched {
	uint32_t instance; /* row */
	uint32_t fd;
	uint32_t events;
	uint64_t data;
};

/* The instances that a living target holds open, as of the last walk; stops at an error. */
int epolls_each_held(struct epolls *epolls,
		     int (*each)(void *context, uint32_t row, const struct instance *instance),
		     void *context);
bool epolls_is_held(const struct epolls *epolls, uint32_t row);
int epolls_each_registration(struct epolls *epolls,
			     int (*each)(void *context, const struct watched *registration),
			     void *context);

/* Enters a registration whose descriptor no target holds. 0 or -errno. */
int epolls_add_unheld(struct epolls *epolls, const struct watched *registration);

/* Adds @use to those of @out, to that of the same instance and process if there is one. 0 or -ENOMEM. */
int epolls_add_use(struct snapshot *out, const struct snapshot_use *use);

#endif
