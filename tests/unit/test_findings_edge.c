/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Findings of what is read too little of, or too much. */
#include "scene.h"

#define MS 1000000ULL

static struct profile_process *add_edge(struct profile *profile)
{
	struct profile_process *process = add_process(profile);
	struct profile_epoll *epoll = add_epoll(process, 5);

	add_wakeups(process, WAIT_EPOLL, 1000)->busy_ns_hist[17] = 1000; /* 65 to 131 us */
	epoll->counters.returns = 1000;
	epoll->counters.deliveries.by.edge = 1000;
	return process;
}

static void set_undrained(struct profile_process *process, uint64_t nr, uint64_t ns)
{
	process->epolls->undrained = (struct profile_undrained){ nr, 3000 * nr, ns };
	process->epolls->counters.edge_undrained = 7;
	for (uint64_t i = 0; i < nr; i++) {
		struct profile_descriptor *descriptor = add_descriptor(process, 20 + i, 5);

		descriptor->is_edge = true;
		descriptor->unread_bytes = 3000;
		descriptor->undrained_ns = i + 1 == nr ? ns : ns / 2;
	}
}

/* ---- edge-undrained ---- */

static void bytes_that_no_edge_tells_of_are_named_with_their_descriptor(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	set_undrained(add_edge(&profile), 3, 1200 * MS);
	finding = the_finding(&profile, "edge-undrained");
	assert_int_equal(finding->subject, SUBJECT_FD);
	assert_int_equal(finding->subject_number, 22); /* the longest */
	assert_rests_on(finding, "epolls.undrained.descriptors", 3);
	assert_rests_on(finding, "epolls.undrained.unread_bytes", 9000);
	assert_rests_on(finding, "epolls.undrained.longest_ns", 1200 * MS);
	assert_rests_on(finding, "epolls.edge_undrained", 7);
	assert_non_null(strstr(finding->message,
			       "fd 22 (10.0.0.1:4711) and 2 other edge-triggered descriptors hold "
			       "8.8 KiB"));
	profile_free(&profile);
}

static void one_is_told_as_one(void **state)
{
	struct profile profile = scene();

	(void)state;
	set_undrained(add_edge(&profile), 1, 1200 * MS);
	assert_non_null(strstr(the_finding(&profile, "edge-undrained")->message,
			       "fd 20 (10.0.0.1:4711), edge-triggered, holds 2.9 KiB"));
	profile_free(&profile);
}

static void which_ones_may_not_be_known(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_edge(&profile);
	const struct profile_finding *finding;

	(void)state;
	process->epolls->undrained = (struct profile_undrained){ 1, 3000, 1200 * MS };
	finding = the_finding(&profile, "edge-undrained");
	assert_int_equal(finding->subject, SUBJECT_INSTANCE);
	assert_int_equal(finding->subject_number, 5);
	assert_non_null(strstr(finding->message, "1 edge-triggered descriptor holds"));
	profile_free(&profile);
}

static void what_has_just_come_may_be_unread(void **state)
{
	struct profile profile = scene();

	(void)state;
	set_undrained(add_edge(&profile), 3, 249 * MS);
	assert_nothing_found(&profile);
}

static void what_a_slow_receiver_holds_up_is_not_forgotten(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_edge(&profile);

	(void)state;
	set_undrained(process, 3, 4000 * MS);
	process->counters.io[IO_WRITE][KIND_SOCKET].again = 1;
	assert_nothing_found(&profile);

	profile = scene();
	process = add_edge(&profile);
	set_undrained(process, 3, 6000 * MS);
	process->counters.io[IO_WRITE][KIND_SOCKET].partial = 1;
	assert_found(&profile, "edge-undrained");
}

/* A batch of many, each of which takes its time. */
static void what_is_unread_within_a_long_turn_comes_next(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_edge(&profile);

	(void)state;
	set_undrained(process, 3, 300 * MS);
	process->counters.waits[WAIT_EPOLL].busy_ns_hist[28] = 100; /* 134 to 268 ms */
	assert_nothing_found(&profile);
}

static void a_loop_that_is_stuck_elsewhere_has_not_forgotten(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_edge(&profile);

	(void)state;
	set_undrained(process, 3, 3000 * MS);
	process->now.longest_busy_ns = 2900 * MS;
	assert_nothing_found(&profile);
}

static void who_shares_an_instance_is_told_of_it_once(void **state)
{
	struct profile profile = scene();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct profile_process *process = add_edge(&profile);

		set_undrained(process, 1, 1200 * MS);
		share_with(process->epolls, 102 - i);
	}
	assert_found(&profile, "edge-undrained");
}

/* ---- edge-accept-once ---- */

static struct profile_process *add_acceptor(struct profile *profile, uint64_t told,
					    uint64_t accepted, uint64_t left)
{
	struct profile_process *process = add_edge(profile);

	add_listener(process, 7, accepted, 0)->delivered = told;
	process->epolls->counters.edge_accept_left = left;
	return process;
}

static void to_accept_once_for_each_edge_leaves_connections(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_acceptor(&profile, 11, 11, 5);
	finding = the_finding(&profile, "edge-accept-once");
	assert_string_equal(finding->subject_local, "127.0.0.1:80");
	assert_rests_on(finding, "epolls.edge_accept_left", 5);
	assert_rests_on(finding, "accept.listeners.delivered", 11);
	assert_rests_on(finding, "accept.accepted", 11);
	assert_string_equal(finding->message,
			    "The edge-triggered listener 127.0.0.1:80 was told of 11 times and "
			    "gave 11 connections; it was left with others in its queue 5 times, "
			    "and no edge will tell of them.");
	profile_free(&profile);
}

/* 64 at a time, and armed again. */
static void a_budget_leaves_some_for_the_next_turn(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_acceptor(&profile, 100, 6000, 90);
	assert_nothing_found(&profile);
}

static void to_accept_all_leaves_nothing(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_acceptor(&profile, 100, 100, 0);
	assert_nothing_found(&profile);
}

static void the_queue_that_fills_is_not_told_twice(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_acceptor(&profile, 11, 11, 5);

	(void)state;
	process->listeners->drops = 4;
	process->listeners->queue_depth_hist[9] = 1;
	assert_found(&profile, "edge-accept-once");
}

static void the_listener_may_not_be_known(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_edge(&profile);

	(void)state;
	process->epolls->counters.edge_accept_left = 5;
	assert_int_equal(the_finding(&profile, "edge-accept-once")->subject, SUBJECT_PROCESS);
	profile_free(&profile);
}

/* ---- greedy-connection ---- */

/* One that was read @reads times at @told deliveries, and ten others, a request each time. */
static struct profile_process *add_greedy(struct profile *profile, uint64_t reads, uint64_t told)
{
	struct profile_process *process = add_edge(profile);
	struct profile_descriptor *one = add_descriptor(process, 30, 5);

	one->reads = reads;
	one->deliveries = told;
	for (int i = 0; i < 10; i++) {
		struct profile_descriptor *other = add_descriptor(process, 31 + i, 5);

		other->reads = other->deliveries = 25;
	}
	process->counters.waits[WAIT_EPOLL].busy_ns_hist[23] = 20;
	process->epolls->counters.first_read_ns_hist[14] = 100;
	process->epolls->counters.first_read_ns_hist[24] = 10; /* 8.4 to 16.8 ms */
	return process;
}

static void who_reads_one_to_the_end_makes_the_others_wait(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_greedy(&profile, 500, 2);
	finding = the_finding(&profile, "greedy-connection");
	assert_int_equal(finding->subject, SUBJECT_FD);
	assert_int_equal(finding->subject_number, 30);
	assert_rests_on(finding, "descriptors.reads", 500);
	assert_rests_on(finding, "descriptors.deliveries", 2);
	assert_rests_on(finding, "epolls.first_read_ns_hist.p99", (1 << 24) - 1);
	profile_free(&profile);
}

static void a_long_request_is_not_greedy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_greedy(&profile, 500, 16); /* libuv reads 32 times */
	assert_nothing_found(&profile);
}

static void who_makes_nobody_wait_is_not_greedy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_greedy(&profile, 500, 2);

	(void)state;
	process->epolls->counters.first_read_ns_hist[24] = 0;
	assert_nothing_found(&profile);
}

static void who_is_alone_is_not_greedy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_greedy(&profile, 500, 2);

	(void)state;
	for (size_t i = 1; i < process->nr_descriptors; i++)
		process->descriptors[i].deliveries = i == 1;
	assert_nothing_found(&profile);
}

/* haproxy: the connection has moved from the instance of one thread to that of another. */
static void what_was_told_by_another_instance_counts(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_greedy(&profile, 500, 1);

	(void)state;
	add_descriptor(process, 30, 6)->deliveries = 270;
	assert_nothing_found(&profile);
}

/* 25 requests of 500 reads among 500 of one. */
static struct profile_process *add_closed(struct profile *profile, uint64_t reads)
{
	struct profile_process *process = add_edge(profile);
	struct epoll_counters *counters = &process->epolls->counters;

	counters->deliveries.in = 540;
	counters->first_read_ns_hist[16] = 490;
	counters->first_read_ns_hist[23] = 50;
	process->counters.waits[WAIT_EPOLL].busy_ns_hist[23] = 25;
	process->counters.io[IO_READ][KIND_SOCKET].moved = reads;
	return process;
}

static void a_greedy_one_that_was_closed_left_its_traces(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_closed(&profile, 13000);
	finding = the_finding(&profile, "greedy-connection");
	assert_int_equal(finding->subject, SUBJECT_INSTANCE);
	assert_rests_on(finding, "io.read.socket.calls", 13000);
	assert_rests_on(finding, "epolls.deliveries.in", 540);
	profile_free(&profile);
}

/* nginx under uploads: every turn is long. */
static void where_all_are_greedy_nobody_is(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_closed(&profile, 13000);

	(void)state;
	process->epolls->counters.first_read_ns_hist[19] = 250;
	assert_nothing_found(&profile);

	profile = scene();
	process = add_closed(&profile, 13000);
	process->counters.waits[WAIT_EPOLL].busy_ns_hist[19] = 400;
	assert_nothing_found(&profile);

	profile = scene();
	add_closed(&profile, 540 * 15);
	assert_nothing_found(&profile);
}

static void who_reads_byte_by_byte_is_not_called_greedy_too(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_greedy(&profile, 5000, 2);
	struct io_counters *in = &process->counters.io[IO_READ][KIND_SOCKET];

	(void)state;
	in->moved = in->bytes = in->size_hist[1] = 5000;
	assert_found(&profile, "tiny-io");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_that_no_edge_tells_of_are_named_with_their_descriptor),
		cmocka_unit_test(one_is_told_as_one),
		cmocka_unit_test(which_ones_may_not_be_known),
		cmocka_unit_test(what_has_just_come_may_be_unread),
		cmocka_unit_test(what_a_slow_receiver_holds_up_is_not_forgotten),
		cmocka_unit_test(what_is_unread_within_a_long_turn_comes_next),
		cmocka_unit_test(a_loop_that_is_stuck_elsewhere_has_not_forgotten),
		cmocka_unit_test(who_shares_an_instance_is_told_of_it_once),
		cmocka_unit_test(to_accept_once_for_each_edge_leaves_connections),
		cmocka_unit_test(a_budget_leaves_some_for_the_next_turn),
		cmocka_unit_test(to_accept_all_leaves_nothing),
		cmocka_unit_test(the_queue_that_fills_is_not_told_twice),
		cmocka_unit_test(the_listener_may_not_be_known),
		cmocka_unit_test(who_reads_one_to_the_end_makes_the_others_wait),
		cmocka_unit_test(a_long_request_is_not_greedy),
		cmocka_unit_test(who_makes_nobody_wait_is_not_greedy),
		cmocka_unit_test(who_is_alone_is_not_greedy),
		cmocka_unit_test(what_was_told_by_another_instance_counts),
		cmocka_unit_test(a_greedy_one_that_was_closed_left_its_traces),
		cmocka_unit_test(where_all_are_greedy_nobody_is),
		cmocka_unit_test(who_reads_byte_by_byte_is_not_called_greedy_too),
	};

	return cmocka_run_group_tests_name("findings_edge", tests, NULL, NULL);
}
