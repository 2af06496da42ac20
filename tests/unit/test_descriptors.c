/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a profile says of the descriptors registered in epoll instances, and what they are called. */
#include "epoll_world.h"

/* ---- counts ---- */

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
	row = compare_of(f, TGID)->descriptors;
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
	came = &compare_of(f, TGID)->descriptors->deliveries;
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
	row = compare_of(f, TGID)->descriptors;
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
	assert_int_equal(compare_of(f, TGID)->descriptors->deliveries, 113);
	assert_int_equal(f->profile.processes->descriptors->reads, 107);
}

static void a_description_that_was_met_anew_counts_from_0(void **state)
{
	struct fixture *f = *state;

	add_registration(&f->first, 3, 10, 100)->description.reads = 100;
	add_registration(&f->last, 3, 10, 113)->description.reads = 5;
	assert_int_equal(compare_of(f, TGID)->descriptors->reads, 5);
	f->last.registrations->description.reads = 105;
	assert_int_equal(compare_of(f, TGID)->descriptors->reads, 5);
	f->last.registrations->description.file = 0xffff;
	assert_int_equal(compare_of(f, TGID)->descriptors->reads, 105);
}

static void a_descriptor_on_which_nothing_moved_is_left_out(void **state)
{
	struct fixture *f = *state;

	add_registration(&f->first, 3, 10, 100);
	add_registration(&f->last, 3, 10, 100);
	assert_int_equal(compare_of(f, TGID)->nr_descriptors, 0);
	f->last.registrations->description.write_bytes = 1;
	assert_int_equal(compare_of(f, TGID)->nr_descriptors, 1);
}

static void a_descriptor_is_of_the_process_that_was_told_last(void **state)
{
	struct fixture *f = *state;

	add_caller(&f->last, TGID + 1, START_NS);
	add_registration(&f->last, 3, 10, 1)->registration.tgid = TGID + 1;
	add_registration(&f->last, 4, 11, 1)->registration.tgid = TGID + 2;
	assert_int_equal(compare_of(f, TGID)->nr_descriptors, 0);
	assert_int_equal(compare_of(f, TGID + 1)->nr_descriptors, 1);
}

static void of_two_with_the_same_tgid_the_one_that_lives_is_meant(void **state)
{
	struct fixture *f = *state;

	f->last.processes->has_exited = true;
	add_caller(&f->last, TGID, START_NS + 1);
	add_registration(&f->last, 3, 10, 1);
	compare_of(f, TGID);
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
	process = compare_of(f, TGID);
	assert_int_equal(process->nr_descriptors, 4);
	assert_int_equal(process->nr_shown_descriptors, 3);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(process->descriptors[i].fd, order[i]);
	f->detail.nr_descriptors = 5;
	assert_int_equal(compare_of(f, TGID)->nr_shown_descriptors, 4);
	f->detail.nr_descriptors = 0;
	assert_int_equal(compare_of(f, TGID)->nr_shown_descriptors, 0);
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
	process = compare_of(f, TGID);
	assert_int_equal(process->epolls[1].instance, 2);
	assert_int_equal(process->descriptors[0].instance, 2);
	assert_int_equal(process->descriptors[1].instance, 3);
}

static void a_descriptor_tells_its_trigger(void **state)
{
	struct fixture *f = *state;
	struct registration *registration = &add_registration(&f->last, 3, 10, 1)->registration;
	const struct profile_descriptor *row = compare_of(f, TGID)->descriptors;

	assert_true(!row->is_edge && !row->is_oneshot && !row->is_exclusive);
	registration->events = EPOLLIN | EPOLLET;
	row = compare_of(f, TGID)->descriptors;
	assert_true(row->is_edge && !row->is_oneshot && !row->is_exclusive);
	registration->events = EPOLLIN | EPOLLONESHOT;
	row = compare_of(f, TGID)->descriptors;
	assert_true(!row->is_edge && row->is_oneshot && !row->is_exclusive);
	registration->events = EPOLLIN | EPOLLEXCLUSIVE;
	row = compare_of(f, TGID)->descriptors;
	assert_true(!row->is_edge && !row->is_oneshot && row->is_exclusive);
}

/* ---- names ---- */

static const char *name_of(struct fixture *f)
{
	return compare_of(f, TGID)->descriptors->name;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_with_caller, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
