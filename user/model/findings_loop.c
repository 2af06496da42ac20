/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a loop waits: with which timeouts, on how many, for how many, and how it changes them. */
#include "base/units.h"
#include "model/derive.h"
#include "model/fields.h"
#include "model/finding.h"

static double mean(uint64_t sum, uint64_t count)
{
	return count ? (double)sum / count : 0;
}

/* Calls @look for each family of waits of each process. */
static void search_waits(struct search *search,
			 void (*look)(struct search *search, const struct profile_process *process,
				      enum wait_family family))
{
	for (size_t i = 0; i < search->profile->nr_processes; i++) {
		for (int family = 0; family < WAIT_FAMILIES && !search->err; family++)
			look(search, &search->profile->processes[i], family);
	}
}

/* ---- zero-timeout-spin ---- */

#define ZERO_LEAST 200
/*
 * A truncated timeout costs dozens to hundreds of polls each time a timer is
 * near (open62541/open62541#7102). Below this rate they cost nothing.
 */
#define ZERO_RATE 200.0
/* Of all calls: a loop that polls once between two pieces of work stays below. */
#define ZERO_OF_CALLS 0.5
/*
 * Of the spins, so many follow within 2^14 ns: a runtime whose threads poll
 * before they sleep on something else (Go, on a futex) takes longer.
 */
#define ZERO_AT_ONCE 0.5
#define ZERO_BUCKETS 15

static bool is_zero_spin(const struct search *search, const struct wait_counters *wait)
{
	uint64_t at_once = hist_total((const uint64_t *)wait->busy_ns_hist, ZERO_BUCKETS);

	return finding_is_many(search, wait->spins, ZERO_LEAST, ZERO_RATE) &&
	       wait->spins >= ZERO_OF_CALLS * wait_calls(wait) &&
	       at_once >= ZERO_AT_ONCE * wait->spins;
}

static void find_zero_timeout(struct search *search, const struct profile_process *process,
			      enum wait_family family)
{
	const struct wait_counters *wait = &process->counters.waits[family];
	uint64_t calls = wait_calls(wait);
	char spins[UNITS_LEN], rate[UNITS_LEN], all[UNITS_LEN];

	if (!is_zero_spin(search, wait) || !finding_begin(search, process, NULL))
		return;
	finding_rests_on(search, wait->spins, "%s.spins", wait_names[family]);
	finding_rests_on(search, wait->empty_polls, "%s.empty_polls", wait_names[family]);
	finding_rests_on(search, calls, "%s.calls", wait_names[family]);
	finding_says(search,
		     "%s of %s %s calls (%s/s) had a timeout of zero, found nothing and followed "
		     "one that had found nothing either.",
		     format_count(spins, wait->spins), format_count(all, calls), wait_names[family],
		     format_ratio(rate, finding_rate(search, wait->spins)));
	finding_advises(search, "Sleep until the next timer: round what is left of it up to the "
				"unit of the timeout, not down.");
}

void look_for_zero_timeout_spin(struct search *search)
{
	search_waits(search, find_zero_timeout);
}

/* ---- idle-wakeups ---- */

#define IDLE_LEAST 50
/*
 * Timeouts below 2^25 ns, 33.6 ms: 30 a second and thread. Healthy loops look
 * after their timers 10 times a second (redis) or once (haproxy, memcached);
 * from 20 on people complained (wezterm/wezterm#770).
 */
#define IDLE_BUCKETS 26
#define IDLE_RATE    25.0
/* Timeouts for each wakeup: fewer, and there is something to do after all. */
#define IDLE_OF_WAKEUPS 2

/*
 * At least so many waits that ended with a short timeout: all short ones, but
 * for as many as ended otherwise. It counts the timeouts of single threads,
 * however many of them sleep long.
 */
static uint64_t short_timeouts(const struct wait_counters *wait)
{
	uint64_t brief = hist_total((const uint64_t *)wait->wait_ns_hist, IDLE_BUCKETS);
	uint64_t others = wait_calls(wait) - wait->timeouts;

	return less(brief, others);
}

/* System calls that are no waits. */
static uint64_t work(const struct counters *counters)
{
	uint64_t calls = all_calls(counters);

	for (int family = 0; family < WAIT_FAMILIES; family++)
		calls -= wait_calls(&counters->waits[family]);
	return calls;
}

static void find_idle_wakeups(struct search *search, const struct profile_process *process,
			      enum wait_family family)
{
	const struct wait_counters *wait = &process->counters.waits[family];
	uint64_t brief = short_timeouts(wait);
	char timeouts[UNITS_LEN], rate[UNITS_LEN], wakeups[UNITS_LEN];

	if (!finding_is_many(search, brief, IDLE_LEAST, IDLE_RATE) ||
	    wait->timeouts < IDLE_OF_WAKEUPS * wait_wakeups(wait) ||
	    wait->timeouts < work(&process->counters) || !finding_begin(search, process, NULL))
		return;
	finding_rests_on(search, wait->timeouts, "%s.timeouts", wait_names[family]);
	finding_rests_on(search, wait_wakeups(wait), "%s.wakeups", wait_names[family]);
	finding_rests_on(search, wait->wait_ns, "%s.wait_ns", wait_names[family]);
	finding_says(search, "%s of its waits (%s/s) timed out, against %s that found something.",
		     format_count(timeouts, wait->timeouts),
		     format_ratio(rate, finding_rate(search, wait->timeouts)),
		     format_count(wakeups, wait_wakeups(wait)));
	finding_advises(search, "Wait until the next timer is due, or for ever; what other threads "
				"want to tell can be told through an eventfd.");
}

void look_for_idle_wakeups(struct search *search)
{
	search_waits(search, find_idle_wakeups);
}

/* ---- linear-scan ---- */

#define SCAN_CALLS 100
/* Fewer are looked at in the time that a system call takes. */
#define SCAN_WATCHED   64
#define SCAN_PER_READY 10
/* Each costs 20 to 50 ns: what is scanned below this rate is no thousandth of a CPU. */
#define SCAN_RATE 20000.0

static void find_linear_scan(struct search *search, const struct profile_process *process,
			     enum wait_family family)
{
	const struct wait_counters *wait = &process->counters.waits[family];
	uint64_t calls = wait_calls(wait) - wait->failed;
	char watched[UNITS_LEN], ready[UNITS_LEN];

	if (family == WAIT_EPOLL || calls < SCAN_CALLS ||
	    mean(wait->watched, calls) < SCAN_WATCHED ||
	    wait->watched < SCAN_PER_READY * wait->ready ||
	    finding_rate(search, wait->watched) < SCAN_RATE ||
	    !finding_begin(search, process, NULL))
		return;
	finding_rests_on(search, wait->watched, "%s.watched", wait_names[family]);
	finding_rests_on(search, wait->ready, "%s.ready", wait_names[family]);
	finding_rests_on(search, calls, "%s.calls", wait_names[family]);
	finding_rests_on(search, wait->in_bytes, "%s.in_bytes", wait_names[family]);
	finding_says(search, "Each %s looks at %s descriptors to find %s ready.",
		     wait_names[family], format_ratio(watched, mean(wait->watched, calls)),
		     format_ratio(ready, mean(wait->ready, calls)));
	finding_advises(search, "Use epoll, which is told once what to watch.");
}

void look_for_linear_scan(struct search *search)
{
	search_waits(search, find_linear_scan);
}

/* ---- batch-saturated ---- */

#define BATCH_LEAST	100
#define BATCH_SATURATED 0.5 /* of wakeups */
#define BATCH_IMMEDIATE 0.5 /* of wakeups: there was more the moment it came back */
/* From here on the call is cheap for each event, and a longer batch means a longer turn. */
#define BATCH_ROOMY 64
/* Unless turns are so long that what did not fit into one has to wait noticeably. */
#define BATCH_TURN_NS 8000000ULL

/* Threads that share an instance take a few each and leave the others to one another. */
static bool leaves_to_others(const struct profile_process *process)
{
	for (size_t i = 0; i < process->nr_epolls; i++) {
		if (process->epolls[i].threads > 1 || process->epolls[i].nr_shared_with)
			return true;
	}
	return false;
}

static void find_saturated(struct search *search, const struct profile_process *process)
{
	const struct wait_counters *wait = &process->counters.waits[WAIT_EPOLL];
	uint64_t wakeups = wait_wakeups(wait);
	double room = mean(wait->capacity, wait_calls(wait) - wait->failed);
	uint64_t turn_ns =
		hist_quantile((const uint64_t *)wait->busy_ns_hist, HIST_NS_BUCKETS, 500);
	char full[UNITS_LEN], all[COUNTED_LEN], events[UNITS_LEN], turn[UNITS_LEN];

	if (wait->saturated < BATCH_LEAST || wait->saturated < BATCH_SATURATED * wakeups ||
	    wait->immediate < BATCH_IMMEDIATE * wakeups ||
	    (room >= BATCH_ROOMY && turn_ns < BATCH_TURN_NS) || leaves_to_others(process) ||
	    !finding_begin(search, process, NULL))
		return;
	finding_rests_on(search, wait->saturated, "epoll_wait.saturated");
	finding_rests_on(search, wakeups, "epoll_wait.wakeups");
	finding_rests_on(search, wait->immediate, "epoll_wait.immediate");
	finding_rests_on(search, wait->capacity, "epoll_wait.capacity");
	finding_rests_on(search, turn_ns, "epoll_wait.busy_ns_hist.p50");
	finding_says(search,
		     "%s of %s returned as many events as fit (%s), so that others had to "
		     "wait for another turn of up to %s.",
		     format_count(full, wait->saturated), format_counted(all, wakeups, "wakeup"),
		     room == (uint64_t)room ? format_count(events, room)
					    : format_ratio(events, room),
		     format_ns(turn, turn_ns));
	finding_advises(search, "Raise maxevents of epoll_wait; if turns are long, do less in "
				"each or spread the connections over more threads.");
}

void look_for_batch_saturated(struct search *search)
{
	search_processes(search, find_saturated);
}

/* ---- ctl-churn ---- */

#define CHURN_LEAST 200
/*
 * Changes for each event, beyond what a connection costs in its life and what
 * ONESHOT must re-arm. To ask for OUT after each request and for IN after each
 * answer costs one; four were reported (lalinsky/zio#510).
 */
#define CHURN_PER_EVENT 1.25
/* Of events, so many were answered by a change to what was registered already. */
#define CHURN_UNCHANGED 0.5
/* For one connection accepted another may be made, to a backend. */
#define CHURN_PER_ACCEPTED 2

static uint64_t oneshots(const struct profile_process *process)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < process->nr_epolls; i++)
		nr += process->epolls[i].counters.deliveries.by.oneshot;
	return nr;
}

/*
 * Descriptors that came in the interval and can be watched. A server opens files
 * too, which are not: it is known by its accepting.
 */
static uint64_t newcomers(const struct counters *counters)
{
	uint64_t accepted = counters->accept.accepted, opened = counters->fds.opened;
	uint64_t likely = CHURN_PER_ACCEPTED * accepted;

	return accepted && likely < opened ? likely : opened;
}

static uint64_t needless_changes(const struct profile_process *process)
{
	const struct epoll_ctl_counters *ctl = &process->counters.epoll_ctl;
	uint64_t come = newcomers(&process->counters);

	return less(ctl->add, come) + less(ctl->del, come) + less(ctl->mod, oneshots(process));
}

static void find_churn(struct search *search, const struct profile_process *process)
{
	const struct epoll_ctl_counters *ctl = &process->counters.epoll_ctl;
	uint64_t events = process->counters.waits[WAIT_EPOLL].ready;
	uint64_t needless = needless_changes(process);
	bool is_churn = needless >= CHURN_LEAST && needless >= CHURN_PER_EVENT * events;
	bool is_unchanged =
		ctl->mod_unchanged >= CHURN_LEAST && ctl->mod_unchanged >= CHURN_UNCHANGED * events;
	char calls[UNITS_LEN], ready[UNITS_LEN], same[UNITS_LEN];

	if (!(is_churn || is_unchanged) || !finding_begin(search, process, NULL))
		return;
	finding_rests_on(search, ctl->add, "epoll_ctl.add");
	finding_rests_on(search, ctl->mod, "epoll_ctl.mod");
	finding_rests_on(search, ctl->del, "epoll_ctl.del");
	finding_rests_on(search, ctl->mod_unchanged, "epoll_ctl.mod_unchanged");
	finding_rests_on(search, events, "epoll_wait.ready");
	finding_rests_on(search, process->counters.accept.accepted, "accept.accepted");
	finding_says(search, "%s calls of epoll_ctl were made for %s events",
		     format_count(calls, epoll_ctl_calls(ctl)), format_count(ready, events));
	if (ctl->mod_unchanged)
		finding_says(search, ", %s of them to set what was set already",
			     format_count(same, ctl->mod_unchanged));
	finding_says(search, ".");
	finding_advises(search, "Leave registrations as they are between events, remember what is "
				"set, and write before asking to be told of writability.");
}

void look_for_ctl_churn(struct search *search)
{
	search_processes(search, find_churn);
}
