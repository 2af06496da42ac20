/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The same world with epoll instances, waits on them, and registrations. Process 100 made a call. */
#ifndef FDSCOPE_TEST_EPOLL_WORLD_H
#define FDSCOPE_TEST_EPOLL_WORLD_H

#include "world.h"

#include <sys/epoll.h>

static inline int begin_with_caller(void **state)
{
	int err = begin(state);

	if (!err)
		add_caller(&((struct fixture *)*state)->last, TGID, START_NS);
	return err;
}

static inline struct snapshot_use *add_use(struct world *world, uint32_t instance, uint32_t tgid,
					   uint64_t returns)
{
	struct snapshot_use *use = &world->uses[world->snapshot.nr_uses++];

	use->instance = instance;
	use->tgid = tgid;
	use->start_ns = START_NS;
	use->epfd = 5;
	use->threads = 1;
	use->counters.returns = returns;
	return use;
}

static inline struct trigger_counters *add_instance(struct world *world, uint32_t instance)
{
	struct snapshot_instance *row = &world->instances[world->snapshot.nr_instances++];

	row->instance = instance;
	return &row->registrations;
}

static inline struct snapshot_registration *add_registration(struct world *world, uint64_t born_ns,
							     uint32_t fd, uint64_t deliveries)
{
	struct snapshot_registration *row =
		&world->registrations[world->snapshot.nr_registrations++];

	row->registration = (struct registration){
		.instance = 7,
		.fd = fd,
		.events = EPOLLIN,
		.born_ns = born_ns,
		.tgid = TGID,
		.deliveries = deliveries,
	};
	row->description.kind = KIND_PIPE;
	return row;
}

#endif
