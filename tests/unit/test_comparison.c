/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Medians, spread and change; in what the modes differ. */
#include "comparisons.h"

static void the_median_is_the_one_in_the_middle(void **state)
{
	static const double rates[] = { 50, 10, 40, 20, 30 };
	struct comparison comparison;
	struct spread spread;

	(void)state;
	begin_comparison(&comparison, one_mode, 1);
	add_times(&comparison, false, rates, 5);
	spread = comparison_spread(&comparison.modes[0], MEASURE_RATE, false);
	assert_float_equal(spread.median, 30, 0);
	assert_float_equal(spread.min, 10, 0);
	assert_float_equal(spread.max, 50, 0);
	assert_float_equal(spread_share(&spread), 20.0 / 30, 1e-9);
	comparison_free(&comparison);
}

static void the_median_of_an_even_number_lies_between_two(void **state)
{
	static const double rates[] = { 40, 10, 20, 80 };
	struct comparison comparison;

	(void)state;
	begin_comparison(&comparison, one_mode, 1);
	add_times(&comparison, true, rates, 4);
	assert_float_equal(comparison_spread(&comparison.modes[0], MEASURE_RATE, true).median, 30,
			   0);
	comparison_free(&comparison);
}

static void without_a_run_there_is_no_spread(void **state)
{
	struct comparison comparison;
	struct spread spread;
	double change;

	(void)state;
	begin_comparison(&comparison, one_mode, 1);
	spread = comparison_spread(&comparison.modes[0], MEASURE_CPU, true);
	assert_float_equal(spread.median, 0, 0);
	assert_float_equal(spread_share(&spread), 0, 0);
	assert_false(comparison_change(&comparison.modes[0], MEASURE_CPU, &change));
	comparison_free(&comparison);
}

/* Of repetitions of one mode; false if they do not tell. */
static bool change_of(const double *untraced, const double *traced, size_t nr, double *change)
{
	struct comparison comparison;
	bool tells;

	begin_comparison(&comparison, one_mode, 1);
	add_times(&comparison, false, untraced, nr);
	add_times(&comparison, true, traced, nr);
	tells = comparison_change(&comparison.modes[0], MEASURE_RATE, change);
	comparison_free(&comparison);
	return tells;
}

/* Most of them are a fifth below the one beside them; the medians, three fifths. */
static void a_change_is_that_of_the_medians(void **state)
{
	static const double untraced[] = { 100, 120, 200, 210, 220 };
	static const double traced[] = { 80, 96, 160, 50, 60 };
	double change;

	(void)state;
	assert_true(change_of(untraced, traced, 5, &change));
	assert_float_equal(change, 80.0 / 200 - 1, 1e-9);
}

static void ranges_may_overlap_but_not_reach_the_others_median(void **state)
{
	static const double untraced[] = { 100, 110, 120, 130, 140 };
	static const double overlapping[] = { 85, 90, 95, 100, 105 };
	static const double reached[] = { 100, 90, 80, 70, 60 };
	static const double reaching[] = { 80, 85, 90, 95, 120 };
	double change;

	(void)state;
	assert_true(change_of(untraced, overlapping, 5, &change));
	assert_float_equal(change, 95.0 / 120 - 1, 1e-9);
	assert_false(change_of(untraced, reaching, 5, &change));
	assert_false(change_of(reaching, untraced, 5, &change));
	assert_true(change_of(untraced, reached, 5, &change));
	assert_false(change_of(untraced, untraced, 5, &change));
}

static void few_repetitions_tell_no_change(void **state)
{
	static const double untraced[] = { 100, 101, 102 };
	static const double traced[] = { 50, 51, 52 };
	double change;

	(void)state;
	assert_false(change_of(untraced, traced, 3, &change));
}

static void a_change_needs_a_base(void **state)
{
	static const double untraced[] = { 0, 0, 0, 0 };
	static const double traced[] = { 50, 50, 50, 50 };
	double change;

	(void)state;
	assert_false(change_of(untraced, traced, 4, &change));
}

static void spreads_that_touch_are_not_apart(void **state)
{
	const struct spread low = { 2, 1, 3 }, touching = { 4, 3, 5 }, high = { 5, 4, 6 };

	(void)state;
	assert_false(spreads_are_apart(&low, &touching));
	assert_true(spreads_are_apart(&low, &high));
	assert_true(spreads_are_apart(&high, &low));
}

static void counts_are_those_of_the_traced_runs(void **state)
{
	const struct counters counters = { .accept.accepted = 18 };
	struct comparison comparison;
	const struct comparison_mode *mode;

	(void)state;
	begin_comparison(&comparison, one_mode, 1);
	add_counts(&comparison, 0, &counters);
	add_counts(&comparison, 0, &counters);
	mode = &comparison.modes[0];
	assert_int_equal(mode->requests, 2 * 7 * 13);
	assert_int_equal(mode->totals.counters.accept.accepted, 36);
	assert_float_equal(comparison_per_request(mode, count_accepted), 18 / REQUESTS, 1e-9);
	assert_true(mode->is_complete);
	comparison_free(&comparison);
}

static void deliveries_of_all_instances_are_added(void **state)
{
	struct profile_epoll epolls[] = {
		{ .counters = { .deliveries.by = { .level = 3, .edge = 5, .oneshot = 2 },
				.redelivered = 7,
				.residual = 11,
				.first_read_ns_hist = { [HIST_NS_BUCKETS - 1] = 1 } } },
		{ .counters = { .deliveries.by = { .level = 13 }, .spurious = 17 } },
	};
	const struct profile_process process = {
		.epolls = epolls,
		.nr_epolls = ARRAY_SIZE(epolls),
		.counters.waits = { [WAIT_EPOLL] = { .ready = 21 },
				    [WAIT_POLL] = { .redelivered = 19 } },
	};
	struct totals totals;

	(void)state;
	totals_of(&totals, &process);
	assert_int_equal(count_ready(&totals), 21);
	assert_int_equal(count_deliveries(&totals), 3 + 5 + 13);
	assert_int_equal(count_redelivered(&totals), 7 + 19);
	assert_int_equal(count_residual(&totals), 11);
	assert_int_equal(count_spurious(&totals), 17);
	assert_int_equal(totals.epolls.first_read_ns_hist[HIST_NS_BUCKETS - 1], 1);
	totals_add(&totals, &totals);
	assert_int_equal(count_ready(&totals), 42);
	assert_int_equal(count_residual(&totals), 22);
}

static void one_loss_marks_its_mode(void **state)
{
	struct comparison_run run = { .is_traced = true, .is_complete = false };
	struct comparison comparison;

	(void)state;
	begin_comparison(&comparison, two_modes, 2);
	comparison_add(&comparison, 1, &run);
	run.is_complete = true;
	comparison_add(&comparison, 0, &run);
	comparison_add(&comparison, 1, &run);
	assert_true(comparison.modes[0].is_complete);
	assert_false(comparison.modes[1].is_complete);
	comparison_free(&comparison);
}

static void a_contrast_names_both_ends_and_the_part_that_rose_most(void **state)
{
	static count_fn *const parts[] = { count_waits, count_socket_reads_again,
					   count_socket_reads_done };
	struct comparison comparison;
	struct contrast contrast;

	(void)state;
	begin_comparison(&comparison, two_modes, 2);
	add_counts(&comparison, 0, &few_calls);
	add_counts(&comparison, 1, &more_calls);
	contrast = comparison_contrast(&comparison, count_calls, parts, ARRAY_SIZE(parts));
	assert_ptr_equal(contrast.most, &comparison.modes[1]);
	assert_ptr_equal(contrast.least, &comparison.modes[0]);
	assert_int_equal(contrast.part, 1);
	assert_float_equal(contrast.gap, (199.0 - 104) / 199, 1e-9);
	comparison_free(&comparison);
}

static void modes_that_do_the_same_have_no_gap(void **state)
{
	struct comparison comparison;

	(void)state;
	begin_comparison(&comparison, two_modes, 2);
	add_counts(&comparison, 0, &few_calls);
	add_counts(&comparison, 1, &few_calls);
	assert_float_equal(comparison_contrast(&comparison, count_calls, NULL, 0).gap, 0, 0);
	assert_float_equal(comparison_contrast(&comparison, count_splice, NULL, 0).gap, 0, 0);
	comparison_free(&comparison);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_median_is_the_one_in_the_middle),
		cmocka_unit_test(the_median_of_an_even_number_lies_between_two),
		cmocka_unit_test(without_a_run_there_is_no_spread),
		cmocka_unit_test(a_change_is_that_of_the_medians),
		cmocka_unit_test(ranges_may_overlap_but_not_reach_the_others_median),
		cmocka_unit_test(few_repetitions_tell_no_change),
		cmocka_unit_test(a_change_needs_a_base),
		cmocka_unit_test(spreads_that_touch_are_not_apart),
		cmocka_unit_test(counts_are_those_of_the_traced_runs),
		cmocka_unit_test(deliveries_of_all_instances_are_added),
		cmocka_unit_test(one_loss_marks_its_mode),
		cmocka_unit_test(a_contrast_names_both_ends_and_the_part_that_rose_most),
		cmocka_unit_test(modes_that_do_the_same_have_no_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
