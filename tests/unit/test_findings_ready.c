/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Findings of readiness that is told and not taken. */
#include "scene.h"

#include "model/fields.h"

/* A loop that goes round @nr times at once, its instance and the descriptor it is all about. */
struct spin {
	struct profile profile;
	struct profile_process *process;
	struct profile_epoll *epoll;
	struct profile_descriptor *descriptor;
};

static struct spin spin_of(uint64_t nr)
{
	struct spin spin = { .profile = scene() };

	spin.process = add_process(&spin.profile);
	add_wakeups(spin.process, WAIT_EPOLL, nr)->immediate = nr;
	spin.epoll = add_epoll(spin.process, 5);
	spin.epoll->counters.returns = nr;
	spin.epoll->counters.deliveries.by.level = nr;
	add_descriptor(spin.process, 13, 5)->deliveries = 1;
	spin.descriptor = add_descriptor(spin.process, 12, 5);
	spin.descriptor->deliveries = nr;
	return spin;
}

#define NR 50021

static void writable_all_the_time_and_not_written_to_is_idle_write_interest(void **state)
{
	struct spin spin = spin_of(NR);
	const struct profile_finding *finding;

	(void)state;
	spin.epoll->counters.idle_out = spin.descriptor->idle_out = NR - 1;
	spin.epoll->counters.redelivered = NR - 1;
	finding = the_finding(&spin.profile, "idle-write-interest");
	assert_int_equal(finding->subject, SUBJECT_FD);
	assert_int_equal(finding->subject_number, 12);
	assert_rests_on(finding, "epolls.idle_out", NR - 1);
	assert_rests_on(finding, "epolls.returns", NR);
	assert_rests_on(finding, "epoll_wait.wakeups", NR);
	assert_rests_on(finding, "epoll_wait.immediate", NR);
	assert_non_null(strstr(finding->message,
			       "Room to write to fd 12 (10.0.0.1:4711) was reported 50,020 times"));
	profile_free(&spin.profile);
}

/* Told once and reported ever since. */
static void idle_writes_rest_on_the_callbacks_where_they_were_watched(void **state)
{
	(void)state;
	for (int is_watched = 0; is_watched < 2; is_watched++) {
		struct spin spin = spin_of(NR);
		const struct profile_finding *finding;

		spin.profile.wakeups = is_watched ? WAKEUPS_CALLBACKS : WAKEUPS_POLL;
		spin.epoll->counters.idle_out = spin.descriptor->idle_out = NR - 1;
		spin.epoll->callbacks.outcomes[CALLBACK_QUEUED] = 1;
		spin.epoll->callbacks.outcomes[CALLBACK_FILTERED] = 12;
		finding = the_finding(&spin.profile, "idle-write-interest");
		if (is_watched)
			assert_rests_on(finding, "epolls.callbacks.calls", 13);
		else
			assert_rests_not_on(finding, "epolls.callbacks.calls");
		profile_free(&spin.profile);
	}
}

static void where_several_are_idle_the_instance_is_named(void **state)
{
	struct spin spin = spin_of(NR);
	const struct profile_finding *finding;

	(void)state;
	spin.epoll->counters.idle_out = NR;
	spin.descriptor->idle_out = NR / 3;
	spin.process->descriptors->idle_out = NR / 4;
	finding = the_finding(&spin.profile, "idle-write-interest");
	assert_int_equal(finding->subject, SUBJECT_INSTANCE);
	assert_int_equal(finding->subject_number, 5);
	assert_non_null(strstr(finding->message,
			       "2 descriptors in epoll instance 5 (fd 3), most of all fd 12 "
			       "(10.0.0.1:4711), was reported"));
	profile_free(&spin.profile);
}

static void which_descriptors_it_was_may_not_be_known(void **state)
{
	struct spin spin = spin_of(NR);

	(void)state;
	spin.epoll->counters.idle_out = NR;
	assert_non_null(strstr(the_finding(&spin.profile, "idle-write-interest")->message,
			       "to descriptors in epoll instance 5 (fd 3) was reported"));
	profile_free(&spin.profile);
}

/* A oneshot armed for out again and again: the loop does something, but does not write. */
static void a_registration_renewed_for_nothing_is_idle_write_interest(void **state)
{
	struct spin spin = spin_of(NR);

	(void)state;
	spin.epoll->counters.idle_out = spin.descriptor->idle_out = NR - 1;
	spin.process->counters.io[IO_WRITE][KIND_SOCKET].moved = 10;
	assert_found(&spin.profile, "idle-write-interest");
}

/* An answer that waits for the peer to read, and a few turns of it. */
static void writable_again_for_a_moment_is_healthy(void **state)
{
	struct spin spin = spin_of(NR);

	(void)state;
	spin.epoll->counters.idle_out = spin.descriptor->idle_out = NR / 5;
	assert_nothing_found(&spin.profile);
}

static void what_happens_seldom_is_no_spin(void **state)
{
	struct spin spin = spin_of(99 * SCENE_SECONDS);

	(void)state;
	spin.epoll->counters.idle_out = 99 * SCENE_SECONDS;
	spin.epoll->counters.ignored_hangup = 99 * SCENE_SECONDS;
	spin.epoll->counters.redelivered_in = 99 * SCENE_SECONDS;
	assert_nothing_found(&spin.profile);
}

static void poll_and_select_can_be_idle_too(void **state)
{
	for (int family = WAIT_POLL; family <= WAIT_SELECT; family++) {
		struct profile profile = scene();
		struct profile_process *process = add_process(&profile);
		struct wait_counters *wait = add_wakeups(process, family, NR);
		const struct profile_finding *finding;
		char key[64];

		(void)state;
		wait->immediate = NR;
		wait->idle_out = wait->redelivered = NR - 1;
		finding = the_finding(&profile, "idle-write-interest");
		assert_int_equal(finding->subject, SUBJECT_PROCESS);
		snprintf(key, sizeof(key), "%s.idle_out", wait_names[family]);
		assert_rests_on(finding, key, NR - 1);
		profile_free(&profile);
	}
}

static void a_hangup_told_again_and_again_is_ignored(void **state)
{
	struct spin spin = spin_of(NR);
	const struct profile_finding *finding;

	(void)state;
	spin.epoll->counters.ignored_hangup = spin.descriptor->ignored_hangup = NR - 1;
	spin.epoll->counters.redelivered = NR - 1;
	finding = the_finding(&spin.profile, "ignored-hangup");
	assert_int_equal(finding->subject_number, 12);
	assert_rests_on(finding, "epolls.ignored_hangup", NR - 1);
	profile_free(&spin.profile);
}

/* A peer that is gone is readable, too: end of stream. */
static void an_ignored_hangup_is_not_ignored_readiness_too(void **state)
{
	struct spin spin = spin_of(NR);

	(void)state;
	spin.epoll->counters.ignored_hangup = spin.descriptor->ignored_hangup = NR - 1;
	spin.epoll->counters.redelivered_in = spin.descriptor->redelivered_in = NR - 1;
	assert_found(&spin.profile, "ignored-hangup");
}

static void poll_can_ignore_a_hangup_and_readiness(void **state)
{
	struct profile profile = scene();
	struct wait_counters *wait = add_wakeups(add_process(&profile), WAIT_POLL, NR);

	(void)state;
	wait->immediate = NR;
	wait->ignored_hangup = wait->redelivered_in = NR - 1;
	assert_found(&profile, "ignored-hangup");

	profile = scene();
	wait = add_wakeups(add_process(&profile), WAIT_POLL, NR);
	wait->immediate = NR;
	wait->redelivered_in = NR - 1;
	assert_rests_on(the_finding(&profile, "ignored-readiness"), "poll.redelivered_in", NR - 1);
	profile_free(&profile);
}

static void events_of_a_closed_descriptor_are_phantoms_and_nothing_else(void **state)
{
	struct spin spin = spin_of(NR);
	const struct profile_finding *finding;

	(void)state;
	spin.epoll->counters.phantom = spin.descriptor->phantom = NR - 1;
	spin.epoll->counters.ignored_hangup = spin.descriptor->ignored_hangup = NR - 1;
	spin.epoll->counters.redelivered_in = spin.descriptor->redelivered_in = NR - 1;
	spin.epoll->counters.idle_out = 0;
	finding = the_finding(&spin.profile, "phantom-event");
	assert_int_equal(finding->subject_number, 12);
	assert_rests_on(finding, "epolls.phantom", NR - 1);
	profile_free(&spin.profile);
}

static void one_event_can_be_on_its_way_while_its_descriptor_is_closed(void **state)
{
	struct spin spin = spin_of(10);

	(void)state;
	spin.epoll->counters.phantom = 1;
	assert_nothing_found(&spin.profile);
	spin = spin_of(10);
	spin.epoll->counters.phantom = 2;
	assert_found(&spin.profile, "phantom-event");
}

static void an_eventfd_that_nobody_reads_is_ignored_readiness(void **state)
{
	struct spin spin = spin_of(NR);
	const struct profile_finding *finding;

	(void)state;
	spin.epoll->counters.redelivered_in = spin.descriptor->redelivered_in = NR - 1;
	spin.descriptor->kind = KIND_EVENTFD;
	free(spin.descriptor->name);
	spin.descriptor->name = NULL;
	finding = the_finding(&spin.profile, "ignored-readiness");
	assert_int_equal(finding->subject, SUBJECT_FD);
	assert_rests_on(finding, "epolls.redelivered_in", NR - 1);
	assert_non_null(strstr(finding->message, "from fd 12 (eventfd) was reported"));
	profile_free(&spin.profile);
}

/* A timer that is set anew, and so stops being ready, without having been read. */
static void what_is_told_at_intervals_is_not_ignored_readiness(void **state)
{
	struct spin spin = spin_of(NR);

	(void)state;
	spin.process->counters.waits[WAIT_EPOLL].immediate = NR / 3;
	spin.epoll->counters.redelivered_in = NR - 1;
	assert_nothing_found(&spin.profile);
}

/* A listener reported to two workers before one of them has accepted. */
static void told_twice_by_others_now_and_then_is_healthy(void **state)
{
	struct spin spin = spin_of(NR);

	(void)state;
	spin.epoll->counters.redelivered_in = NR / 5;
	assert_nothing_found(&spin.profile);
}

static void a_small_batch_that_a_spin_fills_is_not_saturated(void **state)
{
	struct spin spin = spin_of(NR);

	(void)state;
	spin.epoll->counters.redelivered_in = spin.descriptor->redelivered_in = NR - 1;
	spin.process->counters.waits[WAIT_EPOLL].saturated = NR;
	spin.process->counters.waits[WAIT_EPOLL].capacity = NR;
	assert_found(&spin.profile, "ignored-readiness");
}

/* ---- shared-level-epoll ---- */

static struct spin shared(uint64_t events)
{
	struct spin spin = spin_of(events);
	struct wait_counters *wait = &spin.process->counters.waits[WAIT_EPOLL];

	spin.epoll->threads = 4;
	wait->switches = wait->sleeps = events;
	spin.process->counters.io[IO_READ][KIND_SOCKET].moved = events;
	spin.descriptor->reads = events;
	return spin;
}

static void threads_that_read_what_another_has_read_share_an_instance(void **state)
{
	struct spin spin = shared(3000);
	const struct profile_finding *finding;

	(void)state;
	spin.epoll->counters.spurious = 220;
	spin.epoll->counters.redelivered_in = 80;
	spin.process->counters.io[IO_READ][KIND_SOCKET].again = 301;
	finding = the_finding(&spin.profile, "shared-level-epoll");
	assert_int_equal(finding->subject, SUBJECT_INSTANCE);
	assert_int_equal(finding->subject_number, 5);
	assert_rests_on(finding, "epolls.threads", 4);
	assert_rests_on(finding, "epolls.deliveries.level", 3000);
	assert_rests_on(finding, "epolls.spurious", 220);
	assert_rests_on(finding, "epolls.redelivered_in", 80);
	assert_rests_on(finding, "io.read.again", 301);
	profile_free(&spin.profile);
}

static void threads_woken_to_find_nothing_share_an_instance(void **state)
{
	struct spin spin = shared(3000);

	(void)state;
	spin.process->counters.waits[WAIT_EPOLL].switches = 4000;
	assert_rests_on(the_finding(&spin.profile, "shared-level-epoll"), "epoll_wait.switches",
			4000);
	profile_free(&spin.profile);
}

static void sharing_rests_on_what_the_kernel_did_where_it_was_watched(void **state)
{
	struct spin spin = shared(3000);
	const struct profile_finding *finding;

	(void)state;
	spin.profile.wakeups = WAKEUPS_ALL;
	spin.process->counters.waits[WAIT_EPOLL].switches = 4000;
	spin.process->counters.waits[WAIT_EPOLL].woken = 3989;
	spin.process->counters.waits[WAIT_EPOLL].futile = 997;
	spin.epoll->callbacks.outcomes[CALLBACK_QUEUED] = 2903;
	spin.epoll->callbacks.outcomes[CALLBACK_COALESCED] = 101;
	finding = the_finding(&spin.profile, "shared-level-epoll");
	assert_rests_on(finding, "epolls.callbacks.calls", 3004);
	assert_rests_on(finding, "epoll_wait.woken", 3989);
	assert_rests_on(finding, "epoll_wait.futile", 997);
	profile_free(&spin.profile);
}

static void told_twice_by_sharing_is_not_ignored_readiness(void **state)
{
	struct spin spin = shared(NR);

	(void)state;
	spin.epoll->counters.redelivered_in = spin.descriptor->redelivered_in = NR - NR / 4;
	spin.process->counters.io[IO_READ][KIND_SOCKET].again = NR / 2;
	assert_found(&spin.profile, "shared-level-epoll");
}

static void what_no_thread_of_many_ever_reads_is_ignored_readiness(void **state)
{
	struct spin spin = shared(NR);

	(void)state;
	spin.descriptor->reads = 0;
	spin.epoll->counters.redelivered_in = spin.descriptor->redelivered_in = NR - 4;
	assert_found(&spin.profile, "ignored-readiness");
}

static void threads_that_seldom_meet_may_share(void **state)
{
	struct spin spin = shared(3000);

	(void)state;
	spin.epoll->counters.spurious = 140;
	spin.process->counters.io[IO_READ][KIND_SOCKET].again = 3000;
	spin.process->counters.waits[WAIT_EPOLL].switches = 3150;
	assert_nothing_found(&spin.profile);
}

static void oneshot_and_edge_may_be_shared(void **state)
{
	struct spin spin = shared(3000);

	(void)state;
	spin.epoll->counters.deliveries.by.oneshot = 3000;
	spin.process->counters.waits[WAIT_EPOLL].switches = 6000;
	assert_nothing_found(&spin.profile);

	spin = shared(3000);
	spin.epoll->counters.deliveries.by.level = 0;
	spin.epoll->counters.deliveries.by.edge = 3000;
	spin.process->counters.waits[WAIT_EPOLL].switches = 6000;
	assert_nothing_found(&spin.profile);
}

static void processes_share_an_instance_and_are_told_of_it_once(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct profile_process *process = add_process(&profile);
		struct profile_epoll *epoll = add_epoll(process, 5);

		epoll->counters.deliveries.by.level = 1000;
		epoll->counters.spurious = 100;
		process->counters.accept.again = 100;
		share_with(epoll, 101 + (i + 1) % 3);
		share_with(epoll, 101 + (i + 2) % 3);
	}
	finding = the_finding(&profile, "shared-level-epoll");
	assert_int_equal(finding->tgid, 101);
	assert_rests_on(finding, "epolls.threads", 3);
	assert_rests_on(finding, "epolls.spurious", 300);
	profile_free(&profile);
}

/* They inherited the instance with the listener in it: one registration, not three. */
static void one_instance_with_a_listener_is_no_herd(void **state)
{
	struct profile profile = scene();

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct profile_process *process = add_process(&profile);
		struct profile_epoll *epoll = add_epoll(process, 5);

		add_listener(process, 7, 100, 300)->delivered = 300;
		epoll->counters.deliveries.by.level = 300;
		epoll->counters.spurious = 200;
		share_with(epoll, 101 + (i + 1) % 3);
		share_with(epoll, 101 + (i + 2) % 3);
	}
	assert_found(&profile, "shared-level-epoll");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writable_all_the_time_and_not_written_to_is_idle_write_interest),
		cmocka_unit_test(idle_writes_rest_on_the_callbacks_where_they_were_watched),
		cmocka_unit_test(where_several_are_idle_the_instance_is_named),
		cmocka_unit_test(which_descriptors_it_was_may_not_be_known),
		cmocka_unit_test(a_registration_renewed_for_nothing_is_idle_write_interest),
		cmocka_unit_test(writable_again_for_a_moment_is_healthy),
		cmocka_unit_test(what_happens_seldom_is_no_spin),
		cmocka_unit_test(poll_and_select_can_be_idle_too),
		cmocka_unit_test(a_hangup_told_again_and_again_is_ignored),
		cmocka_unit_test(an_ignored_hangup_is_not_ignored_readiness_too),
		cmocka_unit_test(poll_can_ignore_a_hangup_and_readiness),
		cmocka_unit_test(events_of_a_closed_descriptor_are_phantoms_and_nothing_else),
		cmocka_unit_test(one_event_can_be_on_its_way_while_its_descriptor_is_closed),
		cmocka_unit_test(an_eventfd_that_nobody_reads_is_ignored_readiness),
		cmocka_unit_test(what_is_told_at_intervals_is_not_ignored_readiness),
		cmocka_unit_test(told_twice_by_others_now_and_then_is_healthy),
		cmocka_unit_test(a_small_batch_that_a_spin_fills_is_not_saturated),
		cmocka_unit_test(threads_that_read_what_another_has_read_share_an_instance),
		cmocka_unit_test(threads_woken_to_find_nothing_share_an_instance),
		cmocka_unit_test(sharing_rests_on_what_the_kernel_did_where_it_was_watched),
		cmocka_unit_test(told_twice_by_sharing_is_not_ignored_readiness),
		cmocka_unit_test(what_no_thread_of_many_ever_reads_is_ignored_readiness),
		cmocka_unit_test(threads_that_seldom_meet_may_share),
		cmocka_unit_test(oneshot_and_edge_may_be_shared),
		cmocka_unit_test(processes_share_an_instance_and_are_told_of_it_once),
		cmocka_unit_test(one_instance_with_a_listener_is_no_herd),
	};

	return cmocka_run_group_tests_name("findings_ready", tests, NULL, NULL);
}
