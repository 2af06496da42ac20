/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The traced system calls: one row each, by number. Arguments as in the manual pages. */
#ifndef FDSCOPE_CALLS_BPF_H
#define FDSCOPE_CALLS_BPF_H

#include "compat.bpf.h"
#include <asm/unistd.h>
#include <fdscope/counters.h>

#ifndef __NR_openat2
#define __NR_openat2 437
#endif

/* Who handles the call. Those up to LAST_WITH_ENTRY are looked at on entry, too. */
enum call_handler {
	CALL_UNTRACED,
	CALL_WAIT,
	CALL_RESTART,
	CALL_ACCEPT,
	CALL_EXEC,
	CALL_CLOSE,
	CALL_CLOSE_RANGE,
	CALL_DUP_TO,
	CALL_EPOLL_CTL,
	LAST_WITH_ENTRY = CALL_EPOLL_CTL,
	CALL_IO,
	CALL_EPOLL_CREATE,
	CALL_OPEN,
	CALL_OPEN_PAIR,
	CALL_SIGNALFD,
	CALL_FCNTL,
	CALL_LISTEN,
};

/* What the arguments of a waiting call are. */
enum wait_shape {
	WAIT_MS,	    /* epoll_wait, poll: int timeout in milliseconds */
	WAIT_MS_MASK,	    /* epoll_pwait */
	WAIT_TIMESPEC_MASK, /* epoll_pwait2, ppoll */
	WAIT_TIMEVAL,	    /* select */
	WAIT_TIMESPEC_PACK, /* pselect6: mask behind a pointer to pointer and size */
};

/* Where an io call says how much it was asked to move. */
enum io_shape {
	IO_LENGTH3, /* third argument */
	IO_LENGTH4,
	IO_LENGTH5,
	IO_FLAGS4, /* third argument; flags in the fourth */
	IO_IOV,	   /* iovecs at the second, their number in the third */
	IO_MSG,	   /* msghdr at the second; flags in the third */
	IO_MMSG,   /* mmsghdrs at the second, their number in the third; flags in the fourth */
};

struct call {
	__u8 handler;
	__u8 family; /* enum wait_family or io_family */
	__u8 shape;
	__u8 fd; /* io: number of the argument whose kind counts */
};

#define CALLS 512

static const struct call calls[CALLS] = {
	[__NR_epoll_wait] = { CALL_WAIT, WAIT_EPOLL, WAIT_MS },
	[__NR_epoll_pwait] = { CALL_WAIT, WAIT_EPOLL, WAIT_MS_MASK },
	[__NR_epoll_pwait2] = { CALL_WAIT, WAIT_EPOLL, WAIT_TIMESPEC_MASK },
	[__NR_poll] = { CALL_WAIT, WAIT_POLL, WAIT_MS },
	[__NR_ppoll] = { CALL_WAIT, WAIT_POLL, WAIT_TIMESPEC_MASK },
	[__NR_select] = { CALL_WAIT, WAIT_SELECT, WAIT_TIMEVAL },
	[__NR_pselect6] = { CALL_WAIT, WAIT_SELECT, WAIT_TIMESPEC_PACK },
	[__NR_restart_syscall] = { CALL_RESTART, WAIT_POLL, WAIT_MS },

	[__NR_listen] = { CALL_LISTEN },
	[__NR_epoll_ctl] = { CALL_EPOLL_CTL },
	[__NR_accept] = { CALL_ACCEPT },
	[__NR_accept4] = { CALL_ACCEPT },

	[__NR_read] = { CALL_IO, IO_READ, IO_LENGTH3, 1 },
	[__NR_readv] = { CALL_IO, IO_READ, IO_IOV, 1 },
	[__NR_pread64] = { CALL_IO, IO_READ, IO_LENGTH3, 1 },
	[__NR_preadv] = { CALL_IO, IO_READ, IO_IOV, 1 },
	[__NR_preadv2] = { CALL_IO, IO_READ, IO_IOV, 1 },
	[__NR_recvfrom] = { CALL_IO, IO_READ, IO_FLAGS4, 1 },
	[__NR_recvmsg] = { CALL_IO, IO_READ, IO_MSG, 1 },
	[__NR_recvmmsg] = { CALL_IO, IO_READ, IO_MMSG, 1 },
	[__NR_write] = { CALL_IO, IO_WRITE, IO_LENGTH3, 1 },
	[__NR_writev] = { CALL_IO, IO_WRITE, IO_IOV, 1 },
	[__NR_pwrite64] = { CALL_IO, IO_WRITE, IO_LENGTH3, 1 },
	[__NR_pwritev] = { CALL_IO, IO_WRITE, IO_IOV, 1 },
	[__NR_pwritev2] = { CALL_IO, IO_WRITE, IO_IOV, 1 },
	[__NR_sendto] = { CALL_IO, IO_WRITE, IO_FLAGS4, 1 },
	[__NR_sendmsg] = { CALL_IO, IO_WRITE, IO_MSG, 1 },
	[__NR_sendmmsg] = { CALL_IO, IO_WRITE, IO_MMSG, 1 },
	[__NR_sendfile] = { CALL_IO, IO_SENDFILE, IO_LENGTH4, 1 },
	[__NR_splice] = { CALL_IO, IO_SPLICE, IO_LENGTH5, 3 },
	[__NR_tee] = { CALL_IO, IO_TEE, IO_LENGTH3, 2 },
	[__NR_vmsplice] = { CALL_IO, IO_VMSPLICE, IO_IOV, 1 },
	[__NR_copy_file_range] = { CALL_IO, IO_COPY_FILE_RANGE, IO_LENGTH5, 3 },

	[__NR_execve] = { CALL_EXEC },
	[__NR_execveat] = { CALL_EXEC },
	[__NR_close] = { CALL_CLOSE },
	[__NR_close_range] = { CALL_CLOSE_RANGE },
	[__NR_dup2] = { CALL_DUP_TO },
	[__NR_dup3] = { CALL_DUP_TO },
	[__NR_fcntl] = { CALL_FCNTL },
	[__NR_signalfd] = { CALL_SIGNALFD },
	[__NR_signalfd4] = { CALL_SIGNALFD },
	[__NR_pipe] = { CALL_OPEN_PAIR },
	[__NR_pipe2] = { CALL_OPEN_PAIR },
	[__NR_socketpair] = { CALL_OPEN_PAIR },
	[__NR_open] = { CALL_OPEN },
	[__NR_openat] = { CALL_OPEN },
	[__NR_openat2] = { CALL_OPEN },
	[__NR_creat] = { CALL_OPEN },
	[__NR_open_by_handle_at] = { CALL_OPEN },
	[__NR_socket] = { CALL_OPEN },
	[__NR_dup] = { CALL_OPEN },
	[__NR_epoll_create] = { CALL_EPOLL_CREATE },
	[__NR_epoll_create1] = { CALL_EPOLL_CREATE },
	[__NR_eventfd] = { CALL_OPEN },
	[__NR_eventfd2] = { CALL_OPEN },
	[__NR_timerfd_create] = { CALL_OPEN },
	[__NR_inotify_init] = { CALL_OPEN },
	[__NR_inotify_init1] = { CALL_OPEN },
	[__NR_fanotify_init] = { CALL_OPEN },
	[__NR_memfd_create] = { CALL_OPEN },
	[__NR_memfd_secret] = { CALL_OPEN },
	[__NR_userfaultfd] = { CALL_OPEN },
	[__NR_perf_event_open] = { CALL_OPEN },
	[__NR_pidfd_open] = { CALL_OPEN },
	[__NR_io_uring_setup] = { CALL_OPEN },
	[__NR_mq_open] = { CALL_OPEN },
	[__NR_open_tree] = { CALL_OPEN },
	[__NR_fsopen] = { CALL_OPEN },
	[__NR_fspick] = { CALL_OPEN },
	[__NR_fsmount] = { CALL_OPEN },
};

static __always_inline const struct call *call_of(__u64 nr)
{
	if (nr >= CALLS)
		nr = CALLS - 1;
	barrier_var(nr); /* for the verifier: else the mask is optimised away */
	return &calls[nr & (CALLS - 1)];
}

#endif
