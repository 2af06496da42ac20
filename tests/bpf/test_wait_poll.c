/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poll and ppoll: outcomes, ready and watched counts, control data, and poll gone on after a stop. */
#include "tests.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

typedef long poll_call(struct pollfd *fds, unsigned int nr, int ms);

static const uint64_t no_signals;

static long call_poll(struct pollfd *fds, unsigned int nr, int ms)
{
	return syscall(SYS_poll, fds, nr, ms);
}

static long call_ppoll(struct pollfd *fds, unsigned int nr, int ms)
{
	struct timespec timeout = { .tv_nsec = ms * 1000000L };

	return syscall(SYS_ppoll, fds, nr, ms < 0 ? NULL : &timeout, &no_signals,
		       sizeof(no_signals));
}

/* Five that are not ready, then a ready one and one that is not open. */
static void open_fds(struct pollfd fds[7])
{
	const uint64_t one = 1;

	for (int i = 0; i < 6; i++)
		fds[i] = (struct pollfd){ .fd = new_eventfd(), .events = POLLIN };
	assert_int_equal(write(fds[5].fd, &one, sizeof(one)), sizeof(one));
	fds[4].fd = -fds[4].fd; /* not looked at, but passed */
	fds[6] = (struct pollfd){ .fd = 1000000, .events = POLLIN };
}

static void close_fds(struct pollfd fds[7])
{
	for (int i = 0; i < 6; i++)
		close(abs(fds[i].fd));
}

/* Too many descriptors is all that poll refuses with EINVAL. */
static unsigned int too_many(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	return limit.rlim_cur + 1;
}

static void make_every_outcome(poll_call *call, struct pollfd *fds)
{
	timer_t timer;

	for (int i = 0; i < 3; i++)
		assert_int_equal(call(fds, 5, 1), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(call(fds, 5, 0), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(call(fds, 7, 100), 2); /* POLLNVAL counts */
	timer = start_interrupting();
	for (int i = 0; i < 13; i++)
		assert_int_equal(call(fds, 5, -1), -1);
	stop_interrupting(timer);
	for (int i = 0; i < 11; i++)
		assert_int_equal(call(fds, too_many(), 100), -1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(call((void *)-4096L, 5, 100), -1);
}

static void check_every_outcome(struct tracer *tracer, poll_call *call, uint64_t in_bytes,
				uint64_t out_bytes)
{
	struct pollfd fds[7];
	uint64_t watched = 5 * (3 + 5 + 13) + 7 * 7;

	open_fds(fds);
	begin(tracer);
	make_every_outcome(call, fds);
	end(tracer);
	expect(tracer, { "poll.calls", 41 }, { "poll.wakeups", 7 }, { "poll.timeouts", 3 },
	       { "poll.empty_polls", 5 }, { "poll.interrupted", 13 }, { "poll.failed", 13 },
	       { "poll.spins", 4 }, { "poll.redelivered", 6 }, { "poll.redelivered_in", 6 },
	       { "poll.immediate", 7 }, { "poll.ready", 14 }, { "poll.ready_hist[2]", 7 },
	       { "poll.watched", watched }, { "poll.watched_hist[3]", 28 },
	       { "poll.in_bytes", 8 * watched + in_bytes },
	       { "poll.out_bytes", 2 * watched + out_bytes },
	       { "copies.control_bytes", 10 * watched + in_bytes + out_bytes });
	close_fds(fds);
}

static void poll_is_counted_by_outcome(void **state)
{
	check_every_outcome(*state, call_poll, POLL_TIME_BYTES * (41 - 13),
			    POLL_TIME_BYTES * (3 + 7 + 11 + 2));
}

/*
 * A mask always; a timeout but for the 13 that wait without end. Time left is
 * written unless the timeout was NULL or zero, by failed calls, too.
 */
static void ppoll_copies_mask_timeout_and_time_left(void **state)
{
	check_every_outcome(*state, call_ppoll, 8 * 41 + 16 * (41 - 13), 16 * (3 + 7 + 11 + 2));
}

/* The kernel is asked itself whether it wrote: the time left is below the second given. */
static void ppoll_writes_no_time_left_before_it_begins(void **state)
{
	struct timespec sane = { .tv_sec = 1 }, negative = { .tv_sec = -1, .tv_nsec = 7 };

	begin(*state);
	for (int i = 0; i < 3; i++) /* the mask's size is refused: neither mask nor time */
		assert_int_equal(syscall(SYS_ppoll, NULL, 0, &sane, &no_signals, 7), -1);
	for (int i = 0; i < 5; i++) /* the timeout is refused */
		assert_int_equal(syscall(SYS_ppoll, NULL, 0, &negative, &no_signals, 8), -1);
	end(*state);
	assert_true(sane.tv_sec == 1 && sane.tv_nsec == 0);
	assert_true(negative.tv_sec == -1 && negative.tv_nsec == 7);
	expect(*state, { "poll.failed", 8 }, { "poll.in_bytes", 16 * 8 });
}

/* The kernel overwrites it with the time left, 0: it must be read at entry. */
static void a_ppoll_timeout_that_ran_out_is_not_taken_for_zero(void **state)
{
	begin(*state);
	for (int i = 0; i < 7; i++) {
		struct timespec timeout = { .tv_nsec = 300000 };

		assert_int_equal(syscall(SYS_ppoll, NULL, 0, &timeout, NULL, 0), 0);
		assert_true(timeout.tv_sec == 0 && timeout.tv_nsec == 0);
	}
	end(*state);
	expect(*state, { "poll.timeouts", 7 }, { "poll.watched_hist[0]", 7 },
	       { "poll.in_bytes", 7 * 16 }, { "poll.out_bytes", 7 * 16 });
}

struct stopped {
	struct pollfd fds[2];
	int ms;
	int expected;
};

static void poll_once(void *context)
{
	struct stopped *stopped = context;

	require(call_poll(stopped->fds, 2, stopped->ms) == stopped->expected, "poll");
}

static void stop_and_continue(pid_t pid)
{
	int status;

	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGCONT);
}

static void poll_that_a_stop_broke_off_goes_on(void **state)
{
	struct stopped *stopped = shared_alloc(sizeof(*stopped));
	const uint64_t one = 1;
	pid_t pid;

	if (!HAS_SUPERSEDED_CALLS)
		skip(); /* ppoll is begun anew */
	for (int i = 0; i < 2; i++)
		stopped->fds[i] = (struct pollfd){ .fd = new_eventfd(), .events = POLLIN };
	stopped->ms = -1;
	stopped->expected = 1;
	begin(*state);
	pid = start_child(poll_once, stopped);
	await_sleep_in(pid, SYS_poll);
	for (int i = 0; i < 3; i++) {
		stop_and_continue(pid);
		await_sleep_in(pid, SYS_restart_syscall);
	}
	assert_int_equal(write(stopped->fds[0].fd, &one, sizeof(one)), sizeof(one));
	wait_child(pid);
	end(*state);
	expect_of(*state, process_of(*state, pid), { "poll.calls", 4 }, { "poll.interrupted", 3 },
		  { "poll.wakeups", 1 }, { "poll.ready", 1 }, { "poll.ready_hist[1]", 1 },
		  { "poll.watched", 8 }, { "poll.watched_hist[2]", 4 }, { "poll.in_bytes", 64 },
		  { "poll.out_bytes", 16 });
	close(stopped->fds[0].fd);
	close(stopped->fds[1].fd);
}

static void poll_that_went_on_can_time_out(void **state)
{
	struct stopped *stopped = shared_alloc(sizeof(*stopped));
	pid_t pid;

	if (!HAS_SUPERSEDED_CALLS)
		skip();
	for (int i = 0; i < 2; i++)
		stopped->fds[i] = (struct pollfd){ .fd = -1 };
	stopped->ms = 100;
	begin(*state);
	pid = start_child(poll_once, stopped);
	await_sleep_in(pid, SYS_poll);
	stop_and_continue(pid);
	wait_child(pid);
	end(*state);
	expect_of(*state, process_of(*state, pid), { "poll.interrupted", 1 },
		  { "poll.timeouts", 1 }, { "poll.watched", 4 }, { "poll.watched_hist[2]", 2 },
		  { "poll.in_bytes", 32 }, { "poll.out_bytes", 8 });
}

static void interrupt_poll_then_sleep(void *context)
{
	const struct timespec second = { .tv_nsec = 100000000 };
	timer_t timer = start_interrupting();

	(void)context;
	require(call_poll(NULL, 0, -1) == -1, "be interrupted");
	stop_interrupting(timer);
	require(syscall(SYS_nanosleep, &second, NULL) == 0, "nanosleep");
}

/* restart_syscall goes on with whatever was broken off last. */
static void nanosleep_that_goes_on_is_no_poll(void **state)
{
	pid_t pid;

	begin(*state);
	pid = start_child(interrupt_poll_then_sleep, NULL);
	await_sleep_in(pid, SYS_nanosleep);
	stop_and_continue(pid);
	wait_child(pid);
	end(*state);
	expect_of(*state, process_of(*state, pid), { "poll.calls", 1 }, { "poll.interrupted", 1 },
		  { "poll.watched_hist[0]", 1 });
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(poll_is_counted_by_outcome),
	cmocka_unit_test(ppoll_copies_mask_timeout_and_time_left),
	cmocka_unit_test(ppoll_writes_no_time_left_before_it_begins),
	cmocka_unit_test(a_ppoll_timeout_that_ran_out_is_not_taken_for_zero),
	cmocka_unit_test(poll_that_a_stop_broke_off_goes_on),
	cmocka_unit_test(poll_that_went_on_can_time_out),
	cmocka_unit_test(nanosleep_that_goes_on_is_no_poll),
};

const struct family wait_poll_tests = { tests, ARRAY_SIZE(tests) };
