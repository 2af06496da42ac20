/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads, processes and listeners, as they stand in the maps that the BPF
 * programs and user space share, and the keys by which they are found.
 */
#ifndef FDSCOPE_ROWS_H
#define FDSCOPE_ROWS_H

#include "counters.h"

#define COMM_LEN 16

enum thread_state {
	THREAD_FREE,  /* nobody's row */
	THREAD_LIVE,  /* of the thread tid */
	THREAD_ENDED, /* of all ended threads of the process; tid is 0 */
};

/* What is known of the address buffer of the accept a thread is in. */
enum addrlen_state {
	ADDRLEN_UNSEEN, /* none was given, or the call began before the probes were live */
	ADDRLEN_KNOWN,
	ADDRLEN_UNREADABLE,
};

/* The wait a thread is in; its members are those of the entry. */
struct wait_entry {
	__u64 since_ns; /* 0: in none that we saw begin */
	__u64 nvcsw;	/* task_struct's, voluntary context switches */
	__u64 run_delay;
	__u64 in_bytes;	   /* timeout and signal mask */
	__u64 array;	   /* poll: address of its pollfds */
	__u64 array_bytes; /* pollfds, or the given sets together */
	__u64 watched;	   /* poll and select */
	__u64 restart;	   /* poll that a signal broke off: the kernel function that resumes it */
	__u32 family;	   /* enum wait_family */
	__u8 zero_timeout;
	__u8 writes_time_left; /* ppoll, select and pselect6: to the caller's timeout */
	__u8 has_slept;
	__u8 reserved;
};

/*
 * A row of the table of threads. Its thread alone writes it, so no member needs
 * an atomic update; seq is odd while it does, so that a copy can be checked.
 * An ended thread's counters are added to its process's THREAD_ENDED row
 * (atomically: two threads may end at once) between an increment of
 * folds_begun and one of folds_done.
 */
struct thread {
	__u64 seq;
	__u64 task;		/* address of the task_struct; 0 unless THREAD_LIVE */
	__u64 start_ns;		/* of the thread: task_struct's start_time */
	__u64 process_start_ns; /* of its group leader: with tgid, the process */
	__u32 tgid;
	__u32 tid;
	__u32 state; /* enum thread_state */
	__u32 busy_family;
	char comm[COMM_LEN];
	__u64 closing_ep; /* close, dup2: of an instance that ends with the descriptor */
	__u64 description_born_ns;
	__u64 busy_since_ns; /* return of the last wait; 0: inside one, or none seen */
	__u64 fds_before;    /* execve, close_range, dup2: descriptors it may close, plus 1 */
	__u32 addrlen;	     /* accept: size of the caller's buffer */
	__u32 addrlen_state; /* enum addrlen_state */
	__u32 epoll_use;     /* the thread's use of the instance it came to last, plus 1; a list */
	__u32 nr_edges;	     /* in the batches of all its uses */
	__u32 description;   /* close, dup2: that ends with the descriptor, plus 1 */
	__u32 registration;  /* epoll_ctl: entered for an ADD, plus 1 */
	__u32 had_fired;     /* epoll_ctl: a ONESHOT that MOD arms again */
	__u32 row;	     /* its own */
	__u32 spins;	     /* its last call was a wait with timeout zero that found nothing */
	struct wait_entry wait;
	struct counters counters;
};

/* A target. Keyed by tgid while it lives; tgid and start_ns name it for ever. */
struct process {
	__u64 start_ns;	      /* of the group leader; 0 until it is first seen in the kernel */
	__u64 open[FD_KINDS]; /* descriptors by kind, as of @walk */
	__u64 open_at_birth;  /* inherited through fork; only if born_traced */
	__u64 fd_limit;	      /* RLIMIT_NOFILE, soft */
	__u32 walk;	      /* number of the walk over descriptors that filled @open */
	__u32 walk_tid;	      /* whose table it counted, when the leader has ended */
	__u8 born_traced;
	__u8 is_compat;	  /* runs a 32-bit program, whose calls are not seen */
	__u16 walk_step;  /* the step of that walk that walk_tid is of */
	__u32 close_wait; /* of @open: TCP sockets whose peer closed 1000 ticks ago or more */
};

/* Names a process for ever: a tgid is used again, a start time is not. */
struct process_key {
	__u64 start_ns;
	__u32 tgid;
	__u32 reserved;
};

/* Sent when the last thread of a target ends; with tgid 0 when instances were closed. */
struct process_end {
	__u64 start_ns;
	__u64 open_at_birth;
	__u64 open; /* descriptors still open at the end */
	__u64 fd_limit;
	__u32 tgid;
	__u16 born_traced;
	__u16 is_compat;
	char comm[COMM_LEN];
};

struct listener_key {
	__u64 inode; /* of the socket */
	__u64 process_start_ns;
	__u32 tgid;
	__u32 reserved;
};

/*
 * One listening socket as one process used it. Threads share it, so the counts
 * are atomic; accepted is the sum of the histogram.
 */
struct listener {
	__u64 again;
	__u64 delivered;	   /* times a wait of the process reported it */
	__u64 delivered_exclusive; /* of them, registered with EPOLLEXCLUSIVE */
	__u64 drops;		   /* the socket's sk_drops, as last read */
	__u64 queue_limit;	   /* sk_max_ack_backlog */
	__u64 queue_depth_hist[HIST_INT_BUCKETS];
	__u16 family;	/* AF_INET, AF_INET6 or AF_UNIX; 0: unknown */
	__u16 port;	/* host byte order */
	__u32 path_len; /* AF_UNIX: bytes used of path, leading NUL of an abstract name included */
	__u8 address[16];
	char path[112]; /* struct sockaddr_un has 108 */
};

_Static_assert(sizeof(struct thread) % 8 == 0, "no padding may leave the kernel");
_Static_assert(sizeof(struct listener) % 8 == 0, "no padding may leave the kernel");

#endif
