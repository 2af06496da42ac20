/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The turn whose cost is measured: one byte written to a socket, epoll_wait,
 * the byte read. And for a process that nobody watches, a bare getppid. Prints
 * its pid; then for each line "turn N" or "getppid N" on stdin does that so often
 * and prints the nanoseconds that each took, as a number with one decimal.
 *
 *	a ----write----> b
 *	                 |
 *	                 e0 (level)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static void turn(int epoll_fd, const int *pair)
{
	struct epoll_event event;
	char byte = 'x';

	if (write(pair[0], &byte, 1) != 1 || epoll_wait(epoll_fd, &event, 1, -1) != 1 ||
	    read(pair[1], &byte, 1) != 1) {
		perror("turn");
		exit(1);
	}
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), pair[2];
	char what[16];
	long times;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pair[1], &event)) {
		perror("turn");
		return 1;
	}
	printf("%d\n", (int)getpid());
	fflush(stdout);
	while (scanf("%15s %ld", what, &times) == 2) {
		int is_turn = !strcmp(what, "turn");
		double start = now_ns();

		for (long i = 0; i < times; i++) {
			if (is_turn)
				turn(epoll_fd, pair);
			else
				syscall(SYS_getppid);
		}
		printf("%.1f\n", (now_ns() - start) / times);
		fflush(stdout);
	}
	return 0;
}
