/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A loop with all that belongs to it, and the threads that run several.
 *
 * A loop learns of the end from a signalfd that nobody reads: the signal stays
 * pending for the whole process, so every loop sees it ready, whichever wakes
 * first, and no read disturbs the counts.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "calls.h"
#include "conn.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "worker.h"

/* zero-timeout-spin: what the timer is for that is waited for so badly. */
#define HOUSEKEEPING_MS 150

/* A loop with all that belongs to it. */
struct unit {
	struct loop *loop;
	struct service service;
	struct listener listener;
	struct watch end;
	struct watch unread;  /* ignored-readiness */
	pthread_mutex_t lock; /* shared-level-epoll */
};

struct runner {
	const struct server *server;
	struct unit *shared; /* NULL: a loop of its own */
	struct stats *stats;
	pthread_t thread;
	int idx;
	int err;
};

void worker_end_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
}

static void end_ready(struct loop *loop, struct watch *watch, unsigned int ready)
{
	(void)watch;
	(void)ready;
	loop_stop(loop, 0);
}

static const struct watch_ops end_ops = { .ready = end_ready, .release = loop_close };

static int watch_end(struct loop *loop, struct watch *watch)
{
	sigset_t signals;
	int err;

	worker_end_signals(&signals);
	*watch = (struct watch){ .ops = &end_ops };
	watch->fd = call_signalfd(loop_stats(loop), &signals);
	if (watch->fd < 0)
		return watch->fd;
	err = loop_add(loop, watch, WANT_IN);
	if (err)
		call_close(loop_stats(loop), watch->fd);
	return err;
}

static void leave_unread(struct loop *loop, struct watch *watch, unsigned int ready)
{
	(void)loop;
	(void)watch;
	(void)ready;
}

static const struct watch_ops unread_ops = { .ready = leave_unread, .release = loop_close };

static int watch_unread(struct loop *loop, struct watch *watch)
{
	int err;

	*watch = (struct watch){ .ops = &unread_ops };
	watch->fd = call_eventfd(loop_stats(loop), 1);
	if (watch->fd < 0)
		return watch->fd;
	err = loop_add(loop, watch, WANT_IN);
	if (err)
		call_close(loop_stats(loop), watch->fd);
	return err;
}

/* Nothing to be kept; the spinning is in waiting for it. */
static void keep_house(void *arg)
{
	loop_set_timer(arg, HOUSEKEEPING_MS, keep_house, arg);
}

/* The mistakes that a loop carries in it from the start. */
static int start_fault(struct unit *unit, enum fault fault)
{
	struct stats *stats = loop_stats(unit->loop);
	int next;

	switch (fault) {
	case FAULT_IGNORED_READINESS:
		return watch_unread(unit->loop, &unit->unread);
	case FAULT_ZERO_TIMEOUT_SPIN:
		keep_house(unit->loop);
		return 0;
	case FAULT_FD_LIMIT_SPIN:
		next = call_dup(stats, unit->listener.watch.fd);
		call_close(stats, next);
		return next < 0 ? next : fault_limit_fds(next);
	default:
		return 0;
	}
}

/* Frees nothing on failure: that is unit_close()'s, whatever came of this. */
static int unit_open(struct unit *unit, const struct server *server, int idx, struct stats *stats)
{
	int err;

	*unit = (struct unit){ .service = { .kept = -1 }, .lock = PTHREAD_MUTEX_INITIALIZER };
	err = loop_new(&unit->loop, server->opts, stats);
	if (!err)
		err = service_init(&unit->service, server, unit->loop);
	if (!err)
		err = watch_end(unit->loop, &unit->end);
	if (!err)
		err = listener_start(&unit->listener, &unit->service, server_listener(server, idx));
	if (!err)
		err = start_fault(unit, server->opts->fault);
	return err ? log_err(-err, "set up a loop") : 0;
}

static void unit_close(struct unit *unit)
{
	loop_free(unit->loop);
	service_close(&unit->service);
}

static int run_loop(const struct server *server, int idx, struct stats *stats)
{
	struct unit unit;
	int err = unit_open(&unit, server, idx, stats);

	if (!err)
		err = loop_run(unit.loop);
	unit_close(&unit);
	return err;
}

/* If one loop fails, the others of this process end with it. */
static void *run(void *arg)
{
	struct runner *runner = arg;

	if (runner->shared)
		runner->err =
			loop_run_shared(runner->shared->loop, runner->stats, &runner->shared->lock);
	else
		runner->err = run_loop(runner->server, runner->idx, runner->stats);
	if (runner->err)
		kill(getpid(), SIGTERM);
	return NULL;
}

static int start_threads(struct runner *runners, int nr)
{
	for (int i = 1; i < nr; i++) {
		int err = pthread_create(&runners[i].thread, NULL, run, &runners[i]);

		if (err) {
			log_err(err, "start thread %d", i + 1);
			kill(getpid(), SIGTERM);
			return i;
		}
	}
	return nr;
}

static int run_threads(const struct server *server, int first, struct stats *stats,
		       struct unit *shared)
{
	int nr = server->opts->threads;
	struct runner *runners = calloc(nr, sizeof(*runners));
	int nr_started;
	int err;

	if (!runners)
		return log_err(ENOMEM, "start %d threads", nr);
	for (int i = 0; i < nr; i++)
		runners[i] = (struct runner){
			.server = server,
			.shared = shared,
			.idx = first + i,
			.stats = &stats[first + i],
		};
	nr_started = start_threads(runners, nr);
	err = nr_started < nr ? -EAGAIN : 0;
	run(&runners[0]);
	for (int i = 1; i < nr_started; i++)
		pthread_join(runners[i].thread, NULL);
	for (int i = 0; i < nr_started && !err; i++)
		err = runners[i].err;
	free(runners);
	return err;
}

int worker_run(const struct server *server, int first, struct stats *stats)
{
	struct unit shared;
	int err;

	if (server->opts->fault != FAULT_SHARED_LEVEL_EPOLL)
		return run_threads(server, first, stats, NULL);
	err = unit_open(&shared, server, first, &stats[first]);
	if (!err)
		err = run_threads(server, first, stats, &shared);
	unit_close(&shared);
	return err;
}
