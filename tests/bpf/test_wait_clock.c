/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wait_ns and busy_ns beside the test's own clock. A clock read outside the
 * call bounds what is counted from above, one read inside from below:
 *
 *	before |enter ---- wait ---- exit| after     wait <= after - before
 *	       |exit| inside ... inside |enter|      busy >= the time inside
 */
#include "tests.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#define WAITS 7

static void wait_once(enum wait_family family, int ms)
{
	struct timespec timeout = { .tv_nsec = ms * 1000000L };
	struct epoll_event event;
	static int epfd = -1;

	if (epfd < 0)
		epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	if (family == WAIT_EPOLL)
		assert_int_equal(syscall(SYS_epoll_wait, epfd, &event, 1, ms), 0);
	else if (family == WAIT_POLL)
		assert_int_equal(syscall(SYS_poll, NULL, 0, ms), 0);
	else
		assert_int_equal(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &timeout, NULL), 0);
}

static void spin(uint64_t ns)
{
	uint64_t end_ns = now_ns() + ns;

	while (now_ns() < end_ns)
		;
}

/* Each of the calls fell into a bucket between those of the bounds. */
static void check_buckets(const uint64_t *hist, uint64_t nr, uint64_t least_ns, uint64_t most_ns)
{
	uint64_t within = 0;

	for (unsigned i = bucket_of(least_ns); i <= bucket_of(most_ns); i++)
		within += hist[i];
	assert_int_equal(within, nr);
}

static void check_waits(struct tracer *tracer, enum wait_family family)
{
	uint64_t least_ns = WAITS * 3000000ULL, most_ns = 0, longest_ns = 0;
	const struct wait_counters *wait;

	wait_once(family, 0); /* opens what it needs */
	begin(tracer);
	for (int i = 0; i < WAITS; i++) {
		uint64_t before_ns = now_ns(), took_ns;

		wait_once(family, 3);
		took_ns = now_ns() - before_ns;
		most_ns += took_ns;
		longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
	}
	end(tracer);
	wait = &own_process(tracer)->counters.waits[family];
	assert_int_equal(wait->timeouts, WAITS);
	assert_in_range(wait->wait_ns, least_ns, most_ns);
	check_buckets((uint64_t *)wait->wait_ns_hist, WAITS, 3000000, longest_ns);
}

static void wait_ns_is_what_epoll_wait_took(void **state)
{
	check_waits(*state, WAIT_EPOLL);
}

static void wait_ns_is_what_poll_took(void **state)
{
	check_waits(*state, WAIT_POLL);
}

static void wait_ns_is_what_select_took(void **state)
{
	check_waits(*state, WAIT_SELECT);
}

/*
 * What follows a wait of one family is its own, whatever family comes next.
 * The first wait of the interval ends what came before begin() as well, so it
 * is of a family of its own: select.
 */
static void busy_ns_ends_at_the_next_wait_of_any_family(void **state)
{
	uint64_t start_ns, whole_ns, epoll_ns = 0, poll_ns = 0;
	const struct wait_counters *waits;

	wait_once(WAIT_EPOLL, 0);
	wait_once(WAIT_SELECT, 0);
	begin(*state);
	start_ns = now_ns();
	for (int i = 0; i < WAITS; i++) {
		wait_once(WAIT_EPOLL, 0);
		epoll_ns -= now_ns();
		spin(2000000);
		epoll_ns += now_ns();
		wait_once(WAIT_POLL, 0);
		poll_ns -= now_ns();
		spin(5000000);
		poll_ns += now_ns();
	}
	wait_once(WAIT_SELECT, 0);
	whole_ns = now_ns() - start_ns;
	end(*state);
	waits = own_process(*state)->counters.waits;
	assert_in_range(waits[WAIT_EPOLL].busy_ns, epoll_ns, whole_ns - poll_ns);
	assert_in_range(waits[WAIT_POLL].busy_ns, poll_ns, whole_ns - epoll_ns);
	assert_true(waits[WAIT_EPOLL].busy_ns + waits[WAIT_POLL].busy_ns +
			    waits[WAIT_EPOLL].wait_ns + waits[WAIT_POLL].wait_ns <=
		    whole_ns);
	check_buckets((uint64_t *)waits[WAIT_EPOLL].busy_ns_hist, WAITS, 2000000, whole_ns);
	check_buckets((uint64_t *)waits[WAIT_POLL].busy_ns_hist, WAITS, 5000000, whole_ns);
	/* From the wait before begin() to the first one after it. */
	check_buckets((uint64_t *)waits[WAIT_SELECT].busy_ns_hist, 1, 1, UINT64_MAX / 2);
}

struct steps {
	uint32_t reached, allowed;
	int epfd;
};

static void wait_for_ever(void *context)
{
	struct steps *steps = context;
	struct epoll_event event;

	syscall(SYS_epoll_wait, steps->epfd, &event, 1, -1);
}

static void now_tells_how_long_a_thread_is_stuck_in_a_wait(void **state)
{
	struct steps *steps = shared_alloc(sizeof(*steps));
	uint64_t before_ns, asleep_ns, most_ns;
	pid_t pid;

	steps->epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	begin(*state);
	before_ns = now_ns();
	pid = start_child(wait_for_ever, steps);
	await_sleep_in(pid, SYS_epoll_wait);
	asleep_ns = now_ns();
	spin(20000000);
	end(*state);
	most_ns = now_ns() - before_ns;
	expect_of(*state, process_of(*state, pid), { "epoll_wait.calls", 0 }, { "now.waiting", 1 },
		  { "now.longest_busy_ns", 0 });
	assert_in_range(process_of(*state, pid)->now.longest_wait_ns, 20000000, most_ns);
	assert_true(asleep_ns > before_ns);
	kill_child(pid);
	close(steps->epfd);
}

static void poll_then_stay_away(void *context)
{
	struct steps *steps = context;
	struct epoll_event event;

	require(syscall(SYS_epoll_wait, steps->epfd, &event, 1, 0) == 0, "epoll_wait");
	raise_to(&steps->reached, 1);
	await(&steps->allowed, 1);
}

static void now_tells_how_long_a_thread_is_out_of_its_wait(void **state)
{
	struct steps *steps = shared_alloc(sizeof(*steps));
	uint64_t before_ns, most_ns;
	pid_t pid;

	steps->epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	before_ns = now_ns();
	begin(*state);
	pid = start_child(poll_then_stay_away, steps);
	await(&steps->reached, 1);
	spin(20000000);
	end(*state);
	most_ns = now_ns() - before_ns;
	expect_of(*state, process_of(*state, pid), { "epoll_wait.empty_polls", 1 },
		  { "epoll_wait.watched_hist[0]", 1 }, { "epoll_wait.capacity", 1 },
		  { "now.waiting", 0 }, { "now.longest_wait_ns", 0 });
	assert_in_range(process_of(*state, pid)->now.longest_busy_ns, 20000000, most_ns);
	raise_to(&steps->allowed, 1);
	wait_child(pid);
	close(steps->epfd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(wait_ns_is_what_epoll_wait_took),
	cmocka_unit_test(wait_ns_is_what_poll_took),
	cmocka_unit_test(wait_ns_is_what_select_took),
	cmocka_unit_test(busy_ns_ends_at_the_next_wait_of_any_family),
	cmocka_unit_test(now_tells_how_long_a_thread_is_stuck_in_a_wait),
	cmocka_unit_test(now_tells_how_long_a_thread_is_out_of_its_wait),
};

const struct family wait_clock_tests = { tests, ARRAY_SIZE(tests) };
