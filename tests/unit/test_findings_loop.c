/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Findings of how a loop waits. */
#include "scene.h"

#include "model/fields.h"

static struct wait_counters *add_waits(struct profile *profile, enum wait_family family,
				       uint64_t wakeups)
{
	struct profile_process *process = add_process(profile);
	struct wait_counters *wait = add_wakeups(process, family, wakeups);

	wait->wait_ns_hist[18] = wakeups;
	process->counters.io[IO_READ][KIND_SOCKET].moved = wakeups;
	process->counters.io[IO_READ][KIND_SOCKET].partial = wakeups;
	return wait;
}

/* ---- zero-timeout-spin ---- */

static void polls_for_nothing_one_after_the_other_are_a_spin(void **state)
{
	for (int family = 0; family < WAIT_FAMILIES; family++) {
		struct profile profile = scene();
		struct wait_counters *wait = add_waits(&profile, family, 100);
		const struct profile_finding *finding;
		char key[64];

		(void)state;
		wait->empty_polls = wait->wait_ns_hist[10] = 20000;
		wait->spins = 19900;
		wait->busy_ns_hist[11] = 20000;
		finding = the_finding(&profile, "zero-timeout-spin");
		assert_int_equal(finding->subject, SUBJECT_PROCESS);
		snprintf(key, sizeof(key), "%s.spins", wait_names[family]);
		assert_rests_on(finding, key, 19900);
		snprintf(key, sizeof(key), "%s.calls", wait_names[family]);
		assert_rests_on(finding, key, 20100);
		profile_free(&profile);
	}
}

/* As haproxy does while it has tasks to run. */
static void a_poll_between_two_pieces_of_work_is_no_spin(void **state)
{
	struct profile profile = scene();
	struct wait_counters *wait = add_waits(&profile, WAIT_EPOLL, 10000);

	(void)state;
	wait->empty_polls = 30000;
	wait->spins = 15000;
	wait->busy_ns_hist[11] = 40000;
	assert_nothing_found(&profile);
}

static void few_spins_in_a_long_time_are_none(void **state)
{
	struct profile profile = scene();
	struct wait_counters *wait = add_waits(&profile, WAIT_EPOLL, 1);

	(void)state;
	wait->empty_polls = wait->spins = wait->busy_ns_hist[11] = 199 * SCENE_SECONDS;
	assert_nothing_found(&profile);
}

/* As threads of Go do before they sleep on a futex. */
static void polls_with_time_in_between_are_no_spin(void **state)
{
	struct profile profile = scene();
	struct wait_counters *wait = add_waits(&profile, WAIT_EPOLL, 100);

	(void)state;
	wait->empty_polls = wait->spins = 20000;
	wait->busy_ns_hist[11] = 9000;
	wait->busy_ns_hist[18] = 11000;
	assert_nothing_found(&profile);
}

/* ---- idle-wakeups ---- */

/* @nr timeouts in which as much time passed as falls into @bucket. */
static struct profile_process *add_timeouts(struct profile *profile, uint64_t nr, unsigned bucket,
					    uint64_t wakeups)
{
	struct wait_counters *wait = add_waits(profile, WAIT_EPOLL, wakeups);

	wait->timeouts = nr;
	wait->wait_ns_hist[bucket] += nr;
	return profile->processes;
}

#define MS_2   21 /* 1.05 to 2.1 ms */
#define MS_30  25 /* 16.8 to 33.6 ms */
#define MS_100 27 /* 67 to 134 ms */

static void short_timeouts_with_nothing_to_do_are_idle_wakeups(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_timeouts(&profile, 5000, MS_2, 10);
	finding = the_finding(&profile, "idle-wakeups");
	assert_rests_on(finding, "epoll_wait.timeouts", 5000);
	assert_rests_on(finding, "epoll_wait.wakeups", 10);
	assert_rests_on(finding, "epoll_wait.wait_ns", 0);
	profile_free(&profile);

	profile = scene();
	add_timeouts(&profile, 30 * SCENE_SECONDS, MS_30, 0);
	assert_found(&profile, "idle-wakeups");
}

/* redis, with as many threads as one likes. */
static void ten_a_second_and_thread_are_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_timeouts(&profile, 16 * 10 * SCENE_SECONDS, MS_100, 0);
	assert_nothing_found(&profile);
}

/* Timers are near while there is much to do: the timeouts are short, and few. */
static void short_timeouts_under_load_are_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_timeouts(&profile, 5000, MS_2, 100000);
	assert_nothing_found(&profile);
}

static void a_timeout_that_has_work_to_do_is_a_timer(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_timeouts(&profile, 5000, MS_2, 10)->counters.io[IO_WRITE][KIND_SOCKET].moved = 10000;
	assert_nothing_found(&profile);
}

/* ---- linear-scan ---- */

static struct wait_counters *add_scan(struct profile *profile, uint64_t calls, uint64_t watched)
{
	struct wait_counters *wait = add_waits(profile, WAIT_POLL, calls);

	wait->watched = calls * watched;
	return wait;
}

static void many_looked_at_for_one_is_a_linear_scan(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_scan(&profile, 1000, 402)->in_bytes = 8 * 402000;
	finding = the_finding(&profile, "linear-scan");
	assert_rests_on(finding, "poll.watched", 402000);
	assert_rests_on(finding, "poll.ready", 1000);
	assert_rests_on(finding, "poll.calls", 1000);
	assert_rests_on(finding, "poll.in_bytes", 8 * 402000);
	assert_string_equal(finding->message,
			    "Each poll looks at 402 descriptors to find 1.00 ready.");
	profile_free(&profile);
}

static void a_scan_of_few_is_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_scan(&profile, 100000, 63);
	assert_nothing_found(&profile);
}

static void a_scan_that_finds_many_is_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_scan(&profile, 10000, 400)->ready = 410000;
	assert_nothing_found(&profile);
}

static void a_scan_now_and_then_is_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_scan(&profile, 190, 1000);
	assert_nothing_found(&profile);
}

static void epoll_scans_nothing(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_waits(&profile, WAIT_EPOLL, 1000)->watched = 1000000;
	assert_nothing_found(&profile);
}

/* ---- batch-saturated ---- */

static struct wait_counters *add_batches(struct profile *profile, uint64_t wakeups, uint64_t full,
					 uint64_t maxevents)
{
	struct wait_counters *wait = add_waits(profile, WAIT_EPOLL, wakeups);

	wait->saturated = full;
	wait->capacity = wakeups * maxevents;
	wait->immediate = full;
	wait->busy_ns_hist[16] = wakeups;
	return wait;
}

static void small_batches_with_more_behind_are_saturated(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_batches(&profile, 2000, 1900, 4);
	finding = the_finding(&profile, "batch-saturated");
	assert_rests_on(finding, "epoll_wait.saturated", 1900);
	assert_rests_on(finding, "epoll_wait.wakeups", 2000);
	assert_rests_on(finding, "epoll_wait.immediate", 1900);
	assert_rests_on(finding, "epoll_wait.capacity", 8000);
	assert_non_null(strstr(finding->message,
			       "1,900 of 2,000 wakeups returned as many events as fit (4), "));
	profile_free(&profile);
}

/* A loop that asks for one event at a time and sleeps in between. */
static void one_at_a_time_with_none_behind_is_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_batches(&profile, 2000, 2000, 1)->immediate = 900;
	assert_nothing_found(&profile);
}

static void a_long_batch_of_quick_turns_is_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_batches(&profile, 2000, 1900, 64);
	assert_nothing_found(&profile);
}

static void a_long_batch_of_long_turns_makes_others_wait(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_batches(&profile, 2000, 1900, 128)->busy_ns_hist[24] = 2001; /* 8.4 to 16.8 ms */
	assert_found(&profile, "batch-saturated");
}

static void one_at_a_time_from_a_shared_instance_is_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_batches(&profile, 2000, 2000, 1)->immediate = 2000;
	add_epoll(profile.processes, 5)->threads = 4;
	assert_nothing_found(&profile);
}

static void now_and_then_a_full_batch_is_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_batches(&profile, 2000, 990, 4);
	assert_nothing_found(&profile);
}

/* ---- ctl-churn ---- */

static struct profile_process *add_changes(struct profile *profile, uint64_t events, uint64_t add,
					   uint64_t mod, uint64_t del)
{
	add_waits(profile, WAIT_EPOLL, events);
	add_epoll(profile->processes, 5);
	profile->processes->counters.epoll_ctl =
		(struct epoll_ctl_counters){ .add = add, .mod = mod, .del = del };
	return profile->processes;
}

static void out_and_in_again_for_each_event_is_churn(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_changes(&profile, 5000, 5000, 0, 4990);
	finding = the_finding(&profile, "ctl-churn");
	assert_rests_on(finding, "epoll_ctl.add", 5000);
	assert_rests_on(finding, "epoll_ctl.mod", 0);
	assert_rests_on(finding, "epoll_ctl.del", 4990);
	assert_rests_on(finding, "epoll_wait.ready", 5000);
	assert_string_equal(finding->message,
			    "9,990 calls of epoll_ctl were made for 5,000 events.");
	profile_free(&profile);
}

static void a_server_that_opens_files_is_not_excused(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_changes(&profile, 5000, 5000, 0, 4990);

	(void)state;
	process->counters.accept.accepted = 10;
	process->counters.fds.opened = 5010;
	assert_found(&profile, "ctl-churn");
}

/* Accepted in batches, one event each, and taken out before the close. */
static void a_connection_for_each_request_is_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_changes(&profile, 5100, 5000, 0, 5000);

	(void)state;
	process->counters.accept.accepted = process->counters.fds.opened = 5000;
	assert_nothing_found(&profile);
}

/* haproxy 2.6: one connection to the backend for each. */
static void a_proxy_with_a_connection_for_each_request_is_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_changes(&profile, 21145, 16000, 8000, 16000);

	(void)state;
	process->counters.accept.accepted = 8000;
	process->counters.fds.opened = 16000;
	assert_nothing_found(&profile);
}

static void what_only_connects_is_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_changes(&profile, 5000, 5000, 0, 5000);

	(void)state;
	process->counters.fds.opened = 5000;
	assert_nothing_found(&profile);
}

static void to_arm_a_oneshot_again_is_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_changes(&profile, 5000, 10, 5000, 0);

	(void)state;
	process->epolls->counters.deliveries.by.oneshot = 5000;
	process->counters.fds.opened = 10;
	assert_nothing_found(&profile);
}

static void in_and_out_in_turn_is_no_churn_yet(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_changes(&profile, 10000, 0, 10000, 0);
	assert_nothing_found(&profile);
}

static void changes_to_what_is_set_are_churn(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_changes(&profile, 10000, 0, 10000, 0)->counters.epoll_ctl.mod_unchanged = 6000;
	finding = the_finding(&profile, "ctl-churn");
	assert_rests_on(finding, "epoll_ctl.mod_unchanged", 6000);
	assert_string_equal(finding->message, "10,000 calls of epoll_ctl were made for 10,000 "
					      "events, 6,000 of them to set what was set already.");
	profile_free(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polls_for_nothing_one_after_the_other_are_a_spin),
		cmocka_unit_test(a_poll_between_two_pieces_of_work_is_no_spin),
		cmocka_unit_test(few_spins_in_a_long_time_are_none),
		cmocka_unit_test(polls_with_time_in_between_are_no_spin),
		cmocka_unit_test(short_timeouts_with_nothing_to_do_are_idle_wakeups),
		cmocka_unit_test(ten_a_second_and_thread_are_healthy),
		cmocka_unit_test(short_timeouts_under_load_are_healthy),
		cmocka_unit_test(a_timeout_that_has_work_to_do_is_a_timer),
		cmocka_unit_test(many_looked_at_for_one_is_a_linear_scan),
		cmocka_unit_test(a_scan_of_few_is_healthy),
		cmocka_unit_test(a_scan_that_finds_many_is_healthy),
		cmocka_unit_test(a_scan_now_and_then_is_healthy),
		cmocka_unit_test(epoll_scans_nothing),
		cmocka_unit_test(small_batches_with_more_behind_are_saturated),
		cmocka_unit_test(one_at_a_time_with_none_behind_is_healthy),
		cmocka_unit_test(a_long_batch_of_quick_turns_is_healthy),
		cmocka_unit_test(a_long_batch_of_long_turns_makes_others_wait),
		cmocka_unit_test(one_at_a_time_from_a_shared_instance_is_healthy),
		cmocka_unit_test(now_and_then_a_full_batch_is_healthy),
		cmocka_unit_test(out_and_in_again_for_each_event_is_churn),
		cmocka_unit_test(a_server_that_opens_files_is_not_excused),
		cmocka_unit_test(a_connection_for_each_request_is_healthy),
		cmocka_unit_test(a_proxy_with_a_connection_for_each_request_is_healthy),
		cmocka_unit_test(what_only_connects_is_healthy),
		cmocka_unit_test(to_arm_a_oneshot_again_is_healthy),
		cmocka_unit_test(in_and_out_in_turn_is_no_churn_yet),
		cmocka_unit_test(changes_to_what_is_set_are_churn),
	};

	return cmocka_run_group_tests_name("findings_loop", tests, NULL, NULL);
}
