/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The epoll mux: one instance per loop, and how many descriptors it holds,
 * because the kernel does not tell the owner. On purpose (shared-level-epoll)
 * several muxes can have one instance: each a thread's, to wait with.
 */
#include <errno.h>
#include <stdlib.h>

#include "calls.h"
#include "mux.h"

struct mux {
	struct stats *stats;
	struct epoll_event *raw;
	struct event *events;
	struct mux *origin;	     /* whose instance it is: this one's, unless shared */
	_Atomic uint64_t nr_watched; /* of the origin; others that share it look at it */
	int epfd;
	int max_events;
};

static void epoll_close(struct mux *mux)
{
	if (!mux)
		return;
	if (mux->origin == mux)
		call_close(mux->stats, mux->epfd);
	free(mux->events);
	free(mux->raw);
	free(mux);
}

static struct mux *mux_new(int max_events, struct stats *stats)
{
	struct mux *mux = calloc(1, sizeof(*mux));

	if (!mux)
		return NULL;
	mux->stats = stats;
	mux->epfd = -1;
	mux->max_events = max_events;
	mux->raw = calloc(max_events, sizeof(*mux->raw));
	mux->events = calloc(max_events, sizeof(*mux->events));
	if (mux->raw && mux->events)
		return mux;
	epoll_close(mux);
	return NULL;
}

static int epoll_open(struct mux **out, const struct options *opts, struct stats *stats)
{
	struct mux *mux = mux_new(opts->max_events, stats);
	int err;

	if (!mux)
		return -ENOMEM;
	mux->origin = mux;
	mux->epfd = call_epoll_create(stats);
	if (mux->epfd < 0) {
		err = mux->epfd;
		epoll_close(mux);
		return err;
	}
	*out = mux;
	return 0;
}

static int epoll_share(struct mux **out, struct mux *origin, struct stats *stats)
{
	struct mux *mux = mux_new(origin->max_events, stats);

	*out = mux;
	if (!mux)
		return -ENOMEM;
	mux->origin = origin;
	mux->epfd = origin->epfd;
	return 0;
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

/* An exclusive registration cannot be modified (epoll_ctl(2)). */
static int make_anew(struct mux *mux, uint64_t tag, unsigned int interest)
{
	int err = epoll_del(mux, tag);

	return err ? err : epoll_add(mux, tag, interest);
}

static int epoll_mod(struct mux *mux, uint64_t tag, unsigned int held, unsigned int interest)
{
	struct epoll_event event = { .events = epoll_mask(interest), .data.u64 = tag };
	int err;

	if (interest & WANT_EXCLUSIVE)
		return make_anew(mux, tag, interest);
	err = call_epoll_ctl(mux->stats, mux->epfd, EPOLL_CTL_MOD, tag_fd(tag), &event);
	/* A oneshot is armed again only when it has fired, and then it held nothing. */
	mux->stats->ctl.mod_unchanged += !err && interest == held && !(interest & WANT_ONESHOT);
	return err;
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
				mux->origin->nr_watched);

	for (int i = 0; i < n; i++)
		mux->events[i] = (struct event){ .tag = mux->raw[i].data.u64,
						 .ready = readiness(mux->raw[i].events) };
	*events = mux->events;
	return n;
}

const struct mux_ops epoll_mux = {
	.open = epoll_open,
	.close = epoll_close,
	.share = epoll_share,
	.add = epoll_add,
	.mod = epoll_mod,
	.del = epoll_del,
	.forget = epoll_forget,
	.wait = epoll_wait_once,
};
