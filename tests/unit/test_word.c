/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words to values: nothing half right is taken, and what is refused leaves no trace. */
#include "unit.h"

#include <errno.h>

#include "base/word.h"
#include "failing.h"

static void a_number_is_digits_within_its_bounds(void **state)
{
	static const struct {
		const char *word;
		uint64_t min, max, value;
	} cases[] = {
		{ "0", 0, 7, 0 },
		{ "7", 0, 7, 7 },
		{ "007", 1, 7, 7 },
		{ "65535", 1, 65535, 65535 },
		{ "18446744073709551615", 0, UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 4711;

		assert_int_equal(word_to_number(cases[i].word, cases[i].min, cases[i].max, &value),
				 0);
		assert_true(value == cases[i].value);
	}
}

static void what_is_no_number_is_refused_and_changes_nothing(void **state)
{
	static const char *const words[] = { "",    " ",   "x",	 "1x",
					     "1 ",  " 1",  "+1", "-1",
					     "1.0", "0x1", "1,", "18446744073709551616",
					     "1e3", "\n1", "--", "0",
					     "8" };
	uint64_t value = 4711;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (word_to_number(words[i], 1, 7, &value) != -EINVAL)
			fail_msg("'%s' is not refused", words[i]);
		assert_int_equal(value, 4711);
	}
}

static void seconds_may_have_a_fraction(void **state)
{
	static const struct {
		const char *word;
		uint64_t ns;
	} cases[] = {
		{ "1", 1000000000 },
		{ "2.5", 2500000000 },
		{ ".5", 500000000 },
		{ "0.001", 1000000 },
		{ "1000000000", 1000000000000000000 },
		{ "1e1", 10000000000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ns = 0;

		assert_int_equal(word_to_ns(cases[i].word, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void what_is_no_time_is_refused_and_changes_nothing(void **state)
{
	static const char *const words[] = { "",    "x",   "1s",    "1 ",	 "0",	 "-1",
					     "nan", "inf", "1e300", "0.0009999", "1.1e9" };
	uint64_t ns = 4711;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (word_to_ns(words[i], &ns) != -EINVAL)
			fail_msg("'%s' is not refused", words[i]);
		assert_int_equal(ns, 4711);
	}
}

/* The words seen, each with a bar behind it; 'x' ends the list. */
static int note_word(void *context, const char *word)
{
	char *seen = context;

	strcat(strcat(seen, word), "|");
	return strcmp(word, "x") ? 0 : 37;
}

static void a_list_is_what_is_between_its_commas(void **state)
{
	static const struct {
		const char *list, *seen;
		int result;
	} cases[] = {
		{ "a", "a|", 0 },	 { "a,bc,d", "a|bc|d|", 0 }, { "", "|", 0 },
		{ "a,", "a||", 0 },	 { ",a", "|a|", 0 },	     { "a,,b", "a||b|", 0 },
		{ "a,x,b", "a|x|", 37 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char seen[64] = "";

		assert_int_equal(word_each(cases[i].list, note_word, seen), cases[i].result);
		assert_string_equal(seen, cases[i].seen);
	}
}

static int each_of_three(void *context)
{
	char seen[64] = "";
	int err = word_each("a,b,c", note_word, seen);

	(void)context;
	assert_true(err == 0 || err == -ENOMEM);
	assert_string_equal(seen, err ? "" : "a|b|c|");
	return err;
}

static void any_allocation_may_fail(void **state)
{
	(void)state;
	failing_each(each_of_three, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_digits_within_its_bounds),
		cmocka_unit_test(what_is_no_number_is_refused_and_changes_nothing),
		cmocka_unit_test(seconds_may_have_a_fraction),
		cmocka_unit_test(what_is_no_time_is_refused_and_changes_nothing),
		cmocka_unit_test(a_list_is_what_is_between_its_commas),
		cmocka_unit_test(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("word", tests, NULL, NULL);
}
