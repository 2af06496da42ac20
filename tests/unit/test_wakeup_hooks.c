/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What --wakeups watches on kernels that let a part of their functions be
 * traced, and how `check` says it. A kernel is the list of those that it refuses.
 */
#include "unit.h"

#include <errno.h>

#include "source/wakeup_hooks.h"
#include "view/ability.h"

static bool is_among(const char *name, const char *const *names)
{
	for (; *names; names++) {
		if (!strcmp(name, *names))
			return true;
	}
	return false;
}

/* Refused with a number each, from -1 on, to see which one is told. */
static struct wakeup_choice choice_without(const char *const *functions)
{
	int refused[NR_WAKEUP_HOOKS];

	for (int i = 0; i < NR_WAKEUP_HOOKS; i++)
		refused[i] = is_among(wakeup_hooks[i].function, functions) ? -1 - i : 0;
	return wakeup_hooks_choose(refused);
}

static struct wakeup_choice choice_of_only(const char *const *functions)
{
	const char *others[NR_WAKEUP_HOOKS + 1] = {};
	int nr = 0;

	for (int i = 0; i < NR_WAKEUP_HOOKS; i++) {
		if (!is_among(wakeup_hooks[i].function, functions))
			others[nr++] = wakeup_hooks[i].function;
	}
	return choice_without(others);
}

#define WITHOUT(...)   choice_without((const char *const[]){ __VA_ARGS__, NULL })
#define ONLY_WITH(...) choice_of_only((const char *const[]){ __VA_ARGS__, NULL })

static int index_of(const char *program)
{
	for (int i = 0; i < NR_WAKEUP_HOOKS; i++) {
		if (!strcmp(wakeup_hooks[i].program, program))
			return i;
	}
	fail_msg("there is no program %s", program);
	return -1;
}

/* These programs and no others. */
static void assert_chosen(const struct wakeup_choice *choice, const char *const *programs)
{
	for (int i = 0; i < NR_WAKEUP_HOOKS; i++) {
		if (choice->is_chosen[i] != is_among(wakeup_hooks[i].program, programs))
			fail_msg("%s is %schosen", wakeup_hooks[i].program,
				 choice->is_chosen[i] ? "" : "not ");
	}
}

static void all_parts_are_seen_where_all_functions_can_be_traced(void **state)
{
	static const char *const programs[] = {
		"ctl_ended",	     "ctl_begun",	 "scan_counted",
		"waiter_woken",	     "poller_woken",	 "wait_sleeps",
		"callback_returned", "callback_entered", NULL
	};
	struct wakeup_choice choice = WITHOUT(NULL);

	(void)state;
	assert_int_equal(choice.err, 0);
	assert_int_equal(choice.parts, WAKEUPS_ALL);
	assert_chosen(&choice, programs);
}

static void scans_are_seen_by_their_procs_where_there_is_no_done_scan(void **state)
{
	static const char *const programs[] = { "ctl_ended",	     "ctl_begun",
						"send_scan_counted", "read_scan_counted",
						"waiter_woken",	     "poller_woken",
						"wait_sleeps",	     "callback_returned",
						"callback_entered",  NULL };
	struct wakeup_choice choice = WITHOUT("ep_done_scan");

	(void)state;
	assert_int_equal(choice.parts, WAKEUPS_ALL);
	assert_chosen(&choice, programs);
}

static void whom_epoll_wakes_can_be_had_alone(void **state)
{
	static const char *const programs[] = { "waiter_woken", NULL };
	struct wakeup_choice choice = ONLY_WITH("ep_autoremove_wake_function");

	(void)state;
	assert_int_equal(choice.err, 0);
	assert_int_equal(choice.parts, WAKEUPS_EPOLL);
	assert_chosen(&choice, programs);
}

static void each_other_part_can_be_had_alone(void **state)
{
	struct wakeup_choice choice = ONLY_WITH("pollwake");

	(void)state;
	assert_int_equal(choice.parts, WAKEUPS_POLL);
	choice = ONLY_WITH("schedule_hrtimeout_range");
	assert_int_equal(choice.parts, WAKEUPS_SLEEPS);
	choice = ONLY_WITH("do_epoll_ctl", "ep_done_scan", "ep_poll_callback");
	assert_int_equal(choice.parts, WAKEUPS_CALLBACKS);
	choice = ONLY_WITH("do_epoll_ctl", "ep_send_events_proc", "ep_read_events_proc",
			   "ep_poll_callback");
	assert_int_equal(choice.parts, WAKEUPS_CALLBACKS);
}

static void what_epoll_is_told_takes_all_of_its_functions(void **state)
{
	static const char *const lacking[][3] = {
		{ "do_epoll_ctl" },
		{ "ep_poll_callback" },
		{ "ep_done_scan", "ep_send_events_proc" },
		{ "ep_done_scan", "ep_read_events_proc" },
	};
	static const char *const programs[] = { "waiter_woken", "poller_woken", "wait_sleeps",
						NULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lacking); i++) {
		struct wakeup_choice choice = choice_without(lacking[i]);

		assert_int_equal(choice.parts, WAKEUPS_ALL & ~WAKEUPS_CALLBACKS);
		assert_chosen(&choice, programs);
	}
}

/* What can be traced and shows nothing on its own is no reason. */
static void where_nothing_is_seen_the_first_refusal_is_the_reason(void **state)
{
	static const char *const programs[] = { NULL };
	struct wakeup_choice choice = ONLY_WITH(NULL);

	(void)state;
	assert_int_equal(choice.parts, 0);
	assert_int_equal(choice.err, -1);
	assert_chosen(&choice, programs);
	choice = ONLY_WITH("do_epoll_ctl");
	assert_int_equal(choice.parts, 0);
	assert_int_equal(choice.err, -1 - index_of("scan_counted"));
	assert_chosen(&choice, programs);
}

static void what_was_seen_to_begin_is_seen_to_end(void **state)
{
	(void)state;
	assert_true(index_of("callback_returned") < index_of("callback_entered"));
	assert_true(index_of("ctl_ended") < index_of("ctl_begun"));
}

/* ---- in words ---- */

/* The line of `check` ends so. */
static void assert_check_says(unsigned parts, const char *end)
{
	const struct ability ability = { .wakeups = parts };
	struct sheet sheet = {};
	const char *text = "";

	ability_show(&sheet, &ability);
	for (size_t i = 0; i < sheet.nr_items; i++) {
		if (!strcmp(sheet.items[i].label, "wakeups"))
			text = sheet.items[i].text;
	}
	if (strlen(text) < strlen(end) || strcmp(text + strlen(text) - strlen(end), end))
		fail_msg("'%s' does not end with '%s'", text, end);
	sheet_free(&sheet);
}

static void check_tells_the_parts_that_can_be_had(void **state)
{
	(void)state;
	assert_check_says(0, "--wakeups cannot be had here");
	assert_check_says(WAKEUPS_EPOLL, "too: whom epoll wakes");
	assert_check_says(WAKEUPS_EPOLL | WAKEUPS_SLEEPS, "too: whom epoll wakes, who sleeps on");
}

static void every_part_has_words_of_its_own(void **state)
{
	(void)state;
	for (unsigned part = 1; part & WAKEUPS_ALL; part <<= 1) {
		assert_non_null(wakeups_part_shows(part));
		for (unsigned other = 1; other < part; other <<= 1)
			assert_string_not_equal(wakeups_part_shows(part),
						wakeups_part_shows(other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_parts_are_seen_where_all_functions_can_be_traced),
		cmocka_unit_test(scans_are_seen_by_their_procs_where_there_is_no_done_scan),
		cmocka_unit_test(whom_epoll_wakes_can_be_had_alone),
		cmocka_unit_test(each_other_part_can_be_had_alone),
		cmocka_unit_test(what_epoll_is_told_takes_all_of_its_functions),
		cmocka_unit_test(where_nothing_is_seen_the_first_refusal_is_the_reason),
		cmocka_unit_test(what_was_seen_to_begin_is_seen_to_end),
		cmocka_unit_test(check_tells_the_parts_that_can_be_had),
		cmocka_unit_test(every_part_has_words_of_its_own),
	};

	return cmocka_run_group_tests_name("wakeup_hooks", tests, NULL, NULL);
}
