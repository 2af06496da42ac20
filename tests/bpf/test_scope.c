/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who becomes a target without being named: everyone, a comm, the command that `run` holds. */
#include "tests.h"

#include <sys/epoll.h>
#include <sys/wait.h>

static const struct probe_limits limits = { 512, 512, 64, 1024 };

struct held {
	uint32_t go;
	int epfd;
};

static void poll_times(int epfd, int times)
{
	struct epoll_event event;

	for (int i = 0; i < times; i++)
		syscall(SYS_epoll_wait, epfd, &event, 1, 0);
}

static void poll_when_told(void *context)
{
	struct held *held = context;

	await(&held->go, 1);
	poll_times(held->epfd, 3);
}

static void poll_and_exec_when_told(void *context)
{
	poll_when_told(context);
	exec_anew();
}

static struct held *new_held(void)
{
	struct held *held = shared_alloc(sizeof(*held));

	held->epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	return held;
}

static uint64_t polls_of(const struct snapshot *snapshot, pid_t tgid)
{
	uint64_t polls = 0;

	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		if (snapshot->threads[i].tgid == (uint32_t)tgid)
			polls += snapshot->threads[i].counters.waits[WAIT_EPOLL].empty_polls;
	}
	return polls;
}

/* The rest of the machine runs on meanwhile: only our own are looked at. */
static void everyone_is_a_target_but_fdscope_itself(void **state)
{
	const struct probe_options options = { .limits = limits, .all = true };
	struct tracer *tracer = tracer_load(&options);
	struct held *held = new_held();
	struct snapshot snapshot = {};
	pid_t pid;

	(void)state;
	pid = start_child(poll_when_told, held);
	tracer_go_live(tracer);
	raise_to(&held->go, 1);
	poll_times(held->epfd, 7);
	wait_child(pid);
	assert_int_equal(probes_read(tracer_probes(tracer), &snapshot), 0);
	assert_int_equal(polls_of(&snapshot, pid), 3);
	assert_int_equal(polls_of(&snapshot, getpid()), 0);
	snapshot_free(&snapshot);
	tracer_free(tracer);
	close(held->epfd);
}

/* What came before the exec is nobody's; descriptors balance from there on. */
static void check_from_exec_on(const struct probe_options *options, struct held *held, pid_t pid)
{
	struct tracer *tracer = tracer_load(options);

	tracer_go_live(tracer);
	begin(tracer);
	raise_to(&held->go, 1);
	wait_child(pid);
	end(tracer);
	unlink(NEW_PROGRAM);
	assert_int_equal(profile_of(tracer)->nr_processes, 1);
	assert_string_equal(process_of(tracer, pid)->comm, NEW_COMM);
	expect_listed_of(tracer, process_of(tracer, pid),
			 { "epoll_wait.empty_polls", POLLS_AFTER_EXEC },
			 { "epoll_wait.calls", POLLS_AFTER_EXEC }, { "fds.unaccounted", 0 });
	tracer_free(tracer);
	close(held->epfd);
}

static void who_execs_into_the_comm_becomes_a_target(void **state)
{
	const struct probe_options options = { .limits = limits, .comm = NEW_COMM };
	struct held *held = new_held();

	(void)state;
	check_from_exec_on(&options, held, start_child(poll_and_exec_when_told, held));
}

static void the_held_command_becomes_a_target_at_its_exec(void **state)
{
	struct held *held = new_held();
	pid_t pid = start_child(poll_and_exec_when_told, held);
	const struct probe_options options = { .limits = limits, .held_tgid = pid };

	(void)state;
	check_from_exec_on(&options, held, pid);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(everyone_is_a_target_but_fdscope_itself),
	cmocka_unit_test(who_execs_into_the_comm_becomes_a_target),
	cmocka_unit_test(the_held_command_becomes_a_target_at_its_exec),
};

const struct family scope_tests = { tests, ARRAY_SIZE(tests) };
