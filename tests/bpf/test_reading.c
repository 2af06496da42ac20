/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is read where the program that waits and the kernel keep it: events at the
 * end of memory, descriptors in a table that has moved.
 */
#include "tests.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define EVENTS_MAX 13

/* ---- events at the end of memory ---- */

/* A page that can be written to and one behind it that is not there. */
static char *new_last_page(size_t page)
{
	char *pages = mmap(NULL, 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages, page, PROT_READ | PROT_WRITE), 0);
	return pages;
}

/* Waits that return with @nr events, the last of which ends with its page. */
static void check_last_of_page(void **state, int nr, int waits)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *pages = new_last_page(page), *events = pages + page - nr * EVENT_BYTES;
	int epfd = new_epoll(), fds[EVENTS_MAX];

	for (int i = 0; i < nr; i++) {
		fds[i] = new_eventfd();
		put(fds[i], 8);
		watch(epfd, fds[i], EPOLLIN);
	}
	begin(*state);
	for (int i = 0; i < waits; i++)
		assert_int_equal(epoll_wait(epfd, (void *)events, nr, 0), nr);
	end(*state);
	assert_true(profile_is_complete(profile_of(*state)));
	expect_epoll(*state, epfd, { "returns", waits }, { "registrations.level", nr },
		     { "deliveries.level", nr * waits }, { "deliveries.in", nr * waits },
		     { "redelivered", nr * (waits - 1) }, { "redelivered_in", nr * (waits - 1) });
	for (int i = 0; i < nr; i++) {
		expect_descriptor(*state, epfd, fds[i], { "deliveries", waits },
				  { "redelivered", waits - 1 }, { "redelivered_in", waits - 1 });
		close(fds[i]);
	}
	close(epfd);
	munmap(pages, 2 * page);
}

static void one_event_at_the_end_of_a_page_is_read(void **state)
{
	check_last_of_page(state, 1, 7);
}

/* Fewer than are read at a time, and what is left of more is one. */
static void a_batch_that_ends_with_a_page_is_read(void **state)
{
	check_last_of_page(state, 3, 5);
	check_last_of_page(state, EVENTS_MAX, 3);
}

/* ---- a table that has moved ---- */

/* How many descriptors fit into this process's table as it is. */
static int table_size(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	int nr = 0;

	require(status, "open /proc/self/status");
	while (!nr && fgets(line, sizeof(line), status))
		sscanf(line, "FDSize: %d", &nr);
	fclose(status);
	require(nr, "FDSize in /proc/self/status");
	return nr;
}

/* The kernel makes another table, and frees this one when nobody can be reading it any more. */
static void outgrow_table(int fd)
{
	int size = table_size();
	struct rlimit room;

	must(getrlimit(RLIMIT_NOFILE, &room), "getrlimit");
	if (room.rlim_cur <= (rlim_t)size)
		room.rlim_cur = size + 1;
	must(setrlimit(RLIMIT_NOFILE, &room), "setrlimit");
	must(fcntl(fd, F_DUPFD_CLOEXEC, size), "fcntl");
	require(table_size() > size, "a table that has grown");
}

struct watched_pair {
	int epfd, one, other;
};

static void wait_times(const struct watched_pair *pair, int times)
{
	for (int i = 0; i < times; i++)
		wait_for(pair->epfd, 2);
}

/* Each wait but the first reads the table: nothing was done since the one before. */
static void outgrow_table_between_waits(void *context)
{
	struct watched_pair *pair = context;

	pair->epfd = new_epoll();
	pair->one = new_eventfd();
	pair->other = new_eventfd();
	put(pair->one, 8);
	put(pair->other, 8);
	watch(pair->epfd, pair->one, EPOLLIN);
	watch(pair->epfd, pair->other, EPOLLIN);
	wait_times(pair, 2);
	outgrow_table(pair->one); /* which keeps it open */
	close(pair->one);
	wait_times(pair, 3);
	outgrow_table(pair->other);
	close(pair->other);
	wait_times(pair, 5);
}

static void a_phantom_is_found_after_the_table_of_descriptors_has_grown(void **state)
{
	struct watched_pair *pair = shared_alloc(sizeof(*pair));
	const struct profile_process *child;
	pid_t pid;

	begin(*state);
	pid = run_child(outgrow_table_between_waits, pair);
	end(*state);
	child = process_of(*state, pid);
	expect_epoll_of(*state, child, pair->epfd, { "returns", 10 }, { "registrations.level", 2 },
			{ "deliveries.level", 20 }, { "deliveries.in", 20 }, { "redelivered", 18 },
			{ "redelivered_in", 18 }, { "phantom", 3 + 2 * 5 });
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_event_at_the_end_of_a_page_is_read),
	cmocka_unit_test(a_batch_that_ends_with_a_page_is_read),
	cmocka_unit_test(a_phantom_is_found_after_the_table_of_descriptors_has_grown),
};

const struct family reading_tests = { tests, ARRAY_SIZE(tests) };
