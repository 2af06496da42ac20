/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers for eyes. */
#include "unit.h"

#include "base/units.h"

static char text[UNITS_LEN];

static void counts_are_grouped_in_threes(void **state)
{
	(void)state;
	assert_string_equal(format_count(text, 0), "0");
	assert_string_equal(format_count(text, 999), "999");
	assert_string_equal(format_count(text, 1000), "1,000");
	assert_string_equal(format_count(text, 12034), "12,034");
	assert_string_equal(format_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void a_noun_stands_with_its_count(void **state)
{
	char counted[COUNTED_LEN];

	(void)state;
	assert_string_equal(format_counted(counted, 0, "wakeup"), "0 wakeups");
	assert_string_equal(format_counted(counted, 1, "wakeup"), "1 wakeup");
	assert_string_equal(format_counted(counted, 2, "wakeup"), "2 wakeups");
	assert_string_equal(format_counted(counted, UINT64_MAX, "connection"),
			    "18,446,744,073,709,551,615 connections");
}

static void ratios_have_three_digits_that_mean_something(void **state)
{
	(void)state;
	assert_string_equal(format_ratio(text, 0), "0.00");
	assert_string_equal(format_ratio(text, 0.034), "0.03");
	assert_string_equal(format_ratio(text, 9.994), "9.99");
	assert_string_equal(format_ratio(text, 9.996), "10.0");
	assert_string_equal(format_ratio(text, 99.96), "100");
	assert_string_equal(format_ratio(text, 1234.4), "1,234");
	assert_string_equal(format_ratio(text, 1e30), "1.0e+30");
}

static void sizes_change_their_unit_before_they_reach_1024(void **state)
{
	(void)state;
	assert_string_equal(format_bytes(text, 0), "0 B");
	assert_string_equal(format_bytes(text, 1023), "1023 B");
	assert_string_equal(format_bytes(text, 1023.7), "1.0 KiB");
	assert_string_equal(format_bytes(text, 1024), "1.0 KiB");
	assert_string_equal(format_bytes(text, 14.1 * 1024 * 1024), "14.1 MiB");
	assert_string_equal(format_bytes(text, 1023.8 * 1024), "1.0 MiB");
	assert_string_equal(format_bytes(text, 0x1p60), "1024 PiB");
}

static void times_change_their_unit_before_they_reach_1000(void **state)
{
	(void)state;
	assert_string_equal(format_ns(text, 0), "0 ns");
	assert_string_equal(format_ns(text, 999), "999 ns");
	assert_string_equal(format_ns(text, 999.7), "1.0 us");
	assert_string_equal(format_ns(text, 82000), "82.0 us");
	assert_string_equal(format_ns(text, 999700), "1.0 ms");
	assert_string_equal(format_ns(text, 1.2e6), "1.2 ms");
	assert_string_equal(format_ns(text, 1e10), "10.0 s");
	assert_string_equal(format_ns(text, INT64_MAX), "9223372037 s");
}

static void shares_never_round_to_nothing_or_to_all(void **state)
{
	(void)state;
	assert_string_equal(format_share(text, 0, 0), "0 %");
	assert_string_equal(format_share(text, 0, 7), "0 %");
	assert_string_equal(format_share(text, 1, 1000), "<1 %");
	assert_string_equal(format_share(text, 1, 25), "4 %");
	assert_string_equal(format_share(text, 999, 1000), ">99 %");
	assert_string_equal(format_share(text, 7, 7), "100 %");
}

static void round_counts_are_short(void **state)
{
	(void)state;
	assert_string_equal(format_round(text, 812), "812");
	assert_string_equal(format_round(text, 999.6), "1.0 k");
	assert_string_equal(format_round(text, 12034), "12.0 k");
	assert_string_equal(format_round(text, 3.4e6), "3.4 M");
	assert_string_equal(format_round(text, (double)UINT64_MAX), "18.4 E");
}

static void units_are_told_from_other_words(void **state)
{
	static const char *const units[] = { "B",      "KiB, 45 B each", "ns", "us.", "ms;",
					     "s)",     "s in",		 "k",  "PiB", "%",
					     "%, more" };
	static const char *const words[] = { "",  " ms",   "Bytes", "sockets",
					     "m", "calls", "%%",    ", 7 ms" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		assert_true(begins_with_unit(units[i]));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_false(begins_with_unit(words[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_grouped_in_threes),
		cmocka_unit_test(a_noun_stands_with_its_count),
		cmocka_unit_test(ratios_have_three_digits_that_mean_something),
		cmocka_unit_test(sizes_change_their_unit_before_they_reach_1024),
		cmocka_unit_test(times_change_their_unit_before_they_reach_1000),
		cmocka_unit_test(shares_never_round_to_nothing_or_to_all),
		cmocka_unit_test(round_counts_are_short),
		cmocka_unit_test(units_are_told_from_other_words),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
