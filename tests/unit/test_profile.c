/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The profile itself: what it owns, what it is called, when it is complete. */
#include "unit.h"

#include <errno.h>

#include "failing.h"
#include "samples.h"

static void every_loss_alone_makes_a_profile_incomplete(void **state)
{
	struct profile profile = {};

	(void)state;
	assert_true(profile_is_complete(&profile));
	for (int cause = 0; cause < LOSSES; cause++) {
		profile.losses[cause] = 1;
		assert_false(profile_is_complete(&profile));
		profile.losses[cause] = 0;
	}
}

static void a_loss_of_a_later_version_counts_as_well(void **state)
{
	struct profile profile = {};

	(void)state;
	assert_int_equal(profile_add_loss(&profile, "unheard_of", 0), 0);
	assert_true(profile_is_complete(&profile));
	assert_int_equal(profile_add_loss(&profile, "also_unheard_of", 3), 0);
	assert_false(profile_is_complete(&profile));
	profile_free(&profile);
}

static void a_loss_is_found_by_its_name(void **state)
{
	struct profile profile = {};

	(void)state;
	for (int cause = 0; cause < LOSSES; cause++) {
		assert_int_equal(profile_add_loss(&profile, loss_name(cause), cause + 1), 0);
		assert_int_equal(profile.losses[cause], cause + 1);
	}
	for (int what = 0; what < UNSEENS; what++) {
		assert_int_equal(profile_add_unseen(&profile, unseen_name(what), what + 1), 0);
		assert_int_equal(profile.unseen[what], what + 1);
	}
	assert_int_equal(profile.nr_other_losses + profile.nr_other_unseen, 0);
}

static void only_processes_of_the_name_are_kept(void **state)
{
	struct profile profile = {};

	(void)state;
	profile.processes = calloc(4, sizeof(*profile.processes));
	profile.nr_processes = 4;
	strcpy(profile.processes[0].comm, "sh");
	strcpy(profile.processes[1].comm, "nginx");
	strcpy(profile.processes[2].comm, "a-name-of-15-by");
	strcpy(profile.processes[3].comm, "nginx");
	for (uint32_t i = 0; i < 4; i++) {
		profile.processes[i].tgid = i;
		assert_int_equal(profile_mark_inexact(&profile.processes[i], "key", "reason"), 0);
	}
	profile_keep_comm(&profile, "nginx");
	assert_int_equal(profile.nr_processes, 2);
	assert_int_equal(profile.processes[0].tgid, 1);
	assert_int_equal(profile.processes[1].tgid, 3);
	profile_free(&profile);
}

static void a_name_longer_than_the_kernel_keeps_still_matches(void **state)
{
	struct profile profile = {};

	(void)state;
	profile.processes = calloc(1, sizeof(*profile.processes));
	profile.nr_processes = 1;
	strcpy(profile.processes[0].comm, "a-name-of-15-by");
	profile_keep_comm(&profile, "a-name-of-15-bytes-and-more");
	assert_int_equal(profile.nr_processes, 1);
	profile_free(&profile);
}

static void findings_go_with_their_process(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	profile.findings[1].tgid = 4712;
	profile_keep_comm(&profile, "server");
	assert_int_equal(profile.nr_findings, 4);
	assert_int_equal(profile.findings[1].subject, SUBJECT_FD);
	profile_keep_comm(&profile, "nobody");
	assert_int_equal(profile.nr_findings, 0);
	profile_free(&profile);
}

static void a_key_has_one_reason_the_first(void **state)
{
	struct profile profile = { .processes = calloc(1, sizeof(struct profile_process)),
				   .nr_processes = 1 };

	(void)state;
	assert_int_equal(profile_mark_inexact(profile.processes, "copies", "one"), 0);
	assert_int_equal(profile_mark_inexact(profile.processes, "copies", "two"), 0);
	assert_int_equal(profile_mark_inexact(profile.processes, "fds", "three"), 0);
	assert_int_equal(profile.processes->nr_inexact, 2);
	assert_string_equal(profile.processes->inexact[0].reason, "one");
	profile_free(&profile);
}

static void the_process_added_last_can_be_dropped(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	profile_drop_last(&profile);
	assert_int_equal(profile.nr_processes, 0);
	profile_free(&profile);
	assert_null(profile.processes);
}

static int mark_and_add(void *context)
{
	struct profile profile = { .processes = calloc(1, sizeof(*profile.processes)) };
	char key[8];
	int err = profile.processes ? 0 : -ENOMEM;

	(void)context;
	profile.nr_processes = err ? 0 : 1;
	for (int i = 0; i < 5 && !err; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		err = profile_mark_inexact(profile.processes, key, "reason");
		if (!err)
			err = profile_add_loss(&profile, key, i);
		if (!err)
			err = profile_add_unseen(&profile, key, i);
	}
	profile_free(&profile);
	return err;
}

static void any_allocation_may_fail(void **state)
{
	(void)state;
	failing_each(mark_and_add, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_loss_alone_makes_a_profile_incomplete),
		cmocka_unit_test(a_loss_of_a_later_version_counts_as_well),
		cmocka_unit_test(a_loss_is_found_by_its_name),
		cmocka_unit_test(only_processes_of_the_name_are_kept),
		cmocka_unit_test(a_name_longer_than_the_kernel_keeps_still_matches),
		cmocka_unit_test(findings_go_with_their_process),
		cmocka_unit_test(a_key_has_one_reason_the_first),
		cmocka_unit_test(the_process_added_last_can_be_dropped),
		cmocka_unit_test(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
