/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The poll mux: a dense array of pollfds that the kernel reads whole on every
 * call, beside it the tags, and for each descriptor number its place.
 */
#include <errno.h>
#include <stdlib.h>

#include "calls.h"
#include "mux.h"

struct mux {
	struct stats *stats;
	struct pollfd *fds;   /* by place, dense */
	uint64_t *tags;	      /* by place */
	size_t *places;	      /* by descriptor number */
	struct event *events; /* of the last wait */
	size_t nr;
	size_t capacity;
	size_t nr_places;
	size_t nr_events;
};

static void poll_close(struct mux *mux)
{
	if (!mux)
		return;
	free(mux->events);
	free(mux->places);
	free(mux->tags);
	free(mux->fds);
	free(mux);
}

static int poll_open(struct mux **out, const struct options *opts, struct stats *stats)
{
	struct mux *mux = calloc(1, sizeof(*mux));

	(void)opts;
	if (!mux)
		return -ENOMEM;
	mux->stats = stats;
	*out = mux;
	return 0;
}

/* Room for one more. A failure half way leaves arrays that are only too long. */
static int grow(struct mux *mux)
{
	size_t capacity = mux->capacity ? 2 * mux->capacity : 64;
	struct pollfd *fds;
	uint64_t *tags;

	if (mux->nr < mux->capacity)
		return 0;
	fds = reallocarray(mux->fds, capacity, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	mux->fds = fds;
	tags = reallocarray(mux->tags, capacity, sizeof(*tags));
	if (!tags)
		return -ENOMEM;
	mux->tags = tags;
	mux->capacity = capacity;
	return 0;
}

static int grow_places(struct mux *mux, size_t fd)
{
	size_t nr = mux->nr_places ? mux->nr_places : 64;
	size_t *places;

	if (fd < mux->nr_places)
		return 0;
	while (nr <= fd)
		nr *= 2;
	places = reallocarray(mux->places, nr, sizeof(*places));
	if (!places)
		return -ENOMEM;
	mux->places = places;
	mux->nr_places = nr;
	return 0;
}

static short poll_mask(unsigned int interest)
{
	return (interest & WANT_IN ? POLLIN : 0) | (interest & WANT_OUT ? POLLOUT : 0);
}

static int poll_add(struct mux *mux, uint64_t tag, unsigned int interest)
{
	int fd = tag_fd(tag);

	if (grow(mux) || grow_places(mux, fd))
		return -ENOMEM;
	mux->places[fd] = mux->nr;
	mux->tags[mux->nr] = tag;
	mux->fds[mux->nr++] = (struct pollfd){ .fd = fd, .events = poll_mask(interest) };
	return 0;
}

static int poll_mod(struct mux *mux, uint64_t tag, unsigned int held, unsigned int interest)
{
	(void)held;
	mux->fds[mux->places[tag_fd(tag)]].events = poll_mask(interest);
	return 0;
}

/* The last one moves into the hole, so that the kernel never walks over holes. */
static void poll_forget(struct mux *mux, uint64_t tag)
{
	size_t place = mux->places[tag_fd(tag)];
	size_t last = --mux->nr;

	mux->fds[place] = mux->fds[last];
	mux->tags[place] = mux->tags[last];
	mux->places[mux->fds[place].fd] = place;
}

static int poll_del(struct mux *mux, uint64_t tag)
{
	poll_forget(mux, tag);
	return 0;
}

static int grow_events(struct mux *mux)
{
	struct event *events;

	if (mux->nr <= mux->nr_events)
		return 0;
	events = reallocarray(mux->events, mux->capacity, sizeof(*events));
	if (!events)
		return -ENOMEM;
	mux->events = events;
	mux->nr_events = mux->capacity;
	return 0;
}

static unsigned int readiness(short revents)
{
	return (revents & POLLIN ? READY_IN : 0) | (revents & POLLOUT ? READY_OUT : 0) |
	       (revents & (POLLERR | POLLHUP | POLLNVAL) ? READY_ERROR : 0);
}

/* Events are copied out: handling one may move the places of the others. */
static int poll_wait_once(struct mux *mux, int timeout_ms, const struct event **events)
{
	int nr_found = 0;
	int nr_ready;

	if (grow_events(mux))
		return -ENOMEM;
	nr_ready = call_poll(mux->stats, mux->fds, mux->nr, timeout_ms);
	for (size_t i = 0; i < mux->nr && nr_found < nr_ready; i++)
		if (mux->fds[i].revents)
			mux->events[nr_found++] =
				(struct event){ .tag = mux->tags[i],
						.ready = readiness(mux->fds[i].revents) };
	*events = mux->events;
	return nr_ready < 0 ? nr_ready : nr_found;
}

const struct mux_ops poll_mux = {
	.open = poll_open,
	.close = poll_close,
	.add = poll_add,
	.mod = poll_mod,
	.del = poll_del,
	.forget = poll_forget,
	.wait = poll_wait_once,
};
