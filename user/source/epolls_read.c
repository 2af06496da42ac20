/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tables hold, copied into a snapshot. */
#include "source/epoll_tables.h"

#include <sched.h>
#include <string.h>

#include "base/array.h"

int epolls_add_instance(struct snapshot *out, uint32_t instance)
{
	struct snapshot_instance *grown =
		array_grow(out->instances, out->nr_instances, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	out->instances = grown;
	grown[out->nr_instances++] = (struct snapshot_instance){ .instance = instance };
	return 0;
}

static int read_instances(const struct epolls *epolls, struct snapshot *out)
{
	out->nr_instances = 0;
	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++) {
		int err;

		epolls->places[row] = 0;
		if (!instance_at(epolls, row)->ep)
			continue;
		err = epolls_add_instance(out, instance_number(epolls, row));
		if (err)
			return err;
		out->instances[out->nr_instances - 1].callbacks =
			instance_at(epolls, row)->callbacks;
		epolls->places[row] = out->nr_instances;
	}
	return 0;
}

void epolls_count_trigger(struct trigger_counters *by, uint32_t events)
{
	const uint32_t edge = 1U << 31, oneshot = 1U << 30, exclusive = 1U << 28;

	by->level += !(events & edge);
	by->edge += !!(events & edge);
	by->oneshot += !!(events & oneshot);
	by->exclusive += !!(events & exclusive);
}

static int read_registration(const struct epolls *epolls, struct snapshot *out,
			     const struct registration *row)
{
	const struct description *descriptions = epolls->descriptions.rows;
	struct snapshot_registration *grown =
		array_grow(out->registrations, out->nr_registrations, sizeof(*grown));
	size_t place = epolls->places[row->instance];

	if (!grown)
		return -ENOMEM;
	out->registrations = grown;
	grown += out->nr_registrations++;
	memset(grown, 0, sizeof(*grown));
	grown->registration = *row;
	grown->registration.redelivered += row->plain_redelivered;
	grown->registration.redelivered_in += row->plain_redelivered;
	grown->registration.instance = instance_number(epolls, row->instance);
	if (row->description < epolls->descriptions.nr_rows &&
	    descriptions[row->description].born_ns == row->description_born_ns)
		grown->description = descriptions[row->description];
	if (place)
		epolls_count_trigger(&out->instances[place - 1].registrations, row->events);
	return 0;
}

static int read_registrations(const struct epolls *epolls, struct snapshot *out)
{
	int err = 0;

	out->nr_registrations = 0;
	for (uint32_t row = 0; row < epolls->registrations.nr_rows && !err; row++) {
		const struct registration *registration = registration_at(epolls, row);

		if (registration->is_used && registration->instance < epolls->instances.nr_rows &&
		    is_watching(instance_at(epolls, registration->instance)))
			err = read_registration(epolls, out, registration);
	}
	return err;
}

#define MAX_COPY_TRIES 100000

/* A copy of @row that its thread did not write to meanwhile. */
static bool copy_use(const struct epolls *epolls, struct epoll_use *to, const struct epoll_use *row)
{
	for (int tries = 0; tries < MAX_COPY_TRIES; tries++) {
		const __u64 *seq = &epolls->threads[row->thread % epolls->nr_threads].seq;
		uint64_t before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);

		if (before & 1) {
			sched_yield();
			continue;
		}
		*to = *row;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(seq, __ATOMIC_RELAXED) == before)
			return true;
	}
	*to = *row;
	return false;
}

static void add_epoll_counters(struct epoll_counters *to, const struct epoll_counters *from)
{
	const uint64_t *in = (const uint64_t *)from;
	uint64_t *out = (uint64_t *)to;

	for (size_t i = 0; i < EPOLL_WORDS; i++)
		out[i] += in[i];
}

int epolls_add_use(struct snapshot *out, const struct snapshot_use *use)
{
	uint64_t who = (uint64_t)use->instance << 32 | use->tgid;
	size_t at = pair_map_find(&out->by_use, who, use->start_ns);
	struct snapshot_use *grown;

	if (at != PAIR_MAP_NONE) {
		out->uses[at].threads += use->threads;
		add_epoll_counters(&out->uses[at].counters, &use->counters);
		return 0;
	}
	grown = array_grow(out->uses, out->nr_uses, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	out->uses = grown;
	if (pair_map_add(&out->by_use, who, use->start_ns, out->nr_uses))
		return -ENOMEM;
	grown[out->nr_uses++] = *use;
	return 0;
}

static void add_plain(struct epoll_counters *counters, const struct plain_counters *plain)
{
	counters->deliveries.by.level += plain->deliveries;
	counters->deliveries.in += plain->deliveries;
	counters->redelivered += plain->redelivered;
	counters->redelivered_in += plain->redelivered;
}

static int add_copy(const struct epolls *epolls, struct snapshot *out, const struct epoll_use *copy)
{
	struct snapshot_use use = {};

	if (copy->state == USE_FREE || copy->instance >= epolls->instances.nr_rows)
		return 0;
	use.instance = instance_number(epolls, copy->instance);
	use.tgid = copy->tgid;
	use.start_ns = copy->process_start_ns;
	use.epfd = copy->epfd;
	use.threads = copy->nr_threads;
	use.counters = copy->counters;
	add_plain(&use.counters, &copy->plain);
	return epolls_add_use(out, &use);
}

int epolls_read_use(const struct epolls *epolls, struct snapshot *out, const struct epoll_use *row)
{
	struct epoll_use copy;

	out->is_torn |= !copy_use(epolls, &copy, row);
	return add_copy(epolls, out, &copy);
}

void epolls_begin_read(struct epolls *epolls, struct snapshot *out)
{
	out->nr_uses = 0;
	pair_map_free(&out->by_use);
	memset(epolls->is_read, 0, epolls->uses.nr_rows * sizeof(*epolls->is_read));
}

/* The list may change under us; then what is copied is not kept. */
void epolls_copy_uses(struct epolls *epolls, const struct thread *thread)
{
	uint32_t next = thread->epoll_use;

	epolls->nr_copies = 0;
	while (next && next <= epolls->uses.nr_rows && epolls->nr_copies < epolls->uses.nr_rows) {
		struct epoll_use *copy = &epolls->copies[epolls->nr_copies++];

		*copy = *use_at(epolls, next - 1);
		copy->name.row = next - 1;
		next = copy->next;
	}
}

int epolls_keep_copied(struct epolls *epolls, struct snapshot *out)
{
	int err = 0;

	for (size_t i = 0; i < epolls->nr_copies && !err; i++) {
		epolls->is_read[epolls->copies[i].name.row] = true;
		err = add_copy(epolls, out, &epolls->copies[i]);
	}
	return err;
}

/* Does the list of a live thread lead to the use in @row? */
static bool is_in_use(const struct epolls *epolls, const struct epoll_use *use, uint32_t row)
{
	const struct thread *thread = &epolls->threads[use->thread % epolls->nr_threads];
	uint32_t next = thread->epoll_use;

	if (__atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) != THREAD_LIVE)
		return false;
	for (uint32_t i = 0; next && next <= epolls->uses.nr_rows && i < epolls->uses.nr_rows;
	     i++) {
		if (next == row + 1)
			return true;
		next = use_at(epolls, next - 1)->next;
	}
	return false;
}

/*
 * Those of ended threads. A live one's are read with it, or not at all: it came since
 * then. A use can be live still though its thread has ended, having had very many.
 */
static int read_ended_uses(const struct epolls *epolls, struct snapshot *out)
{
	int err = 0;

	for (uint32_t row = 0; row < epolls->uses.nr_rows && !err; row++) {
		const struct epoll_use *use = use_at(epolls, row);
		uint32_t state = __atomic_load_n(&use->state, __ATOMIC_ACQUIRE);

		if (!epolls->is_read[row] && state != USE_FREE &&
		    !(state == USE_LIVE && is_in_use(epolls, use, row)))
			err = epolls_read_use(epolls, out, use);
	}
	return err;
}

int epolls_read(struct epolls *epolls, struct snapshot *out)
{
	int err = read_instances(epolls, out);

	if (!err)
		err = read_registrations(epolls, out);
	if (!err)
		err = read_ended_uses(epolls, out);
	return err;
}
