/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bytes.c - moves bytes by every call that /proc/PID/io counts in rchar and
 * wchar, and prints what the kernel counted: the sums over the kinds of the
 * profile's io.read and io.write. proc(5): rchar and wchar are added to when a
 * call returns, so a reading does not hold its own bytes.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "workload.h"

struct reading {
	uint64_t rchar;
	uint64_t wchar;
	ssize_t own; /* bytes of the reading itself */
};

static struct reading read_io(int fd)
{
	struct reading reading;
	char text[512];

	reading.own = pread(fd, text, sizeof(text) - 1, 0);
	MUST(reading.own > 0);
	text[reading.own] = '\0';
	MUST(sscanf(text, "rchar: %lu wchar: %lu", &reading.rchar, &reading.wchar) == 2);
	return reading;
}

static void move_some(int in, int out, int turns)
{
	char a[1009], b[503];
	struct iovec iov[] = { { a, sizeof(a) }, { b, sizeof(b) } };

	for (int i = 0; i < turns; i++) {
		MUST(write(out, a, 1 + i) == 1 + i);
		MUST(read(in, a, sizeof(a)) == 1 + i);
		MUST(writev(out, iov, 2) == sizeof(a) + sizeof(b));
		MUST(readv(in, iov, 2) == sizeof(a) + sizeof(b));
	}
}

static void move_in_file(int fd)
{
	char a[4093];
	struct iovec iov = { a, sizeof(a) };

	for (int i = 0; i < 7; i++) {
		MUST(pwrite(fd, a, sizeof(a), i * 100) == sizeof(a));
		MUST(pread(fd, a, sizeof(a), i * 99) == sizeof(a));
		MUST(pwritev(fd, &iov, 1, i * 98) == sizeof(a));
		MUST(preadv(fd, &iov, 1, 600) == sizeof(a));
		MUST(preadv2(fd, &iov, 1, 7, 0) == sizeof(a));
	}
	MUST(pread(fd, a, sizeof(a), 1 << 20) == 0);
}

int main(void)
{
	int io_fd, file_fd, pipe_fds[2], sockets[2];
	struct reading before, after;

	hold();
	io_fd = open("/proc/self/io", O_RDONLY);
	file_fd = open("/tmp", O_RDWR | O_TMPFILE, 0600);
	MUST(io_fd >= 0 && file_fd >= 0 && !pipe(pipe_fds));
	MUST(!ftruncate(file_fd, 8192));
	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	before = read_io(io_fd);
	move_some(pipe_fds[0], pipe_fds[1], 31);
	move_some(sockets[0], sockets[1], 17);
	move_in_file(file_fd);
	after = read_io(io_fd);
	/* hold() before, and the second reading and the report after it. */
	expect("read=%lu", 1 + after.rchar - before.rchar + after.own);
	expect("write=%lu", PID_BYTES + after.wchar - before.wchar + REPORT_BYTES);
	report();
	return 0;
}
