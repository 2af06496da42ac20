/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The write family, every call of it, by kind of file. */
#include "tests.h"

#include <pty.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

typedef ssize_t write_call(int fd, const void *data, size_t len);

static ssize_t call_write(int fd, const void *data, size_t len)
{
	return syscall(SYS_write, fd, data, len);
}

static void split(struct iovec iov[2], const void *data, size_t len)
{
	iov[0] = (struct iovec){ (void *)data, len / 2 };
	iov[1] = (struct iovec){ (char *)data + len / 2, len - len / 2 };
}

static ssize_t call_writev(int fd, const void *data, size_t len)
{
	struct iovec iov[2];

	split(iov, data, len);
	return syscall(SYS_writev, fd, iov, 2);
}

static ssize_t call_pwrite(int fd, const void *data, size_t len)
{
	return syscall(SYS_pwrite64, fd, data, len, 0);
}

static ssize_t call_pwritev(int fd, const void *data, size_t len)
{
	struct iovec iov[2];

	split(iov, data, len);
	return syscall(SYS_pwritev, fd, iov, 2, 0, 0);
}

static ssize_t call_pwritev2(int fd, const void *data, size_t len)
{
	struct iovec iov[2];

	split(iov, data, len);
	return syscall(SYS_pwritev2, fd, iov, 2, -1L, -1L, 0);
}

static ssize_t call_sendto(int fd, const void *data, size_t len)
{
	return syscall(SYS_sendto, fd, data, len, 0, NULL, 0);
}

static ssize_t call_sendmsg(int fd, const void *data, size_t len)
{
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	split(iov, data, len);
	return syscall(SYS_sendmsg, fd, &msg, 0);
}

static char block[1 << 20];

/* Writes until nothing goes in any more: at least one write is cut short, or all of them whole. */
static void fill(struct tracer *tracer, write_call *call, int to, const char *kind)
{
	uint64_t bytes = 0, calls = 0, partial = 0;
	ssize_t n;

	set_blocking(to, false);
	while ((n = call(to, block, sizeof(block))) > 0) {
		bytes += n;
		calls++;
		partial += n < (ssize_t)sizeof(block);
		want(tracer, 1, "io.write.%s.size_hist[%u]", kind, bucket_of(n));
	}
	assert_true(partial > 0);
	want(tracer, calls + 1, "io.write.%s.calls", kind);
	want(tracer, bytes, "io.write.%s.bytes", kind);
	want(tracer, partial, "io.write.%s.partial", kind);
	want(tracer, 1, "io.write.%s.again", kind);
}

static void check_stream(struct tracer *tracer, write_call *call, int from, int to,
			 const char *kind)
{
	timer_t timer;

	begin(tracer);
	for (int i = 0; i < 3; i++)
		assert_int_equal(call(to, block, 5), 5);
	fill(tracer, call, to, kind);
	for (int i = 0; i < 6; i++)
		assert_int_equal(call(to, block, sizeof(block)), -1);
	set_blocking(to, true);
	timer = start_interrupting();
	for (int i = 0; i < 13; i++)
		assert_int_equal(call(to, block, sizeof(block)), -1);
	stop_interrupting(timer);
	close(from);
	for (int i = 0; i < 5; i++)
		assert_int_equal(call(to, block, 5), -1); /* EPIPE */
	end(tracer);
	want(tracer, 3 + 6 + 13 + 5, "io.write.%s.calls", kind);
	want(tracer, 3 * 5, "io.write.%s.bytes", kind);
	want(tracer, 3, "io.write.%s.size_hist[3]", kind);
	want(tracer, 6, "io.write.%s.again", kind);
	want(tracer, 13, "io.write.%s.interrupted", kind);
	want(tracer, 5, "io.write.%s.failed", kind);
	expect(tracer, { "fds.closed", 1 });
	close(to);
}

static void sockets_are_written_by_every_call(void **state)
{
	static write_call *const calls[] = { call_write, call_writev, call_sendto, call_sendmsg };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int pair[2];

		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
		check_stream(*state, calls[i], pair[0], pair[1], "socket");
	}
}

static void pipes_are_written_by_every_call(void **state)
{
	static write_call *const calls[] = { call_write, call_writev, call_pwritev2 };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int ends[2];

		must(pipe2(ends, O_CLOEXEC), "pipe2");
		check_stream(*state, calls[i], ends[0], ends[1], "pipe");
	}
}

static void files_are_written_by_every_call(void **state)
{
	static write_call *const calls[] = { call_write, call_writev, call_pwrite, call_pwritev,
					     call_pwritev2 };
	int fd = must(memfd_create("fdscope-test", MFD_CLOEXEC), "memfd_create");
	int tail = must(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "open");

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		begin(*state);
		for (int j = 0; j < 7; j++)
			assert_int_equal(calls[i](fd, block, 11), 11);
		for (int j = 0; j < 5; j++)
			assert_int_equal(calls[i](tail, block, 11), -1); /* read-only */
		for (int j = 0; j < 3; j++)
			assert_int_equal(calls[i](-1, block, 11), -1);
		for (int j = 0; j < 2; j++)
			assert_int_equal(calls[i](fd, block, 0), 0); /* nothing asked */
		end(*state);
		expect(*state, { "io.write.file.calls", 12 }, { "io.write.file.bytes", 77 },
		       { "io.write.file.failed", 5 }, { "io.write.file.size_hist[0]", 2 },
		       { "io.write.file.size_hist[4]", 7 }, { "io.write.other.failed", 3 },
		       { "copies.user_to_kernel_bytes", 77 }, { "copies.socket_out_bytes", 0 });
	}
	close(fd);
	close(tail);
}

static void eventfds_ttys_and_devices_are_other(void **state)
{
	int null = must(open("/dev/null", O_WRONLY | O_CLOEXEC), "open /dev/null");
	const uint64_t one = 1, full = UINT64_MAX - 1;
	int master, slave, event = new_eventfd();

	must(openpty(&master, &slave, NULL, NULL, NULL), "openpty");
	begin(*state);
	for (int i = 0; i < 5; i++)
		assert_int_equal(write(null, block, 100), 100);
	for (int i = 0; i < 3; i++)
		assert_int_equal(write(master, block, 7), 7);
	assert_int_equal(write(event, &full, 8), 8);
	for (int i = 0; i < 11; i++)
		assert_int_equal(write(event, &one, 8), -1); /* EAGAIN */
	end(*state);
	expect(*state, { "io.write.other.calls", 20 }, { "io.write.other.bytes", 529 },
	       { "io.write.other.again", 11 }, { "io.write.other.size_hist[7]", 5 },
	       { "io.write.other.size_hist[3]", 3 }, { "io.write.other.size_hist[4]", 1 });
	close(null);
	close(event);
	close(master);
	close(slave);
}

/* On a full datagram socket fewer messages go than were asked for. */
static void sendmmsg_counts_messages_against_its_vector(void **state)
{
	struct mmsghdr messages[8] = {};
	struct iovec iov = { block, 3 };
	int pair[2];

	for (int i = 0; i < 8; i++) {
		messages[i].msg_hdr.msg_iov = &iov;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	begin(*state);
	for (int i = 0; i < 2; i++)
		assert_int_equal(syscall(SYS_sendmmsg, pair[0], messages, 1, MSG_DONTWAIT), 1);
	for (int i = 0; i < 3; i++) { /* the third message has nowhere to go */
		messages[2].msg_hdr.msg_name = block;
		messages[2].msg_hdr.msg_namelen = 1;
		assert_int_equal(syscall(SYS_sendmmsg, pair[0], messages, 5, MSG_DONTWAIT), 2);
	}
	for (int i = 0; i < 5; i++)
		assert_int_equal(syscall(SYS_sendmmsg, pair[0], &messages[2], 5, MSG_DONTWAIT), -1);
	end(*state);
	expect(*state, { "io.write.socket.calls", 10 },
	       { "io.write.socket.bytes", 3 * (2 + 3 * 2) }, { "io.write.socket.partial", 3 },
	       { "io.write.socket.failed", 5 }, { "io.write.socket.size_hist[2]", 2 },
	       { "io.write.socket.size_hist[3]", 3 }, { "copies.socket_out_bytes", 24 },
	       { "copies.user_to_kernel_bytes", 24 });
	close(pair[0]);
	close(pair[1]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(sockets_are_written_by_every_call),
	cmocka_unit_test(pipes_are_written_by_every_call),
	cmocka_unit_test(files_are_written_by_every_call),
	cmocka_unit_test(eventfds_ttys_and_devices_are_other),
	cmocka_unit_test(sendmmsg_counts_messages_against_its_vector),
};

const struct family io_write_tests = { tests, ARRAY_SIZE(tests) };
