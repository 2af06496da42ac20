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
	__u16 born_traced;
	__u16 is_compat;  /* runs a 32-bit program, whose calls are not seen */
	__u32 close_wait; /* of @open: TCP sockets whose peer closed 1000 ticks ago or more */
};

/* Names a process for ever: a tgid is used again, a start time is not. */
struct process_key {
	__u64 start_ns;
	__u32 tgid;
	__u32 reserved;
};

/* Names the uses that ended threads of a process made of an instance. */
struct use_key {
	__u64 start_ns;
	__u32 tgid;
	__u32 instance;
};

struct thread_use_key {
	__u32 thread;	/* row */
	__u32 instance; /* row */
};

/* As in fs/eventpoll.c, struct epoll_filefd: a description can be in an instance several times. */
struct registration_key {
	__u64 file;
	__u32 instance;
	__u32 fd;
};

struct data_key {
	__u64 data;
	__u64 instance;
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

/*
 * An epoll instance: struct eventpoll at ep. Its row's number names it until the
 * row is given back; a new instance at the same address gets a new row.
 */
struct instance {
	__u64 ep;
	__u64 holder_start_ns;
	__u32 holder_tgid; /* a target that holds it open, and as which descriptor: as of @walk */
	__u32 holder_fd;
	__u32 walk;
	__u32 birth_walk; /* the last one before it was known */
	__u32 nr_registrations;
	__u32 is_closed; /* its last descriptor is: the row is kept for who used it */
	__u64 scans;	 /* how often events were taken out of it */
	struct callback_counters callbacks;
};

/* Edge deliveries of one batch that are looked at again at the next wait; more are a loss. */
#define BATCH_EDGES_MAX 1024

enum use_state {
	USE_FREE,
	USE_LIVE,     /* of the thread in the row @thread */
	USE_ENDED,    /* of threads of the process that have ended */
	USE_RETIRING, /* the same, and user space is about to take it: nothing is added any more */
};

/*
 * Of the members of struct epoll_counters, what an event that is level-triggered, IN
 * and nothing else adds to two of them: user space adds it when it reads.
 */
struct plain_counters {
	__u64 deliveries;  /* to deliveries.by.level and deliveries.in */
	__u64 redelivered; /* to redelivered and redelivered_in */
};

/* Names a use for ever: its row is given out again, with another serial. */
struct use_name {
	union {
		struct {
			__u32 row;
			__u32 serial;
		};
		__u64 word; /* both */
	};
};

/*
 * One thread's use of one instance. That thread alone writes it, between the
 * two increments of its row's seq; but who reads first from a descriptor that
 * was delivered here adds to counters.spurious and counters.first_read_ns_hist,
 * atomically. A thread's uses are a list that begins at its epoll_use.
 */
struct epoll_use {
	__u64 process_start_ns;
	__u64 ep;
	__u64 batch_ns; /* when the last batch with an edge was returned */
	__u32 tgid;
	__u32 state;	  /* enum use_state */
	__u32 thread;	  /* row */
	__u32 instance;	  /* row */
	__u32 epoch;	  /* of addresses, when @ep was last found to be @instance */
	__u32 epfd;	  /* as last waited on */
	__u32 next;	  /* the thread's next use, plus 1 */
	__u32 nr_edges;	  /* edge IN deliveries of the last batch, in the map batches */
	__u32 nr_threads; /* USE_ENDED: how many were added up */
	__u32 nr_fds;	  /* descriptors in the table at @fds */
	struct use_name name;
	struct plain_counters plain;
	__u64 fds; /* address of the table that the thread has; 0: not read since its last wait */
	struct epoll_counters counters;
};

/* Descriptions that the last batch of the use with the same row number delivered. */
struct batch {
	__u32 descriptions[BATCH_EDGES_MAX];
};

/*
 * A set of row numbers that several threads add to and take from, each with one
 * atomic addition: how many there are and their sum. While there is one, the sum
 * is its number.
 */
#define PACKED(row)	((__u64)(row) << 24 | 1)
#define PACKED_NR(set)	((set)&0xffffff)
#define PACKED_SUM(set) ((set) >> 24)

/* How much of a description a read must take to have drained it. */
enum drain_rule {
	DRAIN_BY_EAGAIN, /* datagram sockets, signalfds, listeners and whatever else */
	DRAIN_BY_LESS,	 /* streams and pipes: less than asked, too */
	DRAIN_BY_ANY,	 /* timerfds and eventfds that are no semaphores */
	DRAIN_BY_WAIT,	 /* epoll instances: a wait that returned fewer than maxevents */
};

enum last_read {
	READ_NONE,
	READ_DRAINING,
	READ_RESIDUAL, /* not draining */
};

/*
 * An open file description that an instance watches, or poll or select
 * reported. Whoever uses it writes it, several at once if need be: marks are
 * plain stores, counts are atomic. While file, inode and private_data are the
 * same it is the same description.
 */
struct description {
	__u64 file;
	__u64 inode;
	__u64 private_data;
	__u64 ino;
	__u64 born_ns;	    /* when it was entered: with the row, names it for ever */
	__u64 delivered_ns; /* last; 0: not since it is known */
	__u64 undrained_ns; /* edge IN delivery that no read has drained; 0: none */
	__u64 unread_bytes; /* as of @walk, if undrained */
	__u64 reads;	    /* calls that moved something, and what they moved */
	__u64 read_bytes;
	__u64 write_bytes;
	struct use_name told; /* last: the first read after it is counted there */
	__u64 told_start_ns; /* process_start_ns, tgid and instance of it: it may end before the read */
	__u32 told_tgid;
	__u32 told_instance;
	__u64 registrations; /* its registrations, packed: see PACKED() */
	__u32 walk;	     /* that met it last */
	__u32 registration;  /* that was delivered last, if it still is one: see is_of() */
	__u16 family;	     /* of a socket: AF_INET, AF_INET6, AF_UNIX; else 0 */
	__u16 port;	     /* of the peer; of the listener itself */
	__u8 address[16];
	__u8 is_ignored;      /* delivered, and no call on it since */
	__u8 is_unread;	      /* delivered with IN, and no read since */
	__u8 is_poll_ignored; /* the same for poll and select */
	__u8 last_read;	      /* enum last_read */
	union {
		struct {
			__u8 has_ended; /* a read said end, or a delivery ERR or HUP */
			__u8 is_listener;
		};
		__u16 has_ended_or_listens;
	};
	__u8 kind;	   /* enum fd_kind */
	__u8 drain_rule;   /* enum drain_rule */
	__u8 is_unwritten; /* delivered with OUT, and no write since */
	__u8 is_poll_unwritten;
	__u8 io_kind; /* of @kind, what io knows */
	__u8 reserved;
	__u32 row;     /* its own */
	__u32 is_used; /* 0: nobody's row */
};

/* EPOLLET, EPOLLONESHOT and EPOLLEXCLUSIVE: what decides how a registration is told of. */
#define REGISTRATION_MODES (1U << 31 | 1U << 30 | 1U << 28)

#define REGISTRATION_PLAIN 1ULL /* little-endian */

/* One descriptor in one instance, as epoll_ctl left it. struct epitem in fs/eventpoll.c. */
struct registration {
	__u64 file; /* address; 0: no target holds it any more */
	__u64 epi;  /* address of the struct epitem; 0: not known */
	__u64 data;
	__u64 born_ns; /* when it was entered: with instance and fd, names it for ever */
	__u64 description_born_ns;
	union {
		struct {
			__u32 is_used; /* 0: nobody's row */
			__u16 shares_data; /* with another one of the instance: whose an event is cannot be told */
			__u16 has_modes; /* @events has some of REGISTRATION_MODES */
		};
		__u64 standing; /* REGISTRATION_PLAIN: the first of them and no other */
	};
	__u32 instance;
	__u32 fd;
	__u32 events;
	__u32 description;   /* row, ~0 if not known: see description_born_ns */
	__u32 tgid;	     /* who was told of it last, or made it */
	__u32 found_by_walk; /* number of the walk that found it and counted it as missed, else 0 */
	__u32 is_fired;	     /* ONESHOT, delivered and not armed again */
	__u32 row;	     /* its own */
	__u64 plain_redelivered; /* as in struct plain_counters */
	/* Deliveries, as the members of struct epoll_counters. */
	__u64 deliveries;
	__u64 redelivered;
	__u64 redelivered_in;
	__u64 idle_out;
	__u64 ignored_hangup;
	__u64 residual;
	__u64 spurious;
	__u64 edge_undrained;
	__u64 phantom;
	struct callback_counters callbacks;
	/* Of the row, whoever has it; what for is told in bpf/change.bpf.h. */
	__u64 version;
	__u64 changing;
};

_Static_assert(sizeof(struct instance) % 8 == 0, "no padding may leave the kernel");
_Static_assert(sizeof(struct listener) % 8 == 0, "no padding may leave the kernel");
_Static_assert(sizeof(struct epoll_use) % 8 == 0, "no padding may leave the kernel");
_Static_assert(sizeof(struct description) % 8 == 0, "no padding may leave the kernel");
_Static_assert(sizeof(struct registration) % 8 == 0, "no padding may leave the kernel");

#endif
