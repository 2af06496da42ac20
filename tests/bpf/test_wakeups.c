/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is woken by what is told, and who finds nothing and sleeps on. */
#include "waiters.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "model/derive.h"

#define NR_WAITERS 5
#define NR_FIFOS   3

/* ---- epoll ---- */

/* Threads that wait for one listener, each on an instance of its own. */
struct crowd {
	struct member {
		struct crowd *crowd;
		struct waiter waiter;
		int epfd;
	} members[NR_WAITERS];
	int listener, client, stop;
	struct sockaddr_in at;
	uint32_t has_returned;
};

static int wait_in_crowd(void *context)
{
	struct member *member = context;
	int result = wait_on_instance(&member->epfd);

	raise_to(&member->crowd->has_returned, 1);
	return result;
}

static void crowd_gather(struct crowd *crowd, uint32_t events)
{
	memset(crowd, 0, sizeof(*crowd));
	crowd->listener = new_tcp_listener(&crowd->at);
	crowd->stop = new_eventfd();
	for (int i = 0; i < NR_WAITERS; i++) {
		struct member *member = &crowd->members[i];

		member->crowd = crowd;
		member->epfd = new_epoll();
		watch(member->epfd, crowd->listener, events);
		watch(member->epfd, crowd->stop, EPOLLIN);
		waiter_start(&member->waiter, wait_in_crowd, SYS_epoll_wait, member);
	}
}

static void crowd_connect(struct crowd *crowd)
{
	for (int i = 0; i < NR_WAITERS; i++)
		waiter_wait(&crowd->members[i].waiter);
	crowd->client = connect_tcp(&crowd->at);
	await(&crowd->has_returned, 1);
}

static void crowd_join(struct crowd *crowd)
{
	for (int i = 0; i < NR_WAITERS; i++)
		assert_int_equal(waiter_end(&crowd->members[i].waiter), 1);
}

static void crowd_close(struct crowd *crowd)
{
	for (int i = 0; i < NR_WAITERS; i++)
		close(crowd->members[i].epfd);
	close(crowd->client);
	close(crowd->listener);
	close(crowd->stop);
}

static void a_connection_wakes_all_who_wait_for_it(void **state)
{
	struct crowd crowd;

	needs(state, WAKEUPS_CALLBACKS | WAKEUPS_EPOLL | WAKEUPS_SLEEPS);
	crowd_gather(&crowd, EPOLLIN);
	begin(*state);
	crowd_connect(&crowd);
	crowd_join(&crowd);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "epoll_wait.wakeups", NR_WAITERS },
			 { "epoll_wait.woken", NR_WAITERS }, { "epoll_wait.futile", 0 });
	for (int i = 0; i < NR_WAITERS; i++) {
		const struct callback_counters *told =
			&epoll_of(own_process(*state), crowd.members[i].epfd)->callbacks;

		assert_int_equal(told->outcomes[CALLBACK_QUEUED], 1);
		assert_int_equal(told->woken, 1);
		assert_int_equal(told->passed_on, 0);
	}
	crowd_close(&crowd);
}

static void an_exclusive_connection_wakes_one_of_them(void **state)
{
	const struct profile_process *process;
	struct crowd crowd;

	needs(state, WAKEUPS_CALLBACKS | WAKEUPS_EPOLL | WAKEUPS_SLEEPS);
	crowd_gather(&crowd, EPOLLIN | EPOLLEXCLUSIVE);
	begin(*state);
	crowd_connect(&crowd);
	end(*state);
	process = own_process(*state);
	expect_listed_of(*state, process, { "epoll_wait.wakeups", 1 }, { "epoll_wait.woken", 1 },
			 { "epoll_wait.futile", 0 });
	assert_int_equal(process->nr_epolls, 1);
	assert_int_equal(process->epolls[0].callbacks.outcomes[CALLBACK_QUEUED], 1);
	assert_int_equal(process->epolls[0].callbacks.woken, 1);
	assert_int_equal(process->epolls[0].callbacks.passed_on, 0);
	put(crowd.stop, 8);
	crowd_join(&crowd);
	crowd_close(&crowd);
}

/* The second is woken by the first one's wait, which leaves behind what it returns. */
static void level_delivery_wakes_the_next_waiter(void **state)
{
	int epfd, fd;
	const struct callback_counters *told;
	struct waiter waiters[2];

	needs(state, WAKEUPS_CALLBACKS | WAKEUPS_EPOLL | WAKEUPS_SLEEPS);
	epfd = new_epoll();
	fd = new_eventfd();
	watch(epfd, fd, EPOLLIN);
	for (int i = 0; i < 2; i++)
		waiter_start(&waiters[i], wait_on_instance, SYS_epoll_wait, &epfd);
	begin(*state);
	for (int i = 0; i < 2; i++)
		waiter_wait(&waiters[i]);
	put(fd, 8);
	for (int i = 0; i < 2; i++)
		assert_int_equal(waiter_end(&waiters[i]), 1);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "epoll_wait.wakeups", 2 },
			 { "epoll_wait.woken", 2 }, { "epoll_wait.futile", 0 });
	told = &epoll_of(own_process(*state), epfd)->callbacks;
	assert_int_equal(callback_calls(told), 1);
	assert_int_equal(told->woken, 1);
	close(epfd);
	close(fd);
}

/* Told of inner, who waits on outer is woken for what only inner was told. */
static void the_outer_of_two_instances_wakes_its_waiter(void **state)
{
	int outer, inner, fd;
	const struct profile_process *process;
	struct waiter waiter;

	needs(state, WAKEUPS_CALLBACKS | WAKEUPS_EPOLL);
	outer = new_epoll();
	inner = new_epoll();
	fd = new_eventfd();
	watch(inner, fd, EPOLLIN);
	watch(outer, inner, EPOLLIN);
	waiter_start(&waiter, wait_on_instance, SYS_epoll_wait, &outer);
	begin(*state);
	wait_for(inner, 0);
	waiter_wait(&waiter);
	put(fd, 8);
	assert_int_equal(waiter_end(&waiter), 1);
	end(*state);
	process = own_process(*state);
	assert_int_equal(callback_calls(&epoll_of(process, inner)->callbacks), 1);
	assert_int_equal(epoll_of(process, inner)->callbacks.woken, 0);
	assert_int_equal(callback_calls(&epoll_of(process, outer)->callbacks), 1);
	assert_int_equal(epoll_of(process, outer)->callbacks.woken, 1);
	expect_listed_of(*state, process, { "epoll_wait.woken", 1 });
	close(outer);
	close(inner);
	close(fd);
}

/* Told of nothing it can use, @waiter sleeps on; once for each of @fifos. */
static void stir_all(struct fifo *fifos, const struct waiter *waiter)
{
	for (int i = 0; i < NR_FIFOS; i++) {
		fifo_stir(&fifos[i]);
		waiter_await_sleep(waiter);
	}
}

static void close_fifos(struct fifo *fifos)
{
	for (int i = 0; i < NR_FIFOS; i++)
		fifo_close(&fifos[i]);
}

static void who_finds_nothing_sleeps_on_in_epoll(void **state)
{
	struct fifo fifos[NR_FIFOS];
	struct waiter waiter;
	int epfd;

	needs(state, WAKEUPS_CALLBACKS | WAKEUPS_EPOLL | WAKEUPS_SLEEPS);
	epfd = new_epoll();
	for (int i = 0; i < NR_FIFOS; i++) {
		fifo_open(&fifos[i]);
		watch(epfd, fifos[i].in, EPOLLIN);
	}
	waiter_start(&waiter, wait_on_instance, SYS_epoll_wait, &epfd);
	begin(*state);
	waiter_wait(&waiter);
	stir_all(fifos, &waiter);
	put(fifos[1].out, 1);
	assert_int_equal(waiter_end(&waiter), 1);
	end(*state);
	expect_listed_of(*state, own_process(*state), { "epoll_wait.wakeups", 1 },
			 { "epoll_wait.woken", NR_FIFOS + 1 }, { "epoll_wait.futile", NR_FIFOS });
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.level", NR_FIFOS },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 },
		     { "callbacks.calls", NR_FIFOS + 1 }, { "callbacks.queued", NR_FIFOS + 1 },
		     { "callbacks.woken", NR_FIFOS + 1 }, { "callbacks.*", 0 });
	close_fifos(fifos);
	close(epfd);
}

struct sharing {
	int epfd, fd;
	uint32_t tid;
};

static void wait_on_the_shared(void *context)
{
	struct sharing *sharing = context;

	raise_to(&sharing->tid, getpid());
	require(wait_on_instance(&sharing->epfd) == 1, "epoll_wait");
}

/* Somebody was woken, whom nobody watches: the instance's count, and no target's. */
static void a_bystander_on_our_instance_is_woken_by_it(void **state)
{
	struct sharing *sharing = shared_alloc(sizeof(*sharing));
	pid_t pid;

	needs(state, WAKEUPS_CALLBACKS | WAKEUPS_EPOLL);
	*sharing = (struct sharing){ .epfd = new_epoll(), .fd = new_eventfd() };
	watch(sharing->epfd, sharing->fd, EPOLLIN);
	begin(*state);
	wait_for(sharing->epfd, 0);
	pid = start_child(wait_on_the_shared, sharing);
	probes_remove_target(tracer_probes(*state), pid);
	await(&sharing->tid, 1);
	await_sleep_in(pid, SYS_epoll_wait);
	put(sharing->fd, 8);
	wait_child(pid);
	end(*state);
	assert_int_equal(epoll_of(own_process(*state), sharing->epfd)->callbacks.woken, 1);
	expect_listed_of(*state, own_process(*state), { "epoll_wait.calls", 1 },
			 { "epoll_wait.woken", 0 }, { "epoll_wait.futile", 0 });
	close(sharing->epfd);
	close(sharing->fd);
}

/* ---- poll and select ---- */

/* Waits to read from the FIFOs, and for what never comes of the eventfd. */
struct wish {
	struct fifo fifos[NR_FIFOS];
	int other;
};

static int wait_in_poll(void *context)
{
	struct pollfd fds[NR_FIFOS + 1] = {};
	struct wish *wish = context;

	for (int i = 0; i < NR_FIFOS; i++)
		fds[i] = (struct pollfd){ wish->fifos[i].in, POLLIN, 0 };
	fds[NR_FIFOS] = (struct pollfd){ wish->other, POLLPRI, 0 };
	return syscall(SYS_poll, fds, NR_FIFOS + 1, -1);
}

static int wait_in_select(void *context)
{
	struct wish *wish = context;
	int most = wish->other;
	fd_set in, except;

	FD_ZERO(&in);
	FD_ZERO(&except);
	FD_SET(wish->other, &except);
	for (int i = 0; i < NR_FIFOS; i++) {
		FD_SET(wish->fifos[i].in, &in);
		if (wish->fifos[i].in > most)
			most = wish->fifos[i].in;
	}
	return syscall(SYS_select, most + 1, &in, NULL, &except, NULL);
}

#define NR_FILTERED 7

static void tell_in_vain(void **state, int (*wait)(void *context), long call)
{
	struct waiter waiter;
	struct wish wish;

	for (int i = 0; i < NR_FIFOS; i++)
		fifo_open(&wish.fifos[i]);
	wish.other = new_eventfd();
	waiter_start(&waiter, wait, call, &wish);
	begin(*state);
	waiter_wait(&waiter);
	for (int i = 0; i < NR_FILTERED; i++)
		put(wish.other, 8);
	stir_all(wish.fifos, &waiter);
	put(wish.fifos[1].out, 1);
	assert_int_equal(waiter_end(&waiter), 1);
	end(*state);
	close_fifos(wish.fifos);
	close(wish.other);
}

static void who_finds_nothing_sleeps_on_in_poll(void **state)
{
	needs(state, WAKEUPS_POLL | WAKEUPS_SLEEPS);
	tell_in_vain(state, wait_in_poll, SYS_poll);
	expect_listed_of(*state, own_process(*state), { "poll.wakeups", 1 },
			 { "poll.callbacks", NR_FILTERED + NR_FIFOS + 1 },
			 { "poll.filtered", NR_FILTERED }, { "poll.woken", NR_FIFOS + 1 },
			 { "poll.futile", NR_FIFOS }, { "select.callbacks", 0 },
			 { "epoll_wait.woken", 0 });
}

static void who_finds_nothing_sleeps_on_in_select(void **state)
{
	needs(state, WAKEUPS_POLL | WAKEUPS_SLEEPS);
	tell_in_vain(state, wait_in_select, SYS_select);
	expect_listed_of(*state, own_process(*state), { "select.wakeups", 1 },
			 { "select.callbacks", NR_FILTERED + NR_FIFOS + 1 },
			 { "select.filtered", NR_FILTERED }, { "select.woken", NR_FIFOS + 1 },
			 { "select.futile", NR_FIFOS }, { "poll.callbacks", 0 },
			 { "epoll_wait.woken", 0 });
}

static void who_waits_no_time_is_not_woken(void **state)
{
	struct pollfd pollfd;
	int epfd;

	needs(state, WAKEUPS_ALL);
	pollfd = (struct pollfd){ .fd = new_eventfd(), .events = POLLIN };
	epfd = new_epoll();
	watch(epfd, pollfd.fd, EPOLLIN);
	begin(*state);
	for (int i = 0; i < 3; i++) {
		wait_for(epfd, i > 0);
		assert_int_equal(syscall(SYS_poll, &pollfd, 1, 0), i > 0);
		put(pollfd.fd, 8);
	}
	end(*state);
	expect_listed_of(*state, own_process(*state), { "epoll_wait.woken", 0 },
			 { "epoll_wait.futile", 0 }, { "poll.callbacks", 0 }, { "poll.woken", 0 },
			 { "poll.futile", 0 });
	close(epfd);
	close(pollfd.fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_connection_wakes_all_who_wait_for_it),
	cmocka_unit_test(an_exclusive_connection_wakes_one_of_them),
	cmocka_unit_test(level_delivery_wakes_the_next_waiter),
	cmocka_unit_test(the_outer_of_two_instances_wakes_its_waiter),
	cmocka_unit_test(who_finds_nothing_sleeps_on_in_epoll),
	cmocka_unit_test(a_bystander_on_our_instance_is_woken_by_it),
	cmocka_unit_test(who_finds_nothing_sleeps_on_in_poll),
	cmocka_unit_test(who_finds_nothing_sleeps_on_in_select),
	cmocka_unit_test(who_waits_no_time_is_not_woken),
};
const struct family wakeups_tests = { tests, ARRAY_SIZE(tests) };
