/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One way to wait for many descriptors: epoll, poll or select. A mux knows
 * descriptors and tags; what stands behind a tag is the loop's business.
 *
 * A descriptor number can be closed and handed out again while events for its
 * old holder still wait in a batch. The tag of an event says which holder it
 * was for: the generation in the upper half, the number in the lower.
 */
#ifndef SERVER_MUX_H
#define SERVER_MUX_H

#include <stdint.h>

#include "options.h"
#include "stats.h"

/* What to wait for. The last three mean something to epoll only. */
enum interest {
	WANT_IN = 1 << 0,
	WANT_OUT = 1 << 1,
	WANT_EDGE = 1 << 2,
	WANT_ONESHOT = 1 << 3,
	WANT_EXCLUSIVE = 1 << 4,
};

/* What was reported. ERR and HUP come unasked, possibly alone. */
enum readiness {
	READY_IN = 1 << 0,
	READY_OUT = 1 << 1,
	READY_ERROR = 1 << 2,
};

struct event {
	uint64_t tag;
	unsigned int ready;
};

struct mux;

struct mux_ops {
	/* 0 with *@mux, or -errno */
	int (*open)(struct mux **mux, const struct options *opts, struct stats *stats);
	void (*close)(struct mux *mux);
	/* Epoll only: a further waiter on the instance of @origin, with events of its own. */
	int (*share)(struct mux **mux, struct mux *origin, struct stats *stats);
	/* 0 or -errno; -ERANGE when this mux cannot hold such a number. */
	int (*add)(struct mux *mux, uint64_t tag, unsigned int interest);
	/* @held is what the mux was given last. */
	int (*mod)(struct mux *mux, uint64_t tag, unsigned int held, unsigned int interest);
	int (*del)(struct mux *mux, uint64_t tag);
	/* The caller is about to close the descriptor, with no other holder left. */
	void (*forget)(struct mux *mux, uint64_t tag);
	/*
	 * Waits once; @timeout_ms as poll's. The number of events, which stay
	 * valid until the next wait whatever is added or removed, or -errno.
	 */
	int (*wait)(struct mux *mux, int timeout_ms, const struct event **events);
};

extern const struct mux_ops epoll_mux;
extern const struct mux_ops poll_mux;
extern const struct mux_ops select_mux;

static inline uint64_t event_tag(int fd, uint32_t gen)
{
	return (uint64_t)gen << 32 | (uint32_t)fd;
}

static inline int tag_fd(uint64_t tag)
{
	return (int)(uint32_t)tag;
}

#endif
