/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF programs count and user space reads, byte for byte. All counters
 * are cumulative: user space takes two snapshots and subtracts. Every fact is
 * stored once; what follows from it (calls, wakeups, shares) is derived in
 * user/model. The meanings of the members are those of the profile's keys. Whose
 * they are stands in rows.h and epoll_rows.h.
 */
#ifndef FDSCOPE_COUNTERS_H
#define FDSCOPE_COUNTERS_H

#include "hist.h"

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
	LOSS_EVENTS,		 /* events of a wait that could not be looked at */
	THREAD_LOSSES,
	LOSS_THREADS = THREAD_LOSSES, /* calls of threads the full table has no row for */
	LOSS_PROCESSES,		      /* processes the full table has no row for */
	LOSS_OPEN_DESCRIPTORS, /* a descriptor table longer than OPEN_FDS_MAX was not counted */
	LOSS_ENDED_PROCESSES,  /* ends of processes that user space was too slow to hear of */
	LOSS_INSTANCES, /* epoll instances, or threads that wait on one, the full table has no row for */
	LOSS_REGISTRATIONS,    /* registrations the full table has no row for, or unlike fdinfo's */
	LOSS_DESCRIPTIONS,     /* open file descriptions the full table has no row for */
	LOSS_CALLBACKS,	       /* readiness callbacks whose end was not seen */
	LOSS_PROGRAMS_SKIPPED, /* recursion_misses of the programs; user space fills it in */
	LOSSES,
};

enum unseen {
	UNSEEN_IO_URING,	 /* requests submitted through io_uring */
	UNSEEN_COMPAT,		 /* 32-bit system calls */
	UNSEEN_COMPAT_PROCESSES, /* 32-bit programs, where their calls cannot be counted */
	UNSEEN_BEGUN, /* calls begun before the probes were live, where their end is not seen */
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
	__u64 spins; /* of empty_polls: right after another one */
	/* poll and select: as the members of struct epoll_counters; epoll's are there. */
	__u64 redelivered;
	__u64 redelivered_in;
	__u64 idle_out;
	__u64 ignored_hangup;
	__u64 ready_hist[HIST_INT_BUCKETS]; /* its sum is wakeups */
	__u64 watched_hist[HIST_INT_BUCKETS];
	__u64 wait_ns_hist[HIST_NS_BUCKETS];
	__u64 busy_ns_hist[HIST_NS_BUCKETS];
	/* The kernel's side of it. The first three are written by who wakes, atomically. */
	__u64 callbacks; /* poll and select: of the files they wait for; epoll's are its instances' */
	__u64 filtered; /* of callbacks, of what is not waited for */
	__u64 woken;
	__u64 futile; /* went to sleep once more in the same wait */
};

struct epoll_ctl_counters {
	__u64 add;
	__u64 mod;
	__u64 del;
	__u64 failed;
	__u64 in_bytes;
	__u64 mod_unchanged; /* of mod: with the mask and data held before */
};

/* How many of something are registered so; level and edge are all of them. */
struct trigger_counters {
	__u64 level;
	__u64 edge;
	__u64 oneshot;
	__u64 exclusive;
};

struct delivery_counters {
	struct trigger_counters by;
	__u64 in;
	__u64 out;
	__u64 err;
	__u64 hup;
	__u64 rdhup;
	__u64 pri;
};

/* What one thread was told by one epoll instance. State is kept for each open file description. */
struct epoll_counters {
	__u64 returns; /* waits that returned, for whatever reason */
	struct delivery_counters deliveries;
	__u64 redelivered;    /* level, no call on it since its last delivery */
	__u64 redelivered_in; /* of them, with IN */
	__u64 idle_out; /* level, OUT and nothing else, no write since its last delivery with OUT */
	__u64 ignored_hangup; /* ERR, HUP or a stream's end, told by the delivery before already */
	__u64 residual;	      /* level IN, its latest read was not draining */
	__u64 spurious;	      /* IN, its first read or accept answered EAGAIN */
	__u64 edge_undrained; /* edge IN, not drained when the thread waited again; no listeners */
	__u64 edge_accept_left; /* the same of a listener, with connections left in its queue */
	__u64 phantom;		/* ignored, and the registered number leads to it no more */
	__u64 unattributed;	/* data is of no registration, or of several */
	__u64 first_read_ns_hist[HIST_NS_BUCKETS]; /* from delivery to the first read */
};

#define EPOLL_WORDS (sizeof(struct epoll_counters) / sizeof(__u64))

/* What became of a readiness callback: the kernel's ep_poll_callback(). */
enum callback_outcome {
	CALLBACK_FILTERED,  /* of nothing that is registered for, or a ONESHOT has fired */
	CALLBACK_COALESCED, /* it was queued already */
	CALLBACK_QUEUED,    /* to be looked at by the next wait */
	CALLBACK_UNSETTLED, /* one of these: something else was done to it at the same time */
	CALLBACK_OUTCOMES,
};

/* The callbacks of an instance or of one registration. Written atomically. */
struct callback_counters {
	__u64 outcomes[CALLBACK_OUTCOMES]; /* their sum is how many there were */
	__u64 woken;			   /* tasks, of whatever process */
	__u64 passed_on; /* EPOLLEXCLUSIVE: woke nobody, and left it to the next one */
};

#define CALLBACK_WORDS (sizeof(struct callback_counters) / sizeof(__u64))

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

_Static_assert(sizeof(struct counters) % 8 == 0, "counters are an array of __u64");

#endif
