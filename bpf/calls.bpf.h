/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The traced system calls: one row each, by number. Arguments as in the manual pages. */
#ifndef FDSCOPE_CALLS_BPF_H
#define FDSCOPE_CALLS_BPF_H

#include "compat.bpf.h"
#include <fdscope/calls.h>
#include <fdscope/counters.h>

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
	IO_PLAIN,   /* read and write: third argument, and fd is the first */
	IO_FLAGS4,  /* recvfrom and sendto: as plain, and flags in the fourth */
	IO_LENGTH3, /* third argument */
	IO_LENGTH4,
	IO_LENGTH5,
	IO_IOV,	 /* iovecs at the second, their number in the third */
	IO_MSG,	 /* msghdr at the second; flags in the third */
	IO_MMSG, /* mmsghdrs at the second, their number in the third; flags in the fourth */
};

struct call {
	__u8 handler;
	__u8 family; /* enum wait_family or io_family */
	__u8 shape;
	__u8 fd; /* io: number of the argument whose kind counts */
};

#define CALLS 512

#define CALL_ROW(name, ...) [__NR_##name] = { __VA_ARGS__ },
#define OPEN_ROW(name)	    CALL_ROW(name, CALL_OPEN)

static const struct call calls[CALLS] = { TRACED_CALLS(OPEN_ROW, CALL_ROW, CALL_ROW) /**/
					  CALL_ROW(restart_syscall, CALL_RESTART, WAIT_POLL,
						   WAIT_MS) };

static __always_inline const struct call *call_of(__u64 nr)
{
	if (nr >= CALLS)
		nr = CALLS - 1;
	barrier_var(nr); /* for the verifier: else the mask is optimised away */
	return &calls[nr & (CALLS - 1)];
}

#endif
