/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Descriptors between two snapshots: what came by calls, what otherwise, and which kinds grew. */
#include "world.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(descriptors_that_came_by_calls_are_accounted_for),
		TEST(descriptors_that_came_otherwise_are_unaccounted),
		TEST(a_forked_child_begins_with_what_it_inherited),
		TEST(without_a_beginning_nothing_is_said_to_be_unaccounted),
		TEST(a_census_that_was_disturbed_marks_unaccounted_inexact),
		TEST(kinds_grow_from_one_census_to_the_next),
		TEST(without_kinds_at_both_ends_nobody_knows_what_grew),
	};

	return cmocka_run_group_tests_name("census", tests, NULL, NULL);
}
