/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two snapshots and what came between them. The world of these tests is one
 * process, 100, that started at 1000; threads are rows with a number of
 * timeouts to tell them apart.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include "failing.h"
#include "model/fields.h"

#define TGID	   100
#define START_NS   1000
#define LIVE_NS	   5000
#define MAX_THINGS 8

/* A snapshot with room of its own. */
struct world {
	struct snapshot snapshot;
	struct thread threads[MAX_THINGS];
	struct snapshot_process processes[MAX_THINGS];
	struct snapshot_listener listeners[MAX_THINGS];
};

static void world_init(struct world *world, uint64_t taken_ns)
{
	memset(world, 0, sizeof(*world));
	world->snapshot.taken_ns = taken_ns;
	world->snapshot.live_ns = LIVE_NS;
	world->snapshot.threads = world->threads;
	world->snapshot.processes = world->processes;
	world->snapshot.listeners = world->listeners;
}

static struct snapshot_process *add_process(struct world *world, uint32_t tgid, uint64_t start_ns)
{
	struct snapshot_process *process = &world->processes[world->snapshot.nr_processes++];

	process->tgid = tgid;
	process->start_ns = start_ns;
	strcpy(process->comm, "server");
	return process;
}

static struct thread *add_thread(struct world *world, uint32_t tid, uint64_t timeouts)
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

static struct snapshot_listener *add_listener(struct world *world, uint32_t tgid, uint64_t inode)
{
	struct snapshot_listener *listener = &world->listeners[world->snapshot.nr_listeners++];

	listener->key = (struct listener_key){ inode, START_NS, tgid, 0 };
	listener->counters.family = AF_INET;
	listener->counters.port = 8080;
	inet_pton(AF_INET, "127.0.0.1", listener->counters.address);
	return listener;
}

struct fixture {
	struct world first, last;
	struct profile profile;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	world_init(&f->first, 10000);
	world_init(&f->last, 10000 + 7);
	*state = f;
	return f ? 0 : -1;
}

static int finish(void **state)
{
	struct fixture *f = *state;

	profile_free(&f->profile);
	free(f);
	return 0;
}

static const struct profile_detail whole = { .per_thread = true };

static struct profile_process *compare(struct fixture *f)
{
	profile_free(&f->profile);
	assert_int_equal(
		profile_between(&f->profile, &f->first.snapshot, &f->last.snapshot, &whole), 0);
	return f->profile.nr_processes ? f->profile.processes : NULL;
}

static uint64_t timeouts(const struct counters *counters)
{
	return counters->waits[WAIT_EPOLL].timeouts;
}

static const struct profile_thread *thread_of(const struct profile_process *process, uint32_t tid)
{
	for (size_t i = 0; i < process->nr_threads; i++) {
		if (process->threads[i].tid == tid)
			return &process->threads[i];
	}
	return NULL;
}

static void assert_threads_add_up(const struct profile_process *process)
{
	struct counters sum = {};

	for (size_t i = 0; i < process->nr_threads; i++)
		counters_add(&sum, &process->threads[i].counters);
	assert_memory_equal(&sum, &process->counters, sizeof(sum));
}

/* ---- threads and processes ---- */

static void a_thread_that_lives_counts_from_the_first_snapshot_on(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_process(&f->first, TGID, START_NS);
	add_process(&f->last, TGID, START_NS);
	add_thread(&f->first, TGID, 1000);
	add_thread(&f->last, TGID, 1013);
	process = compare(f);
	assert_int_equal(f->profile.duration_ns, 7);
	assert_int_equal(timeouts(&process->counters), 13);
	assert_int_equal(timeouts(&thread_of(process, TGID)->counters), 13);
	assert_null(thread_of(process, 0));
	assert_threads_add_up(process);
}

static void a_thread_that_ended_is_in_the_row_with_tid_0(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_process(&f->first, TGID, START_NS);
	add_process(&f->last, TGID, START_NS);
	add_thread(&f->first, TGID, 100);
	add_thread(&f->first, TGID + 1, 50);
	add_thread(&f->last, TGID, 103);
	add_thread(&f->last, 0, 50 + 17);
	process = compare(f);
	assert_int_equal(timeouts(&process->counters), 3 + 17);
	assert_int_equal(timeouts(&thread_of(process, 0)->counters), 17);
	assert_null(thread_of(process, TGID + 1));
	assert_threads_add_up(process);
}

static void a_thread_born_between_counts_from_0(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_process(&f->first, TGID, START_NS);
	add_process(&f->last, TGID, START_NS);
	add_thread(&f->first, TGID, 100);
	add_thread(&f->last, TGID, 100);
	add_thread(&f->last, TGID + 1, 19);
	process = compare(f);
	assert_int_equal(timeouts(&process->counters), 19);
	assert_int_equal(timeouts(&thread_of(process, TGID + 1)->counters), 19);
	assert_threads_add_up(process);
}

static void a_task_address_used_again_is_another_thread(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;
	struct thread *reborn;

	add_process(&f->first, TGID, START_NS);
	add_process(&f->last, TGID, START_NS);
	add_thread(&f->first, TGID + 1, 50);
	reborn = add_thread(&f->last, TGID + 2, 11);
	reborn->task = f->first.threads[0].task;
	add_thread(&f->last, 0, 50 + 5);
	process = compare(f);
	assert_int_equal(timeouts(&process->counters), 16);
	assert_int_equal(timeouts(&thread_of(process, TGID + 2)->counters), 11);
	assert_int_equal(timeouts(&thread_of(process, 0)->counters), 5);
	assert_threads_add_up(process);
}

static void a_second_thread_that_execs_stays_the_same_thread(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;
	struct thread *leader;

	add_process(&f->first, TGID, START_NS);
	strcpy(add_process(&f->last, TGID, START_NS)->comm, "execed");
	add_thread(&f->first, TGID, 100);
	add_thread(&f->first, TGID + 1, 50);
	leader = add_thread(&f->last, TGID, 50 + 23);
	leader->task = f->first.threads[1].task;
	strcpy(leader->comm, "execed");
	add_thread(&f->last, 0, 100 + 3);
	process = compare(f);
	assert_string_equal(process->comm, "execed");
	assert_int_equal(timeouts(&process->counters), 26);
	assert_int_equal(timeouts(&thread_of(process, TGID)->counters), 23);
	assert_string_equal(thread_of(process, TGID)->comm, "execed");
	assert_threads_add_up(process);
}

static void a_pid_used_again_is_another_process(void **state)
{
	struct fixture *f = *state;
	struct thread *thread;

	add_process(&f->first, TGID, START_NS);
	add_process(&f->last, TGID, START_NS)->has_exited = true;
	add_process(&f->last, TGID, START_NS + 77);
	add_thread(&f->first, TGID, 100);
	add_thread(&f->last, 0, 107);
	thread = add_thread(&f->last, TGID, 13);
	thread->process_start_ns = START_NS + 77;
	compare(f);
	assert_int_equal(f->profile.nr_processes, 2);
	for (int i = 0; i < 2; i++) {
		const struct profile_process *process = &f->profile.processes[i];

		assert_int_equal(process->has_exited, process->start_ns == START_NS);
		assert_int_equal(timeouts(&process->counters), process->has_exited ? 7 : 13);
	}
}

static void a_process_that_did_nothing_is_shown_only_if_it_was_named(void **state)
{
	struct fixture *f = *state;

	add_process(&f->first, TGID, START_NS);
	add_process(&f->last, TGID, START_NS);
	add_process(&f->last, TGID + 1, START_NS)->is_named = true;
	compare(f);
	assert_int_equal(f->profile.nr_processes, 1);
	assert_int_equal(f->profile.processes[0].tgid, TGID + 1);
}

static void every_counter_is_subtracted(void **state)
{
	struct fixture *f = *state;
	uint64_t *before = (uint64_t *)&add_thread(&f->first, TGID, 0)->counters;
	uint64_t *after = (uint64_t *)&add_thread(&f->last, TGID, 0)->counters;
	const uint64_t *came;

	add_process(&f->first, TGID, START_NS);
	add_process(&f->last, TGID, START_NS);
	for (size_t i = 0; i < COUNTERS_WORDS; i++) {
		before[i] = 3 * i;
		after[i] = 3 * i + i + 1;
	}
	came = (const uint64_t *)&compare(f)->counters;
	for (size_t i = 0; i < COUNTERS_WORDS; i++)
		assert_int_equal(came[i], i + 1);
}

/* ---- now ---- */

static void now_tells_who_waits_and_who_is_busy_for_how_long(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_process(&f->last, TGID, START_NS);
	add_thread(&f->last, TGID, 0)->wait.since_ns = f->last.snapshot.taken_ns - 41;
	add_thread(&f->last, TGID + 1, 0)->wait.since_ns = f->last.snapshot.taken_ns - 43;
	add_thread(&f->last, TGID + 2, 0)->busy_since_ns = f->last.snapshot.taken_ns - 47;
	process = compare(f);
	assert_int_equal(process->now.waiting, 2);
	assert_int_equal(process->now.longest_wait_ns, 43);
	assert_int_equal(process->now.longest_busy_ns, 47);
	assert_int_equal(process->nr_inexact, 0);
}

static void a_wait_that_began_unseen_lasts_at_least_since_we_are_live(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_process(&f->last, TGID, START_NS)->waiting_unseen = 2;
	process = compare(f);
	assert_int_equal(process->now.waiting, 2);
	assert_int_equal(process->now.longest_wait_ns, f->last.snapshot.taken_ns - LIVE_NS);
	assert_string_equal(process->inexact[0].key, "now.longest_wait_ns");
}

static void a_wait_that_began_after_the_snapshot_has_lasted_0(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_process(&f->last, TGID, START_NS);
	add_thread(&f->last, TGID, 0)->wait.since_ns = f->last.snapshot.taken_ns + 3;
	process = compare(f);
	assert_int_equal(process->now.waiting, 1);
	assert_int_equal(process->now.longest_wait_ns, 0);
}

/* ---- descriptors ---- */

static struct fd_census census(uint64_t open, uint64_t opened, uint64_t closed)
{
	return (struct fd_census){ .is_known = true,
				   .is_stable = true,
				   .has_kinds = true,
				   .open = open,
				   .kinds = { open },
				   .limit = 1024,
				   .opened = opened,
				   .closed = closed };
}

static void descriptors_that_came_by_calls_are_accounted_for(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_process(&f->first, TGID, START_NS)->fds = census(10, 100, 90);
	add_process(&f->last, TGID, START_NS)->fds = census(15, 107, 92);
	add_thread(&f->last, TGID, 1);
	process = compare(f);
	assert_true(process->fds.is_known && process->fds.has_kinds &&
		    process->fds.has_unaccounted);
	assert_int_equal(process->fds.open, 15);
	assert_int_equal(process->fds.limit, 1024);
	assert_int_equal(process->fds.kinds[0], 15);
	assert_int_equal(process->fds.unaccounted, 0);
	assert_int_equal(process->nr_inexact, 0);
}

static void descriptors_that_came_otherwise_are_unaccounted(void **state)
{
	struct fixture *f = *state;

	add_process(&f->first, TGID, START_NS)->fds = census(10, 100, 90);
	add_process(&f->last, TGID, START_NS)->fds = census(15, 100, 90);
	add_thread(&f->last, TGID, 1);
	assert_int_equal(compare(f)->fds.unaccounted, 5);
	f->last.processes[0].fds = census(3, 100, 90);
	assert_int_equal(compare(f)->fds.unaccounted, -7);
}

static void a_forked_child_begins_with_what_it_inherited(void **state)
{
	struct fixture *f = *state;
	struct snapshot_process *child = add_process(&f->last, TGID, START_NS);

	child->is_born_traced = true;
	child->open_at_birth = 10;
	child->fds = census(12, 5, 3);
	add_thread(&f->last, TGID, 1);
	assert_true(compare(f)->fds.has_unaccounted);
	assert_int_equal(compare(f)->fds.unaccounted, 0);
}

static void without_a_beginning_nothing_is_said_to_be_unaccounted(void **state)
{
	struct fixture *f = *state;

	add_process(&f->last, TGID, START_NS)->fds = census(12, 5, 3);
	add_thread(&f->last, TGID, 1);
	assert_true(compare(f)->fds.is_known);
	assert_false(compare(f)->fds.has_unaccounted);
}

static void a_census_that_was_disturbed_marks_unaccounted_inexact(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_process(&f->first, TGID, START_NS)->fds = census(10, 100, 90);
	f->first.processes[0].fds.is_stable = false;
	add_process(&f->last, TGID, START_NS)->fds = census(11, 100, 90);
	add_thread(&f->last, TGID, 1);
	process = compare(f);
	assert_int_equal(process->nr_inexact, 1);
	assert_string_equal(process->inexact[0].key, "fds.unaccounted");
}

static void kinds_grow_from_one_census_to_the_next(void **state)
{
	struct fixture *f = *state;
	struct fd_census *before = &add_process(&f->first, TGID, START_NS)->fds;
	struct fd_census *after = &add_process(&f->last, TGID, START_NS)->fds;
	const struct profile_fds *fds;

	*before = census(10, 100, 90);
	*after = census(15, 107, 92);
	before->kinds[KIND_TIMERFD] = 7;
	after->kinds[KIND_TIMERFD] = 4;
	after->close_wait = 13;
	add_thread(&f->last, TGID, 1);
	fds = &compare(f)->fds;
	assert_true(fds->has_growth);
	assert_int_equal(fds->growth[0], 5);
	assert_int_equal(fds->growth[KIND_TIMERFD], -3);
	assert_int_equal(fds->growth[KIND_PIPE], 0);
	assert_int_equal(fds->close_wait, 13);
}

static void without_kinds_at_both_ends_nobody_knows_what_grew(void **state)
{
	struct fixture *f = *state;
	struct snapshot_process *after = add_process(&f->last, TGID, START_NS);

	after->fds = census(15, 107, 92);
	after->is_born_traced = true;
	add_thread(&f->last, TGID, 1);
	assert_false(compare(f)->fds.has_growth);
	add_process(&f->first, TGID, START_NS)->fds = census(10, 100, 90);
	assert_true(compare(f)->fds.has_growth);
	f->first.processes[0].fds.has_kinds = false;
	assert_false(compare(f)->fds.has_growth);
	f->first.processes[0].fds.has_kinds = true;
	after->fds.has_kinds = false;
	assert_false(compare(f)->fds.has_growth);
}

/* ---- listeners ---- */

static void a_listener_counts_from_the_first_snapshot_on(void **state)
{
	struct fixture *f = *state;
	const struct profile_listener *row;
	struct listener *before, *after;

	add_process(&f->last, TGID, START_NS)->is_named = true;
	before = &add_listener(&f->first, TGID, 7)->counters;
	after = &add_listener(&f->last, TGID, 7)->counters;
	before->again = 3;
	after->again = 8;
	before->drops = 100;
	after->drops = 111;
	before->delivered = 17;
	after->delivered = 30;
	before->delivered_exclusive = 2;
	after->delivered_exclusive = 13;
	before->queue_depth_hist[2] = 2;
	after->queue_depth_hist[2] = 9;
	after->queue_limit = 511;
	row = compare(f)->listeners;
	assert_int_equal(f->profile.processes[0].nr_listeners, 1);
	assert_string_equal(row->local, "127.0.0.1:8080");
	assert_int_equal(row->inode, 7);
	assert_int_equal(row->again, 5);
	assert_int_equal(row->delivered, 13);
	assert_int_equal(row->delivered_exclusive, 11);
	assert_int_equal(row->drops, 11);
	assert_int_equal(row->queue_depth_hist[2], 7);
	assert_int_equal(row->queue_limit, 511);
}

static void a_listener_born_between_counts_from_0_and_one_that_is_gone_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_process(&f->last, TGID, START_NS)->is_named = true;
	add_listener(&f->first, TGID, 5)->counters.again = 3;
	add_listener(&f->last, TGID, 7)->counters.again = 4;
	process = compare(f);
	assert_int_equal(process->nr_listeners, 1);
	assert_int_equal(process->listeners[0].inode, 7);
	assert_int_equal(process->listeners[0].again, 4);
}

static void a_child_is_not_blamed_for_drops_before_its_birth(void **state)
{
	struct fixture *f = *state;

	add_process(&f->last, TGID, START_NS)->is_named = true;
	add_listener(&f->first, TGID - 1, 7)->counters.drops = 1000;
	add_listener(&f->last, TGID, 7)->counters.drops = 1003;
	assert_int_equal(compare(f)->listeners[0].drops, 3);
}

static void drops_may_pass_the_end_of_their_32_bits(void **state)
{
	struct fixture *f = *state;

	add_process(&f->last, TGID, START_NS)->is_named = true;
	add_listener(&f->first, TGID, 7)->counters.drops = UINT32_MAX - 1;
	add_listener(&f->last, TGID, 7)->counters.drops = 3;
	assert_int_equal(compare(f)->listeners[0].drops, 5);
}

static const char *local_of(struct fixture *f)
{
	return compare(f)->listeners[0].local;
}

static void listeners_are_called_by_their_addresses(void **state)
{
	struct fixture *f = *state;
	struct listener *listener;

	add_process(&f->last, TGID, START_NS)->is_named = true;
	listener = &add_listener(&f->last, TGID, 7)->counters;
	listener->port = 7;
	assert_string_equal(local_of(f), "127.0.0.1:7");
	listener->family = AF_INET6;
	listener->port = 65535;
	inet_pton(AF_INET6, "2001:db8::1", listener->address);
	assert_string_equal(local_of(f), "[2001:db8::1]:65535");
	listener->family = AF_UNIX;
	assert_string_equal(local_of(f), "unknown");
	strcpy(listener->path, "/run/web.sock");
	listener->path_len = strlen(listener->path);
	assert_string_equal(local_of(f), "unix:/run/web.sock");
	memcpy(listener->path, "\0name", 5);
	listener->path_len = 5;
	assert_string_equal(local_of(f), "unix:@name");
	memset(listener->path, 'x', sizeof(listener->path));
	listener->path_len = UINT32_MAX;
	assert_int_equal(strlen(local_of(f)), strlen("unix:") + sizeof(listener->path));
	listener->family = 0;
	assert_string_equal(local_of(f), "unknown");
}

/* ---- losses ---- */

static void losses_are_those_of_the_interval_and_those_of_threads_count_too(void **state)
{
	struct fixture *f = *state;

	add_process(&f->first, TGID, START_NS);
	add_process(&f->last, TGID, START_NS);
	f->first.snapshot.losses[LOSS_THREADS] = 5;
	f->last.snapshot.losses[LOSS_THREADS] = 12;
	f->first.snapshot.unseen[UNSEEN_COMPAT] = 1;
	f->last.snapshot.unseen[UNSEEN_COMPAT] = 4;
	f->first.snapshot.unseen[UNSEEN_BEGUN] = 2; /* at the start, and still */
	f->last.snapshot.unseen[UNSEEN_BEGUN] = 2;
	add_thread(&f->first, TGID, 0)->counters.losses[LOSS_SELECT_SETS] = 2;
	add_thread(&f->last, TGID, 0)->counters.losses[LOSS_SELECT_SETS] = 5;
	compare(f);
	assert_int_equal(f->profile.losses[LOSS_THREADS], 7);
	assert_int_equal(f->profile.losses[LOSS_SELECT_SETS], 3);
	assert_int_equal(f->profile.unseen[UNSEEN_COMPAT], 3);
	assert_int_equal(f->profile.unseen[UNSEEN_BEGUN], 2);
	assert_false(profile_is_complete(&f->profile));
}

static void what_is_unseen_leaves_the_profile_complete(void **state)
{
	struct fixture *f = *state;

	f->last.snapshot.unseen[UNSEEN_IO_URING] = 4;
	compare(f);
	assert_true(profile_is_complete(&f->profile));
}

static void a_loss_marks_the_keys_it_touches(void **state)
{
	static const struct {
		enum loss cause;
		const char *key;
	} expected[] = {
		{ LOSS_USER_MEMORY, "copies" },
		{ LOSS_SELECT_SETS, "select.watched" },
		{ LOSS_TRUNCATED_MESSAGES, "copies.kernel_to_user_bytes" },
		{ LOSS_LISTENERS, "accept.listeners" },
		{ LOSS_EVENTS, "epolls" },
	};
	struct fixture *f = *state;
	struct thread *thread = add_thread(&f->last, TGID, 1);

	add_process(&f->last, TGID, START_NS);
	assert_int_equal(compare(f)->nr_inexact, 0);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		memset(thread->counters.losses, 0, sizeof(thread->counters.losses));
		thread->counters.losses[expected[i].cause] = 1;
		assert_true(compare(f)->nr_inexact >= 1);
		assert_string_equal(compare(f)->inexact[0].key, expected[i].key);
	}
}

static void threads_that_may_not_be_looked_at_mark_how_many_wait(void **state)
{
	struct fixture *f = *state;
	struct snapshot_process *process = add_process(&f->last, TGID, START_NS);

	process->is_named = true;
	process->waiting_denied = true;
	assert_int_equal(compare(f)->nr_inexact, 1);
	assert_string_equal(compare(f)->inexact[0].key, "now.waiting");
}

static void a_torn_snapshot_marks_all_calls(void **state)
{
	struct fixture *f = *state;

	add_thread(&f->last, TGID, 1);
	add_process(&f->last, TGID, START_NS);
	f->last.snapshot.is_torn = true;
	assert_int_equal(compare(f)->nr_inexact, 1);
	assert_string_equal(compare(f)->inexact[0].key, "calls");
}

static void a_process_reported_as_ended_before_did_nothing_since(void **state)
{
	struct fixture *f = *state;

	add_thread(&f->first, TGID, 1)->counters.accept.accepted = 7;
	add_process(&f->first, TGID, START_NS);
	add_process(&f->last, TGID, START_NS)->is_named = true;
	assert_int_equal(compare(f)->counters.accept.accepted, 0);
}

/* ---- memory ---- */

static int work(void *context)
{
	struct fixture *f = context;
	int err;

	profile_free(&f->profile);
	err = profile_between(&f->profile, &f->first.snapshot, &f->last.snapshot, &whole);
	assert_true(err == 0 || err == -ENOMEM);
	return err;
}

static void any_allocation_may_fail(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		add_process(&f->last, TGID + i, START_NS)->waiting_unseen = 1;
		add_thread(&f->last, TGID + i, 1)->tgid = TGID;
		add_listener(&f->last, TGID, 7 + i);
	}
	f->last.threads[0].counters.losses[LOSS_USER_MEMORY] = 1;
	add_thread(&f->last, 0, 13);
	failing_each(work, f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_thread_that_lives_counts_from_the_first_snapshot_on),
		TEST(a_thread_that_ended_is_in_the_row_with_tid_0),
		TEST(a_thread_born_between_counts_from_0),
		TEST(a_task_address_used_again_is_another_thread),
		TEST(a_second_thread_that_execs_stays_the_same_thread),
		TEST(a_pid_used_again_is_another_process),
		TEST(a_process_that_did_nothing_is_shown_only_if_it_was_named),
		TEST(every_counter_is_subtracted),
		TEST(now_tells_who_waits_and_who_is_busy_for_how_long),
		TEST(a_wait_that_began_unseen_lasts_at_least_since_we_are_live),
		TEST(a_wait_that_began_after_the_snapshot_has_lasted_0),
		TEST(descriptors_that_came_by_calls_are_accounted_for),
		TEST(descriptors_that_came_otherwise_are_unaccounted),
		TEST(a_forked_child_begins_with_what_it_inherited),
		TEST(without_a_beginning_nothing_is_said_to_be_unaccounted),
		TEST(a_census_that_was_disturbed_marks_unaccounted_inexact),
		TEST(kinds_grow_from_one_census_to_the_next),
		TEST(without_kinds_at_both_ends_nobody_knows_what_grew),
		TEST(a_listener_counts_from_the_first_snapshot_on),
		TEST(a_listener_born_between_counts_from_0_and_one_that_is_gone_is_left_out),
		TEST(a_child_is_not_blamed_for_drops_before_its_birth),
		TEST(drops_may_pass_the_end_of_their_32_bits),
		TEST(listeners_are_called_by_their_addresses),
		TEST(losses_are_those_of_the_interval_and_those_of_threads_count_too),
		TEST(what_is_unseen_leaves_the_profile_complete),
		TEST(a_loss_marks_the_keys_it_touches),
		TEST(threads_that_may_not_be_looked_at_mark_how_many_wait),
		TEST(a_torn_snapshot_marks_all_calls),
		TEST(a_process_reported_as_ended_before_did_nothing_since),
		TEST(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("difference", tests, NULL, NULL);
}
