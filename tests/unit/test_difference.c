/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What threads and processes did between two snapshots, what was lost, and who waits now. */
#include "world.h"

#include "model/fields.h"

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
