/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of a comparison and its document. */
#include "comparisons.h"

#include <jansson.h>

#include "failing.h"
#include "report/json.h"
#include "report/text.h"
#include "view/comparison.h"

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
