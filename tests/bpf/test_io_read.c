/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The read family, every call of it, by kind of file. */
#include "tests.h"

#include <linux/errqueue.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

typedef ssize_t read_call(int fd, void *buffer, size_t len);

static ssize_t call_read(int fd, void *buffer, size_t len)
{
	return syscall(SYS_read, fd, buffer, len);
}

/* In two pieces, so that their sum is what was asked. */
static void split(struct iovec iov[2], void *buffer, size_t len)
{
	iov[0] = (struct iovec){ buffer, len / 2 };
	iov[1] = (struct iovec){ (char *)buffer + len / 2, len - len / 2 };
}

static ssize_t call_readv(int fd, void *buffer, size_t len)
{
	struct iovec iov[2];

	split(iov, buffer, len);
	return syscall(SYS_readv, fd, iov, 2);
}

static ssize_t call_pread(int fd, void *buffer, size_t len)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n = syscall(SYS_pread64, fd, buffer, len, at);

	if (n > 0)
		lseek(fd, n, SEEK_CUR);
	return n;
}

static ssize_t call_preadv(int fd, void *buffer, size_t len)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct iovec iov[2];
	ssize_t n;

	split(iov, buffer, len);
	n = syscall(SYS_preadv, fd, iov, 2, at, 0);
	if (n > 0)
		lseek(fd, n, SEEK_CUR);
	return n;
}

/* Offset -1: the file's own, and for what has none. */
static ssize_t call_preadv2(int fd, void *buffer, size_t len)
{
	struct iovec iov[2];

	split(iov, buffer, len);
	return syscall(SYS_preadv2, fd, iov, 2, -1L, -1L, 0);
}

static ssize_t call_recvfrom(int fd, void *buffer, size_t len)
{
	return syscall(SYS_recvfrom, fd, buffer, len, 0, NULL, NULL);
}

static ssize_t call_recvmsg(int fd, void *buffer, size_t len)
{
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	split(iov, buffer, len);
	return syscall(SYS_recvmsg, fd, &msg, 0);
}

/* 5 bytes arrive and 5 are asked for; 11 arrive and 64 are asked for. */
static void read_what_arrives(read_call *call, int from, int to)
{
	char buffer[64] = {};

	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(to, buffer, 5), 5);
		assert_int_equal(call(from, buffer, 5), 5);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(write(to, buffer, 11), 11);
		assert_int_equal(call(from, buffer, sizeof(buffer)), 11);
	}
}

static void read_nothing(read_call *call, int from)
{
	char buffer[64];
	timer_t timer;

	set_blocking(from, false);
	for (int i = 0; i < 7; i++)
		assert_int_equal(call(from, buffer, sizeof(buffer)), -1);
	set_blocking(from, true);
	timer = start_interrupting();
	for (int i = 0; i < 13; i++)
		assert_int_equal(call(from, buffer, sizeof(buffer)), -1);
	stop_interrupting(timer);
}

static void read_the_end(read_call *call, int from, int to)
{
	char buffer[64];

	close(to);
	for (int i = 0; i < 5; i++)
		assert_int_equal(call(from, buffer, sizeof(buffer)), 0);
	for (int i = 0; i < 11; i++) /* nothing asked: no end */
		assert_int_equal(call(from, buffer, 0), 0);
}

static void check_stream(struct tracer *tracer, read_call *call, int from, int to, const char *kind)
{
	begin(tracer);
	read_what_arrives(call, from, to);
	read_nothing(call, from);
	read_the_end(call, from, to);
	end(tracer);
	want(tracer, 3 + 2 + 7 + 13 + 5, "io.read.%s.calls", kind);
	want(tracer, 3 * 5 + 2 * 11, "io.read.%s.bytes", kind);
	want(tracer, 2, "io.read.%s.partial", kind);
	want(tracer, 7, "io.read.%s.again", kind);
	want(tracer, 13, "io.read.%s.interrupted", kind);
	want(tracer, 5, "io.read.%s.end", kind);
	want(tracer, 5 + 11, "io.read.%s.size_hist[0]", kind);
	want(tracer, 3, "io.read.%s.size_hist[3]", kind);
	want(tracer, 2, "io.read.%s.size_hist[4]", kind);
	want(tracer, 3 * 5 + 2 * 11, "copies.kernel_to_user_bytes");
	expect(tracer, { "io.write.*", ANY }, { "fds.closed", 1 });
	close(from);
}

static void sockets_are_read_by_every_call(void **state)
{
	static read_call *const calls[] = { call_read, call_readv, call_recvfrom, call_recvmsg };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int pair[2];

		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
		check_stream(*state, calls[i], pair[0], pair[1], "socket");
	}
}

static void pipes_are_read_by_every_call(void **state)
{
	static read_call *const calls[] = { call_read, call_readv, call_preadv2 };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int ends[2];

		must(pipe2(ends, O_CLOEXEC), "pipe2");
		check_stream(*state, calls[i], ends[0], ends[1], "pipe");
	}
}

static void a_fifo_is_a_pipe(void **state)
{
	char path[64];
	int from, to;

	snprintf(path, sizeof(path), "/tmp/fdscope-fifo-%d", getpid());
	must(mkfifo(path, 0600), "mkfifo");
	from = must(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), "open");
	to = must(open(path, O_WRONLY | O_CLOEXEC), "open");
	unlink(path);
	check_stream(*state, call_read, from, to, "pipe");
}

static int new_file(size_t bytes)
{
	int fd = must(memfd_create("fdscope-test", MFD_CLOEXEC), "memfd_create");

	must(ftruncate(fd, bytes), "ftruncate");
	return fd;
}

/* 3 * 5 + 11 bytes: thrice all that was asked, then less, then none. */
static void check_file(struct tracer *tracer, read_call *call)
{
	int fd = new_file(3 * 5 + 11);
	char buffer[64];

	begin(tracer);
	for (int i = 0; i < 3; i++)
		assert_int_equal(call(fd, buffer, 5), 5);
	assert_int_equal(call(fd, buffer, sizeof(buffer)), 11);
	for (int i = 0; i < 7; i++)
		assert_int_equal(call(fd, buffer, sizeof(buffer)), 0);
	end(tracer);
	expect(tracer, { "io.read.file.calls", 11 }, { "io.read.file.bytes", 26 },
	       { "io.read.file.partial", 1 }, { "io.read.file.end", 7 },
	       { "io.read.file.size_hist[0]", 7 }, { "io.read.file.size_hist[3]", 3 },
	       { "io.read.file.size_hist[4]", 1 }, { "copies.kernel_to_user_bytes", 26 });
	close(fd);
}

static void files_are_read_by_every_call(void **state)
{
	static read_call *const calls[] = { call_read, call_readv, call_pread, call_preadv,
					    call_preadv2 };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		check_file(*state, calls[i]);
}

/* Since 6.16 the inode behind an eventfd calls itself a regular file. */
static void an_eventfd_is_other(void **state)
{
	int fd = must(eventfd(7, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
	uint64_t value[2];

	begin(*state);
	for (int i = 0; i < 2; i++)
		assert_int_equal(read(fd, value, 8), 8);
	for (int i = 0; i < 5; i++) /* asks for more than there ever is */
		assert_int_equal(read(fd, value, 16), 8);
	for (int i = 0; i < 3; i++)
		assert_int_equal(read(fd, value, 8), -1);
	for (int i = 0; i < 11; i++)
		assert_int_equal(read(fd, value, 7), -1); /* EINVAL */
	end(*state);
	expect(*state, { "io.read.other.calls", 21 }, { "io.read.other.bytes", 56 },
	       { "io.read.other.partial", 5 }, { "io.read.other.again", 3 },
	       { "io.read.other.failed", 11 }, { "io.read.other.size_hist[4]", 7 });
	close(fd);
}

static void read_times(int fd, size_t len, ssize_t result, int times)
{
	char buffer[256];

	for (int i = 0; i < times; i++)
		assert_int_equal(read(fd, buffer, len), result);
}

static void timers_signals_ttys_and_devices_are_other(void **state)
{
	const struct itimerspec at_once = { .it_value.tv_nsec = 1 };
	int null = must(open("/dev/null", O_RDONLY | O_CLOEXEC), "open /dev/null");
	int zero = must(open("/dev/zero", O_RDONLY | O_CLOEXEC), "open /dev/zero");
	int timer = must(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd_create");
	int master, slave, signals;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	signals = must(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd");
	must(openpty(&master, &slave, NULL, NULL, NULL), "openpty");
	must(timerfd_settime(timer, 0, &at_once, NULL), "timerfd_settime");
	set_blocking(master, false);
	begin(*state);
	read_times(null, 8, 0, 3); /* a device has no end */
	read_times(zero, 5, 5, 2);
	read_times(timer, 8, 8, 1);
	read_times(signals, sizeof(struct signalfd_siginfo), -1, 7);
	read_times(master, 8, -1, 11);
	end(*state);
	expect(*state, { "io.read.other.calls", 21 }, { "io.read.other.bytes", 18 },
	       { "io.read.other.again", 18 }, { "io.read.other.size_hist[0]", 3 },
	       { "io.read.other.size_hist[3]", 2 }, { "io.read.other.size_hist[4]", 1 });
	close(null);
	close(zero);
	close(timer);
	close(signals);
	close(master);
	close(slave);
}

/* The kind is that of the file behind the number; there is none behind a closed one. */
static void failures_go_to_the_kind_they_met(void **state)
{
	int file = must(open("/proc/self/exe", O_PATH | O_CLOEXEC), "open"); /* EBADF, yet a file */
	int unconnected = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	int ends[2];

	must(pipe2(ends, O_CLOEXEC), "pipe2");
	begin(*state);
	read_times(file, 8, -1, 2);
	read_times(unconnected, 8, -1, 3);
	read_times(ends[1], 8, -1, 5); /* not open for reading */
	read_times(-1, 8, -1, 7);
	end(*state);
	expect(*state, { "io.read.file.failed", 2 }, { "io.read.socket.failed", 3 },
	       { "io.read.pipe.failed", 5 }, { "io.read.other.failed", 7 });
	close(file);
	close(unconnected);
	close(ends[0]);
	close(ends[1]);
}

/* What is asked is the sum of any number of iovecs; a byte less in the file is partial. */
static void every_iovec_is_asked_for(void **state)
{
	static const unsigned int numbers[] = { 1, 2, 7, 8, 9, 61, 1023, 1024 };
	static struct iovec iov[1024];
	static char buffer[3];
	uint64_t bytes = 0;
	int fd = new_file(3 * 1024);

	for (size_t i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){ buffer, 3 };
	begin(*state);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		unsigned int nr = numbers[i];

		must(ftruncate(fd, 3 * nr), "ftruncate");
		assert_int_equal(syscall(SYS_preadv, fd, iov, nr, 0, 0), 3 * nr);
		assert_int_equal(syscall(SYS_preadv, fd, iov, nr, 1, 0), 3 * nr - 1);
		bytes += 6 * nr - 1;
		want(*state, 1, "io.read.file.size_hist[%u]", bucket_of(3 * nr));
		want(*state, 1, "io.read.file.size_hist[%u]", bucket_of(3 * nr - 1));
	}
	end(*state);
	expect(*state, { "io.read.file.partial", ARRAY_SIZE(numbers) },
	       { "io.read.file.bytes", bytes }, { "io.read.file.calls", 2 * ARRAY_SIZE(numbers) });
	close(fd);
}

static void receive_messages(int from, int to, unsigned int sent, unsigned int vlen)
{
	struct mmsghdr messages[8] = {};
	struct iovec iov[8];
	char buffer[8][16];

	for (unsigned int i = 0; i < 8; i++) {
		iov[i] = (struct iovec){ buffer[i], sizeof(buffer[i]) };
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (unsigned int i = 0; i < sent; i++)
		assert_int_equal(write(to, buffer[0], 3), 3);
	assert_int_equal(syscall(SYS_recvmmsg, from, messages, vlen, MSG_DONTWAIT, NULL),
			 sent ? (long)sent : -1L);
}

/* Bytes over the messages, partial by messages. */
static void recvmmsg_counts_messages_against_its_vector(void **state)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	begin(*state);
	for (int i = 0; i < 2; i++)
		receive_messages(pair[0], pair[1], 5, 5);
	for (int i = 0; i < 3; i++)
		receive_messages(pair[0], pair[1], 7, 8);
	end(*state);
	expect(*state, { "io.read.socket.calls", 5 },
	       { "io.read.socket.bytes", 3 * (2 * 5 + 3 * 7) }, { "io.read.socket.partial", 3 },
	       { "io.read.socket.size_hist[4]", 2 }, { "io.read.socket.size_hist[5]", 3 },
	       { "io.write.*", ANY });
	begin(*state);
	for (int i = 0; i < 11; i++)
		syscall(SYS_recvmmsg, pair[0], NULL, 0, 0, NULL); /* nothing asked */
	for (int i = 0; i < 7; i++)
		receive_messages(pair[0], pair[1], 0, 1);
	end(*state);
	expect(*state, { "io.read.socket.again", 7 }, { "io.read.socket.size_hist[0]", 11 });
	close(pair[0]);
	close(pair[1]);
}

/* An empty datagram ends nothing. */
static void an_empty_datagram_is_no_end(void **state)
{
	char buffer[8];
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	begin(*state);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send(pair[1], buffer, 0, 0), 0);
		assert_int_equal(recv(pair[0], buffer, sizeof(buffer), 0), 0);
	}
	end(*state);
	expect(*state, { "io.read.socket.calls", 0 }, { "io.read.socket.size_hist[0]", 3 },
	       { "io.write.socket.size_hist[0]", 3 });
	close(pair[0]);
	close(pair[1]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(sockets_are_read_by_every_call),
	cmocka_unit_test(pipes_are_read_by_every_call),
	cmocka_unit_test(a_fifo_is_a_pipe),
	cmocka_unit_test(files_are_read_by_every_call),
	cmocka_unit_test(an_eventfd_is_other),
	cmocka_unit_test(timers_signals_ttys_and_devices_are_other),
	cmocka_unit_test(failures_go_to_the_kind_they_met),
	cmocka_unit_test(every_iovec_is_asked_for),
	cmocka_unit_test(recvmmsg_counts_messages_against_its_vector),
	cmocka_unit_test(an_empty_datagram_is_no_end),
};

const struct family io_read_tests = { tests, ARRAY_SIZE(tests) };
