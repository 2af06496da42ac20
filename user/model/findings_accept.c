/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What goes wrong between a listening socket and those who accept from it. One
 * socket can be a row in several processes, so they are looked at together.
 */
#include <string.h>

#include "base/units.h"
#include "model/derive.h"
#include "model/fields.h"
#include "model/finding.h"

/* One listening socket, and all processes that have it. */
struct contest {
	uint64_t inode;
	const char *local;
	uint64_t accepted;
	uint64_t again;
	uint64_t told;		 /* deliveries to those who registered without EPOLLEXCLUSIVE */
	uint64_t told_exclusive; /* to the others */
	uint64_t nr_told;	 /* processes that were */
	uint64_t nr_waiters;	 /* instances, or loops on poll or select, among those told */
	uint64_t nr_rivals;	 /* processes that would take a connection */
	struct switches waits[WAIT_FAMILIES]; /* of those told */
	uint64_t drops;
	uint64_t limit;
	uint64_t deepest;		       /* queue left behind by an accept: an upper bound */
	const struct profile_process *busiest; /* accepted most; else the first that has it */
	uint64_t most;			       /* that it accepted */
};

static uint64_t accepted_from(const struct profile_listener *listener)
{
	return hist_total(listener->queue_depth_hist, HIST_INT_BUCKETS);
}

static const struct profile_listener *listener_of(const struct profile_process *process,
						  uint64_t inode)
{
	for (size_t i = 0; i < process->nr_listeners; i++) {
		if (process->listeners[i].inode == inode)
			return &process->listeners[i];
	}
	return NULL;
}

/* All its waits are on an instance that another process, of a lower tgid, waits on as well. */
static bool waits_with_another(const struct profile_process *process)
{
	const struct profile_epoll *epoll = process->epolls;

	if (process->nr_epolls != 1)
		return false;
	for (size_t i = 0; i < epoll->nr_shared_with; i++) {
		if (epoll->shared_with[i] < process->tgid)
			return true;
	}
	return false;
}

/* On how many instances of its own the process was told of the socket; with poll or select, one. */
static uint64_t waiters_in(const struct profile_process *process, const char *local)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < process->nr_descriptors; i++) {
		const struct profile_descriptor *descriptor = &process->descriptors[i];

		nr += descriptor->is_listener && descriptor->deliveries && descriptor->name &&
		      !strcmp(descriptor->name, local);
	}
	if (waits_with_another(process))
		return 0;
	return nr ? nr : 1;
}

static bool waits_at_all(const struct profile_process *process)
{
	return process->now.waiting || process->nr_epolls;
}

static void add_told(struct contest *contest, const struct profile_process *process,
		     const struct profile_listener *listener)
{
	contest->told += less(listener->delivered, listener->delivered_exclusive);
	contest->told_exclusive += listener->delivered_exclusive;
	if (!listener->delivered)
		return;
	contest->nr_told++;
	contest->nr_waiters += waiters_in(process, listener->local);
	switches_add(contest->waits, process);
}

static void add_process(struct contest *contest, const struct profile_process *process,
			const struct profile_listener *listener)
{
	uint64_t accepted = accepted_from(listener);
	uint64_t deepest = hist_quantile(listener->queue_depth_hist, HIST_INT_BUCKETS, 1000);

	contest->accepted += accepted;
	contest->again += listener->again;
	add_told(contest, process, listener);
	if (listener->drops > contest->drops) /* each row tells the same socket's */
		contest->drops = listener->drops;
	if (listener->queue_limit > contest->limit)
		contest->limit = listener->queue_limit;
	if (deepest > contest->deepest)
		contest->deepest = deepest;
	if (!contest->busiest || accepted > contest->most) {
		contest->busiest = process;
		contest->most = accepted;
	}
}

/*
 * Whom the kernel never wakes is told of nothing, which does not tell it from a
 * parent that only holds the socket. Where all who are told registered with
 * EPOLLEXCLUSIVE, those who hold it and wait for something take part.
 */
static uint64_t rivals(const struct profile *profile, const struct contest *contest)
{
	bool is_exclusive = contest->told_exclusive && !contest->told;
	uint64_t nr = 0;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct profile_process *process = &profile->processes[i];
		const struct profile_listener *listener = listener_of(process, contest->inode);

		if (listener)
			nr += listener->delivered || accepted_from(listener) ||
			      (is_exclusive && waits_at_all(process));
	}
	return nr;
}

static bool is_first_row(const struct profile *profile, size_t process, size_t row)
{
	uint64_t inode = profile->processes[process].listeners[row].inode;

	for (size_t i = 0; i < process; i++) {
		if (listener_of(&profile->processes[i], inode))
			return false;
	}
	return true;
}

static struct contest contest_for(const struct profile *profile,
				  const struct profile_listener *first)
{
	struct contest contest = { .inode = first->inode, .local = first->local };

	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct profile_process *process = &profile->processes[i];
		const struct profile_listener *listener = listener_of(process, first->inode);

		if (listener)
			add_process(&contest, process, listener);
	}
	contest.nr_rivals = rivals(profile, &contest);
	return contest;
}

static void search_contests(struct search *search,
			    void (*look)(struct search *search, const struct contest *contest))
{
	const struct profile *profile = search->profile;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct profile_process *process = &profile->processes[i];

		for (size_t j = 0; j < process->nr_listeners && !search->err; j++) {
			struct contest contest;

			if (!is_first_row(profile, i, j))
				continue;
			contest = contest_for(profile, &process->listeners[j]);
			look(search, &contest);
		}
	}
}

/* ---- herd ---- */

/* Below, it may be chance, or a start. */
#define HERD_LEAST 50

/*
 * Wakeups for nothing, for each connection (ab -c 1, two CPUs): two processes
 * cost 0.4 to 0.7, four 2.4 and eight 5.2. Threads of one process that race now
 * and then are let pass: haproxy's two cost 0.03 here, and more with more CPUs.
 */
#define HERD_OF_PROCESSES 0.25
#define HERD_OF_THREADS	  0.5

/*
 * A wait that reports a listener whose queue is empty by the time of the accept:
 * somebody else took the connection. One waiter alone accepts at least once for
 * each time it is told, however it goes on until EAGAIN.
 */
static uint64_t told_for_nothing(const struct contest *contest)
{
	uint64_t vain = less(contest->told, contest->accepted);

	return vain < contest->again ? vain : contest->again;
}

static bool are_processes(const struct contest *contest)
{
	return contest->nr_told >= 2 && contest->nr_waiters >= 2;
}

/*
 * Most of a herd does not get that far: it wakes, finds the queue empty again
 * and sleeps on inside the wait, which shows as further context switches. These
 * can have other reasons, so there must be several who are told.
 */
static uint64_t herd_in_vain(const struct contest *contest)
{
	uint64_t vain = told_for_nothing(contest);
	uint64_t all = vain + switches_in_vain(contest->waits);
	bool are_threads = contest->nr_waiters >= 3 && all >= contest->accepted;

	return contest->accepted >= HERD_LEAST && (are_processes(contest) || are_threads) ? all
											  : vain;
}

/* One instance that several threads or processes wait on is shared-level-epoll's. */
static bool is_one_instance(const struct contest *contest)
{
	const struct profile_process *process = contest->busiest;

	return contest->nr_waiters < 2 && process->nr_epolls == 1 &&
	       (process->epolls->threads > 1 || process->epolls->nr_shared_with);
}

static void find_herd(struct search *search, const struct contest *contest)
{
	double least = are_processes(contest) ? HERD_OF_PROCESSES : HERD_OF_THREADS;
	uint64_t vain = herd_in_vain(contest);
	char wakeups[COUNTED_LEN], accepted[COUNTED_LEN], each[UNITS_LEN];

	if (!contest->told || vain < HERD_LEAST || vain < least * contest->accepted ||
	    is_one_instance(contest) || !finding_begin(search, contest->busiest, contest->local))
		return;
	finding_rests_on(search, contest->accepted, "accept.accepted");
	finding_rests_on(search, contest->again, "accept.again");
	finding_rests_on(search, contest->told + contest->told_exclusive,
			 "accept.listeners.delivered");
	finding_rests_on(search, contest->told_exclusive, "accept.listeners.delivered_exclusive");
	finding_rests_on_switches(search, contest->waits);
	finding_rests_on(search, contest->nr_told, "processes");
	finding_says(search,
		     "New connections at %s wake several waiters and one of them gets each: %s "
		     "found nothing for %s, %s for each.",
		     contest->local, format_counted(wakeups, vain, "wakeup"),
		     format_counted(accepted, contest->accepted, "connection"),
		     format_ratio(each, contest->accepted ? (double)vain / contest->accepted
							  : (double)vain));
	finding_advises(search, "Register the listener with EPOLLEXCLUSIVE, or give each waiter "
				"a listener of its own (SO_REUSEPORT).");
}

void look_for_herd(struct search *search)
{
	search_contests(search, find_herd);
}

/* ---- accept-imbalance ---- */

/* So many throws of a fair die do not leave one side as far ahead as IMBALANCE_SHARE. */
#define IMBALANCE_LEAST 100
/* One process can take a connection now and then without anybody having to help it. */
#define IMBALANCE_RATE 2.0
/*
 * How far ahead of its fair share, of what it can be: 1 if it gets all. Of two
 * processes one has three quarters, of four five eighths. What people complained
 * about was 0.5 and more (mattermost/mattermost-load-test-ng#718).
 */
#define IMBALANCE_SHARE 0.5

static void find_imbalance(struct search *search, const struct contest *contest)
{
	double fair = contest->nr_rivals ? 1.0 / contest->nr_rivals : 1;
	char most[UNITS_LEN], all[UNITS_LEN];

	if (contest->nr_rivals < 2 ||
	    !finding_is_many(search, contest->accepted, IMBALANCE_LEAST, IMBALANCE_RATE) ||
	    (double)contest->most / contest->accepted < fair + IMBALANCE_SHARE * (1 - fair) ||
	    !finding_begin(search, contest->busiest, contest->local))
		return;
	finding_rests_on(search, contest->accepted, "accept.accepted");
	finding_rests_on(search, contest->most, "accept.listeners.accepted");
	finding_rests_on(search, contest->nr_rivals, "processes");
	finding_says(search,
		     "One of %llu processes that wait for connections at %s accepted %s of %s.",
		     (unsigned long long)contest->nr_rivals, contest->local,
		     format_count(most, contest->most), format_count(all, contest->accepted));
	finding_advises(search,
			"The kernel wakes the waiter it woke last: give each process a listener of "
			"its own (SO_REUSEPORT), or hand connections out yourself.");
}

void look_for_accept_imbalance(struct search *search)
{
	search_contests(search, find_imbalance);
}

/* ---- accept-queue-full ---- */

/*
 * One dropped connection is a second that a client waits for its SYN to be sent
 * again. sk_drops counts drops for other reasons too, but then no accept ever
 * left a queue of half its limit behind.
 */
static void find_full_queue(struct search *search, const struct contest *contest)
{
	char drops[COUNTED_LEN], limit[UNITS_LEN];

	if (!contest->drops || (contest->accepted && contest->deepest < contest->limit / 2) ||
	    !finding_begin(search, contest->busiest, contest->local))
		return;
	finding_rests_on(search, contest->drops, "accept.listeners.drops");
	finding_rests_on(search, contest->limit, "accept.listeners.queue_limit");
	finding_rests_on(search, contest->accepted, "accept.accepted");
	finding_says(
		search,
		"The kernel dropped %s at %s, because the accept queue, whose limit is %s, was "
		"full.",
		format_counted(drops, contest->drops, "connection"), contest->local,
		format_count(limit, contest->limit));
	finding_advises(search, "Accept sooner and all there is, or raise the backlog of listen() "
				"and net.core.somaxconn.");
}

void look_for_accept_queue_full(struct search *search)
{
	search_contests(search, find_full_queue);
}

/* ---- fd-limit-spin ---- */

/*
 * A server that stops accepting for 100 ms at a time and then tries again fails
 * ten times a second and loop; one that spins, thousands of times.
 */
#define LIMIT_LEAST 200
#define LIMIT_RATE  100.0

/* The listener it is told of most; of those without a mark, the only one. */
static const char *listener_in_trouble(const struct profile_process *process)
{
	const struct profile_listener *most = NULL;

	for (size_t i = 0; i < process->nr_listeners; i++) {
		const struct profile_listener *listener = &process->listeners[i];

		if (!most || listener->delivered > most->delivered)
			most = listener;
	}
	return most && (most->delivered || process->nr_listeners == 1) ? most->local : NULL;
}

static void find_limit(struct search *search, const struct profile_process *process)
{
	const struct accept_counters *accept = &process->counters.accept;
	const char *local = listener_in_trouble(process);
	char failed[UNITS_LEN], rate[UNITS_LEN], limit[UNITS_LEN];

	if (!finding_is_many(search, accept->fd_limit, LIMIT_LEAST, LIMIT_RATE) ||
	    accept->fd_limit <= accept->accepted || !finding_begin(search, process, local))
		return;
	finding_rests_on(search, accept->fd_limit, "accept.fd_limit");
	finding_rests_on(search, accept->accepted, "accept.accepted");
	if (process->fds.is_known) {
		finding_rests_on(search, process->fds.open, "fds.open");
		finding_rests_on(search, process->fds.limit, "fds.limit");
	}
	finding_says(search,
		     "accept%s%s failed %s times (%s/s) for want of a descriptor, of which there "
		     "may be %s; the connections stay in the queue, so the listener stays ready.",
		     local ? " at " : "", local ? local : "",
		     format_count(failed, accept->fd_limit),
		     format_ratio(rate, finding_rate(search, accept->fd_limit)),
		     process->fds.is_known ? format_count(limit, process->fds.limit) : "no more");
	finding_advises(search, "Stop watching the listener until a descriptor is free, or for a "
				"while; and raise RLIMIT_NOFILE.");
}

void look_for_fd_limit_spin(struct search *search)
{
	search_processes(search, find_limit);
}
