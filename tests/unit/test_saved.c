/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Saved profiles: what was written is read again to the byte, by later versions, too. */
#include "readings.h"

#include <unistd.h>

#include "base/err.h"
#include "failing.h"
#include "samples.h"

static void assert_round_trip(const struct profile *profile)
{
	char *before = sample_json(profile), *after;
	struct profile again;

	read_text(&again, before);
	after = sample_json(&again);
	for (size_t i = 0; i <= strlen(before); i++) {
		if (before[i] != after[i])
			fail_msg("differ: %.60s / %.60s", before + (i > 20 ? i - 20 : 0),
				 after + (i > 20 ? i - 20 : 0));
	}
	profile_free(&again);
	free(before);
	free(after);
}

static void a_full_profile_comes_back_to_the_byte(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	assert_round_trip(&profile);
	profile_free(&profile);
}

static void an_empty_profile_comes_back_to_the_byte(void **state)
{
	struct profile profile;

	(void)state;
	sample_empty(&profile);
	assert_round_trip(&profile);
	profile_free(&profile);
}

static void what_is_not_known_stays_unknown(void **state)
{
	struct profile profile;
	struct profile_process *process;

	(void)state;
	sample_full(&profile);
	process = profile.processes;
	process->fds = (struct profile_fds){};
	process->nr_listeners = 0;
	free(process->listeners->local);
	free(process->listeners);
	process->listeners = NULL;
	process->nr_shown_descriptors = 0;
	free(process->epolls->shared_with);
	free(process->epolls);
	process->epolls = NULL;
	process->nr_epolls = 0;
	for (int i = -1; i < 2; i++) {
		struct counters *counters =
			i < 0 ? &process->counters : &process->threads[i].counters;

		memset(counters->io, 0, sizeof(counters->io));
		memset(&counters->copies, 0, sizeof(counters->copies));
		memset(&counters->waits[WAIT_POLL], 0, sizeof(counters->waits[WAIT_POLL]));
		counters->waits[WAIT_EPOLL].watched = 0;
		memset(counters->waits[WAIT_EPOLL].watched_hist, 0,
		       sizeof(counters->waits[WAIT_EPOLL].watched_hist));
	}
	assert_round_trip(&profile);
	profile_free(&profile);
}

static void every_counter_comes_back(void **state)
{
	struct profile profile, again;
	char *text;

	(void)state;
	sample_full(&profile);
	text = sample_json(&profile);
	read_text(&again, text);
	assert_memory_equal(&again.processes->counters, &profile.processes->counters,
			    sizeof(struct counters));
	assert_memory_equal(again.losses, profile.losses, sizeof(profile.losses));
	assert_memory_equal(again.unseen, profile.unseen, sizeof(profile.unseen));
	assert_int_equal(again.start, profile.start);
	free(text);
	profile_free(&again);
	profile_free(&profile);
}

/* Each part of the kernel's side has keys of its own. */
static void what_was_not_watched_stays_left_out(void **state)
{
	(void)state;
	for (unsigned parts = 0; parts <= WAKEUPS_ALL; parts++) {
		struct profile profile, again;
		char *text;

		sample_full(&profile);
		profile.wakeups = parts;
		assert_round_trip(&profile);
		text = sample_json(&profile);
		read_text(&again, text);
		assert_int_equal(again.wakeups, parts);
		assert_int_equal(again.processes->nr_inexact, profile.processes->nr_inexact);
		assert_int_equal(strstr(text, "\"futile\"") != NULL, (parts & WAKEUPS_SLEEPS) != 0);
		assert_int_equal(strstr(text, "\"passed_on\"") != NULL,
				 (parts & WAKEUPS_CALLBACKS) != 0);
		free(text);
		profile_free(&again);
		profile_free(&profile);
	}
}

static void what_instances_told_comes_back(void **state)
{
	struct profile profile, again;
	char *text;

	(void)state;
	sample_full(&profile);
	text = sample_json(&profile);
	read_text(&again, text);
	assert_int_equal(again.processes->nr_epolls, 1);
	assert_memory_equal(&again.processes->epolls->counters,
			    &profile.processes->epolls->counters, sizeof(struct epoll_counters));
	assert_memory_equal(&again.processes->epolls->callbacks,
			    &profile.processes->epolls->callbacks,
			    sizeof(struct callback_counters));
	assert_int_equal(again.processes->nr_descriptors, 2);
	assert_int_equal(again.processes->nr_shown_descriptors, 2);
	assert_int_equal(again.nr_findings, profile.nr_findings);
	free(text);
	profile_free(&again);
	profile_free(&profile);
}

/* The one before deliveries were counted; its findings were an empty array. */
static void a_profile_of_the_version_before_is_read(void **state)
{
	static const char *const paths[] = { "findings",
					     "processes.0.epolls",
					     "processes.0.descriptors",
					     "processes.0.fds.close_wait",
					     "processes.0.epoll_ctl.mod_unchanged",
					     "processes.0.accept.listeners.0.delivered",
					     "processes.0.threads.0.epoll_ctl.mod_unchanged",
					     "processes.0.threads.1.epoll_ctl.mod_unchanged" };
	static const char *const marks[] = { "fds.unaccounted", "epoll_ctl.mod_unchanged",
					     "accept.listeners.delivered", "fds.close_wait" };
	json_t *document = full_document();
	struct profile profile;
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		change(document, paths[i], NULL);
	text = json_dumps(document, 0);
	read_text(&profile, text);
	assert_int_equal(profile.processes->nr_inexact, ARRAY_SIZE(marks));
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		assert_string_equal(profile.processes->inexact[i].key, marks[i]);
	assert_int_equal(profile.processes->nr_epolls, 0);
	assert_int_equal(profile.nr_findings, 0);
	profile_free(&profile);
	free(text);
	json_decref(document);
}

static void evidence_comes_back_to_the_digit(void **state)
{
	static const double values[] = {
		0,	  -0.5,	       1.0 / 3,	      99999.96,
		1e15 / 3, 123456789.5, 0.00001234567, 4611686018427387904.0
	};
	struct profile profile;

	(void)state;
	sample_full(&profile);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		profile.findings->evidence->value = values[i];
		assert_round_trip(&profile);
	}
	profile_free(&profile);
}

static void a_loss_of_a_later_version_is_kept(void **state)
{
	struct profile profile, again;
	char *text;

	(void)state;
	sample_empty(&profile);
	assert_int_equal(profile_add_loss(&profile, "of_later", 3), 0);
	text = sample_json(&profile);
	read_text(&again, text);
	assert_false(profile_is_complete(&again));
	assert_int_equal(again.nr_other_losses, 1);
	assert_int_equal(again.other_losses[0].count, 3);
	free(text);
	profile_free(&again);
	profile_free(&profile);
}

static void keys_of_a_later_version_are_passed_over(void **state)
{
	static const char *const paths[] = { "later",
					     "host.later",
					     "target.later",
					     "processes.0.later",
					     "processes.0.epoll_wait.later",
					     "processes.0.io.later",
					     "processes.0.io.read.later",
					     "processes.0.threads.0.later",
					     "processes.0.epolls.0.later",
					     "processes.0.epolls.0.deliveries.later",
					     "processes.0.descriptors.0.later",
					     "findings.0.later",
					     "findings.0.subject.later" };
	json_t *document = full_document();
	struct profile profile;
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		change(document, paths[i], "{ \"a\": [ 1, 2, 3 ] }");
	text = json_dumps(document, 0);
	read_text(&profile, text);
	profile_free(&profile);
	free(text);
	json_decref(document);
}

static void a_key_that_was_left_out_is_marked_inexact(void **state)
{
	json_t *document = full_document();
	struct profile profile;
	char *text;

	(void)state;
	change(document, "processes.0.threads", NULL);
	change(document, "processes.0.epoll_wait.sleeps", NULL);
	text = json_dumps(document, 0);
	read_text(&profile, text);
	assert_int_equal(profile.processes->nr_inexact, 2);
	assert_string_equal(profile.processes->inexact[1].key, "epoll_wait.sleeps");
	profile_free(&profile);
	free(text);
	json_decref(document);
}

/* ---- memory ---- */

static int open_and_read(void *context)
{
	struct source *source;
	struct profile profile;
	bool is_series;
	int code = source_open_saved(&source, context, &is_series), n;

	if (code) {
		assert_int_equal(code, EXIT_NO_MEASURE);
		return code;
	}
	while ((n = source_next(source, &profile)) > 0)
		profile_free(&profile);
	source_close(source);
	return n;
}

struct trial {
	char *path;
};

static int try_each(void *context)
{
	failing_each(open_and_read, ((struct trial *)context)->path);
	return 0;
}

static void any_allocation_may_fail(void **state)
{
	struct profile profile;
	char path[PATH_LEN], said[64], *text, *twice;
	struct trial trial = { path };

	(void)state;
	sample_thin(&profile);
	text = sample_json(&profile);
	twice = calloc(2, strlen(text) + 1);
	strcat(strcat(twice, text), text);
	write_file(path, twice, strlen(twice));
	with_stderr_to(said, sizeof(said), try_each, &trial);
	unlink(path);
	free(text);
	free(twice);
	profile_free(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_profile_comes_back_to_the_byte),
		cmocka_unit_test(an_empty_profile_comes_back_to_the_byte),
		cmocka_unit_test(what_is_not_known_stays_unknown),
		cmocka_unit_test(every_counter_comes_back),
		cmocka_unit_test(what_was_not_watched_stays_left_out),
		cmocka_unit_test(what_instances_told_comes_back),
		cmocka_unit_test(a_profile_of_the_version_before_is_read),
		cmocka_unit_test(evidence_comes_back_to_the_digit),
		cmocka_unit_test(a_loss_of_a_later_version_is_kept),
		cmocka_unit_test(keys_of_a_later_version_are_passed_over),
		cmocka_unit_test(a_key_that_was_left_out_is_marked_inexact),
		cmocka_unit_test(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("saved", tests, NULL, NULL);
}
