/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Edges that were not drained when their thread waited again, and the bytes
 * that stand behind them at the end, beside what FIONREAD tells.
 */
#include "tests.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static uint64_t fionread(int fd)
{
	int bytes;

	must(ioctl(fd, FIONREAD, &bytes), "FIONREAD");
	return bytes;
}

/* Of five turns two drain: one by EAGAIN, one by less than asked. 170 bytes stand at the end. */
static void check_edge(void **state, int fd, int from)
{
	int epfd = new_epoll();

	watch(epfd, fd, EPOLLIN | EPOLLET);
	begin(*state);
	put(from, 100);
	wait_for(epfd, 1);
	take(fd, 100, 100);
	take(fd, 100, -1);
	put(from, 100);
	wait_for(epfd, 1);
	take(fd, 200, 100);
	for (int i = 0; i < 3; i++) { /* left three times */
		put(from, 100);
		wait_for(epfd, 1);
		take(fd, 40 + 10 * (i == 0), 40 + 10 * (i == 0));
	}
	wait_for(epfd, 0);
	wait_for(epfd, 0); /* it was looked at already */
	end(*state);
	assert_int_equal(fionread(fd), 170);
	expect_epoll(*state, epfd, { "returns", 7 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 5 }, { "deliveries.in", 5 }, { "edge_undrained", 3 },
		     { "first_reads", 5 }, { "undrained.descriptors", 1 },
		     { "undrained.unread_bytes", fionread(fd) });
	expect_descriptor(*state, epfd, fd, { "deliveries", 5 }, { "edge_undrained", 3 },
			  { "reads", 5 }, { "read_bytes", 100 + 100 + 130 },
			  { "unread_bytes", fionread(fd) });
	begin(*state);
	take(fd, 1000, 170);
	wait_for(epfd, 0);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.edge", 1 });
	close(epfd);
	close(fd);
	close(from);
}

static void an_edge_of_a_unix_socket_not_drained_leaves_bytes(void **state)
{
	int pair[2];

	new_pair(pair);
	check_edge(state, pair[0], pair[1]);
}

static void an_edge_of_a_pipe_not_drained_leaves_bytes(void **state)
{
	int ends[2];

	must(pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
	check_edge(state, ends[0], ends[1]);
}

static void an_edge_of_a_tcp_socket_not_drained_leaves_bytes(void **state)
{
	int pair[2];

	new_tcp_pair(pair);
	check_edge(state, pair[1], pair[0]);
}

/* Three wait, one is accepted: the two that are left are told of no more. */
static void check_edge_listener(void **state, int listener)
{
	int epfd = new_epoll();

	watch(epfd, listener, EPOLLIN | EPOLLET);
	begin(*state);
	wait_for(epfd, 1);
	accept_one(listener);
	wait_for(epfd, 0); /* two are left */
	wait_for(epfd, 0); /* of which it was told long ago */
	accept_one(listener);
	accept_one(listener);
	rewatch(epfd, listener, EPOLLIN | EPOLLET);
	wait_for(epfd, 0);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 4 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 1 }, { "deliveries.in", 1 }, { "edge_accept_left", 1 },
		     { "first_reads", 1 });
	assert_int_equal(listener_at(*state, listener)->delivered, 1);
	close(epfd);
	close(listener);
}

static void connections_left_in_a_unix_queue_are_counted(void **state)
{
	struct sockaddr_storage at;
	socklen_t len;
	int listener = new_unix_listener(&at, &len), clients[3];

	for (int i = 0; i < 3; i++)
		clients[i] = connect_unix(&at, len);
	check_edge_listener(state, listener);
	for (int i = 0; i < 3; i++)
		close(clients[i]);
}

static void connections_left_in_a_tcp_queue_are_counted(void **state)
{
	struct sockaddr_in at;
	int listener = new_tcp_listener(&at), clients[3];

	for (int i = 0; i < 3; i++)
		clients[i] = connect_tcp(&at);
	check_edge_listener(state, listener);
	for (int i = 0; i < 3; i++)
		close(clients[i]);
}

/* All were accepted, without asking for one more: nothing is left. */
static void an_edge_listener_that_was_emptied_left_nothing(void **state)
{
	int epfd = new_epoll(), clients[3];
	struct sockaddr_in at;
	int listener = new_tcp_listener(&at);

	watch(epfd, listener, EPOLLIN | EPOLLET);
	for (int i = 0; i < 3; i++)
		clients[i] = connect_tcp(&at);
	begin(*state);
	wait_for(epfd, 1);
	for (int i = 0; i < 3; i++)
		accept_one(listener);
	wait_for(epfd, 0);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 2 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 1 }, { "deliveries.in", 1 }, { "first_reads", 1 });
	close(epfd);
	close(listener);
	for (int i = 0; i < 3; i++)
		close(clients[i]);
}

/* An edge left in one instance is looked at when the thread waits there again, not elsewhere. */
static void two_instances_used_in_turn_have_their_own_edges(void **state)
{
	int one = new_epoll(), other = new_epoll(), first[2], second[2];

	new_pair(first);
	new_pair(second);
	watch(one, first[0], EPOLLIN | EPOLLET);
	watch(other, second[0], EPOLLIN | EPOLLET);
	begin(*state);
	for (int i = 0; i < 5; i++) {
		put(first[1], 10);
		put(second[1], 10);
		wait_for(one, 1);
		wait_for(other, 1); /* of the first nothing has been read */
		take(first[0], 100, 10);
		take(second[0], 5, 5); /* five are left each time */
	}
	wait_for(one, 0);
	wait_for(other, 0);
	end(*state);
	expect_epoll(*state, one, { "returns", 6 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 5 }, { "deliveries.in", 5 }, { "first_reads", 5 });
	expect_epoll(*state, other, { "returns", 6 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 5 }, { "deliveries.in", 5 }, { "first_reads", 5 },
		     { "edge_undrained", 5 }, { "undrained.descriptors", 1 },
		     { "undrained.unread_bytes", 25 });
	assert_int_equal(fionread(second[0]), 25);
	close(one);
	close(other);
	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
}

static void *drain(void *context)
{
	take(*(int *)context, 100, 10);
	return NULL;
}

static void drain_in_thread(int *fd)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, drain, fd), 0);
	pthread_join(thread, NULL);
}

/* Handed over to another thread: drained before the next wait or not, that is what counts. */
static void an_edge_handed_over_counts_if_it_is_drained_too_late(void **state)
{
	int epfd = new_epoll(), pair[2];

	new_pair(pair);
	watch(epfd, pair[0], EPOLLIN | EPOLLET);
	begin(*state);
	for (int i = 0; i < 3; i++) {
		put(pair[1], 10);
		wait_for(epfd, 1);
		drain_in_thread(&pair[0]);
		wait_for(epfd, 0);
	}
	for (int i = 0; i < 5; i++) {
		put(pair[1], 10);
		wait_for(epfd, 1);
		wait_for(epfd, 0);
		drain_in_thread(&pair[0]);
	}
	end(*state);
	expect_epoll(*state, epfd, { "returns", 16 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 8 }, { "deliveries.in", 8 }, { "first_reads", 8 },
		     { "edge_undrained", 5 });
	close(epfd);
	close(pair[0]);
	close(pair[1]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_edge_of_a_unix_socket_not_drained_leaves_bytes),
	cmocka_unit_test(an_edge_of_a_pipe_not_drained_leaves_bytes),
	cmocka_unit_test(an_edge_of_a_tcp_socket_not_drained_leaves_bytes),
	cmocka_unit_test(connections_left_in_a_unix_queue_are_counted),
	cmocka_unit_test(connections_left_in_a_tcp_queue_are_counted),
	cmocka_unit_test(an_edge_listener_that_was_emptied_left_nothing),
	cmocka_unit_test(two_instances_used_in_turn_have_their_own_edges),
	cmocka_unit_test(an_edge_handed_over_counts_if_it_is_drained_too_late),
};

const struct family edges_tests = { tests, ARRAY_SIZE(tests) };
