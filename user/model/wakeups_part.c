/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/wakeups_part.h"

static const char *const shown[WAKEUPS_ALL] = {
	[WAKEUPS_CALLBACKS] = "what epoll is told",
	[WAKEUPS_EPOLL] = "whom epoll wakes",
	[WAKEUPS_POLL] = "whom poll and select wake",
	[WAKEUPS_SLEEPS] = "who sleeps on",
};

const char *wakeups_part_shows(enum wakeups_part part)
{
	return shown[part];
}
