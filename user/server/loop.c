/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The readiness loop over any mux: tags, stale events, re-arming, one timer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "calls.h"
#include "log.h"
#include "loop.h"

struct loop {
	const struct mux_ops *ops;
	struct mux *mux;
	struct stats *stats;
	struct watch **watches; /* by descriptor number */
	size_t nr_watches;
	void (*expire)(void *arg); /* NULL: no timer runs */
	void *expire_arg;
	int64_t expires_ns;
	uint32_t gen;
	int err; /* what loop_run() is to return */
	bool is_stopping;
	enum fault fault;
};

static const struct mux_ops *const muxes[] = {
	[MUX_EPOLL] = &epoll_mux,
	[MUX_POLL] = &poll_mux,
	[MUX_SELECT] = &select_mux,
};

int loop_new(struct loop **out, const struct options *opts, struct stats *stats)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return -ENOMEM;
	loop->ops = muxes[opts->mux];
	loop->stats = stats;
	loop->fault = opts->fault;
	err = loop->ops->open(&loop->mux, opts, stats);
	if (err) {
		free(loop);
		return err;
	}
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	for (size_t fd = 0; fd < loop->nr_watches; fd++)
		if (loop->watches[fd])
			loop->watches[fd]->ops->release(loop, loop->watches[fd]);
	loop->ops->close(loop->mux);
	free(loop->watches);
	free(loop);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void loop_set_timer(struct loop *loop, int ms, void (*expire)(void *arg), void *arg)
{
	loop->expire = expire;
	loop->expire_arg = arg;
	loop->expires_ns = now_ns() + ms * 1000000LL;
}

/* Rounded up: rounded down, the last millisecond would be spun through. */
static int right_timeout_ms(const struct loop *loop)
{
	int64_t left_ns;

	if (!loop->expire)
		return -1;
	left_ns = loop->expires_ns - now_ns();
	return left_ns <= 0 ? 0 : (left_ns + 999999) / 1000000;
}

static int timeout_ms(const struct loop *loop)
{
	return fault_timeout_ms(loop->fault, right_timeout_ms(loop));
}

static void run_timer(struct loop *loop)
{
	void (*expire)(void *arg) = loop->expire;

	if (!expire || now_ns() < loop->expires_ns)
		return;
	loop->expire = NULL;
	expire(loop->expire_arg);
}

/* NULL when the one the event was for is gone, whoever has its number now. */
static struct watch *watch_of_event(const struct loop *loop, const struct event *event)
{
	struct watch *watch = loop->watches[tag_fd(event->tag)];

	return watch && watch->tag == event->tag ? watch : NULL;
}

static void deliver(struct loop *loop, const struct event *event)
{
	struct watch *watch = watch_of_event(loop, event);

	if (!watch)
		return;
	if (watch->interest & WANT_ONESHOT)
		watch->needs_arming = true;
	watch->ops->ready(loop, watch, event->ready);
}

static void handle(struct loop *loop, const struct event *events, int nr)
{
	for (int i = 0; i < nr; i++)
		deliver(loop, &events[i]);
	run_timer(loop);
}

int loop_run(struct loop *loop)
{
	const struct event *events;
	int n;

	while (!loop->is_stopping) {
		n = loop->ops->wait(loop->mux, timeout_ms(loop), &events);
		fault_before_turn(loop->fault);
		if (n < 0 && n != -EINTR)
			return log_err(-n, "wait for events");
		handle(loop, events, n);
	}
	return loop->err;
}

static void run_locked(struct loop *loop, struct mux *mux, pthread_mutex_t *lock)
{
	const struct event *events;
	int n, ms;

	while (!loop->is_stopping) {
		ms = timeout_ms(loop);
		pthread_mutex_unlock(lock);
		n = loop->ops->wait(mux, ms, &events);
		fault_before_turn(loop->fault);
		pthread_mutex_lock(lock);
		if (n < 0 && n != -EINTR)
			loop_stop(loop, log_err(-n, "wait for events"));
		else
			handle(loop, events, n);
	}
}

int loop_run_shared(struct loop *loop, struct stats *stats, pthread_mutex_t *lock)
{
	struct mux *mux;
	int err = loop->ops->share(&mux, loop->mux, stats);

	pthread_mutex_lock(lock);
	if (err)
		loop_stop(loop, log_err(-err, "share a loop"));
	else
		run_locked(loop, mux, lock);
	err = loop->err;
	pthread_mutex_unlock(lock);
	loop->ops->close(mux);
	return err;
}

void loop_stop(struct loop *loop, int err)
{
	loop->is_stopping = true;
	loop->err = err;
}

static int reach(struct loop *loop, size_t fd)
{
	size_t nr = loop->nr_watches ? loop->nr_watches : 64;
	struct watch **watches;

	if (fd < loop->nr_watches)
		return 0;
	while (nr <= fd)
		nr *= 2;
	watches = reallocarray(loop->watches, nr, sizeof(*watches));
	if (!watches)
		return -ENOMEM;
	for (size_t i = loop->nr_watches; i < nr; i++)
		watches[i] = NULL;
	loop->watches = watches;
	loop->nr_watches = nr;
	return 0;
}

int loop_add(struct loop *loop, struct watch *watch, unsigned int interest)
{
	int err = reach(loop, watch->fd);

	if (err)
		return err;
	watch->tag = event_tag(watch->fd, ++loop->gen);
	err = loop->ops->add(loop->mux, watch->tag, interest);
	if (err)
		return err;
	watch->interest = interest;
	watch->needs_arming = false;
	loop->watches[watch->fd] = watch;
	return 0;
}

/*
 * Arming is modifying: EPOLL_CTL_MOD looks at the file anew and queues it if it
 * is ready (ep_modify() in fs/eventpoll.c), so nothing that arrived since the
 * last event is lost, edge-triggered or not.
 */
int loop_want(struct loop *loop, struct watch *watch, unsigned int interest)
{
	int err;

	if (interest == watch->interest && !watch->needs_arming)
		return 0;
	err = loop->ops->mod(loop->mux, watch->tag, watch->interest, interest);
	if (err)
		return err;
	watch->interest = interest;
	watch->needs_arming = false;
	return 0;
}

int loop_remove(struct loop *loop, struct watch *watch)
{
	loop->watches[watch->fd] = NULL;
	return loop->ops->del(loop->mux, watch->tag);
}

void loop_close(struct loop *loop, struct watch *watch)
{
	loop->watches[watch->fd] = NULL;
	loop->ops->forget(loop->mux, watch->tag);
	call_close(loop->stats, watch->fd);
	watch->fd = -1;
}

struct stats *loop_stats(struct loop *loop)
{
	return loop->stats;
}
