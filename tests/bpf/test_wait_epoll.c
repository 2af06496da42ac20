/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* epoll_wait, epoll_pwait and epoll_pwait2: outcomes, ready and watched counts, control data. */
#include "tests.h"

#include <sys/epoll.h>
#include <sys/wait.h>

#define MANY 8 /* maxevents, more than are ever ready */

typedef long wait_call(int epfd, struct epoll_event *events, int max, int ms);

static const uint64_t no_signals; /* a signal mask as the kernel has it */

static long call_wait(int epfd, struct epoll_event *events, int max, int ms)
{
	return syscall(SYS_epoll_wait, epfd, events, max, ms);
}

static long call_pwait(int epfd, struct epoll_event *events, int max, int ms)
{
	return syscall(SYS_epoll_pwait, epfd, events, max, ms, &no_signals, sizeof(no_signals));
}

static long call_pwait2(int epfd, struct epoll_event *events, int max, int ms)
{
	struct timespec timeout = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	return syscall(SYS_epoll_pwait2, epfd, events, max, ms < 0 ? NULL : &timeout, &no_signals,
		       sizeof(no_signals));
}

static void add(int epfd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

/* An instance with three level-triggered eventfds. */
static int new_instance(int fds[3])
{
	int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");

	for (int i = 0; i < 3; i++) {
		fds[i] = new_eventfd();
		add(epfd, fds[i]);
	}
	return epfd;
}

static void close_all(const int *fds, int nr)
{
	for (int i = 0; i < nr; i++)
		close(fds[i]);
}

static void make_every_outcome(wait_call *call, int epfd, const int *fds)
{
	const uint64_t one = 1;
	struct epoll_event events[MANY];
	timer_t timer;

	for (int i = 0; i < 2; i++)
		assert_int_equal(call(epfd, events, MANY, 1), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(call(epfd, events, MANY, 0), 0);
	timer = start_interrupting();
	for (int i = 0; i < 13; i++)
		assert_int_equal(call(epfd, events, MANY, -1), -1);
	stop_interrupting(timer);
	assert_int_equal(write(fds[0], &one, sizeof(one)), sizeof(one));
	for (int i = 0; i < 5; i++)
		assert_int_equal(call(epfd, events, MANY, 1000), 1);
	assert_int_equal(write(fds[1], &one, sizeof(one)), sizeof(one));
	assert_int_equal(write(fds[2], &one, sizeof(one)), sizeof(one));
	for (int i = 0; i < 7; i++)
		assert_int_equal(call(epfd, events, 3, 1000), 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(call(-1, events, MANY, 1000), -1); /* EBADF */
	for (int i = 0; i < 3; i++)
		assert_int_equal(call(epfd, events, 0, 1000), -1); /* EINVAL */
	for (int i = 0; i < 3; i++)
		assert_int_equal(call(epfd, (void *)-4096L, MANY, 1000), -1); /* EFAULT */
}

static void check_every_outcome(struct tracer *tracer, wait_call *call, uint64_t in_bytes)
{
	int fds[3], epfd = new_instance(fds);

	begin(tracer);
	make_every_outcome(call, epfd, fds);
	end(tracer);
	expect(tracer, { "epoll_wait.calls", 41 }, { "epoll_wait.wakeups", 12 },
	       { "epoll_wait.timeouts", 2 }, { "epoll_wait.empty_polls", 3 },
	       { "epoll_wait.spins", 2 }, { "epoll_wait.interrupted", 13 },
	       { "epoll_wait.failed", 11 }, { "epoll_wait.immediate", 12 },
	       { "epoll_wait.ready", 5 + 3 * 7 }, { "epoll_wait.ready_hist[1]", 5 },
	       { "epoll_wait.ready_hist[2]", 7 }, { "epoll_wait.watched", 3 * 30 },
	       { "epoll_wait.watched_hist[2]", 30 }, { "epoll_wait.capacity", MANY * 23 + 3 * 7 },
	       { "epoll_wait.saturated", 7 }, { "epoll_wait.in_bytes", in_bytes },
	       { "epoll_wait.out_bytes", 12 * 26 }, { "copies.control_bytes", in_bytes + 12 * 26 },
	       { "io.write.other.calls", 3 }, { "io.write.other.bytes", 24 },
	       { "io.write.other.size_hist[4]", 3 });
	close_all(fds, 3);
	close(epfd);
}

static void epoll_wait_is_counted_by_outcome(void **state)
{
	check_every_outcome(*state, call_wait, 0);
}

static void epoll_pwait_copies_its_mask_in(void **state)
{
	check_every_outcome(*state, call_pwait, 8 * 41);
}

/* Since 5.11. */
static bool has_pwait2(void)
{
	return syscall(SYS_epoll_pwait2, -1, NULL, 1, NULL, NULL, 8) == -1 && errno != ENOSYS;
}

/* The timeout is NULL in the 13 calls that wait without end. */
static void epoll_pwait2_copies_mask_and_timeout_in(void **state)
{
	if (!has_pwait2())
		skip();
	check_every_outcome(*state, call_pwait2, 8 * 41 + 16 * (41 - 13));
}

static void a_null_mask_is_not_copied(void **state)
{
	int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	const int fives = has_pwait2() ? 5 : 0;
	struct timespec zero = {};
	struct epoll_event event;

	begin(*state);
	for (int i = 0; i < 3; i++)
		syscall(SYS_epoll_pwait, epfd, &event, 1, 0, NULL, 8);
	for (int i = 0; i < fives; i++)
		syscall(SYS_epoll_pwait2, epfd, &event, 1, &zero, NULL, 8);
	end(*state);
	expect(*state, { "epoll_wait.empty_polls", 3 + fives }, { "epoll_wait.spins", 2 + fives },
	       { "epoll_wait.capacity", 3 + fives }, { "epoll_wait.watched_hist[0]", 3 + fives },
	       { "epoll_wait.in_bytes", fives * 16 });
	close(epfd);
}

/* Order of the kernel: timeout, then mask, each refused before the next is touched. */
static void what_was_refused_copies_nothing_further(void **state)
{
	struct timespec sane = {}, negative = { .tv_sec = -1 };
	const bool has_both = has_pwait2();
	struct epoll_event event;

	begin(*state);
	for (int i = 0; i < 3; i++) /* the mask's size */
		assert_int_equal(syscall(SYS_epoll_pwait, -1, &event, 1, 0, &no_signals, 7), -1);
	for (int i = 0; i < 5 && has_both; i++)
		assert_int_equal(syscall(SYS_epoll_pwait2, -1, &event, 1, &sane, &no_signals, 7),
				 -1);
	for (int i = 0; i < 7 && has_both; i++) /* the timeout */
		assert_int_equal(
			syscall(SYS_epoll_pwait2, -1, &event, 1, &negative, &no_signals, 8), -1);
	end(*state);
	expect(*state, { "epoll_wait.failed", has_both ? 15 : 3 },
	       { "epoll_wait.in_bytes", has_both ? 16 * 12 : 0 });
}

static void poll_times(int epfd, int times)
{
	struct epoll_event event;

	for (int i = 0; i < times; i++)
		assert_int_equal(call_wait(epfd, &event, 1, 0), 0);
}

/*
 * Watched follows every way a registration comes and goes:
 *
 *	outer -- inner -- (nothing)
 *	    \--- five eventfds
 */
static void watched_are_the_registrations_at_return(void **state)
{
	int outer = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	int inner = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	int fds[5], copy;

	for (int i = 0; i < 5; i++)
		fds[i] = new_eventfd();
	begin(*state);
	poll_times(outer, 2); /* 0 */
	for (int i = 0; i < 5; i++)
		add(outer, fds[i]);
	poll_times(outer, 3); /* 5 */
	epoll_ctl(outer, EPOLL_CTL_DEL, fds[0], NULL);
	poll_times(outer, 11); /* 4 */
	close(fds[1]);
	poll_times(outer, 7); /* 3 */
	copy = dup(fds[2]);
	close(fds[2]);
	poll_times(outer, 13); /* 3: the copy holds it */
	close(copy);
	poll_times(outer, 5); /* 2 */
	add(outer, inner);
	poll_times(outer, 17); /* 3 */
	poll_times(inner, 19); /* 0 */
	end(*state);
	/* Seven runs: between the last two lots of polls nothing is done. */
	expect(*state, { "epoll_wait.empty_polls", 77 }, { "epoll_wait.spins", 77 - 7 },
	       { "epoll_wait.capacity", 77 },
	       { "epoll_wait.watched", 5 * 3 + 4 * 11 + 3 * (7 + 13 + 17) + 2 * 5 },
	       { "epoll_wait.watched_hist[0]", 2 + 19 },
	       { "epoll_wait.watched_hist[2]", 7 + 13 + 5 + 17 },
	       { "epoll_wait.watched_hist[3]", 3 + 11 }, { "epoll_ctl.add", 6 },
	       { "epoll_ctl.del", 1 }, { "epoll_ctl.in_bytes", 6 * EVENT_BYTES },
	       { "fds.opened", 1 }, { "fds.closed", 3 });
	close(fds[0]);
	close(fds[3]);
	close(fds[4]);
	close(outer);
	close(inner);
}

static void a_registration_is_gone_when_its_last_holder_ends(void **state)
{
	int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	uint32_t *word = shared_alloc(sizeof(*word));
	int fd = new_eventfd();
	pid_t pid;

	add(epfd, fd);
	pid = fork();
	if (pid == 0) {
		await(word, 1);
		_exit(0);
	}
	begin(*state);
	close(fd);
	poll_times(epfd, 3);
	raise_to(word, 1);
	wait_child(pid);
	poll_times(epfd, 5);
	end(*state);
	expect(*state, { "epoll_wait.empty_polls", 8 }, { "epoll_wait.spins", 7 },
	       { "epoll_wait.capacity", 8 }, { "epoll_wait.watched", 3 },
	       { "epoll_wait.watched_hist[0]", 5 }, { "epoll_wait.watched_hist[1]", 3 },
	       { "fds.closed", 1 });
	close(epfd);
}

struct sleeper {
	int epfd, fd;
	uint64_t rose; /* voluntary switches of the loop, as /proc tells */
};

static uint64_t voluntary_switches(int status_fd)
{
	char text[4096], *line;
	ssize_t len = pread(status_fd, text, sizeof(text) - 1, 0);

	require(len > 0, "read /proc/thread-self/status");
	text[len] = '\0';
	line = strstr(text, "\nvoluntary_ctxt_switches:");
	require(line, "find voluntary_ctxt_switches");
	return strtoull(line + strlen("\nvoluntary_ctxt_switches:"), NULL, 10);
}

static void sleep_eleven_times(void *context)
{
	struct sleeper *sleeper = context;
	int status_fd = must(open("/proc/thread-self/status", O_RDONLY), "open status");
	struct epoll_event event;

	voluntary_switches(status_fd);
	sleeper->rose = -voluntary_switches(status_fd);
	for (int i = 0; i < 11; i++)
		require(call_wait(sleeper->epfd, &event, 1, 2) == 0, "time out");
	sleeper->rose += voluntary_switches(status_fd);
}

static void switches_are_those_that_proc_tells(void **state)
{
	struct sleeper *sleeper = shared_alloc(sizeof(*sleeper));
	pid_t pid;

	sleeper->epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	begin(*state);
	pid = run_child(sleep_eleven_times, sleeper);
	end(*state);
	assert_true(sleeper->rose >= 11);
	expect_listed_of(*state, process_of(*state, pid), { "epoll_wait.timeouts", 11 },
			 { "epoll_wait.sleeps", 11 }, { "epoll_wait.switches", sleeper->rose },
			 { "epoll_wait.immediate", 0 });
	close(sleeper->epfd);
}

static void wait_and_read_five_times(void *context)
{
	struct sleeper *sleeper = context;
	struct epoll_event event;
	uint64_t value;

	for (int i = 0; i < 5; i++) {
		require(call_wait(sleeper->epfd, &event, 1, -1) == 1, "be woken");
		require(read(sleeper->fd, &value, sizeof(value)) == sizeof(value), "read");
		raise_to((uint32_t *)&sleeper->rose, i + 1);
	}
}

static void a_wakeup_after_sleep_is_not_immediate(void **state)
{
	struct sleeper *sleeper = shared_alloc(sizeof(*sleeper));
	const uint64_t one = 1;
	pid_t pid;

	sleeper->epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	sleeper->fd = new_eventfd();
	add(sleeper->epfd, sleeper->fd);
	begin(*state);
	pid = start_child(wait_and_read_five_times, sleeper);
	for (int i = 0; i < 5; i++) {
		await_sleep_in(pid, SYS_epoll_wait);
		assert_int_equal(write(sleeper->fd, &one, sizeof(one)), sizeof(one));
		await((uint32_t *)&sleeper->rose, i + 1);
	}
	wait_child(pid);
	end(*state);
	expect_of(*state, process_of(*state, pid), { "epoll_wait.wakeups", 5 },
		  { "epoll_wait.immediate", 0 }, { "epoll_wait.sleeps", 5 },
		  { "epoll_wait.ready", 5 }, { "epoll_wait.ready_hist[1]", 5 },
		  { "epoll_wait.watched", 5 }, { "epoll_wait.watched_hist[1]", 5 },
		  { "epoll_wait.capacity", 5 }, { "epoll_wait.saturated", 5 },
		  { "epoll_wait.out_bytes", 60 }, { "io.read.other.bytes", 40 },
		  { "io.read.other.size_hist[4]", 5 });
	close(sleeper->epfd);
	close(sleeper->fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(epoll_wait_is_counted_by_outcome),
	cmocka_unit_test(epoll_pwait_copies_its_mask_in),
	cmocka_unit_test(epoll_pwait2_copies_mask_and_timeout_in),
	cmocka_unit_test(a_null_mask_is_not_copied),
	cmocka_unit_test(what_was_refused_copies_nothing_further),
	cmocka_unit_test(watched_are_the_registrations_at_return),
	cmocka_unit_test(a_registration_is_gone_when_its_last_holder_ends),
	cmocka_unit_test(switches_are_those_that_proc_tells),
	cmocka_unit_test(a_wakeup_after_sleep_is_not_immediate),
};

const struct family wait_epoll_tests = { tests, ARRAY_SIZE(tests) };
