/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets that many tests need: connected pairs, listeners and what connects to them. */
#include "harness.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

void new_pair(int pair[2])
{
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
	     "socketpair");
}

int new_unix_listener(struct sockaddr_storage *at, socklen_t *len)
{
	int fd = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
	struct sockaddr address = { .sa_family = AF_UNIX };

	must(bind(fd, &address, sizeof(sa_family_t)), "bind");
	must(listen(fd, 16), "listen");
	*len = sizeof(*at);
	must(getsockname(fd, (struct sockaddr *)at, len), "getsockname");
	return fd;
}

int connect_unix(const struct sockaddr_storage *at, socklen_t len)
{
	int fd = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	must(connect(fd, (const struct sockaddr *)at, len), "connect");
	return fd;
}

void accept_one(int listener)
{
	close(must(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept4"));
}

void accept_none(int listener)
{
	assert_int_equal(accept4(listener, NULL, NULL, SOCK_CLOEXEC), -1);
	assert_int_equal(errno, EAGAIN);
}

int new_tcp_listener(struct sockaddr_in *at)
{
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	must(bind(fd, (struct sockaddr *)at, sizeof(*at)), "bind");
	must(listen(fd, 16), "listen");
	must(getsockname(fd, (struct sockaddr *)at, &len), "getsockname");
	return fd;
}

int connect_tcp(const struct sockaddr_in *at)
{
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	must(connect(fd, (const struct sockaddr *)at, sizeof(*at)), "connect");
	return fd;
}

void new_tcp_pair(int pair[2])
{
	struct sockaddr_in at;
	int listener = new_tcp_listener(&at);

	pair[0] = connect_tcp(&at);
	set_blocking(listener, true);
	pair[1] = must(accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), "accept4");
	set_blocking(pair[0], false);
	close(listener);
}

const struct profile_listener *listener_at(const struct tracer *tracer, int fd)
{
	struct stat stat;

	must(fstat(fd, &stat), "fstat");
	return listener_of(own_process(tracer), stat.st_ino);
}
