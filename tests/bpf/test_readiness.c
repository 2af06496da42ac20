/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What poll and select reported again although nobody did anything on it. */
#include "tests.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* At once, and of all that are given @nr must be ready. */
static void poll_for(struct pollfd *fds, unsigned int nr_fds, int nr)
{
	long ready = syscall(SYS_poll, fds, nr_fds, 0);

	if (ready != nr) {
		fprintf(stderr, "%d: poll: %ld, not %d\n", getpid(), ready, nr);
		abort();
	}
}

static void poll_one(int fd, short events, int nr)
{
	poll_for(&(struct pollfd){ .fd = fd, .events = events }, 1, nr);
}

/* As in the two tests of epoll: a call on it, by whatever number, ends it. */
static void any_call_on_it_ends_that_it_is_reported_again(void **state)
{
	int fd = new_eventfd(), copy = dup(fd);

	put(fd, 8);
	begin(*state);
	poll_one(fd, POLLIN, 1);
	for (int i = 0; i < 3; i++) /* again */
		poll_one(fd, POLLIN, 1);
	poll_one(copy, POLLIN, 1); /* again */
	put(copy, 8);
	poll_one(fd, POLLIN, 1);
	take(fd, 8, 8);
	put(fd, 8);
	poll_one(fd, POLLIN, 1);
	poll_one(fd, POLLIN, 1); /* again */
	end(*state);
	expect(*state, { "poll.redelivered", 5 }, { "poll.redelivered_in", 5 },
	       { "poll.wakeups", ANY }, { "poll.immediate", 8 }, { "poll.ready", 8 },
	       { "poll.ready_hist[1]", 8 }, { "poll.watched", 8 }, { "poll.watched_hist[1]", 8 },
	       { "poll.in_bytes", 64 + 8 * POLL_TIME_BYTES }, { "poll.out_bytes", 16 },
	       { "copies.*", ANY }, { "io.*", ANY });
	close(fd);
	close(copy);
}

static void what_is_not_ready_is_not_reported(void **state)
{
	struct pollfd fds[3];

	for (int i = 0; i < 3; i++)
		fds[i] = (struct pollfd){ .fd = new_eventfd(), .events = POLLIN };
	put(fds[1].fd, 8);
	begin(*state);
	for (int i = 0; i < 5; i++)
		poll_for(fds, 3, 1);
	put(fds[2].fd, 8);
	for (int i = 0; i < 3; i++) /* the first of these is the first of the other */
		poll_for(fds, 3, 2);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "poll.redelivered", 4 + 3 + 2 },
			 { "poll.redelivered_in", 4 + 3 + 2 }, { "poll.ready", 11 },
			 { "losses.*", 0 });
	for (int i = 0; i < 3; i++)
		close(fds[i].fd);
}

/* A regular file is always ready, and a number that is not open leads to nothing. */
static void files_and_what_is_not_open_are_not_reported_again(void **state)
{
	int file = must(memfd_create("fdscope-test", MFD_CLOEXEC), "memfd_create");
	struct pollfd fds[] = { { .fd = file, .events = POLLIN | POLLOUT },
				{ .fd = 1000000, .events = POLLIN } };

	begin(*state);
	for (int i = 0; i < 5; i++)
		poll_for(fds, 2, 2);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "poll.redelivered", 0 },
			 { "poll.idle_out", 0 }, { "poll.ready", 10 });
	close(file);
}

static void writable_and_nothing_to_write_is_idle(void **state)
{
	int fd = new_eventfd();

	begin(*state);
	for (int i = 0; i < 4; i++) /* idle but for the first */
		poll_one(fd, POLLIN | POLLOUT, 1);
	take(fd, 8, -1);
	poll_one(fd, POLLIN | POLLOUT, 1); /* idle, not again */
	put(fd, 8);
	for (int i = 0; i < 3; i++) /* readable, too */
		poll_one(fd, POLLIN | POLLOUT, 1);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "poll.idle_out", 3 + 1 },
			 { "poll.redelivered", 3 + 2 }, { "poll.redelivered_in", 2 });
	close(fd);
}

static void a_hangup_reported_before_is_ignored(void **state)
{
	int ends[2];

	must(pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
	close(ends[1]);
	begin(*state);
	for (int i = 0; i < 5; i++)
		poll_one(ends[0], POLLIN, 1);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "poll.ignored_hangup", 4 },
			 { "poll.redelivered", 4 }, { "poll.redelivered_in", 0 });
	close(ends[0]);
}

static void an_end_of_stream_read_before_is_ignored(void **state)
{
	int pair[2];

	new_pair(pair);
	shutdown(pair[1], SHUT_WR);
	begin(*state);
	poll_one(pair[0], POLLIN, 1);
	take(pair[0], 1, 0);
	for (int i = 0; i < 3; i++)
		poll_one(pair[0], POLLIN, 1);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "poll.ignored_hangup", 3 },
			 { "poll.redelivered", 2 }, { "poll.redelivered_in", 2 });
	close(pair[0]);
	close(pair[1]);
}

/* What poll reported and what epoll delivered are two histories of one description. */
static void poll_and_epoll_do_not_know_of_each_other(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd();

	put(fd, 8);
	watch(epfd, fd, EPOLLIN | EPOLLOUT);
	begin(*state);
	wait_for(epfd, 1);
	poll_one(fd, POLLIN | POLLOUT, 1);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "poll.redelivered", 0 },
			 { "poll.idle_out", 0 });
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.level", 1 },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 }, { "deliveries.out", 1 });
	close(epfd);
	close(fd);
}

static void a_number_used_again_begins_anew(void **state)
{
	int fd = new_eventfd();

	begin(*state);
	for (int i = 0; i < 7; i++) {
		put(fd, 8);
		poll_one(fd, POLLIN, 1);
		poll_one(fd, POLLIN, 1);
		close(fd);
		assert_int_equal(new_eventfd(), fd);
	}
	end(*state);
	expect_listed_of(*state, own_process(*state), { "poll.redelivered", 7 },
			 { "poll.redelivered_in", 7 });
	close(fd);
}

/* Ready without having been written to. */
static int new_ready(void)
{
	return must(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
}

/*
 * No call shows that what the number led to has ended. What comes there, likely
 * at the same place in memory, has not been reported.
 */
static void check_replaced(void **state, void (*replace)(int fd))
{
	int fd = new_ready();

	begin(*state);
	for (int i = 0; i < 7; i++) {
		poll_one(fd, POLLIN, 1);
		replace(fd);
	}
	end(*state);
	expect_listed_of(*state, own_process(*state), { "poll.redelivered", 0 },
			 { "poll.redelivered_in", 0 }, { "poll.ready", 7 });
	close(fd);
}

static void replace_by_dup2(int fd)
{
	int fresh = new_ready();

	must(dup2(fresh, fd), "dup2");
	close(fresh);
}

static void what_dup2_put_in_its_place_begins_anew(void **state)
{
	check_replaced(state, replace_by_dup2);
}

static void replace_by_close_range(int fd)
{
	must(close_range(fd, fd, 0), "close_range");
	assert_int_equal(new_ready(), fd);
}

static void what_close_range_made_room_for_begins_anew(void **state)
{
	check_replaced(state, replace_by_close_range);
}

/* ---- select ---- */

static void select_for(int nr_fds, const fd_set *in, const fd_set *out, int nr)
{
	fd_set ins = *in, outs = *out;
	struct timeval none = {};

	assert_int_equal(syscall(SYS_select, nr_fds, &ins, &outs, NULL, &none), nr);
}

/* One that is in two sets is one descriptor. */
static void select_reports_a_descriptor_once_however_many_sets_it_is_in(void **state)
{
	int fd = new_eventfd(), far = 190;
	fd_set in = {}, out = {};

	put(fd, 8);
	must(dup2(fd, far), "dup2"); /* the same description */
	close(fd);
	FD_SET(far, &in);
	FD_SET(far, &out);
	begin(*state);
	for (int i = 0; i < 5; i++)
		select_for(far + 1, &in, &out, 2);
	take(far, 8, 8);
	for (int i = 0; i < 3; i++) /* writable and no more */
		select_for(far + 1, &in, &out, 1);
	put(far, 8);
	select_for(far + 1, &in, &out, 2);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "select.redelivered", 4 + 2 },
			 { "select.redelivered_in", 4 }, { "select.idle_out", 3 },
			 { "select.ready", 2 * 5 + 3 + 2 });
	close(far);
}

static void poll_and_select_share_the_state(void **state)
{
	int fd = new_eventfd();
	fd_set in = {}, out = {};

	put(fd, 8);
	FD_SET(fd, &in);
	begin(*state);
	poll_one(fd, POLLIN, 1);
	select_for(fd + 1, &in, &out, 1); /* again */
	poll_one(fd, POLLIN, 1);	  /* again */
	end(*state);
	expect_listed_of(*state, own_process(*state), { "poll.redelivered", 1 },
			 { "poll.redelivered_in", 1 }, { "select.redelivered", 1 },
			 { "select.redelivered_in", 1 });
	close(fd);
}

/* ---- many ---- */

static const struct probe_limits large = { 64, 64, 64, 4096 };

struct crowd {
	int nr, nr_ready;
};

/* The last are ready: all that come before them must be looked at. */
static void poll_crowd(void *context)
{
	static struct pollfd fds[4096];
	const struct crowd *crowd = context;

	for (int i = 0; i < crowd->nr; i++) {
		fds[i] = (struct pollfd){ .fd = new_eventfd(), .events = POLLIN };
		if (i >= crowd->nr - crowd->nr_ready)
			put(fds[i].fd, 8);
	}
	for (int i = 0; i < 3; i++)
		poll_for(fds, crowd->nr, crowd->nr_ready);
}

static void select_crowd(void *context)
{
	static uint64_t set[4096 / 64];
	const struct crowd *crowd = context;
	struct timeval none = {};
	int last = 0;

	for (int i = 0; i < crowd->nr; i++) {
		last = new_eventfd();
		if (i >= crowd->nr - crowd->nr_ready)
			put(last, 8);
	}
	for (int i = 0; i < 3; i++) {
		for (int fd = last - crowd->nr + 1; fd <= last; fd++)
			set[fd / 64] |= 1ULL << fd % 64;
		require(syscall(SYS_select, last + 1, set, NULL, NULL, &none) == crowd->nr_ready,
			"select");
	}
}

static void check_crowd(void (*act)(void *context), const char *family, int nr, int nr_ready)
{
	struct crowd *crowd = shared_alloc(sizeof(*crowd));
	struct tracer *tracer;
	pid_t pid;

	*crowd = (struct crowd){ nr, nr_ready };
	tracer = start_traced(&large, NULL, act, crowd, &pid);
	wait_child(pid);
	end(tracer);
	want(tracer, 2 * nr_ready, "%s.redelivered", family);
	want(tracer, 2 * nr_ready, "%s.redelivered_in", family);
	want(tracer, 3 * nr_ready, "%s.ready", family);
	expect_listed_of(tracer, process_of(tracer, pid), { "losses.*", 0 });
	tracer_free(tracer);
}

static void poll_of_any_size_is_looked_at_whole(void **state)
{
	static const int sizes[] = { 15, 16, 17, 1023, 1024, 1025, 2000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		check_crowd(poll_crowd, "poll", sizes[i], 3);
	check_crowd(poll_crowd, "poll", 2000, 2000);
}

static void select_of_any_size_is_looked_at_whole(void **state)
{
	(void)state;
	check_crowd(select_crowd, "select", 100, 3);
	check_crowd(select_crowd, "select", 2000, 3);
	check_crowd(select_crowd, "select", 2000, 2000);
}

static void descriptions_beyond_the_table_are_counted_as_lost(void **state)
{
	const struct probe_limits small = { 16, 16, 16, 16 };
	struct crowd *crowd = shared_alloc(sizeof(*crowd));
	struct tracer *tracer;
	pid_t pid;

	(void)state;
	*crowd = (struct crowd){ 20, 20 };
	tracer = start_traced(&small, NULL, poll_crowd, crowd, &pid);
	wait_child(pid);
	end(tracer);
	/* Four have no row in each of the three. */
	expect_listed_of(tracer, process_of(tracer, pid), { "poll.redelivered", 2 * 16 },
			 { "losses.descriptions", 3 * 4 }, { "poll.ready", 60 });
	assert_false(profile_is_complete(profile_of(tracer)));
	tracer_free(tracer);
}

#define CONNECTIONS 50000

static void come_and_go(void *context)
{
	(void)context;
	for (int i = 0; i < CONNECTIONS; i++) {
		int pair[2];

		new_pair(pair);
		poll_one(pair[0], POLLOUT, 1);
		close(pair[0]);
		close(pair[1]);
	}
}

static void rows_of_closed_connections_are_given_back(void **state)
{
	const struct probe_limits sixty_four = { 64, 64, 64, 64 };
	struct tracer *tracer;
	pid_t pid;

	(void)state;
	tracer = start_traced(&sixty_four, NULL, come_and_go, NULL, &pid);
	wait_child(pid);
	end(tracer);
	expect_listed_of(tracer, process_of(tracer, pid), { "poll.ready", CONNECTIONS },
			 { "poll.redelivered", 0 }, { "poll.idle_out", 0 }, { "losses.*", 0 });
	tracer_free(tracer);
}

static void a_listener_that_was_reported_is_counted(void **state)
{
	int fd = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
	int client = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	struct sockaddr_storage at = { .ss_family = AF_UNIX };
	socklen_t len = sizeof(at);
	fd_set in = {}, out = {};
	struct stat stat;

	must(bind(fd, (struct sockaddr *)&at, sizeof(sa_family_t)), "bind");
	must(listen(fd, 5), "listen");
	must(getsockname(fd, (struct sockaddr *)&at, &len), "getsockname");
	must(connect(client, (struct sockaddr *)&at, len), "connect");
	must(fstat(fd, &stat), "fstat");
	FD_SET(fd, &in);
	begin(*state);
	for (int i = 0; i < 5; i++)
		poll_one(fd, POLLIN, 1);
	for (int i = 0; i < 3; i++)
		select_for(fd + 1, &in, &out, 1);
	close(must(accept4(fd, NULL, NULL, SOCK_CLOEXEC), "accept4"));
	assert_int_equal(accept4(fd, NULL, NULL, SOCK_CLOEXEC), -1);
	end(*state);
	assert_int_equal(listener_of(own_process(*state), stat.st_ino)->delivered, 8);
	assert_int_equal(listener_of(own_process(*state), stat.st_ino)->delivered_exclusive, 0);
	expect_listed_of(*state, own_process(*state), { "poll.redelivered", 4 },
			 { "select.redelivered", 3 });
	close(fd);
	close(client);
}

/* ---- nothing found ---- */

/* Of any family, right after each other; any call that is traced breaks the row. */
static void spins_are_empty_polls_in_a_row(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd();
	fd_set none = {};

	begin(*state);
	wait_for(epfd, 0);
	wait_for(epfd, 0);		/* spins */
	poll_one(fd, POLLIN, 0);	/* spins */
	poll_one(fd, POLLIN, 0);	/* spins */
	select_for(0, &none, &none, 0); /* spins */
	take(fd, 8, -1);
	poll_one(fd, POLLIN, 0);
	wait_for(epfd, 0);				    /* spins */
	assert_int_equal(syscall(SYS_poll, NULL, 0, 1), 0); /* has time */
	wait_for(epfd, 0);
	poll_one(fd, POLLOUT, 1); /* finds something */
	wait_for(epfd, 0);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "epoll_wait.spins", 2 },
			 { "poll.spins", 2 }, { "select.spins", 1 },
			 { "epoll_wait.empty_polls", 5 }, { "poll.empty_polls", 3 },
			 { "select.empty_polls", 1 });
	close(epfd);
	close(fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(any_call_on_it_ends_that_it_is_reported_again),
	cmocka_unit_test(what_is_not_ready_is_not_reported),
	cmocka_unit_test(files_and_what_is_not_open_are_not_reported_again),
	cmocka_unit_test(writable_and_nothing_to_write_is_idle),
	cmocka_unit_test(a_hangup_reported_before_is_ignored),
	cmocka_unit_test(an_end_of_stream_read_before_is_ignored),
	cmocka_unit_test(poll_and_epoll_do_not_know_of_each_other),
	cmocka_unit_test(a_number_used_again_begins_anew),
	cmocka_unit_test(what_dup2_put_in_its_place_begins_anew),
	cmocka_unit_test(what_close_range_made_room_for_begins_anew),
	cmocka_unit_test(select_reports_a_descriptor_once_however_many_sets_it_is_in),
	cmocka_unit_test(poll_and_select_share_the_state),
	cmocka_unit_test(poll_of_any_size_is_looked_at_whole),
	cmocka_unit_test(select_of_any_size_is_looked_at_whole),
	cmocka_unit_test(descriptions_beyond_the_table_are_counted_as_lost),
	cmocka_unit_test(rows_of_closed_connections_are_given_back),
	cmocka_unit_test(a_listener_that_was_reported_is_counted),
	cmocka_unit_test(spins_are_empty_polls_in_a_row),
};

const struct family readiness_tests = { tests, ARRAY_SIZE(tests) };
