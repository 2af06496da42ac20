/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lying-server LIE [NTH] - an HTTP server that is wrong in one way, once.
 *
 * Every request is answered with the 37 bytes that GET /bytes/37 asks for, except the NTH (from
 * 0, default 0), where the lie is told. Prints its port, then serves one connection after the
 * other until it is killed. tests/e2e/load.sh holds fdscope-load against each lie.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY "abcdefghijklmnopqrstuvwxyz0123456789a"

#define HEAD(status, length) "HTTP/1.1 " status "\r\nContent-Length: " length "\r\n"

#define TRUTH HEAD("200 OK", "37") "\r\n" BODY

enum then { GO_ON, CLOSE, RESET, HANG };

static const struct lie {
	const char *name;
	const char *answer;
	enum then then;
} lies[] = {
	{ "none", TRUTH, GO_ON },
	{ "chunked", /* no lie, only another frame */
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "1b\r\nabcdefghijklmnopqrstuvwxyz0\r\n"
	  "A;x=y\r\n123456789a\r\n0\r\nTrailer: x\r\n\r\n",
	  GO_ON },
	{ "status", HEAD("500 Lied", "37") "\r\n" BODY, GO_ON },
	{ "length", HEAD("200 OK", "36") "\r\nabcdefghijklmnopqrstuvwxyz0123456789", GO_ON },
	{ "content", HEAD("200 OK", "37") "\r\nabcdefghijklmnopqrstuvwxyz0123X56789a", GO_ON },
	{ "short", HEAD("200 OK", "37") "\r\nabcdefghi", CLOSE },
	{ "short-head", "HTTP/1.1 200 OK\r\nContent-Le", CLOSE },
	{ "closed", "", CLOSE },
	{ "announced", HEAD("200 OK", "37") "Connection: close\r\n\r\n" BODY, CLOSE },
	{ "endless", "HTTP/1.1 200 OK\r\n\r\n" BODY, CLOSE },
	{ "reset", "", RESET },
	{ "malformed", "HTTP/3 200 OK\r\n\r\n" BODY, GO_ON },
	{ "extra", TRUTH "!", GO_ON },
	{ "silent", "", HANG },
};

static const struct lie *find_lie(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		if (!strcmp(lies[i].name, name))
			return &lies[i];
	return NULL;
}

static int listen_anywhere(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
		perror("lying-server: listen");
		exit(1);
	}
	printf("%u\n", ntohs(addr.sin_port));
	fflush(stdout);
	return fd;
}

/* False at the end of the connection. The client has one request outstanding at most. */
static bool read_request(int fd)
{
	char buf[4096];
	size_t len = 0;

	while (len < sizeof(buf) - 1) {
		ssize_t n = read(fd, buf + len, sizeof(buf) - 1 - len);

		if (n <= 0)
			return false;
		len += n;
		buf[len] = '\0';
		if (strstr(buf, "\r\n\r\n"))
			return true;
	}
	return false;
}

/* socket(7): closing with SO_LINGER on and 0 seconds sends RST instead of FIN. */
static void arm_reset(int fd)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void wait_for_close(int fd)
{
	char byte;

	while (read(fd, &byte, 1) > 0)
		;
}

/* True while the connection goes on. */
static bool tell(int fd, const struct lie *lie)
{
	if (send(fd, lie->answer, strlen(lie->answer), MSG_NOSIGNAL) < 0)
		return false;
	if (lie->then == RESET)
		arm_reset(fd);
	if (lie->then == HANG)
		wait_for_close(fd);
	return lie->then == GO_ON;
}

/* The two lies that are told before a request was read: returns whether there was one to tell. */
static bool tell_at_once(int fd, const char *name)
{
	if (!strcmp(name, "early")) {
		char byte;

		if (read(fd, &byte, 1) == 1 && tell(fd, find_lie("none")))
			wait_for_close(fd);
		return true;
	}
	return !strcmp(name, "hang-up");
}

static void serve(int fd, const char *name, int *until_lie)
{
	if (*until_lie == 0 && tell_at_once(fd, name)) {
		--*until_lie;
		return;
	}
	while (read_request(fd)) {
		const struct lie *lie = find_lie((*until_lie)-- == 0 ? name : "none");

		if (!lie || !tell(fd, lie))
			return;
	}
}

int main(int argc, char **argv)
{
	int until_lie = argc > 2 ? atoi(argv[2]) : 0;
	int listener, fd;

	if (argc < 2 ||
	    (!find_lie(argv[1]) && strcmp(argv[1], "early") && strcmp(argv[1], "hang-up"))) {
		fprintf(stderr, "usage: lying-server LIE [NTH]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* no orphan, however the test ends */
	listener = listen_anywhere();
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		serve(fd, argv[1], &until_lie);
		close(fd);
	}
	return 1;
}
