/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * clock.c - a loop that takes the time and the kernel's own counts around each
 * wait, for epoll_wait, poll and select in turn, and sleeps nowhere else:
 *
 *	t0 [ epoll_wait, 1 ms ] t1  work  t2 [ poll, 2 ms ] t3  work ...
 *	    ^                  ^           ^
 *	    |---- wait_ns -----|- busy_ns -|
 *
 * wait_ns is taken in the kernel between t0 and t1, and busy_ns spans t1 to t2,
 * so each lies between sums that this program can tell. Together they are all
 * the time from the first wait's entry to the last one's return (`all_ns`). Prints
 * key=value where the profile must be equal, `key.min=` and `key.max=` where it
 * lies between.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "workload.h"

#define TURNS 31

enum family { EPOLL, POLL, SELECT, FAMILIES };

static const char *const names[FAMILIES] = { "epoll_wait", "poll", "select" };

struct sums {
	uint64_t outer_wait_ns; /* around the call */
	uint64_t inner_wait_ns; /* the timeout: no timer fires early */
	uint64_t inner_busy_ns; /* from after the call to before the next one */
	uint64_t switches;
	uint64_t sleeps;
	uint64_t run_delay_ns;
};

static int epoll_fd, status_fd, schedstat_fd;
static uint64_t first_before, first_after, last_before, last_after;

static uint64_t voluntary_switches(void)
{
	char text[4096], *line;
	ssize_t len = pread(status_fd, text, sizeof(text) - 1, 0);

	MUST(len > 0);
	text[len] = '\0';
	line = strstr(text, "\nvoluntary_ctxt_switches:");
	MUST(line);
	return strtoull(strchr(line, ':') + 1, NULL, 10);
}

/* proc(5): time on a CPU, time waiting for one, slices. */
static uint64_t run_delay(void)
{
	char text[128];
	ssize_t len = pread(schedstat_fd, text, sizeof(text) - 1, 0);

	MUST(len > 0);
	text[len] = '\0';
	return strtoull(strchr(text, ' '), NULL, 10);
}

static int timeout_ms(enum family family)
{
	return 1 + family;
}

static void wait_once(enum family family)
{
	struct timeval time = { .tv_usec = timeout_ms(family) * 1000 };
	struct epoll_event event;

	if (family == EPOLL)
		MUST(epoll_wait(epoll_fd, &event, 1, timeout_ms(family)) == 0);
	else if (family == POLL)
		MUST(poll(NULL, 0, timeout_ms(family)) == 0);
	else
		MUST(select(0, NULL, NULL, NULL, &time) == 0);
}

/* Something to be busy with that neither sleeps nor calls; more after some waits than others. */
static void work(enum family family)
{
	uint64_t until = now_ns() + 100000 * (1 + family);

	while (now_ns() < until)
		;
}

static void turn(struct sums *sums, enum family family, uint64_t *busy_since, uint64_t **busy_sum)
{
	struct sums *sum = &sums[family];
	uint64_t switches = voluntary_switches(), delay = run_delay(), before, after;

	before = now_ns();
	if (*busy_sum)
		**busy_sum += before - *busy_since;
	wait_once(family);
	after = now_ns();
	if (!first_before) {
		first_before = before;
		first_after = after;
	}
	last_before = before;
	last_after = after;
	switches = voluntary_switches() - switches;
	*busy_since = after;
	*busy_sum = &sum->inner_busy_ns;
	sum->outer_wait_ns += after - before;
	sum->inner_wait_ns += timeout_ms(family) * 1000000ULL;
	sum->switches += switches;
	sum->sleeps += switches != 0;
	sum->run_delay_ns += run_delay() - delay;
	work(family);
}

static void expect_sums(const char *name, const struct sums *sum, uint64_t slack_ns)
{
	expect("%s.calls=%d", name, TURNS);
	expect("%s.timeouts=%d", name, TURNS);
	expect("%s.switches=%lu", name, sum->switches);
	expect("%s.sleeps=%lu", name, sum->sleeps);
	expect("%s.wait_ns.min=%lu", name, sum->inner_wait_ns);
	expect("%s.wait_ns.max=%lu", name, sum->outer_wait_ns);
	expect("%s.busy_ns.min=%lu", name, sum->inner_busy_ns);
	/* Beyond it, the ends of the waits around it, which are all within the calls. */
	expect("%s.busy_ns.max=%lu", name, sum->inner_busy_ns + slack_ns);
	expect("%s.runqueue_ns.max=%lu", name, sum->run_delay_ns);
}

int main(void)
{
	struct sums sums[FAMILIES] = {};
	uint64_t busy_since = 0, *busy_sum = NULL, slack_ns = 0;

	epoll_fd = epoll_create1(0);
	status_fd = open("/proc/self/status", O_RDONLY);
	schedstat_fd = open("/proc/self/schedstat", O_RDONLY);
	MUST(epoll_fd >= 0 && status_fd >= 0 && schedstat_fd >= 0);
	hold();
	for (int i = 0; i < TURNS; i++) {
		for (int family = 0; family < FAMILIES; family++)
			turn(sums, family, &busy_since, &busy_sum);
	}
	for (int family = 0; family < FAMILIES; family++)
		slack_ns += sums[family].outer_wait_ns - sums[family].inner_wait_ns;
	for (int family = 0; family < FAMILIES; family++)
		expect_sums(names[family], &sums[family], slack_ns);
	expect("all_ns.min=%lu",
	       last_before - first_after + (timeout_ms(EPOLL) + timeout_ms(SELECT)) * 1000000UL);
	expect("all_ns.max=%lu", last_after - first_before);
	report();
	return 0;
}
