/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a server did, in sums that do not ask by which call it waited, nor on
 * how many epoll instances: so that servers which wait in different ways can
 * stand side by side.
 */
#ifndef FDSCOPE_QUANTITIES_H
#define FDSCOPE_QUANTITIES_H

#include <fdscope/counters.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/profile.h"

struct totals {
	struct counters counters;
	struct epoll_counters epolls; /* of all instances */
};

/* What one process did. */
void totals_of(struct totals *totals, const struct profile_process *process);

void totals_add(struct totals *totals, const struct totals *more);

/* True if it waited with epoll: only then is anything delivered. */
bool waits_with_epoll(const struct totals *totals);

/* False where it waited with epoll and the kernel does not count what that watches. */
bool knows_watched(const struct totals *totals);

/* Something that was done so many times, or to so many bytes. */
typedef uint64_t count_fn(const struct totals *totals);

count_fn count_wakeups;
count_fn count_ready;
count_fn count_timeouts;
count_fn count_empty_polls;
count_fn count_waits;
count_fn count_watching_waits; /* those that add to watched: that did not fail */
count_fn count_watched;
count_fn count_handed; /* descriptors given to poll and select, wait by wait; epoll is given none */
count_fn count_deliveries;  /* by epoll */
count_fn count_redelivered; /* by epoll, or reported again by poll and select */
count_fn count_residual;
count_fn count_spurious;
count_fn count_calls;
count_fn count_ctl;
count_fn count_accepts;
count_fn count_accepted;
count_fn count_socket_reads;
count_fn count_socket_reads_again; /* that found nothing */
count_fn count_socket_reads_done;
count_fn count_socket_read_bytes;
count_fn count_other_reads; /* not of sockets */
count_fn count_writes;
count_fn count_sendfile;
count_fn count_splice;
count_fn count_sends_again; /* to sockets, in any way, that would have blocked */
count_fn count_to_kernel;   /* bytes copied, as the next five */
count_fn count_from_kernel;
count_fn count_copied;	/* both ways */
count_fn count_control; /* of these, control data */
count_fn count_payload; /* and the rest */
count_fn count_sent;	/* bytes, to sockets */
count_fn count_sent_zero_copy;

#endif
