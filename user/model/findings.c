/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of mistakes. What a row rests on, and why its thresholds are where
 * they are, stands above its function in findings_*.c.
 *
 * No cause is named twice. Where one mistake moves the numbers of another, the
 * other's row says so in named_by; where two share a counter, the functions
 * subtract (phantom events are ignored ones as well, hang-ups are readable).
 */
#include "model/findings.h"

#include <string.h>

#include "model/finding.h"

/* A queue that nobody can, or knows to, take from runs full. */
static const char *const full_queues[] = { "fd-limit-spin", "edge-accept-once", NULL };

/* All of them wake, the first takes all there is. */
static const char *const herds[] = { "herd", NULL };

/* Several threads are told of the same bytes before one of them has read. */
static const char *const told_twice[] = { "herd", NULL };

/* A descriptor that is ready all the time fills a small batch by itself. */
static const char *const spins[] = { "fd-limit-spin",	    "phantom-event",	 "ignored-hangup",
				     "idle-write-interest", "ignored-readiness", NULL };

/* Who reads byte by byte reads long. */
static const char *const slow_reads[] = { "tiny-io", NULL };

const struct finding_kind finding_kinds[] = {
	{ "edge-undrained", SEVERITY_PROBLEM, look_for_edge_undrained, NULL,
	  "Edge-triggered sockets hold bytes that were not read, and nothing tells of them again." },
	{ "edge-accept-once", SEVERITY_PROBLEM, look_for_edge_accept_once, NULL,
	  "An edge-triggered listener is accepted from once for each edge; connections that came "
	  "together stay in the queue." },
	{ "fd-limit-spin", SEVERITY_PROBLEM, look_for_fd_limit_spin, NULL,
	  "Out of descriptors, accept fails again and again, and the listener stays ready." },
	{ "accept-queue-full", SEVERITY_PROBLEM, look_for_accept_queue_full, full_queues,
	  "The kernel dropped connections because an accept queue was full." },
	{ "phantom-event", SEVERITY_PROBLEM, look_for_phantom_event, NULL,
	  "Events arrive for descriptors that were closed, because a duplicate keeps them "
	  "registered." },
	{ "ignored-hangup", SEVERITY_PROBLEM, look_for_ignored_hangup, NULL,
	  "A hang-up or error is reported again and again, and nothing is done about it." },
	{ "fd-leak", SEVERITY_PROBLEM, look_for_fd_leak, NULL,
	  "Descriptors are opened, or their peers go, and they are not closed." },
	{ "idle-write-interest", SEVERITY_PROBLEM, look_for_idle_write_interest, NULL,
	  "Sockets are reported writable again and again, and nothing is written." },
	{ "ignored-readiness", SEVERITY_PROBLEM, look_for_ignored_readiness, NULL,
	  "A descriptor is reported readable again and again, and nobody reads it." },
	{ "zero-timeout-spin", SEVERITY_PROBLEM, look_for_zero_timeout_spin, NULL,
	  "A loop polls with a timeout of zero, finds nothing, and polls again." },
	{ "herd", SEVERITY_PROBLEM, look_for_herd, NULL,
	  "Each new connection wakes several waiters, and one of them gets it." },
	{ "accept-imbalance", SEVERITY_HINT, look_for_accept_imbalance, herds,
	  "Of processes that wait on one listener, one gets most of the connections." },
	{ "shared-level-epoll", SEVERITY_HINT, look_for_shared_level_epoll, told_twice,
	  "Threads share one level-triggered epoll instance, and are woken for what another has "
	  "taken." },
	{ "tiny-io", SEVERITY_HINT, look_for_tiny_io, NULL,
	  "Sockets are read or written a few bytes at a time." },
	{ "greedy-connection", SEVERITY_HINT, look_for_greedy_connection, slow_reads,
	  "One connection is served for as long as it has something, and the others wait." },
	{ "batch-saturated", SEVERITY_HINT, look_for_batch_saturated, spins,
	  "Most waits return as many events as they can, and more are ready." },
	{ "linear-scan", SEVERITY_HINT, look_for_linear_scan, NULL,
	  "poll or select looks at many descriptors to find few that are ready." },
	{ "ctl-churn", SEVERITY_HINT, look_for_ctl_churn, NULL,
	  "Registrations are changed more often than events arrive, or to what they are." },
	{ "idle-wakeups", SEVERITY_HINT, look_for_idle_wakeups, NULL,
	  "Short timeouts run out again and again, with nothing to do." },
	{ "copy-where-sendfile-fits", SEVERITY_HINT, look_for_copy_where_sendfile_fits, NULL,
	  "File contents are read and written to sockets unchanged in amount." },
	{ "io-uring-unseen", SEVERITY_HINT, look_for_io_uring, NULL,
	  "Work is done through io_uring, where no system call shows it." },
	{},
};

const struct finding_kind *finding_kind_of(const char *id)
{
	for (const struct finding_kind *kind = finding_kinds; kind->id; kind++) {
		if (!strcmp(kind->id, id))
			return kind;
	}
	return NULL;
}

/* The table stands in the order in which findings are to be told. */
int findings_add(struct profile *profile)
{
	struct search search = { .profile = profile };

	for (search.kind = finding_kinds; search.kind->id && !search.err; search.kind++)
		search.kind->look(&search);
	return search.err;
}
