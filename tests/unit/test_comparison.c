/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Medians, spread and change; in what the modes differ; the table and the document. */
#include "comparisons.h"

#include <jansson.h>

#include "failing.h"
#include "report/json.h"
#include "report/text.h"
#include "view/comparison.h"

static void add_times(struct comparison *comparison, bool is_traced, const double *rates, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct comparison_run run = {
			.is_traced = is_traced,
			.is_complete = true,
			.measures = { [MEASURE_RATE] = rates[i] },
		};

		comparison_add(comparison, 0, &run);
	}
}

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

/* ---- the view ---- */

/* The cells of the row that begins with @heading, as printed. */
static void assert_row(const char *text, const char *heading, const char *cells)
{
	const char *line = strstr(text, heading);
	char *squeezed = NULL;
	size_t nr = 0;

	if (!line)
		fail_msg("no \"%s\" in:\n%s", heading, text);
	squeezed = strdup(line + strlen(heading));
	assert_non_null(squeezed);
	for (char *in = squeezed; *in && *in != '\n'; in++) {
		if (*in != ' ' || (nr && squeezed[nr - 1] != ' '))
			squeezed[nr++] = *in;
	}
	squeezed[nr] = '\0';
	assert_string_equal(squeezed, cells);
	free(squeezed);
}

static void deliveries_stand_under_epoll_only(void **state)
{
	struct comparison comparison;
	char *text;

	(void)state;
	begin_triggers(&comparison, 4);
	comparison.modes[1].totals = (struct totals){
		.counters.waits[WAIT_POLL] = { .redelivered = 182, .ready_hist = { [1] = 91 } },
	};
	text = comparison_text(&comparison);
	assert_row(text, "\n  deliveries", "16.0 - 16.0");
	assert_row(text, "\n  redelivered", "0 2.00 0");
	assert_row(text, "\n    residual", "15.0 - 15.0");
	assert_null(strstr(text, "spurious"));
	free(text);
	comparison_free(&comparison);
}

static void one_repetition_tells_no_spread(void **state)
{
	static const double rate[] = { 30 }, rates[] = { 20, 30, 40 };
	struct comparison comparison;
	char *text;

	(void)state;
	begin_comparison(&comparison, one_mode, 1);
	add_times(&comparison, false, rate, 1);
	add_times(&comparison, true, rates, 3);
	text = comparison_text(&comparison);
	assert_row(text, "\n  requests a second", "30.0");
	assert_row(text, "\n    spread, +-", "-");
	assert_row(strstr(text, "while traced"), "\n    spread, +-", "33 %");
	free(text);
	comparison_free(&comparison);
}

static void what_is_special_about_the_requests_is_said_at_the_top(void **state)
{
	struct comparison_load special = sample_load;
	struct comparison comparison;
	char *text;

	(void)state;
	special.is_post = true;
	special.pieces = 1234;
	special.read_chunk = 1024;
	assert_int_equal(comparison_init(&comparison, &special, one_mode, 1), 0);
	comparison.kernel = "6.1.0";
	text = comparison_text(&comparison);
	assert_says(text, "\n  requests   POST, answered with their own body, sent in 1,234 pieces,"
			  " read at\n             most 1.0 KiB at a time\n");
	free(text);
	special.is_post = false;
	special.read_chunk = 0;
	comparison.load = special;
	text = comparison_text(&comparison);
	assert_says(text, "\n  requests   GET, sent in 1,234 pieces\n");
	free(text);
	comparison.load = sample_load;
	text = comparison_text(&comparison);
	assert_null(strstr(text, "requests   "));
	free(text);
	comparison_free(&comparison);
}

static void a_loss_is_said_at_the_top(void **state)
{
	struct comparison_run run = { .is_traced = true, .is_complete = false };
	struct comparison comparison;
	char *text;

	(void)state;
	begin_comparison(&comparison, one_mode, 1);
	comparison_add(&comparison, 0, &run);
	text = comparison_text(&comparison);
	assert_says(text, "INCOMPLETE\n");
	assert_says(text, "LOST       counts of poll\n");
	free(text);
	comparison_free(&comparison);
}

static void all_modes_with_large_numbers_fit_80_columns(void **state)
{
	static const char *const names[] = {
		"select", "poll", "epoll-level", "epoll-edge", "epoll-oneshot",
		"copy",	  "mmap", "sendfile",	 "splice",
	};
	const struct counters counters = {
		.waits[WAIT_EPOLL] = { .ready = 1,
				       .timeouts = 1,
				       .empty_polls = 1,
				       .ready_hist = { [1] = 1 } },
		.io[IO_SENDFILE][KIND_SOCKET] = { .moved = 91999999,
						  .bytes = 1ULL << 36,
						  .again = 9 },
		.io[IO_WRITE][KIND_SOCKET] = { .moved = 91, .bytes = 1ULL << 36, .again = 91 },
		.io[IO_SPLICE][KIND_SOCKET] = { .moved = 91 },
		.epoll_ctl.add = 3,
	};
	struct comparison comparison;
	char *text, *rest, *line;

	(void)state;
	begin_comparison(&comparison, names, ARRAY_SIZE(names));
	comparison.is_without_select = true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		add_counts(&comparison, i, &counters);
	rest = text = comparison_text(&comparison);
	while ((line = strsep(&rest, "\n"))) {
		if (strlen(line) > 80)
			fail_msg("%zu columns: %s", strlen(line), line);
	}
	free(text);
	comparison_free(&comparison);
}

static json_t *document_of(const struct comparison *comparison)
{
	struct json_writer *writer = json_writer_new();
	char *text = NULL;
	json_t *document;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	comparison_write(comparison, json_writer_base(writer));
	assert_int_equal(json_writer_print(writer, out, true), 0);
	fclose(out);
	document = json_loads(text, 0, NULL);
	assert_non_null(document);
	json_writer_free(writer);
	free(text);
	return document;
}

static void the_document_has_sums_means_and_spreads(void **state)
{
	static const double untraced[] = { 110, 300, 200, 190 };
	static const double traced[] = { 50, 105, 100, 95 };
	struct comparison comparison;
	json_t *document, *mode;
	json_int_t calls;
	double median, min, max, change, each;
	int complete;

	(void)state;
	begin_comparison(&comparison, one_mode, 1);
	add_times(&comparison, false, untraced, 4);
	add_times(&comparison, true, traced, 4);
	comparison.modes[0].totals.counters = few_calls;
	document = document_of(&comparison);
	assert_int_equal(
		json_unpack(document, "{s:b, s:[o]}", "complete", &complete, "modes", &mode), 0);
	assert_true(complete);
	assert_int_equal(json_unpack(mode, "{s:{s:I}, s:{s:F}, s:{s:{s:F}, s:{s:F, s:F}, s:F}}",
				     "totals", "calls", &calls, "per_request", "socket_reads",
				     &each, "requests_per_second", "traced", "median", &median,
				     "untraced", "min", &min, "max", &max, "change", &change),
			 0);
	assert_int_equal(calls, 104);
	assert_float_equal(each, 91 / (4 * REQUESTS), 1e-6);
	assert_float_equal(median, 97.5, 0);
	assert_float_equal(min, 110, 0);
	assert_float_equal(max, 300, 0);
	assert_float_equal(change, -0.5, 1e-6);
	json_decref(document);
	comparison_free(&comparison);
}

static void the_document_tells_deliveries_of_epoll_alone(void **state)
{
	static const char *const keys[] = { "deliveries", "residual", "spurious" };
	struct comparison comparison;
	json_t *document, *modes, *totals;
	json_int_t deliveries, residual, redelivered;

	(void)state;
	begin_triggers(&comparison, 4);
	comparison.modes[1].totals = (struct totals){ .counters = few_calls };
	document = document_of(&comparison);
	assert_int_equal(json_unpack(document, "{s:[{s:{s:I, s:I, s:I}}, {s:o}, {}], s:o}", "modes",
				     "totals", "deliveries", &deliveries, "residual", &residual,
				     "redelivered", &redelivered, "totals", &totals, "modes",
				     &modes),
			 0);
	assert_int_equal(deliveries, 16 * 91);
	assert_int_equal(residual, 15 * 91);
	assert_int_equal(redelivered, 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		assert_null(json_object_get(totals, keys[i]));
		assert_null(json_object_get(
			json_object_get(json_array_get(modes, 1), "per_request"), keys[i]));
	}
	assert_non_null(json_object_get(totals, "redelivered"));
	json_decref(document);
	comparison_free(&comparison);
}

/* Before 6.6 the kernel does not count what epoll instances watch: none is not the same as unknown. */
static void what_epoll_watches_is_left_out_where_it_is_not_known(void **state)
{
	struct counters unknown = more_calls;
	struct comparison comparison;
	json_t *document, *totals;
	char *text;

	(void)state;
	unknown.waits[WAIT_EPOLL].watched = 0;
	memset(unknown.waits[WAIT_EPOLL].watched_hist, 0,
	       sizeof(unknown.waits[WAIT_EPOLL].watched_hist));
	begin_comparison(&comparison, two_modes, 2);
	add_counts(&comparison, 0, &few_calls);
	add_counts(&comparison, 1, &unknown);
	text = comparison_text(&comparison);
	assert_row(text, "\n  watched per wait", "100 -");
	free(text);
	document = document_of(&comparison);
	totals = json_object_get(json_array_get(json_object_get(document, "modes"), 1), "totals");
	assert_non_null(json_object_get(totals, "waits"));
	assert_null(json_object_get(totals, "watched"));
	json_decref(document);
	comparison_free(&comparison);
}

static void a_change_that_is_not_told_is_left_out(void **state)
{
	static const double rates[] = { 100, 200, 300, 400 };
	struct comparison comparison;
	json_t *document, *rate;
	char *text, *line;

	(void)state;
	begin_comparison(&comparison, one_mode, 1);
	add_times(&comparison, false, rates, 4);
	add_times(&comparison, true, rates, 4);
	document = document_of(&comparison);
	assert_int_equal(
		json_unpack(document, "{s:[{s:o}]}", "modes", "requests_per_second", &rate), 0);
	assert_non_null(json_object_get(rate, "untraced"));
	assert_null(json_object_get(rate, "change"));
	json_decref(document);
	text = comparison_text(&comparison);
	line = strstr(text, "change by tracing");
	assert_non_null(line);
	*strchrnul(line, '\n') = '\0';
	assert_string_equal(strrchr(line, ' '), " -");
	free(text);
	comparison_free(&comparison);
}

static void what_cannot_be_divided_is_left_out(void **state)
{
	struct comparison comparison;
	json_t *document, *mode;

	(void)state;
	begin_comparison(&comparison, one_mode, 1);
	document = document_of(&comparison);
	mode = json_array_get(json_object_get(document, "modes"), 0);
	assert_non_null(mode);
	assert_null(json_object_get(mode, "ready_per_wakeup"));
	assert_null(json_object_get(mode, "zero_copy_share"));
	json_decref(document);
	comparison_free(&comparison);
}

/* 0 or what went wrong. */
static int compare_and_print(void *context)
{
	struct comparison comparison;
	struct sheet sheet = {};
	int err = comparison_init(&comparison, &sample_load, two_modes, 2);

	(void)context;
	comparison.kernel = "6.1.0";
	if (!err)
		err = comparison_make(&sheet, &comparison);
	sheet_free(&sheet);
	comparison_free(&comparison);
	return err;
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
	failing_each(compare_and_print, NULL);
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
		cmocka_unit_test(deliveries_stand_under_epoll_only),
		cmocka_unit_test(what_epoll_watches_is_left_out_where_it_is_not_known),
		cmocka_unit_test(one_repetition_tells_no_spread),
		cmocka_unit_test(what_is_special_about_the_requests_is_said_at_the_top),
		cmocka_unit_test(a_loss_is_said_at_the_top),
		cmocka_unit_test(all_modes_with_large_numbers_fit_80_columns),
		cmocka_unit_test(the_document_has_sums_means_and_spreads),
		cmocka_unit_test(the_document_tells_deliveries_of_epoll_alone),
		cmocka_unit_test(a_change_that_is_not_told_is_left_out),
		cmocka_unit_test(what_cannot_be_divided_is_left_out),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
