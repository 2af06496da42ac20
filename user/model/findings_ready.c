/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Readiness that is told and not taken: level-triggered descriptors that are
 * reported at once again, so that the loop spins.
 */
#include <stddef.h>

#include "base/units.h"
#include "model/derive.h"
#include "model/fields.h"
#include "model/finding.h"

/*
 * A loop that spins goes round ten thousand times a second and more. What a
 * healthy one is told twice, because the thing took two turns, stays below a
 * hundred in most seconds and far below its wakeups in all.
 */
#define SPIN_LEAST	200
#define SPIN_RATE	100.0
#define SPIN_OF_WAKEUPS 0.25

/* One place of which something is told: an epoll instance, or poll or select. */
struct place {
	const struct profile_process *process;
	enum wait_family family;
	const struct profile_epoll *epoll; /* NULL: poll or select */
	uint64_t wakeups;
	uint64_t phantom;
	uint64_t hangup;
	uint64_t idle_out;
	uint64_t redelivered_in;
};

static struct place place_of_epoll(const struct profile_process *process,
				   const struct profile_epoll *epoll)
{
	return (struct place){
		.process = process,
		.family = WAIT_EPOLL,
		.epoll = epoll,
		.wakeups = epoll->counters.returns,
		.phantom = epoll->counters.phantom,
		.hangup = epoll->counters.ignored_hangup,
		.idle_out = epoll->counters.idle_out,
		.redelivered_in = epoll->counters.redelivered_in,
	};
}

static struct place place_of_wait(const struct profile_process *process, enum wait_family family)
{
	const struct wait_counters *wait = &process->counters.waits[family];

	return (struct place){
		.process = process,
		.family = family,
		.wakeups = wait_wakeups(wait),
		.hangup = wait->ignored_hangup,
		.idle_out = wait->idle_out,
		.redelivered_in = wait->redelivered_in,
	};
}

static void search_places(struct search *search,
			  void (*look)(struct search *search, const struct place *place))
{
	for (size_t i = 0; i < search->profile->nr_processes; i++) {
		const struct profile_process *process = &search->profile->processes[i];
		struct place place;

		for (size_t j = 0; j < process->nr_epolls && !search->err; j++) {
			place = place_of_epoll(process, &process->epolls[j]);
			look(search, &place);
		}
		for (int family = WAIT_POLL; family <= WAIT_SELECT && !search->err; family++) {
			place = place_of_wait(process, family);
			look(search, &place);
		}
	}
}

static bool is_spin(const struct search *search, const struct place *place, uint64_t count)
{
	return finding_is_many(search, count, SPIN_LEAST, SPIN_RATE) &&
	       count >= SPIN_OF_WAKEUPS * place->wakeups;
}

/* ---- the descriptor to blame ---- */

static uint64_t member(const struct profile_descriptor *descriptor, size_t offset)
{
	return *(const uint64_t *)((const char *)descriptor + offset);
}

/* Those of the instance that have to do with it. */
struct culprits {
	uint64_t nr;
	const struct profile_descriptor *most;
	bool is_one; /* that accounts for most of it */
};

static struct culprits culprits_of(const struct place *place, size_t offset, uint64_t count)
{
	struct culprits culprits = {};

	for (size_t i = 0; place->epoll && i < place->process->nr_descriptors; i++) {
		const struct profile_descriptor *descriptor = &place->process->descriptors[i];

		if (descriptor->instance != place->epoll->instance || !member(descriptor, offset))
			continue;
		culprits.nr++;
		if (!culprits.most || member(descriptor, offset) > member(culprits.most, offset))
			culprits.most = descriptor;
	}
	culprits.is_one = culprits.most && member(culprits.most, offset) * 2 >= count;
	return culprits;
}

static void say_descriptor(struct search *search, const struct profile_descriptor *descriptor)
{
	finding_says(search, "fd %llu (%s)", (unsigned long long)descriptor->fd,
		     descriptor->name ? descriptor->name : kind_names[descriptor->kind]);
}

/* Makes the finding about the one descriptor, or the instance, and says what it is about. */
static void blame(struct search *search, const struct place *place, struct culprits culprits)
{
	char nr[UNITS_LEN];

	if (!place->epoll) {
		finding_says(search, "a descriptor");
		return;
	}
	if (culprits.is_one) {
		finding_on(search, SUBJECT_FD, culprits.most->fd);
		say_descriptor(search, culprits.most);
		return;
	}
	finding_on(search, SUBJECT_INSTANCE, place->epoll->instance);
	if (culprits.nr > 1)
		finding_says(search, "%s ", format_count(nr, culprits.nr));
	finding_says(search, "descriptors in epoll instance %llu (fd %llu)",
		     (unsigned long long)place->epoll->instance,
		     (unsigned long long)place->epoll->epfd);
	if (culprits.nr) {
		finding_says(search, ", most of all ");
		say_descriptor(search, culprits.most);
		finding_says(search, ",");
	}
}

/* What is counted, in a place and of each descriptor, and how a sentence about it begins. */
struct symptom {
	const char *key;
	size_t offset; /* in struct profile_descriptor */
	const char *of;
};

/* Begins a finding that rests on @count, up to where its sentence says who it is about. */
static bool begin(struct search *search, const struct place *place, const struct symptom *symptom,
		  uint64_t count)
{
	const struct wait_counters *wait = &place->process->counters.waits[place->family];
	const char *call = wait_names[place->family];

	if (!finding_begin(search, place->process, NULL))
		return false;
	finding_rests_on(search, count, "%s.%s", place->epoll ? "epolls" : call, symptom->key);
	if (place->epoll)
		finding_rests_on(search, place->wakeups, "epolls.returns");
	finding_rests_on(search, wait_wakeups(wait), "%s.wakeups", call);
	finding_rests_on(search, wait->immediate, "%s.immediate", call);
	finding_says(search, "%s ", symptom->of);
	blame(search, place, culprits_of(place, symptom->offset, count));
	return true;
}

static void say_how_often(struct search *search, const char *verb, uint64_t count)
{
	char times[UNITS_LEN], rate[UNITS_LEN];

	finding_says(search, " %s %s times (%s/s)", verb, format_count(times, count),
		     format_ratio(rate, finding_rate(search, count)));
}

/* ---- phantom-event ---- */

/* One may be an event that was on its way while its descriptor was closed. */
#define PHANTOM_LEAST 2

static void find_phantom(struct search *search, const struct place *place)
{
	static const struct symptom symptom = {
		"phantom",
		offsetof(struct profile_descriptor, phantom),
		"Events for",
	};

	if (place->phantom < PHANTOM_LEAST || !begin(search, place, &symptom, place->phantom))
		return;
	say_how_often(search, "arrived", place->phantom);
	finding_says(search, " after the close: a duplicate, here or in another process, keeps the "
			     "registration.");
	finding_advises(search, "Remove a descriptor with EPOLL_CTL_DEL before it is closed, and "
				"open what forked children must not hold with O_CLOEXEC.");
}

void look_for_phantom_event(struct search *search)
{
	search_places(search, find_phantom);
}

/* ---- ignored-hangup ---- */

static void find_hangup(struct search *search, const struct place *place)
{
	static const struct symptom symptom = {
		"ignored_hangup",
		offsetof(struct profile_descriptor, ignored_hangup),
		"The hang-up or error of",
	};
	uint64_t hangups = less(place->hangup, place->phantom);

	if (!is_spin(search, place, hangups) || !begin(search, place, &symptom, place->hangup))
		return;
	say_how_often(search, "was reported", hangups);
	finding_says(search, " after it had been told, and nothing was closed.");
	finding_advises(search, "Handle ERR and HUP, which are reported whether asked for or not, "
				"and the end of a stream: close the descriptor.");
}

void look_for_ignored_hangup(struct search *search)
{
	search_places(search, find_hangup);
}

/* ---- idle-write-interest ---- */

/* Readiness that lasts is told once; all the further reports come of asking. */
static void rests_on_callbacks(struct search *search, const struct place *place)
{
	const struct wait_counters *wait = &place->process->counters.waits[place->family];
	unsigned wakeups = search->profile->wakeups;

	if (place->epoll && wakeups & WAKEUPS_CALLBACKS)
		finding_rests_on(search, callback_calls(&place->epoll->callbacks),
				 "epolls.callbacks.calls");
	if (!place->epoll && wakeups & WAKEUPS_POLL)
		finding_rests_on(search, wait->callbacks, "%s.callbacks",
				 wait_names[place->family]);
}

static void find_idle_write(struct search *search, const struct place *place)
{
	static const struct symptom symptom = {
		"idle_out",
		offsetof(struct profile_descriptor, idle_out),
		"Room to write to",
	};
	uint64_t idle = less(place->idle_out, place->phantom);

	if (!is_spin(search, place, idle) || !begin(search, place, &symptom, place->idle_out))
		return;
	rests_on_callbacks(search, place);
	say_how_often(search, "was reported", idle);
	finding_says(search, ", and nothing was written since the time before.");
	finding_advises(search, "Ask to be told of writability only while there is something left "
				"to write.");
}

void look_for_idle_write_interest(struct search *search)
{
	search_places(search, find_idle_write);
}

/* ---- ignored-readiness ---- */

/* Of the waits, so many did not sleep: what is told at intervals, as by a timer, costs little. */
#define READINESS_IMMEDIATE 0.5
/* Of all that was told of a descriptor, so much was for nothing. */
#define READINESS_OF_DELIVERIES 0.9

/*
 * Where several wait on one instance each can be told before one has read: that is
 * shared-level-epoll, unless there is one descriptor that is never read.
 */
static bool is_never_read(const struct culprits *culprits)
{
	const struct profile_descriptor *one = culprits->most;

	return culprits->is_one && !one->reads &&
	       one->redelivered_in >= READINESS_OF_DELIVERIES * one->deliveries;
}

static bool is_shared(const struct place *place)
{
	return place->epoll && (place->epoll->threads > 1 || place->epoll->nr_shared_with);
}

static void find_readiness(struct search *search, const struct place *place)
{
	static const struct symptom symptom = {
		"redelivered_in",
		offsetof(struct profile_descriptor, redelivered_in),
		"Something to read from",
	};
	const struct wait_counters *wait = &place->process->counters.waits[place->family];
	uint64_t ignored = less(place->redelivered_in, place->hangup + place->phantom);
	struct culprits culprits = culprits_of(place, symptom.offset, place->redelivered_in);

	if (!is_spin(search, place, ignored) ||
	    wait->immediate < READINESS_IMMEDIATE * wait_wakeups(wait) ||
	    (is_shared(place) && !is_never_read(&culprits)) ||
	    !begin(search, place, &symptom, place->redelivered_in))
		return;
	say_how_often(search, "was reported", ignored);
	finding_says(search, ", and nobody had touched it since the time before.");
	finding_advises(search, "Read what has been reported (an eventfd, timerfd or signalfd, "
				"too), register it edge-triggered, or stop watching it.");
}

void look_for_ignored_readiness(struct search *search)
{
	search_places(search, find_readiness);
}
