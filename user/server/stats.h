/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The server's own counts: what the tool is checked against. One struct stats
 * per loop and one for what happens outside the loops, each with one writer;
 * they are added up when all have ended. PROFILE.md says what each key means.
 *
 * Not counted, because the server's code does not make these calls:
 *  - ld.so's read of the head of each shared library (kind file), and the
 *    opens and closes around it;
 *  - the words on stderr of a server that cannot go on;
 *  - the open, write and close of the stats file itself, which come after the
 *    sums were taken (kind file).
 * A server that runs and ends as it should therefore has uncounted calls of
 * the kind file only; waits, epoll_ctl, accept, sockets and pipes are complete.
 */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include <stddef.h>
#include <stdint.h>

enum wait_family { WAIT_EPOLL, WAIT_POLL, WAIT_SELECT, NR_WAITS };
enum io_family { IO_READ, IO_WRITE, IO_SENDFILE, IO_SPLICE, NR_IO };
enum fd_kind { KIND_SOCKET, KIND_FILE, KIND_PIPE, KIND_OTHER, NR_KINDS };

/* Element 0 counts the value 0, element k the values in [2^(k-1), 2^k). */
#define HIST_BUCKETS 65

struct wait_stats {
	uint64_t wakeups;
	uint64_t timeouts;
	uint64_t empty_polls;
	uint64_t interrupted;
	uint64_t failed;
	uint64_t ready;
	uint64_t watched;
	uint64_t capacity;  /* epoll only */
	uint64_t saturated; /* epoll only */
	uint64_t in_bytes;
	uint64_t out_bytes;
	uint64_t ready_hist[HIST_BUCKETS];
	uint64_t watched_hist[HIST_BUCKETS];
};

struct ctl_stats {
	uint64_t add;
	uint64_t mod;
	uint64_t del;
	uint64_t failed;
	uint64_t in_bytes;
	uint64_t mod_unchanged;
};

struct accept_stats {
	uint64_t accepted;
	uint64_t again;
	uint64_t fd_limit;
	uint64_t interrupted;
	uint64_t failed;
};

struct io_stats {
	uint64_t calls;
	uint64_t bytes;
	uint64_t partial;
	uint64_t end;
	uint64_t again;
	uint64_t interrupted;
	uint64_t failed;
	uint64_t size_hist[HIST_BUCKETS];
};

struct stats {
	struct wait_stats waits[NR_WAITS];
	struct ctl_stats ctl;
	struct accept_stats accept;
	struct io_stats io[NR_IO][NR_KINDS];
	uint64_t fds_opened;
	uint64_t fds_closed;
};

/* What accepting from one listening socket came to. */
struct listener_stats {
	const char *local;
	uint64_t accepted;
	uint64_t again;
};

void hist_count(uint64_t *hist, uint64_t value);

/* Adds @from to @to. */
void stats_add(struct stats *to, const struct stats *from);

/* Writes one JSON object to @path, whole or not at all. 0 or -errno, logged. */
int stats_write(const struct stats *stats, const struct listener_stats *listeners,
		size_t nr_listeners, const char *path);

#endif
