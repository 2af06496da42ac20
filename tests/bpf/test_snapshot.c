/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Snapshots of a thread that runs while it is read: every one of them is
 * consistent in itself, and none is behind the one before. One turn of the
 * thread is
 *
 *	write 8 -> epoll_wait 1 -> read 8
 *
 * so that at any moment  writes >= wakeups >= reads >= writes - 1. And the last
 * one, after which nothing is counted.
 */
#include "tests.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "model/derive.h"

#define SNAPSHOTS 4001

struct turning {
	uint32_t started, stop;
	int epfd, fd;
};

static void *turn(void *context)
{
	struct turning *turning = context;
	struct epoll_event event = { .events = EPOLLIN };
	uint64_t value = 1;

	must(epoll_ctl(turning->epfd, EPOLL_CTL_ADD, turning->fd, &event), "epoll_ctl");
	while (!__atomic_load_n(&turning->stop, __ATOMIC_RELAXED)) {
		require(write(turning->fd, &value, 8) == 8, "write");
		require(syscall(SYS_epoll_wait, turning->epfd, &event, 7, -1) == 1, "wait");
		require(read(turning->fd, &value, 8) == 8, "read");
		raise_to(&turning->started, 1);
	}
	return NULL;
}

static void turn_in_child(void *context)
{
	turn(context);
}

static const struct thread *row_of(const struct snapshot *snapshot, uint32_t tgid)
{
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		if (snapshot->threads[i].tgid == tgid)
			return &snapshot->threads[i];
	}
	fail_msg("the thread has no row");
	return NULL;
}

static uint64_t total_of(const __u64 *hist, size_t buckets)
{
	uint64_t total = 0;

	for (size_t i = 0; i < buckets; i++)
		total += hist[i];
	return total;
}

static void check_sums(const struct counters *counters)
{
	const struct wait_counters *wait = &counters->waits[WAIT_EPOLL];
	const struct io_counters *reads = &counters->io[IO_READ][KIND_OTHER];
	const struct io_counters *writes = &counters->io[IO_WRITE][KIND_OTHER];
	uint64_t wakeups = wait_wakeups(wait), busy;

	assert_true(writes->moved >= wakeups && wakeups >= reads->moved &&
		    reads->moved + 1 >= writes->moved);
	assert_int_equal(writes->bytes, 8 * writes->moved);
	assert_int_equal(writes->size_hist[4], writes->moved);
	assert_int_equal(reads->bytes, 8 * reads->moved);
	assert_int_equal(reads->size_hist[4], reads->moved);
	assert_int_equal(wait->ready, wakeups);
	assert_int_equal(wait->watched, counts_watched_by_epoll() ? wakeups : 0);
	assert_int_equal(wait->watched_hist[1], wait->watched);
	assert_int_equal(wait->capacity, 7 * wakeups);
	assert_int_equal(wait->out_bytes, 12 * wakeups);
	assert_int_equal(total_of(wait->wait_ns_hist, HIST_NS_BUCKETS), wakeups);
	busy = total_of(wait->busy_ns_hist, HIST_NS_BUCKETS);
	assert_true(busy <= wakeups && busy + 1 >= wakeups);
	assert_true(wait->sleeps + wait->immediate == wakeups);
}

static void check_nothing_went_back(const struct counters *before, const struct counters *after)
{
	const uint64_t *then = (const uint64_t *)before, *now = (const uint64_t *)after;

	for (size_t i = 0; i < COUNTERS_WORDS; i++)
		assert_true(now[i] >= then[i]);
}

static void every_snapshot_of_a_running_thread_is_consistent(void **state)
{
	struct turning *turning = shared_alloc(sizeof(*turning));
	struct counters before = {}, first;
	struct snapshot snapshot = {};
	pid_t pid;

	turning->epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	turning->fd = new_eventfd();
	begin(*state);
	pid = start_child(turn_in_child, turning);
	await(&turning->started, 1);
	for (int i = 0; i < SNAPSHOTS; i++) {
		const struct counters *now;

		assert_int_equal(probes_read(tracer_probes(*state), &snapshot), 0);
		assert_false(snapshot.is_torn);
		now = &row_of(&snapshot, pid)->counters;
		check_sums(now);
		check_nothing_went_back(&before, now);
		before = *now;
		if (i == 0)
			first = *now;
	}
	raise_to(&turning->stop, 1);
	wait_child(pid);
	end(*state);
	assert_true(before.io[IO_READ][KIND_OTHER].moved > first.io[IO_READ][KIND_OTHER].moved);
	check_sums(&process_of(*state, pid)->counters);
	snapshot_free(&snapshot);
	close(turning->epfd);
	close(turning->fd);
}

static void *poll_and_end(void *context)
{
	struct turning *turning = context;
	struct epoll_event event;

	syscall(SYS_epoll_wait, turning->epfd, &event, 1, 0);
	return NULL;
}

/* Each thread polls once before the next is made: one row at a time is folded. */
static void make_threads(void *context)
{
	struct turning *turning = context;
	pthread_t thread;

	while (!__atomic_load_n(&turning->stop, __ATOMIC_RELAXED)) {
		require(pthread_create(&thread, NULL, poll_and_end, turning) == 0, "thread");
		pthread_join(thread, NULL);
		raise_to(&turning->started, 1);
	}
}

static void sum_rows(const struct snapshot *snapshot, uint32_t tgid, struct counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		const uint64_t *words = (const uint64_t *)&snapshot->threads[i].counters;

		if (snapshot->threads[i].tgid != tgid)
			continue;
		for (size_t word = 0; word < COUNTERS_WORDS; word++)
			((uint64_t *)sum)[word] += words[word];
	}
}

static void threads_that_end_meanwhile_are_in_each_snapshot_once(void **state)
{
	struct turning *turning = shared_alloc(sizeof(*turning));
	struct counters before = {}, now;
	struct snapshot snapshot = {};
	size_t torn = 0;
	pid_t pid;

	turning->epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	begin(*state);
	pid = start_child(make_threads, turning);
	await(&turning->started, 1);
	for (int i = 0; i < SNAPSHOTS / 4; i++) {
		assert_int_equal(probes_read(tracer_probes(*state), &snapshot), 0);
		torn += snapshot.is_torn;
		if (snapshot.is_torn)
			continue; /* it says so itself: is_torn marks the profile inexact */
		sum_rows(&snapshot, pid, &now);
		check_nothing_went_back(&before, &now);
		before = now;
	}
	raise_to(&turning->stop, 1);
	wait_child(pid);
	end(*state);
	assert_true(torn < SNAPSHOTS / 4);
	check_nothing_went_back(&before, &process_of(*state, pid)->counters);
	assert_int_equal(process_of(*state, pid)->nr_threads, 1);
	snapshot_free(&snapshot);
	close(turning->epfd);
}

#define NEWCOMERS 40
#define POLLS	  500

static void poll_for_a_while(void *context)
{
	struct turning *turning = context;
	struct epoll_event event;

	for (int i = 0; i < POLLS; i++)
		require(!syscall(SYS_epoll_wait, turning->epfd, &event, 1, 0), "wait");
}

/* What a thread did and what it did on its instances are of one moment. */
static void check_returns(const struct snapshot *snapshot, uint32_t tgid)
{
	uint64_t returns = 0;
	struct counters sum;

	for (size_t i = 0; i < snapshot->nr_uses; i++)
		returns += snapshot->uses[i].tgid == tgid ? snapshot->uses[i].counters.returns : 0;
	sum_rows(snapshot, tgid, &sum);
	assert_int_equal(returns, wait_calls(&sum.waits[WAIT_EPOLL]));
}

/* They can come after the rows of threads were read and before those of instances. */
static void threads_that_come_meanwhile_are_whole_or_absent(void **state)
{
	struct turning *turning = shared_alloc(sizeof(*turning));
	struct snapshot snapshot = {};

	turning->epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	begin(*state);
	for (int i = 0; i < NEWCOMERS; i++) {
		pid_t pid = start_child(poll_for_a_while, turning);

		while (!waitpid(pid, NULL, WNOHANG)) {
			assert_int_equal(probes_read(tracer_probes(*state), &snapshot), 0);
			if (!snapshot.is_torn)
				check_returns(&snapshot, pid);
		}
	}
	end(*state);
	snapshot_free(&snapshot);
	close(turning->epfd);
}

#define WALKS 1000

struct closing {
	uint32_t started, stop, told;
};

/* What is closed is gone: the next wait is told of nothing. */
static void close_and_wait(void *context)
{
	struct closing *closing = context;
	struct epoll_event event;
	int epfd = epoll_create1(0);

	while (!__atomic_load_n(&closing->stop, __ATOMIC_RELAXED)) {
		int fd = eventfd(1, 0);

		event = (struct epoll_event){ .events = EPOLLIN };
		require(!epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
		close(fd);
		closing->told += syscall(SYS_epoll_wait, epfd, &event, 1, 0) != 0;
		raise_to(&closing->started, 1);
	}
}

/* Whoever holds a reference to a file delays its end, which programs rely on. */
static void a_walk_holds_nothing_open(void **state)
{
	struct closing *closing = shared_alloc(sizeof(*closing));
	pid_t pid;

	begin(*state);
	pid = start_child(close_and_wait, closing);
	await(&closing->started, 1);
	for (int i = 0; i < WALKS; i++)
		assert_int_equal(probes_walk_descriptors(tracer_probes(*state)), 0);
	raise_to(&closing->stop, 1);
	wait_child(pid);
	end(*state);
	assert_int_equal(closing->told, 0);
}

static void poll_and_read_times(int epfd, int fd, int times)
{
	for (int i = 0; i < times; i++) {
		wait_for(epfd, 0);
		take(fd, 8, -1);
	}
}

/* Before the last snapshot. Trampolines stay where they are, and must find no row. */
static void what_is_called_after_the_end_is_not_counted(void **state)
{
	const struct probe_options options = { .limits = { 64, 64, 64, 64 } };
	struct tracer *tracer = tracer_load(&options);
	int epfd = new_epoll(), fd = new_eventfd();
	struct snapshot snapshot = {};
	const struct counters *counters;

	(void)state;
	assert_int_equal(probes_add_target(tracer_probes(tracer), getpid()), 0);
	tracer_go_live(tracer);
	poll_and_read_times(epfd, fd, 7);
	probes_detach(tracer_probes(tracer));
	poll_and_read_times(epfd, fd, 5);
	assert_int_equal(probes_read(tracer_probes(tracer), &snapshot), 0);
	counters = &row_of(&snapshot, getpid())->counters;
	assert_int_equal(counters->waits[WAIT_EPOLL].empty_polls, 7);
	assert_int_equal(counters->io[IO_READ][KIND_OTHER].again, 7);
	snapshot_free(&snapshot);
	tracer_free(tracer);
	close(epfd);
	close(fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_snapshot_of_a_running_thread_is_consistent),
	cmocka_unit_test(threads_that_end_meanwhile_are_in_each_snapshot_once),
	cmocka_unit_test(threads_that_come_meanwhile_are_whole_or_absent),
	cmocka_unit_test(a_walk_holds_nothing_open),
	cmocka_unit_test(what_is_called_after_the_end_is_not_counted),
};

const struct family snapshot_tests = { tests, ARRAY_SIZE(tests) };
