/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls that arm64 does not have. So that tests can make them by number
 * there, too, syscall() makes the call that came in their place, as libc does. What is
 * counted is the same, but for the timeout of poll.
 */
#ifndef FDSCOPE_TESTS_BPF_SUPERSEDED_H
#define FDSCOPE_TESTS_BPF_SUPERSEDED_H

#include <sys/syscall.h>

#ifdef SYS_epoll_wait

#define HAS_SUPERSEDED_CALLS 1
#define POLL_TIME_BYTES	     0

static inline long number_made(long nr)
{
	return nr;
}

#else

#define HAS_SUPERSEDED_CALLS 0
#define POLL_TIME_BYTES	     16 /* ppoll's is in memory: read, and what is left of it written */

/* Numbers that no call has. */
enum {
	SYS_epoll_wait = 0x10000,
	SYS_poll,
	SYS_select,
	SYS_dup2,
	SYS_signalfd,
	SYS_pipe,
	SYS_open,
	SYS_creat,
	SYS_epoll_create,
	SYS_eventfd,
	SYS_inotify_init,
};

/* The number of the call that is made for @nr. */
long number_made(long nr);
long make_call(long nr, long a, long b, long c, long d, long e, long f);

/* Arguments that are not given are 0: no mask. */
#define syscall(...)	     FILLED_UP(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define FILLED_UP(nr, a, b, c, d, e, f, ...) \
	make_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif

#endif
