/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "harness.h"

#if !HAS_SUPERSEDED_CALLS

#undef syscall

#include <sys/epoll.h>
#include <sys/time.h>

long number_made(long nr)
{
	switch (nr) {
	case SYS_epoll_wait:
		return SYS_epoll_pwait;
	case SYS_poll:
		return SYS_ppoll;
	case SYS_select:
		return SYS_pselect6;
	case SYS_dup2:
		return SYS_dup3;
	case SYS_signalfd:
		return SYS_signalfd4;
	case SYS_pipe:
		return SYS_pipe2;
	case SYS_open:
	case SYS_creat:
		return SYS_openat;
	case SYS_epoll_create:
		return SYS_epoll_create1;
	case SYS_eventfd:
		return SYS_eventfd2;
	case SYS_inotify_init:
		return SYS_inotify_init1;
	}
	return nr;
}

static long make_poll(long fds, long nr, int ms)
{
	struct timespec timeout = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	return syscall(SYS_ppoll, fds, nr, ms < 0 ? NULL : &timeout, NULL, 0);
}

/* A timeout has room for more microseconds than a second has, and gets back what is left. */
static long make_select(long nr, long in, long out, long ex, struct timeval *time)
{
	struct timespec timeout;
	long result;

	if (!time)
		return syscall(SYS_pselect6, nr, in, out, ex, NULL, NULL);
	timeout.tv_sec = time->tv_sec + time->tv_usec / 1000000;
	timeout.tv_nsec = time->tv_usec % 1000000 * 1000;
	result = syscall(SYS_pselect6, nr, in, out, ex, &timeout, NULL);
	time->tv_sec = timeout.tv_sec;
	time->tv_usec = timeout.tv_nsec / 1000;
	return result;
}

long make_call(long nr, long a, long b, long c, long d, long e, long f)
{
	switch (nr) {
	case SYS_poll:
		return make_poll(a, b, c);
	case SYS_select:
		return make_select(a, b, c, d, (struct timeval *)e);
	case SYS_dup2: /* dup3 refuses it */
		return a == b ? fcntl(a, F_GETFL) < 0 ? -1 : a : syscall(SYS_dup3, a, b, 0);
	case SYS_open:
		return syscall(SYS_openat, AT_FDCWD, a, b, c);
	case SYS_creat:
		return syscall(SYS_openat, AT_FDCWD, a, O_CREAT | O_WRONLY | O_TRUNC, b);
	case SYS_epoll_create:
		return syscall(SYS_epoll_create1, 0);
	default: /* with flags, or a mask, that are 0 */
		return syscall(number_made(nr), a, b, c, d, e, f);
	}
}

#endif
