/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that watch what the kernel does inside a wait (bpf/wakeup.bpf.c):
 * asks the kernel which of its functions it lets be traced, and attaches to them
 * as wakeup_hooks.h tells. Knows nothing of what they count.
 */
#ifndef FDSCOPE_WAKEUPS_H
#define FDSCOPE_WAKEUPS_H

#include <stdbool.h>
#include <stddef.h>

struct fdscope_bpf;
struct wakeups;

/*
 * What can be had here: enum wakeups_part, found by attaching something to each
 * function for a moment. 0: nothing, and @err says why (-errno).
 */
unsigned wakeups_try(int *err);

/*
 * To be called before @skel, which is borrowed, is loaded: what is not wanted,
 * or refused, is left out of it. 0 or -errno: wanted and nothing to be had.
 */
int wakeups_open(struct wakeups **out, struct fdscope_bpf *skel, bool is_wanted);
void wakeups_close(struct wakeups *wakeups);

/* 0 or -errno, logged. Nothing is counted before bss->is_live. */
int wakeups_attach(struct wakeups *wakeups);

/* Descriptors of the links, at most @room; how many. @wakeups may be NULL. */
size_t wakeups_fds(const struct wakeups *wakeups, int *fds, size_t room);

/* enum wakeups_part of what is watched; 0: nothing. @wakeups may be NULL. */
unsigned wakeups_parts(const struct wakeups *wakeups);

#endif
