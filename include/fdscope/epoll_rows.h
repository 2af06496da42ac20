/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * epoll instances, who uses them, what they watch and the open file descriptions
 * behind that, as they stand in the maps that the BPF programs and user space
 * share. They refer to each other by row:
 *
 *	thread --list--> epoll_use --> instance <-- registration --> description
 */
#ifndef FDSCOPE_EPOLL_ROWS_H
#define FDSCOPE_EPOLL_ROWS_H

#include "counters.h"

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
	__u32 is_closed;	   /* its last descriptor is: the row is kept for who used it */
	__u32 keeps_registrations; /* though closed: it ended with its last holder, unread yet */
	__u32 reserved;
	__u64 scans; /* how often events were taken out of it */
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

_Static_assert(sizeof(struct instance) % 8 == 0, "no padding may leave the kernel");
_Static_assert(sizeof(struct epoll_use) % 8 == 0, "no padding may leave the kernel");
_Static_assert(sizeof(struct description) % 8 == 0, "no padding may leave the kernel");
_Static_assert(sizeof(struct registration) % 8 == 0, "no padding may leave the kernel");

#endif
