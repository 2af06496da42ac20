/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF tests share: probes that watch this process and its children, an
 * interval between begin() and end(), and the comparison of its profile with
 * what a test expects, key by key. Keys are spelled as in the profile:
 * "epoll_wait.timeouts", "io.read.socket.size_hist[3]", "fds.unaccounted",
 * "losses.threads". Making the calls is left to the tests.
 */
#ifndef FDSCOPE_TESTS_BPF_HARNESS_H
#define FDSCOPE_TESTS_BPF_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "model/profile.h"
#include "source/probes.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))

/* One file of tests. */
struct family {
	const struct CMUnitTest *tests;
	size_t nr;
};

/* ---- intervals ---- */

struct tracer;

/* Live, with this process as its target. */
struct tracer *tracer_new(const struct config *config, const struct probe_limits *limits);
/* The same in two steps: what happens between them is not seen. */
struct tracer *tracer_load(const struct config *config, const struct probe_limits *limits);
void tracer_go_live(struct tracer *tracer);
void tracer_free(struct tracer *tracer);
struct probes *tracer_probes(struct tracer *tracer);
/* How many intervals were ended: 0 when every test was skipped. */
size_t tracer_intervals(const struct tracer *tracer);

/* Nothing that the harness does on its own falls into the interval. */
void begin(struct tracer *tracer);
/* Makes the profile, and checks in it every sum that a profile promises. */
void end(struct tracer *tracer);

const struct profile *profile_of(const struct tracer *tracer);
/* Fails the test if there is none. */
const struct profile_process *process_of(const struct tracer *tracer, pid_t tgid);
bool has_process(const struct tracer *tracer, pid_t tgid);
const struct profile_process *own_process(const struct tracer *tracer);
const struct profile_listener *listener_of(const struct profile_process *process, uint64_t inode);

/* ---- expectations ---- */

struct expected {
	const char *key; /* one that ends in '*' stands for all that begin so */
	uint64_t value;
};

#define ANY UINT64_MAX /* whatever it is */

/* Adds one; of several for one key the values add up. */
void want(struct tracer *tracer, uint64_t value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Compares @process with what was wanted. What was not wanted must be 0, but
 * for what follows from other keys, times, switches and sleeps, and the census
 * of descriptors.
 */
void check(struct tracer *tracer, const struct profile_process *process, const char *file,
	   int line);
/* Compares the wanted keys alone. */
void check_listed(struct tracer *tracer, const struct profile_process *process, const char *file,
		  int line);
void want_all(struct tracer *tracer, const struct expected *expected);

#define expect_of(tracer, process, ...)                                           \
	(want_all(tracer, (const struct expected[]){ __VA_ARGS__, { NULL, 0 } }), \
	 check(tracer, process, __FILE__, __LINE__))
#define expect(tracer, ...) expect_of(tracer, own_process(tracer), __VA_ARGS__)
#define expect_listed_of(tracer, process, ...)                                    \
	(want_all(tracer, (const struct expected[]){ __VA_ARGS__, { NULL, 0 } }), \
	 check_listed(tracer, process, __FILE__, __LINE__))
#define check_own(tracer) check(tracer, own_process(tracer), __FILE__, __LINE__)

/* The value of a key of @process; fails the test if there is no such key. */
uint64_t value_of(const struct tracer *tracer, const struct profile_process *process,
		  const char *key);

/* Element of a log2 histogram: 0 for 0, k for [2^(k-1), 2^k). Not the tool's own arithmetic. */
unsigned bucket_of(uint64_t value);
/* How many descriptors @pid has open: /proc/PID/fd. */
size_t count_fds_of(pid_t pid);

/* ---- children ---- */

/* Zeroed memory that children share; lives as long as the test program. */
void *shared_alloc(size_t bytes);

/* Forks a child that does @act and ends with status 0. */
pid_t start_child(void (*act)(void *context), void *context);
/* Its end; fails the test unless it ended by itself with status 0. */
void wait_child(pid_t pid);
/* Ends it and waits. */
void kill_child(pid_t pid);
pid_t run_child(void (*act)(void *context), void *context);

/* In a child: ends it with status 1 unless @is_so. */
void require(bool is_so, const char *what);

/* A word in shared memory that one side raises and the other waits for; no descriptors. */
void raise_to(uint32_t *word, uint32_t value);
void await(uint32_t *word, uint32_t value);

/* Returns when the thread sleeps inside system call @nr. */
void await_sleep_in(pid_t tid, long nr);

/* ---- calls ---- */

uint64_t now_ns(void);

/* SIGUSR1 every millisecond to the calling thread, so that each blocking call is interrupted. */
timer_t start_interrupting(void);
void stop_interrupting(timer_t timer);

int must(int result, const char *what);
int new_eventfd(void);
void set_blocking(int fd, bool is_blocking);

#endif
