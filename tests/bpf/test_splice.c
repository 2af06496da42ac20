/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sendfile, splice, tee, vmsplice and copy_file_range: counted by the destination's kind. */
#include "tests.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int new_file(size_t bytes)
{
	int fd = must(memfd_create("fdscope-test", MFD_CLOEXEC), "memfd_create");

	must(ftruncate(fd, bytes), "ftruncate");
	return fd;
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

/* 26 bytes: thrice what was asked, then less, then none; some with a position, which is copied. */
static void check_sendfile(struct tracer *tracer, int to, const char *kind, uint64_t socket_bytes)
{
	int file = new_file(3 * 5 + 11);
	off_t beyond = 26;

	begin(tracer);
	for (int i = 0; i < 3; i++)
		assert_int_equal(syscall(SYS_sendfile, to, file, NULL, 5), 5);
	assert_int_equal(syscall(SYS_sendfile, to, file, NULL, 64), 11);
	for (int i = 0; i < 7; i++)
		assert_int_equal(syscall(SYS_sendfile, to, file, &beyond, 64), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(syscall(SYS_sendfile, to, -1, NULL, 64), -1);
	for (int i = 0; i < 13; i++)
		assert_int_equal(syscall(SYS_sendfile, -1, file, NULL, 64), -1);
	end(tracer);
	want(tracer, 13, "io.sendfile.%s.calls", kind);
	want(tracer, 26, "io.sendfile.%s.bytes", kind);
	want(tracer, 1, "io.sendfile.%s.partial", kind);
	want(tracer, strcmp(kind, "other") ? 7 : 0, "io.sendfile.%s.end", kind);
	want(tracer, 2, "io.sendfile.%s.failed", kind);
	want(tracer, 7, "io.sendfile.%s.size_hist[0]", kind);
	want(tracer, 3, "io.sendfile.%s.size_hist[3]", kind);
	want(tracer, 1, "io.sendfile.%s.size_hist[4]", kind);
	expect(tracer, { "io.sendfile.other.failed", 13 },
	       { "copies.socket_out_bytes", socket_bytes },
	       { "copies.zero_copy_bytes", socket_bytes }, { "copies.user_to_kernel_bytes", 0 },
	       { "copies.kernel_to_user_bytes", 0 });
	close(file);
}

static void sendfile_counts_by_where_it_sends(void **state)
{
	int file = new_file(0), pair[2], ends[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	must(pipe2(ends, O_CLOEXEC), "pipe2");
	check_sendfile(*state, pair[0], "socket", 26);
	check_sendfile(*state, ends[1], "pipe", 0);
	check_sendfile(*state, file, "file", 0);
	close_pair(pair);
	close_pair(ends);
	close(file);
}

static void sendfile_to_a_full_socket_is_again_or_interrupted(void **state)
{
	int file = new_file(1 << 20), pair[2];
	uint64_t bytes = 0, calls = 0, partial = 0;
	off_t at = 0;
	ssize_t n;
	timer_t timer;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	set_blocking(pair[0], false);
	begin(*state);
	while ((n = syscall(SYS_sendfile, pair[0], file, &at, 1 << 20)) > 0) {
		bytes += n;
		calls++;
		partial += n < 1 << 20;
		want(*state, 1, "io.sendfile.socket.size_hist[%u]", bucket_of(n));
		at = 0;
	}
	for (int i = 0; i < 6; i++)
		assert_int_equal(syscall(SYS_sendfile, pair[0], file, &at, 1 << 20), -1);
	set_blocking(pair[0], true);
	timer = start_interrupting();
	for (int i = 0; i < 5; i++)
		assert_int_equal(syscall(SYS_sendfile, pair[0], file, &at, 1 << 20), -1);
	stop_interrupting(timer);
	end(*state);
	assert_true(partial > 0);
	expect(*state, { "io.sendfile.socket.calls", calls + 12 },
	       { "io.sendfile.socket.bytes", bytes }, { "io.sendfile.socket.partial", partial },
	       { "io.sendfile.socket.again", 7 }, { "io.sendfile.socket.interrupted", 5 },
	       { "copies.zero_copy_bytes", bytes }, { "copies.socket_out_bytes", bytes });
	close_pair(pair);
	close(file);
}

/* file -> pipe -> socket, and pipe -> file: each by its destination. */
static void splice_counts_by_where_it_moves(void **state)
{
	int file = new_file(4096), to_file = new_file(0), pair[2], ends[2];
	loff_t at = 0;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	must(pipe2(ends, O_CLOEXEC), "pipe2");
	begin(*state);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(syscall(SYS_splice, file, &at, ends[1], NULL, 100, 0), 100);
		assert_int_equal(syscall(SYS_splice, ends[0], NULL, pair[0], NULL, 9, 0), 9);
		assert_int_equal(syscall(SYS_splice, ends[0], NULL, to_file, NULL, 1000, 0), 91);
	}
	for (int i = 0; i < 5; i++) /* an empty pipe */
		assert_int_equal(syscall(SYS_splice, ends[0], NULL, pair[0], NULL, 9,
					 SPLICE_F_NONBLOCK),
				 -1);
	for (int i = 0; i < 7; i++)
		assert_int_equal(syscall(SYS_splice, ends[0], NULL, -1, NULL, 9, 0), -1);
	close(ends[1]);
	for (int i = 0; i < 11; i++) /* its end */
		assert_int_equal(syscall(SYS_splice, ends[0], NULL, pair[0], NULL, 9, 0), 0);
	end(*state);
	expect(*state, { "io.splice.pipe.calls", 3 }, { "io.splice.pipe.bytes", 300 },
	       { "io.splice.pipe.size_hist[7]", 3 }, { "io.splice.socket.calls", 19 },
	       { "io.splice.socket.bytes", 27 }, { "io.splice.socket.size_hist[4]", 3 },
	       { "io.splice.socket.again", 5 }, { "io.splice.socket.end", 11 },
	       { "io.splice.socket.size_hist[0]", 11 }, { "io.splice.file.calls", 3 },
	       { "io.splice.file.bytes", 273 }, { "io.splice.file.partial", 3 },
	       { "io.splice.file.size_hist[7]", 3 }, { "io.splice.other.failed", 7 },
	       { "copies.zero_copy_bytes", 27 }, { "copies.socket_out_bytes", 27 },
	       { "copies.user_to_kernel_bytes", 0 }, { "copies.kernel_to_user_bytes", 0 },
	       { "fds.closed", 1 });
	close(ends[0]);
	close_pair(pair);
	close(file);
	close(to_file);
}

static void tee_counts_as_pipe(void **state)
{
	int from[2], to[2];
	char data[13] = {};

	must(pipe2(from, O_CLOEXEC), "pipe2");
	must(pipe2(to, O_CLOEXEC), "pipe2");
	assert_int_equal(write(from[1], data, sizeof(data)), sizeof(data));
	begin(*state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(syscall(SYS_tee, from[0], to[1], 7, 0), 7);
	for (int i = 0; i < 2; i++)
		assert_int_equal(syscall(SYS_tee, from[0], to[1], 100, 0), 13);
	for (int i = 0; i < 5; i++)
		assert_int_equal(syscall(SYS_tee, from[0], -1, 100, 0), -1);
	end(*state);
	expect(*state, { "io.tee.pipe.calls", 5 }, { "io.tee.pipe.bytes", 47 },
	       { "io.tee.pipe.partial", 2 }, { "io.tee.pipe.size_hist[3]", 3 },
	       { "io.tee.pipe.size_hist[4]", 2 }, { "io.tee.other.failed", 5 });
	close_pair(from);
	close_pair(to);
}

/* Into a pipe pages are lent; out of it they are copied. */
static void vmsplice_copies_out_of_a_pipe_only(void **state)
{
	static char data[64];
	struct iovec iov[2] = { { data, 5 }, { data, 6 } };
	int ends[2];

	must(pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
	begin(*state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(syscall(SYS_vmsplice, ends[1], iov, 2, 0), 11);
	assert_int_equal(syscall(SYS_vmsplice, ends[0], iov, 2, 0), 11);
	iov[1].iov_len = 64;
	assert_int_equal(syscall(SYS_vmsplice, ends[0], iov, 2, 0), 22);
	for (int i = 0; i < 5; i++)
		assert_int_equal(syscall(SYS_vmsplice, ends[0], iov, 2, SPLICE_F_NONBLOCK), -1);
	for (int i = 0; i < 7; i++)
		assert_int_equal(syscall(SYS_vmsplice, -1, iov, 2, 0), -1);
	end(*state);
	expect(*state, { "io.vmsplice.pipe.calls", 17 }, { "io.vmsplice.pipe.bytes", 66 },
	       { "io.vmsplice.pipe.partial", 1 }, { "io.vmsplice.pipe.again", 5 },
	       { "io.vmsplice.pipe.failed", 7 }, { "io.vmsplice.pipe.size_hist[4]", 4 },
	       { "io.vmsplice.pipe.size_hist[5]", 1 }, { "copies.vmsplice_in_bytes", 33 },
	       { "copies.kernel_to_user_bytes", 33 }, { "copies.user_to_kernel_bytes", 0 });
	close_pair(ends);
}

static void copy_file_range_counts_as_file(void **state)
{
	int from = new_file(3 * 5 + 11), to = new_file(0);

	begin(*state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(syscall(SYS_copy_file_range, from, NULL, to, NULL, 5, 0), 5);
	assert_int_equal(syscall(SYS_copy_file_range, from, NULL, to, NULL, 64, 0), 11);
	for (int i = 0; i < 7; i++)
		assert_int_equal(syscall(SYS_copy_file_range, from, NULL, to, NULL, 64, 0), 0);
	for (int i = 0; i < 2; i++) /* no such flags */
		assert_int_equal(syscall(SYS_copy_file_range, from, NULL, to, NULL, 64, 99), -1);
	end(*state);
	expect(*state, { "io.copy_file_range.file.calls", 13 },
	       { "io.copy_file_range.file.bytes", 26 }, { "io.copy_file_range.file.partial", 1 },
	       { "io.copy_file_range.file.end", 7 }, { "io.copy_file_range.file.failed", 2 },
	       { "io.copy_file_range.file.size_hist[0]", 7 },
	       { "io.copy_file_range.file.size_hist[3]", 3 },
	       { "io.copy_file_range.file.size_hist[4]", 1 });
	close(from);
	close(to);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(sendfile_counts_by_where_it_sends),
	cmocka_unit_test(sendfile_to_a_full_socket_is_again_or_interrupted),
	cmocka_unit_test(splice_counts_by_where_it_moves),
	cmocka_unit_test(tee_counts_as_pipe),
	cmocka_unit_test(vmsplice_copies_out_of_a_pipe_only),
	cmocka_unit_test(copy_file_range_counts_as_file),
};

const struct family splice_tests = { tests, ARRAY_SIZE(tests) };
