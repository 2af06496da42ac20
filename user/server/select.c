/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The select mux: two sets that are copied for each call, because the kernel
 * writes its answer over them. It cannot hold numbers from FD_SETSIZE on and
 * says so with -ERANGE; FD_SET() would write past the set.
 */
#include <errno.h>
#include <stdlib.h>

#include "calls.h"
#include "mux.h"

struct mux {
	struct stats *stats;
	uint64_t nr_watched;
	int n; /* highest member + 1 */
	fd_set in;
	fd_set out;
	uint64_t tags[FD_SETSIZE];	 /* by descriptor number */
	struct event events[FD_SETSIZE]; /* of the last wait */
};

static void select_close(struct mux *mux)
{
	free(mux);
}

static int select_open(struct mux **out, const struct options *opts, struct stats *stats)
{
	struct mux *mux = calloc(1, sizeof(*mux));

	(void)opts;
	if (!mux)
		return -ENOMEM;
	mux->stats = stats;
	*out = mux;
	return 0;
}

static void set_interest(struct mux *mux, uint64_t tag, unsigned int interest)
{
	int fd = tag_fd(tag);

	FD_CLR(fd, &mux->in);
	FD_CLR(fd, &mux->out);
	if (interest & WANT_IN)
		FD_SET(fd, &mux->in);
	if (interest & WANT_OUT)
		FD_SET(fd, &mux->out);
}

static int select_mod(struct mux *mux, uint64_t tag, unsigned int held, unsigned int interest)
{
	(void)held;
	set_interest(mux, tag, interest);
	return 0;
}

static int select_add(struct mux *mux, uint64_t tag, unsigned int interest)
{
	int fd = tag_fd(tag);

	if (fd >= FD_SETSIZE)
		return -ERANGE;
	mux->tags[fd] = tag;
	mux->nr_watched++;
	if (mux->n <= fd)
		mux->n = fd + 1;
	set_interest(mux, tag, interest);
	return 0;
}

static bool is_member(const struct mux *mux, int fd)
{
	return FD_ISSET(fd, &mux->in) || FD_ISSET(fd, &mux->out);
}

static void select_forget(struct mux *mux, uint64_t tag)
{
	set_interest(mux, tag, 0);
	mux->nr_watched--;
	while (mux->n && !is_member(mux, mux->n - 1))
		mux->n--;
}

static int select_del(struct mux *mux, uint64_t tag)
{
	select_forget(mux, tag);
	return 0;
}

static int select_wait_once(struct mux *mux, int timeout_ms, const struct event **events)
{
	fd_set in = mux->in;
	fd_set out = mux->out;
	int n = mux->n;
	int nr_ready = call_select(mux->stats, n, &in, &out, timeout_ms, mux->nr_watched);
	int nr_found = 0;

	*events = mux->events;
	if (nr_ready <= 0)
		return nr_ready;
	for (int fd = 0; fd < n; fd++) {
		unsigned int ready =
			(FD_ISSET(fd, &in) ? READY_IN : 0) | (FD_ISSET(fd, &out) ? READY_OUT : 0);

		if (ready)
			mux->events[nr_found++] =
				(struct event){ .tag = mux->tags[fd], .ready = ready };
	}
	return nr_found;
}

const struct mux_ops select_mux = {
	.open = select_open,
	.close = select_close,
	.add = select_add,
	.mod = select_mod,
	.del = select_del,
	.forget = select_forget,
	.wait = select_wait_once,
};
