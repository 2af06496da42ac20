/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The files of tests, and what the test program does when a test executes it. */
#ifndef FDSCOPE_TESTS_BPF_TESTS_H
#define FDSCOPE_TESTS_BPF_TESTS_H

#include "harness.h"

extern const struct family wait_epoll_tests, wait_poll_tests, wait_select_tests, wait_clock_tests,
	epoll_ctl_tests, accept_tests, io_read_tests, io_write_tests, splice_tests, copies_tests,
	fds_tests, tasks_tests, losses_tests, snapshot_tests, scope_tests, unseen_tests,
	epolls_tests, registrations_tests, deliveries_tests, attribution_tests, drain_tests,
	edges_tests, readiness_tests, tables_tests, callbacks_tests, changes_tests, nesting_tests,
	wakeups_tests, reading_tests;

/* The only argument when a test executes this program anew. */
#define AFTER_EXEC "--after-exec"
/* What it does then: this many waits that poll. Exit status 0. */
#define POLLS_AFTER_EXEC 13
int after_exec(void);

/* In a child: executes it so, through a link, and thereby has this name; the test removes the link. */
#define NEW_COMM    "fdscope-execed"
#define NEW_PROGRAM "/tmp/" NEW_COMM
void exec_anew(void);

#endif
