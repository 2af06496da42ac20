/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all loops of all workers share and none of them changes: the options,
 * the root, the content of /bytes/N and the listening sockets.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "options.h"
#include "send.h"
#include "stats.h"

/* "[" IPv6 "]:" port */
#define SERVER_LOCAL_MAX 64

struct server {
	const struct options *opts;
	struct content pattern;
	int *listeners; /* one, or one per loop; -1 where closed */
	int nr_listeners;
	int nr_loops; /* in all workers */
	int root_fd;  /* -1: no files are served */
	char local[SERVER_LOCAL_MAX];
};

/* Opens it all; from here on connections queue up. 0 or -errno, logged. */
int server_open(struct server *server, const struct options *opts, struct stats *stats);
void server_close(struct server *server, struct stats *stats);

/* The listening socket of a loop. */
int server_listener(const struct server *server, int loop_idx);

/* Closes the listening sockets that no loop in [@from, @to) uses. */
void server_close_listeners(struct server *server, int from, int to, struct stats *stats);

#endif
