/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * told.c - what the kernel does before a wait returns: how often it is told of
 * something, whom it wakes, and who sleeps on. The one who tells is another
 * process, which waits for nothing.
 *
 *	counter (edge)   pipe (level)	counter is written, so many times a wait;
 *	        \       /		a writer opens the FIFO: its reader is told
 *	         epfd			of nothing, and then of a byte
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "workload.h"

#define TURNS  7
#define WRITES 5 /* before each wait */

static void write_counter(int counter)
{
	uint64_t one = 1;

	for (int i = 0; i < WRITES; i++)
		MUST(write(counter, &one, sizeof(one)) == sizeof(one));
}

/* Returns when the process sleeps: again, if it was just woken. */
static void await_sleep(pid_t pid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'S') {
		FILE *file = fopen(path, "re");

		MUST(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
		fclose(file);
	}
}

static int open_to_write(int fifo)
{
	char path[64];
	int out;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fifo);
	out = open(path, O_WRONLY | O_CLOEXEC);
	MUST(out >= 0);
	return out;
}

/* In a child, which ends when its parent has the FIFO open: the end of the last writer is told, too. */
static void stir(pid_t sleeper, int fifo)
{
	int out;

	await_sleep(sleeper);
	out = open_to_write(fifo);
	await_sleep(sleeper);
	MUST(write(out, "!", 1) == 1);
	await_sleep(sleeper);
	_exit(0);
}

static int open_fifo(void)
{
	char path[64];
	int fifo;

	snprintf(path, sizeof(path), "/tmp/told-%d", getpid());
	MUST(!mkfifo(path, 0600));
	fifo = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unlink(path);
	MUST(fifo >= 0);
	return fifo;
}

int main(void)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), fifo = open_fifo();
	int counter = eventfd(0, EFD_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	pid_t sleeper = getpid(), child;

	MUST(!epoll_ctl(epfd, EPOLL_CTL_ADD, counter, &event));
	event.events = EPOLLIN;
	event.data.fd = fifo;
	MUST(!epoll_ctl(epfd, EPOLL_CTL_ADD, fifo, &event));
	for (int i = 0; i < TURNS; i++) {
		write_counter(counter);
		MUST(epoll_wait(epfd, &event, 1, -1) == 1);
	}
	child = fork();
	MUST(child >= 0);
	if (!child)
		stir(sleeper, fifo);
	MUST(epoll_wait(epfd, &event, 1, -1) == 1 && event.data.fd == fifo);
	open_to_write(fifo);
	MUST(waitpid(child, NULL, 0) == child);
	close(epfd); /* at an exit, what it watches may end first, and tell it */

	expect("epoll_wait.wakeups=%d", TURNS + 1);
	expect("epoll_wait.woken=%d", 2);
	expect("epoll_wait.futile=%d", 1);
	expect("epolls[0].callbacks.calls=%d", TURNS * WRITES + 2);
	expect("epolls[0].callbacks.queued=%d", TURNS + 2);
	expect("epolls[0].callbacks.coalesced=%d", TURNS * (WRITES - 1));
	expect("epolls[0].callbacks.filtered=0");
	expect("epolls[0].callbacks.unsettled=0");
	expect("epolls[0].callbacks.woken=2");
	expect("epolls[0].callbacks.passed_on=0");
	report();
	return 0;
}
