/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * told-again.c - what poll and select report again and again. Drawn as in
 * epoll-triggers.c; poll and select stand where an instance would.
 */
#include <poll.h>
#include <sys/select.h>

#include "shapes.h"

/* One descriptor, which is reported so. */
static void polled(int fd, short mask, short bits)
{
	struct pollfd entry = { fd, mask, 0 };

	MUST(poll(&entry, 1, 0) == (bits != 0) && entry.revents == bits);
}

/* For reading, for writing, or both, if it is given; reported in so many sets. */
static void selected(int in_fd, int out_fd, int nr)
{
	int n = (in_fd > out_fd ? in_fd : out_fd) + 1;
	struct timeval now = { 0 };
	fd_set in, out;

	FD_ZERO(&in);
	FD_ZERO(&out);
	if (in_fd >= 0)
		FD_SET(in_fd, &in);
	if (out_fd >= 0)
		FD_SET(out_fd, &out);
	MUST(select(n, in_fd >= 0 ? &in : NULL, out_fd >= 0 ? &out : NULL, NULL, &now) == nr);
}

static void expect_again(const char *call, int again, int again_in, int idle_out, int hangup)
{
	KEY("%s.redelivered=%d", call, again);
	KEY("%s.redelivered_in=%d", call, again_in);
	KEY("%s.idle_out=%d", call, idle_out);
	KEY("%s.ignored_hangup=%d", call, hangup);
}

/*
 *	t0
 *	 |
 *	poll
 *	 | (IN)
 *	e0, never read, then read and raised in between
 */
static void poll_reports_what_nobody_reads(void)
{
	int e0 = new_event(1, 0);

	begin();
	TIMES(7) polled(e0, POLLIN, POLLIN);
	TIMES(5)
	{
		drain_event(e0);
		polled(e0, POLLIN, 0);
		raise_by(e0, 1);
		polled(e0, POLLIN, POLLIN);
	}
	expect_again("poll", 6, 6, 0, 0);
}

static void select_reports_what_nobody_reads(void)
{
	int e0 = new_event(1, 0);

	begin();
	TIMES(7) selected(e0, -1, 1);
	TIMES(5)
	{
		drain_event(e0);
		selected(e0, -1, 0);
		raise_by(e0, 1);
		selected(e0, -1, 1);
	}
	expect_again("select", 6, 6, 0, 0);
}

/*
 *	t0
 *	 |
 *	poll
 *	 | (IN OUT)
 *	one end of a socket pair
 */
static void poll_reports_room_that_nobody_fills(void)
{
	int ends[2];

	new_pair(SOCK_STREAM, ends);
	begin();
	TIMES(5) polled(ends[0], POLLIN | POLLOUT, POLLOUT); /* idle, but the first */
	give(ends[1], 100);
	TIMES(3) polled(ends[0], POLLIN | POLLOUT, POLLIN | POLLOUT);
	take(ends[0], 4096, 100);
	polled(ends[0], POLLIN | POLLOUT, POLLOUT); /* idle, and not redelivered */
	give(ends[0], 10);
	polled(ends[0], POLLIN | POLLOUT, POLLOUT);
	expect_again("poll", 7, 3, 5, 0);
}

/* The same; a descriptor in both sets is reported once. */
static void select_reports_room_that_nobody_fills(void)
{
	int ends[2];

	new_pair(SOCK_STREAM, ends);
	begin();
	TIMES(5) selected(ends[0], ends[0], 1);
	give(ends[1], 100);
	TIMES(3) selected(ends[0], ends[0], 2);
	take(ends[0], 4096, 100);
	selected(ends[0], ends[0], 1);
	give(ends[0], 10);
	selected(ends[0], ends[0], 1);
	expect_again("select", 7, 3, 5, 0);
}

/*
 *	t0
 *	 |
 *	poll
 *	 | (IN)	  \ (OUT)
 *	p0	   p1
 *
 * Pipes without their other end.
 */
static void poll_reports_a_hangup_that_nobody_heeds(void)
{
	int p0[2], p1[2];

	MUST(!pipe2(p0, O_NONBLOCK) && !pipe2(p1, O_NONBLOCK));
	begin();
	close(p0[1]);
	close(p1[0]);
	TIMES(5)
	{
		polled(p0[0], POLLIN, POLLHUP);
		polled(p1[1], POLLOUT, POLLOUT | POLLERR);
	}
	TIMES(3)
	{
		take(p0[0], 100, 0);
		polled(p0[0], POLLIN, POLLHUP); /* a call on it, and ignored still */
	}
	expect_again("poll", 8, 0, 0, 11);
}

/* select calls a hang-up readable: it is the read that says what it was. */
static void select_reports_an_end_that_nobody_heeds(void)
{
	int p0[2];

	new_pipe(p0);
	begin();
	close(p0[1]);
	TIMES(5)
	{
		selected(p0[0], -1, 1);
		take(p0[0], 100, 0);
	}
	TIMES(3) selected(p0[0], -1, 1);
	expect_again("select", 2, 2, 0, 7);
}

/*
 *	t0
 *	 |
 *	poll, of which only e0 is ready
 *	 |     |      \
 *	e0    e1       9999, which is open nowhere
 */
static void poll_of_several_counts_what_it_reports(void)
{
	int e0 = new_event(1, 0), e1 = new_event(0, 0);

	begin();
	TIMES(7)
	{
		struct pollfd entries[] = {
			{ e1, POLLIN, 0 }, { 9999, POLLIN, 0 }, { -1, POLLIN, 0 }, { e0, POLLIN, 0 }
		};

		MUST(poll(entries, 4, 0) == 2 && entries[1].revents == POLLNVAL);
		MUST(entries[3].revents == POLLIN);
	}
	expect_again("poll", 6, 6, 0, 0);
}

/*
 *	t0
 *	 |
 *	poll, select, s0 in turn
 *	  \    |    / (lt)
 *	      e0
 *
 * poll and select report to the same program, and what one reported the other reports again. What
 * s0 tells is a delivery, and none of theirs is.
 */
static void poll_and_select_report_and_epoll_delivers(void)
{
	int s0 = new_set(), e0 = new_event(1, 0);

	add(s0, e0, EPOLLIN, 1);
	begin();
	TIMES(5)
	{
		one(s0, EPOLLIN, 1);
		polled(e0, POLLIN, POLLIN);
		selected(e0, -1, 1);
	}
	ROW(s0, "returns=5 registrations.level=1 deliveries.level=5 deliveries.in=5 redelivered=4 "
		"redelivered_in=4");
	expect_again("poll", 4, 4, 0, 0);
	expect_again("select", 5, 5, 0, 0);
}

static const struct shape shapes[] = {
	SHAPE(poll_reports_what_nobody_reads),
	SHAPE(select_reports_what_nobody_reads),
	SHAPE(poll_reports_room_that_nobody_fills),
	SHAPE(select_reports_room_that_nobody_fills),
	SHAPE(poll_reports_a_hangup_that_nobody_heeds),
	SHAPE(select_reports_an_end_that_nobody_heeds),
	SHAPE(poll_of_several_counts_what_it_reports),
	SHAPE(poll_and_select_report_and_epoll_delivers),
};

int main(int argc, char **argv)
{
	return direct(shapes, sizeof(shapes) / sizeof(*shapes), argc, argv);
}
