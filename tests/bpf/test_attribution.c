/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose an event is: numbers, data and memory are used again, descriptions
 * outlive their numbers, and data can be shared.
 */
#include "tests.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* A number that was given out again leads to another description. */
static void a_number_used_again_begins_anew(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd();

	begin(*state);
	for (int i = 0; i < 7; i++) {
		int again;

		put(fd, 8);
		watch(epfd, fd, EPOLLIN);
		wait_for(epfd, 1);
		wait_for(epfd, 1);
		close(fd);
		again = new_eventfd();
		assert_int_equal(again, fd);
	}
	wait_for(epfd, 0);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 15 }, { "deliveries.level", 14 },
		     { "deliveries.in", 14 }, { "redelivered", 7 }, { "redelivered_in", 7 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 0);
	close(epfd);
	close(fd);
}

/* Ready to be read twice without having been written to. */
static int new_semaphore(void)
{
	return must(eventfd(2, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE), "eventfd");
}

/*
 * No call shows that what the number led to has ended. What comes there, likely
 * at the same place in memory, has not been delivered, nor left unread.
 */
static void check_replaced(void **state, void (*replace)(int fd))
{
	int epfd = new_epoll(), fd = new_semaphore();

	begin(*state);
	for (int i = 0; i < 7; i++) {
		watch(epfd, fd, EPOLLOUT);
		wait_for(epfd, 1);
		rewatch(epfd, fd, EPOLLIN);
		wait_for(epfd, 1);
		take(fd, 8, 8);
		replace(fd);
	}
	wait_for(epfd, 0);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 15 }, { "deliveries.level", 14 },
		     { "deliveries.in", 7 }, { "deliveries.out", 7 }, { "first_reads", 7 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 0);
	close(epfd);
	close(fd);
}

static void replace_by_dup2(int fd)
{
	int fresh = new_semaphore();

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
	assert_int_equal(new_semaphore(), fd);
}

static void what_close_range_made_room_for_begins_anew(void **state)
{
	check_replaced(state, replace_by_close_range);
}

/* The child's end is the last reference's. */
static void keep_till_told(void *context)
{
	await(context, 1);
}

static void replace_by_end_of_child(int fd)
{
	uint32_t *word = shared_alloc(sizeof(*word));
	pid_t pid = start_child(keep_till_told, word);

	close(fd);
	raise_to(word, 1);
	wait_child(pid);
	assert_int_equal(new_semaphore(), fd);
}

static void what_comes_after_a_child_closed_the_last_begins_anew(void **state)
{
	check_replaced(state, replace_by_end_of_child);
}

#define FAR_FD 1500 /* beyond those that are looked at when a process ends */

struct pipe_ends {
	int ends[2];
	uint32_t is_kept;
};

static void keep_far_away(void *context)
{
	struct pipe_ends *pipe = context;

	must(fcntl(pipe->ends[0], F_DUPFD_CLOEXEC, FAR_FD), "fcntl");
	close(pipe->ends[0]);
	close(pipe->ends[1]);
	raise_to(&pipe->is_kept, 1);
	await(&pipe->is_kept, 2);
}

static void end_unseen(struct pipe_ends *pipe)
{
	pid_t pid = start_child(keep_far_away, pipe);

	await(&pipe->is_kept, 1);
	close(pipe->ends[0]);
	close(pipe->ends[1]);
	raise_to(&pipe->is_kept, 2);
	wait_child(pid);
	pipe->is_kept = 0;
}

static void stay_on_this_cpu(cpu_set_t *before)
{
	cpu_set_t this;

	must(sched_getaffinity(0, sizeof(*before), before), "sched_getaffinity");
	CPU_ZERO(&this);
	CPU_SET(sched_getcpu(), &this);
	must(sched_setaffinity(0, sizeof(this), &this), "sched_setaffinity");
}

/*
 * Nothing tells that the last reference went. The next pipe has, one CPU allotting
 * the memory, its addresses, but not what was left unread in it.
 */
static void a_pipe_where_one_ended_unseen_begins_anew(void **state)
{
	struct pipe_ends *pipe = shared_alloc(sizeof(*pipe));
	int epfd = new_epoll();
	cpu_set_t cpus;

	stay_on_this_cpu(&cpus);
	begin(*state);
	for (int i = 0; i < 20; i++) {
		must(pipe2(pipe->ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
		put(pipe->ends[1], 2);
		watch(epfd, pipe->ends[0], EPOLLIN);
		wait_for(epfd, 1);
		take(pipe->ends[0], 1, 1);
		end_unseen(pipe);
	}
	end(*state);
	must(sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity");
	expect_epoll(*state, epfd, { "returns", 20 }, { "deliveries.level", 20 },
		     { "deliveries.in", 20 }, { "first_reads", 20 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 0);
	close(epfd);
}

/*
 * The number is closed, a dup'ed one holds the description: events keep coming,
 * and epoll_ctl can do nothing about them.
 */
static void a_closed_number_with_a_dup_is_a_phantom(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd(), copy = dup(fd);

	put(fd, 8);
	watch(epfd, fd, EPOLLIN);
	begin(*state);
	wait_for(epfd, 1);
	wait_for(epfd, 1); /* told again, no phantom yet */
	close(fd);
	for (int i = 0; i < 3; i++)
		wait_for(epfd, 1);
	take(copy, 8, 8);
	put(copy, 8);
	wait_for(epfd, 1); /* somebody did something: not ignored */
	assert_int_equal(new_eventfd(), fd);
	for (int i = 0; i < 5; i++) /* the number leads elsewhere */
		wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 11 }, { "registrations.level", 1 },
		     { "deliveries.level", 11 }, { "deliveries.in", 11 },
		     { "redelivered", 1 + 3 + 5 }, { "redelivered_in", 1 + 3 + 5 },
		     { "phantom", 3 + 5 }, { "first_reads", 1 });
	expect_descriptor(*state, epfd, fd, { "deliveries", 11 }, { "redelivered", 9 },
			  { "redelivered_in", 9 }, { "phantom", 8 }, { "reads", 1 },
			  { "read_bytes", 8 }, { "write_bytes", 8 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 1);
	close(epfd);
	close(copy);
	close(fd);
}

static void an_inherited_copy_makes_a_phantom(void **state)
{
	uint32_t *word = shared_alloc(sizeof(*word));
	int epfd = new_epoll(), fd = new_eventfd();
	pid_t pid;

	put(fd, 8);
	watch(epfd, fd, EPOLLIN);
	begin(*state);
	pid = start_child(keep_till_told, word);
	wait_for(epfd, 1);
	close(fd);
	for (int i = 0; i < 3; i++)
		wait_for(epfd, 1);
	raise_to(word, 1);
	wait_child(pid);
	wait_for(epfd, 0);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 5 }, { "deliveries.level", 4 },
		     { "deliveries.in", 4 }, { "redelivered", 3 }, { "redelivered_in", 3 },
		     { "phantom", 3 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 0);
	close(epfd);
}

static void add_with_data(int epfd, int fd, uint64_t data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };

	must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "EPOLL_CTL_ADD");
}

/* Two registrations with the same data: whose the event is, not even the program can tell. */
static void the_same_data_cannot_be_attributed(void **state)
{
	int epfd = new_epoll(), one = new_eventfd(), other = new_eventfd(), third = new_eventfd();

	put(one, 8);
	put(other, 8);
	put(third, 8);
	begin(*state);
	add_with_data(epfd, one, 7);
	wait_for(epfd, 1); /* still the only one */
	add_with_data(epfd, other, 7);
	add_with_data(epfd, third, 9);
	for (int i = 0; i < 3; i++)
		wait_for(epfd, 3);
	must(epoll_ctl(epfd, EPOLL_CTL_DEL, one, NULL), "EPOLL_CTL_DEL");
	for (int i = 0; i < 5; i++)
		wait_for(epfd, 2);
	end(*state);
	/* Of the third 7 follow another, of the second 4. */
	expect_epoll(*state, epfd, { "returns", 9 }, { "registrations.level", 2 },
		     { "deliveries.level", 1 + 3 + 10 }, { "deliveries.in", 14 },
		     { "redelivered", 7 + 4 }, { "redelivered_in", 7 + 4 }, { "unattributed", 6 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 2);
	close(epfd);
	close(one);
	close(other);
	close(third);
}

static void changed_data_is_attributed(void **state)
{
	int epfd = new_epoll(), one = new_eventfd(), other = new_eventfd();
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = UINT64_MAX };

	put(one, 8);
	put(other, 8);
	add_with_data(epfd, one, 0);
	add_with_data(epfd, other, 0);
	begin(*state);
	wait_for(epfd, 2);
	must(epoll_ctl(epfd, EPOLL_CTL_MOD, one, &event), "EPOLL_CTL_MOD");
	wait_for(epfd, 2);
	event.data.u64 = 0; /* and back */
	must(epoll_ctl(epfd, EPOLL_CTL_MOD, one, &event), "EPOLL_CTL_MOD");
	wait_for(epfd, 2);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 3 }, { "registrations.level", 2 },
		     { "deliveries.level", 2 }, { "deliveries.in", 2 }, { "unattributed", 4 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 2);
	close(epfd);
	close(one);
	close(other);
}

static void the_same_data_in_two_instances_is_attributed(void **state)
{
	int one = new_epoll(), other = new_epoll(), fd = new_eventfd(), second = new_eventfd();

	put(fd, 8);
	put(second, 8);
	add_with_data(one, fd, 7);
	add_with_data(other, second, 7);
	begin(*state);
	wait_for(one, 1);
	wait_for(other, 1);
	end(*state);
	expect_epoll(*state, one, { "returns", 1 }, { "registrations.level", 1 },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 });
	expect_epoll(*state, other, { "returns", 1 }, { "registrations.level", 1 },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 });
	close(one);
	close(other);
	close(fd);
	close(second);
}

/* By every way out of an instance that a call shows, and by one that none does. */
static void data_used_again_is_attributed(void **state)
{
	int epfd = new_epoll();

	begin(*state);
	for (int way = 0; way < 3; way++) {
		int fd = new_eventfd();

		put(fd, 8);
		add_with_data(epfd, fd, 7);
		wait_for(epfd, 1);
		if (way == 0) {
			must(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL), "EPOLL_CTL_DEL");
			close(fd);
		} else if (way == 1) {
			close(fd);
		} else {
			must(close_range(fd, fd, 0), "close_range");
		}
	}
	for (int i = 0; i < 2; i++) {
		int fd = new_eventfd();

		put(fd, 8);
		add_with_data(epfd, fd, 7);
		wait_for(epfd, 1);
		replace_by_dup2(fd);
		close(fd);
	}
	end(*state);
	expect_epoll(*state, epfd, { "returns", 5 }, { "deliveries.level", 5 },
		     { "deliveries.in", 5 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 0);
	close(epfd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_number_used_again_begins_anew),
	cmocka_unit_test(what_dup2_put_in_its_place_begins_anew),
	cmocka_unit_test(what_close_range_made_room_for_begins_anew),
	cmocka_unit_test(what_comes_after_a_child_closed_the_last_begins_anew),
	cmocka_unit_test(a_pipe_where_one_ended_unseen_begins_anew),
	cmocka_unit_test(a_closed_number_with_a_dup_is_a_phantom),
	cmocka_unit_test(an_inherited_copy_makes_a_phantom),
	cmocka_unit_test(the_same_data_cannot_be_attributed),
	cmocka_unit_test(changed_data_is_attributed),
	cmocka_unit_test(the_same_data_in_two_instances_is_attributed),
	cmocka_unit_test(data_used_again_is_attributed),
};

const struct family attribution_tests = { tests, ARRAY_SIZE(tests) };
