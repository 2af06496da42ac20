/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads and processes: birth, exec, end, and ids used again. */
#include "tests.h"

#include <linux/sched.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/wait.h>

struct scene {
	uint32_t reached, allowed;
	int epfd, event_fd;
	pid_t pid, tid;
};

static struct scene *new_scene(void)
{
	struct scene *scene = shared_alloc(sizeof(*scene));

	scene->epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	scene->event_fd = new_eventfd();
	return scene;
}

static void end_scene(struct scene *scene)
{
	close(scene->epfd);
	close(scene->event_fd);
}

static void poll_times(int epfd, int times)
{
	struct epoll_event event;

	for (int i = 0; i < times; i++)
		syscall(SYS_epoll_wait, epfd, &event, 1, 0);
}

static void wait_for_ever(int epfd)
{
	struct epoll_event event;

	syscall(SYS_epoll_wait, epfd, &event, 1, -1);
}

static void start_thread(void *(*act)(void *), void *context)
{
	pthread_t thread;

	require(pthread_create(&thread, NULL, act, context) == 0, "pthread_create");
}

/* Polls in so many runs, each of one thread that does nothing else meanwhile. */
static void want_polls(struct tracer *tracer, uint64_t nr, uint64_t runs)
{
	want(tracer, nr, "epoll_wait.empty_polls");
	want(tracer, nr - runs, "epoll_wait.spins");
	want(tracer, nr, "epoll_wait.watched_hist[0]");
	want(tracer, nr, "epoll_wait.capacity");
}

static const struct profile_thread *thread_of(const struct profile_process *process, uint32_t tid)
{
	for (size_t i = 0; i < process->nr_threads; i++) {
		if (process->threads[i].tid == tid)
			return &process->threads[i];
	}
	fail_msg("no thread %u", tid);
	return NULL;
}

static void *poll_five_times_and_end(void *context)
{
	const struct scene *scene = context;

	poll_times(scene->epfd, 5);
	return NULL;
}

static void *poll_thrice_and_stay(void *context)
{
	struct scene *scene = context;

	scene->tid = gettid();
	poll_times(scene->epfd, 3);
	raise_to(&scene->reached, 1);
	await(&scene->allowed, 1);
	return NULL;
}

static void run_threads(void *context)
{
	struct scene *scene = context;
	pthread_t threads[7];

	for (int i = 0; i < 7; i++)
		pthread_create(&threads[i], NULL, poll_five_times_and_end, scene);
	for (int i = 0; i < 7; i++)
		pthread_join(threads[i], NULL);
	poll_times(scene->epfd, 2);
	poll_thrice_and_stay(scene);
}

static void live_threads_and_ended_ones_add_up(void **state)
{
	struct scene *scene = new_scene();
	const struct profile_process *process;
	pid_t pid;

	begin(*state);
	pid = start_child(run_threads, scene);
	await(&scene->reached, 1);
	/*
	 * pthread_join() returns while the thread is still on its way out. Its row
	 * is folded then, or still its own; the sum is the same.
	 */
	end(*state);
	process = process_of(*state, pid);
	want_polls(*state, 7 * 5 + 2 + 3, 7 + 1);
	expect_of(*state, process, { "epoll_wait.wakeups", 0 });
	assert_int_equal(thread_of(process, pid)->counters.waits[WAIT_EPOLL].empty_polls, 5);
	raise_to(&scene->allowed, 1);
	wait_child(pid);
	end_scene(scene);
}

static void ended_threads_fold_into_one_row(void **state)
{
	struct scene *scene = new_scene();
	const struct profile_process *process;
	pid_t pid;

	scene->allowed = 1;
	begin(*state);
	pid = run_child(run_threads, scene);
	end(*state);
	process = process_of(*state, pid);
	want_polls(*state, 7 * 5 + 2 + 3, 7 + 1);
	expect_of(*state, process, { "epoll_wait.wakeups", 0 });
	assert_true(process->has_exited);
	assert_int_equal(process->nr_threads, 1);
	assert_int_equal(process->threads[0].tid, 0);
	end_scene(scene);
}

#define MANY 97

struct crowd {
	pthread_barrier_t barrier;
	int fd;
};

static void *write_and_end_with_the_others(void *context)
{
	struct crowd *crowd = context;
	const uint64_t one = 1;

	for (int i = 0; i < 11; i++)
		require(write(crowd->fd, &one, sizeof(one)) == sizeof(one), "write");
	pthread_barrier_wait(&crowd->barrier);
	return NULL;
}

static void end_together(void *context)
{
	struct scene *scene = context;
	struct crowd crowd = { .fd = scene->event_fd };
	pthread_t threads[MANY];

	pthread_barrier_init(&crowd.barrier, NULL, MANY);
	for (int i = 0; i < MANY; i++)
		pthread_create(&threads[i], NULL, write_and_end_with_the_others, &crowd);
	for (int i = 0; i < MANY; i++)
		pthread_join(threads[i], NULL);
}

static void many_threads_that_end_at_once_lose_nothing(void **state)
{
	struct scene *scene = new_scene();

	for (int i = 0; i < 5; i++) {
		pid_t pid;

		begin(*state);
		pid = run_child(end_together, scene);
		end(*state);
		expect_of(*state, process_of(*state, pid), { "io.write.other.calls", 11 * MANY },
			  { "io.write.other.bytes", 8 * 11 * MANY },
			  { "io.write.other.size_hist[4]", 11 * MANY });
		assert_int_equal(process_of(*state, pid)->nr_threads, 1);
	}
	end_scene(scene);
}

static void poll_seven_times(void *context)
{
	poll_times(((struct scene *)context)->epfd, 7);
}

static void poll_and_fork(void *context)
{
	struct scene *scene = context;

	poll_times(scene->epfd, 3);
	scene->pid = start_child(poll_seven_times, scene);
	wait_child(scene->pid);
	poll_times(scene->epfd, 2);
}

static void a_forked_child_counts_for_itself(void **state)
{
	struct scene *scene = new_scene();
	pid_t pid;

	begin(*state);
	pid = run_child(poll_and_fork, scene);
	end(*state);
	want_polls(*state, 5, 1);
	expect_of(*state, process_of(*state, pid), { "epoll_wait.calls", 5 });
	want_polls(*state, 7, 1);
	expect_of(*state, process_of(*state, scene->pid), { "epoll_wait.calls", 7 });
	expect(*state, { "epoll_wait.calls", 0 });
	end_scene(scene);
}

/* Between vfork and exec only what changes no memory: plain system calls. */
static void poll_and_vfork(void *context)
{
	struct scene *scene = context;
	struct epoll_event event;
	pid_t pid;

	poll_times(scene->epfd, 3);
	pid = vfork();
	if (pid == 0) {
		syscall(SYS_epoll_wait, scene->epfd, &event, 1, 0);
		syscall(SYS_epoll_wait, scene->epfd, &event, 1, 0);
		_exit(0);
	}
	scene->pid = pid;
	wait_child(pid);
	poll_times(scene->epfd, 4);
}

static void a_vforked_child_is_a_process_of_its_own(void **state)
{
	struct scene *scene = new_scene();
	pid_t pid;

	begin(*state);
	pid = run_child(poll_and_vfork, scene);
	end(*state);
	want_polls(*state, 7, 1);
	expect_of(*state, process_of(*state, pid), { "epoll_wait.calls", 7 });
	want_polls(*state, 2, 1);
	expect_of(*state, process_of(*state, scene->pid), { "epoll_wait.calls", 2 });
	end_scene(scene);
}

static void poll_and_exec(void *context)
{
	poll_times(((struct scene *)context)->epfd, 3);
	exec_anew();
}

/* The loader reads files, so only the waits are known exactly. */
static void exec_keeps_the_counts_and_takes_the_new_name(void **state)
{
	struct scene *scene = new_scene();
	pid_t pid;

	begin(*state);
	pid = run_child(poll_and_exec, scene);
	end(*state);
	want_polls(*state, 3 + POLLS_AFTER_EXEC, 2);
	expect_listed_of(*state, process_of(*state, pid), { "fds.unaccounted", 0 });
	assert_string_equal(process_of(*state, pid)->comm, NEW_COMM);
	unlink(NEW_PROGRAM);
	end_scene(scene);
}

static void *poll_and_exec_as_thread(void *context)
{
	struct scene *scene = context;

	await_sleep_in(getpid(), SYS_epoll_wait);
	poll_times(scene->epfd, 3);
	exec_anew();
	return NULL;
}

static void poll_and_be_replaced(void *context)
{
	struct scene *scene = context;

	start_thread(poll_and_exec_as_thread, scene);
	poll_times(scene->epfd, 5);
	wait_for_ever(scene->epfd); /* exec by the other ends this thread inside its wait */
}

static void exec_by_a_second_thread_takes_over_the_process(void **state)
{
	struct scene *scene = new_scene();
	pid_t pid;

	begin(*state);
	pid = run_child(poll_and_be_replaced, scene);
	end(*state);
	want(*state, 5 + 3 + POLLS_AFTER_EXEC, "epoll_wait.empty_polls");
	expect_listed_of(*state, process_of(*state, pid), { "fds.unaccounted", 0 },
			 { "epoll_wait.interrupted", 1 },
			 { "epoll_wait.calls", 5 + 3 + POLLS_AFTER_EXEC + 1 });
	assert_string_equal(process_of(*state, pid)->comm, NEW_COMM);
	assert_int_equal(profile_of(*state)->nr_processes, 2);
	unlink(NEW_PROGRAM);
	end_scene(scene);
}

/* A child under an id of our choosing; 0 in the child. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

static void an_id_used_again_is_another_process(void **state)
{
	struct scene *scene = new_scene();
	uint64_t polls = 0; /* a bit for each process: how often it polled */
	pid_t pid;

	begin(*state);
	pid = run_child(poll_seven_times, scene);
	for (int i = 0; i < 2; i++) {
		pid_t again = fork_as(pid);

		if (again == 0) {
			poll_times(scene->epfd, 3 + 8 * i);
			_exit(0);
		}
		assert_int_equal(again, pid);
		wait_child(pid);
	}
	end(*state);
	for (size_t i = 0; i < profile_of(*state)->nr_processes; i++) {
		const struct profile_process *process = &profile_of(*state)->processes[i];

		if (process->tgid == (uint32_t)pid)
			polls |= 1ULL << process->counters.waits[WAIT_EPOLL].empty_polls;
	}
	assert_int_equal(polls, 1 << 7 | 1 << 3 | 1 << 11);
	end_scene(scene);
}

static void poll_and_wait_for_ever(void *context)
{
	struct scene *scene = context;

	poll_times(scene->epfd, 3);
	wait_for_ever(scene->epfd);
}

static void a_wait_ended_by_sigkill_is_interrupted(void **state)
{
	struct scene *scene = new_scene();
	pid_t pid;

	begin(*state);
	pid = start_child(poll_and_wait_for_ever, scene);
	await_sleep_in(pid, SYS_epoll_wait);
	kill_child(pid);
	end(*state);
	want_polls(*state, 3, 1);
	expect_of(*state, process_of(*state, pid), { "epoll_wait.calls", 4 },
		  { "epoll_wait.interrupted", 1 }, { "epoll_wait.capacity", 1 },
		  { "epoll_wait.watched_hist[0]", 1 });
	assert_true(process_of(*state, pid)->has_exited);
	end_scene(scene);
}

static void *wait_as_thread(void *context)
{
	struct scene *scene = context;

	scene->tid = gettid();
	raise_to(&scene->reached, 1);
	wait_for_ever(scene->epfd);
	return NULL;
}

static void exit_under_a_waiting_thread(void *context)
{
	struct scene *scene = context;

	start_thread(wait_as_thread, scene);
	await(&scene->allowed, 1);
}

static void a_thread_killed_inside_a_wait_ends_it_as_interrupted(void **state)
{
	struct scene *scene = new_scene();
	pid_t pid;

	begin(*state);
	pid = start_child(exit_under_a_waiting_thread, scene);
	await(&scene->reached, 1);
	await_sleep_in(scene->tid, SYS_epoll_wait);
	raise_to(&scene->allowed, 1);
	wait_child(pid);
	end(*state);
	expect_of(*state, process_of(*state, pid), { "epoll_wait.calls", 1 },
		  { "epoll_wait.interrupted", 1 }, { "epoll_wait.capacity", 1 },
		  { "epoll_wait.watched_hist[0]", 1 });
	end_scene(scene);
}

static void wait_and_read_then_poll(void *context)
{
	struct scene *scene = context;
	struct epoll_event event = { .events = EPOLLIN };
	uint64_t value;

	must(epoll_ctl(scene->epfd, EPOLL_CTL_ADD, scene->event_fd, &event), "epoll_ctl");
	wait_for_ever(scene->epfd);
	require(read(scene->event_fd, &value, sizeof(value)) == sizeof(value), "read");
	poll_times(scene->epfd, 3);
}

/* The wait began unseen; what came after it is counted. */
static void a_wait_begun_before_the_probes_were_live_is_not_counted(void **state)
{
	const struct probe_options options = { .limits = { 16, 16, 16, 16 } };
	struct tracer *tracer = tracer_load(&options);
	struct scene *scene = new_scene();
	const uint64_t one = 1;
	pid_t pid;

	(void)state;
	pid = start_child(wait_and_read_then_poll, scene);
	await_sleep_in(pid, SYS_epoll_wait);
	assert_int_equal(probes_add_target(tracer_probes(tracer), pid), 0);
	tracer_go_live(tracer);
	begin(tracer);
	assert_int_equal(write(scene->event_fd, &one, sizeof(one)), sizeof(one));
	wait_child(pid);
	end(tracer);
	expect_of(tracer, process_of(tracer, pid), { "epoll_wait.calls", 3 },
		  { "epoll_wait.empty_polls", 3 }, { "epoll_wait.spins", 2 },
		  { "epoll_wait.capacity", 3 }, { "epoll_wait.watched", 3 },
		  { "epoll_wait.watched_hist[1]", 3 }, { "io.read.other.bytes", 8 },
		  { "io.read.other.size_hist[4]", 1 });
	tracer_free(tracer);
	end_scene(scene);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(live_threads_and_ended_ones_add_up),
	cmocka_unit_test(ended_threads_fold_into_one_row),
	cmocka_unit_test(many_threads_that_end_at_once_lose_nothing),
	cmocka_unit_test(a_forked_child_counts_for_itself),
	cmocka_unit_test(a_vforked_child_is_a_process_of_its_own),
	cmocka_unit_test(exec_keeps_the_counts_and_takes_the_new_name),
	cmocka_unit_test(exec_by_a_second_thread_takes_over_the_process),
	cmocka_unit_test(an_id_used_again_is_another_process),
	cmocka_unit_test(a_wait_ended_by_sigkill_is_interrupted),
	cmocka_unit_test(a_thread_killed_inside_a_wait_ends_it_as_interrupted),
	cmocka_unit_test(a_wait_begun_before_the_probes_were_live_is_not_counted),
};

const struct family tasks_tests = { tests, ARRAY_SIZE(tests) };
