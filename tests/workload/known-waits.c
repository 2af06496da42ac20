/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * known-waits.c - every outcome of epoll_wait, poll and select, each a prime
 * number of times, on three descriptors that are always ready and two that
 * never are. (Whether a wait slept is for the kernel to know: clock.c.)
 *
 *	ready[0..2]   idle[0..1]
 *	    \  |  /      |  /
 *	     full        empty		(epoll instances, level-triggered)
 */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "workload.h"

/* Where there is no such call, libc's poll() is ppoll: a timeout is read, and what is left of it written. */
#ifdef SYS_poll
#define POLL_TIME 0
#else
#define POLL_TIME 16
#endif

#define TIMES(n) for (int turn_ = 0; turn_ < (n); turn_++)

static int ready[3], idle[2];
static sigset_t mask;
static const struct timespec short_time = { .tv_nsec = 1000000 }, no_time;

static void come_and_go(int signal)
{
	(void)signal;
}

/* A signal comes after a millisecond and then every one, until the wait was in time to meet it. */
static void arm(int on)
{
	struct itimerval timer = { .it_value.tv_usec = on * 1000,
				   .it_interval.tv_usec = on * 1000 };

	MUST(!setitimer(ITIMER_REAL, &timer, NULL));
}

static int new_epoll(const int *fds, int nr)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	for (int i = 0; i < nr; i++)
		MUST(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event));
	return epoll_fd;
}

/* How often the kernel takes epoll_pwait2, which is there since 5.11. */
static int pwait2_times(void)
{
	struct epoll_event event;

	return epoll_pwait2(-1, &event, 1, NULL, NULL) < 0 && errno == ENOSYS ? 0 : 2;
}

static void wait_by_epoll(void)
{
	int full = new_epoll(ready, 3), empty = new_epoll(idle, 2);
	struct epoll_event events[8];
	const int twice = pwait2_times(); /* which is one call that fails */

	TIMES(5) MUST(epoll_wait(full, events, 2, -1) == 2); /* saturated */
	TIMES(7) MUST(epoll_pwait(full, events, 8, 1000, &mask) == 3);
	TIMES(twice) MUST(epoll_pwait2(full, events, 8, &short_time, &mask) == 3);
	TIMES(11) MUST(epoll_wait(empty, events, 4, 0) == 0);
	TIMES(twice) MUST(epoll_pwait2(empty, events, 4, &no_time, NULL) == 0);
	TIMES(13) MUST(epoll_wait(empty, events, 1, 1) == 0);
	TIMES(17) MUST(epoll_wait(-1, events, 1, -1) < 0 && errno == EBADF);
	arm(1);
	TIMES(3) MUST(epoll_wait(empty, events, 1, -1) < 0 && errno == EINTR);
	arm(0);

	expect("epoll_wait.calls=%d", 5 + 7 + 11 + 2 * twice + 13 + 17 + 1 + 3);
	expect("epoll_wait.wakeups=%d", 5 + 7 + twice);
	expect("epoll_wait.immediate=%d", 5 + 7 + twice);
	expect("epoll_wait.empty_polls=%d", 11 + twice);
	expect("epoll_wait.timeouts=13");
	expect("epoll_wait.interrupted=3");
	expect("epoll_wait.failed=%d", 17 + 1);
	expect("epoll_wait.ready=%d", 5 * 2 + (7 + twice) * 3);
	expect("epoll_wait.ready_hist=[0,0,%d]", 12 + twice);
	expect("epoll_wait.saturated=5");
	expect("epoll_wait.capacity=%d", 5 * 2 + (7 + twice) * 8 + (11 + twice) * 4 + 13 + 3);
	expect("epoll_wait.watched=%d", (12 + twice) * 3 + (11 + twice + 13 + 3) * 2);
	expect("epoll_wait.watched_hist=[0,0,%d]", 12 + twice + 11 + twice + 13 + 3);
	expect("epoll_wait.in_bytes=%d", 7 * 8 + twice * (16 + 8) + twice * 16);
	expect("epoll_wait.out_bytes=%d", (5 * 2 + (7 + twice) * 3) * 12);
	expect("epoll_ctl.add=5");
	expect("epoll_ctl.in_bytes=%d", 5 * (int)sizeof(struct epoll_event));
}

static void wait_by_poll(void)
{
	struct pollfd fds[] = {
		{ ready[0], POLLIN, 0 },
		{ idle[0], POLLIN, 0 },
		{ 9999, POLLIN, 0 }, /* is open nowhere: POLLNVAL, and counted as ready */
	};
	struct rlimit limit;

	MUST(!getrlimit(RLIMIT_NOFILE, &limit));
	TIMES(5) MUST(poll(fds, 3, -1) == 2);
	TIMES(7) MUST(ppoll(fds, 1, &short_time, &mask) == 1);
	TIMES(11) MUST(poll(fds + 1, 1, 0) == 0);
	TIMES(2) MUST(ppoll(fds + 1, 1, &no_time, NULL) == 0);
	TIMES(13) MUST(poll(NULL, 0, 1) == 0);
	TIMES(17) MUST(poll(fds, limit.rlim_cur + 1, 0) < 0 && errno == EINVAL);
	arm(1);
	TIMES(3) MUST(poll(fds + 1, 1, -1) < 0 && errno == EINTR);
	arm(0);

	expect("poll.calls=%d", 5 + 7 + 11 + 2 + 13 + 17 + 3);
	expect("poll.wakeups=%d", 5 + 7);
	expect("poll.immediate=%d", 5 + 7);
	expect("poll.empty_polls=%d", 11 + 2);
	expect("poll.timeouts=13");
	expect("poll.interrupted=3");
	expect("poll.failed=17");
	expect("poll.ready=%d", 5 * 2 + 7);
	expect("poll.ready_hist=[0,7,5]");
	expect("poll.watched=%d", 5 * 3 + 7 + 13 + 3);
	expect("poll.watched_hist=[13,%d,5]", 7 + 13 + 3);
	expect("poll.in_bytes=%d",
	       8 * (5 * 3 + 7 + 13 + 3) + 7 * (16 + 8) + 2 * 16 + POLL_TIME * (11 + 13 + 17));
	expect("poll.out_bytes=%d", 2 * (5 * 3 + 7 + 13 + 3) + 7 * 16 + POLL_TIME * 13);
}

static int select_of(int in_fd, int out_fd, const struct timespec *time, const sigset_t *set)
{
	int n = (in_fd > out_fd ? in_fd : out_fd) + 1;
	fd_set in, out;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(in_fd, &in);
	if (out_fd >= 0)
		FD_SET(out_fd, &out);
	return pselect(n, &in, out_fd >= 0 ? &out : NULL, NULL, time, set);
}

/* Our numbers are below 64, so a set is a word. glibc hands pselect6 a pack of 16 bytes each time. */
static void wait_by_select(void)
{
	struct timeval time;

	TIMES(5) MUST(select_of(ready[0], ready[0], NULL, NULL) == 2); /* once for each set */
	TIMES(7) MUST(select_of(ready[0], ready[1], &short_time, &mask) == 2);
	TIMES(11) MUST(select_of(idle[0], -1, &no_time, NULL) == 0);
	TIMES(13) MUST(select_of(idle[0], -1, &short_time, NULL) == 0);
	TIMES(17) MUST(select(-1, NULL, NULL, NULL, NULL) < 0 && errno == EINVAL);
	TIMES(2)
	{
		time = (struct timeval){ .tv_usec = 1000 };
		MUST(select(0, NULL, NULL, NULL, &time) == 0);
	}
	arm(1);
	TIMES(3) MUST(select_of(idle[0], -1, NULL, NULL) < 0 && errno == EINTR);
	arm(0);

	expect("select.calls=%d", 5 + 7 + 11 + 13 + 17 + 2 + 3);
	expect("select.wakeups=%d", 5 + 7);
	expect("select.immediate=%d", 5 + 7);
	expect("select.empty_polls=11");
	expect("select.timeouts=%d", 13 + 2);
	expect("select.interrupted=3");
	expect("select.failed=17");
	expect("select.ready=%d", (5 + 7) * 2);
	expect("select.ready_hist=[0,0,12]");
	expect("select.watched=%d", 5 + 7 * 2 + 11 + 13 + 3);
	expect("select.watched_hist=[2,%d,7]", 5 + 11 + 13 + 3);
	expect("select.in_bytes=%d", (5 + 7) * 16 + (11 + 13 + 3) * 8 +		  /* sets */
					     (7 + 11 + 13 + 2) * 16 +		  /* times */
					     (5 + 7 + 11 + 13 + 3) * 16 + 7 * 8); /* packs, masks */
	expect("select.out_bytes=%d", (5 + 7) * 16 + (11 + 13) * 8 + (7 + 13 + 2) * 16);
}

int main(void)
{
	struct sigaction action = { .sa_handler = come_and_go };

	for (int i = 0; i < 3; i++)
		ready[i] = eventfd(1, 0);
	for (int i = 0; i < 2; i++)
		idle[i] = eventfd(0, 0);
	MUST(!sigaction(SIGALRM, &action, NULL));
	wait_by_epoll();
	wait_by_poll();
	wait_by_select();
	expect("fds.opened=%d", 3 + 2 + 2);
	expect("fds.closed=0");
	expect("fds.unaccounted=0");
	report();
	return 0;
}
