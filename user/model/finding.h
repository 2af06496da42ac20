/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One finding, put together: what the functions behind the table of kinds share.
 * Running out of memory ends a search; what is added afterwards is dropped.
 */
#ifndef FDSCOPE_FINDING_H
#define FDSCOPE_FINDING_H

#include "model/findings.h"

/* Looks for one kind in one profile. */
struct search {
	struct profile *profile;
	const struct finding_kind *kind;
	int err; /* 0 or -ENOMEM */
};

/*
 * Begins a finding about @process, or about its listener @local if that is not
 * NULL. False if its cause has been named already, or memory is out: then
 * nothing is to be added.
 */
bool finding_begin(struct search *search, const struct profile_process *process, const char *local);

/* Stands one of these ids, ended by NULL, for @process, or for its listener @local if not NULL? */
bool finding_stands(const struct search *search, const struct profile_process *process,
		    const char *local, const char *const *ids);

/* The rest is about the finding begun last. */
void finding_on(struct search *search, enum subject subject, uint64_t number);
void finding_rests_on(struct search *search, double value, const char *key, ...)
	__attribute__((format(printf, 3, 4)));
/* Goes on with the message. */
void finding_says(struct search *search, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void finding_advises(struct search *search, const char *advice);

/* How often in a second of the profile. */
double finding_rate(const struct search *search, uint64_t count);

/* @count of at least @least, and at least so many a second. */
bool finding_is_many(const struct search *search, uint64_t count, uint64_t least,
		     double least_a_second);

/* a - b, or 0. */
static inline uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Context switches inside one family of waits. */
struct switches {
	uint64_t switches;
	uint64_t sleeps; /* calls that made any */
	/* The kernel's side, where it was watched. */
	uint64_t woken;
	uint64_t futile;
};

/* Adds those of @process to an array by family. */
void switches_add(struct switches *waits, const struct profile_process *process);

/* Woken inside a wait, and asleep again without having returned: an upper bound. */
uint64_t switches_in_vain(const struct switches *waits);

/* The numbers behind that. */
void finding_rests_on_switches(struct search *search, const struct switches *waits);

/* Calls @look for each process, until memory is out. */
void search_processes(struct search *search,
		      void (*look)(struct search *search, const struct profile_process *process));

/* The functions of the table. */
void look_for_herd(struct search *search);
void look_for_accept_imbalance(struct search *search);
void look_for_accept_queue_full(struct search *search);
void look_for_fd_limit_spin(struct search *search);
void look_for_phantom_event(struct search *search);
void look_for_ignored_hangup(struct search *search);
void look_for_idle_write_interest(struct search *search);
void look_for_ignored_readiness(struct search *search);
void look_for_shared_level_epoll(struct search *search);
void look_for_edge_undrained(struct search *search);
void look_for_edge_accept_once(struct search *search);
void look_for_greedy_connection(struct search *search);
void look_for_zero_timeout_spin(struct search *search);
void look_for_idle_wakeups(struct search *search);
void look_for_linear_scan(struct search *search);
void look_for_batch_saturated(struct search *search);
void look_for_ctl_churn(struct search *search);
void look_for_tiny_io(struct search *search);
void look_for_copy_where_sendfile_fits(struct search *search);
void look_for_fd_leak(struct search *search);
void look_for_io_uring(struct search *search);

#endif
