/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * epoll-reads.c - which reads drain what kind of descriptor. Drawn as in
 * epoll-triggers.c.
 */
#include <sys/signalfd.h>
#include <sys/uio.h>

#include "shapes.h"

/* A read into two pieces, asking for both together. */
static void take_two(int fd, size_t first, size_t second, ssize_t got)
{
	struct iovec pieces[] = { { bytes, first }, { bytes + first, second } };

	MUST(readv(fd, pieces, 2) == got);
}

/* ---- streams and pipes ----------------------------------------------------------------------- */

/*
 *	t0
 *	 |
 *	s0
 *	 | (et)
 *	one end of a socket pair; 100 bytes come each time
 */
static void a_stream_is_drained_by_less_than_asked_by_eagain_and_by_its_end(void)
{
	int s0 = new_set(), ends[2];

	new_pair(SOCK_STREAM, ends);
	add(s0, ends[0], EPOLLIN | EPOLLET, 1);
	begin();
	for (int way = 0; way < 7; way++) {
		give(ends[1], 100);
		one(s0, EPOLLIN, 1);
		switch (way) {
		case 0:
			take(ends[0], 4096, 100);
			break;
		case 1:
			take(ends[0], 100, 100); /* undrained */
			break;
		case 2:
			take(ends[0], 100, 100);
			take(ends[0], 100, -1);
			break;
		case 3:
			take(ends[0], 50, 50);
			take(ends[0], 51, 50);
			break;
		case 4:
			take_two(ends[0], 60, 60, 100);
			break;
		case 5:
			take_two(ends[0], 60, 40, 100); /* undrained */
			break;
		case 6:
			take(ends[0], 0, 0); /* undrained: nothing was asked for */
			break;
		}
		none(s0);
	}
	take(ends[0], 4096, 100);
	close(ends[1]);
	one(s0, EPOLLIN | EPOLLHUP, 1);
	take(ends[0], 4096, 0);
	none(s0);
	ROW(s0, "returns=16 registrations.edge=1 deliveries.edge=8 deliveries.in=8 "
		"deliveries.hup=1 edge_undrained=3 first_reads=8");
}

/* The same (lt): what comes after a read that did not drain is residual. */
static void after_a_read_that_did_not_drain_level_is_residual(void)
{
	int s0 = new_set(), ends[2];

	new_pair(SOCK_STREAM, ends);
	add(s0, ends[0], EPOLLIN, 1);
	begin();
	TIMES(3)
	{
		give(ends[1], 100);
		one(s0, EPOLLIN, 1);
		take(ends[0], 60, 60);
		TIMES(2) one(s0, EPOLLIN, 1); /* residual, and the second is redelivered */
		take(ends[0], 40, 40);
		none(s0);
		give(ends[1], 100);
		one(s0, EPOLLIN, 1); /* residual */
		take(ends[0], 0, 0);
		one(s0, EPOLLIN, 1); /* residual */
		take(ends[0], 4096, 100);
		give(ends[1], 100);
		one(s0, EPOLLIN, 1);
		take(ends[0], 100, 100);
		take(ends[0], 100, -1);
	}
	ROW(s0, "returns=21 registrations.level=1 deliveries.level=18 deliveries.in=18 "
		"redelivered=3 redelivered_in=3 residual=12 first_reads=15");
}

/* A pipe as a stream. Its end comes as HUP alone. */
static void a_pipe_is_drained_as_a_stream_is(void)
{
	int s0 = new_set(), p[2];

	new_pipe(p);
	add(s0, p[0], EPOLLIN | EPOLLET, 1);
	begin();
	for (int way = 0; way < 3; way++) {
		give(p[1], 100);
		one(s0, EPOLLIN, 1);
		take(p[0], 100 + (way == 0), 100); /* drained, undrained, drained below */
		if (way == 2)
			take(p[0], 100, -1);
		none(s0);
	}
	give(p[1], 100);
	close(p[1]);
	one(s0, EPOLLIN | EPOLLHUP, 1);
	take(p[0], 100, 100);
	take(p[0], 100, 0);
	none(s0);
	ROW(s0, "returns=8 registrations.edge=1 deliveries.edge=4 deliveries.in=4 "
		"deliveries.hup=1 edge_undrained=1 first_reads=4");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (et)
 *	c0 ... c4, of which c0 is a TCP connection and the others are socket pairs
 *
 * Each gets 150 bytes. c0, c1 and c2 are read in part, c3 to its end; of c4 nobody has been told
 * yet.
 */
static void what_stands_undrained_at_the_end_is_told(void)
{
	union any_address address;
	socklen_t size;
	int s0 = new_set(), near[5], far[5], listener = new_listener(AF_INET, &address, &size);

	far[0] = connect_to(&address, size);
	near[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	for (int i = 1; i < 5; i++) {
		int ends[2];

		new_pair(SOCK_STREAM, ends);
		near[i] = ends[0];
		far[i] = ends[1];
	}
	for (int i = 0; i < 5; i++)
		add(s0, near[i], EPOLLIN | EPOLLET, i);
	begin();
	for (int i = 0; i < 5; i++)
		give(far[i], 150);
	MUST(epoll_wait(s0, events, 4, -1) == 4);
	for (int i = 0; i < 3; i++)
		take(near[i], 50 + i, 50 + i);
	take(near[3], 4096, 150);
	ROW(s0, "returns=1 registrations.edge=5 deliveries.edge=4 deliveries.in=4 first_reads=4");
	KEY("epolls[0].undrained.descriptors=3");
	KEY("epolls[0].undrained.unread_bytes=%d", 3 * 150 - 50 - 51 - 52);
}

/* ---- datagrams, signals, timers, events ------------------------------------------------------ */

/* Less than asked says nothing of a datagram, not even nothing at all. */
static void a_datagram_socket_is_drained_by_eagain_alone(void)
{
	int s0 = new_set(), ends[2];

	new_pair(SOCK_DGRAM, ends);
	add(s0, ends[0], EPOLLIN | EPOLLET, 1);
	begin();
	TIMES(3)
	{
		give(ends[1], 100);
		one(s0, EPOLLIN, 1);
		take(ends[0], 4096, 100);
		none(s0); /* undrained */
		give(ends[1], 100);
		give(ends[1], 100);
		one(s0, EPOLLIN, 1);
		TIMES(2) take(ends[0], 4096, 100);
		take(ends[0], 4096, -1);
		none(s0);
		MUST(send(ends[1], bytes, 0, 0) == 0);
		one(s0, EPOLLIN, 1);
		take(ends[0], 4096, 0);
		none(s0); /* undrained */
	}
	ROW(s0, "returns=18 registrations.edge=1 deliveries.edge=9 deliveries.in=9 "
		"edge_undrained=6 first_reads=9");
}

/*
 *	t0
 *	 |
 *	s0 --(et)-- a timer	s1 --(lt)-- another
 */
static void a_timer_is_drained_by_any_read(void)
{
	int s0 = new_set(), s1 = new_set();
	int t0 = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	int t1 = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	add(s0, t0, EPOLLIN | EPOLLET, 1);
	add(s1, t1, EPOLLIN, 2);
	begin();
	TIMES(5)
	{
		set_timer(t0, 0);
		told_of_timer(s0, 1);
		take(t0, 8, 8);
		none(s0);
		set_timer(t1, 0);
		told_of_timer(s1, 2);
		take(t1, 8, 8);
		none(s1);
	}
	set_timer(t0, 0);
	told_of_timer(s0, 1);
	none(s0); /* undrained */
	set_timer(t1, 0);
	TIMES(3) told_of_timer(s1, 2); /* redelivered, not residual */
	ROW(s0, "returns=12 registrations.edge=1 deliveries.edge=6 deliveries.in=6 "
		"edge_undrained=1 first_reads=5");
	ROW(s1, "returns=13 registrations.level=1 deliveries.level=8 deliveries.in=8 "
		"redelivered=2 redelivered_in=2 first_reads=5");
}

/*
 *	t0
 *	 |
 *	s0 --(et)-- e0		s1 --(lt)-- e1
 *	s2 --(et)-- a semaphore	s3 --(lt)-- another
 */
static void an_eventfd_is_drained_by_any_read_a_semaphore_by_eagain(void)
{
	int s0 = new_set(), s1 = new_set(), s2 = new_set(), s3 = new_set();
	int e0 = new_event(0, 0), e1 = new_event(0, 0);
	int m0 = new_event(0, EFD_SEMAPHORE), m1 = new_event(0, EFD_SEMAPHORE);

	add(s0, e0, EPOLLIN | EPOLLET, 1);
	add(s1, e1, EPOLLIN, 1);
	add(s2, m0, EPOLLIN | EPOLLET, 1);
	add(s3, m1, EPOLLIN, 1);
	begin();
	TIMES(3)
	{
		raise_by(e0, 2);
		one(s0, EPOLLIN, 1);
		drain_event(e0);
		none(s0);
		raise_by(e1, 2);
		one(s1, EPOLLIN, 1);
		drain_event(e1);
		raise_by(m0, 2);
		one(s2, EPOLLIN, 1);
		drain_event(m0);
		none(s2); /* undrained */
		drain_event(m0);
		raise_by(m0, 1);
		one(s2, EPOLLIN, 1);
		drain_event(m0);
		take(m0, 8, -1);
		none(s2);
		raise_by(m1, 2);
		one(s3, EPOLLIN, 1);
		drain_event(m1);
		one(s3, EPOLLIN, 1); /* residual */
		drain_event(m1);
		raise_by(m1, 1);
		one(s3, EPOLLIN, 1); /* residual, though there was nothing left */
		drain_event(m1);
		take(m1, 8, -1);
	}
	ROW(s0, "returns=6 registrations.edge=1 deliveries.edge=3 deliveries.in=3 first_reads=3");
	ROW(s1, "returns=3 registrations.level=1 deliveries.level=3 deliveries.in=3 first_reads=3");
	ROW(s2, "returns=12 registrations.edge=1 deliveries.edge=6 deliveries.in=6 "
		"edge_undrained=3 first_reads=6");
	ROW(s3, "returns=9 registrations.level=1 deliveries.level=9 deliveries.in=9 residual=6 "
		"first_reads=9");
}

/* Less than asked says nothing here either. */
static void a_signalfd_is_drained_by_eagain_alone(void)
{
	const size_t size = sizeof(struct signalfd_siginfo);
	int s0 = new_set(), fd;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGUSR2);
	MUST(!sigprocmask(SIG_BLOCK, &mask, NULL));
	fd = signalfd(-1, &mask, SFD_NONBLOCK);
	add(s0, fd, EPOLLIN | EPOLLET, 1);
	begin();
	TIMES(3)
	{
		MUST(!raise(SIGUSR1));
		one(s0, EPOLLIN, 1);
		take(fd, 4 * size, size);
		none(s0); /* undrained */
		MUST(!raise(SIGUSR1) && !raise(SIGUSR2));
		one(s0, EPOLLIN, 1);
		take(fd, 4 * size, 2 * size);
		take(fd, 4 * size, -1);
		none(s0);
	}
	ROW(s0, "returns=12 registrations.edge=1 deliveries.edge=6 deliveries.in=6 "
		"edge_undrained=3 first_reads=6");
}

/* ---- listeners ------------------------------------------------------------------------------- */

static void accept_level(int family)
{
	union any_address address;
	socklen_t size;
	int s0 = new_set(), listener = new_listener(family, &address, &size);

	add(s0, listener, EPOLLIN, 1);
	begin();
	TIMES(3)
	{
		connect_to(&address, size);
		one(s0, EPOLLIN, 1);
		accept_one(listener);
		none(s0);
		TIMES(2) connect_to(&address, size);
		one(s0, EPOLLIN, 1); /* residual: the last accept was no EAGAIN */
		accept_one(listener);
		one(s0, EPOLLIN, 1); /* residual */
		accept_one(listener);
		accept_none(listener);
	}
	ROW(s0, "returns=12 registrations.level=1 deliveries.level=9 deliveries.in=9 residual=6 "
		"first_reads=9");
	KEY("accept.listeners[0].delivered=9");
	KEY("accept.accepted=9");
}

static void accept_edge(int family)
{
	union any_address address;
	socklen_t size;
	int s0 = new_set(), listener = new_listener(family, &address, &size);

	add(s0, listener, EPOLLIN | EPOLLET, 1);
	begin();
	TIMES(3)
	{
		TIMES(2) connect_to(&address, size);
		one(s0, EPOLLIN, 1);
		accept_one(listener);
		none(s0); /* one is left */
		accept_one(listener);
		connect_to(&address, size);
		one(s0, EPOLLIN, 1);
		accept_one(listener);
		none(s0); /* nobody asked, but none is left */
		connect_to(&address, size);
		one(s0, EPOLLIN, 1);
		accept_one(listener);
		accept_none(listener);
		none(s0);
	}
	ROW(s0, "returns=18 registrations.edge=1 deliveries.edge=9 deliveries.in=9 "
		"edge_accept_left=3 first_reads=9");
	KEY("accept.listeners[0].delivered=9");
	KEY("accept.accepted=12");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt)
 *	a listener
 */
static void a_tcp_listener_is_drained_by_eagain_alone(void)
{
	accept_level(AF_INET);
}

static void a_unix_listener_is_drained_by_eagain_alone(void)
{
	accept_level(AF_UNIX);
}

/* The same (et): what an accept leaves is counted by itself, not as undrained. */
static void a_tcp_listener_on_an_edge_may_leave_connections(void)
{
	accept_edge(AF_INET);
}

static void a_unix_listener_on_an_edge_may_leave_connections(void)
{
	accept_edge(AF_UNIX);
}

/* ---- nested instances ------------------------------------------------------------------------ */

/*
 *	t0
 *	 | \
 *	s0  |
 *	 \ (lt)
 *	    s1
 *	    | (lt)
 *	   e0 e1
 *
 * A wait on s1 is a call on it, and drains it if it returns fewer than it could.
 */
static void a_nested_instance_is_drained_by_a_wait_that_is_not_full(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(0, 0), e1 = new_event(0, 0);

	add(s0, s1, EPOLLIN, 1);
	add(s1, e0, EPOLLIN, 2);
	add(s1, e1, EPOLLIN, 3);
	begin();
	TIMES(3)
	{
		raise_by(e0, 1);
		one(s0, EPOLLIN, 1); /* redelivered after the first turn: see below */
		one(s1, EPOLLIN, 2);
		drain_event(e0);
		none(s0);
		raise_by(e0, 1);
		raise_by(e1, 1);
		one(s0, EPOLLIN, 1);
		some(s1, 1, 1);
		one(s0, EPOLLIN, 1); /* residual */
		some(s1, 8, 2);	     /* one of them again */
		drain_event(e0);
		drain_event(e1);
		none(s0);
		raise_by(e0, 1);
		one(s0, EPOLLIN, 1);
		one(s0, EPOLLIN, 1); /* redelivered: nobody looked into s1 */
		drain_event(e0);
		none(s0);
	}
	ROW(s0, "returns=24 registrations.level=1 deliveries.level=15 deliveries.in=15 "
		"redelivered=5 redelivered_in=5 residual=3 first_reads=9");
	ROW(s1, "returns=9 registrations.level=2 deliveries.level=12 deliveries.in=12 "
		"redelivered=3 redelivered_in=3 first_reads=9");
}

/* The same with s1 (et) in s0. */
static void a_nested_instance_on_an_edge(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(0, 0), e1 = new_event(0, 0);

	add(s0, s1, EPOLLIN | EPOLLET, 1);
	add(s1, e0, EPOLLIN, 2);
	add(s1, e1, EPOLLIN, 3);
	begin();
	TIMES(3)
	{
		raise_by(e0, 1);
		one(s0, EPOLLIN, 1);
		one(s1, EPOLLIN, 2);
		drain_event(e0);
		none(s0);
		raise_by(e0, 1);
		raise_by(e1, 1);
		one(s0, EPOLLIN, 1);
		some(s1, 1, 1);
		none(s0); /* undrained */
		drain_event(e0);
		drain_event(e1);
		none(s1);
		none(s0);
	}
	ROW(s0, "returns=15 registrations.edge=1 deliveries.edge=6 deliveries.in=6 "
		"edge_undrained=3 first_reads=6");
	ROW(s1, "returns=9 registrations.level=2 deliveries.level=6 deliveries.in=6 first_reads=6");
}

static const struct shape shapes[] = {
	SHAPE(a_stream_is_drained_by_less_than_asked_by_eagain_and_by_its_end),
	SHAPE(after_a_read_that_did_not_drain_level_is_residual),
	SHAPE(a_pipe_is_drained_as_a_stream_is),
	SHAPE(what_stands_undrained_at_the_end_is_told),
	SHAPE(a_datagram_socket_is_drained_by_eagain_alone),
	SHAPE(a_timer_is_drained_by_any_read),
	SHAPE(an_eventfd_is_drained_by_any_read_a_semaphore_by_eagain),
	SHAPE(a_signalfd_is_drained_by_eagain_alone),
	SHAPE(a_tcp_listener_is_drained_by_eagain_alone),
	SHAPE(a_unix_listener_is_drained_by_eagain_alone),
	SHAPE(a_tcp_listener_on_an_edge_may_leave_connections),
	SHAPE(a_unix_listener_on_an_edge_may_leave_connections),
	SHAPE(a_nested_instance_is_drained_by_a_wait_that_is_not_full),
	SHAPE(a_nested_instance_on_an_edge),
};

int main(int argc, char **argv)
{
	return direct(shapes, sizeof(shapes) / sizeof(*shapes), argc, argv);
}
