/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF programs write and user space reads, byte for byte. All counters
 * are cumulative: user space takes two snapshots and subtracts. Every fact is
 * stored once; what follows from it (calls, wakeups, shares) is derived in
 * user/model. The meanings of the members are those of the profile's keys.
 */
#ifndef FDSCOPE_COUNTERS_H
#define FDSCOPE_COUNTERS_H

#include "hist.h"

#define COMM_LEN 16

enum wait_family {
	WAIT_EPOLL,
	WAIT_POLL,
	WAIT_SELECT,
	WAIT_FAMILIES,
};

enum io_family {
	IO_READ,
	IO_WRITE,
	IO_SENDFILE,
	IO_SPLICE,
	IO_TEE,
	IO_VMSPLICE,
	IO_COPY_FILE_RANGE,
	IO_FAMILIES,
};

/* The kind of the file behind a descriptor. io knows the first four, fds all. */
enum fd_kind {
	KIND_SOCKET,
	KIND_FILE,
	KIND_PIPE,
	KIND_OTHER,
	IO_KINDS,
	KIND_EPOLL = IO_KINDS,
	KIND_EVENTFD,
	KIND_TIMERFD,
	FD_KINDS,
};

/*
 * Why something that should have been counted was not. The first group is
 * counted per thread and marks its process; the second has no thread to stand in.
 */
enum loss {
	LOSS_USER_MEMORY,	 /* a timeout, a set, an iovec or a length was unreadable */
	LOSS_SELECT_SETS,	 /* sets longer than SELECT_FDS_MAX */
	LOSS_TRUNCATED_MESSAGES, /* recvmmsg with MSG_TRUNC: what crossed is not known */
	LOSS_LISTENERS,		 /* accepts on a listener the full table has no row for */
	THREAD_LOSSES,
	LOSS_THREADS = THREAD_LOSSES, /* calls of threads the full table has no row for */
	LOSS_PROCESSES,		      /* processes the full table has no row for */
	LOSS_OPEN_DESCRIPTORS, /* a descriptor table longer than OPEN_FDS_MAX was not counted */
	LOSS_ENDED_PROCESSES,  /* ends of processes that user space was too slow to hear of */
	LOSS_PROGRAMS_SKIPPED, /* recursion_misses of the programs; user space fills it in */
	LOSSES,
};

enum unseen {
	UNSEEN_IO_URING, /* requests submitted through io_uring */
	UNSEEN_COMPAT,	 /* 32-bit system calls */
	UNSEENS,
};

#define SELECT_FDS_MAX 32768
#define OPEN_FDS_MAX   262144

/* What one thread did with one family of waiting calls. */
struct wait_counters {
	__u64 timeouts;
	__u64 empty_polls;
	__u64 interrupted;
	__u64 failed;
	__u64 immediate;
	__u64 sleeps;
	__u64 switches;
	__u64 ready;
	__u64 watched;
	__u64 capacity;
	__u64 saturated;
	__u64 wait_ns;
	__u64 runqueue_ns;
	__u64 busy_ns;
	__u64 in_bytes;
	__u64 out_bytes;
	__u64 ready_hist[HIST_INT_BUCKETS]; /* its sum is wakeups */
	__u64 watched_hist[HIST_INT_BUCKETS];
	__u64 wait_ns_hist[HIST_NS_BUCKETS];
	__u64 busy_ns_hist[HIST_NS_BUCKETS];
};

struct epoll_ctl_counters {
	__u64 add;
	__u64 mod;
	__u64 del;
	__u64 failed;
	__u64 in_bytes;
};

struct accept_counters {
	__u64 accepted;
	__u64 again;
	__u64 fd_limit;
	__u64 interrupted;
	__u64 failed;
	__u64 in_bytes;	      /* addrlen, read by the kernel */
	__u64 out_bytes;      /* address and addrlen, written by it */
	__u64 unseen_entries; /* addresses whose buffer size was not seen at entry */
};

struct io_counters {
	__u64 moved; /* results above 0 */
	__u64 bytes;
	__u64 partial;
	__u64 end;
	__u64 again;
	__u64 interrupted;
	__u64 failed;
	__u64 size_hist[HIST_BYTES_BUCKETS];
};

/* Where the bytes of io did not cross between user and kernel space as io says. */
struct copy_counters {
	__u64 truncated_bytes;	 /* of read: discarded under MSG_TRUNC, or beyond the buffer */
	__u64 vmsplice_in_bytes; /* of vmsplice: copied from the pipe to user memory */
};

struct fd_counters {
	__u64 opened;
	__u64 closed;
};

/* Nothing but __u64, so that user space adds and subtracts it as an array. */
struct counters {
	struct wait_counters waits[WAIT_FAMILIES];
	struct epoll_ctl_counters epoll_ctl;
	struct accept_counters accept;
	struct io_counters io[IO_FAMILIES][IO_KINDS];
	struct copy_counters copies;
	struct fd_counters fds;
	__u64 losses[THREAD_LOSSES];
};

#define COUNTERS_WORDS (sizeof(struct counters) / sizeof(__u64))

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
	__u64 array_bytes; /* pollfds, or the given sets together */
	__u64 watched;	   /* poll and select */
	__u32 family;	   /* enum wait_family */
	__u8 zero_timeout;
	__u8 writes_time_left; /* ppoll, select and pselect6: to the caller's timeout */
	__u8 resumable;	       /* poll: its next entry may be as restart_syscall */
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
	__u64 busy_since_ns; /* return of the last wait; 0: inside one, or none seen */
	__u64 fds_before;    /* execve, close_range, dup2: descriptors it may close, plus 1 */
	__u32 addrlen;	     /* accept: size of the caller's buffer */
	__u32 addrlen_state; /* enum addrlen_state */
	struct wait_entry wait;
	struct counters counters;
};

_Static_assert(sizeof(struct counters) % 8 == 0, "counters are an array of __u64");
_Static_assert(sizeof(struct thread) % 8 == 0, "no padding may leave the kernel");

/* A target. Keyed by tgid while it lives; tgid and start_ns name it for ever. */
struct process {
	__u64 start_ns;	      /* of the group leader; 0 until it is first seen in the kernel */
	__u64 open[FD_KINDS]; /* descriptors by kind, as of @walk */
	__u64 open_at_birth;  /* inherited through fork; only if born_traced */
	__u64 fd_limit;	      /* RLIMIT_NOFILE, soft */
	__u32 walk;	      /* number of the walk over descriptors that filled @open */
	__u32 walk_tid;	      /* whose table that walk counted, when the leader has ended */
	__u32 born_traced;
	__u32 reserved;
};

/* Names a process for ever: a tgid is used again, a start time is not. */
struct process_key {
	__u64 start_ns;
	__u32 tgid;
	__u32 reserved;
};

/* Sent when the last thread of a target ends. */
struct process_end {
	__u64 start_ns;
	__u64 open_at_birth;
	__u64 open; /* descriptors still open at the end */
	__u64 fd_limit;
	__u32 tgid;
	__u32 born_traced;
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
	__u64 drops;	   /* the socket's sk_drops, as last read */
	__u64 queue_limit; /* sk_max_ack_backlog */
	__u64 queue_depth_hist[HIST_INT_BUCKETS];
	__u16 family;	/* AF_INET, AF_INET6 or AF_UNIX; 0: unknown */
	__u16 port;	/* host byte order */
	__u32 path_len; /* AF_UNIX: bytes used of path, leading NUL of an abstract name included */
	__u8 address[16];
	char path[112]; /* struct sockaddr_un has 108 */
};

_Static_assert(sizeof(struct listener) % 8 == 0, "no padding may leave the kernel");

#endif
