/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Has the server read what we sent? With --pieces the next piece must not be written before,
 * or the server's one read would take both and see one readiness event for two writes.
 */
#ifndef LOAD_PEER_H
#define LOAD_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct peer_watch {
	int diag_fd; /* -1: sock_diag is not to be had */
};

void peer_watch_init(struct peer_watch *watch);

void peer_watch_close(struct peer_watch *watch);

/*
 * @sent is the number of bytes ever written to the connection @fd. On this host's network
 * namespace, true means that the server's process has read all of them. Where the server's
 * socket cannot be seen (another host or container, a kernel without inet_diag) it means only
 * that the server's TCP has acknowledged them: they are queued and the server was woken, but
 * it may still read the next piece together with this one.
 */
bool peer_has_read(const struct peer_watch *watch, int fd, uint64_t sent);

#endif
