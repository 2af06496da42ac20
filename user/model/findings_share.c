/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Several who wait on one epoll instance. */
#include "base/units.h"
#include "model/derive.h"
#include "model/finding.h"

#define SHARED_LEAST 50
/*
 * For each event, so many were told of it in vain or woken in vain: below it is
 * cheaper than to divide the work. Four threads of the reference server: 0.72.
 */
#define SHARED_VAIN 0.1

/* All processes that wait on one instance, together. */
struct sharing {
	const struct profile_process *first;
	const struct profile_epoll *epoll; /* of first */
	uint64_t users;
	uint64_t level; /* deliveries that were neither edge nor oneshot */
	uint64_t spurious;
	uint64_t redelivered;
	uint64_t again;
	uint64_t told; /* callbacks of the instance */
	struct switches waits[WAIT_FAMILIES];
};

static uint64_t reads_again(const struct counters *counters)
{
	uint64_t again = counters->accept.again;

	for (int kind = 0; kind < IO_KINDS; kind++)
		again += counters->io[IO_READ][kind].again;
	return again;
}

static void add_user(struct sharing *sharing, const struct profile_process *process,
		     const struct profile_epoll *epoll)
{
	const struct trigger_counters *by = &epoll->counters.deliveries.by;

	if (!sharing->first) {
		sharing->first = process;
		sharing->epoll = epoll;
		sharing->told = callback_calls(&epoll->callbacks);
	}
	sharing->users += epoll->threads;
	sharing->level += less(by->level, by->oneshot);
	sharing->spurious += epoll->counters.spurious;
	sharing->redelivered += epoll->counters.redelivered_in;
	sharing->again += reads_again(&process->counters);
	switches_add(sharing->waits, process);
}

static struct sharing sharing_of(const struct profile *profile, uint64_t instance)
{
	struct sharing sharing = {};

	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct profile_process *process = &profile->processes[i];

		for (size_t j = 0; j < process->nr_epolls; j++) {
			if (process->epolls[j].instance == instance)
				add_user(&sharing, process, &process->epolls[j]);
		}
	}
	return sharing;
}

/* Two ways to count the same: who reads late finds nothing, or is told although it was told. */
static uint64_t taken_by_others(const struct sharing *sharing)
{
	uint64_t taken = sharing->spurious + sharing->redelivered;

	return taken < sharing->again ? taken : sharing->again;
}

static void find_sharing(struct search *search, const struct sharing *sharing)
{
	uint64_t taken = taken_by_others(sharing), in_vain = switches_in_vain(sharing->waits);
	char events[UNITS_LEN], lost[UNITS_LEN], vain[COUNTED_LEN];

	if (sharing->users < 2 || sharing->level < SHARED_LEAST || taken + in_vain < SHARED_LEAST ||
	    taken + in_vain < SHARED_VAIN * sharing->level ||
	    !finding_begin(search, sharing->first, NULL))
		return;
	finding_on(search, SUBJECT_INSTANCE, sharing->epoll->instance);
	finding_rests_on(search, sharing->users, "epolls.threads");
	finding_rests_on(search, sharing->level, "epolls.deliveries.level");
	finding_rests_on(search, sharing->spurious, "epolls.spurious");
	finding_rests_on(search, sharing->redelivered, "epolls.redelivered_in");
	finding_rests_on(search, sharing->again, "io.read.again");
	if (search->profile->wakeups & WAKEUPS_CALLBACKS)
		finding_rests_on(search, sharing->told, "epolls.callbacks.calls");
	finding_rests_on_switches(search, sharing->waits);
	finding_says(search,
		     "%llu threads wait on one level-triggered epoll instance (fd %llu): of %s "
		     "events %s came although another thread had them, and %s found nothing "
		     "left.",
		     (unsigned long long)sharing->users, (unsigned long long)sharing->epoll->epfd,
		     format_count(events, sharing->level), format_count(lost, taken),
		     format_counted(vain, in_vain, "wakeup"));
	finding_advises(search, "Register with EPOLLONESHOT or EPOLLET, or give each thread an "
				"instance of its own.");
}

void look_for_shared_level_epoll(struct search *search)
{
	const struct profile *profile = search->profile;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct profile_process *process = &profile->processes[i];

		for (size_t j = 0; j < process->nr_epolls && !search->err; j++) {
			const struct profile_epoll *epoll = &process->epolls[j];
			struct sharing sharing;

			if (epoll->threads < 2 && !epoll->nr_shared_with)
				continue; /* its own: most are, where there are thousands */
			sharing = sharing_of(profile, epoll->instance);
			if (sharing.first == process && sharing.epoll == &process->epolls[j])
				find_sharing(search, &sharing);
		}
	}
}
