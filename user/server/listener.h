/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Accepting in one loop: a budget per wakeup, and a pause when descriptors run
 * out. The listening socket itself belongs to the server.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "conn.h"
#include "loop.h"

struct listener {
	struct watch watch;
	struct service *service;
};

/* Begins to accept from @fd into @service's loop. 0 or -errno. */
int listener_start(struct listener *listener, struct service *service, int fd);

#endif
