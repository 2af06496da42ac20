/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Instances and who uses them: threads, processes, instances within instances,
 * and the ends of all of these.
 */
#include "tests.h"

#include <pthread.h>
#include <sys/epoll.h>

static void a_wait_that_finds_nothing_returns_all_the_same(void **state)
{
	int epfd = new_epoll();
	struct epoll_event event;
	timer_t timer;

	begin(*state);
	wait_for(epfd, 0);
	assert_int_equal(syscall(SYS_epoll_wait, epfd, &event, 1, 1), 0);
	timer = start_interrupting();
	assert_int_equal(syscall(SYS_epoll_wait, epfd, &event, 1, -1), -1);
	stop_interrupting(timer);
	assert_int_equal(syscall(SYS_epoll_wait, epfd, &event, 0, 0),
			 -1); /* EINVAL: no wait on it */
	end(*state);
	expect_epoll(*state, epfd, { "returns", 3 });
	close(epfd);
}

static void an_instance_nobody_waits_on_has_no_row(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd();

	begin(*state);
	watch(epfd, fd, EPOLLIN);
	end(*state);
	assert_int_equal(own_process(*state)->nr_epolls, 0);
	close(epfd);
	close(fd);
}

/* The number and, likely, the kernel's memory are the first one's. */
static void an_instance_closed_and_another_made_are_two(void **state)
{
	const struct profile_process *process;
	int epfd = new_epoll(), fd = new_eventfd();

	put(fd, 8);
	begin(*state);
	for (int i = 0; i < 2; i++) {
		watch(epfd, fd, EPOLLIN | (i == 1 ? EPOLLET : 0));
		for (int k = 0; k < 3 + 2 * i; k++)
			wait_for(epfd, k == 0 || i == 0);
		close(epfd);
		assert_int_equal(new_epoll(), epfd);
	}
	watch(epfd, fd, EPOLLIN | EPOLLONESHOT);
	for (int k = 0; k < 7; k++)
		wait_for(epfd, k == 0);
	end(*state);
	process = own_process(*state);
	assert_int_equal(process->nr_epolls, 3);
	/* The busiest first. To the description they are all the same. */
	want_all(*state, (const struct expected[]){ { "returns", 7 },
						    { "registrations.level", 1 },
						    { "registrations.oneshot", 1 },
						    { "deliveries.level", 1 },
						    { "deliveries.oneshot", 1 },
						    { "deliveries.in", 1 },
						    {} });
	check_epoll(*state, &process->epolls[0], __FILE__, __LINE__);
	assert_int_equal(process->epolls[1].counters.returns, 5);
	assert_int_equal(process->epolls[1].counters.deliveries.by.edge, 1);
	assert_int_equal(process->epolls[1].counters.edge_undrained, 1);
	assert_int_equal(process->epolls[2].counters.returns, 3);
	assert_int_equal(process->epolls[2].counters.deliveries.by.level, 3);
	assert_int_equal(process->epolls[2].counters.redelivered, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(process->epolls[i].epfd, epfd);
	close(epfd);
	close(fd);
}

/* One is watched by the other, which wakes for what is ready in it. */
static void a_nested_instance_is_a_descriptor_like_others(void **state)
{
	int outer = new_epoll(), inner = new_epoll(), fd = new_eventfd();

	watch(outer, inner, EPOLLIN);
	watch(inner, fd, EPOLLIN);
	put(fd, 8);
	begin(*state);
	wait_for(outer, 1);
	wait_for(outer, 1); /* again */
	wait_for(inner, 1); /* a wait on it is a call and a read */
	wait_for(outer, 1);
	take(fd, 8, 8); /* this is none on it */
	wait_for(outer, 0);
	end(*state);
	expect_epoll(*state, outer, { "returns", 4 }, { "registrations.level", 1 },
		     { "deliveries.level", 3 }, { "deliveries.in", 3 }, { "redelivered", 1 },
		     { "redelivered_in", 1 }, { "first_reads", 1 });
	expect_epoll(*state, inner, { "returns", 1 }, { "registrations.level", 1 },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 }, { "first_reads", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), outer), 1);
	close(outer);
	close(inner);
	close(fd);
}

struct shared {
	int epfd, fd;
	uint32_t done, may_end;
};

static void *wait_five_times(void *context)
{
	for (int i = 0; i < 5; i++)
		wait_for(((struct shared *)context)->epfd, 1);
	return NULL;
}

static void wait_in_seven_threads(struct shared *shared)
{
	pthread_t threads[7];

	for (int i = 0; i < 7; i++) {
		require(!pthread_create(&threads[i], NULL, wait_five_times, shared), "create");
		pthread_join(threads[i], NULL);
	}
}

static struct shared *new_shared(void)
{
	struct shared *shared = shared_alloc(sizeof(*shared));

	shared->epfd = new_epoll();
	shared->fd = new_eventfd();
	put(shared->fd, 8);
	watch(shared->epfd, shared->fd, EPOLLIN);
	return shared;
}

static void threads_that_share_an_instance_add_up(void **state)
{
	struct shared *shared = new_shared();

	begin(*state);
	wait_in_seven_threads(shared);
	wait_five_times(shared);
	end(*state);
	expect_epoll(*state, shared->epfd, { "returns", 40 }, { "threads", 8 },
		     { "registrations.level", 1 }, { "deliveries.level", 40 },
		     { "deliveries.in", 40 }, { "redelivered", 39 }, { "redelivered_in", 39 });
	close(shared->epfd);
	close(shared->fd);
}

static void wait_in_threads_and_alone(void *context)
{
	wait_in_seven_threads(context);
	wait_five_times(context);
}

/* Inherited through fork: each process has a row of its own, of the same instance. */
static void processes_that_share_an_instance_have_rows_of_their_own(void **state)
{
	struct shared *shared = new_shared();
	const struct profile_epoll *own, *other;
	pid_t pid;

	begin(*state);
	wait_five_times(shared);
	pid = run_child(wait_in_threads_and_alone, shared);
	end(*state);
	own = epoll_of(own_process(*state), shared->epfd);
	other = epoll_of(process_of(*state, pid), shared->epfd);
	assert_int_equal(own->instance, other->instance);
	assert_int_equal(own->shared_with[0], pid);
	assert_int_equal(other->shared_with[0], getpid());
	expect_epoll(*state, shared->epfd, { "returns", 5 }, { "threads", 1 }, { "shared_with", 1 },
		     { "registrations.level", 1 }, { "deliveries.level", 5 },
		     { "deliveries.in", 5 }, { "redelivered", 4 }, { "redelivered_in", 4 });
	expect_epoll_of(*state, process_of(*state, pid), shared->epfd, { "returns", 40 },
			{ "threads", 8 }, { "shared_with", 1 }, { "registrations.level", 1 },
			{ "deliveries.level", 40 }, { "deliveries.in", 40 }, { "redelivered", 40 },
			{ "redelivered_in", 40 });
	close(shared->epfd);
	close(shared->fd);
}

/* An instance that ends with its only process is shown as it was. */
static void use_an_own_instance(void *context)
{
	struct shared *shared = context;
	int level = new_eventfd(), edge = new_eventfd();

	shared->epfd = new_epoll();
	put(level, 8);
	put(edge, 8);
	watch(shared->epfd, level, EPOLLIN);
	watch(shared->epfd, edge, EPOLLIN | EPOLLET | EPOLLONESHOT);
	wait_for(shared->epfd, 2);
	wait_for(shared->epfd, 1);
	wait_for(shared->epfd, 1);
}

static void registrations_at_the_end_of_a_process_are_shown(void **state)
{
	struct shared *shared = shared_alloc(sizeof(*shared));
	pid_t pid;

	begin(*state);
	pid = run_child(use_an_own_instance, shared);
	end(*state);
	expect_epoll_of(*state, process_of(*state, pid), shared->epfd, { "returns", 3 },
			{ "registrations.level", 1 }, { "registrations.edge", 1 },
			{ "registrations.oneshot", 1 }, { "deliveries.level", 3 },
			{ "deliveries.edge", 1 }, { "deliveries.oneshot", 1 },
			{ "deliveries.in", 4 }, { "redelivered", 2 }, { "redelivered_in", 2 },
			{ "edge_undrained", 1 });
}

#define ENDED 16

/* Where memory is free at once (5.10) each instance is likely to stand where the former stood. */
static void registrations_at_the_end_are_shown_though_another_took_the_place(void **state)
{
	struct shared *shared = shared_alloc(sizeof(*shared));
	pid_t pids[ENDED];

	begin(*state);
	for (int i = 0; i < ENDED; i++)
		pids[i] = run_child(use_an_own_instance, shared);
	end(*state);
	for (int i = 0; i < ENDED; i++)
		expect_epoll_of(*state, process_of(*state, pids[i]), shared->epfd, { "returns", 3 },
				{ "registrations.level", 1 }, { "registrations.edge", 1 },
				{ "registrations.oneshot", 1 }, { "deliveries.level", 3 },
				{ "deliveries.edge", 1 }, { "deliveries.oneshot", 1 },
				{ "deliveries.in", 4 }, { "redelivered", 2 },
				{ "redelivered_in", 2 }, { "edge_undrained", 1 });
}

static void stay(void *context)
{
	struct shared *shared = context;

	await(&shared->may_end, 1);
}

/* The last to be met with it has ended, and nobody has waited on it yet: it is ours all the same. */
static void an_instance_is_kept_whose_other_holder_ended(void **state)
{
	struct shared *shared = new_shared();
	pid_t pid;

	begin(*state);
	pid = start_child(stay, shared);
	assert_int_equal(probes_walk_descriptors(tracer_probes(*state)), 0);
	raise_to(&shared->may_end, 1);
	wait_child(pid);
	give_back_rows(*state);
	wait_for(shared->epfd, 1);
	end(*state);
	expect_epoll(*state, shared->epfd, { "returns", 1 }, { "registrations.level", 1 },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 });
	close(shared->epfd);
	close(shared->fd);
}

static void wait_again(void *context)
{
	struct shared *shared = context;

	wait_for(shared->epfd, 1);
	raise_to(&shared->done, 1);
	await(&shared->may_end, 1);
	wait_for(shared->epfd, 1);
}

/* An interval has what was counted in it alone. */
static void what_was_counted_before_is_not_counted_again(void **state)
{
	struct shared *shared = new_shared();
	pid_t pid;

	begin(*state);
	wait_five_times(shared);
	pid = start_child(wait_again, shared);
	await(&shared->done, 1);
	end(*state);
	begin(*state);
	wait_for(shared->epfd, 1);
	raise_to(&shared->may_end, 1);
	wait_child(pid);
	end(*state);
	expect_epoll(*state, shared->epfd, { "returns", 1 }, { "shared_with", 1 },
		     { "registrations.level", 1 }, { "deliveries.level", 1 },
		     { "deliveries.in", 1 }, { "redelivered", 1 }, { "redelivered_in", 1 });
	expect_epoll_of(*state, process_of(*state, pid), shared->epfd, { "returns", 1 },
			{ "shared_with", 1 }, { "registrations.level", 1 },
			{ "deliveries.level", 1 }, { "deliveries.in", 1 }, { "redelivered", 1 },
			{ "redelivered_in", 1 });
	close(shared->epfd);
	close(shared->fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_wait_that_finds_nothing_returns_all_the_same),
	cmocka_unit_test(an_instance_nobody_waits_on_has_no_row),
	cmocka_unit_test(an_instance_closed_and_another_made_are_two),
	cmocka_unit_test(a_nested_instance_is_a_descriptor_like_others),
	cmocka_unit_test(threads_that_share_an_instance_add_up),
	cmocka_unit_test(processes_that_share_an_instance_have_rows_of_their_own),
	cmocka_unit_test(registrations_at_the_end_of_a_process_are_shown),
	cmocka_unit_test(registrations_at_the_end_are_shown_though_another_took_the_place),
	cmocka_unit_test(an_instance_is_kept_whose_other_holder_ended),
	cmocka_unit_test(what_was_counted_before_is_not_counted_again),
};

const struct family epolls_tests = { tests, ARRAY_SIZE(tests) };
