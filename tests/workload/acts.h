/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What workloads of epoll do, a word each: on instances, in threads and children
 * that take turns, and by a stranger, who is no target.
 */
#ifndef ACTS_H
#define ACTS_H

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "descriptors.h"

#define TIMES(n)   for (int turn_ = 0; turn_ < (n); turn_++)
#define MAX_EVENTS 4096

static struct epoll_event events[MAX_EVENTS];

/* ---- epoll ----------------------------------------------------------------------------------- */

static inline int new_set(void)
{
	int set = epoll_create1(EPOLL_CLOEXEC);

	MUST(set >= 0);
	return set;
}

static inline int ctl(int set, int op, int fd, uint32_t mask, uint64_t data)
{
	struct epoll_event event = { .events = mask, .data.u64 = data };

	return epoll_ctl(set, op, fd, &event);
}

static inline void add(int set, int fd, uint32_t mask, uint64_t data)
{
	MUST(!ctl(set, EPOLL_CTL_ADD, fd, mask, data));
}

static inline void mod(int set, int fd, uint32_t mask, uint64_t data)
{
	MUST(!ctl(set, EPOLL_CTL_MOD, fd, mask, data));
}

static inline void del(int set, int fd)
{
	MUST(!ctl(set, EPOLL_CTL_DEL, fd, 0, 0));
}

/* A wait that finds so many; it does not sleep, for what happens has happened. */
static inline void some(int set, int max, int nr)
{
	MUST(epoll_wait(set, events, max, 0) == nr);
}

static inline void none(int set)
{
	some(set, 8, 0);
}

/* A wait that finds one descriptor, in this state. */
static inline void one(int set, uint32_t bits, uint64_t data)
{
	some(set, 8, 1);
	MUST(events[0].events == bits && events[0].data.u64 == data);
}

/* It has run out by now, or does within the wait. */
static inline void told_of_timer(int set, uint64_t data)
{
	MUST(epoll_wait(set, events, 8, -1) == 1);
	MUST(events[0].events == EPOLLIN && events[0].data.u64 == data);
}

/* ---- turns ---------------------------------------------------------------------------------- */

static inline void say(int fd)
{
	MUST(send(fd, "x", 1, MSG_NOSIGNAL) == 1);
}

static inline bool hear(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == 1;
}

/* A thread that does one thing at a time, and only then does who asked go on. */
struct helper {
	pthread_t thread;
	pid_t tid;
	sem_t asked, done;
	void (*step)(void);
};

static inline void *help(void *context)
{
	struct helper *helper = context;

	helper->tid = gettid();
	for (;;) {
		while (sem_wait(&helper->asked))
			;
		if (!helper->step)
			return NULL;
		helper->step();
		sem_post(&helper->done);
	}
}

static inline struct helper *new_helper(void)
{
	struct helper *helper = calloc(1, sizeof(*helper));

	sem_init(&helper->asked, 0, 0);
	sem_init(&helper->done, 0, 0);
	MUST(!pthread_create(&helper->thread, NULL, help, helper));
	return helper;
}

static inline void in_thread(struct helper *helper, void (*step)(void))
{
	helper->step = step;
	sem_post(&helper->asked);
	while (sem_wait(&helper->done))
		;
}

/* It can be joined before the kernel has ended it: until then it is no ended thread. */
static inline void end_helper(struct helper *helper)
{
	helper->step = NULL;
	sem_post(&helper->asked);
	MUST(!pthread_join(helper->thread, NULL));
	while (!syscall(SYS_tgkill, getpid(), helper->tid, 0))
		sched_yield();
}

/* A child that does @step each time it is asked. It ends when its parent does, or end_child(). */
struct child {
	pid_t pid;
	int link;
};

static inline struct child new_child(void (*step)(void))
{
	struct child child;
	int links[2];

	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, links));
	child.pid = fork();
	MUST(child.pid >= 0);
	child.link = links[0];
	if (child.pid) {
		close(links[1]);
		return child;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(links[0]);
	while (hear(links[1])) {
		step();
		say(links[1]);
	}
	_exit(0);
}

static inline void in_child(struct child *child)
{
	say(child->link);
	MUST(hear(child->link));
}

static inline void end_child(struct child *child)
{
	close(child->link);
	MUST(waitpid(child->pid, NULL, 0) == child->pid);
}

/* ---- the stranger --------------------------------------------------------------------------- */

static int to_stranger;

/*
 * The stranger is no target: what it does with a description it shares is not seen. It reads once,
 * or accepts, and must succeed.
 */
static inline void stranger_takes(int fd, size_t ask)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec vec = { &ask, sizeof(ask) };
	struct msghdr message = { .msg_iov = &vec,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	MUST(sendmsg(to_stranger, &message, 0) == sizeof(ask));
	MUST(hear(to_stranger));
}

#define ACCEPT 0 /* instead of a number of bytes */

static inline void be_the_stranger(int link)
{
	char control[CMSG_SPACE(sizeof(int))];
	size_t ask;
	struct iovec vec = { &ask, sizeof(ask) };
	struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1, .msg_control = control };

	for (;;) {
		int fd;

		message.msg_controllen = sizeof(control);
		if (recvmsg(link, &message, 0) != sizeof(ask))
			return;
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
		MUST((ask == ACCEPT ? close(accept(fd, NULL, NULL)) : read(fd, bytes, ask)) >= 0);
		close(fd);
		say(link);
	}
}

/* Our parent, for children of a target are targets. It ends as we do. */
static inline void leave_a_stranger(void)
{
	int links[2], status;
	pid_t pid;

	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, links));
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		close(links[1]);
		to_stranger = links[0];
		return;
	}
	close(links[0]);
	be_the_stranger(links[1]);
	MUST(waitpid(pid, &status, 0) == pid);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

#endif
