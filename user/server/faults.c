/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of mistakes, and those answers that need nothing but a number.
 *
 * A load provokes one finding from the server at fault and none from the server
 * as it is. Each takes about a second or less. Where a mistake leaves the
 * client without an answer, the load gives up after --timeout and ends with 1.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "faults.h"
#include "options.h"

/* Descriptors left to connections by fd-limit-spin. */
#define FD_ROOM 16
/* idle-wakeups looks around so often (teleproxy/teleproxy#129). */
#define IDLE_MS 2
/* zero-timeout-spin counts the time left in units so coarse. */
#define COARSE_MS 100
/* Enough for every worker to be told of a connection before one of them takes it. */
#define HERD_PAUSE_NS 1000000
/* Enough for some connections to come behind the one that made the edge. */
#define EDGE_PAUSE_NS 200000
/* The same for the threads of one instance, and the bytes of a connection. */
#define TURN_PAUSE_NS 100000
/* As if events were work: meanwhile more get ready than fit into the next batch. */
#define BATCH_PAUSE_NS 200000
/*
 * greedy-connection, as if what was read were handled: its peer is not the
 * slower one, however quick the machine, and a turn lasts.
 */
#define REST_READS 32
#define REST_NS	   50000
/* As if a name had to be looked up for each connection, by a call that blocks. */
#define SLOW_ACCEPT_NS 20000000

/* As in struct options; 0 is the default. */
struct modes {
	enum mux_kind mux;
	enum trigger trigger;
	int workers;
	int threads;
	int max_events;
	int read_chunk;
	int backlog;
	bool is_exclusive;
};

struct row {
	const char *name; /* and that of the finding */
	const char *sentence;
	const char *load;
	struct modes modes;
};

static const struct row rows[NR_FAULTS] = {
	[FAULT_HERD] = {
		"herd",
		"Four workers watch one listener without EPOLLEXCLUSIVE: each connection wakes "
		"all of them, and one gets it.",
		"--connections 1 --requests 150 --reconnect --pause 2",
		{ .workers = 4 },
	},
	[FAULT_ACCEPT_IMBALANCE] = {
		"accept-imbalance",
		"Four workers watch one listener with EPOLLEXCLUSIVE: the kernel always wakes the "
		"same one first, and it gets nearly all connections.",
		"--connections 1 --requests 150 --reconnect --pause 2",
		{ .workers = 4, .is_exclusive = true },
	},
	[FAULT_FD_LIMIT_SPIN] = {
		"fd-limit-spin",
		"Out of descriptors, it goes on accepting: accept fails before it takes a "
		"connection, so the listener stays ready and the loop spins.",
		"--connections 40 --requests 4 --reconnect --pause 50",
		{ 0 },
	},
	[FAULT_IDLE_WRITE_INTEREST] = {
		"idle-write-interest",
		"Interest in writing is left on after a response: an idle socket can always be "
		"written to, and the loop spins.",
		"--connections 1 --requests 10 --pause 50",
		{ 0 },
	},
	[FAULT_IGNORED_HANGUP] = {
		"ignored-hangup",
		"When a peer is gone it asks for no events any more, and does not handle the "
		"hang-up that is reported all the same.",
		"--connections 1 --requests 6 --reconnect --pause 50",
		{ 0 },
	},
	[FAULT_EDGE_UNDRAINED] = {
		"edge-undrained",
		"Edge-triggered, it reads once for each edge: what one read does not take stays in "
		"the socket, and nothing tells of it again.",
		"--connections 3 --requests 20 --post 300000 --timeout 1",
		{ .trigger = TRIGGER_EDGE },
	},
	[FAULT_EDGE_ACCEPT_ONCE] = {
		"edge-accept-once",
		"Edge-triggered, it accepts once for each edge: of connections that come together "
		"the others stay in the queue.",
		"--connections 10 --requests 5 --reconnect --pause 5 --timeout 1",
		{ .trigger = TRIGGER_EDGE },
	},
	[FAULT_GREEDY_CONNECTION] = {
		"greedy-connection",
		"A connection is read from thousands of times while the others wait, and written "
		"to for as long as its peer takes it.",
		"--connections 6 --requests 60 --post 1000 --bulk 16000000 --pause 5",
		{ .read_chunk = 256 },
	},
	[FAULT_PHANTOM_EVENT] = {
		"phantom-event",
		"A duplicate of the last connection is kept when it is closed: its registration "
		"stays, and events arrive for a descriptor that is no more.",
		"--connections 1 --requests 6 --reconnect --pause 50",
		{ 0 },
	},
	[FAULT_ZERO_TIMEOUT_SPIN] = {
		"zero-timeout-spin",
		"The time left to a timer is rounded down: the rest of it is spun through with a "
		"timeout of zero.",
		"--connections 1 --requests 10 --pause 50",
		{ 0 },
	},
	[FAULT_IDLE_WAKEUPS] = {
		"idle-wakeups",
		"It wakes every 2 ms to look whether there is anything to do.",
		"--connections 1 --requests 10 --pause 50",
		{ 0 },
	},
	[FAULT_CTL_CHURN] = {
		"ctl-churn",
		"Each event takes its connection out of the epoll set and puts it back.",
		"--connections 10 --requests 500 --post 100",
		{ 0 },
	},
	[FAULT_BATCH_SATURATED] = {
		"batch-saturated",
		"It takes four events at a time, and so long over them that dozens of "
		"connections are ready.",
		"--connections 50 --requests 200 --post 100",
		{ .max_events = 4 },
	},
	[FAULT_SHARED_LEVEL_EPOLL] = {
		"shared-level-epoll",
		"Four threads wait on one level-triggered instance: several are told of the same "
		"bytes, and one gets them.",
		"--connections 10 --requests 100 --post 100 --pause 2",
		{ .threads = 4 },
	},
	[FAULT_LINEAR_SCAN] = {
		"linear-scan",
		"It waits with poll, which looks at every connection for the few that are ready.",
		"--connections 2 --requests 1500 --post 100 --idle 400",
		{ .mux = MUX_POLL },
	},
	[FAULT_TINY_IO] = {
		"tiny-io",
		"It reads requests a byte at a time.",
		"--connections 5 --requests 100 --post 100",
		{ .read_chunk = 1 },
	},
	[FAULT_COPY_WHERE_SENDFILE_FITS] = {
		"copy-where-sendfile-fits",
		"A body to be echoed is kept in a file, and copied from there to the socket through "
		"a buffer.",
		"--connections 5 --requests 20 --post 200000",
		{ 0 },
	},
	[FAULT_ACCEPT_QUEUE_FULL] = {
		"accept-queue-full",
		"The accept queue has room for two, and accepting is slow: the kernel drops "
		"connections.",
		"--connections 12 --requests 2 --timeout 1",
		{ .backlog = 1 },
	},
	[FAULT_FD_LEAK] = {
		"fd-leak",
		"A connection that ended is no longer watched, but never closed.",
		"--connections 4 --requests 80 --reconnect",
		{ 0 },
	},
	[FAULT_IGNORED_READINESS] = {
		"ignored-readiness",
		"An eventfd in the epoll set is ready from the start, and nobody ever reads it.",
		"--connections 1 --requests 10 --pause 50",
		{ 0 },
	},
};

enum fault fault_of_name(const char *name)
{
	for (int i = FAULT_NONE + 1; i < NR_FAULTS; i++)
		if (!strcmp(rows[i].name, name))
			return i;
	return FAULT_NONE;
}

void fault_list(void)
{
	for (int i = FAULT_NONE + 1; i < NR_FAULTS; i++)
		printf("%s\t%s\t%s\t%s\n", rows[i].name, rows[i].sentence, rows[i].name,
		       rows[i].load);
}

void fault_set_modes(struct options *opts)
{
	const struct modes *modes = &rows[opts->fault].modes;

	opts->mux = modes->mux;
	opts->trigger = modes->trigger;
	opts->is_exclusive = modes->is_exclusive;
	if (modes->workers)
		opts->workers = modes->workers;
	if (modes->threads)
		opts->threads = modes->threads;
	if (modes->max_events)
		opts->max_events = modes->max_events;
	if (modes->read_chunk)
		opts->read_chunk = modes->read_chunk;
	if (modes->backlog)
		opts->backlog = modes->backlog;
}

int fault_timeout_ms(enum fault fault, int timeout_ms)
{
	if (fault == FAULT_IDLE_WAKEUPS && (timeout_ms < 0 || timeout_ms > IDLE_MS))
		return IDLE_MS;
	if (fault == FAULT_ZERO_TIMEOUT_SPIN && timeout_ms > 0)
		return timeout_ms / COARSE_MS * COARSE_MS;
	return timeout_ms;
}

int fault_accept_budget(enum fault fault, int budget)
{
	return fault == FAULT_EDGE_ACCEPT_ONCE || fault == FAULT_ACCEPT_QUEUE_FULL ? 1 : budget;
}

/* By a call that no profile counts. */
static void pause_ns(long ns)
{
	struct timespec pause = { .tv_nsec = ns };

	nanosleep(&pause, NULL);
}

void fault_before_accept(enum fault fault)
{
	if (fault == FAULT_HERD)
		pause_ns(HERD_PAUSE_NS);
	else if (fault == FAULT_EDGE_ACCEPT_ONCE)
		pause_ns(EDGE_PAUSE_NS);
	else if (fault == FAULT_ACCEPT_QUEUE_FULL)
		pause_ns(SLOW_ACCEPT_NS);
}

void fault_before_turn(enum fault fault)
{
	if (fault == FAULT_SHARED_LEVEL_EPOLL)
		pause_ns(TURN_PAUSE_NS);
	else if (fault == FAULT_BATCH_SATURATED)
		pause_ns(BATCH_PAUSE_NS);
}

void fault_between_reads(enum fault fault, unsigned int left)
{
	if (fault == FAULT_GREEDY_CONNECTION && left % REST_READS == 0)
		pause_ns(REST_NS);
}

int fault_limit_fds(int next)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	limit.rlim_cur = next + FD_ROOM;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}
