/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What each process was told by each epoll instance between two snapshots. */
#include "model/epolls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/pair_map.h"
#include "model/derive.h"

/* One process's use of one instance, in both snapshots. */
struct movement {
	const struct snapshot_use *before, *after;
};

/* What stands at the end, for each of the last snapshot's instances. */
struct standing {
	struct trigger_counters registrations;
	struct profile_undrained undrained;
	struct callback_counters callbacks; /* in the interval */
};

struct comparison {
	struct profile *profile;
	struct pair_map processes;   /* of the profile, by tgid and start */
	struct movement *movements;  /* sorted: an instance's lie side by side */
	struct pair_map by_instance; /* to the index in standings */
	struct standing *standings;
};

static void comparison_free(struct comparison *comparison)
{
	pair_map_free(&comparison->processes);
	pair_map_free(&comparison->by_instance);
	free(comparison->movements);
	free(comparison->standings);
}

static int map_processes_of(struct pair_map *map, const struct profile *profile)
{
	int err = 0;

	for (size_t i = 0; i < profile->nr_processes && !err; i++)
		err = pair_map_add(map, profile->processes[i].tgid, profile->processes[i].start_ns,
				   i);
	return err;
}

/* ---- what stands ---- */

static void add_undrained(struct profile_undrained *sum, const struct snapshot_registration *row,
			  uint64_t taken_ns)
{
	uint64_t ns = registration_undrained_ns(row, taken_ns);

	sum->descriptors++;
	sum->unread_bytes += row->description.unread_bytes;
	if (ns > sum->longest_ns)
		sum->longest_ns = ns;
}

static void subtract_callbacks(struct callback_counters *to, const struct callback_counters *from)
{
	const uint64_t *in = (const uint64_t *)from;
	uint64_t *out = (uint64_t *)to;

	for (size_t i = 0; i < CALLBACK_WORDS; i++)
		out[i] -= in[i];
}

/* What an instance was told before the interval; it may have ended before the last snapshot. */
static void leave_out_earlier(struct comparison *comparison, const struct snapshot *first)
{
	for (size_t i = 0; i < first->nr_instances; i++) {
		const struct snapshot_instance *before = &first->instances[i];
		size_t at = pair_map_find(&comparison->by_instance, before->instance, 0);

		if (at != PAIR_MAP_NONE)
			subtract_callbacks(&comparison->standings[at].callbacks,
					   &before->callbacks);
	}
}

static int look_at_instances(struct comparison *comparison, const struct snapshot *last)
{
	int err = 0;

	comparison->standings = calloc(last->nr_instances + 1, sizeof(*comparison->standings));
	if (!comparison->standings)
		return -ENOMEM;
	for (size_t i = 0; i < last->nr_instances && !err; i++) {
		comparison->standings[i].registrations = last->instances[i].registrations;
		comparison->standings[i].callbacks = last->instances[i].callbacks;
		err = pair_map_add(&comparison->by_instance, last->instances[i].instance, 0, i);
	}
	for (size_t i = 0; i < last->nr_registrations && !err; i++) {
		const struct snapshot_registration *row = &last->registrations[i];
		size_t at = pair_map_find(&comparison->by_instance, row->registration.instance, 0);

		if (at != PAIR_MAP_NONE && registration_is_undrained(row))
			add_undrained(&comparison->standings[at].undrained, row, last->taken_ns);
	}
	return err;
}

static const struct standing *standing_of(const struct comparison *comparison, uint32_t instance)
{
	static const struct standing none; /* it ended with its last holder */
	size_t at = pair_map_find(&comparison->by_instance, instance, 0);

	return at == PAIR_MAP_NONE ? &none : &comparison->standings[at];
}

/* ---- what moved ---- */

static uint64_t use_key(const struct snapshot_use *use)
{
	return (uint64_t)use->instance << 32 | use->tgid;
}

static int compare_movements(const void *a, const void *b)
{
	const struct snapshot_use *one = ((const struct movement *)a)->after;
	const struct snapshot_use *other = ((const struct movement *)b)->after;

	if (use_key(one) != use_key(other))
		return use_key(one) < use_key(other) ? -1 : 1;
	return (one->start_ns > other->start_ns) - (one->start_ns < other->start_ns);
}

static int look_at_uses(struct comparison *comparison, const struct snapshot *first,
			const struct snapshot *last)
{
	static const struct snapshot_use none;
	struct pair_map earlier = {};
	int err = 0;

	comparison->movements = calloc(last->nr_uses + 1, sizeof(*comparison->movements));
	if (!comparison->movements)
		return -ENOMEM;
	for (size_t i = 0; i < first->nr_uses && !err; i++)
		err = pair_map_add(&earlier, use_key(&first->uses[i]), first->uses[i].start_ns, i);
	for (size_t i = 0; i < last->nr_uses && !err; i++) {
		const struct snapshot_use *after = &last->uses[i];
		size_t at = pair_map_find(&earlier, use_key(after), after->start_ns);

		comparison->movements[i].after = after;
		comparison->movements[i].before = at == PAIR_MAP_NONE ? &none : &first->uses[at];
	}
	pair_map_free(&earlier);
	if (!err)
		qsort(comparison->movements, last->nr_uses, sizeof(*comparison->movements),
		      compare_movements);
	return err;
}

static bool has_returned(const struct movement *movement)
{
	return movement->after->counters.returns != movement->before->counters.returns;
}

/* ---- rows ---- */

static struct profile_epoll *add_epoll(struct profile_process *process)
{
	struct profile_epoll *grown =
		array_grow(process->epolls, process->nr_epolls, sizeof(*grown));

	if (!grown)
		return NULL;
	process->epolls = grown;
	memset(&grown[process->nr_epolls], 0, sizeof(*grown));
	return &grown[process->nr_epolls++];
}

static void subtract(struct epoll_counters *to, const struct epoll_counters *from)
{
	const uint64_t *in = (const uint64_t *)from;
	uint64_t *out = (uint64_t *)to;

	for (size_t i = 0; i < EPOLL_WORDS; i++)
		out[i] -= in[i];
}

/* Who else returned from a wait on it; a tgid that was used again is there once. */
static int add_sharers(struct profile_epoll *epoll, uint32_t tgid, const struct movement *run,
		       size_t nr)
{
	epoll->shared_with = calloc(nr, sizeof(*epoll->shared_with));
	if (!epoll->shared_with)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		uint32_t other = run[i].after->tgid;
		size_t so_far = epoll->nr_shared_with;

		if (!has_returned(&run[i]) || other == tgid ||
		    (so_far && epoll->shared_with[so_far - 1] == other))
			continue;
		epoll->shared_with[epoll->nr_shared_with++] = other;
	}
	return 0;
}

/*
 * One of the @nr at @run, which are all of one instance. A loop that is stuck
 * because of bytes nobody reads returns from nothing: it is shown all the same.
 */
static int add_use(struct comparison *comparison, const struct movement *movement,
		   const struct movement *run, size_t nr)
{
	const struct snapshot_use *after = movement->after;
	const struct standing *standing = standing_of(comparison, after->instance);
	size_t at = pair_map_find(&comparison->processes, after->tgid, after->start_ns);
	struct profile_epoll *epoll;

	if (at == PAIR_MAP_NONE || (!has_returned(movement) && !standing->undrained.descriptors))
		return 0;
	epoll = add_epoll(&comparison->profile->processes[at]);
	if (!epoll)
		return -ENOMEM;
	epoll->instance = after->instance;
	epoll->epfd = after->epfd;
	epoll->threads = after->threads;
	epoll->registrations = standing->registrations;
	epoll->undrained = standing->undrained;
	epoll->callbacks = standing->callbacks;
	epoll->counters = after->counters;
	subtract(&epoll->counters, &movement->before->counters);
	return add_sharers(epoll, after->tgid, run, nr);
}

static int add_uses(struct comparison *comparison, size_t nr_uses)
{
	const struct movement *all = comparison->movements;
	int err = 0;

	for (size_t begin = 0, end; begin < nr_uses && !err; begin = end) {
		for (end = begin; end < nr_uses; end++) {
			if (all[end].after->instance != all[begin].after->instance)
				break;
		}
		for (size_t i = begin; i < end && !err; i++)
			err = add_use(comparison, &all[i], &all[begin], end - begin);
	}
	return err;
}

/* ---- order, numbers, marks ---- */

/* The busiest first. */
static int compare_epolls(const void *a, const void *b)
{
	const struct profile_epoll *one = a, *other = b;

	if (one->counters.returns != other->counters.returns)
		return one->counters.returns < other->counters.returns ? 1 : -1;
	if (one->epfd != other->epfd)
		return one->epfd > other->epfd ? 1 : -1;
	return (one->instance > other->instance) - (one->instance < other->instance);
}

static int number(struct pair_map *numbers, uint64_t *instance)
{
	size_t at = pair_map_find(numbers, *instance, 0);

	if (at == PAIR_MAP_NONE) {
		at = numbers->nr + 1;
		if (pair_map_add(numbers, *instance, 0, at))
			return -ENOMEM;
	}
	*instance = at;
	return 0;
}

/* From 1, in the order in which they are met. */
static int number_instances(struct profile *profile)
{
	struct pair_map numbers = {};
	int err = 0;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		struct profile_process *process = &profile->processes[i];

		if (process->nr_epolls)
			qsort(process->epolls, process->nr_epolls, sizeof(*process->epolls),
			      compare_epolls);
		for (size_t k = 0; k < process->nr_epolls && !err; k++)
			err = number(&numbers, &process->epolls[k].instance);
		for (size_t k = 0; k < process->nr_descriptors && !err; k++)
			err = number(&numbers, &process->descriptors[k].instance);
	}
	pair_map_free(&numbers);
	return err;
}

/* What leaves deliveries uncounted, or without what came before them. */
static const struct {
	enum loss cause;
	const char *reason;
} touching[] = {
	{ LOSS_THREADS, "the table of threads was full" },
	{ LOSS_PROGRAMS_SKIPPED, "the kernel skipped some runs of the programs" },
	{ LOSS_EVENTS, "some events of its waits could not be looked at" },
	{ LOSS_INSTANCES, "the table of epoll instances was full" },
	{ LOSS_REGISTRATIONS, "the table of registrations was full, or unlike the kernel's" },
	{ LOSS_DESCRIPTIONS, "the table of open file descriptions was full" },
	{ LOSS_CALLBACKS, "the end of some readiness callbacks was not seen" },
};

static int mark_deliveries(struct profile_process *process, const char *reason)
{
	const struct wait_counters *waits = process->counters.waits;
	int err = 0;

	if (process->nr_epolls || wait_calls(&waits[WAIT_EPOLL]))
		err = profile_mark_inexact(process, "epolls", reason);
	if (!err && process->nr_shown_descriptors)
		err = profile_mark_inexact(process, "descriptors", reason);
	if (!err && wait_calls(&waits[WAIT_POLL]))
		err = profile_mark_inexact(process, "poll.redelivered", reason);
	if (!err && wait_calls(&waits[WAIT_SELECT]))
		err = profile_mark_inexact(process, "select.redelivered", reason);
	return err;
}

static int mark_losses(struct profile *profile)
{
	int err = 0;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		struct profile_process *process = &profile->processes[i];

		for (size_t k = 0; k < sizeof(touching) / sizeof(*touching) && !err; k++) {
			enum loss cause = touching[k].cause;

			if (cause < THREAD_LOSSES ? process->counters.losses[cause]
						  : profile->losses[cause])
				err = mark_deliveries(process, touching[k].reason);
		}
	}
	return err;
}

/* The tables stand by themselves, but nobody has said that they are whole. */
static int mark_denied(struct profile *profile)
{
	int err = 0;

	for (size_t i = 0; i < profile->nr_processes && !err; i++) {
		if (profile->processes[i].nr_epolls)
			err = profile_mark_inexact(
				&profile->processes[i], "epolls",
				"registrations could not be compared with /proc/PID/fdinfo "
				"(needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH)");
	}
	return err;
}

int epolls_compare(struct profile *profile, const struct snapshot *first,
		   const struct snapshot *last, size_t nr_shown)
{
	struct comparison comparison = { .profile = profile };
	int err = map_processes_of(&comparison.processes, profile);

	if (!err)
		err = look_at_instances(&comparison, last);
	if (!err)
		leave_out_earlier(&comparison, first);
	if (!err)
		err = look_at_uses(&comparison, first, last);
	if (!err)
		err = add_uses(&comparison, last->nr_uses);
	comparison_free(&comparison);
	if (!err)
		err = descriptors_compare(profile, first, last, nr_shown);
	if (!err)
		err = number_instances(profile);
	if (!err)
		err = mark_losses(profile);
	return err || !last->fdinfo_denied ? err : mark_denied(profile);
}
