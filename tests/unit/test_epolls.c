/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Uses and registrations of two snapshots, and what a profile says of epoll
 * instances and descriptors. The world of these tests is process 100 and, where
 * it takes two, 101; both started at 1000 and made calls.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "failing.h"
#include "model/profile.h"

#define TGID	   100
#define START_NS   1000
#define TAKEN_NS   20000
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

static void world_init(struct world *world, uint64_t taken_ns)
{
	memset(world, 0, sizeof(*world));
	world->snapshot.taken_ns = taken_ns;
	world->snapshot.threads = world->threads;
	world->snapshot.processes = world->processes;
	world->snapshot.listeners = world->listeners;
	world->snapshot.instances = world->instances;
	world->snapshot.uses = world->uses;
	world->snapshot.registrations = world->registrations;
}

static struct snapshot_process *add_process(struct world *world, uint32_t tgid, uint64_t start_ns)
{
	struct snapshot_process *process = &world->processes[world->snapshot.nr_processes++];
	struct thread *thread = &world->threads[world->snapshot.nr_threads++];

	process->tgid = tgid;
	process->start_ns = start_ns;
	thread->state = THREAD_LIVE;
	thread->tgid = thread->tid = tgid;
	thread->process_start_ns = start_ns;
	thread->counters.waits[WAIT_EPOLL].timeouts = 1;
	return process;
}

static struct snapshot_use *add_use(struct world *world, uint32_t instance, uint32_t tgid,
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

static struct trigger_counters *add_instance(struct world *world, uint32_t instance)
{
	struct snapshot_instance *row = &world->instances[world->snapshot.nr_instances++];

	row->instance = instance;
	return &row->registrations;
}

static struct snapshot_registration *add_registration(struct world *world, uint64_t born_ns,
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

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	world_init(&f->first, TAKEN_NS - 7);
	world_init(&f->last, TAKEN_NS);
	add_process(&f->last, TGID, START_NS);
	*state = f;
	return 0;
}

static int finish(void **state)
{
	struct fixture *f = *state;

	profile_free(&f->profile);
	free(f);
	return 0;
}

/* The process @tgid, of which the first is busiest. */
static struct profile_process *compare(struct fixture *f, uint32_t tgid)
{
	profile_free(&f->profile);
	assert_int_equal(
		profile_between(&f->profile, &f->first.snapshot, &f->last.snapshot, &f->detail), 0);
	for (size_t i = 0; i < f->profile.nr_processes; i++) {
		if (f->profile.processes[i].tgid == tgid)
			return &f->profile.processes[i];
	}
	fail_msg("process %u is not there", tgid);
	return NULL;
}

/* ---- instances ---- */

static void an_instance_is_there_if_waits_on_it_returned_in_the_interval(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_use(&f->first, 7, TGID, 11);
	add_use(&f->first, 8, TGID, 11);
	add_use(&f->last, 7, TGID, 11);
	add_use(&f->last, 8, TGID, 24)->epfd = 6;
	process = compare(f, TGID);
	assert_int_equal(process->nr_epolls, 1);
	assert_int_equal(process->epolls[0].epfd, 6);
	assert_int_equal(process->epolls[0].counters.returns, 13);
}

static void every_counter_of_an_instance_is_subtracted(void **state)
{
	struct fixture *f = *state;
	uint64_t *before = (uint64_t *)&add_use(&f->first, 7, TGID, 0)->counters;
	uint64_t *after = (uint64_t *)&add_use(&f->last, 7, TGID, 0)->counters;
	const uint64_t *came;

	for (size_t i = 0; i < EPOLL_WORDS; i++) {
		before[i] = 3 * i;
		after[i] = 3 * i + i + 1;
	}
	came = (const uint64_t *)&compare(f, TGID)->epolls->counters;
	for (size_t i = 0; i < EPOLL_WORDS; i++)
		assert_int_equal(came[i], i + 1);
}

static void an_instance_has_the_callbacks_of_the_interval(void **state)
{
	struct fixture *f = *state;
	const struct profile_epoll *epoll;

	add_use(&f->last, 7, TGID, 1);
	for (uint32_t instance = 6; instance <= 7; instance++) {
		uint64_t *before, *after;

		add_instance(&f->first, instance);
		add_instance(&f->last, instance);
		before = (uint64_t *)&f->first.instances[instance - 6].callbacks;
		after = (uint64_t *)&f->last.instances[instance - 6].callbacks;
		for (size_t i = 0; i < CALLBACK_WORDS; i++) {
			before[i] = 1000 * instance + 3 * i;
			after[i] = before[i] + instance + i;
		}
	}
	epoll = compare(f, TGID)->epolls;
	for (size_t i = 0; i < CALLBACK_WORDS; i++)
		assert_int_equal(((const uint64_t *)&epoll->callbacks)[i], 7 + i);
}

static void what_made_the_callbacks_and_has_ended_told_none(void **state)
{
	struct fixture *f = *state;

	add_use(&f->last, 7, TGID, 1);
	add_instance(&f->first, 7);
	f->first.instances[0].callbacks.woken = 13;
	assert_int_equal(compare(f, TGID)->epolls->callbacks.woken, 0);
}

static void an_instance_is_told_from_others_by_instance_tgid_and_start(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_use(&f->first, 6, TGID, 1000);
	add_use(&f->first, 7, TGID + 1, 1000);
	add_use(&f->first, 7, TGID, 1000)->start_ns = START_NS - 1;
	add_use(&f->last, 7, TGID, 13);
	process = compare(f, TGID);
	assert_int_equal(process->nr_epolls, 1);
	assert_int_equal(process->epolls[0].counters.returns, 13);
}

static void an_instance_has_the_registrations_that_stand_at_the_end(void **state)
{
	struct fixture *f = *state;
	const struct trigger_counters *registrations;

	*add_instance(&f->first, 7) = (struct trigger_counters){ 1, 1, 1, 1 };
	*add_instance(&f->last, 6) = (struct trigger_counters){ 1, 1, 1, 1 };
	*add_instance(&f->last, 7) = (struct trigger_counters){ 2, 3, 5, 7 };
	add_use(&f->last, 7, TGID, 1);
	registrations = &compare(f, TGID)->epolls->registrations;
	assert_int_equal(registrations->level, 2);
	assert_int_equal(registrations->edge, 3);
	assert_int_equal(registrations->oneshot, 5);
	assert_int_equal(registrations->exclusive, 7);
}

static void an_instance_that_ended_has_no_registrations(void **state)
{
	struct fixture *f = *state;

	*add_instance(&f->first, 7) = (struct trigger_counters){ 1, 1, 1, 1 };
	add_use(&f->last, 7, TGID, 1);
	assert_int_equal(compare(f, TGID)->epolls->registrations.level, 0);
}

/*
 *	100  101  102  103
 *	  \   |   /   /
 *	    e7  (102 did not return, 103 is not ours to show)
 */
static void an_instance_is_shared_with_whom_else_it_returned_to(void **state)
{
	struct fixture *f = *state;
	const struct profile_epoll *mine, *other;

	add_process(&f->last, TGID + 1, START_NS);
	add_process(&f->last, TGID + 2, START_NS);
	add_use(&f->first, 7, TGID + 2, 4);
	add_use(&f->last, 7, TGID + 3, 1);
	add_use(&f->last, 7, TGID + 3, 1)->start_ns = START_NS + 1;
	add_use(&f->last, 7, TGID + 2, 4);
	add_use(&f->last, 7, TGID + 1, 3);
	add_use(&f->last, 8, TGID + 1, 2);
	add_use(&f->last, 7, TGID, 2)->threads = 17;
	mine = compare(f, TGID)->epolls;
	assert_int_equal(mine->nr_shared_with, 2);
	assert_int_equal(mine->shared_with[0], TGID + 1);
	assert_int_equal(mine->shared_with[1], TGID + 3);
	assert_int_equal(mine->threads, 17);
	other = compare(f, TGID + 1)->epolls;
	assert_int_equal(other->nr_shared_with, 2);
	assert_int_equal(other->shared_with[0], TGID);
	assert_int_equal(other[1].nr_shared_with, 0);
	assert_int_equal(compare(f, TGID + 2)->nr_epolls, 0);
}

/*
 *	100     101 (busier)
 *	 | \   / |
 *	e9  e7   e8
 */
static void instances_are_numbered_from_1_and_the_same_for_all(void **state)
{
	struct fixture *f = *state;
	const struct profile_epoll *busier, *other;

	add_process(&f->last, TGID + 1, START_NS);
	f->last.threads[1].counters.waits[WAIT_EPOLL].timeouts = 9;
	add_use(&f->last, 9, TGID, 5);
	add_use(&f->last, 7, TGID, 2);
	add_use(&f->last, 7, TGID + 1, 2);
	add_use(&f->last, 8, TGID + 1, 7);
	busier = compare(f, TGID + 1)->epolls;
	assert_int_equal(busier[0].counters.returns, 7);
	assert_int_equal(busier[0].instance, 1);
	assert_int_equal(busier[1].instance, 2);
	other = compare(f, TGID)->epolls;
	assert_int_equal(other[0].counters.returns, 5);
	assert_int_equal(other[0].instance, 3);
	assert_int_equal(other[1].instance, 2);
}

/* ---- undrained ---- */

static struct snapshot_registration *add_undrained(struct world *world, uint32_t fd,
						   uint64_t since_ns, uint64_t bytes)
{
	struct snapshot_registration *row = add_registration(world, fd, fd, 0);

	row->registration.events |= EPOLLET;
	row->description.undrained_ns = since_ns;
	row->description.unread_bytes = bytes;
	return row;
}

static void edges_with_unread_bytes_stand_undrained(void **state)
{
	struct fixture *f = *state;
	const struct profile_undrained *undrained;

	add_instance(&f->last, 7);
	add_use(&f->last, 7, TGID, 1);
	add_undrained(&f->last, 10, TAKEN_NS - 41, 13);
	add_undrained(&f->last, 11, TAKEN_NS - 43, 17);
	add_undrained(&f->last, 12, TAKEN_NS - 47, 0);
	add_undrained(&f->last, 13, 0, 19);
	add_undrained(&f->last, 14, TAKEN_NS - 53, 23)->registration.events = EPOLLIN;
	add_undrained(&f->last, 15, TAKEN_NS - 59, 29)->registration.instance = 8;
	undrained = &compare(f, TGID)->epolls->undrained;
	assert_int_equal(undrained->descriptors, 2);
	assert_int_equal(undrained->unread_bytes, 13 + 17);
	assert_int_equal(undrained->longest_ns, 43);
}

static void a_stuck_loop_is_shown_although_it_returned_from_nothing(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_instance(&f->last, 7);
	add_use(&f->first, 7, TGID, 3);
	add_use(&f->last, 7, TGID, 3);
	add_undrained(&f->last, 10, TAKEN_NS + 1, 13);
	process = compare(f, TGID);
	assert_int_equal(process->nr_epolls, 1);
	assert_int_equal(process->epolls->counters.returns, 0);
	assert_int_equal(process->epolls->undrained.unread_bytes, 13);
	assert_int_equal(process->epolls->undrained.longest_ns, 0);
	assert_int_equal(process->nr_descriptors, 1);
	assert_int_equal(process->descriptors->unread_bytes, 13);
}

/* ---- descriptors ---- */

static void a_descriptor_counts_from_the_first_snapshot_on(void **state)
{
	struct fixture *f = *state;
	const struct profile_descriptor *row;
	struct snapshot_registration *before = add_registration(&f->first, 3, 10, 100);
	struct snapshot_registration *after = add_registration(&f->last, 3, 10, 113);

	before->description.reads = 7;
	after->description.reads = 7 + 17;
	before->description.read_bytes = 700;
	after->description.read_bytes = 719;
	before->description.write_bytes = 70;
	after->description.write_bytes = 93;
	before->registration.redelivered = 1;
	after->registration.redelivered = 30;
	row = compare(f, TGID)->descriptors;
	assert_int_equal(f->profile.processes->nr_descriptors, 1);
	assert_int_equal(row->fd, 10);
	assert_int_equal(row->kind, KIND_PIPE);
	assert_int_equal(row->deliveries, 13);
	assert_int_equal(row->redelivered, 29);
	assert_int_equal(row->reads, 17);
	assert_int_equal(row->read_bytes, 19);
	assert_int_equal(row->write_bytes, 23);
}

static void every_count_of_a_registration_is_a_descriptors(void **state)
{
	struct fixture *f = *state;
	__u64 *words = &add_registration(&f->last, 3, 10, 0)->registration.deliveries;
	const uint64_t *came;

	for (size_t i = 0; i < 9; i++)
		words[i] = i + 1;
	came = &compare(f, TGID)->descriptors->deliveries;
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(came[i], i + 1);
}

static void a_registration_that_was_only_told_is_a_descriptor(void **state)
{
	struct fixture *f = *state;
	const struct profile_descriptor *row;
	__u64 *before = (__u64 *)&add_registration(&f->first, 3, 10, 0)->registration.callbacks;
	__u64 *after = (__u64 *)&add_registration(&f->last, 3, 10, 0)->registration.callbacks;

	for (size_t i = 0; i < CALLBACK_WORDS; i++) {
		before[i] = 100;
		after[i] = 101 + i;
	}
	row = compare(f, TGID)->descriptors;
	assert_int_equal(f->profile.processes->nr_descriptors, 1);
	assert_int_equal(row->callbacks, 1 + 2 + 3 + 4);
	assert_int_equal(row->filtered, 1);
	assert_int_equal(row->coalesced, 2);
	assert_int_equal(row->woken, 5);
}

static void a_number_that_was_registered_anew_counts_from_0(void **state)
{
	struct fixture *f = *state;
	struct snapshot_registration *after;

	add_registration(&f->first, 3, 10, 100)->description.reads = 100;
	after = add_registration(&f->last, 4, 10, 113);
	after->description.reads = 107;
	assert_int_equal(compare(f, TGID)->descriptors->deliveries, 113);
	assert_int_equal(f->profile.processes->descriptors->reads, 107);
}

static void a_description_that_was_met_anew_counts_from_0(void **state)
{
	struct fixture *f = *state;

	add_registration(&f->first, 3, 10, 100)->description.reads = 100;
	add_registration(&f->last, 3, 10, 113)->description.reads = 5;
	assert_int_equal(compare(f, TGID)->descriptors->reads, 5);
	f->last.registrations->description.reads = 105;
	assert_int_equal(compare(f, TGID)->descriptors->reads, 5);
	f->last.registrations->description.file = 0xffff;
	assert_int_equal(compare(f, TGID)->descriptors->reads, 105);
}

static void a_descriptor_on_which_nothing_moved_is_left_out(void **state)
{
	struct fixture *f = *state;

	add_registration(&f->first, 3, 10, 100);
	add_registration(&f->last, 3, 10, 100);
	assert_int_equal(compare(f, TGID)->nr_descriptors, 0);
	f->last.registrations->description.write_bytes = 1;
	assert_int_equal(compare(f, TGID)->nr_descriptors, 1);
}

static void a_descriptor_is_of_the_process_that_was_told_last(void **state)
{
	struct fixture *f = *state;

	add_process(&f->last, TGID + 1, START_NS);
	add_registration(&f->last, 3, 10, 1)->registration.tgid = TGID + 1;
	add_registration(&f->last, 4, 11, 1)->registration.tgid = TGID + 2;
	assert_int_equal(compare(f, TGID)->nr_descriptors, 0);
	assert_int_equal(compare(f, TGID + 1)->nr_descriptors, 1);
}

static void of_two_with_the_same_tgid_the_one_that_lives_is_meant(void **state)
{
	struct fixture *f = *state;

	f->last.processes->has_exited = true;
	add_process(&f->last, TGID, START_NS + 1);
	add_registration(&f->last, 3, 10, 1);
	compare(f, TGID);
	assert_int_equal(f->profile.nr_processes, 2);
	for (int i = 0; i < 2; i++) {
		const struct profile_process *process = &f->profile.processes[i];

		assert_int_equal(process->nr_descriptors, !process->has_exited);
	}
}

static void the_busiest_come_first_and_so_many_are_shown(void **state)
{
	static const uint64_t order[] = { 13, 12, 10, 11 };
	struct fixture *f = *state;
	struct profile_process *process;

	add_registration(&f->last, 1, 10, 5)->description.reads = 1;
	add_registration(&f->last, 2, 11, 5)->description.reads = 1;
	add_registration(&f->last, 3, 12, 5)->description.reads = 2;
	add_registration(&f->last, 4, 13, 6);
	f->detail.nr_descriptors = 3;
	process = compare(f, TGID);
	assert_int_equal(process->nr_descriptors, 4);
	assert_int_equal(process->nr_shown_descriptors, 3);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(process->descriptors[i].fd, order[i]);
	f->detail.nr_descriptors = 5;
	assert_int_equal(compare(f, TGID)->nr_shown_descriptors, 4);
	f->detail.nr_descriptors = 0;
	assert_int_equal(compare(f, TGID)->nr_shown_descriptors, 0);
}

/* One descriptor in two instances, of which nobody waited on the second. */
static void a_descriptor_names_its_instance_by_the_same_number(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_use(&f->last, 6, TGID, 9);
	add_use(&f->last, 7, TGID, 1);
	add_registration(&f->last, 3, 10, 2);
	add_registration(&f->last, 4, 10, 1)->registration.instance = 8;
	process = compare(f, TGID);
	assert_int_equal(process->epolls[1].instance, 2);
	assert_int_equal(process->descriptors[0].instance, 2);
	assert_int_equal(process->descriptors[1].instance, 3);
}

static void a_descriptor_tells_its_trigger(void **state)
{
	struct fixture *f = *state;
	struct registration *registration = &add_registration(&f->last, 3, 10, 1)->registration;
	const struct profile_descriptor *row = compare(f, TGID)->descriptors;

	assert_true(!row->is_edge && !row->is_oneshot && !row->is_exclusive);
	registration->events = EPOLLIN | EPOLLET;
	row = compare(f, TGID)->descriptors;
	assert_true(row->is_edge && !row->is_oneshot && !row->is_exclusive);
	registration->events = EPOLLIN | EPOLLONESHOT;
	row = compare(f, TGID)->descriptors;
	assert_true(!row->is_edge && row->is_oneshot && !row->is_exclusive);
	registration->events = EPOLLIN | EPOLLEXCLUSIVE;
	row = compare(f, TGID)->descriptors;
	assert_true(!row->is_edge && !row->is_oneshot && row->is_exclusive);
}

/* ---- names ---- */

static const char *name_of(struct fixture *f)
{
	return compare(f, TGID)->descriptors->name;
}

static void a_socket_is_called_by_its_peer(void **state)
{
	struct fixture *f = *state;
	struct description *description = &add_registration(&f->last, 3, 10, 1)->description;

	description->kind = KIND_SOCKET;
	description->family = AF_INET;
	description->port = 52344;
	inet_pton(AF_INET, "127.0.0.1", description->address);
	assert_string_equal(name_of(f), "127.0.0.1:52344");
	description->family = AF_INET6;
	inet_pton(AF_INET6, "2001:db8::1", description->address);
	assert_string_equal(name_of(f), "[2001:db8::1]:52344");
	description->port = 0;
	assert_string_equal(name_of(f), "socket");
	description->family = AF_UNIX;
	assert_string_equal(name_of(f), "unix");
	description->family = 0;
	assert_string_equal(name_of(f), "socket");
}

static void what_is_no_socket_is_called_by_its_kind(void **state)
{
	struct fixture *f = *state;
	struct description *description = &add_registration(&f->last, 3, 10, 1)->description;

	assert_string_equal(name_of(f), "pipe");
	description->kind = KIND_TIMERFD;
	assert_string_equal(name_of(f), "timerfd");
	description->kind = FD_KINDS;
	assert_string_equal(name_of(f), "other");
	assert_int_equal(f->profile.processes->descriptors->kind, KIND_OTHER);
}

static void a_listener_is_called_as_in_accept(void **state)
{
	struct fixture *f = *state;
	struct description *description = &add_registration(&f->last, 3, 10, 1)->description;
	struct snapshot_listener *listener = &f->last.listeners[0];

	f->last.snapshot.nr_listeners = 1;
	listener->key = (struct listener_key){ 4711, START_NS, TGID, 0 };
	listener->counters.family = AF_UNIX;
	strcpy(listener->counters.path, "/run/web.sock");
	listener->counters.path_len = strlen(listener->counters.path);
	description->kind = KIND_SOCKET;
	description->family = AF_UNIX;
	description->ino = 4711;
	assert_string_equal(name_of(f), "unix");
	description->is_listener = true;
	assert_string_equal(name_of(f), "unix:/run/web.sock");
	assert_true(f->profile.processes->descriptors->is_listener);
	description->ino = 4712;
	assert_string_equal(name_of(f), "unix");
}

/* ---- losses ---- */

static bool is_inexact(const struct profile_process *process, const char *key)
{
	for (size_t i = 0; i < process->nr_inexact; i++) {
		if (!strcmp(process->inexact[i].key, key))
			return true;
	}
	return false;
}

static void rows_that_were_missing_mark_what_needs_them(void **state)
{
	static const enum loss causes[] = { LOSS_INSTANCES, LOSS_REGISTRATIONS, LOSS_DESCRIPTIONS };
	struct fixture *f = *state;
	struct profile_process *process;

	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		memset(f->last.snapshot.losses, 0, sizeof(f->last.snapshot.losses));
		f->last.snapshot.losses[causes[i]] = 1;
		assert_true(is_inexact(compare(f, TGID), "epolls"));
	}
	f->last.threads->counters.waits[WAIT_EPOLL].timeouts = 0;
	f->last.threads->counters.waits[WAIT_POLL].timeouts = 1;
	process = compare(f, TGID);
	assert_false(is_inexact(process, "epolls"));
	assert_true(is_inexact(process, "poll.redelivered"));
	assert_false(is_inexact(process, "select.redelivered"));
	assert_false(is_inexact(process, "descriptors"));
	f->detail.nr_descriptors = 1;
	add_registration(&f->last, 3, 10, 1);
	assert_true(is_inexact(compare(f, TGID), "descriptors"));
}

static void events_that_were_not_looked_at_mark_their_process_alone(void **state)
{
	struct fixture *f = *state;

	add_process(&f->last, TGID + 1, START_NS);
	f->last.threads[0].counters.losses[LOSS_EVENTS] = 3;
	assert_true(is_inexact(compare(f, TGID), "epolls"));
	assert_false(is_inexact(compare(f, TGID + 1), "epolls"));
	assert_int_equal(f->profile.losses[LOSS_EVENTS], 3);
}

/* ---- memory ---- */

static int work(void *context)
{
	struct fixture *f = context;
	int err;

	profile_free(&f->profile);
	err = profile_between(&f->profile, &f->first.snapshot, &f->last.snapshot, &f->detail);
	assert_true(err == 0 || err == -ENOMEM);
	return err;
}

static void any_allocation_may_fail(void **state)
{
	struct fixture *f = *state;

	add_process(&f->last, TGID + 1, START_NS);
	for (uint32_t i = 0; i < 4; i++) {
		add_instance(&f->last, i);
		add_use(&f->first, i, TGID, 1);
		add_use(&f->last, i, TGID, 2);
		add_use(&f->last, i, TGID + 1, 1);
		add_registration(&f->first, i, i, 1);
		add_registration(&f->last, i, i, 2);
	}
	f->detail.nr_descriptors = 2;
	f->last.snapshot.losses[LOSS_INSTANCES] = 1;
	failing_each(work, f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_instance_is_there_if_waits_on_it_returned_in_the_interval),
		TEST(every_counter_of_an_instance_is_subtracted),
		TEST(an_instance_has_the_callbacks_of_the_interval),
		TEST(what_made_the_callbacks_and_has_ended_told_none),
		TEST(an_instance_is_told_from_others_by_instance_tgid_and_start),
		TEST(an_instance_has_the_registrations_that_stand_at_the_end),
		TEST(an_instance_that_ended_has_no_registrations),
		TEST(an_instance_is_shared_with_whom_else_it_returned_to),
		TEST(instances_are_numbered_from_1_and_the_same_for_all),
		TEST(edges_with_unread_bytes_stand_undrained),
		TEST(a_stuck_loop_is_shown_although_it_returned_from_nothing),
		TEST(a_descriptor_counts_from_the_first_snapshot_on),
		TEST(every_count_of_a_registration_is_a_descriptors),
		TEST(a_registration_that_was_only_told_is_a_descriptor),
		TEST(a_number_that_was_registered_anew_counts_from_0),
		TEST(a_description_that_was_met_anew_counts_from_0),
		TEST(a_descriptor_on_which_nothing_moved_is_left_out),
		TEST(a_descriptor_is_of_the_process_that_was_told_last),
		TEST(of_two_with_the_same_tgid_the_one_that_lives_is_meant),
		TEST(the_busiest_come_first_and_so_many_are_shown),
		TEST(a_descriptor_names_its_instance_by_the_same_number),
		TEST(a_descriptor_tells_its_trigger),
		TEST(a_socket_is_called_by_its_peer),
		TEST(what_is_no_socket_is_called_by_its_kind),
		TEST(a_listener_is_called_as_in_accept),
		TEST(rows_that_were_missing_mark_what_needs_them),
		TEST(events_that_were_not_looked_at_mark_their_process_alone),
		TEST(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("epolls", tests, NULL, NULL);
}
