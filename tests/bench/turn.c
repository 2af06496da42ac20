/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The turns whose cost is measured. Prints its pid; then for each line "KIND
 * EVENTS TIMES" on stdin makes so many of these turns and prints the nanoseconds
 * that one took, as two numbers with one decimal: the mean, and the mean of the
 * quickest of 200 parts, which nothing else on the machine got in the way of.
 *
 *	socket   one byte written to a socket, epoll_wait, the byte read
 *	written  EVENTS eventfds written, one epoll_wait that reports them all, each read
 *	ready    one eventfd written, one epoll_wait, it alone read: the further
 *		 EVENTS - 1 that the wait reports were ready before and are left so
 *	getppid  that call alone, for a process that nobody watches
 *	read     of nothing, from an empty pipe that nobody writes to: the same, of a
 *		 call that is traced
 *
 *	a --write--> b          w0  w1 ... w15       Each number of events has an
 *	             |           |   |      |        instance and eventfds of its own.
 *	             e0           \  |     /
 *	                            e16              All of it is level-triggered.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST_EVENTS 512
#define PARTS	    200 /* divides every number of turns asked for; a part is shorter than a time slice */

struct set {
	int epoll_fd;
	int nr;
	int fds[MOST_EVENTS];
	bool is_filled; /* all but the first stand ready */
};

struct turns {
	struct set sets[4];
	size_t nr_sets;
	int socket_epoll_fd;
	int pair[2];
	int empty_pipe[2];
};

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static void must(bool is_done, const char *what)
{
	if (is_done)
		return;
	perror(what);
	exit(1);
}

static int watching(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	must(fd >= 0 && !epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
	return fd;
}

static void add_one(int fd)
{
	const uint64_t one = 1;

	must(write(fd, &one, sizeof(one)) == sizeof(one), "write");
}

static void take_all(int fd)
{
	uint64_t sum;

	must(read(fd, &sum, sizeof(sum)) == sizeof(sum), "read");
}

static void wait_for(int epoll_fd, int nr)
{
	struct epoll_event events[MOST_EVENTS];

	must(epoll_wait(epoll_fd, events, nr, -1) == nr, "epoll_wait");
}

static struct set *set_of(struct turns *turns, int nr)
{
	struct set *set;

	for (set = turns->sets; set < turns->sets + turns->nr_sets; set++) {
		if (set->nr == nr)
			return set;
	}
	must(nr > 0 && nr <= MOST_EVENTS && turns->nr_sets < 4, "set");
	turns->nr_sets++;
	set->nr = nr;
	set->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < nr; i++)
		set->fds[i] = watching(set->epoll_fd, eventfd(0, EFD_CLOEXEC));
	return set;
}

static void fill(struct set *set, bool is_filled)
{
	for (int i = 1; i < set->nr && set->is_filled != is_filled; i++)
		(is_filled ? add_one : take_all)(set->fds[i]);
	set->is_filled = is_filled;
}

static void turn_socket(struct turns *turns, struct set *set)
{
	char byte = 'x';

	(void)set;
	must(write(turns->pair[0], &byte, 1) == 1, "write");
	wait_for(turns->socket_epoll_fd, 1);
	must(read(turns->pair[1], &byte, 1) == 1, "read");
}

static void turn_written(struct turns *turns, struct set *set)
{
	(void)turns;
	for (int i = 0; i < set->nr; i++)
		add_one(set->fds[i]);
	wait_for(set->epoll_fd, set->nr);
	for (int i = 0; i < set->nr; i++)
		take_all(set->fds[i]);
}

static void turn_ready(struct turns *turns, struct set *set)
{
	(void)turns;
	add_one(set->fds[0]);
	wait_for(set->epoll_fd, set->nr);
	take_all(set->fds[0]);
}

static void turn_getppid(struct turns *turns, struct set *set)
{
	(void)turns, (void)set;
	syscall(SYS_getppid);
}

static void turn_read(struct turns *turns, struct set *set)
{
	char byte;

	(void)set;
	must(read(turns->empty_pipe[0], &byte, 1) < 0, "read");
}

static const struct kind {
	const char *name;
	void (*turn)(struct turns *turns, struct set *set);
} kinds[] = {
	{ "socket", turn_socket },   { "written", turn_written }, { "ready", turn_ready },
	{ "getppid", turn_getppid }, { "read", turn_read },
};

static const struct kind *kind_named(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	}
	fprintf(stderr, "turn: no kind %s\n", name);
	exit(1);
}

static void measure(const struct kind *kind, struct turns *turns, struct set *set, long times)
{
	double sum = 0, least = 0;

	for (int part = 0; part < PARTS; part++) {
		double start = now_ns(), took;

		for (long i = 0; i < times / PARTS; i++)
			kind->turn(turns, set);
		took = (now_ns() - start) / (times / PARTS);
		sum += took;
		least = !part || took < least ? took : least;
	}
	printf("%.1f %.1f\n", sum / PARTS, least);
	fflush(stdout);
}

int main(void)
{
	static struct turns turns;
	char name[16];
	long times;
	int nr;

	turns.socket_epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	must(!pipe2(turns.empty_pipe, O_NONBLOCK), "pipe2");
	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, turns.pair), "socketpair");
	watching(turns.socket_epoll_fd, turns.pair[1]);
	printf("%d\n", (int)getpid());
	fflush(stdout);
	while (scanf("%15s %d %ld", name, &nr, &times) == 3) {
		const struct kind *kind = kind_named(name);
		struct set *set = set_of(&turns, nr);

		fill(set, kind->turn == turn_ready);
		measure(kind, &turns, set, times);
	}
	return 0;
}
