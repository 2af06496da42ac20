/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What epoll instances are told by the files they watch, and what becomes of each time. */
#include "waiters.h"

#include <netinet/in.h>
#include <sys/epoll.h>

#define NR_INSTANCES 5

static void put_times(int fd, int nr)
{
	for (int i = 0; i < nr; i++)
		put(fd, 8);
}

static void writes_before_one_wait_are_one_delivery(void **state)
{
	int epfd, fd;
	const int writes = 7;

	needs(state, WAKEUPS_CALLBACKS);
	epfd = new_epoll();
	fd = new_eventfd();
	watch(epfd, fd, EPOLLIN | EPOLLET);
	begin(*state);
	put_times(fd, writes);
	wait_for(epfd, 1);
	take(fd, 8, 8);
	end(*state);
	/* The read tells of room to write. */
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 1 }, { "deliveries.in", 1 }, { "first_reads", 1 },
		     { "callbacks.calls", writes + 1 }, { "callbacks.queued", 1 },
		     { "callbacks.coalesced", writes - 1 }, { "callbacks.filtered", 1 },
		     { "callbacks.*", 0 });
	expect_descriptor(*state, epfd, fd, { "deliveries", 1 }, { "reads", 1 },
			  { "read_bytes", 8 }, { "write_bytes", writes * 8 },
			  { "callbacks", writes + 1 }, { "coalesced", writes - 1 },
			  { "filtered", 1 }, { "woken", 0 });
	close(epfd);
	close(fd);
}

/* Level-triggered, it is queued again at once: who has it looked at is the next wait. */
static void what_was_delivered_by_level_is_queued_still(void **state)
{
	int epfd, fd;

	needs(state, WAKEUPS_CALLBACKS);
	epfd = new_epoll();
	fd = new_eventfd();
	watch(epfd, fd, EPOLLIN);
	begin(*state);
	put(fd, 8);
	wait_for(epfd, 1);
	put_times(fd, 3);
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 2 }, { "registrations.level", 1 },
		     { "deliveries.level", 2 }, { "deliveries.in", 2 }, { "callbacks.calls", 4 },
		     { "callbacks.queued", 1 }, { "callbacks.coalesced", 3 }, { "callbacks.*", 0 });
	close(epfd);
	close(fd);
}

static void what_is_not_asked_for_is_filtered(void **state)
{
	int epfd, fd;

	needs(state, WAKEUPS_CALLBACKS);
	epfd = new_epoll();
	fd = new_eventfd();
	watch(epfd, fd, EPOLLPRI);
	begin(*state);
	put_times(fd, 11);
	wait_for(epfd, 0);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.level", 1 },
		     { "callbacks.calls", 11 }, { "callbacks.filtered", 11 }, { "callbacks.*", 0 });
	close(epfd);
	close(fd);
}

/* Arming it again queues what is ready, without being told. */
static void a_fired_oneshot_hears_nothing(void **state)
{
	int epfd, fd;

	needs(state, WAKEUPS_CALLBACKS);
	epfd = new_epoll();
	fd = new_eventfd();
	watch(epfd, fd, EPOLLIN | EPOLLONESHOT);
	begin(*state);
	put(fd, 8);
	wait_for(epfd, 1);
	put_times(fd, 5);
	wait_for(epfd, 0);
	rewatch(epfd, fd, EPOLLIN | EPOLLONESHOT);
	put_times(fd, 3);
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 3 }, { "registrations.level", 1 },
		     { "registrations.oneshot", 1 }, { "deliveries.level", 2 },
		     { "deliveries.oneshot", 2 }, { "deliveries.in", 2 }, { "callbacks.calls", 9 },
		     { "callbacks.queued", 1 }, { "callbacks.filtered", 5 },
		     { "callbacks.coalesced", 3 }, { "callbacks.*", 0 });
	close(epfd);
	close(fd);
}

static void a_registration_made_anew_begins_anew(void **state)
{
	int epfd, fd;

	needs(state, WAKEUPS_CALLBACKS);
	epfd = new_epoll();
	fd = new_eventfd();
	begin(*state);
	watch(epfd, fd, EPOLLIN | EPOLLET);
	put_times(fd, 3);
	must(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL), "EPOLL_CTL_DEL");
	put_times(fd, 2);		    /* nobody watches */
	watch(epfd, fd, EPOLLIN | EPOLLET); /* it is ready: queued without being told */
	put_times(fd, 5);
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 1 }, { "deliveries.in", 1 }, { "callbacks.calls", 8 },
		     { "callbacks.queued", 1 }, { "callbacks.coalesced", 7 }, { "callbacks.*", 0 });
	/* The bytes are those of the open file description. */
	expect_descriptor(*state, epfd, fd, { "deliveries", 1 }, { "write_bytes", 10 * 8 },
			  { "callbacks", 5 }, { "coalesced", 5 }, { "filtered", 0 });
	close(epfd);
	close(fd);
}

/*
 *	outer  told by inner alone
 *	  |
 *	inner  told by the eventfd
 *	  |
 *	 fd
 */
static void an_instance_within_another_tells_it(void **state)
{
	int outer, inner, fd;
	const int writes = 5;

	needs(state, WAKEUPS_CALLBACKS);
	outer = new_epoll();
	inner = new_epoll();
	fd = new_eventfd();
	watch(inner, fd, EPOLLIN | EPOLLET);
	watch(outer, inner, EPOLLIN | EPOLLET);
	begin(*state);
	put_times(fd, writes);
	wait_for(outer, 1);
	wait_for(inner, 1);
	end(*state);
	expect_epoll(*state, inner, { "returns", 1 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 1 }, { "deliveries.in", 1 },
		     { "callbacks.calls", writes }, { "callbacks.queued", 1 },
		     { "callbacks.coalesced", writes - 1 }, { "callbacks.*", 0 });
	expect_epoll(*state, outer, { "returns", 1 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 1 }, { "deliveries.in", 1 }, { "first_reads", 1 },
		     { "callbacks.calls", writes }, { "callbacks.queued", 1 },
		     { "callbacks.coalesced", writes - 1 }, { "callbacks.*", 0 });
	close(outer);
	close(inner);
	close(fd);
}

struct instances {
	int epfds[NR_INSTANCES];
	int listener;
	struct sockaddr_in at;
};

static void watch_one_listener(struct instances *instances, uint32_t events)
{
	instances->listener = new_tcp_listener(&instances->at);
	for (int i = 0; i < NR_INSTANCES; i++) {
		instances->epfds[i] = new_epoll();
		watch(instances->epfds[i], instances->listener, events);
	}
}

static void close_instances(struct instances *instances)
{
	for (int i = 0; i < NR_INSTANCES; i++)
		close(instances->epfds[i]);
	close(instances->listener);
}

/* Exclusive ones that nobody waits on let the next one have it, each in turn. */
static void a_connection_nobody_waits_for_is_passed_on(void **state)
{
	struct instances instances;
	int client;

	needs(state, WAKEUPS_CALLBACKS);
	watch_one_listener(&instances, EPOLLIN | EPOLLEXCLUSIVE);
	begin(*state);
	client = connect_tcp(&instances.at);
	for (int i = 0; i < NR_INSTANCES; i++)
		wait_for(instances.epfds[i], 1);
	end(*state);
	for (int i = 0; i < NR_INSTANCES; i++)
		expect_epoll(*state, instances.epfds[i], { "returns", 1 },
			     { "registrations.level", 1 }, { "registrations.exclusive", 1 },
			     { "deliveries.level", 1 }, { "deliveries.exclusive", 1 },
			     { "deliveries.in", 1 }, { "redelivered", i > 0 },
			     { "redelivered_in", i > 0 }, { "callbacks.calls", 1 },
			     { "callbacks.queued", 1 }, { "callbacks.passed_on", 1 },
			     { "callbacks.*", 0 });
	close(client);
	close_instances(&instances);
}

struct writing {
	int fd, nr;
	uint32_t may_write, may_end;
};

static void write_when_told(void *context)
{
	struct writing *writing = context;
	int epfd, own;

	await(&writing->may_write, 1);
	epfd = new_epoll();
	own = new_eventfd();
	watch(epfd, own, EPOLLIN);
	put_times(own, 3);
	wait_for(epfd, 1);
	put_times(writing->fd, writing->nr);
	raise_to(&writing->may_write, 2);
	await(&writing->may_end, 1);
}

/* A process that nobody watches: what it is told is nobody's, what it tells is ours. */
static void what_a_bystander_writes_is_told_to_us(void **state)
{
	struct writing *writing = shared_alloc(sizeof(*writing));
	int epfd;
	pid_t pid;

	needs(state, WAKEUPS_CALLBACKS);
	epfd = new_epoll();
	*writing = (struct writing){ .fd = new_eventfd(), .nr = 13 };
	watch(epfd, writing->fd, EPOLLIN | EPOLLET);
	pid = start_child(write_when_told, writing);
	probes_remove_target(tracer_probes(*state), pid);
	begin(*state);
	raise_to(&writing->may_write, 1);
	await(&writing->may_write, 2);
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.edge", 1 },
		     { "deliveries.edge", 1 }, { "deliveries.in", 1 }, { "callbacks.calls", 13 },
		     { "callbacks.queued", 1 }, { "callbacks.coalesced", 12 },
		     { "callbacks.*", 0 });
	assert_int_equal(own_process(*state)->nr_epolls, 1);
	raise_to(&writing->may_end, 1);
	wait_child(pid);
	close(epfd);
	close(writing->fd);
}

#define HAMMERED 20000

struct hammer {
	int epfd, fd;
	uint32_t is_over;
	uint64_t nr;
};

static void *write_all_the_time(void *context)
{
	struct hammer *hammer = context;

	for (int i = 0; i < HAMMERED; i++)
		put(hammer->fd, 8);
	raise_to(&hammer->is_over, 1);
	return NULL;
}

static void *wait_all_the_time(void *context)
{
	struct hammer *hammer = context;
	struct epoll_event event;

	while (!__atomic_load_n(&hammer->is_over, __ATOMIC_SEQ_CST))
		hammer->nr += syscall(SYS_epoll_wait, hammer->epfd, &event, 1, 0) == 1;
	return NULL;
}

/* The storm is over, and leaves nothing behind that would make what comes later unsettled. */
static void check_quiet_write(struct tracer *tracer, const struct hammer *hammer, int outcome)
{
	const struct callback_counters *told;
	struct epoll_event event;

	syscall(SYS_epoll_wait, hammer->epfd, &event, 1, 0);
	begin(tracer);
	put(hammer->fd, 8);
	syscall(SYS_epoll_wait, hammer->epfd, &event, 1, 0);
	end(tracer);
	told = &epoll_of(own_process(tracer), hammer->epfd)->callbacks;
	for (int i = 0; i < CALLBACK_OUTCOMES; i++)
		assert_int_equal(told->outcomes[i], i == outcome);
}

/* Nothing is told twice or not at all, whatever goes on meanwhile, and nothing is guessed. */
static void each_write_is_one_callback_under_contention(void **state)
{
	struct hammer hammer;
	const struct callback_counters *told;
	pthread_t writer, waiter;

	needs(state, WAKEUPS_CALLBACKS);
	hammer = (struct hammer){ .epfd = new_epoll(), .fd = new_eventfd() };
	watch(hammer.epfd, hammer.fd, EPOLLIN | EPOLLET);
	begin(*state);
	assert_int_equal(pthread_create(&waiter, NULL, wait_all_the_time, &hammer), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_all_the_time, &hammer), 0);
	pthread_join(writer, NULL);
	pthread_join(waiter, NULL);
	end(*state);
	told = &epoll_of(own_process(*state), hammer.epfd)->callbacks;
	assert_int_equal(told->outcomes[CALLBACK_FILTERED], 0);
	assert_int_equal(told->outcomes[CALLBACK_QUEUED] + told->outcomes[CALLBACK_COALESCED] +
				 told->outcomes[CALLBACK_UNSETTLED],
			 HAMMERED);
	/* The last one may stand in the queue. */
	assert_true(hammer.nr <=
		    told->outcomes[CALLBACK_QUEUED] + told->outcomes[CALLBACK_UNSETTLED]);
	assert_true(told->outcomes[CALLBACK_QUEUED] <= hammer.nr + 1);
	check_quiet_write(*state, &hammer, CALLBACK_QUEUED);
	close(hammer.epfd);
	close(hammer.fd);
}

/* Changed as it is told: what cannot be said of a write is not said. */
static void what_is_changed_meanwhile_is_unsettled_at_most(void **state)
{
	struct hammer hammer;
	const struct callback_counters *told;
	pthread_t writer;
	uint64_t nr = 0;

	needs(state, WAKEUPS_CALLBACKS);
	hammer = (struct hammer){ .epfd = new_epoll(), .fd = new_eventfd() };
	watch(hammer.epfd, hammer.fd, EPOLLPRI | EPOLLET);
	begin(*state);
	assert_int_equal(pthread_create(&writer, NULL, write_all_the_time, &hammer), 0);
	for (; !__atomic_load_n(&hammer.is_over, __ATOMIC_SEQ_CST); nr++)
		rewatch(hammer.epfd, hammer.fd, EPOLLPRI | EPOLLET | (nr % 2 ? EPOLLRDHUP : 0));
	pthread_join(writer, NULL);
	wait_for(hammer.epfd, 0);
	end(*state);
	told = &epoll_of(own_process(*state), hammer.epfd)->callbacks;
	assert_int_equal(told->outcomes[CALLBACK_QUEUED], 0);
	assert_int_equal(told->outcomes[CALLBACK_COALESCED], 0);
	assert_int_equal(told->outcomes[CALLBACK_FILTERED] + told->outcomes[CALLBACK_UNSETTLED],
			 HAMMERED);
	check_quiet_write(*state, &hammer, CALLBACK_FILTERED);
	close(hammer.epfd);
	close(hammer.fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(writes_before_one_wait_are_one_delivery),
	cmocka_unit_test(what_was_delivered_by_level_is_queued_still),
	cmocka_unit_test(what_is_not_asked_for_is_filtered),
	cmocka_unit_test(a_fired_oneshot_hears_nothing),
	cmocka_unit_test(a_registration_made_anew_begins_anew),
	cmocka_unit_test(an_instance_within_another_tells_it),
	cmocka_unit_test(a_connection_nobody_waits_for_is_passed_on),
	cmocka_unit_test(what_a_bystander_writes_is_told_to_us),
	cmocka_unit_test(each_write_is_one_callback_under_contention),
	cmocka_unit_test(what_is_changed_meanwhile_is_unsettled_at_most),
};
const struct family callbacks_tests = { tests, ARRAY_SIZE(tests) };
