/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * chatter.c - chatter PORT CONNECTIONS MS PACE_MS REQUEST: a client of any protocol
 * in which each request has one answer, always of the same length, which the
 * first tells. For so many milliseconds it asks on all connections, takes all
 * the answers, and asks again PACE_MS later; 0: at once. Prints how often.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "workload.h"

#define MAX_CONNECTIONS 256
#define QUIET_MS	100 /* after so long, the first answer is whole */

static char bytes[65536];

static int connect_to(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	MUST(!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	return fd;
}

static void ask(int fd, const char *request)
{
	ssize_t len = strlen(request);

	MUST(send(fd, request, len, MSG_NOSIGNAL) == len);
}

static ssize_t first_answer(int fd)
{
	struct pollfd more = { fd, POLLIN, 0 };
	ssize_t len = 0;

	do {
		ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

		MUST(got > 0);
		len += got;
	} while (poll(&more, 1, QUIET_MS));
	return len;
}

static void take_answer(int fd, ssize_t len)
{
	while (len > 0) {
		ssize_t got = recv(fd, bytes,
				   len < (ssize_t)sizeof(bytes) ? len : (ssize_t)sizeof(bytes), 0);

		MUST(got > 0);
		len -= got;
	}
}

int main(int argc, char **argv)
{
	int fds[MAX_CONNECTIONS], nr, pace_ms, turns = 0;
	uint64_t end_ns;
	ssize_t len;

	MUST(argc == 6);
	nr = atoi(argv[2]);
	pace_ms = atoi(argv[4]);
	MUST(nr > 0 && nr <= MAX_CONNECTIONS);
	end_ns = now_ns() + atoi(argv[3]) * 1000000ULL;
	for (int i = 0; i < nr; i++)
		fds[i] = connect_to(atoi(argv[1]));
	ask(fds[0], argv[5]);
	for (len = first_answer(fds[0]); now_ns() < end_ns; turns++) {
		for (int i = 0; i < nr; i++)
			ask(fds[i], argv[5]);
		for (int i = 0; i < nr; i++)
			take_answer(fds[i], len);
		poll(NULL, 0, pace_ms);
	}
	printf("%d\n", turns * nr);
	return 0;
}
