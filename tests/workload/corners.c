/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * corners.c - a case each that was once counted wrong, or not at all.
 *
 *	crowd MS	for so long, children that poll once and end
 *	rush N		N of them, as fast as fork() goes
 *	drops stay	a listener that nobody accepts from, there to the end
 *	drops close	the same, closed long before the end
 *	headless	two threads that outlive the main thread: each byte of input is one
 *			round of polls, `q` the end
 *	resumed		one poll, for a byte of input; the next byte is the end
 *	swap		other files on an epoll's number while a thread waits on it
 *	null-size	accept with an address and no size, which finds nobody
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "workload.h"

#ifndef SYS_epoll_wait
#define SYS_epoll_wait SYS_epoll_pwait /* as in libc */
#endif

#define PATIENCE_NS    20000000000ULL /* only a hang reaches it */
#define PACE_NS	       1000000L	      /* crowd: a birth each, some hundred a second */
#define CLIENTS	       8
#define QUEUE_HOLDS    2   /* of a backlog of 1: net/sock.h sk_acceptq_is_full() */
#define LONG_BEFORE_MS 700 /* the tool looks at what has ended more than once meanwhile */
#define POLLS_SPEAKER  7
#define POLLS_OTHER    11
#define SWAP_WATCHED   3
#define SWAP_ROUNDS    6
#define NULL_SIZES     5

static void poll_once(void)
{
	MUST(poll(NULL, 0, 0) == 0);
}

static void answer(const char *line)
{
	ssize_t len = strlen(line);

	MUST(write(STDOUT_FILENO, line, len) == len);
}

/* ---- children -------------------------------------------------------------------------------- */

static void bear(void)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (!pid) {
		poll_once();
		_exit(0);
	}
}

/* Nobody waits for them one by one: they leave no zombies, and the last wakes us. */
static void wait_for_all(void)
{
	MUST(wait(NULL) == -1 && errno == ECHILD);
}

static void crowd(const char *ms)
{
	struct timespec pace = { .tv_nsec = PACE_NS };
	uint64_t end_ns;
	int born = 0;

	signal(SIGCHLD, SIG_IGN);
	hold();
	for (end_ns = now_ns() + atoi(ms) * 1000000ULL; now_ns() < end_ns; born++) {
		bear();
		nanosleep(&pace, NULL);
	}
	wait_for_all();
	expect("born=%d", born);
}

static void rush(const char *nr)
{
	struct timespec now;

	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < atoi(nr); i++)
		bear();
	wait_for_all();
	clock_gettime(CLOCK_REALTIME, &now);
	expect("processes=%d", atoi(nr) + 1);
	expect("empty_polls=%d", atoi(nr));
	expect("ended_ns=%lld", now.tv_sec * 1000000000LL + now.tv_nsec);
}

/* ---- listeners ------------------------------------------------------------------------------- */

static int listen_on(struct sockaddr_in *address, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(*address);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	MUST(!bind(fd, (struct sockaddr *)address, size));
	MUST(!listen(fd, backlog));
	MUST(!getsockname(fd, (struct sockaddr *)address, &size));
	return fd;
}

static unsigned int drops_of(int fd)
{
	unsigned int memory[SK_MEMINFO_VARS];
	socklen_t size = sizeof(memory);

	MUST(!getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size));
	return memory[SK_MEMINFO_DROPS];
}

/* The clients ask again after a second, so until then the number stands still. */
static void drops(const char *then)
{
	struct sockaddr_in address;
	int listener = listen_on(&address, 1);
	uint64_t end_ns = now_ns() + PATIENCE_NS;

	for (int i = 0; i < CLIENTS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		MUST(connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1 &&
		     errno == EINPROGRESS);
	}
	while (drops_of(listener) < CLIENTS - QUEUE_HOLDS)
		MUST(now_ns() < end_ns);
	expect("accept.listeners[0].drops=%u", drops_of(listener));
	if (!strcmp(then, "close")) {
		close(listener);
		poll(NULL, 0, LONG_BEFORE_MS);
	}
}

static void null_size(void)
{
	struct sockaddr_in address;
	int listener = listen_on(&address, 1);

	for (int i = 0; i < NULL_SIZES; i++)
		MUST(accept(listener, (struct sockaddr *)&address, NULL) == -1 && errno == EAGAIN);
	expect("accept.calls=%d", NULL_SIZES);
	expect("accept.again=%d", NULL_SIZES);
	expect("accept.failed=0");
	expect("accept.in_bytes=0");
	expect("accept.out_bytes=0");
}

/* ---- threads --------------------------------------------------------------------------------- */

static pthread_t main_thread;
static pthread_barrier_t both;

static void *poll_in_rounds(void *context)
{
	(void)context;
	for (;;) {
		pthread_barrier_wait(&both);
		for (int i = 0; i < POLLS_OTHER; i++)
			poll_once();
		pthread_barrier_wait(&both);
	}
	return NULL;
}

static void *speak(void *context)
{
	char order;

	(void)context;
	pthread_join(main_thread, NULL);
	hold();
	do {
		pthread_barrier_wait(&both);
		for (int i = 0; i < POLLS_SPEAKER; i++)
			poll_once();
		pthread_barrier_wait(&both);
		expect("poll.empty_polls=%d", POLLS_SPEAKER + POLLS_OTHER);
		answer(report_text);
		report_len = 0;
	} while (read(STDIN_FILENO, &order, 1) == 1 && order != 'q');
	_exit(0);
}

static void headless(void)
{
	pthread_t threads[2];

	main_thread = pthread_self();
	pthread_barrier_init(&both, NULL, 2);
	MUST(!pthread_create(&threads[0], NULL, poll_in_rounds, NULL));
	MUST(!pthread_create(&threads[1], NULL, speak, NULL));
	pthread_exit(NULL);
}

/* Not poll(): where there is no such call, a library makes ppoll of it, which is begun anew. */
static void resumed(void)
{
#ifdef SYS_poll
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	hold();
	MUST(syscall(SYS_poll, &input, 1, -1) == 1);
	answer("done\n");
	MUST(read(STDIN_FILENO, &byte, 1) == 1);
	MUST(read(STDIN_FILENO, &byte, 1) == 1);
#endif
}

/* ---- another file on the number -------------------------------------------------------------- */

struct waiter {
	int epoll_fd;
	pid_t tid; /* 0 until it runs */
};

static void *wait_on_epoll(void *context)
{
	struct waiter *waiter = context;
	struct epoll_event event;

	__atomic_store_n(&waiter->tid, gettid(), __ATOMIC_RELEASE);
	MUST(epoll_wait(waiter->epoll_fd, &event, 1, -1) == 1);
	return NULL;
}

/* Asleep in it: only there it has taken its reference of the file for certain. */
static void until_in_call(const pid_t *tid, long number)
{
	uint64_t end_ns = now_ns() + PATIENCE_NS;
	long current = -1;

	while (current != number) {
		char path[64], line[128] = "";
		int fd;

		MUST(now_ns() < end_ns);
		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall",
			 __atomic_load_n(tid, __ATOMIC_ACQUIRE));
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		MUST(read(fd, line, sizeof(line) - 1) > 0);
		close(fd);
		if (sscanf(line, "%ld", &current) != 1)
			current = -1; /* `running` */
	}
}

static int epoll_of(int watched, int *event_fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(0);

	for (int i = 0; i < watched; i++) {
		*event_fd = eventfd(0, 0);
		MUST(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *event_fd, &event));
	}
	return epoll_fd;
}

static int other_file(int round)
{
	int unused, pipe_fds[2];

	switch (round) {
	case 0:
		return open("/dev/null", O_RDWR);
	case 1:
		return memfd_create("corner", 0);
	case 2:
		return socket(AF_INET, SOCK_STREAM, 0);
	case 3:
		return timerfd_create(CLOCK_MONOTONIC, 0);
	case 4:
		MUST(!pipe(pipe_fds));
		return pipe_fds[0];
	default:
		return epoll_of(SWAP_WATCHED, &unused);
	}
}

static void swap(void)
{
	for (int round = 0; round < SWAP_ROUNDS; round++) {
		struct waiter waiter = {};
		uint64_t one = 1;
		pthread_t thread;
		int event_fd;

		waiter.epoll_fd = epoll_of(SWAP_WATCHED, &event_fd);
		MUST(!pthread_create(&thread, NULL, wait_on_epoll, &waiter));
		until_in_call(&waiter.tid, SYS_epoll_wait);
		MUST(dup2(other_file(round), waiter.epoll_fd) == waiter.epoll_fd);
		MUST(write(event_fd, &one, sizeof(one)) == sizeof(one));
		pthread_join(thread, NULL);
	}
	expect("epoll_wait.calls=%d", SWAP_ROUNDS);
	expect("epoll_wait.wakeups=%d", SWAP_ROUNDS);
	expect("epoll_wait.ready=%d", SWAP_ROUNDS);
	expect("watched_at_most=%d", SWAP_ROUNDS * SWAP_WATCHED);
}

int main(int argc, char **argv)
{
	const char *corner = argc > 1 ? argv[1] : "", *how = argc > 2 ? argv[2] : "";

	end_after(60);
	if (!strcmp(corner, "crowd"))
		crowd(how);
	else if (!strcmp(corner, "rush"))
		rush(how);
	else if (!strcmp(corner, "drops"))
		drops(how);
	else if (!strcmp(corner, "headless"))
		headless();
	else if (!strcmp(corner, "resumed"))
		resumed();
	else if (!strcmp(corner, "swap"))
		swap();
	else if (!strcmp(corner, "null-size"))
		null_size();
	else
		MUST(!"a corner I know");
	report();
	return 0;
}
