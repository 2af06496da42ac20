/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The accept loop and its troubles.
 */
#include <errno.h>

#include "calls.h"
#include "listener.h"
#include "log.h"

/* Enough to drain a burst, few enough that connections at hand keep their turn. */
#define ACCEPT_BUDGET 64
#define PAUSE_MS      100

static unsigned int interest(const struct options *opts)
{
	/* Not ONESHOT: an accept loop that ends in EAGAIN has nothing to re-arm for. */
	return WANT_IN | (opts->trigger == TRIGGER_EDGE ? WANT_EDGE : 0) |
	       (opts->is_exclusive ? WANT_EXCLUSIVE : 0);
}

static const struct options *options_of(const struct listener *listener)
{
	return listener->service->server->opts;
}

static enum fault fault_of(const struct listener *listener)
{
	return options_of(listener)->fault;
}

static void resume(void *arg)
{
	struct listener *listener = arg;
	struct loop *loop = listener->service->loop;

	if (loop_add(loop, &listener->watch, interest(options_of(listener))))
		loop_set_timer(loop, PAUSE_MS, resume, listener);
}

/*
 * accept() fails for want of a descriptor before it touches the queue, so the
 * listener stays ready and would wake us at once, for nothing.
 */
static void pause_accepting(struct listener *listener)
{
	struct loop *loop = listener->service->loop;
	int err;

	if (fault_of(listener) == FAULT_FD_LIMIT_SPIN)
		return;
	err = loop_remove(loop, &listener->watch);
	if (err)
		loop_stop(loop, log_err(-err, "stop accepting"));
	else
		loop_set_timer(loop, PAUSE_MS, resume, listener);
}

static bool is_shortage(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

/* The budget ended it, not EAGAIN: an edge would be lost, so it is armed again. */
static void accept_later(struct listener *listener)
{
	struct loop *loop = listener->service->loop;
	int err;

	if (fault_of(listener) == FAULT_EDGE_ACCEPT_ONCE)
		return;
	listener->watch.needs_arming = listener->watch.interest & WANT_EDGE;
	err = loop_want(loop, &listener->watch, listener->watch.interest);
	if (err)
		loop_stop(loop, log_err(-err, "go on accepting"));
}

/* Other errors are those of one connection that died in the queue (accept(2)). */
static void listener_ready(struct loop *loop, struct watch *watch, unsigned int ready)
{
	struct listener *listener = (struct listener *)watch;
	int budget = fault_accept_budget(fault_of(listener), ACCEPT_BUDGET);

	(void)ready;
	fault_before_accept(fault_of(listener));
	for (int i = 0; i < budget; i++) {
		int fd = call_accept(loop_stats(loop), watch->fd);

		if (fd == -EAGAIN)
			return;
		if (is_shortage(-fd)) {
			pause_accepting(listener);
			return;
		}
		if (fd >= 0)
			conn_open(listener->service, fd);
	}
	accept_later(listener);
}

static void listener_release(struct loop *loop, struct watch *watch)
{
	(void)loop;
	(void)watch;
}

static const struct watch_ops listener_ops = { .ready = listener_ready,
					       .release = listener_release };

int listener_start(struct listener *listener, struct service *service, int fd)
{
	*listener = (struct listener){
		.watch = { .ops = &listener_ops, .fd = fd },
		.service = service,
	};
	return loop_add(service->loop, &listener->watch, interest(service->server->opts));
}
