/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a profile says of epoll instances: who waited on them, who shares them, what is left in them. */
#include "epoll_world.h"

/* ---- instances ---- */

static void an_instance_is_there_if_waits_on_it_returned_in_the_interval(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_use(&f->first, 7, TGID, 11);
	add_use(&f->first, 8, TGID, 11);
	add_use(&f->last, 7, TGID, 11);
	add_use(&f->last, 8, TGID, 24)->epfd = 6;
	process = compare_of(f, TGID);
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
	came = (const uint64_t *)&compare_of(f, TGID)->epolls->counters;
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
	epoll = compare_of(f, TGID)->epolls;
	for (size_t i = 0; i < CALLBACK_WORDS; i++)
		assert_int_equal(((const uint64_t *)&epoll->callbacks)[i], 7 + i);
}

static void what_made_the_callbacks_and_has_ended_told_none(void **state)
{
	struct fixture *f = *state;

	add_use(&f->last, 7, TGID, 1);
	add_instance(&f->first, 7);
	f->first.instances[0].callbacks.woken = 13;
	assert_int_equal(compare_of(f, TGID)->epolls->callbacks.woken, 0);
}

static void an_instance_is_told_from_others_by_instance_tgid_and_start(void **state)
{
	struct fixture *f = *state;
	struct profile_process *process;

	add_use(&f->first, 6, TGID, 1000);
	add_use(&f->first, 7, TGID + 1, 1000);
	add_use(&f->first, 7, TGID, 1000)->start_ns = START_NS - 1;
	add_use(&f->last, 7, TGID, 13);
	process = compare_of(f, TGID);
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
	registrations = &compare_of(f, TGID)->epolls->registrations;
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
	assert_int_equal(compare_of(f, TGID)->epolls->registrations.level, 0);
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

	add_caller(&f->last, TGID + 1, START_NS);
	add_caller(&f->last, TGID + 2, START_NS);
	add_use(&f->first, 7, TGID + 2, 4);
	add_use(&f->last, 7, TGID + 3, 1);
	add_use(&f->last, 7, TGID + 3, 1)->start_ns = START_NS + 1;
	add_use(&f->last, 7, TGID + 2, 4);
	add_use(&f->last, 7, TGID + 1, 3);
	add_use(&f->last, 8, TGID + 1, 2);
	add_use(&f->last, 7, TGID, 2)->threads = 17;
	mine = compare_of(f, TGID)->epolls;
	assert_int_equal(mine->nr_shared_with, 2);
	assert_int_equal(mine->shared_with[0], TGID + 1);
	assert_int_equal(mine->shared_with[1], TGID + 3);
	assert_int_equal(mine->threads, 17);
	other = compare_of(f, TGID + 1)->epolls;
	assert_int_equal(other->nr_shared_with, 2);
	assert_int_equal(other->shared_with[0], TGID);
	assert_int_equal(other[1].nr_shared_with, 0);
	assert_int_equal(compare_of(f, TGID + 2)->nr_epolls, 0);
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

	add_caller(&f->last, TGID + 1, START_NS);
	f->last.threads[1].counters.waits[WAIT_EPOLL].timeouts = 9;
	add_use(&f->last, 9, TGID, 5);
	add_use(&f->last, 7, TGID, 2);
	add_use(&f->last, 7, TGID + 1, 2);
	add_use(&f->last, 8, TGID + 1, 7);
	busier = compare_of(f, TGID + 1)->epolls;
	assert_int_equal(busier[0].counters.returns, 7);
	assert_int_equal(busier[0].instance, 1);
	assert_int_equal(busier[1].instance, 2);
	other = compare_of(f, TGID)->epolls;
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
	undrained = &compare_of(f, TGID)->epolls->undrained;
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
	process = compare_of(f, TGID);
	assert_int_equal(process->nr_epolls, 1);
	assert_int_equal(process->epolls->counters.returns, 0);
	assert_int_equal(process->epolls->undrained.unread_bytes, 13);
	assert_int_equal(process->epolls->undrained.longest_ns, 0);
	assert_int_equal(process->nr_descriptors, 1);
	assert_int_equal(process->descriptors->unread_bytes, 13);
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
		assert_true(is_inexact(compare_of(f, TGID), "epolls"));
	}
	f->last.threads->counters.waits[WAIT_EPOLL].timeouts = 0;
	f->last.threads->counters.waits[WAIT_POLL].timeouts = 1;
	process = compare_of(f, TGID);
	assert_false(is_inexact(process, "epolls"));
	assert_true(is_inexact(process, "poll.redelivered"));
	assert_false(is_inexact(process, "select.redelivered"));
	assert_false(is_inexact(process, "descriptors"));
	f->detail.nr_descriptors = 1;
	add_registration(&f->last, 3, 10, 1);
	assert_true(is_inexact(compare_of(f, TGID), "descriptors"));
}

static void events_that_were_not_looked_at_mark_their_process_alone(void **state)
{
	struct fixture *f = *state;

	add_caller(&f->last, TGID + 1, START_NS);
	f->last.threads[0].counters.losses[LOSS_EVENTS] = 3;
	assert_true(is_inexact(compare_of(f, TGID), "epolls"));
	assert_false(is_inexact(compare_of(f, TGID + 1), "epolls"));
	assert_int_equal(f->profile.losses[LOSS_EVENTS], 3);
}

static void registrations_that_were_not_compared_mark_epolls_and_are_no_loss(void **state)
{
	struct fixture *f = *state;

	add_instance(&f->last, 3);
	add_use(&f->last, 3, TGID, 1);
	assert_false(is_inexact(compare_of(f, TGID), "epolls"));
	f->last.snapshot.fdinfo_denied = true;
	assert_true(is_inexact(compare_of(f, TGID), "epolls"));
	assert_true(profile_is_complete(&f->profile));
}

/* ---- memory ---- */

static void any_allocation_may_fail(void **state)
{
	struct fixture *f = *state;

	add_caller(&f->last, TGID + 1, START_NS);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_with_caller, finish)

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
		TEST(rows_that_were_missing_mark_what_needs_them),
		TEST(events_that_were_not_looked_at_mark_their_process_alone),
		TEST(registrations_that_were_not_compared_mark_epolls_and_are_no_loss),
		TEST(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("epolls", tests, NULL, NULL);
}
