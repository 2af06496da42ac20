/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mistakes on purpose, one at a time (--fault). A row of the table says what a
 * mistake is, which finding it must raise, under which load, and in which modes
 * of the server it is made. The functions below are where the code at fault
 * asks how to go wrong; with FAULT_NONE each answers what is right.
 */
#ifndef SERVER_FAULTS_H
#define SERVER_FAULTS_H

#include <stdbool.h>

struct options;

enum fault {
	FAULT_NONE,
	FAULT_HERD,
	FAULT_ACCEPT_IMBALANCE,
	FAULT_FD_LIMIT_SPIN,
	FAULT_IDLE_WRITE_INTEREST,
	FAULT_IGNORED_HANGUP,
	FAULT_EDGE_UNDRAINED,
	FAULT_EDGE_ACCEPT_ONCE,
	FAULT_GREEDY_CONNECTION,
	FAULT_PHANTOM_EVENT,
	FAULT_ZERO_TIMEOUT_SPIN,
	FAULT_IDLE_WAKEUPS,
	FAULT_CTL_CHURN,
	FAULT_BATCH_SATURATED,
	FAULT_SHARED_LEVEL_EPOLL,
	FAULT_LINEAR_SCAN,
	FAULT_TINY_IO,
	FAULT_COPY_WHERE_SENDFILE_FITS,
	FAULT_ACCEPT_QUEUE_FULL,
	FAULT_FD_LEAK,
	FAULT_IGNORED_READINESS,
	NR_FAULTS,
};

/* FAULT_NONE when there is none of that name. */
enum fault fault_of_name(const char *name);

/* One line each on stdout: name, sentence, finding, arguments of fdscope-load; tabs between. */
void fault_list(void);

/* Sets the modes that opts->fault is made in. */
void fault_set_modes(struct options *opts);

/* ---- how to go wrong ---- */

/* What becomes of a wait's timeout; -1 is for ever. */
int fault_timeout_ms(enum fault fault, int timeout_ms);

/* How many connections to take on one wakeup, instead of @budget. */
int fault_accept_budget(enum fault fault, int budget);

/* What comes between being told of connections and accepting the first. */
void fault_before_accept(enum fault fault);

/* What comes between being told of events and handling them. */
void fault_before_turn(enum fault fault);

/* What comes between two reads of one turn, of which @left are left. */
void fault_between_reads(enum fault fault, unsigned int left);

/* fd-limit-spin: leaves room for a few descriptors from the number @next on. 0 or -errno. */
int fault_limit_fds(int next);

#endif
