/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Descriptors of each kind that workloads of readiness need, and what they do with them. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "workload.h"

static char bytes[65536];

static inline int new_event(unsigned int count, int flags)
{
	int fd = eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC | flags);

	MUST(fd >= 0);
	return fd;
}

/* A read that asks for @ask and gets @got; -1: EAGAIN. */
static inline void take(int fd, size_t ask, ssize_t got)
{
	MUST(read(fd, bytes, ask) == got && (got >= 0 || errno == EAGAIN));
}

static inline void give(int fd, size_t len)
{
	MUST(write(fd, bytes, len) == (ssize_t)len);
}

/* Of an eventfd. */
static inline void raise_by(int fd, uint64_t count)
{
	MUST(write(fd, &count, sizeof(count)) == sizeof(count));
}

static inline void drain_event(int fd)
{
	take(fd, 8, 8);
}

static inline void new_pipe(int ends[2])
{
	MUST(!pipe2(ends, O_NONBLOCK | O_CLOEXEC));
}

static inline void new_pair(int type, int ends[2])
{
	MUST(!socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
}

static inline void set_timer(int fd, int seconds)
{
	struct itimerspec spec = { .it_value = { .tv_sec = seconds, .tv_nsec = !seconds } };

	MUST(!timerfd_settime(fd, 0, &spec, NULL));
}

union any_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_un un;
};

static inline int new_listener(int family, union any_address *address, socklen_t *size)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memset(address, 0, sizeof(*address));
	address->any.sa_family = family;
	*size = family == AF_INET ? sizeof(address->in) : sizeof(sa_family_t);
	if (family == AF_INET)
		address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(!bind(fd, &address->any, *size)); /* AF_UNIX: under a name of the kernel's choice */
	MUST(!listen(fd, 64));
	*size = sizeof(*address);
	MUST(!getsockname(fd, &address->any, size));
	return fd;
}

static inline int connect_to(const union any_address *address, socklen_t size)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM, 0);

	MUST(!connect(fd, &address->any, size));
	return fd;
}

static inline void accept_one(int listener)
{
	MUST(accept(listener, NULL, NULL) >= 0);
}

static inline void accept_none(int listener)
{
	MUST(accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
}

#endif
