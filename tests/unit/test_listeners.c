/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Listening sockets between two snapshots, and what they are called. */
#include "world.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_listener_counts_from_the_first_snapshot_on),
		TEST(a_listener_born_between_counts_from_0_and_one_that_is_gone_is_left_out),
		TEST(a_child_is_not_blamed_for_drops_before_its_birth),
		TEST(drops_may_pass_the_end_of_their_32_bits),
		TEST(listeners_are_called_by_their_addresses),
	};

	return cmocka_run_group_tests_name("listeners", tests, NULL, NULL);
}
