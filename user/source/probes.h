/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF programs and maps: loads and attaches them, reads what they count,
 * names targets. Knows nothing of time, signals or intervals.
 */
#ifndef FDSCOPE_PROBES_H
#define FDSCOPE_PROBES_H

#include "model/backend.h"
#include "model/snapshot.h"

struct probes;

/* How much is kept; each is a map's size. */
struct probe_limits {
	uint32_t threads;
	uint32_t processes;
	uint32_t listeners;
	uint32_t registrations; /* and open file descriptions */
};

/* What is decided before anything is loaded. Beside what is named here, targets can be added. */
struct probe_options {
	struct probe_limits limits;
	enum backend backend;
	bool wakeups;	    /* what the kernel does inside a wait is watched, too */
	bool all;	    /* every process but this one is a target */
	const char *comm;   /* who execs into this name becomes a target; NULL: nobody */
	const char *cgroup; /* directory of the cgroup whose members are targets; NULL: none */
	uint32_t held_tgid; /* becomes a target when it has execed; 0: none */
};

/* Loads everything, attached to nothing yet. Returns 0 or -errno, with the reason logged. */
int probes_open(struct probes **out, const struct probe_options *options);
void probes_close(struct probes *probes);

/* Makes @tgid a target; 0 or -errno (-E2BIG: the table is full). */
int probes_add_target(struct probes *probes, uint32_t tgid);
void probes_remove_target(struct probes *probes, uint32_t tgid);
bool probes_has_targets(const struct probes *probes);

/* Goes live. 0 or -errno, logged. */
int probes_attach(struct probes *probes);
/* Stops counting; what was counted can still be read. */
void probes_detach(struct probes *probes);

/* Counts descriptors by kind and reads listeners' drops, into the maps. 0 or -errno, logged. */
int probes_walk_descriptors(struct probes *probes);

/* Readable when a target has ended, or instances were closed; then call probes_take_ended(). */
int probes_ended_fd(const struct probes *probes);
/* Reads the ends so far; @on_end is called for each. */
void probes_take_ended(struct probes *probes,
		       void (*on_end)(void *context, const struct process_end *end), void *context);

/*
 * Copies the rows in use, the listeners, losses and unseen into @out. Sets
 * is_torn when threads kept ending or accepting meanwhile. 0 or -errno.
 */
int probes_read(struct probes *probes, struct snapshot *out);

/* The targets that live: calls @on_process for each. 0 or -errno. */
int probes_each_process(struct probes *probes,
			int (*on_process)(void *context, uint32_t tgid,
					  const struct process *process),
			void *context);

/*
 * The rows as they stand, shared with the kernel: row @i below probes_nr_rows().
 * One that is not THREAD_FREE can be looked at; probes_read() makes copies.
 */
uint32_t probes_nr_rows(const struct probes *probes);
const struct thread *probes_row(const struct probes *probes, uint32_t i);

/* enum thread_state of a row that the kernel may be changing. */
static inline uint32_t probes_row_state(const struct thread *row)
{
	return __atomic_load_n(&row->state, __ATOMIC_ACQUIRE);
}

/* A number that is the same before and after only if no thread was folded into its process. */
uint64_t probes_folds(const struct probes *probes);

/* Appends a copy of row @i, of ended threads, to @archive and gives the row back; 0 or -ENOMEM. */
int probes_retire_row(struct probes *probes, uint32_t i, struct snapshot *archive);
/* A process has ended and no live thread of it has a row: none will be folded any more. */
void probes_close_process(struct probes *probes, uint32_t tgid, uint64_t start_ns);
/* Moves the listeners for which @is_ended tells so to @archive; 0 or -ENOMEM. */
int probes_retire_listeners(struct probes *probes,
			    bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
			    void *context, struct snapshot *archive);

/* By which door system calls come in: never BACKEND_AUTO. */
enum backend probes_backend(const struct probes *probes);

/* The tables of epoll instances and registrations. */
struct epolls *probes_epolls(struct probes *probes);

/* enum wakeups_part of what is watched inside the kernel; 0 unless asked for. */
unsigned probes_wakeups(const struct probes *probes);

/* Is the optional probe that sees io_uring requests there? */
bool probes_see_io_uring(const struct probes *probes);

#endif
