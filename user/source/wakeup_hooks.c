/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/wakeup_hooks.h"

const struct wakeup_hook wakeup_hooks[NR_WAKEUP_HOOKS] = {
	{ "ctl_ended", "do_epoll_ctl", WAKEUPS_CALLBACKS, ALWAYS },
	{ "ctl_begun", "do_epoll_ctl", WAKEUPS_CALLBACKS, ALWAYS },
	{ "scan_counted", "ep_done_scan", WAKEUPS_CALLBACKS, WITH_DONE_SCAN },
	{ "send_scan_counted", "ep_send_events_proc", WAKEUPS_CALLBACKS, WITH_SCAN_PROCS },
	{ "read_scan_counted", "ep_read_events_proc", WAKEUPS_CALLBACKS, WITH_SCAN_PROCS },
	{ "waiter_woken", "ep_autoremove_wake_function", WAKEUPS_EPOLL, ALWAYS },
	{ "poller_woken", "pollwake", WAKEUPS_POLL, ALWAYS },
	{ "wait_sleeps", "schedule_hrtimeout_range", WAKEUPS_SLEEPS, ALWAYS },
	{ "callback_returned", "ep_poll_callback", WAKEUPS_CALLBACKS, ALWAYS },
	{ "callback_entered", "ep_poll_callback", WAKEUPS_CALLBACKS, ALWAYS },
};

/* 0 if all of @part that is done in @way can be had. */
static int refused_in(const int *refused, enum wakeups_part part, enum wakeup_way way)
{
	for (int i = 0; i < NR_WAKEUP_HOOKS; i++) {
		if (wakeup_hooks[i].part == part && wakeup_hooks[i].way == way && refused[i])
			return refused[i];
	}
	return 0;
}

/* The way in which @part is seen, if it is. */
static bool is_possible(const int *refused, enum wakeups_part part, enum wakeup_way *way)
{
	*way = refused_in(refused, part, WITH_DONE_SCAN) ? WITH_SCAN_PROCS : WITH_DONE_SCAN;
	return !refused_in(refused, part, ALWAYS) && !refused_in(refused, part, *way);
}

struct wakeup_choice wakeup_hooks_choose(const int refused[NR_WAKEUP_HOOKS])
{
	struct wakeup_choice choice = {};
	enum wakeup_way way;

	for (int i = 0; i < NR_WAKEUP_HOOKS; i++) {
		const struct wakeup_hook *hook = &wakeup_hooks[i];

		choice.is_chosen[i] = is_possible(refused, hook->part, &way) &&
				      (hook->way == ALWAYS || hook->way == way);
		if (choice.is_chosen[i])
			choice.parts |= hook->part;
	}
	for (int i = 0; i < NR_WAKEUP_HOOKS && !choice.parts && !choice.err; i++)
		choice.err = refused[i];
	return choice;
}
