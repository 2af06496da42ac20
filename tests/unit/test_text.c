/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The report for eyes: what it says, and that it fits. */
#include "unit.h"

#include <errno.h>

#include "failing.h"
#include "report/text.h"
#include "samples.h"
#include "view/summary.h"

static char *print(const struct profile *profile)
{
	const struct summary_options options = { .hist = true, .per_thread = true };
	struct sheet sheet = {};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(summary_make(&sheet, profile, &options), 0);
	assert_int_equal(text_print(&sheet, out), 0);
	fclose(out);
	sheet_free(&sheet);
	return text;
}

static void assert_fits(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len > 80)
			fail_msg("%zu columns: %.*s", len, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void assert_says(const struct profile *profile, const char *what)
{
	char *text = print(profile);

	if (!strstr(text, what))
		fail_msg("'%s' is not in:\n%s", what, text);
	free(text);
}

static void assert_does_not_say(const struct profile *profile, const char *what)
{
	char *text = print(profile);

	if (strstr(text, what))
		fail_msg("'%s' is in:\n%s", what, text);
	free(text);
}

static void a_full_profile_fits_80_columns(void **state)
{
	struct profile profile;
	char *text;

	(void)state;
	sample_full(&profile);
	text = print(&profile);
	assert_fits(text);
	free(text);
	profile_free(&profile);
}

static void huge_numbers_and_long_names_fit_80_columns(void **state)
{
	struct profile profile;
	struct profile_process *process;
	char *text;

	(void)state;
	sample_full(&profile);
	process = profile.processes;
	memset(&process->counters, 0x0f, sizeof(process->counters));
	memset(&process->threads[0].counters, 0x0e, sizeof(process->threads[0].counters));
	memset(&process->threads[1].counters, 0x01, sizeof(process->threads[1].counters));
	strcpy(process->comm, "a-name-of-15-by");
	strcpy(process->threads[0].comm, "a-name-of-15-by");
	process->tgid = process->threads[0].tid = INT32_MAX;
	free(process->listeners->local);
	process->listeners->local = calloc(1, 120);
	memset(process->listeners->local, 'x', 113);
	assert_int_equal(profile_add_loss(&profile, process->listeners->local, UINT64_MAX), 0);
	profile.duration_ns = INT64_MAX;
	process->now.longest_busy_ns = process->now.longest_wait_ns = INT64_MAX;
	process->now.waiting = process->fds.open = process->fds.limit = UINT64_MAX;
	process->fds.unaccounted = INT64_MIN;
	text = print(&profile);
	assert_fits(text);
	free(text);
	profile_free(&profile);
}

static void an_io_family_with_a_long_name_is_not_glued_to_its_kind(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	assert_says(&profile, "  copy_file_range socket");
	profile_free(&profile);
}

static void names_cannot_steer_the_terminal(void **state)
{
	struct profile profile;
	char *text;

	(void)state;
	sample_full(&profile);
	strcpy(profile.processes->comm, "\033[2J\r\n\x7f");
	strcpy(profile.processes->threads[0].comm, "\033[31m");
	free(profile.processes->listeners->local);
	profile.processes->listeners->local = strdup("unix:\033]0;x\a");
	text = print(&profile);
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (unsigned char)*c >= ' ');
	free(text);
	profile_free(&profile);
}

static void a_loop_that_is_stuck_is_said_first(void **state)
{
	struct profile profile;
	char *text, *now;

	(void)state;
	sample_full(&profile);
	text = print(&profile);
	now = strstr(text, "NOW");
	assert_non_null(now);
	assert_true(now < strstr(text, "epoll_wait"));
	free(text);
	profile.processes->now.longest_busy_ns = 999999999;
	assert_does_not_say(&profile, "NOW");
	profile.processes->now.longest_busy_ns = 1500000007;
	profile.processes->has_exited = true;
	assert_does_not_say(&profile, "NOW");
	profile_free(&profile);
}

static void or_more_is_said_of_waits_that_began_unseen_only(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	assert_does_not_say(&profile, "or more");
	assert_int_equal(profile_mark_inexact(profile.processes, "now.longest_wait_ns", "x"), 0);
	assert_says(&profile, "or more");
	assert_does_not_say(&profile, "now.longest_wait_ns");
	profile_free(&profile);
}

static void losses_say_what_to_raise(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	assert_says(&profile, "INCOMPLETE");
	assert_says(&profile, "raise --max-threads");
	assert_says(&profile, "calls of processes without a row: raise --max-processes");
	assert_says(&profile, "raise --max-listeners");
	assert_says(&profile, "of_later (of a later version of fdscope)");
	profile_free(&profile);
}

static void nothing_is_said_to_be_lost_when_nothing_was(void **state)
{
	struct profile profile;

	(void)state;
	sample_empty(&profile);
	assert_says(&profile, "nothing lost");
	assert_says(&profile, "no process made any of the traced calls");
	assert_does_not_say(&profile, "LOST");
	profile_free(&profile);
}

static void drops_and_what_is_inexact_are_said(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	assert_says(&profile, "19 DROPPED by the socket");
	assert_says(&profile, "fds.unaccounted: because");
	profile_free(&profile);
}

static void thread_ids_are_written_as_the_system_writes_them(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	profile.processes->threads[0].tid = 1234567;
	assert_says(&profile, " 1234567 ");
	profile_free(&profile);
}

static void a_profile_of_no_time_divides_by_nothing(void **state)
{
	struct profile profile;
	char *text;

	(void)state;
	sample_full(&profile);
	profile.duration_ns = 0;
	text = print(&profile);
	assert_null(strstr(text, "inf"));
	assert_null(strstr(text, "nan"));
	free(text);
	profile_free(&profile);
}

static void a_full_disk_is_an_error(void **state)
{
	const struct summary_options options = {};
	FILE *full = fopen("/dev/full", "w");
	struct profile profile;
	struct sheet sheet = {};

	(void)state;
	if (!full)
		skip();
	sample_full(&profile);
	assert_int_equal(summary_make(&sheet, &profile, &options), 0);
	assert_int_equal(text_print(&sheet, full), -ENOSPC);
	fclose(full);
	sheet_free(&sheet);
	profile_free(&profile);
}

static int write_text(void *context)
{
	const struct summary_options options = { .hist = true, .per_thread = true };
	struct sheet sheet = {};
	int err = summary_make(&sheet, context, &options);

	sheet_free(&sheet);
	return err;
}

static void any_allocation_may_fail(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	failing_each(write_text, &profile);
	profile_free(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_profile_fits_80_columns),
		cmocka_unit_test(huge_numbers_and_long_names_fit_80_columns),
		cmocka_unit_test(an_io_family_with_a_long_name_is_not_glued_to_its_kind),
		cmocka_unit_test(names_cannot_steer_the_terminal),
		cmocka_unit_test(a_loop_that_is_stuck_is_said_first),
		cmocka_unit_test(or_more_is_said_of_waits_that_began_unseen_only),
		cmocka_unit_test(losses_say_what_to_raise),
		cmocka_unit_test(nothing_is_said_to_be_lost_when_nothing_was),
		cmocka_unit_test(drops_and_what_is_inexact_are_said),
		cmocka_unit_test(thread_ids_are_written_as_the_system_writes_them),
		cmocka_unit_test(a_profile_of_no_time_divides_by_nothing),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
