/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The doors of bpf/syscalls.bpf.c: which of them this kernel opens, found by
 * trying, and the switching on of their programs before they are loaded.
 */
#ifndef FDSCOPE_DOORS_H
#define FDSCOPE_DOORS_H

#include "model/backend.h"

struct fdscope_bpf;

/*
 * Do trampolines attach? 0, or -errno: -EPERM under lockdown, -ENOENT where the
 * kernel has no types for a call that it has.
 */
int doors_try_fentry(void);

/*
 * Makes @wanted one that works here, in @opened, and switches on its programs.
 * 0 or -errno: only what was asked for by name can fail.
 */
int doors_open(struct fdscope_bpf *skel, enum backend wanted, enum backend *opened);

/*
 * When this returns nothing comes in any more. Trampolines stay attached, and do
 * nothing: taking one off waits for RCU tasks (kernel/trace/ftrace.c,
 * unregister_ftrace_direct), a tenth of a second for each function.
 */
void doors_shut(struct fdscope_bpf *skel);

/* Destroys @skel, which may be NULL, and leaves the taking off to an orphan. */
void doors_destroy(struct fdscope_bpf *skel);

#endif
