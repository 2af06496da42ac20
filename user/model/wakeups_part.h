/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of what is watched inside the kernel: each can be had, or not, on its own. */
#ifndef FDSCOPE_WAKEUPS_PART_H
#define FDSCOPE_WAKEUPS_PART_H

/* Each has keys in the profile that are left out without it. */
enum wakeups_part {
	WAKEUPS_CALLBACKS = 1 << 0, /* what became of the readiness that epoll was told of */
	WAKEUPS_EPOLL = 1 << 1,	    /* whom epoll woke */
	WAKEUPS_POLL = 1 << 2,	    /* the same for poll and select, and of what they were told */
	WAKEUPS_SLEEPS = 1 << 3,    /* who slept on */
	WAKEUPS_ALL = (1 << 4) - 1,
};

/* What is seen of the kernel by @part, one of them, for eyes. */
const char *wakeups_part_shows(enum wakeups_part part);

#endif
