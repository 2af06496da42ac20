/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * known-io.c - every outcome of accept, and of the calls that move bytes between
 * sockets, files, pipes and others, each a prime number of times.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "workload.h"

#define TIMES(n) for (int turn_ = 0; turn_ < (n); turn_++)

static char buffer[4096];

static void come_and_go(int signal)
{
	(void)signal;
}

static void arm(int on)
{
	struct itimerval timer = { .it_value.tv_usec = on * 1000,
				   .it_interval.tv_usec = on * 1000 };

	MUST(!setitimer(ITIMER_REAL, &timer, NULL));
}

static void accept_all_ways(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET }, peer;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(address), peer_len;
	struct rlimit limit, tight;
	int clients[7];

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(listener >= 0 && !bind(listener, (struct sockaddr *)&address, sizeof(address)));
	TIMES(13) MUST(accept(listener, NULL, NULL) < 0 && errno == EINVAL);
	MUST(!listen(listener, 10) && !getsockname(listener, (struct sockaddr *)&address, &len));
	for (int i = 0; i < 7; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		MUST(!connect(clients[i], (struct sockaddr *)&address, sizeof(address)));
	}
	MUST(!getrlimit(RLIMIT_NOFILE, &limit));
	tight = (struct rlimit){ .rlim_cur = clients[6] + 1, .rlim_max = limit.rlim_max };
	MUST(!setrlimit(RLIMIT_NOFILE, &tight));
	TIMES(11) MUST(accept(listener, NULL, NULL) < 0 && errno == EMFILE);
	MUST(!setrlimit(RLIMIT_NOFILE, &limit));
	TIMES(2) MUST(accept(listener, NULL, NULL) >= 0);
	TIMES(5)
	{
		peer_len = sizeof(peer);
		MUST(accept4(listener, (struct sockaddr *)&peer, &peer_len, SOCK_CLOEXEC) >= 0);
	}
	TIMES(17) MUST(accept(listener, NULL, NULL) < 0 && errno == EAGAIN);
	expect("accept.calls=%d", 7 + 17 + 11 + 13);
	expect("accept.accepted=7");
	expect("accept.again=17");
	expect("accept.fd_limit=11");
	expect("accept.failed=13");
	expect("accept.interrupted=0");
	/* Depth as each accept left it: 6 5 4 3 2 1 0. */
	expect("accept.listeners[0].local=127.0.0.1:%d", ntohs(address.sin_port));
	expect("accept.listeners[0].accepted=7");
	expect("accept.listeners[0].again=17");
	expect("accept.listeners[0].queue_limit=10");
	expect("accept.listeners[0].queue_depth_hist=[1,1,2,3]");
	expect("accept.listeners[0].drops=0");
}

static void register_all_ways(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(0), fds[7];

	for (int i = 0; i < 7; i++) {
		fds[i] = eventfd(0, 0);
		MUST(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event));
	}
	TIMES(5) MUST(!epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fds[0], &event));
	for (int i = 0; i < 3; i++)
		MUST(!epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fds[i], NULL));
	TIMES(11) MUST(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[6], &event) && errno == EEXIST);
	TIMES(13) MUST(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fds[0], NULL) && errno == ENOENT);
	expect("epoll_ctl.add=7");
	expect("epoll_ctl.mod=5");
	expect("epoll_ctl.del=3");
	expect("epoll_ctl.failed=%d", 11 + 13);
	expect("epoll_ctl.in_bytes=%d", (7 + 5 + 11) * (int)sizeof(event));
	for (int i = 0; i < 7; i++)
		close(fds[i]);
	close(epoll_fd);
}

/* @a has what @b sends. */
static void use_sockets(int a, int b)
{
	struct iovec iov[] = { { buffer, 10 }, { buffer, 20 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct mmsghdr mmsg[3] = { { .msg_hdr = msg }, { .msg_hdr = msg }, { .msg_hdr = msg } };
	int lonely = socket(AF_INET, SOCK_STREAM, 0);

	TIMES(2) MUST(write(b, buffer, 1000) == 1000);
	TIMES(3) MUST(writev(b, iov, 2) == 30);
	TIMES(5) MUST(send(b, buffer, 100, 0) == 100);
	TIMES(7) MUST(sendmsg(b, &msg, 0) == 30);
	TIMES(11) MUST(sendmmsg(b, mmsg, 3, 0) == 3);
	TIMES(13) MUST(send(lonely, buffer, 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	/* 2000 + 90 + 500 + 210 + 990 = 3790 bytes, as a stream. */
	TIMES(2) MUST(read(a, buffer, 500) == 500);
	TIMES(3) MUST(readv(a, iov, 2) == 30);
	TIMES(5) MUST(recv(a, buffer, 200, 0) == 200);
	TIMES(7) MUST(recvmsg(a, &msg, 0) == 30);
	TIMES(2) MUST(recvmmsg(a, mmsg, 3, 0, NULL) == 3); /* 90 each time */
	TIMES(1) MUST(read(a, buffer, sizeof(buffer)) == 3790 - 1000 - 90 - 1000 - 210 - 180);
	TIMES(17) MUST(recv(a, buffer, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	TIMES(19) MUST(recv(lonely, buffer, 1, 0) < 0 && errno == ENOTCONN);
	arm(1);
	TIMES(3) MUST(read(a, buffer, 1) < 0 && errno == EINTR);
	arm(0);
	MUST(!shutdown(b, SHUT_WR));
	TIMES(23) MUST(read(a, buffer, 1) == 0);
	close(lonely);
	expect("io.write.socket.calls=%d", 2 + 3 + 5 + 7 + 11 + 13);
	expect("io.write.socket.bytes=3790");
	expect("io.write.socket.failed=13");
	expect("io.write.socket.partial=0");
	expect("io.write.socket.size_hist=[0,0,0,0,0,%d,0,%d,0,0,2]", 3 + 7, 5 + 11);
	expect("io.read.socket.calls=%d", 2 + 3 + 5 + 7 + 2 + 1 + 17 + 19 + 3 + 23);
	expect("io.read.socket.bytes=3790");
	expect("io.read.socket.partial=1");
	expect("io.read.socket.again=17");
	expect("io.read.socket.failed=19");
	expect("io.read.socket.interrupted=3");
	expect("io.read.socket.end=23");
	expect("io.read.socket.size_hist=[23,0,0,0,0,%d,0,2,5,2,0,1]", 3 + 7);
}

static void use_file(int fd)
{
	struct iovec iov[] = { { buffer, 1000 }, { buffer, 24 } };

	MUST(write(fd, buffer, 4096) == 4096);
	TIMES(2) MUST(pwrite(fd, buffer, 100, 0) == 100);
	TIMES(3) MUST(pwritev(fd, iov, 2, 0) == 1024);
	TIMES(5) MUST(pwritev2(fd, iov, 2, 0, 0) == 1024);
	TIMES(7) MUST(pread(fd, buffer, 100, 4000) == 96);
	TIMES(11) MUST(preadv(fd, iov, 2, 0) == 1024);
	TIMES(13) MUST(preadv2(fd, iov, 2, 0, 0) == 1024);
	TIMES(17) MUST(read(fd, buffer, 1) == 0); /* at its end */
	TIMES(19) MUST(pread(fd, buffer, 1, -1) < 0 && errno == EINVAL);
	/* And the report, which goes to a file. */
	expect("io.write.file.calls=%d", 1 + 2 + 3 + 5 + 1);
	expect("io.write.file.bytes=%d", 4096 + 200 + 8 * 1024 + REPORT_BYTES);
	expect("io.write.file.size_hist=[0,0,0,0,0,0,0,2,0,0,0,8,0,1,1]");
	expect("io.read.file.calls=%d", 7 + 11 + 13 + 17 + 19);
	expect("io.read.file.bytes=%d", 7 * 96 + 24 * 1024);
	expect("io.read.file.partial=7");
	expect("io.read.file.end=17");
	expect("io.read.file.failed=19");
	expect("io.read.file.size_hist=[17,0,0,0,0,0,0,7,0,0,0,24]");
}

static void use_pipes(int file, int a)
{
	int first[2], second[2];
	struct iovec iov = { buffer, 40 };
	loff_t at;

	MUST(!pipe2(first, O_NONBLOCK) && !pipe2(second, O_NONBLOCK));
	TIMES(2) MUST(write(first[1], buffer, 50) == 50);
	TIMES(3) MUST(vmsplice(first[1], &iov, 1, 0) == 40);
	TIMES(5) MUST(tee(first[0], second[1], 7, 0) == 7);
	TIMES(2) MUST(splice(first[0], NULL, second[1], NULL, 11, 0) == 11);
	TIMES(3) MUST(splice(second[0], NULL, a, NULL, 13, 0) == 13); /* 35 + 22 bytes are there */
	at = 0;
	TIMES(7) MUST(splice(file, &at, first[1], NULL, 5, 0) == 5);
	TIMES(11)
	MUST(copy_file_range(file, (loff_t[]){ 0 }, file, (loff_t[]){ 8192 }, 17, 0) == 17);
	TIMES(13) MUST(sendfile(a, file, (off_t[]){ 0 }, 19) == 19);
	TIMES(2) MUST(sendfile(a, file, (off_t[]){ 8200 }, 1000) == 9); /* what is left of it */
	TIMES(3) MUST(sendfile(a, file, (off_t[]){ 1 << 20 }, 1) == 0);
	MUST(read(second[0], buffer, sizeof(buffer)) == 35 + 22 - 39);
	TIMES(23) MUST(read(second[0], buffer, 1) < 0 && errno == EAGAIN);
	expect("io.write.pipe.calls=2");
	expect("io.write.pipe.bytes=100");
	expect("io.vmsplice.pipe.calls=3");
	expect("io.vmsplice.pipe.bytes=120");
	expect("io.tee.pipe.calls=5");
	expect("io.tee.pipe.bytes=35");
	expect("io.splice.pipe.calls=%d", 2 + 7);
	expect("io.splice.pipe.bytes=%d", 22 + 35);
	expect("io.splice.socket.calls=3");
	expect("io.splice.socket.bytes=39");
	expect("io.copy_file_range.file.calls=11");
	expect("io.copy_file_range.file.bytes=%d", 11 * 17);
	expect("io.sendfile.socket.calls=%d", 13 + 2 + 3);
	expect("io.sendfile.socket.bytes=%d", 13 * 19 + 2 * 9);
	expect("io.sendfile.socket.partial=2");
	expect("io.sendfile.socket.end=3");
	expect("io.read.pipe.calls=24");
	expect("io.read.pipe.bytes=18");
	expect("io.read.pipe.partial=1");
	expect("io.read.pipe.again=23");
	expect("copies.zero_copy_bytes=%d", 39 + 13 * 19 + 2 * 9);
	expect("copies.socket_out_bytes=%d", 3790 + 39 + 13 * 19 + 2 * 9);
}

static void use_others(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	uint64_t value = 7;

	MUST(write(fd, &value, sizeof(value)) == sizeof(value));
	TIMES(7) MUST(read(fd, &value, sizeof(value)) == sizeof(value));
	TIMES(11) MUST(read(fd, &value, sizeof(value)) < 0 && errno == EAGAIN);
	TIMES(13) MUST(read(-1, &value, sizeof(value)) < 0 && errno == EBADF);
	expect("io.write.other.calls=1");
	expect("io.write.other.bytes=8");
	expect("io.read.other.calls=%d", 7 + 11 + 13);
	expect("io.read.other.bytes=56");
	expect("io.read.other.again=11");
	expect("io.read.other.failed=13");
}

static void open_and_close(void)
{
	int fds[2];

	TIMES(5)
	{
		int fd = open("/", O_RDONLY | O_DIRECTORY), copy = dup(fd);

		MUST(fd >= 0 && copy >= 0 && dup2(fd, copy) == copy); /* closes one, opens one */
		MUST(fcntl(fd, F_DUPFD, 0) >= 0);
	}
	TIMES(3)
	{
		MUST(!pipe(fds));
		close(fds[0]);
		close(fds[1]);
	}
	TIMES(7) MUST(open("/no/such/file", O_RDONLY) < 0);
	TIMES(2) MUST(close(-1) < 0);
	/*
	 * The other functions': a listener, 7 clients and 7 accepted; an epoll and 7 eventfds, closed
	 * again; a lonely socket, closed; two pipes; an eventfd; a file and a socket pair.
	 */
	expect("fds.opened=%d", 5 * 4 + 3 * 2 + 15 + 8 + 1 + 4 + 1 + 3);
	expect("fds.closed=%d", 5 + 3 * 2 + 8 + 1);
	expect("fds.unaccounted=0");
}

int main(void)
{
	struct sigaction action = { .sa_handler = come_and_go };
	int file = open("/tmp", O_RDWR | O_TMPFILE, 0600), sockets[2];

	MUST(file >= 0 && !socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	MUST(!sigaction(SIGALRM, &action, NULL));
	accept_all_ways();
	register_all_ways();
	use_sockets(sockets[0], sockets[1]);
	use_file(file);
	use_pipes(file, sockets[0]);
	use_others();
	open_and_close();
	/* The addresses of 5 accepts are 16 bytes, their sizes 4 in and 4 out; 23 epoll_events. */
	expect("copies.control_bytes=%d", 5 * (4 + 16 + 4) + 23 * (int)sizeof(struct epoll_event));
	report();
	return 0;
}
