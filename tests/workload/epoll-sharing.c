/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * epoll-sharing.c - who waits on an instance: threads and children that share
 * it, what they leave when they end, and what exec leaves. Drawn as in
 * epoll-triggers.c; c is a child, f an open file description that is held twice.
 */
#include "shapes.h"

/* ---- threads, processes ---------------------------------------------------------------------- */

static int shared_set, shared_event;

static void told_once(void)
{
	one(shared_set, EPOLLIN, 1);
}

static void told_nothing(void)
{
	none(shared_set);
}

static void drained_here(void)
{
	drain_event(shared_event);
}

static void set_up_shared(uint32_t mask, int count)
{
	shared_set = new_set();
	shared_event = new_event(count, 0);
	add(shared_set, shared_event, mask, 1);
}

/*
 *	t0  t1	(in turn)
 *	  \ |
 *	   s0
 *	    | (lt)
 *	   e0
 */
static void an_instance_shared_by_two_threads_level(void)
{
	struct helper *t1 = new_helper();

	set_up_shared(EPOLLIN, 1);
	begin();
	TIMES(5)
	{
		told_once();
		in_thread(t1, told_once);
	}
	in_thread(t1, drained_here);
	told_nothing();
	in_thread(t1, told_nothing);
	THREADS_ROW(shared_set, 2,
		    "returns=12 registrations.level=1 deliveries.level=10 deliveries.in=10 "
		    "redelivered=9 redelivered_in=9 first_reads=1");
}

/*
 * The same (et). Only the wait of the thread that was told counts, and what another thread drained
 * for it is drained.
 */
static void an_instance_shared_by_two_threads_edge(void)
{
	struct helper *t1 = new_helper();

	set_up_shared(EPOLLIN | EPOLLET, 0);
	begin();
	TIMES(5)
	{
		raise_by(shared_event, 1);
		told_once();
		in_thread(t1, told_nothing);
		in_thread(t1, drained_here);
		told_nothing();
	}
	TIMES(3)
	{
		raise_by(shared_event, 1);
		in_thread(t1, told_once);
		told_nothing();
		in_thread(t1, told_nothing); /* undrained */
		drained_here();
	}
	TIMES(7)
	{
		raise_by(shared_event, 1);
		told_once();
		drained_here();
		raise_by(shared_event, 1);
		in_thread(t1, told_once);
		told_nothing();		     /* what t0 was told of is drained */
		in_thread(t1, told_nothing); /* undrained */
		drained_here();
	}
	THREADS_ROW(shared_set, 2,
		    "returns=52 registrations.edge=1 deliveries.edge=22 deliveries.in=22 "
		    "edge_undrained=10 first_reads=22");
}

/*
 *	t0  t1
 *	  \ |
 *	   s0
 *	    | (et)
 *	   a listener
 *
 * What t1 was told of and has not taken yet, t0 has not left.
 */
static void a_listener_drained_by_one_thread_and_told_to_another(void)
{
	union any_address address;
	socklen_t size;
	int listener = new_listener(AF_INET, &address, &size);
	struct helper *t1 = new_helper();

	shared_set = new_set();
	add(shared_set, listener, EPOLLIN | EPOLLET, 1);
	begin();
	TIMES(5)
	{
		connect_to(&address, size);
		told_once();
		accept_one(listener);
		accept_none(listener);
		connect_to(&address, size);
		in_thread(t1, told_once);
		told_nothing(); /* t0 has drained what it was told of */
		accept_one(listener);
		accept_none(listener);
		in_thread(t1, told_nothing);
	}
	THREADS_ROW(shared_set, 2,
		    "returns=20 registrations.edge=1 deliveries.edge=10 deliveries.in=10 "
		    "first_reads=10");
}

/* A thread that was told and ended waits no more; its counts stay, and the read is still its. */
static void a_thread_that_ended_leaves_its_counts(void)
{
	struct helper *t1 = new_helper();

	set_up_shared(EPOLLIN | EPOLLET, 0);
	begin();
	raise_by(shared_event, 1);
	in_thread(t1, told_once);
	in_thread(t1, told_nothing);
	in_thread(t1, drained_here);
	raise_by(shared_event, 1);
	in_thread(t1, told_once);
	end_helper(t1);
	TIMES(3) told_nothing();
	drained_here();
	THREADS_ROW(shared_set, 2,
		    "returns=6 registrations.edge=1 deliveries.edge=2 deliveries.in=2 "
		    "edge_undrained=1 first_reads=2");
}

static void told_of_any(void)
{
	some(shared_set, 1, 1);
}

/*
 *	t1  t2  t3	(each is told of one, and ends)
 *	  \  | /
 *	    s0
 *	     | (et)
 *	e0 e1 e2, read by t0 then
 */
static void what_ended_threads_were_told_is_read_later(void)
{
	struct helper *helpers[3];
	int fds[3];

	shared_set = new_set();
	for (int i = 0; i < 3; i++) {
		helpers[i] = new_helper();
		fds[i] = new_event(1, 0);
		add(shared_set, fds[i], EPOLLIN | EPOLLET, i);
	}
	begin();
	for (int i = 0; i < 3; i++)
		in_thread(helpers[i], told_of_any);
	for (int i = 0; i < 3; i++)
		end_helper(helpers[i]);
	for (int i = 0; i < 3; i++)
		drain_event(fds[i]);
	THREADS_ROW(shared_set, 3,
		    "returns=3 registrations.edge=3 deliveries.edge=3 deliveries.in=3 "
		    "first_reads=3");
}

static void nothing(void)
{
}

static void mod_to_the_same(void)
{
	mod(shared_set, shared_event, EPOLLIN, 1);
}

/*
 *	t0 (x5)   c0 (a child, x3)
 *	    \     /
 *	      s0
 *	       | (lt)
 *	      e0
 */
static void an_instance_inherited_by_a_child(void)
{
	struct child child;

	set_up_shared(EPOLLIN, 1);
	begin();
	child = new_child(told_once);
	TIMES(3)
	{
		told_once();
		in_child(&child);
	}
	TIMES(2) told_once();
	drained_here();
	row_of(getpid(), shared_set, 1,
	       "shared_with=%d returns=5 registrations.level=1 deliveries.level=5 deliveries.in=5 "
	       "redelivered=4 redelivered_in=4 first_reads=1",
	       child.pid);
	row_of(child.pid, shared_set, 1,
	       "shared_with=%d returns=3 registrations.level=1 deliveries.level=3 deliveries.in=3 "
	       "redelivered=3 redelivered_in=3",
	       getpid());
	expect("same %d %d %d %d", getpid(), shared_set, child.pid, shared_set);
}

/* The child changes the registration, never waits, and ends: it shares nothing. */
static void a_child_that_never_waits_shares_nothing(void)
{
	struct child child;

	set_up_shared(EPOLLIN, 1);
	begin();
	child = new_child(mod_to_the_same);
	TIMES(3) told_once();
	TIMES(5) in_child(&child);
	TIMES(2) told_once();
	end_child(&child);
	told_once();
	ROW(shared_set, "returns=6 registrations.level=1 deliveries.level=6 deliveries.in=6 "
			"redelivered=4 redelivered_in=4");
	KEY("epoll_ctl.mod=0");
	expect("key %d epoll_ctl.mod=5", child.pid);
	expect("key %d epoll_ctl.mod_unchanged=5", child.pid);
}

/*
 *	t0	       c0 (a child that does nothing)
 *	 |	        |
 *	s0	       s0
 *	 | (lt)         | (lt)
 *	e0 (closed)    e0
 *	    \          /
 *	        f0
 *
 * The child's number keeps the description, and so the registration, until it ends.
 */
static void a_child_keeps_what_its_parent_closed(void)
{
	struct child child;

	set_up_shared(EPOLLIN, 1);
	begin();
	child = new_child(nothing);
	close(shared_event);
	TIMES(5) told_once();
	end_child(&child);
	TIMES(2) told_nothing();
	ROW(shared_set, "returns=7 deliveries.level=5 deliveries.in=5 redelivered=4 "
			"redelivered_in=4 phantom=4");
}

static int own_set;

static void use_an_own_set(void)
{
	int fd = new_event(1, 0);

	own_set = new_set();
	add(own_set, fd, EPOLLIN, 1);
	add(own_set, new_event(0, 0), EPOLLIN, 2);
	TIMES(5) one(own_set, EPOLLIN, 1);
	told_once();
}

/*
 *	t0	c0, which ends
 *	  \    /  \
 *	   s0      s1
 *	    | (lt)  | (lt)
 *	   e0      e1, e2
 */
static void a_process_that_ended_leaves_its_counts(void)
{
	struct child child;

	set_up_shared(EPOLLIN, 1);
	begin();
	child = new_child(use_an_own_set);
	in_child(&child);
	end_child(&child);
	TIMES(2) told_once();
	row_of(getpid(), shared_set, 1,
	       "shared_with=%d returns=2 registrations.level=1 deliveries.level=2 deliveries.in=2 "
	       "redelivered=2 redelivered_in=2",
	       child.pid);
	row_of(child.pid, shared_set, 1,
	       "shared_with=%d returns=1 registrations.level=1 deliveries.level=1 deliveries.in=1",
	       getpid());
	/* The numbers are the next free ones of the child, whose link took the place of ours. */
	expect("row %d epfd=* threads=1 returns=5 registrations.level=2 deliveries.level=5 "
	       "deliveries.in=5 redelivered=4 redelivered_in=4",
	       child.pid);
	expect("same %d %d %d %d", getpid(), shared_set, child.pid, shared_set);
}

/* ---- exec ------------------------------------------------------------------------------------ */

/*
 *	t0 (x3)	  t0 (x2, exec, x3)	t0 (x5 after exec)
 *	 |	   |			 |
 *	s0	  s1			s2, under s0's number
 *	 | (lt)	   | (lt) \ (lt)	 | (lt)
 *	e0	  e1	   e2		e1
 *
 * exec closes s0, and e2 out of s1. s1 and e1 stay.
 */
static void exec_closes_what_it_must(void)
{
	int s0 = new_set(), s1 = epoll_create1(0), e0 = new_event(1, 0), e1 = eventfd(1, 0);

	add(s0, e0, EPOLLIN, 1);
	add(s1, e1, EPOLLIN, 2);
	add(s1, new_event(1, 0), EPOLLIN, 3);
	begin();
	TIMES(3) one(s0, EPOLLIN, 1);
	TIMES(2) some(s1, 8, 2);
	go_on_after_exec(s0, s1, e1);
}

static void exec_closes_what_it_must_2(int s0, int s1, int e1)
{
	TIMES(3) one(s1, EPOLLIN, 2);
	MUST(dup2(new_set(), s0) == s0);
	add(s0, e1, EPOLLIN, 2);
	TIMES(5) one(s0, EPOLLIN, 2);
	ROW(s0, "returns=3 registrations.level=* deliveries.level=3 deliveries.in=3 "
		"redelivered=2 redelivered_in=2");
	ROW(s1, "returns=5 registrations.level=1 deliveries.level=7 deliveries.in=7 "
		"redelivered=5 redelivered_in=5");
	ROW(s0, "returns=5 registrations.level=1 deliveries.level=5 deliveries.in=5 "
		"redelivered=4 redelivered_in=4");
}

static const struct shape shapes[] = {
	SHAPE(an_instance_shared_by_two_threads_level),
	SHAPE(an_instance_shared_by_two_threads_edge),
	SHAPE(a_listener_drained_by_one_thread_and_told_to_another),
	SHAPE(a_thread_that_ended_leaves_its_counts),
	SHAPE(what_ended_threads_were_told_is_read_later),
	SHAPE(an_instance_inherited_by_a_child),
	SHAPE(a_child_that_never_waits_shares_nothing),
	SHAPE(a_child_keeps_what_its_parent_closed),
	SHAPE(a_process_that_ended_leaves_its_counts),
	{ "exec_closes_what_it_must", exec_closes_what_it_must, exec_closes_what_it_must_2 },
};

int main(int argc, char **argv)
{
	return direct(shapes, sizeof(shapes) / sizeof(*shapes), argc, argv);
}
