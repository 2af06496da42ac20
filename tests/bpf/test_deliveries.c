/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What epoll instances delivered: triggers and event bits, and what was
 * delivered again although nobody did anything on it.
 */
#include "tests.h"

#include <sys/epoll.h>
#include <sys/socket.h>

static void level_is_told_again_and_edge_is_not(void **state)
{
	int epfd = new_epoll(), level = new_eventfd(), edge = new_eventfd();

	put(level, 8);
	put(edge, 8);
	begin(*state);
	watch(epfd, level, EPOLLIN);
	watch(epfd, edge, EPOLLIN | EPOLLET);
	wait_for(epfd, 2);
	for (int i = 0; i < 6; i++)
		wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 7 }, { "registrations.level", 1 },
		     { "registrations.edge", 1 }, { "deliveries.level", 7 },
		     { "deliveries.edge", 1 }, { "deliveries.in", 8 }, { "redelivered", 6 },
		     { "redelivered_in", 6 }, { "edge_undrained", 1 });
	expect_descriptor(*state, epfd, level, { "deliveries", 7 }, { "redelivered", 6 },
			  { "redelivered_in", 6 });
	expect_descriptor(*state, epfd, edge, { "deliveries", 1 }, { "edge_undrained", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 2);
	close(epfd);
	close(level);
	close(edge);
}

/* Each is armed three times; the last arming of the second does not fire. */
static void oneshot_is_of_level_and_of_edge(void **state)
{
	int epfd = new_epoll(), level = new_eventfd(), edge = new_eventfd();

	put(level, 8);
	put(edge, 8);
	begin(*state);
	watch(epfd, level, EPOLLIN | EPOLLONESHOT);
	watch(epfd, edge, EPOLLIN | EPOLLONESHOT | EPOLLET);
	wait_for(epfd, 2);
	wait_for(epfd, 0);
	rewatch(epfd, level, EPOLLIN | EPOLLONESHOT);
	rewatch(epfd, edge, EPOLLIN | EPOLLONESHOT | EPOLLET);
	wait_for(epfd, 2);
	rewatch(epfd, level, EPOLLIN | EPOLLONESHOT);
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 4 }, { "registrations.level", 1 },
		     { "registrations.edge", 1 }, { "registrations.oneshot", 2 },
		     { "deliveries.level", 3 }, { "deliveries.edge", 2 },
		     { "deliveries.oneshot", 5 }, { "deliveries.in", 5 }, { "edge_undrained", 2 });
	expect(*state, { "epoll_wait.*", ANY }, { "copies.*", ANY }, { "epoll_ctl.add", 2 },
	       { "epoll_ctl.mod", 3 }, { "epoll_ctl.in_bytes", 5 * EVENT_BYTES });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 2);
	close(epfd);
	close(level);
	close(edge);
}

static void exclusive_is_of_level_and_of_edge(void **state)
{
	int epfd = new_epoll(), level = new_eventfd(), edge = new_eventfd();

	put(level, 8);
	put(edge, 8);
	begin(*state);
	watch(epfd, level, EPOLLIN | EPOLLEXCLUSIVE);
	watch(epfd, edge, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET);
	wait_for(epfd, 2);
	wait_for(epfd, 1);
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 3 }, { "registrations.level", 1 },
		     { "registrations.edge", 1 }, { "registrations.exclusive", 2 },
		     { "deliveries.level", 3 }, { "deliveries.edge", 1 },
		     { "deliveries.exclusive", 4 }, { "deliveries.in", 4 }, { "redelivered", 2 },
		     { "redelivered_in", 2 }, { "edge_undrained", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 2);
	close(epfd);
	close(level);
	close(edge);
}

/*
 * One descriptor for each bit, told once, in one wait:
 *
 *	eventfd         IN OUT
 *	full eventfd    IN
 *	pipe, no writer HUP
 *	pipe, no reader OUT ERR
 *	socket, shut    IN RDHUP
 *	tcp, urgent     IN PRI
 */
static void each_event_bit_is_counted(void **state)
{
	int epfd = new_epoll(), both = new_eventfd(), in = new_eventfd();
	int unwritten[2], unread[2], shut[2], urgent[2];
	const uint64_t full = UINT64_MAX - 1;

	put(both, 8);
	assert_int_equal(write(in, &full, 8), 8);
	must(pipe2(unwritten, O_CLOEXEC), "pipe2");
	close(unwritten[1]);
	must(pipe2(unread, O_CLOEXEC), "pipe2");
	close(unread[0]);
	new_pair(shut);
	shutdown(shut[1], SHUT_WR);
	new_tcp_pair(urgent);
	put(urgent[0], 3);
	assert_int_equal(send(urgent[0], "!", 1, MSG_OOB), 1);
	begin(*state);
	watch(epfd, both, EPOLLIN | EPOLLOUT);
	watch(epfd, in, EPOLLIN | EPOLLOUT);
	watch(epfd, unwritten[0], EPOLLIN);
	watch(epfd, unread[1], EPOLLOUT);
	watch(epfd, shut[0], EPOLLIN | EPOLLRDHUP);
	watch(epfd, urgent[1], EPOLLIN | EPOLLPRI);
	wait_for(epfd, 6);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.level", 6 },
		     { "deliveries.level", 6 }, { "deliveries.in", 4 }, { "deliveries.out", 2 },
		     { "deliveries.hup", 1 }, { "deliveries.err", 1 }, { "deliveries.rdhup", 1 },
		     { "deliveries.pri", 1 });
	close(epfd);
	close(both);
	close(in);
	close(unwritten[0]);
	close(unread[1]);
	for (int i = 0; i < 2; i++) {
		close(shut[i]);
		close(urgent[i]);
	}
}

/* Ten deliveries; four follow another with nothing done in between. */
static void any_call_on_it_ends_that_it_is_told_again(void **state)
{
	int epfd = new_epoll(), pair[2];

	new_pair(pair);
	put(pair[1], 100);
	watch(epfd, pair[0], EPOLLIN);
	begin(*state);
	wait_for(epfd, 1); /* the first */
	wait_for(epfd, 1); /* again */
	take(pair[0], 1, 1);
	wait_for(epfd, 1);
	wait_for(epfd, 1); /* again */
	put(pair[0], 1);
	wait_for(epfd, 1);
	rewatch(epfd, pair[0], EPOLLIN);
	wait_for(epfd, 1);
	wait_for(epfd, 1); /* again */
	assert_int_equal(recv(pair[0], (char[1]){}, 1, MSG_PEEK), 1);
	wait_for(epfd, 1);
	assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, pair[0], &(struct epoll_event){}), -1);
	wait_for(epfd, 1);
	assert_int_equal(fcntl(pair[0], F_GETFL) & O_ACCMODE, O_RDWR); /* no call of ours */
	wait_for(epfd, 1);					       /* again */
	end(*state);
	/* It is residual from the first read to the end. */
	expect_epoll(*state, epfd, { "returns", 10 }, { "registrations.level", 1 },
		     { "deliveries.level", 10 }, { "deliveries.in", 10 }, { "redelivered", 4 },
		     { "redelivered_in", 4 }, { "residual", 8 }, { "first_reads", 2 });
	close(epfd);
	close(pair[0]);
	close(pair[1]);
}

static void take_one(void *context)
{
	take(*(int *)context, 1, 1);
}

static void a_call_by_another_target_counts_as_well(void **state)
{
	int epfd = new_epoll(), pair[2];

	new_pair(pair);
	put(pair[1], 100);
	watch(epfd, pair[0], EPOLLIN);
	begin(*state);
	wait_for(epfd, 1);
	run_child(take_one, &pair[0]);
	wait_for(epfd, 1);
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 3 }, { "registrations.level", 1 },
		     { "deliveries.level", 3 }, { "deliveries.in", 3 }, { "redelivered", 1 },
		     { "redelivered_in", 1 }, { "residual", 2 }, { "first_reads", 1 });
	close(epfd);
	close(pair[0]);
	close(pair[1]);
}

/* One open file description under two numbers: each event follows one for the other. */
static void dup_shares_the_state(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd(), copy = dup(fd);

	put(fd, 8);
	watch(epfd, fd, EPOLLIN);
	watch(epfd, copy, EPOLLIN);
	begin(*state);
	wait_for(epfd, 2); /* the second is told again */
	wait_for(epfd, 2); /* both are */
	take(copy, 8, 8);
	put(copy, 8);
	wait_for(epfd, 2); /* the second */
	end(*state);
	expect_epoll(*state, epfd, { "returns", 3 }, { "registrations.level", 2 },
		     { "deliveries.level", 6 }, { "deliveries.in", 6 }, { "redelivered", 4 },
		     { "redelivered_in", 4 }, { "first_reads", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 2);
	close(epfd);
	close(fd);
	close(copy);
}

/* The state is the description's, whichever instance it was told by. */
static void instances_share_the_state_of_a_description(void **state)
{
	int one = new_epoll(), other = new_epoll(), fd = new_eventfd();

	put(fd, 8);
	watch(one, fd, EPOLLIN);
	watch(other, fd, EPOLLIN);
	begin(*state);
	wait_for(one, 1);
	wait_for(other, 1); /* again */
	wait_for(one, 1);   /* again */
	take(fd, 8, 8);
	put(fd, 8);
	wait_for(other, 1);
	take(fd, 8, 8);
	end(*state);
	expect_epoll(*state, one, { "returns", 2 }, { "registrations.level", 1 },
		     { "deliveries.level", 2 }, { "deliveries.in", 2 }, { "redelivered", 1 },
		     { "redelivered_in", 1 }, { "first_reads", 1 });
	expect_epoll(*state, other, { "returns", 2 }, { "registrations.level", 1 },
		     { "deliveries.level", 2 }, { "deliveries.in", 2 }, { "redelivered", 1 },
		     { "redelivered_in", 1 }, { "first_reads", 1 });
	close(one);
	close(other);
	close(fd);
}

static void writable_and_nothing_to_write_is_idle(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd();

	watch(epfd, fd, EPOLLIN | EPOLLOUT);
	begin(*state);
	for (int i = 0; i < 4; i++) /* idle but for the first */
		wait_for(epfd, 1);
	take(fd, 8, -1);   /* a call, no write */
	wait_for(epfd, 1); /* idle, not told again */
	put(fd, 8);
	for (int i = 0; i < 3; i++) /* readable, too */
		wait_for(epfd, 1);
	take(fd, 8, 8);
	wait_for(epfd, 1); /* idle: the write was before the last delivery */
	end(*state);
	expect_epoll(*state, epfd, { "returns", 9 }, { "registrations.level", 1 },
		     { "deliveries.level", 9 }, { "deliveries.in", 3 }, { "deliveries.out", 9 },
		     { "redelivered", 3 + 2 }, { "redelivered_in", 2 }, { "idle_out", 3 + 1 + 1 },
		     { "first_reads", 1 });
	close(epfd);
	close(fd);
}

/* OUT is asked for when there is an answer, and IN again when it is written. */
static void in_and_out_in_turn_is_not_idle(void **state)
{
	int pair[2], epfd = new_epoll();

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), "socketpair");
	watch(epfd, pair[0], EPOLLIN);
	begin(*state);
	for (int i = 0; i < 5; i++) {
		put(pair[1], 8);
		wait_for(epfd, 1);
		take(pair[0], 8, 8);
		rewatch(epfd, pair[0], EPOLLOUT);
		wait_for(epfd, 1);
		put(pair[0], 8);
		rewatch(epfd, pair[0], EPOLLIN);
	}
	end(*state);
	expect_epoll(*state, epfd, { "returns", 10 }, { "registrations.level", 1 },
		     { "deliveries.level", 10 }, { "deliveries.in", 5 }, { "deliveries.out", 5 },
		     { "residual", 4 }, { "first_reads", 5 });
	close(epfd);
	close(pair[0]);
	close(pair[1]);
}

static void an_edge_is_never_idle(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd();

	watch(epfd, fd, EPOLLOUT | EPOLLET);
	begin(*state);
	for (int i = 0; i < 4; i++) {
		wait_for(epfd, 1);
		rewatch(epfd, fd, EPOLLOUT | EPOLLET);
	}
	end(*state);
	expect_epoll(*state, epfd, { "returns", 4 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 4 }, { "deliveries.out", 4 });
	close(epfd);
	close(fd);
}

static void a_hangup_told_before_is_ignored(void **state)
{
	int epfd = new_epoll(), ends[2];

	must(pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
	watch(epfd, ends[0], EPOLLIN);
	close(ends[1]);
	begin(*state);
	for (int i = 0; i < 5; i++)
		wait_for(epfd, 1);
	take(ends[0], 8, 0); /* a read that is told the end does not end it */
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 6 }, { "registrations.level", 1 },
		     { "deliveries.level", 6 }, { "deliveries.hup", 6 }, { "redelivered", 4 },
		     { "ignored_hangup", 5 });
	close(epfd);
	close(ends[0]);
}

/* IN that means the end of a stream is known for it by the read that returned 0. */
static void an_end_of_stream_read_before_is_ignored(void **state)
{
	int epfd = new_epoll(), pair[2];

	new_pair(pair);
	watch(epfd, pair[0], EPOLLIN);
	put(pair[1], 5);
	shutdown(pair[1], SHUT_WR);
	begin(*state);
	wait_for(epfd, 1);
	take(pair[0], 5, 5);
	wait_for(epfd, 1); /* residual: the read got all it asked for */
	take(pair[0], 5, 0);
	for (int i = 0; i < 3; i++)
		wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 5 }, { "registrations.level", 1 },
		     { "deliveries.level", 5 }, { "deliveries.in", 5 }, { "redelivered", 2 },
		     { "redelivered_in", 2 }, { "residual", 1 }, { "ignored_hangup", 3 },
		     { "first_reads", 2 });
	close(epfd);
	close(pair[0]);
	close(pair[1]);
}

static void removed_and_added_again_is_not_told_again(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd();

	put(fd, 8);
	watch(epfd, fd, EPOLLIN);
	begin(*state);
	for (int i = 0; i < 5; i++) {
		wait_for(epfd, 1);
		must(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL), "EPOLL_CTL_DEL");
		watch(epfd, fd, EPOLLIN | (i == 4 ? EPOLLET : 0));
	}
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 6 }, { "registrations.edge", 1 },
		     { "deliveries.level", 5 }, { "deliveries.edge", 1 }, { "deliveries.in", 6 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 1);
	close(epfd);
	close(fd);
}

/* Level becomes edge and back: each delivery is of what is registered then. */
static void a_changed_mask_counts_from_then_on(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd();

	put(fd, 8);
	watch(epfd, fd, EPOLLIN);
	begin(*state);
	wait_for(epfd, 1);
	rewatch(epfd, fd, EPOLLIN | EPOLLET);
	wait_for(epfd, 1);
	rewatch(epfd, fd, EPOLLIN | EPOLLOUT);
	wait_for(epfd, 1);
	end(*state);
	/* The edge is not drained when the thread waits the third time. */
	expect_epoll(*state, epfd, { "returns", 3 }, { "registrations.level", 1 },
		     { "deliveries.level", 2 }, { "deliveries.edge", 1 }, { "deliveries.in", 3 },
		     { "deliveries.out", 1 }, { "edge_undrained", 1 });
	close(epfd);
	close(fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(level_is_told_again_and_edge_is_not),
	cmocka_unit_test(oneshot_is_of_level_and_of_edge),
	cmocka_unit_test(exclusive_is_of_level_and_of_edge),
	cmocka_unit_test(each_event_bit_is_counted),
	cmocka_unit_test(any_call_on_it_ends_that_it_is_told_again),
	cmocka_unit_test(a_call_by_another_target_counts_as_well),
	cmocka_unit_test(dup_shares_the_state),
	cmocka_unit_test(instances_share_the_state_of_a_description),
	cmocka_unit_test(writable_and_nothing_to_write_is_idle),
	cmocka_unit_test(in_and_out_in_turn_is_not_idle),
	cmocka_unit_test(an_edge_is_never_idle),
	cmocka_unit_test(a_hangup_told_before_is_ignored),
	cmocka_unit_test(an_end_of_stream_read_before_is_ignored),
	cmocka_unit_test(removed_and_added_again_is_not_told_again),
	cmocka_unit_test(a_changed_mask_counts_from_then_on),
};

const struct family deliveries_tests = { tests, ARRAY_SIZE(tests) };
