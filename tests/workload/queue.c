/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * queue.c - queue BACKLOG FILL CONNECT: a listener that is slow to accept. Each
 * line on stdin is a step, and each is answered by a line:
 *
 *	1	FILL connections are made, and stand in the queue
 *	2	all are accepted
 *	3	CONNECT more are begun; what finds the queue full is dropped, and the
 *		clients are closed, so that nothing is sent again
 *	4	what stands in the queue is accepted
 */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "workload.h"

static struct sockaddr_in address = { .sin_family = AF_INET };

static int begin_client(int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
	int err;

	MUST(fd >= 0);
	err = connect(fd, (struct sockaddr *)&address, sizeof(address));
	MUST(!err || errno == EINPROGRESS);
	return fd;
}

static int accept_all(int listener)
{
	int nr = 0, fd;

	while ((fd = accept4(listener, NULL, NULL, 0)) >= 0) {
		close(fd);
		nr++;
	}
	MUST(errno == EAGAIN);
	return nr;
}

static void step(const char *format, int value)
{
	char line[64];
	int len = snprintf(line, sizeof(line), format, value);

	MUST(write(STDOUT_FILENO, line, len) == len);
	MUST(read(STDIN_FILENO, line, sizeof(line)) > 0);
}

int main(int argc, char **argv)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(address);
	int clients[256], fill, nr;

	MUST(argc == 4 && listener >= 0);
	fill = atoi(argv[2]);
	nr = atoi(argv[3]);
	MUST(fill < 256 && nr < 256);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	MUST(!listen(listener, atoi(argv[1])));
	MUST(!getsockname(listener, (struct sockaddr *)&address, &len));
	hold();
	step("port=%d\n", ntohs(address.sin_port));
	for (int i = 0; i < fill; i++)
		clients[i] = begin_client(0);
	step("queued=%d\n", fill);
	step("accepted=%d\n", accept_all(listener));
	for (int i = 0; i < fill; i++)
		close(clients[i]);
	for (int i = 0; i < nr; i++)
		clients[i] = begin_client(SOCK_NONBLOCK);
	for (int i = 0; i < nr; i++)
		close(clients[i]);
	step("begun=%d\n", nr);
	step("accepted=%d\n", accept_all(listener));
	return 0;
}
