/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * epoll-calls.c - which calls count as something done about an event, and which
 * events came for nothing. Drawn as in epoll-triggers.c.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "shapes.h"

/* ---- which calls count ----------------------------------------------------------------------- */

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt)
 *	one end of a socket pair, with 100 bytes to read
 */
static void any_call_that_moves_data_or_the_registration_counts(void)
{
	int s0 = new_set(), file = memfd_create("file", 0), ends[2], p[2], value;
	socklen_t size = sizeof(value);
	struct iovec vec = { bytes, 10 };
	struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1 };

	new_pair(SOCK_STREAM, ends);
	new_pipe(p);
	give(file, 4096);
	give(p[1], 10);
	add(s0, ends[0], EPOLLIN, 1);
	begin();
	give(ends[1], 100);
	one(s0, EPOLLIN, 1);
	MUST(!getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &value, &size));
	one(s0, EPOLLIN, 1); /* redelivered */
	MUST(!ioctl(ends[0], FIONREAD, &value) && value == 100);
	one(s0, EPOLLIN, 1); /* redelivered */
	MUST(fcntl(ends[0], F_GETFL) >= 0);
	one(s0, EPOLLIN, 1); /* redelivered */
	stranger_takes(ends[0], 10);
	one(s0, EPOLLIN, 1); /* redelivered: that was no target */
	MUST(send(ends[0], bytes, 10, 0) == 10);
	one(s0, EPOLLIN, 1);
	MUST(sendmsg(ends[0], &message, 0) == 10);
	one(s0, EPOLLIN, 1);
	mod(s0, ends[0], EPOLLIN, 1);
	one(s0, EPOLLIN, 1);
	MUST(sendfile(ends[0], file, &(off_t){ 0 }, 10) == 10);
	one(s0, EPOLLIN, 1);
	MUST(splice(p[0], NULL, ends[0], NULL, 10, 0) == 10);
	one(s0, EPOLLIN, 1);
	MUST(recv(ends[0], bytes, 10, 0) == 10);
	one(s0, EPOLLIN, 1); /* residual */
	MUST(recvmsg(ends[0], &message, 0) == 10);
	one(s0, EPOLLIN, 1); /* residual */
	take(ends[0], 4096, 70);
	none(s0);
	ROW(s0, "returns=13 registrations.level=1 deliveries.level=12 deliveries.in=12 "
		"redelivered=4 redelivered_in=4 residual=2 first_reads=3");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt: IN OUT)
 *	one end of a socket pair
 *
 * OUT is idle until a write, whatever else is done meanwhile.
 */
static void out_is_idle_until_a_write(void)
{
	int s0 = new_set(), ends[2];

	new_pair(SOCK_STREAM, ends);
	add(s0, ends[0], EPOLLIN | EPOLLOUT, 1);
	begin();
	TIMES(5) one(s0, EPOLLOUT, 1); /* idle, but the first */
	give(ends[1], 100);
	TIMES(3) one(s0, EPOLLIN | EPOLLOUT, 1); /* OUT and something else */
	take(ends[0], 4096, 100);
	one(s0, EPOLLOUT, 1); /* idle, and not redelivered */
	give(ends[0], 10);
	one(s0, EPOLLOUT, 1);
	mod(s0, ends[0], EPOLLIN | EPOLLOUT, 1);
	one(s0, EPOLLOUT, 1); /* idle, and not redelivered */
	give(ends[0], 10);
	one(s0, EPOLLOUT, 1);
	ROW(s0, "returns=12 registrations.level=1 deliveries.level=12 deliveries.in=3 "
		"deliveries.out=12 redelivered=7 redelivered_in=3 idle_out=6 first_reads=1");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt)
 *	one end of a socket pair whose other end is shut; it is read from again and again
 */
static void a_hangup_that_was_told_before_is_ignored(void)
{
	int s0 = new_set(), ends[2];

	new_pair(SOCK_STREAM, ends);
	add(s0, ends[0], EPOLLIN, 1);
	begin();
	close(ends[1]);
	TIMES(7)
	{
		one(s0, EPOLLIN | EPOLLHUP, 1);
		take(ends[0], 100, 0);
	}
	TIMES(3) one(s0, EPOLLIN | EPOLLHUP, 1);
	ROW(s0, "returns=10 registrations.level=1 deliveries.level=10 deliveries.in=10 "
		"deliveries.hup=10 redelivered=2 redelivered_in=2 ignored_hangup=9 first_reads=7");
}

/* ---- for nothing ----------------------------------------------------------------------------- */

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt)
 *	a timer that has run out, and is set anew before it is read
 */
static void a_timer_set_anew_was_told_for_nothing(void)
{
	int s0 = new_set(), t0 = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	add(s0, t0, EPOLLIN, 1);
	begin();
	TIMES(3)
	{
		set_timer(t0, 0);
		told_of_timer(s0, 1);
		set_timer(t0, 1000);
		take(t0, 8, -1);
		none(s0);
		set_timer(t0, 0);
		told_of_timer(s0, 1);
		take(t0, 8, 8);
		take(t0, 8, -1); /* not the first */
	}
	ROW(s0, "returns=9 registrations.level=1 deliveries.level=6 deliveries.in=6 spurious=3 "
		"first_reads=6");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt)
 *	p0	p1, the same pipe opened once more: another description
 */
static void a_pipe_opened_twice_is_two_descriptions(void)
{
	int s0 = new_set(), p[2], p1;
	char path[32];

	new_pipe(p);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	p1 = open(path, O_RDONLY | O_NONBLOCK);
	MUST(p1 >= 0);
	add(s0, p[0], EPOLLIN, 1);
	begin();
	TIMES(3)
	{
		give(p[1], 100);
		TIMES(2) one(s0, EPOLLIN, 1);
		take(p1, 50, 50);
		one(s0, EPOLLIN, 1); /* redelivered: no call on p0 */
		take(p1, 4096, 50);
		take(p[0], 4096, -1); /* spurious */
	}
	give(p[1], 100);
	one(s0, EPOLLIN, 1);
	take(p[0], 4096, 100);
	take(p[0], 4096, -1);
	ROW(s0, "returns=10 registrations.level=1 deliveries.level=10 deliveries.in=10 "
		"redelivered=6 redelivered_in=6 spurious=3 first_reads=4");
}

/*
 *	t0	a stranger
 *	 |	 |
 *	s0	 |
 *	 | (lt)	 |
 *	a listener
 *
 * Another process, which is not looked at, is quicker.
 */
static void an_accept_that_came_too_late_was_for_nothing(void)
{
	union any_address address;
	socklen_t size;
	int s0 = new_set(), listener = new_listener(AF_INET, &address, &size);

	add(s0, listener, EPOLLIN, 1);
	begin();
	TIMES(5)
	{
		connect_to(&address, size);
		one(s0, EPOLLIN, 1);
		stranger_takes(listener, ACCEPT);
		accept_none(listener); /* spurious */
	}
	connect_to(&address, size);
	one(s0, EPOLLIN, 1);
	accept_one(listener);
	accept_none(listener);
	ROW(s0, "returns=6 registrations.level=1 deliveries.level=6 deliveries.in=6 spurious=5 "
		"first_reads=6");
	KEY("accept.again=6");
}

/*
 *	t0		a stranger
 *	 | \		 |
 *	s0  s1		 |
 *	  \ (lt) \ (lt)	 |
 *	   one end of a socket pair
 *
 * What one told last answers for.
 */
static void the_last_that_told_answers_for_what_was_for_nothing(void)
{
	int s0 = new_set(), s1 = new_set(), ends[2];

	new_pair(SOCK_STREAM, ends);
	add(s0, ends[0], EPOLLIN, 1);
	add(s1, ends[0], EPOLLIN, 2);
	begin();
	TIMES(5)
	{
		give(ends[1], 10);
		one(s0, EPOLLIN, 1);
		one(s1, EPOLLIN, 2);
		stranger_takes(ends[0], 10);
		take(ends[0], 10, -1);
		take(ends[0], 10, -1); /* not the first */
	}
	TIMES(3)
	{
		give(ends[1], 10);
		one(s0, EPOLLIN, 1);
		one(s1, EPOLLIN, 2);
		take(ends[0], 100, 10);
		take(ends[0], 10, -1);
	}
	ROW(s0, "returns=8 registrations.level=1 deliveries.level=8 deliveries.in=8");
	ROW(s1, "returns=8 registrations.level=1 deliveries.level=8 deliveries.in=8 redelivered=8 "
		"redelivered_in=8 spurious=5 first_reads=8");
}

static const struct shape shapes[] = {
	SHAPE(any_call_that_moves_data_or_the_registration_counts),
	SHAPE(out_is_idle_until_a_write),
	SHAPE(a_hangup_that_was_told_before_is_ignored),
	SHAPE(a_timer_set_anew_was_told_for_nothing),
	SHAPE(a_pipe_opened_twice_is_two_descriptions),
	SHAPE(an_accept_that_came_too_late_was_for_nothing),
	SHAPE(the_last_that_told_answers_for_what_was_for_nothing),
};

int main(int argc, char **argv)
{
	return direct(shapes, sizeof(shapes) / sizeof(*shapes), argc, argv);
}
