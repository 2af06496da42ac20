/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One process that serves: --threads loops, each in a thread of its own.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "server.h"

/* The signals that end the server. Blocked in every thread; a signalfd sees them. */
void worker_end_signals(sigset_t *signals);

/*
 * Runs the loops from @first on until a signal ends them; @stats has one
 * element per loop of the server. 0 or -errno, logged.
 */
int worker_run(const struct server *server, int first, struct stats *stats);

#endif
