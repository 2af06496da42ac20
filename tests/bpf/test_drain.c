/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What reads left after a delivery: which of them drain which kind of description. */
#include "tests.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

/* One level-triggered registration and what is told of it. */
struct scene {
	struct tracer *tracer;
	int epfd, fd;
};

static void begin_scene(struct scene *scene, void **state, int fd)
{
	*scene = (struct scene){ .tracer = *state, .epfd = new_epoll(), .fd = fd };
	watch(scene->epfd, fd, EPOLLIN);
	begin(scene->tracer);
}

/* All deliveries were with IN, and @first_reads of them were read before the next. */
static void end_scene(struct scene *scene, uint64_t deliveries, uint64_t first_reads,
		      uint64_t residual)
{
	end(scene->tracer);
	expect_epoll(scene->tracer, scene->epfd, { "returns", deliveries },
		     { "registrations.level", 1 }, { "deliveries.level", deliveries },
		     { "deliveries.in", deliveries }, { "first_reads", first_reads },
		     { "residual", residual });
	close(scene->epfd);
}

static void told(struct scene *scene)
{
	wait_for(scene->epfd, 1);
}

/* Drained by less than was asked for, by EAGAIN and by the end. */
static void check_stream(void **state, int fd, int from)
{
	struct scene scene;

	put(from, 100);
	begin_scene(&scene, state, fd);
	told(&scene);
	take(fd, 30, 30);
	told(&scene);	  /* residual */
	take(fd, 70, 70); /* all there is, which it cannot know */
	put(from, 100);
	told(&scene); /* residual */
	take(fd, 101, 100);
	put(from, 100);
	told(&scene);
	take(fd, 100, 100);
	take(fd, 100, -1);
	put(from, 100);
	told(&scene);
	take(fd, 1, 1);
	assert_int_equal(
		readv(fd, (struct iovec[]){ { (char[60]){}, 60 }, { (char[60]){}, 60 } }, 2), 99);
	put(from, 100);
	told(&scene);
	take(fd, 100, 100);
	close(from);
	take(fd, 1, 0);
	end_scene(&scene, 6, 6, 2);
	close(fd);
}

static void streams_are_drained_by_less_than_asked(void **state)
{
	int pair[2];

	new_pair(pair);
	check_stream(state, pair[0], pair[1]);
}

static void pipes_are_drained_by_less_than_asked(void **state)
{
	int ends[2];

	must(pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
	check_stream(state, ends[0], ends[1]);
}

static void peeking_drains_nothing(void **state)
{
	struct scene scene;
	int pair[2];
	char block[200];

	new_pair(pair);
	put(pair[1], 100);
	begin_scene(&scene, state, pair[0]);
	told(&scene);
	assert_int_equal(recv(pair[0], block, sizeof(block), MSG_PEEK), 100);
	told(&scene); /* residual */
	assert_int_equal(recv(pair[0], block, sizeof(block), 0), 100);
	put(pair[1], 100);
	told(&scene);
	end_scene(&scene, 3, 2, 1);
	close(pair[0]);
	close(pair[1]);
}

/* It lasts until another read, however often it is told. */
static void residual_is_what_the_latest_read_left(void **state)
{
	int epfd = new_epoll(), pair[2];

	new_pair(pair);
	put(pair[1], 100);
	watch(epfd, pair[0], EPOLLIN);
	begin(*state);
	wait_for(epfd, 1);
	take(pair[0], 10, 10);
	for (int i = 0; i < 5; i++)
		wait_for(epfd, 1);
	take(pair[0], 1000, 90);
	put(pair[1], 1);
	for (int i = 0; i < 3; i++)
		wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 9 }, { "registrations.level", 1 },
		     { "deliveries.level", 9 }, { "deliveries.in", 9 }, { "first_reads", 2 },
		     { "redelivered", 4 + 2 }, { "redelivered_in", 4 + 2 }, { "residual", 5 });
	expect_descriptor(*state, epfd, pair[0], { "deliveries", 9 }, { "redelivered", 6 },
			  { "redelivered_in", 6 }, { "residual", 5 }, { "reads", 2 },
			  { "read_bytes", 100 });
	close(epfd);
	close(pair[0]);
	close(pair[1]);
}

static void datagrams_are_drained_by_eagain(void **state)
{
	struct scene scene;
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), "socketpair");
	put(pair[1], 10);
	put(pair[1], 10);
	begin_scene(&scene, state, pair[0]);
	told(&scene);
	take(pair[0], 100, 10); /* less than asked is one datagram */
	told(&scene);		/* residual */
	take(pair[0], 100, 10);
	put(pair[1], 10);
	told(&scene); /* residual */
	take(pair[0], 100, 10);
	take(pair[0], 100, -1);
	put(pair[1], 10);
	told(&scene);
	end_scene(&scene, 4, 3, 2);
	close(pair[0]);
	close(pair[1]);
}

static void an_eventfd_is_drained_by_any_read(void **state)
{
	int fd = new_eventfd();
	struct scene scene;

	put(fd, 8);
	begin_scene(&scene, state, fd);
	for (int i = 0; i < 5; i++) {
		told(&scene);
		take(fd, 8, 8);
		put(fd, 8);
	}
	end_scene(&scene, 5, 5, 0);
	close(fd);
}

/* A semaphore is taken one at a time. */
static void a_semaphore_is_drained_by_eagain(void **state)
{
	int fd = must(eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE), "eventfd");
	struct scene scene;

	begin_scene(&scene, state, fd);
	for (int i = 0; i < 3; i++) { /* residual but for the first */
		told(&scene);
		take(fd, 8, 8);
	}
	take(fd, 8, -1);
	put(fd, 8);
	told(&scene);
	end_scene(&scene, 4, 3, 2);
	close(fd);
}

static void arm(int timer, long after_ns)
{
	const struct itimerspec spec = { .it_value.tv_nsec = after_ns };

	must(timerfd_settime(timer, 0, &spec, NULL), "timerfd_settime");
}

static int new_timer(void)
{
	return must(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create");
}

/* Waits without an end, so that the timer may take its time. */
static void wait_until_told(int epfd)
{
	struct epoll_event event;

	assert_int_equal(syscall(SYS_epoll_wait, epfd, &event, 1, -1), 1);
}

static void a_timerfd_is_drained_by_any_read(void **state)
{
	int fd = new_timer();
	struct scene scene;

	begin_scene(&scene, state, fd);
	for (int i = 0; i < 5; i++) {
		arm(fd, 1);
		wait_until_told(scene.epfd);
		take(fd, 8, 8);
	}
	end_scene(&scene, 5, 5, 0);
	close(fd);
}

static int new_signalfd(sigset_t *before)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &signals, before);
	return must(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
}

static void a_signalfd_is_drained_by_eagain(void **state)
{
	const ssize_t one = sizeof(struct signalfd_siginfo);
	struct scene scene;
	sigset_t before;
	int fd = new_signalfd(&before);

	raise(SIGUSR1);
	raise(SIGUSR2);
	begin_scene(&scene, state, fd);
	told(&scene);
	take(fd, one, one);
	told(&scene); /* residual */
	take(fd, 4 * one, one);
	raise(SIGUSR1);
	told(&scene); /* residual */
	take(fd, one, one);
	take(fd, one, -1);
	raise(SIGUSR1);
	told(&scene);
	take(fd, one, one);
	end_scene(&scene, 4, 4, 2);
	close(fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void a_listener_is_drained_by_eagain(void **state)
{
	struct sockaddr_storage at;
	struct scene scene;
	int clients[3];
	socklen_t len;
	int fd = new_unix_listener(&at, &len);

	for (int i = 0; i < 2; i++)
		clients[i] = connect_unix(&at, len);
	begin_scene(&scene, state, fd);
	told(&scene);
	accept_one(fd);
	told(&scene); /* residual */
	accept_one(fd);
	accept_none(fd);
	clients[2] = connect_unix(&at, len);
	told(&scene);
	accept_one(fd);
	end_scene(&scene, 3, 3, 1);
	assert_int_equal(listener_at(scene.tracer, fd)->delivered, 3);
	assert_int_equal(listener_at(scene.tracer, fd)->delivered_exclusive, 0);
	close(fd);
	for (int i = 0; i < 3; i++)
		close(clients[i]);
}

static void wait_with_room(int epfd, int room, int nr)
{
	struct epoll_event events[4];

	assert_int_equal(syscall(SYS_epoll_wait, epfd, events, room, 0), nr);
}

/* Two are ready in the inner instance: a wait with room for two may have left a third. */
static void a_nested_instance_is_drained_by_a_wait_with_room_to_spare(void **state)
{
	int inner = new_epoll(), fds[2] = { new_eventfd(), new_eventfd() };
	struct scene scene;

	for (int i = 0; i < 2; i++) {
		watch(inner, fds[i], EPOLLIN);
		put(fds[i], 8);
	}
	begin_scene(&scene, state, inner);
	told(&scene);
	wait_with_room(inner, 1, 1);
	told(&scene); /* residual */
	wait_with_room(inner, 2, 2);
	told(&scene); /* residual */
	wait_with_room(inner, 3, 2);
	told(&scene);
	take(fds[0], 8, 8);
	take(fds[1], 8, 8);
	wait_with_room(inner, 3, 0);
	put(fds[0], 8);
	told(&scene);
	end_scene(&scene, 5, 4, 2);
	/* 1, 2 and 2 deliveries; each of the last two follows another of the same. */
	expect_epoll(*state, inner, { "returns", 4 }, { "registrations.level", 2 },
		     { "deliveries.level", 5 }, { "deliveries.in", 5 }, { "first_reads", 2 },
		     { "redelivered", 3 }, { "redelivered_in", 3 });
	close(inner);
	close(fds[0]);
	close(fds[1]);
}

static void a_timer_disarmed_meanwhile_is_spurious(void **state)
{
	int epfd = new_epoll(), fd = new_timer();

	watch(epfd, fd, EPOLLIN);
	begin(*state);
	for (int i = 0; i < 5; i++) {
		arm(fd, 1);
		wait_until_told(epfd);
		arm(fd, 0);
		take(fd, 8, -1);
		take(fd, 8, -1); /* the second read after it */
	}
	arm(fd, 1);
	wait_until_told(epfd);
	take(fd, 8, 8);
	take(fd, 8, -1); /* not the first */
	end(*state);
	expect_epoll(*state, epfd, { "returns", 6 }, { "registrations.level", 1 },
		     { "deliveries.level", 6 }, { "deliveries.in", 6 }, { "first_reads", 6 },
		     { "spurious", 5 });
	expect_descriptor(*state, epfd, fd, { "deliveries", 6 }, { "spurious", 5 }, { "reads", 1 },
			  { "read_bytes", 8 });
	close(epfd);
	close(fd);
}

struct herd {
	uint32_t told, taken;
	int fd, epfd;
};

static void accept_for_the_other(void *context)
{
	struct herd *herd = context;

	await(&herd->told, 1);
	accept_one(herd->fd);
	raise_to(&herd->taken, 1);
}

/* Not a target, it takes what the other was told of. */
static void what_another_accepted_is_spurious(void **state)
{
	struct herd *herd = shared_alloc(sizeof(*herd));
	const struct probe_options options = { .limits = { 64, 64, 64, 64 } };
	struct tracer *tracer = tracer_load(&options);
	struct sockaddr_storage at;
	socklen_t len;
	int client;
	pid_t pid;

	(void)state;
	herd->fd = new_unix_listener(&at, &len);
	herd->epfd = new_epoll();
	watch(herd->epfd, herd->fd, EPOLLIN | EPOLLEXCLUSIVE);
	pid = start_child(accept_for_the_other, herd);
	assert_int_equal(probes_add_target(tracer_probes(tracer), getpid()), 0);
	tracer_go_live(tracer);
	client = connect_unix(&at, len);
	begin(tracer);
	wait_for(herd->epfd, 1);
	raise_to(&herd->told, 1);
	await(&herd->taken, 1);
	accept_none(herd->fd);
	end(tracer);
	wait_child(pid);
	expect_epoll(tracer, herd->epfd, { "returns", 1 }, { "registrations.level", 1 },
		     { "registrations.exclusive", 1 }, { "deliveries.level", 1 },
		     { "deliveries.exclusive", 1 }, { "deliveries.in", 1 }, { "first_reads", 1 },
		     { "spurious", 1 });
	assert_int_equal(listener_at(tracer, herd->fd)->delivered, 1);
	assert_int_equal(listener_at(tracer, herd->fd)->delivered_exclusive, 1);
	tracer_free(tracer);
	close(client);
	close(herd->fd);
	close(herd->epfd);
}

/* The credit is the instance's that was told last before the read. */
static void spurious_is_of_the_instance_told_last(void **state)
{
	int one = new_epoll(), other = new_epoll(), fd = new_timer();

	watch(one, fd, EPOLLIN);
	watch(other, fd, EPOLLIN);
	begin(*state);
	arm(fd, 1);
	wait_until_told(one);
	wait_until_told(other);
	arm(fd, 0);
	take(fd, 8, -1);
	end(*state);
	expect_epoll(*state, one, { "returns", 1 }, { "registrations.level", 1 },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 });
	expect_epoll(*state, other, { "returns", 1 }, { "registrations.level", 1 },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 }, { "redelivered", 1 },
		     { "redelivered_in", 1 }, { "first_reads", 1 }, { "spurious", 1 });
	close(one);
	close(other);
	close(fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(streams_are_drained_by_less_than_asked),
	cmocka_unit_test(pipes_are_drained_by_less_than_asked),
	cmocka_unit_test(peeking_drains_nothing),
	cmocka_unit_test(residual_is_what_the_latest_read_left),
	cmocka_unit_test(datagrams_are_drained_by_eagain),
	cmocka_unit_test(an_eventfd_is_drained_by_any_read),
	cmocka_unit_test(a_semaphore_is_drained_by_eagain),
	cmocka_unit_test(a_timerfd_is_drained_by_any_read),
	cmocka_unit_test(a_signalfd_is_drained_by_eagain),
	cmocka_unit_test(a_listener_is_drained_by_eagain),
	cmocka_unit_test(a_nested_instance_is_drained_by_a_wait_with_room_to_spare),
	cmocka_unit_test(a_timer_disarmed_meanwhile_is_spurious),
	cmocka_unit_test(what_another_accepted_is_spurious),
	cmocka_unit_test(spurious_is_of_the_instance_told_last),
};

const struct family drain_tests = { tests, ARRAY_SIZE(tests) };
