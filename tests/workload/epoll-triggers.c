/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * epoll-triggers.c - what was registered how, and what of it is told when: the
 * triggers, the event bits, epoll_ctl's changes and batches of many. In the
 * drawings, as in the kernel's epoll_wakeup_test.c, t is a thread, s an epoll
 * instance, e an eventfd, p a pipe; (lt) and (et) are level and edge.
 */
#include <sys/resource.h>

#include "shapes.h"

/*
 *	t0 (x7)      t0 (x7)
 *	 |            |
 *	s0            s1
 *	  \ (lt)     / (et)
 *	      e0
 *
 * e0 is ready from the start and nobody reads it. s0 tells of it each time, s1 once.
 */
static void level_is_told_each_time_and_edge_once(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(1, 0);

	add(s0, e0, EPOLLIN, e0);
	add(s1, e0, EPOLLIN | EPOLLET, e0);
	begin();
	one(s0, EPOLLIN, e0);
	one(s1, EPOLLIN, e0);
	TIMES(6)
	{
		one(s0, EPOLLIN, e0);
		none(s1);
	}
	ROW(s0, "returns=7 registrations.level=1 deliveries.level=7 deliveries.in=7 "
		"redelivered=6 redelivered_in=6");
	ROW(s1, "returns=7 registrations.edge=1 deliveries.edge=1 deliveries.in=1 "
		"edge_undrained=1");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt)
 *	p0  2 KiB come, 1 KiB is read; told again; the rest is read by a read that asks for more
 */
static void two_kib_in_a_pipe_one_read_level(void)
{
	int s0 = new_set(), p[2];

	new_pipe(p);
	add(s0, p[0], EPOLLIN, p[0]);
	begin();
	TIMES(7)
	{
		give(p[1], 2048);
		one(s0, EPOLLIN, p[0]);
		take(p[0], 1024, 1024);
		one(s0, EPOLLIN, p[0]); /* residual */
		take(p[0], 4096, 1024);
		none(s0);
	}
	ROW(s0, "returns=21 registrations.level=1 deliveries.level=14 deliveries.in=14 "
		"residual=7 first_reads=14");
}

/* The same (et): not told again. */
static void two_kib_in_a_pipe_one_read_edge(void)
{
	int s0 = new_set(), p[2];

	new_pipe(p);
	add(s0, p[0], EPOLLIN | EPOLLET, p[0]);
	begin();
	TIMES(7)
	{
		give(p[1], 2048);
		one(s0, EPOLLIN, p[0]);
		take(p[0], 1024, 1024);
		none(s0); /* 1 KiB stands, and nobody is told */
		take(p[0], 4096, 1024);
	}
	ROW(s0, "returns=14 registrations.edge=1 deliveries.edge=7 deliveries.in=7 "
		"edge_undrained=7 first_reads=7");
}

/*
 *	t0
 *	 |
 *	s0 --(lt)-- p0
 *	s1 --(et)-- p1
 *
 * A read that got all it asked for cannot know that nothing is left, and so nothing says that
 * the pipe was drained, though it was.
 */
static void a_read_that_got_all_it_asked_for_drains_nothing(void)
{
	int s0 = new_set(), s1 = new_set(), p0[2], p1[2];

	new_pipe(p0);
	new_pipe(p1);
	add(s0, p0[0], EPOLLIN, p0[0]);
	add(s1, p1[0], EPOLLIN | EPOLLET, p1[0]);
	begin();
	TIMES(7)
	{
		give(p0[1], 1024);
		one(s0, EPOLLIN, p0[0]);
		take(p0[0], 1024, 1024);
		give(p1[1], 1024);
		one(s1, EPOLLIN, p1[0]);
		take(p1[0], 1024, 1024);
	}
	none(s0);
	none(s1);
	ROW(s0, "returns=8 registrations.level=1 deliveries.level=7 deliveries.in=7 "
		"residual=6 first_reads=7");
	ROW(s1, "returns=8 registrations.edge=1 deliveries.edge=7 deliveries.in=7 "
		"edge_undrained=7 first_reads=7");
}

/*
 *	t0
 *	 |
 *	s0 --(lt, oneshot)-- e0
 *	s1 --(et, oneshot)-- e1
 *
 * Never read; told once, and again after each MOD. A fired one is registered still. The MOD is a
 * call on the eventfd: nothing is redelivered.
 */
static void oneshot_is_told_once_until_it_is_armed_again(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(1, 0), e1 = new_event(1, 0);

	add(s0, e0, EPOLLIN | EPOLLONESHOT, e0);
	add(s1, e1, EPOLLIN | EPOLLET | EPOLLONESHOT, e1);
	begin();
	TIMES(7)
	{
		one(s0, EPOLLIN, e0);
		none(s0);
		mod(s0, e0, EPOLLIN | EPOLLONESHOT, e0);
		one(s1, EPOLLIN, e1);
		none(s1);
		mod(s1, e1, EPOLLIN | EPOLLET | EPOLLONESHOT, e1);
	}
	one(s0, EPOLLIN, e0);
	ROW(s0, "returns=15 registrations.level=1 registrations.oneshot=1 deliveries.level=8 "
		"deliveries.oneshot=8 deliveries.in=8");
	ROW(s1, "returns=14 registrations.edge=1 registrations.oneshot=1 deliveries.edge=7 "
		"deliveries.oneshot=7 deliveries.in=7 edge_undrained=7");
	KEY("epoll_ctl.mod=14");
	KEY("epoll_ctl.mod_unchanged=0");
}

/*
 *	t0
 *	 |
 *	s0 --(lt, exclusive)-- e0 --(et, exclusive)-- s1
 *	 \--(lt)-- e1
 *
 * An exclusive registration cannot be changed, and the attempt is a call that failed.
 */
static void exclusive_is_a_kind_of_level_and_of_edge(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(1, 0), e1 = new_event(1, 0);

	add(s0, e0, EPOLLIN | EPOLLEXCLUSIVE, e0);
	add(s0, e1, EPOLLIN, e1);
	add(s1, e0, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, e0);
	begin();
	MUST(ctl(s0, EPOLL_CTL_MOD, e0, EPOLLIN, e0) && errno == EINVAL);
	some(s0, 8, 2);
	one(s1, EPOLLIN, e0);
	TIMES(4) some(s0, 8, 2);
	none(s1);
	ROW(s0, "returns=5 registrations.level=2 registrations.exclusive=1 deliveries.level=10 "
		"deliveries.exclusive=5 deliveries.in=10 redelivered=8 redelivered_in=8");
	ROW(s1, "returns=2 registrations.edge=1 registrations.exclusive=1 deliveries.edge=1 "
		"deliveries.exclusive=1 deliveries.in=1 redelivered=0 edge_undrained=1");
	KEY("epoll_ctl.failed=1");
	KEY("epoll_ctl.mod=0");
	KEY("epoll_ctl.mod_unchanged=0");
}

/*
 *	t0
 *	 |
 *	s0 --(lt: IN OUT RDHUP)-- one end of a socket pair; the other writes, shuts down, closes
 */
static void in_out_rdhup_and_hup_of_a_socket(void)
{
	int s0 = new_set(), ends[2];

	new_pair(SOCK_STREAM, ends);
	add(s0, ends[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP, 7);
	begin();
	TIMES(3) one(s0, EPOLLOUT, 7);
	give(ends[1], 5);
	TIMES(2) one(s0, EPOLLIN | EPOLLOUT, 7);
	take(ends[0], 4096, 5);
	MUST(!shutdown(ends[1], SHUT_WR));
	TIMES(2) one(s0, EPOLLIN | EPOLLOUT | EPOLLRDHUP, 7);
	close(ends[1]);
	one(s0, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP, 7);
	ROW(s0, "returns=8 registrations.level=1 deliveries.level=8 deliveries.in=5 "
		"deliveries.out=8 deliveries.rdhup=3 deliveries.hup=1 redelivered=6 "
		"redelivered_in=4 idle_out=2 ignored_hangup=2 first_reads=1");
}

/*
 *	t0
 *	 |
 *	s0 --(lt: OUT)-- a pipe without a reader
 *	s1 --(lt: IN)--- a pipe without a writer
 *	s2 --(lt: PRI)-- a TCP connection with urgent data
 */
static void err_hup_and_pri_are_counted(void)
{
	union any_address address;
	socklen_t size;
	int s0 = new_set(), s1 = new_set(), s2 = new_set(), p0[2], p1[2];
	int listener = new_listener(AF_INET, &address, &size);
	int client = connect_to(&address, size), served = accept(listener, NULL, NULL);

	new_pipe(p0);
	new_pipe(p1);
	add(s0, p0[1], EPOLLOUT, 2);
	add(s1, p1[0], EPOLLIN, 3);
	add(s2, served, EPOLLPRI, 5);
	begin();
	close(p0[0]);
	TIMES(3) one(s0, EPOLLOUT | EPOLLERR, 2);
	close(p1[1]);
	TIMES(5) one(s1, EPOLLHUP, 3);
	MUST(send(client, "!", 1, MSG_OOB) == 1);
	TIMES(7) MUST(epoll_wait(s2, events, 8, -1) == 1 && events[0].events == EPOLLPRI);
	ROW(s0, "returns=3 registrations.level=1 deliveries.level=3 deliveries.out=3 "
		"deliveries.err=3 redelivered=2 ignored_hangup=2");
	ROW(s1, "returns=5 registrations.level=1 deliveries.level=5 deliveries.hup=5 "
		"redelivered=4 ignored_hangup=4");
	ROW(s2, "returns=7 registrations.level=1 deliveries.level=7 deliveries.pri=7 "
		"redelivered=6");
}

/*
 *	t0
 *	 |
 *	s0 --(et: OUT)---- a0 (a socket pair each)
 *	s1 --(et: IN OUT)- b0
 *
 * Only what was told with IN can be left undrained.
 */
static void edge_out_alone_is_never_undrained(void)
{
	int s0 = new_set(), s1 = new_set(), a[2], b[2];

	new_pair(SOCK_STREAM, a);
	new_pair(SOCK_STREAM, b);
	add(s0, a[0], EPOLLOUT | EPOLLET, a[0]);
	add(s1, b[0], EPOLLIN | EPOLLOUT | EPOLLET, b[0]);
	begin();
	one(s0, EPOLLOUT, a[0]);
	none(s0);
	one(s1, EPOLLOUT, b[0]);
	none(s1);
	give(b[1], 10);
	one(s1, EPOLLIN | EPOLLOUT, b[0]);
	none(s1);
	ROW(s0, "returns=2 registrations.edge=1 deliveries.edge=1 deliveries.out=1");
	ROW(s1, "returns=4 registrations.edge=1 deliveries.edge=2 deliveries.in=1 "
		"deliveries.out=2 edge_undrained=1");
}

/*
 *	s0 --- e0
 *	 \---- e1	s1 --- e1
 *
 * Nobody waits: there is no row. What the other registration holds is no concern of a MOD.
 */
static void mod_that_changes_nothing_is_told_from_one_that_does(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(0, 0), e1 = new_event(0, 0);

	add(s0, e0, EPOLLIN, 100);
	add(s0, e1, EPOLLIN, 101);
	add(s1, e1, EPOLLIN | EPOLLRDHUP, 100);
	begin();
	TIMES(7) mod(s0, e0, EPOLLIN, 100);
	TIMES(5) mod(s0, e0, EPOLLIN | EPOLLERR | EPOLLHUP, 100);
	TIMES(2) mod(s0, e0, EPOLLIN | EPOLLERR, 100);
	mod(s0, e0, EPOLLIN, 102); /* 1 */
	TIMES(3) mod(s0, e0, EPOLLIN, 102);
	mod(s0, e0, EPOLLIN | EPOLLOUT, 102); /* 2 */
	TIMES(11) mod(s0, e0, EPOLLIN | EPOLLOUT, 102);
	mod(s0, e0, EPOLLIN | EPOLLOUT | EPOLLET, 102); /* 3 */
	mod(s0, e0, EPOLLIN | EPOLLOUT | EPOLLET, 102);
	mod(s0, e0, EPOLLIN | EPOLLOUT | EPOLLET, 101); /* 4: e1's data */
	mod(s1, e1, EPOLLIN, 101);			/* 5: s0's mask and data */
	mod(s0, e1, EPOLLIN, 101);
	MUST(ctl(s1, EPOLL_CTL_MOD, e0, EPOLLIN, 100) && errno == ENOENT);
	del(s0, e0);
	MUST(ctl(s0, EPOLL_CTL_MOD, e0, EPOLLIN, 101) && errno == ENOENT);
	add(s0, e0, EPOLLIN, 100);
	mod(s0, e0, EPOLLIN | EPOLLOUT | EPOLLET, 101); /* 6: as it was before the DEL */
	KEY("epoll_ctl.mod=%d", 7 + 5 + 2 + 3 + 11 + 1 + 1 + 6);
	KEY("epoll_ctl.mod_unchanged=%d", 7 + 5 + 2 + 3 + 11 + 1 + 1);
	KEY("epoll_ctl.failed=2");
	KEY("epoll_ctl.del=1");
}

/*
 *	t0
 *	 |
 *	s0 --(lt, oneshot)-- e0
 *
 * Having fired, it holds no event: the mask it was given last is a change, and so is one without
 * events, for the kernel adds ERR and HUP.
 */
static void arming_a_fired_oneshot_is_a_change(void)
{
	int s0 = new_set(), e0 = new_event(1, 0);

	add(s0, e0, EPOLLIN | EPOLLONESHOT, 1);
	begin();
	mod(s0, e0, EPOLLIN | EPOLLONESHOT, 1); /* unchanged: it has not fired */
	one(s0, EPOLLIN, 1);
	mod(s0, e0, EPOLLIN | EPOLLONESHOT, 1);
	TIMES(2) mod(s0, e0, EPOLLIN | EPOLLONESHOT, 1); /* unchanged */
	one(s0, EPOLLIN, 1);
	mod(s0, e0, EPOLLONESHOT, 1);
	TIMES(5) mod(s0, e0, EPOLLONESHOT, 1); /* unchanged */
	none(s0);
	ROW(s0, "returns=3 registrations.level=1 registrations.oneshot=1 deliveries.level=2 "
		"deliveries.oneshot=2 deliveries.in=2");
	KEY("epoll_ctl.mod=10");
	KEY("epoll_ctl.mod_unchanged=8");
}

/* The same, and it fired before the tool was there, if that came late. */
static void arming_a_oneshot_that_fired_long_ago_is_a_change(void)
{
	int s0 = new_set(), e0 = new_event(1, 0), early = !is_late;

	add(s0, e0, EPOLLIN | EPOLLONESHOT, 1);
	one(s0, EPOLLIN, 1);
	begin();
	none(s0);
	mod(s0, e0, EPOLLIN | EPOLLONESHOT, 1);
	one(s0, EPOLLIN, 1);
	ROW(s0,
	    "returns=%d registrations.level=1 registrations.oneshot=1 deliveries.level=%d "
	    "deliveries.oneshot=%d deliveries.in=%d",
	    2 + early, 1 + early, 1 + early, 1 + early);
	KEY("epoll_ctl.mod=1");
	KEY("epoll_ctl.mod_unchanged=0");
}

/* So that a batch of 2000 stands beside those of the usual sizes. */
#define MANY 2000

static void add_many(int set, uint32_t mask, int *fds)
{
	struct rlimit limit;

	MUST(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	MUST(!setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < MANY; i++) {
		fds[i] = new_event(1, 0);
		add(set, fds[i], mask, i);
	}
}

/* How many of a batch were told before. */
static int seen_before(bool *is_seen, int nr)
{
	int before = 0;

	for (int i = 0; i < nr; i++) {
		before += is_seen[events[i].data.u64];
		is_seen[events[i].data.u64] = true;
	}
	return before;
}

/*
 *	t0 (asks for 1, 16, 512, 2000, 4096)
 *	 |
 *	s0
 *	 | (lt)
 *	e0 ... e1999, all ready
 *
 * What was told goes to the end of the kernel's list, so the first three batches are all new.
 */
static void level_batches_of_1_16_512_and_2000(void)
{
	static const int asks[] = { 1, 16, 512, 2000, 4096 };
	static bool is_seen[MANY];
	int s0 = new_set(), fds[MANY], before = 0;

	add_many(s0, EPOLLIN, fds);
	begin();
	for (int i = 0; i < 5; i++) {
		int nr = asks[i] < MANY ? asks[i] : MANY;

		some(s0, asks[i], nr);
		before += seen_before(is_seen, nr);
	}
	MUST(before == 1 + 16 + 512 + MANY);
	for (int i = 0; i < 1009; i++)
		drain_event(fds[i]);
	ROW(s0, "returns=5 registrations.level=2000 deliveries.level=4529 deliveries.in=4529 "
		"redelivered=2529 redelivered_in=2529 first_reads=1009");
	KEY("epoll_wait.ready=4529");
	KEY("epoll_wait.saturated=4");
}

/*
 *	t0 (asks for 512)
 *	 |
 *	s0
 *	 | (et)
 *	e0 ... e1999, all ready
 *
 * Of each batch, a prime number is drained before the next.
 */
static void edge_batches_of_512_drained_in_part(void)
{
	int s0 = new_set(), fds[MANY];

	add_many(s0, EPOLLIN | EPOLLET, fds);
	begin();
	for (int told = 0; told < MANY; told += 512) {
		int nr = MANY - told < 512 ? MANY - told : 512;

		some(s0, 512, nr);
		for (int i = 0; i < 211; i++)
			drain_event(fds[events[i].data.u64]);
	}
	none(s0);
	ROW(s0,
	    "returns=5 registrations.edge=2000 deliveries.edge=2000 deliveries.in=2000 "
	    "edge_undrained=%d first_reads=%d",
	    MANY - 4 * 211, 4 * 211);
	KEY("epoll_wait.saturated=3");
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (et)
 *	e0 ... e5
 *
 * One a batch. e0's comes to be drained when five more batches have been told; that e5, the last,
 * was not drained is not made good by it.
 */
static void a_late_read_drains_an_old_batch_and_no_other(void)
{
	int s0 = new_set(), fds[6];

	for (int i = 0; i < 6; i++) {
		fds[i] = new_event(0, 0);
		add(s0, fds[i], EPOLLIN | EPOLLET, i);
	}
	begin();
	for (int round = 0; round < 7; round++) {
		for (int i = 0; i < 6; i++) {
			raise_by(fds[i], 1);
			one(s0, EPOLLIN, i);
			if (i >= 1 && i <= 4)
				drain_event(fds[i]);
			if (i == round % 2 + 4)
				drain_event(fds[0]);
		}
		none(s0);
		drain_event(fds[5]);
	}
	ROW(s0, "returns=49 registrations.edge=6 deliveries.edge=42 deliveries.in=42 "
		"edge_undrained=14 first_reads=42");
}

/*
 *	t0
 *	 |
 *	s0 --(et)-- e0	     s1 --(lt)-- e1
 *
 * Only the next wait on the instance that told of it counts.
 */
static void a_wait_on_another_instance_is_not_the_next_wait(void)
{
	int s0 = new_set(), s1 = new_set(), e0 = new_event(0, 0), e1 = new_event(1, 0);

	add(s0, e0, EPOLLIN | EPOLLET, e0);
	add(s1, e1, EPOLLIN, e1);
	begin();
	TIMES(5)
	{
		raise_by(e0, 1);
		one(s0, EPOLLIN, e0);
		one(s1, EPOLLIN, e1);
		drain_event(e0);
	}
	raise_by(e0, 1);
	one(s0, EPOLLIN, e0);
	one(s1, EPOLLIN, e1);
	none(s0);
	ROW(s0, "returns=7 registrations.edge=1 deliveries.edge=6 deliveries.in=6 "
		"edge_undrained=1 first_reads=5");
	ROW(s1, "returns=6 registrations.level=1 deliveries.level=6 deliveries.in=6 "
		"redelivered=5 redelivered_in=5");
}

static const struct shape shapes[] = {
	SHAPE(level_is_told_each_time_and_edge_once),
	SHAPE(two_kib_in_a_pipe_one_read_level),
	SHAPE(two_kib_in_a_pipe_one_read_edge),
	SHAPE(a_read_that_got_all_it_asked_for_drains_nothing),
	SHAPE(oneshot_is_told_once_until_it_is_armed_again),
	SHAPE(exclusive_is_a_kind_of_level_and_of_edge),
	SHAPE(in_out_rdhup_and_hup_of_a_socket),
	SHAPE(err_hup_and_pri_are_counted),
	SHAPE(edge_out_alone_is_never_undrained),
	SHAPE(mod_that_changes_nothing_is_told_from_one_that_does),
	SHAPE(arming_a_fired_oneshot_is_a_change),
	SHAPE(arming_a_oneshot_that_fired_long_ago_is_a_change),
	SHAPE(level_batches_of_1_16_512_and_2000),
	SHAPE(edge_batches_of_512_drained_in_part),
	SHAPE(a_late_read_drains_an_old_batch_and_no_other),
	SHAPE(a_wait_on_another_instance_is_not_the_next_wait),
};

int main(int argc, char **argv)
{
	return direct(shapes, sizeof(shapes) / sizeof(*shapes), argc, argv);
}
