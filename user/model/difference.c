/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From two snapshots to a profile: what each process did in between. */
#include "model/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/address.h"
#include "model/derive.h"
#include "model/epolls.h"
#include "model/fields.h"
#include "model/grouping.h"

/* The two snapshots, with what finds a process of the one in the other. */
struct interval {
	const struct snapshot *first, *last;
	struct pair_map earlier;       /* processes of the first */
	struct grouping before, after; /* rows by process of the last */
};

static void interval_free(struct interval *interval)
{
	pair_map_free(&interval->earlier);
	grouping_free(&interval->before);
	grouping_free(&interval->after);
}

static int interval_make(struct interval *interval, const struct snapshot *first,
			 const struct snapshot *last)
{
	struct pair_map subjects = {};
	int err;

	*interval = (struct interval){ .first = first, .last = last };
	err = map_processes(&subjects, last);
	if (!err)
		err = map_processes(&interval->earlier, first);
	if (!err)
		err = grouping_make(&interval->before, first, &subjects, last->nr_processes);
	if (!err)
		err = grouping_make(&interval->after, last, &subjects, last->nr_processes);
	pair_map_free(&subjects);
	return err;
}

/* Sum over all threads of the process, ended ones included. */
static void sum_threads(struct counters *sum, struct span span)
{
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < span.nr; i++)
		counters_add(sum, &span.threads[i]->counters);
}

/*
 * The address of a task is used again, the start of a thread is not, but for the
 * thread that calls exec: it becomes the leader and takes over its start.
 */
static bool is_same_thread(const struct thread *before, const struct thread *after)
{
	bool became_leader = after->tid == after->tgid && before->tid != before->tgid;

	return before->state == THREAD_LIVE && before->task == after->task &&
	       (before->start_ns == after->start_ns || became_leader);
}

static const struct thread *find_thread(struct span span, const struct thread *same)
{
	for (size_t i = 0; i < span.nr; i++) {
		if (is_same_thread(span.threads[i], same))
			return span.threads[i];
	}
	return NULL;
}

static struct profile_thread *add_thread(struct profile_process *process)
{
	struct profile_thread *grown =
		array_grow(process->threads, process->nr_threads, sizeof(*grown));

	if (!grown)
		return NULL;
	process->threads = grown;
	memset(&grown[process->nr_threads], 0, sizeof(*grown));
	return &grown[process->nr_threads++];
}

/*
 * The live threads one by one, and what remains of the process as its ended
 * threads: what such a thread did before the first snapshot is in neither.
 */
static int split_threads(struct profile_process *process, struct span first, struct span last)
{
	struct counters rest = process->counters;
	struct profile_thread *row;

	for (size_t i = 0; i < last.nr; i++) {
		const struct thread *thread = last.threads[i], *before;

		if (thread->state != THREAD_LIVE)
			continue;
		row = add_thread(process);
		if (!row)
			return -ENOMEM;
		row->tid = thread->tid;
		memcpy(row->comm, thread->comm, COMM_LEN);
		row->counters = thread->counters;
		before = find_thread(first, thread);
		if (before)
			counters_subtract(&row->counters, &before->counters);
		counters_subtract(&rest, &row->counters);
	}
	if (counters_is_empty(&rest, sizeof(rest)))
		return 0;
	row = add_thread(process);
	if (!row)
		return -ENOMEM;
	row->counters = rest;
	memcpy(row->comm, process->comm, COMM_LEN);
	return 0;
}

static void look_at_thread(struct profile_now *now, const struct thread *thread, uint64_t taken_ns)
{
	uint64_t since_ns = thread->wait.since_ns ? thread->wait.since_ns : thread->busy_since_ns;
	uint64_t ns = since_ns && taken_ns > since_ns ? taken_ns - since_ns : 0;

	if (thread->wait.since_ns) {
		now->waiting++;
		if (ns > now->longest_wait_ns)
			now->longest_wait_ns = ns;
	} else if (ns > now->longest_busy_ns) {
		now->longest_busy_ns = ns;
	}
}

/* What each thread is doing at the end, those that returned from nothing yet included. */
static int look_at_now(struct profile_process *process, const struct snapshot_process *seen,
		       const struct snapshot *last, struct span span)
{
	struct profile_now *now = &process->now;
	uint64_t since_live_ns = last->taken_ns - last->live_ns;

	for (size_t i = 0; i < span.nr; i++) {
		if (span.threads[i]->state == THREAD_LIVE)
			look_at_thread(now, span.threads[i], last->taken_ns);
	}
	if (seen->waiting_denied &&
	    profile_mark_inexact(process, "now.waiting",
				 "threads that wait since before the probes were live could not "
				 "be looked at (needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH)"))
		return -ENOMEM;
	if (!seen->waiting_unseen)
		return 0;
	now->waiting += seen->waiting_unseen;
	if (now->longest_wait_ns >= since_live_ns)
		return 0;
	now->longest_wait_ns = since_live_ns;
	return profile_mark_inexact(
		process, "now.longest_wait_ns",
		"the wait began before the probes were live: at least this long");
}

/* By how much each kind grew; nobody knows if one of the censuses did not ask. */
static void compare_kinds(struct profile_fds *fds, const struct fd_census *start,
			  const struct fd_census *end)
{
	fds->has_growth = start && start->has_kinds && end->has_kinds;
	for (int kind = 0; kind < FD_KINDS && fds->has_growth; kind++)
		fds->growth[kind] = end->kinds[kind] - start->kinds[kind];
}

/*
 * open at the end - open at the start is what was opened - closed, unless
 * descriptors came or went by other ways than calls of this process.
 */
static int compare_fds(struct profile_process *process, const struct snapshot_process *before,
		       const struct snapshot_process *after)
{
	const struct fd_census *end = &after->fds;
	struct profile_fds *fds = &process->fds;
	uint64_t start_open, opened, closed;
	bool is_stable = end->is_stable;

	if (!end->is_known)
		return 0;
	fds->is_known = true;
	fds->has_kinds = end->has_kinds;
	fds->open = end->open;
	fds->limit = end->limit;
	memcpy(fds->kinds, end->kinds, sizeof(fds->kinds));
	fds->close_wait = end->close_wait;
	compare_kinds(fds, before ? &before->fds : NULL, end);
	opened = end->opened;
	closed = end->closed;
	if (before && before->fds.is_known) {
		start_open = before->fds.open;
		opened -= before->fds.opened;
		closed -= before->fds.closed;
		is_stable &= before->fds.is_stable;
	} else if (after->is_born_traced) {
		start_open = after->open_at_birth;
	} else {
		return 0;
	}
	fds->has_unaccounted = true;
	fds->unaccounted = (int64_t)(end->open - start_open) - (int64_t)(opened - closed);
	if (is_stable)
		return 0;
	return profile_mark_inexact(process, "fds.unaccounted",
				    "descriptors were opened and closed while they were counted");
}

static const struct listener *find_listener(const struct snapshot *snapshot,
					    const struct listener_key *key)
{
	for (size_t i = 0; i < snapshot->nr_listeners; i++) {
		if (!memcmp(&snapshot->listeners[i].key, key, sizeof(*key)))
			return &snapshot->listeners[i].counters;
	}
	return NULL;
}

/*
 * A process can come to a listener that has a history, through fork or exec:
 * what the socket dropped before is what any process's row said of it.
 */
static uint64_t drops_before(const struct snapshot *first, uint64_t inode)
{
	uint64_t drops = 0;

	for (size_t i = 0; i < first->nr_listeners; i++) {
		const struct snapshot_listener *listener = &first->listeners[i];

		if (listener->key.inode == inode && listener->counters.drops > drops)
			drops = listener->counters.drops;
	}
	return drops;
}

static int add_listener(struct profile_process *process, const struct snapshot_listener *after,
			const struct listener *before, uint64_t drops)
{
	static const struct listener none;
	struct profile_listener *row, *grown;

	grown = array_grow(process->listeners, process->nr_listeners, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	process->listeners = grown;
	if (!before)
		before = &none;
	row = &grown[process->nr_listeners];
	memset(row, 0, sizeof(*row));
	row->local = address_of_listener(&after->counters);
	if (!row->local)
		return -ENOMEM;
	row->inode = after->key.inode;
	row->again = after->counters.again - before->again;
	row->delivered = after->counters.delivered - before->delivered;
	row->delivered_exclusive =
		after->counters.delivered_exclusive - before->delivered_exclusive;
	row->drops = (uint32_t)(after->counters.drops - drops); /* sk_drops wraps at 2^32 */
	row->queue_limit = after->counters.queue_limit;
	for (int i = 0; i < HIST_INT_BUCKETS; i++)
		row->queue_depth_hist[i] =
			after->counters.queue_depth_hist[i] - before->queue_depth_hist[i];
	process->nr_listeners++;
	return 0;
}

static int compare_listeners(struct profile_process *process, const struct snapshot *first,
			     const struct snapshot *last)
{
	for (size_t i = 0; i < last->nr_listeners; i++) {
		const struct snapshot_listener *after = &last->listeners[i];
		const struct listener *before;
		int err;

		if (after->key.tgid != process->tgid ||
		    after->key.process_start_ns != process->start_ns)
			continue;
		before = find_listener(first, &after->key);
		err = add_listener(process, after, before,
				   before ? before->drops : drops_before(first, after->key.inode));
		if (err)
			return err;
	}
	return 0;
}

/* Which keys a thread's losses touch. */
static const struct {
	enum loss cause;
	const char *key;
	const char *reason;
} touched[] = {
	{ LOSS_USER_MEMORY, "copies", "memory of the process could not be read at some calls" },
	{ LOSS_SELECT_SETS, "select.watched", "sets too long to be looked at" },
	{ LOSS_TRUNCATED_MESSAGES, "copies.kernel_to_user_bytes",
	  "recvmmsg with MSG_TRUNC: how much crossed is not known" },
	{ LOSS_LISTENERS, "accept.listeners", "the table of listeners was full" },
};

static int mark_losses(struct profile_process *process, const struct snapshot *last)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(touched) / sizeof(*touched) && !err; i++) {
		if (process->counters.losses[touched[i].cause])
			err = profile_mark_inexact(process, touched[i].key, touched[i].reason);
	}
	if (!err && process->counters.accept.unseen_entries)
		err = profile_mark_inexact(process, "copies.control_bytes",
					   "accept was entered before the probes were live: the "
					   "size of its address buffer is taken to suffice");
	if (!err && last->is_torn)
		err = profile_mark_inexact(process, "calls",
					   "threads kept ending, or accepting, while it was read");
	return err;
}

/* What the process at @subject in the last snapshot's list did. */
static int difference(struct profile_process *process, const struct interval *interval,
		      size_t subject, const struct profile_detail *detail)
{
	const struct snapshot *first = interval->first, *last = interval->last;
	const struct snapshot_process *after = &last->processes[subject];
	struct span rows_before = grouping_span(&interval->before, subject);
	struct span rows_after = grouping_span(&interval->after, subject);
	size_t earlier = pair_map_find(&interval->earlier, after->tgid, after->start_ns);
	struct counters before;
	int err;

	process->tgid = after->tgid;
	process->start_ns = after->start_ns;
	process->has_exited = after->has_exited;
	memcpy(process->comm, after->comm, COMM_LEN);
	if (!rows_after.nr)
		rows_before.nr = 0; /* reported as ended before: nothing since */
	sum_threads(&process->counters, rows_after);
	sum_threads(&before, rows_before);
	counters_subtract(&process->counters, &before);

	err = look_at_now(process, after, last, rows_after);
	if (!err)
		err = compare_fds(process,
				  earlier == PAIR_MAP_NONE ? NULL : &first->processes[earlier],
				  after);
	if (!err)
		err = compare_listeners(process, first, last);
	if (!err)
		err = mark_losses(process, last);
	if (!err && detail->per_thread)
		err = split_threads(process, rows_before, rows_after);
	return err;
}

/* Worth showing: asked for by name, or it did something. */
static bool is_shown(const struct snapshot_process *after, const struct profile_process *process)
{
	return after->is_named || process->now.waiting ||
	       !counters_is_empty(&process->counters, sizeof(process->counters));
}

static int compare_all(struct profile *out, const struct interval *interval,
		       const struct profile_detail *detail)
{
	for (size_t i = 0; i < interval->last->nr_processes; i++) {
		struct profile_process *process = &out->processes[out->nr_processes];
		int err;

		out->nr_processes++; /* owned from here on, half filled or not */
		err = difference(process, interval, i, detail);
		if (err)
			return err;
		for (int cause = 0; cause < THREAD_LOSSES; cause++)
			out->losses[cause] += process->counters.losses[cause];
		if (!is_shown(&interval->last->processes[i], process))
			profile_drop_last(out);
	}
	return 0;
}

struct rank {
	uint64_t calls;
	uint32_t tgid;
	size_t index;
};

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *one = a, *other = b;

	if (one->calls != other->calls)
		return one->calls < other->calls ? 1 : -1;
	return (one->tgid > other->tgid) - (one->tgid < other->tgid);
}

/* The busiest first; among equals by tgid, so that the order repeats. Each is moved only once. */
static int sort_processes(struct profile *profile)
{
	struct profile_process *sorted = calloc(profile->nr_processes + 1, sizeof(*sorted));
	struct rank *ranks = calloc(profile->nr_processes + 1, sizeof(*ranks));

	if (!sorted || !ranks) {
		free(sorted);
		free(ranks);
		return -ENOMEM;
	}
	for (size_t i = 0; i < profile->nr_processes; i++)
		ranks[i] = (struct rank){ all_calls(&profile->processes[i].counters),
					  profile->processes[i].tgid, i };
	qsort(ranks, profile->nr_processes, sizeof(*ranks), compare_ranks);
	for (size_t i = 0; i < profile->nr_processes; i++)
		sorted[i] = profile->processes[ranks[i].index];
	free(profile->processes);
	free(ranks);
	profile->processes = sorted;
	return 0;
}

int profile_between(struct profile *out, const struct snapshot *first, const struct snapshot *last,
		    const struct profile_detail *detail)
{
	struct interval interval;
	int err;

	out->duration_ns = last->taken_ns - first->taken_ns;
	for (int i = 0; i < LOSSES; i++)
		out->losses[i] = last->losses[i] - first->losses[i];
	for (int i = 0; i < UNSEENS; i++)
		out->unseen[i] = last->unseen[i] - first->unseen[i];
	out->unseen[UNSEEN_BEGUN] = last->unseen[UNSEEN_BEGUN]; /* some may end at any time */
	for (size_t i = 0; i < last->nr_processes; i++)
		out->unseen[UNSEEN_COMPAT_PROCESSES] += last->processes[i].is_compat;
	out->processes = calloc(last->nr_processes + 1, sizeof(*out->processes));
	if (!out->processes)
		return -ENOMEM;
	err = interval_make(&interval, first, last);
	if (!err)
		err = compare_all(out, &interval, detail);
	interval_free(&interval);
	if (!err)
		err = sort_processes(out);
	return err ? err : epolls_compare(out, first, last, detail->nr_descriptors);
}
