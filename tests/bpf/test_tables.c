/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How much there may be: batches of every size, tables that are full, and rows that are given back. */
#include "tests.h"

#include <sys/epoll.h>

/* ---- batches ---- */

struct crowd {
	int epfd, nr;
	uint32_t events;
	int waits;
};

static const struct probe_limits large = { 64, 64, 64, 4096 };

static void watch_crowd(void *context)
{
	struct crowd *crowd = context;

	crowd->epfd = new_epoll();
	for (int i = 0; i < crowd->nr; i++) {
		int fd = new_eventfd();

		put(fd, 8);
		watch(crowd->epfd, fd, crowd->events);
	}
}

static void wait_for_crowd(void *context)
{
	static struct epoll_event events[4096];
	struct crowd *crowd = context;

	/* What was never touched cannot be read by the probes, but the kernel has written it by then. */
	for (int i = 0; i < crowd->waits; i++) {
		long nr = syscall(SYS_epoll_wait, crowd->epfd, events, ARRAY_SIZE(events), 0);

		require(nr == (i == 0 || !(crowd->events & EPOLLET) ? crowd->nr : 0), "wait");
	}
}

static struct tracer *trace_crowd(struct crowd *crowd, pid_t *pid)
{
	struct tracer *tracer = start_traced(&large, watch_crowd, wait_for_crowd, crowd, pid);

	wait_child(*pid);
	end(tracer);
	return tracer;
}

static void a_batch_of_any_size_is_counted_whole(void **state)
{
	static const int sizes[] = { 1, 15, 16, 17, 32, 33, 1023, 1024, 1025, 2000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct crowd *crowd = shared_alloc(sizeof(*crowd));
		uint64_t nr = sizes[i];
		struct tracer *tracer;
		pid_t pid;

		*crowd = (struct crowd){ .nr = nr, .events = EPOLLIN, .waits = 3 };
		tracer = trace_crowd(crowd, &pid);
		expect_listed_of(tracer, process_of(tracer, pid), { "losses.*", 0 },
				 { "epoll_wait.ready", 3 * nr });
		expect_epoll_of(tracer, process_of(tracer, pid), crowd->epfd, { "returns", 3 },
				{ "registrations.level", nr }, { "deliveries.level", 3 * nr },
				{ "deliveries.in", 3 * nr }, { "redelivered", 2 * nr },
				{ "redelivered_in", 2 * nr });
		tracer_free(tracer);
	}
}

/* As many as a batch holds are looked at again; what is beyond is a loss. */
static void check_edge_batch(uint64_t nr, uint64_t lost)
{
	struct crowd *crowd = shared_alloc(sizeof(*crowd));
	struct tracer *tracer;
	pid_t pid;

	*crowd = (struct crowd){ .nr = nr, .events = EPOLLIN | EPOLLET, .waits = 3 };
	tracer = trace_crowd(crowd, &pid);
	expect_listed_of(tracer, process_of(tracer, pid), { "losses.events", lost },
			 { "epoll_wait.ready", nr });
	expect_epoll_of(tracer, process_of(tracer, pid), crowd->epfd, { "returns", 3 },
			{ "registrations.edge", nr }, { "deliveries.edge", nr },
			{ "deliveries.in", nr }, { "edge_undrained", nr - lost });
	assert_int_equal(profile_is_complete(profile_of(tracer)), lost == 0);
	tracer_free(tracer);
}

static void a_batch_of_edges_is_looked_at_again_whole(void **state)
{
	(void)state;
	check_edge_batch(33, 0);
	check_edge_batch(BATCH_EDGES_MAX, 0);
}

static void edges_beyond_a_batch_are_a_loss(void **state)
{
	(void)state;
	check_edge_batch(BATCH_EDGES_MAX + 1, 1);
	check_edge_batch(2000, 2000 - BATCH_EDGES_MAX);
}

/* ---- tables ---- */

static const struct probe_limits small = { 16, 16, 16, 16 };
static const struct probe_limits sixty_four = { 64, 64, 64, 64 };

/* Of twenty registrations four have no row: their events are nobody's. */
static void watch_and_wait(void *context)
{
	watch_crowd(context);
	wait_for_crowd(context);
}

static void registrations_beyond_the_table_are_counted_as_lost(void **state)
{
	struct crowd *crowd = shared_alloc(sizeof(*crowd));
	struct tracer *tracer;
	pid_t pid;

	(void)state;
	*crowd = (struct crowd){ .nr = 20, .events = EPOLLIN, .waits = 3 };
	tracer = start_traced(&small, NULL, watch_and_wait, crowd, &pid);
	wait_child(pid);
	end(tracer);
	expect_listed_of(tracer, process_of(tracer, pid), { "losses.registrations", 4 },
			 { "losses.descriptions", 4 }, { "losses.events", 0 });
	expect_epoll_of(tracer, process_of(tracer, pid), crowd->epfd, { "returns", 3 },
			{ "registrations.level", 16 }, { "deliveries.level", 3 * 16 },
			{ "deliveries.in", 3 * 16 }, { "redelivered", 2 * 16 },
			{ "redelivered_in", 2 * 16 }, { "unattributed", 3 * 4 });
	assert_false(profile_is_complete(profile_of(tracer)));
	tracer_free(tracer);
}

static void make_instances(void *context)
{
	for (int i = 0; i < *(int *)context; i++)
		new_epoll();
}

static void instances_beyond_the_table_are_counted_as_lost(void **state)
{
	int *nr = shared_alloc(sizeof(*nr));
	struct tracer *tracer;
	pid_t pid;

	(void)state;
	*nr = 21;
	tracer = start_traced(&small, NULL, make_instances, nr, &pid);
	wait_child(pid);
	end(tracer);
	expect_listed_of(tracer, process_of(tracer, pid), { "losses.instances", 21 - 16 });
	tracer_free(tracer);
}

#define CONNECTIONS 100000

/* One after another, as a server sees them: with one number, and none ever removed by hand. */
static void come_and_go(void *context)
{
	struct crowd *crowd = context;

	crowd->epfd = new_epoll();
	for (int i = 0; i < CONNECTIONS; i++) {
		int pair[2];

		new_pair(pair);
		watch(crowd->epfd, pair[0], crowd->events);
		if (i % 1000 == 0) {
			put(pair[1], 8);
			wait_for(crowd->epfd, 1);
		}
		close(pair[0]);
		close(pair[1]);
	}
	wait_for(crowd->epfd, 0);
}

static void rows_of_closed_connections_are_given_back(void **state)
{
	struct crowd *crowd = shared_alloc(sizeof(*crowd));
	struct tracer *tracer;
	pid_t pid;

	(void)state;
	*crowd = (struct crowd){ .events = EPOLLIN };
	tracer = start_traced(&sixty_four, NULL, come_and_go, crowd, &pid);
	wait_child(pid);
	end(tracer);
	expect_listed_of(tracer, process_of(tracer, pid), { "epoll_ctl.add", CONNECTIONS },
			 { "losses.*", 0 });
	expect_epoll_of(tracer, process_of(tracer, pid), crowd->epfd,
			{ "returns", CONNECTIONS / 1000 + 1 },
			{ "deliveries.level", CONNECTIONS / 1000 },
			{ "deliveries.in", CONNECTIONS / 1000 });
	tracer_free(tracer);
}

/* Watched by two instances, with no snapshot in between. */
static void come_and_go_in_two(void *context)
{
	struct crowd *crowd = context;
	int second = new_epoll();

	crowd->epfd = new_epoll();
	for (int i = 0; i < 1000; i++) {
		int fd = new_eventfd();

		watch(crowd->epfd, fd, EPOLLIN);
		watch(second, fd, EPOLLIN);
		close(fd);
	}
	wait_for(crowd->epfd, 0);
}

static void rows_of_what_two_instances_watched_are_given_back(void **state)
{
	struct crowd *crowd = shared_alloc(sizeof(*crowd));
	struct tracer *tracer;
	pid_t pid;

	(void)state;
	tracer = start_traced(&sixty_four, NULL, come_and_go_in_two, crowd, &pid);
	wait_child(pid);
	end(tracer);
	expect_listed_of(tracer, process_of(tracer, pid), { "epoll_ctl.add", 2000 },
			 { "losses.*", 0 });
	expect_epoll_of(tracer, process_of(tracer, pid), crowd->epfd, { "returns", 1 });
	tracer_free(tracer);
}

struct rounds {
	uint32_t made, seen;
	int nr;
	int epfd, second;
	void (*make)(struct rounds *rounds);
};

/* So many rounds, with what snapshots do after each of them. */
static void make_rounds(void *context)
{
	struct rounds *rounds = context;

	rounds->epfd = new_epoll();
	for (int i = 1; i <= rounds->nr; i++) {
		rounds->make(rounds);
		raise_to(&rounds->made, i);
		await(&rounds->seen, i);
	}
	wait_for(rounds->epfd, 0);
}

/* Nothing stands at the end, and nothing was lost on the way. */
static void check_rows_come_back(void (*make)(struct rounds *rounds), int nr)
{
	struct rounds *rounds = shared_alloc(sizeof(*rounds));
	struct tracer *tracer;
	pid_t pid;

	*rounds = (struct rounds){ .nr = nr, .make = make };
	tracer = start_traced(&sixty_four, NULL, make_rounds, rounds, &pid);
	for (int i = 1; i <= nr; i++) {
		await(&rounds->made, i);
		look_around(tracer);
		give_back_rows(tracer);
		raise_to(&rounds->seen, i);
	}
	wait_child(pid);
	end(tracer);
	expect_listed_of(tracer, process_of(tracer, pid), { "losses.*", 0 });
	expect_epoll_of(tracer, process_of(tracer, pid), rounds->epfd, { "returns", 1 });
	tracer_free(tracer);
}

/* Ten at a time: of each connection one end is watched. */
static void make_ten(struct rounds *rounds, int fds[10])
{
	for (int i = 0; i < 10; i++) {
		int pair[2];

		new_pair(pair);
		close(pair[1]);
		fds[i] = pair[0];
		watch(rounds->epfd, pair[0], EPOLLIN);
	}
}

static void end_by_close_range(struct rounds *rounds)
{
	int fds[10];

	make_ten(rounds, fds);
	for (int i = 0; i < 10; i++)
		must(close_range(fds[i], fds[i], 0), "close_range");
}

static void rows_come_back_after_close_range(void **state)
{
	(void)state;
	check_rows_come_back(end_by_close_range, 20);
}

static void end_by_dup2(struct rounds *rounds)
{
	int fds[10];

	make_ten(rounds, fds);
	for (int i = 0; i < 10; i++) {
		must(dup2(STDERR_FILENO, fds[i]), "dup2");
		close(fds[i]);
	}
}

static void rows_come_back_after_dup2(void **state)
{
	(void)state;
	check_rows_come_back(end_by_dup2, 20);
}

/* In two instances: the close ends both registrations. */
static void end_in_two(struct rounds *rounds)
{
	int fds[10];

	if (!rounds->second)
		rounds->second = new_epoll();
	make_ten(rounds, fds);
	for (int i = 0; i < 10; i++)
		watch(rounds->second, fds[i], EPOLLIN);
	for (int i = 0; i < 10; i++)
		close(fds[i]);
}

static void rows_come_back_after_a_close_in_two_instances(void **state)
{
	(void)state;
	check_rows_come_back(end_in_two, 20);
}

/* The instance ends, what it watched lives on. */
static void end_with_the_instance(struct rounds *rounds)
{
	static int fd = -1;
	int epfd = new_epoll();

	(void)rounds;
	if (fd < 0)
		fd = new_eventfd();
	for (int i = 0; i < 5; i++)
		watch(epfd, dup(fd), EPOLLIN);
	wait_for(epfd, 0);
	close(epfd);
	must(close_range(fd + 1, ~0U, 0), "close_range");
}

static void rows_come_back_after_the_instance_was_closed(void **state)
{
	(void)state;
	check_rows_come_back(end_with_the_instance, 100);
}

static void touch_own_instance(void *context)
{
	int epfd = new_epoll(), fd = new_eventfd();

	(void)context;
	watch(epfd, fd, EPOLLIN);
	wait_for(epfd, 0);
}

/* Rows of ended processes' instances are given back between intervals. */
static void rows_come_back_after_processes_ended(void **state)
{
	const struct probe_options options = { .limits = sixty_four };
	struct tracer *tracer = tracer_new(&options);

	(void)state;
	for (int i = 0; i < 100; i++) {
		pid_t pid;

		begin(tracer);
		pid = run_child(touch_own_instance, NULL);
		end(tracer);
		expect_listed_of(tracer, process_of(tracer, pid), { "losses.*", 0 },
				 { "epoll_wait.empty_polls", 1 });
	}
	tracer_free(tracer);
}

#define ROUNDS 50

/* More than any one loop has, in turn. */
static void a_thread_may_wait_on_many_instances(void **state)
{
	const struct probe_options options = { .limits = { 64, 64, 64, 256 } };
	struct tracer *tracer = tracer_new(&options);
	int epfds[24], fds[24];

	(void)state;
	for (int i = 0; i < 24; i++) {
		epfds[i] = new_epoll();
		fds[i] = new_eventfd();
		watch(epfds[i], fds[i], EPOLLIN);
	}
	begin(tracer);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 24; i++) {
			put(fds[i], 8);
			wait_for(epfds[i], 1);
			take(fds[i], 8, 8);
		}
	}
	end(tracer);
	expect_listed_of(tracer, own_process(tracer), { "losses.*", 0 });
	for (int i = 0; i < 24; i++) {
		expect_epoll(tracer, epfds[i], { "returns", ROUNDS }, { "threads", 1 },
			     { "registrations.level", 1 }, { "deliveries.level", ROUNDS },
			     { "deliveries.in", ROUNDS }, { "first_reads", ROUNDS });
	}
	tracer_free(tracer);
	for (int i = 0; i < 24; i++) {
		close(epfds[i]);
		close(fds[i]);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_batch_of_any_size_is_counted_whole),
	cmocka_unit_test(a_batch_of_edges_is_looked_at_again_whole),
	cmocka_unit_test(edges_beyond_a_batch_are_a_loss),
	cmocka_unit_test(registrations_beyond_the_table_are_counted_as_lost),
	cmocka_unit_test(instances_beyond_the_table_are_counted_as_lost),
	cmocka_unit_test(rows_of_closed_connections_are_given_back),
	cmocka_unit_test(rows_of_what_two_instances_watched_are_given_back),
	cmocka_unit_test(rows_come_back_after_close_range),
	cmocka_unit_test(rows_come_back_after_dup2),
	cmocka_unit_test(rows_come_back_after_a_close_in_two_instances),
	cmocka_unit_test(rows_come_back_after_the_instance_was_closed),
	cmocka_unit_test(rows_come_back_after_processes_ended),
	cmocka_unit_test(a_thread_may_wait_on_many_instances),
};

const struct family tables_tests = { tests, ARRAY_SIZE(tests) };
