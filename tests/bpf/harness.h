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
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "model/profile.h"
#include "source/probes.h"
#include "superseded.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))
#define EVENT_BYTES	  sizeof(struct epoll_event) /* as epoll_ctl reads it: 12, or 16 on arm64 */

/* One file of tests. */
struct family {
	const struct CMUnitTest *tests;
	size_t nr;
};

/* ---- intervals ---- */

struct tracer;

/* Live, with this process as its target. */
struct tracer *tracer_new(const struct probe_options *options);
/* The same in two steps: what happens between them is not seen. */
struct tracer *tracer_load(const struct probe_options *options);
void tracer_go_live(struct tracer *tracer);
void tracer_free(struct tracer *tracer);
struct probes *tracer_probes(struct tracer *tracer);
/* How many intervals were ended: 0 when every test was skipped. */
size_t tracer_intervals(const struct tracer *tracer);

/* Nothing that the harness does on its own falls into the interval. */
void begin(struct tracer *tracer);
/* What snapshots begin with: the walk over descriptors and the sweep over registrations. */
void look_around(struct tracer *tracer);
/* After it: gives back the rows of epoll instances that nobody has open any more. */
void give_back_rows(struct tracer *tracer);
/* Makes the profile, and checks in it every sum that a profile promises. */
void end(struct tracer *tracer);

const struct profile *profile_of(const struct tracer *tracer);
/* Fails the test if there is none. */
const struct profile_process *process_of(const struct tracer *tracer, pid_t tgid);
bool has_process(const struct tracer *tracer, pid_t tgid);
const struct profile_process *own_process(const struct tracer *tracer);
const struct profile_listener *listener_of(const struct profile_process *process, uint64_t inode);
/* What the process did on the instance it waits on as @epfd; fails the test unless it is one. */
const struct profile_epoll *epoll_of(const struct profile_process *process, int epfd);
/* The registration of @fd in that instance; fails the test if it did nothing. */
const struct profile_descriptor *descriptor_of(const struct profile_process *process, int epfd,
					       int fd);

/*
 * The registrations of the instance @pid has as @epfd, and a second witness:
 * fails the test unless they are those in /proc/PID/fdinfo. The number of them.
 * The last snapshot must know the instance: something waited on it.
 */
size_t check_fdinfo(const struct tracer *tracer, pid_t pid, int epfd);

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

/*
 * Compare an epoll instance or a registration with what was wanted, by the keys
 * of one of the profile's epolls or descriptors: "deliveries.edge", "undrained.unread_bytes". What
 * was not wanted must be 0, but for times and "threads". "first_reads" is the
 * sum of first_read_ns_hist.
 */
void check_epoll(struct tracer *tracer, const struct profile_epoll *epoll, const char *file,
		 int line);
void check_descriptor(struct tracer *tracer, const struct profile_descriptor *descriptor,
		      const char *file, int line);

#define expect_epoll_of(tracer, process, epfd, ...)                               \
	(want_all(tracer, (const struct expected[]){ __VA_ARGS__, { NULL, 0 } }), \
	 check_epoll(tracer, epoll_of(process, epfd), __FILE__, __LINE__))
#define expect_epoll(tracer, epfd, ...) \
	expect_epoll_of(tracer, own_process(tracer), epfd, __VA_ARGS__)
#define expect_descriptor(tracer, epfd, fd, ...)                                          \
	(want_all(tracer, (const struct expected[]){ __VA_ARGS__, { NULL, 0 } }),         \
	 check_descriptor(tracer, descriptor_of(own_process(tracer), epfd, fd), __FILE__, \
			  __LINE__))

/* The value of a key of @process; fails the test if there is no such key. */
uint64_t value_of(const struct tracer *tracer, const struct profile_process *process,
		  const char *key);

/* Element of a log2 histogram: 0 for 0, k for [2^(k-1), 2^k). Not the tool's own arithmetic. */
unsigned bucket_of(uint64_t value);
/* How many descriptors @pid has open: /proc/PID/fd. */
size_t count_fds_of(pid_t pid);

/* ---- children ---- */

/* How many times as long all may take here: FDSCOPE_PATIENCE, as in tests/e2e/lib.sh. */
unsigned int patience(void);

/* Does the kernel count the registrations of epoll instances? Else watched is 0 in epoll_wait. */
bool counts_watched_by_epoll(void);

/* Zeroed memory that children share; lives as long as the test program. */
void *shared_alloc(size_t bytes);

/* Forks a child that does @act and ends with status 0. */
pid_t start_child(void (*act)(void *context), void *context);
/* Its end; fails the test unless it ended by itself with status 0. */
void wait_child(pid_t pid);
/* Ends it and waits. */
void kill_child(pid_t pid);
pid_t run_child(void (*act)(void *context), void *context);

/*
 * A child that is the only target of probes with their own tables, and has
 * nothing open but the standard descriptors. It does @prepare, if that is not
 * NULL, before the probes are live, and @act in an interval that has begun; the
 * caller ends both.
 */
struct tracer *start_traced(const struct probe_limits *limits, void (*prepare)(void *context),
			    void (*act)(void *context), void *context, pid_t *pid);

/* In a child: ends it with status 1 unless @is_so. */
void require(bool is_so, const char *what);

/* A word in shared memory that one side raises and the other waits for; no descriptors. */
void raise_to(uint32_t *word, uint32_t value);
void await(uint32_t *word, uint32_t value);

/* Returns when the thread sleeps inside system call @nr. */
void await_sleep_in(pid_t tid, long nr);
/* The same for a lock of the kernel's. */
void await_lock_in(pid_t tid, long nr);
/* Returns when there is no such thread any more: it can be joined before. */
void await_end(pid_t tid);

/* ---- calls ---- */

uint64_t now_ns(void);

/* SIGUSR1 every millisecond to the calling thread, so that each blocking call is interrupted. */
timer_t start_interrupting(void);
void stop_interrupting(timer_t timer);

int must(int result, const char *what);
int new_eventfd(void);
int new_epoll(void);
/* Registers @fd, with its number as data. */
void watch(int epfd, int fd, uint32_t events);
/* As the kernel's EPOLL_CTL_MOD and with the number as data. */
void rewatch(int epfd, int fd, uint32_t events);
/* Waits once, without time, and must be told of @nr, at most 64. */
void wait_for(int epfd, int nr);
/* Writes that many bytes, which must go at once. */
void put(int fd, size_t bytes);
/* Reads, asks for @asked and must get @got; -1 is EAGAIN. */
void take(int fd, size_t asked, ssize_t got);
void set_blocking(int fd, bool is_blocking);

/* ---- sockets; those that are read and accepted from do not block ---- */

struct sockaddr_in;
struct sockaddr_storage;

/* A connected pair of Unix stream sockets. */
void new_pair(int pair[2]);
/* Connected over the loopback interface; @pair[0] is the client. */
void new_tcp_pair(int pair[2]);
/* A listener under a name or port of the kernel's choice, and where it is. */
int new_unix_listener(struct sockaddr_storage *at, socklen_t *len);
int new_tcp_listener(struct sockaddr_in *at);
int connect_unix(const struct sockaddr_storage *at, socklen_t len);
int connect_tcp(const struct sockaddr_in *at);
/* Accepts one and closes it. */
void accept_one(int listener);
/* Must find that there is none. */
void accept_none(int listener);
/* The row of the listening socket @fd of this process. */
const struct profile_listener *listener_at(const struct tracer *tracer, int fd);

#endif
