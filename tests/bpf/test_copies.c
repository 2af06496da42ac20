/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What crossed between user and kernel space: MSG_PEEK, MSG_TRUNC, the error queue, and the sums. */
#include "tests.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "model/derive.h"

/* Two ends that know each other, over loopback. */
static void connect_pair(int type, int pair[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int at = must(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
	socklen_t len = sizeof(address);

	must(bind(at, (struct sockaddr *)&address, len), "bind");
	must(getsockname(at, (struct sockaddr *)&address, &len), "getsockname");
	pair[1] = must(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
	if (type == SOCK_STREAM)
		must(listen(at, 1), "listen");
	must(connect(pair[1], (struct sockaddr *)&address, len), "connect");
	pair[0] = at;
	if (type == SOCK_STREAM) {
		pair[0] = must(accept(at, NULL, NULL), "accept");
		close(at);
	}
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void peeked_bytes_crossed_each_time(void **state)
{
	char buffer[64];
	int pair[2];

	connect_pair(SOCK_STREAM, pair);
	assert_int_equal(send(pair[1], buffer, 11, 0), 11);
	assert_int_equal(recv(pair[0], buffer, 11, MSG_PEEK | MSG_WAITALL), 11);
	begin(*state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(recv(pair[0], buffer, sizeof(buffer), MSG_PEEK), 11);
	assert_int_equal(recv(pair[0], buffer, 11, 0), 11);
	end(*state);
	expect(*state, { "io.read.socket.calls", 4 }, { "io.read.socket.bytes", 44 },
	       { "io.read.socket.partial", 3 }, { "io.read.socket.size_hist[4]", 4 },
	       { "copies.kernel_to_user_bytes", 44 });
	close_pair(pair);
}

/* tcp(7): MSG_TRUNC throws the data away instead of copying it. */
static void tcp_throws_truncated_bytes_away(void **state)
{
	char buffer[64];
	int pair[2];

	connect_pair(SOCK_STREAM, pair);
	assert_int_equal(send(pair[1], buffer, 3 * 7 + 5, 0), 3 * 7 + 5);
	assert_int_equal(recv(pair[0], buffer, 26, MSG_PEEK | MSG_WAITALL), 26);
	begin(*state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(recv(pair[0], NULL, 7, MSG_TRUNC), 7);
	assert_int_equal(recv(pair[0], buffer, 5, 0), 5);
	end(*state);
	expect(*state, { "io.read.socket.calls", 4 }, { "io.read.socket.bytes", 26 },
	       { "io.read.socket.size_hist[3]", 4 }, { "copies.truncated_bytes", 21 },
	       { "copies.kernel_to_user_bytes", 5 });
	close_pair(pair);
}

/* udp(7): MSG_TRUNC reports the datagram's length, the buffer got what fits. */
static void udp_reports_what_did_not_fit(void **state)
{
	struct iovec iov = { NULL, 5 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	char buffer[64];
	int pair[2];

	iov.iov_base = buffer;
	connect_pair(SOCK_DGRAM, pair);
	for (int i = 0; i < 7; i++)
		assert_int_equal(send(pair[1], buffer, 23, 0), 23);
	begin(*state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(recv(pair[0], buffer, 5, MSG_TRUNC), 23);
	for (int i = 0; i < 2; i++)
		assert_int_equal(recvmsg(pair[0], &msg, MSG_TRUNC), 23);
	assert_int_equal(recv(pair[0], buffer, 64, MSG_TRUNC), 23);
	assert_int_equal(recv(pair[0], buffer, 5, 0), 5);
	end(*state);
	expect(*state, { "io.read.socket.calls", 7 }, { "io.read.socket.bytes", 6 * 23 + 5 },
	       { "io.read.socket.partial", 1 }, { "io.read.socket.size_hist[5]", 6 },
	       { "io.read.socket.size_hist[3]", 1 }, { "copies.truncated_bytes", 5 * 18 },
	       { "copies.kernel_to_user_bytes", 5 * 5 + 23 + 5 });
	close_pair(pair);
}

static void recvmmsg_with_trunc_is_a_loss(void **state)
{
	char buffer[64];
	struct iovec iov = { buffer, 5 };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };
	int pair[2];

	connect_pair(SOCK_DGRAM, pair);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(pair[1], buffer, 23, 0), 23);
	begin(*state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(syscall(SYS_recvmmsg, pair[0], &message, 1, MSG_TRUNC, NULL), 1);
	end(*state);
	expect(*state, { "io.read.socket.bytes", 3 * 23 }, { "io.read.socket.size_hist[5]", 3 },
	       { "losses.truncated_messages", 3 });
	assert_false(profile_is_complete(profile_of(*state)));
	close_pair(pair);
}

#ifndef SO_EE_CODE_ZEROCOPY_COPIED
#define SO_EE_CODE_ZEROCOPY_COPIED 1
#endif

/* Its completion will be in the error queue. */
static void send_without_copy(const int pair[2])
{
	char buffer[7] = {};
	int one = 1;

	must(setsockopt(pair[1], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)), "SO_ZEROCOPY");
	assert_int_equal(send(pair[1], buffer, sizeof(buffer), MSG_ZEROCOPY), sizeof(buffer));
	assert_int_equal(recv(pair[0], buffer, sizeof(buffer), MSG_WAITALL), sizeof(buffer));
}

/* A completion in the error queue has no payload: result 0, and the stream goes on. */
static void the_error_queue_has_no_end(void **state)
{
	struct iovec iov = { NULL, 64 };
	char control[256], buffer[64];
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int pair[2];

	iov.iov_base = buffer;
	connect_pair(SOCK_STREAM, pair);
	send_without_copy(pair);
	begin(*state);
	do { /* the completion comes when the acknowledgement does */
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
	} while (recvmsg(pair[1], &msg, MSG_ERRQUEUE) < 0);
	end(*state);
	expect(*state, { "io.read.socket.size_hist[0]", 1 }, { "io.read.socket.again", ANY },
	       { "io.read.socket.end", 0 });
	close_pair(pair);
}

/* The same by recv. */
static void what_recv_finds_in_the_error_queue_is_no_end(void **state)
{
	struct pollfd completed;
	char buffer[64];
	int pair[2];

	connect_pair(SOCK_STREAM, pair);
	completed = (struct pollfd){ .fd = pair[1] };
	send_without_copy(pair);
	assert_int_equal(poll(&completed, 1, -1), 1);
	begin(*state);
	assert_int_equal(recv(pair[1], buffer, sizeof(buffer), MSG_ERRQUEUE), 0);
	assert_int_equal(recv(pair[1], buffer, sizeof(buffer), MSG_ERRQUEUE), -1);
	end(*state);
	expect(*state, { "io.read.socket.calls", 1 }, { "io.read.socket.size_hist[0]", 1 },
	       { "io.read.socket.again", 1 });
	close_pair(pair);
}

static void take_by_recv(int fd, size_t asked, int flags, ssize_t got)
{
	char buffer[64];

	assert_int_equal(recv(fd, buffer, asked, flags), got);
}

/* Eight waits. 37 bytes are there: 3 are read, the others looked at, and then thrown away. */
static void receive_and_send(int epfd, int fd)
{
	wait_for(epfd, 1);
	take_by_recv(fd, 3, 0, 3);
	wait_for(epfd, 1); /* residual */
	take_by_recv(fd, 64, MSG_PEEK, 34);
	wait_for(epfd, 1); /* residual */
	take_by_recv(fd, 7, MSG_TRUNC, 7);
	wait_for(epfd, 1); /* residual */
	take_by_recv(fd, 64, MSG_TRUNC, 27);
	wait_for(epfd, 1); /* idle */
	take_by_recv(fd, 64, MSG_DONTWAIT, -1);
	assert_int_equal(send(fd, "a plain one", 11, 0), 11);
	wait_for(epfd, 1);
	assert_int_equal(send(fd, "other", 5, MSG_NOSIGNAL), 5);
	wait_for(epfd, 1);
	wait_for(epfd, 1); /* idle, and told again */
}

static void flags_that_are_looked_at_count_beside_plain_ones(void **state)
{
	int epfd = new_epoll(), pair[2];
	char buffer[64] = {};

	connect_pair(SOCK_STREAM, pair);
	assert_int_equal(send(pair[1], buffer, 37, 0), 37);
	take_by_recv(pair[0], 37, MSG_PEEK | MSG_WAITALL, 37);
	watch(epfd, pair[0], EPOLLIN | EPOLLOUT);
	begin(*state);
	receive_and_send(epfd, pair[0]);
	end(*state);
	expect(*state, { "io.read.socket.calls", 5 }, { "io.read.socket.bytes", 3 + 34 + 7 + 27 },
	       { "io.read.socket.partial", 2 }, { "io.read.socket.again", 1 },
	       { "io.read.socket.size_hist[2]", 1 }, { "io.read.socket.size_hist[3]", 1 },
	       { "io.read.socket.size_hist[5]", 1 }, { "io.read.socket.size_hist[6]", 1 },
	       { "io.write.socket.calls", 2 }, { "io.write.socket.bytes", 11 + 5 },
	       { "io.write.socket.size_hist[3]", 1 }, { "io.write.socket.size_hist[4]", 1 },
	       { "copies.truncated_bytes", 7 + 27 },
	       { "copies.kernel_to_user_bytes", 3 + 34 + 8 * 12 },
	       { "copies.user_to_kernel_bytes", 11 + 5 }, { "copies.socket_out_bytes", 11 + 5 },
	       { "copies.control_bytes", 8 * 12 }, { "epoll_wait.*", ANY });
	expect_epoll(*state, epfd, { "returns", 8 }, { "registrations.level", 1 },
		     { "deliveries.level", 8 }, { "deliveries.in", 4 }, { "deliveries.out", 8 },
		     { "first_reads", 4 }, { "residual", 3 }, { "idle_out", 2 },
		     { "redelivered", 1 });
	expect_descriptor(*state, epfd, pair[0], { "deliveries", 8 }, { "residual", 3 },
			  { "idle_out", 2 }, { "redelivered", 1 }, { "reads", 4 },
			  { "read_bytes", 3 + 34 + 7 + 27 }, { "write_bytes", 11 + 5 });
	close_pair(pair);
	close(epfd);
}

static void wait_once(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");

	must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
	assert_int_equal(syscall(SYS_epoll_pwait, epfd, &event, 1, 0, NULL, 8), 1);
	close(epfd);
}

/* Payload and control together, each byte once. */
static void what_crossed_is_payload_and_control(void **state)
{
	int file = must(memfd_create("fdscope-test", MFD_CLOEXEC), "memfd_create");
	char buffer[64] = {};
	double share;
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	must(ftruncate(file, 4096), "ftruncate");
	begin(*state);
	assert_int_equal(write(pair[1], buffer, 13), 13);
	assert_int_equal(sendfile(pair[1], file, NULL, 39), 39);
	assert_int_equal(pwrite(file, buffer, 5, 0), 5);
	wait_once(pair[0]);
	assert_int_equal(read(pair[0], buffer, 52), 52);
	end(*state);
	assert_true(zero_copy_share(&own_process(*state)->counters, &share));
	assert_true(share == 0.75);
	expect(*state, { "copies.control_bytes", EVENT_BYTES + 12 },
	       { "copies.user_to_kernel_bytes", 13 + 5 + EVENT_BYTES },
	       { "copies.kernel_to_user_bytes", 52 + 12 }, { "copies.socket_out_bytes", 13 + 39 },
	       { "copies.zero_copy_bytes", 39 }, { "io.*", ANY }, { "epoll_*", ANY },
	       { "fds.opened", 1 }, { "fds.closed", 1 });
	close_pair(pair);
	close(file);
}

static void nothing_sent_has_no_share(void **state)
{
	double share;

	begin(*state);
	end(*state);
	assert_false(zero_copy_share(&own_process(*state)->counters, &share));
	expect(*state, { "copies.socket_out_bytes", 0 });
	assert_true(profile_is_complete(profile_of(*state)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(peeked_bytes_crossed_each_time),
	cmocka_unit_test(tcp_throws_truncated_bytes_away),
	cmocka_unit_test(udp_reports_what_did_not_fit),
	cmocka_unit_test(recvmmsg_with_trunc_is_a_loss),
	cmocka_unit_test(the_error_queue_has_no_end),
	cmocka_unit_test(what_recv_finds_in_the_error_queue_is_no_end),
	cmocka_unit_test(flags_that_are_looked_at_count_beside_plain_ones),
	cmocka_unit_test(what_crossed_is_payload_and_control),
	cmocka_unit_test(nothing_sent_has_no_share),
};

const struct family copies_tests = { tests, ARRAY_SIZE(tests) };
