/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two snapshots put together row by row, and the profile between them. The world
 * of these tests is process 100, that started at 1000; threads are rows with a
 * number of timeouts to tell them apart.
 */
#ifndef FDSCOPE_TEST_WORLD_H
#define FDSCOPE_TEST_WORLD_H

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include "failing.h"
#include "model/profile.h"

#define TGID	   100
#define START_NS   1000
#define LIVE_NS	   5000
#define TAKEN_NS   20000 /* the last; the first 7 before */
#define MAX_THINGS 8

/* A snapshot with room of its own. */
struct world {
	struct snapshot snapshot;
	struct thread threads[MAX_THINGS];
	struct snapshot_process processes[MAX_THINGS];
	struct snapshot_listener listeners[MAX_THINGS];
	struct snapshot_instance instances[MAX_THINGS];
	struct snapshot_use uses[MAX_THINGS];
	struct snapshot_registration registrations[MAX_THINGS];
};

struct fixture {
	struct world first, last;
	struct profile profile;
	struct profile_detail detail;
};

static inline void world_init(struct world *world, uint64_t taken_ns)
{
	memset(world, 0, sizeof(*world));
	world->snapshot.taken_ns = taken_ns;
	world->snapshot.live_ns = LIVE_NS;
	world->snapshot.threads = world->threads;
	world->snapshot.processes = world->processes;
	world->snapshot.listeners = world->listeners;
	world->snapshot.instances = world->instances;
	world->snapshot.uses = world->uses;
	world->snapshot.registrations = world->registrations;
}

static inline int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	world_init(&f->first, TAKEN_NS - 7);
	world_init(&f->last, TAKEN_NS);
	f->detail.per_thread = true;
	*state = f;
	return 0;
}

static inline int finish(void **state)
{
	struct fixture *f = *state;

	profile_free(&f->profile);
	free(f);
	return 0;
}

static inline struct snapshot_process *add_process(struct world *world, uint32_t tgid,
						   uint64_t start_ns)
{
	struct snapshot_process *process = &world->processes[world->snapshot.nr_processes++];

	process->tgid = tgid;
	process->start_ns = start_ns;
	strcpy(process->comm, "server");
	return process;
}

static inline struct thread *add_thread(struct world *world, uint32_t tid, uint64_t timeouts)
{
	struct thread *thread = &world->threads[world->snapshot.nr_threads++];

	thread->state = tid ? THREAD_LIVE : THREAD_ENDED;
	thread->task = tid ? 0xffff000000000000ULL + tid : 0;
	thread->start_ns = tid ? START_NS + tid - TGID : 0;
	thread->process_start_ns = START_NS;
	thread->tgid = TGID;
	thread->tid = tid;
	strcpy(thread->comm, tid == TGID ? "server" : tid ? "worker" : "");
	thread->counters.waits[WAIT_EPOLL].timeouts = timeouts;
	return thread;
}

/* A process that made a call. */
static inline struct snapshot_process *add_caller(struct world *world, uint32_t tgid,
						  uint64_t start_ns)
{
	struct thread *thread = add_thread(world, tgid, 1);

	thread->tgid = tgid;
	thread->process_start_ns = start_ns;
	return add_process(world, tgid, start_ns);
}

static inline struct snapshot_listener *add_listener(struct world *world, uint32_t tgid,
						     uint64_t inode)
{
	struct snapshot_listener *listener = &world->listeners[world->snapshot.nr_listeners++];

	listener->key = (struct listener_key){ inode, START_NS, tgid, 0 };
	listener->counters.family = AF_INET;
	listener->counters.port = 8080;
	inet_pton(AF_INET, "127.0.0.1", listener->counters.address);
	return listener;
}

/* The busiest process, or NULL. */
static inline struct profile_process *compare(struct fixture *f)
{
	profile_free(&f->profile);
	assert_int_equal(
		profile_between(&f->profile, &f->first.snapshot, &f->last.snapshot, &f->detail), 0);
	return f->profile.nr_processes ? f->profile.processes : NULL;
}

/* The process @tgid. */
static inline struct profile_process *compare_of(struct fixture *f, uint32_t tgid)
{
	compare(f);
	for (size_t i = 0; i < f->profile.nr_processes; i++) {
		if (f->profile.processes[i].tgid == tgid)
			return &f->profile.processes[i];
	}
	fail_msg("process %u is not there", tgid);
	return NULL;
}

/* For failing_each(). */
static inline int work(void *context)
{
	struct fixture *f = context;
	int err;

	profile_free(&f->profile);
	err = profile_between(&f->profile, &f->first.snapshot, &f->last.snapshot, &f->detail);
	assert_true(err == 0 || err == -ENOMEM);
	return err;
}

#endif
