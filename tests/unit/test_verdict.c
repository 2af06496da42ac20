/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sentences that a comparison ends with. */
#include "comparisons.h"

static void a_scan_for_nothing_is_said_with_its_price(void **state)
{
	struct comparison comparison;
	char *text;

	(void)state;
	begin_comparison(&comparison, two_modes, 2);
	add_counts(&comparison, 0, &few_calls);
	add_counts(&comparison, 1, &more_calls);
	text = comparison_text(&comparison);
	assert_says(text, "poll was handed 100 descriptors at each wait to find 1.00 ready,");
	assert_says(text, "143 B of control data a request");
	free(text);
	comparison_free(&comparison);
}

static void more_calls_are_said_with_the_calls_that_they_are(void **state)
{
	static const char *const names[] = { "epoll-level", "epoll-edge" };
	struct counters level = more_calls;
	struct comparison comparison;
	char *text;

	(void)state;
	level.io[IO_READ][KIND_SOCKET].again = 0;
	begin_comparison(&comparison, names, 2);
	add_counts(&comparison, 0, &level);
	add_counts(&comparison, 1, &more_calls);
	text = comparison_text(&comparison);
	assert_says(text, "epoll-edge made 2.19 system calls a request, epoll-level 1.19.");
	assert_says(text, "1.00 against 0.00.");
	free(text);
	comparison_free(&comparison);
}

static void the_same_is_called_the_same(void **state)
{
	static const char *const names[] = { "epoll-level", "epoll-edge" };
	struct comparison comparison;
	char *text;

	(void)state;
	begin_comparison(&comparison, names, 2);
	add_counts(&comparison, 0, &more_calls);
	add_counts(&comparison, 1, &more_calls);
	text = comparison_text(&comparison);
	assert_says(text, "within 2 %");
	assert_says(text, "does not say which mode is cheaper");
	free(text);
	comparison_free(&comparison);
}

static void what_a_read_leaves_is_said_to_come_back(void **state)
{
	struct comparison comparison;
	char *text;

	(void)state;
	begin_triggers(&comparison, 4);
	text = comparison_text(&comparison);
	assert_says(
		text,
		"  triggers   epoll-level had 16.0 deliveries a request, 15.0 of them because a\n"
		"             read took 4 B of 64 B and left the rest;\n"
		"             epoll-edge had 1.00 deliveries a request and read on to EAGAIN\n"
		"             instead, 1.00 extra reads a request;\n"
		"             epoll-oneshot had 16.0 for the same reason, and armed its\n"
		"             descriptor again after each, 16.0 epoll_ctl a request.\n");
	free(text);
	comparison_free(&comparison);
}

static void where_nothing_is_left_the_triggers_differ_in_their_calls(void **state)
{
	struct comparison comparison;
	char *text;

	(void)state;
	begin_triggers(&comparison, 64);
	text = comparison_text(&comparison);
	assert_says(
		text,
		"  triggers   epoll-level had 1.00 deliveries a request and left nothing unread;\n"
		"             epoll-edge had 1.00 deliveries a request and read on to EAGAIN,\n"
		"             1.00 extra reads a request;\n"
		"             epoll-oneshot had 1.00 deliveries a request, and armed its\n"
		"             descriptor again after each, 1.00 epoll_ctl a request.\n");
	assert_null(strstr(text, "residual"));
	free(text);
	comparison_free(&comparison);
}

static void two_triggers_make_a_sentence_and_one_does_not(void **state)
{
	static const struct {
		size_t without; /* that mode was told nothing */
		const char *words;
	} cases[] = {
		{ 0,
		  "triggers   epoll-edge had 1.00 deliveries a request and read on to EAGAIN\n" },
		{ 1, "left the rest;\n             epoll-oneshot had 16.0 for the same" },
		{ 2, "1.00 extra reads a request.\n" },
	};
	struct comparison comparison;
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin_triggers(&comparison, 4);
		comparison.modes[cases[i].without].name = "poll";
		text = comparison_text(&comparison);
		assert_says(text, cases[i].words);
		free(text);
		for (size_t j = 0; j < ARRAY_SIZE(triggers); j++)
			comparison.modes[j].totals.epolls.deliveries.by.level = 0;
		comparison.modes[2].totals.epolls.deliveries.by.edge = 0;
		text = comparison_text(&comparison);
		assert_null(strstr(text, "triggers"));
		free(text);
		comparison_free(&comparison);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scan_for_nothing_is_said_with_its_price),
		cmocka_unit_test(more_calls_are_said_with_the_calls_that_they_are),
		cmocka_unit_test(the_same_is_called_the_same),
		cmocka_unit_test(what_a_read_leaves_is_said_to_come_back),
		cmocka_unit_test(where_nothing_is_left_the_triggers_differ_in_their_calls),
		cmocka_unit_test(two_triggers_make_a_sentence_and_one_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
