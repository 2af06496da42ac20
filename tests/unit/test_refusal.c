/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is said of a word that is no option, or an option used wrongly. */
#include "unit.h"

#include "refusal.h"

static const struct argp_option options[] = {
	{ "pid", 'p', "PID", 0, NULL, 0 },
	{ "quiet", 'q', NULL, 0, NULL, 0 },
	{ "max", 256, "N", 0, NULL, 0 },
	{ "max-rows", 257, "N", 0, NULL, 0 },
	{ "max-threads", 258, NULL, 0, NULL, 0 },
	{ "fds", 259, "N", OPTION_ARG_OPTIONAL, NULL, 0 },
	{},
};

static void a_wrong_word_is_named_and_why(void **state)
{
	static const struct {
		const char *word, *why;
	} cases[] = {
		{ "--frob", "'--frob' is no option" },
		{ "--frob=7", "'--frob' is no option" },
		{ "--quieter", "'--quieter' is no option" },
		{ "--max-", "'--max-' is no option" }, /* two begin so */
		{ "--max", "'--max' needs a value" },  /* three do, and it is one of them */
		{ "--pid", "'--pid' needs a value" },
		{ "--pi", "'--pi' needs a value" },
		{ "--quiet=7", "'--quiet' takes no value" },
		{ "--qu=", "'--qu' takes no value" },
		{ "-z", "'-z' is no option" },
		{ "-qz", "'-z' is no option" },
		{ "-p", "'-p' needs a value" },
		{ "-qp", "'-p' needs a value" },
		{ "-1", "interval '-1' is no number of seconds above 0" },
	};
	char why[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(refusal_of(options, cases[i].word, why, sizeof(why)));
		assert_string_equal(why, cases[i].why);
	}
}

static void of_a_right_word_nothing_is_said(void **state)
{
	static const char *const words[] = { "word",  "",	"-q",	  "-p7",      "-qp7",
					     "-pz",   "--pid=", "--pi=7", "--quiet",  "--max=7",
					     "--fds", "--fds=", "-",	  "--max-r=7" };
	char why[64] = "nothing";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (refusal_of(options, words[i], why, sizeof(why)))
			fail_msg("'%s' is refused: %s", words[i], why);
		assert_string_equal(why, "nothing");
	}
}

static void a_long_word_is_cut_off(void **state)
{
	char why[16];

	(void)state;
	assert_true(refusal_of(options, "--a-very-long-word", why, sizeof(why)));
	assert_string_equal(why, "'--a-very-long-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_word_is_named_and_why),
		cmocka_unit_test(of_a_right_word_nothing_is_said),
		cmocka_unit_test(a_long_word_is_cut_off),
	};

	return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
