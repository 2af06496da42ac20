/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The functions inside the kernel that bpf/wakeup.bpf.c can watch, and which of
 * them to watch on a kernel that refuses some. Asks no kernel and attaches nothing.
 */
#ifndef FDSCOPE_WAKEUP_HOOKS_H
#define FDSCOPE_WAKEUP_HOOKS_H

#include <stdbool.h>

#include "model/wakeups_part.h"

#define NR_WAKEUP_HOOKS 10

/* Of two ways to see the same, on kernels that name it so or so; the first that can be had. */
enum wakeup_way {
	ALWAYS,
	WITH_DONE_SCAN,
	WITH_SCAN_PROCS,
};

struct wakeup_hook {
	const char *program;
	const char *function;
	enum wakeups_part part; /* which needs it */
	enum wakeup_way way;
};

/*
 * In the order of attaching, which is the reverse of that of detaching: a
 * callback whose entry was seen is seen to return.
 */
extern const struct wakeup_hook wakeup_hooks[NR_WAKEUP_HOOKS];

struct wakeup_choice {
	bool is_chosen[NR_WAKEUP_HOOKS];
	unsigned parts; /* enum wakeups_part that they show */
	int err;	/* 0 or, when there are none, -errno */
};

/* What can be had where the kernel said @refused, 0 or -errno, to each hook. */
struct wakeup_choice wakeup_hooks_choose(const int refused[NR_WAKEUP_HOOKS]);

#endif
