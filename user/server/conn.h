/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One connection: requests in, responses out, in order. What a loop needs to
 * serve connections is a service, one per loop.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include "loop.h"
#include "send.h"
#include "server.h"

struct service {
	const struct server *server;
	struct loop *loop;
	struct stats *stats;
	struct sender sender;
	char *scratch; /* --read-chunk bytes, for one read */
	int kept;      /* phantom-event: the duplicate of a connection; -1: none */
};

/* 0 or -errno. */
int service_init(struct service *service, const struct server *server, struct loop *loop);

/* The loop must be gone by now, and with it the connections. */
void service_close(struct service *service);

/* Takes over the accepted socket @fd, whatever comes of it. */
void conn_open(struct service *service, int fd);

#endif
