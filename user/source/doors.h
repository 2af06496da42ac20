/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The doors of bpf/syscalls.bpf.c: which of them this kernel opens, found by
 * trying, which are exact, and the switching on of their programs before they
 * are loaded.
 *
 * A trampoline costs least, a raw tracepoint less than a classic one. But where
 * the kernel can preempt the thread that runs a program, it skips the program
 * for every other thread of that CPU until the first is back: nearly half of all
 * calls, where threads compete for one that is slow. So it is with trampolines
 * wherever the kernel is preemptible, and with raw tracepoints since 7.0
 * ("tracing: Guard __DECLARE_TRACE() use of __DO_TRACE_CALL() with SRCU-fast",
 * "bpf: Have __bpf_trace_run() use rcu_read_lock_dont_migrate()"). A classic
 * tracepoint runs with preemption disabled around all of that, at about 0.1 us
 * more a call. It is still skipped where bpf(2) changes a map and is preempted, on
 * that CPU: that is rare. Whatever is skipped is counted as programs_skipped.
 */
#ifndef FDSCOPE_DOORS_H
#define FDSCOPE_DOORS_H

#include <stddef.h>

#include "model/backend.h"

struct fdscope_bpf;

/*
 * Do trampolines attach, and would they see all? 0, or -errno: -EPERM under
 * lockdown, -ENOENT where the kernel has no types for a call that it has, -EAGAIN
 * where it is preemptible.
 */
int doors_try_fentry(void);

/*
 * Makes @wanted one that works here, in @opened, and switches on its programs.
 * What is asked for by name need not be exact, and can be refused: 0 or -errno.
 */
int doors_open(struct fdscope_bpf *skel, enum backend wanted, enum backend *opened);

/* Does the kernel show requests to io_uring? Only after doors_open(). */
bool doors_see_io_uring(const struct fdscope_bpf *skel);

/* Attaches the trampolines of @skel, which is loaded, if they are its doors. 0 or -errno. */
int doors_attach(struct fdscope_bpf *skel);

/*
 * After bss->is_live was cleared: detaches all but the trampolines. When this
 * returns, nothing is counted any more. Trampolines stay, and find no row: taking
 * one off waits for RCU tasks (kernel/trace/ftrace.c, unregister_ftrace_direct), a
 * tenth of a second for each function.
 */
void doors_detach(struct fdscope_bpf *skel);

/* Descriptors of the trampolines' links, at most @room, as they were attached; how many. */
size_t doors_fds(const struct fdscope_bpf *skel, int *fds, size_t room);

#endif
