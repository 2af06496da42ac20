/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * epoll-identity.c - which registration an event is of, which open file
 * description is behind it, and which instance told of it: data of every form,
 * numbers that are used again, dup. Drawn as in epoll-triggers.c; f is an open
 * file description where it has several numbers.
 */
#include "shapes.h"

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt; data: a pointer, a pointer with a tag bit, the number, number and generation)
 *	e0 e1 e2 e3
 */
static void data_may_be_a_pointer_a_tagged_one_or_a_number(void)
{
	static int objects[2];
	int s0 = new_set(), fds[4];

	for (int i = 0; i < 4; i++)
		fds[i] = new_event(1, 0);
	add(s0, fds[0], EPOLLIN, (uintptr_t)&objects[0]);
	add(s0, fds[1], EPOLLIN, (uintptr_t)&objects[0] | 1);
	add(s0, fds[2], EPOLLIN, fds[2]);
	add(s0, fds[3], EPOLLIN, 0xfffffff7ULL << 32 | fds[2]);
	begin();
	TIMES(5) some(s0, 8, 4);
	TIMES(2) mod(s0, fds[1], EPOLLIN, (uintptr_t)&objects[1] | 1);
	TIMES(3) mod(s0, fds[1], EPOLLIN, (uintptr_t)&objects[1]);
	drain_event(fds[0]);
	drain_event(fds[2]);
	drain_event(fds[3]);
	one(s0, EPOLLIN, (uintptr_t)&objects[1]);
	ROW(s0, "returns=6 registrations.level=4 deliveries.level=21 deliveries.in=21 "
		"redelivered=16 redelivered_in=16 first_reads=3");
	KEY("epoll_ctl.mod_unchanged=3");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt; data 0)
 *	e0 e1 e2
 */
static void data_the_same_for_all_is_of_none(void)
{
	int s0 = new_set();

	TIMES(3) add(s0, new_event(1, 0), EPOLLIN, 0);
	begin();
	TIMES(5) some(s0, 8, 3);
	ROW(s0, "returns=5 registrations.level=3 deliveries.level=0 deliveries.edge=0 "
		"deliveries.in=0 unattributed=15");
}

/*
 *	t0
 *	 |
 *	s0 --(lt; data 0)-- e0
 *	s1 --(lt; data 0)-- e1
 */
static void data_is_looked_up_within_its_instance(void)
{
	int s0 = new_set(), s1 = new_set();

	add(s0, new_event(1, 0), EPOLLIN, 0);
	add(s1, new_event(1, 0), EPOLLIN, 0);
	begin();
	TIMES(5) one(s0, EPOLLIN, 0);
	TIMES(7) one(s1, EPOLLIN, 0);
	ROW(s0, "returns=5 registrations.level=1 deliveries.level=5 deliveries.in=5 "
		"redelivered=4 redelivered_in=4");
	ROW(s1, "returns=7 registrations.level=1 deliveries.level=7 deliveries.in=7 "
		"redelivered=6 redelivered_in=6");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt; data 7 and 7, then one of them, then both again, then 7 and 8)
 *	e0 e1
 */
static void data_can_become_unique_and_cease_to_be(void)
{
	int s0 = new_set(), e0 = new_event(1, 0), e1 = new_event(1, 0);

	add(s0, e0, EPOLLIN, 7);
	add(s0, e1, EPOLLIN, 7);
	begin();
	TIMES(3) some(s0, 8, 2); /* of nobody */
	del(s0, e1);
	TIMES(5) one(s0, EPOLLIN, 7); /* e0 */
	add(s0, e1, EPOLLIN, 7);
	TIMES(2) some(s0, 8, 2); /* of nobody */
	mod(s0, e1, EPOLLIN, 8);
	TIMES(7) some(s0, 8, 2);
	ROW(s0,
	    "returns=17 registrations.level=2 deliveries.level=%d deliveries.in=%d unattributed=10 "
	    "redelivered=%d redelivered_in=%d",
	    5 + 14, 5 + 14, 4 + 13, 4 + 13);
}

/*
 *	t0
 *	 |
 *	s0	    s1
 *	 | (lt) \ (lt) | (lt)
 *	e1       e0, closed
 *
 * All with data 7. With e0 closed, it is e1's alone.
 */
static void data_of_what_was_closed_is_free(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(1, 0), e1 = new_event(1, 0);

	add(s0, e0, EPOLLIN, 7);
	add(s1, e0, EPOLLIN, 7);
	add(s0, e1, EPOLLIN, 7);
	begin();
	TIMES(3) some(s0, 8, 2); /* of nobody */
	one(s1, EPOLLIN, 7);
	close(e0);
	TIMES(5) one(s0, EPOLLIN, 7);
	none(s1);
	ROW(s0, "returns=8 registrations.level=1 deliveries.level=5 deliveries.in=5 "
		"unattributed=6 redelivered=4 redelivered_in=4");
	ROW(s1, "returns=2 deliveries.level=1 deliveries.in=1");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt; data: the number)
 *	e0, closed; e1 under its number, closed; ...
 *
 * The kernel may put each where the one before it was. Its first delivery is the first.
 */
static void a_number_used_again_is_another_descriptor(void)
{
	int s0 = new_set(), number = new_event(1, 0);

	add(s0, number, EPOLLIN, number);
	begin();
	for (int i = 0; i < 7; i++) {
		TIMES(3) one(s0, EPOLLIN, number);
		close(number);
		none(s0);
		MUST(new_event(1, 0) == number);
		add(s0, number, EPOLLIN, number);
	}
	one(s0, EPOLLIN, number);
	ROW(s0, "returns=29 registrations.level=1 deliveries.level=22 deliveries.in=22 "
		"redelivered=14 redelivered_in=14");
}

/* The same with semaphores that are read once and hold more: that was another's read. */
static void what_was_left_in_one_is_not_left_in_the_next(void)
{
	int s0 = new_set(), number = new_event(2, EFD_SEMAPHORE);

	add(s0, number, EPOLLIN, number);
	begin();
	for (int i = 0; i < 7; i++) {
		one(s0, EPOLLIN, number);
		drain_event(number);
		one(s0, EPOLLIN, number);
		close(number);
		MUST(new_event(2, EFD_SEMAPHORE) == number);
		add(s0, number, EPOLLIN, number);
	}
	ROW(s0, "returns=14 registrations.level=1 deliveries.level=14 deliveries.in=14 "
		"residual=7 first_reads=7");
}

/*
 *	t0
 *	 |
 *	s0, s1
 *	  \ (lt) \ (lt)
 *	   a semaphore, closed; another under its number, closed; ...
 *
 * Told by both, half read by the first, unread by the second. The next, wherever it is, was told
 * by nobody and read by nobody.
 */
static void what_two_told_of_one_is_not_told_of_the_next(void)
{
	int s0 = new_set(), s1 = new_set(), number = new_event(2, EFD_SEMAPHORE);

	add(s0, number, EPOLLIN, 1);
	add(s1, number, EPOLLIN, 2);
	begin();
	for (int i = 0; i < 7; i++) {
		one(s0, EPOLLIN, 1);
		drain_event(number);
		one(s1, EPOLLIN, 2); /* residual */
		close(number);
		MUST(new_event(i % 2 ? 2 : 0, EFD_SEMAPHORE) == number);
		add(s0, number, EPOLLIN, 1);
		add(s1, number, EPOLLIN, 2);
		if (i % 2)
			continue;
		take(number, 8, -1); /* the first read after nothing */
		raise_by(number, 2);
	}
	ROW(s0, "returns=7 registrations.level=1 deliveries.level=7 deliveries.in=7 first_reads=7");
	ROW(s1, "returns=7 registrations.level=1 deliveries.level=7 deliveries.in=7 residual=7");
}

/*
 *	t0
 *	 |
 *	s0 --(et)-- e0, e1 --(et)-- s1
 *	 \---(et)-- e2 ----(et)---/
 *
 * What was closed is not there to be drained any more.
 */
static void what_was_closed_is_not_left_undrained(void)
{
	int s0 = new_set(), s1 = new_set();

	begin();
	TIMES(7)
	{
		int e0 = new_event(1, 0), e1 = new_event(1, 0), e2 = new_event(1, 0);

		add(s0, e0, EPOLLIN | EPOLLET, e0);
		add(s1, e1, EPOLLIN | EPOLLET, e1);
		add(s0, e2, EPOLLIN | EPOLLET, e2);
		add(s1, e2, EPOLLIN | EPOLLET, e2);
		some(s0, 8, 2);
		some(s1, 8, 2);
		close(e0);
		close(e2);
		none(s0);
		none(s1); /* e1 is undrained */
		close(e1);
	}
	ROW(s0, "returns=14 deliveries.edge=14 deliveries.in=14");
	ROW(s1, "returns=14 deliveries.edge=14 deliveries.in=14 edge_undrained=7");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt) \ (lt)
 *	e0       e1 = dup(e0)
 *	  \      |
 *	     f0
 *
 * Two registrations of one description: told by one, it was told.
 */
static void dup_registered_twice_is_one_description(void)
{
	int s0 = new_set(), e0 = new_event(1, 0), e1 = dup(e0);

	add(s0, e0, EPOLLIN, e0);
	add(s0, e1, EPOLLIN, e1);
	begin();
	TIMES(5) some(s0, 8, 2);
	drain_event(e1);
	none(s0);
	raise_by(e1, 1);
	some(s0, 8, 2);
	ROW(s0, "returns=7 registrations.level=2 deliveries.level=12 deliveries.in=12 "
		"redelivered=10 redelivered_in=10 first_reads=1");
}

/* The same (et): the read of one drains both deliveries, or both stay undrained. */
static void dup_registered_twice_is_drained_once(void)
{
	int s0 = new_set(), e0 = new_event(0, 0), e1 = dup(e0);

	add(s0, e0, EPOLLIN | EPOLLET, e0);
	add(s0, e1, EPOLLIN | EPOLLET, e1);
	begin();
	TIMES(5)
	{
		raise_by(e0, 1);
		some(s0, 8, 2);
		drain_event(e0);
		none(s0);
	}
	TIMES(3)
	{
		raise_by(e0, 1);
		some(s0, 8, 2);
		none(s0);
		drain_event(e1);
	}
	ROW(s0, "returns=16 registrations.edge=2 deliveries.edge=16 deliveries.in=16 "
		"edge_undrained=6 first_reads=8");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt)
 *	e0 (closed)    e1 = dup(e0)
 *	     \        /
 *	         f0
 *
 * The registration lives as long as the description: a phantom, told under a number that is shut.
 */
static void a_registration_outlives_its_number(void)
{
	int s0 = new_set(), e0 = new_event(1, 0), e1 = dup(e0);

	add(s0, e0, EPOLLIN, 3);
	begin();
	close(e0);
	TIMES(5) one(s0, EPOLLIN, 3);
	drain_event(e1);
	none(s0);
	raise_by(e1, 1);
	one(s0, EPOLLIN, 3);
	ROW(s0, "returns=7 registrations.level=1 deliveries.level=6 deliveries.in=6 "
		"redelivered=4 redelivered_in=4 phantom=4 first_reads=1");
}

/* The same, closed before begin(); with the last number the registration goes. */
static void a_registration_whose_number_was_closed_long_ago(void)
{
	int s0 = new_set(), e0 = new_event(1, 0), e1 = dup(e0);

	add(s0, e0, EPOLLIN, 3);
	close(e0);
	begin();
	TIMES(5) one(s0, EPOLLIN, 3);
	drain_event(e1);
	none(s0);
	raise_by(e1, 1);
	TIMES(2) one(s0, EPOLLIN, 3);
	close(e1);
	none(s0);
	ROW(s0, "returns=9 deliveries.level=7 deliveries.in=7 redelivered=5 redelivered_in=5 "
		"phantom=5 first_reads=1");
}

/*
 *	t0
 *	 |
 *	s0 ------------------,
 *	 | (lt; data 3)       \ (lt; data 99)
 *	e0 (closed)  e1       e2, under e0's number
 *	     \      /          |
 *	        f0             f1
 *
 * To the kernel, a registration is a description and a number: both are under one number.
 */
static void a_number_used_again_while_its_registration_lives(void)
{
	int s0 = new_set(), e0 = new_event(1, 0), e1 = dup(e0), e2;

	add(s0, e0, EPOLLIN, 3);
	close(e0);
	e2 = new_event(0, 0);
	MUST(e2 == e0);
	begin();
	TIMES(5) one(s0, EPOLLIN, 3);
	take(e2, 8, -1); /* of f1 */
	one(s0, EPOLLIN, 3);
	add(s0, e2, EPOLLIN, 99);
	TIMES(2) mod(s0, e2, EPOLLIN, 99); /* unchanged */
	mod(s0, e2, EPOLLIN, 98);
	raise_by(e2, 1);
	TIMES(2) some(s0, 8, 2);
	drain_event(e2);
	one(s0, EPOLLIN, 3);
	drain_event(e1);
	none(s0);
	ROW(s0, "returns=10 registrations.level=2 deliveries.level=11 deliveries.in=11 "
		"redelivered=9 redelivered_in=9 phantom=8 first_reads=2");
	KEY("epoll_ctl.mod_unchanged=2");
}

/*
 *	t0
 *	 |
 *	s0 --(lt)-- e0 --(lt)-- s1
 *
 * One description, told by either in turn: the other has told already.
 */
static void one_descriptor_in_two_instances_level(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(1, 0);

	add(s0, e0, EPOLLIN, 1);
	add(s1, e0, EPOLLIN, 2);
	begin();
	TIMES(5)
	{
		one(s0, EPOLLIN, 1);
		one(s1, EPOLLIN, 2);
	}
	drain_event(e0);
	TIMES(7)
	{
		raise_by(e0, 1);
		one(s1, EPOLLIN, 2);
		drain_event(e0);
		none(s0);
	}
	ROW(s0, "returns=12 registrations.level=1 deliveries.level=5 deliveries.in=5 "
		"redelivered=4 redelivered_in=4");
	ROW(s1, "returns=12 registrations.level=1 deliveries.level=12 deliveries.in=12 "
		"redelivered=5 redelivered_in=5 first_reads=8");
}

/* The same (et): one read drains what both told. */
static void one_descriptor_in_two_instances_edge(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(0, 0);

	add(s0, e0, EPOLLIN | EPOLLET, 1);
	add(s1, e0, EPOLLIN | EPOLLET, 2);
	begin();
	TIMES(7)
	{
		raise_by(e0, 1);
		one(s0, EPOLLIN, 1);
		one(s1, EPOLLIN, 2);
		drain_event(e0);
	}
	TIMES(3)
	{
		raise_by(e0, 1);
		one(s0, EPOLLIN, 1);
		one(s1, EPOLLIN, 2);
		none(s0);
		none(s1);
		drain_event(e0);
	}
	ROW(s0, "returns=13 registrations.edge=1 deliveries.edge=10 deliveries.in=10 "
		"edge_undrained=3");
	ROW(s1, "returns=13 registrations.edge=1 deliveries.edge=10 deliveries.in=10 "
		"edge_undrained=3 first_reads=10");
}

/*
 *	t0
 *	 |
 *	s0, s1 = dup(s0)
 *	 | (lt)
 *	e0
 */
static void dup_of_an_instance_is_that_instance(void)
{
	int s0 = new_set(), s1 = dup(s0), e0 = new_event(1, 0);

	add(s0, e0, EPOLLIN, 1);
	begin();
	TIMES(3)
	{
		one(s0, EPOLLIN, 1);
		one(s1, EPOLLIN, 1);
	}
	mod(s1, e0, EPOLLIN, 1);
	close(s0);
	one(s1, EPOLLIN, 1);
	ROW(s1, "returns=7 registrations.level=1 deliveries.level=7 deliveries.in=7 "
		"redelivered=5 redelivered_in=5");
	KEY("epoll_ctl.mod_unchanged=1");
}

/* DEL and ADD are calls on it, and what is added is told anew. */
static void del_and_add_begin_anew(void)
{
	int s0 = new_set(), e0 = new_event(1, 0);

	add(s0, e0, EPOLLIN, 1);
	begin();
	TIMES(3)
	{
		TIMES(5) one(s0, EPOLLIN, 1);
		del(s0, e0);
		none(s0);
		add(s0, e0, EPOLLIN, 1);
	}
	del(s0, e0);
	ROW(s0, "returns=18 deliveries.level=15 deliveries.in=15 redelivered=12 redelivered_in=12");
	KEY("epoll_ctl.del=4");
}

/*
 *	t0
 *	 |
 *	s0, closed; s1 under its number
 *	 | (lt)	     | (lt)
 *	e0	    e0
 */
static void an_instance_closed_and_its_number_used_again(void)
{
	int s0 = new_set(), e0 = new_event(1, 0);

	add(s0, e0, EPOLLIN, 1);
	begin();
	TIMES(3) one(s0, EPOLLIN, 1);
	close(s0);
	MUST(new_set() == s0);
	TIMES(2) none(s0);
	add(s0, e0, EPOLLIN, 1);
	TIMES(5) one(s0, EPOLLIN, 1);
	ROW(s0, "returns=3 registrations.level=* deliveries.level=3 deliveries.in=3 "
		"redelivered=2 redelivered_in=2");
	ROW(s0, "returns=7 registrations.level=1 deliveries.level=5 deliveries.in=5 "
		"redelivered=4 redelivered_in=4");
}

/* dup2() over a registered number closes it: what is there then is another description. */
static void dup2_over_a_registered_number(void)
{
	int s0 = new_set(), e0 = new_event(1, 0), e1 = new_event(1, 0);

	add(s0, e0, EPOLLIN, 1);
	begin();
	TIMES(3) one(s0, EPOLLIN, 1);
	MUST(dup2(e1, e0) == e0);
	TIMES(2) none(s0);
	add(s0, e0, EPOLLIN, 1);
	TIMES(5) one(s0, EPOLLIN, 1);
	drain_event(e1);
	ROW(s0, "returns=10 registrations.level=1 deliveries.level=8 deliveries.in=8 "
		"redelivered=6 redelivered_in=6 first_reads=1");
}

/* The same over one of two with data 7: it is the other's alone. */
static void dup2_over_one_of_two_with_the_same_data(void)
{
	int s0 = new_set(), e0 = new_event(1, 0), e1 = new_event(1, 0), e2 = new_event(0, 0);

	add(s0, e0, EPOLLIN, 7);
	add(s0, e1, EPOLLIN, 7);
	begin();
	TIMES(3) some(s0, 8, 2); /* of nobody */
	MUST(dup2(e2, e0) == e0);
	TIMES(5) one(s0, EPOLLIN, 7);
	ROW(s0, "returns=8 registrations.level=1 deliveries.level=5 deliveries.in=5 "
		"redelivered=4 redelivered_in=4 unattributed=6");
}

/*
 *	t0
 *	 |
 *	s0, closed
 *	 | (lt)
 *	e0, e1
 *
 * What it told is read later.
 */
static void a_read_after_its_instance_was_closed(void)
{
	int s0 = new_set(), e0 = new_event(1, 0), e1 = new_event(1, 0);

	add(s0, e0, EPOLLIN, 1);
	add(s0, e1, EPOLLIN, 2);
	begin();
	TIMES(3) some(s0, 8, 2);
	drain_event(e0);
	close(s0);
	drain_event(e1);
	ROW(s0, "registrations.level=* returns=3 deliveries.level=6 deliveries.in=6 redelivered=4 "
		"redelivered_in=4 first_reads=2");
}

static const struct shape shapes[] = {
	SHAPE(data_may_be_a_pointer_a_tagged_one_or_a_number),
	SHAPE(data_the_same_for_all_is_of_none),
	SHAPE(data_is_looked_up_within_its_instance),
	SHAPE(data_can_become_unique_and_cease_to_be),
	SHAPE(data_of_what_was_closed_is_free),
	SHAPE(a_number_used_again_is_another_descriptor),
	SHAPE(what_was_left_in_one_is_not_left_in_the_next),
	SHAPE(what_two_told_of_one_is_not_told_of_the_next),
	SHAPE(what_was_closed_is_not_left_undrained),
	SHAPE(dup_registered_twice_is_one_description),
	SHAPE(dup_registered_twice_is_drained_once),
	SHAPE(a_registration_outlives_its_number),
	SHAPE(a_registration_whose_number_was_closed_long_ago),
	SHAPE(a_number_used_again_while_its_registration_lives),
	SHAPE(one_descriptor_in_two_instances_level),
	SHAPE(one_descriptor_in_two_instances_edge),
	SHAPE(dup_of_an_instance_is_that_instance),
	SHAPE(del_and_add_begin_anew),
	SHAPE(an_instance_closed_and_its_number_used_again),
	SHAPE(dup2_over_a_registered_number),
	SHAPE(dup2_over_one_of_two_with_the_same_data),
	SHAPE(a_read_after_its_instance_was_closed),
};

int main(int argc, char **argv)
{
	return direct(shapes, sizeof(shapes) / sizeof(*shapes), argc, argv);
}
