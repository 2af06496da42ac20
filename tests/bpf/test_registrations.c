/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an instance watches: at every moment what the kernel tells in fdinfo,
 * however it came to be and to end.
 */
#include "tests.h"

#include <sys/epoll.h>

static void registrations_are_counted_by_trigger(void **state)
{
	static const uint32_t masks[] = { EPOLLIN,
					  EPOLLOUT,
					  EPOLLIN | EPOLLONESHOT,
					  EPOLLIN | EPOLLET,
					  EPOLLIN | EPOLLET | EPOLLONESHOT,
					  EPOLLIN | EPOLLET | EPOLLEXCLUSIVE,
					  EPOLLIN | EPOLLEXCLUSIVE,
					  EPOLLIN | EPOLLET,
					  EPOLLET,
					  0 };
	int epfd = new_epoll(), fds[ARRAY_SIZE(masks)];

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++)
		fds[i] = new_eventfd();
	begin(*state);
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++)
		watch(epfd, fds[i], masks[i]);
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.level", 5 },
		     { "registrations.edge", 5 }, { "registrations.oneshot", 2 },
		     { "registrations.exclusive", 2 }, { "deliveries.level", 1 },
		     { "deliveries.out", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), ARRAY_SIZE(masks));
	close(epfd);
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++)
		close(fds[i]);
}

static void mod(int epfd, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	must(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event), "EPOLL_CTL_MOD");
}

/* ERR and HUP are in every mask; a ONESHOT that has fired is armed by it. */
static void a_mod_that_changes_nothing_is_told_from_one_that_does(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd();

	put(fd, 8);
	watch(epfd, fd, EPOLLIN);
	begin(*state);
	mod(epfd, fd, EPOLLIN, fd);			  /* unchanged */
	mod(epfd, fd, EPOLLIN | EPOLLERR | EPOLLHUP, fd); /* unchanged */
	mod(epfd, fd, EPOLLIN | EPOLLOUT, fd);
	mod(epfd, fd, EPOLLIN | EPOLLOUT, fd); /* unchanged */
	mod(epfd, fd, EPOLLIN | EPOLLOUT, 7);
	mod(epfd, fd, EPOLLIN | EPOLLOUT, 7); /* unchanged */
	mod(epfd, fd, EPOLLIN | EPOLLONESHOT, 7);
	mod(epfd, fd, EPOLLIN | EPOLLONESHOT, 7); /* unchanged: not fired yet */
	wait_for(epfd, 1);
	mod(epfd, fd, EPOLLIN | EPOLLONESHOT, 7); /* armed */
	wait_for(epfd, 1);
	mod(epfd, fd, EPOLLIN, fd);
	end(*state);
	expect(*state, { "epoll_ctl.mod", 10 }, { "epoll_ctl.mod_unchanged", 5 },
	       { "epoll_ctl.in_bytes", 10 * EVENT_BYTES }, { "epoll_wait.*", ANY });
	close(epfd);
	close(fd);
}

static void what_failed_changed_nothing(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd(), other = new_eventfd();
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET, .data.u64 = 7 };

	put(fd, 8);
	watch(epfd, fd, EPOLLIN);
	begin(*state);
	assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), -1);    /* EEXIST */
	assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_MOD, other, &event), -1); /* ENOENT */
	assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_DEL, other, &event), -1);
	assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, epfd, &event), -1); /* EINVAL */
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.level", 1 },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 1);
	close(epfd);
	close(fd);
	close(other);
}

/*
 * One number, two registrations: the number was closed while a dup held its
 * description, and leads to another one now.
 */
static void a_number_can_be_registered_twice(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd(), copy = dup(fd);
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = UINT64_MAX };

	put(fd, 8);
	begin(*state);
	watch(epfd, fd, EPOLLIN);
	close(fd);
	assert_int_equal(new_eventfd(), fd);
	put(fd, 8);
	must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "EPOLL_CTL_ADD");
	wait_for(epfd, 2);
	wait_for(epfd, 2);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 2 }, { "registrations.level", 2 },
		     { "deliveries.level", 4 }, { "deliveries.in", 4 }, { "redelivered", 2 },
		     { "redelivered_in", 2 }, { "phantom", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 2);
	begin(*state);
	must(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL), "EPOLL_CTL_DEL"); /* the second */
	wait_for(epfd, 1);
	end(*state);
	expect_epoll(*state, epfd, { "returns", 1 }, { "registrations.level", 1 },
		     { "deliveries.level", 1 }, { "deliveries.in", 1 }, { "redelivered", 1 },
		     { "redelivered_in", 1 }, { "phantom", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 1);
	close(epfd);
	close(fd);
	close(copy);
}

#define MIXED 32

struct mix {
	int epfd, fds[MIXED];
	bool is_watched[MIXED];
	uint32_t random;
};

/* Adds what is not watched; what is, it changes, removes or closes. */
static void change_one(struct mix *mix)
{
	static const uint32_t masks[] = { EPOLLIN, EPOLLOUT | EPOLLET, EPOLLIN | EPOLLONESHOT,
					  EPOLLRDHUP | EPOLLET | EPOLLONESHOT };
	uint32_t random = mix->random = mix->random * 1103515245 + 12345;
	uint32_t mask = masks[random >> 24 & 3], at = random >> 16 & (MIXED - 1);

	if (mix->is_watched[at] && random >> 28 & 1) {
		rewatch(mix->epfd, mix->fds[at], mask);
		return;
	}
	if (!mix->is_watched[at]) {
		watch(mix->epfd, mix->fds[at], mask);
	} else if (random >> 29 & 1) {
		must(epoll_ctl(mix->epfd, EPOLL_CTL_DEL, mix->fds[at], NULL), "EPOLL_CTL_DEL");
	} else {
		close(mix->fds[at]);
		assert_int_equal(new_eventfd(), mix->fds[at]);
	}
	mix->is_watched[at] = !mix->is_watched[at];
}

static size_t count_watched(const struct mix *mix)
{
	size_t nr = 0;

	for (int i = 0; i < MIXED; i++)
		nr += mix->is_watched[i];
	return nr;
}

/* A fixed mix of everything that epoll_ctl and close do; some that are told fire. */
static void registrations_are_those_of_fdinfo(void **state)
{
	struct mix mix = { .epfd = new_epoll(), .random = 1 };
	struct epoll_event events[MIXED];

	for (int i = 0; i < MIXED; i++)
		mix.fds[i] = new_eventfd();
	for (int round = 0; round < 20; round++) {
		begin(*state);
		for (int i = 0; i < 101; i++)
			change_one(&mix);
		must(syscall(SYS_epoll_wait, mix.epfd, events, MIXED, 0), "epoll_wait");
		end(*state);
		assert_int_equal(check_fdinfo(*state, getpid(), mix.epfd), count_watched(&mix));
	}
	close(mix.epfd);
	for (int i = 0; i < MIXED; i++)
		close(mix.fds[i]);
}

/* ---- ends that no call shows ---- */

static void watch_and_end(void *context)
{
	int epfd = *(int *)context;

	for (int i = 0; i < 3; i++) {
		int fd = new_eventfd();

		put(fd, 8);
		watch(epfd, fd, EPOLLIN);
	}
	wait_for(epfd, 3);
}

static void watch_and_exec(void *context)
{
	watch_and_end(context);
	exec_anew();
}

static void check_ended(void **state, void (*act)(void *context))
{
	int epfd = new_epoll();

	begin(*state);
	run_child(act, &epfd);
	wait_for(epfd, 0);
	end(*state);
	unlink(NEW_PROGRAM);
	expect_epoll(*state, epfd, { "returns", 1 }, { "shared_with", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 0);
	close(epfd);
}

static void what_a_process_had_registered_ends_with_it(void **state)
{
	check_ended(state, watch_and_end);
}

static void what_was_to_be_closed_on_exec_is_registered_no_more(void **state)
{
	check_ended(state, watch_and_exec);
}

static void a_copy_put_over_it_ends_a_registration(void **state)
{
	int epfd = new_epoll(), fd = new_eventfd(), other = new_eventfd();

	watch(epfd, fd, EPOLLIN);
	begin(*state);
	wait_for(epfd, 0);
	must(dup2(other, fd), "dup2");
	end(*state);
	expect_epoll(*state, epfd, { "returns", 1 });
	assert_int_equal(check_fdinfo(*state, getpid(), epfd), 0);
	close(epfd);
	close(fd);
	close(other);
}

/* ---- older than the probes ---- */

struct scene {
	int epfd, fds[3];
	uint32_t is_held, may_end;
};

static void prepare(void *context)
{
	struct scene *scene = context;

	for (int i = 0; i < 3; i++) {
		scene->fds[i] = new_eventfd(); /* numbers below that of the instance */
		put(scene->fds[i], 8);
	}
	scene->epfd = new_epoll();
	watch(scene->epfd, scene->fds[0], EPOLLIN);
	watch(scene->epfd, scene->fds[1], EPOLLIN | EPOLLET);
	watch(scene->epfd, scene->fds[2], EPOLLOUT | EPOLLONESHOT);
}

static void wait_thrice(void *context)
{
	struct scene *scene = context;

	wait_for(scene->epfd, 3);
	mod(scene->epfd, scene->fds[0], EPOLLIN, scene->fds[0]); /* unchanged */
	wait_for(scene->epfd, 1);
	wait_for(scene->epfd, 1);
	raise_to(&scene->is_held, 1);
	await(&scene->may_end, 1);
}

static void what_is_older_than_the_probes_is_known(void **state)
{
	const struct probe_limits limits = { 64, 64, 64, 64 };
	struct scene *scene = shared_alloc(sizeof(*scene));
	struct tracer *tracer;
	pid_t pid;

	(void)state;
	tracer = start_traced(&limits, prepare, wait_thrice, scene, &pid);
	await(&scene->is_held, 1);
	end(tracer);
	expect_listed_of(tracer, process_of(tracer, pid), { "epoll_ctl.mod", 1 },
			 { "epoll_ctl.mod_unchanged", 1 }, { "losses.*", 0 });
	expect_epoll_of(tracer, process_of(tracer, pid), scene->epfd, { "returns", 3 },
			{ "registrations.level", 2 }, { "registrations.edge", 1 },
			{ "registrations.oneshot", 1 }, { "deliveries.level", 4 },
			{ "deliveries.edge", 1 }, { "deliveries.oneshot", 1 },
			{ "deliveries.in", 4 }, { "deliveries.out", 1 }, { "redelivered", 1 },
			{ "redelivered_in", 1 }, { "edge_undrained", 1 });
	assert_int_equal(check_fdinfo(tracer, pid, scene->epfd), 3);
	raise_to(&scene->may_end, 1);
	wait_child(pid);
	tracer_free(tracer);
}

static void hold(void *context)
{
	struct scene *scene = context;

	raise_to(&scene->is_held, 1);
	await(&scene->may_end, 1);
}

/* A grandchild, which is no target, holds what is watched; the child has closed it. */
static void prepare_phantom_of(struct scene *scene, uint32_t events)
{
	scene->fds[0] = new_eventfd();
	put(scene->fds[0], 8);
	scene->epfd = new_epoll();
	watch(scene->epfd, scene->fds[0], events);
	start_child(hold, scene);
	await(&scene->is_held, 1);
	close(scene->fds[0]);
}

static void prepare_phantom(void *context)
{
	prepare_phantom_of(context, EPOLLIN);
}

static void prepare_phantom_and_namesake(void *context)
{
	struct scene *scene = context;

	prepare_phantom(context);
	scene->fds[1] = new_eventfd();
	must(scene->fds[1] == scene->fds[0] ? 0 : -1, "the number again");
	put(scene->fds[1], 8);
	watch(scene->epfd, scene->fds[1], EPOLLIN);
}

static void prepare_two_phantoms(void *context)
{
	struct scene *scene = context;

	scene->epfd = new_epoll();
	for (int i = 0; i < 2; i++) {
		scene->fds[i] = new_eventfd();
		put(scene->fds[i], 8);
		watch(scene->epfd, scene->fds[i], EPOLLIN);
	}
	start_child(hold, scene);
	await(&scene->is_held, 1);
	close(scene->fds[0]);
	close(scene->fds[1]);
}

static void prepare_edge_phantom(void *context)
{
	prepare_phantom_of(context, EPOLLIN | EPOLLET);
}

static void hold_on(struct scene *scene)
{
	raise_to(&scene->is_held, 2);
	await(&scene->may_end, 1);
}

static void wait_for_one(void *context)
{
	struct scene *scene = context;

	wait_for(scene->epfd, 1);
	hold_on(scene);
}

static void wait_five_times_for_one(void *context)
{
	struct scene *scene = context;

	for (int i = 0; i < 5; i++)
		wait_for(scene->epfd, 1);
	hold_on(scene);
}

static void wait_five_times_for_two(void *context)
{
	struct scene *scene = context;

	for (int i = 0; i < 5; i++)
		wait_for(scene->epfd, 2);
	hold_on(scene);
}

/* A child and its instance, whose interval has ended. */
struct witnessed {
	struct tracer *tracer;
	struct scene *scene;
	pid_t pid;
};

static struct witnessed witness(void (*prepare)(void *context), void (*act)(void *context))
{
	const struct probe_limits limits = { 64, 64, 64, 64 };
	struct witnessed child = { .scene = shared_alloc(sizeof(*child.scene)) };

	child.tracer = start_traced(&limits, prepare, act, child.scene, &child.pid);
	await(&child.scene->is_held, 2);
	end(child.tracer);
	return child;
}

static void witnessed_end(const struct witnessed *child)
{
	raise_to(&child->scene->may_end, 1);
	wait_child(child->pid);
	tracer_free(child->tracer);
}

#define expect_witnessed(child, ...)                                                \
	expect_epoll_of((child)->tracer, process_of((child)->tracer, (child)->pid), \
			(child)->scene->epfd, __VA_ARGS__)

/* Nobody who is traced can do anything on it: each delivery but the first known one is a phantom. */
static void a_phantom_older_than_the_probes_is_known(void **state)
{
	struct witnessed child = witness(prepare_phantom, wait_five_times_for_one);

	(void)state;
	expect_witnessed(&child, { "returns", 5 }, { "registrations.level", 1 },
			 { "deliveries.level", 5 }, { "deliveries.in", 5 }, { "redelivered", 4 },
			 { "redelivered_in", 4 }, { "phantom", 4 });
	witnessed_end(&child);
}

/* Its data is the number, which leads to another one now that is registered as well. */
static void a_phantom_with_the_data_of_another_cannot_be_attributed(void **state)
{
	struct witnessed child = witness(prepare_phantom_and_namesake, wait_five_times_for_two);

	(void)state;
	expect_witnessed(&child, { "returns", 5 }, { "registrations.level", 2 },
			 { "unattributed", 10 });
	witnessed_end(&child);
}

static void two_phantoms_older_than_the_probes_are_told_apart(void **state)
{
	struct witnessed child = witness(prepare_two_phantoms, wait_five_times_for_two);

	(void)state;
	expect_witnessed(&child, { "returns", 5 }, { "registrations.level", 2 },
			 { "deliveries.level", 10 }, { "deliveries.in", 10 }, { "redelivered", 8 },
			 { "redelivered_in", 8 }, { "phantom", 8 });
	witnessed_end(&child);
}

static void an_edge_phantom_older_than_the_probes_is_edge(void **state)
{
	struct witnessed child = witness(prepare_edge_phantom, wait_for_one);

	(void)state;
	expect_witnessed(&child, { "returns", 1 }, { "registrations.edge", 1 },
			 { "deliveries.edge", 1 }, { "deliveries.in", 1 });
	witnessed_end(&child);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(registrations_are_counted_by_trigger),
	cmocka_unit_test(a_mod_that_changes_nothing_is_told_from_one_that_does),
	cmocka_unit_test(what_failed_changed_nothing),
	cmocka_unit_test(a_number_can_be_registered_twice),
	cmocka_unit_test(registrations_are_those_of_fdinfo),
	cmocka_unit_test(what_a_process_had_registered_ends_with_it),
	cmocka_unit_test(what_was_to_be_closed_on_exec_is_registered_no_more),
	cmocka_unit_test(a_copy_put_over_it_ends_a_registration),
	cmocka_unit_test(what_is_older_than_the_probes_is_known),
	cmocka_unit_test(a_phantom_older_than_the_probes_is_known),
	cmocka_unit_test(a_phantom_with_the_data_of_another_cannot_be_attributed),
	cmocka_unit_test(two_phantoms_older_than_the_probes_are_told_apart),
	cmocka_unit_test(an_edge_phantom_older_than_the_probes_is_edge),
};

const struct family registrations_tests = { tests, ARRAY_SIZE(tests) };
