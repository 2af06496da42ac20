/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Runs the BPF tests, all of them or those whose name matches the pattern
 * given. Exits with 77 where they cannot run; where they can and none did, that
 * is a failure.
 */
#include "harness.h"
#include "tests.h"

#include <sys/resource.h>

#include "source/wakeups.h"

#define WITHOUT_PRIVILEGE 77
#define ROWS		  512

static const struct family *const families[] = {
	&wait_epoll_tests,  &wait_poll_tests, &wait_select_tests,   &wait_clock_tests,
	&epoll_ctl_tests,   &epolls_tests,    &registrations_tests, &deliveries_tests,
	&attribution_tests, &drain_tests,     &edges_tests,	    &readiness_tests,
	&tables_tests,	    &accept_tests,    &io_read_tests,	    &io_write_tests,
	&splice_tests,	    &copies_tests,    &fds_tests,	    &tasks_tests,
	&losses_tests,	    &snapshot_tests,  &scope_tests,	    &unseen_tests,
	&callbacks_tests,   &changes_tests,   &nesting_tests,	    &wakeups_tests,
	&reading_tests,
};

static int go_live(void **state)
{
	struct probe_options options = { .limits = { ROWS, ROWS, ROWS, 4 * ROWS } };
	int err;

	options.wakeups = wakeups_try(&err) != 0;
	*state = tracer_new(&options);
	return 0;
}

static int stop(void **state)
{
	struct tracer *tracer = *state;
	bool has_measured = tracer_intervals(tracer);

	tracer_free(tracer);
	if (!has_measured)
		fprintf(stderr, "test-bpf: every test was skipped, nothing was measured\n");
	return has_measured ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[256];
	size_t nr = 0;

	if (argc == 2 && !strcmp(argv[1], AFTER_EXEC))
		return after_exec();
	if (geteuid()) {
		fprintf(stderr, "test-bpf: skipped: loading BPF programs needs root\n");
		return WITHOUT_PRIVILEGE;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	alarm(300 * patience()); /* a call that never returns is a failure, not a hang */
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (nr + families[i]->nr > ARRAY_SIZE(tests))
			return EXIT_FAILURE;
		memcpy(&tests[nr], families[i]->tests, families[i]->nr * sizeof(*tests));
		nr += families[i]->nr;
	}
	return _cmocka_run_group_tests("bpf", tests, nr, go_live, stop) ? EXIT_FAILURE : 0;
}
