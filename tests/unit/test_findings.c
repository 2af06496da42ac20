/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of findings, their order, and what happens when memory is out. */
#include "scene.h"

#include "model/finding.h"

static size_t place_of(const char *id)
{
	size_t place = 0;

	while (finding_kinds[place].id && strcmp(finding_kinds[place].id, id))
		place++;
	assert_non_null(finding_kinds[place].id);
	return place;
}

static void problems_stand_before_hints(void **state)
{
	bool is_hint = false;

	(void)state;
	for (const struct finding_kind *kind = finding_kinds; kind->id; kind++) {
		assert_true(!is_hint || kind->severity == SEVERITY_HINT);
		is_hint = kind->severity == SEVERITY_HINT;
		assert_non_null(kind->look);
		assert_int_equal(kind->help[strlen(kind->help) - 1], '.');
	}
}

static void causes_stand_before_what_they_cause(void **state)
{
	(void)state;
	for (const struct finding_kind *kind = finding_kinds; kind->id; kind++) {
		for (const char *const *id = kind->named_by; id && *id; id++)
			assert_true(place_of(*id) < place_of(kind->id));
	}
}

static void a_kind_is_found_by_its_id(void **state)
{
	(void)state;
	assert_string_equal(finding_kind_of("herd")->id, "herd");
	assert_null(finding_kind_of("her"));
	assert_null(finding_kind_of(""));
}

static void in_an_empty_profile_nothing_is_found(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_process(&profile);
	assert_nothing_found(&profile);
	profile = (struct profile){};
	assert_nothing_found(&profile);
}

/* A hint of the busiest process, and a problem of another. */
static struct profile two_at_once(void)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);
	struct wait_counters *wait = add_wakeups(process, WAIT_POLL, 100000);

	wait->watched = 40200000;
	process = add_process(&profile);
	wait = add_wakeups(process, WAIT_EPOLL, 50000);
	wait->immediate = 50000;
	add_epoll(process, 5)->counters.returns = 50000;
	process->epolls->counters.idle_out = 50000;
	add_descriptor(process, 12, 5)->idle_out = 50000;
	add_listener(process, 7, 2, 0)->drops = 4;
	process->listeners->queue_depth_hist[9] = 1;
	return profile;
}

static void the_worst_come_first(void **state)
{
	struct profile profile = two_at_once();

	(void)state;
	assert_int_equal(findings_add(&profile), 0);
	assert_int_equal(profile.nr_findings, 3);
	assert_string_equal(profile.findings[0].id, "accept-queue-full");
	assert_string_equal(profile.findings[1].id, "idle-write-interest");
	assert_string_equal(profile.findings[2].id, "linear-scan");
	assert_int_equal(profile.findings[2].tgid, 101);
	profile_free(&profile);
}

static int find_them(void *context)
{
	struct profile profile = *(struct profile *)context;
	int err = findings_add(&profile);

	profile.processes = NULL; /* the context's */
	profile.nr_processes = 0;
	profile_free(&profile);
	return err;
}

static void each_allocation_may_fail(void **state)
{
	struct profile profile = two_at_once();

	(void)state;
	failing_each(find_them, &profile);
	profile_free(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(problems_stand_before_hints),
		cmocka_unit_test(causes_stand_before_what_they_cause),
		cmocka_unit_test(a_kind_is_found_by_its_id),
		cmocka_unit_test(in_an_empty_profile_nothing_is_found),
		cmocka_unit_test(the_worst_come_first),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("findings", tests, NULL, NULL);
}
