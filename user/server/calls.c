/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The counted calls. Meanings are PROFILE.md's; bytes between user and kernel
 * space are read off the kernel's sources (KERNEL.md, section 4).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"

/* What ep_send_events() writes of an event: events and data, whatever the stride. */
#define EPOLL_EVENT_OUT_BYTES 12
/* A timespec or timeval, which select and ppoll read and write back. */
#define TIME_BYTES 16

static void count_wait(struct wait_stats *wait, int result, int timeout_ms, uint64_t nr_watched)
{
	if (result < 0) {
		if (result == -EINTR)
			wait->interrupted++;
		else
			wait->failed++;
		return;
	}
	if (result > 0) {
		wait->wakeups++;
		wait->ready += result;
		hist_count(wait->ready_hist, result);
	} else if (timeout_ms) {
		wait->timeouts++;
	} else {
		wait->empty_polls++;
	}
	wait->watched += nr_watched;
	hist_count(wait->watched_hist, nr_watched);
}

int call_epoll_wait(struct stats *stats, int epfd, struct epoll_event *events, int max_events,
		    int timeout_ms, uint64_t nr_watched)
{
	struct wait_stats *wait = &stats->waits[WAIT_EPOLL];
	int n = epoll_wait(epfd, events, max_events, timeout_ms);

	if (n < 0)
		n = -errno;
	count_wait(wait, n, timeout_ms, nr_watched);
	if (n < 0)
		return n;
	wait->capacity += max_events;
	wait->saturated += n == max_events;
	wait->out_bytes += (uint64_t)n * EPOLL_EVENT_OUT_BYTES;
	return n;
}

int call_epoll_ctl(struct stats *stats, int epfd, int op, int fd, struct epoll_event *event)
{
	struct ctl_stats *ctl = &stats->ctl;
	int err = epoll_ctl(epfd, op, fd, event) ? -errno : 0;

	/* The kernel copies the event in before it knows whether the call is any good. */
	if (op != EPOLL_CTL_DEL)
		ctl->in_bytes += sizeof(*event);
	if (err)
		ctl->failed++;
	else if (op == EPOLL_CTL_ADD)
		ctl->add++;
	else if (op == EPOLL_CTL_MOD)
		ctl->mod++;
	else
		ctl->del++;
	return err;
}

int call_poll(struct stats *stats, struct pollfd *fds, nfds_t nr, int timeout_ms)
{
	struct wait_stats *wait = &stats->waits[WAIT_POLL];
	int n = poll(fds, nr, timeout_ms);

	if (n < 0)
		n = -errno;
	count_wait(wait, n, timeout_ms, nr);
	wait->in_bytes += nr * sizeof(*fds);
#ifndef SYS_poll
	/* libc makes it a ppoll, with a timespec that comes back unless it is zero. */
	wait->in_bytes += timeout_ms >= 0 ? TIME_BYTES : 0;
	wait->out_bytes += timeout_ms > 0 ? TIME_BYTES : 0;
#endif
	if (n != -EINVAL && n != -EFAULT && n != -ENOMEM)
		wait->out_bytes += nr * sizeof(fds->revents);
	return n;
}

/* libc's select is pselect6 without a mask: the time crosses, no sigset does. */
int call_select(struct stats *stats, int n, fd_set *in, fd_set *out, int timeout_ms,
		uint64_t nr_watched)
{
	struct timeval time = { timeout_ms / 1000, timeout_ms % 1000 * 1000L };
	struct wait_stats *wait = &stats->waits[WAIT_SELECT];
	uint64_t sets_bytes = 2 * 8 * ((n + 63) / 64);
	int nr = select(n, in, out, NULL, timeout_ms < 0 ? NULL : &time);

	if (nr < 0)
		nr = -errno;
	count_wait(wait, nr, timeout_ms, nr_watched);
	wait->in_bytes += sets_bytes + (timeout_ms >= 0 ? TIME_BYTES : 0);
	wait->out_bytes += (nr >= 0 ? sets_bytes : 0) + (timeout_ms > 0 ? TIME_BYTES : 0);
	return nr;
}

int call_accept(struct stats *stats, int listener)
{
	struct accept_stats *accept = &stats->accept;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		accept->accepted++;
		stats->fds_opened++;
		return fd;
	}
	if (errno == EAGAIN)
		accept->again++;
	else if (errno == EMFILE || errno == ENFILE)
		accept->fd_limit++;
	else if (errno == EINTR)
		accept->interrupted++;
	else
		accept->failed++;
	return -errno;
}

/* @result is the call's own, errno still its; returns it with -errno for -1. */
static ssize_t count_io(struct stats *stats, enum io_family family, enum fd_kind kind,
			ssize_t result, size_t asked)
{
	struct io_stats *io = &stats->io[family][kind];

	io->calls++;
	if (result < 0) {
		if (errno == EAGAIN)
			io->again++;
		else if (errno == EINTR)
			io->interrupted++;
		else
			io->failed++;
		return -errno;
	}
	io->bytes += result;
	io->partial += result > 0 && (size_t)result < asked;
	io->end += result == 0 && asked > 0;
	hist_count(io->size_hist, result);
	return result;
}

ssize_t call_read(struct stats *stats, int fd, void *buf, size_t len)
{
	return count_io(stats, IO_READ, KIND_SOCKET, read(fd, buf, len), len);
}

ssize_t call_pread(struct stats *stats, int fd, void *buf, size_t len, off_t at)
{
	return count_io(stats, IO_READ, KIND_FILE, pread(fd, buf, len, at), len);
}

ssize_t call_write(struct stats *stats, int fd, enum fd_kind kind, const void *buf, size_t len)
{
	return count_io(stats, IO_WRITE, kind, write(fd, buf, len), len);
}

ssize_t call_send(struct stats *stats, int fd, const void *buf, size_t len, int flags)
{
	ssize_t n = send(fd, buf, len, flags | MSG_NOSIGNAL);

	return count_io(stats, IO_WRITE, KIND_SOCKET, n, len);
}

ssize_t call_sendfile(struct stats *stats, int to, int from, off_t at, size_t len)
{
	return count_io(stats, IO_SENDFILE, KIND_SOCKET, sendfile(to, from, &at, len), len);
}

ssize_t call_splice(struct stats *stats, int from, off_t *at, int to, enum fd_kind kind, size_t len,
		    unsigned int flags)
{
	ssize_t n = splice(from, at, to, NULL, len, flags | SPLICE_F_NONBLOCK);

	return count_io(stats, IO_SPLICE, kind, n, len);
}

static int count_open(struct stats *stats, int fd)
{
	if (fd < 0)
		return -errno;
	stats->fds_opened++;
	return fd;
}

int call_socket(struct stats *stats, int family, int type)
{
	return count_open(stats, socket(family, type | SOCK_CLOEXEC, 0));
}

int call_epoll_create(struct stats *stats)
{
	return count_open(stats, epoll_create1(EPOLL_CLOEXEC));
}

int call_pipe(struct stats *stats, int ends[2])
{
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
		return -errno;
	stats->fds_opened += 2;
	return 0;
}

int call_open(struct stats *stats, const char *path, int flags)
{
	return count_open(stats, open(path, flags | O_CLOEXEC));
}

int call_open_beneath(struct stats *stats, int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	return count_open(stats, syscall(SYS_openat2, root_fd, path, &how, sizeof(how)));
}

int call_memfd(struct stats *stats, const char *name)
{
	return count_open(stats, memfd_create(name, MFD_CLOEXEC));
}

int call_signalfd(struct stats *stats, const sigset_t *signals)
{
	return count_open(stats, signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC));
}

int call_eventfd(struct stats *stats, unsigned int count)
{
	return count_open(stats, eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC));
}

int call_dup(struct stats *stats, int fd)
{
	return count_open(stats, fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

void call_close(struct stats *stats, int fd)
{
	if (fd < 0)
		return;
	/* The number is free whatever close() answers, so there is nothing to retry. */
	close(fd);
	stats->fds_closed++;
}

enum fd_kind call_kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return KIND_OTHER;
	switch (st.st_mode & S_IFMT) {
	case S_IFSOCK:
		return KIND_SOCKET;
	case S_IFREG:
		return KIND_FILE;
	case S_IFIFO:
		return KIND_PIPE;
	default:
		return KIND_OTHER;
	}
}
