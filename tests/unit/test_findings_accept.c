/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Findings between a listening socket and those who accept from it. */
#include "scene.h"

#include "model/fields.h"

/* Accepts until EAGAIN each time it is told. */
static struct profile_listener *add_worker(struct profile *profile, uint64_t accepted,
					   uint64_t told)
{
	struct profile_process *process = add_process(profile);
	struct profile_listener *listener = add_listener(process, 7, accepted, told);

	add_epoll(process, profile->nr_processes);
	add_wakeups(process, WAIT_EPOLL, told);
	process->counters.waits[WAIT_EPOLL].switches = told;
	process->counters.waits[WAIT_EPOLL].sleeps = told;
	listener->delivered = told;
	return listener;
}

/* ---- herd ---- */

static void told_far_more_often_than_there_are_connections_is_a_herd(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	for (int i = 0; i < 4; i++)
		add_worker(&profile, 50 + i, 190);
	finding = the_finding(&profile, "herd");
	assert_int_equal(finding->subject, SUBJECT_LOCAL);
	assert_string_equal(finding->subject_local, "127.0.0.1:80");
	assert_int_equal(finding->tgid, 104); /* accepted most */
	assert_rests_on(finding, "accept.accepted", 206);
	assert_rests_on(finding, "accept.again", 760);
	assert_rests_on(finding, "accept.listeners.delivered", 760);
	assert_rests_on(finding, "accept.listeners.delivered_exclusive", 0);
	assert_rests_on(finding, "processes", 4);
	assert_rests_on(finding, "duration_ns", 10e9);
	assert_non_null(strstr(finding->message, "554 wakeups found nothing for 206 connections"));
	profile_free(&profile);
}

static void one_worker_that_accepts_until_eagain_is_no_herd(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_worker(&profile, 100000, 100000);
	assert_nothing_found(&profile);
}

/* One of a herd, with the others out of sight. */
static void a_herd_is_seen_from_one_of_its_members(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_worker(&profile, 500, 2000);
	assert_found(&profile, "herd");
}

/* haproxy 2.6, two threads with an instance each, ab -c 1. */
static void two_threads_that_seldom_race_are_no_herd(void **state)
{
	struct profile profile = scene();
	struct profile_listener *listener = add_worker(&profile, 3000, 3099);

	(void)state;
	add_epoll(profile.processes, 9);
	listener->again = 3099;
	profile.processes->counters.waits[WAIT_EPOLL].switches = 6400;
	profile.processes->counters.waits[WAIT_EPOLL].sleeps = 6300;
	assert_nothing_found(&profile);
}

static void exclusive_workers_are_no_herd(void **state)
{
	struct profile profile = scene();

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct profile_listener *listener = add_worker(&profile, 50, 190);

		listener->delivered_exclusive = listener->delivered;
	}
	assert_nothing_found(&profile);
}

static void a_herd_that_goes_back_to_sleep_in_the_kernel_shows_in_its_switches(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	for (int i = 0; i < 4; i++) {
		add_worker(&profile, 750, 760);
		profile.processes[i].counters.waits[WAIT_EPOLL].switches = 2600;
	}
	finding = the_finding(&profile, "herd");
	assert_rests_on(finding, "epoll_wait.switches", 10400);
	assert_rests_on(finding, "epoll_wait.sleeps", 3040);
	assert_rests_not_on(finding, "epoll_wait.woken");
	assert_rests_not_on(finding, "epoll_wait.futile");
	profile_free(&profile);
}

static void a_herd_rests_on_what_the_kernel_did_where_it_was_watched(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	profile.wakeups = WAKEUPS_EPOLL | WAKEUPS_SLEEPS;
	for (int i = 0; i < 4; i++) {
		struct wait_counters *wait = &profile.processes[i].counters.waits[WAIT_EPOLL];

		add_worker(&profile, 750, 760);
		wait->switches = 2600;
		wait->woken = 2590 + i;
		wait->futile = 1830 + i;
	}
	finding = the_finding(&profile, "herd");
	assert_rests_on(finding, "epoll_wait.woken", 4 * 2590 + 6);
	assert_rests_on(finding, "epoll_wait.futile", 4 * 1830 + 6);
	profile_free(&profile);
}

/* Two processes in Python, one client. */
static void two_processes_that_race_are_a_herd(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_worker(&profile, 210, 245);
	add_worker(&profile, 90, 101);
	profile.processes[0].counters.waits[WAIT_EPOLL].switches = 289;
	profile.processes[1].counters.waits[WAIT_EPOLL].switches = 133;
	assert_found(&profile, "herd");

	profile = scene();
	add_worker(&profile, 210, 220);
	add_worker(&profile, 90, 101);
	profile.processes[1].counters.waits[WAIT_EPOLL].switches = 133;
	assert_nothing_found(&profile);
}

static void one_process_may_switch_in_its_waits_for_other_reasons(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_worker(&profile, 750, 760);
	profile.processes->counters.waits[WAIT_EPOLL].switches = 2600;
	assert_nothing_found(&profile);
}

/* Who accepts from a listener that reports nothing new blocks; polls with the others. */
static void workers_on_poll_are_a_herd_as_well(void **state)
{
	struct profile profile = scene();

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct profile_process *process = add_process(&profile);

		add_listener(process, 7, 100, 200)->delivered = 300;
		add_wakeups(process, WAIT_POLL, 300);
	}
	assert_found(&profile, "herd");
}

static void listeners_of_their_own_are_no_herd(void **state)
{
	struct profile profile = scene();

	(void)state;
	for (int i = 0; i < 4; i++)
		add_worker(&profile, 750, 760)->inode = 7 + 2 * i;
	assert_nothing_found(&profile);
}

static void of_few_connections_nothing_is_said(void **state)
{
	struct profile profile = scene();

	(void)state;
	for (int i = 0; i < 4; i++)
		add_worker(&profile, 4, 16);
	assert_nothing_found(&profile);
}

/* ---- accept-imbalance ---- */

static struct profile_listener *add_exclusive(struct profile *profile, uint64_t accepted)
{
	struct profile_listener *listener = add_worker(profile, accepted, accepted);

	listener->delivered_exclusive = accepted;
	return listener;
}

static void one_of_four_that_gets_most_is_an_imbalance(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_exclusive(&profile, 17);
	add_exclusive(&profile, 349);
	add_exclusive(&profile, 4);
	add_exclusive(&profile, 1);
	finding = the_finding(&profile, "accept-imbalance");
	assert_int_equal(finding->tgid, 102);
	assert_string_equal(finding->subject_local, "127.0.0.1:80");
	assert_rests_on(finding, "accept.accepted", 371);
	assert_rests_on(finding, "accept.listeners.accepted", 349);
	assert_rests_on(finding, "processes", 4);
	profile_free(&profile);
}

static void a_worker_that_is_never_woken_takes_part(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_exclusive(&profile, 400);
	for (int i = 0; i < 3; i++) {
		struct profile_process *process = add_process(&profile);

		add_listener(process, 7, 0, 0);
		process->now.waiting = 1;
	}
	finding = the_finding(&profile, "accept-imbalance");
	assert_rests_on(finding, "processes", 4);
	profile_free(&profile);
}

static void a_parent_that_holds_the_listener_and_waits_for_nothing_does_not(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_exclusive(&profile, 400);
	add_listener(add_process(&profile), 7, 0, 0);
	assert_nothing_found(&profile);
}

/* As gunicorn's does, with select on a pipe. */
static void a_parent_that_waits_for_something_else_does_not(void **state)
{
	struct profile profile = scene();
	struct profile_process *parent;

	(void)state;
	add_worker(&profile, 400, 400);
	parent = add_process(&profile);
	add_listener(parent, 7, 0, 0);
	parent->now.waiting = 1;
	assert_nothing_found(&profile);
}

static void a_share_of_two_thirds_is_no_imbalance_between_two(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_exclusive(&profile, 6600);
	add_exclusive(&profile, 3400);
	assert_nothing_found(&profile);
}

static void few_connections_may_fall_to_one(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_exclusive(&profile, 99);
	add_exclusive(&profile, 0)->delivered = 1;
	assert_nothing_found(&profile);
}

static void connections_now_and_then_may_fall_to_one(void **state)
{
	struct profile profile = scene();

	(void)state;
	profile.duration_ns *= 100;
	add_exclusive(&profile, 1000);
	add_exclusive(&profile, 1);
	assert_nothing_found(&profile);
}

static void a_herd_is_not_called_an_imbalance_too(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_worker(&profile, 1000, 1000);
	add_worker(&profile, 10, 900);
	add_worker(&profile, 10, 900);
	assert_found(&profile, "herd");
}

/* ---- accept-queue-full ---- */

static void a_dropped_connection_is_a_full_queue(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	for (int i = 0; i < 2; i++) { /* both rows tell of one socket */
		struct profile_listener *listener = add_exclusive(&profile, 10);

		listener->drops = 3;
		listener->queue_depth_hist[9] = 2; /* 256 to 511 */
	}
	finding = the_finding(&profile, "accept-queue-full");
	assert_string_equal(finding->subject_local, "127.0.0.1:80");
	assert_rests_on(finding, "accept.listeners.drops", 3);
	assert_rests_on(finding, "accept.listeners.queue_limit", 511);
	assert_string_equal(finding->message,
			    "The kernel dropped 3 connections at 127.0.0.1:80, because the accept "
			    "queue, whose limit is 511, was full.");
	profile_free(&profile);
}

static void a_queue_that_was_never_long_dropped_for_another_reason(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_exclusive(&profile, 10)->drops = 3;
	assert_nothing_found(&profile);
}

static void a_queue_that_nobody_takes_from_is_full_as_well(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_listener(add_process(&profile), 7, 0, 0)->drops = 1;
	assert_found(&profile, "accept-queue-full");
}

static void a_queue_of_one_needs_no_depth(void **state)
{
	struct profile profile = scene();
	struct profile_listener *listener = add_exclusive(&profile, 10);

	(void)state;
	listener->drops = 3;
	listener->queue_limit = 1;
	assert_found(&profile, "accept-queue-full");
}

/* ---- fd-limit-spin ---- */

static struct profile_process *add_limited(struct profile *profile, uint64_t failed)
{
	struct profile_listener *listener = add_worker(profile, 16, failed);
	struct profile_process *process = profile->processes;

	listener->again = process->counters.accept.again = 0;
	process->counters.accept.fd_limit = failed;
	process->fds = (struct profile_fds){ .is_known = true, .open = 24, .limit = 24 };
	process->counters.waits[WAIT_EPOLL].immediate = failed;
	return process;
}

static void accepts_that_fail_for_want_of_descriptors_are_a_spin(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_limited(&profile, 98000);
	finding = the_finding(&profile, "fd-limit-spin");
	assert_string_equal(finding->subject_local, "127.0.0.1:80");
	assert_rests_on(finding, "accept.fd_limit", 98000);
	assert_rests_on(finding, "fds.limit", 24);
	profile_free(&profile);
}

static void to_try_again_now_and_then_is_no_spin(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_limited(&profile, 10 * SCENE_SECONDS);
	assert_nothing_found(&profile);
}

/* As libuv does with a descriptor in reserve. */
static void to_take_each_connection_and_close_it_is_no_spin(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_limited(&profile, 5000);

	(void)state;
	process->counters.accept.accepted = 5000;
	process->listeners->queue_depth_hist[0] = 5000;
	assert_nothing_found(&profile);
}

static void of_several_listeners_the_one_told_of_is_in_trouble(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_limited(&profile, 98000);
	const struct profile_finding *finding;

	(void)state;
	add_listener(process, 8, 0, 0);
	finding = the_finding(&profile, "fd-limit-spin");
	assert_string_equal(finding->subject_local, "127.0.0.1:80");
	profile_free(&profile);
}

static void which_listener_it_is_may_not_be_known(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_limited(&profile, 98000);
	const struct profile_finding *finding;

	(void)state;
	process->listeners->delivered = 0;
	add_listener(process, 8, 0, 0);
	finding = the_finding(&profile, "fd-limit-spin");
	assert_int_equal(finding->subject, SUBJECT_PROCESS);
	profile_free(&profile);
}

static void a_queue_that_fills_while_it_spins_is_not_told_twice(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_limited(&profile, 98000);

	(void)state;
	process->listeners->drops = 12;
	process->listeners->queue_depth_hist[9] = 1;
	assert_found(&profile, "fd-limit-spin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_far_more_often_than_there_are_connections_is_a_herd),
		cmocka_unit_test(one_worker_that_accepts_until_eagain_is_no_herd),
		cmocka_unit_test(a_herd_is_seen_from_one_of_its_members),
		cmocka_unit_test(two_threads_that_seldom_race_are_no_herd),
		cmocka_unit_test(exclusive_workers_are_no_herd),
		cmocka_unit_test(
			a_herd_that_goes_back_to_sleep_in_the_kernel_shows_in_its_switches),
		cmocka_unit_test(a_herd_rests_on_what_the_kernel_did_where_it_was_watched),
		cmocka_unit_test(two_processes_that_race_are_a_herd),
		cmocka_unit_test(one_process_may_switch_in_its_waits_for_other_reasons),
		cmocka_unit_test(workers_on_poll_are_a_herd_as_well),
		cmocka_unit_test(listeners_of_their_own_are_no_herd),
		cmocka_unit_test(of_few_connections_nothing_is_said),
		cmocka_unit_test(one_of_four_that_gets_most_is_an_imbalance),
		cmocka_unit_test(a_worker_that_is_never_woken_takes_part),
		cmocka_unit_test(a_parent_that_holds_the_listener_and_waits_for_nothing_does_not),
		cmocka_unit_test(a_parent_that_waits_for_something_else_does_not),
		cmocka_unit_test(a_share_of_two_thirds_is_no_imbalance_between_two),
		cmocka_unit_test(few_connections_may_fall_to_one),
		cmocka_unit_test(connections_now_and_then_may_fall_to_one),
		cmocka_unit_test(a_herd_is_not_called_an_imbalance_too),
		cmocka_unit_test(a_dropped_connection_is_a_full_queue),
		cmocka_unit_test(a_queue_that_was_never_long_dropped_for_another_reason),
		cmocka_unit_test(a_queue_that_nobody_takes_from_is_full_as_well),
		cmocka_unit_test(a_queue_of_one_needs_no_depth),
		cmocka_unit_test(accepts_that_fail_for_want_of_descriptors_are_a_spin),
		cmocka_unit_test(to_try_again_now_and_then_is_no_spin),
		cmocka_unit_test(to_take_each_connection_and_close_it_is_no_spin),
		cmocka_unit_test(of_several_listeners_the_one_told_of_is_in_trouble),
		cmocka_unit_test(which_listener_it_is_may_not_be_known),
		cmocka_unit_test(a_queue_that_fills_while_it_spins_is_not_told_twice),
	};

	return cmocka_run_group_tests_name("findings_accept", tests, NULL, NULL);
}
