/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The epoll mux: one instance per loop, and how many descriptors it holds,
 * because the kernel does not tell the owner.
 */
#include <errno.h>
#include <stdlib.h>

#include "calls.h"
#include "mux.h"

struct mux {
	struct stats *stats;
	struct epoll_event *raw;
	struct event *events;
	uint64_t nr_watched;
	int epfd;
	int max_events;
};

static void epoll_close(struct mux *mux)
{
	if (!mux)
		return;
	call_close(mux->stats, mux->epfd);
	free(mux->events);
	free(mux->raw);
	free(mux);
}

static int epoll_open(struct mux **out, const struct options *opts, struct stats *stats)
{
	struct mux *mux = calloc(1, sizeof(*mux));
	int err;

	if (!mux)
		return -ENOMEM;
	mux->stats = stats;
	mux->max_events = opts->max_events;
	mux->epfd = call_epoll_create(stats);
	if (mux->epfd < 0) {
		err = mux->epfd;
		goto fail;
	}
	mux->raw = calloc(mux->max_events, sizeof(*mux->raw));
	mux->events = calloc(mux->max_events, sizeof(*mux->events));
	if (!mux->raw || !mux->events) {
		err = -ENOMEM;
		goto fail;
	}
	*out = mux;
	return 0;
fail:
	epoll_close(mux);
	return err;
}

static uint32_t epoll_mask(unsigned int interest)
{
	return (interest & WANT_IN ? EPOLLIN : 0) | (interest & WANT_OUT ? EPOLLOUT : 0) |
	       (interest & WANT_EDGE ? EPOLLET : 0) | (interest & WANT_ONESHOT ? EPOLLONESHOT : 0) |
	       (interest & WANT_EXCLUSIVE ? EPOLLEXCLUSIVE : 0);
}

static int epoll_add(struct mux *mux, uint64_t tag, unsigned int interest)
{
	struct epoll_event event = { .events = epoll_mask(interest), .data.u64 = tag };
	int err = call_epoll_ctl(mux->stats, mux->epfd, EPOLL_CTL_ADD, tag_fd(tag), &event);

	if (!err)
		mux->nr_watched++;
	return err;
}

static int epoll_del(struct mux *mux, uint64_t tag)
{
	int err = call_epoll_ctl(mux->stats, mux->epfd, EPOLL_CTL_DEL, tag_fd(tag), NULL);

	if (!err)
		mux->nr_watched--;
	return err;
}

static int epoll_mod(struct mux *mux, uint64_t tag, unsigned int interest)
{
	struct epoll_event event = { .events = epoll_mask(interest), .data.u64 = tag };
	int err;

	if (!(interest & WANT_EXCLUSIVE))
		return call_epoll_ctl(mux->stats, mux->epfd, EPOLL_CTL_MOD, tag_fd(tag), &event);
	/* An exclusive registration cannot be modified (epoll_ctl(2)): made anew. */
	err = epoll_del(mux, tag);
	return err ? err : epoll_add(mux, tag, interest);
}

/* The last close of a file takes it out of every instance (epoll(7), Q6). */
static void epoll_forget(struct mux *mux, uint64_t tag)
{
	(void)tag;
	mux->nr_watched--;
}

static unsigned int readiness(uint32_t events)
{
	return (events & EPOLLIN ? READY_IN : 0) | (events & EPOLLOUT ? READY_OUT : 0) |
	       (events & (EPOLLERR | EPOLLHUP) ? READY_ERROR : 0);
}

static int epoll_wait_once(struct mux *mux, int timeout_ms, const struct event **events)
{
	int n = call_epoll_wait(mux->stats, mux->epfd, mux->raw, mux->max_events, timeout_ms,
				mux->nr_watched);

	for (int i = 0; i < n; i++)
		mux->events[i] = (struct event){ .tag = mux->raw[i].data.u64,
						 .ready = readiness(mux->raw[i].events) };
	*events = mux->events;
	return n;
}

const struct mux_ops epoll_mux = {
	.open = epoll_open,
	.close = epoll_close,
	.add = epoll_add,
	.mod = epoll_mod,
	.del = epoll_del,
	.forget = epoll_forget,
	.wait = epoll_wait_once,
};
