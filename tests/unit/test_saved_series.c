/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Saved profiles, several in one file: a line each, or the runs of a repetition. */
#include "readings.h"

#include <errno.h>
#include <unistd.h>

#include "samples.h"

static void a_profile_a_line_is_a_series(void **state)
{
	struct reading reading;
	struct profile profile;
	char path[PATH_LEN], *one, *three;

	(void)state;
	sample_full(&profile);
	one = sample_json(&profile);
	profile_free(&profile);
	three = calloc(3, strlen(one) + 1);
	strcat(strcat(strcat(three, one), one), one);
	write_file(path, three, strlen(three));
	open_path(&reading, path);
	assert_int_equal(reading.code, 0);
	assert_true(reading.is_series);
	for (int i = 0; i < 3; i++) {
		char *again;

		assert_int_equal(source_next(reading.source, &profile), 1);
		again = sample_json(&profile);
		assert_string_equal(again, one);
		free(again);
		profile_free(&profile);
	}
	assert_int_equal(source_next(reading.source, &profile), 0);
	source_close(reading.source);
	unlink(path);
	free(one);
	free(three);
}

static void the_runs_of_a_repetition_are_a_series(void **state)
{
	json_t *document = full_document(), *whole;
	struct reading reading;
	struct profile profile;
	char path[PATH_LEN], *text;

	(void)state;
	whole = json_pack("{s:i, s:[O,O]}", "schema", 1, "runs", document, document);
	text = json_dumps(whole, JSON_INDENT(2));
	write_file(path, text, strlen(text));
	open_path(&reading, path);
	assert_int_equal(reading.code, 0);
	assert_true(reading.is_series);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(source_next(reading.source, &profile), 1);
		assert_int_equal(profile.processes->tgid, 4711);
		profile_free(&profile);
	}
	assert_int_equal(source_next(reading.source, &profile), 0);
	source_close(reading.source);
	unlink(path);
	free(text);
	json_decref(whole);
	json_decref(document);
}

static void one_profile_is_no_series(void **state)
{
	struct reading reading;
	struct profile profile;
	char path[PATH_LEN], *text;

	(void)state;
	sample_full(&profile);
	text = sample_json(&profile);
	write_file(path, text, strlen(text));
	open_path(&reading, path);
	assert_int_equal(reading.code, 0);
	assert_false(reading.is_series);
	source_close(reading.source); /* with its profile not asked for */
	profile_free(&profile);
	free(text);
	unlink(path);
}

struct next {
	struct source *source;
	struct profile *out;
};

static int do_next(void *context)
{
	struct next *next = context;

	return source_next(next->source, next->out);
}

static void a_later_line_that_is_cut_off_is_bad_input(void **state)
{
	struct reading reading;
	struct profile profile;
	struct next next;
	char path[PATH_LEN], *text, *twice;
	size_t len;

	(void)state;
	sample_full(&profile);
	text = sample_json(&profile);
	profile_free(&profile);
	len = strlen(text);
	twice = malloc(2 * len + 1);
	memcpy(twice, text, len);
	memcpy(twice + len, text, len);
	write_file(path, twice, 2 * len - 40);
	open_path(&reading, path);
	assert_int_equal(reading.code, 0);
	next = (struct next){ reading.source, &profile };
	assert_int_equal(source_next(reading.source, &profile), 1);
	profile_free(&profile);
	assert_int_equal(with_stderr_to(reading.said, sizeof(reading.said), do_next, &next),
			 -EBADMSG);
	assert_non_null(strstr(reading.said, "not whole"));
	source_close(reading.source);
	unlink(path);
	free(text);
	free(twice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_a_line_is_a_series),
		cmocka_unit_test(the_runs_of_a_repetition_are_a_series),
		cmocka_unit_test(one_profile_is_no_series),
		cmocka_unit_test(a_later_line_that_is_cut_off_is_bad_input),
	};

	return cmocka_run_group_tests_name("saved_series", tests, NULL, NULL);
}
