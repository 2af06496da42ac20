/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * swarm.c - swarm PROCESSES THREADS [PACE_MS]: many that live for a moment, seven
 * at a time, each with a known number of calls. What is expected is the sum over
 * all. With a pace, the processes are born no faster than one every PACE_MS.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "workload.h"

#define AT_ONCE	      7
#define CHILD_WAITS   3
#define CHILD_READS   5
#define THREAD_POLLS  2
#define THREAD_WRITES 11

static void live_as_child(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(0);
	int event_fd = eventfd(CHILD_READS, EFD_SEMAPHORE);
	uint64_t value;

	MUST(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &event));
	for (int i = 0; i < CHILD_WAITS; i++)
		MUST(epoll_wait(epoll_fd, &event, 1, -1) == 1);
	for (int i = 0; i < CHILD_READS; i++)
		MUST(read(event_fd, &value, sizeof(value)) == sizeof(value));
	_exit(0);
}

static void *live_as_thread(void *context)
{
	int *event_fd = context;
	struct pollfd poll_fd = { .fd = *event_fd, .events = POLLOUT };
	uint64_t one = 1;

	for (int i = 0; i < THREAD_POLLS; i++)
		MUST(poll(&poll_fd, 1, -1) == 1);
	for (int i = 0; i < THREAD_WRITES; i++)
		MUST(write(*event_fd, &one, sizeof(one)) == sizeof(one));
	return NULL;
}

static void run_children(int nr, int pace_ms)
{
	struct timespec pace = { .tv_nsec = pace_ms * 1000000L };

	for (int begun = 0, ended = 0; ended < nr;) {
		if (begun < nr && begun - ended < AT_ONCE) {
			pid_t pid = fork();

			MUST(pid >= 0);
			if (!pid)
				live_as_child();
			begun++;
			if (pace_ms)
				nanosleep(&pace, NULL);
		} else {
			MUST(wait(NULL) > 0);
			ended++;
		}
	}
}

static void run_threads(int nr, int event_fd)
{
	pthread_t threads[AT_ONCE];

	for (int begun = 0; begun < nr; begun++) {
		if (begun >= AT_ONCE)
			pthread_join(threads[begun % AT_ONCE], NULL);
		MUST(!pthread_create(&threads[begun % AT_ONCE], NULL, live_as_thread, &event_fd));
	}
	for (int i = 0; i < AT_ONCE && i < nr; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	int processes, threads, event_fd = eventfd(0, 0);

	MUST(argc == 3 || argc == 4);
	processes = atoi(argv[1]);
	threads = atoi(argv[2]);
	run_children(processes, argc == 4 ? atoi(argv[3]) : 0);
	run_threads(threads, event_fd);
	expect("processes=%d", processes + 1);
	expect("epoll_wait.calls=%d", processes * CHILD_WAITS);
	expect("epoll_wait.ready=%d", processes * CHILD_WAITS);
	expect("epoll_ctl.add=%d", processes);
	expect("io.read.other.calls=%d", processes * CHILD_READS);
	expect("io.read.other.bytes=%d", processes * CHILD_READS * 8);
	expect("poll.calls=%d", threads * THREAD_POLLS);
	expect("io.write.other.calls=%d", threads * THREAD_WRITES);
	expect("io.write.other.bytes=%d", threads * THREAD_WRITES * 8);
	expect("fds.opened=%d", 1 + 2 * processes);
	report();
	return 0;
}
